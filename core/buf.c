/*
 * core/buf.c
 *		Page guards, extension, and the block -> buffer cache.  See core/buf.h.
 *
 * The only caller of ReadBuffer*, ReadRecentBuffer, LockBuffer and GenericXLog*.
 *
 * Errors: nothing here is released on ERROR by our code.  Abort releases content locks first
 * (LWLockReleaseAll), then pins (resource owner); the copies of write guards go with their memory
 * context.  The cache holds no resource; its static state is consistent between any two statements.
 */
#include "postgres.h"

#include "core/buf.h"

#include "access/heapam.h"
#include "access/htup_details.h"

#include "core/report.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/buf_internals.h"
#include "utils/memdebug.h"
#include "utils/memutils.h"

/* blocks extended per call of the server; bounded by its pin limit anyway */
#define EXTEND_BATCH 64

/* every 16th visit of a block is an ordinary one, so that its usage count rises */
#define CACHE_ORDINARY_VISIT 16
/* scans for which a seen eviction makes first visits ordinary */
#define CACHE_PRESSURE_SCANS 16
#define CACHE_CHUNK_BLOCKS   512
/* 2^20 blocks of 8 bytes: 8 MB of map for an index of 8 GB; twice that for all maps together */
#define CACHE_MAX_BLOCKS (1 << 20)
#define CACHE_MAX_CHUNKS (2 * CACHE_MAX_BLOCKS / CACHE_CHUNK_BLOCKS)

typedef struct CacheEntry
{
	int32 buffer; /* 0: never read */
	uint16 scan;  /* low bits of the scan that read it last */
	uint16 visits;
} CacheEntry;

typedef struct CacheMap
{
	RelFileLocator locator;
	uint32 generation; /* of the slot; handles of an evicted map no longer match */
	uint32 scan;       /* scans begun */
	uint32 pressure;   /* first visits are ordinary as long as scan is below */
	uint64 last_use;
	int nchunks;
	MemoryContext context; /* NULL: slot is empty */
	CacheEntry *chunks[CACHE_MAX_BLOCKS / CACHE_CHUNK_BLOCKS];
} CacheMap;

/* Backend-local hints; see the head comment. */
static CacheMap *cache_maps = NULL; /* VC_READ_CACHE_RELATIONS of them */
static uint64 cache_clock = 0;
static int cache_chunks = 0;

/*----- guard accounting -----*/

#ifdef USE_ASSERT_CHECKING
static int guards_alive = 0;

int
vc_guards_alive(void)
{
	return guards_alive;
}

void
vc_guards_count(int change)
{
	guards_alive += change;
}
#endif

/*----- pins and locks -----*/

/*
 * A block number that came from a page may be anything, and ReadBuffer takes InvalidBlockNumber for an
 * order to extend.  The length seen last is kept in smgr_targblock, which only heap and btree use
 * otherwise and which the server resets with the file; it is asked again (lseek) only for blocks beyond.
 */
void
vc_check_block(Relation rel, BlockNumber blkno)
{
	BlockNumber known = RelationGetTargetBlock(rel);

	if (likely(known != InvalidBlockNumber && blkno < known))
		return;
	known = RelationGetNumberOfBlocks(rel);
	if (known != InvalidBlockNumber)
		RelationSetTargetBlock(rel, known);
	if (unlikely(blkno >= known))
		vc_corrupt(rel, blkno, "the block does not exist, the index has %u", known);
}

