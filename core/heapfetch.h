/*
 * core/heapfetch.h
 *		Rows of the table by TID during an index scan, and index expressions over them.
 *
 * A fetcher has its own table-AM fetch state, slot, executor state and memory, all made at first
 *use, so that a scan which never looks at the heap pays nothing.  It follows HOT chains from the
 *root TID that an index holds, and sees what the snapshot sees.
 *
 * Locks: the caller holds no page guard.  Pins: one heap page, that of the row in the slot, until the
 * next fetch or vc_heapfetch_release(); on ERROR the resource owner drops it.
 */
#ifndef VC_CORE_HEAPFETCH_H
#define VC_CORE_HEAPFETCH_H

#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

typedef struct VcHeapFetch VcHeapFetch;

/*
 * Makes a fetcher in `parent`.  The relations must stay open while it is used; index may be NULL if
 * vc_heapfetch_values() is never called.  snapshot must be of the MVCC kind and stay registered or
 * active; vc_heapfetch_set_snapshot() exchanges it at a rescan.
 */
extern VcHeapFetch *vc_heapfetch_create(MemoryContext parent, Relation heap, Relation index,
										Snapshot snapshot);
extern void vc_heapfetch_set_snapshot(VcHeapFetch *fetch, Snapshot snapshot);

/* Gives up slot, pins and memory; NULL is fine.  The normal end of a scan; not needed after ERROR.
 */
extern void vc_heapfetch_destroy(VcHeapFetch *fetch);

/*
 * The version of the row at tid (root of a HOT chain) that the snapshot sees, in the fetcher's
 * slot, or NULL if none.  The slot is valid until the next fetch.
 */
extern TupleTableSlot *vc_heapfetch_row(VcHeapFetch *fetch, ItemPointer tid);

/*
 * Can tid, read from an index page, be in the table at all?  nblocks: the length of the table as it was
 * seen last, 0 at first; the result is the value for the next call.  Damage is vc_corrupt().
 */
extern BlockNumber vc_heapfetch_check(Relation index, Relation heap, const ItemPointerData *tid,
									  BlockNumber nblocks);

/*
 * The row at tid will be wanted soon: brings it into the CPU cache if this backend knows where its page
 * is in memory, else does nothing.  Two steps, the second some rows later, when the line pointer is
 * there.
 */
extern void vc_heapfetch_hint(const VcHeapFetch *fetch, const ItemPointerData *tid);
extern void vc_heapfetch_hint_tuple(const VcHeapFetch *fetch, const ItemPointerData *tid);

/*
 * Index columns (expressions evaluated) of a row got by vc_heapfetch_row.  values and isnull have
 * INDEX_MAX_KEYS places; by-reference values live until the next call of this function or the next
 * fetch.
 */
extern void vc_heapfetch_values(VcHeapFetch *fetch, TupleTableSlot *slot, Datum *values,
								bool *isnull);

/* Unpin the heap page; call before amgettuple returns. */
extern void vc_heapfetch_release(VcHeapFetch *fetch);

/* Called per row of a batch: `which` is its place in tids.  Returns false to stop. */
typedef bool (*VcHeapFetchCallback)(void *arg, int which, TupleTableSlot *slot);

/*
 * Fetches tids[ntids] in block order with prefetch of heap pages, calling back for rows that the
 * snapshot sees; the callback may use vc_heapfetch_values().  tids is not changed.  Returns how
 * many were visible.
 */
extern int vc_heapfetch_batch(VcHeapFetch *fetch, const ItemPointerData *tids, int ntids,
							  VcHeapFetchCallback callback, void *arg);

/*
 * One sequential pass over the table instead of many fetches by TID.  Possible for heap tables, and only
 * if each row of the table is in the index, or would be but for a null: no index predicate.
 */
extern bool vc_heapfetch_can_scan(const VcHeapFetch *fetch);

/* Is the row wanted?  It may be any SQL: no guard is held, the heap page is pinned. */
typedef bool (*VcHeapScanFilter)(void *arg, TupleTableSlot *slot);

/* A wanted row; root is the TID that an index holds for it.  May use vc_heapfetch_values(). */
typedef void (*VcHeapScanRow)(void *arg, TupleTableSlot *slot, ItemPointer root);

/* All rows that the snapshot sees, in no particular order. */
extern void vc_heapfetch_scan(VcHeapFetch *fetch, VcHeapScanFilter filter, VcHeapScanRow row,
							  void *arg);

#endif
