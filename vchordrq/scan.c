/*
 * vchordrq/scan.c
 *		Index scan callbacks: arguments in, rows out.
 *
 * The frame (core/scan.h) does the rest: nothing of the index is read before the first fetch, no guard
 * is held between calls, and rows of a round ascend.  Index conditions are spheres; search.c finds the
 * rows inside of one around the query.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/scan.h"
#include "core/stats_table.h"
#include "core/vector/sphere.h"

#include "vchordrq/maxsim.h"
#include "vchordrq/sampling.h"
#include "vchordrq/search.h"

/* rows of the first round when nobody knows the LIMIT, and the most that a round takes on trust */
#define FIRST_ROUND 64
#define ROUND_MAX   (1 << 20)
#define ROUND_MIN   1024

/* of a row in ceilings, results and candidates; half of work_mem is the candidates' already */
#define ROUND_BYTES 64

typedef struct RqScan
{
	VcScan frame; /* first */
	bool ready;   /* the members below are set up */
	RqMeta meta;
	VcReadCache cache;
	Datum query;        /* as it was given */
	RqEncoder *encoder; /* of the query vector */
	RqEncoder *other;   /* of centres compared with it, or NULL */
	bool recheck;       /* there is a condition that the search knows nothing of */
	bool ordered;       /* by distance from the query */
	RqSearch *search;
	RqMaxsim *maxsim; /* in an index over arrays */
	RqSearchParams params;
	size_t need; /* of the current round */
} RqScan;

/* the first ORDER BY argument that is not null; with several the order would be undefined */
static bool
find_order(const IndexScanDesc scan, bool maxsim, Datum *ret_query)
{
	bool found = false;

	for (int i = 0; i < scan->numberOfOrderBys; i++)
	{
		if (scan->orderByData[i].sk_flags & SK_ISNULL)
			continue;
		if (found)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("%s search with multiple vectors is not supported",
								   maxsim ? "maxsim" : "vector")));
		*ret_query = scan->orderByData[i].sk_argument;
		found = true;
	}
	return found;
}

/* Is this the centre that the search goes out from? */
static bool
is_query(RqScan *self, Datum center)
{
	const RqGeometry *geo = &self->meta.geo;
	const RqEncoder *query = self->encoder;

	if (self->other == NULL)
		self->other = rq_encoder_create(self->frame.mcxt, &self->meta);
	rq_encoder_set(self->other, center);
	if (vcv_is_quantized((VcvType) self->meta.disk.type))
		return memcmp(query->row, self->other->row, geo->value_bytes) == 0;
	return memcmp(query->x, self->other->x, geo->dim * sizeof(float)) == 0;
}

/*
 * What is searched for: the ORDER BY argument, else the centre of the first sphere, goes into the
 * encoder; the smallest radius around it becomes *ret_range.  Spheres around another centre are for the
 * executor to check.  false: no row can be found, because a sphere, or all there is, is null.
 */
static bool
find_query(RqScan *self, RqRange *ret_range)
{
	const IndexScanDesc scan = self->frame.scan;
	VcvType type = (VcvType) self->meta.disk.type;
	float radius = get_float4_infinity();
	bool ranged = false;
	bool found = find_order(scan, false, &self->query);

	self->recheck = false;
	self->ordered = found;
	if (found)
		rq_encoder_set(self->encoder, self->query);
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		const ScanKeyData *key = &scan->keyData[i];
		Datum center;
		float its_radius;

		if ((key->sk_flags & SK_ISNULL) != 0 ||
			!vcv_sphere_read(type, key->sk_argument, &center, &its_radius))
			return false;
		if (!found)
		{
			self->query = center;
			rq_encoder_set(self->encoder, center);
		}
		else if (!is_query(self, center))
		{
			self->recheck = true;
			continue;
		}
		found = true;
		ranged = true;
		radius = Min(radius, its_radius);
	}
	if (!found)
		return false;
	rq_encoder_rotate(self->encoder);
	if (ranged)
		rq_range_init(ret_range, &self->meta, self->encoder, radius);
	else
		rq_range_none(ret_range);
	return true;
}

static bool
rq_scan_round(VcScan *frame, int round)
{
	RqScan *self = (RqScan *) frame;
	int64 wanted = vc_scan_wanted(frame);
	int64 most = Max(Min((int64) work_mem * 1024 / ROUND_BYTES, ROUND_MAX), ROUND_MIN);

	/* rounds grow geometrically, so that what is visited twice costs a constant factor */
	if (round == 0)
	{
		/* without a limit all rows of a range will be asked for */
		int64 all = self->search->range.given ? most : FIRST_ROUND;

		self->need = (size_t) (wanted > 0 ? Min(wanted, most) : all);
	}
	else
		self->need = Min(self->need * 2, (size_t) most);
	if (self->maxsim != NULL)
		return rq_maxsim_round(self->maxsim, self->need);
	return rq_search_round(self->search, self->need);
}

