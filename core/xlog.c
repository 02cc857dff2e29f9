/*
 * core/xlog.c
 *		One WAL record over one to four pages.  See core/xlog.h.
 *
 * This file says which pages a record takes and in which order; what concerns locks and GenericXLog
 * itself (adopt, commit, drop) is in core/buf.c, the one place that may touch them.
 *
 * Crash: the record is atomic; before commit nothing has changed but the length of the relation.
 */
#include "postgres.h"

#include "core/xlog.h"

#include "core/buf.h"
#include "core/page.h"
#include "core/recycle.h"

VcXlog
vc_xlog_begin(Relation rel)
{
	VcXlog xlog = {.rel = rel};

	return xlog;
}

/*
 * A page locked twice by one backend would wait for itself for ever.  Damaged links can lead to one
 * page in two roles.
 */
static void
check_not_added(const VcXlog *xlog, BlockNumber blkno)
{
	for (int i = 0; i < xlog->npages; i++)
	{
		if (xlog->pages[i].blkno == blkno)
			ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
							errmsg("block %u is in the record already", blkno)));
	}
}

char *
vc_xlog_add(VcXlog *xlog, BlockNumber blkno, uint16 kinds)
{
	Buffer buffer;

	check_not_added(xlog, blkno);
	buffer = vc_buffer_lock(xlog->rel, blkno);
	vc_page_check(xlog->rel, blkno, BufferGetPage(buffer), kinds);
	return vc_xlog_adopt(xlog, buffer, 0);
}

bool
vc_xlog_try_add(VcXlog *xlog, BlockNumber blkno, uint16 kinds, char **ret_page)
{
	Buffer buffer;

	check_not_added(xlog, blkno);
	buffer = vc_buffer_try_lock(xlog->rel, blkno);
	if (!BufferIsValid(buffer))
		return false;
	vc_page_check(xlog->rel, blkno, BufferGetPage(buffer), kinds);
	*ret_page = vc_xlog_adopt(xlog, buffer, 0);
	return true;
}

/*
 * A full image, because replay may meet a block that it has never seen, and because the difference to
 * the tombstone would be as large.
 */
char *
vc_xlog_add_new(VcXlog *xlog, Relation heap, uint16 kind, uint32 owner, uint32 incarnation,
				BlockNumber *ret_blkno)
{
	Buffer buffer = vc_recycle_take_buffer(xlog->rel, heap);
	char *page;

	if (!BufferIsValid(buffer))
		buffer = vc_buffer_extend(xlog->rel, MAIN_FORKNUM);
	page = vc_xlog_adopt(xlog, buffer, GENERIC_XLOG_FULL_IMAGE);
	vc_page_init(page, kind, owner, incarnation);
	*ret_blkno = BufferGetBlockNumber(buffer);
	return page;
}
