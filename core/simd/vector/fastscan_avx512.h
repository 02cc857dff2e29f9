/*
 * core/simd/vector/fastscan_avx512.h
 *		fastscan with 64-byte vectors, 4 groups each.  Included once a level, after the definition of
 *		high_nibble(v)	the upper nibbles of all bytes, moved down
 *
 * Entries are at most 63, so four look-ups are added as bytes before they are widened.  Widening is
 * half free: one 16-bit sum takes the bytes as they are, another the odd bytes shifted down; the even
 * bytes' sum is the first less the second's low half shifted up, modulo 2^16.
 */
#include <immintrin.h>

#include "core/simd/vector/fastscan.h"
#include "core/simd/vector/unroll.h"

typedef struct Sums
{
	__m512i low;     /* bytes of the low nibbles' sums, as 16-bit numbers */
	__m512i low_odd; /* their odd bytes alone */
	__m512i high;    /* the same for the high nibbles */
	__m512i high_odd;
} Sums;

static inline void
widen(Sums *s, __m512i low, __m512i high)
{
	s->low = _mm512_add_epi16(s->low, low);
	s->low_odd = _mm512_add_epi16(s->low_odd, _mm512_srli_epi16(low, 8));
	s->high = _mm512_add_epi16(s->high, high);
	s->high_odd = _mm512_add_epi16(s->high_odd, _mm512_srli_epi16(high, 8));
}

/* Sums over the four 16-byte strings of a and of b: a's in the even 128-bit lanes, b's in the odd. */
static inline __m512i
fold(__m512i a, __m512i b)
{
	return _mm512_add_epi16(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
}

static void
accumulate(const uint8_t *groups, size_t ngroups, const uint8_t *lut, uint32_t acc[VCS_BLOCK])
{
	const __m512i nibble = _mm512_set1_epi8(0x0f);

	while (ngroups > 0)
	{
		size_t part = ngroups < VCS_LUT_FLUSH ? ngroups : VCS_LUT_FLUSH;
		const uint8_t *end = groups + part * 16;
		Sums s = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
				  _mm512_setzero_si512()};
		__m512i even;
		__m512i odd;
		__m512i all;

		for (; end - groups >= 256; groups += 256, lut += 256)
		{
			__m512i low = _mm512_setzero_si512();
			__m512i high = _mm512_setzero_si512();

			VCS_UNROLL(4)
			for (int j = 0; j < 256; j += 64)
			{
				__m512i v = _mm512_loadu_si512(groups + j);
				__m512i table = _mm512_loadu_si512(lut + j);

				VCS_IN_REGISTER(v);
				VCS_IN_REGISTER(table);
				low = _mm512_add_epi8(low, _mm512_shuffle_epi8(table, _mm512_and_si512(v, nibble)));
				high = _mm512_add_epi8(high, _mm512_shuffle_epi8(table, high_nibble(v)));
			}
			widen(&s, low, high);
		}
		if (groups < end)
		{
			__m512i low = _mm512_setzero_si512();
			__m512i high = _mm512_setzero_si512();

			/* at most 15 groups left, so at most four vectors: bytes still suffice */
			while (groups < end)
			{
				size_t left = (size_t) (end - groups);
				size_t step = left < 64 ? left : 64;
				__mmask64 live = ~UINT64_C(0) >> (64 - step);
				__m512i v = _mm512_maskz_loadu_epi8(live, groups);
				__m512i table = _mm512_maskz_loadu_epi8(live, lut);

				low = _mm512_add_epi8(low, _mm512_shuffle_epi8(table, _mm512_and_si512(v, nibble)));
				high = _mm512_add_epi8(high, _mm512_shuffle_epi8(table, high_nibble(v)));
				groups += step;
				lut += step;
			}
			widen(&s, low, high);
		}
		ngroups -= part;

		/* lanes of `all`: vectors 0-7, 8-15, 16-23, 24-31 */
		even = fold(_mm512_sub_epi16(s.low, _mm512_slli_epi16(s.low_odd, 8)), s.low_odd);
		odd = fold(_mm512_sub_epi16(s.high, _mm512_slli_epi16(s.high_odd, 8)), s.high_odd);
		all = fold(even, odd);
		_mm512_storeu_si512(acc,
							_mm512_add_epi32(_mm512_loadu_si512(acc),
											 _mm512_cvtepu16_epi32(_mm512_castsi512_si256(all))));
		_mm512_storeu_si512(
			acc + 16, _mm512_add_epi32(_mm512_loadu_si512(acc + 16),
									   _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(all, 1))));
	}
}
