/*
 * vchordg/strip.c
 *		Table rows of vertices: the strip, and chains of duplicates.
 *
 * A strip entry belongs to a slot for good.  Its first row lies in the entry, further ones in a chain of DUPLICATE pages,
 * the newest first.  Entries and chains change under the exclusive lock of the STRIP page, so who holds it
 * knows all rows of a vertex; and nobody marks a vertex DYING without it.
 *
 * Locks: STRIP page, then a DUPLICATE page or (share) the vertex' page.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"

#include "core/recycle.h"
#include "core/report.h"
#include "core/tid.h"

#include "vchordg/strip.h"
#include "vchordg/vertex.h"

static const VgArrayHeadDisk *
array_head(const char *page)
{
	return (const VgArrayHeadDisk *) (page + VG_HEAD_OFFSET);
}

/* entries of a checked page */
static uint32
count_of(Relation index, BlockNumber blkno, const char *page, uint32 most, uint32 bytes)
{
	const VgArrayHeadDisk *head = array_head(page);

	if (head->count > most || ((PageHeader) page)->pd_lower != VG_BODY_OFFSET + head->count * bytes)
		vc_corrupt(index, blkno, "page has %u entries of at most %u", head->count, most);
	return head->count;
}

static VgStripDisk *
entry_of(Relation index, BlockNumber blkno, const char *page, uint32 entry, BlockNumber group,
		 uint16 slot)
{
	VgStripDisk *strip = (VgStripDisk *) (page + VG_BODY_OFFSET) + entry;

	if (entry >= count_of(index, blkno, page, VG_STRIPS_PER_PAGE, sizeof(VgStripDisk)) ||
		strip->group != group || (strip->slot & ~VG_STRIP_USED) != slot)
		vc_corrupt(index, blkno, "strip entry %u is not that of slot %u of group %u", entry, slot,
				   group);
	return strip;
}

/* what the pages of a vertex' chain carry */
static uint32
chain_incarnation(VgRef ref)
{
	return (uint32) ref.slot << 16 | ref.incarnation;
}

static void
add_tid(ItemPointerData **tids, uint32 *n, uint32 *room, ItemPointer tid)
{
	if (*n == *room)
	{
		*room = Max(16, 2 * *room);
		*tids = *tids == NULL ? palloc(*room * sizeof(ItemPointerData))
							  : repalloc_huge(*tids, *room * sizeof(ItemPointerData));
	}
	(*tids)[(*n)++] = *tid;
}

void
vg_strip_read(Relation index, const VgMeta *meta, VcReadCache *cache, VgRef ref, BlockNumber strip,
			  uint32 entry, ItemPointerData **tids, uint32 *n, uint32 *room)
{
	BlockNumber next;

	(void) meta;
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_cached(cache, index, strip, VG_PAGE_STRIP);
		const VgStripDisk *disk = entry_of(index, strip, r.page, entry, ref.group, ref.slot);

		if (ItemPointerIsValid(&disk->tid))
		{
			ItemPointerData tid = disk->tid;

			add_tid(tids, n, room, &tid);
		}
		next = disk->more;
	}
	while (next != InvalidBlockNumber)
	{
		ItemPointerData *found;
		uint32 count;
		BlockNumber here = next;

		CHECK_FOR_INTERRUPTS();
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read_cached(cache, index, here, VC_PAGE_ANY);

			/* recycled: the vertex went meanwhile, and with it its rows */
			if ((vc_page_opaque_read(r.page)->kind & VG_PAGE_DUPLICATE) == 0 ||
				!vc_page_is_of(r.page, ref.group, chain_incarnation(ref)))
				return;
			count = count_of(index, here, r.page, VG_DUPLICATES_PER_PAGE, sizeof(ItemPointerData));
			found = palloc(Max(count, 1) * sizeof(ItemPointerData));
			memcpy(found, r.page + VG_BODY_OFFSET, count * sizeof(ItemPointerData));
			next = vc_page_opaque_read(r.page)->next;
		}
		for (uint32 i = 0; i < count; i++)
		{
			if (ItemPointerIsValid(&found[i]))
				add_tid(tids, n, room, &found[i]);
		}
		pfree(found);
	}
}

