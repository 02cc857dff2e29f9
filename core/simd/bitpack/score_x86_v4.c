/*
 * core/simd/bitpack/score_x86_v4.c
 *		Scoring with AVX-512: 16 postings a step, K gathered from the table; 64 scores a look.
 *
 * Selected scores are compressed in a register and stored as a whole vector.  No more can have been
 * selected than looked at, so the vector ends within the room that the scores' number promises.
 */
#include <immintrin.h>

#include "core/simd/bitpack/score_internal.h"

static inline __attribute__((always_inline)) __m512
part(__m512i tfs, __m512i codes, __m512 weight, const float *table)
{
	const __m512i mask = _mm512_set1_epi32(VCS_SCORE_CODES - 1);
	__m512 x = _mm512_cvtepu32_ps(tfs);
	__m512 k = _mm512_i32gather_ps(_mm512_and_si512(codes, mask), table, 4);

	return _mm512_div_ps(_mm512_mul_ps(weight, x), _mm512_add_ps(x, k));
}

static void
parts_x86_v4(const uint32_t *tfs, const uint32_t *codes, size_t n, float weight, const float *table,
			 float *ret_parts)
{
	const __m512 w = _mm512_set1_ps(weight);
	size_t i;

	for (i = 0; i + 16 <= n; i += 16)
		_mm512_storeu_ps(ret_parts + i, part(_mm512_loadu_si512(tfs + i),
											 _mm512_loadu_si512(codes + i), w, table));
	if (i < n)
	{
		__mmask16 rest = (__mmask16) ((1u << (n - i)) - 1);
		__m512i tf = _mm512_maskz_loadu_epi32(rest, tfs + i);
		__m512i code = _mm512_maskz_loadu_epi32(rest, codes + i);

		_mm512_mask_storeu_ps(ret_parts + i, rest, part(tf, code, w, table));
	}
}

/* The lanes of v, scores [base, base + 16), that are set in `reached`, behind m others. */
static inline __attribute__((always_inline)) size_t
put(__m512 v, __mmask16 reached, size_t base, uint16_t *ret_offsets, float *ret_taken, size_t m)
{
	const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m512i offsets = _mm512_add_epi32(lanes, _mm512_set1_epi32((int) base));
	__m512i found = _mm512_maskz_compress_epi32(reached, offsets);

	_mm256_storeu_si256((__m256i *) (ret_offsets + m), _mm512_cvtepi32_epi16(found));
	_mm512_storeu_ps(ret_taken + m, _mm512_maskz_compress_ps(reached, v));
	return m + (size_t) __builtin_popcount(reached);
}

static inline __attribute__((always_inline)) size_t
run(float *scores, size_t n, float least, uint16_t *ret_offsets, float *ret_taken, int clear)
{
	const __m512 zero = _mm512_setzero_ps();
	const __m512 at_least = _mm512_set1_ps(least);
	size_t m = 0;
	size_t i;

	for (i = 0; i + 64 <= n; i += 64)
	{
		__m512 v[4];
		__mmask16 reached[4];

		for (int j = 0; j < 4; j++)
		{
			v[j] = _mm512_loadu_ps(scores + i + 16 * j);
			reached[j] = _mm512_cmp_ps_mask(v[j], at_least, _CMP_GE_OQ);
			if (clear)
				_mm512_storeu_ps(scores + i + 16 * j, zero);
		}
		if ((reached[0] | reached[1] | reached[2] | reached[3]) == 0)
			continue;
		/* nothing is stored where none is set, which costs less than to guess it */
		for (int j = 0; j < 4; j++)
			m = put(v[j], reached[j], i + 16 * (size_t) j, ret_offsets, ret_taken, m);
	}
	for (; i + 16 <= n; i += 16)
	{
		__m512 v = _mm512_loadu_ps(scores + i);
		__mmask16 reached = _mm512_cmp_ps_mask(v, at_least, _CMP_GE_OQ);

		if (reached != 0)
			m = put(v, reached, i, ret_offsets, ret_taken, m);
		if (clear)
			_mm512_storeu_ps(scores + i, zero);
	}
	return score_select(scores, i, n, least, ret_offsets, ret_taken, m);
}

static size_t
take_x86_v4(float *scores, size_t n, float least, uint16_t *ret_offsets, float *ret_taken)
{
	return run(scores, n, least, ret_offsets, ret_taken, 1);
}

static size_t
select_x86_v4(const float *scores, size_t n, float least, uint16_t *ret_offsets,
			  float *ret_selected)
{
	/* written only where `clear` is set */
	return run((float *) scores, n, least, ret_offsets, ret_selected, 0);
}

void
vcs_score_fill_x86_v4(VcsScoreOps *ops)
{
	ops->parts = parts_x86_v4;
	ops->take = take_x86_v4;
	ops->select = select_x86_v4;
}
