/*
 * core/simd/vector/code_x86_v4_icl.c
 *		Codes of single vectors: AVX-512 with VNNI and BITALG.
 *
 * A byte-wise population count is summed by vpdpbusd, whose second operand carries the weight 2^p of
 * the plane: no shifts, one accumulator for all planes.
 */
#include <immintrin.h>

#include "core/simd/vector/ops.h"
#include "core/simd/vector/unroll.h"

/* Mask of the first min(left, 64) bytes; left > 0. */
static inline __mmask64
first_bytes(size_t left)
{
	return left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
}

/* The up to 8 words of each plane from word w on. */
static inline void
load_planes(const uint64_t *planes, size_t words, size_t w, __m512i out[VCS_PLANES])
{
	size_t left = words - w;
	__mmask8 live = (__mmask8) (left >= 8 ? 0xff : (1u << left) - 1);

	VCS_UNROLL(6)
	for (size_t p = 0; p < VCS_PLANES; p++)
		out[p] = _mm512_maskz_loadu_epi64(live, planes + p * words + w);
}

/* Adds the products of 64 code bytes; two sums, so that their latencies overlap. */
static inline void
add_products(__m512i code, const __m512i planes[VCS_PLANES], __m512i sum[2])
{
	VCS_UNROLL(6)
	for (int p = 0; p < VCS_PLANES; p++)
		sum[p % 2] =
			_mm512_dpbusd_epi32(sum[p % 2], _mm512_popcnt_epi8(_mm512_and_si512(code, planes[p])),
								_mm512_set1_epi8((char) (1 << p)));
}

static uint32_t
planes_dot(const uint8_t *code, const uint64_t *planes, size_t n)
{
	size_t words = VCS_WORDS(n);
	size_t bytes = VCS_CODE_BYTES(n);
	__m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};

	for (size_t w = 0; w < words; w += 8)
	{
		__m512i chunk[VCS_PLANES];

		load_planes(planes, words, w, chunk);
		add_products(_mm512_maskz_loadu_epi8(first_bytes(bytes - w * 8), code + w * 8), chunk, sum);
	}
	return (uint32_t) _mm512_reduce_add_epi32(_mm512_add_epi32(sum[0], sum[1]));
}

/* Sums of four vectors, one a lane. */
static inline __m128i
reduce4(const __m512i s[4])
{
	__m512i ab =
		_mm512_add_epi32(_mm512_unpacklo_epi32(s[0], s[1]), _mm512_unpackhi_epi32(s[0], s[1]));
	__m512i cd =
		_mm512_add_epi32(_mm512_unpacklo_epi32(s[2], s[3]), _mm512_unpackhi_epi32(s[2], s[3]));
	__m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
	__m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

static void
planes_dot_rows(const uint8_t *codes, size_t stride, size_t nrows, const uint64_t *planes, size_t n,
				uint32_t *out)
{
	size_t words = VCS_WORDS(n);
	size_t bytes = VCS_CODE_BYTES(n);
	size_t r = 0;

	/* up to 1024 dimensions the planes stay in registers */
	if (n > 0 && words <= 16)
	{
		__m512i low[VCS_PLANES];
		__m512i high[VCS_PLANES];
		__mmask64 live_low = first_bytes(bytes);
		__mmask64 live_high = bytes > 64 ? first_bytes(bytes - 64) : 0;

		load_planes(planes, words, 0, low);
		if (words > 8)
			load_planes(planes, words, 8, high);
		for (; r + 4 <= nrows; r += 4)
		{
			__m512i sums[4];

			VCS_UNROLL(4)
			for (size_t j = 0; j < 4; j++)
			{
				const uint8_t *code = codes + (r + j) * stride;
				__m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};

				add_products(_mm512_maskz_loadu_epi8(live_low, code), low, sum);
				if (words > 8)
					add_products(_mm512_maskz_loadu_epi8(live_high, code + 64), high, sum);
				sums[j] = _mm512_add_epi32(sum[0], sum[1]);
			}
			_mm_storeu_si128((__m128i *) (out + r), reduce4(sums));
		}
	}
	for (; r < nrows; r++)
		out[r] = planes_dot(codes + r * stride, planes, n);
}

