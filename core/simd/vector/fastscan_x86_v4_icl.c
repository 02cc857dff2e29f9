/*
 * core/simd/vector/fastscan_x86_v4_icl.c
 *		1-bit codes in blocks of 32: AVX-512 with GFNI, which moves a byte's upper nibble down in one
 *		instruction (8 bytes as a bit matrix: row 7 - i selects the input bit of output bit i).
 */
#include <immintrin.h>

#define high_nibble(v) _mm512_gf2p8affine_epi64_epi8((v), _mm512_set1_epi64(0x1020408000000000), 0)

#include "core/simd/vector/fastscan_avx512.h"

void
vcs_fastscan_fill_x86_v4_icl(VcsVectorOps *ops)
{
	ops->fastscan_accumulate = accumulate;
}
