/*
 * vchord_bm25/stats.h
 *		The index as one statement sees it: segments, growing documents, N, avgdl and df.
 *
 * D20: taken once per index and statement in each backend, so that every plan of a statement scores
 * alike.  A view is kept in a cache of the backend while the statement (its start time, command id and
 * snapshot) stays the same; scans and operator calls that hold on to one pin it.
 */
#ifndef VCHORD_BM25_STATS_H
#define VCHORD_BM25_STATS_H

#include "vchord_bm25/meta.h"
#include "vchord_bm25/model.h"
#include "vchord_bm25/query.h"
#include "vchord_bm25/segment.h"

/* A growing document's terms, kept in memory for the statement: what a search and df need. */
typedef struct Bm25View
{
	Oid index;
	Bm25MetaDisk meta;
	Bm25Fields fields;
	uint32 nsegments;
	Bm25Segment *segments;  /* opened */
	Bm25FieldModel *models; /* by field */
	MemoryContext context;
	struct Bm25Growth *growth; /* growing documents inverted, private to stats.c and search.c */
	int pins;
} Bm25View;

/*
 * The view of this statement.  index is open; pinned until bm25_view_release or the end of the
 * transaction.
 */
extern Bm25View *bm25_view_get(Relation index);
extern void bm25_view_release(Bm25View *view);

/* Documents with the term, over segments and growing documents, the dead not counted. */
extern double bm25_view_df(Bm25View *view, Bm25Key key);

#endif
