/*
 * core/simd/vector/f32_x86_v4.c
 *		f32 distances and element-wise helpers: AVX-512.
 */
#include "core/simd/vector/lanes_x86_v4.h"
#include "core/simd/vector/f32_simd.h"

void
vcs_f32_fill_x86_v4(VcsVectorOps *ops)
{
	fill_f32(ops);
}
