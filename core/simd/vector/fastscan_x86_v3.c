/*
 * core/simd/vector/fastscan_x86_v3.c
 *		1-bit codes in blocks of 32: AVX2.
 *
 * As fastscan_avx512.h, with two groups a vector.  Packing transposes 16 x 16 bytes in registers.
 */
#include "core/simd/vector/lanes_x86_v3.h"
#include "core/simd/vector/bounds_simd.h"
#include "core/simd/vector/fastscan.h"
#include "core/simd/vector/unroll.h"

static void
accumulate(const uint8_t *groups, size_t ngroups, const uint8_t *lut, uint32_t acc[VCS_BLOCK])
{
	const __m256i nibble = _mm256_set1_epi8(0x0f);

	while (ngroups > 0)
	{
		size_t part = ngroups < VCS_LUT_FLUSH ? ngroups : VCS_LUT_FLUSH;
		size_t left = part;
		__m256i low_sum = _mm256_setzero_si256();
		__m256i low_odd = _mm256_setzero_si256();
		__m256i high_sum = _mm256_setzero_si256();
		__m256i high_odd = _mm256_setzero_si256();
		__m256i sums[4];

		while (left > 0)
		{
			__m256i low = _mm256_setzero_si256();
			__m256i high = _mm256_setzero_si256();

			if (left >= 8)
			{
				VCS_UNROLL(4)
				for (int j = 0; j < 128; j += 32)
				{
					__m256i v = _mm256_loadu_si256((const __m256i *) (groups + j));
					__m256i table = _mm256_loadu_si256((const __m256i *) (lut + j));

					VCS_IN_REGISTER(v);
					VCS_IN_REGISTER(table);
					low = _mm256_add_epi8(low,
										  _mm256_shuffle_epi8(table, _mm256_and_si256(v, nibble)));
					high = _mm256_add_epi8(
						high, _mm256_shuffle_epi8(
								  table, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble)));
				}
				groups += 128;
				lut += 128;
				left -= 8;
			}
			else
			{
				/* one group at a time, four at most before widening */
				size_t few = left < 4 ? left : 4;

				for (size_t j = 0; j < few; j++)
				{
					__m128i v = _mm_loadu_si128((const __m128i *) (groups + 16 * j));
					__m128i table = _mm_loadu_si128((const __m128i *) (lut + 16 * j));
					__m128i small = _mm256_castsi256_si128(nibble);

					low = _mm256_add_epi8(low, _mm256_zextsi128_si256(_mm_shuffle_epi8(
												   table, _mm_and_si128(v, small))));
					high = _mm256_add_epi8(high,
										   _mm256_zextsi128_si256(_mm_shuffle_epi8(
											   table, _mm_and_si128(_mm_srli_epi16(v, 4), small))));
				}
				groups += 16 * few;
				lut += 16 * few;
				left -= few;
			}
			low_sum = _mm256_add_epi16(low_sum, low);
			low_odd = _mm256_add_epi16(low_odd, _mm256_srli_epi16(low, 8));
			high_sum = _mm256_add_epi16(high_sum, high);
			high_odd = _mm256_add_epi16(high_odd, _mm256_srli_epi16(high, 8));
		}
		ngroups -= part;

		sums[0] = _mm256_sub_epi16(low_sum, _mm256_slli_epi16(low_odd, 8));
		sums[1] = low_odd;
		sums[2] = _mm256_sub_epi16(high_sum, _mm256_slli_epi16(high_odd, 8));
		sums[3] = high_odd;
		VCS_UNROLL(4)
		for (int j = 0; j < 4; j++)
		{
			__m256i *dst = (__m256i *) (acc + 8 * j);
			__m128i sum = _mm_add_epi16(_mm256_castsi256_si128(sums[j]),
										_mm256_extracti128_si256(sums[j], 1));

			_mm256_storeu_si256(
				dst, _mm256_add_epi32(_mm256_loadu_si256(dst), _mm256_cvtepu16_epi32(sum)));
		}
	}
}

/* Transposes 16 rows of 16 bytes: four rounds of interleaving row i with row i + 8. */
static inline void
transpose16(__m128i rows[16])
{
	for (int round = 0; round < 4; round++)
	{
		__m128i out[16];

		VCS_UNROLL(8)
		for (int i = 0; i < 8; i++)
		{
			out[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
			out[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
		}
		VCS_UNROLL(16)
		for (int i = 0; i < 16; i++)
			rows[i] = out[i];
	}
}

static void
pack(const uint8_t *codes, size_t stride, int nvec, size_t n, uint8_t *groups)
{
	const __m128i nibble = _mm_set1_epi8(0x0f);
	size_t byte = 0;

	for (; (byte + 16) * 8 <= n; byte += 16)
	{
		__m128i low[16];
		__m128i high[16];
		uint8_t *dst = groups + byte * 32;

		for (int v = 0; v < 16; v++)
		{
			const uint8_t *code = codes + (size_t) v * stride + byte;

			low[vcs_block_byte(v)] =
				v < nvec ? _mm_loadu_si128((const __m128i *) code) : _mm_setzero_si128();
		}
		for (int v = 0; v < 16; v++)
		{
			const uint8_t *code = codes + (size_t) (v + 16) * stride + byte;

			high[vcs_block_byte(v)] =
				v + 16 < nvec ? _mm_loadu_si128((const __m128i *) code) : _mm_setzero_si128();
		}
		transpose16(low);
		transpose16(high);
		for (int j = 0; j < 16; j++, dst += 32)
		{
			__m128i even = _mm_or_si128(_mm_and_si128(low[j], nibble),
										_mm_slli_epi16(_mm_and_si128(high[j], nibble), 4));
			__m128i odd = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(low[j], 4), nibble),
									   _mm_andnot_si128(nibble, high[j]));

			_mm_storeu_si128((__m128i *) dst, even);
			_mm_storeu_si128((__m128i *) (dst + 16), odd);
		}
	}
	if (byte * 8 < n)
		vcs_pack_bytes(codes, stride, nvec, n, byte, groups);
}

void
vcs_fastscan_fill_x86_v3(VcsVectorOps *ops)
{
	ops->fastscan_pack = pack;
	ops->fastscan_accumulate = accumulate;
	ops->lower_bounds = lower_bounds;
}
