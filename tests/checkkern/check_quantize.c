/*
 * tests/checkkern/check_quantize.c
 *		Query quantisation: the table of fastscan, bit planes.
 *
 * Tables and planes must be equal bit for bit to the C level's, and right by an independent measure:
 * every code's estimate lies within the stated error of the exact sum.
 */
#include "core/simd/vector/ops.h"
#include "tests/checkkern/families.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_N 9000

static VcsVectorOps c;

static double
sum_abs(const float *q, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += fabs((double) q[i]);
	return sum;
}

/* Exact sum of s_i q_i for the code bits. */
static double
signed_sum(const float *q, const uint8_t *code, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (code[i / 8] >> (i % 8) & 1) != 0 ? (double) q[i] : -(double) q[i];
	return sum;
}

static void
check_lut(const VcsVectorOps *ops, const float *q, size_t n, int random)
{
	static uint8_t expected[MAX_N * 4 + 64];
	uint8_t code[MAX_N / 8 + 1];
	CkPlace place = (CkPlace) (n % CK_PLACES);
	const float *x = ck_place_copy(0, place, q, n * sizeof(float), sizeof(float));
	uint8_t *lut = ck_place(1, place, VCS_LUT_BYTES(n), 1);
	VcsLutParams params;
	VcsLutParams c_params;
	double total = sum_abs(q, n);
	bool usable = total < 0x1p124;
	int largest = 0;

	ck_at("build_lut6", n);
	c.build_lut6(q, n, expected, &c_params);
	ops->build_lut6(x, n, lut, &params);
	ck_expect_bytes(lut, expected, VCS_LUT_BYTES(n));
	ck_expect(memcmp(&params.scale, &c_params.scale, sizeof(float)) == 0, "scale %a, not %a",
			  (double) params.scale, (double) c_params.scale);
	ck_expect_sum(params.bias, !usable ? (double) NAN : params.scale != 0 ? -total : 0, total, n);
	ck_expect_untouched(1, lut, VCS_LUT_BYTES(n));
	for (size_t i = 0; i < VCS_LUT_BYTES(n); i++)
		if (lut[i] > largest)
			largest = lut[i];
	ck_expect(largest <= VCS_LUT_MAX, "entry %d", largest);
	if (!usable)
		return;
	ck_expect(largest == (params.scale != 0 ? VCS_LUT_MAX : 0), "largest entry %d", largest);

	for (int round = 0; round < 4; round++)
	{
		double exact;
		double e;
		uint32_t acc = 0;

		memset(code, round == 0 ? 0xff : 0, sizeof(code));
		if (round > 1)
			ck_fill_bytes(code, VCS_CODE_BYTES(n));
		for (size_t g = 0; g < VCS_GROUPS(n); g++)
			acc += lut[g * 16 + (code[g / 2] >> (g % 2 * 4) & 15)];
		exact = signed_sum(q, code, n);
		e = (double) params.scale * acc + (double) params.bias;
		ck_expect(fabs(e - exact) <= (double) params.err_max, "e %g, not %g, allowed %g", e, exact,
				  (double) params.err_max);
		if (random && round > 1 && n >= 64)
			ck_expect(fabs(e - exact) <= 6 * (double) params.err_std, "e %g, not %g, std %g", e,
					  exact, (double) params.err_std);
	}
}

