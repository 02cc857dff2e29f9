/*
 * vchord_bm25/search.h
 *		The k best documents of an index for a query, exactly.
 *
 * Order: score descending, then TID ascending.  Only documents with a score > 0 are found.  Algorithms,
 * all with the same answer: block-max WAND (Ding and Suel, SIGIR 2011), which is taken for one term,
 * block-max MaxScore over windows of documents (Turtle and Flood 1995; the windows of Lucene) for
 * several terms, exhaustive merge (loser tree) for everything.
 */
#ifndef VCHORD_BM25_SEARCH_H
#define VCHORD_BM25_SEARCH_H

#include "vchord_bm25/gate.h"
#include "vchord_bm25/score.h"

typedef struct Bm25Hit
{
	double score; /* > 0 */
	ItemPointerData tid;
	bool recheck; /* a gate could not be sure */
} Bm25Hit;

typedef struct Bm25SearchCounters
{
	uint64 blocks_decoded;
	uint64 blocks_skipped;
	uint64 candidates; /* documents scored exactly */
	uint64 filtered;
} Bm25SearchCounters;

typedef enum Bm25Algorithm
{
	BM25_ALGORITHM_AUTO,
	BM25_ALGORITHM_WAND,
	BM25_ALGORITHM_MAXSCORE,
	BM25_ALGORITHM_EXHAUSTIVE
} Bm25Algorithm;

/* Is the row wanted?  Called once a candidate whose score qualifies, no lock held.  NULL: all are. */
typedef bool (*Bm25Filter)(void *arg, ItemPointer tid);

typedef struct Bm25SearchRequest
{
	const Bm25Scorer *scorer;
	int64 k; /* how many; -1: all */
	Bm25Algorithm algorithm;
	/* only hits behind this one in the order, if set (a further round) */
	bool has_after;
	Bm25Hit after;
	Bm25Filter filter;
	void *filter_arg;
	Bm25Gate **gates; /* all must match */
	int ngates;
} Bm25SearchRequest;

/*
 * Returns the number of hits, best first, in an array of the current context.  Fewer than k: there are no
 * more.  The view is attached; the scorer's statistics may be another view's, of a compatible index.
 */
extern size_t bm25_search(Bm25View *view, const Bm25SearchRequest *request, Bm25Hit **ret_hits,
						  Bm25SearchCounters *counters);

#endif