/* A row into a DUPLICATE page that has room; false if it has none. */
static bool
add_to_page(Relation index, BlockNumber blkno, char *page, ItemPointer tid)
{
	VgArrayHeadDisk *head = (VgArrayHeadDisk *) (page + VG_HEAD_OFFSET);
	ItemPointerData *tids = (ItemPointerData *) (page + VG_BODY_OFFSET);
	uint32 count = count_of(index, blkno, page, VG_DUPLICATES_PER_PAGE, sizeof(ItemPointerData));

	for (uint32 i = 0; head->dead > 0 && i < count; i++)
	{
		if (!ItemPointerIsValid(&tids[i]))
		{
			tids[i] = *tid;
			head->dead--;
			return true;
		}
	}
	if (count == VG_DUPLICATES_PER_PAGE)
		return false;
	tids[count] = *tid;
	head->count = count + 1;
	((PageHeader) page)->pd_lower = VG_BODY_OFFSET + head->count * sizeof(ItemPointerData);
	return true;
}

/* is the vertex still there, and not dying?  Under the lock of its STRIP page. */
static bool
is_live(Relation index, const VgMeta *meta, VgRef ref)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, ref.group, VG_PAGE_VERTEX);
	const VgVertexDisk *head = vg_vertex_head(index, meta, ref.group, r.page, ref);

	return head != NULL && head->state == VG_VERTEX_LIVE;
}

bool
vg_strip_add(Relation index, Relation heap, const VgMeta *meta, VgRef ref, BlockNumber strip,
			 uint32 entry, ItemPointer tid)
{
	VgStripDisk *disk;
	BlockNumber fresh;
	char *page;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	page = vc_xlog_add(&xlog, strip, VG_PAGE_STRIP);
	disk = entry_of(index, strip, page, entry, ref.group, ref.slot);
	if (!is_live(index, meta, ref))
		return false;
	if (!ItemPointerIsValid(&disk->tid))
	{
		disk->tid = *tid;
		vc_xlog_commit(&xlog);
		return true;
	}
	if (disk->more != InvalidBlockNumber)
	{
		char *chain = vc_xlog_add(&xlog, disk->more, VG_PAGE_DUPLICATE);

		if (!vc_page_is_live_of(chain, ref.group, chain_incarnation(ref)))
			vc_corrupt(index, disk->more, "page is not of the vertex whose rows it has");
		if (add_to_page(index, disk->more, chain, tid))
		{
			vc_xlog_commit(&xlog);
			return true;
		}
	}
	page =
		vc_xlog_add_new(&xlog, heap, VG_PAGE_DUPLICATE, ref.group, chain_incarnation(ref), &fresh);
	memset(page + VG_HEAD_OFFSET, 0, VG_HEAD_BYTES);
	((PageHeader) page)->pd_lower = VG_BODY_OFFSET;
	vc_page_opaque(page)->next = disk->more;
	add_to_page(index, fresh, page, tid);
	disk->more = fresh;
	vc_xlog_commit(&xlog);
	return true;
}

void
vg_strip_reserve(Relation heap, VcXlog *xlog, const VgMeta *meta, VgStateDisk *state, uint32 n,
				 BlockNumber *ret_strip, uint32 *ret_first)
{
	char *tail = NULL;
	char *page;

	(void) meta;
	if (state->strip_tail != InvalidBlockNumber)
	{
		uint32 count;

		tail = vc_xlog_add(xlog, state->strip_tail, VG_PAGE_STRIP);
		count =
			count_of(xlog->rel, state->strip_tail, tail, VG_STRIPS_PER_PAGE, sizeof(VgStripDisk));
		*ret_strip = state->strip_tail;
		*ret_first = count;
		if (count + n <= VG_STRIPS_PER_PAGE)
			return;
	}
	page = vc_xlog_add_new(xlog, heap, VG_PAGE_STRIP, 0, 0, ret_strip);
	memset(page + VG_HEAD_OFFSET, 0, VG_HEAD_BYTES);
	((PageHeader) page)->pd_lower = VG_BODY_OFFSET;
	*ret_first = 0;
	if (tail != NULL)
		vc_page_opaque(tail)->next = *ret_strip;
	else
		state->strip_head = *ret_strip;
	state->strip_tail = *ret_strip;
}

