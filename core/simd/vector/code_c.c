/*
 * core/simd/vector/code_c.c
 *		Codes of single vectors: 1-bit encoding, bit-plane sums, 8- and 4-bit products: reference.
 */
#include "core/simd/vector/ops.h"

#include <math.h>
#include <string.h>

static void
encode_bits(const float *u, size_t n, uint8_t *bits, float *ret_l1, float *ret_l2sq)
{
	float l1 = 0;
	float l2sq = 0;

	memset(bits, 0, VCS_CODE_BYTES(n));
	for (size_t i = 0; i < n; i++)
	{
		l1 += fabsf(u[i]);
		l2sq += u[i] * u[i];
		if (!signbit(u[i]))
			bits[i / 8] |= (uint8_t) (1u << (i % 8));
	}
	*ret_l1 = l1;
	*ret_l2sq = l2sq;
}

/* The first `count` (at most 8) bytes as a number, lowest first. */
static inline uint64_t
load_word(const uint8_t *bytes, size_t count)
{
	uint64_t word = 0;

	for (size_t i = 0; i < count && i < 8; i++)
		word |= (uint64_t) bytes[i] << (8 * i);
	return word;
}

static uint32_t
planes_dot(const uint8_t *code, const uint64_t *planes, size_t n)
{
	size_t words = VCS_WORDS(n);
	size_t bytes = VCS_CODE_BYTES(n);
	uint32_t sum = 0;

	for (size_t w = 0; w < words; w++)
	{
		uint64_t word = load_word(code + w * 8, bytes - w * 8);

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
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint32_t) a[i] * b[i];
	return sum;
}

static uint32_t
dot_u4(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n / 2; i++)
		sum += (uint32_t) (a[i] & 15) * (b[i] & 15) + (uint32_t) (a[i] >> 4) * (b[i] >> 4);
	if (n % 2 != 0)
		sum += (uint32_t) (a[n / 2] & 15) * (b[n / 2] & 15);
	return sum;
}

void
vcs_code_fill_c(VcsVectorOps *ops)
{
	ops->encode_bits = encode_bits;
	ops->planes_dot = planes_dot;
	ops->planes_dot_rows = planes_dot_rows;
	ops->dot_u8 = dot_u8;
	ops->dot_u4 = dot_u4;
}
