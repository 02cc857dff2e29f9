/*
 * vchordrq/search.c
 *		Rounds of a nearest-neighbour search.
 *
 * A round delivers `need` rows.  It completes the lists of earlier rounds up to the present threshold,
 * visits further lists while that is worthwhile (probe.c) or the round is short of rows, reranks
 * (rerank.c), and ends when no candidate's bound is below the need-th exact distance.
 *
 * With explicit probes the lists are a hard cap and all of them are visited; without, a round that
 * is short always goes on, so a scan can be driven until every row of the index was delivered.
 *
 * Rows are in the list whose centroid is nearest by squared distance, and inserts descend greedily.  The
 * order of visits is another one: under cosine it goes by the direction of centroids, which serves queries
 * better, and descents are exact.  Centroids of rows unlike the query are short and lie in any direction,
 * so rows unlike those of the build may be in a list that comes late.  Therefore the list to which the
 * query itself would go, its home, is visited in any case: it has the rows that are equal to the query.
 *
 * With a filter evaluated inside the scan, k rows that pass are about the k / rate nearest of all.  The
 * rate is asked of some rows of the nearest list, because the planner often knows no better than a
 * default.  Then the round finds that many rows by their codes alone, which is cheap (a nanosecond or
 * two a row; a row judged costs 115), and judges them in order of their bounds, in batches of TID
 * order.  If fewer pass than the rate promised, it has changed, and the round goes on for more.  When that
 * would be a good part of the index it stops ranking and takes all remaining rows in one pass over the
 * table: then a filter that matches nothing costs about as much as a sequential scan, whose rows it
 * visits in the same order.
 *
 * A range search delivers every row inside the radius.  Lists that cannot have one are passed over, of all
 * others the rows are gathered whose bounds are below it (range.c).  Where a LIMIT is known, the first
 * round is a search for that many nearest rows, clipped to the range; if there are fewer, or the executor
 * wants more, the search begins again with bounds that are certain (quick).
 *
 * As soon as k rows have passed, the exact distance of the k-th is the threshold, as without a filter:
 * what is below it is judged, what was pruned below it is gathered after all (seldom anything).  Codes
 * err, so two to three times k / rate rows are judged, however they are ordered.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "vchordrq/list.h"
#include "vchordrq/search.h"

/*
 * A row judged in order of its bound costs twice what it costs in a pass over the table (a page visit of
 * its own, against a seventh of one), and two to three are judged for each of the rank wanted,
 * so beyond this share of the rows the pass is cheaper.
 */
#define EXHAUSTIVE_SHARE 10
/* of judging a row and its quals, against reading a vector and computing a distance: 100 to 200 ns each */
#define ROW_COST      0.8
#define OPERATOR_COST 0.1

#define FILTER_FIRST  16 /* the plan's rate is trusted for no more than this many a row wanted */
#define FILTER_GROWTH 8
#define FILTER_MARGIN 1.1 /* more than the estimate says, rather than one more turn */
#define FILTER_MIN    16

/*
 * Epsilon of a filtered search when the user gave none.  Of the rows nearer than the k-th match only
 * the filter's share can be results, so a row lost to a tighter bound is rarely one; 1.2 saves a third of
 * the rows judged and keeps recall at 0.97 where 1.9 has 0.995 (docs/tuning.md).
 */
#define FILTER_EPSILON 1.2
/*
 * The same of vectors so short that one bit a dimension tells next to nothing, and that nothing well: of 8 dimensions
 * the error is far from normal.  Only quantised columns have codes there (RQ_EXACT_MAX_DIM).
 */
#define SHORT_EPSILON 4.0

#define CODES_MARGIN(need) ((need) + (need) / 8 + 2) /* dead rows count, too */
#define INITIAL_ROOM       512

/*
 * Shares of work_mem: for candidates, or results of the pass over all rows, and for the ceiling of a
 * filtered search, which is twice that while it grows.  Other results and visits are smaller.
 */
#define CANDIDATE_SHARE 0.75
#define CEILING_SHARE   0.25
#define RANK_MIN        65536