static bool
rq_scan_start(VcScan *frame)
{
	RqScan *self = (RqScan *) frame;
	Relation index = frame->scan->indexRelation;
	RqRange range;

	if (!self->ready)
	{
		rq_meta_load(index, &self->meta);
		self->encoder = rq_encoder_create(frame->mcxt, &self->meta);
		self->search = rq_search_create(frame, &self->meta, &self->cache);
		if (rq_meta_has(&self->meta, RQ_META_MAXSIM))
			self->maxsim = rq_maxsim_create(frame, self->search, self->encoder);
		self->ready = true;
	}
	vc_read_cache_init(&self->cache, index);
	if (self->maxsim != NULL)
	{
		if (!find_order(frame->scan, true, &self->query))
			return false;
		rq_sampling_record(index, self->query);
		return rq_maxsim_begin(self->maxsim, &self->params, self->query) && rq_scan_round(frame, 0);
	}
	if (!find_query(self, &range))
		return false;
	rq_sampling_record(index, self->query);
	rq_search_begin(self->search, &self->params, self->encoder, &range);
	return rq_scan_round(frame, 0);
}

static bool
rq_scan_next(VcScan *frame, VcScanRow *ret_row)
{
	RqScan *self = (RqScan *) frame;
	RqResult result;

	if (self->maxsim != NULL ? !rq_maxsim_pop(self->maxsim, &result)
							 : !rq_search_pop(self->search, &result))
		return false;
	ret_row->tid = result.tid;
	/* an operator class over arrays has no conditions, and its sums are the operator's */
	if (self->maxsim != NULL)
	{
		ret_row->recheck = false;
		ret_row->distance = result.distance;
		ret_row->null_distance = false;
		return true;
	}
	ret_row->recheck =
		self->recheck || !rq_range_is_sure(&self->search->range, &self->meta, result.distance);
	ret_row->distance = vcv_metric_result(self->meta.disk.metric, result.distance);
	ret_row->null_distance = !self->ordered;
	return true;
}

/* before the memory goes that the values were detoasted into */
static void
rq_scan_reset(VcScan *frame)
{
	RqScan *self = (RqScan *) frame;

	if (self->encoder != NULL)
		rq_encoder_clear(self->encoder);
	if (self->other != NULL)
		rq_encoder_clear(self->other);
}

static const VcScanOps rq_scan_ops = {
	.name = "vchordrq scan",
	.start = rq_scan_start,
	.next = rq_scan_next,
	.round = rq_scan_round,
	.reset = rq_scan_reset,
};

IndexScanDesc
rq_ambeginscan(Relation index, int nkeys, int norderbys)
{
	return vc_scan_begin(index, nkeys, norderbys, sizeof(RqScan), &rq_scan_ops);
}

void
rq_amrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	RqScan *self = (RqScan *) vc_scan_of(scan);

	vc_scan_rescan(scan, keys, nkeys, orderbys, norderbys, "vector");
	rq_search_params(scan->indexRelation, &self->params);
	self->frame.max_tuples = self->params.max_scan_tuples;
	self->frame.strict = rq_order() == RQ_ORDER_STRICT;
}

bool
rq_amgettuple(IndexScanDesc scan, ScanDirection direction)
{
	return vc_scan_gettuple(scan, direction, "vector");
}

void
rq_amendscan(IndexScanDesc scan)
{
	const VcScanCounters *c = &vc_scan_of(scan)->counters;
	const RqSearch *search = ((RqScan *) vc_scan_of(scan))->search;

	elog(DEBUG2,
		 "vchordrq scan: " UINT64_FORMAT " rounds, " UINT64_FORMAT " lists, " UINT64_FORMAT
		 " codes, " UINT64_FORMAT " reranked, " UINT64_FORMAT " rows judged, " UINT64_FORMAT
		 " emitted",
		 c->rounds, c->lists, c->codes, c->reranks, c->fetched, c->emitted);
	if (search != NULL)
	{
		VcStreamStats lists = vc_stream_stats(search->lists);
		VcStreamStats vectors = vc_stream_stats(search->vectors);

		elog(DEBUG2,
			 "vchordrq pages: " UINT64_FORMAT " of lists, " UINT64_FORMAT
			 " read ahead; " UINT64_FORMAT " of vectors, " UINT64_FORMAT " read ahead",
			 lists.blocks, lists.prefetched, vectors.blocks, vectors.prefetched);
	}
	if (c->scans > 0)
		vc_stats_add(RelationGetRelid(scan->indexRelation), c);
	vc_scan_end(scan);
}
