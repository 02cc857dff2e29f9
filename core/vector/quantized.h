/*
 * core/vector/quantized.h
 *		rabitq8 and rabitq4: vectors in 8 or 4 bits a dimension.
 *
 * A value holds the *rotated* vector x (rotate.h) on a lattice: code_i = floor(scale * x_i / |x|) + 2^(B-1),
 * clamped to B bits, scale = 2^(B-1) / max |x_i / |x||.  It stands for (code_i - c) * |x| / lattice_norm
 * with c = (2^B - 1) / 2.  Codes and heads are bit-identical to those of other implementations of the
 * type (vchordrq.md 7.6 has known answers), so values may be exchanged.
 *
 * Distances need no vector: with P = sum a_i b_i - c (sum a + sum b) + n c^2, cos = P / (la lb) within
 * -1 .. 1, dot = cos |a| |b|, L2^2 = |a|^2 + |b|^2 - 2 dot, never below 0.  Products of codes are summed as integers, the
 * rest in double, so every level and every way to cut a row gives the same result.
 */
#ifndef VC_CORE_VECTOR_QUANTIZED_H
#define VC_CORE_VECTOR_QUANTIZED_H

#include <stdint.h>

#include "core/vector/distance.h"
#include "core/vector/types.h"

/*
 * The row (VcvQuantHead, codes) of the rotated vector x[n].  A zero vector, and one with elements that
 * are not finite, gets a head and codes of zeroes; a length whose square exceeds a float is cut to it.
 */
extern void vcv_quantize(VcvType type, const float *x, uint32_t n, void *ret_row);

/*
 * The same of a vector that is not rotated yet.  Its norm2 is taken of v itself, which rotation
 * preserves but for rounding.  rotated: scratch for n floats.
 */
extern void vcv_quantize_original(VcvType type, const float *v, uint32_t n, float *rotated,
								  void *ret_row);

/* the rotated vector that a row stands for */
extern void vcv_dequantize(VcvType type, const void *row, uint32_t n, float *ret_x);

/* Scale to unit length: norm2 becomes 1, abs_sum is divided by the former norm, which is returned. */
extern float vcv_quant_normalize(VcvQuantHead *head);

/* sum a_i b_i over n codes; begins of both are at even dimensions */
extern uint32_t vcv_quant_dot(VcvType type, const uint8_t *a, const uint8_t *b, uint32_t n);

/*
 * Score (distance.h) of two rows from their heads and the sum of the products of their codes, which may
 * have been taken in parts.  Under VCV_COSINE it is -cos, whatever the lengths; -0 for a zero vector.
 */
extern float vcv_quant_score(VcvMetric metric, VcvType type, const VcvQuantHead *a,
							 const VcvQuantHead *b, uint64_t products, uint32_t n);

/*
 * Head finite and not negative, top nibble of an odd rabitq4 zero: what input accepts.  That the head
 * is the one of these codes is not asked for; distances of a value of which it is not mean nothing, but
 * are never NaN.
 */
extern int vcv_quant_valid(VcvType type, const void *row, uint32_t n);

#endif
