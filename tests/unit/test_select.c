/*
 * tests/unit/test_select.c
 *		Heaps, top-k, radix sort and loser tree against sorting the whole input.
 */
#include "postgres.h"

#include "core/heap.h"
#include "core/loser_tree.h"
#include "core/radix.h"
#include "core/topk.h"

#include <math.h>

#include "tests/unit/unit.h"

#define MAX_N 20000

#define LESS(a, b) (*(a) < *(b))
VC_HEAP_DEFINE(u64, uint64, LESS);

static int
compare_u64(const void *a, const void *b)
{
	uint64 x = *(const uint64 *) a;
	uint64 y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

static void
heap(void)
{
	static uint64 values[MAX_N];
	static uint64 sorted[MAX_N];

	for (int round = 0; round < 300; round++)
	{
		size_t n = round < 100 ? (size_t) round : unit_below(2000);
		uint64 range = round % 3 == 0 ? 5 : PG_UINT64_MAX;
		size_t len = 0;

		for (size_t i = 0; i < n; i++)
			sorted[i] = unit_below(range);
		if (round % 2 == 0)
		{
			memcpy(values, sorted, n * sizeof(uint64));
			u64_heapify(values, n);
			len = n;
		}
		else
		{
			for (size_t i = 0; i < n; i++)
				u64_push(values, &len, sorted[i]);
		}
		CHECK(len == n);
		CHECK(u64_is_heap(values, len));
		qsort(sorted, n, sizeof(uint64), compare_u64);
		for (size_t i = 0; i < n; i++)
			CHECK(u64_pop(values, &len) == sorted[i]);
		CHECK(len == 0);
	}
}

/* A random sequence of calls, the minimum found by looking at everything. */
static void
heap_mixed(void)
{
	static uint64 values[200];
	static uint64 naive[200];
	size_t len = 0;

	for (int step = 0; step < 100000; step++)
	{
		uint64 what = unit_below(3);
		uint64 x = unit_below(50);
		size_t best = 0;

		if (what == 0 && len < 200)
		{
			naive[len] = x;
			u64_push(values, &len, x);
			continue;
		}
		if (len == 0)
			continue;
		for (size_t i = 1; i < len; i++)
		{
			if (naive[i] < naive[best])
				best = i;
		}
		CHECK(values[0] == naive[best]);
		if (what == 1)
		{
			u64_replace_top(values, len, x);
			naive[best] = x;
		}
		else
		{
			CHECK(u64_pop(values, &len) == naive[best]);
			naive[best] = naive[len];
		}
		CHECK(u64_is_heap(values, len));
	}
}

static int
compare_entries(const void *a, const void *b)
{
	const VcTopkEntry *x = a;
	const VcTopkEntry *y = b;

	if (isnan(x->key) || isnan(y->key))
	{
		if (isnan(x->key) != isnan(y->key))
			return isnan(x->key) ? 1 : -1;
	}
	else if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static double
random_key(int shape, size_t i, size_t n)
{
	switch (shape)
	{
		case 0: /* random */
			return (double) (int64) unit_random();
		case 1: /* many ties */
			return (double) unit_below(4);
		case 2: /* ascending, descending */
			return (double) i;
		case 3:
			return (double) (n - i);
		case 4: /* all equal */
			return 1.5;
		case 5: /* special values */
			switch (unit_below(5))
			{
				case 0:
					return NAN;
				case 1:
					return INFINITY;
				case 2:
					return -INFINITY;
				case 3:
					return -0.0;
				default:
					return 0.0;
			}
		default: /* organ pipe */
			return (double) (i < n / 2 ? i : n - i);
	}
}

static void
topk(void)
{
	static VcTopkEntry all[MAX_N];
	static VcTopkEntry memory[2 * MAX_N];

	for (int round = 0; round < 1500; round++)
	{
		VcTopkKind kind = round % 2 == 0 ? VC_TOPK_HEAP : VC_TOPK_BUFFER;
		int shape = round / 2 % 7;
		size_t n = round < 200 ? unit_below(20) : unit_below(round % 50 == 0 ? MAX_N : 600);
		size_t k = 1 + unit_below(round % 3 == 0 ? 10 : n + 2);
		bool bounded = round % 5 == 0;
		bool after = round % 7 == 0;
		double bound = bounded ? random_key(shape, n / 2, n) : INFINITY;
		VcTopkEntry from = {.key = random_key(shape, n / 3, n), .tid = unit_below(n + 1)};
		VcTopk top;
		size_t expected = 0;
		size_t got;

		if (isnan(bound))
			bound = 0;
		vc_topk_init(&top, kind, k, memory, bound);
		CHECK(vc_topk_size(kind, k) <= sizeof(memory));
		if (after)
			vc_topk_set_after(&top, from.key, from.tid);
		for (size_t i = 0; i < n; i++)
		{
			VcTopkEntry e = {
				.key = random_key(shape, i, n), .tid = i * 7919 % n, .payload = i ^ 0x55};
			bool may = vc_topk_may_enter(&top, e.key);
			bool taken;

			if (n % 7919 == 0)
				e.tid = i;
			taken = vc_topk_push(&top, e.key, e.tid, e.payload);
			CHECK(may || !taken);
			if (bounded && !(e.key < bound) && !(isinf(bound) && bound > 0))
			{
				CHECK(!taken);
				continue;
			}
			if (after && compare_entries(&e, &from) <= 0)
			{
				CHECK(!taken);
				continue;
			}
			all[expected++] = e;
		}
		qsort(all, expected, sizeof(VcTopkEntry), compare_entries);
		got = vc_topk_finish(&top);
		CHECK(got == Min(k, expected));
		for (size_t i = 0; i < got; i++)
		{
			CHECK(top.entries[i].tid == all[i].tid);
			CHECK(top.entries[i].payload == all[i].payload);
			CHECK(top.entries[i].key == all[i].key ||
				  (isnan(top.entries[i].key) && isnan(all[i].key)));
		}
	}
}

/* The bound of the heap is exact: once k are held, no entry behind the k-th is ever taken. */
static void
topk_bound(void)
{
	VcTopkEntry memory[10];
	VcTopk top;

	vc_topk_init(&top, VC_TOPK_HEAP, 10, memory, INFINITY);
	CHECK(vc_topk_may_enter(&top, INFINITY));
	for (uint64 i = 0; i < 1000; i++)
	{
		CHECK(vc_topk_push(&top, 1000.0 - i, i, 0));
		if (i >= 9)
			CHECK(vc_topk_threshold(&top) == 1000.0 - i + 9);
		if (i >= 10)
			CHECK(!vc_topk_push(&top, 1000.0 - i + 10, i, 0));
	}
	CHECK(!vc_topk_may_enter(&top, 11.0));
	CHECK(vc_topk_may_enter(&top, 10.0));
}

typedef struct Merge
{
	uint64 *values;
	uint32 *ties;
	size_t *at;
} Merge;

static int comparisons;

static int
merge_tie(void *arg, uint32 a, uint32 b)
{
	const Merge *m = arg;
	uint32 x = m->ties[m->at[a]];
	uint32 y = m->ties[m->at[b]];

	comparisons++;
	return (x > y) - (x < y);
}

typedef struct Element
{
	uint64 key;
	uint32 tie;
	uint32 source;
} Element;

static int
compare_elements(const void *a, const void *b)
{
	const Element *x = a;
	const Element *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->tie != y->tie)
		return x->tie < y->tie ? -1 : 1;
	return (x->source > y->source) - (x->source < y->source);
}

static void
loser_tree(void)
{
	static Element all[MAX_N];
	static uint64 values[MAX_N];
	static uint32 ties[MAX_N];
	static size_t at[300];
	static size_t end[300];
	static uint64 memory[300 * 8];

	for (int round = 0; round < 600; round++)
	{
		uint32 k = round < 70 ? (uint32) round + 1 : (uint32) unit_below(299) + 1;
		uint64 range = round % 3 == 0 ? 10 : (round % 3 == 1 ? 1000 : PG_UINT64_MAX);
		bool with_tie = round % 2 == 0;
		Merge m = {values, ties, at};
		VcLoserTree tree;
		size_t n = 0;
		size_t taken = 0;
		uint32 source;
		uint64 key;
		int levels = 0;

		while ((UINT64_C(1) << levels) < k)
			levels++;
		CHECK(vc_loser_tree_size(k) <= sizeof(memory));
		vc_loser_tree_init(&tree, memory, k, with_tie ? merge_tie : NULL, &m);
		for (uint32 s = 0; s < k; s++)
		{
			size_t len = unit_below(4) == 0 ? 0 : unit_below(60);

			at[s] = n;
			end[s] = n + len;
			for (size_t i = 0; i < len; i++)
			{
				all[n + i].key = unit_below(8) == 0 ? PG_UINT64_MAX : unit_below(range);
				all[n + i].tie = with_tie ? (uint32) unit_below(3) : 0;
				all[n + i].source = s;
			}
			qsort(all + n, len, sizeof(Element), compare_elements);
			for (size_t i = 0; i < len; i++)
			{
				values[n + i] = all[n + i].key;
				ties[n + i] = all[n + i].tie;
			}
			n += len;
			if (len > 0)
				vc_loser_tree_set(&tree, s, values[at[s]]);
		}
		qsort(all, n, sizeof(Element), compare_elements);
		vc_loser_tree_build(&tree);
		while (vc_loser_tree_top(&tree, &source, &key))
		{
			CHECK(taken < n);
			CHECK(key == all[taken].key);
			CHECK(source == all[taken].source);
			CHECK(key == values[at[source]]);
			comparisons = 0;
			if (++at[source] < end[source])
				vc_loser_tree_advance(&tree, values[at[source]]);
			else
				vc_loser_tree_exhaust(&tree);
			CHECK(comparisons <= levels);
			taken++;
		}
		CHECK(taken == n);
		CHECK(!vc_loser_tree_top(&tree, &source, &key));
	}
}

/* Random keys of few or many bytes: sorted, stable, nothing lost. */
static void
radix(void)
{
	static VcRadixItem items[MAX_N];
	static VcRadixItem scratch[MAX_N];
	static uint32 keys[MAX_N];

	for (int round = 0; round < 300; round++)
	{
		uint32 n = round < 100 ? (uint32) round : (uint32) unit_below(3000);
		uint64 range = (uint64) 1 << unit_below(33);
		uint32 offset = round % 2 == 0 ? 0 : (uint32) unit_random();
		uint64 sum = 0;

		for (uint32 i = 0; i < n; i++)
		{
			keys[i] = (uint32) unit_below(range) + offset;
			items[i].key = keys[i];
			items[i].which = i;
		}
		vc_radix_sort(items, scratch, n);
		for (uint32 i = 0; i < n; i++)
		{
			CHECK(items[i].which < n && items[i].key == keys[items[i].which]);
			if (i > 0)
				CHECK(items[i - 1].key < items[i].key ||
					  (items[i - 1].key == items[i].key && items[i - 1].which < items[i].which));
			sum += items[i].which;
		}
		CHECK(sum == (uint64) n * (n > 0 ? n - 1 : 0) / 2);
	}
}

static void
radix_float(void)
{
	static const float ascending[] = {-INFINITY, -3e38f, -1.5f, -1e-40f,  0.0f,
									  1e-40f,    1.5f,   3e38f, INFINITY, NAN};

	for (size_t i = 1; i < lengthof(ascending); i++)
		CHECK(vc_radix_float(ascending[i - 1]) < vc_radix_float(ascending[i]));
	CHECK(vc_radix_float(-0.0f) < vc_radix_float(0.0f));
}

int
main(void)
{
	unit_init();
	radix();
	radix_float();
	heap();
	heap_mixed();
	topk();
	topk_bound();
	loser_tree();
	return unit_done("select");
}
