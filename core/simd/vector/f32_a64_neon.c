/*
 * core/simd/vector/f32_a64_neon.c
 *		f32 distances and element-wise helpers: AArch64 Advanced SIMD.
 */
#include "core/simd/vector/lanes_a64_neon.h"
#include "core/simd/vector/f32_simd.h"

void
vcs_f32_fill_a64_neon(VcsVectorOps *ops)
{
	fill_f32(ops);
}
