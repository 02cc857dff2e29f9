/*
 * vchord_bm25/sink_build.c
 *		Pages of a segment to a new index: all of them one behind the other, then header and state.
 *
 * Nobody sees the index before it is committed, so nothing needs to be found again after a crash.
 */
#include "postgres.h"

#include "core/page.h"

#include "vchord_bm25/segment_write.h"
#include "vchord_bm25/sink.h"

typedef struct BuildSink
{
	Bm25Sink base;
	VcPageWriter *writer;
	BlockNumber first;
} BuildSink;

static char *
build_page(Bm25Sink *base)
{
	BuildSink *sink = (BuildSink *) base;
	BlockNumber blkno;
	char *page = vc_page_writer_next(sink->writer, &blkno);

	if (sink->first == InvalidBlockNumber)
		sink->first = blkno;
	return page;
}

static void
build_put(Bm25Sink *base)
{
	vc_page_writer_put(((BuildSink *) base)->writer);
}

static void
build_finish(Bm25Sink *base, Bm25HeaderDisk *header, Bm25SegmentDisk *ret_segment)
{
	BuildSink *sink = (BuildSink *) base;
	Bm25ExtentDisk extent = {0, sink->first};
	char *page;

	header->nextents = 1;
	header->allocated = header->pages;
	page = vc_page_writer_next(sink->writer, &ret_segment->header);
	vc_page_init(page, BM25_PAGE_HEADER, BM25_OWNER_SEGMENT, base->incarnation);
	memcpy(vc_page_body(page), header, sizeof(*header));
	memcpy(vc_page_body(page) + sizeof(*header), &extent, sizeof(extent));
	vc_page_set_used(page, sizeof(*header) + sizeof(extent));
	vc_page_opaque(page)->skip = ret_segment->header + 1;
	vc_page_seal(page);
	vc_page_writer_put(sink->writer);

	page = vc_page_writer_next(sink->writer, &ret_segment->state);
	vc_page_init(page, BM25_PAGE_STATE, BM25_OWNER_SEGMENT, base->incarnation);
	bm25_state_compose(header, page);
	vc_page_writer_put(sink->writer);
	ret_segment->pages = header->pages;
}

Bm25Sink *
bm25_sink_build(VcPageWriter *writer, uint32 incarnation)
{
	BuildSink *sink = palloc0(sizeof(BuildSink));

	sink->base = (Bm25Sink){build_page, build_put, build_finish, incarnation};
	sink->writer = writer;
	sink->first = InvalidBlockNumber;
	return &sink->base;
}
