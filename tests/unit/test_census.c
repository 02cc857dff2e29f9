/*
 * tests/unit/test_census.c
 *		The limit of a census against sorting all that was pushed.
 */
#include "postgres.h"

#include <math.h>

#include "vchordrq/census.h"

#include "tests/unit/unit.h"

#define MAX_N    20000
#define MAX_WANT 3000

static float first[MAX_WANT];
static uint32 count[RQ_CENSUS_BUCKETS];
static float values[MAX_N];

static int
compare(const void *a, const void *b)
{
	float x = *(const float *) a;
	float y = *(const float *) b;

	return (x > y) - (x < y);
}

static float
random_value(int shape, size_t i, size_t n)
{
	float u = (float) unit_below(1 << 20) / (1 << 20);

	switch (shape)
	{
		case 0: /* as distances of rows in some dimensions */
			return powf(u, 1.0f / 12) * 3 - 5;
		case 1: /* the same, lists coming nearest first */
			return powf(u, 1.0f / 12) * (0.5f + 0.5f * (float) i / (float) n);
		case 2: /* farthest first */
			return (float) (n - i);
		case 3: /* ties */
			return (float) unit_below(4);
		case 4:
			return 7;
		default: /* what no bucket can hold */
			return unit_below(9) == 0 ? -INFINITY : (u - u * u * 2) * 3e38f;
	}
}

static void
against_sorting(void)
{
	for (int round = 0; round < 600; round++)
	{
		int shape = round % 6;
		size_t n = 1 + unit_below(round < 60 ? 50 : MAX_N);
		size_t want = 1 + unit_below(Min(n, MAX_WANT));
		RqCensus census;
		float exact;
		float tolerance;
		size_t below = 0;

		rq_census_begin(&census, want, first, count);
		for (size_t i = 0; i < n; i++)
		{
			float before = census.limit;

			CHECK((before == INFINITY) == (i < want));
			values[i] = random_value(shape, i, n);
			rq_census_push(&census, values[i]);
			CHECK(census.limit <= before);
		}
		qsort(values, n, sizeof(float), compare);
		exact = values[want - 1];
		tolerance = 1e-5f * fabsf(exact);
		CHECK(census.limit >= exact - tolerance);
		for (size_t i = 0; i < n; i++)
			below += values[i] < census.limit;
		/* less than a bucket above it, where it lies in the range of the first ones */
		if (census.width > 0 && n > want && exact >= census.low)
			CHECK(census.limit <= exact + census.width + tolerance);
		/* useful, too: with hundreds of first ones that range is wide enough, so hardly more than were wanted */
		if (shape <= 1 && want >= 200)
			CHECK(below <= want + want / 10 + 2);
	}
}

static void
special(void)
{
	RqCensus census;

	rq_census_begin(&census, 2, first, count);
	rq_census_push(&census, NAN);
	rq_census_push(&census, INFINITY);
	rq_census_push(&census, 5);
	CHECK(isinf(census.limit));
	rq_census_push(&census, 3);
	CHECK(census.limit == 5);
	rq_census_push(&census, NAN);
	CHECK(census.limit == 5);
	rq_census_push(&census, 4);
	CHECK(census.limit >= 4 && census.limit < 4.01f);
	/* a second one of the same size starts from nothing */
	rq_census_begin(&census, 2, first, count);
	CHECK(isinf(census.limit));
}

int
main(void)
{
	unit_init();
	against_sorting();
	special();
	return unit_done("census");
}
