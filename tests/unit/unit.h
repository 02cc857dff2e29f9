/*
 * tests/unit/unit.h
 *		What every unit test needs: CHECK that names the place, and seeded random numbers.
 *
 * The seed is fixed unless the environment variable VC_TEST_SEED gives another; a failed CHECK
 *prints it.  CHECK counts, and unit_done() fails a test that checked nothing.
 */
#ifndef VC_TESTS_UNIT_H
#define VC_TESTS_UNIT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The C library's, not the server's that port.h renames them to. */
#undef printf
#undef fprintf
#undef qsort

static uint64_t unit_seed = 1;
static uint64_t unit_state = 1;
static uint64_t unit_checks = 0;

#define CHECK(condition)                                                                           \
	do                                                                                             \
	{                                                                                              \
		unit_checks++;                                                                             \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: CHECK(%s) failed, seed %" PRIu64 "\n", __FILE__, __LINE__,     \
					#condition, unit_seed);                                                        \
			exit(1);                                                                               \
		}                                                                                          \
	} while (0)

static inline void
unit_init(void)
{
	const char *seed = getenv("VC_TEST_SEED");

	if (seed != NULL)
		unit_seed = strtoull(seed, NULL, 10);
	unit_state = unit_seed;
}

/* splitmix64 */
static inline uint64_t
unit_random(void)
{
	uint64_t z = (unit_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* 0 .. limit - 1 */
static inline uint64_t
unit_below(uint64_t limit)
{
	return unit_random() % limit;
}

static inline int
unit_done(const char *name)
{
	printf("%s: %" PRIu64 " checks passed, seed %" PRIu64 "\n", name, unit_checks, unit_seed);
	return unit_checks > 0 ? 0 : 1;
}

#endif
