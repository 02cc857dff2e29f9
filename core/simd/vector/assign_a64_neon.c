/*
 * core/simd/vector/assign_a64_neon.c
 *		k-means assignment: AArch64 Advanced SIMD, micro-tile 6 x 16.
 */
#include "core/simd/vector/lanes_a64_neon.h"

/* 24 accumulators, 4 centroid vectors and a broadcast of the 32 registers. */
#define MR 6
#define NV 4

#include "core/simd/vector/assign_simd.h"

void
vcs_assign_fill_a64_neon(VcsVectorOps *ops)
{
	fill_assign(ops);
}