static Buffer
pin(Relation rel, BlockNumber blkno, BufferAccessStrategy strategy)
{
	vc_check_block(rel, blkno);
	return ReadBufferExtended(rel, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
}

/* Valgrind: the page is readable as long as the lock is held, as in nbtree. */
static inline void
lock(Relation rel, Buffer buffer, int mode)
{
	LockBuffer(buffer, mode);
	if (!RelationUsesLocalBuffers(rel))
		VALGRIND_MAKE_MEM_DEFINED(BufferGetPage(buffer), BLCKSZ);
}

static inline void
unlock_keep(Relation rel, Buffer buffer)
{
	if (!RelationUsesLocalBuffers(rel))
		VALGRIND_MAKE_MEM_NOACCESS(BufferGetPage(buffer), BLCKSZ);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
}

Buffer
vc_buffer_lock(Relation rel, BlockNumber blkno)
{
	Buffer buffer = pin(rel, blkno, NULL);

	lock(rel, buffer, BUFFER_LOCK_EXCLUSIVE);
	return buffer;
}

Buffer
vc_buffer_try_lock(Relation rel, BlockNumber blkno)
{
	Buffer buffer = pin(rel, blkno, NULL);

	if (ConditionalLockBuffer(buffer))
	{
		if (!RelationUsesLocalBuffers(rel))
			VALGRIND_MAKE_MEM_DEFINED(BufferGetPage(buffer), BLCKSZ);
		return buffer;
	}
	ReleaseBuffer(buffer);
	return InvalidBuffer;
}

void
vc_buffer_unlock(Buffer buffer)
{
	UnlockReleaseBuffer(buffer);
}

/*----- records (core/xlog.h) -----*/

char *
vc_xlog_adopt(VcXlog *xlog, Buffer buffer, int flags)
{
	VcXlogPage *p;

	if (xlog->npages >= VC_XLOG_PAGES)
		elog(ERROR, "a record has at most %d pages", VC_XLOG_PAGES);
	for (int i = 0; i < xlog->npages; i++)
	{
		if (xlog->pages[i].buffer == buffer)
			ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
							errmsg("block %u is in the record already", xlog->pages[i].blkno)));
	}
	/* a full image replaces the page, whatever is on it */
	if ((flags & GENERIC_XLOG_FULL_IMAGE) == 0 && !vc_page_hole_is_zero(BufferGetPage(buffer)))
		vc_corrupt(xlog->rel, BufferGetBlockNumber(buffer), "the free space is not zero");
	if (xlog->state == NULL)
		xlog->state = GenericXLogStart(xlog->rel);
	p = &xlog->pages[xlog->npages++];
	p->buffer = buffer;
	p->blkno = BufferGetBlockNumber(buffer);
	p->page = GenericXLogRegisterBuffer(xlog->state, buffer, flags);
	VC_GUARDS_COUNT(1);
	return p->page;
}

/* In reverse order of locking. */
static void
unlock_all(VcXlog *xlog)
{
	while (xlog->npages > 0)
	{
		VcXlogPage *p = &xlog->pages[--xlog->npages];

		vc_buffer_unlock(p->buffer);
		p->page = NULL;
		VC_GUARDS_COUNT(-1);
	}
}

void
vc_xlog_commit(VcXlog *xlog)
{
	for (int i = 0; i < xlog->npages; i++)
	{
		const char *problem = vc_page_problem(xlog->pages[i].page);

		if (problem != NULL)
			elog(ERROR, "page %u would be written damaged: %s", xlog->pages[i].blkno, problem);
		Assert(vc_page_hole_is_zero(xlog->pages[i].page));
	}
	if (xlog->state != NULL)
		GenericXLogFinish(xlog->state);
	xlog->state = NULL;
	unlock_all(xlog);
}

void
vc_xlog_drop(VcXlog *xlog)
{
	if (xlog->state != NULL)
		GenericXLogAbort(xlog->state);
	xlog->state = NULL;
	unlock_all(xlog);
}

/*----- read -----*/

static inline VcPageRead
lock_pinned(Relation rel, Buffer buffer, BlockNumber blkno)
{
	VcPageRead r = {rel, BufferGetPage(buffer), blkno, buffer};

	lock(rel, buffer, BUFFER_LOCK_SHARE);
	VC_GUARDS_COUNT(1);
	return r;
}

