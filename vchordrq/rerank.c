/*
 * vchordrq/rerank.c
 *		Exact distances of candidates, best bound first.
 *
 * Where the exact distance comes from: the candidate itself (exact index), its vector slot (coded
 * index), or the table (rerank_in_table).  Without a filter, candidates are read one by one with the
 * next few prefetched, and none whose bound is not below the k-th exact distance.  With a filter, or when
 * the table is read anyway, they go in batches: of the nearest by bound, as many as the pass rate says
 * are missing, or once there are k rows a part of those below the limit, and within a batch in TID
 * order, so that rows of one heap page are fetched together.
 *
 * Of a row with a filter either the vector or the row comes first (vectors_first).  In memory the two
 * cost about the same, so if few rows pass it is the row: visibility, quals, then the distance of the
 * few that are left.  The price of a row is that of cache misses, at its buffer's descriptor, its line
 * pointer and the row itself; all three are prefetched.
 *
 * Vectors in the index are read through a stream (vchordrq.io_rerank), whose sequence is the queue of
 * candidates about to be judged.  Where it is not known whether a candidate's vector will be wanted,
 * because its quals come first, the queue is empty.
 *
 * No page guard is held while quals run or rows are fetched.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "core/compare.h"
#include "core/heap.h"
#include "core/tid.h"

#include "vchordrq/search.h"
#include "vchordrq/vectors.h"

#define LOOKAHEAD   8 /* candidates whose vectors are prefetched into CPU caches */
#define BATCH_MIN   8
#define BATCH_FIRST 128 /* judged before the pass rate is believed */
#define POPPED_ROOM 64
/* less than the estimate says: a batch goes on when the rest has its rows */
#define BATCH_MARGIN 0.6
/* of the candidates below the limit, once there is one: by a few batches it has come down nearly all the way */
#define BATCH_PARTS 4
#define BATCH_LEAST 32
/* share of candidates below the limit that turn out to be nearer than it (arxiv_lsa256: 0.2 to 0.4) */
#define NEARER_SHARE 0.3
#define CUT_SAMPLE   64 /* the standard deviation of a quantile is 6 % of the rows at the worst */

#define CANDIDATE_LESS(a, b) ((a)->bound < (b)->bound)
VC_HEAP_DEFINE(candidate_heap, RqCandidate, CANDIDATE_LESS);

static inline bool
result_less(const RqResult *a, const RqResult *b)
{
	if (a->distance != b->distance)
		return a->distance < b->distance;
	return vc_tid_key(&a->tid) < vc_tid_key(&b->tid);
}

VC_HEAP_DEFINE(result_heap, RqResult, result_less);

#define ST_SORT          sort_results
#define ST_ELEMENT_TYPE  RqResult
#define ST_COMPARE(a, b) (result_less(a, b) ? -1 : (result_less(b, a) ? 1 : 0))
#define ST_SCOPE         static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Does the pass over all rows leave this one out, because it came before or will come later? */
static bool
passed_over(RqSearch *search, const RqResult *result)
{
	if (search->has_from && !result_less(&search->from, result))
		return true;
	if (search->nresults >= search->result_limit)
	{
		/* the nearer half; a sorted array is a heap */
		sort_results(search->results, search->nresults);
		search->nresults /= 2;
		search->cut = search->results[search->nresults - 1];
		search->has_cut = true;
	}
	return search->has_cut && !result_less(result, &search->cut);
}

static bool
was_popped(const RqSearch *search, const ItemPointerData *tid)
{
	uint64 key = vc_tid_key(tid);

	return search->restarted && search->npopped_tids > 0 &&
		   bsearch(&key, search->popped_tids, search->npopped_tids, sizeof(uint64),
				   vc_compare_u64) != NULL;
}

static void
add_result(RqSearch *search, ItemPointer tid, float distance)
{
	RqResult result = {distance, *tid};

	/* false for NaN, too, which no radius includes */
	if (search->range.given && !(distance < search->range.limit))
		return;
	if (was_popped(search, tid))
		return;
	if (search->exhaustive && passed_over(search, &result))
		return;
	if (search->nresults == search->result_room)
	{
		search->results =
			vc_arena_grow(search->arena, search->results, search->result_room * sizeof(RqResult),
						  search->result_room * 2 * sizeof(RqResult));
		search->result_room *= 2;
	}
	result_heap_push(search->results, &search->nresults, result);
	if (!search->exhaustive)
		rq_ceiling_push(&search->best, distance, distance);
}

