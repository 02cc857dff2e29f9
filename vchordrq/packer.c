/*
 * vchordrq/packer.c
 *		Composes the pages of list extents and level code runs in memory.
 *
 * A segment's strip precedes its codes but is complete only after the last row, so the body stream
 * of one segment is gathered in memory and then cut into pages.  Codes wait in a staging area until
 * 32 of them can be packed into a block.  A level run has no strip: its blocks leave as soon as they
 * fill a page.
 */
#include "postgres.h"

#include "vchordrq/packer.h"

#include "port/pg_crc32c.h"

#include "core/page.h"
#include "core/simd/vector/ops.h"
#include "core/vector/rabitq.h"

struct RqPacker
{
	MemoryContext context;
	const RqMeta *meta;
	RqEmitPage emit;
	void *emit_arg;
	char *page; /* image handed to emit, aligned */

	/* codes that wait for their block to be full */
	uint8 *codes; /* [32][code_words * 8] */
	float base[RQ_BLOCK_ROWS];
	float factor[RQ_BLOCK_ROWS];
	VcvHalf err[RQ_BLOCK_ROWS];
	uint32 staged;

	/* extent being packed */
	uint32 list;
	uint32 incarnation;
	uint32 rows;  /* announced */
	uint32 added; /* of them added */
	uint32 segment;
	uint32 segment_rows; /* of the current segment; 0 = none begun */
	uint32 segment_added;
	char *stream;     /* body stream of the segment */
	Size stream_size; /* allocated */
	char *block;      /* where the next code block goes */

	/* level run being packed */
	uint32 level;
	uint32 blocks; /* finished */
	uint32 pages;  /* emitted */
	uint32 fill;   /* bytes in page */
	char *scratch; /* one block */
};

/* body bytes of a page image */
static inline char *
body(char *page)
{
	return page + RQ_BODY_OFFSET;
}

void
rq_run_page_init(char *page, uint16 kind, uint32 owner, uint32 incarnation, uint32 ordinal)
{
	RqRunHeadDisk *head = (RqRunHeadDisk *) (page + RQ_HEAD_OFFSET);

	vc_page_init(page, kind, owner, incarnation);
	memset(head, 0, RQ_HEAD_BYTES);
	head->ordinal = ordinal;
}

void
rq_run_page_finish(char *page, uint32 crc_from, uint32 used)
{
	RqRunHeadDisk *head = (RqRunHeadDisk *) (page + RQ_HEAD_OFFSET);
	pg_crc32c crc;

	Assert(crc_from <= used && used <= RQ_BODY_BYTES);
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, body(page) + crc_from, used - crc_from);
	FIN_CRC32C(crc);
	head->crc = crc;
	head->crc_from = crc_from;
	head->used = used;
	((PageHeader) page)->pd_lower = RQ_BODY_OFFSET + used;
}

RqPacker *
rq_packer_create(MemoryContext context, const RqMeta *meta, RqEmitPage emit, void *emit_arg)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	RqPacker *packer = palloc0(sizeof(RqPacker));

	packer->context = context;
	packer->meta = meta;
	packer->emit = emit;
	packer->emit_arg = emit_arg;
	packer->page = palloc0(BLCKSZ);
	packer->codes = palloc0(RQ_BLOCK_ROWS * meta->geo.code_words * sizeof(uint64));
	packer->scratch = palloc0(meta->geo.block_bytes);
	MemoryContextSwitchTo(old);
	return packer;
}

static void
stage_code(RqPacker *packer, const uint64 *code, float base, float factor, float err)
{
	uint32 bytes = packer->meta->geo.code_words * sizeof(uint64);
	uint32 i = packer->staged++;

	Assert(i < RQ_BLOCK_ROWS);
	memcpy(packer->codes + (Size) i * bytes, code, bytes);
	packer->base[i] = base;
	packer->factor[i] = factor;
	packer->err[i] = vcv_half_up(err);
}

