/*
 * core/heapfetch.c
 *		Rows of the table by TID under a snapshot, and index expressions over them.
 *
 * The fetch state of the table AM is our own, not the scan's xs_heapfetch: the executor may be in the
 * middle of using that one, and ours also serves where there is no executor.
 *
 * Locking: the table AM share-locks a heap page inside the call.  Crash behaviour: read only.
 */
#include "postgres.h"

#include "core/heapfetch.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "core/buf.h"
#include "core/report.h"

/* heap pages asked for ahead in a batch; what perf.md section 5 found enough to hide the latency */
#define PREFETCH_WINDOW 16

struct VcHeapFetch
{
	MemoryContext mcxt;
	Relation heap;
	Relation index;
	Snapshot snapshot;
	IndexFetchTableData *fetch; /* all below: made at first use */
	TupleTableSlot *slot;
	EState *estate;
	IndexInfo *index_info;
	bool direct; /* a heap table: pages are found through `cache` */
	VcReadCache cache;
	VcPagePin pin;       /* the page of the last row, direct only */
	BlockNumber nblocks; /* of the table, when a TID beyond made us look last */
};

VcHeapFetch *
vc_heapfetch_create(MemoryContext parent, Relation heap, Relation index, Snapshot snapshot)
{
	MemoryContext mcxt = AllocSetContextCreate(parent, "vchord heap fetch", ALLOCSET_SMALL_SIZES);
	VcHeapFetch *fetch = MemoryContextAllocZero(mcxt, sizeof(VcHeapFetch));

	fetch->mcxt = mcxt;
	fetch->heap = heap;
	fetch->index = index;
	fetch->snapshot = snapshot;
	return fetch;
}

void
vc_heapfetch_set_snapshot(VcHeapFetch *fetch, Snapshot snapshot)
{
	fetch->snapshot = snapshot;
}

void
vc_heapfetch_destroy(VcHeapFetch *fetch)
{
	if (fetch == NULL)
		return;
	if (fetch->slot != NULL)
		ExecDropSingleTupleTableSlot(fetch->slot);
	vc_page_pin_drop(&fetch->pin);
	if (fetch->fetch != NULL)
		table_index_fetch_end(fetch->fetch);
	if (fetch->estate != NULL)
		FreeExecutorState(fetch->estate);
	MemoryContextDelete(fetch->mcxt);
}

static void
start(VcHeapFetch *fetch)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->mcxt);

	fetch->fetch = table_index_fetch_begin(fetch->heap);
	fetch->direct = fetch->heap->rd_tableam == GetHeapamTableAmRoutine() &&
					!RelationUsesLocalBuffers(fetch->heap);
	/* our own pin keeps the row, so the slot needs none */
	fetch->slot = fetch->direct
					  ? MakeSingleTupleTableSlot(RelationGetDescr(fetch->heap), &TTSOpsHeapTuple)
					  : table_slot_create(fetch->heap, NULL);
	MemoryContextSwitchTo(old);
	vc_read_cache_init(&fetch->cache, fetch->heap);
}

BlockNumber
vc_heapfetch_check(Relation index, Relation heap, const ItemPointerData *tid, BlockNumber nblocks)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	if (block < nblocks || heap->rd_tableam != GetHeapamTableAmRoutine())
		return nblocks;
	/* rows leave the index before their pages leave the table, so this is not a race */
	nblocks = RelationGetNumberOfBlocks(heap);
	if (block >= nblocks)
		vc_corrupt(index, InvalidBlockNumber, "row (%u,%u) lies beyond the %u blocks of its table",
				   block, ItemPointerGetOffsetNumberNoCheck(tid), nblocks);
	return nblocks;
}

void
vc_heapfetch_hint(const VcHeapFetch *fetch, const ItemPointerData *tid)
{
	if (fetch->direct)
		vc_prefetch_line_pointer(&fetch->cache, tid);
}

void
vc_heapfetch_hint_tuple(const VcHeapFetch *fetch, const ItemPointerData *tid)
{
	if (fetch->direct)
		vc_prefetch_tuple(&fetch->cache, tid);
}

/*
 * A heap row without the table AM: its index fetch looks every page up in the shared hash table, which
 * is most of the price of rows that lie one to a page.  It would also prune the page, which is left to
 * others.
 */
static bool
fetch_direct(VcHeapFetch *fetch, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	if (!BufferIsValid(fetch->pin.buffer) || fetch->pin.blkno != block)
	{
		vc_page_pin_drop(&fetch->pin);
		fetch->pin = vc_page_pin_cached(&fetch->cache, fetch->heap, block);
	}
	return vc_heap_fetch(fetch->heap, fetch->pin.buffer, tid, fetch->snapshot, fetch->slot);
}

