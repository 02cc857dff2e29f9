/*
 * vchordrq/geometry.h
 *		Where things are: arithmetic on runs, segments and vector groups.  Pure, no page access.
 *
 * All positions follow from RqGeometry and row counts; see the map in format.h.
 */
#ifndef VCHORDRQ_GEOMETRY_H
#define VCHORDRQ_GEOMETRY_H

#include "core/vector/types.h"

#include "vchordrq/format.h"

/* byte sizes that follow from dimension, type, metric and flags of an index */
typedef struct RqGeometry
{
	uint32 dim;
	bool exact;            /* f32 rows in lists instead of codes */
	bool grouped;          /* full vectors are kept in vector groups */
	uint32 strip_bytes;    /* of one strip entry: 12 when grouped, else 6 */
	uint32 groups;         /* 16-byte code groups of a block */
	uint32 block_bytes;    /* of one code block, multiple of 64; 0 when exact */
	uint32 row_bytes;      /* of one f32 row; 0 when coded */
	uint32 rows_per_page;  /* of f32 rows in a page without a strip */
	uint32 centroid_bytes; /* of one centroid row, multiple of 64 */
	uint32 append_bytes;   /* of one appended row, multiple of 8 */
	uint32 append_rows;    /* appended rows a page */
	uint32 code_words;     /* uint64 words of a single sign code */
	uint32 value_bytes;    /* of a value's row in the column's type (core/vector/types.h) */
	uint32 slot_head;      /* bytes before the row of a slot: 8, or 12 with inverse norm */
	uint32 slot_bytes;
	uint32 group_pages;
	uint32 group_slots;
} RqGeometry;

/*
 * Fill *ret_geo.  Chooses the vector group shape: the fewest bytes a slot among 1..8 pages whose slots
 * touch at most 1.4 pages on average (one page more per whole page of vector for vectors longer than a
 * page).  dim <= VCV_MAX_INDEX_DIM, and no more than the type has: with 4 bytes an element a value of
 * VCV_MAX_DIM dimensions just fits a group, with one byte a value of VCV_MAX_INDEX_DIM.
 */
extern void rq_geometry_init(RqGeometry *ret_geo, uint32 dim, VcvType type, bool cosine,
							 bool in_table, bool exact);

/* pages of a segment of `rows` (1..RQ_SEGMENT_ROWS) rows, and of a whole extent */
extern uint32 rq_segment_pages(const RqGeometry *geo, uint32 rows);
extern uint64 rq_extent_pages(const RqGeometry *geo, uint32 rows);

/* rows of segment number `segment` of an extent of `rows` rows, and its first page ordinal */
static inline uint32
rq_segment_rows(uint32 rows, uint32 segment)
{
	return Min(rows - segment * RQ_SEGMENT_ROWS, RQ_SEGMENT_ROWS);
}

static inline uint32
rq_segment_count(uint32 rows)
{
	return rows / RQ_SEGMENT_ROWS + (rows % RQ_SEGMENT_ROWS != 0);
}

extern uint32 rq_segment_first(const RqGeometry *geo, uint32 segment);

/* bytes of the strip of a segment, padded to RQ_SPLIT_BYTES: where its codes begin in the stream */
static inline uint32
rq_strip_padded(const RqGeometry *geo, uint32 rows)
{
	return (rows * geo->strip_bytes + RQ_SPLIT_BYTES - 1) / RQ_SPLIT_BYTES * RQ_SPLIT_BYTES;
}

/* exact segments: page ordinal within the segment and body offset of row r */
extern void rq_locate_exact_row(const RqGeometry *geo, uint32 segment_rows, uint32 row,
								uint32 *ret_page, uint32 *ret_offset);

/* exact segments: rows [first, first + count) that page `page` of the segment holds, from `offset` */
extern uint32 rq_exact_page_rows(const RqGeometry *geo, uint32 segment_rows, uint32 page,
								 uint32 *ret_first, uint32 *ret_offset);

#endif
