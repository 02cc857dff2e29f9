/*
 * vchordg/inspect_check.c
 *		vchordg_index_check(): is the index what format.h says, and does it hold the table?
 *
 * Order:
 *
 *	1. all blocks are read once: heads and kinds of pages, groups, their slots' heads
 *	2. metapage, STATE page, centre
 *	3. lists: neighbours, their codes, pinned edges; then the tree of anchors, in memory
 *	4. directory and postings of labels
 *	5. strip and duplicates: each slot's entry, each row once
 *	6. the list of groups with free slots
 *	7. accounting: slots without an entry, pages that nothing refers to
 *	8. the table, if asked for: every row that the snapshot sees is in the index (in step 5 each row of the index that
 *	   the snapshot sees was encoded again and compared with its vertex)
 *
 * Concurrency: VACUUM, which alone frees vertices and moves anchors, is kept out by the lock; inserts go on.  So what
 * step 1 saw stays, but for lists, which are read again, and for a root that an inserter put another one above.  What
 * is newer than step 1 is not looked at, only that it may be what a reference says.  On a standby nothing keeps
 * replay out: findings there count only if they stay.
 *
 * No finding: what a crash may leave behind without harm (pages that nothing refers to), and references to vertices
 * that have gone.  Such things are counted in a NOTICE and a DEBUG1 message.
 *
 * Memory: a byte and a pointer for each page, about 40 bytes for each slot; TIDs within maintenance_work_mem.  Locks: one
 * page at a time, share.
 */
#include "postgres.h"

#include "vchordg/inspect.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "core/attrs.h"
#include "core/buf.h"
#include "core/meta.h"
#include "core/report.h"

#include "vchordg/am.h"
#include "vchordg/vertex.h"

/* a walk along a list that inserters change is begun again this often */
#define MAX_WALKS 10

void
vg_inspect_begin(Oid index, VcInspectRight right, LOCKMODE lockmode, bool heap_scan,
				 VcInspect *ret_inspect)
{
	const VcInspectSpec spec = {VG_AM_NAME, vg_ambeginscan, right, lockmode, heap_scan, heap_scan};

	vc_inspect_begin(index, &spec, ret_inspect);
}

/*----- pages -----*/

bool
vg_check_load(VgCheck *c, BlockNumber block, uint16 kind)
{
	const VcPageOpaque *opaque = vc_page_opaque_read(c->page);

	if (block >= c->nblocks && block >= RelationGetNumberOfBlocks(c->index))
	{
		vc_report_add(&c->report, block, "the block does not exist");
		c->damaged = true;
		return false;
	}
	if (block < c->nblocks && (c->blocks[block] & VG_BLOCK_BAD) != 0)
		return false;
	vc_inspect_copy_page(c->index, block, c->strategy, c->page);
	if (vc_page_is_new(c->page))
		vc_report_add(&c->report, block, "page was never written");
	else if (vc_page_problem(c->page) != NULL)
		vc_report_add(&c->report, block, "%s", vc_page_problem(c->page));
	else if (vc_page_is_free(c->page) || (opaque->kind & VC_PAGE_KIND_MASK) != kind)
		vc_report_add(&c->report, block, "page is of kind %04x, expected %04x", opaque->kind, kind);
	else
		return true;
	c->damaged = true;
	return false;
}

bool
vg_check_claim(VgCheck *c, BlockNumber block)
{
	if (block >= c->nblocks)
		return true;
	if ((c->blocks[block] & VG_BLOCK_CLAIMED) != 0)
	{
		vc_report_add(&c->report, block, "page is used twice");
		return false;
	}
	c->blocks[block] |= VG_BLOCK_CLAIMED;
	return true;
}

uint32
vg_check_count(VgCheck *c, BlockNumber block, uint32 most, Size bytes)
{
	const VgArrayHeadDisk *head = (const VgArrayHeadDisk *) (c->page + VG_HEAD_OFFSET);

	if (head->count <= most && head->dead <= head->count &&
		((const PageHeaderData *) c->page)->pd_lower == VG_BODY_OFFSET + head->count * bytes)
		return head->count;
	vc_report_add(&c->report, block, "page has %u entries of at most %u, %u of them dead, up to %u",
				  head->count, most, head->dead, ((const PageHeaderData *) c->page)->pd_lower);
	c->damaged = true;
	return 0;
}

