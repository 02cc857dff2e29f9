/*
 * tests/checkkern/check_f16.c
 *		f16 distances and conversions.
 */
#include "core/simd/vector/ops.h"
#include "tests/checkkern/families.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_N    9000
#define MAX_ROWS 6

typedef void (*RowsFn)(const float *, const void *, size_t, size_t, size_t, float *);

/* binary16 by its definition */
static double
half_value(uint16_t h)
{
	int exponent = (h >> 10) & 31;
	double mantissa = h & 1023;
	double value;

	if (exponent == 31)
		value = mantissa == 0 ? (double) INFINITY : (double) NAN;
	else if (exponent == 0)
		value = ldexp(mantissa, -24);
	else
		value = ldexp(1024 + mantissa, exponent - 25);
	return (h & 0x8000) != 0 ? -value : value;
}

static double
exact(int l2, const float *q, const uint16_t *row, size_t n, double *ret_magnitude)
{
	double sum = 0;
	double magnitude = 0;

	for (size_t i = 0; i < n; i++)
	{
		double diff = (double) q[i] - half_value(row[i]);
		double term = l2 ? diff * diff : (double) q[i] * half_value(row[i]);

		sum += term;
		magnitude += fabs(term);
	}
	*ret_magnitude = magnitude;
	return sum;
}

/* finite, of moderate size, sometimes subnormal or zero */
static void
fill_half(uint16_t *dst, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		uint32_t r = ck_random();

		dst[i] = (uint16_t) ((r & 0x83ff) | ((r >> 16) % 20) << 10);
	}
}

static void
check_pair(const VcsVectorOps *ops, const float *q, const uint16_t *row, size_t n)
{
	for (CkPlace place = CK_AT_END; place < CK_PLACES; place++)
	{
		const float *x = ck_place_copy(0, place, q, n * sizeof(float), sizeof(float));
		const uint16_t *y = ck_place_copy(1, place, row, n * sizeof(uint16_t), sizeof(uint16_t));
		double magnitude;
		double sum;
		double norm2 = 0;

		ck_at("dot_f16", n);
		sum = exact(0, q, row, n, &magnitude);
		ck_expect_sum(ops->dot_f16(x, y, n), sum, magnitude, n);
		ck_at("l2sq_f16", n);
		sum = exact(1, q, row, n, &magnitude);
		ck_expect_sum(ops->l2sq_f16(x, y, n), sum, magnitude, n);
		ck_at("norm2_f16", n);
		for (size_t i = 0; i < n; i++)
			norm2 += half_value(row[i]) * half_value(row[i]);
		ck_expect_sum(ops->norm2_f16(y, n), norm2, norm2, n);
	}
}

