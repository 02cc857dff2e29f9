/*
 * vchordrq/inspect_check.c
 *		vchordrq_index_check(): is the index what format.h says, and does it hold the table?
 *
 * Order:
 *
 *	1. all blocks are read once: pages that are no pages, vector groups and their bitmaps
 *	2. the tree, then directory, lists and rows; what they refer to is claimed, once
 *	3. the lists of groups with free slots
 *	4. accounting: used slots that no row names, live pages that nothing refers to
 *	5. the table, if asked for: every row that the snapshot sees is in the index (in step 2, each row of
 *	   the index that the snapshot sees was encoded again and compared)
 *
 * Concurrency: VACUUM, which alone moves or frees things, is kept out by the lock; inserts go on.  A
 * slot that step 1 saw in use had its row in a list before step 2 (one record holds both), and rows
 * are newer than bitmaps; groups that step 1 did not know are looked at again.  On a standby nothing keeps replay
 * out: findings there count only if they stay.
 *
 * No finding: what a crash may leave behind without harm (pages that nothing refers to, rows whose
 * vectors an interrupted VACUUM freed).  Such things are counted in a NOTICE.
 *
 * Memory: a byte, a pointer and about 60 bytes a vector group for each page; TIDs within
 * maintenance_work_mem.  Locks: one page at a time, share; pages are copied before they are looked at.
 */
#include "postgres.h"

#include "vchordrq/inspect.h"

#include <math.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "core/attrs.h"
#include "core/buf.h"
#include "core/meta.h"
#include "core/report.h"
#include "core/tid.h"

#include "vchordrq/am.h"
#include "vchordrq/vectors.h"

/* a walk along free lists that inserters change is begun again this often */
#define MAX_WALKS 10

void
rq_inspect_begin(Oid index, VcInspectRight right, LOCKMODE lockmode, bool heap_scan,
				 VcInspect *ret_inspect)
{
	const VcInspectSpec spec = {"vchordrq", rq_ambeginscan, right, lockmode, heap_scan, heap_scan};

	vc_inspect_begin(index, &spec, ret_inspect);
}

/*----- pages -----*/

bool
rq_check_load(RqCheck *c, BlockNumber block)
{
	if (block >= c->nblocks && block >= RelationGetNumberOfBlocks(c->index))
	{
		vc_report_add(&c->report, block, "the block does not exist");
		return false;
	}
	if (block < c->nblocks && (c->blocks[block] & RQ_BLOCK_BAD) != 0)
		return false;
	vc_inspect_copy_page(c->index, block, c->strategy, c->page);
	if (vc_page_is_new(c->page))
	{
		vc_report_add(&c->report, block, "page was never written");
		return false;
	}
	/* the scan of the blocks has reported it, unless it broke since */
	return vc_page_problem(c->page) == NULL;
}

void
rq_check_claim(RqCheck *c, BlockNumber block)
{
	if (block >= c->nblocks)
		return;
	if ((c->blocks[block] & RQ_BLOCK_CLAIMED) != 0)
		vc_report_add(&c->report, block, "page is used twice");
	c->blocks[block] |= RQ_BLOCK_CLAIMED;
}

bool
rq_check_run_page(RqCheck *c, const RqRun *run, uint32 ordinal, uint32 crc_from, uint32 used)
{
	BlockNumber block = run->first + ordinal;
	const RqRunHeadDisk *head = (const RqRunHeadDisk *) (c->page + RQ_HEAD_OFFSET);
	const VcPageOpaque *opaque = vc_page_opaque_read(c->page);
	pg_crc32c crc;

	rq_check_claim(c, block);
	if (!rq_check_load(c, block))
		return false;
	if ((opaque->kind & VC_PAGE_KIND_MASK) != run->kind || vc_page_is_free(c->page))
		vc_report_add(&c->report, block, "page is of kind %04x, expected %04x", opaque->kind,
					  run->kind);
	else if (!vc_page_is_of(c->page, run->owner, run->incarnation))
		vc_report_add(&c->report, block, "page belongs to %u/%u, expected %u/%u", opaque->owner,
					  opaque->incarnation, run->owner, run->incarnation);
	else if (head->ordinal != ordinal)
		vc_report_add(&c->report, block, "page is number %u of its run, expected %u", head->ordinal,
					  ordinal);
	else if (head->used != used || head->crc_from != crc_from ||
			 ((const PageHeaderData *) c->page)->pd_lower != RQ_BODY_OFFSET + used)
		vc_report_add(&c->report, block, "page holds %u bytes from %u on, expected %u from %u",
					  head->used, head->crc_from, used, crc_from);
	else
	{
		INIT_CRC32C(crc);
		COMP_CRC32C(crc, c->page + RQ_BODY_OFFSET + crc_from, used - crc_from);
		FIN_CRC32C(crc);
		if (crc == head->crc)
			return true;
		vc_report_add(&c->report, block, "checksum of the immutable part does not match");
	}
	return false;
}

