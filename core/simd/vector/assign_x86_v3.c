/*
 * core/simd/vector/assign_x86_v3.c
 *		k-means assignment: AVX2, micro-tile 4 x 24.
 */
#include "core/simd/vector/lanes_x86_v3.h"

/* 12 accumulators, 3 centroid vectors, 1 broadcast: the 16 registers. */
#define MR 4
#define NV 3

#include "core/simd/vector/assign_simd.h"

void
vcs_assign_fill_x86_v3(VcsVectorOps *ops)
{
	fill_assign(ops);
}
