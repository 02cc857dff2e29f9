/*
 * vchord_bm25/segment.h
 *		Reading a segment: pages, dictionary, documents, dead documents.
 *
 * A segment is immutable but for its state page and the files that it names.  Its header and extents are
 * read once and kept for the backend (by relfilenode and incarnation, bounded, least recent use).  The caller holds a
 * registered snapshot taken before it read the metapage, or the maintenance lock (meta.h): then no page of
 * the segment is reused (core/recycle.h).
 *
 * Nothing from a page is used before it is checked: structural damage is vc_corrupt().
 */
#ifndef VCHORD_BM25_SEGMENT_H
#define VCHORD_BM25_SEGMENT_H

#include "core/buf.h"
#include "core/stream.h"

#include "vchord_bm25/format.h"
#include "vchord_bm25/key.h"

/*
 * How the pages of segments are read.  The stream has no sequence: every page is read through it, so it tells
 * whether pages are in memory; if they are not, those that are known to be wanted soon are asked for.  Lists have
 * streams of their own (cursor.h).
 */
typedef struct Bm25Io
{
	VcStream *stream;
	VcStreamMode mode;   /* bm25.io */
	VcStreamStats stats; /* of streams that have ended */
} Bm25Io;

typedef struct Bm25Segment
{
	Relation index;
	VcReadCache *cache; /* of the caller's scan, may be NULL */
	Bm25Io *io;         /* set after open by who wants to read ahead, else NULL */
	Bm25SegmentDisk disk;
	uint32 flags;                 /* of the metapage */
	uint32 fields;                /* of the metapage */
	const Bm25HeaderDisk *header; /* with all extents behind it; of the context of open */
	/* from the state page, as of open */
	Bm25StateDisk state;
	/* bitmap of dead documents as of open; NULL if none is dead.  Bit d of byte d / 8. */
	const uint8 *dead;
} Bm25Segment;

/* Opens a segment named by the metapage.  Memory (bitmap of the dead) of the current context. */
extern void bm25_segment_open(Bm25Segment *segment, Relation index, VcReadCache *cache,
							  const Bm25SegmentDisk *disk, uint32 flags, uint32 fields);

/* page kinds of the sections */
extern const uint16 bm25_section_kind[BM25_SECTIONS];

/*
 * What is wrong with the fixed part of a header, of all that readers rely on; NULL if it is sound.  fields: of the
 * metapage.
 */
extern const char *bm25_header_problem(const Bm25HeaderDisk *header, const Bm25SegmentDisk *disk,
									   uint32 fields);

static inline bool
bm25_segment_is_dead(const Bm25Segment *segment, uint32 doc)
{
	return segment->dead != NULL && (segment->dead[doc / 8] >> (doc % 8) & 1) != 0;
}

/* Reads page `page` of a section (checked against the section's range and kind). */
extern VcPageRead bm25_segment_page(const Bm25Segment *segment, Bm25Section section, uint32 page);

/* The same through a stream (NULL: none), which knows what comes. */
extern VcPageRead bm25_segment_stream_page(const Bm25Segment *segment, VcStream *stream,
										   Bm25Section section, uint32 page);

/* The block that holds a page. */
extern BlockNumber bm25_segment_block(const Bm25Segment *segment, uint32 page);

/* Begins in the current context, and holds no pins: needs no end.  cache may be NULL. */
extern void bm25_io_begin(Bm25Io *io, Relation index, VcStreamMode mode, VcReadCache *cache);

/* What all streams did. */
extern VcStreamStats bm25_io_stats(const Bm25Io *io);

/* Are pages being asked for in advance now?  If not, the calls below do nothing. */
static inline bool
bm25_segment_is_ahead(const Bm25Segment *segment)
{
	return segment->io != NULL && vc_stream_is_ahead(segment->io->stream);
}

/* Asks for a page that will be read soon; the page is checked against the section. */
extern void bm25_segment_prefetch(const Bm25Segment *segment, Bm25Section section, uint32 page);

/*
 * A section is read from `page` on in ascending order: asks for the pages that follow.  *asked: those before have
 * been asked for; 0 to begin with.
 */
extern void bm25_segment_read_on(const Bm25Segment *segment, Bm25Section section, uint32 page,
								 uint32 *asked);

/* The page of the DOCUMENT section that has a document's TID. */
static inline uint32
bm25_segment_tid_page(const Bm25Segment *segment, uint32 doc)
{
	return segment->header->section[BM25_SECTION_DOCUMENT] + doc / BM25_TIDS_PER_PAGE;
}

/* TID of a document; lengths of a document, `fields` of them. */
extern ItemPointerData bm25_segment_tid(const Bm25Segment *segment, uint32 doc);
extern void bm25_segment_lengths(const Bm25Segment *segment, uint32 doc, uint32 *ret_length);

/*----- dictionary -----*/

/* A term as found in the dictionary. */
typedef struct Bm25SegmentTerm
{
	uint32 df;              /* as written, dead documents included */
	bool large;             /* postings are blocks: df >= 128, or too many positions */
	Bm25LargeTermDisk list; /* large: where the summaries are */
	const uint8 *postings;  /* small: copy of the inline postings, of the caller's context */
	uint32 postings_bytes;
} Bm25SegmentTerm;

/* False if the segment has no such term. */
extern bool bm25_segment_lookup(const Bm25Segment *segment, Bm25Key key, Bm25SegmentTerm *ret_term);

/* Asks for the page that bm25_segment_lookup() will find the term on. */
extern void bm25_segment_prefetch_term(const Bm25Segment *segment, Bm25Key key);

/*
 * Terms in ascending order from the first key >= `from` on (data NULL: all).  For prefixes, merges and
 * checks.  Copies a page at a time; holds no lock between calls.
 */
typedef struct Bm25TermIterator Bm25TermIterator;
extern Bm25TermIterator *bm25_term_iterate(const Bm25Segment *segment, Bm25Key from);

/* The next term; key and postings are valid until the next call.  False at the end. */
extern bool bm25_term_next(Bm25TermIterator *iterator, Bm25Key *ret_key, Bm25SegmentTerm *ret_term);
extern void bm25_term_iterate_end(Bm25TermIterator *iterator);

/* Live documents that hold the term: df less the dead (state.dead_terms, or counted if small). */
extern uint32 bm25_segment_live_df(const Bm25Segment *segment, const Bm25SegmentTerm *term);

#endif
