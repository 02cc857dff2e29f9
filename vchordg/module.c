/*
 * vchordg/module.c
 *		What happens when the module is loaded.
 */
#include "postgres.h"

#include "fmgr.h"

#include "core/attrs.h"
#include "core/guc.h"
#include "core/page.h"
#include "core/prefilter.h"
#include "core/scan.h"
#include "core/simd/vector/ops.h"
#include "core/simd/vector/rotate_ops.h"
#include "core/vector/rotate.h"

#include "vchordg/am.h"

PG_MODULE_MAGIC;

extern VC_EXPORT void _PG_init(void);

static void refill_kernels(int level);

static VcSimdUser simd_user = {.refill = refill_kernels};
static struct config_enum_entry simd_levels[VCS_LEVEL_COUNT + 2];

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
	vc_page_set_id(VG_PAGE_ID);
	vg_guc_init();
	vg_options_init();
	vc_prefilter_install(vg_ambeginscan, vc_scan_set_plan, NULL);
}
