/*
 * vchordrq/tree.h
 *		Descent from the root to leaf lists, shared by search, insert and the build's assignment.
 *
 * The tree is immutable after the build.  Reading takes one share lock on one page at a time.
 */
#ifndef VCHORDRQ_TREE_H
#define VCHORDRQ_TREE_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/vector/rabitq.h"

#include "vchordrq/meta.h"

/* a leaf list on the way of a query, nearest first */
typedef struct RqProbe
{
	float rank; /* what lists are ordered by: dc; cosine: dc / |c| */
	float dc;   /* exact distance to its centroid: L2 squared, or negative dot */
	uint32 list;
	float norm2;  /* |c|^2 */
	float radius; /* rms distance of its rows at build time */
} RqProbe;

typedef struct RqTree RqTree;

/*
 * `cache` may be NULL (plain reads).  Scratch is allocated in `context`.  `query` must stay valid.
 * epsilon scales the error bound that decides which centroids are looked at exactly.
 */
extern RqTree *rq_tree_create(MemoryContext context, Relation index, const RqMeta *meta,
							  VcReadCache *cache);

/*
 * Start a descent for a prepared query.  keep[l] (l = 0..levels-2) nodes are kept at upper level l+1;
 * NULL or a value >= cells keeps all.  After this, rq_tree_next yields leaf lists in ascending rank,
 * lazily: lists that are never asked for cost one code estimate, no centroid read.
 */
extern void rq_tree_begin(RqTree *tree, const VcvQuery *query, float epsilon, const uint32 *keep);
extern bool rq_tree_next(RqTree *tree, RqProbe *ret_probe);

/* the rotated centroid[dim] of a leaf list, copied to ret_centroid */
extern void rq_tree_centroid(RqTree *tree, uint32 list, float *ret_centroid);

/*
 * The list of a row (insert): by squared distance to the centroid whatever the metric, as the build
 * assigns rows; greedy, one node per level, epsilon 1.9.
 */
extern void rq_tree_nearest(RqTree *tree, const VcvQuery *query, RqProbe *ret_probe);

#endif
