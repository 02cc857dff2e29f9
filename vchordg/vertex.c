/*
 * vchordg/vertex.c
 *		Reading slots.
 *
 * A slot on one page is read under one share lock.  A longer one is read page by page; what was read then
 * belongs together if the first page still has the same incarnation, which is looked at again at the end.
 */
#include "postgres.h"

#include "core/report.h"

#include "vchordg/vertex.h"

static VcPageRead
read_page(Relation index, VcReadCache *cache, VcStream *stream, VgRef ref, uint32 ordinal)
{
	VcPageRead r = stream != NULL
					   ? vc_stream_read(stream, ref.group + ordinal, VG_PAGE_VERTEX)
					   : vc_page_read_cached(cache, index, ref.group + ordinal, VG_PAGE_VERTEX);
	const VgVertexHeadDisk *head = (const VgVertexHeadDisk *) (r.page + VG_HEAD_OFFSET);

	if (head->ordinal != ordinal)
		vc_corrupt(index, ref.group + ordinal, "page is number %u of its vertex group, expected %u",
				   head->ordinal, ordinal);
	return r;
}

VgVertexDisk *
vg_vertex_head(Relation index, const VgMeta *meta, BlockNumber blkno, const char *page, VgRef ref)
{
	const VgVertexHeadDisk *group = (const VgVertexHeadDisk *) (page + VG_HEAD_OFFSET);
	const VgGeometry *geo = &meta->geo;
	VgVertexDisk *head;

	if (ref.slot >= geo->group_slots)
		vc_corrupt(index, blkno, "vertex slot %u of %u", ref.slot, geo->group_slots);
	if (group->ordinal != 0)
		vc_corrupt(index, blkno, "page is number %u of its vertex group, expected 0",
				   group->ordinal);
	head = (VgVertexDisk *) (page + VG_BODY_OFFSET + ref.slot * geo->slot_bytes);
	if (head->state == VG_VERTEX_FREE || head->incarnation != ref.incarnation)
		return NULL;
	if (head->count > geo->m || head->state > VG_VERTEX_DYING)
		vc_corrupt(index, blkno, "vertex in slot %u has %u neighbours and state %u", ref.slot,
				   head->count, head->state);
	return head;
}

void
vg_vertex_blocks(const VgMeta *meta, VgRef ref, BlockNumber *ret_first, uint32 *ret_n)
{
	*ret_first = ref.group;
	*ret_n = meta->geo.group_pages;
}

void
vg_hop_init(VgHop *hop, const VgMeta *meta)
{
	uint32 m = meta->geo.m;

	memset(hop, 0, sizeof(*hop));
	hop->to = palloc(m * sizeof(VgRef));
	hop->estimates = palloc(m * sizeof(VgEstimate));
	if (meta->geo.labels)
		hop->labels = palloc(m * sizeof(uint64));
}

/* Edges [from, to) lie one after the other at `first`. */
static void
take_edges(const VgMeta *meta, const VgQuery *query, const char *first, uint32 from, uint32 to,
		   VgHop *hop)
{
	const VgGeometry *geo = &meta->geo;

	for (uint32 i = from; i < to; i++)
	{
		const VgEdgeDisk *edge = (const VgEdgeDisk *) (first + (i - from) * geo->edge_bytes);

		hop->to[i] = edge->to;
		if (hop->labels != NULL)
			memcpy(&hop->labels[i], edge + 1, sizeof(uint64));
	}
	if (hop->edges != NULL)
		memcpy(hop->edges + from * geo->edge_bytes, first, (to - from) * geo->edge_bytes);
	if (query != NULL && hop->estimates != NULL)
		vg_estimate(query, first + geo->edge_code, geo->edge_bytes, to - from,
					hop->estimates + from);
}

/* What of the vector lies on the page whose bytes are [at, at + VG_BODY_BYTES) of the slot. */
static void
take_row(const VgGeometry *geo, const char *bytes, uint32 at, uint32 len, VgScorer *scorer,
		 VgHop *hop)
{
	uint32 from = Max(geo->row_at, at);
	uint32 to = Min(geo->row_at + geo->row_bytes, at + len);

	if (from >= to)
		return;
	if (scorer->query != NULL)
		vg_scorer_add(scorer, bytes + (from - at), to - from);
	if (hop->row != NULL)
		memcpy(hop->row + (from - geo->row_at), bytes + (from - at), to - from);
}

/* references lead to pages that may be vertex groups at all */
static void
check_edges(Relation index, const VgMeta *meta, const VgHop *hop)
{
	for (uint32 i = 0; i < hop->nedges; i++)
	{
		if (hop->to[i].group <= VG_STATE_BLKNO || hop->to[i].group == InvalidBlockNumber ||
			hop->to[i].slot >= meta->geo.group_slots)
			vc_corrupt(index, hop->ref.group, "neighbour %u of the vertex in slot %u is in (%u,%u)",
					   i, hop->ref.slot, hop->to[i].group, hop->to[i].slot);
	}
}

/* edges [from, ...) that lie on page `ordinal` of a slot */
static uint32
edges_until(const VgGeometry *geo, uint32 from, uint32 count, uint32 ordinal)
{
	if (geo->group_pages == 1)
		return count;
	while (from < count && vg_edge_offset(geo, from) / VG_BODY_BYTES == ordinal)
		from++;
	return from;
}

static bool
same_life(Relation index, const VgMeta *meta, VcReadCache *cache, VgRef ref)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead r = read_page(index, cache, NULL, ref, 0);

	return vg_vertex_head(index, meta, ref.group, r.page, ref) != NULL;
}

bool
vg_vertex_expand(Relation index, const VgMeta *meta, VcReadCache *cache, VcStream *stream,
				 VgRef ref, const VgQuery *query, VgHop *hop)
{
	const VgGeometry *geo = &meta->geo;
	uint32 done = 0; /* edges */
	VgScorer scorer = {0};

	hop->ref = ref;
	hop->score = 0;
	if (query != NULL)
		vg_scorer_begin(&scorer, query);
	for (uint32 ordinal = 0; ordinal < geo->group_pages; ordinal++)
	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = read_page(index, cache, stream, ref, ordinal);
		const char *bytes = r.page + VG_BODY_OFFSET;
		uint32 at = ordinal * VG_BODY_BYTES;
		uint32 len = VG_BODY_BYTES;
		uint32 until;

		if (ordinal == 0)
		{
			const VgVertexDisk *head = vg_vertex_head(index, meta, ref.group, r.page, ref);
			const VgVertexHeadDisk *group = (const VgVertexHeadDisk *) (r.page + VG_HEAD_OFFSET);

			if (head == NULL)
				return false;
			bytes = (const char *) head;
			len = Min(geo->slot_bytes, VG_BODY_BYTES);
			hop->head = *head;
			hop->nedges = head->count;
			hop->strip = group->strip;
			hop->strip_entry = group->strip_first + ref.slot;
			if (hop->code != NULL)
				memcpy(hop->code, head + 1, geo->code_bytes);
		}
		until = edges_until(geo, done, hop->nedges, ordinal);
		if (until > done)
			take_edges(meta, query, bytes + (vg_edge_offset(geo, done) - at), done, until, hop);
		done = until;
		if (query != NULL || hop->row != NULL)
			take_row(geo, bytes, at, len, &scorer, hop);
	}
	check_edges(index, meta, hop);
	if (query != NULL)
		hop->score = vg_scorer_end(&scorer, hop->head.inverse_norm);
	return geo->group_pages == 1 || same_life(index, meta, cache, ref);
}
