/*
 * vchordrq/list.h
 *		Leaf lists: directory entries, strips, appended rows.
 *
 * Locks: readers hold one page at a time (share).  A reader copies the directory entry, then visits
 * the runs and chains it names; every page must carry owner = list and the incarnation the entry
 * names.  A page with another owner or incarnation was recycled: the reader drops what it has of the
 * list and begins again with a fresh entry.  Tombstones with the right incarnation
 * are still readable (core/recycle.h).
 */
#ifndef VCHORDRQ_LIST_H
#define VCHORDRQ_LIST_H

#include "core/buf.h"
#include "core/xlog.h"

#include "vchordrq/meta.h"
#include "vchordrq/run.h"

/* block and page offset of a list's directory entry */
extern void rq_list_locate(const RqMeta *meta, uint32 list, BlockNumber *ret_block,
						   uint32 *ret_offset);

/* copy of the directory entry, checked (counts, blocks within the relation) */
extern void rq_list_read(Relation index, const RqMeta *meta, VcReadCache *cache, uint32 list,
						 RqListDisk *ret_list);

/* the checks of rq_list_read on an entry that the caller has in a page guard of block blk */
extern void rq_list_check(Relation index, const RqMeta *meta, BlockNumber blk, uint32 list,
						  const RqListDisk *entry);

/* Add the directory page of a list to a record; returns the entry in the copy, checked. */
extern RqListDisk *rq_list_edit(VcXlog *xlog, const RqMeta *meta, uint32 list);

/* the run of an extent, for run.h */
extern void rq_extent_run(const RqMeta *meta, uint32 list, const RqExtentDisk *extent,
						  RqRun *ret_run);

/* checks an APPEND page; false = recycled; ret_rows <= geo.append_rows */
extern bool rq_append_page_check(Relation index, const RqMeta *meta, BlockNumber blk,
								 const char *page, uint32 list, uint32 incarnation,
								 uint32 *ret_rows);

#endif