TupleTableSlot *
vc_heapfetch_row(VcHeapFetch *fetch, ItemPointer tid)
{
	ItemPointerData at = *tid; /* the table AM writes the member of the chain here */
	bool call_again = false;
	bool all_dead = false;

	if (fetch->fetch == NULL)
		start(fetch);

	fetch->nblocks = vc_heapfetch_check(fetch->index, fetch->heap, tid, fetch->nblocks);
	if (fetch->direct)
	{
		if (fetch_direct(fetch, &at))
			return fetch->slot;
		ExecClearTuple(fetch->slot);
		return NULL;
	}

	/*
	 * Under an MVCC snapshot at most one member of a HOT chain is visible and the first call finds it;
	 * a table AM may still ask to be called again.
	 */
	do
	{
		if (table_index_fetch_tuple(fetch->fetch, &at, fetch->snapshot, fetch->slot, &call_again,
									&all_dead))
			return fetch->slot;
	} while (call_again);

	ExecClearTuple(fetch->slot);
	return NULL;
}

void
vc_heapfetch_values(VcHeapFetch *fetch, TupleTableSlot *slot, Datum *values, bool *isnull)
{
	ExprContext *econtext;

	if (fetch->estate == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fetch->mcxt);

		Assert(fetch->index != NULL);
		fetch->estate = CreateExecutorState();
		fetch->index_info = BuildIndexInfo(fetch->index);
		MemoryContextSwitchTo(old);
	}

	econtext = GetPerTupleExprContext(fetch->estate);
	ResetExprContext(econtext);
	econtext->ecxt_scantuple = slot;
	{
		/* by-reference results of plain columns point into the slot, of expressions in here */
		MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);

		FormIndexDatum(fetch->index_info, slot, fetch->estate, values, isnull);
		MemoryContextSwitchTo(old);
	}
}

void
vc_heapfetch_release(VcHeapFetch *fetch)
{
	if (fetch == NULL || fetch->fetch == NULL)
		return;
	ExecClearTuple(fetch->slot);
	vc_page_pin_drop(&fetch->pin);
	table_index_fetch_reset(fetch->fetch);
}

/* A candidate and its place in the caller's array, ordered by block, then offset. */
typedef struct BatchItem
{
	ItemPointerData tid;
	int which;
} BatchItem;

static int
compare_items(const void *a, const void *b)
{
	return ItemPointerCompare(unconstify(ItemPointerData *, &((const BatchItem *) a)->tid),
							  unconstify(ItemPointerData *, &((const BatchItem *) b)->tid));
}

int
vc_heapfetch_batch(VcHeapFetch *fetch, const ItemPointerData *tids, int ntids,
				   VcHeapFetchCallback callback, void *arg)
{
	BatchItem *items;
	BlockNumber asked = InvalidBlockNumber; /* last block asked for, or fetched from */
	BlockNumber nblocks;
	int ahead = 0;   /* items whose block was asked for */
	int pending = 0; /* distinct blocks asked for and not yet reached */
	BlockNumber current = InvalidBlockNumber;
	int visible = 0;

	if (ntids <= 0)
		return 0;
	items = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(BatchItem) * (Size) ntids);
	for (int i = 0; i < ntids; i++)
	{
		items[i].tid = tids[i];
		items[i].which = i;
	}
	qsort(items, ntids, sizeof(BatchItem), compare_items);
	nblocks = RelationGetNumberOfBlocks(fetch->heap);

	for (int i = 0; i < ntids; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(&items[i].tid);
		TupleTableSlot *slot;

		CHECK_FOR_INTERRUPTS();

		if (block != current)
		{
			current = block;
			if (pending > 0)
				pending--;
		}
		for (; ahead < ntids && pending < PREFETCH_WINDOW; ahead++)
		{
			BlockNumber next = ItemPointerGetBlockNumberNoCheck(&items[ahead].tid);

			if (next == asked)
				continue;
			asked = next;
			if (next == current || next >= nblocks)
				continue;
			(void) PrefetchBuffer(fetch->heap, MAIN_FORKNUM, next);
			pending++;
		}

		/* a block beyond the end means that the index is ahead of a truncated table: no row there */
		if (block >= nblocks)
			continue;
		slot = vc_heapfetch_row(fetch, &items[i].tid);
		if (slot == NULL)
			continue;
		visible++;
		if (!callback(arg, items[i].which, slot))
			break;
	}
	pfree(items);
	return visible;
}

bool
vc_heapfetch_can_scan(const VcHeapFetch *fetch)
{
	return fetch->heap->rd_tableam == GetHeapamTableAmRoutine() &&
		   RelationGetIndexPredicate(fetch->index) == NIL;
}

void
vc_heapfetch_scan(VcHeapFetch *fetch, VcHeapScanFilter filter, VcHeapScanRow row, void *arg)
{
	TupleTableSlot *slot = table_slot_create(fetch->heap, NULL);
	TableScanDesc scan = table_beginscan(fetch->heap, fetch->snapshot, 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		ItemPointerData root;

		CHECK_FOR_INTERRUPTS();
		if (!filter(arg, slot))
			continue;
		vc_heap_root_tid(slot, &root);
		row(arg, slot, &root);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}
