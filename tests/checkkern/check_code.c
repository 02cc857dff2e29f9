/*
 * tests/checkkern/check_code.c
 *		Codes of single vectors: encoding, bit-plane sums, 8- and 4-bit products.
 */
#include "core/simd/vector/ops.h"
#include "tests/checkkern/families.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_N    9000
#define MAX_ROWS 9

static void
check_encode(const VcsVectorOps *ops, const float *u, size_t n)
{
	for (CkPlace place = CK_AT_END; place < CK_PLACES; place++)
	{
		const float *x = ck_place_copy(0, place, u, n * sizeof(float), sizeof(float));
		uint8_t *bits = ck_place(1, place, VCS_CODE_BYTES(n), 1);
		double l1 = 0;
		double l2sq = 0;
		float got_l1;
		float got_l2sq;
		bool ok = true;

		ck_at("encode_bits", n);
		ops->encode_bits(x, n, bits, &got_l1, &got_l2sq);
		for (size_t i = 0; i < VCS_CODE_BYTES(n) * 8; i++)
			ok &= (bits[i / 8] >> (i % 8) & 1) == (i < n && !signbit(u[i]));
		for (size_t i = 0; i < n; i++)
		{
			l1 += fabs((double) u[i]);
			l2sq += (double) u[i] * (double) u[i];
		}
		ck_expect(ok, "wrong bits");
		ck_expect_sum(got_l1, l1, l1, n);
		ck_expect_sum(got_l2sq, l2sq, l2sq, n);
		ck_expect_untouched(1, bits, VCS_CODE_BYTES(n));
	}
}

static void
check_planes(const VcsVectorOps *ops, size_t n)
{
	size_t words = VCS_WORDS(n);
	size_t bytes = VCS_CODE_BYTES(n);
	size_t plane_bytes = VCS_PLANES * words * sizeof(uint64_t);

	for (CkPlace place = CK_AT_END; place < CK_PLACES; place++)
	{
		size_t nrows = (n + (size_t) place) % (MAX_ROWS + 1);
		size_t stride = bytes + n % 5;
		size_t total = nrows == 0 ? 0 : (nrows - 1) * stride + bytes;
		uint64_t *planes = ck_place(0, place, plane_bytes, sizeof(uint64_t));
		uint8_t *codes = ck_place(1, place, total, 1);
		uint32_t *out = ck_place(2, place, nrows * sizeof(uint32_t), sizeof(uint32_t));
		uint32_t expected[MAX_ROWS];

		ck_fill_bytes(codes, total);
		ck_fill_bytes(planes, plane_bytes);
		if (n % 64 != 0)
			for (size_t p = 0; p < VCS_PLANES; p++)
				planes[p * words + words - 1] &= (UINT64_C(1) << (n % 64)) - 1;
		if (n % 11 == 0)
		{
			memset(codes, 0xff, total);
			for (size_t i = 0; i + 1 < words; i++)
				for (size_t p = 0; p < VCS_PLANES; p++)
					planes[p * words + i] = UINT64_MAX;
		}
		for (size_t r = 0; r < nrows; r++)
		{
			const uint8_t *code = codes + r * stride;

			expected[r] = 0;
			for (size_t i = 0; i < n; i++)
				if (code[i / 8] >> (i % 8) & 1)
					for (size_t p = 0; p < VCS_PLANES; p++)
						expected[r] += (uint32_t) (planes[p * words + i / 64] >> (i % 64) & 1) << p;
		}
		ck_at("planes_dot_rows", n);
		ops->planes_dot_rows(codes, stride, nrows, planes, n, out);
		ck_expect_bytes(out, expected, nrows * sizeof(uint32_t));
		ck_expect_untouched(2, out, nrows * sizeof(uint32_t));
		ck_at("planes_dot", n);
		if (nrows > 0)
		{
			const uint8_t *last = codes + (nrows - 1) * stride;
			uint32_t got = ops->planes_dot(last, planes, n);

			ck_expect(got == expected[nrows - 1], "%u, not %u", got, expected[nrows - 1]);
		}
	}
}

