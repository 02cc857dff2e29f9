/*
 * vchordg/scan.c
 *		Index scan callbacks: arguments in, rows out.
 *
 * The frame (core/scan.h) does the rest.  A round widens the search: with an ef given by GUC or reloption there is one, else ef
 * grows fourfold from round to round until the executor has its rows or the graph is exhausted.  The rows of a round are
 * those of the ef best vertices that were not in an earlier one, in ascending order.
 *
 * A vertex' rows are read from the strip when it counts: under a filter evaluated in the scan each row is
 * judged then, and a vertex counts if one of its rows passes.
 *
 * Where a walk of the graph would expand too much of it, the scan goes another way.  If the labels asked for have few
 * vertices, these are visited by their postings, and nothing else is.  If a filter lets so little pass that a fifth
 * of the vertices would be expanded, or memory runs out, the remaining rows come from one pass over the table.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "core/compare.h"
#include "core/scan.h"
#include "core/stats_table.h"
#include "core/table_pass.h"
#include "core/tid.h"
#include "core/vector/sphere.h"

#include "vchordg/am.h"
#include "vchordg/labels.h"
#include "vchordg/search.h"
#include "vchordg/strip.h"

/*
 * ef of the first round when nobody gave one: recall@10 is 0.98 and more with it on all sets of
 * docs/benchmarks.md; and so many for each row wanted.
 */
#define AUTO_EF       100
#define AUTO_EF_A_ROW 2
#define AUTO_EF_MAX   65535

/*
 * ef of a further round.  A round that only doubles it delivers the farther half of what it keeps in mind, and that half
 * is known worst; with four times it, the rows right behind those of the round before are well inside.
 */
#define ROUND_GROWTH 4

/* of bounds that put neighbours aside: of those within it one in forty is put aside in error, until the next round */
#define SEARCH_EPSILON 1.9f

/* expansions of a walk for one vertex that counts, as in cost.c */
#define EXPANSIONS 1.2

/* share of the vertices where a pass over the table is cheaper: a row costs about a fifth of an expansion */
#define WALK_SHARE 0.2

/* share of work_mem for the search; the rest is results */
#define SEARCH_SHARE 0.75

typedef VcTablePassRow VgResult;

typedef struct VgScan
{
	VcScan frame; /* first */
	bool ready;   /* the members below are set up */
	VgMeta meta;
	VcReadCache cache;
	VgEncoder *encoder; /* of the query vector */
	VgEncoder *other;   /* of centres compared with it and of rows of the table, or NULL */
	VgSearch *search;
	VgSearchParams params;

	VgQuery query;
	Datum value;  /* as it was given */
	bool ordered; /* by distance from the query */
	bool recheck; /* there is a condition that the search knows nothing of */
	bool filter;  /* quals are evaluated here */
	float radius; /* of the smallest sphere around the query; infinity */
	float range;  /* the same as a score, rounded up */
	VgLabelQuery labels;
	uint32 ef;
	bool done;     /* a wider search finds nothing more */
	bool in_table; /* the rest comes by passes over the table */
	VcTablePass pass;
	uint64 *delivered; /* vc_tid_key of rows handed out by rounds of the search */
	size_t ndelivered;
	size_t delivered_room;

	bool *emitted; /* [found] in an earlier round */
	uint32 emitted_room;
	VgResult *results; /* of the round, ascending */
	uint32 nresults;
	uint32 results_room;
	uint32 next;
	ItemPointerData *tids; /* of one vertex, or passed rows */
	uint32 ntids;
	uint32 tids_room;
} VgScan;

/* the first ORDER BY argument that is not null; with several the order would be undefined */
static bool
find_order(const IndexScanDesc scan, Datum *ret_query)
{
	bool found = false;

	for (int i = 0; i < scan->numberOfOrderBys; i++)
	{
		if (scan->orderByData[i].sk_flags & SK_ISNULL)
			continue;
		if (found)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("vector search with multiple vectors is not supported")));
		*ret_query = scan->orderByData[i].sk_argument;
		found = true;
	}
	return found;
}

static VgEncoder *
other_of(VgScan *self, Datum value)
{
	if (self->other == NULL)
		self->other = vg_encoder_create(self->frame.mcxt, &self->meta);
	vg_encoder_set_plain(self->other, value);
	return self->other;
}

/* Is this the centre that the search goes out from? */
static bool
is_query(VgScan *self, Datum center)
{
	return memcmp(self->encoder->view.x, other_of(self, center)->view.x,
				  self->meta.geo.row_bytes) == 0;
}

/*
 * What is searched for goes into the encoder; false: no row can be found, because a condition, or all there is, is
 * null.
 */
