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
#include "core/page.h"
#include "tests/modules/toy.h"
#include "tests/modules/vc_test_core.h"

PG_MODULE_MAGIC;

extern VC_EXPORT void _PG_init(void);

VC_FUNCTION(vc_test_core_name);

void
_PG_init(void)
{
	vc_page_set_id(VC_TEST_PAGE_ID);
	toy_options_init();
	toy_am_init();
	MarkGUCPrefixReserved("vc_test");
}

Datum
vc_test_core_name(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text("vc_test_core"));
}
