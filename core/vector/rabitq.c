/*
 * core/vector/rabitq.c
 *		RaBitQ codes, query tables and bounds; README.md, "RaBitQ in one page", has the algebra.
 *
 * Sums are f32 in the kernels' order; what a row stores is derived from them in double, once a row.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/vector/rabitq.h"

/* f32 sums of a few thousand terms are below half of this, so estimates stay finite */
#define MAX_NORM2 1e37f

/* ratio of err to factor, times |q - c| = one standard deviation of e; of nearly all rows more */
#define TYPICAL_ERR_RATIO 0.4f

/* factor and err of a code whose sums are l1 = sum |u_i|, norm2 = sum u_i^2 */
static void
derive(float l1, float norm2, uint32_t n, float *ret_factor, float *ret_err)
{
	double ratio;

	*ret_factor = 0;
	*ret_err = 0;
	if (!(l1 > 0) || !(norm2 > 0))
		return;
	*ret_factor = (float) ((double) norm2 / (double) l1);
	if (n == 1)
		return;
	/* 1 / x0^2 - 1; x0 = 1 for a vector that points into a corner of the cube, up to rounding */
	ratio = (double) n * (double) norm2 / ((double) l1 * (double) l1) - 1;
	if (ratio > 0)
		*ret_err = (float) sqrt((double) norm2 * ratio / (n - 1));
}

/* <s, c>: s_i = -1 where the sign bit of u_i is set, else 1 */
static float
signed_sum(const float *u, const float *c, uint32_t n)
{
	float s[256];
	float sum = 0;

	for (uint32_t from = 0; from < n; from += 256)
	{
		const uint32_t len = n - from < 256 ? n - from : 256;

		for (uint32_t i = 0; i < len; i++)
			s[i] = copysignf(1.0f, u[from + i]);
		sum += vcs_vector_ops.dot_f32(s, c + from, len);
	}
	return sum;
}

void
vcv_rabitq_encode(const float *u, const float *centroid, uint32_t n, VcvMetric metric,
				  uint8_t *ret_bits, VcvFactors *ret_factors)
{
	float l1;
	float norm2;
	float base;
	float factor;
	float err;

	vcs_vector_ops.encode_bits(u, n, ret_bits, &l1, &norm2);
	if (!(norm2 < MAX_NORM2))
	{
		ret_factors->base = -INFINITY;
		ret_factors->factor = 0;
		ret_factors->err = 0;
		return;
	}
	derive(l1, norm2, n, &factor, &err);
	base = metric == VCV_L2 ? norm2 : 0;
	if (centroid != NULL)
	{
		const float s_c = signed_sum(u, centroid, n);

		if (metric == VCV_L2)
			base += 2 * factor * s_c;
		else
			base = factor * s_c - vcs_vector_ops.dot_f32(u, centroid, n);
	}
	ret_factors->base = base;
	ret_factors->factor = factor;
	ret_factors->err = err;
}

void
vcv_rabitq_stats(const float *u, uint32_t n, VcvCodeStats *ret_stats)
{
	float l1 = 0;

	ret_stats->norm2 = vcv_norm2(u, n);
	ret_stats->factor_cnt = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		l1 += fabsf(u[i]);
		ret_stats->factor_cnt += signbit(u[i]) ? -1 : 1;
	}
	derive(l1, ret_stats->norm2, n, &ret_stats->factor_ip, &ret_stats->factor_err);
}

VcvHalf
vcv_half_up(float x)
{
	VcvHalf half;
	float back;

	vcs_vector_ops.f32_to_f16(&x, 1, &half);
	vcs_vector_ops.f16_to_f32(&half, 1, &back);
	return back < x ? (VcvHalf) (half + 1) : half;
}

/* keep parts of the block on cache lines of their own */
static size_t
lines(size_t bytes)
{
	return (bytes + 63) & ~(size_t) 63;
}

size_t
vcv_query_memory(uint32_t n)
{
	return lines(n * sizeof(float)) + lines(VCS_LUT_BYTES(n)) +
		   lines(VCS_PLANES * VCS_WORDS(n) * sizeof(uint64_t));
}

