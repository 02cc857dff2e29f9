/*
 * vchordrq/list.h
 *		Leaf lists: directory entries, strips, appended rows.
 *
 * Locks: readers hold one page at a time (share).  A reader copies the directory entry, then visits
 * the runs and chains it names; every page must carry owner = list and the incarnation the entry
 * names.  A page with another owner or incarnation was recycled: the reader drops what it has of the
 * list and begins again with a fresh entry (RQ_READ_STALE).  Tombstones with the right incarnation
 * are still readable (core/recycle.h).
 */
#ifndef VCHORDRQ_LIST_H
#define VCHORDRQ_LIST_H

#include "core/buf.h"

#include "vchordrq/meta.h"

typedef enum RqReadResult
{
	RQ_READ_OK,
	RQ_READ_STALE				/* recycled meanwhile: re-read the directory entry */
} RqReadResult;

/* block and body offset of a list's directory entry */
extern void rq_list_locate(const RqMeta *meta, uint32 list, BlockNumber *ret_block,
						   uint32 *ret_offset);

/* copy of the directory entry, checked (counts, blocks within the relation) */
extern void rq_list_read(Relation index, const RqMeta *meta, VcReadCache *cache, uint32 list,
						 RqListDisk *ret_list);

/* checks a list run page's head (kind, ordinal, used); false = recycled (owner or incarnation) */
extern bool rq_list_page_check(Relation index, BlockNumber blk, const char *page, uint32 list,
							   uint32 incarnation, uint32 ordinal);

/* checks an APPEND page; false = recycled; ret_rows <= geo.append_rows */
extern bool rq_append_page_check(Relation index, const RqMeta *meta, BlockNumber blk,
								 const char *page, uint32 list, uint32 incarnation,
								 uint32 *ret_rows);

/*
 * Append one row (geo.append_bytes at `row`) to the list's chain within `xlog` record `write_extra`:
 * see insert.c.  Links a new page first when the tail is full (own WAL record).
 */

/* rows of the list, dead ones excluded as far as the directory knows; appended rows are estimated */
extern uint64 rq_list_rows_estimate(const RqMeta *meta, const RqListDisk *list);

#endif
