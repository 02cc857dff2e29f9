/*
 * core/scan.c
 *		The frame of an ordered index scan.
 *
 * Errors of 4.2 of the specification live here, so that every access method words them alike.
 *
 * Locking: none of its own.  Between two calls a scan holds no pin and no lock; the heap fetcher gives
 * its page up before amgettuple returns.  Crash behaviour: read only.
 */
#include "postgres.h"

#include "core/scan.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/tid.h"

IndexScanDesc
vc_scan_begin(Relation index, int nkeys, int norderbys, Size opaque_size, const VcScanOps *ops)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	MemoryContext mcxt =
		AllocSetContextCreate(CurrentMemoryContext, "vchord scan", ALLOCSET_SMALL_SIZES);
	VcScan *s;

	Assert(opaque_size >= sizeof(VcScan));
	MemoryContextSetIdentifier(mcxt, ops->name);
	s = MemoryContextAllocZero(mcxt, opaque_size);
	s->ops = ops;
	s->scan = scan;
	s->mcxt = mcxt;
	s->work = AllocSetContextCreate(mcxt, "vchord scan work", ALLOCSET_DEFAULT_SIZES);
	s->arena = vc_arena_create(mcxt, ops->name, VC_ARENA_UNLIMITED);
	s->finished = true; /* until the first rescan */
	if (norderbys > 0)
	{
		s->orderby_types = MemoryContextAllocZero(mcxt, sizeof(Oid) * norderbys);
		scan->xs_orderbyvals = MemoryContextAllocZero(mcxt, sizeof(Datum) * norderbys);
		scan->xs_orderbynulls = MemoryContextAlloc(mcxt, sizeof(bool) * norderbys);
		memset(scan->xs_orderbynulls, true, sizeof(bool) * norderbys);
	}
	scan->opaque = s;
	return scan;
}

static void
reset(VcScan *s)
{
	if (s->ops->reset != NULL && s->started)
		s->ops->reset(s);
	vc_heapfetch_release(s->fetch);
	vc_arena_reset(s->arena);
	MemoryContextReset(s->work);
	s->started = false;
	s->finished = false;
	s->emitted = 0;
	s->round = 0;
	s->limit = 0;
	s->orderby = 0;
	s->max_tuples = -1;
	s->strict = false;
	s->last_distance = 0;
	ItemPointerSetInvalid(&s->last_tid);
}

void
vc_scan_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys,
			   const char *what)
{
	VcScan *s = vc_scan_of(scan);

	if (scan->numberOfKeys == 0 && scan->numberOfOrderBys == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s search with no WHERE clause and no ORDER BY clause is not supported",
						what)));

	reset(s);
	s->counters.rescans++;
	if (keys != NULL && scan->numberOfKeys > 0)
	{
		Assert(nkeys == scan->numberOfKeys);
		memmove(scan->keyData, keys, sizeof(ScanKeyData) * (Size) nkeys);
	}
	if (orderbys != NULL && scan->numberOfOrderBys > 0)
	{
		Assert(norderbys == scan->numberOfOrderBys);
		memmove(scan->orderByData, orderbys, sizeof(ScanKeyData) * (Size) norderbys);
		for (int i = 0; i < norderbys; i++)
		{
			if (!OidIsValid(s->orderby_types[i]))
				s->orderby_types[i] = get_func_rettype(scan->orderByData[i].sk_func.fn_oid);
		}
	}
}

void
vc_scan_end(IndexScanDesc scan)
{
	VcScan *s = vc_scan_of(scan);

	if (s->ops->reset != NULL && s->started)
		s->ops->reset(s);
	vc_heapfetch_destroy(s->fetch);
	scan->opaque = NULL;
	scan->xs_orderbyvals = NULL;
	scan->xs_orderbynulls = NULL;
	MemoryContextDelete(s->mcxt); /* and the arena with it */
}

void
vc_scan_set_plan(IndexScanDesc scan, VcPlanLink *link)
{
	vc_scan_of(scan)->plan = link;
}

VcHeapFetch *
vc_scan_fetch(VcScan *scan)
{
	if (scan->fetch == NULL)
		scan->fetch = vc_heapfetch_create(scan->mcxt, scan->scan->heapRelation,
										  scan->scan->indexRelation, scan->scan->xs_snapshot);
	return scan->fetch;
}