static uint32_t
dot_u8(const uint8_t *a, const uint8_t *b, size_t n)
{
	/* vpdpbusd multiplies unsigned by signed: sum a * b = sum a * (b - 128) + 128 * sum a */
	const __m512i flip = _mm512_set1_epi8((char) 0x80);
	const __m512i ones = _mm512_set1_epi8(1);
	__m512i s0 = _mm512_setzero_si512();
	__m512i s1 = _mm512_setzero_si512();
	__m512i t0 = _mm512_setzero_si512();
	__m512i t1 = _mm512_setzero_si512();
	__m512i sum;
	size_t i = 0;

	for (; i + 128 <= n; i += 128)
	{
		__m512i a0 = _mm512_loadu_si512(a + i);
		__m512i a1 = _mm512_loadu_si512(a + i + 64);

		s0 = _mm512_dpbusd_epi32(s0, a0, _mm512_xor_si512(_mm512_loadu_si512(b + i), flip));
		s1 = _mm512_dpbusd_epi32(s1, a1, _mm512_xor_si512(_mm512_loadu_si512(b + i + 64), flip));
		t0 = _mm512_dpbusd_epi32(t0, a0, ones);
		t1 = _mm512_dpbusd_epi32(t1, a1, ones);
	}
	for (; i < n; i += 64)
	{
		__mmask64 live = first_bytes(n - i);
		__m512i a0 = _mm512_maskz_loadu_epi8(live, a + i);

		s0 = _mm512_dpbusd_epi32(s0, a0,
								 _mm512_xor_si512(_mm512_maskz_loadu_epi8(live, b + i), flip));
		t0 = _mm512_dpbusd_epi32(t0, a0, ones);
	}
	sum =
		_mm512_add_epi32(_mm512_add_epi32(s0, s1), _mm512_slli_epi32(_mm512_add_epi32(t0, t1), 7));
	return (uint32_t) _mm512_reduce_add_epi32(sum);
}

static uint32_t
dot_u4(const uint8_t *a, const uint8_t *b, size_t n)
{
	const __m512i nibble = _mm512_set1_epi8(0x0f);
	__m512i low = _mm512_setzero_si512();
	__m512i high = _mm512_setzero_si512();
	size_t full = n / 2;
	uint32_t rest = 0;

	for (size_t i = 0; i < full; i += 64)
	{
		__m512i x;
		__m512i y;

		if (i + 64 <= full)
		{
			x = _mm512_loadu_si512(a + i);
			y = _mm512_loadu_si512(b + i);
		}
		else
		{
			__mmask64 live = first_bytes(full - i);

			x = _mm512_maskz_loadu_epi8(live, a + i);
			y = _mm512_maskz_loadu_epi8(live, b + i);
		}

		low = _mm512_dpbusd_epi32(low, _mm512_and_si512(x, nibble), _mm512_and_si512(y, nibble));
		high = _mm512_dpbusd_epi32(high, _mm512_and_si512(_mm512_srli_epi16(x, 4), nibble),
								   _mm512_and_si512(_mm512_srli_epi16(y, 4), nibble));
	}
	if (n % 2 != 0)
		rest = (uint32_t) (a[full] & 15) * (b[full] & 15);
	return (uint32_t) _mm512_reduce_add_epi32(_mm512_add_epi32(low, high)) + rest;
}

void
vcs_code_fill_x86_v4_icl(VcsVectorOps *ops)
{
	ops->planes_dot = planes_dot;
	ops->planes_dot_rows = planes_dot_rows;
	ops->dot_u8 = dot_u8;
	ops->dot_u4 = dot_u4;
}
