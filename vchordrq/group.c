/*
 * vchordrq/group.c
 *		Composes the pages of vector groups in memory, for the build.
 *
 * The bodies of a group's pages are one byte stream in which slot i starts at i * slot_bytes.  The
 * whole body counts as used from the start, so that inserts into free slots need not move pd_lower.
 */
#include "postgres.h"

#include "vchordrq/vectors.h"

#include "core/page.h"

static inline RqVectorHeadDisk *
head_of(char *page)
{
	return (RqVectorHeadDisk *) (page + RQ_HEAD_OFFSET);
}

void
rq_group_init(const RqMeta *meta, char *pages)
{
	for (uint32 p = 0; p < meta->geo.group_pages; p++)
	{
		char *page = pages + (Size) p * BLCKSZ;
		RqVectorHeadDisk *head = head_of(page);

		/* zero is an invalid TID: every slot is free */
		vc_page_init(page, RQ_PAGE_VECTOR, 0, 0);
		memset(page + RQ_HEAD_OFFSET, 0, RQ_HEAD_BYTES + RQ_BODY_BYTES);
		head->ordinal = p;
		head->next_free = p == 0 ? InvalidBlockNumber : 0;
		((PageHeader) page)->pd_lower = RQ_BODY_OFFSET + RQ_BODY_BYTES;
	}
	head_of(pages)->free_slots = meta->geo.group_slots;
}

void
rq_group_put(const RqMeta *meta, char *pages, uint32 slot_no, const char *slot)
{
	uint32 left = meta->geo.slot_bytes;
	uint32 at = slot_no * left;

	Assert(slot_no < meta->geo.group_slots);
	head_of(pages)->used[slot_no / 32] |= 1u << slot_no % 32;
	while (left > 0)
	{
		uint32 offset = at % RQ_BODY_BYTES;
		uint32 take = Min(left, RQ_BODY_BYTES - offset);

		memcpy(pages + (Size) (at / RQ_BODY_BYTES) * BLCKSZ + RQ_BODY_OFFSET + offset, slot, take);
		slot += take;
		at += take;
		left -= take;
	}
}

void
rq_group_finish(const RqMeta *meta, char *pages, uint32 slots_used)
{
	head_of(pages)->free_slots = meta->geo.group_slots - slots_used;
}