void
vcv_query_init(VcvQuery *query, VcvMetric metric, const float *q, uint32_t n, bool singles,
			   void *memory)
{
	float *copy = memory;
	uint8_t *lut = (uint8_t *) memory + lines(n * sizeof(float));
	uint64_t *planes = (uint64_t *) (lut + lines(VCS_LUT_BYTES(n)));

	memset(query, 0, sizeof(*query));
	memcpy(copy, q, n * sizeof(float));
	query->metric = metric;
	query->n = n;
	query->norm2 = vcv_norm2(copy, n);
	query->q = copy;
	vcs_vector_ops.build_lut6(copy, n, lut, &query->lut_params);
	query->lut = lut;
	if (singles)
	{
		vcs_vector_ops.quantize_planes(copy, n, planes, &query->planes_params);
		query->planes = planes;
	}
}

/*
 * What to allow for the quantised query.  Its error (one standard deviation: std) is independent of
 * the code's error (a), so together they have sqrt(a^2 + std^2) <= a + std^2 / (2 a).  a belongs to
 * the row, is about 0.6 |q - c| in units of e, and hardly ever less than 0.4 |q - c|.
 */
static float
quantisation_margin(float std, float distance, float epsilon)
{
	const float a = TYPICAL_ERR_RATIO * distance;
	float more = std;

	if (std < 2 * a)
		more = std * std / (2 * a);
	return epsilon * more;
}

void
vcv_rabitq_bound(const VcvQuery *query, float dc, float centroid_norm2, float epsilon,
				 VcsBound *ret_bound, VcvSingleBound *ret_single)
{
	const float k = query->metric == VCV_L2 ? -2.0f : -1.0f;
	const float distance2 = query->metric == VCV_L2 ? dc : query->norm2 + centroid_norm2 + 2 * dc;
	const float distance = distance2 > 0 ? sqrtf(distance2) : 0; /* rounding may go below 0 */
	const float w = -k * epsilon * distance;
	const VcsLutParams *lut = &query->lut_params;
	float margin;

	margin = quantisation_margin(lut->err_std, distance, epsilon);
	if (margin > lut->err_max)
		margin = lut->err_max;
	ret_bound->c0 = dc;
	ret_bound->m = k * lut->scale;
	ret_bound->b = k * (lut->bias + margin);
	ret_bound->w = w;
	ret_bound->threshold = INFINITY;
	if (ret_single != NULL)
	{
		ret_single->c0 = dc;
		ret_single->k = k;
		ret_single->margin =
			-k * quantisation_margin(query->planes_params.err_std, distance, epsilon);
		ret_single->w = w;
	}
}

float
vcv_rabitq_e(const VcvQuery *query, const uint8_t *code)
{
	const VcsPlanesParams *p = &query->planes_params;
	const uint32_t sum = vcs_vector_ops.planes_dot(code, query->planes, query->n);
	const uint32_t bytes = query->n / 8;
	uint32_t ones = 0;
	uint32_t i = 0;
	uint64_t word;

	for (; i + 8 <= bytes; i += 8)
	{
		memcpy(&word, code + i, 8);
		ones += (uint32_t) __builtin_popcountll(word);
	}
	for (; i < bytes; i++)
		ones += (uint32_t) __builtin_popcount(code[i]);
	if (query->n % 8 != 0)
		ones += (uint32_t) __builtin_popcount(code[bytes] & ((1u << (query->n % 8)) - 1));
	return p->scale * (2.0f * (float) sum - (float) p->sum_q) +
		   p->bias * (2.0f * (float) ones - (float) query->n);
}

float
vcv_rabitq_single(const VcvQuery *query, const VcvSingleBound *bound, const uint8_t *code,
				  float base, float factor, float err)
{
	return base + bound->c0 + factor * (bound->k * vcv_rabitq_e(query, code) - bound->margin) -
		   bound->w * err;
}