RqSearch *
rq_search_create(VcScan *scan, const RqMeta *meta, VcReadCache *cache)
{
	RqSearch *search = MemoryContextAllocZero(scan->mcxt, sizeof(RqSearch));
	const RqGeometry *geo = &meta->geo;
	MemoryContext caller;

	search->scan = scan;
	search->index = scan->scan->indexRelation;
	search->meta = meta;
	search->cache = cache;
	search->arena = scan->arena;
	caller = MemoryContextSwitchTo(scan->mcxt);
	search->lists = vc_stream_begin(search->index, (VcStreamMode) rq_io_search, cache,
									rq_gather_next_block, search);
	search->vectors = vc_stream_begin(search->index, (VcStreamMode) rq_io_rerank, cache,
									  rq_rerank_next_block, search);
	MemoryContextSwitchTo(caller);
	search->tree = rq_tree_create(scan->mcxt, search->index, meta, cache);
	search->survivors = MemoryContextAlloc(scan->mcxt, RQ_SEGMENT_ROWS * sizeof(RqSurvivor));
	search->distances =
		MemoryContextAlloc(scan->mcxt, Max(geo->append_rows, geo->rows_per_page) * sizeof(float));
	search->ahead = MemoryContextAlloc(scan->mcxt, RQ_QUEUE_MAX * sizeof(RqCandidate));
	return search;
}

/* what most searches do without */
static void
allocate_batches(RqSearch *search)
{
	MemoryContext mcxt = search->scan->mcxt;

	search->nearest = MemoryContextAlloc(mcxt, RQ_BATCH_MAX * sizeof(RqCandidate));
	search->batch = MemoryContextAlloc(mcxt, (RQ_BATCH_MAX + 1) * sizeof(RqCandidate));
	search->order = MemoryContextAlloc(mcxt, 2 * RQ_BATCH_MAX * sizeof(VcRadixItem));
	search->census_count = MemoryContextAlloc(mcxt, RQ_CENSUS_BUCKETS * sizeof(uint32));
}

/* explicit probes count lists, whatever is in them */
static bool
is_out_of_range(const RqSearch *search, const RqProbe *probe)
{
	return search->range.given && search->params.automatic &&
		   rq_range_excludes(&search->range, search->index, search->meta, search->cache,
							 &search->query, probe);
}

static void
pull_next_list(RqSearch *search)
{
	uint32 levels = search->meta->disk.levels;

	search->has_pending = false;
	if (search->tree_done)
		return;
	if (!search->params.automatic && levels > 0 &&
		search->nvisits >= search->params.probes[levels - 1])
	{
		search->tree_done = true;
		return;
	}
	do
		search->has_pending = rq_tree_next(search->tree, &search->pending);
	while (search->has_pending &&
		   ((search->home_visited && search->pending.list == search->home.list) ||
			is_out_of_range(search, &search->pending)));
	search->tree_done = !search->has_pending;
}

/* Is it possible that the list of a row equal to the query is not the first? */
static bool
needs_home(const RqSearch *search)
{
	const RqMetaDisk *disk = &search->meta->disk;

	if (!search->params.automatic || search->exhaustive || disk->levels == 0)
		return false;
	/* by inner product the nearest row is not the one that is equal */
	return disk->metric == VCV_COSINE || (disk->metric == VCV_L2 && disk->levels > 1);
}

static void
begin_tree(RqSearch *search)
{
	search->nvisits = 0;
	search->tree_done = false;
	search->home_visited = false;
	search->has_home = needs_home(search);
	if (search->has_home)
		rq_tree_nearest(search->tree, &search->query, &search->home);
	rq_tree_begin(search->tree, &search->query, (float) search->params.epsilon,
				  search->params.automatic ? NULL : search->params.probes);
	pull_next_list(search);
	search->nearest_rank = search->has_pending ? search->pending.rank : 0;
}

static void
new_ceiling(VcArena *arena, RqCeiling *ceiling, size_t want)
{
	ceiling->want = want;
	ceiling->n = 0;
	if (want > ceiling->room)
	{
		/* twice as much, so that what is left behind is not more than what is used */
		ceiling->room = Max(want, 2 * ceiling->room);
		ceiling->entries = vc_arena_alloc_array(arena, ceiling->room, sizeof(RqCeilingEntry));
	}
}

static void
new_census(RqSearch *search, size_t want)
{
	if (want > search->census_room)
	{
		search->census_room = Max(want, 2 * search->census_room);
		search->census_first =
			vc_arena_alloc_array(search->arena, search->census_room, sizeof(float));
	}
	rq_census_begin(&search->census, want, search->census_first, search->census_count);
}

/*
 * A qual inside the scan costs a heap visit that the executor repeats for rows that pass; it saves the
 * rerank and, more important, tells the search how far it must go.  Only where nearly all rows pass is
 * that not worth it, and where the qual itself is far dearer than a distance.
 */