/* staged codes -> one block (geo.block_bytes) at ret_block */
static void
write_block(RqPacker *packer, char *ret_block)
{
	const RqGeometry *geo = &packer->meta->geo;
	uint32 n = packer->staged;
	char *meta = ret_block + geo->groups * 16;

	memset(meta, 0, geo->block_bytes - geo->groups * 16);
	vcs_vector_ops.fastscan_pack(packer->codes, geo->code_words * sizeof(uint64), (int) n, geo->dim,
								 (uint8 *) ret_block);
	memcpy(meta, packer->base, n * sizeof(float4));
	memcpy(meta + 128, packer->factor, n * sizeof(float4));
	memcpy(meta + 256, packer->err, n * sizeof(VcvHalf));
	packer->staged = 0;
}

static void
segment_begin(RqPacker *packer)
{
	const RqGeometry *geo = &packer->meta->geo;
	uint32 rows = rq_segment_rows(packer->rows, packer->segment);
	uint32 strip = rq_strip_padded(geo, rows);
	Size bytes;

	if (geo->exact)
		bytes = strip + (Size) rows * geo->row_bytes;
	else
		bytes = strip + (Size) ((rows + RQ_BLOCK_ROWS - 1) / RQ_BLOCK_ROWS) * geo->block_bytes;
	if (bytes > packer->stream_size)
	{
		if (packer->stream != NULL)
			pfree(packer->stream);
		packer->stream = NULL;
		packer->stream = MemoryContextAlloc(packer->context, bytes);
		packer->stream_size = bytes;
	}
	memset(packer->stream, 0, strip);
	packer->segment_rows = rows;
	packer->segment_added = 0;
	packer->block = packer->stream + strip;
	packer->staged = 0;
}

/* a page of the stream's bytes [from, from + used), of which those before strip_end change later */
static void
emit_stream_page(RqPacker *packer, uint32 ordinal, const char *from, uint32 used, uint32 strip)
{
	rq_run_page_init(packer->page, RQ_PAGE_LIST, packer->list, packer->incarnation, ordinal);
	memcpy(body(packer->page), from, used);
	rq_run_page_finish(packer->page, Min(strip, used), used);
	packer->emit(packer->emit_arg, ordinal, packer->page);
}

static void
segment_end_coded(RqPacker *packer, uint32 ordinal)
{
	uint32 strip = rq_strip_padded(&packer->meta->geo, packer->segment_rows);
	Size bytes = packer->block - packer->stream;

	for (Size at = 0; at < bytes; at += RQ_BODY_BYTES)
		emit_stream_page(packer, ordinal++, packer->stream + at, Min(bytes - at, RQ_BODY_BYTES),
						 at < strip ? strip - at : 0);
}

static void
segment_end_exact(RqPacker *packer, uint32 ordinal)
{
	const RqGeometry *geo = &packer->meta->geo;
	uint32 rows = packer->segment_rows;
	uint32 strip = rq_strip_padded(geo, rows);
	uint32 pages = rq_segment_pages(geo, rows);

	for (uint32 p = 0; p < pages; p++)
	{
		uint32 at = p * RQ_BODY_BYTES;
		uint32 of_strip = at < strip ? Min(strip - at, RQ_BODY_BYTES) : 0;
		uint32 first;
		uint32 offset;
		uint32 count = rq_exact_page_rows(geo, rows, p, &first, &offset);

		rq_run_page_init(packer->page, RQ_PAGE_LIST, packer->list, packer->incarnation,
						 ordinal + p);
		memcpy(body(packer->page), packer->stream + at, of_strip);
		if (count > 0)
			memcpy(body(packer->page) + offset,
				   packer->stream + strip + (Size) first * geo->row_bytes, count * geo->row_bytes);
		rq_run_page_finish(packer->page, of_strip,
						   count > 0 ? offset + count * geo->row_bytes : of_strip);
		packer->emit(packer->emit_arg, ordinal + p, packer->page);
	}
}

static void
segment_end(RqPacker *packer)
{
	const RqGeometry *geo = &packer->meta->geo;
	uint32 ordinal = rq_segment_first(geo, packer->segment);

	if (geo->exact)
		segment_end_exact(packer, ordinal);
	else
	{
		if (packer->staged > 0)
		{
			write_block(packer, packer->block);
			packer->block += geo->block_bytes;
		}
		segment_end_coded(packer, ordinal);
	}
	packer->segment++;
	packer->segment_rows = 0;
}

