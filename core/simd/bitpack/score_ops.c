/*
 * core/simd/bitpack/score_ops.c
 *		Choice of scoring kernels: plain C first, then each level overwrites what it does better.
 */
#include "core/simd/bitpack/score_ops.h"

VcsScoreOps vcs_score_ops;

void
vcs_score_fill(VcsScoreOps *ops, VcsLevel level)
{
	vcs_score_fill_c(ops);
	(void) level;
#ifdef VCS_WITH_X86_V3
	if (level >= VCS_LEVEL_X86_V3 && level <= VCS_LEVEL_X86_V4_ICL)
		vcs_score_fill_x86_v3(ops);
#endif
#ifdef VCS_WITH_X86_V4
	if (level == VCS_LEVEL_X86_V4 || level == VCS_LEVEL_X86_V4_ICL)
		vcs_score_fill_x86_v4(ops);
#endif
#ifdef VCS_WITH_X86_V4_ICL
	if (level == VCS_LEVEL_X86_V4_ICL)
		vcs_score_fill_x86_v4_icl(ops);
#endif
#ifdef VCS_WITH_A64_NEON
	if (level == VCS_LEVEL_A64_NEON)
		vcs_score_fill_a64_neon(ops);
#endif
}

void
vcs_score_init(void)
{
	vcs_score_fill(&vcs_score_ops, vcs_cpu_level());
}
