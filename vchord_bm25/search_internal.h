/*
 * vchord_bm25/search_internal.h
 *		What the algorithms of a search share (search*.c only).
 *
 * An algorithm walks one segment and calls bm25_search_candidate() for documents whose upper bound
 * reaches the threshold, in ascending order; everything else about a candidate is the same for all.
 */
#ifndef VCHORD_BM25_SEARCH_INTERNAL_H
#define VCHORD_BM25_SEARCH_INTERNAL_H

#include <math.h>

#include "core/topk.h"

#include "vchord_bm25/cursor.h"
#include "vchord_bm25/search.h"

/* One query term in the segment that is being searched. */
typedef struct Bm25SearchTerm
{
	const Bm25SegmentTerm *found;
	const Bm25FieldModel *model;
	double weight;
	float weight_float;
	float bound; /* of the list */
	uint8 field;
	Bm25Cursor *cursor;
	Bm25Cursor *second; /* for documents that the first cursor is past; made when needed */
} Bm25SearchTerm;

typedef struct Bm25Search
{
	Bm25View *view;
	const Bm25SearchRequest *request;
	const Bm25Scorer *scorer;
	Bm25SearchCounters *counters;
	VcTopk topk;
	double threshold; /* > 0; what scores less does not enter */
	float reach;      /* what a float estimate must reach: threshold less what floats can err */
	float slack;      /* of a float sum, relative */
	bool nulls;       /* a document with a null field is no hit */

	/*
	 * Float estimates from below of the k best documents met so far, a heap with the least on top: k
	 * documents have at least that score, though they are not scored exactly yet.  room 0: not kept.
	 */
	float *floor;
	uint32 nfloor;
	uint32 floor_room;

	/* the segment */
	const Bm25Segment *segment;
	uint32 docs;
	uint32 nterms;
	Bm25SearchTerm *terms; /* ascending by key */
	double postings;
} Bm25Search;

/*
 * A document of the segment that may be among the best.  score: by bm25_search_exact's arithmetic, or a
 * negative number if it is not known yet.
 */
extern void bm25_search_candidate(Bm25Search *search, uint32 doc, double score);

/* What a posting of a term adds to a score. */
static inline double
bm25_search_posting(const Bm25Search *search, const Bm25SearchTerm *term, uint32 tf, uint32 norm)
{
	return bm25_contribution(term->weight, tf,
							 bm25_k_of_norm(term->model, search->scorer->exact_norms, norm));
}

/* Score by the terms' cursors; documents must not descend within a segment. */
extern double bm25_search_exact(Bm25Search *search, uint32 doc);

/*
 * A document that is certainly a match has at least this score, but for search->slack.  Not to be told twice of
 * one document.
 */
extern void bm25_search_floor(Bm25Search *search, float score);

/* The least score that the next call of bm25_search_floor can do something with. */
static inline float
bm25_search_floor_least(const Bm25Search *search)
{
	if (search->floor_room == 0)
		return INFINITY;
	return search->nfloor < search->floor_room ? 0 : search->floor[0];
}

/* Upper bound of the cursor's present block. */
static inline float
bm25_block_bound(const Bm25SearchTerm *term)
{
	return bm25_impact_bound(term->model, term->weight, term->cursor->block_impact, 2);
}

/*
 * Contributions of decoded postings [from, to) as floats.
 */
extern void bm25_search_parts(const Bm25Search *search, const Bm25SearchTerm *term, uint32 from,
							  uint32 to, float *ret_parts);

/*
 * The lists will be read on from where they stand: to be called before that.  wanted: bm25_cursor_read_ahead().
 */
extern void bm25_search_read_ahead(Bm25Search *search, Bm25BlockWanted wanted, void *arg);

extern void bm25_search_wand(Bm25Search *search);
extern void bm25_search_maxscore(Bm25Search *search);
extern void bm25_search_exhaustive(Bm25Search *search);

#endif
