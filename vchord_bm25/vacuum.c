/*
 * vchord_bm25/vacuum.c
 *		ambulkdelete and amvacuumcleanup.
 *
 * Bulk delete holds the maintenance lock, so segments and tapes stay what they are.  It reads the identity of
 * every document from compact places: the DOCUMENT pages of segments, 6 bytes a document, and the items of
 * growing documents.  Where nothing died nothing is written.  A growing document dies in its item, a
 * document of a segment by a bit (maintain.c); both before this returns, so that no search that begins
 * later meets a TID that the table gives to another row.
 *
 * Documents that are inserted meanwhile need no visit: VACUUM's dead rows were in the index before it began.  What
 * an inserter sealed or merged since then is found where it is now.
 *
 * Cleanup seals, rewrites segments with many dead documents, merges, frees pages that a crash left to nobody, and
 * lets the free space map know what is free; it looks at the metapage and the state pages to find out that there is nothing to do.
 *
 * Locks: one page at a time; the callback is called under none.
 */
#include "postgres.h"

#include "vchord_bm25/am.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/lock.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/recycle.h"
#include "core/report.h"
#include "core/tid.h"

#include "vchord_bm25/growing.h"
#include "vchord_bm25/maintain.h"
#include "vchord_bm25/segment.h"

/*
 * Pages of growing documents from which on VACUUM seals.  Fewer are read by a search in less time than
 * another segment would cost it.
 */
#define SEAL_PAGES 16
/* or when 1/5 of them are dead, as with segments (maintain.c) */
#define SEAL_DEAD_FRACTION 5

typedef struct Vacuum
{
	Relation index;
	Relation heap;
	Bm25MetaDisk meta;
	IndexBulkDeleteCallback callback;
	void *callback_state;
	uint64 live;    /* documents that stay */
	uint64 removed; /* documents that died in this call */
} Vacuum;

/*----- growing documents -----*/

/* Marks n items of a page dead, one record. */
static void
mark_items(Vacuum *v, BlockNumber block, const OffsetNumber *slots, int n)
{
	VC_SCOPED(vc_page_write_drop)
	VcPageWrite w = vc_page_write(v->index, block, BM25_PAGE_GROWING);

	if (vc_page_is_free(w.page))
		vc_corrupt(v->index, block, "page of growing documents was freed during VACUUM");
	for (int i = 0; i < n; i++)
		vc_page_item_set_state(v->index, block, w.page, slots[i], VC_ITEM_DEAD);
	vc_page_write_commit(&w);
}

static void
vacuum_growing(Vacuum *v)
{
	Bm25GrowingReader *reader = bm25_growing_read_begin(v->index, &v->meta, true, true);
	OffsetNumber *slots = palloc(sizeof(OffsetNumber) * MaxOffsetNumber);
	BlockNumber block = InvalidBlockNumber;
	ItemPointerData tid;
	VcIndexPointer where;
	bool dead;
	int n = 0;

	while (bm25_growing_read_tid(reader, &tid, &dead, &where))
	{
		if (where.block != block)
		{
			if (n > 0)
				mark_items(v, block, slots, n);
			n = 0;
			block = where.block;
			vacuum_delay_point(false);
		}
		if (dead)
			continue;
		if (v->callback(&tid, v->callback_state))
		{
			slots[n++] = where.slot;
			v->removed++;
		}
		else
			v->live++;
	}
	if (n > 0)
		mark_items(v, block, slots, n);
	pfree(slots);
	bm25_growing_read_end(reader);
}

/*----- segments -----*/

