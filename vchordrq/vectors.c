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
#include "core/vector/quantized.h"

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
	uint32 last = at + geo->slot_head + geo->value_bytes - 1;

	check_slot(index, meta, strip);
	*ret_first = strip->group + at / RQ_BODY_BYTES;
	*ret_n = last / RQ_BODY_BYTES - at / RQ_BODY_BYTES + 1;
}

/* what is known of a distance when some parts of the vector were read */
typedef struct PartialDistance
{
	const RqMeta *meta;
	const void *query;
	uint32 done;     /* elements */
	float sum;       /* f32 and half */
	uint64 products; /* quantised: of codes */
} PartialDistance;

/* One more part of the elements, as many whole bytes as are on a page. */
static void
add_part(PartialDistance *self, const char *part, uint32 bytes)
{
	const VcsVectorOps *ops = &vcs_vector_ops;
	VcvType type = (VcvType) self->meta->disk.type;
	uint32 n = Min(bytes * 8 / vcv_element_bits(type), self->meta->geo.dim - self->done);

	if (vcv_is_quantized(type))
	{
		const uint8 *codes = (const uint8 *) self->query + vcv_row_head(type);

		self->products += vcv_quant_dot(type, codes + self->done * vcv_element_bits(type) / 8,
										(const uint8 *) part, n);
	}
	else
	{
		const float *q = (const float *) self->query + self->done;
		bool dot = vcv_metric_is_dot(self->meta->disk.metric);

		if (type == VCV_HALFVEC)
			self->sum += dot ? ops->dot_f16(q, (const uint16 *) part, n)
							 : ops->l2sq_f16(q, (const uint16 *) part, n);
		else
			self->sum += dot ? ops->dot_f32(q, (const float *) part, n)
							 : ops->l2sq_f32(q, (const float *) part, n);
	}
	self->done += n;
}

/* all parts were added; head: of the slot, with the row's head */
static float
whole_distance(const PartialDistance *self, const char *head)
{
	VcvType type = (VcvType) self->meta->disk.type;
	VcvMetric metric = (VcvMetric) self->meta->disk.metric;
	float sum = self->sum;

	if (vcv_is_quantized(type))
	{
		VcvQuantHead row;

		memcpy(&row, head + self->meta->geo.slot_head, sizeof(row));
		return vcv_quant_score(metric, type, self->query, &row, self->products,
							   self->meta->geo.dim);
	}
	if (metric == VCV_COSINE)
	{
		float4 inverse;

		memcpy(&inverse, head + sizeof(RqSlotDisk), sizeof(inverse));
		sum *= inverse;
	}
	return vcv_metric_is_dot(metric) ? -sum : sum;
}

bool
rq_vector_distance(Relation index, const RqMeta *meta, VcStream *stream, const RqStripDisk *strip,
				   const void *query, float *ret_distance)
{
	const RqGeometry *geo = &meta->geo;
	uint32 at = strip->slot * geo->slot_bytes;
	uint32 end = at + geo->slot_head + geo->value_bytes;
	uint32 head_bytes = geo->slot_head + vcv_row_head((VcvType) meta->disk.type);
	PartialDistance distance = {.meta = meta, .query = query};
	char head[sizeof(RqSlotDisk) + sizeof(float4) + sizeof(VcvQuantHead)];
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
		if (have < head_bytes)
		{
			uint32 n = Min(part, head_bytes - have);

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
			add_part(&distance, here, part);
	}
	*ret_distance = whole_distance(&distance, head);
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
