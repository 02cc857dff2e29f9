/*
 * vchordrq/range.h
 *		Range search: which scores a radius allows, and which lists can hold such rows.
 *
 * A sphere operator compares its own result with the radius.  The index computes the same distance by
 * other sums, which may differ in the last bits, so scores near the radius are for the operator to
 * judge: of such a row the executor is asked to check the condition again.
 */
#ifndef VCHORDRQ_RANGE_H
#define VCHORDRQ_RANGE_H

#include "vchordrq/encode.h"
#include "vchordrq/tree.h"

/*
 * How many standard deviations wide the bounds of codes are in a range search when the user gave no
 * epsilon.  Every row of the range is wanted, not nearly every: a bound fails once in 10^9 rows that are
 * just inside the radius, and the farther inside the seldomer.
 */
#define RQ_RANGE_EPSILON 6.0

typedef struct RqRange
{
	bool given;
	float sure;  /* a score below this is inside */
	float limit; /* a score at or above this is outside; infinity if no range is given */
} RqRange;

/* no range */
extern void rq_range_none(RqRange *ret_range);

/* rows whose distance from the query, as the operator returns it, is below `radius` */
extern void rq_range_init(RqRange *ret_range, const RqMeta *meta, const RqEncoder *query,
						  float radius);

/* Does a row of this score lie inside without the operator having to say so? */
extern bool rq_range_is_sure(const RqRange *range, const RqMeta *meta, float score);

/* an upper bound of the distance of the query, a row to be inserted, from a list's centroid */
extern float rq_range_reach(const RqMeta *meta, const VcvQuery *row, const RqProbe *probe);

/* Is every row that the list may have outside?  Reads the directory entry. */
extern bool rq_range_excludes(const RqRange *range, Relation index, const RqMeta *meta,
							  VcReadCache *cache, const VcvQuery *query, const RqProbe *probe);

#endif
