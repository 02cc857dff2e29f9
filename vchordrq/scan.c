/*
 * vchordrq/scan.c
 *		Index scan callbacks: arguments in, rows out.
 *
 * The frame (core/scan.h) does the rest: nothing of the index is read before the first fetch, no guard
 * is held between calls, and rows of a round ascend.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/scan.h"

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
	RqEncoder *encoder; /* of the query vector */
	RqSearch *search;
	RqSearchParams params;
	size_t need; /* of the current round */
} RqScan;

/* the first query that is not null; with several the order would be undefined */
static bool
find_query(const VcScan *frame, Datum *ret_query)
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
		*ret_query = scan->orderByData[i].sk_argument;
		found = true;
	}
	return found;
}

static bool
rq_scan_round(VcScan *frame, int round)
{
	RqScan *self = (RqScan *) frame;
	int64 wanted = vc_scan_wanted(frame);
	int64 most = Max(Min((int64) work_mem * 1024 / ROUND_BYTES, ROUND_MAX), ROUND_MIN);

	/* rounds grow geometrically, so that what is visited twice costs a constant factor */
	if (round == 0)
		self->need = wanted > 0 ? Min(wanted, most) : FIRST_ROUND;
	else
		self->need = Min(self->need * 2, (size_t) most);
	return rq_search_round(self->search, self->need);
}

static bool
rq_scan_start(VcScan *frame)
{
	RqScan *self = (RqScan *) frame;
	Relation index = frame->scan->indexRelation;
	Datum query;

	if (!find_query(frame, &query))
		return false;
	if (!self->ready)
	{
		rq_meta_load(index, &self->meta);
		self->encoder = rq_encoder_create(frame->mcxt, &self->meta);
		self->search = rq_search_create(frame, &self->meta, &self->cache);
		self->ready = true;
	}
	vc_read_cache_init(&self->cache, index);
	rq_encoder_set(self->encoder, query);
	rq_encoder_rotate(self->encoder);
	rq_search_begin(self->search, &self->params, self->encoder);
	return rq_scan_round(frame, 0);
}

static bool
rq_scan_next(VcScan *frame, VcScanRow *ret_row)
{
	RqScan *self = (RqScan *) frame;
	RqResult result;

	if (!rq_search_pop(self->search, &result))
		return false;
	ret_row->tid = result.tid;
	ret_row->recheck = false;
	ret_row->distance = vcv_metric_result(self->meta.disk.metric, result.distance);
	ret_row->null_distance = false;
	return true;
}

static const VcScanOps rq_scan_ops = {
	.name = "vchordrq scan",
	.start = rq_scan_start,
	.next = rq_scan_next,
	.round = rq_scan_round,
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
	vc_scan_end(scan);
}
