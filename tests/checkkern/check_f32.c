/*
 * tests/checkkern/check_f32.c
 *		f32 distances and element-wise helpers.
 */
#include "core/simd/vector/ops.h"
#include "tests/checkkern/families.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_N    9000
#define MAX_ROWS 7

typedef float (*PairFn)(const float *, const float *, size_t);
typedef void (*RowsFn)(const float *, const void *, size_t, size_t, size_t, float *);

static double
exact(int l2, const float *a, const float *b, size_t n, double *ret_magnitude)
{
	double sum = 0;
	double magnitude = 0;

	for (size_t i = 0; i < n; i++)
	{
		double diff = (double) a[i] - (double) b[i];
		double term = l2 ? diff * diff : (double) a[i] * (double) b[i];

		sum += term;
		magnitude += fabs(term);
	}
	*ret_magnitude = magnitude;
	return sum;
}

static void
check_pair(const VcsVectorOps *ops, const float *a, const float *b, size_t n)
{
	for (CkPlace place = CK_AT_END; place < CK_PLACES; place++)
	{
		const float *x = ck_place_copy(0, place, a, n * sizeof(float), sizeof(float));
		const float *y = ck_place_copy(1, place, b, n * sizeof(float), sizeof(float));
		double magnitude;
		double sum;

		ck_at("dot_f32", n);
		sum = exact(0, a, b, n, &magnitude);
		ck_expect_sum(ops->dot_f32(x, y, n), sum, magnitude, n);
		ck_at("l2sq_f32", n);
		sum = exact(1, a, b, n, &magnitude);
		ck_expect_sum(ops->l2sq_f32(x, y, n), sum, magnitude, n);
		ck_at("norm2_f32", n);
		sum = exact(0, a, a, n, &magnitude);
		ck_expect_sum(ops->norm2_f32(x, n), sum, magnitude, n);
	}
}

static void
check_rows(const char *name, RowsFn fn, int l2, const float *q, const float *data, size_t n)
{
	static const size_t gaps[] = {0, 4, 52};

	for (size_t nrows = 0; nrows <= MAX_ROWS; nrows += nrows < 5 ? 1 : 2)
	{
		CkPlace place = (CkPlace) ((n + nrows) % CK_PLACES);
		size_t stride = n * sizeof(float) + gaps[(n + nrows) % 3];
		size_t bytes = nrows == 0 ? 0 : (nrows - 1) * stride + n * sizeof(float);
		const float *x = ck_place_copy(0, place, q, n * sizeof(float), sizeof(float));
		char *rows = ck_place(1, place, bytes, sizeof(float));
		float *out = ck_place(2, place, nrows * sizeof(float), sizeof(float));

		ck_at(name, n);
		for (size_t r = 0; r < nrows; r++)
			memcpy(rows + r * stride, data + r * n, n * sizeof(float));
		fn(x, rows, stride, nrows, n, out);
		for (size_t r = 0; r < nrows; r++)
		{
			double magnitude;
			double sum = exact(l2, q, data + r * n, n, &magnitude);

			ck_expect_sum(out[r], sum, magnitude, n);
		}
		ck_expect_untouched(2, out, nrows * sizeof(float));
	}
}

/* The definition, one element at a time; volatile keeps two roundings in axpy. */
static float
element(int op, float dst, float a, float x)
{
	volatile float product = a * x;

	switch (op)
	{
		case 0:
			return dst + x;
		case 1:
			return dst + product;
		case 2:
			return dst * a;
		default:
			return dst - x;
	}
}

static void
check_elementwise(const VcsVectorOps *ops, const float *a, const float *b, size_t n)
{
	static const char *const names[] = {"add_f32", "axpy_f32", "scale_f32", "sub_f32"};
	static float expected[MAX_N];
	const float factor = -1.7f;

	for (int op = 0; op < 4; op++)
	{
		CkPlace place = (CkPlace) ((n + (size_t) op) % CK_PLACES);
		float *dst = ck_place_copy(0, place, a, n * sizeof(float), sizeof(float));
		const float *x = ck_place_copy(1, place, b, n * sizeof(float), sizeof(float));
		float *result = dst;

		ck_at(names[op], n);
		for (size_t i = 0; i < n; i++)
			expected[i] = element(op, a[i], factor, b[i]);
		if (op == 0)
			ops->add_f32(dst, x, n);
		else if (op == 1)
			ops->axpy_f32(dst, factor, x, n);
		else if (op == 2)
			ops->scale_f32(dst, factor, n);
		else
		{
			result = ck_place(2, place, n * sizeof(float), sizeof(float));
			ops->sub_f32(dst, x, n, result);
		}
		ck_expect_bytes(result, expected, n * sizeof(float));
		ck_expect_untouched(result == dst ? 0 : 2, result, n * sizeof(float));
	}

	ck_at("sub_f32 in place", n);
	{
		float *dst = ck_place_copy(0, CK_AT_END, a, n * sizeof(float), sizeof(float));

		for (size_t i = 0; i < n; i++)
			expected[i] = a[i] - b[i];
		ops->sub_f32(dst, b, n, dst);
		ck_expect_bytes(dst, expected, n * sizeof(float));
	}
}

