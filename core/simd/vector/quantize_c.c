/*
 * core/simd/vector/quantize_c.c
 *		Query quantisation: fastscan table and bit planes: reference.
 *
 * The signed sum of a group with code bits b is S_b = sum (b_i ? q_i : -q_i), its minimum over b is
 * -sum |q_i|, and S_b - min = 2 * sum max(b_i ? q_i : -q_i, 0).  The table holds these in units of
 *one step = 2 * max / 63, which makes the factor 2 vanish from k = 63 / max.
 */
#include "core/simd/vector/ops.h"
#include "core/simd/vector/quantize.h"

#include <math.h>
#include <string.h>

static void
build_lut6(const float *q, size_t n, uint8_t *lut, VcsLutParams *ret_params)
{
	size_t ngroups = VCS_GROUPS(n);
	float max = 0;
	float total = 0;
	float k;

	for (size_t g = 0; g < ngroups; g++)
	{
		float a[4] = {0, 0, 0, 0};
		float sum;

		for (size_t i = 0; i < 4 && g * 4 + i < n; i++)
			a[i] = fabsf(q[g * 4 + i]);
		sum = (a[0] + a[1]) + (a[2] + a[3]);
		total += sum;
		if (sum > max)
			max = sum;
	}
	k = vcs_lut_params(max, total, n, ret_params);
	if (k == 0)
	{
		memset(lut, 0, ngroups * 16);
		return;
	}
	for (size_t g = 0; g < ngroups; g++)
	{
		float x[4] = {0, 0, 0, 0};

		for (size_t i = 0; i < 4 && g * 4 + i < n; i++)
			x[i] = q[g * 4 + i] * k;
		for (int b = 0; b < 16; b++)
		{
			float t[4];

			for (int i = 0; i < 4; i++)
			{
				t[i] = (b >> i & 1) != 0 ? x[i] : -x[i];
				if (!(t[i] > 0))
					t[i] = 0;
			}
			lut[g * 16 + (size_t) b] = (uint8_t) vcs_round_small((t[0] + t[1]) + (t[2] + t[3]));
		}
	}
}

static void
quantize_planes(const float *q, size_t n, uint64_t *planes, VcsPlanesParams *ret_params)
{
	size_t words = VCS_WORDS(n);
	float min = INFINITY;
	float max = -INFINITY;
	float poison = 0;
	float k;
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		min = q[i] < min ? q[i] : min;
		max = q[i] > max ? q[i] : max;
		poison += q[i] * 0.0f;
	}
	memset(planes, 0, VCS_PLANES * words * sizeof(uint64_t));
	k = vcs_planes_params(min, max, poison, n, ret_params);
	if (k == 0)
		return;
	for (size_t i = 0; i < n; i++)
	{
		uint32_t v = vcs_round_small((q[i] - min) * k);

		sum += v;
		for (size_t p = 0; p < VCS_PLANES; p++)
			planes[p * words + i / 64] |= (uint64_t) (v >> p & 1) << (i % 64);
	}
	ret_params->sum_q = sum;
}

void
vcs_quantize_fill_c(VcsVectorOps *ops)
{
	ops->build_lut6 = build_lut6;
	ops->quantize_planes = quantize_planes;
}
