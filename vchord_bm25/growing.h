/*
 * vchord_bm25/growing.h
 *		Documents that are not in a segment yet.
 *
 * A tape of items; an insert appends one, in one WAL record (after the continuation pages if it is
 * larger than a page), locking the tail page only.  A search reads all of it, so maintenance keeps it
 * short.
 *
 * Seal: one record on {metapage, tail of the growing tape} turns the growing tape into the sealing tape
 * and closes it; an inserter that meets a closed tail reads the metapage again.
 */
#ifndef VCHORD_BM25_GROWING_H
#define VCHORD_BM25_GROWING_H

#include "vchord_bm25/meta.h"

/*
 * Appends a document.  Reads the metapage itself, again if the tape was sealed meanwhile; makes the tape
 * if there is none.  Returns an estimate of the pages in the growing area: the caller seals when these
 * are many.
 */
extern uint32 bm25_growing_append(Relation index, Relation heap, const Bm25Document *document,
								  const Bm25Fields *fields);

/* Reads documents of growing and sealing tape as of a copy of the metapage. */
typedef struct Bm25GrowingReader Bm25GrowingReader;
extern Bm25GrowingReader *bm25_growing_read_begin(Relation index, const Bm25MetaDisk *meta,
												  bool growing, bool sealing);

/*
 * Reads one of the two tapes from a place on: the documents behind the item `after` of a page of the tape
 * (VC_INDEX_POINTER_NONE: all of them).
 */
extern Bm25GrowingReader *bm25_growing_read_behind(Relation index, const Bm25MetaDisk *meta,
												   bool sealing, VcIndexPointer after);

/* A term of the current document; positions are behind it as varints. */
typedef struct Bm25GrowingTerm
{
	Bm25Key key;
	uint32 tf;
	const uint8 *positions; /* tf differences; NULL without positions */
	const uint8 *positions_end;
} Bm25GrowingTerm;

typedef struct Bm25GrowingDocument
{
	ItemPointerData tid;
	uint32 nterms;
	uint32 left; /* terms not read yet; private */
	uint32 fields;
	bool dead;            /* by VACUUM; only told if asked for */
	VcIndexPointer where; /* of the item */
	uint32 length[BM25_MAX_FIELDS];
	const uint8 *at; /* of the next term; private */
	const uint8 *end;
	bool positions;
	Relation index; /* for messages */
} Bm25GrowingDocument;

/* The next document, valid until the next call; dead ones are skipped unless with_dead.  False at the end. */
extern bool bm25_growing_read_next(Bm25GrowingReader *reader, bool with_dead,
								   Bm25GrowingDocument *ret_document);

/* As the latter, but a document's identity only: continuation pages are not read.  For VACUUM. */
extern bool bm25_growing_read_tid(Bm25GrowingReader *reader, ItemPointer ret_tid, bool *ret_dead,
								  VcIndexPointer *ret_where);

/* The next term, ascending by key; false at the end.  Checked: vc_corrupt(). */
extern bool bm25_growing_next_term(Bm25GrowingDocument *document, Bm25GrowingTerm *ret_term);
extern void bm25_growing_read_end(Bm25GrowingReader *reader);

/*
 * The maintenance lock is held.  Turns the growing tape into the sealing tape and closes it, unless there
 * is a sealing tape already.  False if there is no sealing tape afterwards either.
 */
extern bool bm25_growing_close(Relation index);

/* Pages of a tape, those of large documents included. */
extern uint32 bm25_growing_pages(Relation index, const Bm25TapeDisk *tape);

/* Frees a tape that the metapage names as retired, and its large documents.  May be repeated. */
extern void bm25_growing_free(Relation index, const Bm25TapeDisk *tape);

#endif
