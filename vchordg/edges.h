/*
 * vchordg/edges.h
 *		Changes of lists of live vertices: back-edges, replacements, anchors.
 *
 * All that is needed is in the list: exact scores of its edges, and their codes, which say how far they are from a
 * newcomer.  So a list on one page is changed under the lock of that page, without reading other vertices.  A longer
 * list is read first (`seen`), and changed if its version is still the same.
 */
#ifndef VCHORDG_EDGES_H
#define VCHORDG_EDGES_H

#include "vchordg/vertex.h"

/* a vertex that lists shall name */
typedef struct VgNewcomer
{
	VgRef ref;
	uint64 labels;
	const char *code;     /* [code_bytes] */
	const VgQuery *query; /* of its vector: estimates of how far a list's members are from it */
} VgNewcomer;

typedef enum VgEdgeResult
{
	VG_EDGE_DONE,
	VG_EDGE_REFUSED, /* no place: the list is as it was */
	VG_EDGE_CHANGED  /* `seen` is not the list any more: read it again */
} VgEdgeResult;

/*
 * The newcomer becomes a neighbour if RobustPrune would have it; with `pinned` in any case but that all edges are
 * pinned, and by its anchor's edge.  seen: NULL if the list lies on one page, else a hop with whole edges.
 */
extern VgEdgeResult vg_edges_add(const VgListEdit *edit, const VgHop *seen,
								 const VgNewcomer *newcomer, float score, bool pinned);

/*
 * Where a pinned newcomer goes in a list that was read, or m: all edges are pinned.  It is what vg_edges_add does if
 * the list is the same still.
 */
extern uint32 vg_edges_place(const VgMeta *meta, const VgHop *seen, const VgNewcomer *newcomer,
							 float score);

/* Takes the edge to `to` out of the list; REFUSED: there is none. */
extern VgEdgeResult vg_edges_remove(const VgListEdit *edit, const VgHop *seen, VgRef to);

/* The newcomer in the place of `from`, which is not pinned; the code alone of the newcomer is used. */
extern VgEdgeResult vg_edges_replace(const VgListEdit *edit, const VgHop *seen, VgRef from,
									 const VgNewcomer *newcomer, float score);

/*
 * Does the list name `to`?  Number of the edge, or m.  edges: of a hop.
 */
extern uint32 vg_hop_find(const VgMeta *meta, const VgHop *hop, VgRef to);

#endif
