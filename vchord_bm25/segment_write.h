/*
 * vchord_bm25/segment_write.h
 *		Writes one segment from postings in order of term and document.
 *
 * The same writer serves the build, a seal and a merge; where pages go is the business of a sink.
 * Use: begin; documents 0, 1, 2 ... with TID and lengths, all of them; then for each term in ascending order
 * of key: term, postings by ascending document, and so on; end.  Memory is bounded: sections that come
 * later in the file wait in temporary files.
 */
#ifndef VCHORD_BM25_SEGMENT_WRITE_H
#define VCHORD_BM25_SEGMENT_WRITE_H

#include "core/page_writer.h"

#include "vchord_bm25/format.h"
#include "vchord_bm25/key.h"

/*
 * Where the pages of a segment go.  `page` gives a zeroed private page that will be page number 0, 1, 2
 * ... of the segment, initialised by the caller (vc_page_init with the segment's owner and incarnation);
 * `put` finishes it.  `finish` is called once after the last page: writes the header page(s) and the state page and tells
 * where they are.
 */
typedef struct Bm25Sink Bm25Sink;
struct Bm25Sink
{
	char *(*page)(Bm25Sink *sink);
	void (*put)(Bm25Sink *sink);
	/* header: complete but for nextents and extents; fills header, state, pages of *ret_segment */
	void (*finish)(Bm25Sink *sink, Bm25HeaderDisk *header, Bm25SegmentDisk *ret_segment);
	uint32 incarnation;
};

/* For CREATE INDEX: everything through a page writer, one extent. */
extern Bm25Sink *bm25_sink_build(VcPageWriter *writer, uint32 incarnation);

/*
 * For a live index: extents are allocated as they are needed, each named by the header page before its
 * first page is written, so that a crash loses nothing (Bm25MetaDisk.writing names the header).  Every
 * page is logged once.  header: block of a HEADER page that the caller allocated and linked.
 */
extern Bm25Sink *bm25_sink_live(Relation index, Relation heap, uint32 incarnation,
								BlockNumber header);

/*
 * Frees what a segment's header leads to, finished or not: extents, state page, header pages, the header last.
 * Files named by the state page are freed before, by the caller.  May be repeated after a crash; does
 * nothing if the header is another segment's by now.  Holds no lock on return.
 */
extern void bm25_header_free(Relation index, BlockNumber header, uint32 incarnation);

typedef struct Bm25SegmentWriter Bm25SegmentWriter;

/* flags, fields: as in the metapage.  Allocated in the current context. */
extern Bm25SegmentWriter *bm25_segment_write_begin(Bm25Sink *sink, uint32 flags, uint32 fields);

/* The next document. */
extern void bm25_segment_write_document(Bm25SegmentWriter *writer, ItemPointer tid,
										const uint32 *length);

/* The next term: its key is copied. */
extern void bm25_segment_write_term(Bm25SegmentWriter *writer, Bm25Key key);

/*
 * The next posting of the term: documents ascend, tf >= 1, length is that of the document in the key's field.
 * positions: tf of them, ascending, if the index has positions (else NULL).  A term without a posting
 * is not written.
 */
extern void bm25_segment_write_posting(Bm25SegmentWriter *writer, uint32 doc, uint32 tf,
									   uint32 length, const uint32 *positions);

/*
 * Writes what is left and the header.  False if there was no document: nothing was written.
 * ret_segment: level is the caller's to set.
 */
extern bool bm25_segment_write_end(Bm25SegmentWriter *writer, Bm25SegmentDisk *ret_segment);

#endif
