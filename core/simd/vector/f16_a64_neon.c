/*
 * core/simd/vector/f16_a64_neon.c
 *		f16 rows against f32 queries, and conversions: AArch64 Advanced SIMD.
 */
#include "core/simd/vector/lanes_a64_neon.h"
#include "core/simd/vector/f16_simd.h"

void
vcs_f16_fill_a64_neon(VcsVectorOps *ops)
{
	fill_f16(ops);
}
