/*
 * core/simd/vector/quantize.h
 *		What every level of the query quantisers shares: scalar parameters, rounding, ranges.
 */
#ifndef VC_CORE_SIMD_VECTOR_QUANTIZE_H
#define VC_CORE_SIMD_VECTOR_QUANTIZE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/simd/vector/ops.h"

/* Below this a reciprocal would overflow; such a query is zero for every purpose. */
#define VCS_RANGE_MIN 0x1p-100f

/* From here on sums would overflow; such a query is treated as not finite. */
#define VCS_TOTAL_MAX 0x1p124f

/* Standard deviation of a rounding error, uniform over one step: 1 / sqrt(12). */
#define VCS_ROUNDING_STD 0.2886751f

/* Round half to even for 0 <= x <= 63, as the vector conversions do. */
static inline uint32_t
vcs_round_small(float x)
{
	float shifted = x + 0x1.8p23f; /* the sum's last bit is worth 1 */
	uint32_t bits;

	memcpy(&bits, &shifted, sizeof(bits));
	return bits & 63;
}

/*
 * Parameters of a table from the largest and the total group sum of |q|.  Returns the factor k of
 * ops.h, or 0 if the table is to be zero.
 */
static inline float
vcs_lut_params(float max, float total, size_t n, VcsLutParams *ret_params)
{
	float groups = (float) VCS_GROUPS(n);

	if (!(total < VCS_TOTAL_MAX) || max < VCS_RANGE_MIN)
	{
		ret_params->scale = 0;
		ret_params->bias = total < VCS_TOTAL_MAX ? 0 : NAN;
		ret_params->err_std = total;
		ret_params->err_max = total + groups * 0x1p-22f * total;
		return 0;
	}
	ret_params->scale = max * (2.0f / VCS_LUT_MAX);
	ret_params->bias = -total;
	ret_params->err_std = VCS_ROUNDING_STD * ret_params->scale * sqrtf(groups);

	/* half a step a group; 1 ppm for rounding in the entries; the error of summing `total` */
	ret_params->err_max = 0.5000005f * ret_params->scale * groups + groups * 0x1p-22f * total;
	return VCS_LUT_MAX / max;
}

/*
 * Parameters of the bit planes; `poison` is NaN if any q is not finite, else 0.  Sets all of
 * *ret_params but for a final sum_q.  Returns the factor k, or 0 if the planes are to be zero.
 */
static inline float
vcs_planes_params(float min, float max, float poison, size_t n, VcsPlanesParams *ret_params)
{
	float range = max - min;

	ret_params->sum_q = 0;
	ret_params->scale = 0;
	ret_params->bias = n == 0 ? 0 : min;
	ret_params->err_std = 0;
	if (n == 0)
		return 0;
	if (poison != 0 || !(range < INFINITY))
	{
		ret_params->bias = NAN;
		return 0;
	}
	if (range < VCS_RANGE_MIN)
		return 0;
	ret_params->scale = range * (1.0f / 63);
	ret_params->err_std = VCS_ROUNDING_STD * ret_params->scale * sqrtf((float) n);
	return 63.0f / range;
}

#endif