static inline VcPageRead
lock_and_check(Relation rel, Buffer buffer, BlockNumber blkno, uint16 kinds)
{
	VcPageRead r = lock_pinned(rel, buffer, blkno);

	vc_page_check(rel, blkno, r.page, kinds);
	return r;
}

VcPageRead
vc_page_read(Relation rel, BlockNumber blkno, uint16 kinds)
{
	return lock_and_check(rel, pin(rel, blkno, NULL), blkno, kinds);
}

VcPageRead
vc_page_read_strategy(Relation rel, BlockNumber blkno, uint16 kinds, BufferAccessStrategy strategy)
{
	return lock_and_check(rel, pin(rel, blkno, strategy), blkno, kinds);
}

VcPageRead
vc_page_read_raw(Relation rel, BlockNumber blkno, BufferAccessStrategy strategy)
{
	return lock_pinned(rel, pin(rel, blkno, strategy), blkno);
}

VcPageRead
vc_page_read_pinned(Relation rel, Buffer buffer, uint16 kinds)
{
	return lock_and_check(rel, buffer, BufferGetBlockNumber(buffer), kinds);
}

void
vc_page_read_drop(VcPageRead *r)
{
	if (r->page == NULL)
		return;
	r->page = NULL;
	unlock_keep(r->rel, r->buffer);
	ReleaseBuffer(r->buffer);
	VC_GUARDS_COUNT(-1);
}

void
vc_page_read_step(VcPageRead *r, BlockNumber blkno, uint16 kinds)
{
	vc_page_read_drop(r);
	*r = vc_page_read(r->rel, blkno, kinds);
}

VcPagePin
vc_page_read_to_pin(VcPageRead *r)
{
	VcPagePin p = {r->rel, r->blkno, r->buffer};

	Assert(r->page != NULL);
	r->page = NULL;
	unlock_keep(r->rel, r->buffer);
	return p;
}

/*----- write -----*/

/* Makes the guard of a buffer that is locked exclusively. */
static VcPageWrite
write_locked(Relation rel, Buffer buffer)
{
	VcPageWrite w = {.blkno = BufferGetBlockNumber(buffer), .xlog = vc_xlog_begin(rel)};

	w.page = vc_xlog_adopt(&w.xlog, buffer, 0);
	return w;
}

VcPageWrite
vc_page_write(Relation rel, BlockNumber blkno, uint16 kinds)
{
	VcPageWrite w = {.blkno = blkno, .xlog = vc_xlog_begin(rel)};

	w.page = vc_xlog_add(&w.xlog, blkno, kinds);
	return w;
}

bool
vc_page_write_try(Relation rel, BlockNumber blkno, uint16 kinds, VcPageWrite *ret_w)
{
	VcPageWrite w = {.blkno = blkno, .xlog = vc_xlog_begin(rel)};

	if (!vc_xlog_try_add(&w.xlog, blkno, kinds, &w.page))
		return false;
	*ret_w = w;
	return true;
}

VcPageWrite
vc_page_write_new(Relation rel, Relation heap, uint16 kind, uint32 owner, uint32 incarnation)
{
	VcPageWrite w = {.xlog = vc_xlog_begin(rel)};

	w.page = vc_xlog_add_new(&w.xlog, heap, kind, owner, incarnation, &w.blkno);
	return w;
}

VcPageWrite
vc_page_write_cleanup(Relation rel, BlockNumber blkno, uint16 kinds)
{
	Buffer buffer = pin(rel, blkno, NULL);

	LockBufferForCleanup(buffer);
	if (!RelationUsesLocalBuffers(rel))
		VALGRIND_MAKE_MEM_DEFINED(BufferGetPage(buffer), BLCKSZ);
	vc_page_check(rel, blkno, BufferGetPage(buffer), kinds);
	return write_locked(rel, buffer);
}

void
vc_page_write_commit(VcPageWrite *w)
{
	vc_xlog_commit(&w->xlog);
	w->page = NULL;
}

void
vc_page_write_drop(VcPageWrite *w)
{
	vc_xlog_drop(&w->xlog);
	w->page = NULL;
}