void
vg_strip_fill(VcXlog *xlog, BlockNumber strip, uint32 first, BlockNumber group, uint32 n)
{
	char *page = vc_xlog_page(xlog, strip);
	VgArrayHeadDisk *head = (VgArrayHeadDisk *) (page + VG_HEAD_OFFSET);
	VgStripDisk *entries = (VgStripDisk *) (page + VG_BODY_OFFSET);

	Assert(head->count == first);
	for (uint32 i = 0; i < n; i++)
	{
		ItemPointerSetInvalid(&entries[first + i].tid);
		entries[first + i].slot = (uint16) i;
		entries[first + i].group = group;
		entries[first + i].more = InvalidBlockNumber;
	}
	head->count = first + n;
	((PageHeader) page)->pd_lower = VG_BODY_OFFSET + head->count * sizeof(VgStripDisk);
}

void
vg_strip_set(Relation index, char *page, BlockNumber strip, uint32 entry, VgRef ref,
			 ItemPointer tid)
{
	VgStripDisk *disk = entry_of(index, strip, page, entry, ref.group, ref.slot);

	disk->tid = *tid;
	disk->slot = ref.slot | VG_STRIP_USED;
	disk->more = InvalidBlockNumber;
}

void
vg_strip_clear(Relation index, char *page, BlockNumber strip, uint32 entry, VgRef ref)
{
	VgStripDisk *disk = entry_of(index, strip, page, entry, ref.group, ref.slot);

	ItemPointerSetInvalid(&disk->tid);
	disk->slot = ref.slot;
	disk->more = InvalidBlockNumber;
}

bool
vg_strip_is_empty(Relation index, const char *page, BlockNumber strip, uint32 entry, VgRef ref)
{
	const VgStripDisk *disk = entry_of(index, strip, page, entry, ref.group, ref.slot);

	return !ItemPointerIsValid(&disk->tid) && disk->more == InvalidBlockNumber;
}

/* ---- VACUUM ---- */

/* Tells of the rows of one DUPLICATE page and clears the dead ones; *ret_next: the page behind it. */
static uint32
walk_duplicates(Relation index, BufferAccessStrategy strategy, BlockNumber blkno, BlockNumber group,
				VgStripWalk *walk, BlockNumber *ret_next)
{
	ItemPointerData tids[VG_DUPLICATES_PER_PAGE];
	uint32 count;
	uint32 live = 0;
	bool any = false;

	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_strategy(index, blkno, VG_PAGE_DUPLICATE, strategy);

		if (vc_page_opaque_read(r.page)->owner != group)
			vc_corrupt(index, blkno, "page is not of the vertex whose rows it has");
		count = count_of(index, blkno, r.page, VG_DUPLICATES_PER_PAGE, sizeof(ItemPointerData));
		memcpy(tids, r.page + VG_BODY_OFFSET, count * sizeof(ItemPointerData));
		*ret_next = vc_page_opaque_read(r.page)->next;
	}
	for (uint32 i = 0; i < count; i++)
	{
		if (!ItemPointerIsValid(&tids[i]))
			continue;
		if (walk->dead(&tids[i], walk->arg))
			any = true;
		else
		{
			ItemPointerSetInvalid(&tids[i]);
			live++;
		}
	}
	if (any)
	{
		/* what is left in tids is dead; rows that came meanwhile are not in it */
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(index, blkno, VG_PAGE_DUPLICATE);
		ItemPointerData *disk = (ItemPointerData *) (w.page + VG_BODY_OFFSET);
		VgArrayHeadDisk *head = (VgArrayHeadDisk *) (w.page + VG_HEAD_OFFSET);

		for (uint32 i = 0; i < count; i++)
		{
			if (!ItemPointerIsValid(&tids[i]) || !ItemPointerEquals(&tids[i], &disk[i]))
				continue;
			ItemPointerSetInvalid(&disk[i]);
			head->dead++;
			walk->removed++;
		}
		vc_page_write_commit(&w);
	}
	return live;
}

/*
 * Takes a page without rows out of the chain, under the lock that inserts take: the page behind `before`, or the first.
 * false: it has rows by now, or another one is the first.  Readers on their way go on from the tombstone, which has no rows.
 */
