/*
 * core/recycle.c
 *		Tombstones, runs, the free space map, standby conflicts.  See core/recycle.h.
 *
 * Map encoding: the server's free space map keeps a category 0..255 a block, and finds a block whose
 * category is at least the wanted one.  We store "a free run of c blocks starts here" as category c,
 * that is as c * (BLCKSZ / 256) bytes of free space.
 *
 * Locking protocol.  All allocators of a relation exclude each other by the extension lock; so only a
 * free or a late reader can touch a candidate meanwhile.  Candidates are examined under conditional
 * exclusive locks, because the caller may itself hold the very page a stale map entry leads to.
 */
#include "postgres.h"

#include "core/recycle.h"

#include "access/generic_xlog.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "utils/snapmgr.h"

#include "core/buf.h"
#include "core/page.h"
#include "core/report.h"
#include "core/xlog.h"

#define RUN_STEP (BLCKSZ / 256)
/* runs that end right before a freed one are looked for this far back */
#define MERGE_LOOKBACK 32
/* candidates of the map tried before the relation is extended */
#define MAX_CANDIDATES 4
/* pages of a candidate that are still readable before it is given up: a run is freed as one, mostly */
#define MAX_PENDING 16

/*
 * Pages that each VACUUM looks at for tombstones that the free space map does not know (it is not
 * logged, so a crash or a promotion loses entries).  A random stretch of 1/32 of a large index: what is
 * lost comes back after some VACUUMs, for a small part of the work of this one.
 */
#define SWEEP_MIN_PAGES 1024
#define SWEEP_FRACTION  32

typedef enum PageState
{
	PAGE_TAKEN,   /* in use, or not to be had right now */
	PAGE_PENDING, /* tombstone, somebody may still read it */
	PAGE_REUSABLE,
} PageState;

/*----- the map -----*/

static void
map_set(Relation rel, BlockNumber first, uint32 n)
{
	Assert(n <= VC_RUN_MAX);
	RecordPageWithFreeSpace(rel, first, n * RUN_STEP);
}

static uint32
map_get(Relation rel, BlockNumber blkno)
{
	return Min(GetRecordedFreeSpace(rel, blkno) / RUN_STEP, VC_RUN_MAX);
}

/* Enters one run, joined with the runs beside it where that is cheap to find out. */
static void
map_add(Relation rel, BlockNumber first, uint32 n)
{
	while (n > VC_RUN_MAX)
	{
		map_set(rel, first, VC_RUN_MAX);
		first += VC_RUN_MAX;
		n -= VC_RUN_MAX;
	}
	if (n == 0)
		return;

	if (first + n <= MaxBlockNumber)
	{
		uint32 behind = map_get(rel, first + n);

		if (behind > 0 && n + behind <= VC_RUN_MAX)
		{
			map_set(rel, first + n, 0);
			n += behind;
		}
	}
	for (uint32 back = 1; back <= MERGE_LOOKBACK && back <= first; back++)
	{
		uint32 before = map_get(rel, first - back);

		if (before == 0)
			continue;
		if (before >= back && back + n <= VC_RUN_MAX)
		{
			map_set(rel, first, 0);
			n = Max(before, back + n);
			first -= back;
		}
		break;
	}
	map_set(rel, first, n);
}

void
vc_recycle_register(Relation rel, BlockNumber first, uint32 n)
{
	if (n == 0)
		return;
	map_add(rel, first, n);
	FreeSpaceMapVacuumRange(rel, first, first + n);
}

/*----- freeing -----*/

typedef struct FreeSegment
{
	BlockNumber first;
	uint32 n;
} FreeSegment;

/* Grows the current segment by blkno, or registers it and starts a new one. */
static void
segment_add(Relation rel, FreeSegment *segment, BlockNumber blkno)
{
	if (segment->n > 0 && blkno == segment->first + segment->n)
	{
		segment->n++;
		return;
	}
	if (segment->n > 0)
		map_add(rel, segment->first, segment->n);
	segment->first = blkno;
	segment->n = 1;
}

uint32
vc_recycle_free_run(Relation rel, BlockNumber first, uint32 n, uint32 owner, uint32 incarnation)
{
	FullTransactionId horizon = ReadNextFullTransactionId();
	FreeSegment segment = {InvalidBlockNumber, 0};
	uint32 freed = 0;

	for (uint32 done = 0; done < n;)
	{
		VcXlog xlog = vc_xlog_begin(rel);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < VC_XLOG_PAGES && done < n; i++, done++)
		{
			BlockNumber blkno = first + done;
			Buffer buffer = vc_buffer_lock(rel, blkno);
			const char *page = BufferGetPage(buffer);
			VcPageOpaque *opaque;

			if (!vc_page_is_new(page))
			{
				vc_page_check(rel, blkno, page, VC_PAGE_ANY);
				if (!vc_page_is_of(page, owner, incarnation))
				{
					vc_buffer_unlock(buffer);
					continue;
				}
			}
			freed++;
			segment_add(rel, &segment, blkno);
			if (vc_page_is_new(page) || vc_page_is_free(page))
			{
				vc_buffer_unlock(buffer);
				continue;
			}
			opaque = vc_page_opaque(vc_xlog_adopt(&xlog, buffer, 0));
			opaque->kind |= VC_PAGE_FREE;
			opaque->free_xid = horizon;
		}
		vc_xlog_commit(&xlog);
	}
	if (segment.n > 0)
		map_add(rel, segment.first, segment.n);
	if (freed > 0)
		FreeSpaceMapVacuumRange(rel, first, first + n);
	return freed;
}