/* An extra pin keeps the buffer over the commit, which gives up its own. */
VcPageRead
vc_page_write_degrade(VcPageWrite *w)
{
	Relation rel = w->xlog.rel;
	Buffer buffer = w->xlog.pages[0].buffer;

	IncrBufferRefCount(buffer);
	vc_page_write_commit(w);
	return lock_and_check(rel, buffer, w->blkno, VC_PAGE_ANY);
}

VcPageWrite
vc_page_upgrade(VcPageRead *r, bool *ret_same)
{
	Relation rel = r->rel;
	Buffer buffer = r->buffer;
	XLogRecPtr lsn = BufferGetLSNAtomic(buffer);
	VcPagePin p = vc_page_read_to_pin(r);

	VC_GUARDS_COUNT(-1);
	lock(rel, p.buffer, BUFFER_LOCK_EXCLUSIVE);
	vc_page_check(rel, p.blkno, BufferGetPage(buffer), VC_PAGE_ANY);
	/* every change moves the LSN, where there is WAL; local buffers have no other writer */
	*ret_same = RelationUsesLocalBuffers(rel) ||
				(RelationNeedsWAL(rel) && PageGetLSN(BufferGetPage(buffer)) == lsn);
	return write_locked(rel, buffer);
}

/*----- pin only -----*/

VcPagePin
vc_page_pin(Relation rel, BlockNumber blkno)
{
	VcPagePin p = {rel, blkno, pin(rel, blkno, NULL)};

	VC_GUARDS_COUNT(1);
	return p;
}

void
vc_page_pin_drop(VcPagePin *p)
{
	if (!BufferIsValid(p->buffer))
		return;
	ReleaseBuffer(p->buffer);
	p->buffer = InvalidBuffer;
	VC_GUARDS_COUNT(-1);
}

VcPageRead
vc_page_pin_read(VcPagePin *p, uint16 kinds)
{
	Buffer buffer = p->buffer;

	Assert(BufferIsValid(buffer));
	p->buffer = InvalidBuffer;
	VC_GUARDS_COUNT(-1);
	return lock_and_check(p->rel, buffer, p->blkno, kinds);
}

/*----- extension -----*/

/*
 * RELATION_IS_LOCAL does not save the lock: the leader of a parallel build sees its new relation as
 * local while workers extend it.
 *
 * The server may give fewer blocks than asked for in one call (pin limit); the extension lock is held
 * over all calls, so that the run stays contiguous.
 */
BlockNumber
vc_extend_run(Relation rel, ForkNumber forknum, uint32 n, bool is_private)
{
	bool need_lock = !is_private && !RelationUsesLocalBuffers(rel);
	BlockNumber first = InvalidBlockNumber;
	uint32 done = 0;
	Buffer buffers[EXTEND_BATCH];

	Assert(n >= 1);
	if (need_lock)
		LockRelationForExtension(rel, ExclusiveLock);
	while (done < n)
	{
		uint32 got = 0;
		BlockNumber blkno;

		CHECK_FOR_INTERRUPTS();
		blkno = ExtendBufferedRelBy(BMR_REL(rel), forknum, NULL, EB_SKIP_EXTENSION_LOCK,
									Min(n - done, EXTEND_BATCH), buffers, &got);
		for (uint32 i = 0; i < got; i++)
			ReleaseBuffer(buffers[i]);
		if (first == InvalidBlockNumber)
			first = blkno;
		else if (blkno != first + done)
			elog(ERROR, "run of index \"%s\" is not contiguous: block %u after %u",
				 RelationGetRelationName(rel), blkno, first + done - 1);
		done += got;
	}
	if (need_lock)
		UnlockRelationForExtension(rel, ExclusiveLock);
	return first;
}

Buffer
vc_buffer_extend(Relation rel, ForkNumber forknum)
{
	Buffer buffer;
	uint32 got;

	ExtendBufferedRelBy(BMR_REL(rel), forknum, NULL, EB_LOCK_FIRST, 1, &buffer, &got);
	return buffer;
}