bool
rq_prefilter_pays(const VcPlanQuals *quals)
{
	return quals->selectivity < 0.9 && quals->cost < 1000 * cpu_operator_cost;
}

void
rq_search_check_probes(const RqSearch *search, const RqSearchParams *params)
{
	uint32 levels = search->meta->disk.levels;

	if (!params->automatic && !params->all && params->nprobes != levels)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("usage: need %u probes, but %u probes provided", levels, params->nprobes),
				 errhint("Index \"%s\" has %u level(s) of lists. Set vchordrq.probes to that many "
						 "comma-separated numbers, or reset it to let the scan decide.",
						 RelationGetRelationName(search->index), levels)));
}

void
rq_search_begin(RqSearch *search, const RqSearchParams *params, const RqEncoder *query,
				const RqRange *range)
{
	const RqMetaDisk *disk = &search->meta->disk;
	const VcPlanQuals *quals = vc_prefilter_quals(search->scan->plan);
	size_t memory = (size_t) work_mem * 1024;

	rq_search_check_probes(search, params);
	search->filter = quals->present && quals->usable &&
					 (rq_prefilter == RQ_PREFILTER_ON ||
					  (rq_prefilter == RQ_PREFILTER_AUTO && rq_prefilter_pays(quals)));
	if (rq_search_batches(search) && search->nearest == NULL)
		allocate_batches(search);
	search->params = *params;
	search->range = *range;
	search->quick = range->given && params->automatic && vc_scan_wanted(search->scan) > 0;
	if (!params->epsilon_given && range->given && !search->quick)
		search->params.epsilon = RQ_RANGE_EPSILON;
	else if (!params->epsilon_given && search->filter)
		search->params.epsilon = FILTER_EPSILON;
	search->x = query->x;
	search->row = rq_encoder_query(query);
	search->visit_room = 64;
	search->visits = vc_arena_alloc(search->arena, search->visit_room * sizeof(RqVisit));
	search->ncandidates = 0;
	search->nheap = 0;
	search->candidate_room = INITIAL_ROOM;
	search->candidates =
		vc_arena_alloc(search->arena, search->candidate_room * sizeof(RqCandidate));
	search->candidate_limit =
		Max((size_t) (memory * CANDIDATE_SHARE) / sizeof(RqCandidate), 4 * RQ_SEGMENT_ROWS);
	search->dropped = get_float4_infinity();
	search->judged_to = -get_float4_infinity();
	search->known = -get_float4_infinity();
	search->most_rank = Max((size_t) (memory * CEILING_SHARE) / sizeof(RqCeilingEntry), RANK_MIN);
	search->best.room = 0;
	search->upper.room = 0;
	search->census_room = 0;
	search->fresh = 0;
	search->exhaustive = false;
	search->restarted = false;
	search->popped = 0;
	search->popped_tids = NULL;
	search->npopped_tids = 0;
	search->popped_room = 0;
	search->result_limit =
		Max((size_t) (memory * CANDIDATE_SHARE) / sizeof(RqResult), 2 * INITIAL_ROOM);
	search->has_cut = false;
	search->has_from = false;
	search->nresults = 0;
	search->result_room = INITIAL_ROOM;
	search->results = vc_arena_alloc(search->arena, search->result_room * sizeof(RqResult));

	/* a prior of one row at the plan's rate: the planner often knows no better than a default */
	search->passed = 1;
	search->evaluated = 1 / Max(quals->selectivity, 1e-4);
	search->judged = 0;
	search->row_cost = ROW_COST + OPERATOR_COST * quals->cost / Max(cpu_operator_cost, 1e-6);

	vcv_query_init(&search->query, disk->metric, query->rotated, disk->dim, true,
				   vc_arena_alloc_aligned(search->arena, vcv_query_memory(disk->dim)));
	begin_tree(search);
}

/* is there a list whose rows below the threshold were not all gathered? */
static bool
complete_visits(RqSearch *search)
{
	bool gathered = false;

	for (size_t i = 0; i < search->nvisits; i++)
	{
		if (search->visits[i].seen < rq_search_threshold(search))
		{
			rq_gather_list(search, &search->visits[i]);
			gathered = true;
		}
	}
	return gathered;
}

