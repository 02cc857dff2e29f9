/*
 * vchord_bm25/scan.c
 *		Index scan callbacks: arguments in, rows out.
 *
 * ORDER BY column <&> query: rounds of the k best (search.h).  The first k is the plan's LIMIT if it is known;
 * each further round searches behind the last row of the one before, with a larger k, until the executor
 * has enough or nothing is left.  So a scan is exact and complete, and its memory is bounded: a round is never
 * more than ROUND_SHARE of work_mem.  An explicit limit caps the rows.
 *
 * With a query for all columns (sum_path.c) the score is the sum over them.
 *
 * WHERE column @@ query: with an order it is a gate of the search; without, the matching rows come in order of
 * segments and documents, a segment at a time.
 *
 * Which index is named.  The query's index provides the statistics and the parameters of the score; this
 * index, the candidates.  They are the same index nearly always.  If the query names a partitioned index of
 * which this one is a part, the score is that over all partitions.  If it names another index that makes
 * the same terms of the same column, the rows of this one are scored with the statistics of that one, as
 * the operator would; everything else is an error.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "optimizer/optimizer.h"
#include "tsearch/ts_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/scan.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/search.h"

/* rows of the first round when nobody knows the LIMIT, and how rounds grow */
#define FIRST_ROUND 100
#define GROWTH      4
#define ROUND_MIN   1024
/* of an entry of the container, twice, and a hit */
#define ROUND_BYTES (2 * 24 + sizeof(Bm25Hit))
#define ROUND_SHARE 0.5
#define ROUND_MAX   (1 << 22)

/* what the plan says of its filter is trusted for no more than this many candidates a row */
#define FILTER_FIRST 16

typedef struct Bm25Scan
{
	VcScan frame; /* first */
	Bm25ScanSettings settings;
	Bm25View *view;              /* pinned by the frame's context, for all rescans */
	MemoryContext stats_context; /* pins the view of another index, if the query names one */

	/* since the start; memory of frame.work */
	bool ranked;
	Bm25Query query;
	Bm25Scorer scorer;
	Bm25SearchRequest request;
	Bm25Gate **gates;
	int ngates;
	bool recheck; /* gates let more through than the operator does */
	Bm25Hit *hits;
	size_t nhits;
	size_t at;
	size_t room; /* unranked: of hits */
	uint32 part; /* unranked: of the view, the next */
	Bm25SearchCounters counters;
} Bm25Scan;

/*----- arguments -----*/

pg_noreturn static void
wrong_index(const Bm25Scan *self, Oid named)
{
	const char *name = get_rel_name(named);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("expected index %s, but got index %s for scan", name != NULL ? name : "?",
					RelationGetRelationName(self->frame.scan->indexRelation))));
}

/* The view whose statistics the query asks for; column -1: all of them matter. */
static Bm25View *
stats_view(Bm25Scan *self, Oid named, int column)
{
	IndexScanDesc scan = self->frame.scan;
	Bm25View *view;
	Relation index;
	bool partitioned;

	if (named == RelationGetRelid(scan->indexRelation))
		return self->view;
	if (self->stats_context == NULL)
		self->stats_context = AllocSetContextCreate(
			self->frame.mcxt, "vchord_bm25 statistics of another index", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(self->stats_context);
	index = bm25_query_open_index(named);
	partitioned = index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX;
	if (self->settings.strict_match && !partitioned)
		wrong_index(self, named);
	view = bm25_view_get(index, scan->xs_snapshot, self->stats_context);
	index_close(index, NoLock);
	for (int c = Max(column, 0); c < (column < 0 ? bm25_columns(&self->view->fields) : column + 1);
		 c++)
	{
		if (!bm25_view_compatible(view, self->view, c))
			wrong_index(self, named);
	}
	return view;
}

/* the one order-by that is not null; false if there is none */
static bool
find_order(VcScan *frame, ScanKey *ret_key)
{
	IndexScanDesc scan = frame->scan;
	bool found = false;

	for (int i = 0; i < scan->numberOfOrderBys; i++)
	{
		if (scan->orderByData[i].sk_flags & SK_ISNULL)
			continue;
		if (found)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("vector search with multiple vectors is not supported")));
		*ret_key = &scan->orderByData[i];
		frame->orderby = i;
		found = true;
	}
	return found;
}

/* a query written for another column than the one that it is compared with */
static void
check_column(const Bm25Scan *self, const Bm25QueryData *data, int column)
{
	if (data->field != 0 && data->field != column + 1 && data->field != BM25_ALL_FIELDS)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the query is for column %d of index \"%s\", and is compared with column %d",
					data->field, RelationGetRelationName(self->frame.scan->indexRelation),
					column + 1)));
}