bool
rq_check_run(RqCheck *c, const RqRun *run, uint64 bytes)
{
	bool ok = true;

	for (uint32 ordinal = 0; ordinal < run->pages; ordinal++)
	{
		uint64 at = (uint64) ordinal * RQ_BODY_BYTES;

		CHECK_FOR_INTERRUPTS();
		ok &= rq_check_run_page(c, run, ordinal, 0,
								at < bytes ? (uint32) Min(bytes - at, RQ_BODY_BYTES) : 0);
	}
	return ok;
}

/*----- codes -----*/

/*
 * Equal up to rounding: sums of f32 in another order differ by about sqrt(n) * 2^-24 of their scale,
 * which for 16,000 terms is below this.
 */
static bool
is_close(float a, float b, float scale)
{
	return memcmp(&a, &b, sizeof(a)) == 0 || fabsf(a - b) <= 1e-5f * scale;
}

static bool
err_is_close(const RqStoredCode *stored, float err, float norm)
{
	VcvHalf a;
	VcvHalf b;

	if (!stored->half)
		return is_close(stored->err, err, err + norm);
	/* halves that are not negative are ordered like their bits */
	a = vcv_half_up(stored->err);
	b = vcv_half_up(err);
	return a <= b + 1 && b <= a + 1;
}

const char *
rq_check_code(RqCheck *c, const float *u, const float *centroid, const RqStoredCode *stored)
{
	uint32 dim = c->meta.geo.dim;
	uint64 *code = palloc0(c->meta.geo.code_words * sizeof(uint64));
	float norm = sqrtf(vcs_vector_ops.norm2_f32(u, dim));
	float centroid_norm = centroid ? sqrtf(vcs_vector_ops.norm2_f32(centroid, dim)) : 0;
	VcvFactors factors;
	const char *what = NULL;

	vcv_rabitq_encode(u, centroid, dim, (VcvMetric) c->meta.disk.metric, (uint8 *) code, &factors);
	for (uint32 word = 0; word < c->meta.geo.code_words && what == NULL; word++)
	{
		uint64 differ = code[word] ^ stored->code[word];

		while (differ != 0)
		{
			uint32 i = word * 64 + pg_rightmost_one_pos64(differ);

			differ &= differ - 1;
			/* a coordinate that rounding may have moved over zero */
			if (i >= dim || !(fabsf(u[i]) <= 1e-6f * (norm + centroid_norm)))
				what = "code";
		}
	}
	if (what == NULL &&
		!is_close(stored->base, factors.base, norm * norm + 2.5f * norm * centroid_norm))
		what = "base";
	if (what == NULL && !is_close(stored->factor, factors.factor, fabsf(factors.factor)))
		what = "factor";
	if (what == NULL && !err_is_close(stored, factors.err, norm))
		what = "error bound";
	pfree(code);
	return what;
}

/*----- step 1: blocks and groups -----*/

static void
add_group(RqCheck *c, BlockNumber block)
{
	const RqVectorHeadDisk *head = (const RqVectorHeadDisk *) (c->page + RQ_HEAD_OFFSET);
	const RqGeometry *geo = &c->meta.geo;
	uint32 nused = 0;
	RqGroupCheck *group;

	for (uint32 slot = 0; slot < RQ_GROUP_SLOTS_MAX; slot++)
	{
		if ((head->used[slot / 32] & (1u << slot % 32)) == 0)
			continue;
		nused++;
		if (slot >= geo->group_slots)
		{
			vc_report_add(&c->report, block, "slot %u of %u is in use", slot, geo->group_slots);
			return;
		}
	}
	/* allocated and not set up when the server stopped */
	if (nused == 0 && head->free_slots == 0)
		return;
	if (nused + head->free_slots != geo->group_slots)
	{
		vc_report_add(&c->report, block, "vector group has %u slots in use and %u free, of %u",
					  nused, head->free_slots, geo->group_slots);
		return;
	}
	if (geo->group_pages > c->nblocks - block)
	{
		vc_report_add(&c->report, block, "vector group goes beyond the end of the index");
		return;
	}
	group = palloc0(sizeof(RqGroupCheck));
	memcpy(group->used, head->used, sizeof(group->used));
	group->free_slots = head->free_slots;
	group->on_free_list = head->on_free_list != 0;
	c->groups[block] = group;
	/* without any use it counts once a chain refers to it */
	if (nused > 0)
		rq_check_claim(c, block);
}

