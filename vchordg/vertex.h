/*
 * vchordg/vertex.h
 *		Slots: reading a vertex, editing its list, creating and freeing it.
 *
 * Lock order: STATE page, STRIP page, then pages of one vertex group in ascending order, then those of another group
 * with a higher block number.  Readers hold one page at a time.  What is read is checked (D10): an edge count beyond
 * m, a slot beyond the group, a reference to block 0 or 1 are damage; another incarnation or state is not: the vertex
 * is gone, skip it.
 */
#ifndef VCHORDG_VERTEX_H
#define VCHORDG_VERTEX_H

#include "core/stream.h"
#include "core/xlog.h"

#include "vchordg/code.h"
#include "vchordg/meta.h"

/* what a hop gives; arrays are the caller's, with room for m, and NULL where not wanted */
typedef struct VgHop
{
	VgRef ref;
	VgVertexDisk head;
	float score; /* exact, to the query; without a query 0 */
	uint32 nedges;
	VgRef *to;             /* neighbours */
	uint64 *labels;        /* their signatures, in an index with labels */
	VgEstimate *estimates; /* of the neighbours */
	char *edges;           /* whole edges, edge_bytes each */
	char *code;            /* the vertex' own, code_bytes */
	char *row;             /* its vector, row_bytes */
	BlockNumber strip;     /* where its rows are: vg_strip_read() */
	uint32 strip_entry;
} VgHop;

/*
 * Expand a vertex: head and list, whatever else ret_hop has arrays for, and with a query the exact score.  false: it is
 * gone.  stream may be NULL (then through the cache, which may be NULL, too).
 */
extern bool vg_vertex_expand(Relation index, const VgMeta *meta, VcReadCache *cache,
							 VcStream *stream, VgRef ref, const VgQuery *query, VgHop *hop);

/* Arrays of a hop for a search (to, labels, estimates), in the current context. */
extern void vg_hop_init(VgHop *hop, const VgMeta *meta);

/* blocks that expanding reads: *ret_n from *ret_first on */
extern void vg_vertex_blocks(const VgMeta *meta, VgRef ref, BlockNumber *ret_first, uint32 *ret_n);

/*
 * The head of a slot on the first page of its group, checked: the page is that of a group, the slot exists, its count is
 * possible.  NULL: another life, or free.
 */
extern VgVertexDisk *vg_vertex_head(Relation index, const VgMeta *meta, BlockNumber blkno,
									const char *page, VgRef ref);

/* ---- writing (vertex_write.c) ---- */

/* a vertex whose list is being edited in a record */
typedef struct VgListEdit
{
	VcXlog *xlog;
	const VgMeta *meta;
	VgRef ref;
	VgVertexDisk *head; /* in the record */
} VgListEdit;

/*
 * The first page of the vertex, added to the record unless it is there already.  false: the vertex is gone or, with
 * live_only, dying (its page stays in the record).
 */
extern bool vg_list_edit(VcXlog *xlog, const VgMeta *meta, VgRef ref, bool live_only,
						 VgListEdit *ret_edit);

/* Edge i, below m, for reading and writing; adds its page to the record unless it is there. */
extern VgEdgeDisk *vg_list_edge(const VgListEdit *edit, uint32 i);

/* Will edits of this vertex's edges touch one page only? */
static inline bool
vg_list_on_one_page(const VgMeta *meta)
{
	return meta->geo.group_pages == 1 ||
		   meta->geo.edges_at + meta->geo.m * meta->geo.edge_bytes <= VG_BODY_BYTES;
}

/* signature and code of an edge */
static inline uint64 *
vg_edge_labels(const VgGeometry *geo, VgEdgeDisk *edge)
{
	return geo->labels ? (uint64 *) (edge + 1) : NULL;
}

static inline char *
vg_edge_code(const VgGeometry *geo, VgEdgeDisk *edge)
{
	return (char *) edge + geo->edge_code;
}

/* Fill an edge (of a record, or of a slot in memory). */
extern void vg_edge_set(const VgGeometry *geo, VgEdgeDisk *edge, VgRef to, float distance,
						uint32 flags, uint64 labels, const char *code);

/* A slot in memory (slot_bytes) with head, own code and vector, without edges; the vertex is LIVE. */
extern void vg_slot_compose(const VgEncoder *enc, uint64 labels, bool labels_inexact,
							char *ret_slot);

/* Edge i of a slot in memory. */
static inline VgEdgeDisk *
vg_slot_edge(const VgGeometry *geo, char *slot, uint32 i)
{
	return (VgEdgeDisk *) (slot + vg_edge_offset(geo, i));
}

/* the place of a new vertex in the tree of anchors */
typedef enum VgRole
{
	VG_ROLE_CHILD, /* `other` is its anchor, which is live */
	VG_ROLE_ROOT,  /* of an index without a root; there is no other */
	VG_ROLE_NEW_ROOT /* over `other`, the root until now, which is dying: its anchor will be the new vertex */
} VgRole;

/*
 * Put a slot (head.anchor, head.count and its edges filled in) into the index, with the row `tid`.  On return
 * *xlog holds the record's pages, uncommitted: for a root the STATE page; STRIP page; the group's first page and
 * that of `other`, in the order of locks.  The caller adds the pinned edge to ret_other's list (CHILD; the other roles are complete, their
 * pinned edge is in the slot) and commits.  Dropping the record leaves the slot free.  *xlog holds nothing before.
 * false: `other` is not what the role demands any more; the record was dropped.
 *
 * edge: of a child, the edge of other's list that the caller writes (vg_edges_place): a record has room for its page only.
 *
 * own: in and out, the group that a slot of several pages goes to, InvalidBlockNumber before the first attempt.  After
 * the last one, if none was committed, the caller gives it back; after an error VACUUM does.
 */
extern bool vg_vertex_create(Relation index, Relation heap, const VgMeta *meta, char *slot,
							 ItemPointer tid, VgRole role, VgRef other, uint32 edge,
							 BlockNumber *own, VcXlog *xlog, VgRef *ret_ref, VgListEdit *ret_other);

/*
 * A group of several pages that was taken and not used goes to the free list, if it is not there yet.  unless_running: only if
 * whoever took it is certainly not at work any more.  One record, or none.
 */
extern void vg_group_give_back(Relation index, const VgMeta *meta, BlockNumber group,
							   bool unless_running);

/*
 * VACUUM: the slot becomes free, its incarnation goes on, its group goes to the free list.  It has no rows, and
 * nobody's anchor is it.  One record.
 */
extern void vg_vertex_free(Relation index, const VgMeta *meta, VgRef ref);

/* ---- composing groups in memory (CREATE INDEX) ---- */

/* group_pages pages, one after the other, of a group without vertices */
extern void vg_group_compose(const VgGeometry *geo, char *pages, BlockNumber strip,
							 uint32 strip_first);

/* Slot `slot` of it, which begins its first life. */
extern void vg_group_put(const VgGeometry *geo, char *pages, uint32 slot, const char *bytes);

#endif
