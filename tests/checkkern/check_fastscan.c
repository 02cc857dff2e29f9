/*
 * tests/checkkern/check_fastscan.c
 *		Blocks of 32 one-bit codes: packing, table sums, lower bounds.
 */
#include "core/simd/vector/ops.h"
#include "tests/checkkern/families.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_N     9000
#define MAX_BYTES (MAX_N / 8 + 1)

static int
code_bit(const uint8_t *code, size_t i)
{
	return code[i / 8] >> (i % 8) & 1;
}

/* The nibble of vector v and group g in a block, from the drawing in ops.h. */
static unsigned int
nibble_at(const uint8_t *groups, size_t g, int v)
{
	static const int low[16] = {0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15};

	for (int byte = 0; byte < 16; byte++)
	{
		if (low[byte] == v)
			return groups[g * 16 + (size_t) byte] & 15u;
		if (low[byte] + 16 == v)
			return groups[g * 16 + (size_t) byte] >> 4;
	}
	abort();
}

static void
check_pack(const VcsVectorOps *ops, size_t n, int nvec, size_t gap)
{
	size_t bytes = VCS_CODE_BYTES(n);
	size_t stride = bytes + gap;
	size_t total = nvec == 0 ? 0 : (size_t) (nvec - 1) * stride + bytes;
	CkPlace place = (CkPlace) ((n + (size_t) nvec) % CK_PLACES);
	uint8_t *codes = ck_place(0, place, total, 1);
	uint8_t *groups = ck_place(1, place, VCS_GROUPS_BYTES(n), 1);
	bool ok = true;

	ck_at("fastscan_pack", n);
	ck_fill_bytes(codes, total);
	ops->fastscan_pack(codes, stride, nvec, n, groups);
	for (int v = 0; v < VCS_BLOCK; v++)
	{
		uint8_t *row;

		for (size_t i = 0; i < VCS_GROUPS(n) * 4; i++)
		{
			int expected = v < nvec && i < n ? code_bit(codes + (size_t) v * stride, i) : 0;

			ok &= (int) (nibble_at(groups, i / 4, v) >> (i % 4) & 1) == expected;
		}
		if (v >= nvec)
			continue;
		row = ck_place(2, place, bytes, 1);
		ops->fastscan_unpack(groups, n, v, row);
		for (size_t i = 0; i < bytes * 8; i++)
			ok &= code_bit(row, i) == (i < n ? code_bit(codes + (size_t) v * stride, i) : 0);
		if (v % 8 == 0)
			ck_expect_untouched(2, row, bytes);
	}
	ck_expect(ok, "%d vectors: wrong bits", nvec);
	ck_expect_untouched(1, groups, VCS_GROUPS_BYTES(n));
}

static void
check_accumulate(const VcsVectorOps *ops, size_t ngroups, int worst)
{
	size_t bytes = ngroups * 16;
	CkPlace place = (CkPlace) (ngroups % CK_PLACES);
	uint8_t *groups = ck_place(0, place, bytes, 1);
	uint8_t *lut = ck_place(1, place, bytes, 1);
	uint32_t *acc = ck_place(2, place, VCS_BLOCK * sizeof(uint32_t), sizeof(uint32_t));
	uint32_t expected[VCS_BLOCK];
	size_t split = ngroups == 0 ? 0 : ck_random() % (ngroups + 1);

	ck_fill_bytes(groups, bytes);
	for (size_t i = 0; i < bytes; i++)
		lut[i] = worst ? VCS_LUT_MAX : (uint8_t) (ck_random() % (VCS_LUT_MAX + 1));
	for (int v = 0; v < VCS_BLOCK; v++)
	{
		acc[v] = expected[v] = ck_random() >> 8;
		for (size_t g = 0; g < ngroups; g++)
			expected[v] += lut[g * 16 + nibble_at(groups, g, v)];
	}
	ck_at("fastscan_accumulate", ngroups);
	ops->fastscan_accumulate(groups, split, lut, acc);
	ops->fastscan_accumulate(groups + split * 16, ngroups - split, lut + split * 16, acc);
	ck_expect_bytes(acc, expected, sizeof(expected));
	ck_expect_untouched(2, acc, sizeof(expected));
}

static double
half_value(uint16_t h)
{
	float out;
	VcsVectorOps c;

	/* conversions have their own check */
	vcs_vector_fill(&c, VCS_LEVEL_C);
	c.f16_to_f32(&h, 1, &out);
	return (double) out;
}