static RqVisit *
add_visit(RqSearch *search, const RqProbe *probe)
{
	RqVisit *visit;

	if (search->nvisits == search->visit_room)
	{
		search->visits =
			vc_arena_grow(search->arena, search->visits, search->visit_room * sizeof(RqVisit),
						  search->visit_room * 2 * sizeof(RqVisit));
		search->visit_room *= 2;
	}
	visit = &search->visits[search->nvisits++];
	visit->probe = *probe;
	visit->seen = -get_float4_infinity();
	return visit;
}

static void
visit_pending(RqSearch *search)
{
	bool short_of_rows = isinf(rq_search_kth(search));
	RqVisit *visit = add_visit(search, &search->pending);

	if (search->has_home && search->pending.list == search->home.list)
		search->has_home = false;
	/* the next list is known while this one is read */
	pull_next_list(search);
	rq_gather_list(search, visit);
	/* lists that had to be visited for rows enough say nothing about where to stop (probe.c) */
	if (short_of_rows && !isinf(rq_search_kth(search)))
		search->nearest_rank =
			Max(search->nearest_rank, search->visits[search->nvisits - 1].probe.rank);
}

/* before its turn; it has none then */
static void
visit_home(RqSearch *search)
{
	if (search->has_pending && search->pending.list == search->home.list)
	{
		visit_pending(search);
		return;
	}
	search->has_home = false;
	search->home_visited = true;
	rq_gather_list(search, add_visit(search, &search->home));
}

/* what is left of all lists, in TID order as far as memory goes */
static void
visit_all_lists(RqSearch *search)
{
	for (size_t i = 0; i < search->nvisits; i++)
	{
		if (search->visits[i].seen < get_float4_infinity())
			rq_gather_list(search, &search->visits[i]);
		if (search->ncandidates >= search->candidate_limit)
			rq_rerank_all(search);
	}
	while (search->has_pending)
	{
		/* the distance of an exact index is where the scores are: take it along */
		if (search->meta->geo.exact)
			visit_pending(search);
		else
		{
			rq_gather_identities(search, search->pending.list);
			pull_next_list(search);
		}
		if (search->ncandidates >= search->candidate_limit)
			rq_rerank_all(search);
	}
	rq_rerank_all(search);
}

/*
 * All remaining rows: by a pass over the table if that is possible, else by the lists.  If there were more
 * than work_mem holds, the next call takes the nearest of those that were left.
 */
static void
visit_rest(RqSearch *search)
{
	bool again = search->exhaustive;

	search->exhaustive = true;
	search->use_codes = false;
	if (rq_rerank_has_table(search))
	{
		search->nvisits = 0;
		search->has_pending = false;
		search->tree_done = true;
		rq_rerank_restart(search);
		rq_rerank_table(search);
	}
	else
	{
		if (again)
		{
			rq_rerank_restart(search);
			begin_tree(search);
		}
		visit_all_lists(search);
	}
}

/* bounds for the `rank` nearest of all rows, those of earlier rounds included */
static void
expect_rank(RqSearch *search, size_t rank)
{
	search->rank = rank;
	search->use_codes = true;
	search->known = -get_float4_infinity();
	if (search->filter)
		new_census(search, CODES_MARGIN(rank));
	else
		new_ceiling(search->arena, &search->upper, CODES_MARGIN(rank));
}

/* the same for as many rows as the round needs, of those that were not popped */
static void
expect_need(RqSearch *search)
{
	search->rank = search->popped + search->need;
	search->use_codes = true;
	search->known = search->judged_to;
	new_ceiling(search->arena, &search->upper, CODES_MARGIN(search->need));
	for (size_t i = 0; i < search->nresults; i++)
		rq_ceiling_push(&search->upper, search->results[i].distance, search->results[i].distance);
}

/* visit lists as long as that is worthwhile, and the query's own */
static void
visit_lists(RqSearch *search)
{
	while (search->has_pending &&
		   (!search->params.automatic || rq_probe_worthwhile(search, &search->pending)))
		visit_pending(search);
	if (search->has_home)
		visit_home(search);
}

/* nothing of the lists visited is missing, and there are no more */
static bool
all_gathered(const RqSearch *search)
{
	if (search->has_pending)
		return false;
	for (size_t i = 0; i < search->nvisits; i++)
	{
		if (search->visits[i].seen < search->range.limit)
			return false;
	}
	return true;
}

static bool
exhausted(const RqSearch *search)
{
	return search->ncandidates == 0 && search->nresults == 0 && !search->has_cut &&
		   all_gathered(search);
}

