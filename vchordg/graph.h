/*
 * vchordg/graph.h
 *		The graph in memory, for CREATE INDEX: built by threads, then written once.
 *
 * Computation only, nothing of PostgreSQL is called, so that threads may run it (core/vector/team.h).  Vertices are numbered
 * 0 .. n - 1.  Distances between them are those of 8-bit codes (core/vector/quantized.h): a quarter of the
 * memory of f32, faster, and within 0.5 % of exact.  Lists are guarded by a lock a vertex; the result
 * depends on the order in which threads get through, its quality does not.
 */
#ifndef VCHORDG_GRAPH_H
#define VCHORDG_GRAPH_H

#include "vchordg/prune.h"

typedef struct VgGraphOptions
{
	VgPruneRule rule;
	uint32 dim;
	uint32 m;
	uint32 ef;
	uint32 threads;
	bool (*poll)(void *arg, int percent); /* true = stop; in the calling thread only */
	void *arg;
} VgGraphOptions;

#define VG_GRAPH_NONE PG_UINT32_MAX

typedef struct VgGraph
{
	uint32 n;
	uint32 m;
	uint32 room;          /* of a list while it grows */
	uint32 row_bytes;     /* of one 8-bit row */
	char *rows;           /* [n] VCV_RABITQ8 rows of rotated vectors (normalised for cosine) */
	const uint64 *labels; /* [n] signatures, or NULL */
	uint32 *lists;        /* [n * room] neighbours */
	float *scores;        /* [n * room] */
	uint16 *counts;       /* [n]; at most m when built */
	uint8 *locks;         /* [n] */
	uint32 *anchors;      /* [n] tree of anchors; NONE for the root */
	uint32 *order;        /* [n] in which vertices are to be written: near ones together */
	uint32 root;
	char *scratch; /* of the threads */
} VgGraph;

/* bytes for a graph of n vertices, without their rows, and of one row */
extern size_t vg_graph_memory(const VgGraphOptions *options, uint32 n);
extern uint32 vg_graph_row_bytes(const VgGraphOptions *options);

/* memory: vg_graph_memory() bytes, 64-byte aligned; rows: n * row_bytes, 8-byte aligned, filled. */
extern void vg_graph_init(VgGraph *graph, const VgGraphOptions *options, uint32 n, char *rows,
						  const uint64 *labels, void *memory);

/* false: poll said stop.  Afterwards every vertex can be reached from root by edges of anchors (format.h). */
extern bool vg_graph_build(VgGraph *graph, const VgGraphOptions *options);

/* list i: neighbours and scores */
static inline uint32 *
vg_graph_list(const VgGraph *graph, uint32 i)
{
	return graph->lists + (size_t) i * graph->room;
}

static inline float *
vg_graph_scores(const VgGraph *graph, uint32 i)
{
	return graph->scores + (size_t) i * graph->room;
}

#endif
