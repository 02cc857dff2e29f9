/*
 * core/table_pass.c
 *		The nearest rows of a table by one pass over it.
 *
 * Rows are appended; when memory is full they are sorted and the farther half is given up, which moves the cut
 * nearer.  So a pass costs a comparison a row that is beyond the cut, and amortised one sort of `most` rows for each
 * most / 2 that are not.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/compare.h"
#include "core/table_pass.h"
#include "core/tid.h"

#define LEAST_ROWS   64
#define INITIAL_ROOM 256

static inline bool
row_less(const VcTablePassRow *a, const VcTablePassRow *b)
{
	if (a->score != b->score)
		return a->score < b->score;
	return vc_tid_key(&a->tid) < vc_tid_key(&b->tid);
}

#define ST_SORT          sort_rows
#define ST_ELEMENT_TYPE  VcTablePassRow
#define ST_COMPARE(a, b) (row_less(a, b) ? -1 : (row_less(b, a) ? 1 : 0))
#define ST_SCOPE         static
#define ST_DEFINE
#include "lib/sort_template.h"

bool
vc_table_pass_possible(VcScan *scan)
{
	return vc_heapfetch_can_scan(vc_scan_fetch(scan));
}

void
vc_table_pass_init(VcTablePass *pass, VcScan *scan, bool filter, size_t memory,
				   VcTablePassScore score, void *arg, const uint64 *emitted, size_t nemitted)
{
	memset(pass, 0, sizeof(*pass));
	pass->scan = scan;
	pass->filter = filter;
	pass->score = score;
	pass->arg = arg;
	pass->emitted = emitted;
	pass->nemitted = nemitted;
	pass->most = Max(memory / sizeof(VcTablePassRow), LEAST_ROWS);
}

/* VcHeapScanFilter */
static bool
row_passes(void *arg, TupleTableSlot *slot)
{
	VcTablePass *pass = arg;

	pass->scan->counters.fetched++;
	if (!pass->filter || vc_prefilter_eval_slot(pass->scan->plan, slot))
		return true;
	pass->scan->counters.filtered++;
	return false;
}

static void
make_room(VcTablePass *pass)
{
	if (pass->room < pass->most)
	{
		pass->room = Min(Max(2 * pass->room, INITIAL_ROOM), pass->most);
		pass->rows = pass->rows == NULL
						 ? palloc_extended(pass->room * sizeof(VcTablePassRow), MCXT_ALLOC_HUGE)
						 : repalloc_huge(pass->rows, pass->room * sizeof(VcTablePassRow));
		return;
	}
	sort_rows(pass->rows, pass->nrows);
	pass->nrows /= 2;
	pass->cut = pass->rows[pass->nrows - 1];
	pass->has_cut = true;
}

/* VcHeapScanRow */
static void
take_row(void *arg, TupleTableSlot *slot, ItemPointer root)
{
	VcTablePass *pass = arg;
	VcTablePassRow row = {.tid = *root};

	if (!pass->score(pass->arg, slot, &row.score))
		return;
	pass->scan->counters.reranks++;
	if ((pass->has_from && !row_less(&pass->from, &row)) ||
		(pass->has_cut && !row_less(&row, &pass->cut)))
		return;
	if (pass->nemitted > 0)
	{
		uint64 key = vc_tid_key(root);

		if (bsearch(&key, pass->emitted, pass->nemitted, sizeof(uint64), vc_compare_u64) != NULL)
			return;
	}
	if (pass->nrows == pass->room)
	{
		make_room(pass);
		if (pass->has_cut && !row_less(&row, &pass->cut))
			return;
	}
	pass->rows[pass->nrows++] = row;
}

bool
vc_table_pass_run(VcTablePass *pass)
{
	if (pass->has_cut)
	{
		pass->from = pass->cut;
		pass->has_from = true;
		pass->has_cut = false;
	}
	pass->nrows = 0;
	vc_heapfetch_scan(vc_scan_fetch(pass->scan), row_passes, take_row, pass);
	sort_rows(pass->rows, pass->nrows);
	return pass->has_cut;
}