uint32
vc_recycle_sweep(Relation rel, BlockNumber first, uint32 n, BufferAccessStrategy strategy)
{
	FreeSegment segment = {InvalidBlockNumber, 0};
	uint32 found = 0;

	for (uint32 i = 0; i < n; i++)
	{
		VcPageRead r;
		bool is_free;

		vacuum_delay_point(false);
		r = vc_page_read_raw(rel, first + i, strategy);
		is_free =
			vc_page_is_new(r.page) || (vc_page_problem(r.page) == NULL && vc_page_is_free(r.page));
		vc_page_read_drop(&r);
		if (!is_free)
			continue;
		found++;
		segment_add(rel, &segment, first + i);
	}
	if (segment.n > 0)
		map_add(rel, segment.first, segment.n);
	if (found > 0)
		FreeSpaceMapVacuumRange(rel, first, first + n);
	return found;
}

void
vc_recycle_part(Relation rel, BlockNumber *ret_first, BlockNumber *ret_n)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);
	BlockNumber n = Min(Max(SWEEP_MIN_PAGES, blocks / SWEEP_FRACTION), blocks);

	*ret_first = 0;
	*ret_n = n;
	if (n < blocks)
		*ret_first = (BlockNumber) pg_prng_uint64_range(&pg_global_prng_state, 0, blocks - n);
}

void
vc_recycle_vacuum(Relation rel, BufferAccessStrategy strategy)
{
	BlockNumber first;
	BlockNumber n;

	vc_recycle_part(rel, &first, &n);
	vc_recycle_sweep(rel, first, n, strategy);
	IndexFreeSpaceMapVacuum(rel);
}

/*----- allocation -----*/

/* heap may be NULL: the most cautious horizon. */
static PageState
page_state(const char *page, Relation heap, FullTransactionId *horizon)
{
	FullTransactionId free_xid;

	if (vc_page_is_new(page))
		return PAGE_REUSABLE;
	if (vc_page_problem(page) != NULL || !vc_page_is_free(page))
		return PAGE_TAKEN;
	free_xid = vc_page_opaque_read(page)->free_xid;
	if (!FullTransactionIdIsNormal(free_xid) || !GlobalVisCheckRemovableFullXid(heap, free_xid))
		return PAGE_PENDING;
	if (FullTransactionIdPrecedes(*horizon, free_xid))
		*horizon = free_xid;
	return PAGE_REUSABLE;
}

/*
 * Standbys: their queries may hold snapshots older than ours.  The redo of core btree's "reuse page"
 * record resolves conflicts with them and touches no page, so it serves any index.
 */
static void
log_reuse(Relation rel, BlockNumber blkno, FullTransactionId horizon)
{
	xl_btree_reuse_page record;
	Size size;

	if (!XLogStandbyInfoActive() || !RelationNeedsWAL(rel) || !FullTransactionIdIsNormal(horizon))
		return;
	memset(&record, 0, sizeof(record));
	size = vc_btree_reuse_record(&record, rel, blkno, horizon);
	XLogBeginInsert();
	XLogRegisterData((char *) &record, size);
	XLogInsert(RM_BTREE_ID, XLOG_BTREE_REUSE_PAGE);
}

/*
 * Looks through the run of length len that the map says starts at first, for n reusable pages in a row;
 * corrects the map.  True: *ret_first is the start of the window, which is no longer in the map.  If
 * ret_buffer is given (n is 1), the page stays locked.
 */
