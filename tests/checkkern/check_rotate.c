/*
 * tests/checkkern/check_rotate.c
 *		The fixed rotation: known answers, the same bits at every level, inverse, norms.
 */
#include "core/simd/vector/rotate_ops.h"
#include "tests/checkkern/families.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static uint8_t signs[VCS_ROTATE_SIGN_BYTES];

static void
check_known(const VcsRotateOps *ops)
{
	static const uint8_t first[VCS_ROTATE_ROUNDS][8] = {
		{246, 133, 163, 106, 54, 126, 9, 115},
		{208, 26, 13, 148, 253, 100, 240, 157},
		{5, 164, 172, 77, 94, 232, 190, 2},
		{106, 50, 9, 230, 136, 210, 7, 126},
	};
	static const struct
	{
		uint32_t n;
		float in[8];
		float out[8];
	} known[] = {
		{1, {1}, {-1}},
		{3, {2, 3, 4}, {3.981917f, 1.804379f, 3.144607f}},
		{5, {1, 0, 0, 0, 0}, {-0.335248f, -0.353553f, 0.650888f, -0.518306f, -0.265165f}},
		{6, {1, 2, 3, 4, 5, 6}, {-1.875f, -2.875f, -4, 6.875f, 1.375f, 3.75f}},
		{8, {1, 2, 3, 4, 5, 6, 7, 8}, {-8.5f, 9.5f, -2.5f, 5.5f, 0.5f, -0.5f, -1.5f, 1.5f}},
	};

	ck_at("rotate signs", 0);
	for (unsigned r = 0; r < VCS_ROTATE_ROUNDS; r++)
		ck_expect_bytes(signs + r * VCS_ROTATE_ROUND_BYTES, first[r], 8);
	for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++)
	{
		float x[8];

		ck_at("rotate known answer", known[k].n);
		memcpy(x, known[k].in, sizeof(x));
		ops->forward(x, known[k].n, signs);
		for (unsigned i = 0; i < known[k].n; i++)
			ck_expect(fabsf(x[i] - known[k].out[i]) < 2e-6f, "component %u is %f", i,
					  (double) x[i]);
	}
}

static void
check_length(const VcsRotateOps *ref, const VcsRotateOps *ops, uint32_t n)
{
	static float x[VCS_ROTATE_MAX_DIM];
	static float expect[VCS_ROTATE_MAX_DIM];
	const size_t bytes = n * sizeof(float);
	const CkPlace place = (CkPlace) (n % CK_PLACES);
	double before = 0;
	double after = 0;
	double worst = 0;
	float *got;

	ck_fill_gauss(x, n);
	memcpy(expect, x, bytes);
	got = ck_place_copy(0, place, x, bytes, sizeof(float));
	ck_at("rotate forward", n);
	ref->forward(expect, n, signs);
	ops->forward(got, n, signs);
	ck_expect_bytes(got, expect, bytes);
	ck_expect_untouched(0, got, bytes);
	for (uint32_t i = 0; i < n; i++)
	{
		before += (double) x[i] * x[i];
		after += (double) got[i] * got[i];
	}
	ck_expect(fabs(before - after) <= 1e-5 * before, "norm %g became %g", before, after);

	ck_at("rotate backward", n);
	ref->backward(expect, n, signs);
	ops->backward(got, n, signs);
	ck_expect_bytes(got, expect, bytes);
	ck_expect_untouched(0, got, bytes);
	for (uint32_t i = 0; i < n; i++)
	{
		const double error = fabs((double) got[i] - x[i]);

		if (error > worst)
			worst = error;
	}
	ck_expect(worst < 3e-6 * sqrt(before), "backward of forward is off by %g", worst);

	if ((n & (n - 1)) == 0)
	{
		ck_at("rotate fht", n);
		memcpy(expect, x, bytes);
		got = ck_place_copy(0, place, x, bytes, sizeof(float));
		ref->fht(expect, n);
		ops->fht(got, n);
		ck_expect_bytes(got, expect, bytes);
		ck_expect_untouched(0, got, bytes);
	}
}

static void
check(VcsLevel level)
{
	VcsRotateOps ref;
	VcsRotateOps ops;

	vcs_rotate_signs(signs);
	vcs_rotate_fill(&ref, VCS_LEVEL_C);
	vcs_rotate_fill(&ops, level);
	check_known(&ops);
	for (uint32_t n = 1; n <= 300; n++)
		check_length(&ref, &ops, n);
	for (uint32_t n = 317; n < 5000; n += 83)
		check_length(&ref, &ops, n);
	/* lengths with a path of their own: powers of two, and three halves of them */
	for (uint32_t n = 32; n <= 32768; n *= 2)
	{
		check_length(&ref, &ops, n);
		check_length(&ref, &ops, n / 2 * 3);
	}
	check_length(&ref, &ops, 16000);
	check_length(&ref, &ops, VCS_ROTATE_MAX_DIM);
}

typedef struct Bench
{
	VcsRotateOps ops;
	uint32_t n;
	float x[4096];
} Bench;

static void
run_forward(void *arg)
{
	Bench *b = arg;

	b->ops.forward(b->x, b->n, signs);
}

static void
bench(VcsLevel level)
{
	static const uint32_t dims[] = {128, 384, 768, 784, 1024, 1536};
	static Bench b;
	const CkLimits *limits = ck_limits(level);
	char name[64];

	vcs_rotate_fill(&b.ops, level);
	for (unsigned i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
	{
		double adds;

		b.n = dims[i];
		/* per round: log2 b additions a component of the window, one for the Kac step; no FMA helps */
		adds = 4.0 * (floor(log2(b.n)) * exp2(floor(log2(b.n))) + b.n);
		snprintf(name, sizeof(name), "rotate %u", b.n);
		ck_report(level, name, ck_time(run_forward, &b), (double) b.n * sizeof(float),
				  adds / (limits->flops / 2), "add");
	}
}

const CkFamily ck_family_rotate = {"rotate", check, bench};
