/*
 * vchordg/format.h
 *		Everything that vchordg writes to disk, and nothing else.
 *
 * Native byte order, BLCKSZ 8192.  Every page is a core page (core/page.h).  Bodies begin at byte 64 and hold at
 * most VG_BODY_BYTES = 8064 bytes; bytes 24..63 hold a 40-byte head that depends on the page kind.
 *
 * One flat graph (Vamana).  A *vertex* is one vector with the rows of the table that have it; its *slot*
 * holds all that a search reads when it expands the vertex: the list of its neighbours with their
 * codes, and the vector.  So a hop touches the pages of one slot, for all but long vectors one page.
 * A *reference* (VgRef) names a vertex; slots are used again, so it carries the slot's incarnation,
 * and whoever follows it compares.
 *
 * File map
 *
 *	BLOCK		KIND		WHAT
 *	0			META		VgMetaDisk; immutable after the build
 *	1			STATE		VgStateDisk, then entry points (VgEdgeDisk rows of meta.edge_bytes)
 *	anywhere	VERTEX		groups of group_pages consecutive pages with group_slots slots
 *	anywhere	STRIP		chain: for each slot its table row and its place, 16 bytes; what VACUUM reads
 *	anywhere	DUPLICATE	chain a vertex: further table rows with the same vector
 *	anywhere	LABEL		chain: directory of labels (VgLabelDisk)
 *	anywhere	POSTING		chain a label: the vertices that carry it (VgRef)
 *	anywhere	(free)		tombstones, see core/recycle.h
 *
 * Vertex groups.  Either one page with group_slots slots, or group_pages pages with one slot.  They never leave their
 * kind nor their place.  A slot is one byte stream over the bodies of its pages:
 *
 *	OFFSET						SIZE		DESCRIPTION
 *	0							64			VgVertexDisk
 *	64							code_bytes	own code, padded to 8 (VgCodeDisk and sign bits)
 *	edges_at					...			`m` edges of edge_bytes, sorted by nothing; an edge never straddles a page:
 *											those of one page begin anew at the next (vg_edge_offset)
 *	row_at						row_bytes	the vector in the column's type, unrotated; padded to 8; may straddle
 *
 * Edge: VgEdgeDisk, then (with labels) uint64 label signature, then the neighbour's code as in its own
 * slot.  All codes are relative to one centre, the mean of the build (meta: centre run, f32 rotated,
 * zero for an index built empty), so they are copied, never computed again.
 *
 * Code (VgCodeDisk + bits): RaBitQ of u = rotated x - centre with 1 or 2 bits a dimension, planes one after
 * the other, VCS_CODE_BYTES(dim) each (vchordg/code.h).
 *
 * Anchors: every vertex but the root has one *anchor*, a vertex whose list names it in an edge with
 * VG_EDGE_PINNED.  Such an edge is never pruned.  Anchors form a tree, so every live vertex can be
 * reached from the root, whatever pruning, crashes and concurrent inserts do to other edges.  A vertex and
 * its pinned edge appear in one WAL record.
 *
 * Table rows: the strip entry of a slot is the only place that has the TID of its row, and DUPLICATE
 * pages those of further ones.  VACUUM clears them there, under the lock that readers take.  A vertex without rows
 * is navigated but never emitted; VACUUM then repairs its neighbourhood and frees the slot.
 *
 * Version history
 *	1	first format
 */
#ifndef VCHORDG_FORMAT_H
#define VCHORDG_FORMAT_H

#include "storage/block.h"
#include "storage/itemptr.h"

#define VG_MAGIC          0x47524356 /* "VCRG" */
#define VG_FORMAT_VERSION 1
#define VG_PAGE_ID                                                                                 \
	0xFF8B /* core owns FF80-FF82, vchordrq FF8A, vchord_bm25 FF8C, pgvector FF84 and FF90 */

