/*
 * core/simd/vector/f32_c.c
 *		f32 distances and element-wise helpers: reference.
 */
#include "core/simd/vector/elementwise.h"
#include "core/simd/vector/ops.h"

static float
dot(const float *a, const float *b, size_t n)
{
	float sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static float
l2sq(const float *a, const float *b, size_t n)
{
	float sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		float diff = a[i] - b[i];

		sum += diff * diff;
	}
	return sum;
}

static float
norm2(const float *a, size_t n)
{
	return dot(a, a, n);
}

static void
dot_rows(const float *q, const void *rows, size_t stride, size_t nrows, size_t n, float *out)
{
	for (size_t r = 0; r < nrows; r++)
		out[r] = dot(q, (const float *) ((const char *) rows + r * stride), n);
}

static void
l2sq_rows(const float *q, const void *rows, size_t stride, size_t nrows, size_t n, float *out)
{
	for (size_t r = 0; r < nrows; r++)
		out[r] = l2sq(q, (const float *) ((const char *) rows + r * stride), n);
}

void
vcs_f32_fill_c(VcsVectorOps *ops)
{
	ops->dot_f32 = dot;
	ops->l2sq_f32 = l2sq;
	ops->norm2_f32 = norm2;
	ops->dot_f32_rows = dot_rows;
	ops->l2sq_f32_rows = l2sq_rows;
	fill_elementwise(ops);
}