static bool
search_run(Relation rel, Relation heap, BlockNumber first, uint32 len, uint32 n,
		   BlockNumber *ret_first, Buffer *ret_buffer, FullTransactionId *ret_horizon)
{
	FullTransactionId horizon = InvalidFullTransactionId;
	FreeSegment keep[VC_RUN_MAX];
	int nkeep = 0;
	bool stale = false;
	uint32 in_row = 0;
	uint32 pending = 0;
	uint32 i;

	for (i = 0; i < len && in_row < n && pending < MAX_PENDING; i++)
	{
		BlockNumber blkno = first + i;
		Buffer buffer = vc_buffer_try_lock(rel, blkno);
		/* a page that is locked now may be a tombstone with a late reader: leave it in the map */
		PageState state = PAGE_PENDING;

		if (BufferIsValid(buffer))
		{
			state = page_state(BufferGetPage(buffer), heap, &horizon);
			if (state == PAGE_REUSABLE && ret_buffer != NULL)
				*ret_buffer = buffer;
			else
				vc_buffer_unlock(buffer);
		}

		in_row = state == PAGE_REUSABLE ? in_row + 1 : 0;
		pending += state == PAGE_PENDING;
		if (state == PAGE_TAKEN)
			stale = true;
		else if (nkeep > 0 && keep[nkeep - 1].first + keep[nkeep - 1].n == blkno)
			keep[nkeep - 1].n++;
		else
			keep[nkeep++] = (FreeSegment){blkno, 1};
	}

	if (in_row < n)
	{
		if (!stale)
			return false;
		map_set(rel, first, 0);
		for (int k = 0; k < nkeep; k++)
			map_set(rel, keep[k].first, keep[k].n);
		if (i < len)
			map_set(rel, first + i, len - i);
		return false;
	}

	/* The window ends the last segment; what is before and behind it goes back. */
	map_set(rel, first, 0);
	keep[nkeep - 1].n -= n;
	for (int k = 0; k < nkeep; k++)
	{
		if (keep[k].n > 0)
			map_set(rel, keep[k].first, keep[k].n);
	}
	if (i < len)
		map_set(rel, first + i, len - i);
	*ret_first = first + i - n;
	*ret_horizon = horizon;
	return true;
}

/* The caller holds the extension lock where there is one. */
static bool
find_run(Relation rel, Relation heap, uint32 n, BlockNumber *ret_first, Buffer *ret_buffer,
		 FullTransactionId *ret_horizon)
{
	BlockNumber nblocks = InvalidBlockNumber;

	for (int i = 0; i < MAX_CANDIDATES; i++)
	{
		BlockNumber first = GetPageWithFreeSpace(rel, n * RUN_STEP);
		uint32 len;

		if (first == InvalidBlockNumber)
			return false;
		len = map_get(rel, first);
		if (nblocks == InvalidBlockNumber)
			nblocks = RelationGetNumberOfBlocks(rel);
		if (first >= nblocks || len > nblocks - first)
		{
			/* the map outlived a crash that the end of the file did not */
			map_set(rel, first, first >= nblocks ? 0 : nblocks - first);
			continue;
		}
		if (search_run(rel, heap, first, len, n, ret_first, ret_buffer, ret_horizon))
			return true;
	}
	return false;
}

static inline void
lock_allocation(Relation rel)
{
	if (!RelationUsesLocalBuffers(rel))
		LockRelationForExtension(rel, ExclusiveLock);
}

static inline void
unlock_allocation(Relation rel)
{
	if (!RelationUsesLocalBuffers(rel))
		UnlockRelationForExtension(rel, ExclusiveLock);
}

Buffer
vc_recycle_take_buffer(Relation rel, Relation heap)
{
	FullTransactionId horizon;
	BlockNumber blkno;
	Buffer buffer = InvalidBuffer;

	lock_allocation(rel);
	if (find_run(rel, heap, 1, &blkno, &buffer, &horizon))
		log_reuse(rel, blkno, horizon);
	unlock_allocation(rel);
	return buffer;
}

/* Turns n pages that nobody else can allocate into empty pages, with full images. */
static void
init_run(Relation rel, BlockNumber first, uint32 n, bool is_new, uint16 kind, uint32 owner,
		 uint32 incarnation)
{
	for (uint32 done = 0; done < n;)
	{
		VcXlog xlog = vc_xlog_begin(rel);

		for (int i = 0; i < VC_XLOG_PAGES && done < n; i++, done++)
		{
			Buffer buffer = is_new ? vc_buffer_overwrite(rel, MAIN_FORKNUM, first + done)
								   : vc_buffer_lock(rel, first + done);

			vc_page_init(vc_xlog_adopt(&xlog, buffer, GENERIC_XLOG_FULL_IMAGE), kind, owner,
						 incarnation);
		}
		vc_xlog_commit(&xlog);
	}
}

BlockNumber
vc_recycle_alloc_run(Relation rel, Relation heap, uint32 n, uint16 kind, uint32 owner,
					 uint32 incarnation)
{
	FullTransactionId horizon;
	BlockNumber first;
	bool found = false;

	Assert(n >= 1);
	if (n == 1)
	{
		VcPageWrite w = vc_page_write_new(rel, heap, kind, owner, incarnation);

		first = w.blkno;
		vc_page_write_commit(&w);
		return first;
	}

	lock_allocation(rel);
	if (n <= VC_RUN_MAX)
		found = find_run(rel, heap, n, &first, NULL, &horizon);
	if (found)
		log_reuse(rel, first, horizon);
	else
		first = vc_extend_run(rel, MAIN_FORKNUM, n, true);
	/* until they are initialised, another allocator could mistake the pages for free ones */
	init_run(rel, first, n, !found, kind, owner, incarnation);
	unlock_allocation(rel);
	return first;
}
