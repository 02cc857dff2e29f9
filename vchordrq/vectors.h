/*
 * vchordrq/vectors.h
 *		Vector groups: slots with the rows' full vectors (format.h).
 *
 * Lock order: CHAIN page, then pages of one group in ascending block order, then an APPEND page.
 */
#ifndef VCHORDRQ_VECTORS_H
#define VCHORDRQ_VECTORS_H

#include "core/stream.h"
#include "core/xlog.h"
#include "core/vector/distance.h"

#include "vchordrq/meta.h"

/*
 * Exact distance of `query` (rq_encoder_query: f32[dim], unrotated; normalised for cosine; or a
 * quantised value's row) to the vector in a slot: L2 squared, negative dot, or -cos.  A vector over
 * several pages is read page by page.
 * false: the slot is free or belongs to another row (it was deleted meanwhile), *ret untouched.
 */
extern bool rq_vector_distance(Relation index, const RqMeta *meta, VcStream *stream,
							   const RqStripDisk *strip, const void *query, float *ret_distance);

/* The blocks that rq_vector_distance() reads, in this order: *ret_n from *ret_first on. */
extern void rq_vector_blocks(Relation index, const RqMeta *meta, const RqStripDisk *strip,
							 BlockNumber *ret_first, uint32 *ret_n);

/* copy a slot's bytes (geo.slot_bytes) to ret_slot; false as above */
extern bool rq_vector_read(Relation index, const RqMeta *meta, const RqStripDisk *strip,
						   char *ret_slot);

/*
 * Find a free slot for chain `chain` (0..chains-1) and write `slot` (geo.slot_bytes) into it.  On
 * return *xlog holds at most three pages of the group, edited and uncommitted, so that the caller adds
 * the APPEND page to the same record; dropping it leaves the slot free.  heap: for page allocation.
 */
extern void rq_vector_put(Relation index, Relation heap, const RqMeta *meta, uint32 chain,
						  const char *slot, VcXlog *xlog, RqStripDisk *ret_strip);

/*
 * VACUUM: free the slot if it still belongs to strip->tid; puts the group on the free list of chain
 * `chain` unless it is on one already or some chain fills it.  One record; no locks held before.
 */
extern void rq_vector_free(Relation index, const RqMeta *meta, uint32 chain,
						   const RqStripDisk *strip);

/* Compose group pages in memory (build): pages = geo.group_pages BLCKSZ images. */
extern void rq_group_init(const RqMeta *meta, char *pages);
extern void rq_group_put(const RqMeta *meta, char *pages, uint32 slot_no, const char *slot);
extern void rq_group_finish(const RqMeta *meta, char *pages, uint32 slots_used);

#endif