static void
round_plain(RqSearch *search)
{
	expect_need(search);
	for (;;)
	{
		complete_visits(search);
		visit_lists(search);
		rq_rerank(search, SIZE_MAX);
		if (search->nresults >= search->need || search->dropped < get_float4_infinity())
			return;
		if (search->use_codes)
			search->use_codes = false; /* they counted dead rows: look again without */
		else if (all_gathered(search))
			return;
	}
}

/*
 * What share passes?  The planner often knows no better than a default, so the rows of the nearest lists
 * are asked first: `rank` of them.
 */
static void
sample_rate(RqSearch *search, size_t rank)
{
	uint64 scored = search->scan->counters.codes;

	expect_rank(search, rank);
	while (search->has_pending && search->scan->counters.codes - scored < rank)
		visit_pending(search);
	rq_rerank(search, rank);
}

static void
round_filtered(RqSearch *search)
{
	double rows = Max(search->meta->disk.build_rows, search->index->rd_rel->reltuples);
	double missing = (double) (search->popped + search->need);
	double rank = 0;
	bool again = false;

	if (search->judged == 0)
	{
		rank =
			Min(missing * search->evaluated / search->passed, missing * FILTER_FIRST) + FILTER_MIN;
		sample_rate(search, (size_t) Min(rank, (double) search->most_rank));
	}
	for (;;)
	{
		double wanted = missing * search->evaluated / search->passed * FILTER_MARGIN + FILTER_MIN;

		/*
		 * At least twice the last turn, so that turns cost a constant factor; and not at once to what
		 * a rate from few rows says.
		 */
		if (again)
			wanted = Max(wanted, 2 * rank);
		rank = rank == 0 ? wanted : Min(wanted, FILTER_GROWTH * rank);
		again = true;
		if (search->params.automatic &&
			(rank > rows / EXHAUSTIVE_SHARE || rank > (double) search->most_rank))
		{
			/* a range has its own way to be exhausted */
			if (!search->range.given)
				visit_rest(search);
			return;
		}
		if (rank > (double) search->most_rank)
			search->use_codes = false; /* all rows of the lists, as far as memory goes */
		else
			expect_rank(search, (size_t) rank);
		complete_visits(search);
		visit_lists(search);
		rq_rerank(search, (size_t) Max(rank - search->judged, FILTER_MIN));
		if (search->best.n >= search->need)
		{
			/* from here on the exact distance of rows that passed is the threshold */
			search->use_codes = false;
			rq_rerank(search, SIZE_MAX);
			complete_visits(search);
			visit_lists(search);
			break;
		}
		if (all_gathered(search) || search->dropped < get_float4_infinity())
			break;
	}
	rq_rerank(search, SIZE_MAX);
}

/* rows of the range, the nearest if there are more than are needed */
static void
round_range(RqSearch *search)
{
	search->use_codes = false;
	do
	{
		complete_visits(search);
		visit_lists(search);
		rq_rerank(search, SIZE_MAX);
	} while (search->best.n < search->need && search->dropped == get_float4_infinity() &&
			 !all_gathered(search));
}

/* From here on all rows of the range are wanted, but for those that went out. */
static void
end_quick(RqSearch *search)
{
	search->quick = false;
	if (!search->params.epsilon_given)
		search->params.epsilon = RQ_RANGE_EPSILON;
	search->fresh = 0;
	search->judged_to = -get_float4_infinity();
	search->known = -get_float4_infinity();
	search->dropped = get_float4_infinity();
	rq_rerank_restart(search);
	begin_tree(search);
}

bool
rq_search_round(RqSearch *search, size_t need)
{
	if (search->quick && search->popped > 0)
		end_quick(search);
	if (exhausted(search))
		return false;
	if (search->exhaustive)
	{
		if (search->nresults == 0)
			visit_rest(search);
		search->left = search->nresults;
		return search->nresults > 0;
	}
	search->need = need;
	search->dropped = get_float4_infinity();
	new_ceiling(search->arena, &search->best, need);
	for (size_t i = 0; i < search->nresults; i++)
		rq_ceiling_push(&search->best, search->results[i].distance, 0);

	if (search->range.given && !search->quick)
		round_range(search);
	else if (search->filter)
		round_filtered(search);
	else
		round_plain(search);
	if (search->quick && search->nresults < need)
	{
		end_quick(search);
		round_range(search);
	}

	/*
	 * Short of memory: what lies below the cut is complete and may go out, the rest is found again.
	 */
	search->left = search->dropped < get_float4_infinity() ? Max(search->nresults, 1) : need;
	return search->nresults > 0 || !exhausted(search);
}
