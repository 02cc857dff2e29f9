/*
 * core/tape.h
 *		Tapes: chains of item pages that are written in bulk or appended to, and read front to back.
 *
 * Pages are linked by `next`; `skip` of the first page names a page at or near the tail, so that an
 * append does not walk the chain.  It is a hint: any page of the chain is right there, the rest is
 * walked.  `skip` of the other pages is their number in the tape.  Every page carries the owner and
 * incarnation of the tape.  A tail that links to itself is closed: nothing is appended any more.
 * Items are those of core/page.h and may be changed in place (deleted, marked) by the access method under a write guard; their
 * addresses are stable.
 *
 *	writer		builds a tape that nobody can see yet, page by page from a local buffer
 *	append		adds one item to a tape that others read and append to
 *	directory	the block numbers of a tape in a chain of its own, for prefetching
 *	reader		copies one page at a time, so that no lock is held while the caller works
 *
 * Locks: append locks the tail exclusively, then (already holding it) a new page that nobody knows,
 * and afterwards, holding nothing, the first page to move the hint.  Readers hold one page at a time.
 *
 * WAL: {last page, next page} when the writer moves on, {tail} or {tail, new page} for an append,
 * {first page} for the hint.  After any prefix the chain is closed and every page initialised.
 */
#ifndef VC_CORE_TAPE_H
#define VC_CORE_TAPE_H

#include "core/arena.h"
#include "core/attrs.h"
#include "core/buf.h"
#include "core/tid.h"

/* What the owner stores (head) or knows (the rest). */
typedef struct VcTapeRef
{
	BlockNumber head;
	uint16 kind; /* page kind of all its pages */
	uint32 owner;
	uint32 incarnation;
} VcTapeRef;

/*----- bulk writer -----*/

typedef struct VcTapeWriter
{
	Relation rel;
	Relation heap;
	VcTapeRef ref;
	char *page;          /* image of the page that is being filled */
	BlockNumber current; /* its block */
	uint32 npages;
	uint64 nitems;
	VcArena *arena;      /* NULL: no list of blocks is kept */
	BlockNumber *blocks; /* of all pages, in order */
	Size max_blocks;
} VcTapeWriter;

/*
 * Begins a tape: allocates its first page.  kind, owner and incarnation are stamped on every page;
 * heap as in vc_recycle_alloc_run().  context holds one page image until it is reset or deleted.  If
 * arena is given, the block numbers are collected there for vc_tape_write_directory().
 */
extern void vc_tape_write_begin(VcTapeWriter *writer, Relation rel, Relation heap, uint16 kind,
								uint32 owner, uint32 incarnation, MemoryContext context,
								VcArena *arena);

/*
 * Adds an item of 1 .. VC_PAGE_ITEM_MAX bytes (data NULL: zeros, see vc_tape_write_last) and returns
 * where it will be.  Moves to a new page when the current one has no room.
 */
extern VcIndexPointer vc_tape_write(VcTapeWriter *writer, const void *data, Size len,
									VcItemState state);

/* Writes the last page and the hint; returns what the owner links. */
extern VcTapeRef vc_tape_write_end(VcTapeWriter *writer);

/*
 * Writes the collected block numbers as a directory of its own kind, same owner and incarnation,
 * after vc_tape_write_end().
 */
extern VcTapeRef vc_tape_write_directory(VcTapeWriter *writer, uint16 directory_kind);

/*----- append -----*/

/*
 * Adds one item to a tape that others see, and returns where it is and the number of its page in the
 * tape (from 0; may be NULL).  False if the tape is closed, or was freed and its pages recycled: the
 * caller reads its directory again.  The caller holds no content lock on a page of this tape.
 */
extern VC_NODISCARD bool vc_tape_append(Relation rel, Relation heap, VcTapeRef ref,
										const void *data, Size len, VcItemState state,
										VcIndexPointer *ret_where, uint32 *ret_number);

/*
 * Makes a tape with one item as one more page of a record of the caller's, which links it.
 */
extern VcTapeRef vc_tape_create_in(VcXlog *xlog, Relation heap, uint16 kind, uint32 owner,
								   uint32 incarnation, const void *data, Size len,
								   VcItemState state);

/*
 * Closes a tape in a record of the caller's, which says so in the directory: an append that comes
 * later finds the tail closed.  False if the tape grew meanwhile: drop the record and do it again.  A
 * tape that is not there is damage: nobody but the caller may free it.
 * Lock order: the directory's page, the tail.
 */
extern VC_NODISCARD bool vc_tape_close_in(VcXlog *xlog, VcTapeRef ref);

/*----- reader -----*/

typedef struct VcTapeReader
{
	Relation rel;
	VcTapeRef ref;
	VcReadCache *cache; /* set it after begin to read through it; NULL otherwise */
	char *page;         /* copy of the current page */
	BlockNumber current;
	BlockNumber next;
	uint32 npages; /* read so far; bounds a damaged chain */
	OffsetNumber offset;
	bool gone;
} VcTapeReader;

typedef struct VcTapeItem
{
	VcSpan data; /* valid until the next call */
	VcItemState state;
	VcIndexPointer where;
} VcTapeItem;

/* Begins to read at the head.  context holds one page until it is reset or deleted. */
extern void vc_tape_read_begin(VcTapeReader *reader, Relation rel, VcTapeRef ref,
							   MemoryContext context);

/*
 * The next item that is not unused; false at the end of the tape, or when its pages were recycled:
 * then vc_tape_read_gone() is true and the caller reads its directory again.
 */
extern VC_NODISCARD bool vc_tape_read_next(VcTapeReader *reader, VcTapeItem *ret_item);

static inline bool
vc_tape_read_gone(const VcTapeReader *reader)
{
	return reader->gone;
}

/*
 * Reads a directory into an array in the arena (NULL if it is empty).  False if it was recycled.
 */
extern VC_NODISCARD bool vc_tape_read_directory(Relation rel, VcTapeRef directory, VcArena *arena,
												BlockNumber **ret_blocks, Size *ret_count);

/*----- free -----*/

/*
 * Frees all pages of a tape or a directory that its owner has unlinked, the head first.  May be
 * repeated after a crash; pages behind one that was recycled meanwhile are then lost until REINDEX.
 * Returns the number of pages.
 */
extern uint32 vc_tape_free(Relation rel, VcTapeRef ref);

#endif