static void
scan_vector_page(RqCheck *c, BlockNumber block)
{
	uint32 ordinal = ((const RqVectorHeadDisk *) (c->page + RQ_HEAD_OFFSET))->ordinal;

	if (!vc_page_is_of(c->page, 0, 0) || vc_page_opaque_read(c->page)->next != InvalidBlockNumber)
		vc_report_add(&c->report, block, "vector page has an owner or a successor");
	if (c->groups == NULL)
		vc_report_add(&c->report, block, "vector page in an index without vectors");
	else if (ordinal == 0)
		add_group(c, block);
	else if (ordinal < c->meta.geo.group_pages && ordinal <= block &&
			 c->groups[block - ordinal] != NULL)
		rq_check_claim(c, block);
}

static void
scan_blocks(RqCheck *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		const char *problem;

		CHECK_FOR_INTERRUPTS();
		vc_inspect_copy_page(c->index, block, c->strategy, c->page);
		if (vc_page_is_new(c->page))
			continue;
		problem = vc_page_problem(c->page);
		if (problem != NULL)
		{
			vc_report_add(&c->report, block, "%s", problem);
			c->blocks[block] |= RQ_BLOCK_BAD;
			continue;
		}
		if (((const PageHeaderData *) c->page)->pd_upper != VC_PAGE_SPECIAL)
			vc_report_add(&c->report, block, "page ends at byte %u",
						  ((const PageHeaderData *) c->page)->pd_upper);
		if (!vc_page_hole_is_zero(c->page))
			vc_report_add(&c->report, block, "the free space is not zero");
		if (vc_page_is_free(c->page))
			continue;
		c->blocks[block] |= RQ_BLOCK_LIVE;
		if ((vc_page_opaque_read(c->page)->kind & RQ_PAGE_VECTOR) != 0)
			scan_vector_page(c, block);
	}
}

/* c->page holds page `ordinal` of a vector group */
static bool
is_group_page(const RqCheck *c, uint32 ordinal)
{
	return !vc_page_is_free(c->page) &&
		   (vc_page_opaque_read(c->page)->kind & RQ_PAGE_VECTOR) != 0 &&
		   ((const RqVectorHeadDisk *) (c->page + RQ_HEAD_OFFSET))->ordinal == ordinal;
}

bool
rq_check_is_group(RqCheck *c, BlockNumber block)
{
	return c->groups != NULL && rq_check_load(c, block) && is_group_page(c, 0);
}

/* All pages of the groups are there; one that was being made during the scan is looked at again. */
static void
check_group_pages(RqCheck *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		if (c->groups[block] == NULL)
			continue;
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 1; i < c->meta.geo.group_pages; i++)
		{
			if ((c->blocks[block + i] & RQ_BLOCK_CLAIMED) != 0)
				continue;
			if (rq_check_load(c, block + i) && is_group_page(c, i))
			{
				rq_check_claim(c, block + i);
				continue;
			}
			vc_report_add(&c->report, block + i, "page is not number %u of its vector group", i);
			c->groups[block]->broken = true;
			c->lists_damaged = true;
			break;
		}
	}
}

/*----- step 3: free lists -----*/

/* The group is in use by a chain; false if the scan did not find it, as it is then newer. */
static bool
was_scanned(const RqCheck *c, BlockNumber block)
{
	return block < c->nblocks && c->groups[block] != NULL;
}

/* Walk all free lists; false with *ret_block and *ret_what if something is wrong. */
static bool
walk_free_lists(RqCheck *c, int walk, BlockNumber *ret_block, const char **ret_what)
{
	const RqVectorHeadDisk *head = (const RqVectorHeadDisk *) (c->page + RQ_HEAD_OFFSET);
	RqChainDisk entries[RQ_MAX_CHAINS];
	uint32 bytes = c->meta.disk.chains * sizeof(RqChainDisk);

	if (!rq_check_load(c, RQ_CHAIN_BLKNO))
		return true;
	memcpy(entries, c->page + RQ_BODY_OFFSET, bytes);
	for (uint32 i = 0; i < c->meta.disk.chains; i++)
	{
		BlockNumber block = entries[i].open_group;

		*ret_block = block;
		*ret_what = "is no vector group";
		if (block != InvalidBlockNumber)
		{
			if (!rq_check_is_group(c, block))
				return false;
			if (was_scanned(c, block))
				c->groups[block]->open = true;
		}
		for (block = entries[i].free_group; block != InvalidBlockNumber; block = head->next_free)
		{
			CHECK_FOR_INTERRUPTS();
			*ret_block = block;
			*ret_what = "is no vector group";
			if (!rq_check_is_group(c, block))
				return false;
			*ret_what = "is on a free list, but does not know it";
			if (head->on_free_list != 1)
				return false;
			if (!was_scanned(c, block))
				continue;
			*ret_what = "is on free lists twice";
			if (c->groups[block]->listed == walk)
				return false;
			c->groups[block]->listed = walk;
		}
	}
	return true;
}

