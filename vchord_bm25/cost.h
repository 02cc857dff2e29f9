/*
 * vchord_bm25/cost.h
 *		What the planner's estimates of a query share.
 */
#ifndef VCHORD_BM25_COST_H
#define VCHORD_BM25_COST_H

#include "vchord_bm25/query.h"
#include "vchord_bm25/stats.h"

/*
 * Documents of the view, of `docs`, that match the query in a column, terms being independent.  The query has no
 * null parts and is of the column's kind.
 */
extern double bm25_query_matches(Bm25View *view, const Bm25QueryData *data, int column,
								 double docs);

#endif
