/*
 * tests/checkkern/check_assign.c
 *		k-means assignment: nearest and second nearest centroid.
 *
 * Real data is checked by value: the chosen centroid's exact value is the least one within rounding.
 * Small integers make every sum exact, so that ties are real and the rule for them can be checked.
 */
#include "core/simd/vector/ops.h"
#include "tests/checkkern/families.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ||c||^2 - 2 <x, c> */
static double
value_of(const float *x, const float *c, size_t d, double *ret_magnitude)
{
	double value = 0;
	double magnitude = 0;

	for (size_t p = 0; p < d; p++)
	{
		value += (double) c[p] * (double) c[p] - 2 * (double) x[p] * (double) c[p];
		magnitude += (double) c[p] * (double) c[p] + 2 * fabs((double) x[p] * (double) c[p]);
	}
	*ret_magnitude = magnitude;
	return value;
}

typedef struct Case
{
	const VcsVectorOps *ops;
	size_t n;
	size_t d;
	size_t k;
	int exact; /* integers: compare indexes, too */
	int second;
} Case;

static void
check_case(const Case *t)
{
	size_t gap = t->d % 3;
	size_t stride = t->d + gap;
	CkPlace place = (CkPlace) ((t->n + t->k) % CK_PLACES);
	size_t padded = vcs_assign_padded(t->ops, t->k);
	size_t x_bytes = ((t->n - 1) * stride + t->d) * sizeof(float);
	size_t c_bytes = ((t->k - 1) * stride + t->d) * sizeof(float);
	float *x = ck_place(0, place, x_bytes, sizeof(float));
	float *c = ck_place(1, place, c_bytes, sizeof(float));
	float *packed = ck_place(2, CK_AT_END, padded * t->d * sizeof(float), 64);
	float *norms = ck_place(3, CK_AT_END, padded * sizeof(float), 64);
	uint32_t *idx = ck_place(4, place, t->n * 4, 4);
	float *val = ck_place(5, place, t->n * 4, 4);
	uint32_t *idx2 = ck_place(6, place, t->n * 4, 4);
	float *val2 = ck_place(7, place, t->n * 4, 4);

	for (size_t i = 0; i < x_bytes / 4; i++)
		x[i] = t->exact ? (float) (ck_random() % 5) : ck_gauss();
	for (size_t i = 0; i < c_bytes / 4; i++)
		c[i] = t->exact ? (float) (ck_random() % 3) : ck_gauss();

	ck_at("assign_pack", t->k);
	t->ops->assign_pack(c, stride, t->k, t->d, packed, norms);
	ck_expect_untouched(2, packed, padded * t->d * sizeof(float));
	ck_expect_untouched(3, norms, padded * sizeof(float));
	for (size_t j = 0; j < padded; j++)
	{
		double magnitude;

		if (j < t->k)
		{
			double norm2 = 0;

			for (size_t p = 0; p < t->d; p++)
				norm2 += (double) c[j * stride + p] * (double) c[j * stride + p];
			magnitude = norm2;
			ck_expect_sum(norms[j], norm2, magnitude, t->d);
		}
		else
			ck_expect(norms[j] == INFINITY, "norm of padding %zu", j);
	}

	ck_at("assign_block", t->k);
	t->ops->assign_block(x, stride, t->n, t->d, packed, norms, t->k, idx, val,
						 t->second ? idx2 : NULL, t->second ? val2 : NULL);
	ck_expect_untouched(4, idx, t->n * 4);
	ck_expect_untouched(5, val, t->n * 4);
	for (size_t i = 0; i < t->n; i++)
	{
		double best = INFINITY;
		double best2 = INFINITY;
		double magnitude = 0;
		double allowed = 0;
		uint32_t first = 0;
		uint32_t first2 = UINT32_MAX;

		for (size_t j = 0; j < t->k; j++)
		{
			double v = value_of(x + i * stride, c + j * stride, t->d, &magnitude);

			allowed = fmax(allowed, ((double) t->d + 4) * 0x1p-22 * magnitude);
			if (v < best)
			{
				best2 = best;
				first2 = j == 0 ? UINT32_MAX : first;
				best = v;
				first = (uint32_t) j;
			}
			else if (v < best2)
			{
				best2 = v;
				first2 = (uint32_t) j;
			}
		}
		if (idx[i] >= t->k)
		{
			ck_expect(false, "sample %zu: index %u", i, idx[i]);
			continue;
		}
		ck_expect(value_of(x + i * stride, c + idx[i] * stride, t->d, &magnitude) <= best + allowed,
				  "sample %zu of %zu, d %zu: %u is not nearest (%u is)", i, t->n, t->d, idx[i],
				  first);
		ck_expect(fabs((double) val[i] - best) <= allowed, "sample %zu: value %g, not %g", i,
				  (double) val[i], best);
		if (t->exact)
			ck_expect(idx[i] == first, "sample %zu of %zu: tie gave %u, not %u", i, t->n, idx[i],
					  first);
		if (!t->second)
			continue;
		if (t->k == 1)
			ck_expect(idx2[i] == UINT32_MAX && val2[i] == INFINITY, "second of one");
		else
		{
			ck_expect(
				idx2[i] < t->k && idx2[i] != idx[i] && fabs((double) val2[i] - best2) <= allowed,
				"sample %zu: second %u %g, not %u %g", i, idx2[i], (double) val2[i], first2, best2);
			if (t->exact)
				ck_expect(idx2[i] == first2, "sample %zu: tie gave second %u, not %u", i, idx2[i],
						  first2);
		}
	}
}

