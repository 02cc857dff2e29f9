/*
 * core/simd/vector/f16_c.c
 *		f16 rows against f32 queries, and conversions: reference.
 */
#include "core/simd/vector/ops.h"
#include "core/simd/vector/f16_bits.h"

static float
dot(const float *q, const uint16_t *row, size_t n)
{
	float sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += q[i] * vcs_f16_value(row[i]);
	return sum;
}

static float
l2sq(const float *q, const uint16_t *row, size_t n)
{
	float sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		float diff = q[i] - vcs_f16_value(row[i]);

		sum += diff * diff;
	}
	return sum;
}

static float
norm2(const uint16_t *a, size_t n)
{
	float sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		float x = vcs_f16_value(a[i]);

		sum += x * x;
	}
	return sum;
}

static void
dot_rows(const float *q, const void *rows, size_t stride, size_t nrows, size_t n, float *out)
{
	for (size_t r = 0; r < nrows; r++)
		out[r] = dot(q, (const uint16_t *) ((const char *) rows + r * stride), n);
}

static void
l2sq_rows(const float *q, const void *rows, size_t stride, size_t nrows, size_t n, float *out)
{
	for (size_t r = 0; r < nrows; r++)
		out[r] = l2sq(q, (const uint16_t *) ((const char *) rows + r * stride), n);
}

static void
to_f32(const uint16_t *src, size_t n, float *dst)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = vcs_f16_value(src[i]);
}

static void
from_f32(const float *src, size_t n, uint16_t *dst)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = vcs_f16_from(src[i]);
}

void
vcs_f16_fill_c(VcsVectorOps *ops)
{
	ops->dot_f16 = dot;
	ops->l2sq_f16 = l2sq;
	ops->norm2_f16 = norm2;
	ops->dot_f16_rows = dot_rows;
	ops->l2sq_f16_rows = l2sq_rows;
	ops->f16_to_f32 = to_f32;
	ops->f32_to_f16 = from_f32;
}