static bool
is_group_page(const char *page, uint32 ordinal)
{
	return !vc_page_is_free(page) && (vc_page_opaque_read(page)->kind & VG_PAGE_VERTEX) != 0 &&
		   ((const VgVertexHeadDisk *) (page + VG_HEAD_OFFSET))->ordinal == ordinal;
}

bool
vg_check_load_group(VgCheck *c, BlockNumber block)
{
	for (uint32 ordinal = 0; ordinal < c->meta.geo.group_pages; ordinal++)
	{
		if (!vg_check_load(c, block + ordinal, VG_PAGE_VERTEX))
			return false;
		if (!is_group_page(c->page, ordinal))
		{
			vc_report_add(&c->report, block + ordinal, "page is not number %u of its vertex group",
						  ordinal);
			return false;
		}
		memcpy(c->group + (Size) ordinal * BLCKSZ, c->page, BLCKSZ);
	}
	return true;
}

const char *
vg_check_slot(VgCheck *c, uint32 slot)
{
	const VgGeometry *geo = &c->meta.geo;
	uint32 done = 0;

	if (geo->group_pages == 1)
		return c->group + VG_BODY_OFFSET + slot * geo->slot_bytes;
	while (done < geo->slot_bytes)
	{
		uint32 ordinal;
		uint32 offset;
		uint32 n;

		vg_locate(geo, slot, done, &ordinal, &offset);
		n = Min(geo->slot_bytes - done, VG_BODY_BYTES - offset);
		memcpy(c->slot + done, c->group + (Size) ordinal * BLCKSZ + VG_BODY_OFFSET + offset, n);
		done += n;
	}
	return c->slot;
}

uint32
vg_check_code_crc(const VgCheck *c, const char *code, uint64 labels)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, code, c->meta.geo.code_bytes);
	COMP_CRC32C(crc, &labels, sizeof(labels));
	FIN_CRC32C(crc);
	return crc;
}

VgVertexCheck *
vg_check_vertex(const VgCheck *c, VgRef ref)
{
	VgGroupCheck *group;

	if (ref.group >= c->nblocks || ref.slot >= c->meta.geo.group_slots)
		return NULL;
	group = c->groups[ref.group];
	if (group == NULL || (group->used & UINT64CONST(1) << ref.slot) == 0 ||
		group->vertices[ref.slot].incarnation != ref.incarnation)
		return NULL;
	return &group->vertices[ref.slot];
}

bool
vg_check_ref(VgCheck *c, VgRef ref)
{
	if (ref.group <= VG_STATE_BLKNO || ref.group == InvalidBlockNumber ||
		ref.slot >= c->meta.geo.group_slots)
		return false;
	if (ref.group < c->nblocks &&
		(c->groups[ref.group] != NULL || (c->blocks[ref.group] & VG_BLOCK_BAD) != 0))
		return true;
	/* newer than the scan? */
	if (ref.group >= RelationGetNumberOfBlocks(c->index))
		return false;
	vc_inspect_copy_page(c->index, ref.group, c->strategy, c->page);
	return !vc_page_is_new(c->page) && vc_page_problem(c->page) == NULL &&
		   is_group_page(c->page, 0);
}

/*----- step 1: blocks and groups -----*/