static bool
find_query(VgScan *self)
{
	const IndexScanDesc scan = self->frame.scan;
	VcvType type = self->meta.geo.type;
	bool found = find_order(scan, &self->value);

	self->recheck = false;
	self->ordered = found;
	self->radius = get_float4_infinity();
	if (found)
		vg_encoder_set(self->encoder, self->value);
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		const ScanKeyData *key = &scan->keyData[i];
		Datum center;
		float radius;

		if (key->sk_strategy != VG_STRATEGY_SPHERE)
			continue;
		if ((key->sk_flags & SK_ISNULL) != 0 ||
			!vcv_sphere_read(type, key->sk_argument, &center, &radius))
			return false;
		self->recheck = true;
		if (!found)
		{
			self->value = center;
			vg_encoder_set(self->encoder, center);
			found = true;
		}
		else if (!is_query(self, center))
			continue;
		self->radius = Min(self->radius, radius);
	}
	return found;
}

/* ---- what counts ---- */

/* VgSearchOptions.counts: has the vertex a row that passes the plan's quals? */
static bool
passes(void *arg, const VgFound *found)
{
	VgScan *self = arg;
	uint32 n = 0;

	vg_strip_read(self->frame.scan->indexRelation, &self->meta, &self->cache, found->ref,
				  found->strip, found->strip_entry, &self->tids, &n, &self->tids_room);
	for (uint32 i = 0; i < n; i++)
	{
		if (vc_scan_prefilter(&self->frame, &self->tids[i], NULL) == VC_PREFILTER_PASS)
			return true;
	}
	return false;
}

/* Is evaluating these quals inside the scan worth more than it costs?  Unless nearly all rows pass. */
static bool
filter_pays(const VcPlanQuals *quals)
{
	return quals->selectivity < 0.9 && quals->cost < 1000 * cpu_operator_cost;
}

static bool
wants_filter(const VgScan *self)
{
	const VcPlanQuals *quals = vc_prefilter_quals(self->frame.plan);

	return quals->present && quals->usable &&
		   (vg_prefilter == VG_PREFILTER_ON ||
			(vg_prefilter == VG_PREFILTER_AUTO && filter_pays(quals)));
}

/* ---- rounds ---- */

static int
compare_results(const void *a, const void *b)
{
	const VgResult *x = a;
	const VgResult *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid),
							  unconstify(ItemPointerData *, &y->tid));
}

static void
add_results(VgScan *self, const VgFound *found)
{
	uint32 n = 0;

	vg_strip_read(self->frame.scan->indexRelation, &self->meta, &self->cache, found->ref,
				  found->strip, found->strip_entry, &self->tids, &n, &self->tids_room);
	if (self->nresults + n > self->results_room)
	{
		self->results_room = Max(2 * self->results_room, self->nresults + n + 256);
		self->results =
			self->results == NULL
				? palloc_extended(self->results_room * sizeof(VgResult), MCXT_ALLOC_HUGE)
				: repalloc_huge(self->results, self->results_room * sizeof(VgResult));
	}
	for (uint32 i = 0; i < n; i++)
		self->results[self->nresults++] = (VgResult){found->score, self->tids[i]};
}

/* Rows of vertices that count, are near enough, and were not in an earlier round. */
static void
collect(VgScan *self)
{
	uint32 n;
	VgFound *found = vg_search_found(self->search, &n);
	float limit = self->range;

	/* what was met on the way to the ef best waits for its turn, if there is to be one */
	if (!self->done || !self->params.automatic)
		limit = Min(limit, vg_search_threshold(self->search));
	if (n > self->emitted_room)
	{
		uint32 room = Max(n, 2 * self->emitted_room);
		bool *emitted = palloc0(room);

		if (self->emitted != NULL)
		{
			memcpy(emitted, self->emitted, self->emitted_room);
			pfree(self->emitted);
		}
		self->emitted = emitted;
		self->emitted_room = room;
	}
	self->nresults = 0;
	self->next = 0;
	for (uint32 i = 0; i < n; i++)
	{
		if (self->emitted[i] || !found[i].judged || !found[i].counts || found[i].score > limit)
			continue;
		self->emitted[i] = true;
		add_results(self, &found[i]);
	}
	qsort(self->results, self->nresults, sizeof(VgResult), compare_results);
}

/* VcTablePassScore */
static bool
score_row(void *arg, TupleTableSlot *slot, float *ret_score)
{
	VgScan *self = arg;
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];

	vc_heapfetch_values(vc_scan_fetch(&self->frame), slot, values, isnull);
	if (isnull[0])
		return false;
	*ret_score = vg_score(&self->query, other_of(self, values[0]));
	vg_encoder_clear(self->other);
	return !(*ret_score > self->range);
}

