/*
 * vchordrq/inspect.h
 *		What the files of vchordrq_index_check share.
 *
 *	inspect_check.c		the function: blocks, groups, free lists, accounting
 *	inspect_tree.c		levels: child ranges, codes of centroids
 *	inspect_lists.c		directory, extents, chains, rows, comparison with the table
 */
#ifndef VCHORDRQ_INSPECT_H
#define VCHORDRQ_INSPECT_H

#include "core/heapfetch.h"
#include "core/inspect.h"
#include "core/tid.h"
#include "core/vector/rabitq.h"
#include "core/vector/tokens.h"

#include "vchordrq/encode.h"
#include "vchordrq/meta.h"
#include "vchordrq/segment.h"

/* what the check knows of a block: flags */
#define RQ_BLOCK_LIVE    (1 << 0) /* a sound page that is not free, when the blocks were scanned */
#define RQ_BLOCK_BAD     (1 << 1) /* damaged, and reported */
#define RQ_BLOCK_CLAIMED (1 << 2) /* part of the structure */

/* a vector group, as of the scan of the blocks */
typedef struct RqGroupCheck
{
	uint32 used[RQ_GROUP_SLOTS_MAX / 32];
	uint32 seen[RQ_GROUP_SLOTS_MAX / 32]; /* slots that a row of a list names */
	uint16 free_slots;
	bool on_free_list;
	bool broken; /* a page is missing: its slots cannot be read */
	bool open;   /* some chain fills it */
	int listed;  /* number of the walk that found it on a free list */
} RqGroupCheck;

typedef struct RqCheck
{
	Relation index;
	RqMeta meta;
	VcInspect inspect;
	VcReport report;
	MemoryContext context;
	BufferAccessStrategy strategy;
	BlockNumber nblocks;   /* when the check began; later blocks are not looked at */
	uint8 *blocks;         /* [nblocks] flags */
	RqGroupCheck **groups; /* [nblocks] by first block, or NULL; NULL if vectors are not grouped */
	char *page;            /* copy of the page being looked at, aligned */
	VcKeySet *tids;
	bool lists_damaged; /* some rows were not seen */

	/* rows against the table; fetch is NULL if not asked for */
	VcHeapFetch *fetch;
	RqEncoder *encoder;
	float *centroid;   /* [dim] of the list at hand */
	uint32 list_flags; /* of its directory entry */
	float list_radius;
	float *scratch;       /* [dim] */
	char *slot;           /* [slot_bytes] */
	char *expected;       /* [slot_bytes] */
	VcvTokens tokens;     /* of the row at hand, in an index over arrays */
	uint64 vectors_seen;  /* in the index, of rows that the snapshot sees (index over arrays) */
	uint64 vectors_asked; /* in the table */

	/* what is no damage, but worth a notice */
	uint64 leaked_pages;
	uint64 lost_vectors;
	uint64 unreachable_slots;
} RqCheck;

/* a code with its factors, as stored; err either as a half or, in appended rows, as f32 */
typedef struct RqStoredCode
{
	const uint64 *code;
	float base;
	float factor;
	float err;
	bool half;
} RqStoredCode;

/*----- inspect_check.c -----*/

/*
 * Copy a block to c->page.  False if the page is damaged (reported once, by the scan of the blocks),
 * was never written or does not exist (reported here: something refers to it).
 */
extern bool rq_check_load(RqCheck *c, BlockNumber block);

/* The block is part of the structure; a second claim is a finding. */
extern void rq_check_claim(RqCheck *c, BlockNumber block);

/*
 * Is the block the first page of a vector group now?  For references to groups that the scan of the
 * blocks did not find: inserters may have made them since.
 */
extern bool rq_check_is_group(RqCheck *c, BlockNumber block);

/*
 * Load and claim a page of a run and check its head: kind, owner, incarnation, ordinal, bytes in use,
 * and the CRC of those from crc_from on.  False with a finding.
 */
extern bool rq_check_run_page(RqCheck *c, const RqRun *run, uint32 ordinal, uint32 crc_from,
							  uint32 used);

/* the same for all pages of a run with `bytes` bytes, all of them immutable */
extern bool rq_check_run(RqCheck *c, const RqRun *run, uint64 bytes);

/* What a row is known by in RqCheck.tids: its TID, and in an index over arrays the vector's number. */
static inline uint64
rq_check_key(const RqCheck *c, const ItemPointerData *tid, uint32 token)
{
	uint64 key = vc_tid_key(tid);

	return rq_meta_has(&c->meta, RQ_META_MAXSIM) ? key << 16 | token : key;
}

/*
 * Does the stored code belong to u (rotated; relative to `centroid` unless that is NULL)?  NULL, or
 * what differs.  Float sums depend on the instruction set: differences that rounding explains are none.
 */
extern const char *rq_check_code(RqCheck *c, const float *u, const float *centroid,
								 const RqStoredCode *stored);

/*----- inspect_tree.c -----*/

extern void rq_check_tree(RqCheck *c);

/*----- inspect_lists.c -----*/

extern void rq_check_lists(RqCheck *c);

/* the access method of an inspection */
extern void rq_inspect_begin(Oid index, VcInspectRight right, LOCKMODE lockmode, bool heap_scan,
							 VcInspect *ret_inspect);

#endif
