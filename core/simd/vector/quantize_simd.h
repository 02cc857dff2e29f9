/*
 * core/simd/vector/quantize_simd.h
 *		Query quantisation of a vector level.  Included once a level, after lanes_*.h.
 *
 * A vector holds LANES / 4 groups, one in each four lanes.  With t_i = max(b_i ? x_i : -x_i, 0), lane c of
 * a group gets A = t_0 + t_1 for the code bits 0, 1 equal to c and B = t_2 + t_3 for the bits 2, 3;
 * entry b is A[b % 4] + B[b / 4], so the four entries with equal b / 4 are A plus one lane of B, and
 * packing four such vectors to bytes leaves them in table order.
 */
#include "core/simd/vector/quantize.h"

/* The groups of one vector: 4 * LANES entries. */
static inline void
lut_step(vf x, uint8_t *lut)
{
	const vf zero = vf_zero();
	const vf even = vf_set4(-0.0f, 0.0f, -0.0f, 0.0f); /* low bit clear: flip the sign */
	const vf high = vf_set4(-0.0f, -0.0f, 0.0f, 0.0f);
	vf t0 = vf_max(vf_xor(vf_dup4(x, 0), even), zero);
	vf t1 = vf_max(vf_xor(vf_dup4(x, 1), high), zero);
	vf t2 = vf_max(vf_xor(vf_dup4(x, 2), even), zero);
	vf t3 = vf_max(vf_xor(vf_dup4(x, 3), high), zero);
	vf a = vf_add(t0, t1);
	vf b = vf_add(t2, t3);

	vf_store_bytes4(lut, vf_add(a, vf_dup4(b, 0)), vf_add(a, vf_dup4(b, 1)),
					vf_add(a, vf_dup4(b, 2)), vf_add(a, vf_dup4(b, 3)));
}

/* Sum of |x| over each group, in all its four lanes. */
static inline vf
group_sums(vf x)
{
	vf s = vf_abs(x);

	s = vf_add(s, vf_swap1(s));
	return vf_add(s, vf_swap2(s));
}

static void
build_lut6(const float *q, size_t n, uint8_t *lut, VcsLutParams *ret_params)
{
	vf max0 = vf_zero();
	vf max1 = vf_zero();
	vf total0 = vf_zero();
	vf total1 = vf_zero();
	size_t i = 0;
	float k;
	vf factor;

	for (; i + 2 * LANES <= n; i += 2 * LANES)
	{
		vf s0 = group_sums(vf_load(q + i));
		vf s1 = group_sums(vf_load(q + i + LANES));

		max0 = vf_max(max0, s0);
		max1 = vf_max(max1, s1);
		total0 = vf_add(total0, s0);
		total1 = vf_add(total1, s1);
	}
	for (; i < n; i += LANES)
	{
		vf s = group_sums(i + LANES <= n ? vf_load(q + i) : vf_load_part(q + i, n - i));

		max0 = vf_max(max0, s);
		total0 = vf_add(total0, s);
	}
	/* each group was counted in four lanes; a sum near overflow is caught as "not finite" */
	k = vcs_lut_params(vf_hmax(vf_max(max0, max1)), vf_hsum(vf_add(total0, total1)) * 0.25f, n,
					   ret_params);
	if (k == 0)
	{
		memset(lut, 0, VCS_LUT_BYTES(n));
		return;
	}

	factor = vf_set(k);
	for (i = 0; i + LANES <= n; i += LANES)
		lut_step(vf_mul(vf_load(q + i), factor), lut + 4 * i);
	if (i < n)
	{
		uint8_t last[4 * LANES];

		lut_step(vf_mul(vf_load_part(q + i, n - i), factor), last);
		memcpy(lut + 4 * i, last, VCS_LUT_BYTES(n) - 4 * i);
	}
}

static void
quantize_planes(const float *q, size_t n, uint64_t *planes, VcsPlanesParams *ret_params)
{
	size_t words = VCS_WORDS(n);
	vf low = vf_set(INFINITY);
	vf high = vf_set(-INFINITY);
	vf poison = vf_zero();
	float min;
	float max;
	float bad;
	float k;
	uint32_t sum = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
	{
		vf x = vf_load(q + i);

		low = vf_min(low, x);
		high = vf_max(high, x);
		poison = vf_fma(x, vf_zero(), poison);
	}
	min = vf_hmin(low);
	max = vf_hmax(high);
	bad = vf_hsum(poison);
	for (; i < n; i++)
	{
		min = q[i] < min ? q[i] : min;
		max = q[i] > max ? q[i] : max;
		bad += q[i] * 0.0f;
	}
	k = vcs_planes_params(min, max, bad, n, ret_params);
	if (k == 0)
	{
		memset(planes, 0, VCS_PLANES * words * sizeof(uint64_t));
		return;
	}

	for (size_t w = 0; w < words; w++)
	{
		const float *src = q + w * 64;
		float padded[64];
		uint8_t bytes[64];

		if (n - w * 64 < 64)
		{
			size_t live = n - w * 64;

			memcpy(padded, src, live * sizeof(float));
			for (size_t j = live; j < 64; j++)
				padded[j] = min;
			src = padded;
		}
		for (size_t j = 0; j < 64; j++)
			bytes[j] = (uint8_t) vcs_round_small((src[j] - min) * k);
		bytes_to_planes(bytes, planes + w, words);
		for (size_t p = 0; p < VCS_PLANES; p++)
			sum += (uint32_t) __builtin_popcountll(planes[p * words + w]) << p;
	}
	ret_params->sum_q = sum;
}

static inline void
fill_quantize(VcsVectorOps *ops)
{
	ops->build_lut6 = build_lut6;
	ops->quantize_planes = quantize_planes;
}
