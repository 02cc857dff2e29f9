/*
 * core/simd/bitpack/score_x86_v3.c
 *		Scoring with AVX2: 8 postings a step, K gathered from the table; 32 scores a look.
 */
#include <immintrin.h>

#include "core/simd/bitpack/score_internal.h"

/* Unsigned to float as a conversion in C rounds: both halves are exact, their sum is rounded once. */
static inline __m256
to_float(__m256i v)
{
	__m256 low = _mm256_cvtepi32_ps(_mm256_and_si256(v, _mm256_set1_epi32(0xFFFF)));
	__m256 high = _mm256_cvtepi32_ps(_mm256_srli_epi32(v, 16));

	return _mm256_add_ps(_mm256_mul_ps(high, _mm256_set1_ps(65536)), low);
}

static void
parts_x86_v3(const uint32_t *tfs, const uint32_t *codes, size_t n, float weight, const float *table,
			 float *ret_parts)
{
	const __m256 w = _mm256_set1_ps(weight);
	const __m256i mask = _mm256_set1_epi32(VCS_SCORE_CODES - 1);
	size_t i;

	for (i = 0; i + 8 <= n; i += 8)
	{
		__m256 x = to_float(_mm256_loadu_si256((const __m256i *) (tfs + i)));
		__m256i code = _mm256_and_si256(_mm256_loadu_si256((const __m256i *) (codes + i)), mask);
		__m256 k = _mm256_i32gather_ps(table, code, 4);

		_mm256_storeu_ps(ret_parts + i, _mm256_div_ps(_mm256_mul_ps(w, x), _mm256_add_ps(x, k)));
	}
	for (; i < n; i++)
		ret_parts[i] = score_part(tfs[i], codes[i], weight, table);
}

/* Bits of 32 scores: which are >= least. */
static inline __attribute__((always_inline)) uint32_t
look(const float *scores, __m256 least)
{
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++)
	{
		__m256 v = _mm256_loadu_ps(scores + 8 * i);

		bits |= (uint32_t) _mm256_movemask_ps(_mm256_cmp_ps(v, least, _CMP_GE_OQ)) << (8 * i);
	}
	return bits;
}

/* Of the scores from base on those whose bits are set. */
static inline size_t
put(const float *scores, size_t base, uint32_t bits, uint16_t *ret_offsets, float *ret_taken,
	size_t m)
{
	for (; bits != 0; bits &= bits - 1)
	{
		size_t i = base + (size_t) __builtin_ctz(bits);

		ret_offsets[m] = (uint16_t) i;
		ret_taken[m++] = scores[i];
	}
	return m;
}

static size_t
take_x86_v3(float *scores, size_t n, float least, uint16_t *ret_offsets, float *ret_taken)
{
	const __m256 zero = _mm256_setzero_ps();
	const __m256 at_least = _mm256_set1_ps(least);
	size_t m = 0;
	size_t i;

	for (i = 0; i + 32 <= n; i += 32)
	{
		uint32_t bits = look(scores + i, at_least);

		if (bits != 0)
			m = put(scores, i, bits, ret_offsets, ret_taken, m);
		for (int j = 0; j < 4; j++)
			_mm256_storeu_ps(scores + i + 8 * j, zero);
	}
	m = score_select(scores, i, n, least, ret_offsets, ret_taken, m);
	memset(scores + i, 0, (n - i) * sizeof(float));
	return m;
}

static size_t
select_x86_v3(const float *scores, size_t n, float least, uint16_t *ret_offsets,
			  float *ret_selected)
{
	const __m256 at_least = _mm256_set1_ps(least);
	size_t m = 0;
	size_t i;

	for (i = 0; i + 32 <= n; i += 32)
	{
		uint32_t bits = look(scores + i, at_least);

		if (bits != 0)
			m = put(scores, i, bits, ret_offsets, ret_selected, m);
	}
	return score_select(scores, i, n, least, ret_offsets, ret_selected, m);
}

void
vcs_score_fill_x86_v3(VcsScoreOps *ops)
{
	ops->parts = parts_x86_v3;
	ops->take = take_x86_v3;
	ops->select = select_x86_v3;
}
