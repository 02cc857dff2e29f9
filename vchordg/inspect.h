/*
 * vchordg/inspect.h
 *		What the files of vchordg_index_check() share, and opening an index to look at it.
 *
 * Nothing here raises an error for what it finds on a page: pages are copied under a share lock, looked at, and
 * what is wrong goes to the report.
 */
#ifndef VCHORDG_INSPECT_H
#define VCHORDG_INSPECT_H

#include "storage/lockdefs.h"

#include "core/heapfetch.h"
#include "core/inspect.h"

#include "vchordg/code.h"
#include "vchordg/labels.h"

/* VgCheck.blocks */
#define VG_BLOCK_LIVE    (1 << 0) /* a page that is not a tombstone */
#define VG_BLOCK_BAD     (1 << 1) /* no page of ours; has been reported */
#define VG_BLOCK_CLAIMED (1 << 2) /* something refers to it */

/* VgVertexCheck.mark */
#define VG_MARK_PINNED  (1 << 0) /* the list of its anchor names it */
#define VG_MARK_ON_PATH (1 << 1)
#define VG_MARK_REACHED (1 << 2)
#define VG_MARK_LOST    (1 << 3)

/* a vertex as the scan of the blocks found it */
typedef struct VgVertexCheck
{
	VgRef anchor;
	uint64 labels;
	uint64 posted; /* bits of the labels in whose postings it is */
	uint32 crc;    /* of its code and signature, as edges repeat them */
	uint16 incarnation;
	uint8 state;
	uint8 mark;
} VgVertexCheck;

typedef struct VgGroupCheck
{
	uint64 used;
	uint64 named; /* slots that a strip entry names */
	BlockNumber strip;
	uint32 strip_first;
	uint16 free_slots;
	bool on_free_list;
	bool open;
	bool broken; /* its pages are not all there */
	int listed;  /* walk of the free list that found it */
	VgVertexCheck vertices[FLEXIBLE_ARRAY_MEMBER];
} VgGroupCheck;

/* a label and its number in the directory; sorted by label */
typedef struct VgLabelCheck
{
	int32 label;
	uint32 number;
} VgLabelCheck;

typedef struct VgCheck
{
	VcReport report;
	VcInspect inspect;
	Relation index;
	VgMeta meta;
	BufferAccessStrategy strategy;
	MemoryContext context;
	BlockNumber nblocks; /* when the check began */
	uint8 *blocks;       /* [nblocks] */
	VgGroupCheck **groups;
	char *page;        /* the page loaded last */
	char *group;       /* [group_pages] pages of a vertex group */
	char *slot;        /* a slot that was put together from several pages */
	VgStateDisk state; /* at the beginning */
	bool have_state;
	bool damaged; /* something could not be read: what it leads to is no finding */

	VgLabelCheck *labels;
	uint32 nlabels;

	VcKeySet *tids;
	/* with heapallindexed */
	VcHeapFetch *fetch;
	VgEncoder *encoder;

	uint64 stale_edges;
	uint64 leaked_pages;
	uint64 unreachable_slots;
	uint64 dying;
} VgCheck;

/* Opens an index of ours; heap_scan as VcInspectSpec has it. */
extern void vg_inspect_begin(Oid index, VcInspectRight right, LOCKMODE lockmode, bool heap_scan,
							 VcInspect *ret_inspect);

/*----- inspect_check.c -----*/

/*
 * Copy a block of this kind to c->page.  False, and reported, if it is damaged, of another kind, a tombstone, or does
 * not exist.
 */
extern bool vg_check_load(VgCheck *c, BlockNumber block, uint16 kind);

/* The block is part of the structure; a second claim is a finding, and false. */
extern bool vg_check_claim(VgCheck *c, BlockNumber block);

/* Entries of the array on c->page, at most `most` of `bytes` each; 0 with a finding. */
extern uint32 vg_check_count(VgCheck *c, BlockNumber block, uint32 most, Size bytes);

/* What the scan of the blocks knows about a vertex; NULL: the slot was free or has another life by now. */
extern VgVertexCheck *vg_check_vertex(const VgCheck *c, VgRef ref);

/* Is this a reference to a place where a vertex can be at all?  Finds what is damaged, not what is gone. */
extern bool vg_check_ref(VgCheck *c, VgRef ref);

/* Pages of a group to c->group; false if one is damaged (reported by the scan). */
extern bool vg_check_load_group(VgCheck *c, BlockNumber block);

/* A slot of the group in c->group as one stream of bytes. */
extern const char *vg_check_slot(VgCheck *c, uint32 slot);

/* CRC of what edges repeat of a vertex */
extern uint32 vg_check_code_crc(const VgCheck *c, const char *code, uint64 labels);

/*----- inspect_graph.c: lists and the tree of anchors -----*/

extern void vg_check_graph(VgCheck *c);

/*----- inspect_rows.c: strip, duplicates, labels -----*/

extern void vg_check_labels(VgCheck *c);
extern void vg_check_rows(VgCheck *c);

#endif