/* The rest by passes over the table, if that is possible. */
static bool
turn_to_table(VgScan *self)
{
	if (!vc_table_pass_possible(&self->frame))
		return false;
	qsort(self->delivered, self->ndelivered, sizeof(uint64), vc_compare_u64);
	vc_table_pass_init(&self->pass, &self->frame, self->filter, self->params.memory, score_row,
					   self, self->delivered, self->ndelivered);
	self->in_table = true;
	self->done = false;
	/* a pass knows nothing of labels */
	self->recheck |= self->labels.present;
	return true;
}

/* The next rows of the table. */
static bool
pass_over_table(VgScan *self)
{
	if (self->done)
		return false;
	self->done = !vc_table_pass_run(&self->pass);
	self->next = 0;
	self->nresults = (uint32) self->pass.nrows;
	return self->nresults > 0;
}

static bool
vg_scan_round(VcScan *frame, int round)
{
	VgScan *self = (VgScan *) frame;

	if (self->in_table)
		return pass_over_table(self);
	for (;;)
	{
		if (self->done || (round > 0 && !self->params.automatic))
			return false;
		if (round > 0)
			self->ef = Min(self->ef * ROUND_GROWTH, PG_INT32_MAX / ROUND_GROWTH);
		self->done = !vg_search_run(self->search, self->ef);
		if (vg_search_gave_up(self->search) || vg_search_overflowed(self->search))
		{
			if (turn_to_table(self))
				return pass_over_table(self);
			self->done = vg_search_overflowed(self->search);
			vg_search_go_on(self->search);
			if (!self->done)
				self->done = !vg_search_run(self->search, self->ef);
		}
		/* all that is within the radius is in the ef best */
		if (vg_search_threshold(self->search) > self->range)
			self->done = true;
		collect(self);
		if (self->nresults > 0 || self->done)
			return self->nresults > 0;
		round++;
	}
}

/* postings of the labels asked for */
typedef struct Listed
{
	VgRef *refs;
	size_t n;
	size_t room;
} Listed;

/* VgPostingVisit */
static void
list_ref(void *arg, VgRef ref)
{
	Listed *listed = arg;

	if (listed->n == listed->room)
	{
		listed->room *= 2;
		listed->refs = repalloc_huge(listed->refs, listed->room * sizeof(VgRef));
	}
	listed->refs[listed->n++] = ref;
}

static void
visit_postings(VgScan *self)
{
	Listed listed = {.room = (size_t) Max(self->labels.vertices, 64)};

	listed.refs = palloc_extended(listed.room * sizeof(VgRef), MCXT_ALLOC_HUGE);
	vg_labels_walk(self->frame.scan->indexRelation, &self->meta, &self->labels, list_ref, &listed);
	vg_search_visit(self->search, listed.refs, listed.n, (VcStreamMode) vg_io_rerank);
	pfree(listed.refs);
}

/* vertices of the index, about */
static double
vertices_of(const VgScan *self)
{
	double pages = RelationGetNumberOfBlocks(self->frame.scan->indexRelation);

	return pages / self->meta.geo.group_pages * self->meta.geo.group_slots;
}

/* Have the labels fewer vertices than a walk would expand to find ef of them? */
static bool
labels_are_few(const VgScan *self, double vertices)
{
	double theirs = self->labels.vertices;

	/* a result that is not expanded any further takes less than half of the time of one that is */
	return self->labels.present && theirs * theirs <= 2 * EXPANSIONS * self->ef * vertices &&
		   theirs * sizeof(VgFound) * 3 < self->params.memory;
}