static void
check_planes(const VcsVectorOps *ops, const float *q, size_t n)
{
	static uint64_t expected[VCS_PLANES * (MAX_N / 64 + 1)];
	CkPlace place = (CkPlace) (n % CK_PLACES);
	size_t bytes = VCS_PLANES * VCS_WORDS(n) * sizeof(uint64_t);
	const float *x = ck_place_copy(0, place, q, n * sizeof(float), sizeof(float));
	uint64_t *planes = ck_place(1, place, bytes, sizeof(uint64_t));
	VcsPlanesParams params;
	VcsPlanesParams c_params;
	uint32_t sum = 0;
	bool finite = isfinite(sum_abs(q, n));

	ck_at("quantize_planes", n);
	c.quantize_planes(q, n, expected, &c_params);
	ops->quantize_planes(x, n, planes, &params);
	ck_expect_bytes(planes, expected, bytes);
	ck_expect(params.scale == c_params.scale && params.sum_q == c_params.sum_q &&
				  (params.bias == c_params.bias || !finite),
			  "parameters differ");
	ck_expect_untouched(1, planes, bytes);
	if (!finite)
	{
		ck_expect(isnan(params.bias) && params.scale == 0, "not finite: bias %g",
				  (double) params.bias);
		return;
	}
	for (size_t i = 0; i < VCS_WORDS(n) * 64; i++)
	{
		uint32_t v = 0;

		for (size_t p = 0; p < VCS_PLANES; p++)
			v |= (uint32_t) (planes[p * VCS_WORDS(n) + i / 64] >> (i % 64) & 1) << p;
		sum += v;
		if (i >= n)
			ck_expect(v == 0, "padding %zu is %u", i, v);
		else
		{
			double value = (double) params.scale * v + (double) params.bias;

			ck_expect(fabs(value - (double) q[i]) <=
						  0.50001 * (double) params.scale +
							  1e-6 * (fabs((double) q[i]) + fabs((double) params.bias)),
					  "%zu: %g, not %g", i, value, (double) q[i]);
		}
	}
	ck_expect(sum == params.sum_q, "sum %u, not %u", params.sum_q, sum);
}

static void
check(VcsLevel level)
{
	static const float values[] = {0.0f,    -0.0f,    1e-42f,    1e-33f, 1e30f,
								   FLT_MAX, INFINITY, -INFINITY, NAN};
	float *q = malloc(MAX_N * sizeof(float));
	VcsVectorOps ops;

	vcs_vector_fill(&c, VCS_LEVEL_C);
	vcs_vector_fill(&ops, level);
	for (const size_t *n = ck_lengths(); *n != SIZE_MAX; n++)
	{
		ck_fill_gauss(q, *n);
		check_lut(&ops, q, *n, 1);
		check_planes(&ops, q, *n);
	}
	for (size_t n = 1; n < 140; n += 5)
	{
		for (size_t s = 0; s < sizeof(values) / sizeof(values[0]); s++)
		{
			ck_fill_gauss(q, n);
			q[ck_random() % n] = values[s];
			check_lut(&ops, q, n, 0);
			check_planes(&ops, q, n);

			/* all alike: a range of zero for the planes */
			for (size_t i = 0; i < n; i++)
				q[i] = s == 5 ? 1.5f : values[s];
			check_lut(&ops, q, n, 0);
			check_planes(&ops, q, n);
		}
		/* halves of a step: ties of the rounding */
		for (size_t i = 0; i < n; i++)
			q[i] = (float) (ck_random() % 127) * 0.5f;
		q[0] = 63;
		check_lut(&ops, q, n, 0);
		check_planes(&ops, q, n);
	}
	free(q);
}

typedef struct Bench
{
	const VcsVectorOps *ops;
	float *q;
	size_t n;
} Bench;

static void
run_lut(void *arg)
{
	static uint8_t lut[8192];
	const Bench *b = arg;
	VcsLutParams params;

	b->ops->build_lut6(b->q, b->n, lut, &params);
}

static void
run_planes(void *arg)
{
	static uint64_t planes[1024];
	const Bench *b = arg;
	VcsPlanesParams params;

	b->ops->quantize_planes(b->q, b->n, planes, &params);
}

static void
bench(VcsLevel level)
{
	static float q[1536];
	VcsVectorOps ops;
	Bench b = {&ops, q, 768};

	vcs_vector_fill(&ops, level);
	ck_fill_gauss(q, 1536);
	ck_report(level, "build_lut6 768", ck_time(run_lut, &b), 768 * 4, 0, "");
	ck_report(level, "quantize_planes 768", ck_time(run_planes, &b), 768 * 4, 0, "");
	b.n = 128;
	ck_report(level, "build_lut6 128", ck_time(run_lut, &b), 128 * 4, 0, "");
}

const CkFamily ck_family_quantize = {"quantize", check, bench};