/* Heads of the slots of a group on c->page, as far as they lie there. */
static void
add_vertices(VgCheck *c, BlockNumber block, VgGroupCheck *group)
{
	const VgGeometry *geo = &c->meta.geo;

	for (uint32 slot = 0; slot < geo->group_slots; slot++)
	{
		const VgVertexDisk *head =
			(const VgVertexDisk *) (c->page + VG_BODY_OFFSET + slot * geo->slot_bytes);
		VgVertexCheck *vertex = &group->vertices[slot];
		bool used = (group->used & UINT64CONST(1) << slot) != 0;

		if (head->state > VG_VERTEX_DYING || head->count > geo->m ||
			used != (head->state != VG_VERTEX_FREE))
		{
			vc_report_add(&c->report, block, "slot %u, which is %s, has state %u and %u neighbours",
						  slot, used ? "in use" : "free", head->state, head->count);
			group->used &= ~(UINT64CONST(1) << slot);
			c->damaged = true;
			continue;
		}
		if (!used)
			continue;
		vertex->anchor = head->anchor;
		vertex->labels = head->labels;
		vertex->incarnation = head->incarnation;
		vertex->state = head->state;
		vertex->crc = vg_check_code_crc(c, (const char *) (head + 1), head->labels);
		c->dying += head->state == VG_VERTEX_DYING;
	}
}

static void
add_group(VgCheck *c, BlockNumber block)
{
	const VgVertexHeadDisk *head = (const VgVertexHeadDisk *) (c->page + VG_HEAD_OFFSET);
	const VgGeometry *geo = &c->meta.geo;
	uint32 used = (uint32) pg_popcount64(head->used);
	uint32 bytes = Min(geo->group_slots * geo->slot_bytes, VG_BODY_BYTES);
	VgGroupCheck *group;

	/* allocated and not set up when the server stopped */
	if (used == 0 && head->free_slots == 0)
		return;
	if ((geo->group_slots < 64 && head->used >> geo->group_slots != 0) ||
		used + head->free_slots != geo->group_slots)
	{
		vc_report_add(&c->report, block, "vertex group has %u slots in use and %u free, of %u",
					  used, head->free_slots, geo->group_slots);
		c->blocks[block] |= VG_BLOCK_BAD;
		c->damaged = true;
		return;
	}
	if (((const PageHeaderData *) c->page)->pd_lower != VG_BODY_OFFSET + bytes ||
		geo->group_pages > c->nblocks - block)
	{
		vc_report_add(&c->report, block, "vertex group ends at byte %u, expected %u",
					  ((const PageHeaderData *) c->page)->pd_lower, VG_BODY_OFFSET + bytes);
		c->blocks[block] |= VG_BLOCK_BAD;
		c->damaged = true;
		return;
	}
	group = palloc0(offsetof(VgGroupCheck, vertices) + geo->group_slots * sizeof(VgVertexCheck));
	group->used = head->used;
	group->free_slots = head->free_slots;
	group->on_free_list = head->on_free_list != 0;
	group->strip = head->strip;
	group->strip_first = head->strip_first;
	c->groups[block] = group;
	add_vertices(c, block, group);
}

static void
scan_blocks(VgCheck *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		const VcPageOpaque *opaque = vc_page_opaque_read(c->page);
		const char *problem;
		uint16 kind;

		CHECK_FOR_INTERRUPTS();
		vc_inspect_copy_page(c->index, block, c->strategy, c->page);
		if (vc_page_is_new(c->page))
			continue;
		problem = vc_page_problem(c->page);
		if (problem == NULL && !vc_page_seal_ok(c->page))
			problem = "checksum does not match";
		kind = opaque->kind & VC_PAGE_KIND_MASK;
		if (problem == NULL && (kind == 0 || (kind & (kind - 1)) != 0 || kind > VG_PAGE_CENTRE))
			problem = "page is of no kind that a vchordg index has";
		if (problem != NULL)
		{
			vc_report_add(&c->report, block, "%s", problem);
			c->blocks[block] |= VG_BLOCK_BAD;
			c->damaged = true;
			continue;
		}
		if (((const PageHeaderData *) c->page)->pd_upper != VC_PAGE_SPECIAL)
			vc_report_add(&c->report, block, "page ends at byte %u",
						  ((const PageHeaderData *) c->page)->pd_upper);
		if (!vc_page_hole_is_zero(c->page))
			vc_report_add(&c->report, block, "the free space is not zero");
		if (vc_page_is_free(c->page))
			continue;
		c->blocks[block] |= VG_BLOCK_LIVE;
		if (kind == VG_PAGE_VERTEX && is_group_page(c->page, 0))
			add_group(c, block);
	}
}