Buffer
vc_buffer_overwrite(Relation rel, ForkNumber forknum, BlockNumber blkno)
{
	return ReadBufferExtended(rel, forknum, blkno, RBM_ZERO_AND_LOCK, NULL);
}

bool
vc_heap_fetch(Relation heap, Buffer buffer, ItemPointer tid, Snapshot snapshot,
			  TupleTableSlot *slot)
{
	HeapTuple tuple = &((HeapTupleTableSlot *) slot)->tupdata;
	bool all_dead;
	bool found;

	Assert(TTS_IS_HEAPTUPLE(slot));
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	found = heap_hot_search_buffer(tid, heap, buffer, snapshot, tuple, &all_dead, true);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (!found)
		return false;
	tuple->t_self = *tid;
	slot->tts_tableOid = RelationGetRelid(heap);
	ExecStoreHeapTuple(tuple, slot, false);
	return true;
}

void
vc_heap_root_tid(TupleTableSlot *slot, ItemPointer ret_root)
{
	BufferHeapTupleTableSlot *tuple = (BufferHeapTupleTableSlot *) slot;
	OffsetNumber roots[MaxHeapTuplesPerPage];
	OffsetNumber offset;

	Assert(TTS_IS_BUFFERTUPLE(slot) && BufferIsValid(tuple->buffer));
	*ret_root = slot->tts_tid;
	if (!HeapTupleHeaderIsHeapOnly(tuple->base.tuple->t_data))
		return;
	/* the pin keeps the chain from being pruned */
	LockBuffer(tuple->buffer, BUFFER_LOCK_SHARE);
	heap_get_root_tuples(BufferGetPage(tuple->buffer), roots);
	LockBuffer(tuple->buffer, BUFFER_LOCK_UNLOCK);
	offset = roots[ItemPointerGetOffsetNumber(&slot->tts_tid) - 1];
	if (!OffsetNumberIsValid(offset))
		elog(ERROR, "row (%u,%u) has no root in its HOT chain",
			 ItemPointerGetBlockNumber(&slot->tts_tid), ItemPointerGetOffsetNumber(&slot->tts_tid));
	ItemPointerSetOffsetNumber(ret_root, offset);
}

/*----- block -> buffer cache -----*/

static void
evict_map(CacheMap *map)
{
	MemoryContext context = map->context;

	map->generation++;
	map->context = NULL;
	cache_chunks -= map->nchunks;
	map->nchunks = 0;
	memset(map->chunks, 0, sizeof(map->chunks));
	if (context != NULL)
		MemoryContextDelete(context);
}

/* The map used least recently, except `keep`; empty ones first. */
static CacheMap *
victim_map(const CacheMap *keep)
{
	CacheMap *victim = NULL;

	for (int i = 0; i < VC_READ_CACHE_RELATIONS; i++)
	{
		CacheMap *map = &cache_maps[i];

		if (map == keep)
			continue;
		if (map->context == NULL)
			return map;
		if (victim == NULL || map->last_use < victim->last_use)
			victim = map;
	}
	return victim;
}

void
vc_read_cache_init(VcReadCache *cache, Relation rel)
{
	RelFileLocator locator = vc_rel_locator(rel);
	CacheMap *map = NULL;

	memset(cache, 0, sizeof(*cache));
	cache->locator = locator;
	if (RelationUsesLocalBuffers(rel))
		return;

	if (cache_maps == NULL)
		cache_maps =
			MemoryContextAllocZero(CacheMemoryContext, sizeof(CacheMap) * VC_READ_CACHE_RELATIONS);
	for (int i = 0; i < VC_READ_CACHE_RELATIONS; i++)
	{
		if (cache_maps[i].context != NULL && RelFileLocatorEquals(cache_maps[i].locator, locator))
			map = &cache_maps[i];
	}
	if (map == NULL)
	{
		MemoryContext context =
			AllocSetContextCreate(CacheMemoryContext, "vchord block map", ALLOCSET_DEFAULT_SIZES);

		map = victim_map(NULL);
		if (map->context != NULL)
			evict_map(map);
		map->locator = locator;
		map->scan = 0;
		map->pressure = 0;
		map->context = context;
	}
	map->last_use = ++cache_clock;
	map->scan++;
	cache->map = map;
	cache->generation = map->generation;
	cache->scan = map->scan;
}

