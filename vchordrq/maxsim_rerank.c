/*
 * vchordrq/maxsim_rerank.c
 *		Exact sums of documents, from the table.
 *
 * A document is judged in the order visibility, quals, distance: its array is read only if it passes.
 * Documents come in order of their lower bounds, and none whose bound is not below the need-th smallest
 * exact sum.  The sum is that of the operator, to the last bit.
 *
 * What was judged is remembered for as long as the query lasts.  A pass over the table forgets results that
 * wait, and finds them again: only so can it keep as many as work_mem holds, the nearest, and leave the
 * others to a further pass.
 *
 * No page guard is held while rows are fetched or quals run.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/heap.h"
#include "core/tid.h"

#include "vchordrq/maxsim.h"

bool
rq_maxsim_result_less(const RqResult *a, const RqResult *b)
{
	if (a->distance != b->distance)
		return a->distance < b->distance;
	return vc_tid_key(&a->tid) < vc_tid_key(&b->tid);
}

VC_HEAP_DEFINE(result_heap, RqResult, rq_maxsim_result_less);

#define ST_SORT          sort_results
#define ST_ELEMENT_TYPE  RqResult
#define ST_COMPARE(a, b) (rq_maxsim_result_less(a, b) ? -1 : (rq_maxsim_result_less(b, a) ? 1 : 0))
#define ST_SCOPE         static
#define ST_DEFINE
#include "lib/sort_template.h"

void
rq_maxsim_heapify_pending(RqMaxsim *self)
{
	result_heap_heapify(self->pending, self->npending);
}

RqResult
rq_maxsim_pop_pending(RqMaxsim *self)
{
	return result_heap_pop(self->pending, &self->npending);
}

RqResult
rq_maxsim_pop_result(RqMaxsim *self)
{
	return result_heap_pop(self->results, &self->nresults);
}

/*----- one document -----*/

/* Operator's value for the row in the slot; false: its array is null or empty. */
static bool
document_distance(RqMaxsim *self, TupleTableSlot *slot, float *ret_distance)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	VcvDocument document;
	MemoryContext old;

	vc_heapfetch_values(vc_scan_fetch(self->scan), slot, values, isnull);
	if (isnull[0])
		return false;
	MemoryContextReset(self->scratch);
	old = MemoryContextSwitchTo(self->scratch);
	vcv_document_read((VcvType) self->meta->disk.type, values[0], &document);
	*ret_distance = (float) vcv_maxsim(&document, &self->query);
	MemoryContextSwitchTo(old);
	self->scan->counters.reranks++;
	return document.n > 0;
}

bool
rq_maxsim_passes(RqMaxsim *self, const ItemPointerData *tid, TupleTableSlot **ret_slot)
{
	ItemPointerData copy = *tid;

	if (self->filter)
		return vc_scan_prefilter(self->scan, &copy, ret_slot) == VC_PREFILTER_PASS;
	self->scan->counters.fetched++;
	*ret_slot = vc_heapfetch_row(vc_scan_fetch(self->scan), &copy);
	if (*ret_slot == NULL)
		self->scan->counters.invisible++;
	return *ret_slot != NULL;
}

static void
push_result(RqMaxsim *self, RqResult result)
{
	if (self->nresults == self->result_room)
	{
		Size room = Max(self->result_room * 2, 64);

		self->results = self->results == NULL
							? MemoryContextAllocHuge(self->scan->work, room * sizeof(RqResult))
							: repalloc_huge(self->results, room * sizeof(RqResult));
		self->result_room = room;
	}
	result_heap_push(self->results, &self->nresults, result);
}

void
rq_maxsim_rerank(RqMaxsim *self)
{
	while (self->npending > 0)
	{
		RqResult document;
		TupleTableSlot *slot;
		bool ok;

		CHECK_FOR_INTERRUPTS();
		if (self->pending[0].distance >= rq_ceiling_limit(&self->best))
			break;
		document = rq_maxsim_pop_pending(self);
		ok = rq_maxsim_passes(self, &document.tid, &slot) &&
			 document_distance(self, slot, &document.distance);
		rq_maxsim_set_judged(self, &document.tid, !ok);
		if (!ok)
			continue;
		push_result(self, document);
		rq_ceiling_push(&self->best, document.distance, document.distance);
	}
}

/*----- the table -----*/

bool
rq_maxsim_has_table(RqMaxsim *self)
{
	return vc_heapfetch_can_scan(vc_scan_fetch(self->scan));
}

/* VcHeapScanFilter */
static bool
table_row_passes(void *arg, TupleTableSlot *slot)
{
	RqMaxsim *self = arg;

	self->scan->counters.fetched++;
	if (!self->filter || vc_prefilter_eval_slot(self->scan->plan, slot))
		return true;
	self->scan->counters.filtered++;
	return false;
}

/* VcHeapScanRow */
static void
table_row(void *arg, TupleTableSlot *slot, ItemPointer root)
{
	RqMaxsim *self = arg;
	RqResult result = {0, *root};

	if (rq_maxsim_is_judged(self, root, true) || !document_distance(self, slot, &result.distance) ||
		(self->has_from && !rq_maxsim_result_less(&self->from, &result)))
		return;
	if (self->nresults >= self->result_limit)
	{
		/* the nearer half; a sorted array is a heap */
		sort_results(self->results, self->nresults);
		self->nresults /= 2;
		self->cut_at = self->results[self->nresults - 1];
		self->has_cut = true;
	}
	if (!self->has_cut || rq_maxsim_result_less(&result, &self->cut_at))
		push_result(self, result);
}

void
rq_maxsim_pass(RqMaxsim *self)
{
	self->exhaustive = true;
	self->npending = 0;
	self->nresults = 0;
	self->from = self->cut_at;
	self->has_from = self->has_cut;
	self->has_cut = false;
	vc_heapfetch_scan(vc_scan_fetch(self->scan), table_row_passes, table_row, self);
}
