/*
 * core/simd/vector/quantize_x86_v3.c
 *		query quantisation: AVX2, FMA, F16C.
 */
#include "core/simd/vector/lanes_x86_v3.h"
#include "core/simd/vector/quantize_simd.h"

void
vcs_quantize_fill_x86_v3(VcsVectorOps *ops)
{
	fill_quantize(ops);
}
