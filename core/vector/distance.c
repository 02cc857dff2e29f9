/*
 * core/vector/distance.c
 *		Exact scores and their conversion to operator results.
 */
#include <math.h>

#include "core/simd/vector/ops.h"
#include "core/vector/distance.h"
#include "core/vector/quantized.h"

/* score of two rows of a quantised type */
static float
score_quantized(VcvMetric metric, VcvType type, const void *q, const void *row, uint32_t n)
{
	const VcvQuantHead *a = (const VcvQuantHead *) q;
	const VcvQuantHead *b = (const VcvQuantHead *) row;

	return vcv_quant_score(
		metric, type, a, b,
		vcv_quant_dot(type, (const uint8_t *) (a + 1), (const uint8_t *) (b + 1), n), n);
}

float
vcv_score(VcvMetric metric, VcvType type, const void *q, const void *row, uint32_t n)
{
	if (vcv_is_quantized(type))
		return score_quantized(metric, type, q, row, n);
	if (metric == VCV_L2)
		return type == VCV_VECTOR ? vcs_vector_ops.l2sq_f32(q, (const float *) row, n)
								  : vcs_vector_ops.l2sq_f16(q, (const VcvHalf *) row, n);
	return type == VCV_VECTOR ? -vcs_vector_ops.dot_f32(q, (const float *) row, n)
							  : -vcs_vector_ops.dot_f16(q, (const VcvHalf *) row, n);
}

double
vcv_metric_result(VcvMetric metric, float score)
{
	switch (metric)
	{
		case VCV_L2:
			return score > 0 ? sqrt((double) score) : 0;
		case VCV_IP:
			return score;
		case VCV_COSINE:
			break;
	}
	return 1.0 + (double) score;
}

float
vcv_metric_score(VcvMetric metric, double result)
{
	switch (metric)
	{
		case VCV_L2:
			/* no distance is below a negative one */
			return result > 0 ? (float) (result * result) : 0;
		case VCV_IP:
			return (float) result;
		case VCV_COSINE:
			break;
	}
	return (float) (result - 1.0);
}
