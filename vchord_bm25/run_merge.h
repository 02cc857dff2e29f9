/*
 * vchord_bm25/run_merge.h
 *		Merging sorted runs of postings (invert.h) into a segment.
 *
 * A run numbers its documents as its writer did.  A map translates that to numbers of the segment, piece by
 * piece: documents from `first` on have the number of the run plus `delta`, up to the next piece.
 */
#ifndef VCHORD_BM25_RUN_MERGE_H
#define VCHORD_BM25_RUN_MERGE_H

#include "storage/buffile.h"

#include "vchord_bm25/invert.h"
#include "vchord_bm25/segment_write.h"

typedef struct Bm25DocPiece
{
	uint32 first;
	uint32 delta; /* modulo 2^32 */
} Bm25DocPiece;

/* Pieces by ascending first; none: numbers are those of the run. */
typedef struct Bm25DocMap
{
	uint32 npieces;
	uint32 room;
	Bm25DocPiece *pieces;
} Bm25DocMap;

typedef struct Bm25RunSource
{
	BufFile *file;
	Bm25Run run;
	const Bm25DocMap *map; /* may be NULL */
} Bm25RunSource;

/*
 * Feeds all terms of all runs to the writer.  Documents of different runs are different; runs of one map
 * stand in the order in which they were written.  budget: bytes for buffers; with more runs than these
 * suffice for, neighbours are merged into longer runs in a temporary file first.
 */
extern void bm25_runs_merge(Bm25RunSource *sources, uint32 nsources, bool positions, Size budget,
							Bm25SegmentWriter *writer);

#endif
