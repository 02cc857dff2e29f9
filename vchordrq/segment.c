/*
 * vchordrq/segment.c
 *		Lists read as a whole: segments of extents, strips, append chains.
 */
#include "postgres.h"

#include "vchordrq/segment.h"

#include "commands/vacuum.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/report.h"
#include "core/simd/vector/ops.h"

#include "vchordrq/list.h"

void
rq_segment_init(RqSegment *segment, MemoryContext context, const RqGeometry *geo)
{
	memset(segment, 0, sizeof(*segment));
	segment->geo = geo;
	segment->context = context;
}

void
rq_segment_fini(RqSegment *segment)
{
	if (segment->bodies != NULL)
		pfree(segment->bodies);
	segment->bodies = NULL;
	segment->room = 0;
}

void
rq_segment_reset(RqSegment *segment, uint32 rows)
{
	Size bytes;

	segment->rows = rows;
	segment->pages = rq_segment_pages(segment->geo, rows);
	bytes = (Size) segment->pages * RQ_BODY_BYTES;
	if (bytes <= segment->room)
		return;
	rq_segment_fini(segment);
	segment->bodies = MemoryContextAllocHuge(segment->context, bytes);
	segment->room = bytes;
}

void
rq_segment_page_extent(const RqGeometry *geo, uint32 rows, uint32 page, uint32 *ret_strip,
					   uint32 *ret_used)
{
	uint32 padded = rq_strip_padded(geo, rows);
	uint32 at = page * RQ_BODY_BYTES;

	*ret_strip = at < padded ? Min(padded - at, RQ_BODY_BYTES) : 0;
	if (geo->exact)
	{
		uint32 first;
		uint32 offset;
		uint32 count = rq_exact_page_rows(geo, rows, page, &first, &offset);

		*ret_used = count > 0 ? offset + count * geo->row_bytes : *ret_strip;
	}
	else
	{
		uint64 blocks = (rows + RQ_BLOCK_ROWS - 1) / RQ_BLOCK_ROWS;
		uint64 bytes = padded + blocks * geo->block_bytes;

		*ret_used = at < bytes ? (uint32) Min(bytes - at, RQ_BODY_BYTES) : 0;
	}
}

/* Copy the first `want` body bytes of a page of the run; they must be there. */
static void
copy_body(Relation index, const RqRun *run, uint32 ordinal, uint32 want,
		  BufferAccessStrategy strategy, char *ret_bytes)
{
	BlockNumber block = run->first + ordinal;
	uint32 used;

	vacuum_delay_point(false);
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_strategy(index, block, VC_PAGE_ANY, strategy);

		if (!rq_run_page_check(index, run, ordinal, r.page, &used) || vc_page_is_free(r.page))
			vc_corrupt(index, block, "page does not belong to list %u, incarnation %u", run->owner,
					   run->incarnation);
		if (used < want)
			vc_corrupt(index, block, "page holds %u bytes, expected %u", used, want);
		memcpy(ret_bytes, r.page + RQ_BODY_OFFSET, want);
	}
}

void
rq_segment_read(RqSegment *segment, Relation index, const RqRun *run, uint32 extent_rows,
				uint32 number, BufferAccessStrategy strategy)
{
	uint32 rows = rq_segment_rows(extent_rows, number);
	uint32 first = rq_segment_first(segment->geo, number);

	rq_segment_reset(segment, rows);
	for (uint32 page = 0; page < segment->pages; page++)
	{
		uint32 strip;
		uint32 used;

		rq_segment_page_extent(segment->geo, rows, page, &strip, &used);
		copy_body(index, run, first + page, used, strategy,
				  segment->bodies + (Size) page * RQ_BODY_BYTES);
	}
}

void
rq_segment_strip(const RqSegment *segment, uint32 row, RqStripDisk *ret_strip)
{
	uint32 bytes = segment->geo->strip_bytes;

	Assert(row < segment->rows);
	memset(ret_strip, 0, sizeof(*ret_strip));
	/* entries do not straddle pages, so the bodies are one array of them */
	memcpy(ret_strip, segment->bodies + (Size) row * bytes, bytes);
}

