/*
 * vchordrq/packer.h
 *		Composes the pages of one list extent, or of a level's code run, in memory.
 *
 * Used by the build (pages go to the page writer) and by compaction (pages go to write guards): the
 * caller's emit function receives finished page images in ascending order of `ordinal`.  Rows must
 * come exactly as many as announced.  Memory: one segment (<= RQ_SEGMENT_ROWS rows).
 */
#ifndef VCHORDRQ_PACKER_H
#define VCHORDRQ_PACKER_H

#include "vchordrq/meta.h"

/* page: BLCKSZ image, valid during the call only */
typedef void (*RqEmitPage)(void *arg, uint32 ordinal, const char *page);

typedef struct RqPacker RqPacker;

extern RqPacker *rq_packer_create(MemoryContext context, const RqMeta *meta, RqEmitPage emit,
								  void *emit_arg);

/* Begin an extent of `rows` > 0 rows of list `list`; pages carry owner = list and `incarnation`. */
extern void rq_packer_begin(RqPacker *packer, uint32 list, uint32 incarnation, uint32 rows);

/* Next row of a coded index.  strip->group/slot are ignored when vectors are not grouped. */
extern void rq_packer_add_code(RqPacker *packer, const RqStripDisk *strip, const uint64 *code,
							   float base, float factor, float err);

/* Next row of an exact index: f32 vector[dim]. */
extern void rq_packer_add_exact(RqPacker *packer, ItemPointer tid, const float *vector);

/* All announced rows were added: emit what is left. */
extern void rq_packer_end(RqPacker *packer);

/*
 * A level's code run: like an extent without strips and segments.  begin/add/.../end; a call of
 * rq_packer_level_group starts a new block (the children of the next parent) and returns its number.
 */
extern void rq_packer_level_begin(RqPacker *packer, uint32 level);
extern uint32 rq_packer_level_group(RqPacker *packer);
extern void rq_packer_level_add(RqPacker *packer, const uint64 *code, float base, float factor,
								float err);
extern void rq_packer_level_end(RqPacker *packer, uint32 *ret_blocks, uint32 *ret_pages);

/*
 * Initialise a page image of a run (CENTROID, DIRECTORY and the above): kind, owner, incarnation,
 * head.  rq_run_page_finish sets `used`, pd_lower and the CRC over body[crc_from, used).
 */
extern void rq_run_page_init(char *page, uint16 kind, uint32 owner, uint32 incarnation,
							 uint32 ordinal);
extern void rq_run_page_finish(char *page, uint32 crc_from, uint32 used);

#endif