/* the pass over all rows, or over all of the range, must not deliver the row again */
static void
remember_popped(RqSearch *search, const ItemPointerData *tid)
{
	if (search->npopped_tids == search->popped_room)
	{
		size_t room = Max(search->popped_room * 2, POPPED_ROOM);

		search->popped_tids =
			vc_arena_grow(search->arena, search->popped_tids, search->popped_room * sizeof(uint64),
						  room * sizeof(uint64));
		search->popped_room = room;
	}
	search->popped_tids[search->npopped_tids++] = vc_tid_key(tid);
}

bool
rq_search_pop(RqSearch *search, RqResult *ret_result)
{
	if (search->left == 0 || search->nresults == 0)
		return false;
	*ret_result = result_heap_pop(search->results, &search->nresults);
	/* there is such a pass only with a filter and without explicit probes, or after quick rounds */
	if (search->quick ||
		(search->filter && search->params.automatic && !search->exhaustive && !search->range.given))
		remember_popped(search, &ret_result->tid);
	search->left--;
	search->popped++;
	return true;
}

/* distance of a row that was fetched from the table */
static bool
distance_of_slot(RqSearch *search, TupleTableSlot *slot, float *ret_distance)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	const RqMeta *meta = search->meta;

	vc_heapfetch_values(vc_scan_fetch(search->scan), slot, values, isnull);
	/* the version that the snapshot sees has the indexed value: HOT updates keep it */
	if (isnull[0])
		return false;
	if (search->encoder == NULL)
		search->encoder = rq_encoder_create(search->scan->mcxt, search->meta);
	rq_encoder_set(search->encoder, values[0]);
	/* vectors and halves as f32, normalised for cosine; quantised values as they are */
	if (vcv_is_quantized((VcvType) meta->disk.type))
		*ret_distance = vcv_score(meta->disk.metric, (VcvType) meta->disk.type, search->row,
								  search->encoder->row, meta->geo.dim);
	else
		*ret_distance =
			vcv_score(meta->disk.metric, VCV_VECTOR, search->x, search->encoder->x, meta->geo.dim);
	rq_encoder_clear(search->encoder);
	return true;
}

/* visible, and the quals hold?  *ret_slot is the row if it was fetched. */
static bool
passes(RqSearch *search, ItemPointer tid, TupleTableSlot **ret_slot)
{
	if (!search->filter)
		return true;
	search->evaluated++;
	search->judged++;
	if (vc_scan_prefilter(search->scan, tid, ret_slot) != VC_PREFILTER_PASS)
		return false;
	search->passed++;
	return true;
}

/* false: the row is gone, or not visible */
static bool
exact_distance(RqSearch *search, const RqCandidate *candidate, TupleTableSlot *slot,
			   float *ret_distance)
{
	if (search->meta->geo.exact)
	{
		*ret_distance = candidate->bound;
		return true;
	}
	search->scan->counters.reranks++;
	if (search->meta->geo.grouped)
		return rq_vector_distance(search->index, search->meta, search->vectors, &candidate->strip,
								  search->row, ret_distance);
	if (slot == NULL)
	{
		ItemPointerData tid = candidate->strip.tid;

		slot = vc_heapfetch_row(vc_scan_fetch(search->scan), &tid);
	}
	return slot != NULL && distance_of_slot(search, slot, ret_distance);
}

static void
judge(RqSearch *search, const RqCandidate *candidate)
{
	ItemPointerData tid = candidate->strip.tid;
	TupleTableSlot *slot = NULL;
	float distance;

	search->judged_to = Max(search->judged_to, candidate->bound);
	if (passes(search, &tid, &slot) && exact_distance(search, candidate, slot, &distance))
		add_result(search, &tid, distance);
}

/*
 * The same when the round has its rows and only nearer ones matter: a vector in the index is cheaper
 * to read than a row of the table, and most candidates turn out not to be nearer.  These go back with
 * what is now known of them, for a later round.
 */
static void
judge_by_distance(RqSearch *search, const RqCandidate *candidate)
{
	ItemPointerData tid = candidate->strip.tid;
	TupleTableSlot *slot = NULL;
	float distance;

	search->judged_to = Max(search->judged_to, candidate->bound);
	if (!exact_distance(search, candidate, NULL, &distance))
		return;
	if (distance >= rq_ceiling_limit(&search->best))
	{
		RqCandidate known = {distance, candidate->strip};

		/* under this bound no list would give it again, so it may not be dropped */
		search->judged_to = Max(search->judged_to, distance);
		/* there is room: it was taken from there; the heap is restored later */
		search->candidates[search->ncandidates++] = known;
		return;
	}
	if (vc_stream_is_ahead(search->vectors))
	{
		/* no pins while quals run; what was asked for is in memory soon, asking again is cheap */
		vc_stream_reset(search->vectors);
		search->queue.asked = 0;
	}
	if (passes(search, &tid, &slot))
		add_result(search, &tid, distance);
}

