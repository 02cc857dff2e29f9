/*
 * vchord_bm25/inspect.h
 *		What the files of bm25_index_check() and bm25_page_inspect() share.
 *
 *	inspect_check.c		the function: metapage, growing documents, accounting of blocks, the table
 *	inspect_segment.c	header, extents, pages, state, dead documents, documents of a segment
 *	inspect_terms.c		its dictionary, posting lists, summaries, positions
 *	inspect_page.c		one page as JSON
 *
 * Nothing in them trusts a page, and nothing raises an error because of one: what is wrong is reported, so
 * that one damaged page does not hide the others.
 */
#ifndef VCHORD_BM25_INSPECT_H
#define VCHORD_BM25_INSPECT_H

#include "core/inspect.h"
#include "core/page.h"

#include "vchord_bm25/document.h"
#include "vchord_bm25/hash.h"
#include "vchord_bm25/segment.h"

typedef struct Bm25Check
{
	VcReport report;
	VcInspect inspect;
	Relation index;
	BufferAccessStrategy strategy;
	bool standby; /* replay goes on: no accounting */
	Bm25MetaDisk meta;
	bool positions;
	bool exact;                   /* norms */
	bool vector[BM25_MAX_FIELDS]; /* fields without positions: all of them are 0 */
	BlockNumber nblocks;
	BlockNumber heap_blocks;
	uint8 *claimed; /* a bit for each block that something refers to */
	char *page;     /* of the last bm25_check_load() */
	bool damaged;   /* something could not be read: the table is not compared */
	uint64 late;    /* dead documents that a crash left uncounted */
	Size budget;    /* bytes of maintenance_work_mem */
	VcKeySet *tids; /* of the living documents */
	VcKeySet *rows; /* their fingerprints; NULL: the table is not asked for */
} Bm25Check;

/* Notes that something refers to a block; false, and reported, if something else did, too. */
extern bool bm25_check_claim(Bm25Check *c, BlockNumber block);

/* Copies a block to c->page; false, and reported, if it is not a sound page. */
extern bool bm25_check_load(Bm25Check *c, BlockNumber block);

/* The same, claims it, and looks whose it is. */
extern bool bm25_check_page(Bm25Check *c, BlockNumber block, uint16 kind, uint32 owner,
							uint32 incarnation);

/* A living document with its fingerprint (c->rows). */
extern void bm25_check_document(Bm25Check *c, BlockNumber block, const ItemPointerData *tid,
								uint64 print);

extern void bm25_check_segment(Bm25Check *c, const Bm25SegmentDisk *disk);

/*----- inspect_terms.c -----*/

/*
 * A sound segment's dictionary with all postings.  ret_print, if not NULL: a print for each of the n documents
 * from `first` on.  dead_terms: dead documents of each large term, or NULL.  quiet: nothing is reported, for
 * passes after the first.  False if something was wrong.
 */
extern bool bm25_check_terms(Bm25Check *c, const Bm25Segment *segment, uint32 first, uint32 n,
							 bool quiet, const uint32 *dead_terms, uint64 *ret_print);

/* Body of a page of a segment, copied to page (BLCKSZ bytes); data NULL, and reported, if not sound. */
extern VcSpan bm25_check_body(Bm25Check *c, const Bm25Segment *segment, uint32 number, char *page);

/* Entries of a page of the dictionary, one by one. */
typedef struct Bm25NodeReader
{
	bool leaf;
	uint32 max_df;
	uint32 entries;
	uint32 entry; /* number of the next one */
	const uint8 *body;
	const uint8 *at;
	const uint8 *end;
	/* the entry read last */
	uint32 child; /* inner pages */
	Bm25SegmentTerm term;
	uint32 key_bytes;
	uint8 key[BM25_MAX_KEY_BYTES];
} Bm25NodeReader;

/*
 * Begins with a page's body.  The key stays as it was, and the first entry must be greater: key_bytes 0 says
 * that there was none.  NULL, or what is wrong.
 */
extern const char *bm25_node_read_begin(Bm25NodeReader *reader, bool leaf, uint32 max_df,
										VcSpan body);

/* False at the end, and where something is wrong: *ret_problem, else NULL. */
extern bool bm25_node_read_next(Bm25NodeReader *reader, const char **ret_problem);

/*----- fingerprints of documents -----*/

/*
 * The print of a document is the sum of those of its terms and its lengths, so it can be made in any order.
 */
static inline uint64
bm25_print_mix(uint64 print, uint64 value)
{
	uint64 h = (print ^ value) * BM25_HASH_MULTIPLIER;

	h ^= h >> 29;
	h *= BM25_HASH_FINISHER;
	return h ^ h >> 32;
}

static inline uint64
bm25_print_key(const void *key, uint32 bytes)
{
	return bm25_hash(1, key, bytes);
}

/* key: from bm25_print_key; positions: 0, and each position mixed in */
static inline uint64
bm25_print_posting(uint64 key, uint32 tf, uint64 positions)
{
	return bm25_print_mix(bm25_print_mix(key, tf), positions);
}

static inline uint64
bm25_print_lengths(const uint32 *length, uint32 fields)
{
	return bm25_hash(2, (const char *) length, fields * sizeof(uint32));
}

#endif
