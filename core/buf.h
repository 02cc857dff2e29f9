/*
 * core/buf.h
 *		Page guards: the only way to reach a page of an index.
 *
 *		VC_SCOPED(vc_page_read_drop)  VcPageRead r = vc_page_read(rel, blkno, kinds);
 *		VC_SCOPED(vc_page_write_drop) VcPageWrite w = vc_page_write(rel, blkno, kinds);
 *		vc_page_write_commit(&w);
 *
 *	guard			holds								on error released by
 *	VcPageRead		pin + share lock					LWLockReleaseAll, resource owner
 *	VcPageWrite		pin + exclusive lock + page copy	the same; the copy with its context
 *	VcPagePin		pin only							resource owner
 *
 * Rules (proofs and tests: core/README.md, "Guards").  A guard lives on the stack of one function
 *call chain, is not copied, never crosses a subtransaction or an access method callback, and none
 *is alive when amgettuple returns.  Two at once only in the order the access method's README gives.
 *The page pointer dies with the guard.  Edits go to the copy of a write guard and are published by
 *an explicit commit; leaving without commit changes nothing.  No opclass call, heap access,
 *detoasting or allocation of a size from disk while a write guard is open.  No interrupts are
 *served under a lock.
 *
 * kinds: which page kinds the caller can make sense of here (core/page.h).  Every guard checks the
 *page with vc_page_check() and the block number against the length of the relation, in release
 *builds too; what fails is vc_corrupt().
 *
 * Drop functions accept a guard that is already dropped.
 */
#ifndef VC_CORE_BUF_H
#define VC_CORE_BUF_H

#include "executor/tuptable.h"
#include "utils/snapshot.h"

#include "core/attrs.h"
#include "core/compat.h"
#include "core/page.h"
#include "core/xlog.h"

typedef struct VcReadCache VcReadCache;

typedef struct VcPageRead
{
	Relation rel;
	const char *page; /* NULL when dropped */
	BlockNumber blkno;
	Buffer buffer;
} VcPageRead;

typedef struct VcPageWrite
{
	char *page; /* the copy; NULL when committed or dropped */
	BlockNumber blkno;
	VcXlog xlog;
} VcPageWrite;

typedef struct VcPagePin
{
	Relation rel;
	BlockNumber blkno;
	Buffer buffer;
} VcPagePin;

/*----- read -----*/

extern VcPageRead vc_page_read(Relation rel, BlockNumber blkno, uint16 kinds);

/* Through a buffer access strategy, for VACUUM and checks that walk the whole index. */
extern VcPageRead vc_page_read_strategy(Relation rel, BlockNumber blkno, uint16 kinds,
										BufferAccessStrategy strategy);

/*
 * Share lock without page check: for sweeps that meet new (zero) pages and tombstones, and for
 * inspection of damaged pages.  The caller asks vc_page_is_new() and vc_page_problem() itself.
 */
extern VcPageRead vc_page_read_raw(Relation rel, BlockNumber blkno, BufferAccessStrategy strategy);

extern void vc_page_read_drop(VcPageRead *r);

/* Drops r, then reads blkno into it (never two locks at once). */
extern void vc_page_read_step(VcPageRead *r, BlockNumber blkno, uint16 kinds);

/* A guard that holds nothing, for a loop of steps. */
#define VC_PAGE_READ_NONE(r) ((VcPageRead){(r), NULL, InvalidBlockNumber, InvalidBuffer})

/* Gives up the lock, keeps the pin: r is dropped, the pin is returned. */
extern VcPagePin vc_page_read_to_pin(VcPageRead *r);

/*----- write -----*/

extern VcPageWrite vc_page_write(Relation rel, BlockNumber blkno, uint16 kinds);

/* False at once, nothing held, if the lock is not free. */
extern bool vc_page_write_try(Relation rel, BlockNumber blkno, uint16 kinds, VcPageWrite *ret_w);

