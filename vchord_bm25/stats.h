/*
 * vchord_bm25/stats.h
 *		The index as one statement sees it: segments, growing documents, N, avgdl and df.
 *
 * D20: taken once per index and statement in each backend, so that every plan of a statement scores
 * alike.  A view is kept in a cache of the backend; who asks for one with the same snapshot in the same
 * statement gets the same.  Scans and operator call sites pin it: a view in use stays what it is.
 */
#ifndef VCHORD_BM25_STATS_H
#define VCHORD_BM25_STATS_H

#include "utils/snapshot.h"

#include "core/buf.h"

#include "vchord_bm25/growth.h"
#include "vchord_bm25/meta.h"
#include "vchord_bm25/model.h"
#include "vchord_bm25/segment.h"

typedef struct Bm25View
{
	Oid index;
	Bm25MetaDisk meta;
	Bm25Fields fields;
	uint32 nsegments;
	Bm25Segment *segments;  /* opened, the largest first */
	Bm25FieldModel *models; /* by field */
	Bm25GrowthPart growing; /* documents not in a segment, inverted */
	Bm25GrowthPart sealing; /* the same of the tape that is being sealed */
	VcReadCache cache;
	struct kept_hash *kept; /* df that might change while the view is in use */
	Bm25Io io;
	MemoryContext context;
	int pins;
	/* of a partitioned index: its leaves, summed in models; it has no segments of its own */
	uint32 nparts;
	struct Bm25View **parts;
} Bm25View;

/* What tells statements apart. */
typedef struct Bm25Moment
{
	TransactionId xmin;
	TransactionId xmax;
	uint32 xcnt;
	int32 subxcnt; /* on a standby all running transactions are there */
	CommandId curcid;
} Bm25Moment;

extern Bm25Moment bm25_moment(Snapshot snapshot);

static inline bool
bm25_moment_equal(const Bm25Moment *a, const Bm25Moment *b)
{
	return a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
		   a->subxcnt == b->subxcnt && a->curcid == b->curcid;
}

/*
 * The view of this statement.  index is open, plain or partitioned (then its parts are opened and
 * locked here); the snapshot (NULL: the active one) is active or registered.  Pinned until `holder` is reset
 * or deleted.
 */
extern Bm25View *bm25_view_get(Relation index, Snapshot snapshot, MemoryContext holder);

/*
 * To be called before a view that was pinned in an earlier call of an entry point is read again: the
 * relation's descriptor may have moved.  Not for partitioned indexes.
 */
extern void bm25_view_attach(Bm25View *view, Relation index);

/*
 * Asks for the dictionary pages that have the terms, if pages are not in memory (bm25_view_is_ahead); inner pages
 * are read for that.
 */
extern void bm25_view_prefetch(const Bm25View *view, const Bm25Key *keys, uint32 n);

static inline bool
bm25_view_is_ahead(const Bm25View *view)
{
	for (uint32 i = 0; i < view->nparts; i++)
	{
		if (vc_stream_is_ahead(view->parts[i]->io.stream))
			return true;
	}
	return view->nparts == 0 && vc_stream_is_ahead(view->io.stream);
}

/* Documents with the term, over segments and growing documents, the dead not counted. */
extern double bm25_view_df(Bm25View *view, Bm25Key key);

/*
 * The same, which also tells where the term is in segment i: ret_terms[i * stride], with df 0 if it is not
 * there.  The view is not of a partitioned index.
 */
extern double bm25_view_find(Bm25View *view, Bm25Key key, Bm25SegmentTerm *ret_terms,
							 uint32 stride);

/* Do two indexes make the same fields, terms and norms of a value of one column? */
extern bool bm25_view_compatible(const Bm25View *a, const Bm25View *b, int column);

#endif
