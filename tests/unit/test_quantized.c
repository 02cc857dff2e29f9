/*
 * tests/unit/test_quantized.c
 *		rabitq8 and rabitq4: known answers, distances against plain double arithmetic, rows cut in two.
 *
 * Every check runs on each level that the machine has.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/simd/cpu.h"
#include "core/simd/vector/ops.h"
#include "core/simd/vector/rotate_ops.h"
#include "core/vector/quantized.h"
#include "core/vector/rotate.h"

#include "unit.h"

#define DIM 1537

static const VcvType types[] = {VCV_RABITQ8, VCV_RABITQ4};

/* a row that is aligned like one on a page */
typedef struct Row
{
	VcvQuantHead head;
	uint8_t codes[DIM];
	uint8_t guard;
} Row;

static float
uniform(void)
{
	return (float) ((double) unit_below(20001) / 10000.0 - 1.0);
}

static void
fill(float *x, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		x[i] = uniform();
}

static void
quantize(VcvType type, const float *x, uint32_t n, Row *ret_row)
{
	float rotated[DIM];

	memset(ret_row, 0xa5, sizeof(*ret_row));
	vcv_quantize_original(type, x, n, rotated, ret_row);
	CHECK(((uint8_t *) ret_row)[vcv_row_bytes(type, n)] == 0xa5);
	CHECK(vcv_quant_valid(type, ret_row, n));
}

static int
code(VcvType type, const Row *row, uint32_t i)
{
	return type == VCV_RABITQ8 ? row->codes[i] : (row->codes[i / 2] >> (i % 2 * 4)) & 15;
}

static bool
near(double a, double b, double margin)
{
	return fabs(a - b) <= margin;
}

/* values that other implementations of the types give */
static void
test_known(void)
{
	static const int codes8[] = {13, 255, 94, 202, 134, 121, 107, 148};
	static const int codes4[] = {0, 15, 5, 12, 8, 7, 6, 9};
	static const int codes_a[] = {255, 175, 251};
	static const int codes_b[] = {255, 186, 229};
	const float x[] = {1, 2, 3, 4, 5, 6, 7, 8};
	const float a[] = {1, 2, 3};
	const float b[] = {2, 3, 4};
	float back[8];
	double error;
	Row row;
	Row other;

	quantize(VCV_RABITQ8, x, 8, &row);
	CHECK(row.head.norm2 == 204 && row.head.lattice_norm == 192.26024f);
	CHECK(row.head.code_sum == 1074 && row.head.abs_sum == 30);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(code(VCV_RABITQ8, &row, i) == codes8[i]);
	quantize(VCV_RABITQ4, x, 8, &row);
	CHECK(row.head.norm2 == 204 && row.head.lattice_norm == 12);
	CHECK(row.head.code_sum == 62 && row.head.abs_sum == 30);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(code(VCV_RABITQ4, &row, i) == codes4[i]);

	for (int t = 0; t < 2; t++)
	{
		quantize(types[t], x, 8, &row);
		vcv_dequantize(types[t], &row, 8, back);
		vcv_unrotate(back, 8, back);
		error = 0;
		for (int i = 0; i < 8; i++)
			error += pow((double) back[i] - x[i], 2);
		CHECK(near(sqrt(error), t == 0 ? 0.0615 : 0.9688, 0.00006));
	}

	quantize(VCV_RABITQ8, a, 3, &row);
	quantize(VCV_RABITQ8, b, 3, &other);
	for (uint32_t i = 0; i < 3; i++)
		CHECK(code(VCV_RABITQ8, &row, i) == codes_a[i] &&
			  code(VCV_RABITQ8, &other, i) == codes_b[i]);
	CHECK(near(sqrt(vcv_score(VCV_L2, VCV_RABITQ8, &row, &other, 3)), 1.73582, 6e-6));
	CHECK(near(vcv_score(VCV_IP, VCV_RABITQ8, &row, &other, 3), -19.99346, 6e-6));
	CHECK(near(vcv_score(VCV_COSINE, VCV_RABITQ8, &row, &other, 3), -0.99226, 6e-6));
	quantize(VCV_RABITQ4, a, 3, &row);
	quantize(VCV_RABITQ4, b, 3, &other);
	CHECK(near(sqrt(vcv_score(VCV_L2, VCV_RABITQ4, &row, &other, 3)), 1.74012, 6e-6));
	CHECK(near(vcv_score(VCV_IP, VCV_RABITQ4, &row, &other, 3), -19.98599, 6e-6));
}

