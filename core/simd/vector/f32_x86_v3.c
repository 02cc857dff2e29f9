/*
 * core/simd/vector/f32_x86_v3.c
 *		f32 distances and element-wise helpers: AVX2, FMA, F16C.
 */
#include "core/simd/vector/lanes_x86_v3.h"
#include "core/simd/vector/f32_simd.h"

void
vcs_f32_fill_x86_v3(VcsVectorOps *ops)
{
	fill_f32(ops);
}
