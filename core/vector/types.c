/*
 * core/vector/types.c
 *		Elements of the vector types as f32, norms.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/simd/vector/ops.h"
#include "core/vector/quantized.h"
#include "core/vector/types.h"

void
vcv_to_f32(const VcvView *view, float *ret_x)
{
	switch (view->type)
	{
		case VCV_VECTOR:
			memcpy(ret_x, view->x, view->dim * sizeof(float));
			break;
		case VCV_HALFVEC:
			vcs_vector_ops.f16_to_f32((const VcvHalf *) view->x, view->dim, ret_x);
			break;
		case VCV_RABITQ8:
		case VCV_RABITQ4:
			vcv_dequantize(view->type, view->x, view->dim, ret_x);
			break;
	}
}

void
vcv_from_f32(VcvType type, const float *x, uint32_t n, void *ret_row)
{
	switch (type)
	{
		case VCV_VECTOR:
			memcpy(ret_row, x, n * sizeof(float));
			break;
		case VCV_HALFVEC:
			vcs_vector_ops.f32_to_f16(x, n, (VcvHalf *) ret_row);
			break;
		case VCV_RABITQ8:
		case VCV_RABITQ4:
			vcv_quantize(type, x, n, ret_row);
			break;
	}
}

float
vcv_norm2(const float *x, uint32_t n)
{
	return vcs_vector_ops.norm2_f32(x, n);
}

/* squares of elements outside about 1e-19 .. 1e19 leave the range of f32 */
static double
norm_wide(const float *x, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (double) x[i] * x[i];
	return sqrt(sum);
}

float
vcv_normalize(float *x, uint32_t n)
{
	const float norm2 = vcv_norm2(x, n);
	double norm;

	if (norm2 > 1e-30f && norm2 < 1e30f)
	{
		norm = sqrt((double) norm2);
		vcs_vector_ops.scale_f32(x, (float) (1.0 / norm), n);
		return (float) norm;
	}

	norm = norm_wide(x, n);
	if (!(norm > 0))
		return 0;
	for (uint32_t i = 0; i < n; i++)
		x[i] = (float) (x[i] / norm);
	return norm > FLT_MAX ? FLT_MAX : (float) norm;
}

int
vcv_all_finite(const float *x, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!isfinite(x[i]))
			return 0;
	}
	return 1;
}