/* Gates of the scan keys; false if one of them is null. */
static bool
make_gates(Bm25Scan *self)
{
	IndexScanDesc scan = self->frame.scan;

	self->gates = palloc(sizeof(Bm25Gate *) * Max(scan->numberOfKeys, 1));
	self->ngates = 0;
	self->recheck = false;
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		const ScanKeyData *key = &scan->keyData[i];
		int column = key->sk_attno - 1;
		Bm25Query *query = palloc(sizeof(Bm25Query));

		if (key->sk_flags & SK_ISNULL)
			return false;
		if (key->sk_strategy == BM25_STRATEGY_TSQUERY)
		{
			bm25_query_resolve_tsquery(DatumGetTSQuery(key->sk_argument), &self->view->fields,
									   query);
			self->recheck |= query->weighted;
		}
		else
		{
			const Bm25QueryData *data = DatumGetBm25Query(key->sk_argument);

			check_column(self, data, column);
			bm25_query_check_nulls(data);
			stats_view(self, data->index, column);
			bm25_query_resolve(data, &self->view->fields, query);
			/* scores of this query are not at hand */
			self->recheck |= query->min_score > 0;
		}
		self->gates[self->ngates++] =
			bm25_gate_create(self->view, query, bm25_column_fields(&self->view->fields, column));
	}
	return true;
}

/*----- ranked -----*/

static bool
passes(void *arg, ItemPointer tid)
{
	return vc_scan_prefilter(arg, tid, NULL) == VC_PREFILTER_PASS;
}

/* Are the plan's other conditions evaluated inside the search? */
static bool
prefilter_pays(const Bm25Scan *self, const VcPlanQuals *quals)
{
	if (!quals->present || !quals->usable || self->settings.prefilter == BM25_PREFILTER_OFF)
		return false;
	if (self->settings.prefilter == BM25_PREFILTER_ON)
		return true;
	return quals->selectivity < 0.9 && quals->cost < 1000 * cpu_operator_cost;
}

static bool
search_round(Bm25Scan *self)
{
	MemoryContext caller;

	if (self->hits != NULL)
		pfree(self->hits);
	self->hits = NULL;
	self->at = 0;
	bm25_view_attach(self->view, self->frame.scan->indexRelation);

	/* a search leaves memory behind only in a context of its own */
	caller = CurrentMemoryContext;
	self->nhits = bm25_search(self->view, &self->request, &self->hits, &self->counters);
	Assert(CurrentMemoryContext == caller);
	(void) caller;
	return self->nhits > 0;
}

static bool
bm25_scan_round(VcScan *frame, int round)
{
	Bm25Scan *self = (Bm25Scan *) frame;
	Bm25SearchRequest *request = &self->request;
	int64 most = Min((int64) (ROUND_SHARE * work_mem * 1024 / ROUND_BYTES), ROUND_MAX);
	int64 wanted = vc_scan_wanted(frame);

	most = Max(most, ROUND_MIN);
	if (!self->ranked)
		return false;
	if (round > 0)
	{
		if (self->nhits < (size_t) request->k)
			return false;
		request->has_after = true;
		request->after = self->hits[self->nhits - 1];
		request->k *= GROWTH;
	}
	else if (wanted == 0)
		request->k = FIRST_ROUND;
	else
	{
		const VcPlanQuals *quals = vc_prefilter_quals(frame->plan);
		double needed = (double) wanted;

		/* rows that the executor will take away afterwards */
		if (quals->present && request->filter == NULL)
			needed = Min(needed / quals->selectivity, needed * FILTER_FIRST) * 1.1;
		request->k = (int64) Min(needed, (double) most);
	}
	if (frame->max_tuples >= 0)
		request->k = Min(request->k, frame->max_tuples - frame->emitted);
	request->k = Max(Min(request->k, most), 1);
	return search_round(self);
}

static bool
start_ranked(Bm25Scan *self, const ScanKeyData *key)
{
	VcScan *frame = &self->frame;
	int column = key->sk_attno - 1;
	const Bm25QueryData *data = DatumGetBm25Query(key->sk_argument);
	Bm25View *stats;
	bool all;

	check_column(self, data, column);
	bm25_query_check_nulls(data);
	all = data->field == BM25_ALL_FIELDS;
	stats = stats_view(self, data->index, all ? -1 : column);
	bm25_query_resolve(data, &self->view->fields, &self->query);
	bm25_scorer_init(&self->scorer, stats, &self->query,
					 all ? (Bm25FieldSpan){0, self->view->fields.n}
						 : bm25_column_fields(&self->view->fields, column));
	self->scorer.all_fields = all;
	memset(&self->request, 0, sizeof(self->request));
	self->request.scorer = &self->scorer;
	self->request.algorithm = (Bm25Algorithm) bm25_algorithm;
	self->request.gates = self->gates;
	self->request.ngates = self->ngates;
	if (prefilter_pays(self, vc_prefilter_quals(frame->plan)))
	{
		self->request.filter = passes;
		self->request.filter_arg = frame;
	}
	return bm25_scan_round(frame, 0);
}

/*----- the frame's calls -----*/

/* View, gates; false if nothing can match. */
static bool
prepare(Bm25Scan *self)
{
	VcScan *frame = &self->frame;
	IndexScanDesc scan = frame->scan;

	self->hits = NULL;
	self->nhits = 0;
	self->at = 0;
	self->room = 0;
	self->part = 0;
	if (self->view == NULL)
		self->view = bm25_view_get(scan->indexRelation, scan->xs_snapshot, frame->mcxt);
	else
		bm25_view_attach(self->view, scan->indexRelation);
	return make_gates(self);
}

