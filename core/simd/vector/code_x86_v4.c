/*
 * core/simd/vector/code_x86_v4.c
 *		Codes of single vectors: AVX-512 without VNNI and VPOPCNTDQ, so no bit planes here.
 */
#include "core/simd/vector/lanes_x86_v4.h"
#include "core/simd/vector/encode_simd.h"

/* Mask of the first min(left, 64) bytes; left > 0. */
static inline __mmask64
first_bytes(size_t left)
{
	return left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
}

static uint32_t
dot_u8(const uint8_t *a, const uint8_t *b, size_t n)
{
	__m512i s0 = _mm512_setzero_si512();
	__m512i s1 = _mm512_setzero_si512();

	for (size_t i = 0; i < n; i += 64)
	{
		__mmask64 live = first_bytes(n - i);
		__m512i x = _mm512_maskz_loadu_epi8(live, a + i);
		__m512i y = _mm512_maskz_loadu_epi8(live, b + i);

		s0 = _mm512_add_epi32(s0,
							  _mm512_madd_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(x)),
												_mm512_cvtepu8_epi16(_mm512_castsi512_si256(y))));
		s1 = _mm512_add_epi32(
			s1, _mm512_madd_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(x, 1)),
								  _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(y, 1))));
	}
	return (uint32_t) _mm512_reduce_add_epi32(_mm512_add_epi32(s0, s1));
}

static uint32_t
dot_u4(const uint8_t *a, const uint8_t *b, size_t n)
{
	const __m512i nibble = _mm512_set1_epi8(0x0f);
	const __m512i ones = _mm512_set1_epi16(1);
	__m512i sum = _mm512_setzero_si512();
	size_t full = n / 2;
	uint32_t rest = 0;

	for (size_t i = 0; i < full; i += 64)
	{
		__mmask64 live = first_bytes(full - i);
		__m512i x = _mm512_maskz_loadu_epi8(live, a + i);
		__m512i y = _mm512_maskz_loadu_epi8(live, b + i);
		__m512i low =
			_mm512_maddubs_epi16(_mm512_and_si512(x, nibble), _mm512_and_si512(y, nibble));
		__m512i high = _mm512_maddubs_epi16(_mm512_and_si512(_mm512_srli_epi16(x, 4), nibble),
											_mm512_and_si512(_mm512_srli_epi16(y, 4), nibble));

		sum = _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_add_epi16(low, high), ones));
	}
	if (n % 2 != 0)
		rest = (uint32_t) (a[full] & 15) * (b[full] & 15);
	return (uint32_t) _mm512_reduce_add_epi32(sum) + rest;
}

void
vcs_code_fill_x86_v4(VcsVectorOps *ops)
{
	ops->encode_bits = encode_bits;
	ops->dot_u8 = dot_u8;
	ops->dot_u4 = dot_u4;
}
