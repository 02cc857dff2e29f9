/*
 * vchord_bm25/sink_live.c
 *		Pages of a segment to an index in use; and how they are found again to be freed.
 *
 * Order of changes, each a record of its own but for the pages of an extent:
 *
 *	1. {header, state}		an empty header that names the state page
 *	2. pages				of an extent are allocated, empty
 *	3. {header [, last, new]}	the extent is noted, on a further header page if need be
 *	4. pages				written, one record each; 2 to 4 are repeated
 *	5. {state}
 *	6. {header page}		each one sealed, the first, with the totals, last: `pages` is not 0 from now on
 *	7. pages				behind the last one in use are freed
 *
 * The caller links the header before, and publishes the segment after that.  After a crash
 * bm25_header_free() finds everything from the header, but for an extent between steps 2 and 3 (at most
 * EXTENT_MAX pages, which are counted by the check and freed by VACUUM).  Pages freed by step 7
 * may be another segment's when the segment is freed: they are known by the incarnation.
 *
 * Extents grow with the segment.  They stay below the longest run that the free space map can hold, so
 * that a merge can use what merges before it gave back; neighbours become one extent.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"

#include "core/buf.h"
#include "core/recycle.h"
#include "core/report.h"
#include "core/xlog.h"

#include "vchord_bm25/segment_write.h"
#include "vchord_bm25/sink.h"

#define EXTENT_MIN 8
#define EXTENT_MAX 128

StaticAssertDecl(EXTENT_MAX <= VC_RUN_MAX, "extents can be reused as a whole");

typedef struct LiveSink
{
	Bm25Sink base;
	Relation index;
	Relation heap;
	BlockNumber header;
	BlockNumber last; /* header page that takes the next extent */
	BlockNumber state;
	Bm25ExtentDisk extent; /* the last one */
	uint32 nextents;
	uint32 allocated; /* pages of all extents */
	uint32 page;      /* number of the next page */
	char *buffer;     /* the page */
} LiveSink;

static Bm25HeaderDisk *
header_of(char *page)
{
	return (Bm25HeaderDisk *) vc_page_body(page);
}

/* Appends to the used part of a header page; false if it is full. */
static bool
append_extent(char *page, Bm25ExtentDisk extent)
{
	Size used = vc_page_contents(page).len;

	if (used + sizeof(extent) > BM25_BODY_BYTES)
		return false;
	memcpy(vc_page_body(page) + used, &extent, sizeof(extent));
	vc_page_set_used(page, used + sizeof(extent));
	return true;
}

/* step 3 */
static void
note_extent(LiveSink *sink)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(sink->index);
	char *first = vc_xlog_add(&xlog, sink->header, BM25_PAGE_HEADER);
	char *last =
		sink->last == sink->header ? first : vc_xlog_add(&xlog, sink->last, BM25_PAGE_HEADER);

	if (!append_extent(last, sink->extent))
	{
		BlockNumber blkno;
		char *page = vc_xlog_add_new(&xlog, sink->heap, BM25_PAGE_HEADER, BM25_OWNER_SEGMENT,
									 sink->base.incarnation, &blkno);

		append_extent(page, sink->extent);
		vc_page_opaque(last)->next = blkno;
		sink->last = blkno;
	}
	sink->nextents++;
	header_of(first)->nextents = sink->nextents;
	header_of(first)->allocated = sink->allocated;
	vc_xlog_commit(&xlog);
}

/* steps 2 and 3 */
static void
allocate(LiveSink *sink)
{
	uint32 n = Min(Max(sink->allocated, EXTENT_MIN), EXTENT_MAX);
	BlockNumber first = vc_recycle_alloc_run(sink->index, sink->heap, n, BM25_PAGE_POSTING,
											 BM25_OWNER_SEGMENT, sink->base.incarnation);

	if (sink->nextents > 0 && first == sink->extent.first + (sink->allocated - sink->extent.page))
	{
		/* the extent before goes on */
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(sink->index, sink->header, BM25_PAGE_HEADER);

		sink->allocated += n;
		header_of(w.page)->allocated = sink->allocated;
		vc_page_write_commit(&w);
		return;
	}
	sink->extent = (Bm25ExtentDisk){sink->allocated, first};
	sink->allocated += n;
	note_extent(sink);
}

static char *
live_page(Bm25Sink *base)
{
	LiveSink *sink = (LiveSink *) base;

	vacuum_delay_point(false);
	if (sink->page == sink->allocated)
		allocate(sink);
	memset(sink->buffer, 0, BLCKSZ);
	return sink->buffer;
}

/* step 4 */
static void
live_put(Bm25Sink *base)
{
	LiveSink *sink = (LiveSink *) base;
	BlockNumber blkno = sink->extent.first + (sink->page - sink->extent.page);
	VC_SCOPED(vc_page_write_drop)
	VcPageWrite w = vc_page_write(sink->index, blkno, BM25_PAGE_POSTING);

	memcpy(w.page, sink->buffer, BLCKSZ);
	vc_page_write_commit(&w);
	sink->page++;
}

static void
live_finish(Bm25Sink *base, Bm25HeaderDisk *header, Bm25SegmentDisk *ret_segment)
{
	LiveSink *sink = (LiveSink *) base;
	BlockNumber next;

	{
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(sink->index, sink->state, BM25_PAGE_STATE);

		bm25_state_compose(header, w.page);
		vc_page_write_commit(&w);
	}

	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read(sink->index, sink->header, BM25_PAGE_HEADER);

		next = vc_page_opaque_read(r.page)->next;
	}
	while (next != InvalidBlockNumber)
	{
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(sink->index, next, BM25_PAGE_HEADER);

		vc_page_seal(w.page);
		next = vc_page_opaque(w.page)->next;
		vc_page_write_commit(&w);
	}

	header->nextents = sink->nextents;
	header->allocated = sink->allocated;
	{
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(sink->index, sink->header, BM25_PAGE_HEADER);

		memcpy(header_of(w.page), header, sizeof(*header));
		vc_page_seal(w.page);
		vc_page_write_commit(&w);
	}
	if (sink->page < sink->allocated)
		vc_recycle_free_run(sink->index, sink->extent.first + (sink->page - sink->extent.page),
							sink->allocated - sink->page, BM25_OWNER_SEGMENT, base->incarnation);
	ret_segment->header = sink->header;
	ret_segment->state = sink->state;
	ret_segment->pages = header->pages;
}

