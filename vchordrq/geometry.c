/*
 * vchordrq/geometry.c
 *		Arithmetic on runs, segments and vector groups.
 */
#include "postgres.h"

#include "vchordrq/geometry.h"

/* a reranked vector may touch this many pages on average beyond what its length demands */
#define GROUP_MAX_EXTRA_PAGES 0.4

/*
 * Pages touched on average by the slots of a group, minus the least that their length demands.
 */
static double
extra_pages(uint32 slot_bytes, uint32 slots)
{
	uint32 touched = 0;
	uint32 least = (slot_bytes + RQ_BODY_BYTES - 1) / RQ_BODY_BYTES;

	for (uint32 i = 0; i < slots; i++)
	{
		uint32 first = i * slot_bytes / RQ_BODY_BYTES;
		uint32 last = ((i + 1) * slot_bytes - 1) / RQ_BODY_BYTES;

		touched += last - first + 1;
	}
	return (double) touched / slots - least;
}

static void
choose_group(uint32 slot_bytes, uint32 *ret_pages, uint32 *ret_slots)
{
	double best = 0;

	*ret_pages = 0;
	*ret_slots = 0;
	for (uint32 pages = 1; pages <= RQ_MAX_GROUP_PAGES; pages++)
	{
		/* of quantised values of few dimensions a page could hold more than a bitmap has bits */
		uint32 slots = Min(pages * RQ_BODY_BYTES / slot_bytes, RQ_GROUP_SLOTS_MAX);
		double bytes;

		if (slots == 0 || extra_pages(slot_bytes, slots) > GROUP_MAX_EXTRA_PAGES)
			continue;
		bytes = (double) pages * RQ_BODY_BYTES / slots;
		/* a larger group must earn its size: contiguous extension and more slots behind one lock */
		if (*ret_pages == 0 || bytes < best * 0.97)
		{
			best = bytes;
			*ret_pages = pages;
			*ret_slots = slots;
		}
	}
}

void
rq_geometry_init(RqGeometry *ret_geo, uint32 dim, VcvType type, bool cosine, bool in_table,
				 bool exact)
{
	RqGeometry *geo = ret_geo;

	memset(geo, 0, sizeof(*geo));
	geo->dim = dim;
	geo->exact = exact;
	geo->grouped = !in_table && !exact;
	geo->strip_bytes = geo->grouped ? sizeof(RqStripDisk) : sizeof(ItemPointerData);
	geo->groups = (dim + 3) / 4;
	geo->code_words = (dim + 63) / 64;
	geo->value_bytes = vcv_row_bytes(type, dim);
	geo->centroid_bytes = TYPEALIGN(RQ_SPLIT_BYTES, sizeof(RqCentroidDisk) + dim * sizeof(float4));
	/* the tree of an exact index has code blocks too, so block_bytes is always set */
	geo->block_bytes = TYPEALIGN(RQ_SPLIT_BYTES, geo->groups * 16 + RQ_BLOCK_META_BYTES);
	if (exact)
	{
		geo->row_bytes = dim * sizeof(float4);
		geo->rows_per_page = RQ_BODY_BYTES / geo->row_bytes;
		geo->append_bytes = TYPEALIGN(8, sizeof(RqAppendExactDisk) + dim * sizeof(float4));
	}
	else
		geo->append_bytes = sizeof(RqAppendRowDisk) + geo->code_words * sizeof(uint64);
	geo->append_rows = RQ_BODY_BYTES / geo->append_bytes;
	if (geo->grouped)
	{
		/* the head of a quantised value has its length */
		geo->slot_head =
			sizeof(RqSlotDisk) + (cosine && !vcv_is_quantized(type) ? sizeof(float4) : 0);
		geo->slot_bytes = TYPEALIGN(4, geo->slot_head + geo->value_bytes);
		choose_group(geo->slot_bytes, &geo->group_pages, &geo->group_slots);
	}
}

/* rows of an exact segment that fit behind the strip in the page where the strip ends */
static uint32
tail_rows(const RqGeometry *geo, uint32 rows, uint32 *ret_strip_pages, uint32 *ret_offset)
{
	uint32 strip = rq_strip_padded(geo, rows);
	uint32 offset = strip % RQ_BODY_BYTES;

	*ret_strip_pages = strip / RQ_BODY_BYTES;
	*ret_offset = offset;
	return offset == 0 ? 0 : (RQ_BODY_BYTES - offset) / geo->row_bytes;
}

uint32
rq_segment_pages(const RqGeometry *geo, uint32 rows)
{
	uint32 strip_pages;
	uint32 offset;
	uint32 tail;

	Assert(rows > 0 && rows <= RQ_SEGMENT_ROWS);
	if (!geo->exact)
	{
		uint64 blocks = (rows + RQ_BLOCK_ROWS - 1) / RQ_BLOCK_ROWS;
		uint64 bytes = rq_strip_padded(geo, rows) + blocks * geo->block_bytes;

		return (uint32) ((bytes + RQ_BODY_BYTES - 1) / RQ_BODY_BYTES);
	}
	tail = tail_rows(geo, rows, &strip_pages, &offset);
	if (offset != 0)
		strip_pages++;
	if (rows <= tail)
		return strip_pages;
	return strip_pages + (rows - tail + geo->rows_per_page - 1) / geo->rows_per_page;
}

uint64
rq_extent_pages(const RqGeometry *geo, uint32 rows)
{
	uint64 pages = 0;
	uint32 whole = rows / RQ_SEGMENT_ROWS;
	uint32 rest = rows % RQ_SEGMENT_ROWS;

	if (whole > 0)
		pages += (uint64) whole * rq_segment_pages(geo, RQ_SEGMENT_ROWS);
	if (rest > 0)
		pages += rq_segment_pages(geo, rest);
	return pages;
}

uint32
rq_segment_first(const RqGeometry *geo, uint32 segment)
{
	return segment == 0 ? 0 : segment * rq_segment_pages(geo, RQ_SEGMENT_ROWS);
}

void
rq_locate_exact_row(const RqGeometry *geo, uint32 segment_rows, uint32 row, uint32 *ret_page,
					uint32 *ret_offset)
{
	uint32 strip_pages;
	uint32 offset;
	uint32 tail = tail_rows(geo, segment_rows, &strip_pages, &offset);

	if (row < tail)
	{
		*ret_page = strip_pages;
		*ret_offset = offset + row * geo->row_bytes;
		return;
	}
	row -= tail;
	*ret_page = strip_pages + (offset != 0) + row / geo->rows_per_page;
	*ret_offset = row % geo->rows_per_page * geo->row_bytes;
}

uint32
rq_exact_page_rows(const RqGeometry *geo, uint32 segment_rows, uint32 page, uint32 *ret_first,
				   uint32 *ret_offset)
{
	uint32 strip_pages;
	uint32 offset;
	uint32 tail = tail_rows(geo, segment_rows, &strip_pages, &offset);
	uint32 first;

	*ret_first = 0;
	*ret_offset = offset;
	if (page < strip_pages)
		return 0;
	if (offset != 0)
	{
		if (page == strip_pages)
			return Min(tail, segment_rows);
		strip_pages++;
	}
	first = tail + (page - strip_pages) * geo->rows_per_page;
	if (first >= segment_rows)
		return 0;
	*ret_first = first;
	*ret_offset = 0;
	return Min(segment_rows - first, geo->rows_per_page);
}
