/*
 * core/simd/vector/code_x86_v3.c
 *		Codes of single vectors: AVX2, POPCNT.
 */
#include "core/simd/vector/lanes_x86_v3.h"
#include "core/simd/vector/encode_simd.h"
#include "core/simd/vector/unroll.h"

static inline void
count_word(uint64_t word, const uint64_t *planes, size_t words, uint64_t count[VCS_PLANES])
{
	VCS_UNROLL(6)
	for (size_t p = 0; p < VCS_PLANES; p++)
		count[p] += (uint64_t) _mm_popcnt_u64(word & planes[p * words]);
}

static uint32_t
planes_dot(const uint8_t *code, const uint64_t *planes, size_t n)
{
	size_t words = VCS_WORDS(n);
	size_t bytes = VCS_CODE_BYTES(n);
	uint64_t count[VCS_PLANES] = {0};
	uint64_t sum = 0;
	uint64_t word;
	size_t w = 0;

	for (; (w + 1) * 8 <= bytes; w++)
	{
		memcpy(&word, code + w * 8, 8);
		count_word(word, planes + w, words, count);
	}
	if (w < words)
	{
		word = 0;
		memcpy(&word, code + w * 8, bytes - w * 8);
		count_word(word, planes + w, words, count);
	}
	VCS_UNROLL(6)
	for (int p = 0; p < VCS_PLANES; p++)
		sum += count[p] << p;
	return (uint32_t) sum;
}

static void
planes_dot_rows(const uint8_t *codes, size_t stride, size_t nrows, const uint64_t *planes, size_t n,
				uint32_t *out)
{
	for (size_t r = 0; r < nrows; r++)
		out[r] = planes_dot(codes + r * stride, planes, n);
}

static inline uint32_t
sum_u32(__m256i a)
{
	__m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));

	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return (uint32_t) _mm_cvtsi128_si32(s);
}

static uint32_t
dot_u8(const uint8_t *a, const uint8_t *b, size_t n)
{
	__m256i s0 = _mm256_setzero_si256();
	__m256i s1 = _mm256_setzero_si256();
	uint32_t rest = 0;
	size_t i = 0;

	for (; i + 32 <= n; i += 32)
	{
		__m256i a0 = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *) (a + i)));
		__m256i b0 = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *) (b + i)));
		__m256i a1 = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *) (a + i + 16)));
		__m256i b1 = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *) (b + i + 16)));

		s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(a0, b0));
		s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(a1, b1));
	}
	for (; i < n; i++)
		rest += (uint32_t) a[i] * b[i];
	return sum_u32(_mm256_add_epi32(s0, s1)) + rest;
}

static uint32_t
dot_u4(const uint8_t *a, const uint8_t *b, size_t n)
{
	const __m256i nibble = _mm256_set1_epi8(0x0f);
	const __m256i ones = _mm256_set1_epi16(1);
	__m256i sum = _mm256_setzero_si256();
	size_t full = n / 2;
	uint32_t rest = 0;
	size_t i = 0;

	for (; i + 32 <= full; i += 32)
	{
		__m256i x = _mm256_loadu_si256((const __m256i *) (a + i));
		__m256i y = _mm256_loadu_si256((const __m256i *) (b + i));
		__m256i low =
			_mm256_maddubs_epi16(_mm256_and_si256(x, nibble), _mm256_and_si256(y, nibble));
		__m256i high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(x, 4), nibble),
											_mm256_and_si256(_mm256_srli_epi16(y, 4), nibble));

		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(low, high), ones));
	}
	for (; i < full; i++)
		rest += (uint32_t) (a[i] & 15) * (b[i] & 15) + (uint32_t) (a[i] >> 4) * (b[i] >> 4);
	if (n % 2 != 0)
		rest += (uint32_t) (a[full] & 15) * (b[full] & 15);
	return sum_u32(sum) + rest;
}

void
vcs_code_fill_x86_v3(VcsVectorOps *ops)
{
	ops->encode_bits = encode_bits;
	ops->planes_dot = planes_dot;
	ops->planes_dot_rows = planes_dot_rows;
	ops->dot_u8 = dot_u8;
	ops->dot_u4 = dot_u4;
}
