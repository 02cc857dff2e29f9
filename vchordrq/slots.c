/*
 * vchordrq/slots.c
 *		Vector slots of a live index: allocation, writing, freeing.
 *
 * Every chain has an open group, which its inserters fill, and a list of groups in which VACUUM freed
 * slots.  Inserters of different chains never meet (degree_of_parallelism).
 *
 * Locks: CHAIN page before pages of a group; a group's first page, which has the slot bitmap, before
 * its other pages, ascending.  Whoever holds the first page owns all free slots of the group.
 *
 * WAL: a slot is taken or freed by one record that has the bitmap and the slot's head.  A vector over
 * three or more pages is written tail first in records of its own, under the lock of the first page:
 * until the last record the slot counts as free, so a crash loses nothing.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "core/recycle.h"
#include "core/report.h"

#include "vchordrq/vectors.h"

static RqVectorHeadDisk *
group_head(char *page)
{
	return (RqVectorHeadDisk *) (page + RQ_HEAD_OFFSET);
}

static RqChainDisk *
chain_entry(Relation index, const RqMeta *meta, char *page, uint32 chain)
{
	if (((PageHeader) page)->pd_lower < RQ_BODY_OFFSET + meta->disk.chains * sizeof(RqChainDisk) ||
		chain >= meta->disk.chains)
		vc_corrupt(index, RQ_CHAIN_BLKNO, "chain page has no chain %u", chain);
	return (RqChainDisk *) (page + RQ_BODY_OFFSET) + chain;
}

/* first free slot of the group, or -1 */
static int
free_slot(Relation index, const RqMeta *meta, BlockNumber group, const RqVectorHeadDisk *head)
{
	if (head->ordinal != 0 || head->free_slots > meta->geo.group_slots)
		vc_corrupt(index, group, "not the first page of a vector group");
	if (head->free_slots == 0)
		return -1;
	for (uint32 slot = 0; slot < meta->geo.group_slots; slot++)
	{
		if ((head->used[slot / 32] & (1u << slot % 32)) == 0)
			return slot;
	}
	vc_corrupt(index, group, "group claims %u free slots and has none", head->free_slots);
	return -1;
}

static void
write_part(Relation index, BlockNumber block, char *page, uint32 within, const char *bytes,
		   uint32 n)
{
	PageHeader header = (PageHeader) page;

	if (header->pd_upper != VC_PAGE_SPECIAL)
		vc_corrupt(index, block, "vector page ends at byte %u", header->pd_upper);
	memcpy(page + RQ_BODY_OFFSET + within, bytes, n);
	if (header->pd_lower < RQ_BODY_OFFSET + within + n)
		header->pd_lower = RQ_BODY_OFFSET + within + n;
}

static uint32
part_bytes(uint32 at, uint32 end)
{
	return Min(end - at, RQ_BODY_BYTES - at % RQ_BODY_BYTES);
}

/* Write the slot's bytes; first_page is the group's first page, already in xlog. */
static void
write_slot(Relation index, const RqMeta *meta, VcXlog *xlog, char *first_page, BlockNumber group,
		   uint32 slot_no, const char *slot)
{
	uint32 at = slot_no * meta->geo.slot_bytes;
	uint32 end = at + meta->geo.slot_bytes;
	uint32 first = at / RQ_BODY_BYTES;
	uint32 last = (end - 1) / RQ_BODY_BYTES;

	/* pages beyond the first two of the vector: records of their own */
	for (uint32 page_no = first + 2; page_no <= last; page_no++)
	{
		uint32 from = page_no * RQ_BODY_BYTES;
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(index, group + page_no, RQ_PAGE_VECTOR);

		write_part(index, group + page_no, w.page, 0, slot + (from - at), part_bytes(from, end));
		vc_page_write_commit(&w);
	}
	for (uint32 page_no = first; page_no <= Min(last, first + 1); page_no++)
	{
		uint32 from = Max(at, page_no * RQ_BODY_BYTES);
		char *page = page_no == 0 ? first_page : vc_xlog_add(xlog, group + page_no, RQ_PAGE_VECTOR);

		write_part(index, group + page_no, page, from % RQ_BODY_BYTES, slot + (from - at),
				   part_bytes(from, end));
	}
}

/*
 * A chain whose list of groups with freed slots is not empty: this one, else any other, so that freed
 * slots are used again no matter which chain VACUUM gave them to.
 */
static RqChainDisk *
chain_with_free(const RqMeta *meta, RqChainDisk *entries, uint32 chain)
{
	for (uint32 i = 0; i < meta->disk.chains; i++)
	{
		RqChainDisk *entry = &entries[(chain + i) % meta->disk.chains];

		if (entry->free_group != InvalidBlockNumber)
			return entry;
	}
	return NULL;
}

/* A new group, all slots free, that nothing refers to yet.  No lock may be held (core/recycle.h). */
static BlockNumber
create_group(Relation index, Relation heap, const RqMeta *meta)
{
	BlockNumber group =
		vc_recycle_alloc_run(index, heap, meta->geo.group_pages, RQ_PAGE_VECTOR, 0, 0);

	for (uint32 i = 0; i < meta->geo.group_pages; i++)
	{
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(index, group + i, RQ_PAGE_VECTOR);
		RqVectorHeadDisk *head = group_head(w.page);

		memset(head, 0, sizeof(*head));
		head->ordinal = i;
		head->next_free = InvalidBlockNumber;
		if (i == 0)
			head->free_slots = meta->geo.group_slots;
		((PageHeader) w.page)->pd_lower = RQ_BODY_OFFSET;
		vc_page_write_commit(&w);
	}
	return group;
}