static void
check_bounds(const VcsVectorOps *ops, int round)
{
	CkPlace place = (CkPlace) (round % CK_PLACES);
	size_t shift = (size_t) round % 5; /* not even a float's alignment */
	size_t size = VCS_BLOCK * sizeof(float);
	uint32_t acc[VCS_BLOCK];
	float base[VCS_BLOCK];
	float factor[VCS_BLOCK];
	uint16_t err[VCS_BLOCK];
	float lb[VCS_BLOCK];
	char *base_at = ck_place(0, place, size + shift, 1);
	char *factor_at = ck_place(1, place, size + shift, 1);
	char *err_at = ck_place(2, place, VCS_BLOCK * sizeof(uint16_t) + shift, 1);
	char *lb_at = ck_place(3, place, size + shift, 1);
	char *acc_at = ck_place(4, place, size, sizeof(uint32_t));
	VcsBound bound = {ck_gauss(), 0.01f * ck_gauss(), 10 * ck_gauss(), fabsf(ck_gauss()),
					  20 * ck_gauss()};
	uint32_t mask;

	for (int i = 0; i < VCS_BLOCK; i++)
	{
		acc[i] = i == 31 && round % 3 == 0 ? 0x7fffffff : ck_random() % 20000;
		base[i] = 10 * ck_gauss();
		factor[i] = ck_gauss();
		err[i] = (uint16_t) (0x3000 + ck_random() % 0xc00);
	}
	if (round % 4 == 1)
	{
		base[3] = NAN;
		base[4] = INFINITY;
		base[5] = -INFINITY;
		err[6] = 0x7c00;
		err[7] = 0x7e00;
	}
	memcpy(base_at, base, size);
	memcpy(factor_at, factor, size);
	memcpy(err_at, err, sizeof(err));
	memcpy(acc_at, acc, sizeof(acc));
	ck_at("lower_bounds", VCS_BLOCK);
	mask = ops->lower_bounds((const uint32_t *) (void *) acc_at, (const float *) (void *) base_at,
							 (const float *) (void *) factor_at, (const uint16_t *) (void *) err_at,
							 &bound, (float *) (void *) lb_at);
	memcpy(lb, lb_at, size);
	for (int i = 0; i < VCS_BLOCK; i++)
	{
		double product = (double) bound.m * acc[i];
		double e = product + (double) bound.b;
		double margin = (double) bound.w * half_value(err[i]);
		double expected = (double) base[i] + (double) bound.c0 + (double) factor[i] * e - margin;
		double magnitude = fabs((double) base[i]) + fabs((double) bound.c0) +
						   fabs((double) factor[i]) * (fabs(product) + fabs((double) bound.b)) +
						   fabs(margin);

		ck_expect_sum(lb[i], expected, magnitude, 6);
		ck_expect((mask >> i & 1) == !(lb[i] >= bound.threshold), "bit %d of the mask", i);
	}
	ck_expect_untouched(3, lb_at, size);
}

static void
check(VcsLevel level)
{
	VcsVectorOps ops;
	int n_vec = 0;

	vcs_vector_fill(&ops, level);
	for (const size_t *n = ck_lengths(); *n != SIZE_MAX; n++)
	{
		check_pack(&ops, *n, *n % 3 == 0 ? 32 : n_vec++ % 33, *n % 7);
		check_accumulate(&ops, *n, 0);
		check_accumulate(&ops, *n, 1);
	}
	for (int i = 0; i <= 32; i++)
		check_pack(&ops, 259, i, 3);
	for (int i = 0; i < 200; i++)
		check_bounds(&ops, i);
}

typedef struct Bench
{
	const VcsVectorOps *ops;
	size_t n;
	size_t blocks;
	uint8_t *lut;
	uint32_t acc[VCS_BLOCK];
	float lb[VCS_BLOCK];
	uint32_t mask;
	uint8_t *out;
} Bench;

static void
run_accumulate(void *arg)
{
	Bench *b = arg;
	const uint8_t *groups = ck_bench_memory();

	for (size_t i = 0; i < b->blocks; i++, groups += VCS_GROUPS_BYTES(b->n))
	{
		memset(b->acc, 0, sizeof(b->acc));
		b->ops->fastscan_accumulate(groups, VCS_GROUPS(b->n), b->lut, b->acc);
	}
}

static void
run_bounds(void *arg)
{
	Bench *b = arg;
	const VcsBound bound = {1, 2, 3, 4, 5};
	const float *data = ck_bench_memory();

	for (size_t i = 0; i < 64; i++, data += 96)
		b->mask += b->ops->lower_bounds(b->acc, data, data + 32, (const uint16_t *) (data + 64),
										&bound, b->lb);
}

static void
run_pack(void *arg)
{
	Bench *b = arg;

	b->ops->fastscan_pack(ck_bench_memory(), VCS_CODE_BYTES(b->n), 32, b->n, b->out);
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
		{"128 L2", 128, CK_SET_L2}, {"768 L1", 768, CK_SET_L1},     {"768 L2", 768, CK_SET_L2},
		{"768 L3", 768, CK_SET_L3}, {"768 DRAM", 768, CK_SET_DRAM}, {"1536 L2", 1536, CK_SET_L2},
	};
	const CkLimits *limits = ck_limits(level);
	static uint8_t lut[MAX_N * 4];
	static uint8_t out[MAX_N * 4];
	VcsVectorOps ops;
	Bench b;
	char name[64];

	vcs_vector_fill(&ops, level);
	memset(&b, 0, sizeof(b));
	b.ops = &ops;
	b.lut = lut;
	b.out = out;
	for (size_t i = 0; i < sizeof(lut); i++)
		lut[i] = (uint8_t) (ck_random() % 64);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		size_t bytes = VCS_GROUPS_BYTES(cases[c].n);
		double limit = cases[c].set == CK_SET_L1   ? limits->l1
					   : cases[c].set == CK_SET_L2 ? limits->l2
					   : cases[c].set == CK_SET_L3 ? limits->l3
												   : limits->dram;

		b.n = cases[c].n;
		b.blocks = cases[c].set / bytes;
		snprintf(name, sizeof(name), "fastscan %s", cases[c].name);
		ck_report(level, name, ck_time(run_accumulate, &b) / (double) b.blocks, (double) bytes,
				  (double) bytes / limit, strrchr(cases[c].name, ' ') + 1);
	}
	ck_report(level, "lower_bounds", ck_time(run_bounds, &b) / 64, 32 * 18, 32 * 18 / limits->l1,
			  "L1");
	b.n = 768;
	ck_report(level, "fastscan_pack 768", ck_time(run_pack, &b), VCS_GROUPS_BYTES(768), 0, "");
}

const CkFamily ck_family_fastscan = {"fastscan", check, bench};
