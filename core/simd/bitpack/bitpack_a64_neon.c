/*
 * core/simd/bitpack/bitpack_a64_neon.c
 *		Unpacking with AArch64 Advanced SIMD: 8 values a step, 4 in each register.
 *
 * As on AVX2: 8 values take width bytes; the second four start at half a byte if width is odd.  Widths
 * above 25 go through 64-bit loads.
 */
#include <arm_neon.h>

#include "core/simd/bitpack/bitpack_internal.h"

#define STEP  8
#define STEPS (VCS_BITPACK_BLOCK / STEP)

#define AT(w, i) (BITPACK_BYTE(w, i) - ((i) < 4 ? 0 : BITPACK_BYTE(w, 4)))
#define B4(w, i) AT(w, i), AT(w, i) + 1, AT(w, i) + 2, AT(w, i) + 3
#define GATHER(w)                                                                                  \
	{                                                                                              \
		B4(w, 0), B4(w, 1), B4(w, 2), B4(w, 3), B4(w, 4), B4(w, 5), B4(w, 6), B4(w, 7)             \
	}
/* shifts to the right are negative shifts to the left */
#define SHIFT(w)                                                                                   \
	{                                                                                              \
		-BITPACK_SHIFT(w, 0), -BITPACK_SHIFT(w, 1), -BITPACK_SHIFT(w, 2), -BITPACK_SHIFT(w, 3),    \
			-BITPACK_SHIFT(w, 4), -BITPACK_SHIFT(w, 5), -BITPACK_SHIFT(w, 6), -BITPACK_SHIFT(w, 7) \
	}

static const uint8_t gather[33][32] = {BITPACK_ROWS(GATHER)};
static const int32_t shift[33][8] = {BITPACK_ROWS(SHIFT)};

static inline __attribute__((always_inline)) void
emit(uint32x4_t v, uint32x4_t *carry, uint32_t *out, int delta)
{
	const uint32x4_t zero = vdupq_n_u32(0);

	if (delta)
	{
		v = vaddq_u32(v, vextq_u32(zero, v, 3));
		v = vaddq_u32(v, vextq_u32(zero, v, 2));
		v = vaddq_u32(v, *carry);
		*carry = vdupq_laneq_u32(v, 3);
		vst1q_u32(out, v);
	}
	else
		vst1q_u32(out, vaddq_u32(v, *carry));
}

static inline __attribute__((always_inline)) void
run(const uint8_t *in, uint32_t base, unsigned width, uint32_t *out, int delta)
{
	const uint8x16_t take0 = vld1q_u8(gather[width]);
	const uint8x16_t take1 = vld1q_u8(gather[width] + 16);
	const int32x4_t right0 = vld1q_s32(shift[width]);
	const int32x4_t right1 = vld1q_s32(shift[width] + 4);
	const uint32x4_t mask = vdupq_n_u32(bitpack_mask(width));
	const size_t half = width / 2;
	uint32x4_t carry = vdupq_n_u32(base);

	for (unsigned s = 0; s < STEPS; s++, in += width)
	{
		uint32x4_t a = vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(in), take0));
		uint32x4_t b = vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(in + half), take1));

		emit(vandq_u32(vshlq_u32(a, right0), mask), &carry, out + s * STEP, delta);
		emit(vandq_u32(vshlq_u32(b, right1), mask), &carry, out + s * STEP + 4, delta);
	}
}

static inline __attribute__((always_inline)) void
run_wide(const uint8_t *in, uint32_t base, unsigned width, uint32_t *out, int delta)
{
	uint32x4_t carry = vdupq_n_u32(base);

	for (unsigned i = 0; i < VCS_BITPACK_BLOCK; i += 4)
	{
		uint32_t v[4];

		for (unsigned j = 0; j < 4; j++)
			v[j] = bitpack_get(in, width, i + j);
		emit(vld1q_u32(v), &carry, out + i, delta);
	}
}

static void
unpack_a64_neon(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out)
{
	if (width <= 25)
		run(in, base, width, ret_out, 0);
	else
		run_wide(in, base, BITPACK_CLAMP(width), ret_out, 0);
}

static void
unpack_delta_a64_neon(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out)
{
	if (width <= 25)
		run(in, base, width, ret_out, 1);
	else
		run_wide(in, base, BITPACK_CLAMP(width), ret_out, 1);
}

void
vcs_bitpack_fill_a64_neon(VcsBitpackOps *ops)
{
	ops->unpack = unpack_a64_neon;
	ops->unpack_delta = unpack_delta_a64_neon;
}
