/*
 * tests/checkkern/check_cpu.c
 *		Level names, the cap, and the table that follows it.
 */
#include "core/simd/vector/ops.h"
#include "tests/checkkern/families.h"

#include <stdlib.h>
#include <string.h>

static void
check(VcsLevel level)
{
	VcsLevel parsed = VCS_LEVEL_AUTO;
	VcsVectorOps expected;

	ck_at("vcs_level_parse", 0);
	ck_expect(vcs_level_parse(vcs_level_name(level), &parsed) && parsed == level, "%s",
			  vcs_level_name(level));
	ck_expect(!vcs_level_parse("x86_v9", &parsed) && parsed == level, "accepts any name");
	ck_expect(vcs_level_parse("auto", &parsed) && parsed == VCS_LEVEL_AUTO, "auto");

	ck_at("vcs_cpu_cap_level", 0);
	vcs_cpu_cap_level(level);
	ck_expect(vcs_cpu_level() == level, "cap %s gives %s", vcs_level_name(level),
			  vcs_level_name(vcs_cpu_level()));
	ck_at("vcs_vector_init", 0);
	memset(&expected, 0, sizeof(expected));
	vcs_vector_fill(&expected, level);
	vcs_vector_init();
	ck_expect(vcs_vector_ops.dot_f32 == expected.dot_f32 &&
				  vcs_vector_ops.assign_nr == expected.assign_nr &&
				  vcs_vector_ops.planes_dot == expected.planes_dot,
			  "another level's kernels");
	vcs_cpu_cap_level(VCS_LEVEL_AUTO);
	ck_expect(vcs_cpu_level() == vcs_cpu_detected(), "no cap");

	/* back to what the run began with */
	(void) vcs_cpu_cap_from_env();
	ck_expect(getenv("VCS_SIMD_LEVEL") != NULL || vcs_cpu_level() == vcs_cpu_detected(), "env");
}

static void
bench(VcsLevel level)
{
	(void) level;
}

const CkFamily ck_family_cpu = {"cpu", check, bench};
