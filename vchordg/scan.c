/*
 * vchordg/scan.c
 *		Index scan callbacks: arguments in, rows out.
 *
 * The frame (core/scan.h) does the rest.  A round widens the search: with an ef given by GUC or reloption there is one, else ef
 * doubles from round to round until the executor has its rows or the graph is exhausted.  The rows of a round are
 * those of the ef best vertices that were not in an earlier one, in ascending order.
 *
 * A vertex' rows are read from the strip when it counts: under a filter evaluated in the scan each row is
 * judged then, and a vertex counts if one of its rows passes.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "core/scan.h"
#include "core/stats_table.h"
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

/* of bounds that put neighbours aside: of those within it one in forty is put aside in error, until the next round */
#define SEARCH_EPSILON 1.9f

/* share of work_mem for the search; the rest is results */
#define SEARCH_SHARE 0.75

typedef struct VgResult
{
	float score;
	ItemPointerData tid;
} VgResult;

/* rows of a vertex that passed the filter */
typedef struct VgPassed
{
	VgRef ref;
	uint32 first;
	uint32 n;
} VgPassed;

typedef struct VgScan
{
	VcScan frame; /* first */
	bool ready;   /* the members below are set up */
	VgMeta meta;
	VcReadCache cache;
	VgEncoder *encoder; /* of the query vector */
	VgEncoder *other;   /* of centres compared with it, or NULL */
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
	bool done; /* a wider search finds nothing more */

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

/* Is this the centre that the search goes out from? */
static bool
is_query(VgScan *self, Datum center)
{
	if (self->other == NULL)
		self->other = vg_encoder_create(self->frame.mcxt, &self->meta);
	vg_encoder_set(self->other, center);
	return memcmp(self->encoder->view.x, self->other->view.x, self->meta.geo.row_bytes) == 0;
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
		if (self->emitted[i] || !found[i].judged || !found[i].counts ||
			found[i].score > self->range)
			continue;
		self->emitted[i] = true;
		add_results(self, &found[i]);
	}
	qsort(self->results, self->nresults, sizeof(VgResult), compare_results);
}

static bool
vg_scan_round(VcScan *frame, int round)
{
	VgScan *self = (VgScan *) frame;

	for (;;)
	{
		if (self->done || (round > 0 && !self->params.automatic))
			return false;
		if (round > 0)
			self->ef = Min(self->ef * 2, PG_INT32_MAX / 4);
		self->done = !vg_search_run(self->search, self->ef) || vg_search_overflowed(self->search);
		/* all that is within the radius is in the ef best */
		if (vg_search_threshold(self->search) > self->range)
			self->done = true;
		collect(self);
		if (self->nresults > 0 || self->done)
			return self->nresults > 0;
		round++;
	}
}

static bool
vg_scan_start(VcScan *frame)
{
	VgScan *self = (VgScan *) frame;
	Relation index = frame->scan->indexRelation;
	int64 wanted = vc_scan_wanted(frame);
	VgSearchOptions options;

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
	if (!find_query(self))
		return false;
	self->range = vcv_metric_score((VcvMetric) self->meta.disk.metric, self->radius);
	if (isinf(self->radius))
		self->range = get_float4_infinity();
	vg_labels_query(index, &self->meta, &self->cache, frame->scan->keyData,
					frame->scan->numberOfKeys, &self->labels);
	if (self->labels.never)
		return false;
	self->recheck |= self->labels.present && !self->labels.exact;
	self->filter = wants_filter(self);
	vg_query_init(&self->query, self->encoder, SEARCH_EPSILON, frame->arena);
	options = (VgSearchOptions){.beam = self->params.beam,
								.epsilon = SEARCH_EPSILON,
								.with_rows_only = true,
								.labels = self->labels.present ? self->labels.signature : 0,
								.memory = (size_t) (self->params.memory * SEARCH_SHARE),
								.counts = self->filter ? passes : NULL,
								.arg = self,
								.counters = &frame->counters};
	self->ef = self->params.ef;
	if (self->params.automatic)
		self->ef = (uint32) Min(Max(AUTO_EF, wanted * AUTO_EF_A_ROW), AUTO_EF_MAX);
	vg_search_begin(self->search, &self->query, &options);
	for (uint32 i = 0; i < self->labels.nlabels; i++)
		vg_search_add_entry(self->search, self->labels.labels[i].entry);
	return vg_scan_round(frame, 0);
}

static bool
vg_scan_next(VcScan *frame, VcScanRow *ret_row)
{
	VgScan *self = (VgScan *) frame;
	const VgResult *result;

	if (self->next == self->nresults)
		return false;
	result = &self->results[self->next++];
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
