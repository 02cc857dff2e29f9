/*
 * vchordg/strip.h
 *		Table rows of vertices: the strip, and chains of duplicates.
 */
#ifndef VCHORDG_STRIP_H
#define VCHORDG_STRIP_H

#include "core/xlog.h"

#include "vchordg/meta.h"

/*
 * Rows of a vertex, appended to *tids (grown in the current context; *n entries before and after).  Takes share locks one at a
 * time.  `ref` is compared with the strip entry's place.
 */
extern void vg_strip_read(Relation index, const VgMeta *meta, VcReadCache *cache, VgRef ref,
						  BlockNumber strip, uint32 entry, ItemPointerData **tids, uint32 *n,
						  uint32 *room);

/*
 * One more row with the vector of a live vertex: into its strip entry if that is empty, else in front of its chain of
 * DUPLICATE pages.  false: the vertex is gone or dying.
 */
extern bool vg_strip_add(Relation index, Relation heap, const VgMeta *meta, VgRef ref,
						 BlockNumber strip, uint32 entry, ItemPointer tid);

/*
 * Room for n entries, in a record that has the STATE page: the tail of the chain or a new page, which are added to
 * the record.  vg_strip_fill then names the slots of the group in it.
 */
extern void vg_strip_reserve(Relation heap, VcXlog *xlog, const VgMeta *meta, VgStateDisk *state,
							 uint32 n, BlockNumber *ret_strip, uint32 *ret_first);
extern void vg_strip_fill(VcXlog *xlog, BlockNumber strip, uint32 first, BlockNumber group,
						  uint32 n);

/* The row of a new vertex, and none for a freed one, on the STRIP page of a record. */
extern void vg_strip_set(Relation index, char *page, BlockNumber strip, uint32 entry, VgRef ref,
						 ItemPointer tid);
extern void vg_strip_clear(Relation index, char *page, BlockNumber strip, uint32 entry, VgRef ref);

/*
 * The entry has no row: asked under the lock of its page, which is in the record, before a vertex is marked DYING
 * (so nobody adds a row to a vertex that dies).
 */
extern bool vg_strip_is_empty(Relation index, const char *page, BlockNumber strip, uint32 entry,
							  VgRef ref);

/*
 * VACUUM and CREATE INDEX CONCURRENTLY: every row of the index once to `dead`; clears those it says are dead.
 * Vertices that have no row any more are reported.  Reads STRIP and DUPLICATE pages only.
 */
typedef bool (*VgRowIsDead)(ItemPointer tid, void *arg);
/* a slot: of a vertex without rows, or without a vertex; called without locks */
typedef void (*VgSlotVisit)(BlockNumber group, uint16 slot, void *arg);

typedef struct VgStripWalk
{
	VgRowIsDead dead;
	VgSlotVisit empty;  /* a vertex in use without rows; NULL = nothing */
	VgSlotVisit unused; /* a slot without a vertex; NULL = nothing */
	void *arg;
	double live;    /* out */
	double removed; /* out */
} VgStripWalk;

extern void vg_strip_walk(Relation index, const VgMeta *meta, BufferAccessStrategy strategy,
						  VgStripWalk *walk);

#endif
