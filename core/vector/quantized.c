/*
 * core/vector/quantized.c
 *		rabitq8 and rabitq4: codes, lengths and distances.
 *
 * Sums of floats are taken in double in a fixed order, and kernels only add integers: a value and a
 * distance are the same on every machine, which functions declared IMMUTABLE owe to indexes on
 * expressions and to standbys.
 *
 * A stored lattice norm is a float, so its square is off by up to 2^-23 of itself, which would make a
 * value differ from itself.  But the true square is n / 4 plus an integer, because c is half an odd
 * number; rounding to the next such number gives it back exactly up to about 4 million.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/simd/vector/ops.h"
#include "core/vector/quantized.h"
#include "core/vector/rotate.h"

/* sums are kept in so many parts, to add in parallel */
#define PARTS 4

/* 2^(B-1) */
static inline int
code_half(VcvType type)
{
	return type == VCV_RABITQ8 ? 128 : 8;
}

static inline const uint8_t *
row_codes(const void *row)
{
	return (const uint8_t *) row + sizeof(VcvQuantHead);
}

static inline int
get_code(VcvType type, const uint8_t *codes, uint32_t i)
{
	if (type == VCV_RABITQ8)
		return codes[i];
	return (codes[i / 2] >> (i % 2 * 4)) & 15;
}

/* sum x_i^2, sum |x_i|, max |x_i| */
static void
measure(const float *x, uint32_t n, double *ret_norm2, double *ret_abs_sum, float *ret_max)
{
	double norm2[PARTS] = {0};
	double abs_sum[PARTS] = {0};
	float max = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		const float a = fabsf(x[i]);

		norm2[i % PARTS] += (double) a * a;
		abs_sum[i % PARTS] += a;
		if (a > max)
			max = a;
	}
	*ret_norm2 = (norm2[0] + norm2[1]) + (norm2[2] + norm2[3]);
	*ret_abs_sum = (abs_sum[0] + abs_sum[1]) + (abs_sum[2] + abs_sum[3]);
	*ret_max = max;
}

void
vcv_quantize(VcvType type, const float *x, uint32_t n, void *ret_row)
{
	const int half = code_half(type);
	uint8_t *codes = (uint8_t *) ret_row + sizeof(VcvQuantHead);
	VcvQuantHead head = {0};
	uint64_t square = 0; /* sum (2 code - 2c)^2: odd numbers */
	uint32_t sum = 0;
	double norm2;
	double abs_sum;
	float max;
	float norm;
	float scale;

	memset(codes, 0, vcv_row_bytes(type, n) - sizeof(VcvQuantHead));
	measure(x, n, &norm2, &abs_sum, &max);
	/* also if it underflows; too long for a float: as long as a float can say */
	head.norm2 = norm2 < FLT_MAX ? (float) norm2 : FLT_MAX;
	if (!(head.norm2 > 0) || !(norm2 <= DBL_MAX))
	{
		memset(&head, 0, sizeof(head));
		memcpy(ret_row, &head, sizeof(head));
		return;
	}
	head.abs_sum = abs_sum < FLT_MAX ? (float) abs_sum : FLT_MAX;
	norm = norm2 < FLT_MAX ? sqrtf(head.norm2) : (float) fmin(sqrt(norm2), FLT_MAX);
	scale = (float) half / (max / norm);
	for (uint32_t i = 0; i < n; i++)
	{
		const float at = scale * (x[i] / norm);
		int code = at >= (float) -half ? (at < (float) half ? (int) at : half - 1) : -half;
		int odd;

		/* the conversion rounded towards zero */
		if (at < (float) code && code > -half)
			code--;
		code += half;
		if (type == VCV_RABITQ8)
			codes[i] = (uint8_t) code;
		else
			codes[i / 2] |= (uint8_t) (code << (i % 2 * 4));
		sum += (uint32_t) code;
		odd = 2 * code - (2 * half - 1);
		square += (uint64_t) (odd * odd);
	}
	head.lattice_norm = (float) sqrt((double) square / 4);
	head.code_sum = (float) sum;
	memcpy(ret_row, &head, sizeof(head));
}

