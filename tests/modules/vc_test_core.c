/*
 * tests/modules/vc_test_core.c
 *		Module frame of the core tests, and the proof that two modules over core live side by side.
 *
 * The module links core and no vector code.  It exports a function that vchordrq does not have and
 * defines a private helper under a name that another module may use too: with hidden visibility each
 * module calls its own.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/attrs.h"
#include "tests/modules/toy.h"

PG_MODULE_MAGIC;

extern VC_EXPORT void _PG_init(void);

void
_PG_init(void)
{
	toy_options_init();
	toy_am_init();
	MarkGUCPrefixReserved("vc_test");
}

VC_FUNCTION(vc_test_core_name);

Datum
vc_test_core_name(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text("vc_test_core"));
}
