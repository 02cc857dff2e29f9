/*
 * vchordrq/prewarm.c
 *		vchordrq_prewarm(): reads the index into shared buffers, from the root down, and reports.
 *
 * Full vectors are not read.  Pages are read with the prefetch of vchordrq.io_search, one share lock at
 * a time.  A list that is compacted meanwhile may be read in part: this is about warmth, not answers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/stream.h"
#include "core/tid.h"

#include "vchordrq/am.h"
#include "vchordrq/inspect.h"
#include "vchordrq/list.h"

typedef struct Prewarm
{
	Relation index;
	RqMeta meta;
	BlockNumber next; /* of the range being read */
	BlockNumber end;
	VcStream *stream;
	uint64 pages;
	uint64 tuples;
} Prewarm;

static BlockNumber
next_block(void *arg)
{
	Prewarm *p = arg;

	return p->next < p->end ? p->next++ : InvalidBlockNumber;
}

static void
begin_range(Prewarm *p, BlockNumber first, uint32 pages)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(p->index);

	p->next = Min(first, blocks);
	p->end = p->next + Min(pages, blocks - p->next);
	vc_stream_reset(p->stream);
}

static void
warm_range(Prewarm *p, BlockNumber first, uint32 pages)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead r = VC_PAGE_READ_NONE(p->index);

	begin_range(p, first, pages);
	while (vc_stream_next(p->stream, VC_PAGE_ANY, &r))
	{
		p->pages++;
		vc_page_read_drop(&r);
		CHECK_FOR_INTERRUPTS();
	}
}

static uint32
live_entries(const char *entries, uint32 stride, uint32 n)
{
	uint32 live = 0;

	for (uint32 i = 0; i < n; i++)
	{
		ItemPointerData tid = rq_entry_tid(entries, stride, i);

		live += vc_heap_valid(vc_heap_from_tid(&tid));
	}
	return live;
}

static void
warm_extent(Prewarm *p, uint32 list, const RqExtentDisk *extent)
{
	const RqGeometry *geo = &p->meta.geo;
	uint32 full = rq_segment_pages(geo, Min(extent->rows, RQ_SEGMENT_ROWS));
	VC_SCOPED(vc_page_read_drop) VcPageRead r = VC_PAGE_READ_NONE(p->index);
	RqRun run;

	rq_extent_run(&p->meta, list, extent, &run);
	begin_range(p, run.first, run.pages);
	while (vc_stream_next(p->stream, VC_PAGE_ANY, &r))
	{
		uint32 ordinal = r.blkno - run.first;
		uint32 rows = rq_segment_rows(extent->rows, ordinal / full);
		uint32 strip;
		uint32 used;
		uint32 found;

		p->pages++;
		rq_segment_page_extent(geo, rows, ordinal % full, &strip, &used);
		/* the padding behind the last entry reads as dead rows */
		if (strip > 0 && rq_run_page_check(p->index, &run, ordinal, r.page, &found))
			p->tuples += live_entries(r.page + RQ_BODY_OFFSET, geo->strip_bytes,
									  Min(strip, found) / geo->strip_bytes);
		vc_page_read_drop(&r);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
warm_chain(Prewarm *p, uint32 list, BlockNumber head, uint32 pages, uint32 incarnation)
{
	BlockNumber block = head;

	for (uint32 i = 0; i < pages && block != InvalidBlockNumber; i++)
	{
		uint32 rows;

		CHECK_FOR_INTERRUPTS();
		{
			VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(p->index, block, VC_PAGE_ANY);

			if (!rq_append_page_check(p->index, &p->meta, block, r.page, list, incarnation, &rows))
				return;
			p->pages++;
			p->tuples += live_entries(r.page + RQ_BODY_OFFSET, p->meta.geo.append_bytes, rows);
			block = vc_page_opaque_read(r.page)->next;
		}
	}
}

static void
warm_lists(Prewarm *p)
{
	for (uint32 list = 0; list < p->meta.disk.lists; list++)
	{
		RqListDisk entry;

		CHECK_FOR_INTERRUPTS();
		rq_list_read(p->index, &p->meta, NULL, list, &entry);
		for (int i = 0; i < RQ_MAX_EXTENTS; i++)
		{
			if (entry.extent[i].first != InvalidBlockNumber)
				warm_extent(p, list, &entry.extent[i]);
		}
		warm_chain(p, list, entry.sealed_head, entry.sealed_pages, entry.sealed_incarnation);
		warm_chain(p, list, entry.append_head, entry.append_pages, entry.append_incarnation);
	}
}

static void
report_block(StringInfo report, uint64 nodes, uint64 pages)
{
	appendStringInfo(report,
					 "------------------------\n"
					 "number of nodes: " UINT64_FORMAT "\nnumber of pages: " UINT64_FORMAT "\n",
					 nodes, pages);
}

static void
warm(Prewarm *p, int height, StringInfo report)
{
	const RqMetaDisk *disk = &p->meta.disk;
	int root = disk->levels + 1;

	appendStringInfo(report, "height of root: %d\n", root);
	if (height > root)
		return;
	warm_range(p, disk->level[0].centroid_first, disk->level[0].centroid_pages);
	report_block(report, 1, 1);
	for (int l = 1; l <= disk->levels && root - l + 1 > Max(1, height); l++)
	{
		const RqLevelDisk *level = &disk->level[l];

		warm_range(p, level->centroid_first, level->centroid_pages);
		p->pages = 0;
		warm_range(p, level->code_first, level->code_pages);
		report_block(report, level->cells, p->pages);
	}
	if (height > 0)
		return;
	warm_range(p, disk->directory_first, disk->directory_pages);
	p->pages = 0;
	warm_lists(p);
	report_block(report, p->tuples, p->pages);
}

VC_FUNCTION(vchordrq_prewarm);

/* vchordrq_prewarm(index regclass, height integer) returns text */
Datum
vchordrq_prewarm(PG_FUNCTION_ARGS)
{
	Prewarm p = {0};
	VcInspect inspect;
	StringInfoData report;

	rq_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_ANY, AccessShareLock, false, &inspect);
	p.index = inspect.index;
	rq_meta_load(p.index, &p.meta);
	initStringInfo(&report);
	p.stream = vc_stream_begin(p.index, rq_io_search, NULL, next_block, &p);
	warm(&p, PG_GETARG_INT32(1), &report);
	vc_stream_end(p.stream);
	vc_inspect_end(&inspect);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(report.data, report.len));
}
