/*
 * core/vector/rabitq.h
 *		RaBitQ: one bit per dimension, an unbiased estimate of the distance, and a lower bound of it.
 *
 * README.md, "RaBitQ in one page", has the derivation.  All vectors here are rotated (rotate.h).  A
 * row o is coded as u = o - c (residual) or u = o; its metric is L2 (squared) or dot (IP, cosine).
 *
 *	score(o, q) ~ base + dc + k * factor * e		e = sum of s_i * q_i, s_i = +1 | -1 by bit i
 *	|error|    <~ err * width						one standard deviation
 *
 *	metric	k	dc					width			base
 *	L2		-2	|q - c|^2 (|q|^2)	2 * |q - c|		|u|^2 + 2 factor <s, c>
 *	dot		-1	-<q, c>   (0)		|q - c|			factor <s, c> - <u, c>  (0)
 *
 * (in parentheses: without residual).  base, factor, err belong to the row; dc and width to the query
 * and the list; e needs the query alone, so one table per query serves all lists.
 */
#ifndef VC_CORE_VECTOR_RABITQ_H
#define VC_CORE_VECTOR_RABITQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/simd/vector/ops.h"
#include "core/vector/distance.h"

/* epsilon of a search when nobody asked for another */
#define VCV_RABITQ_EPSILON 1.9f

/* what is stored beside the bits of a row */
typedef struct VcvFactors
{
	float base;
	float factor;
	float err; /* stored as a half by vcv_half_up() */
} VcvFactors;

/* the textbook quantities of one code (before the convention above), for tests and inspection */
typedef struct VcvCodeStats
{
	float norm2;        /* |u|^2 */
	float factor_ip;    /* |u|^2 / sum |u_i|; 0 for u = 0 */
	float factor_err;   /* |u| sqrt(1 / x0^2 - 1) / sqrt(n - 1); 0 for u = 0 or n = 1 */
	int32_t factor_cnt; /* ones minus zeros */
} VcvCodeStats;

/*
 * Code u[n]: bit i (bit i % 8 of byte i / 8) is set if the sign bit of u_i is clear.  ret_bits:
 * VCS_CODE_BYTES(n) bytes, unused bits zero (on little-endian machines that is VCS_WORDS(n) words
 * whose last is cut).  centroid: the rotated c, or NULL if u is not a residual.  A u whose norm is
 * not finite gets factors that bound nothing (base -infinity), so such a row is always looked at.
 */
extern void vcv_rabitq_encode(const float *u, const float *centroid, uint32_t n, VcvMetric metric,
							  uint8_t *ret_bits, VcvFactors *ret_factors);

/* the code's own numbers */
extern void vcv_rabitq_stats(const float *u, uint32_t n, VcvCodeStats *ret_stats);

/* the least half that is not below x; x >= 0 (above 65504: infinity) */
extern VcvHalf vcv_half_up(float x);

/* a query with its tables, which serve all lists */
typedef struct VcvQuery
{
	VcvMetric metric;
	uint32_t n;
	float norm2;            /* |q|^2 */
	const float *q;         /* [n] rotated; under cosine normalised */
	const uint8_t *lut;     /* VCS_LUT_BYTES(n), for fastscan_accumulate */
	const uint64_t *planes; /* for planes_dot; NULL if not asked for */
	VcsLutParams lut_params;
	VcsPlanesParams planes_params;
} VcvQuery;

/* bytes that a query of n dimensions keeps besides the struct */
extern size_t vcv_query_memory(uint32_t n);

/*
 * Prepare the rotated query q[n] (copied).  memory: vcv_query_memory(n) bytes, 64-byte aligned, which
 * lives as long as the query.  singles: also build the planes for codes that lie alone.
 */
extern void vcv_query_init(VcvQuery *query, VcvMetric metric, const float *q, uint32_t n,
						   bool singles, void *memory);

/* the part of a bound that vcv_rabitq_single needs */
typedef struct VcvSingleBound
{
	float c0;
	float k;      /* -2 (L2) or -1 */
	float margin; /* error of the quantised query, times factor */
	float w;
} VcvSingleBound;

/*
 * Parameters of lower_bounds for one list; threshold is set to +infinity.
 *	residual codes:	dc = exact score of the list's centroid (L2: |q - c|^2, dot: -<q, c>),
 *					centroid_norm2 = |c|^2 (used by dot only)
 *	plain codes:	vcv_rabitq_bound_plain
 * lower bound = rough - epsilon * err * width - what the quantised table may be wrong by at the same
 * confidence.  ret_single may be NULL.
 */
extern void vcv_rabitq_bound(const VcvQuery *query, float dc, float centroid_norm2, float epsilon,
							 VcsBound *ret_bound, VcvSingleBound *ret_single);

static inline void
vcv_rabitq_bound_plain(const VcvQuery *query, float epsilon, VcsBound *ret_bound,
					   VcvSingleBound *ret_single)
{
	vcv_rabitq_bound(query, query->metric == VCV_L2 ? query->norm2 : 0.0f, 0.0f, epsilon, ret_bound,
					 ret_single);
}

/* e = sum s_i q_i of one code by planes (query->planes is not NULL) */
extern float vcv_rabitq_e(const VcvQuery *query, const uint8_t *code);

/* lower bound of a row whose code lies alone; err as read back from its half */
extern float vcv_rabitq_single(const VcvQuery *query, const VcvSingleBound *bound,
							   const uint8_t *code, float base, float factor, float err);

#endif
