/*
 * vchordrq/run.h
 *		Reading runs: page checks, byte fragments, code blocks.
 *
 * One share lock on one page at a time; nothing is held on return.
 */
#ifndef VCHORDRQ_RUN_H
#define VCHORDRQ_RUN_H

#include "utils/float.h"

#include "core/stream.h"
#include "core/vector/rabitq.h"

#include "vchordrq/census.h"
#include "vchordrq/meta.h"

/* where the pages of a run are, and what they must say of themselves */
typedef struct RqRun
{
	BlockNumber first;
	uint32 pages;
	uint16 kind;
	uint32 owner;
	uint32 incarnation;
} RqRun;

/*
 * Check the head of page `ordinal` of a run.  false: the page was recycled (other owner or
 * incarnation, or another kind than the run's).  Damage raises an error.  *ret_used: body bytes in use.
 */
extern bool rq_run_page_check(Relation index, const RqRun *run, uint32 ordinal, const char *page,
							  uint32 *ret_used);

/*
 * Copy `len` bytes at stream offset `offset` of a run whose stream begins at page `base` of it.
 * false: recycled.
 */
extern bool rq_run_copy(Relation index, VcReadCache *cache, const RqRun *run, uint64 offset,
						uint32 len, void *ret_bytes);

/* a row whose bound survived */
typedef struct RqSurvivor
{
	float bound;
	uint32 row; /* within the segment or level: block * 32 + lane */
} RqSurvivor;

/*
 * The `want` smallest of the values pushed so far, as a max-heap.  Of upper bounds: a row whose lower
 * bound exceeds the largest of them cannot be among the `want` nearest (as far as bounds hold).
 */
typedef struct RqCeilingEntry
{
	float value;    /* what the heap is ordered by */
	float estimate; /* of the same row */
} RqCeilingEntry;

typedef struct RqCeiling
{
	size_t want;
	size_t n;
	size_t room;
	RqCeilingEntry *entries; /* [room], room >= want */
} RqCeiling;

extern void rq_ceiling_push(RqCeiling *ceiling, float value, float estimate);

static inline bool
rq_ceiling_full(const RqCeiling *ceiling)
{
	return ceiling->n >= ceiling->want;
}

static inline float
rq_ceiling_limit(const RqCeiling *ceiling)
{
	return rq_ceiling_full(ceiling) ? ceiling->entries[0].value : get_float4_infinity();
}

/* the estimate that belongs to the limit: about the want-th smallest estimate */
static inline float
rq_ceiling_estimate(const RqCeiling *ceiling)
{
	return rq_ceiling_full(ceiling) ? ceiling->entries[0].estimate : get_float4_infinity();
}

/* the estimate is the middle between lower and upper bound */
static inline float
rq_code_estimate(const VcvSingleBound *single, float lower, float factor, float err)
{
	return lower + single->margin * factor + single->w * err;
}

static inline void
rq_ceiling_push_code(RqCeiling *upper, const VcvSingleBound *single, float lower, float factor,
					 float err)
{
	float estimate = rq_code_estimate(single, lower, factor, err);
	float value = 2 * estimate - lower;

	if (value < rq_ceiling_limit(upper))
		rq_ceiling_push(upper, value, estimate);
}

/* how to score the blocks of a run, and where survivors go */
typedef struct RqScorer
{
	const uint8 *lut;      /* 16 bytes a group */
	VcsBound bound;        /* threshold: rows with a bound at or above it are pruned */
	VcvSingleBound single; /* for upper bounds; used with a ceiling or a census only */
	RqCeiling *upper;      /* of upper bounds, or */
	RqCensus *census;      /* of estimates; both NULL: threshold alone prunes */
	float known;           /* rows with a bound up to this do not count in `upper` */
	float *spread;         /* NULL, or parallel to out: estimate less bound */
	RqSurvivor *out;       /* room for every row scored */
	uint32 nout;
} RqScorer;

/*
 * Score code blocks [block, block + nblocks) whose stream begins `base` bytes into the run; only the
 * first `rows` rows (counted from `block`) exist.  Appends survivors with row numbers relative to
 * `block`.  Pages are read through `stream`, or if that is NULL through the cache alone.  false:
 * recycled; survivors appended so far are meaningless.
 */
extern bool rq_run_score(Relation index, const RqMeta *meta, VcReadCache *cache, VcStream *stream,
						 const RqRun *run, uint64 base, uint32 block, uint32 nblocks, uint32 rows,
						 RqScorer *scorer);

/*
 * Distance (L2 squared, or negative dot) of f32 query[dim] to the f32 vector[dim] at stream offset
 * `offset`, page by page.  false: recycled.
 */
extern bool rq_run_distance(Relation index, VcReadCache *cache, const RqRun *run, uint64 offset,
							const float *query, uint32 dim, bool dot, float *ret_distance);

#endif