/*
 * A page that nobody refers to: reusable tombstone or new block (vc_xlog_add_new).
 */
extern VcPageWrite vc_page_write_new(Relation rel, Relation heap, uint16 kind, uint32 owner,
									 uint32 incarnation);

/*
 * Waits until nobody else has the page pinned (LockBufferForCleanup): VACUUM, where an old reader
 * must not see items move.  The caller holds no other lock and no pin on this page.
 */
extern VcPageWrite vc_page_write_cleanup(Relation rel, BlockNumber blkno, uint16 kinds);

extern void vc_page_write_commit(VcPageWrite *w);
extern void vc_page_write_drop(VcPageWrite *w);

/*
 * Commits and goes on reading the page (write -> read).  Another backend may get in between; the
 * content must be looked at anew.
 */
extern VcPageRead vc_page_write_degrade(VcPageWrite *w);

/*
 * Read -> write.  r is dropped, w holds the same page.  *ret_same says that the page did not change
 * in between; if false, everything concluded from r must be concluded again from w->page (it may
 * even be a tombstone or belong to somebody else: only the header was checked again, not the kind).
 * Always false on unlogged relations, whose pages have no LSN to compare.
 */
extern VcPageWrite vc_page_upgrade(VcPageRead *r, bool *ret_same);

/*----- pin only -----*/

extern VcPagePin vc_page_pin(Relation rel, BlockNumber blkno);
/* A page of the table through the cache; neither block number nor page is looked at. */
extern VcPagePin vc_page_pin_cached(VcReadCache *cache, Relation rel, BlockNumber blkno);
extern void vc_page_pin_drop(VcPagePin *p);

/* Locks a pinned page again; p is dropped, its pin moves into the guard. */
extern VcPageRead vc_page_pin_read(VcPagePin *p, uint16 kinds);

/*----- extension -----*/

/*
 * Adds n contiguous blocks (n >= 1) of zeros at the end and returns the first.  Not logged: they
 * are pages only once somebody initialises them (until then sweeps see vc_page_is_new).
 * `is_private` = the relation is visible to this backend alone, no extension lock.  Holds nothing
 * on return.
 */
extern BlockNumber vc_extend_run(Relation rel, ForkNumber forknum, uint32 n, bool is_private);

/*
 * Buffer of a block that the caller owns and will overwrite as a whole: pinned, locked exclusively,
 * not read from disk, not checked.  For core's own modules (recycle, page_writer).
 */
extern Buffer vc_buffer_overwrite(Relation rel, ForkNumber forknum, BlockNumber blkno);
/* One block of any fork, pinned and locked exclusively; cleanup by vc_buffer_unlock(). */
extern Buffer vc_buffer_extend(Relation rel, ForkNumber forknum);
extern Buffer vc_buffer_lock(Relation rel, BlockNumber blkno);
/* InvalidBuffer if the lock is not free. */
extern Buffer vc_buffer_try_lock(Relation rel, BlockNumber blkno);
extern void vc_buffer_unlock(Buffer buffer);

/*
 * Pins blkno as vc_page_read() would, for core/stream.  *ret_hit tells whether it was in memory.
 */
extern Buffer vc_buffer_pin(Relation rel, BlockNumber blkno, VcReadCache *cache, bool *ret_hit);
/* Makes a read guard of a pinned buffer; takes the pin over. */
extern VcPageRead vc_page_read_pinned(Relation rel, Buffer buffer, uint16 kinds);
/* vc_corrupt() if the relation is not that long; guards do this. */
extern void vc_check_block(Relation rel, BlockNumber blkno);

/*
 * What an index fetch does on a heap table, on a page that the caller has pinned: puts the member of the
 * HOT chain at *tid that the snapshot sees into `slot` (TTSOpsHeapTuple: it takes no pin, so the row is
 * there as long as the caller's pin) and its own address into *tid.  False if there is none.  Share-locks
 * the page inside.
 */
extern bool vc_heap_fetch(Relation heap, Buffer buffer, ItemPointer tid, Snapshot snapshot,
						  TupleTableSlot *slot);