static void
vacuum_segment(Vacuum *v, const Bm25SegmentDisk *disk)
{
	Size bytes = ((Size) disk->docs + 7) / 8;
	ItemPointerData *tids = palloc(BM25_BODY_BYTES);
	Bm25Segment segment;
	uint32 before;
	uint32 died = 0;
	uint32 doc = 0;
	uint8 *bits;

	bm25_segment_open(&segment, v->index, NULL, disk, v->meta.flags, v->meta.fields);
	bits = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	memset(bits, 0, bytes);
	if (segment.dead != NULL)
		memcpy(bits, segment.dead, bytes);
	/* bits behind the last document mean nothing */
	if (disk->docs % 8 != 0)
		bits[bytes - 1] &= (uint8) ((1 << disk->docs % 8) - 1);
	before = (uint32) pg_popcount((const char *) bits, (int) bytes);

	for (uint32 page = segment.header->section[BM25_SECTION_DOCUMENT];
		 page < segment.header->section[BM25_SECTION_DOCUMENT + 1]; page++)
	{
		uint32 n = Min(disk->docs - doc, BM25_TIDS_PER_PAGE);

		vacuum_delay_point(false);
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = bm25_segment_page(&segment, BM25_SECTION_DOCUMENT, page);

			if (!vc_span_copy(vc_page_contents(r.page), 0, tids, n * sizeof(ItemPointerData)))
				vc_corrupt(v->index, r.blkno, "documents of segment %u are missing",
						   disk->incarnation);
		}
		for (uint32 i = 0; i < n; i++, doc++)
		{
			if (bits[doc / 8] >> (doc % 8) & 1)
				continue;
			if (!vc_heap_valid(vc_heap_from_tid(&tids[i])))
				vc_corrupt(v->index, bm25_segment_block(&segment, page),
						   "document %u of segment %u has no TID", doc, disk->incarnation);
			if (v->callback(&tids[i], v->callback_state))
			{
				bits[doc / 8] |= (uint8) (1 << doc % 8);
				died++;
			}
		}
	}
	if (died > 0 || before != segment.state.dead)
		bm25_segment_write_dead(&segment, v->heap, bits);
	v->removed += died;
	v->live += disk->docs - before - died;
}

IndexBulkDeleteResult *
bm25_ambulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				  IndexBulkDeleteCallback callback, void *callback_state)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 vacuum", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Vacuum v = {.index = info->index,
				.heap = vc_vacuum_heaprel(info),
				.callback = callback,
				.callback_state = callback_state};
	VC_GUARDS_ENTER();

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	old = MemoryContextSwitchTo(context);
	bm25_maintenance_lock(v.index);
	bm25_maintenance_repair(v.index);
	bm25_meta_read(v.index, &v.meta);
	vacuum_growing(&v);
	for (uint32 i = 0; i < v.meta.nsegments; i++)
	{
		MemoryContextReset(context);
		vacuum_segment(&v, &v.meta.segments[i]);
	}
	bm25_maintenance_unlock(v.index);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);

	/* VACUUM may call several times: each call sees all documents, and removes others */
	stats->num_pages = RelationGetNumberOfBlocks(v.index);
	stats->estimated_count = false;
	stats->num_index_tuples = (double) v.live;
	stats->tuples_removed += (double) v.removed;
	VC_GUARDS_LEAVE();
	return stats;
}

/*----- cleanup -----*/

/*
 * Does an insert run?  It holds a lock on the table, which ours does not exclude.  One that begins later takes
 * incarnations from the metapage as it is by then.
 */
static bool
inserts_run(Relation index)
{
	LOCKTAG tag;
	int n;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, index->rd_index->indrelid);
	(void) GetLockConflicts(&tag, ShareLock, &n);
	return n > 0;
}

static bool
is_live_segment(const Bm25MetaDisk *meta, uint32 incarnation)
{
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		if (meta->segments[i].incarnation == incarnation)
			return true;
	}
	return false;
}

/* Did a crash or an error leave the page to nobody?  meta: with nothing in writing, sealing or retired. */
static bool
is_lost(const Bm25MetaDisk *meta, const char *page, bool inserts)
{
	const uint16 sections = BM25_PAGE_POSTING | BM25_PAGE_POSITION | BM25_PAGE_SUMMARY |
							BM25_PAGE_TERM | BM25_PAGE_TERM_INDEX | BM25_PAGE_DOCUMENT |
							BM25_PAGE_LENGTH;
	const VcPageOpaque *opaque;

	if (vc_page_is_new(page) || vc_page_problem(page) != NULL || vc_page_is_free(page))
		return false;
	opaque = vc_page_opaque_read(page);
	if (opaque->incarnation >= meta->next_incarnation)
		return false;
	/* the owner of a virtual file's page is a block number: kinds tell */
	if ((opaque->kind & BM25_PAGE_MORE) != 0 && opaque->owner == BM25_OWNER_GROWING)
		return !inserts && (meta->growing.head == InvalidBlockNumber ||
							opaque->incarnation != meta->growing.incarnation);
	if (opaque->owner != BM25_OWNER_SEGMENT)
		return false;
	if ((opaque->kind & (sections | BM25_PAGE_HEADER | BM25_PAGE_STATE)) != 0 &&
		!is_live_segment(meta, opaque->incarnation))
		return true;
	/* allocated and never written: behind the end of the segment, or in an extent that it does not know */
	return (opaque->kind & sections) != 0 && (opaque->kind & VC_PAGE_SEALED) == 0 &&
		   vc_page_contents(page).len == 0;
}

