/*
 * core/simd/vector/elementwise.h
 *		Element-wise f32 helpers; the compiler vectorises them for the level that includes them.
 *
 * There is no sum, so every level gives the same bits (products are not contracted into FMA).
 */
#ifndef VC_CORE_SIMD_VECTOR_ELEMENTWISE_H
#define VC_CORE_SIMD_VECTOR_ELEMENTWISE_H

#include "core/simd/vector/ops.h"

static void
add(float *dst, const float *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] += src[i];
}

static void
axpy(float *dst, float a, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] += a * x[i];
}

static void
scale(float *dst, float a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] *= a;
}

static void
sub(const float *a, const float *b, size_t n, float *dst)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = a[i] - b[i];
}

static inline void
fill_elementwise(VcsVectorOps *ops)
{
	ops->add_f32 = add;
	ops->axpy_f32 = axpy;
	ops->scale_f32 = scale;
	ops->sub_f32 = sub;
}

#endif
