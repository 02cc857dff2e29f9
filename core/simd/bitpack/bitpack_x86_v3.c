/*
 * core/simd/bitpack/bitpack_x86_v3.c
 *		Unpacking with AVX2: 8 values a step, 4 in each half register.
 *
 * 8 values take width bytes, so every step starts at a byte boundary; the second four start at half
 * a byte if width is odd, which the table of the upper half knows.  Up to width 25 a value lies in
 * the 4 bytes from the one it starts in; wider values are rare and go through 64-bit loads.
 */
#include <immintrin.h>

#include "core/simd/bitpack/bitpack_internal.h"

#define STEP  8
#define STEPS (VCS_BITPACK_BLOCK / STEP)

/* lanes 4..7 count bytes from the byte in which value 4 starts */
#define AT(w, i) (BITPACK_BYTE(w, i) - ((i) < 4 ? 0 : BITPACK_BYTE(w, 4)))
#define B4(w, i) AT(w, i), AT(w, i) + 1, AT(w, i) + 2, AT(w, i) + 3
#define GATHER(w)                                                                                  \
	{                                                                                              \
		B4(w, 0), B4(w, 1), B4(w, 2), B4(w, 3), B4(w, 4), B4(w, 5), B4(w, 6), B4(w, 7)             \
	}
#define SHIFT(w)                                                                                   \
	{                                                                                              \
		BITPACK_SHIFT(w, 0), BITPACK_SHIFT(w, 1), BITPACK_SHIFT(w, 2), BITPACK_SHIFT(w, 3),        \
			BITPACK_SHIFT(w, 4), BITPACK_SHIFT(w, 5), BITPACK_SHIFT(w, 6), BITPACK_SHIFT(w, 7)     \
	}

static const uint8_t gather[33][32] __attribute__((aligned(32))) = {BITPACK_ROWS(GATHER)};
static const uint32_t shift[33][8] __attribute__((aligned(32))) = {BITPACK_ROWS(SHIFT)};

static inline __attribute__((always_inline)) __m256i
scan(__m256i v)
{
	__m256i low;

	v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
	v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
	/* sum of the lower four goes to each of the upper four */
	low = _mm256_permutevar8x32_epi32(v, _mm256_set1_epi32(3));
	return _mm256_add_epi32(v, _mm256_blend_epi32(_mm256_setzero_si256(), low, 0xF0));
}

static inline __attribute__((always_inline)) void
emit(__m256i v, __m256i *carry, uint32_t *out, int delta)
{
	if (delta)
	{
		v = scan(v);
		_mm256_storeu_si256((__m256i *) out, _mm256_add_epi32(v, *carry));
		*carry =
			_mm256_add_epi32(*carry, _mm256_permutevar8x32_epi32(v, _mm256_set1_epi32(STEP - 1)));
	}
	else
		_mm256_storeu_si256((__m256i *) out, _mm256_add_epi32(v, *carry));
}

static inline __attribute__((always_inline)) void
run(const uint8_t *in, uint32_t base, unsigned width, uint32_t *out, int delta)
{
	const __m256i take = _mm256_load_si256((const __m256i *) gather[width]);
	const __m256i right = _mm256_load_si256((const __m256i *) shift[width]);
	const __m256i mask = _mm256_set1_epi32((int) bitpack_mask(width));
	const size_t half = width / 2; /* = BITPACK_BYTE(width, 4) */
	__m256i carry = _mm256_set1_epi32((int) base);

#pragma GCC unroll 4
	for (unsigned s = 0; s < STEPS; s++, in += width)
	{
		__m128i lo = _mm_loadu_si128((const __m128i *) in);
		__m128i hi = _mm_loadu_si128((const __m128i *) (in + half));
		__m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(lo), hi, 1);

		v = _mm256_srlv_epi32(_mm256_shuffle_epi8(v, take), right);
		emit(_mm256_and_si256(v, mask), &carry, out + s * STEP, delta);
	}
}

static inline __attribute__((always_inline)) void
run_wide(const uint8_t *in, uint32_t base, unsigned width, uint32_t *out, int delta)
{
	__m256i carry = _mm256_set1_epi32((int) base);

	for (unsigned s = 0; s < STEPS; s++)
	{
		uint32_t v[STEP];

		for (unsigned i = 0; i < STEP; i++)
			v[i] = bitpack_get(in, width, s * STEP + i);
		emit(_mm256_loadu_si256((const __m256i *) v), &carry, out + s * STEP, delta);
	}
}

static void
unpack_x86_v3(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out)
{
	if (width <= 25)
		run(in, base, width, ret_out, 0);
	else
		run_wide(in, base, BITPACK_CLAMP(width), ret_out, 0);
}

static void
unpack_delta_x86_v3(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out)
{
	if (width <= 25)
		run(in, base, width, ret_out, 1);
	else
		run_wide(in, base, BITPACK_CLAMP(width), ret_out, 1);
}

void
vcs_bitpack_fill_x86_v3(VcsBitpackOps *ops)
{
	ops->unpack = unpack_x86_v3;
	ops->unpack_delta = unpack_delta_x86_v3;
}
