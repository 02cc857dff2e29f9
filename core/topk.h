/*
 * core/topk.h
 *		The k smallest of a stream of (key, TID, payload), with the threshold that prunes the rest.
 *
 * Order: key ascending (NaN after everything, as PostgreSQL orders floats), equal keys by ascending
 * TID.  The order is total as long as no (key, TID) is pushed twice, so the result does not depend
 * on the order of pushes nor on the container.  Best-is-largest callers (BM25) push -score.
 *
 * Two containers behind one interface:
 *	VC_TOPK_HEAP	a max-heap of k entries; the threshold is exact after every push.  For small k,
 *					and where candidates arrive roughly from good to bad.
 *	VC_TOPK_BUFFER	a buffer of 2k entries; when it is full a quickselect keeps the best k.
 *Amortised O(1) a push, no dependent cache misses; the threshold lags by at most k accepted pushes.
 *For large k.
 *
 * Memory is the caller's: vc_topk_size() bytes, aligned to 8 (VcArena gives that).  Nothing here
 * allocates or raises an error.
 */
#ifndef VC_CORE_TOPK_H
#define VC_CORE_TOPK_H

typedef enum VcTopkKind
{
	VC_TOPK_HEAP,
	VC_TOPK_BUFFER
} VcTopkKind;

typedef struct VcTopkEntry
{
	double key;
	uint64 tid; /* 48-bit key of core/tid.h, or any other tie-break */
	uint64 payload;
} VcTopkEntry;

typedef struct VcTopk
{
	VcTopkEntry *entries; /* caller's memory */
	size_t len;
	size_t capacity; /* k, or 2k for the buffer */
	size_t k;
	VcTopkKind kind;
	/* a candidate must be before (bound_key, bound_tid) ... */
	double bound_key;
	uint64 bound_tid;
	/* ... and, if has_after, behind this pair */
	bool has_after;
	double after_key;
	uint64 after_tid;
} VcTopk;

/* Bytes of memory that a container for k entries needs.  k >= 1. */
extern size_t vc_topk_size(VcTopkKind kind, size_t k);

/*
 * Begins an empty container over `memory`.  Only keys < bound enter; pass INFINITY for no bound
 * (then +Infinity and NaN enter too while there is room).
 */
extern void vc_topk_init(VcTopk *topk, VcTopkKind kind, size_t k, void *memory, double bound);

/*
 * From now on entries at or before (key, tid) are refused: a scan that ran out of memory finds what
 * it dropped by searching again behind the last entry that it emitted.
 */
extern void vc_topk_set_after(VcTopk *topk, double key, uint64 tid);

/* Offers an entry.  Returns whether it was taken (it may be dropped again by later ones). */
extern bool vc_topk_push(VcTopk *topk, double key, uint64 tid, uint64 payload);

/*
 * Ends the collection: sorts what is left, returns its number (<= k), best first in topk->entries.
 * Nothing may be pushed until the next vc_topk_init.
 */
extern size_t vc_topk_finish(VcTopk *topk);

/*
 * The key that a candidate must not exceed in order to have a chance: a block or list whose
 * smallest possible key is greater can be skipped.  NaN while there is no bound;
 * vc_topk_may_enter() handles that.
 */
static inline double
vc_topk_threshold(const VcTopk *topk)
{
	return topk->bound_key;
}

/* Whether an entry with a key of at least `lower_bound` may still enter. */
static inline bool
vc_topk_may_enter(const VcTopk *topk, double lower_bound)
{
	return !(lower_bound > topk->bound_key);
}

#endif