/*----- step 2: pages with a fixed place -----*/

static void
check_state(VgCheck *c)
{
	const VgStateDisk *state = (const VgStateDisk *) (c->page + VG_BODY_OFFSET);
	const VgGeometry *geo = &c->meta.geo;
	const PageHeaderData *header = (const PageHeaderData *) c->page;
	char *entries;

	vg_check_claim(c, VG_STATE_BLKNO);
	if (!vg_check_load(c, VG_STATE_BLKNO, VG_PAGE_STATE))
		return;
	if (header->pd_lower < VG_BODY_OFFSET + VG_STATE_ENTRIES_AT ||
		state->nentries > vg_state_entries_max(&c->meta) ||
		header->pd_lower !=
			VG_BODY_OFFSET + VG_STATE_ENTRIES_AT + state->nentries * geo->edge_bytes)
	{
		vc_report_add(&c->report, VG_STATE_BLKNO, "page has %u entry points and ends at byte %u",
					  state->nentries, header->pd_lower);
		c->damaged = true;
		return;
	}
	c->state = *state;
	c->have_state = true;
	entries = palloc(Max(1, state->nentries) * geo->edge_bytes);
	memcpy(entries, c->page + VG_BODY_OFFSET + VG_STATE_ENTRIES_AT,
		   c->state.nentries * geo->edge_bytes);
	for (uint32 i = 0; i < c->state.nentries; i++)
	{
		VgEdgeDisk *edge = (VgEdgeDisk *) (entries + i * geo->edge_bytes);
		VgVertexCheck *vertex = vg_check_vertex(c, edge->to);
		uint64 labels = geo->labels ? *vg_edge_labels(geo, edge) : 0;

		if (!vg_check_ref(c, edge->to))
			vc_report_add(&c->report, VG_STATE_BLKNO, "entry point %u is in (%u,%u)", i,
						  edge->to.group, edge->to.slot);
		else if (vertex != NULL &&
				 vertex->crc != vg_check_code_crc(c, vg_edge_code(geo, edge), labels))
			vc_report_add(&c->report, VG_STATE_BLKNO,
						  "code of entry point %u is not that of its vertex", i);
	}
	pfree(entries);
}

static void
check_fixed_pages(VgCheck *c)
{
	const VgMetaDisk *disk = &c->meta.disk;

	/* loading the metapage has checked it */
	vg_check_claim(c, VG_META_BLKNO);
	check_state(c);
	for (uint32 i = 0; (disk->flags & VG_META_CENTRED) != 0 && i < disk->centre_pages; i++)
	{
		uint32 each = VG_BODY_BYTES / sizeof(float);
		uint32 n = Min(disk->dim - i * each, each);

		vg_check_claim(c, disk->centre_first + i);
		if (vg_check_load(c, disk->centre_first + i, VG_PAGE_CENTRE) &&
			vg_check_count(c, disk->centre_first + i, each, sizeof(float)) != n)
			vc_report_add(&c->report, disk->centre_first + i, "page is not number %u of the centre",
						  i);
	}
}

/* Groups are part of the index by their strip entries; their pages are all there. */
static void
check_groups(VgCheck *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		if (c->groups[block] == NULL)
			continue;
		CHECK_FOR_INTERRUPTS();
		vg_check_claim(c, block);
		for (uint32 i = 1; i < c->meta.geo.group_pages; i++)
		{
			vg_check_claim(c, block + i);
			if (vg_check_load(c, block + i, VG_PAGE_VERTEX) && is_group_page(c->page, i))
				continue;
			vc_report_add(&c->report, block + i, "page is not number %u of its vertex group", i);
			c->groups[block]->broken = true;
			c->damaged = true;
		}
	}
}

/*----- step 6: the list of groups with free slots -----*/

