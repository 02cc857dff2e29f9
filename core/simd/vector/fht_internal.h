/*
 * core/simd/vector/fht_internal.h
 *		What the rotation kernels of all levels share; not for use outside fht_*.c and rotate_ops.c.
 */
#ifndef VC_CORE_SIMD_VECTOR_FHT_INTERNAL_H
#define VC_CORE_SIMD_VECTOR_FHT_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "core/simd/vector/rotate_ops.h"

/* nearest float to 1/sqrt(2) */
#define FHT_SQRT_HALF 0.70710678118654752440f

extern void vcs_rotate_forward_c(float *x, uint32_t n, const uint8_t *signs);
extern void vcs_rotate_backward_c(float *x, uint32_t n, const uint8_t *signs);
extern void vcs_fht_c(float *x, uint32_t n);

extern void vcs_rotate_fill_x86_v3(VcsRotateOps *ops);
extern void vcs_rotate_fill_x86_v4(VcsRotateOps *ops);
extern void vcs_rotate_fill_a64_neon(VcsRotateOps *ops);

/* n >= 1 */
static inline uint32_t
fht_log2(uint32_t n)
{
	return 31u - (uint32_t) __builtin_clz(n);
}

static inline uint32_t
fht_floor_pow2(uint32_t n)
{
	return 1u << fht_log2(n);
}

/* nearest float to 1/sqrt(b), b a power of two: 2^-k, or 2^-k / sqrt(2) */
static inline float
fht_scale(uint32_t b)
{
	const uint32_t k = fht_log2(b);
	const float s = 1.0f / (float) (1u << (k / 2));

	return (k & 1) ? s * FHT_SQRT_HALF : s;
}

static inline float
fht_flip_one(float x, const uint8_t *signs, uint32_t i)
{
	return ((signs[i / 8] >> (i % 8)) & 1) ? -x : x;
}

static inline void
fht_kac_one(float *l, float *r)
{
	const float a = *l;
	const float b = *r;

	*l = (a + b) * FHT_SQRT_HALF;
	*r = (a - b) * FHT_SQRT_HALF;
}

#endif
