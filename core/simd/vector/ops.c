/*
 * core/simd/vector/ops.c
 *		Fills the table of vector kernels.
 *
 * The C kernels first, then each level overwrites what it does better, so that a table never has a
 * hole and a level need not implement everything.
 */
#include "core/simd/vector/ops.h"

VcsVectorOps vcs_vector_ops;

void
vcs_vector_init(void)
{
	vcs_vector_fill(&vcs_vector_ops, vcs_cpu_level());
}

void
vcs_vector_fill(VcsVectorOps *ops, VcsLevel level)
{
	vcs_f32_fill_c(ops);
	vcs_f16_fill_c(ops);
	vcs_fastscan_fill_c(ops);
	vcs_quantize_fill_c(ops);
	vcs_code_fill_c(ops);
	vcs_assign_fill_c(ops);
	if (level == VCS_LEVEL_C)
		return;

#ifdef VCS_WITH_X86_V3
	vcs_f32_fill_x86_v3(ops);
	vcs_f16_fill_x86_v3(ops);
	vcs_fastscan_fill_x86_v3(ops);
	vcs_quantize_fill_x86_v3(ops);
	vcs_code_fill_x86_v3(ops);
	vcs_assign_fill_x86_v3(ops);
	if (level == VCS_LEVEL_X86_V3)
		return;
#endif
#ifdef VCS_WITH_X86_V4
	vcs_f32_fill_x86_v4(ops);
	vcs_f16_fill_x86_v4(ops);
	vcs_fastscan_fill_x86_v4(ops);
	vcs_quantize_fill_x86_v4(ops);
	vcs_code_fill_x86_v4(ops);
	vcs_assign_fill_x86_v4(ops);
	if (level == VCS_LEVEL_X86_V4)
		return;
#endif
#ifdef VCS_WITH_X86_V4_ICL
	vcs_fastscan_fill_x86_v4_icl(ops);
	vcs_code_fill_x86_v4_icl(ops);
#endif
#ifdef VCS_WITH_A64_NEON
	vcs_f32_fill_a64_neon(ops);
	vcs_f16_fill_a64_neon(ops);
	vcs_fastscan_fill_a64_neon(ops);
	vcs_quantize_fill_a64_neon(ops);
	vcs_code_fill_a64_neon(ops);
	vcs_assign_fill_a64_neon(ops);
#endif
}
