/*
 * vchordrq/module.c
 *		What the server sees first of the vchordrq module: magic block, load hook, version.
 *
 * The module may be loaded by the first call of one of its functions, by session_preload_libraries or
 * by shared_preload_libraries; nothing a user calls depends on which of these it was.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/guc.h"
#include "core/page.h"
#include "core/prefilter.h"
#include "core/scan.h"
#include "core/simd/vector/ops.h"
#include "core/simd/vector/rotate_ops.h"
#include "core/stats_table.h"
#include "core/vector/rotate.h"

#include "vchordrq/am.h"
#include "vchordrq/sampling.h"

PG_MODULE_MAGIC;

extern VC_EXPORT void _PG_init(void);

static void refill_kernels(int level);

static VcSimdUser simd_user = {.refill = refill_kernels};
static struct config_enum_entry simd_levels[VCS_LEVEL_COUNT + 2];

VC_FUNCTION(vchord_version);

/* no thread of ours runs while settings change */
static void
refill_kernels(int level)
{
	vcs_cpu_cap_level((VcsLevel) level);
	vcs_vector_init();
	vcs_rotate_init();
}

void
_PG_init(void)
{
	for (int i = 0; i <= VCS_LEVEL_AUTO; i++)
		simd_levels[i] = (struct config_enum_entry){vcs_level_name(i), i, false};
	vc_guc_simd_level(&simd_user, simd_levels, VCS_LEVEL_AUTO);
	vcv_rotate_init();
	vc_page_set_id(RQ_PAGE_ID);
	rq_sampling_init();
	rq_guc_init();
	rq_options_init();
	vc_stats_init(RQ_AM_NAME);
	vc_prefilter_install(rq_ambeginscan, vc_scan_set_plan, NULL);
}

/*
 * vchord_version() returns text: the version of the loaded library.  Calling it loads the module, so
 * that the module's settings are known to the session from then on.
 */
Datum
vchord_version(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(VC_VERSION));
}
