/*
 * vchordrq/vectors.c
 *		Vector groups: reading slots.
 *
 * Composing groups in memory is in group.c, writing slots of a live index in slots.c.
 */
#include "postgres.h"

#include "core/report.h"
#include "core/simd/vector/ops.h"
#include "core/tid.h"

#include "vchordrq/vectors.h"

/*
 * The page of a group on which stream offset `at` lies.  A group's pages never leave the VECTOR kind
 * nor their place, so anything else there is damage.  stream may be NULL.
 */
static VcPageRead
read_group_page(Relation index, const RqMeta *meta, VcStream *stream, BlockNumber group,
				uint32 ordinal)
{
	VcPageRead r = stream ? vc_stream_read(stream, group + ordinal, RQ_PAGE_VECTOR)
						  : vc_page_read(index, group + ordinal, RQ_PAGE_VECTOR);
	const RqVectorHeadDisk *head = (const RqVectorHeadDisk *) (r.page + RQ_HEAD_OFFSET);

	if (head->ordinal != ordinal || ordinal >= meta->geo.group_pages)
		vc_corrupt(index, group + ordinal, "page is number %u of its vector group, expected %u",
				   head->ordinal, ordinal);
	return r;
}

static void
check_slot(Relation index, const RqMeta *meta, const RqStripDisk *strip)
{
	if (strip->slot >= meta->geo.group_slots)
		vc_corrupt(index, strip->group, "vector slot %u of %u", strip->slot, meta->geo.group_slots);
}

void
rq_vector_blocks(Relation index, const RqMeta *meta, const RqStripDisk *strip,
				 BlockNumber *ret_first, uint32 *ret_n)
{
	const RqGeometry *geo = &meta->geo;
	uint32 at = strip->slot * geo->slot_bytes;
	uint32 last = at + geo->slot_head + geo->dim * geo->element_bytes - 1;

	check_slot(index, meta, strip);
	*ret_first = strip->group + at / RQ_BODY_BYTES;
	*ret_n = last / RQ_BODY_BYTES - at / RQ_BODY_BYTES + 1;
}

bool
rq_vector_distance(Relation index, const RqMeta *meta, VcStream *stream, const RqStripDisk *strip,
				   const float *query, float *ret_distance)
{
	const RqGeometry *geo = &meta->geo;
	uint32 at = strip->slot * geo->slot_bytes;
	uint32 end = at + geo->slot_head + geo->dim * geo->element_bytes;
	uint32 done = 0; /* elements */
	bool dot = vcv_metric_is_dot(meta->disk.metric);
	bool half = meta->disk.type == VCV_HALFVEC;
	float sum = 0;
	char head[sizeof(RqSlotDisk) + sizeof(float4)];
	uint32 have = 0; /* bytes of the head read */

	check_slot(index, meta, strip);
	while (at < end)
	{
		uint32 within = at % RQ_BODY_BYTES;
		uint32 part = Min(end - at, RQ_BODY_BYTES - within);
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = read_group_page(index, meta, stream, strip->group, at / RQ_BODY_BYTES);
		const char *here = r.page + RQ_BODY_OFFSET + within;

		at += part;
		if (have < geo->slot_head)
		{
			uint32 n = Min(part, geo->slot_head - have);

			memcpy(head + have, here, n);
			have += n;
			here += n;
			part -= n;
			if (have >= sizeof(RqSlotDisk) &&
				!ItemPointerEquals(&((RqSlotDisk *) head)->tid,
								   unconstify(ItemPointerData *, &strip->tid)))
				return false;
		}
		if (part > 0)
		{
			uint32 n = part / geo->element_bytes;
			const VcsVectorOps *ops = &vcs_vector_ops;

			if (half)
				sum += dot ? ops->dot_f16(query + done, (const uint16 *) here, n)
						   : ops->l2sq_f16(query + done, (const uint16 *) here, n);
			else
				sum += dot ? ops->dot_f32(query + done, (const float *) here, n)
						   : ops->l2sq_f32(query + done, (const float *) here, n);
			done += n;
		}
	}
	if (meta->disk.metric == VCV_COSINE)
	{
		float4 inverse;

		memcpy(&inverse, head + sizeof(RqSlotDisk), sizeof(inverse));
		sum *= inverse;
	}
	*ret_distance = dot ? -sum : sum;
	return true;
}

bool
rq_vector_read(Relation index, const RqMeta *meta, const RqStripDisk *strip, char *ret_slot)
{
	uint32 at = strip->slot * meta->geo.slot_bytes;
	uint32 end = at + meta->geo.slot_bytes;
	char *out = ret_slot;

	check_slot(index, meta, strip);
	while (at < end)
	{
		uint32 within = at % RQ_BODY_BYTES;
		uint32 part = Min(end - at, RQ_BODY_BYTES - within);
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = read_group_page(index, meta, NULL, strip->group, at / RQ_BODY_BYTES);

		memcpy(out, r.page + RQ_BODY_OFFSET + within, part);
		out += part;
		at += part;
	}
	return ItemPointerEquals(&((RqSlotDisk *) ret_slot)->tid,
							 unconstify(ItemPointerData *, &strip->tid));
}