/* page kinds (core/page.h reserves the free flag) */
#define VG_PAGE_META      (1 << 0)
#define VG_PAGE_STATE     (1 << 1)
#define VG_PAGE_VERTEX    (1 << 2)
#define VG_PAGE_STRIP     (1 << 3)
#define VG_PAGE_DUPLICATE (1 << 4)
#define VG_PAGE_LABEL     (1 << 5)
#define VG_PAGE_POSTING   (1 << 6)
#define VG_PAGE_CENTRE    (1 << 7)

#define VG_META_BLKNO  0
#define VG_STATE_BLKNO 1

#define VG_HEAD_OFFSET 24
#define VG_HEAD_BYTES  40
#define VG_BODY_OFFSET 64
#define VG_BODY_BYTES  8064

#define VG_MAX_M           512
#define VG_MAX_ALPHAS      8
#define VG_MAX_ENTRIES     32 /* entry points; fewer where their codes do not fit the STATE page */
#define VG_GROUP_SLOTS_MAX 64 /* bits in VgVertexHeadDisk.used */
#define VG_GROUP_PAGES_MAX 64

/* VgMetaDisk.flags */
#define VG_META_LABELS  (1 << 0) /* a second key column has labels; edges carry signatures */
#define VG_META_CENTRED (1 << 1) /* centre is not zero */
#define VG_META_AUTO_M  (1 << 2) /* m was chosen by the build */

/* a vertex, 8 bytes */
typedef struct VgRef
{
	BlockNumber group; /* first block of the vertex group; invalid = none */
	uint16 slot;
	uint16 incarnation; /* of the slot; counts lives, wraps */
} VgRef;

typedef struct VgMetaDisk
{
	uint32 magic;
	uint32 version;
	uint32 size; /* sizeof(VgMetaDisk) of the writer */
	uint32 flags;
	uint32 dim;
	uint16 type;   /* VcvType of the column */
	uint16 metric; /* VcvMetric */
	uint16 bits;   /* of a code, a dimension: 1 or 2 */
	uint16 m;      /* edges of a vertex at most */
	uint16 nalphas;
	uint16 label_type; /* VgLabelType */
	float4 alpha[VG_MAX_ALPHAS];
	uint32 ef_construction;
	uint32 beam_construction;
	uint32 group_pages; /* geometry, checked against vg_geometry_init() */
	uint32 group_slots;
	uint32 slot_bytes;
	BlockNumber centre_first; /* run of f32[dim], CENTRE pages; invalid = zero */
	uint32 centre_pages;
	float4 centre_norm2;
	float8 build_rows; /* rows indexed by the build */
	uint32 crc;        /* CRC32C of this struct with crc = 0 */
	uint32 reserved;
} VgMetaDisk;

typedef enum VgLabelType
{
	VG_LABEL_NONE = 0,
	VG_LABEL_INT2 = 1,
	VG_LABEL_INT4 = 2,
	VG_LABEL_INT2_ARRAY = 3,
	VG_LABEL_INT4_ARRAY = 4
} VgLabelType;

/* body of the STATE page; entry points follow at VG_STATE_ENTRIES_AT, VgEdgeDisk rows of edge_bytes */
typedef struct VgStateDisk
{
	VgRef root;             /* root of the tree of anchors and first entry; none = empty index */
	BlockNumber strip_head; /* chain of STRIP pages; invalid = none */
	BlockNumber strip_tail;
	BlockNumber free_group; /* list of groups with free slots, by VgVertexHeadDisk.next_free */
	BlockNumber open_group; /* group that inserts fill, or invalid */
	BlockNumber label_head; /* chain of LABEL pages */
	uint32 nlabels;         /* labels known; a label's number is its place in the directory */
	uint32 nentries;        /* rows that follow */
	uint32 dying;           /* vertices without rows that VACUUM has not freed yet, about */
	uint32 frees;           /* counts vertices freed: a search notices that ways may have moved */
} VgStateDisk;

#define VG_STATE_ENTRIES_AT 64

/* 40-byte heads at VG_HEAD_OFFSET */