/* what a head must say of its codes, and what the codes must say of x */
static void
check_row(VcvType type, const float *x, uint32_t n, const Row *row)
{
	const int half = type == VCV_RABITQ8 ? 128 : 8;
	float rotated[DIM];
	float back[DIM];
	double norm2 = 0;
	double lattice2 = 0;
	double sum = 0;
	double abs_sum = 0;
	double max = 0;
	double off = 0;

	vcv_rotate(x, n, rotated);
	vcv_dequantize(type, row, n, back);
	for (uint32_t i = 0; i < n; i++)
		max = fmax(max, fabs(rotated[i]));
	for (uint32_t i = 0; i < n; i++)
	{
		const int c = code(type, row, i);
		const double at = rotated[i] / max * half;

		CHECK(near(c - half, fmin(fmax(floor(at), -half), half - 1), fabs(at - rint(at)) < 1e-4));
		norm2 += pow(rotated[i], 2);
		abs_sum += fabs(rotated[i]);
		lattice2 += pow(c - (half - 0.5), 2);
		sum += c;
		off += pow((double) back[i] - rotated[i], 2);
	}
	CHECK(near(row->head.norm2, norm2, norm2 * 1e-6));
	CHECK(near(row->head.lattice_norm, sqrt(lattice2), sqrt(lattice2) * 1e-6));
	CHECK(near(row->head.abs_sum, abs_sum, abs_sum * 1e-6));
	CHECK(row->head.code_sum == (float) sum);
	/* half a step or, at the upper end, one step in each dimension, and the length is right */
	CHECK(sqrt(off) <= 2 * max / half * sqrt(n));
	off = 0;
	for (uint32_t i = 0; i < n; i++)
		off += pow(back[i], 2);
	CHECK(near(off, norm2, norm2 * 1e-5));
}

static void
test_distances(void)
{
	float x[DIM];
	float y[DIM];
	float rx[DIM];
	float ry[DIM];
	Row a;
	Row b;

	for (int round = 0; round < 300; round++)
	{
		const uint32_t n = round < 40 ? (uint32_t) round + 1 : (uint32_t) unit_below(DIM) + 1;

		fill(x, n);
		fill(y, n);
		/* cosine 1, -1 and close to 1 */
		for (uint32_t i = 0; i < n && round % 4 != 0; i++)
			y[i] = round % 4 == 1 ? 3 * x[i] : round % 4 == 2 ? -x[i] : x[i] + y[i] / 1000;
		for (int t = 0; t < 2; t++)
		{
			const VcvType type = types[t];
			const uint32_t cut = (uint32_t) unit_below(n + 1) / 2 * 2;
			const uint32_t skip = type == VCV_RABITQ8 ? cut : cut / 2;
			double dot = 0;
			double na = 0;
			double nb = 0;
			double l2sq = 0;
			uint64_t parts;

			quantize(type, x, n, &a);
			quantize(type, y, n, &b);
			check_row(type, x, n, &a);
			check_row(type, y, n, &b);
			vcv_dequantize(type, &a, n, rx);
			vcv_dequantize(type, &b, n, ry);
			for (uint32_t i = 0; i < n; i++)
			{
				dot += (double) rx[i] * ry[i];
				na += (double) rx[i] * rx[i];
				nb += (double) ry[i] * ry[i];
				l2sq += pow((double) rx[i] - ry[i], 2);
			}
			CHECK(near(vcv_score(VCV_L2, type, &a, &b, n), l2sq, (na + nb) * 4e-6));
			CHECK(near(vcv_score(VCV_IP, type, &a, &b, n), -dot, (na + nb) * 4e-6));
			CHECK(near(vcv_score(VCV_COSINE, type, &a, &b, n), -dot / sqrt(na * nb), 4e-6));

			/* a value is where it is, whatever the level */
			CHECK(vcv_score(VCV_L2, type, &a, &a, n) == 0);
			CHECK(vcv_score(VCV_COSINE, type, &a, &a, n) == -1);
			for (int m = VCV_L2; m <= VCV_COSINE; m++)
			{
				CHECK(vcv_score((VcvMetric) m, type, &a, &b, n) ==
					  vcv_score((VcvMetric) m, type, &b, &a, n));
				parts = (uint64_t) vcv_quant_dot(type, a.codes, b.codes, cut) +
						vcv_quant_dot(type, a.codes + skip, b.codes + skip, n - cut);
				CHECK(vcv_quant_score((VcvMetric) m, type, &a.head, &b.head, parts, n) ==
					  vcv_score((VcvMetric) m, type, &a, &b, n));
			}
			for (uint32_t i = 0; i < n; i++)
				CHECK(rx[i] != 0);
			CHECK(near(vcv_quant_normalize(&a.head), sqrt(na), sqrt(na) * 1e-5));
			CHECK(a.head.norm2 == 1 && vcv_quant_valid(type, &a, n));
			CHECK(near(vcv_score(VCV_IP, type, &a, &b, n), -dot / sqrt(na), (na + nb) * 4e-6));
		}
	}
}