VcPrefilterResult
vc_scan_prefilter(VcScan *scan, ItemPointer tid, TupleTableSlot **ret_slot)
{
	VcPrefilterResult result = vc_prefilter_eval(scan->plan, vc_scan_fetch(scan), tid, ret_slot);

	scan->counters.fetched++;
	if (result == VC_PREFILTER_FAIL)
		scan->counters.filtered++;
	else if (result == VC_PREFILTER_INVISIBLE)
		scan->counters.invisible++;
	return result;
}

int64
vc_scan_wanted(const VcScan *scan)
{
	int64 limit = scan->limit;

	if (scan->max_tuples >= 0 && (limit == 0 || scan->max_tuples < limit))
		limit = scan->max_tuples;
	if (limit == 0)
		return 0;
	return Max(limit - scan->emitted, 1);
}

/* Is the row before the last one emitted, in the order of a strict scan? */
static bool
is_before_last(const VcScan *s, const VcScanRow *row)
{
	if (s->emitted == 0)
		return false;
	if (row->distance != s->last_distance)
		return row->distance < s->last_distance;
	return ItemPointerCompare(unconstify(ItemPointerData *, &row->tid),
							  unconstify(ItemPointerData *, &s->last_tid)) < 0;
}

static void
emit(VcScan *s, const VcScanRow *row)
{
	IndexScanDesc scan = s->scan;

	s->heap_blocks =
		vc_heapfetch_check(scan->indexRelation, scan->heapRelation, &row->tid, s->heap_blocks);
	scan->xs_heaptid = row->tid;
	scan->xs_recheck = row->recheck;
	scan->xs_recheckorderby = false;
	if (scan->numberOfOrderBys > 0)
	{
		IndexOrderByDistance distances[INDEX_MAX_KEYS];

		for (int i = 0; i < scan->numberOfOrderBys; i++)
		{
			distances[i].isnull = i != s->orderby || row->null_distance;
			distances[i].value = distances[i].isnull ? 0.0 : row->distance;
		}
		index_store_float8_orderby_distances(scan, s->orderby_types, distances, false);
		vc_prefilter_emitted(s->plan, s->orderby, scan->xs_orderbyvals[s->orderby],
							 scan->xs_orderbynulls[s->orderby]);
	}
	s->last_distance = row->distance;
	s->last_tid = row->tid;
	s->emitted++;
	s->counters.emitted++;
}

/* The next row of this or a later round. */
static bool
next_row(VcScan *s, VcScanRow *ret_row)
{
	if (!s->started)
	{
		s->started = true;
		s->limit = vc_prefilter_limit(s->plan);
		s->counters.scans++;
		s->counters.rounds++;
		pgstat_count_index_scan(s->scan->indexRelation);
		vc_scan_count_search(s->scan);
		if (!s->ops->start(s))
			return false;
	}

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();

		memset(ret_row, 0, sizeof(*ret_row));
		if (s->ops->next(s, ret_row))
		{
			if (s->strict && s->round > 0 && is_before_last(s, ret_row))
			{
				s->counters.dropped++;
				continue;
			}
			return true;
		}
		if (s->ops->round == NULL)
			return false;
		s->round++;
		if (!s->ops->round(s, s->round))
			return false;
		s->counters.rounds++;
	}
}

bool
vc_scan_gettuple(IndexScanDesc scan, ScanDirection direction, const char *what)
{
	VcScan *s = vc_scan_of(scan);
	MemoryContext old;
	VcScanRow row;
	bool found;

	if (!ScanDirectionIsForward(direction))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s search without a forward scan direction is not supported", what)));

	/*
	 * No pin keeps VACUUM from removing a row between our reading its TID and the executor's fetching
	 * it; under an MVCC snapshot a TID that was reused cannot be visible, under others it can.
	 */
	if (scan->xs_snapshot == NULL || !IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("scanning with a non-MVCC-compliant snapshot is not supported")));

	if (s->finished || (s->max_tuples >= 0 && s->emitted >= s->max_tuples))
		return false;

	old = MemoryContextSwitchTo(s->work);
	found = next_row(s, &row);
	MemoryContextSwitchTo(old);
	vc_heapfetch_release(s->fetch);
	if (found)
		emit(s, &row);
	else
		s->finished = true;
	return found;
}