/* first page of a VERTEX group; the other pages have the same struct with zeroes but for `ordinal` */
typedef struct VgVertexHeadDisk
{
	uint16 ordinal; /* page number within the group */
	uint16 free_slots;
	uint16 on_free_list;
	uint16 reserved;
	BlockNumber next_free; /* next group of the free list, or invalid */
	BlockNumber strip;     /* STRIP page of the group's slots */
	uint32 strip_first;    /* number of its first entry there */
	uint32 reserved2;
	uint64 used; /* bit i: slot i is taken */
	uint64
		claim; /* of a group of several pages in no list: next full transaction id when an insert took it */
} VgVertexHeadDisk;

/* STRIP, DUPLICATE, LABEL, POSTING, CENTRE pages */
typedef struct VgArrayHeadDisk
{
	uint32 count; /* entries in use, from the body's start */
	uint32 dead;  /* of which cleared */
	uint32 reserved[8];
} VgArrayHeadDisk;

/* VgVertexDisk.state */
#define VG_VERTEX_FREE  0
#define VG_VERTEX_LIVE  1 /* has rows, or may get them */
#define VG_VERTEX_DYING 2 /* VACUUM found it without rows: navigable, takes no new edges or rows */

/* head of a slot, 64 bytes */
typedef struct VgVertexDisk
{
	uint16 incarnation;
	uint8 state;
	uint8 posted; /* 1: the postings of its labels name it; else no further row may join it */
	uint16 count; /* edges */
	uint16
		nlabels_over; /* 1: carries labels whose bits others share, too (signature is not exact) */
	VgRef anchor;     /* none: the root */
	uint64 labels;    /* signature: bit (label number % 64) */
	float4 inverse_norm; /* 1/|x| under cosine (0 for a zero vector), else 0 */
	float4 norm2;        /* |x|^2 of the vector as indexed */
	uint32 version;      /* counts changes of the list */
	uint32 reserved2[7];
} VgVertexDisk;

/* numbers of a code; bits follow */
typedef struct VgCodeDisk
{
	float4 base; /* core/vector/rabitq.h, relative to the centre */
	float4 factor;
	float4 err;
	float4 sum; /* of the lattice values, see vchordg/code.h */
} VgCodeDisk;

/* VgEdgeDisk.flags */
#define VG_EDGE_PINNED (1 << 0) /* the anchor's edge: never pruned */

/* edge: then [uint64 label signature], then the neighbour's code (VgCodeDisk and bits) */
typedef struct VgEdgeDisk
{
	VgRef to;
	float4
		distance; /* score owner -> neighbour, as good as the builder knew it; orders and prunes only */
	uint32 flags;
} VgEdgeDisk;

/* one slot in the strip, 16 bytes */
typedef struct VgStripDisk
{
	ItemPointerData tid; /* invalid = no row */
	uint16 slot;         /* and VG_STRIP_USED */
	BlockNumber group;
	BlockNumber more; /* first DUPLICATE page, or invalid */
} VgStripDisk;

#define VG_STRIP_USED (1 << 15) /* the slot has a vertex */

#define VG_STRIPS_PER_PAGE (VG_BODY_BYTES / sizeof(VgStripDisk))

/* DUPLICATE page: TIDs, 6 bytes each, invalid = dead.  owner, incarnation of the page: those of the vertex */
#define VG_DUPLICATES_PER_PAGE (VG_BODY_BYTES / sizeof(ItemPointerData))

/* one label, 24 bytes */
typedef struct VgLabelDisk
{
	int32 label;
	uint32 vertices;          /* postings, dead ones included */
	VgRef entry;              /* a vertex that has it, where a search for it starts */
	BlockNumber posting_head; /* chain of POSTING pages */
	BlockNumber posting_tail;
} VgLabelDisk;

#define VG_LABELS_PER_PAGE   (VG_BODY_BYTES / sizeof(VgLabelDisk))
#define VG_POSTINGS_PER_PAGE (VG_BODY_BYTES / sizeof(VgRef))

#endif