static inline int
candidate_tid_cmp(const RqCandidate *a, const RqCandidate *b)
{
	return vc_key_cmp(vc_tid_key(&a->strip.tid), vc_tid_key(&b->strip.tid));
}

#define ST_SORT          sort_by_tid
#define ST_ELEMENT_TYPE  RqCandidate
#define ST_COMPARE(a, b) candidate_tid_cmp(a, b)
#define ST_SCOPE         static
#define ST_DEFINE
#include "lib/sort_template.h"

/* the heap property for candidates that were appended since */
static void
restore_heap(RqSearch *search)
{
	size_t fresh = search->ncandidates - search->nheap;

	if (fresh == 0)
		return;
	/* pushing costs log n each; a whole heapify about two steps an element */
	if (fresh < search->nheap / 8)
	{
		while (search->nheap < search->ncandidates)
		{
			RqCandidate candidate = search->candidates[search->nheap];

			candidate_heap_push(search->candidates, &search->nheap, candidate);
		}
	}
	else
	{
		search->nheap = search->ncandidates;
		candidate_heap_heapify(search->candidates, search->nheap);
	}
}

static RqCandidate
pop_candidate(RqSearch *search)
{
	RqCandidate candidate = candidate_heap_pop(search->candidates, &search->nheap);

	search->ncandidates = search->nheap;
	return candidate;
}

static void
prefetch_vector(const RqSearch *search, const RqStripDisk *strip)
{
	const RqGeometry *geo = &search->meta->geo;
	uint32 at = strip->slot * geo->slot_bytes;
	uint32 within = at % RQ_BODY_BYTES;
	uint32 bytes = Min(geo->slot_bytes, RQ_BODY_BYTES - within);

	/* the hardware streams the rest once the first lines are on their way */
	vc_prefetch_hint(search->cache, strip->group + at / RQ_BODY_BYTES, RQ_BODY_OFFSET + within,
					 Min(bytes / 64 + 1, 8));
}

/* Candidates whose vectors will all be read, in this order. */
static void
expect_candidates(RqSearch *search, RqCandidate *items, size_t n)
{
	RqQueue queue = {.items = items, .room = Max(n, 1), .tail = n};

	search->queue = queue;
	vc_stream_reset(search->vectors);
}

/* One more candidate for the queue, from the heap. */
static bool
queue_candidate(RqSearch *search)
{
	RqQueue *queue = &search->queue;
	RqCandidate *candidate;

	if (queue->tail - queue->head >= queue->room || search->nheap == 0 ||
		search->candidates[0].bound >= rq_ceiling_limit(&search->best))
		return false;
	candidate = &queue->items[queue->tail++ % queue->room];
	*candidate = pop_candidate(search);
	if (search->meta->geo.grouped)
		prefetch_vector(search, &candidate->strip);
	return true;
}

BlockNumber
rq_rerank_next_block(void *arg)
{
	RqSearch *search = arg;
	RqQueue *queue = &search->queue;

	if (queue->asked < queue->head)
	{
		queue->asked = queue->head;
		queue->asked_pages = 0;
	}
	while (queue->asked < queue->tail || (queue->refill && queue_candidate(search)))
	{
		BlockNumber first;
		uint32 n;

		rq_vector_blocks(search->index, search->meta,
						 &queue->items[queue->asked % queue->room].strip, &first, &n);
		if (queue->asked_pages < n)
			return first + queue->asked_pages++;
		queue->asked++;
		queue->asked_pages = 0;
	}
	return InvalidBlockNumber;
}

/* the row of number i of the batch is judged next; those behind it follow */
static void
hint_rows(RqSearch *search, size_t i, size_t n)
{
	const VcHeapFetch *fetch;
	size_t ahead = i == 0 ? 0 : 2 * LOOKAHEAD - 1;

	if (!search->filter)
		return;
	fetch = vc_scan_fetch(search->scan);
	for (size_t k = i + ahead; k < Min(i + 2 * LOOKAHEAD, n); k++)
		vc_heapfetch_hint(fetch, &search->batch[k].strip.tid);
	for (size_t k = i + ahead / 2; k < Min(i + LOOKAHEAD, n); k++)
		vc_heapfetch_hint_tuple(fetch, &search->batch[k].strip.tid);
}