/*
 * The TID by which an index knows the row in `slot`, a pinned tuple of a heap table: the root of its HOT
 * chain.  Share-locks the heap page if the tuple is not the root itself.
 */
extern void vc_heap_root_tid(TupleTableSlot *slot, ItemPointer ret_root);

/*----- block -> buffer cache -----*/

/*
 * Where a block was in shared_buffers when this backend read it last: finding it there again costs
 * no lookup in the shared hash table, which is most of the price of a page once the index is larger
 * than the CPU caches (numbers: core/README.md).  A hint only: the server checks the buffer's tag
 * under the pin.  A pin through the hint does not raise the buffer's usage count; so that hot pages
 * do not fall to the clock sweep, every 16th visit of a block goes the ordinary way, and so does
 * the first visit of each block in a scan for as long as the cache has seen evictions in the recent
 * scans.
 *
 * The maps live as long as the backend, one per relfilenode, VC_READ_CACHE_RELATIONS of them with
 * least recent use, each bounded; blocks beyond the bound and temporary relations go the ordinary
 * way. The handle is the caller's storage (a scan's); it owns nothing, so errors need no care, and
 * it stays harmless when the relation gets a new relfilenode or its map is evicted.
 */
#define VC_READ_CACHE_RELATIONS 8

struct VcReadCache
{
	RelFileLocator locator;
	void *map;         /* NULL: always the ordinary way */
	uint32 generation; /* of the map, at init */
	uint32 scan;       /* number of this scan */
};

/* Start of a scan (also at rescan). */
extern void vc_read_cache_init(VcReadCache *cache, Relation rel);

/* vc_page_read() through the cache; cache NULL = vc_page_read(). */
extern VcPageRead vc_page_read_cached(VcReadCache *cache, Relation rel, BlockNumber blkno,
									  uint16 kinds);

/* The same; *ret_hit tells whether the page was in memory. */
extern VcPageRead vc_page_read_hit(VcReadCache *cache, Relation rel, BlockNumber blkno,
								   uint16 kinds, bool *ret_hit);

/*
 * Software prefetch of the buffer's descriptor and of the page's first lines, if the cache knows
 * where the block is; nothing otherwise.  Touches no memory but by prefetch instructions.  `lines`
 * cache lines of the page from byte `offset` on.
 */
extern void vc_prefetch_descriptor(const VcReadCache *cache, BlockNumber blkno);
extern void vc_prefetch_hint(const VcReadCache *cache, BlockNumber blkno, uint32 offset,
							 uint32 lines);

/*
 * The same for a row of a heap table, in two steps with some rows between them: descriptor and line
 * pointer, then the tuple's header, for which the line pointer is read without pin or lock (the page may
 * be another by now: then something useless is prefetched).
 */
extern void vc_prefetch_line_pointer(const VcReadCache *cache, const ItemPointerData *tid);
extern void vc_prefetch_tuple(const VcReadCache *cache, const ItemPointerData *tid);

/*----- guard accounting, assert builds -----*/

/*
 * Each access method callback ends as it began: VC_GUARDS_ENTER() at its start, VC_GUARDS_LEAVE()
 * at its end compare the number of live guards (with the number at entry, not with zero: after an
 * ERROR the count is stale).
 */
#ifdef USE_ASSERT_CHECKING
extern int vc_guards_alive(void);
extern void vc_guards_count(int change);
#define VC_GUARDS_COUNT(change) vc_guards_count(change)
#define VC_GUARDS_ENTER()       int vc_guards_at_entry = vc_guards_alive()
#define VC_GUARDS_LEAVE()       Assert(vc_guards_alive() == vc_guards_at_entry)
#else
#define VC_GUARDS_COUNT(change) ((void) 0)
#define VC_GUARDS_ENTER()       ((void) 0)
#define VC_GUARDS_LEAVE()       ((void) 0)
#endif

#endif
