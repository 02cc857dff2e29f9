/*
 * vchordrq/census.h
 *		About the want-th smallest of a stream of floats, for a `want` of hundreds and more.
 *
 * A heap is walked for each value; here a value is counted in a bucket.  The first `want` values set the
 * range of the buckets; from then on the limit is the upper edge of the bucket that holds the want-th
 * smallest: not below that one (but for rounding), and above it by less than a bucket as long as that
 * one lies in the range.
 */
#ifndef VCHORDRQ_CENSUS_H
#define VCHORDRQ_CENSUS_H

#define RQ_CENSUS_BUCKETS 1024

typedef struct RqCensus
{
	size_t want;   /* at least 1 */
	size_t n;      /* values counted below limit */
	float *first;  /* [want] until that many are known */
	uint32 *count; /* [RQ_CENSUS_BUCKETS] from then on */
	uint32 top;    /* the highest bucket below limit */
	float low;     /* edge of bucket 0, which takes everything below, too */
	float width;   /* of a bucket; 0: all values are one */
	float scale;   /* 1 / width */
	float limit;   /* +infinity until `want` values are known */
} RqCensus;

/* Begin anew; first[want] and count[RQ_CENSUS_BUCKETS] are the caller's. */
extern void rq_census_begin(RqCensus *census, size_t want, float *first, uint32 *count);

/* value < census->limit */
extern void rq_census_add(RqCensus *census, float value);

/* NaN and infinity are not counted. */
static inline void
rq_census_push(RqCensus *census, float value)
{
	if (value < census->limit)
		rq_census_add(census, value);
}

#endif