static void
check_free_lists(RqCheck *c)
{
	BlockNumber where = InvalidBlockNumber;
	const char *what = NULL;
	int walk = 1;

	while (!walk_free_lists(c, walk, &where, &what))
	{
		if (++walk <= MAX_WALKS)
			continue;
		vc_report_add(&c->report, where, "block %s", what);
		return;
	}
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		RqGroupCheck *group = c->groups[block];
		bool used;

		if (group == NULL)
			continue;
		CHECK_FOR_INTERRUPTS();
		used = (c->blocks[block] & RQ_BLOCK_CLAIMED) != 0;
		/* a group without any row belongs to the index by way of a chain */
		if (group->open || group->listed == walk || group->on_free_list)
		{
			if (!used)
				rq_check_claim(c, block);
		}
		if (group->open || group->listed == walk)
			continue;
		if (group->on_free_list)
		{
			const RqVectorHeadDisk *head = (const RqVectorHeadDisk *) (c->page + RQ_HEAD_OFFSET);

			/* an inserter may have taken it off since */
			if (rq_check_is_group(c, block) && head->on_free_list)
				vc_report_add(&c->report, block, "vector group is missing on its free list");
		}
		else if (used)
			c->unreachable_slots += group->free_slots;
	}
}

/*----- step 4: accounting -----*/

static void
check_orphan_slots(RqCheck *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		RqGroupCheck *group = c->groups[block];
		uint32 orphans = 0;

		if (group == NULL)
			continue;
		for (uint32 i = 0; i < lengthof(group->used); i++)
			orphans += pg_popcount32(group->used[i] & ~group->seen[i]);
		if (orphans > 0)
			vc_report_add(&c->report, block, "%u vectors of the group belong to no row", orphans);
	}
}

static void
count_leaks(RqCheck *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
		c->leaked_pages += (c->blocks[block] & (RQ_BLOCK_LIVE | RQ_BLOCK_CLAIMED)) == RQ_BLOCK_LIVE;
}

static void
give_notices(const RqCheck *c)
{
	if (c->leaked_pages > 0)
		ereport(NOTICE,
				(errmsg("%llu pages of index \"%s\" belong to nothing",
						(unsigned long long) c->leaked_pages, RelationGetRelationName(c->index)),
				 errdetail("A crash left them behind; REINDEX gives them back.")));
	if (c->lost_vectors > 0)
		ereport(NOTICE,
				(errmsg("%llu rows of index \"%s\" have no vector any more",
						(unsigned long long) c->lost_vectors, RelationGetRelationName(c->index)),
				 errdetail("An interrupted VACUUM left them behind; the next one removes "
						   "them.")));
	if (c->unreachable_slots > 0)
		ereport(
			DEBUG1,
			(errmsg("%llu free slots of index \"%s\" are out of reach until their group "
					"has another one",
					(unsigned long long) c->unreachable_slots, RelationGetRelationName(c->index))));
}

/*----- step 5: the table -----*/

/*
 * Every vector of the array is in the index.  Of an index without codes only the values are known: vectors
 * that are equal count as the first of them, and the sum over all rows tells whether any is missing.
 */
