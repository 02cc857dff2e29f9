/*
 * vchordrq/format.h
 *		Everything that vchordrq writes to disk, and nothing else.
 *
 * Native byte order, BLCKSZ 8192.  Every page is a core page (core/page.h): page header, special
 * space with {next, skip, owner, incarnation, kind, page id}.  The body of every page except the
 * metapage starts at byte 64 and holds at most RQ_BODY_BYTES = 8064 bytes; bytes 24..63 hold a
 * 40-byte head whose meaning depends on the page kind.  8064 is a multiple of 64 (cache lines, the
 * split unit of codes), of 12 and of 6 (the two strip entry sizes), so none of them straddles pages.
 *
 * A *run* is a sequence of physically consecutive pages whose bodies, put end to end, are one byte
 * stream: stream offset o lies in page o / 8064 at byte 64 + o % 8064.  Positions inside a run are
 * computed, never stored.
 *
 * File map
 *
 *	BLOCK			KIND		WHAT
 *	0				META		RqMetaDisk; immutable after the build
 *	1				CHAIN		RqChainDisk[degree_of_parallelism]: open vector group, free groups
 *	...				VECTOR		groups of `group_pages` consecutive pages (coded indexes that rerank
 *								from the index only); written in heap order by the build
 *	...				LIST		one run per extent of a list (below)
 *	...				CENTROID	two runs per level: centroid rows (head + rotated f32 vector), and
 *								their squared norms (levels 1..L)
 *	...				LEVEL		one run per level: code blocks of that level's centroids
 *	...				DIRECTORY	one run: RqListDisk[lists], 63 a page
 *	anywhere later	APPEND		chain of pages with rows that arrived since the last compaction
 *	anywhere		(free)		tombstones, see core/recycle.h
 *
 * Levels.  Level 0 is the root: one centroid (the mean).  Level l's cells are grouped by parent; the
 * children of one parent start a new code block, so a parent names them by {first block, first
 * ordinal, count}.  Level L (the last) is the leaf level: its ordinal is the list number.  An index
 * with L = 0 has one list whose centroid is the root.  Code blocks of a level are relative to the
 * parent's centroid; under cosine they are codes of the centroids' directions (c/|c|), by which lists
 * are ranked.
 *
 * Code block: 32 vectors.
 *
 *	OFFSET						SIZE		DESCRIPTION
 *	0							16*G		G = ceil(dim/4) groups of 4 dimensions, 32 nibbles each, in the
 *											order of core/simd/vector/ops.h (fastscan)
 *	16*G						128			float4 base[32]
 *	16*G+128					128			float4 factor[32]
 *	16*G+256					64			half err[32], rounded up
 *	16*G+320					-			zero padding to a multiple of 64
 *
 * A block may be cut by a page end at any multiple of 64 bytes (16 dimensions).  With e the estimate
 * of <sign code, rotated query>: L2 rough = base + dc - 2*factor*e, dot rough = base + dc - factor*e,
 * where dc is the exact distance (L2 squared or negative dot) of the query to the centroid the codes
 * are relative to (residual), else |q|^2 or 0.  See core/vector/rabitq.h.
 *
 * List extent: a run of segments.  A segment holds up to RQ_SEGMENT_ROWS = 8064 rows and starts at a
 * page boundary:
 *
 *	coded index				strip[rows] padded to 64, then code blocks [ceil(rows/32)]
 *	exact index (low dim)	strip[rows] padded to 64, then f32 rows, never cut by a page end
 *
 * The strip is the identity of the rows and the only part of a run that changes in place: VACUUM
 * makes a row dead by clearing its TID.  Readers score codes first and look survivors up in the
 * strip.  VACUUM reads strips only: 12 (or 6) bytes a row.
 *
 * Strip entry (12 bytes: RqStripDisk; 6 bytes: only the TID, when vectors are not kept in groups).
 *
 * Vector group: `group_pages` consecutive pages with `group_slots` slots of `slot_bytes`, as one byte
 * stream; chosen at CREATE INDEX so that few bytes are wasted while a vector touches <= 1.4 pages on
 * average (rq_geometry).  Slot: TID, flags, [inverse norm, cosine only], the row of the column's value
 * (core/vector/types.h): elements, unrotated; of a quantised value, which is rotated and has no inverse
 * norm here, head and codes.  A slot whose TID is invalid is free.
 *
 * Version history
 *	1	first format
 */
#ifndef VCHORDRQ_FORMAT_H
#define VCHORDRQ_FORMAT_H

#include "storage/block.h"
#include "storage/itemptr.h"

