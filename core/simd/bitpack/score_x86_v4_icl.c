/*
 * core/simd/bitpack/score_x86_v4_icl.c
 *		Selection with AVX-512 VBMI2: 64 scores become bits, the bits become offsets, without a branch.
 *
 * Which documents of a window reach is not to be guessed; where a few dozen do, wrong guesses cost more than
 * everything else.  Offsets are compressed as bytes and stored as whole vectors: no more can have
 * been selected than looked at, so they end within the room that the scores' number promises.
 */
#include <immintrin.h>

#include "core/simd/bitpack/score_internal.h"

/* More than this of 64 scores are rare. */
#define FEW 16

/* Offsets of the first 32 of the bytes, from `base` on. */
static inline __attribute__((always_inline)) __m512i
widen(__m256i bytes, size_t base)
{
	return _mm512_add_epi16(_mm512_cvtepu8_epi16(bytes), _mm512_set1_epi16((short) base));
}

/* The numbers of the bits that are set, as bytes. */
static inline __attribute__((always_inline)) __m512i
compress(uint64_t bits)
{
	const __m512i lanes = _mm512_set_epi64(
		0x3f3e3d3c3b3a3938, 0x3736353433323130, 0x2f2e2d2c2b2a2928, 0x2726252423222120,
		0x1f1e1d1c1b1a1918, 0x1716151413121110, 0x0f0e0d0c0b0a0908, 0x0706050403020100);

	return _mm512_maskz_compress_epi8(bits, lanes);
}

static inline __attribute__((always_inline)) size_t
run(const float *scores, size_t n, float least, uint16_t *ret_offsets)
{
	const __m512 at_least = _mm512_set1_ps(least);
	size_t m = 0;
	size_t i;

	for (i = 0; i + 64 <= n; i += 64)
	{
		uint64_t bits = 0;
		__m512i found;
		size_t count;

		for (int j = 0; j < 4; j++)
		{
			__m512 v = _mm512_loadu_ps(scores + i + 16 * j);

			bits |= (uint64_t) _mm512_cmp_ps_mask(v, at_least, _CMP_GE_OQ) << (16 * j);
		}
		found = compress(bits);
		count = (size_t) __builtin_popcountll(bits);
		_mm256_storeu_si256((__m256i *) (ret_offsets + m),
							_mm512_castsi512_si256(widen(_mm512_castsi512_si256(found), i)));
		if (__builtin_expect(count > FEW, 0))
		{
			_mm512_storeu_si512(ret_offsets + m, widen(_mm512_castsi512_si256(found), i));
			_mm512_storeu_si512(ret_offsets + m + 32,
								widen(_mm512_extracti64x4_epi64(found, 1), i));
		}
		m += count;
	}
	for (; i < n; i += 16)
	{
		__mmask16 there = n - i >= 16 ? 0xFFFF : (__mmask16) ((1u << (n - i)) - 1);
		__m512 v = _mm512_maskz_loadu_ps(there, scores + i);
		uint32_t bits = _mm512_mask_cmp_ps_mask(there, v, at_least, _CMP_GE_OQ);
		__m512i offsets = widen(_mm512_castsi512_si256(compress(bits)), i);
		size_t count = (size_t) __builtin_popcount(bits);

		_mm256_mask_storeu_epi16(ret_offsets + m, (__mmask16) ((1u << count) - 1),
								 _mm512_castsi512_si256(offsets));
		m += count;
	}
	return m;
}

static size_t
select_x86_v4_icl(const float *scores, size_t n, float least, uint16_t *ret_offsets,
				  float *ret_selected)
{
	size_t m = run(scores, n, least, ret_offsets);

	for (size_t i = 0; i < m; i++)
		ret_selected[i] = scores[ret_offsets[i]];
	return m;
}

static size_t
take_x86_v4_icl(float *scores, size_t n, float least, uint16_t *ret_offsets, float *ret_taken)
{
	const __m512 zero = _mm512_setzero_ps();
	size_t m = select_x86_v4_icl(scores, n, least, ret_offsets, ret_taken);

	for (size_t i = 0; i < n; i += 16)
		_mm512_storeu_ps(scores + i, zero);
	return m;
}

void
vcs_score_fill_x86_v4_icl(VcsScoreOps *ops)
{
	ops->take = take_x86_v4_icl;
	ops->select = select_x86_v4_icl;
}
