/*
 * core/simd/vector/assign_x86_v4.c
 *		k-means assignment: AVX-512, micro-tile 6 x 64.
 */
#include "core/simd/vector/lanes_x86_v4.h"

/* 24 accumulators, 4 centroid vectors and a broadcast of the 32 registers. */
#define MR 6
#define NV 4

#include "core/simd/vector/assign_simd.h"

void
vcs_assign_fill_x86_v4(VcsVectorOps *ops)
{
	fill_assign(ops);
}