static void
check_products(const VcsVectorOps *ops, size_t n, int worst)
{
	for (CkPlace place = CK_AT_END; place < CK_PLACES; place++)
	{
		size_t half = (n + 1) / 2;
		uint8_t *a = ck_place(0, place, n, 1);
		uint8_t *b = ck_place(1, place, n, 1);
		uint32_t expected = 0;
		uint32_t got;

		ck_fill_bytes(a, n);
		ck_fill_bytes(b, n);
		if (worst)
		{
			memset(a, 0xff, n);
			memset(b, 0xff, n);
		}
		for (size_t i = 0; i < n; i++)
			expected += (uint32_t) a[i] * b[i];
		ck_at("dot_u8", n);
		got = ops->dot_u8(a, b, n);
		ck_expect(got == expected, "%u, not %u", got, expected);

		a = ck_place_copy(2, place, a, half, 1);
		b = ck_place_copy(3, place, b, half, 1);
		expected = 0;
		for (size_t i = 0; i < n; i++)
			expected += (uint32_t) (a[i / 2] >> (i % 2 * 4) & 15) * (b[i / 2] >> (i % 2 * 4) & 15);
		ck_at("dot_u4", n);
		got = ops->dot_u4(a, b, n);
		ck_expect(got == expected, "%u, not %u", got, expected);
	}
}

static void
check(VcsLevel level)
{
	static const float values[] = {0.0f, -0.0f, 1e-42f, -1e-42f, 1e18f, INFINITY, -INFINITY, NAN};
	float *u = malloc(MAX_N * sizeof(float));
	VcsVectorOps ops;

	vcs_vector_fill(&ops, level);
	for (const size_t *n = ck_lengths(); *n != SIZE_MAX; n++)
	{
		ck_fill_gauss(u, *n);
		check_encode(&ops, u, *n);
		check_planes(&ops, *n);
		check_products(&ops, *n, 0);
		check_products(&ops, *n, 1);
	}
	check_products(&ops, VCS_DOT_U8_MAX, 1);
	for (size_t at = 0; at < 75; at++)
	{
		ck_fill_gauss(u, 75);
		u[at] = values[at % (sizeof(values) / sizeof(values[0]))];
		u[(at * 7 + 3) % 75] = -0.0f;
		check_encode(&ops, u, 75);
	}
	free(u);
}

typedef struct Bench
{
	const VcsVectorOps *ops;
	size_t n;
	uint64_t planes[VCS_PLANES * 32];
	uint32_t out[8192];
} Bench;

static void
run_encode(void *arg)
{
	const Bench *b = arg;
	uint8_t bits[256];
	float l1;
	float l2sq;

	b->ops->encode_bits(ck_bench_memory(), b->n, bits, &l1, &l2sq);
}

static void
run_planes(void *arg)
{
	Bench *b = arg;

	b->ops->planes_dot_rows(ck_bench_memory(), b->n / 8, 4096, b->planes, b->n, b->out);
}

static void
run_u8(void *arg)
{
	Bench *b = arg;
	const uint8_t *data = ck_bench_memory();

	for (size_t r = 0; r < 512; r++)
		b->out[r] = b->ops->dot_u8(data, data + 4096 + r * b->n, b->n);
}

static void
run_u4(void *arg)
{
	Bench *b = arg;
	const uint8_t *data = ck_bench_memory();

	for (size_t r = 0; r < 1024; r++)
		b->out[r] = b->ops->dot_u4(data, data + 4096 + r * b->n / 2, b->n);
}

static void
bench(VcsLevel level)
{
	static Bench b;
	const CkLimits *limits = ck_limits(level);
	VcsVectorOps ops;

	vcs_vector_fill(&ops, level);
	b.ops = &ops;
	b.n = 768;
	ck_fill_bytes(b.planes, sizeof(b.planes));
	ck_report(level, "encode_bits 768 L1", ck_time(run_encode, &b), 3072, 3072 / limits->l1, "L1");
	ck_report(level, "planes_dot_rows 768 L2", ck_time(run_planes, &b) / 4096, 96, 96 / limits->l2,
			  "L2");
	ck_report(level, "dot_u8 768 L2", ck_time(run_u8, &b) / 512, 768, 768 / limits->l2, "L2");
	ck_report(level, "dot_u4 768 L2", ck_time(run_u4, &b) / 1024, 384, 384 / limits->l2, "L2");
	b.n = 128;
	ck_report(level, "planes_dot_rows 128 L2", ck_time(run_planes, &b) / 4096, 16, 16 / limits->l2,
			  "L2");
}

const CkFamily ck_family_code = {"code", check, bench};
