/*
 * core/simd/bitpack/ops.c
 *		Choice of bit packing kernels: plain C first, then each level overwrites what it does better.
 */
#include "core/simd/bitpack/ops.h"

VcsBitpackOps vcs_bitpack_ops;

void
vcs_bitpack_fill(VcsBitpackOps *ops, VcsLevel level)
{
	vcs_bitpack_fill_c(ops);
	(void) level;
#ifdef VCS_WITH_X86_V3
	if (level >= VCS_LEVEL_X86_V3 && level <= VCS_LEVEL_X86_V4_ICL)
		vcs_bitpack_fill_x86_v3(ops);
#endif
#ifdef VCS_WITH_X86_V4_ICL
	if (level == VCS_LEVEL_X86_V4_ICL)
		vcs_bitpack_fill_x86_v4_icl(ops);
#endif
#ifdef VCS_WITH_A64_NEON
	if (level == VCS_LEVEL_A64_NEON)
		vcs_bitpack_fill_a64_neon(ops);
#endif
}

void
vcs_bitpack_init(void)
{
	vcs_bitpack_fill(&vcs_bitpack_ops, vcs_cpu_level());
}