void
rq_block_row(const RqGeometry *geo, const char *block, uint32 lane, uint64 *ret_code,
			 RqCodedRow *ret_row)
{
	const char *meta = block + geo->groups * 16;

	ret_code[geo->code_words - 1] = 0;
	vcs_vector_ops.fastscan_unpack((const uint8 *) block, geo->dim, (int) lane, (uint8 *) ret_code);
	memcpy(&ret_row->base, meta + lane * sizeof(float4), sizeof(float4));
	memcpy(&ret_row->factor, meta + (RQ_BLOCK_ROWS + lane) * sizeof(float4), sizeof(float4));
	memcpy(&ret_row->err, meta + 2 * RQ_BLOCK_ROWS * sizeof(float4) + lane * sizeof(VcvHalf),
		   sizeof(VcvHalf));
}

void
rq_segment_code(const RqSegment *segment, uint32 row, uint64 *ret_code, RqCodedRow *ret_row)
{
	const RqGeometry *geo = segment->geo;
	const char *block = segment->bodies + rq_strip_padded(geo, segment->rows) +
						(Size) (row / RQ_BLOCK_ROWS) * geo->block_bytes;

	Assert(row < segment->rows && !geo->exact);
	rq_block_row(geo, block, row % RQ_BLOCK_ROWS, ret_code, ret_row);
}

const float *
rq_segment_exact(const RqSegment *segment, uint32 row)
{
	uint32 page;
	uint32 offset;

	Assert(row < segment->rows && segment->geo->exact);
	rq_locate_exact_row(segment->geo, segment->rows, row, &page, &offset);
	return (const float *) (segment->bodies + (Size) page * RQ_BODY_BYTES + offset);
}

uint32
rq_strip_pages(const RqGeometry *geo, uint32 rows)
{
	return (rows + rq_strip_per_page(geo) - 1) / rq_strip_per_page(geo);
}

uint32
rq_strip_read(Relation index, const RqGeometry *geo, const RqRun *run, uint32 extent_rows,
			  uint32 number, uint32 page, BufferAccessStrategy strategy, char *ret_entries)
{
	uint32 rows = rq_segment_rows(extent_rows, number);
	uint32 per_page = rq_strip_per_page(geo);
	uint32 n = Min(rows - page * per_page, per_page);

	Assert(page < rq_strip_pages(geo, rows));
	copy_body(index, run, rq_segment_first(geo, number) + page, n * geo->strip_bytes, strategy,
			  ret_entries);
	return n;
}

void
rq_chain_begin(RqChain *chain, Relation index, const RqMeta *meta, uint32 list, BlockNumber head,
			   uint32 pages, uint32 incarnation)
{
	chain->meta = meta;
	chain->list = list;
	chain->incarnation = incarnation;
	chain->next = head;
	chain->left = head == InvalidBlockNumber ? 0 : pages;
	/* a chain cannot have more pages than the index: no damage makes this walk endless */
	if (chain->left > RelationGetNumberOfBlocks(index))
		vc_corrupt(index, head, "list %u claims an append chain of %u pages", list, pages);
}

bool
rq_chain_next(RqChain *chain, Relation index, BufferAccessStrategy strategy, char *ret_rows,
			  uint32 *ret_n, BlockNumber *ret_block)
{
	BlockNumber block = chain->next;

	if (chain->left == 0)
		return false;
	if (block == InvalidBlockNumber)
		vc_corrupt(index, block, "append chain of list %u ends %u pages too early", chain->list,
				   chain->left);
	vacuum_delay_point(false);
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_strategy(index, block, VC_PAGE_ANY, strategy);

		if (!rq_append_page_check(index, chain->meta, block, r.page, chain->list,
								  chain->incarnation, ret_n) ||
			vc_page_is_free(r.page))
			vc_corrupt(index, block, "page does not belong to the append chain of list %u",
					   chain->list);
		memcpy(ret_rows, r.page + RQ_BODY_OFFSET, *ret_n * chain->meta->geo.append_bytes);
		chain->next = vc_page_opaque_read(r.page)->next;
	}
	chain->left--;
	*ret_block = block;
	return true;
}
