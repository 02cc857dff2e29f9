/*
 * core/simd/vector/f16_x86_v4.c
 *		f16 rows against f32 queries, and conversions: AVX-512.
 */
#include "core/simd/vector/lanes_x86_v4.h"
#include "core/simd/vector/f16_simd.h"

void
vcs_f16_fill_x86_v4(VcsVectorOps *ops)
{
	fill_f16(ops);
}