void
rq_packer_begin(RqPacker *packer, uint32 list, uint32 incarnation, uint32 rows)
{
	Assert(rows > 0);
	packer->list = list;
	packer->incarnation = incarnation;
	packer->rows = rows;
	packer->added = 0;
	packer->segment = 0;
	packer->segment_rows = 0;
}

/* where the strip entry of the next row goes */
static char *
next_strip(RqPacker *packer)
{
	if (packer->added >= packer->rows)
		elog(ERROR, "list %u got more rows than the %u announced", packer->list, packer->rows);
	if (packer->segment_rows == 0)
		segment_begin(packer);
	return packer->stream + packer->segment_added * packer->meta->geo.strip_bytes;
}

static void
row_added(RqPacker *packer)
{
	packer->added++;
	packer->segment_added++;
	if (packer->segment_added == packer->segment_rows)
		segment_end(packer);
}

void
rq_packer_add_code(RqPacker *packer, const RqStripDisk *strip, const uint64 *code, float base,
				   float factor, float err)
{
	const RqGeometry *geo = &packer->meta->geo;

	/* a short entry is the TID alone, which is the first member */
	memcpy(next_strip(packer), strip, geo->strip_bytes);
	stage_code(packer, code, base, factor, err);
	if (packer->staged == RQ_BLOCK_ROWS)
	{
		write_block(packer, packer->block);
		packer->block += geo->block_bytes;
	}
	row_added(packer);
}

void
rq_packer_add_exact(RqPacker *packer, ItemPointer tid, const float *vector)
{
	const RqGeometry *geo = &packer->meta->geo;

	memcpy(next_strip(packer), tid, sizeof(ItemPointerData));
	memcpy(packer->block + (Size) packer->segment_added * geo->row_bytes, vector, geo->row_bytes);
	row_added(packer);
}

void
rq_packer_end(RqPacker *packer)
{
	if (packer->added != packer->rows)
		elog(ERROR, "list %u got %u rows, but %u were announced", packer->list, packer->added,
			 packer->rows);
}

void
rq_packer_level_begin(RqPacker *packer, uint32 level)
{
	packer->level = level;
	packer->blocks = 0;
	packer->pages = 0;
	packer->fill = 0;
	packer->staged = 0;
}

static void
level_flush_page(RqPacker *packer)
{
	rq_run_page_finish(packer->page, 0, packer->fill);
	packer->emit(packer->emit_arg, packer->pages++, packer->page);
	packer->fill = 0;
}

/* staged codes become a block; its bytes go to the page, page by page */
static void
level_flush_block(RqPacker *packer)
{
	uint32 bytes = packer->meta->geo.block_bytes;
	uint32 done = 0;

	write_block(packer, packer->scratch);
	packer->blocks++;
	while (done < bytes)
	{
		uint32 take = Min(bytes - done, RQ_BODY_BYTES - packer->fill);

		if (packer->fill == 0)
			rq_run_page_init(packer->page, RQ_PAGE_LEVEL, packer->level, 0, packer->pages);
		memcpy(body(packer->page) + packer->fill, packer->scratch + done, take);
		packer->fill += take;
		done += take;
		if (packer->fill == RQ_BODY_BYTES)
			level_flush_page(packer);
	}
}

uint32
rq_packer_level_group(RqPacker *packer)
{
	if (packer->staged > 0)
		level_flush_block(packer);
	return packer->blocks;
}

void
rq_packer_level_add(RqPacker *packer, const uint64 *code, float base, float factor, float err)
{
	stage_code(packer, code, base, factor, err);
	if (packer->staged == RQ_BLOCK_ROWS)
		level_flush_block(packer);
}

void
rq_packer_level_end(RqPacker *packer, uint32 *ret_blocks, uint32 *ret_pages)
{
	if (packer->staged > 0)
		level_flush_block(packer);
	if (packer->fill > 0)
		level_flush_page(packer);
	*ret_blocks = packer->blocks;
	*ret_pages = packer->pages;
}
