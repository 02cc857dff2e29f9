/*
 * vchord_bm25/growth.h
 *		Growing documents inverted in memory.
 *
 * A tape of growing documents is append only, so what was inverted for one statement is the beginning of
 * what the next one needs: a backend keeps the inversion and reads only what is new.  Views are
 * parts of it: documents numbered below a limit, so that one that is pinned stays what it was while
 * another statement adds documents.  Once VACUUM marks a document dead the inversion is made anew.
 */
#ifndef VCHORD_BM25_GROWTH_H
#define VCHORD_BM25_GROWTH_H

#include "utils/rel.h"

#include "vchord_bm25/lexicon.h"
#include "vchord_bm25/meta.h"

/* A page of the tape as it was read. */
typedef struct Bm25GrowthPage
{
	BlockNumber block;
	OffsetNumber items; /* looked at */
	OffsetNumber dead;  /* of these, marked by VACUUM */
} Bm25GrowthPage;

/* Postings of one term: documents ascend. */
typedef struct Bm25GrowthList
{
	uint32 n;
	uint32 room;
	uint32 *docs;
	uint32 *tfs;
} Bm25GrowthList;

typedef struct Bm25Growth
{
	MemoryContext context;
	int pins;
	bool whole; /* false while documents are added: after an error a document may be half there */
	uint32 fields;
	uint32 npages;
	Bm25GrowthPage *pages;
	uint32 ndocs;
	uint32 room;
	ItemPointerData *tids;
	uint32 *lengths; /* ndocs * fields */
	Bm25Lexicon *lexicon;
	uint32 lists_room;
	Bm25GrowthList *lists; /* by number in the lexicon */
} Bm25Growth;

/* The first `ndocs` documents of an inversion. */
typedef struct Bm25GrowthPart
{
	Bm25Growth *growth; /* NULL: none */
	uint32 ndocs;
} Bm25GrowthPart;

/*
 * Inverts a tape of this metapage, or what is new of it since this backend did so.  Pinned until `holder` is reset or
 * deleted.
 */
extern Bm25GrowthPart bm25_growth_read(Relation index, const Bm25MetaDisk *meta, bool sealing,
									   MemoryContext holder);

/* Postings of a term in the part: NULL and 0 if there are none. */
extern const Bm25GrowthList *bm25_growth_list(Bm25GrowthPart part, Bm25Key key, uint32 *ret_n);

/* Keys of the inversion that begin with a prefix, each once; in no order.  Keys live as long as it. */
extern uint32 bm25_growth_prefix(Bm25GrowthPart part, Bm25Key prefix, Bm25Key **ret_keys);

static inline const uint32 *
bm25_growth_lengths(Bm25GrowthPart part, uint32 doc)
{
	return part.growth->lengths + (Size) doc * part.growth->fields;
}

#endif
