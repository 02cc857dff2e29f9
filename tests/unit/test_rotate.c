/*
 * tests/unit/test_rotate.c
 *		The fixed rotation: known answers, equal bits at every level, inverse, norms.
 *
 * --bench prints nanoseconds per rotation.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/simd/vector/rotate_ops.h"

static int failures;
static unsigned long checks;
static uint8_t signs[VCS_ROTATE_SIGN_BYTES];

static void
check(bool ok, const char *what, const char *level, unsigned n)
{
	checks++;
	if (!ok && failures++ < 20)
		printf("FAILED: %s, level %s, n %u\n", what, level, n);
}

static void
test_signs(void)
{
	static const uint8_t first[VCS_ROTATE_ROUNDS][8] = {
		{246, 133, 163, 106, 54, 126, 9, 115},
		{208, 26, 13, 148, 253, 100, 240, 157},
		{5, 164, 172, 77, 94, 232, 190, 2},
		{106, 50, 9, 230, 136, 210, 7, 126},
	};

	for (unsigned r = 0; r < VCS_ROTATE_ROUNDS; r++)
		check(memcmp(signs + r * VCS_ROTATE_ROUND_BYTES, first[r], 8) == 0, "sign bytes", "-", r);
}

static void
test_known(const VcsRotateOps *ops, const char *level)
{
	static const struct
	{
		unsigned n;
		float in[8];
		float out[8];
	} known[] = {
		{1, {1}, {-1}},
		{3, {2, 3, 4}, {3.981917f, 1.804379f, 3.144607f}},
		{5, {1, 0, 0, 0, 0}, {-0.335248f, -0.353553f, 0.650888f, -0.518306f, -0.265165f}},
		{6, {1, 2, 3, 4, 5, 6}, {-1.875f, -2.875f, -4, 6.875f, 1.375f, 3.75f}},
		{8, {1, 2, 3, 4, 5, 6, 7, 8}, {-8.5f, 9.5f, -2.5f, 5.5f, 0.5f, -0.5f, -1.5f, 1.5f}},
	};

	for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++)
	{
		float x[8];

		memcpy(x, known[k].in, sizeof(x));
		ops->forward(x, known[k].n, signs);
		for (unsigned i = 0; i < known[k].n; i++)
			check(fabsf(x[i] - known[k].out[i]) < 2e-6f, "known answer", level, known[k].n);
	}
}

static void
test_length(const VcsRotateOps *ref, const VcsRotateOps *ops, const char *level, unsigned n,
			float *buf[3])
{
	float *x = buf[0];
	float *a = buf[1];
	float *b = buf[2] + n % 3; /* odd alignment */
	size_t bytes = n * sizeof(float);
	double before = 0;
	double after = 0;
	double worst = 0;

	for (unsigned i = 0; i < n; i++)
	{
		x[i] = (float) (rand() % 20001 - 10000) / 7777.0f;
		before += (double) x[i] * x[i];
	}
	b[n] = 12345.0f;
	memcpy(a, x, bytes);
	memcpy(b, x, bytes);
	ref->forward(a, n, signs);
	ops->forward(b, n, signs);
	check(memcmp(a, b, bytes) == 0, "forward equals reference", level, n);
	for (unsigned i = 0; i < n; i++)
		after += (double) b[i] * b[i];
	check(fabs(before - after) <= 1e-5 * before, "norm kept", level, n);

	ref->backward(a, n, signs);
	ops->backward(b, n, signs);
	check(memcmp(a, b, bytes) == 0, "backward equals reference", level, n);
	for (unsigned i = 0; i < n; i++)
	{
		const double error = fabs((double) b[i] - x[i]);

		worst = error > worst ? error : worst;
	}
	check(worst < 3e-6 * sqrt(before), "backward inverts forward", level, n);

	if ((n & (n - 1)) == 0)
	{
		memcpy(a, x, bytes);
		memcpy(b, x, bytes);
		ref->fht(a, n);
		ops->fht(b, n);
		check(memcmp(a, b, bytes) == 0, "fht equals reference", level, n);
	}
	check(b[n] == 12345.0f, "writes beyond", level, n);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static void
bench(const VcsRotateOps *ops, VcsLevel level, float *x)
{
	static const unsigned dims[] = {128, 256, 384, 512, 768, 784, 1000, 1024, 1536, 3072};

	printf("%-12s", vcs_level_name(level));
	for (unsigned k = 0; k < sizeof(dims) / sizeof(dims[0]); k++)
	{
		const int loops = level == VCS_LEVEL_C ? 200 : 2000;
		double best = 1e9;

		memset(x, 0, dims[k] * sizeof(float));
		for (int rep = 0; rep < 15; rep++)
		{
			double t = now();

			for (int i = 0; i < loops; i++)
				ops->forward(x, dims[k], signs);
			t = (now() - t) / loops;
			best = t < best ? t : best;
		}
		printf("  %u: %.0f", dims[k], best);
	}
	printf(" ns\n");
}

int
main(int argc, char **argv)
{
	bool benchmark = argc > 1 && strcmp(argv[1], "--bench") == 0;
	VcsRotateOps ref;
	float *buf[3];

	for (int i = 0; i < 3; i++)
	{
		buf[i] = malloc((VCS_ROTATE_MAX_DIM + 64) * sizeof(float));
		if (buf[i] == NULL)
			return 1;
	}
	srand(1);
	vcs_rotate_signs(signs);
	test_signs();
	vcs_rotate_fill(&ref, VCS_LEVEL_C);
	for (int level = 0; level < VCS_LEVEL_COUNT; level++)
	{
		VcsRotateOps ops;
		const char *name = vcs_level_name((VcsLevel) level);

		if (!vcs_cpu_supports((VcsLevel) level))
			continue;
		vcs_rotate_fill(&ops, (VcsLevel) level);
		test_known(&ops, name);
		for (unsigned n = 1; n <= 800; n++)
			test_length(&ref, &ops, name, n, buf);
		for (unsigned n = 801; n <= VCS_ROTATE_MAX_DIM; n = n < 4096 ? n + 47 : n * 2 - 4001)
			test_length(&ref, &ops, name, n, buf);
		for (unsigned n = 16; n <= 32768; n *= 2)
		{
			test_length(&ref, &ops, name, n, buf);
			test_length(&ref, &ops, name, n / 2 * 3, buf);
		}
		test_length(&ref, &ops, name, VCS_ROTATE_MAX_DIM, buf);
		if (benchmark)
			bench(&ops, (VcsLevel) level, buf[0]);
	}
	printf("%lu checks, %d failed\n", checks, failures);
	return failures > 0 || checks == 0;
}