/*
 * Frees pages that belong to nothing.  Segments are written and freed under the maintenance lock, which is
 * held; continuation pages are written by inserts without it, so these are left alone while an insert runs.
 */
static void
reclaim(Relation index, BlockNumber first, BlockNumber n, BufferAccessStrategy strategy)
{
	Bm25MetaDisk meta;
	bool inserts;

	bm25_meta_read(index, &meta);
	/* after the metapage was read */
	inserts = inserts_run(index);
	if (meta.writing.header != InvalidBlockNumber || meta.sealing.head != InvalidBlockNumber ||
		meta.nretired > 0)
		return;
	for (BlockNumber block = first; block < first + n; block++)
	{
		uint32 owner = 0;
		uint32 incarnation = 0;
		bool lost;

		vacuum_delay_point(false);
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read_raw(index, block, strategy);

			lost = is_lost(&meta, r.page, inserts);
			if (lost)
			{
				owner = vc_page_opaque_read(r.page)->owner;
				incarnation = vc_page_opaque_read(r.page)->incarnation;
			}
		}
		if (lost)
			vc_recycle_free_run(index, block, 1, owner, incarnation);
	}
}

/* Is the growing area worth a seal? */
static bool
seal_is_due(Relation index)
{
	Bm25GrowingReader *reader;
	Bm25MetaDisk meta;
	ItemPointerData tid;
	VcIndexPointer where;
	uint64 total = 0;
	uint64 gone = 0;
	bool dead;

	bm25_meta_read(index, &meta);
	if (meta.sealing.head != InvalidBlockNumber ||
		bm25_growing_pages(index, &meta.growing) >= SEAL_PAGES)
		return true;
	reader = bm25_growing_read_begin(index, &meta, true, false);
	while (bm25_growing_read_tid(reader, &tid, &dead, &where))
	{
		total++;
		gone += dead ? 1 : 0;
	}
	bm25_growing_read_end(reader);
	return gone > 0 && gone * SEAL_DEAD_FRACTION >= total;
}

static uint64
count_documents(Relation index)
{
	Bm25MetaDisk meta;
	Bm25GrowingReader *reader;
	ItemPointerData tid;
	VcIndexPointer where;
	uint64 live = 0;
	bool dead;

	bm25_meta_read(index, &meta);
	for (uint32 i = 0; i < meta.nsegments; i++)
	{
		Bm25Segment segment;

		bm25_segment_open(&segment, index, NULL, &meta.segments[i], meta.flags, meta.fields);
		live += segment.disk.docs - segment.state.dead;
	}
	reader = bm25_growing_read_begin(index, &meta, true, true);
	while (bm25_growing_read_tid(reader, &tid, &dead, &where))
		live += dead ? 0 : 1;
	bm25_growing_read_end(reader);
	return live;
}

IndexBulkDeleteResult *
bm25_amvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Relation index = info->index;
	Relation heap = vc_vacuum_heaprel(info);
	MemoryContext context;
	MemoryContext old;
	uint64 live;
	BlockNumber first;
	BlockNumber n;
	VC_GUARDS_ENTER();

	if (info->analyze_only)
		return stats;
	context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 vacuum", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	bm25_maintenance_lock(index);
	bm25_maintenance_repair(index);
	if (seal_is_due(index))
		bm25_seal(index, heap);
	bm25_clean_segments(index, heap);
	bm25_merge_tiers(index, heap, 0, false);
	live = count_documents(index);
	vc_recycle_part(index, &first, &n);
	reclaim(index, first, n, info->strategy);
	bm25_maintenance_unlock(index);
	vc_recycle_vacuum(index, info->strategy);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->num_index_tuples = (double) live;
	stats->estimated_count = false;
	stats->num_pages = RelationGetNumberOfBlocks(index);
	VC_GUARDS_LEAVE();
	return stats;
}
