/*
 * vchordg/search.h
 *		Beam search over the graph in its pages; for scans and for inserts.
 *
 * State lives in the caller's arena.  No guard is held between calls.
 *
 *	queue		vertices seen but not expanded, by estimate (then reference)
 *	visited		set of vertices seen
 *	results		vertices expanded, with exact scores
 *
 * A step expands the most promising vertex of the queue (beam of them: their pages are asked for together).  A neighbour
 * whose lower bound exceeds the ef-th best exact score is not queued but kept aside (`far`), from where a later, wider
 * round takes it.
 */
#ifndef VCHORDG_SEARCH_H
#define VCHORDG_SEARCH_H

#include "core/scan.h"

#include "vchordg/vertex.h"

typedef struct VgFound
{
	VgRef ref;
	float score; /* exact */
	uint64 labels;
	bool labels_inexact;
	bool posted; /* of VgVertexDisk */
	uint8 state;
	float inverse_norm; /* cosine */
	bool judged;        /* `counts` is known */
	bool counts;        /* passes the filter (or there is none) */
	BlockNumber strip;
	uint32 strip_entry;
	char *row; /* the vector and the code, if the search keeps them (inserts) */
	char *code;
} VgFound;

typedef struct VgSearch VgSearch;

typedef struct VgSearchOptions
{
	uint32 beam;
	float epsilon;
	bool keep_rows;      /* for inserts */
	bool with_rows_only; /* vertices without table rows (dying ones) do not count */
	uint64 labels;       /* signature of which one bit must match; 0 = all */
	bool listed;         /* no entry points: vertices come by vg_search_visit() only */
	size_t most;         /* expansions when the search gives up finding ef that count; 0 = never */
	size_t memory;       /* of queue, visited and results */
	/* does this vertex count?  Evaluated once, after the exact score; NULL = yes */
	bool (*counts)(void *arg, const VgFound *found);
	/* every vertex that is expanded, before it is judged; NULL = nothing */
	void (*expanded)(void *arg, const VgHop *hop);
	void *arg;
	VcScanCounters *counters;
} VgSearchOptions;

extern VgSearch *vg_search_create(MemoryContext context, Relation index, const VgMeta *meta,
								  VcReadCache *cache, VcArena *arena, VcStreamMode io);

/* Entry points go into the queue; further ones (of labels) by vg_search_add_entry. */
extern void vg_search_begin(VgSearch *search, const VgQuery *query, const VgSearchOptions *options);
extern void vg_search_add_entry(VgSearch *search, VgRef ref);

/*
 * Each of these vertices becomes a result, without its neighbours; they are read in the order of their pages, through a
 * stream of their own in mode `io`.  refs is sorted by it.
 */
extern void vg_search_visit(VgSearch *search, VgRef *refs, size_t n, VcStreamMode io);

/*
 * Go on until the `ef` nearest that count are known as well as ef can tell, or nothing is left or memory is.  Results are
 * cumulative; call with a larger ef for more.  Returns true while a larger ef could find more.
 */
extern bool vg_search_run(VgSearch *search, uint32 ef);

/* memory ran out: what is not in the results may have been missed */
extern bool vg_search_overflowed(const VgSearch *search);

/* too few vertices count for a walk: so many expansions were made, or would have to be by what was seen */
extern bool vg_search_gave_up(const VgSearch *search);

/* From now on it does not. */
extern void vg_search_go_on(VgSearch *search);

/* everything expanded so far, in order of expansion */
extern VgFound *vg_search_found(VgSearch *search, uint32 *ret_n);

/* reading vertices; for its counters */
extern VcStream *vg_search_stream(VgSearch *search);

/* the ef-th best exact score of what counts; infinity while there are fewer */
extern float vg_search_threshold(const VgSearch *search);

#endif
