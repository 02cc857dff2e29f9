/*
 * core/simd/vector/quantize_x86_v4.c
 *		query quantisation: AVX-512.
 */
#include "core/simd/vector/lanes_x86_v4.h"
#include "core/simd/vector/quantize_simd.h"

void
vcs_quantize_fill_x86_v4(VcsVectorOps *ops)
{
	fill_quantize(ops);
}