static void
check_rows(const char *name, RowsFn fn, int l2, const float *q, const uint16_t *data, size_t n)
{
	static const size_t gaps[] = {0, 2, 30};

	for (size_t nrows = 0; nrows <= MAX_ROWS; nrows++)
	{
		CkPlace place = (CkPlace) ((n + nrows) % CK_PLACES);
		size_t stride = n * sizeof(uint16_t) + gaps[(n + nrows) % 3];
		size_t bytes = nrows == 0 ? 0 : (nrows - 1) * stride + n * sizeof(uint16_t);
		const float *x = ck_place_copy(0, place, q, n * sizeof(float), sizeof(float));
		char *rows = ck_place(1, place, bytes, sizeof(uint16_t));
		float *out = ck_place(2, place, nrows * sizeof(float), sizeof(float));

		ck_at(name, n);
		for (size_t r = 0; r < nrows; r++)
			memcpy(rows + r * stride, data + r * n, n * sizeof(uint16_t));
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

/* All 65536 numbers up, by value; NaN by the rule of ops.h. */
static void
check_up(const VcsVectorOps *ops)
{
	static uint16_t all[65536];
	static float out[65536];

	for (uint32_t i = 0; i < 65536; i++)
		all[i] = (uint16_t) i;
	ck_at("f16_to_f32", 65536);
	ops->f16_to_f32(all, 65536, out);
	for (uint32_t i = 0; i < 65536; i++)
	{
		uint32_t bits;
		uint32_t expected;
		float value = (float) half_value((uint16_t) i);

		memcpy(&bits, &out[i], sizeof(bits));
		memcpy(&expected, &value, sizeof(expected));
		if ((i & 0x7fff) > 0x7c00)
			expected = (i & 0x8000) << 16 | 0x7fc00000 | (i & 0x3ff) << 13;
		ck_expect(bits == expected, "%04x gives %08x, not %08x", i, bits, expected);
	}
}

/* Nearest even by search among the neighbours, from the definition of the format. */
static uint16_t
nearest_half(float value)
{
	double x = fabs((double) value);
	uint16_t sign = signbit(value) ? 0x8000 : 0;
	uint16_t low = 0;
	uint16_t high = 0x7c00;
	double below;
	double above;

	if (x >= 65520)
		return sign | 0x7c00;
	while (high - low > 1)
	{
		uint16_t middle = (uint16_t) ((low + high) / 2);

		if (half_value(middle) <= x)
			low = middle;
		else
			high = middle;
	}
	below = x - half_value(low);
	above = (high == 0x7c00 ? 65536 : half_value(high)) - x;
	if (below < above || (below == above && low % 2 == 0))
		return sign | low;
	return sign | high;
}

static void
check_down(const VcsVectorOps *ops)
{
	enum
	{
		COUNT = 40000
	};
	static float in[COUNT];
	static uint16_t out[COUNT];
	size_t n = 0;

	/* every number, every midpoint and its neighbours */
	for (uint32_t h = 0; h < 0x7c00 && n + 6 < COUNT; h += 7)
	{
		float value = (float) half_value((uint16_t) h);
		float next = h + 1 == 0x7c00 ? 65536.0f : (float) half_value((uint16_t) (h + 1));
		float middle = value / 2 + next / 2;

		in[n++] = value;
		in[n++] = -value;
		in[n++] = middle;
		in[n++] = -middle;
		in[n++] = nextafterf(middle, 0);
		in[n++] = nextafterf(middle, INFINITY);
	}
	in[n++] = 65519.996f;
	in[n++] = 65520.0f;
	in[n++] = INFINITY;
	in[n++] = -INFINITY;
	in[n++] = 1e-30f;
	in[n++] = 1e-44f;
	in[n++] = 0x1p-25f;
	in[n++] = nextafterf(0x1p-25f, 1);
	while (n < COUNT)
	{
		uint32_t bits = ck_random();

		memcpy(&in[n], &bits, sizeof(bits));
		if (!isnan(in[n]))
			n++;
	}
	ck_at("f32_to_f16", n);
	ops->f32_to_f16(in, n, out);
	for (size_t i = 0; i < n; i++)
	{
		uint16_t expected = nearest_half(in[i]);

		ck_expect(out[i] == expected, "%a gives %04x, not %04x", (double) in[i], out[i], expected);
	}

	ck_at("f32_to_f16 NaN", 16);
	for (uint32_t i = 0; i < 16; i++)
	{
		uint32_t bits = (i & 1) << 31 | 0x7f800001 | ck_random() >> 10;

		memcpy(&in[i], &bits, sizeof(bits));
	}
	ops->f32_to_f16(in, 16, out);
	for (uint32_t i = 0; i < 16; i++)
	{
		uint32_t bits;
		uint32_t expected;

		memcpy(&bits, &in[i], sizeof(bits));
		expected = (bits >> 16 & 0x8000) | 0x7e00 | (bits >> 13 & 0x3ff);
		ck_expect(out[i] == expected, "%08x gives %04x, not %04x", bits, out[i], expected);
	}
}

static void
check(VcsLevel level)
{
	float *q = malloc(MAX_N * sizeof(float));
	uint16_t *rows = malloc(MAX_N * MAX_ROWS * sizeof(uint16_t));
	VcsVectorOps ops;
	VcsVectorOps c;

	vcs_vector_fill(&ops, level);
	vcs_vector_fill(&c, VCS_LEVEL_C);
	check_up(&ops);
	check_down(&ops);
	for (const size_t *n = ck_lengths(); *n != SIZE_MAX; n++)
	{
		CkPlace place = (CkPlace) (*n % CK_PLACES);
		const uint16_t *halves;
		const float *floats;
		float *up;
		uint16_t *down;

		ck_fill_gauss(q, *n);
		fill_half(rows, *n * MAX_ROWS);
		check_pair(&ops, q, rows, *n);
		check_rows("dot_f16_rows", ops.dot_f16_rows, 0, q, rows, *n);
		check_rows("l2sq_f16_rows", ops.l2sq_f16_rows, 1, q, rows, *n);

		ck_at("f16_to_f32", *n);
		halves = ck_place_copy(3, place, rows, *n * sizeof(uint16_t), sizeof(uint16_t));
		up = ck_place(4, place, *n * sizeof(float), sizeof(float));
		ops.f16_to_f32(halves, *n, up);
		for (size_t i = 0; i < *n; i++)
			ck_expect((double) up[i] == half_value(rows[i]), "%zu", i);
		ck_expect_untouched(4, up, *n * sizeof(float));

		ck_at("f32_to_f16", *n);
		floats = ck_place_copy(5, place, q, *n * sizeof(float), sizeof(float));
		down = ck_place(6, place, *n * sizeof(uint16_t), sizeof(uint16_t));
		ops.f32_to_f16(floats, *n, down);
		for (size_t i = 0; i < *n; i++)
			ck_expect(down[i] == nearest_half(q[i]), "%zu", i);
		ck_expect_untouched(6, down, *n * sizeof(uint16_t));
	}
	for (int i = 0; i < 40; i++)
	{
		ck_fill_gauss(q, 37);
		fill_half(rows, 37);
		rows[i % 37] = i % 2 == 0 ? 0x7c00 : 0x7e01;
		check_pair(&ops, q, rows, 37);
	}
	free(q);
	free(rows);
}

typedef struct Bench
{
	RowsFn rows;
	size_t n;
	size_t nrows;
	float *out;
	void (*up)(const uint16_t *, size_t, float *);
} Bench;

static void
run_rows(void *arg)
{
	const Bench *b = arg;
	const uint16_t *data = ck_bench_memory();
	const float *q = (const float *) ck_bench_memory() + 12352;

	for (size_t r = 0; r < b->nrows; r += 64)
		b->rows(q, data + r * b->n, b->n * sizeof(uint16_t), b->nrows - r < 64 ? b->nrows - r : 64,
				b->n, b->out + r);
}

static void
run_up(void *arg)
{
	const Bench *b = arg;

	b->up(ck_bench_memory(), b->n, b->out);
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
		{"64 L1", 64, CK_SET_L1},   {"128 L2", 128, CK_SET_L2},     {"768 L2", 768, CK_SET_L2},
		{"768 L3", 768, CK_SET_L3}, {"768 DRAM", 768, CK_SET_DRAM},
	};
	const CkLimits *limits = ck_limits(level);
	VcsVectorOps ops;
	Bench b;
	char name[64];

	vcs_vector_fill(&ops, level);
	b.out = malloc(CK_SET_L3);
	for (int kind = 0; kind < 2; kind++)
	{
		for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		{
			size_t bytes = cases[c].n * sizeof(uint16_t);
			double limit = cases[c].set == CK_SET_L1   ? limits->l1
						   : cases[c].set == CK_SET_L2 ? limits->l2
						   : cases[c].set == CK_SET_L3 ? limits->l3
													   : limits->dram;

			b.rows = kind == 0 ? ops.l2sq_f16_rows : ops.dot_f16_rows;
			b.n = cases[c].n;
			b.nrows = cases[c].set / bytes;
			snprintf(name, sizeof(name), "%s %s", kind == 0 ? "l2sq_f16_rows" : "dot_f16_rows",
					 cases[c].name);
			ck_report(level, name, ck_time(run_rows, &b) / (double) b.nrows, (double) bytes,
					  (double) bytes / limit, strrchr(cases[c].name, ' ') + 1);
		}
	}
	b.n = 768;
	b.up = ops.f16_to_f32;
	ck_report(level, "f16_to_f32 768 L1", ck_time(run_up, &b), 768 * 2, 0, "");
	free(b.out);
}

const CkFamily ck_family_f16 = {"f16", check, bench};
