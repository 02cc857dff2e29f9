/*
 * core/simd/bitpack/bitpack_x86_v4_icl.c
 *		Unpacking with AVX-512 VBMI: 16 values a step.
 *
 * 16 values take 2 * width bytes, so every step starts at a byte boundary and uses the same table.
 * Up to width 25 a value lies in the 4 bytes from the one it starts in: byte gather, shift, mask.
 * Wider values (26 .. 31) are gathered into 8 bytes, two halves a step.
 */
#include <immintrin.h>

#include "core/simd/bitpack/bitpack_internal.h"

#define STEP  16
#define STEPS (VCS_BITPACK_BLOCK / STEP)

#define B4(w, i)                                                                                   \
	BITPACK_BYTE(w, i), BITPACK_BYTE(w, i) + 1, BITPACK_BYTE(w, i) + 2, BITPACK_BYTE(w, i) + 3
#define B8(w, i)                                                                                   \
	B4(w, i), BITPACK_BYTE(w, i) + 4, BITPACK_BYTE(w, i) + 5, BITPACK_BYTE(w, i) + 6,              \
		BITPACK_BYTE(w, i) + 7

/* bytes wanted may pass 63 only where the shift and mask drop them; vpermb then wraps */
#define GATHER4(w)                                                                                 \
	{                                                                                              \
		B4(w, 0), B4(w, 1), B4(w, 2), B4(w, 3), B4(w, 4), B4(w, 5), B4(w, 6), B4(w, 7), B4(w, 8),  \
			B4(w, 9), B4(w, 10), B4(w, 11), B4(w, 12), B4(w, 13), B4(w, 14), B4(w, 15)             \
	}
#define SHIFT4(w)                                                                                  \
	{                                                                                              \
		BITPACK_SHIFT(w, 0), BITPACK_SHIFT(w, 1), BITPACK_SHIFT(w, 2), BITPACK_SHIFT(w, 3),        \
			BITPACK_SHIFT(w, 4), BITPACK_SHIFT(w, 5), BITPACK_SHIFT(w, 6), BITPACK_SHIFT(w, 7),    \
			BITPACK_SHIFT(w, 8), BITPACK_SHIFT(w, 9), BITPACK_SHIFT(w, 10), BITPACK_SHIFT(w, 11),  \
			BITPACK_SHIFT(w, 12), BITPACK_SHIFT(w, 13), BITPACK_SHIFT(w, 14), BITPACK_SHIFT(w, 15) \
	}
/* eight values start at a byte boundary too (width bytes); one row serves both halves */
#define GATHER8(w)                                                                                 \
	{                                                                                              \
		B8(w, 0), B8(w, 1), B8(w, 2), B8(w, 3), B8(w, 4), B8(w, 5), B8(w, 6), B8(w, 7)             \
	}

static const uint8_t gather4[33][64] __attribute__((aligned(64))) = {BITPACK_ROWS(GATHER4)};
static const uint32_t shift4[33][16] __attribute__((aligned(64))) = {BITPACK_ROWS(SHIFT4)};
static const uint8_t gather8[33][64] __attribute__((aligned(64))) = {BITPACK_ROWS(GATHER8)};

typedef struct Decoder
{
	const uint8_t *in;
	unsigned width;
	__m512i gather;
	__m512i shift;
	__m512i mask;
} Decoder;

static inline __attribute__((always_inline)) Decoder
begin(const uint8_t *in, unsigned width, int wide)
{
	Decoder d;

	d.in = in;
	d.width = width;
	if (wide)
	{
		d.gather = _mm512_load_si512(gather8[width]);
		d.shift = _mm512_cvtepu32_epi64(_mm256_load_si256((const __m256i *) shift4[width]));
	}
	else
	{
		d.gather = _mm512_load_si512(gather4[width]);
		d.shift = _mm512_load_si512(shift4[width]);
	}
	d.mask = _mm512_set1_epi32((int) bitpack_mask(width));
	return d;
}

static inline __attribute__((always_inline)) __m512i
step(const Decoder *d, unsigned s, int wide)
{
	const uint8_t *p = d->in + (size_t) s * 2 * d->width;
	__m512i v;

	if (wide)
	{
		__m512i lo = _mm512_permutexvar_epi8(d->gather, _mm512_loadu_si512(p));
		__m512i hi = _mm512_permutexvar_epi8(d->gather, _mm512_loadu_si512(p + d->width));
		__m256i a = _mm512_cvtepi64_epi32(_mm512_srlv_epi64(lo, d->shift));
		__m256i b = _mm512_cvtepi64_epi32(_mm512_srlv_epi64(hi, d->shift));

		v = _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
	}
	else
		v = _mm512_srlv_epi32(_mm512_permutexvar_epi8(d->gather, _mm512_loadu_si512(p)), d->shift);
	return _mm512_and_si512(v, d->mask);
}

/* running sums within a register */
static inline __attribute__((always_inline)) __m512i
scan(__m512i v)
{
	const __m512i zero = _mm512_setzero_si512();

	v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 15));
	v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 14));
	v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 12));
	return _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 8));
}

static inline __attribute__((always_inline)) void
run(const uint8_t *in, uint32_t base, unsigned width, uint32_t *out, int wide, int delta)
{
	const Decoder d = begin(in, width, wide);
	const __m512i last = _mm512_set1_epi32(STEP - 1);
	__m512i carry = _mm512_set1_epi32((int) base);

	/* the sums of a step do not wait for those before it: only the chain of carries does */
#pragma GCC unroll 8
	for (unsigned s = 0; s < STEPS; s++)
	{
		__m512i v = step(&d, s, wide);

		if (delta)
		{
			v = scan(v);
			_mm512_storeu_si512(out + s * STEP, _mm512_add_epi32(v, carry));
			carry = _mm512_add_epi32(carry, _mm512_permutexvar_epi32(last, v));
		}
		else
			_mm512_storeu_si512(out + s * STEP, _mm512_add_epi32(v, carry));
	}
}

static inline __attribute__((always_inline)) void
run_words(const uint8_t *in, uint32_t base, uint32_t *out, int delta)
{
	const __m512i last = _mm512_set1_epi32(STEP - 1);
	__m512i carry = _mm512_set1_epi32((int) base);

	for (unsigned s = 0; s < STEPS; s++)
	{
		__m512i v = _mm512_loadu_si512(in + s * 64);

		if (delta)
		{
			v = scan(v);
			_mm512_storeu_si512(out + s * STEP, _mm512_add_epi32(v, carry));
			carry = _mm512_add_epi32(carry, _mm512_permutexvar_epi32(last, v));
		}
		else
			_mm512_storeu_si512(out + s * STEP, _mm512_add_epi32(v, carry));
	}
}

static void
unpack_x86_v4_icl(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out)
{
	if (width <= 25)
		run(in, base, width, ret_out, 0, 0);
	else if (width < 32)
		run(in, base, width, ret_out, 1, 0);
	else
		run_words(in, base, ret_out, 0);
}

static void
unpack_delta_x86_v4_icl(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out)
{
	if (width <= 25)
		run(in, base, width, ret_out, 0, 1);
	else if (width < 32)
		run(in, base, width, ret_out, 1, 1);
	else
		run_words(in, base, ret_out, 1);
}

void
vcs_bitpack_fill_x86_v4_icl(VcsBitpackOps *ops)
{
	ops->unpack = unpack_x86_v4_icl;
	ops->unpack_delta = unpack_delta_x86_v4_icl;
}
