/*
 * core/xlog.c
 *		One WAL record over one to four pages.  See core/xlog.h.
 *
 * The only caller of GenericXLog*.  Locks belong to core/buf; this file says when they are taken and
 * given back: adding locks, in the caller's order; commit and drop unlock in the reverse order.
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

char *
vc_xlog_adopt(VcXlog *xlog, Buffer buffer, int flags)
{
	VcXlogPage *p;

	if (xlog->npages >= VC_XLOG_PAGES)
		elog(ERROR, "a record has at most %d pages", VC_XLOG_PAGES);
	for (int i = 0; i < xlog->npages; i++)
	{
		if (xlog->pages[i].buffer == buffer)
			elog(ERROR, "block %u is in the record already", xlog->pages[i].blkno);
	}
	if (xlog->state == NULL)
		xlog->state = GenericXLogStart(xlog->rel);
	p = &xlog->pages[xlog->npages++];
	p->buffer = buffer;
	p->blkno = BufferGetBlockNumber(buffer);
	p->page = GenericXLogRegisterBuffer(xlog->state, buffer, flags);
	VC_GUARDS_COUNT(1);
	return p->page;
}

/* A page locked twice by one backend would wait for itself for ever. */
static void
check_not_added(const VcXlog *xlog, BlockNumber blkno)
{
	for (int i = 0; i < xlog->npages; i++)
	{
		if (xlog->pages[i].blkno == blkno)
			elog(ERROR, "block %u is in the record already", blkno);
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

#ifdef USE_ASSERT_CHECKING
static bool
hole_is_zero(const char *page)
{
	const PageHeaderData *header = (const PageHeaderData *) page;

	for (int i = header->pd_lower; i < header->pd_upper; i++)
	{
		if (page[i] != 0)
			return false;
	}
	return true;
}
#endif

void
vc_xlog_commit(VcXlog *xlog)
{
	for (int i = 0; i < xlog->npages; i++)
	{
		const char *problem = vc_page_problem(xlog->pages[i].page);

		if (problem != NULL)
			elog(ERROR, "page %u would be written damaged: %s", xlog->pages[i].blkno, problem);
		Assert(hole_is_zero(xlog->pages[i].page));
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
