/*
 * vchordrq/search.h
 *		One nearest-neighbour search: candidates of lists, exact distances, rounds.
 *
 * Life: create once per scan, begin per query, then rounds; every row a round finds is popped in
 * ascending exact distance.  No page guard is held between calls.  Memory: the scan's arena for a
 * query's arrays, bounded by work_mem; see gather.c for what happens beyond.
 */
#ifndef VCHORDRQ_SEARCH_H
#define VCHORDRQ_SEARCH_H

#include "core/radix.h"
#include "core/scan.h"

#include "vchordrq/am.h"
#include "vchordrq/encode.h"
#include "vchordrq/range.h"
#include "vchordrq/run.h"
#include "vchordrq/tree.h"

/* a row known by a lower bound of its distance (exact index: by its distance) */
typedef struct RqCandidate
{
	float bound;
	RqStripDisk strip; /* group and slot only in grouped indexes */
} RqCandidate;

/* a row whose exact distance is known */
typedef struct RqResult
{
	float distance; /* score: L2 squared or negative dot */
	ItemPointerData tid;
} RqResult;

/* a list that was visited, and how thoroughly */
typedef struct RqVisit
{
	RqProbe probe;
	float seen;       /* every row with a bound below this was gathered */
	RqListDisk entry; /* the list as it was at the first visit */
} RqVisit;

/* what of a list is to be read next, for the stream (gather.c) */
typedef struct RqListCursor
{
	const RqListDisk *entry; /* of the list being read */
	bool strips;             /* only these */
	bool codes_done;         /* of the segment */
	int extent;
	uint32 segment;
	BlockNumber next; /* of the range being read */
	BlockNumber end;
} RqListCursor;

/* candidates about to be judged, in this order, and which of their vectors were asked for (rerank.c) */
typedef struct RqQueue
{
	RqCandidate *items; /* number i is at i % room */
	size_t room;
	size_t head;
	size_t tail;
	size_t asked;       /* first candidate not asked for */
	uint32 asked_pages; /* but so many pages of it */
	bool refill;        /* from the heap */
} RqQueue;

typedef struct RqSearch
{
	VcScan *scan;
	Relation index;
	const RqMeta *meta;
	VcReadCache *cache;
	VcStream *lists; /* of list pages (io_search) */
	RqListCursor cursor;
	VcStream *vectors; /* of vectors in the index (io_rerank) */
	RqQueue queue;
	VcArena *arena;
	RqSearchParams params;

	/* query */
	const float *x;  /* [dim] f32, normalised for cosine; rotated only if the type is quantised */
	const void *row; /* what exact distances are computed from: x, or the value's row */
	VcvQuery query;
	RqRange range; /* rows outside are never results */
	bool quick;    /* with a range: not all rows of it are looked for yet (search.c) */
	RqTree *tree;
	bool tree_done;  /* no more lists, or the cap is reached */
	RqProbe pending; /* next list, already pulled from the tree */
	bool has_pending;
	RqProbe home;  /* the list where a row equal to the query would go; its rank is an insert's */
	bool has_home; /* it is to be visited, in its turn or before */
	bool home_visited;  /* before its turn */
	float nearest_rank; /* of the list that completed the first k rows */

	/* lists visited so far */
	RqVisit *visits;
	size_t nvisits;
	size_t visit_room;

	/* candidates: heap in [0, nheap), the rest unordered; all of them where they go in batches */
	RqCandidate *candidates;
	size_t nheap;
	size_t ncandidates;
	size_t candidate_room;
	size_t candidate_limit; /* by work_mem */
	float dropped;          /* candidates at or above this bound were dropped this round */
	float judged_to;        /* no candidate with a bound above this was ever judged */
	float known;            /* rows with a bound up to this do not count in `upper` */
	size_t fresh;           /* candidates from here on were added by the visit under way */
	bool exhaustive;        /* the pass over all remaining rows is under way or done */
	bool restarted;         /* what was popped before is found again */

	/* results not popped yet: heap by (distance, tid) */
	RqResult *results;
	size_t nresults;
	size_t result_room;

	/*
	 * The pass over all rows keeps as many results as work_mem holds, the nearest; a further pass
	 * finds those behind `cut`, which are not kept, and leaves out those up to `from`, which were.
	 */
	size_t result_limit;
	bool has_cut;
	RqResult cut;
	bool has_from;
	RqResult from;

	/* round */
	size_t need;      /* rows this round is to deliver */
	size_t left;      /* of which not popped yet */
	size_t popped;    /* in all rounds */
	RqCeiling best;   /* the `need` smallest exact distances */
	size_t rank;      /* of the farthest row wanted, among all rows */
	size_t most_rank; /* for which work_mem has a ceiling */
	RqCeiling upper;  /* the smallest upper bounds of codes, see gather.c */
	RqCensus census;  /* with a filter instead: about the `rank` smallest estimates */
	float *census_first;
	uint32 *census_count;
	size_t census_room; /* of census_first */
	bool use_codes;     /* upper or census is kept */

	/* filter */
	bool filter;      /* evaluate the plan's quals (or fetch rows) before reranking */
	double evaluated; /* candidates judged, and of which passed; with a prior from the plan */
	double passed;
	double judged;   /* of `evaluated`, without the prior */
	double row_cost; /* of judging a row, against reading a vector */
	/* what was popped before the pass over all rows, or in the quick rounds; sorted by rq_rerank_restart */
	uint64 *popped_tids;
	size_t npopped_tids;
	size_t popped_room;
	RqEncoder *encoder; /* rerank in table; made when first needed */

	/* candidates that are judged: one by one, or in batches; the latter's arrays are made when needed */
	RqCandidate *ahead;   /* [RQ_QUEUE_MAX] */
	RqCandidate *nearest; /* [RQ_BATCH_MAX], in order of bounds */
	RqCandidate *batch;   /* [RQ_BATCH_MAX + 1]; one more is written, not taken */
	VcRadixItem *order;   /* [2 * RQ_BATCH_MAX] */

	struct RqMaxsim *maxsim; /* rows go there instead of becoming candidates, or NULL */
	float *spreads; /* [RQ_SEGMENT_ROWS], with maxsim: estimates less bounds of survivors */

	RqSurvivor *survivors; /* [RQ_SEGMENT_ROWS] */
	float *distances;      /* [max(append_rows, rows_per_page)] */
} RqSearch;