static void
ask_array(RqCheck *c, ItemPointer tid, Datum value)
{
	VcvTokens tokens;
	Datum token;

	vcv_tokens_begin(&tokens, value, true);
	c->vectors_asked += tokens.n;
	while (!c->meta.geo.exact && vcv_tokens_next(&tokens, &token))
	{
		uint32 number = tokens.next - 1;

		if (!vc_keyset_has(c->tids, rq_check_key(c, tid, number)))
			vc_report_add(&c->report, InvalidBlockNumber,
						  "vector %u of row (%u,%u) of the table is not in the index", number,
						  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	}
	vcv_tokens_end(&tokens);
}

static void
ask_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	RqCheck *c = state;

	(void) index;
	(void) alive;
	if (isnull[0])
		return;
	if (rq_meta_has(&c->meta, RQ_META_MAXSIM))
		ask_array(c, tid, values[0]);
	else if (!vc_keyset_has(c->tids, rq_check_key(c, tid, 0)))
		vc_report_add(&c->report, InvalidBlockNumber,
					  "row (%u,%u) of the table is not in the index",
					  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
}

/*----- the function -----*/

static void
check_fixed_pages(RqCheck *c)
{
	RqRun chain = {RQ_CHAIN_BLKNO, 1, RQ_PAGE_CHAIN, 0, 0};
	uint32 bytes = c->meta.disk.chains * sizeof(RqChainDisk);

	/* loading the metapage has checked it */
	rq_check_claim(c, RQ_META_BLKNO);
	rq_check_run_page(c, &chain, 0, bytes, bytes);
}

static void
prepare(RqCheck *c, bool heapallindexed)
{
	const RqGeometry *geo;

	/* what this session has cached must not hide a damaged metapage */
	vc_meta_forget(c->index);
	rq_meta_load(c->index, &c->meta);
	geo = &c->meta.geo;
	c->strategy = GetAccessStrategy(BAS_BULKREAD);
	c->nblocks = RelationGetNumberOfBlocks(c->index);
	c->blocks = MemoryContextAllocHuge(CurrentMemoryContext, c->nblocks);
	memset(c->blocks, 0, c->nblocks);
	c->page = vc_palloc_aligned(BLCKSZ, 64, 0);
	c->centroid = palloc(geo->dim * sizeof(float));
	c->scratch = palloc(geo->dim * sizeof(float));
	if (geo->grouped)
	{
		Size bytes = c->nblocks * sizeof(RqGroupCheck *);

		c->groups = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
		memset(c->groups, 0, bytes);
		c->slot = palloc(geo->slot_bytes);
		c->expected = palloc(geo->slot_bytes);
	}
	c->tids = vc_keyset_create(Max(c->meta.disk.build_rows, c->index->rd_rel->reltuples),
							   maintenance_work_mem);
	if (heapallindexed)
	{
		c->fetch = vc_heapfetch_create(CurrentMemoryContext, c->inspect.heap, c->index,
									   c->inspect.snapshot);
		c->encoder = rq_encoder_create(CurrentMemoryContext, &c->meta);
	}
}

static void
check_index(RqCheck *c)
{
	uint64 twice;

	scan_blocks(c);
	if (c->groups != NULL)
		check_group_pages(c);
	check_fixed_pages(c);
	rq_check_tree(c);
	rq_check_lists(c);
	if (c->groups != NULL)
	{
		check_free_lists(c);
		/* if rows could not be read, all their vectors would be reported */
		if (!c->lists_damaged)
			check_orphan_slots(c);
	}
	if (!c->lists_damaged)
		count_leaks(c);

	twice = vc_keyset_finish(c->tids);
	/* an array without codes may have equal vectors, which cannot be told apart */
	if (twice > 0 && !(c->meta.geo.exact && rq_meta_has(&c->meta, RQ_META_MAXSIM)))
		vc_report_add(&c->report, InvalidBlockNumber, "%llu rows are in the index more than once",
					  (unsigned long long) twice);
}

VC_FUNCTION(vchordrq_index_check);

/*
 * vchordrq_index_check(index regclass, heapallindexed boolean) returns table (block bigint, message
 * text): what is wrong, nothing if nothing is.  An unreadable metapage is an error.
 */
Datum
vchordrq_index_check(PG_FUNCTION_ARGS)
{
	bool heapallindexed = PG_GETARG_BOOL(1);
	LOCKMODE lockmode = RecoveryInProgress() ? AccessShareLock : ShareUpdateExclusiveLock;
	RqCheck *c = palloc0(sizeof(RqCheck));
	MemoryContext old;

	vc_report_begin(fcinfo, &c->report);
	c->context =
		AllocSetContextCreate(CurrentMemoryContext, "vchordrq check", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(c->context);
	rq_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_ANY, lockmode, heapallindexed, &c->inspect);
	c->index = c->inspect.index;
	prepare(c, heapallindexed);
	check_index(c);
	vc_heapfetch_destroy(c->fetch);
	if (heapallindexed)
		vc_inspect_scan_heap(&c->inspect, ask_row, c);
	if (c->vectors_seen != c->vectors_asked && !c->lists_damaged)
		vc_report_add(&c->report, InvalidBlockNumber,
					  "arrays in the table have %llu vectors, of which %llu are in the index",
					  (unsigned long long) c->vectors_asked, (unsigned long long) c->vectors_seen);
	give_notices(c);
	vc_inspect_end(&c->inspect);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(c->context);
	vc_report_end(&c->report);
	return (Datum) 0;
}