#define RQ_MAGIC          0x51524356 /* "VCRQ" */
#define RQ_FORMAT_VERSION 1
#define RQ_PAGE_ID        0xFF8A /* core owns FF80-FF82, pgvector FF84 and FF90 */

/* page kinds (core/page.h reserves the free flag) */
#define RQ_PAGE_META      (1 << 0)
#define RQ_PAGE_CHAIN     (1 << 1)
#define RQ_PAGE_VECTOR    (1 << 2)
#define RQ_PAGE_LIST      (1 << 3)
#define RQ_PAGE_CENTROID  (1 << 4)
#define RQ_PAGE_LEVEL     (1 << 5)
#define RQ_PAGE_DIRECTORY (1 << 6)
#define RQ_PAGE_APPEND    (1 << 7)

#define RQ_META_BLKNO  0
#define RQ_CHAIN_BLKNO 1

#define RQ_HEAD_OFFSET 24
#define RQ_HEAD_BYTES  40
#define RQ_BODY_OFFSET 64
#define RQ_BODY_BYTES  8064
#define RQ_SPLIT_BYTES 64

#define RQ_BLOCK_ROWS       32
#define RQ_BLOCK_META_BYTES 320
#define RQ_SEGMENT_ROWS     8064 /* multiple of 32; its strip fills 12 (or 6) pages exactly */

#define RQ_MAX_LEVELS      8 /* list levels below the root */
#define RQ_MAX_LISTS       (1 << 24)
#define RQ_MAX_CHAINS      256
#define RQ_MAX_EXTENTS     2 /* the bulk of a list, and what came since */
#define RQ_MAX_RETIRED     4 /* both extents, the append chain, a run being written */
#define RQ_MAX_GROUP_PAGES 8
#define RQ_GROUP_SLOTS_MAX 224 /* bits in RqVectorHeadDisk.used */

/* RqMetaDisk.flags */
#define RQ_META_RESIDUAL  (1 << 0) /* leaf codes are relative to the leaf centroid */
#define RQ_META_IN_TABLE  (1 << 1) /* rerank_in_table: no vectors in the index */
#define RQ_META_EXACT     (1 << 2) /* low dimension: f32 rows in the lists, no codes */
#define RQ_META_SPHERICAL (1 << 3) /* centroids were normalised */
#define RQ_META_AUTOMATIC (1 << 4) /* lists were chosen by the build, not by the user */
#define RQ_META_MAXSIM    (1 << 5) /* rows are tokens of arrays: several may have one TID */

/* one level of the tree, 32 bytes */
typedef struct RqLevelDisk
{
	uint32 cells;           /* centroids at this level */
	BlockNumber code_first; /* LEVEL run; invalid for level 0 */
	uint32 code_blocks;     /* 32-code blocks in it, partial ones included */
	uint32 code_pages;
	BlockNumber centroid_first; /* CENTROID run: `cells` rows */
	uint32 centroid_pages;
	BlockNumber norm_first; /* run of float4 |c|^2, one a centroid; invalid for level 0 */
	uint32 norm_pages;
} RqLevelDisk;

typedef struct RqMetaDisk
{
	uint32 magic;
	uint32 version;
	uint32 size; /* sizeof(RqMetaDisk) of the writer */
	uint32 flags;
	uint32 dim;
	uint16 type;        /* VcvType: element type of the column */
	uint16 metric;      /* VcvMetric */
	uint16 levels;      /* L: list levels below the root, 0..8 */
	uint16 chains;      /* degree_of_parallelism */
	uint16 group_pages; /* geometry of vector groups; 0 when there are none */
	uint16 group_slots;
	uint32 slot_bytes;
	uint32 lists; /* leaf lists = cells of level L */
	BlockNumber directory_first;
	uint32 directory_pages;
	float8 build_rows;   /* rows indexed by the build */
	float4 build_radius; /* rms distance of a row to its leaf centroid */
	uint32 crc;          /* CRC32C of this struct with crc = 0 */
	uint64 build_seed;
	float4 build_spread; /* sqrt(2 * summed variance of the leaf centroids' coordinates) */
	float4 build_norm;   /* 99.9th percentile of |x| over the training sample (1 for cosine) */
	RqLevelDisk level[RQ_MAX_LEVELS + 1];
} RqMetaDisk;

/* 40-byte heads at RQ_HEAD_OFFSET; `used` = bytes of the body in use */

/* LIST, CENTROID, LEVEL, DIRECTORY pages */
typedef struct RqRunHeadDisk
{
	uint32 crc;      /* CRC32C of body bytes [crc_from, used) */
	uint16 crc_from; /* = used where nothing is immutable */
	uint16 used;
	uint32 ordinal; /* page number within the run */
	uint32 reserved[7];
} RqRunHeadDisk;