static bool
bm25_scan_start(VcScan *frame)
{
	Bm25Scan *self = (Bm25Scan *) frame;
	ScanKey order = NULL;

	self->ranked = frame->scan->numberOfOrderBys > 0;
	if (self->settings.limit == 0)
	{
		if (self->settings.zero_is_error)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("number of needed rows is set to 0"),
							errhint("Set bm25.limit to the number of rows that a search returns at "
									"most, or RESET it.")));
		return false;
	}
	if (self->ranked && !find_order(frame, &order))
		return false;
	if (!prepare(self))
		return false;
	return self->ranked ? start_ranked(self, order) : true;
}

static void
add_match(void *arg, ItemPointer tid, bool recheck)
{
	Bm25Scan *self = arg;

	if (self->nhits == self->room)
	{
		self->room = Max(256, 2 * self->room);
		self->hits = self->hits == NULL ? palloc(sizeof(Bm25Hit) * self->room)
										: repalloc_huge(self->hits, sizeof(Bm25Hit) * self->room);
	}
	self->hits[self->nhits++] = (Bm25Hit){0, *tid, recheck};
}

static bool
bm25_scan_next(VcScan *frame, VcScanRow *ret_row)
{
	Bm25Scan *self = (Bm25Scan *) frame;
	const Bm25Hit *hit;

	while (self->at >= self->nhits)
	{
		if (self->ranked || self->part >= bm25_gate_parts(self->view))
			return false;
		self->at = 0;
		self->nhits = 0;
		bm25_view_attach(self->view, frame->scan->indexRelation);
		bm25_gate_visit(self->view, self->part++, self->gates, self->ngates, add_match, self);
	}
	hit = &self->hits[self->at++];
	ret_row->tid = hit->tid;
	ret_row->recheck = hit->recheck || self->recheck;
	ret_row->distance = -hit->score;
	ret_row->null_distance = false;
	return true;
}

static const VcScanOps bm25_scan_ops = {
	.name = "vchord_bm25 scan",
	.start = bm25_scan_start,
	.next = bm25_scan_next,
	.round = bm25_scan_round,
};

/*----- callbacks -----*/

IndexScanDesc
bm25_ambeginscan(Relation index, int nkeys, int norderbys)
{
	return vc_scan_begin(index, nkeys, norderbys, sizeof(Bm25Scan), &bm25_scan_ops);
}

void
bm25_amrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	Bm25Scan *self = (Bm25Scan *) vc_scan_of(scan);

	vc_scan_rescan(scan, keys, nkeys, orderbys, norderbys, "vector");
	bm25_scan_settings(scan->indexRelation, &self->settings);
	self->frame.max_tuples = self->settings.limit > 0 ? self->settings.limit : -1;
	self->frame.strict = true;
}

bool
bm25_amgettuple(IndexScanDesc scan, ScanDirection direction)
{
	return vc_scan_gettuple(scan, direction, "vector");
}

typedef struct BitmapArg
{
	TIDBitmap *bitmap;
	bool recheck;
	int64 n;
} BitmapArg;

static void
add_to_bitmap(void *arg, ItemPointer tid, bool recheck)
{
	BitmapArg *to = arg;

	tbm_add_tuples(to->bitmap, tid, 1, recheck || to->recheck);
	to->n++;
}

int64
bm25_amgetbitmap(IndexScanDesc scan, TIDBitmap *bitmap)
{
	Bm25Scan *self = (Bm25Scan *) vc_scan_of(scan);
	MemoryContext caller = MemoryContextSwitchTo(self->frame.work);
	BitmapArg arg = {bitmap, false, 0};

	vc_scan_count_search(scan);
	if (prepare(self))
	{
		arg.recheck = self->recheck;
		for (uint32 part = 0; part < bm25_gate_parts(self->view); part++)
			bm25_gate_visit(self->view, part, self->gates, self->ngates, add_to_bitmap, &arg);
	}
	MemoryContextSwitchTo(caller);
	return arg.n;
}

void
bm25_amendscan(IndexScanDesc scan)
{
	const Bm25Scan *self = (Bm25Scan *) vc_scan_of(scan);
	const VcScanCounters *c = &self->frame.counters;

	elog(DEBUG2,
		 "vchord_bm25 scan: " UINT64_FORMAT " rounds, " UINT64_FORMAT
		 " blocks decoded, " UINT64_FORMAT " skipped, " UINT64_FORMAT " candidates, " UINT64_FORMAT
		 " filtered, " UINT64_FORMAT " emitted",
		 c->rounds, self->counters.blocks_decoded, self->counters.blocks_skipped,
		 self->counters.candidates, self->counters.filtered, c->emitted);
	if (self->view != NULL)
	{
		VcStreamStats pages = bm25_io_stats(&self->view->io);

		elog(DEBUG2, "vchord_bm25 pages: " UINT64_FORMAT " read, " UINT64_FORMAT " asked for ahead",
			 pages.blocks, pages.prefetched);
	}
	vc_scan_end(scan);
}