/* The head of a group's first page as it is now; false: it is none. */
static bool
group_head(VgCheck *c, BlockNumber block, VgVertexHeadDisk *ret_head)
{
	if (block <= VG_STATE_BLKNO || block >= RelationGetNumberOfBlocks(c->index))
		return false;
	vc_inspect_copy_page(c->index, block, c->strategy, c->page);
	if (vc_page_is_new(c->page) || vc_page_problem(c->page) != NULL || !is_group_page(c->page, 0))
		return false;
	memcpy(ret_head, c->page + VG_HEAD_OFFSET, sizeof(*ret_head));
	return true;
}

/* Walk the list; false with *ret_block and *ret_what if something is wrong. */
static bool
walk_free_list(VgCheck *c, int walk, BlockNumber *ret_block, const char **ret_what)
{
	VgVertexHeadDisk head;
	VgStateDisk state;

	if (!vg_check_load(c, VG_STATE_BLKNO, VG_PAGE_STATE))
		return true;
	memcpy(&state, c->page + VG_BODY_OFFSET, sizeof(state));
	*ret_what = "is no vertex group";
	*ret_block = state.open_group;
	if (state.open_group != InvalidBlockNumber)
	{
		if (!group_head(c, state.open_group, &head))
			return false;
		if (state.open_group < c->nblocks && c->groups[state.open_group] != NULL)
			c->groups[state.open_group]->open = true;
	}
	for (BlockNumber block = state.free_group; block != InvalidBlockNumber; block = head.next_free)
	{
		CHECK_FOR_INTERRUPTS();
		*ret_block = block;
		*ret_what = "is no vertex group";
		if (!group_head(c, block, &head))
			return false;
		*ret_what = "is on the list of groups with free slots, but does not know it";
		if (head.on_free_list != 1)
			return false;
		*ret_what = "is on the list of groups with free slots, but has none";
		if (head.free_slots == 0)
			return false;
		if (block >= c->nblocks || c->groups[block] == NULL)
			continue;
		*ret_what = "is on the list of groups with free slots twice";
		if (c->groups[block]->listed == walk)
			return false;
		c->groups[block]->listed = walk;
	}
	return true;
}

static void
check_free_list(VgCheck *c)
{
	BlockNumber where = InvalidBlockNumber;
	const char *what = NULL;
	int walk = 1;

	while (!walk_free_list(c, walk, &where, &what))
	{
		if (++walk <= MAX_WALKS)
			continue;
		vc_report_add(&c->report, where, "block %s", what);
		return;
	}
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		const VgGroupCheck *group = c->groups[block];
		VgVertexHeadDisk head;

		if (group == NULL || group->listed == walk)
			continue;
		CHECK_FOR_INTERRUPTS();
		/* an inserter may have taken it off since */
		if (group->on_free_list && group_head(c, block, &head) && head.on_free_list != 0)
			vc_report_add(&c->report, block,
						  "vertex group is missing on the list of those with free slots");
		else if (!group->open && !group->on_free_list)
			c->unreachable_slots += group->free_slots;
	}
}

/*----- step 7: accounting -----*/

static void
check_claims(VgCheck *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		const VgGroupCheck *group = c->groups[block];

		if (group != NULL && (group->used & ~group->named) != 0)
			vc_report_add(&c->report, block, "%d vertices of the group have no entry in the strip",
						  pg_popcount64(group->used & ~group->named));
		c->leaked_pages += (c->blocks[block] & (VG_BLOCK_LIVE | VG_BLOCK_CLAIMED)) == VG_BLOCK_LIVE;
	}
}

static void
give_notices(const VgCheck *c)
{
	const char *name = RelationGetRelationName(c->index);

	if (c->leaked_pages > 0 && !c->damaged)
		ereport(NOTICE, (errmsg("%llu pages of index \"%s\" belong to nothing",
								(unsigned long long) c->leaked_pages, name),
						 errdetail("A crash left them behind; REINDEX gives them back.")));
	ereport(
		DEBUG1,
		(errmsg("index \"%s\": %llu references to vertices that have gone, %llu vertices without "
				"rows, %llu free slots out of reach until their group has another one",
				name, (unsigned long long) c->stale_edges, (unsigned long long) c->dying,
				(unsigned long long) c->unreachable_slots)));
}