/*
 * Give the chain another open group in place of `full` (invalid: it has none): one with freed
 * slots, else `fresh`.  false: nothing was done because there is neither.  If somebody else was faster,
 * a fresh group goes to the free list.
 */
static bool
open_group(Relation index, const RqMeta *meta, uint32 chain, BlockNumber full, BlockNumber fresh)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	RqChainDisk *entry =
		chain_entry(index, meta, vc_xlog_add(&xlog, RQ_CHAIN_BLKNO, RQ_PAGE_CHAIN), chain);
	RqChainDisk *free_entry = chain_with_free(meta, entry - chain, chain);

	if (entry->open_group == full && free_entry != NULL)
	{
		BlockNumber group = free_entry->free_group;
		RqVectorHeadDisk *head = group_head(vc_xlog_add(&xlog, group, RQ_PAGE_VECTOR));

		if (head->ordinal != 0 || head->on_free_list != 1)
			vc_corrupt(index, group, "vector group is not on a free list");
		entry->open_group = group;
		free_entry->free_group = head->next_free;
		head->next_free = InvalidBlockNumber;
		head->on_free_list = 0;
	}
	else if (entry->open_group == full)
	{
		if (fresh == InvalidBlockNumber)
			return false;
		entry->open_group = fresh;
		fresh = InvalidBlockNumber;
	}
	if (fresh != InvalidBlockNumber)
	{
		RqVectorHeadDisk *head = group_head(vc_xlog_add(&xlog, fresh, RQ_PAGE_VECTOR));

		head->on_free_list = 1;
		head->next_free = entry->free_group;
		entry->free_group = fresh;
	}
	vc_xlog_commit(&xlog);
	return true;
}

void
rq_vector_put(Relation index, Relation heap, const RqMeta *meta, uint32 chain, const char *slot,
			  VcXlog *xlog, RqStripDisk *ret_strip)
{
	for (;;)
	{
		BlockNumber group;

		CHECK_FOR_INTERRUPTS();
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read(index, RQ_CHAIN_BLKNO, RQ_PAGE_CHAIN);

			group = chain_entry(index, meta, unconstify(char *, r.page), chain)->open_group;
		}
		if (group != InvalidBlockNumber)
		{
			char *page;
			RqVectorHeadDisk *head;
			int slot_no;

			*xlog = vc_xlog_begin(index);
			page = vc_xlog_add(xlog, group, RQ_PAGE_VECTOR);
			head = group_head(page);
			slot_no = free_slot(index, meta, group, head);
			if (slot_no >= 0)
			{
				head->used[slot_no / 32] |= 1u << slot_no % 32;
				head->free_slots--;
				write_slot(index, meta, xlog, page, group, slot_no, slot);
				ret_strip->tid = ((const RqSlotDisk *) slot)->tid;
				ret_strip->slot = slot_no;
				ret_strip->group = group;
				return;
			}
			vc_xlog_drop(xlog);
		}
		if (!open_group(index, meta, chain, group, InvalidBlockNumber))
			open_group(index, meta, chain, group, create_group(index, heap, meta));
	}
}

/* is the group some chain's open one? */
static bool
group_is_open(const RqMeta *meta, const RqChainDisk *entries, BlockNumber group)
{
	for (uint32 i = 0; i < meta->disk.chains; i++)
	{
		if (entries[i].open_group == group)
			return true;
	}
	return false;
}

void
rq_vector_free(Relation index, const RqMeta *meta, uint32 chain, const RqStripDisk *strip)
{
	uint32 at = strip->slot * meta->geo.slot_bytes;
	uint32 end = at + sizeof(ItemPointerData);
	char tid[sizeof(ItemPointerData)];
	char *parts[2]; /* where the TID is: it may be cut by a page end */
	uint32 part_len[2];
	uint32 nparts = 0;
	char *first_page;
	RqVectorHeadDisk *head;
	RqChainDisk *entries;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	if (strip->slot >= meta->geo.group_slots)
		vc_corrupt(index, strip->group, "vector slot %u of %u", strip->slot, meta->geo.group_slots);
	entries = chain_entry(index, meta, vc_xlog_add(&xlog, RQ_CHAIN_BLKNO, RQ_PAGE_CHAIN), 0);
	first_page = vc_xlog_add(&xlog, strip->group, RQ_PAGE_VECTOR);
	head = group_head(first_page);
	if (head->ordinal != 0)
		vc_corrupt(index, strip->group, "not the first page of a vector group");

	for (uint32 from = at; from < end; from += part_len[nparts++])
	{
		uint32 page_no = from / RQ_BODY_BYTES;
		char *page =
			page_no == 0 ? first_page : vc_xlog_add(&xlog, strip->group + page_no, RQ_PAGE_VECTOR);

		part_len[nparts] = part_bytes(from, end);
		parts[nparts] = page + RQ_BODY_OFFSET + from % RQ_BODY_BYTES;
		memcpy(tid + (from - at), parts[nparts], part_len[nparts]);
	}
	/* freed before a crash that came before its strip was cleared, and perhaps given out again */
	if ((head->used[strip->slot / 32] & (1u << strip->slot % 32)) == 0 ||
		memcmp(tid, &strip->tid, sizeof(tid)) != 0)
		return;

	for (uint32 i = 0; i < nparts; i++)
		memset(parts[i], 0, part_len[i]);
	head->used[strip->slot / 32] &= ~(1u << strip->slot % 32);
	head->free_slots++;
	if (!head->on_free_list && !group_is_open(meta, entries, strip->group))
	{
		head->on_free_list = 1;
		head->next_free = entries[chain].free_group;
		entries[chain].free_group = strip->group;
	}
	vc_xlog_commit(&xlog);
}
