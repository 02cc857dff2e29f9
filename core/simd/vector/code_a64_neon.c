/*
 * core/simd/vector/code_a64_neon.c
 *		Codes of single vectors: AArch64 Advanced SIMD.
 */
#include "core/simd/vector/lanes_a64_neon.h"
#include "core/simd/vector/encode_simd.h"

static uint32_t
planes_dot(const uint8_t *code, const uint64_t *planes, size_t n)
{
	size_t words = VCS_WORDS(n);
	size_t bytes = VCS_CODE_BYTES(n);
	uint32x4_t acc = vdupq_n_u32(0);
	uint32_t sum;
	size_t w = 0;

	for (; (w + 2) * 8 <= bytes; w += 2)
	{
		uint8x16_t c = vld1q_u8(code + w * 8);
		uint8x16_t small = vdupq_n_u8(0);
		uint8x16_t top;

		/* a byte holds the planes 0..4 (8 * 31 = 248), the sixth goes apart */
		for (int p = VCS_PLANES - 2; p >= 0; p--)
		{
			uint8x16_t plane = vreinterpretq_u8_u64(vld1q_u64(planes + (size_t) p * words + w));

			small = vaddq_u8(vaddq_u8(small, small), vcntq_u8(vandq_u8(c, plane)));
		}
		top = vcntq_u8(
			vandq_u8(c, vreinterpretq_u8_u64(vld1q_u64(planes + (VCS_PLANES - 1) * words + w))));
		acc = vpadalq_u16(acc, vpaddlq_u8(small));
		acc = vpadalq_u16(acc, vshlq_n_u16(vpaddlq_u8(top), VCS_PLANES - 1));
	}
	sum = vaddvq_u32(acc);
	for (; w < words; w++)
	{
		size_t left = bytes - w * 8;
		uint64_t word = 0;

		memcpy(&word, code + w * 8, left < 8 ? left : 8);
		for (size_t p = 0; p < VCS_PLANES; p++)
			sum += (uint32_t) __builtin_popcountll(word & planes[p * words + w]) << p;
	}
	return sum;
}

static void
planes_dot_rows(const uint8_t *codes, size_t stride, size_t nrows, const uint64_t *planes, size_t n,
				uint32_t *out)
{
	for (size_t r = 0; r < nrows; r++)
		out[r] = planes_dot(codes + r * stride, planes, n);
}

static uint32_t
dot_u8(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32x4_t s0 = vdupq_n_u32(0);
	uint32x4_t s1 = vdupq_n_u32(0);
	uint32_t rest = 0;
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
	{
		uint8x16_t x = vld1q_u8(a + i);
		uint8x16_t y = vld1q_u8(b + i);

		s0 = vpadalq_u16(s0, vmull_u8(vget_low_u8(x), vget_low_u8(y)));
		s1 = vpadalq_u16(s1, vmull_high_u8(x, y));
	}
	for (; i < n; i++)
		rest += (uint32_t) a[i] * b[i];
	return vaddvq_u32(vaddq_u32(s0, s1)) + rest;
}

static uint32_t
dot_u4(const uint8_t *a, const uint8_t *b, size_t n)
{
	const uint8x16_t nibble = vdupq_n_u8(0x0f);
	uint32x4_t sum = vdupq_n_u32(0);
	size_t full = n / 2;
	uint32_t rest = 0;
	size_t i = 0;

	for (; i + 16 <= full; i += 16)
	{
		uint8x16_t x = vld1q_u8(a + i);
		uint8x16_t y = vld1q_u8(b + i);
		uint8x16_t low = vmulq_u8(vandq_u8(x, nibble), vandq_u8(y, nibble));
		uint8x16_t high = vmulq_u8(vshrq_n_u8(x, 4), vshrq_n_u8(y, 4));

		sum = vpadalq_u16(sum, vpadalq_u8(vpaddlq_u8(low), high));
	}
	for (; i < full; i++)
		rest += (uint32_t) (a[i] & 15) * (b[i] & 15) + (uint32_t) (a[i] >> 4) * (b[i] >> 4);
	if (n % 2 != 0)
		rest += (uint32_t) (a[full] & 15) * (b[full] & 15);
	return vaddvq_u32(sum) + rest;
}

void
vcs_code_fill_a64_neon(VcsVectorOps *ops)
{
	ops->encode_bits = encode_bits;
	ops->planes_dot = planes_dot;
	ops->planes_dot_rows = planes_dot_rows;
	ops->dot_u8 = dot_u8;
	ops->dot_u4 = dot_u4;
}