/* judge the `n` nearest candidates from `items` on, in TID order */
static void
judge_batch(RqSearch *search, const RqCandidate *items, size_t n, bool by_distance)
{
	VcRadixItem *order = search->order;
	RqCandidate *batch = search->batch;

	/* rows of a page in any order */
	for (size_t i = 0; i < n; i++)
	{
		order[i].key = ItemPointerGetBlockNumberNoCheck(&items[i].strip.tid);
		order[i].which = (uint32) i;
	}
	vc_radix_sort(order, order + RQ_BATCH_MAX, (uint32) n);
	for (size_t i = 0; i < n; i++)
		batch[i] = items[order[i].which];

	expect_candidates(search, batch, by_distance || !search->filter ? n : 0);
	if (!by_distance)
		hint_rows(search, 0, n);
	for (size_t i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		search->queue.head = i;
		if (!by_distance)
			hint_rows(search, i + 1, n);
		else if (i + LOOKAHEAD < n)
			prefetch_vector(search, &batch[i + LOOKAHEAD].strip);
		/* the limit may have come down within the batch; there is room where it came from */
		if (batch[i].bound >= rq_ceiling_limit(&search->best))
			search->candidates[search->ncandidates++] = batch[i];
		else if (by_distance)
			judge_by_distance(search, &batch[i]);
		else
			judge(search, &batch[i]);
	}
	vc_stream_reset(search->vectors);
}

/*
 * A bound that about `want` of the candidates below `limit` do not exceed, or infinity if there are no
 * more than that.  From a sample: a selection would cost more than all else that is done here.
 */
static float
nearest_cut(const RqSearch *search, float limit, size_t want)
{
	float sample[CUT_SAMPLE];
	size_t below = 0;
	size_t n = 0;

	if (search->ncandidates <= want)
		return get_float4_infinity();
	for (size_t i = 0; i < search->ncandidates; i++)
		below += !(search->candidates[i].bound >= limit);
	if (below <= want)
		return get_float4_infinity();
	for (size_t i = 0; i < CUT_SAMPLE; i++)
	{
		float bound = search->candidates[i * search->ncandidates / CUT_SAMPLE].bound;

		if (bound < limit)
			sample[n++] = bound;
	}
	if (n == 0)
		return limit;
	qsort(sample, n, sizeof(float), vc_compare_f32);
	return sample[want * n / below];
}

/*
 * Take about RQ_BATCH_MAX of the nearest candidates below `limit`, not more, to search->nearest in order
 * of bounds.  The others stay; if all RQ_BATCH_MAX were taken, nearer ones may be among them.
 */
static size_t
take_nearest(RqSearch *search, float limit)
{
	RqCandidate *candidates = search->candidates;
	VcRadixItem *order = search->order;
	float cut = nearest_cut(search, limit, RQ_BATCH_MAX / 4 * 3);
	size_t n = 0;
	size_t kept = 0;

	/* no branch depends on a bound; one that is NaN is taken */
	for (size_t i = 0; i < search->ncandidates; i++)
	{
		RqCandidate candidate = candidates[i];
		bool take = !(candidate.bound > cut) & !(candidate.bound >= limit) & (n < RQ_BATCH_MAX);

		search->batch[n] = candidate;
		candidates[kept] = candidate;
		n += take;
		kept += !take;
	}
	search->ncandidates = kept;
	search->nheap = 0;

	for (size_t i = 0; i < n; i++)
	{
		order[i].key = vc_radix_float(search->batch[i].bound);
		order[i].which = (uint32) i;
	}
	vc_radix_sort(order, order + RQ_BATCH_MAX, (uint32) n);
	for (size_t i = 0; i < n; i++)
		search->nearest[i] = search->batch[order[i].which];
	return n;
}

/* numbers at .. n of search->nearest */
static void
put_back(RqSearch *search, size_t at, size_t n)
{
	memcpy(search->candidates + search->ncandidates, search->nearest + at,
		   (n - at) * sizeof(RqCandidate));
	search->ncandidates += n - at;
}

/*
 * Is it cheaper to look at the vector of a candidate before its row?  That saves the row where the
 * distance is too large: row_cost * (1 - NEARER_SHARE); the other order saves the vector where the quals
 * fail: 1 - rate.
 */
static bool
vectors_first(const RqSearch *search)
{
	double rate = search->passed / search->evaluated;

	return search->meta->geo.grouped && search->row_cost * (1 - NEARER_SHARE) >= 1 - rate;
}

/*
 * How many to judge before the next look at what was found.  Until the round has its rows, as many as
 * the pass rate says are missing, but in growing batches, because the rate is a guess at first.  From
 * then on a part of those below the limit, because the limit comes down.
 */
