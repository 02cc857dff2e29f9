/*
 * vchordrq/census.c
 *		About the want-th smallest of a stream of floats.
 */
#include "postgres.h"

#include <math.h>

#include "vchordrq/census.h"

void
rq_census_begin(RqCensus *census, size_t want, float *first, uint32 *count)
{
	census->want = want;
	census->n = 0;
	census->first = first;
	census->count = count;
	census->limit = INFINITY;
}

/*
 * The range of buckets: twice that of the values, downwards, because lists come nearest first but not
 * their rows.
 */
static void
set_range(RqCensus *census)
{
	float low = census->first[0];
	float high = census->first[0];

	for (size_t i = 1; i < census->n; i++)
	{
		low = Min(low, census->first[i]);
		high = Max(high, census->first[i]);
	}
	census->low = low - (high - low);
	census->width = (high - census->low) / RQ_CENSUS_BUCKETS;
	census->scale = 1 / census->width;
	census->top = RQ_CENSUS_BUCKETS - 1;
	census->limit = high;
	/* all alike, or too far apart for a float: the limit stays */
	if (!(census->width > 0) || isinf(census->width) || isinf(census->scale))
	{
		census->width = 0;
		return;
	}
	memset(census->count, 0, RQ_CENSUS_BUCKETS * sizeof(uint32));
	for (size_t i = 0; i < census->n; i++)
	{
		float at = (census->first[i] - census->low) * census->scale;

		census->count[Min((uint32) at, RQ_CENSUS_BUCKETS - 1)]++;
	}
}

void
rq_census_add(RqCensus *census, float value)
{
	float at;

	if (census->n < census->want)
	{
		census->first[census->n++] = value;
		if (census->n == census->want)
			set_range(census);
		return;
	}
	if (census->width == 0)
		return;
	at = Max((value - census->low) * census->scale, 0);
	census->count[Min((uint32) at, census->top)]++;
	census->n++;
	while (census->top > 0 && census->n - census->count[census->top] >= census->want)
	{
		census->n -= census->count[census->top--];
		census->limit = census->low + (float) (census->top + 1) * census->width;
	}
}
