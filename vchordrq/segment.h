/*
 * vchordrq/segment.h
 *		Lists read as a whole: segments of extents, strips, append chains.  For VACUUM and compaction
 *		(and in part for checks), not for searches.
 *
 * Locks: one share lock on one page at a time, nothing is held on return.  Pages are read through the
 * caller's buffer access strategy, with the vacuum delay between them.
 */
#ifndef VCHORDRQ_SEGMENT_H
#define VCHORDRQ_SEGMENT_H

#include "core/buf.h"
#include "core/vector/types.h"

#include "vchordrq/meta.h"
#include "vchordrq/run.h"

/* one segment; caller's storage, the bodies are in `context` */
typedef struct RqSegment
{
	const RqGeometry *geo;
	MemoryContext context;
	uint32 rows;
	uint32 pages;
	char *bodies; /* [pages][RQ_BODY_BYTES] */
	Size room;    /* bytes allocated */
} RqSegment;

/* a coded row as it lies in its block */
typedef struct RqCodedRow
{
	float base;
	float factor;
	VcvHalf err;
} RqCodedRow;

extern void rq_segment_init(RqSegment *segment, MemoryContext context, const RqGeometry *geo);
extern void rq_segment_fini(RqSegment *segment);

/* Make room for a segment of `rows` (1..RQ_SEGMENT_ROWS) rows; the bodies are undefined. */
extern void rq_segment_reset(RqSegment *segment, uint32 rows);

/*
 * What page number `page` of a segment of `rows` rows must say of itself: bytes in use, and how many
 * of them, in front, are strip (which the page's CRC does not cover).
 */
extern void rq_segment_page_extent(const RqGeometry *geo, uint32 rows, uint32 page,
								   uint32 *ret_strip, uint32 *ret_used);

/*
 * Read segment number `number` of an extent of `extent_rows` rows.  VACUUM alone may call this: a page
 * of another owner or incarnation is damage.
 */
extern void rq_segment_read(RqSegment *segment, Relation index, const RqRun *run,
							uint32 extent_rows, uint32 number, BufferAccessStrategy strategy);

/* identity of a row; slot and group are 0 where the strip does not keep them */
extern void rq_segment_strip(const RqSegment *segment, uint32 row, RqStripDisk *ret_strip);

/*
 * Row `lane` of a code block (geo.block_bytes at `block`): code words (geo.code_words, unused bits zero)
 * and factors.
 */
extern void rq_block_row(const RqGeometry *geo, const char *block, uint32 lane, uint64 *ret_code,
						 RqCodedRow *ret_row);

/* coded index: the same for row `row` of a segment */
extern void rq_segment_code(const RqSegment *segment, uint32 row, uint64 *ret_code,
							RqCodedRow *ret_row);

/* exact index: the f32 row */
extern const float *rq_segment_exact(const RqSegment *segment, uint32 row);

/* strip pages of a segment, and entries a page */
extern uint32 rq_strip_pages(const RqGeometry *geo, uint32 rows);

static inline uint32
rq_strip_per_page(const RqGeometry *geo)
{
	return RQ_BODY_BYTES / geo->strip_bytes;
}

/*
 * Copy the strip entries of strip page `page` of segment number `number`; ret_entries has
 * RQ_BODY_BYTES.  Returns their number.  Otherwise as rq_segment_read.
 */
extern uint32 rq_strip_read(Relation index, const RqGeometry *geo, const RqRun *run,
							uint32 extent_rows, uint32 number, uint32 page,
							BufferAccessStrategy strategy, char *ret_entries);

/*
 * A walk along an append chain: the pages that a directory entry counted, no matter what inserters
 * have added since.
 */
typedef struct RqChain
{
	const RqMeta *meta;
	uint32 list;
	uint32 incarnation;
	BlockNumber next;
	uint32 left; /* pages to come */
} RqChain;

/* head may be invalid: an empty chain */
extern void rq_chain_begin(RqChain *chain, Relation index, const RqMeta *meta, uint32 list,
						   BlockNumber head, uint32 pages, uint32 incarnation);

/*
 * Copy the rows of the next page (geo.append_bytes each) to ret_rows, RQ_BODY_BYTES; false at the end.
 * Damage, also a chain that ends too early, raises an error.
 */
extern bool rq_chain_next(RqChain *chain, Relation index, BufferAccessStrategy strategy,
						  char *ret_rows, uint32 *ret_n, BlockNumber *ret_block);

/* TID of entry i of an array of strips or appended rows; they all begin with it */
static inline ItemPointerData
rq_entry_tid(const char *entries, uint32 stride, uint32 i)
{
	ItemPointerData tid;

	memcpy(&tid, entries + (Size) i * stride, sizeof(tid));
	return tid;
}

#endif
