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

/* bytes of the code of one row: bit i is bit i % 8 of byte i / 8; unused bits are 0 */
static inline uint32_t
vcv_code_bytes(uint32_t n)
{
	return (n + 7) / 8;
}

/*
 * Code u[n].  centroid: the rotated c, or NULL if u is not a residual.  bits: vcv_code_bytes(n).
 */
extern void vcv_rabitq_encode(const float *u, const float *centroid, uint32_t n, VcvMetric metric,
							  uint8_t *ret_bits, VcvFactors *ret_factors);

/* the code's own numbers */
extern void vcv_rabitq_stats(const float *u, uint32_t n, VcvCodeStats *ret_stats);

/* nearest half that is not less than x >= 0 (65504 is exceeded only as infinity) */
extern VcvHalf vcv_half_up(float x);

#endif
