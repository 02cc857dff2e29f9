/*
 * core/simd/vector/fastscan_a64_neon.c
 *		1-bit codes in blocks of 32: AArch64 Advanced SIMD.
 *
 * As fastscan_avx512.h, with one group a vector.
 */
#include "core/simd/vector/lanes_a64_neon.h"
#include "core/simd/vector/bounds_simd.h"
#include "core/simd/vector/fastscan.h"

/* dst[0..7] += the 16-bit sums */
static inline void
flush(uint32_t *dst, uint16x8_t sum)
{
	vst1q_u32(dst, vaddw_u16(vld1q_u32(dst), vget_low_u16(sum)));
	vst1q_u32(dst + 4, vaddw_u16(vld1q_u32(dst + 4), vget_high_u16(sum)));
}

static void
accumulate(const uint8_t *groups, size_t ngroups, const uint8_t *lut, uint32_t acc[VCS_BLOCK])
{
	const uint8x16_t nibble = vdupq_n_u8(0x0f);

	while (ngroups > 0)
	{
		size_t left = ngroups < VCS_LUT_FLUSH ? ngroups : VCS_LUT_FLUSH;
		uint16x8_t low_sum = vdupq_n_u16(0);
		uint16x8_t low_odd = vdupq_n_u16(0);
		uint16x8_t high_sum = vdupq_n_u16(0);
		uint16x8_t high_odd = vdupq_n_u16(0);

		ngroups -= left;
		while (left > 0)
		{
			size_t few = left < 4 ? left : 4;
			uint8x16_t low = vdupq_n_u8(0);
			uint8x16_t high = vdupq_n_u8(0);

			for (size_t j = 0; j < few; j++)
			{
				uint8x16_t v = vld1q_u8(groups + 16 * j);
				uint8x16_t table = vld1q_u8(lut + 16 * j);

				low = vaddq_u8(low, vqtbl1q_u8(table, vandq_u8(v, nibble)));
				high = vaddq_u8(high, vqtbl1q_u8(table, vshrq_n_u8(v, 4)));
			}
			groups += 16 * few;
			lut += 16 * few;
			left -= few;
			low_sum = vaddq_u16(low_sum, vreinterpretq_u16_u8(low));
			low_odd = vsraq_n_u16(low_odd, vreinterpretq_u16_u8(low), 8);
			high_sum = vaddq_u16(high_sum, vreinterpretq_u16_u8(high));
			high_odd = vsraq_n_u16(high_odd, vreinterpretq_u16_u8(high), 8);
		}
		flush(acc, vsubq_u16(low_sum, vshlq_n_u16(low_odd, 8)));
		flush(acc + 8, low_odd);
		flush(acc + 16, vsubq_u16(high_sum, vshlq_n_u16(high_odd, 8)));
		flush(acc + 24, high_odd);
	}
}

void
vcs_fastscan_fill_a64_neon(VcsVectorOps *ops)
{
	ops->fastscan_accumulate = accumulate;
	ops->lower_bounds = lower_bounds;
}