static bool
vg_scan_start(VcScan *frame)
{
	VgScan *self = (VgScan *) frame;
	Relation index = frame->scan->indexRelation;
	int64 wanted = vc_scan_wanted(frame);
	VgSearchOptions options;
	double vertices;

	if (!self->ready)
	{
		vg_meta_load(index, &self->meta);
		vg_centre_load(index, frame->mcxt, &self->meta);
		self->encoder = vg_encoder_create(frame->mcxt, &self->meta);
		self->search = vg_search_create(frame->mcxt, index, &self->meta, &self->cache, frame->arena,
										(VcStreamMode) vg_io_search);
		self->ready = true;
	}
	vc_read_cache_init(&self->cache, index);
	self->emitted = NULL;
	self->emitted_room = 0;
	self->results = NULL;
	self->results_room = 0;
	self->tids = NULL;
	self->tids_room = 0;
	self->done = false;
	self->in_table = false;
	self->delivered = NULL;
	self->ndelivered = 0;
	self->delivered_room = 0;
	if (!find_query(self))
		return false;
	self->range = vcv_metric_score((VcvMetric) self->meta.disk.metric, self->radius);
	if (isinf(self->radius))
		self->range = get_float4_infinity();
	vg_labels_query(index, &self->meta, &self->cache, frame->scan->keyData,
					frame->scan->numberOfKeys, &self->labels);
	if (self->labels.never)
		return false;
	self->recheck |= self->labels.rest || (self->labels.present && !self->labels.exact);
	self->filter = wants_filter(self);
	vg_query_init(&self->query, self->encoder, SEARCH_EPSILON, frame->arena);
	self->ef = self->params.ef;
	if (self->params.automatic)
		self->ef = (uint32) Min(Max(AUTO_EF, wanted * AUTO_EF_A_ROW), AUTO_EF_MAX);
	vertices = self->filter || self->labels.present ? vertices_of(self) : 0;
	options = (VgSearchOptions){.beam = self->params.beam,
								.epsilon = SEARCH_EPSILON,
								.with_rows_only = true,
								.labels = self->labels.present ? self->labels.signature : 0,
								.listed = labels_are_few(self, vertices),
								.most = self->filter ? (size_t) Max(WALK_SHARE * vertices, 1) : 0,
								.memory = (size_t) (self->params.memory * SEARCH_SHARE),
								.counts = self->filter ? passes : NULL,
								.arg = self,
								.counters = &frame->counters};
	vg_search_begin(self->search, &self->query, &options);
	if (options.listed)
		visit_postings(self);
	for (uint32 i = 0; !options.listed && i < self->labels.nlabels; i++)
		vg_search_add_entry(self->search, self->labels.labels[i].entry);
	return vg_scan_round(frame, 0);
}

/* A pass over the table must not deliver it again. */
static void
remember_delivered(VgScan *self, const ItemPointerData *tid)
{
	if (self->ndelivered == self->delivered_room)
	{
		self->delivered_room = Max(2 * self->delivered_room, 64);
		self->delivered =
			self->delivered == NULL
				? palloc(self->delivered_room * sizeof(uint64))
				: repalloc_huge(self->delivered, self->delivered_room * sizeof(uint64));
	}
	self->delivered[self->ndelivered++] = vc_tid_key(tid);
}

static bool
vg_scan_next(VcScan *frame, VcScanRow *ret_row)
{
	VgScan *self = (VgScan *) frame;
	const VgResult *result;

	if (self->next == self->nresults)
		return false;
	result = &(self->in_table ? self->pass.rows : self->results)[self->next++];
	if (!self->in_table)
		remember_delivered(self, &result->tid);
	ret_row->tid = result->tid;
	ret_row->recheck = self->recheck;
	ret_row->distance = vcv_metric_result((VcvMetric) self->meta.disk.metric, result->score);
	ret_row->null_distance = !self->ordered;
	return true;
}

/* before the memory goes that the values were detoasted into */
static void
vg_scan_reset(VcScan *frame)
{
	VgScan *self = (VgScan *) frame;

	if (self->encoder != NULL)
		vg_encoder_clear(self->encoder);
	if (self->other != NULL)
		vg_encoder_clear(self->other);
}

static const VcScanOps vg_scan_ops = {
	.name = "vchordg scan",
	.start = vg_scan_start,
	.next = vg_scan_next,
	.round = vg_scan_round,
	.reset = vg_scan_reset,
};

IndexScanDesc
vg_ambeginscan(Relation index, int nkeys, int norderbys)
{
	return vc_scan_begin(index, nkeys, norderbys, sizeof(VgScan), &vg_scan_ops);
}

void
vg_amrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	VgScan *self = (VgScan *) vc_scan_of(scan);

	vc_scan_rescan(scan, keys, nkeys, orderbys, norderbys, "vector");
	vg_search_params(scan->indexRelation, &self->params);
	self->frame.max_tuples = self->params.max_scan_tuples;
	self->frame.strict = vg_order_strict();
}

bool
vg_amgettuple(IndexScanDesc scan, ScanDirection direction)
{
	return vc_scan_gettuple(scan, direction, "vector");
}

void
vg_amendscan(IndexScanDesc scan)
{
	const VcScanCounters *c = &vc_scan_of(scan)->counters;

	elog(DEBUG2,
		 "vchordg scan: " UINT64_FORMAT " rounds, " UINT64_FORMAT " vertices, " UINT64_FORMAT
		 " codes, " UINT64_FORMAT " rows judged, " UINT64_FORMAT " emitted",
		 c->rounds, c->lists, c->codes, c->fetched, c->emitted);
	if (c->scans > 0)
		vc_stats_add(RelationGetRelid(scan->indexRelation), c);
	vc_scan_end(scan);
}
