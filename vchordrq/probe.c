/*
 * vchordrq/probe.c
 *		When to stop visiting lists: the automatic alternative to vchordrq.probes.
 *
 * Lists come nearest first.  Let s_i be the squared distance of the query to centroid i and tau the
 * squared distance of the k-th best row so far (estimated from codes, or exact with a filter).  A row x nearer than tau in list i obeys
 * |x - c_i| <= |x - c_0|, that is, it lies beyond the plane that bisects c_0 and c_i, whose distance
 * from the query is (s_i - s_0) / (2 |c_i - c_0|).  If the ball of radius sqrt(tau) around the query
 * reaches the plane only with a thin cap, few of its rows are there: in D dimensions the mass of a
 * cap falls steeply with its relative height.  So the scan goes on while
 *
 *		s_i - s_0 <= 2 * theta * S * sqrt(tau)
 *
 * with S, the typical distance of two centroids, in place of |c_i - c_0| (it makes the rule monotone
 * in the order of lists and needs one number per index), and theta the relative height of the cap.  s_0
 * is that of the nearest list, or, where k rows fill several lists, of the one that completed them:
 *
 *		theta = (0.24 + 0.06 [inner product] + 0.06 log10 k + 0.12 log10(k'/k)) * (1 + 8/D) <= 0.9
 *
 * k' = k * rows looked at / rows that passed the filter: the rank among all rows that the k-th
 * passing row has.  The constants were fitted on eight real sets (8 to 1536 dimensions, three
 * metrics, k = 1, 10, 100, 1000, queries from another distribution than the rows, random and
 * clustered filters), where mean recall is at least 0.957 without a filter (docs/tuning.md).
 *
 * Other metrics are brought to squared distances.  Cosine: rows have unit length and lists are
 * ranked by the directions u of their centroids, s = 2 - 2<q,u>.  Inner product: the query's length does not change the order, so it is scaled to the
 * length M of long rows (99.9th percentile of the sample): s = -2<q',c>, tau = 2M^2 - 2<q',x>.
 */
#include "postgres.h"

#include <math.h>

#include "vchordrq/search.h"

#define THETA_BASE     0.24
#define THETA_IP       0.06
#define THETA_LOG_K    0.06
#define THETA_LOG_PASS 0.12
#define THETA_DIM      8.0
#define THETA_MAX      0.9

bool
rq_probe_reaches(const RqMetaDisk *disk, float norm2, double gap, double kth, size_t rank,
				 double rank_factor)
{
	double tau;
	double theta;

	if (isinf(kth))
		return true; /* fewer than need rows so far */
	if (disk->build_rows < disk->lists)
		return true; /* lists that no rows have shaped: nothing follows from their places */
	switch (disk->metric)
	{
		case VCV_L2:
			tau = kth;
			break;
		case VCV_COSINE:
			gap *= 2;
			tau = 2 + 2 * kth;
			break;
		default:
		{
			double scale = norm2 > 0 ? disk->build_norm / sqrt(norm2) : 0;

			gap *= 2 * scale;
			tau = 2 * (double) disk->build_norm * disk->build_norm + 2 * kth * scale;
			break;
		}
	}
	/* the one nearest by inner product is a long row as often as a near one: ask as for ten */
	if (disk->metric == VCV_IP)
		rank = Max(rank, 10);
	theta = THETA_BASE + (disk->metric == VCV_IP ? THETA_IP : 0) +
			THETA_LOG_K * log10((double) rank) + THETA_LOG_PASS * log10(rank_factor);
	theta = Min(theta * (1 + THETA_DIM / disk->dim), THETA_MAX);
	return gap <= 2 * theta * disk->build_spread * sqrt(Max(tau, 0));
}

bool
rq_probe_worthwhile(const RqSearch *search, const RqProbe *next)
{
	double rank_factor = 1;
	size_t rank = search->use_codes ? search->rank : search->popped + search->need;

	/* estimates of codes are of all rows, so their rank says it already */
	if (search->filter && !search->use_codes)
		rank_factor = Max(1.0, search->evaluated / search->passed);
	return rq_probe_reaches(&search->meta->disk, search->query.norm2,
							next->rank - search->nearest_rank, rq_search_kth(search), rank,
							rank_factor);
}
