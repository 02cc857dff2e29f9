/*
 * vchordrq/range.c
 *		Range search: which scores a radius allows, and which lists can hold such rows.
 *
 * Rounding.  A sum of n terms in f32 is wrong by less than n / 2 units in the last place of the sum of
 * their absolute values, in whatever order it is taken.  Twice that, and some more for roots and
 * conversions, is on either side of the radius.  That sum is the score itself for L2, at most |q| |x| for
 * products.  Rows may be of any length under inner product; a multiple of the length of long rows stands
 * for it.
 *
 * Lists.  The directory has for each list a radius within which all its rows are (format.h).  With d the
 * distance of the query from the centroid no row is nearer than d - radius, and no product is larger than
 * that with the centroid by more than |q| radius.  Under cosine rows have unit length, so -cos < s means a
 * squared distance below 2 + 2 s; a zero row, which has none, is at 1 from the query, and no s <= 0 allows it.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "vchordrq/list.h"
#include "vchordrq/range.h"

/* lengths of rows against the 99.9th percentile of those of the build */
#define LONGER_ROWS 16.0

/* relative error of a sum of the index or an operator */
static double
sum_error(const RqMeta *meta)
{
	return (meta->disk.dim + 64.0) * FLT_EPSILON;
}

void
rq_range_none(RqRange *ret_range)
{
	ret_range->given = false;
	ret_range->sure = get_float4_infinity();
	ret_range->limit = get_float4_infinity();
}

void
rq_range_init(RqRange *ret_range, const RqMeta *meta, const RqEncoder *query, float radius)
{
	double score = vcv_metric_score((VcvMetric) meta->disk.metric, radius);
	double margin = sum_error(meta);

	ret_range->given = true;
	switch ((VcvMetric) meta->disk.metric)
	{
		case VCV_L2:
			/* below it squares of small differences are zero */
			margin = margin * score + FLT_MIN;
			break;
		case VCV_IP:
			margin *= sqrt((double) vcv_norm2(query->x, meta->disk.dim)) * meta->disk.build_norm *
						  LONGER_ROWS +
					  fabs(score);
			break;
		case VCV_COSINE:
			break;
	}
	ret_range->sure = (float) (score - margin);
	ret_range->limit = (float) (score + margin);
	/* a radius that is no number or has none beyond it: the operator knows what that means */
	if (!isfinite(ret_range->sure) || !isfinite(ret_range->limit))
	{
		ret_range->sure = -get_float4_infinity();
		ret_range->limit = get_float4_infinity();
	}
}

bool
rq_range_is_sure(const RqRange *range, const RqMeta *meta, float score)
{
	/* the cosine of a zero vector is 0 here; what it is there is for the operator to say */
	if (meta->disk.metric == VCV_COSINE && score == 0)
		return false;
	return score < range->sure;
}

/* bounds of the distance of the query from a list's centroid */
static void
centroid_distance(const RqMeta *meta, const VcvQuery *query, const RqProbe *probe, double *ret_low,
				  double *ret_high)
{
	double d2 = probe->dc;
	double error = sum_error(meta) * d2;

	if (meta->disk.metric != VCV_L2)
	{
		d2 = (double) query->norm2 + probe->norm2 + 2 * (double) probe->dc;
		/* 2 |q| |c| <= |q|^2 + |c|^2 */
		error = 2 * sum_error(meta) * ((double) query->norm2 + probe->norm2);
	}
	*ret_low = sqrt(Max(d2 - error, 0));
	*ret_high = sqrt(Max(d2 + error, 0));
}

float
rq_range_reach(const RqMeta *meta, const VcvQuery *row, const RqProbe *probe)
{
	double low;
	double high;

	centroid_distance(meta, row, probe, &low, &high);
	return (float) (high * (1 + FLT_EPSILON));
}

bool
rq_range_excludes(const RqRange *range, Relation index, const RqMeta *meta, VcReadCache *cache,
				  const VcvQuery *query, const RqProbe *probe)
{
	RqListDisk entry;
	double limit = range->limit;
	double low;
	double high;

	rq_list_read(index, meta, cache, probe->list, &entry);
	if ((entry.flags & RQ_LIST_RADIUS) == 0)
		return false;
	if (meta->disk.metric == VCV_IP)
	{
		double length = sqrt((double) query->norm2);
		double error = sum_error(meta) * length * sqrt((double) probe->norm2);

		return probe->dc - error - length * entry.radius > limit;
	}
	if (meta->disk.metric == VCV_COSINE)
		limit = 2 + 2 * limit;
	centroid_distance(meta, query, probe, &low, &high);
	return low - entry.radius > sqrt(Max(limit, 0));
}