static inline CacheMap *
live_map(const VcReadCache *cache)
{
	CacheMap *map = cache != NULL ? (CacheMap *) cache->map : NULL;

	return map != NULL && map->generation == cache->generation ? map : NULL;
}

/* The entry of a block, or NULL if it has none yet. */
static inline CacheEntry *
find_entry(const CacheMap *map, BlockNumber blkno)
{
	CacheEntry *chunk;

	if (blkno >= CACHE_MAX_BLOCKS)
		return NULL;
	chunk = map->chunks[blkno / CACHE_CHUNK_BLOCKS];
	return chunk != NULL ? &chunk[blkno % CACHE_CHUNK_BLOCKS] : NULL;
}

static CacheEntry *
make_entry(CacheMap *map, BlockNumber blkno)
{
	CacheEntry *chunk;

	if (blkno >= CACHE_MAX_BLOCKS)
		return NULL;
	if (cache_chunks >= CACHE_MAX_CHUNKS)
	{
		CacheMap *victim = victim_map(map);

		if (victim->context == NULL)
			return NULL;
		evict_map(victim);
	}
	chunk = MemoryContextAllocZero(map->context, sizeof(CacheEntry) * CACHE_CHUNK_BLOCKS);
	map->chunks[blkno / CACHE_CHUNK_BLOCKS] = chunk;
	map->nchunks++;
	cache_chunks++;
	return &chunk[blkno % CACHE_CHUNK_BLOCKS];
}

/*
 * ReadRecentBuffer never raises the usage count, on any version up to 18, so a page that is only read
 * through it would look cold to the clock sweep.  While nothing is evicted that does not matter, and
 * one visit in 16 is enough; once a hint fails, evictions are going on, and for the next scans every
 * block's first visit counts, as it would without the cache.
 */
static inline Buffer
pin_through_cache(Relation rel, BlockNumber blkno, VcReadCache *cache, bool checked, bool *ret_hit)
{
	CacheMap *map = live_map(cache);
	CacheEntry *entry;
	int64 reads;
	Buffer buffer;

	if (map != NULL && unlikely(!RelFileLocatorEquals(cache->locator, vc_rel_locator(rel))))
		map = NULL;
	entry = map != NULL ? find_entry(map, blkno) : NULL;
	if (entry != NULL && entry->buffer != 0)
	{
		bool first = entry->scan != (uint16) cache->scan;

		entry->scan = (uint16) cache->scan;
		if (++entry->visits % CACHE_ORDINARY_VISIT != 0 &&
			!(first && (int32) (map->pressure - cache->scan) > 0))
		{
			if (likely(ReadRecentBuffer(vc_rel_locator(rel), MAIN_FORKNUM, blkno, entry->buffer)))
			{
				/* what ReadBuffer would have counted */
				pgstat_count_buffer_read(rel);
				pgstat_count_buffer_hit(rel);
				*ret_hit = true;
				return entry->buffer;
			}
			map->pressure = map->scan + CACHE_PRESSURE_SCANS;
		}
	}

	reads = pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
	buffer = checked ? pin(rel, blkno, NULL) : ReadBuffer(rel, blkno);
	*ret_hit = reads == pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
	if (map != NULL)
	{
		if (entry == NULL)
			entry = make_entry(map, blkno);
		if (entry != NULL)
		{
			entry->buffer = buffer;
			entry->scan = (uint16) cache->scan;
		}
	}
	return buffer;
}

