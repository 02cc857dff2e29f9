/*
 * core/simd/vector/fastscan_x86_v4.c
 *		1-bit codes in blocks of 32: AVX-512.
 */
#include "core/simd/vector/lanes_x86_v4.h"
#include "core/simd/vector/bounds_simd.h"

#define high_nibble(v) _mm512_and_si512(_mm512_srli_epi16((v), 4), nibble)

#include "core/simd/vector/fastscan_avx512.h"

void
vcs_fastscan_fill_x86_v4(VcsVectorOps *ops)
{
	ops->fastscan_accumulate = accumulate;
	ops->lower_bounds = lower_bounds;
}