/* Values that are not numbers, and norms that rule centroids out. */
static void
check_special(const VcsVectorOps *ops)
{
	enum
	{
		D = 10,
		K = 70,
		N = 13
	};
	static float c[K * D];
	static float x[N * D];
	_Alignas(64) static float packed[128 * D];
	_Alignas(64) static float norms[128];
	uint32_t idx[N];
	uint32_t idx2[N];
	float val[N];
	float val2[N];

	ck_at("assign_block special", K);
	ck_fill_gauss(c, K * D);
	ck_fill_gauss(x, N * D);
	x[3 * D + 2] = NAN;
	c[5 * D + 1] = NAN;
	ops->assign_pack(c, D, K, D, packed, norms);
	ops->assign_block(x, D, N, D, packed, norms, K, idx, val, idx2, val2);
	for (int i = 0; i < N; i++)
	{
		if (i == 3)
			ck_expect(idx[i] == 0 && val[i] == INFINITY, "NaN sample gave %u", idx[i]);
		else
			ck_expect(idx[i] < K && idx[i] != 5 && idx2[i] != 5 && isfinite(val[i]),
					  "sample %d gave %u %u", i, idx[i], idx2[i]);
	}

	for (int j = 0; j < K; j++)
		if (j != 66)
			norms[j] = INFINITY;
	ops->assign_block(x, D, N, D, packed, norms, K, idx, val, NULL, NULL);
	for (int i = 0; i < N; i++)
		if (i != 3)
			ck_expect(idx[i] == 66, "only 66 is left, not %u", idx[i]);
}

static void
check(VcsLevel level)
{
	static const size_t counts[] = {1, 2, 3, 5, 6, 7, 11, 12, 13, 97};
	static const size_t dims[] = {1, 2, 3, 7, 8, 15, 16, 17, 33, 64, 100};
	static const size_t lists[] = {1, 2, 7, 8, 9, 23, 24, 25, 47, 63, 64, 65, 130};
	VcsVectorOps ops;
	Case t;

	vcs_vector_fill(&ops, level);
	t.ops = &ops;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		for (size_t j = 0; j < sizeof(dims) / sizeof(dims[0]); j++)
			for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
			{
				t.n = counts[i];
				t.d = dims[j];
				t.k = lists[l];
				t.exact = (int) ((i + j + l) % 2);
				t.second = (int) ((i + j + l) / 2 % 2);
				if (t.n == 97 && t.d > 33)
					continue;
				check_case(&t);
			}

	/* more samples than a block, more dimensions than a part of a panel */
	for (int round = 0; round < 4; round++)
	{
		t.n = 105;
		t.d = (size_t[]){768, 1025, 1200, 1999}[round];
		t.k = 66;
		t.exact = round % 2;
		t.second = round / 2;
		check_case(&t);
	}
	check_special(&ops);
}

typedef struct Bench
{
	const VcsVectorOps *ops;
	size_t n;
	size_t d;
	size_t k;
	float *packed;
	float *norms;
	uint32_t idx[4096];
	float val[4096];
} Bench;

static void
run_assign(void *arg)
{
	Bench *b = arg;

	b->ops->assign_block(ck_bench_memory(), b->d, b->n, b->d, b->packed, b->norms, b->k, b->idx,
						 b->val, NULL, NULL);
}

static void
bench(VcsLevel level)
{
	static const size_t cases[][3] = {
		{768, 1024, 960},
		{128, 1024, 3840},
		{64, 256, 3840},
		{1536, 512, 480},
	};
	static Bench b;
	static VcsVectorOps ops;
	const CkLimits *limits = ck_limits(level);
	char name[64];

	vcs_vector_fill(&ops, level);
	b.ops = &ops;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t padded;
		double pairs;

		b.d = cases[i][0];
		b.k = cases[i][1];
		b.n = level == VCS_LEVEL_C ? cases[i][2] / 8 : cases[i][2];
		padded = vcs_assign_padded(&ops, b.k);
		b.packed = aligned_alloc(64, padded * b.d * sizeof(float));
		b.norms = aligned_alloc(64, padded * sizeof(float) + 64 - padded * sizeof(float) % 64);
		ops.assign_pack((const float *) ck_bench_memory() + 8000000, b.d, b.k, b.d, b.packed,
						b.norms);
		pairs = (double) (b.n * b.k);
		snprintf(name, sizeof(name), "assign_block %zu k %zu", b.d, b.k);
		ck_report(level, name, ck_time(run_assign, &b) / pairs, (double) b.d * 8,
				  2 * (double) b.d / limits->flops, "FMA");
		free(b.packed);
		free(b.norms);
	}
}

const CkFamily ck_family_assign = {"assign", check, bench};