static size_t
batch_size(const RqSearch *search, size_t below, size_t most)
{
	double missing = (double) (search->best.want - search->best.n);
	double rate = search->filter ? search->passed / search->evaluated : 1.0;
	double want = missing / Max(rate, 0.0005) * BATCH_MARGIN + BATCH_MIN;

	if (rq_ceiling_full(&search->best))
		return Max(below / BATCH_PARTS, BATCH_LEAST);
	return (size_t) Min(want, (double) most);
}

/*
 * Candidates in batches of TID order, the nearest first.
 */
static void
rerank_batches(RqSearch *search, size_t max_rows)
{
	size_t most = Max(BATCH_FIRST, 8 * search->best.want);
	size_t at = 0;
	size_t n = 0;
	size_t below = 0; /* of search->nearest, those before it are below the limit */

	while (max_rows > 0)
	{
		float limit = rq_ceiling_limit(&search->best);
		size_t size;

		if (at == n)
		{
			n = take_nearest(search, limit);
			at = 0;
			below = n;
		}
		while (below > at && search->nearest[below - 1].bound >= limit)
			below--;
		if (below == at)
		{
			if (n < RQ_BATCH_MAX)
				break;
			/* some that did not fit may still be below the limit */
			put_back(search, at, n);
			at = n = 0;
			continue;
		}
		size = Min(Min(batch_size(search, below - at, most), below - at), max_rows);
		judge_batch(search, search->nearest + at, size,
					rq_ceiling_full(&search->best) && vectors_first(search));
		at += size;
		max_rows -= size;
		most = Min(most * 2, RQ_BATCH_MAX);
	}
	put_back(search, at, n);
}

static void
rerank_singly(RqSearch *search, size_t max_rows)
{
	RqQueue *queue = &search->queue;

	restore_heap(search);
	expect_candidates(search, search->ahead, 0);
	queue->room = RQ_QUEUE_MAX;
	queue->refill = true;
	for (; max_rows > 0; max_rows--)
	{
		const RqCandidate *candidate = &queue->items[queue->head % queue->room];

		CHECK_FOR_INTERRUPTS();
		while (queue->tail - queue->head < LOOKAHEAD && queue_candidate(search))
			;
		/* popped in order of bound: once the first is beyond the limit, all are */
		if (queue->head == queue->tail || candidate->bound >= rq_ceiling_limit(&search->best))
			break;
		judge(search, candidate);
		queue->head++;
	}
	for (; queue->head < queue->tail; queue->head++)
		candidate_heap_push(search->candidates, &search->nheap,
							queue->items[queue->head % queue->room]);
	search->ncandidates = search->nheap;
	vc_stream_reset(search->vectors);
}

void
rq_rerank(RqSearch *search, size_t max_rows)
{
	if (rq_search_batches(search))
		rerank_batches(search, max_rows);
	else
		rerank_singly(search, max_rows);
}

void
rq_rerank_all(RqSearch *search)
{
	sort_by_tid(search->candidates, search->ncandidates);
	expect_candidates(search, search->candidates, search->filter ? 0 : search->ncandidates);
	for (size_t i = 0; i < search->ncandidates; i++)
	{
		CHECK_FOR_INTERRUPTS();
		search->queue.head = i;
		judge(search, &search->candidates[i]);
	}
	vc_stream_reset(search->vectors);
	search->ncandidates = 0;
	search->nheap = 0;
}

/* VcHeapScanFilter */
static bool
table_row_passes(void *arg, TupleTableSlot *slot)
{
	RqSearch *search = arg;

	search->scan->counters.fetched++;
	if (vc_prefilter_eval_slot(search->scan->plan, slot))
		return true;
	search->scan->counters.filtered++;
	return false;
}

/* VcHeapScanRow */
static void
table_row(void *arg, TupleTableSlot *slot, ItemPointer root)
{
	RqSearch *search = arg;
	float distance;

	if (distance_of_slot(search, slot, &distance))
		add_result(search, root, distance);
}

bool
rq_rerank_has_table(RqSearch *search)
{
	return vc_heapfetch_can_scan(vc_scan_fetch(search->scan));
}

void
rq_rerank_restart(RqSearch *search)
{
	search->ncandidates = 0;
	search->nheap = 0;
	search->nresults = 0;
	search->best.n = 0;
	search->from = search->cut;
	search->has_from = search->has_cut;
	search->has_cut = false;
	if (!search->restarted && search->npopped_tids > 0)
		qsort(search->popped_tids, search->npopped_tids, sizeof(uint64), vc_compare_u64);
	search->restarted = true;
}

void
rq_rerank_table(RqSearch *search)
{
	vc_heapfetch_scan(vc_scan_fetch(search->scan), table_row_passes, table_row, search);
}
