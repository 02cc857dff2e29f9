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
	(void) level;
}
