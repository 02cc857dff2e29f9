/*
 * core/xlog.h
 *		One WAL record over one to four pages.
 *
 *		VC_SCOPED(vc_xlog_drop) VcXlog x = vc_xlog_begin(rel);
 *		char *a = vc_xlog_add(&x, blk, KIND_LIST);
 *		char *b = vc_xlog_add_new(&x, heap, KIND_LIST, owner, incarnation, &new_blk);
 *		... edit a and b ...
 *		vc_xlog_commit(&x);
 *
 * Pages are pinned, locked exclusively and copied when added; edits go to the copies; commit
 *publishes all of them in one record, unlocks and unpins.  Dropping without commit leaves every
 *page as it was, and so does an error.  Commit is always explicit.
 *
 * Locks are taken in the order of vc_xlog_add: the order written in the access method's README.  A
 *page may be added once only (one backend locking a buffer twice deadlocks with itself; asserted).
 *
 * commit asserts that nothing but zeros lies between pd_lower and pd_upper (the record drops it),
 *and refuses an image that vc_page_check would refuse.
 *
 * What is forbidden while a record is open: opclass calls, heap access, detoasting, allocations
 *whose size comes from disk, CHECK_FOR_INTERRUPTS (it would do nothing).
 */
#ifndef VC_CORE_XLOG_H
#define VC_CORE_XLOG_H

#include "access/generic_xlog.h"
#include "core/attrs.h"
#include "core/compat.h"

#define VC_XLOG_PAGES 4 /* XLR_NORMAL_MAX_BLOCK_ID */

typedef struct VcXlogPage
{
	BlockNumber blkno;
	Buffer buffer;
	char *page; /* the copy */
} VcXlogPage;

typedef struct VcXlog
{
	Relation rel;
	GenericXLogState *state; /* NULL until the first page, and after commit or drop */
	int npages;
	VcXlogPage pages[VC_XLOG_PAGES];
} VcXlog;

extern VcXlog vc_xlog_begin(Relation rel);

/*
 * Adds an existing page, checked as by vc_page_read(); vc_corrupt() also if its free space is not zero.
 * Returns the copy to edit.
 */
extern char *vc_xlog_add(VcXlog *xlog, BlockNumber blkno, uint16 kinds);

/* Same, but false at once (nothing added) if the lock is not free. */
extern bool vc_xlog_try_add(VcXlog *xlog, BlockNumber blkno, uint16 kinds, char **ret_page);

/*
 * Adds a page that nobody refers to: a reusable tombstone if the free space map has one, else a new
 * block.  Returned empty, with kind, owner and incarnation set.  heap as in vc_recycle_alloc_run().
 * A drop leaves the block unused; VACUUM's sweep finds it again.
 */
extern char *vc_xlog_add_new(VcXlog *xlog, Relation heap, uint16 kind, uint32 owner,
							 uint32 incarnation, BlockNumber *ret_blkno);

/*
 * Adds a buffer that the caller pinned and locked exclusively; the record takes it over.  flags:
 * those of GenericXLogRegisterBuffer; without GENERIC_XLOG_FULL_IMAGE the page has been checked by the
 * caller, and its free space is here.  For core's own modules.
 */
extern char *vc_xlog_adopt(VcXlog *xlog, Buffer buffer, int flags);

/* The copy of a page that is in the record already, or NULL. */
static inline char *
vc_xlog_page(const VcXlog *xlog, BlockNumber blkno)
{
	for (int i = 0; i < xlog->npages; i++)
	{
		if (xlog->pages[i].blkno == blkno)
			return xlog->pages[i].page;
	}
	return NULL;
}

/* Publishes, unlocks, unpins. */
extern void vc_xlog_commit(VcXlog *xlog);

/* Forgets the edits, unlocks, unpins.  Nothing if already committed or dropped. */
extern void vc_xlog_drop(VcXlog *xlog);

#endif
