/*
 * core/simd/vector/quantize_a64_neon.c
 *		query quantisation: AArch64 Advanced SIMD.
 */
#include "core/simd/vector/lanes_a64_neon.h"
#include "core/simd/vector/quantize_simd.h"

void
vcs_quantize_fill_a64_neon(VcsVectorOps *ops)
{
	fill_quantize(ops);
}
