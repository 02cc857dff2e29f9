/*
 * vchordrq/list.c
 *		Leaf lists: directory entries and page checks.
 */
#include "postgres.h"

#include "storage/bufmgr.h"

#include "core/report.h"

#include "vchordrq/list.h"
#include "vchordrq/run.h"

void
rq_list_locate(const RqMeta *meta, uint32 list, BlockNumber *ret_block, uint32 *ret_offset)
{
	*ret_block = meta->disk.directory_first + list / RQ_LISTS_PER_PAGE;
	*ret_offset = RQ_BODY_OFFSET + list % RQ_LISTS_PER_PAGE * sizeof(RqListDisk);
}

void
rq_list_check(Relation index, const RqMeta *meta, BlockNumber blk, uint32 list,
			  const RqListDisk *entry)
{
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		const RqExtentDisk *extent = &entry->extent[i];

		if (extent->first == InvalidBlockNumber)
			continue;
		if (extent->rows == 0 || extent->dead > extent->rows || extent->first > MaxBlockNumber ||
			rq_extent_pages(&meta->geo, extent->rows) > MaxBlockNumber - extent->first)
			vc_corrupt(index, blk, "list %u has an extent of %u rows, %u dead, at block %u", list,
					   extent->rows, extent->dead, extent->first);
	}
	if ((entry->append_head == InvalidBlockNumber) != (entry->append_tail == InvalidBlockNumber))
		vc_corrupt(index, blk, "list %u has half an append chain", list);
}

void
rq_list_read(Relation index, const RqMeta *meta, VcReadCache *cache, uint32 list,
			 RqListDisk *ret_list)
{
	BlockNumber block;
	uint32 offset;

	if (list >= meta->disk.lists)
		vc_corrupt(index, RQ_META_BLKNO, "list %u of %u", list, meta->disk.lists);
	rq_list_locate(meta, list, &block, &offset);
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_cached(cache, index, block, RQ_PAGE_DIRECTORY);

		if (((const PageHeaderData *) r.page)->pd_lower < offset + sizeof(RqListDisk))
			vc_corrupt(index, block, "directory page ends before list %u", list);
		memcpy(ret_list, r.page + offset, sizeof(RqListDisk));
	}
	rq_list_check(index, meta, block, list, ret_list);
}

RqListDisk *
rq_list_edit(VcXlog *xlog, const RqMeta *meta, uint32 list)
{
	BlockNumber block;
	uint32 offset;
	char *page;

	rq_list_locate(meta, list, &block, &offset);
	page = vc_xlog_add(xlog, block, RQ_PAGE_DIRECTORY);
	if (((PageHeader) page)->pd_lower < offset + sizeof(RqListDisk))
		vc_corrupt(xlog->rel, block, "directory page ends before list %u", list);
	rq_list_check(xlog->rel, meta, block, list, (RqListDisk *) (page + offset));
	return (RqListDisk *) (page + offset);
}

bool
rq_append_page_check(Relation index, const RqMeta *meta, BlockNumber blk, const char *page,
					 uint32 list, uint32 incarnation, uint32 *ret_rows)
{
	const RqAppendHeadDisk *head = (const RqAppendHeadDisk *) (page + RQ_HEAD_OFFSET);
	const PageHeaderData *header = (const PageHeaderData *) page;

	if (!vc_page_is_of(page, list, incarnation) ||
		(vc_page_opaque_read(page)->kind & RQ_PAGE_APPEND) == 0)
		return false;
	if (head->rows > meta->geo.append_rows || head->dead > head->rows ||
		header->pd_lower != RQ_BODY_OFFSET + head->rows * meta->geo.append_bytes ||
		header->pd_upper != VC_PAGE_SPECIAL)
		vc_corrupt(index, blk, "append page claims %u rows, %u dead", head->rows, head->dead);
	*ret_rows = head->rows;
	return true;
}

void
rq_extent_run(const RqMeta *meta, uint32 list, const RqExtentDisk *extent, RqRun *ret_run)
{
	ret_run->first = extent->first;
	ret_run->pages = (uint32) rq_extent_pages(&meta->geo, extent->rows);
	ret_run->kind = RQ_PAGE_LIST;
	ret_run->owner = list;
	ret_run->incarnation = extent->incarnation;
}