static bool
unlink_duplicates(Relation index, BlockNumber strip, uint32 entry, const VgStripDisk *seen,
				  BlockNumber before, BlockNumber blkno)
{
	uint32 incarnation;

	{
		BlockNumber *link;
		char *page;
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

		page = vc_xlog_add(&xlog, strip, VG_PAGE_STRIP);
		link = &entry_of(index, strip, page, entry, seen->group, seen->slot & ~VG_STRIP_USED)->more;
		if (before != InvalidBlockNumber)
			link = &vc_page_opaque(vc_xlog_add(&xlog, before, VG_PAGE_DUPLICATE))->next;
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read(index, blkno, VG_PAGE_DUPLICATE);
			const VgArrayHeadDisk *head = array_head(r.page);

			if (*link != blkno || head->dead != head->count)
				return false;
			incarnation = vc_page_opaque_read(r.page)->incarnation;
			*link = vc_page_opaque_read(r.page)->next;
		}
		vc_xlog_commit(&xlog);
	}
	vc_recycle_free_run(index, blkno, 1, seen->group, incarnation);
	return true;
}

/* One entry with further rows.  Has it any? */
static bool
walk_chain(Relation index, BufferAccessStrategy strategy, BlockNumber strip, uint32 entry,
		   const VgStripDisk *seen, VgStripWalk *walk)
{
	BlockNumber before = InvalidBlockNumber;
	BlockNumber next = seen->more;

	while (next != InvalidBlockNumber)
	{
		BlockNumber here = next;
		uint32 live;

		vacuum_delay_point(false);
		live = walk_duplicates(index, strategy, here, seen->group, walk, &next);
		walk->live += live;
		if (live > 0 || !unlink_duplicates(index, strip, entry, seen, before, here))
			before = here;
	}
	return before != InvalidBlockNumber;
}

static void
walk_page(Relation index, BufferAccessStrategy strategy, BlockNumber strip, VgStripWalk *walk,
		  VgStripDisk *entries, BlockNumber *ret_next)
{
	uint32 count;
	bool any = false;
	bool *dead;

	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_strategy(index, strip, VG_PAGE_STRIP, strategy);

		count = count_of(index, strip, r.page, VG_STRIPS_PER_PAGE, sizeof(VgStripDisk));
		memcpy(entries, r.page + VG_BODY_OFFSET, count * sizeof(VgStripDisk));
		*ret_next = vc_page_opaque_read(r.page)->next;
	}
	dead = palloc0(Max(count, 1) * sizeof(bool));
	for (uint32 i = 0; i < count; i++)
	{
		if (!ItemPointerIsValid(&entries[i].tid))
			continue;
		dead[i] = walk->dead(&entries[i].tid, walk->arg);
		any |= dead[i];
		walk->live += !dead[i];
	}
	if (any)
	{
		VC_SCOPED(vc_page_write_drop) VcPageWrite w = vc_page_write(index, strip, VG_PAGE_STRIP);
		VgStripDisk *disk = (VgStripDisk *) (w.page + VG_BODY_OFFSET);

		for (uint32 i = 0; i < count; i++)
		{
			if (!dead[i] || !ItemPointerEquals(&entries[i].tid, &disk[i].tid))
				continue;
			ItemPointerSetInvalid(&disk[i].tid);
			walk->removed++;
		}
		vc_page_write_commit(&w);
	}
	for (uint32 i = 0; i < count; i++)
	{
		bool rows = ItemPointerIsValid(&entries[i].tid) && !dead[i];

		if ((entries[i].slot & VG_STRIP_USED) == 0)
		{
			if (walk->unused != NULL)
				walk->unused(entries[i].group, entries[i].slot, walk->arg);
			continue;
		}
		if (entries[i].more != InvalidBlockNumber)
			rows |= walk_chain(index, strategy, strip, i, &entries[i], walk);
		if (!rows && walk->empty != NULL)
			walk->empty(entries[i].group, entries[i].slot & ~VG_STRIP_USED, walk->arg);
	}
	pfree(dead);
}

void
vg_strip_walk(Relation index, const VgMeta *meta, BufferAccessStrategy strategy, VgStripWalk *walk)
{
	VgStateDisk state;
	VgStripDisk *entries = palloc(VG_STRIPS_PER_PAGE * sizeof(VgStripDisk));
	BlockNumber next;

	vg_state_read(index, meta, NULL, &state, NULL);
	for (next = state.strip_head; next != InvalidBlockNumber;)
	{
		vacuum_delay_point(false);
		walk_page(index, strategy, next, walk, entries, &next);
	}
	pfree(entries);
}