void
vcv_quantize_original(VcvType type, const float *v, uint32_t n, float *rotated, void *ret_row)
{
	VcvQuantHead head;
	double norm2;
	double abs_sum;
	float max;

	vcv_rotate(v, n, rotated);
	vcv_quantize(type, rotated, n, ret_row);
	measure(v, n, &norm2, &abs_sum, &max);
	memcpy(&head, ret_row, sizeof(head));
	if (head.norm2 > 0 && (float) norm2 > 0)
	{
		head.norm2 = norm2 < FLT_MAX ? (float) norm2 : FLT_MAX;
		memcpy(ret_row, &head, sizeof(head));
	}
}

void
vcv_dequantize(VcvType type, const void *row, uint32_t n, float *ret_x)
{
	const double centre = code_half(type) - 0.5;
	const uint8_t *codes = row_codes(row);
	VcvQuantHead head;
	double factor;

	memcpy(&head, row, sizeof(head));
	factor = head.lattice_norm > 0 ? sqrt((double) head.norm2) / head.lattice_norm : 0;
	for (uint32_t i = 0; i < n; i++)
		ret_x[i] = (float) ((get_code(type, codes, i) - centre) * factor);
}

float
vcv_quant_normalize(VcvQuantHead *head)
{
	const float norm = sqrtf(head->norm2);

	if (!(norm > 0))
		return 0;
	head->norm2 = 1;
	head->abs_sum /= norm;
	return norm;
}

uint32_t
vcv_quant_dot(VcvType type, const uint8_t *a, const uint8_t *b, uint32_t n)
{
	return type == VCV_RABITQ8 ? vcs_vector_ops.dot_u8(a, b, n) : vcs_vector_ops.dot_u4(a, b, n);
}

/* the square of a lattice norm before it was rounded to a float */
static double
lattice_norm2(float norm, uint32_t n)
{
	const double square = (double) norm * norm;
	const double least = 0.25 * n;

	/* less than any codes can have: whoever wrote the value wanted it so */
	if (square < least - 0.5 || !(norm > 0))
		return square;
	return least + rint(square - least);
}

float
vcv_quant_score(VcvMetric metric, VcvType type, const VcvQuantHead *a, const VcvQuantHead *b,
				uint64_t products, uint32_t n)
{
	const double c = code_half(type) - 0.5;
	const double norms = lattice_norm2(a->lattice_norm, n) * lattice_norm2(b->lattice_norm, n);
	double cosine = 0;
	double dot;

	if (norms > 0 && a->norm2 > 0 && b->norm2 > 0)
	{
		const double shift = c * ((double) a->code_sum + b->code_sum);

		cosine = ((double) products - shift + (double) n * c * c) / sqrt(norms);
		if (cosine > 1)
			cosine = 1;
		else if (cosine < -1)
			cosine = -1;
	}
	if (metric == VCV_COSINE)
		return (float) -cosine;
	dot = cosine * sqrt((double) a->norm2 * b->norm2);
	if (metric == VCV_L2)
	{
		const double l2sq = (double) a->norm2 + b->norm2 - 2 * dot;

		return l2sq > 0 ? (float) l2sq : 0;
	}
	/* not -0 */
	return (float) (0 - dot);
}

int
vcv_quant_valid(VcvType type, const void *row, uint32_t n)
{
	VcvQuantHead head;

	memcpy(&head, row, sizeof(head));
	if (!isfinite(head.norm2) || !isfinite(head.lattice_norm) || !isfinite(head.code_sum) ||
		!isfinite(head.abs_sum) || head.norm2 < 0 || head.lattice_norm < 0 || head.code_sum < 0 ||
		head.abs_sum < 0)
		return 0;
	return type != VCV_RABITQ4 || n % 2 == 0 || row_codes(row)[n / 2] >> 4 == 0;
}