/* zero, huge, tiny and broken vectors; heads that no vector has */
static void
test_special(void)
{
	static const float odd[] = {0, FLT_TRUE_MIN, FLT_MIN, 1e-20f, 0.25f, 1, 1e18f, 1e19f, FLT_MAX};
	Row a;
	Row b;

	for (int t = 0; t < 2; t++)
	{
		const VcvType type = types[t];
		const float zero[3] = {0, 0, 0};
		const float one[3] = {1, -2, 0};
		float bad[3] = {1, NAN, 0};
		float huge[3] = {FLT_MAX, FLT_MAX, -FLT_MAX};
		float back[3];

		quantize(type, zero, 3, &a);
		quantize(type, one, 3, &b);
		CHECK(a.head.norm2 == 0 && a.head.lattice_norm == 0 && a.head.code_sum == 0 &&
			  a.head.abs_sum == 0);
		vcv_dequantize(type, &a, 3, back);
		CHECK(back[0] == 0 && back[1] == 0 && back[2] == 0);
		CHECK(vcv_score(VCV_L2, type, &a, &b, 3) == b.head.norm2);
		CHECK(vcv_score(VCV_L2, type, &a, &a, 3) == 0);
		CHECK(vcv_score(VCV_IP, type, &a, &b, 3) == 0);
		CHECK(vcv_metric_result(VCV_COSINE, vcv_score(VCV_COSINE, type, &a, &a, 3)) == 1);
		CHECK(vcv_metric_result(VCV_COSINE, vcv_score(VCV_COSINE, type, &a, &b, 3)) == 1);
		CHECK(vcv_quant_normalize(&a.head) == 0 && a.head.norm2 == 0);

		vcv_quantize(type, bad, 3, &a);
		CHECK(a.head.norm2 == 0 && vcv_quant_valid(type, &a, 3));
		bad[1] = INFINITY;
		vcv_quantize(type, bad, 3, &a);
		CHECK(a.head.norm2 == 0 && vcv_quant_valid(type, &a, 3));
		vcv_quantize(type, huge, 3, &a);
		CHECK(a.head.norm2 == FLT_MAX && vcv_quant_valid(type, &a, 3));
		CHECK(code(type, &a, 0) == code(type, &a, 1) && code(type, &a, 2) == 0);

		/* never NaN */
		for (int round = 0; round < 20000; round++)
		{
			float *heads[] = {&a.head.norm2,    &a.head.lattice_norm, &a.head.code_sum,
							  &a.head.abs_sum,  &b.head.norm2,        &b.head.lattice_norm,
							  &b.head.code_sum, &b.head.abs_sum};

			for (int i = 0; i < 8; i++)
				*heads[i] = odd[unit_below(sizeof(odd) / sizeof(odd[0]))];
			for (int m = VCV_L2; m <= VCV_COSINE; m++)
				CHECK(!isnan(vcv_score((VcvMetric) m, type, &a, &b, 3)));
			vcv_dequantize(type, &a, 3, back);
			CHECK(!isnan(back[0]) && !isnan(back[2]));
		}

		quantize(type, one, 3, &a);
		for (int i = 0; i < 4; i++)
		{
			static const float wrong[] = {NAN, INFINITY, -1};

			for (int w = 0; w < 3; w++)
			{
				b = a;
				((float *) &b.head)[i] = wrong[w];
				CHECK(!vcv_quant_valid(type, &b, 3));
			}
		}
		b = a;
		b.codes[1] |= 0x10;
		CHECK(vcv_quant_valid(type, &b, 3) == (type == VCV_RABITQ8));
		CHECK(vcv_quant_valid(type, &b, 4));
	}
}

/* what one level computes, another does */
static void
test_levels(VcsLevel top)
{
	float x[DIM];
	float y[DIM];

	for (int round = 0; round < 50; round++)
	{
		const uint32_t n = (uint32_t) unit_below(DIM) + 1;

		fill(x, n);
		fill(y, n);
		for (int t = 0; t < 2; t++)
		{
			Row a[2];
			Row b;
			float score[2];

			for (int side = 0; side < 2; side++)
			{
				vcs_cpu_cap_level(side == 0 ? VCS_LEVEL_C : top);
				vcs_vector_init();
				vcs_rotate_init();
				quantize(types[t], x, n, &a[side]);
				quantize(types[t], y, n, &b);
				score[side] = vcv_score(VCV_IP, types[t], &a[side], &b, n);
			}
			CHECK(memcmp(&a[0], &a[1], sizeof(Row)) == 0);
			CHECK(score[0] == score[1]);
		}
	}
}

int
main(void)
{
	unit_init();
	vcv_rotate_init();
	for (int level = 0; level < VCS_LEVEL_COUNT; level++)
	{
		if (!vcs_cpu_supports((VcsLevel) level))
			continue;
		vcs_cpu_cap_level((VcsLevel) level);
		vcs_vector_init();
		vcs_rotate_init();
		test_known();
		test_distances();
		test_special();
		test_levels((VcsLevel) level);
	}
	return unit_done("quantized");
}
