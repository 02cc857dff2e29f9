/*
 * core/topk.c
 *		The k smallest of a stream of (key, TID, payload).
 *
 * The bound (bound_key, bound_tid) is a pair that no entry of the result can be at or behind, once
 *k entries are held: the worst held entry of the heap, the k-th best after the last selection of
 *the buffer.  A pair instead of a key alone makes ties come out by TID and never lets an entry in
 *that would be dropped at once.  Before that it is (bound, 0) as given to vc_topk_init, which no
 *TID is before, hence "key < bound"; without a bound it is (NaN, PG_UINT64_MAX), behind everything.
 */
#include "postgres.h"

#include "core/topk.h"

#include <math.h>

#include "core/heap.h"

/* Whether (a_key, a_tid) is before (b_key, b_tid); NaN is the largest key. */
static inline bool
pair_before(double a_key, uint64 a_tid, double b_key, uint64 b_tid)
{
	if (a_key < b_key)
		return true;
	if (a_key > b_key)
		return false;
	if (unlikely(isnan(a_key) != isnan(b_key)))
		return isnan(b_key);
	return a_tid < b_tid;
}

static inline bool
entry_before(const VcTopkEntry *a, const VcTopkEntry *b)
{
	return pair_before(a->key, a->tid, b->key, b->tid);
}

#define ENTRY_BEHIND(a, b) entry_before(b, a)
VC_HEAP_DEFINE(worst, VcTopkEntry, ENTRY_BEHIND);

#define ST_SORT          sort_entries
#define ST_ELEMENT_TYPE  VcTopkEntry
#define ST_COMPARE(a, b) (entry_before(a, b) ? -1 : (entry_before(b, a) ? 1 : 0))
#define ST_SCOPE         static
#define ST_DEFINE
#include "lib/sort_template.h"

size_t
vc_topk_size(VcTopkKind kind, size_t k)
{
	return (kind == VC_TOPK_BUFFER ? 2 * k : k) * sizeof(VcTopkEntry);
}

void
vc_topk_init(VcTopk *topk, VcTopkKind kind, size_t k, void *memory, double bound)
{
	Assert(k > 0);
	Assert(!isnan(bound));

	topk->entries = memory;
	topk->len = 0;
	topk->capacity = kind == VC_TOPK_BUFFER ? 2 * k : k;
	topk->k = k;
	topk->kind = kind;
	topk->has_after = false;
	topk->after_key = 0;
	topk->after_tid = 0;
	if (isinf(bound) && bound > 0)
	{
		topk->bound_key = NAN;
		topk->bound_tid = PG_UINT64_MAX;
	}
	else
	{
		topk->bound_key = bound;
		topk->bound_tid = 0;
	}
}

void
vc_topk_set_after(VcTopk *topk, double key, uint64 tid)
{
	topk->has_after = true;
	topk->after_key = key;
	topk->after_tid = tid;
}

static inline void
set_bound(VcTopk *topk, const VcTopkEntry *entry)
{
	topk->bound_key = entry->key;
	topk->bound_tid = entry->tid;
}

static inline void
swap_entries(VcTopkEntry *a, VcTopkEntry *b)
{
	VcTopkEntry t = *a;

	*a = *b;
	*b = t;
}

/*
 * Selection by a heap, O(n log k) whatever the input: the way out when quickselect meets an order
 * that its pivots cannot split.
 */
static void
select_by_heap(VcTopkEntry *entries, size_t n, size_t k)
{
	worst_heapify(entries, k);
	for (size_t i = k; i < n; i++)
	{
		if (entry_before(&entries[i], &entries[0]))
		{
			VcTopkEntry out = entries[0];

			worst_replace_top(entries, k, entries[i]);
			entries[i] = out;
		}
	}
	swap_entries(&entries[0], &entries[k - 1]);
}

/* Moves the k smallest of n entries to the front and the k-th smallest to [k - 1]; 1 <= k <= n. */
static void
select_smallest(VcTopkEntry *entries, size_t n, size_t k)
{
	size_t lo = 0;
	size_t hi = n; /* the k-th smallest is in [lo, hi) */
	int rounds = 0;

	while (hi - lo > 8)
	{
		VcTopkEntry pivot;
		size_t mid = lo + (hi - lo) / 2;
		size_t i = lo;
		size_t j = hi - 1;

		/* A median-of-three split takes about 1.4 log2(n) rounds; 64 halvings never happen. */
		if (++rounds > 64)
		{
			select_by_heap(entries + lo, hi - lo, k - lo);
			return;
		}

		/* The median of three to [mid], bounds of the inner loops to both ends. */
		if (entry_before(&entries[mid], &entries[lo]))
			swap_entries(&entries[mid], &entries[lo]);
		if (entry_before(&entries[hi - 1], &entries[mid]))
		{
			swap_entries(&entries[hi - 1], &entries[mid]);
			if (entry_before(&entries[mid], &entries[lo]))
				swap_entries(&entries[mid], &entries[lo]);
		}
		pivot = entries[mid];

		/* Hoare: afterwards [lo, j] is not behind the pivot and [j + 1, hi) not before it. */
		for (;;)
		{
			while (entry_before(&entries[i], &pivot))
				i++;
			while (entry_before(&pivot, &entries[j]))
				j--;
			if (i >= j)
				break;
			swap_entries(&entries[i], &entries[j]);
			i++;
			j--;
		}
		if (k <= j + 1)
			hi = j + 1;
		else
			lo = j + 1;
	}

	/* Selection sort up to the k-th. */
	for (size_t i = lo; i < k; i++)
	{
		size_t best = i;

		for (size_t j = i + 1; j < hi; j++)
		{
			if (entry_before(&entries[j], &entries[best]))
				best = j;
		}
		swap_entries(&entries[i], &entries[best]);
	}
}

bool
vc_topk_push(VcTopk *topk, double key, uint64 tid, uint64 payload)
{
	VcTopkEntry entry = {.key = key, .tid = tid, .payload = payload};

	if (likely(key > topk->bound_key))
		return false;
	if (!pair_before(key, tid, topk->bound_key, topk->bound_tid))
		return false;
	if (topk->has_after && !pair_before(topk->after_key, topk->after_tid, key, tid))
		return false;

	if (topk->kind == VC_TOPK_HEAP)
	{
		if (topk->len < topk->capacity)
			worst_push(topk->entries, &topk->len, entry);
		else
			worst_replace_top(topk->entries, topk->len, entry);
		if (topk->len == topk->capacity)
			set_bound(topk, &topk->entries[0]);
	}
	else
	{
		topk->entries[topk->len++] = entry;
		if (topk->len == topk->capacity)
		{
			select_smallest(topk->entries, topk->len, topk->k);
			topk->len = topk->k;
			set_bound(topk, &topk->entries[topk->k - 1]);
		}
	}
	return true;
}

size_t
vc_topk_finish(VcTopk *topk)
{
	if (topk->len > topk->k)
	{
		select_smallest(topk->entries, topk->len, topk->k);
		topk->len = topk->k;
	}
	sort_entries(topk->entries, topk->len);
	return topk->len;
}