/* APPEND pages */
typedef struct RqAppendHeadDisk
{
	uint32 rows;   /* rows in this page, dead ones included */
	uint32 dead;   /* of which VACUUM cleared the TID */
	uint32 closed; /* 1 = compaction closed the chain at this page: append elsewhere */
	uint32 reserved[7];
} RqAppendHeadDisk;

/* first page of a VECTOR group; the other pages carry the same struct with zeroes but for `ordinal` */
typedef struct RqVectorHeadDisk
{
	uint32 ordinal; /* page number within the group */
	uint16 free_slots;
	uint16 on_free_list;                  /* 1 while some chain's free list holds this group */
	BlockNumber next_free;                /* next group of that list, or invalid */
	uint32 used[RQ_GROUP_SLOTS_MAX / 32]; /* bit i: slot i is taken */
} RqVectorHeadDisk;

/* body of the CHAIN page: one entry a chain */
typedef struct RqChainDisk
{
	BlockNumber open_group; /* group that inserts of this chain fill, or invalid */
	BlockNumber free_group; /* head of the list of groups in which VACUUM freed slots */
} RqChainDisk;

/* head of a centroid row; f32 rotated centroid[dim] follows; rows are padded to 64 bytes */
typedef struct RqCentroidDisk
{
	float4 norm2;       /* |c|^2 */
	float4 radius;      /* rms distance of the rows below it at build time */
	float4 radius_max;  /* largest such distance */
	uint32 child_first; /* ordinal of the first child at the next level; leaf: list number */
	uint32 child_count; /* leaf: 0 */
	uint32 child_block; /* first code block of the children in the next level's LEVEL run */
	uint32 rows;        /* rows below it at build time */
	uint32 reserved;
} RqCentroidDisk;

typedef struct RqExtentDisk
{
	BlockNumber first;  /* first page of the run; invalid = unused entry */
	uint32 rows;        /* rows, dead ones included */
	uint32 dead;        /* rows whose TID was cleared */
	uint32 incarnation; /* every page of the run carries it, and the list number as owner */
} RqExtentDisk;

typedef struct RqRetiredDisk
{
	BlockNumber first;  /* run that is not or no longer part of the list, to be freed */
	uint32 pages;       /* 0 = unused entry; RQ_RETIRED_CHAIN = chain of APPEND pages */
	uint32 incarnation; /* of its pages */
} RqRetiredDisk;

#define RQ_RETIRED_CHAIN UINT32_MAX

/* RqListDisk.flags */
#define RQ_LIST_RADIUS (1 << 0) /* inserts keep `radius` true; it never shrinks */

/* one leaf list, 128 bytes, 63 a page */
typedef struct RqListDisk
{
	uint32 next_incarnation;
	uint32 flags;
	RqExtentDisk extent[RQ_MAX_EXTENTS];
	BlockNumber append_head; /* rows since the last compaction; invalid = none */
	BlockNumber append_tail;
	uint32 append_pages;
	uint32 append_incarnation;
	BlockNumber sealed_head; /* append chain closed by a compaction under way; part of the list */
	uint32 sealed_pages;
	uint32 sealed_incarnation;
	float4 radius; /* with RQ_LIST_RADIUS: no row is farther from the centroid */
	RqRetiredDisk retired[RQ_MAX_RETIRED];
	uint32 reserved2[2];
} RqListDisk;

#define RQ_LISTS_PER_PAGE (RQ_BODY_BYTES / sizeof(RqListDisk))

/* identity of a row in a list whose vectors are kept in groups */
typedef struct RqStripDisk
{
	ItemPointerData tid; /* invalid = dead */
	uint16 slot;         /* slot number within the group */
	BlockNumber group;   /* first block of the vector group */
} RqStripDisk;

/* head of an appended row of a coded index; uint64 code[ceil(dim/64)] follows */
typedef struct RqAppendRowDisk
{
	RqStripDisk strip; /* group and slot are invalid/0 with RQ_META_IN_TABLE */
	float4 base;
	float4 factor;
	float4 err;
} RqAppendRowDisk;

/* head of an appended row of an exact index; float4 vector[dim] follows, padded to 8 bytes */
typedef struct RqAppendExactDisk
{
	ItemPointerData tid;
	uint16 token; /* as in RqSlotDisk */
} RqAppendExactDisk;

/* head of a vector slot; [float4 inverse norm], the value's row follow; padded to 4 bytes */
typedef struct RqSlotDisk
{
	ItemPointerData tid; /* invalid = free */
	uint16 token;        /* number of the vector in its array (RQ_META_MAXSIM), else 0 */
} RqSlotDisk;

#endif