Buffer
vc_buffer_pin(Relation rel, BlockNumber blkno, VcReadCache *cache, bool *ret_hit)
{
	return pin_through_cache(rel, blkno, cache, true, ret_hit);
}

VcPageRead
vc_page_read_hit(VcReadCache *cache, Relation rel, BlockNumber blkno, uint16 kinds, bool *ret_hit)
{
	return lock_and_check(rel, vc_buffer_pin(rel, blkno, cache, ret_hit), blkno, kinds);
}

VcPageRead
vc_page_read_cached(VcReadCache *cache, Relation rel, BlockNumber blkno, uint16 kinds)
{
	bool hit;

	return vc_page_read_hit(cache, rel, blkno, kinds, &hit);
}

VcPagePin
vc_page_pin_cached(VcReadCache *cache, Relation rel, BlockNumber blkno)
{
	VcPagePin p = {rel, blkno, InvalidBuffer};
	bool hit;

	/* a table's TIDs are the server's own affair, and its smgr_targblock is not ours to use */
	p.buffer = pin_through_cache(rel, blkno, cache, false, &hit);
	VC_GUARDS_COUNT(1);
	return p;
}

void
vc_prefetch_descriptor(const VcReadCache *cache, BlockNumber blkno)
{
	const CacheMap *map = live_map(cache);
	const CacheEntry *entry = map != NULL ? find_entry(map, blkno) : NULL;

	if (entry != NULL && entry->buffer != 0)
		__builtin_prefetch(GetBufferDescriptor(entry->buffer - 1), 1);
}

void
vc_prefetch_hint(const VcReadCache *cache, BlockNumber blkno, uint32 offset, uint32 lines)
{
	const CacheMap *map = live_map(cache);
	const CacheEntry *entry = map != NULL ? find_entry(map, blkno) : NULL;
	const char *page;

	if (entry == NULL || entry->buffer == 0)
		return;
	page = BufferGetPage(entry->buffer);
	__builtin_prefetch(GetBufferDescriptor(entry->buffer - 1), 1);
	__builtin_prefetch(page);
	__builtin_prefetch(page + VC_PAGE_SPECIAL);
	for (uint32 i = 0; i < lines && offset + 64 * i < BLCKSZ; i++)
		__builtin_prefetch(page + offset + 64 * i);
}

/* where the cache believes a row's line pointer to be, or NULL */
static const ItemIdData *
guess_line_pointer(const VcReadCache *cache, const ItemPointerData *tid, Buffer *ret_buffer)
{
	const CacheMap *map = live_map(cache);
	const CacheEntry *entry =
		map != NULL ? find_entry(map, ItemPointerGetBlockNumberNoCheck(tid)) : NULL;
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);

	if (entry == NULL || entry->buffer == 0 || offset == InvalidOffsetNumber ||
		offset > MaxHeapTuplesPerPage)
		return NULL;
	*ret_buffer = entry->buffer;
	return PageGetItemId(BufferGetPage(entry->buffer), offset);
}

void
vc_prefetch_line_pointer(const VcReadCache *cache, const ItemPointerData *tid)
{
	Buffer buffer;
	const ItemIdData *lp = guess_line_pointer(cache, tid, &buffer);

	if (lp == NULL)
		return;
	__builtin_prefetch(GetBufferDescriptor(buffer - 1), 1);
	__builtin_prefetch(BufferGetPage(buffer));
	__builtin_prefetch(lp);
}

void
vc_prefetch_tuple(const VcReadCache *cache, const ItemPointerData *tid)
{
	Buffer buffer;
	const ItemIdData *lp = guess_line_pointer(cache, tid, &buffer);

	if (lp != NULL)
	{
		const char *tuple = BufferGetPage(buffer) + Min(ItemIdGetOffset(lp), BLCKSZ - 64);

		/* the header ends in the next line as often as not, where the first attributes are */
		__builtin_prefetch(tuple);
		__builtin_prefetch(tuple + 40);
	}
}