static void
check_special(const VcsVectorOps *ops)
{
	static const float values[] = {0.0f, -0.0f, 1e-42f, 1e-20f, 1e18f, INFINITY, -INFINITY, NAN};
	float a[67];
	float b[67];

	for (size_t s = 0; s < sizeof(values) / sizeof(values[0]); s++)
	{
		for (size_t at = 0; at < 67; at += 11)
		{
			ck_fill_gauss(a, 67);
			ck_fill_gauss(b, 67);
			a[at] = values[s];
			check_pair(ops, a, b, 67);
			check_rows("dot_f32_rows special", ops->dot_f32_rows, 0, a, b, 9);
			check_rows("l2sq_f32_rows special", ops->l2sq_f32_rows, 1, a, b, 9);
		}
	}
}

static void
check(VcsLevel level)
{
	float *a = malloc(MAX_N * sizeof(float));
	float *b = malloc(MAX_N * MAX_ROWS * sizeof(float));
	VcsVectorOps ops;

	vcs_vector_fill(&ops, level);
	for (const size_t *n = ck_lengths(); *n != SIZE_MAX; n++)
	{
		ck_fill_gauss(a, *n);
		ck_fill_gauss(b, *n * MAX_ROWS);
		check_pair(&ops, a, b, *n);
		check_rows("dot_f32_rows", ops.dot_f32_rows, 0, a, b, *n);
		check_rows("l2sq_f32_rows", ops.l2sq_f32_rows, 1, a, b, *n);
		check_elementwise(&ops, a, b, *n);
	}
	check_special(&ops);
	free(a);
	free(b);
}

typedef struct Bench
{
	RowsFn rows;
	PairFn pair;
	const float *q;
	size_t n;
	size_t nrows;
	size_t batch;
	float *out;
} Bench;

static void
run_rows(void *arg)
{
	const Bench *b = arg;
	const float *data = ck_bench_memory();

	for (size_t r = 0; r < b->nrows; r += b->batch)
	{
		size_t count = b->nrows - r < b->batch ? b->nrows - r : b->batch;

		b->rows(b->q, data + r * b->n, b->n * sizeof(float), count, b->n, b->out + r);
	}
}

static void
run_pair(void *arg)
{
	const Bench *b = arg;
	const float *data = ck_bench_memory();

	for (size_t r = 0; r < b->nrows; r++)
		b->out[r] = b->pair(b->q, data + r * b->n, b->n);
}

static void
bench(VcsLevel level)
{
	static const struct
	{
		const char *name;
		size_t n;
		size_t set;
	} cases[] = {
		{"8 L1", 8, CK_SET_L1},         {"16 L1", 16, CK_SET_L1},     {"64 L1", 64, CK_SET_L1},
		{"128 L2", 128, CK_SET_L2},     {"768 L2", 768, CK_SET_L2},   {"768 L3", 768, CK_SET_L3},
		{"768 DRAM", 768, CK_SET_DRAM}, {"1536 L2", 1536, CK_SET_L2},
	};
	const CkLimits *limits = ck_limits(level);
	VcsVectorOps ops;
	Bench b;
	char name[64];

	vcs_vector_fill(&ops, level);
	b.q = (const float *) ck_bench_memory() + 12352;
	b.out = malloc(CK_SET_L3);
	for (int kind = 0; kind < 4; kind++)
	{
		static const char *const names[] = {"l2sq_f32_rows", "dot_f32_rows", "l2sq_f32", "dot_f32"};

		for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		{
			size_t bytes = cases[c].n * sizeof(float);
			double limit = cases[c].set == CK_SET_L1   ? limits->l1
						   : cases[c].set == CK_SET_L2 ? limits->l2
						   : cases[c].set == CK_SET_L3 ? limits->l3
													   : limits->dram;

			if (kind >= 2 && cases[c].set != CK_SET_L2)
				continue;
			b.rows = kind == 0 ? ops.l2sq_f32_rows : ops.dot_f32_rows;
			b.pair = kind == 2 ? ops.l2sq_f32 : ops.dot_f32;
			b.n = cases[c].n;
			b.nrows = cases[c].set / bytes;
			b.batch = 64;
			snprintf(name, sizeof(name), "%s %s", names[kind], cases[c].name);
			ck_report(level, name, ck_time(kind < 2 ? run_rows : run_pair, &b) / (double) b.nrows,
					  (double) bytes, (double) bytes / limit, strrchr(cases[c].name, ' ') + 1);
		}
	}
	free(b.out);
}

const CkFamily ck_family_f32 = {"f32", check, bench};