/* candidates whose vectors are read ahead, where they go one by one */
#define RQ_QUEUE_MAX 32

/* most candidates that are judged between two looks at the threshold */
#define RQ_BATCH_MAX 2048

/* Allocate in the scan's memory; meta and cache must outlive it. */
extern RqSearch *rq_search_create(VcScan *scan, const RqMeta *meta, VcReadCache *cache);

/* Error if the number of explicit probes is not that of the index's levels. */
extern void rq_search_check_probes(const RqSearch *search, const RqSearchParams *params);

/*
 * Start with the value in `query`, which was rotated and must stay as it is.  Reads the tree, and with a
 * range the directory.
 */
extern void rq_search_begin(RqSearch *search, const RqSearchParams *params, const RqEncoder *query,
							const RqRange *range);

/*
 * Begin a round that is to deliver `need` rows; false if nothing is left to find.
 */
extern bool rq_search_round(RqSearch *search, size_t need);

/* next row of the round */
extern bool rq_search_pop(RqSearch *search, RqResult *ret_result);

/* Are candidates judged in batches of TID order? */
static inline bool
rq_search_batches(const RqSearch *search)
{
	return search->filter || (!search->meta->geo.grouped && !search->meta->geo.exact);
}

/* smallest distance that can still matter: rows at or above it need not be gathered */
static inline float
rq_search_threshold(const RqSearch *search)
{
	float threshold =
		Min(Min(rq_ceiling_limit(&search->best), search->dropped), search->range.limit);

	if (search->exhaustive)
		return get_float4_infinity();
	if (search->use_codes)
		threshold = Min(threshold,
						search->filter ? search->census.limit : rq_ceiling_limit(&search->upper));
	return threshold;
}

/* the distance of the need-th nearest row, as well as it is known */
static inline float
rq_search_kth(const RqSearch *search)
{
	float kth = rq_ceiling_limit(&search->best);

	if (!search->use_codes)
		return kth;
	if (search->filter)
		return Min(kth, search->census.limit);
	/* of many poor estimates the k-th smallest is far too small */
	if (search->meta->geo.dim <= RQ_EXACT_MAX_DIM)
		return Min(kth, rq_ceiling_limit(&search->upper));
	return Min(kth, rq_ceiling_estimate(&search->upper));
}

/* Is evaluating these quals inside the scan cheaper than reranking rows that fail them? */
extern bool rq_prefilter_pays(const VcPlanQuals *quals);

/* gather.c */

/* the stream's source, with the search: pages of extents in the order in which they are scored */
extern BlockNumber rq_gather_next_block(void *arg);

/* score the rows of visit->probe.list with bounds in [visit->seen, threshold) into candidates */
extern void rq_gather_list(RqSearch *search, RqVisit *visit);

/* every live row of the list, without scoring (bound -inf), for the pass over all remaining lists */
extern void rq_gather_identities(RqSearch *search, uint32 list);

/* probe.c */

/*
 * Would one more list, at distance dc, be likely to hold a row nearer than the need-th best so far?
 */
extern bool rq_probe_worthwhile(const RqSearch *search, const RqProbe *next);

/*
 * The rule itself: a list whose rank is `gap` above that of the nearest, for a query of squared length norm2
 * (inner product), of which the nearest `rank` rows are not beyond kth.  rank_factor: rows looked at by
 * rows that passed a filter.
 */
extern bool rq_probe_reaches(const RqMetaDisk *disk, float norm2, double gap, double kth,
							 size_t rank, double rank_factor);

/* rerank.c */

/* the stream's source, with the search: pages with the vectors of queued candidates */
extern BlockNumber rq_rerank_next_block(void *arg);

/* exact distances of candidates until none has a bound below the need-th best; at most max_rows */
extern void rq_rerank(RqSearch *search, size_t max_rows);

/* the same for all candidates, in TID order, quals first */
extern void rq_rerank_all(RqSearch *search);

/* Is a sequential pass over the table possible? */
extern bool rq_rerank_has_table(RqSearch *search);

/*
 * Forget candidates and results: what is judged from here on becomes a result only if it was neither
 * popped before (the pass over all rows, or the end of the quick rounds) nor the result of an earlier
 * such pass.
 */
extern void rq_rerank_restart(RqSearch *search);

/* judge every row of the table, in one sequential pass */
extern void rq_rerank_table(RqSearch *search);

#endif