/*----- step 8: the table -----*/

static void
ask_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	VgCheck *c = state;

	(void) index;
	(void) values;
	(void) alive;
	if (!isnull[0] && !vc_keyset_has(c->tids, (uint64) ItemPointerGetBlockNumber(tid) << 16 |
												  ItemPointerGetOffsetNumber(tid)))
		vc_report_add(&c->report, InvalidBlockNumber,
					  "row (%u,%u) of the table is not in the index",
					  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
}

/*----- the function -----*/

static void
prepare(VgCheck *c, bool heapallindexed)
{
	const VgGeometry *geo = &c->meta.geo;
	Size bytes;

	/* what this session has cached must not hide a damaged metapage */
	vc_meta_forget(c->index);
	vg_meta_load(c->index, &c->meta);
	c->strategy = GetAccessStrategy(BAS_BULKREAD);
	c->nblocks = RelationGetNumberOfBlocks(c->index);
	c->blocks = MemoryContextAllocHuge(CurrentMemoryContext, c->nblocks);
	memset(c->blocks, 0, c->nblocks);
	bytes = c->nblocks * sizeof(VgGroupCheck *);
	c->groups = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	memset(c->groups, 0, bytes);
	c->page = vc_palloc_aligned(BLCKSZ, 64, 0);
	c->group = vc_palloc_aligned((Size) geo->group_pages * BLCKSZ, 64, 0);
	c->slot = vc_palloc_aligned(geo->slot_bytes, 64, 0);
	c->tids = vc_keyset_create(Max(c->meta.disk.build_rows, c->index->rd_rel->reltuples),
							   maintenance_work_mem);
	if (heapallindexed)
	{
		vg_centre_load(c->index, CurrentMemoryContext, &c->meta);
		c->fetch = vc_heapfetch_create(CurrentMemoryContext, c->inspect.heap, c->index,
									   c->inspect.snapshot);
		c->encoder = vg_encoder_create(CurrentMemoryContext, &c->meta);
	}
}

static void
check_index(VgCheck *c)
{
	uint64 twice;

	scan_blocks(c);
	check_groups(c);
	check_fixed_pages(c);
	vg_check_graph(c);
	if (c->have_state)
	{
		if (c->meta.geo.labels)
			vg_check_labels(c);
		vg_check_rows(c);
		check_free_list(c);
	}
	/* if entries could not be read, all their vertices would be reported */
	if (!c->damaged)
		check_claims(c);
	twice = vc_keyset_finish(c->tids);
	if (twice > 0)
		vc_report_add(&c->report, InvalidBlockNumber, "%llu rows are in the index more than once",
					  (unsigned long long) twice);
}

VC_FUNCTION(vchordg_index_check);

/*
 * vchordg_index_check(index regclass, heapallindexed boolean) returns table (block bigint, message
 * text): what is wrong, nothing if nothing is.  An unreadable metapage is an error.
 */
Datum
vchordg_index_check(PG_FUNCTION_ARGS)
{
	bool heapallindexed = PG_GETARG_BOOL(1);
	LOCKMODE lockmode = RecoveryInProgress() ? AccessShareLock : ShareUpdateExclusiveLock;
	VgCheck *c = palloc0(sizeof(VgCheck));
	MemoryContext old;

	vc_report_begin(fcinfo, &c->report);
	c->context =
		AllocSetContextCreate(CurrentMemoryContext, "vchordg check", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(c->context);
	vg_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_ANY, lockmode, heapallindexed, &c->inspect);
	c->index = c->inspect.index;
	prepare(c, heapallindexed);
	check_index(c);
	vc_heapfetch_destroy(c->fetch);
	if (heapallindexed)
		vc_inspect_scan_heap(&c->inspect, ask_row, c);
	give_notices(c);
	vc_inspect_end(&c->inspect);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(c->context);
	vc_report_end(&c->report);
	return (Datum) 0;
}