Bm25Sink *
bm25_sink_live(Relation index, Relation heap, uint32 incarnation, BlockNumber header)
{
	LiveSink *sink = palloc0(sizeof(LiveSink));
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	char *page;

	sink->base = (Bm25Sink){live_page, live_put, live_finish, incarnation};
	sink->index = index;
	sink->heap = heap;
	sink->header = header;
	sink->last = header;
	sink->buffer = palloc(BLCKSZ);

	/* step 1 */
	page = vc_xlog_add(&xlog, header, BM25_PAGE_HEADER);
	if (!vc_page_is_live_of(page, BM25_OWNER_SEGMENT, incarnation))
		vc_corrupt(index, header, "page is not the header of segment %u", incarnation);
	bm25_state_compose(&(Bm25HeaderDisk){0},
					   vc_xlog_add_new(&xlog, heap, BM25_PAGE_STATE, BM25_OWNER_SEGMENT,
									   incarnation, &sink->state));
	memset(header_of(page), 0, sizeof(Bm25HeaderDisk));
	vc_page_set_used(page, sizeof(Bm25HeaderDisk));
	vc_page_opaque(page)->skip = sink->state;
	vc_xlog_commit(&xlog);
	return &sink->base;
}

/*----- free -----*/

/* Frees the extents noted on one header page; returns the next one. */
static BlockNumber
free_extents(Relation index, BlockNumber blkno, uint32 incarnation, uint32 *allocated,
			 Bm25ExtentDisk *before, bool *ret_ours, BlockNumber *ret_state)
{
	Bm25ExtentDisk extents[BM25_BODY_BYTES / sizeof(Bm25ExtentDisk)];
	BlockNumber next;
	uint32 n;

	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, blkno, VC_PAGE_ANY);
		VcSpan body = vc_page_contents(r.page);
		Size skip = 0;

		*ret_ours = vc_page_is_of(r.page, BM25_OWNER_SEGMENT, incarnation) &&
					(vc_page_opaque_read(r.page)->kind & BM25_PAGE_HEADER) != 0;
		if (!*ret_ours)
			return InvalidBlockNumber;
		next = vc_page_opaque_read(r.page)->next;
		if (ret_state != NULL)
		{
			/* a header that was allocated but never begun is empty */
			if (body.len < sizeof(Bm25HeaderDisk))
				return InvalidBlockNumber;
			*allocated = ((const Bm25HeaderDisk *) body.data)->allocated;
			*ret_state = vc_page_opaque_read(r.page)->skip;
			skip = sizeof(Bm25HeaderDisk);
		}
		n = (uint32) ((body.len - skip) / sizeof(Bm25ExtentDisk));
		memcpy(extents, body.data + skip, n * sizeof(Bm25ExtentDisk));
	}

	/* the length of an extent is known from the one behind it */
	for (uint32 i = 0; i <= n; i++)
	{
		bool at_end = i == n;
		uint32 end = at_end ? *allocated : extents[i].page;
		BlockNumber blocks = RelationGetNumberOfBlocks(index);
		uint32 pages;

		if (at_end && next != InvalidBlockNumber)
			break;
		if (before->first != InvalidBlockNumber)
		{
			if (end < before->page)
				vc_corrupt(index, blkno, "extents of segment %u descend", incarnation);
			pages = end - before->page;
			if (before->first >= blocks || pages > blocks - before->first)
				vc_corrupt(index, blkno, "extent of segment %u is beyond the end", incarnation);
			if (pages > 0)
				vc_recycle_free_run(index, before->first, pages, BM25_OWNER_SEGMENT, incarnation);
		}
		if (!at_end)
			*before = extents[i];
	}
	return next;
}

void
bm25_header_free(Relation index, BlockNumber header, uint32 incarnation)
{
	BlockNumber limit = RelationGetNumberOfBlocks(index);
	Bm25ExtentDisk before = {0, InvalidBlockNumber};
	BlockNumber state = InvalidBlockNumber;
	uint32 allocated = 0;
	uint32 room = 16;
	uint32 n = 0;
	BlockNumber *chain = palloc(room * sizeof(BlockNumber));
	BlockNumber blkno = header;

	while (blkno != InvalidBlockNumber)
	{
		BlockNumber next;
		bool ours;

		CHECK_FOR_INTERRUPTS();
		if (n == limit)
			vc_corrupt(index, header, "chain of header pages does not end");
		next = free_extents(index, blkno, incarnation, &allocated, &before, &ours,
							n == 0 ? &state : NULL);
		if (!ours)
			break;
		if (n == room)
		{
			room *= 2;
			chain = repalloc_huge(chain, room * sizeof(BlockNumber));
		}
		chain[n++] = blkno;
		blkno = next;
	}
	if (n > 0 && state != InvalidBlockNumber && state < limit)
		vc_recycle_free_run(index, state, 1, BM25_OWNER_SEGMENT, incarnation);
	/* from the end, so that what is not freed yet can be reached after a crash */
	while (n > 0)
		vc_recycle_free_run(index, chain[--n], 1, BM25_OWNER_SEGMENT, incarnation);
	pfree(chain);
}
