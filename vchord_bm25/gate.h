/*
 * vchord_bm25/gate.h
 *		Boolean queries: which documents match, whatever their score.
 */
#ifndef VCHORD_BM25_GATE_H
#define VCHORD_BM25_GATE_H

#include "vchord_bm25/phrase.h"
#include "vchord_bm25/stats.h"

typedef struct Bm25Gate Bm25Gate;

/*
 * A query over fields of an index: a term may be in any of them, a phrase must be in one.  In the current
 * context; refers to view and query.
 */
extern Bm25Gate *bm25_gate_create(Bm25View *view, const Bm25Query *query, Bm25FieldSpan span);

/* Goes to a segment of the view, before its first document.  Memory of the current context. */
extern void bm25_gate_segment(Bm25Gate *gate, uint32 segment);

/*
 * The first document >= doc that may match, or BM25_NO_DOC.  Documents given to this and to
 * bm25_gate_match must not descend within a segment.
 */
extern uint32 bm25_gate_next(Bm25Gate *gate, uint32 doc);

/* Does a document of the segment match? */
extern Bm25Match bm25_gate_match(Bm25Gate *gate, uint32 doc);

/* Does a growing document match?  Any order. */
extern Bm25Match bm25_gate_match_growth(Bm25Gate *gate, Bm25GrowthPart part, uint32 doc);

/* Documents of the segment that may match, estimated from above. */
extern double bm25_gate_estimate(const Bm25Gate *gate);

/*
 * Calls back for every live document of a part of the view that all gates let pass: part 0 is the growing
 * documents, the others are segments; there are bm25_gate_parts().
 */
typedef void (*Bm25GateVisitor)(void *arg, ItemPointer tid, bool recheck);
extern void bm25_gate_visit(Bm25View *view, uint32 part, Bm25Gate **gates, int ngates,
							Bm25GateVisitor visit, void *arg);

static inline uint32
bm25_gate_parts(const Bm25View *view)
{
	return 1 + view->nsegments;
}

#endif
