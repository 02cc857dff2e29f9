/*
 * vchord_bm25/search.c
 *		Top-k search over growing documents and segments.
 *
 * The growing documents come first, being few and in memory: they give a threshold.  Then the segments, the
 * largest first, share one container of the k best.
 *
 * Exactness.  Algorithms skip by upper bounds in float, which are never too low: a bound of a block is
 * inflated (model.c), and a float estimate of a document is compared with the threshold less what a sum
 * of n floats can err.  What remains is scored in double in the order that score.h prescribes, and only
 * this score is compared with others.  So answers do not depend on the algorithm.
 *
 * A candidate whose score qualifies passes, in this order: dead documents, the gates, the TID (ties), the
 * caller's filter.  The filter may be any SQL: no page is locked or pinned meanwhile.
 *
 * Locks: none across calls of the segment readers.  Memory: the current context, and one for each segment,
 * which is reset.
 */
#include "postgres.h"

#include "vchord_bm25/search_internal.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/heap.h"
#include "core/report.h"
#include "core/simd/bitpack/score_ops.h"
#include "core/tid.h"

/* up to this k a heap, whose threshold is never late; beyond, the buffer, which costs less a push */
#define HEAP_MAX 512

/* of a sum of n floats of n contributions: two roundings each and their inputs', doubled */
#define FLOAT_SLACK(n) ((float) ((n) + 4) * 4 * FLT_EPSILON)

/* MaxScore is faster from two terms on: 80 us against 150 us for two, 160 against 550 for eight (35,000 abstracts) */
#define WAND_TERMS 1

/* with more terms, reading ahead holds no pins: each list's stream would have some */
#define PINNING_TERMS 16

/* gates this much rarer than the postings of the ranking lead the search */
#define GATE_LEADS 2

/*----- the container -----*/

static void
set_threshold(Bm25Search *search)
{
	search->threshold = Max(-vc_topk_threshold(&search->topk), DBL_MIN);
	search->reach = Max(search->reach, (float) (search->threshold * (1 - search->slack)));
}

#define float_before(a, b) (*(a) < *(b))

VC_HEAP_DEFINE(least, float, float_before);

void
bm25_search_floor(Bm25Search *search, float score)
{
	if (search->nfloor < search->floor_room)
	{
		size_t n = search->nfloor;

		least_push(search->floor, &n, score);
		search->nfloor = (uint32) n;
	}
	else if (score > search->floor[0])
		least_replace_top(search->floor, search->nfloor, score);
	if (search->nfloor == search->floor_room)
	{
		float safe = search->floor[0] * (1 - search->slack) * (1 - search->slack);

		search->reach = Max(search->reach, safe);
	}
}

/* would the container take it? */
static bool
qualifies(const Bm25Search *search, double key, uint64 tid)
{
	const VcTopk *topk = &search->topk;

	if (key > topk->bound_key || (key == topk->bound_key && tid >= topk->bound_tid))
		return false;
	return !topk->has_after || key > topk->after_key ||
		   (key == topk->after_key && tid > topk->after_tid);
}

static void
offer(Bm25Search *search, ItemPointer tid, double score, bool recheck)
{
	const Bm25SearchRequest *request = search->request;
	uint64 key = vc_tid_key(tid);

	if (!qualifies(search, -score, key))
		return;
	if (request->filter != NULL && !request->filter(request->filter_arg, tid))
	{
		search->counters->filtered++;
		return;
	}
	if (vc_topk_push(&search->topk, -score, key, recheck))
		set_threshold(search);
}

static bool
any_null(const Bm25View *view, const uint32 *length)
{
	for (int f = 0; f < view->fields.n; f++)
	{
		if (length[f] == BM25_LENGTH_NULL)
			return true;
	}
	return false;
}

/*
 * Does the score need all fields, and may one be null?  Then not every document with a score is a hit.
 */
static bool
nulls_matter(const Bm25View *view, const Bm25Scorer *scorer)
{
	if (!scorer->all_fields)
		return false;
	for (uint32 i = 0; i < view->nsegments; i++)
	{
		for (int f = 0; f < view->fields.n; f++)
		{
			if (view->segments[i].header->field_docs[f] < view->segments[i].header->docs)
				return true;
		}
	}
	return view->growing.ndocs + view->sealing.ndocs > 0;
}

/*----- one document of a segment -----*/

/* where the posting of `doc` is in a cursor that stands in its block */
static bool
find_in_block(const Bm25Cursor *cursor, uint32 doc, uint32 *ret_at)
{
	uint32 lo = 0;
	uint32 hi = cursor->count;

	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;

		if (cursor->docs[mid] < doc)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_at = lo;
	return lo < cursor->count && cursor->docs[lo] == doc;
}

/* frequency and norm of the document in a term's list; false if it is not there */
static bool
find_posting(Bm25Search *search, Bm25SearchTerm *term, uint32 doc, uint32 *ret_tf, uint32 *ret_norm)
{
	Bm25Cursor *cursor = term->cursor;
	uint32 at;

	if (cursor->block_no >= cursor->nblocks || cursor->block_first > doc)
	{
		/* past it */
		if (term->second == NULL)
		{
			term->second = palloc(sizeof(Bm25Cursor));
			bm25_cursor_open(term->second, search->segment, term->found);
		}
		cursor = term->second;
		if (bm25_cursor_seek(cursor, doc) != doc)
			return false;
		at = cursor->at;
	}
	else if (cursor->decoded && doc <= cursor->block_last)
	{
		if (!find_in_block(cursor, doc, &at))
			return false;
	}
	else
	{
		if (bm25_cursor_seek(cursor, doc) != doc)
			return false;
		at = cursor->at;
	}
	*ret_tf = cursor->tfs[at];
	*ret_norm = cursor->norms[at];
	return true;
}

double
bm25_search_exact(Bm25Search *search, uint32 doc)
{
	Bm25Sum sum = BM25_SUM_NONE;

	for (uint32 i = 0; i < search->nterms; i++)
	{
		Bm25SearchTerm *term = &search->terms[i];
		uint32 tf;
		uint32 norm;

		if (!find_posting(search, term, doc, &tf, &norm))
			continue;
		bm25_sum_add(&sum, term->field, bm25_search_posting(search, term, tf, norm));
	}
	return bm25_sum_total(&sum);
}

/* is one of the fields null? */
static bool
has_null(const Bm25Search *search, uint32 doc)
{
	uint32 length[BM25_MAX_FIELDS];

	bm25_segment_lengths(search->segment, doc, length);
	return any_null(search->view, length);
}

void
bm25_search_candidate(Bm25Search *search, uint32 doc, double score)
{
	const Bm25SearchRequest *request = search->request;
	ItemPointerData tid;
	bool recheck = false;

	if (doc >= search->docs)
		vc_corrupt(search->segment->index, search->segment->disk.header,
				   "a list holds document %u of %u", doc, search->docs);
	if (bm25_segment_is_dead(search->segment, doc))
		return;
	if (score < 0)
	{
		search->counters->candidates++;
		score = bm25_search_exact(search, doc);
	}
	if (!(score >= search->threshold) || (search->nulls && has_null(search, doc)))
		return;
	for (int g = 0; g < request->ngates; g++)
	{
		Bm25Match match = bm25_gate_match(request->gates[g], doc);

		if (match == BM25_MATCH_NO)
			return;
		recheck |= match == BM25_MATCH_MAYBE;
	}
	tid = bm25_segment_tid(search->segment, doc);
	offer(search, &tid, score, recheck);
}

void
bm25_search_parts(const Bm25Search *search, const Bm25SearchTerm *term, uint32 from, uint32 to,
				  float *ret_parts)
{
	const Bm25Cursor *cursor = term->cursor;
	const uint32 *tfs = cursor->tfs + from;
	const uint32 *norms = cursor->norms + from;
	const Bm25FieldModel *model = term->model;
	float weight = term->weight_float;
	uint32 n = to - from;

	if (search->scorer->exact_norms)
	{
		float base = (float) (model->k1 * (1 - model->b));
		float slope = model->avgdl > 0 ? (float) (model->k1 * model->b / model->avgdl) : 0;

		for (uint32 i = 0; i < n; i++)
		{
			float tf = (float) tfs[i];

			ret_parts[i] = weight * tf / (tf + (base + slope * (float) norms[i]));
		}
	}
	else
	{
		StaticAssertDecl(BM25_NORM_CODES == VCS_SCORE_CODES, "one entry a code");

		vcs_score_ops.parts(tfs, norms, n, weight, model->k_float, ret_parts);
	}
}

/*----- growing documents -----*/

static void
search_growth(Bm25Search *search, Bm25GrowthPart part)
{
	const Bm25Scorer *scorer = search->scorer;
	const Bm25SearchRequest *request = search->request;
	double *total;
	double *sum;
	uint32 i = 0;

	if (part.ndocs == 0)
		return;
	total = palloc_extended(sizeof(double) * part.ndocs, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	sum = palloc_extended(sizeof(double) * part.ndocs, MCXT_ALLOC_HUGE);
	while (i < scorer->nterms)
	{
		int field = (uint8) scorer->terms[i].key.data[0];
		const Bm25FieldModel *model = &scorer->models[field];

		memset(sum, 0, sizeof(double) * part.ndocs);
		for (; i < scorer->nterms && (uint8) scorer->terms[i].key.data[0] == field; i++)
		{
			const Bm25ScoreTerm *term = &scorer->terms[i];
			uint32 n;
			const Bm25GrowthList *list = bm25_growth_list(part, term->key, &n);

			CHECK_FOR_INTERRUPTS();
			for (uint32 j = 0; j < n; j++)
			{
				uint32 doc = list->docs[j];
				uint32 length = bm25_growth_lengths(part, doc)[field];

				sum[doc] += bm25_contribution(term->weight, list->tfs[j],
											  bm25_k_of(model, scorer->exact_norms, length));
			}
		}
		for (uint32 doc = 0; doc < part.ndocs; doc++)
			total[doc] += sum[doc];
	}
	for (uint32 doc = 0; doc < part.ndocs; doc++)
	{
		bool recheck = false;
		bool passes = true;
		ItemPointerData tid;

		if (!(total[doc] >= search->threshold) ||
			(search->nulls && any_null(search->view, bm25_growth_lengths(part, doc))))
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int g = 0; g < request->ngates && passes; g++)
		{
			Bm25Match match = bm25_gate_match_growth(request->gates[g], part, doc);

			passes = match != BM25_MATCH_NO;
			recheck |= match == BM25_MATCH_MAYBE;
		}
		if (!passes)
			continue;
		if (search->floor_room > 0)
			bm25_search_floor(search, (float) total[doc]);
		tid = part.growth->tids[doc];
		offer(search, &tid, total[doc], recheck);
	}
	pfree(total);
	pfree(sum);
}

/*----- segments -----*/

static void
open_terms(Bm25Search *search, uint32 which)
{
	const Bm25Scorer *scorer = search->scorer;
	const Bm25SegmentTerm *known =
		scorer->view == search->view ? scorer->found + (Size) which * scorer->nterms : NULL;
	Bm25SegmentTerm *found = NULL;
	Bm25Cursor *cursors;

	if (known == NULL)
		found = palloc_extended(sizeof(Bm25SegmentTerm) * Max(scorer->nterms, 1), MCXT_ALLOC_HUGE);
	search->terms =
		palloc_extended(sizeof(Bm25SearchTerm) * Max(scorer->nterms, 1), MCXT_ALLOC_HUGE);
	search->nterms = 0;
	search->postings = 0;
	for (uint32 i = 0; i < scorer->nterms; i++)
	{
		const Bm25ScoreTerm *from = &scorer->terms[i];
		const Bm25SegmentTerm *place = known != NULL ? &known[i] : &found[i];
		Bm25SearchTerm *term = &search->terms[search->nterms];

		if (from->weight <= 0)
			continue;
		if (known == NULL && !bm25_segment_lookup(search->segment, from->key, &found[i]))
			continue;
		if (place->df == 0)
			continue;
		term->found = place;
		term->field = (uint8) from->key.data[0];
		term->model = &scorer->models[term->field];
		term->weight = from->weight;
		term->weight_float = (float) from->weight;
		term->second = NULL;
		search->postings += place->df;
		search->nterms++;
	}
	cursors = palloc_extended(sizeof(Bm25Cursor) * Max(search->nterms, 1), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < search->nterms; i++)
	{
		const Bm25SegmentTerm *place = search->terms[i].found;

		if (!bm25_segment_is_ahead(search->segment))
			break;
		if (place->large)
			bm25_segment_prefetch(search->segment, BM25_SECTION_SUMMARY,
								  search->segment->header->section[BM25_SECTION_SUMMARY] +
									  place->list.summary / BM25_SUMMARIES_PER_PAGE);
	}
	for (uint32 i = 0; i < search->nterms; i++)
	{
		Bm25SearchTerm *term = &search->terms[i];

		term->cursor = &cursors[i];
		bm25_cursor_open(term->cursor, search->segment, term->found);
		term->bound = bm25_impact_bound(term->model, term->weight, term->cursor->list_impact,
										BM25_LARGE_IMPACTS);
	}
}

void
bm25_search_read_ahead(Bm25Search *search, Bm25BlockWanted wanted, void *arg)
{
	bool pins = search->request->filter == NULL && search->nterms <= PINNING_TERMS;

	for (uint32 i = 0; i < search->nterms; i++)
	{
		bm25_cursor_read_ahead(search->terms[i].cursor, pins, wanted, arg);
		bm25_cursor_prefetch(search->terms[i].cursor);
	}
}

/* Streams end before the cursors' memory goes. */
static void
close_terms(Bm25Search *search)
{
	for (uint32 i = 0; i < search->nterms; i++)
		bm25_cursor_close(search->terms[i].cursor);
	search->nterms = 0;
}

/* a gate that few documents pass gives the candidates */
static void
search_by_gate(Bm25Search *search, Bm25Gate *gate)
{
	uint32 doc = 0;

	/* few documents: what the ranking's lists have of them is anywhere */
	while ((doc = bm25_gate_next(gate, doc)) != BM25_NO_DOC)
	{
		CHECK_FOR_INTERRUPTS();
		bm25_search_candidate(search, doc, -1);
		doc++;
	}
}

static void
search_segment(Bm25Search *search, uint32 which)
{
	const Bm25SearchRequest *request = search->request;
	Bm25Gate *leader = NULL;
	double fewest = PG_UINT32_MAX;
	float all = 0;

	search->segment = &search->view->segments[which];
	search->docs = search->segment->header->docs;
	open_terms(search, which);
	if (search->nterms == 0)
		return;
	for (uint32 i = 0; i < search->nterms; i++)
		all += search->terms[i].bound;
	if (all * (1 + search->slack) < search->reach)
		return;

	for (int g = 0; g < request->ngates; g++)
	{
		double estimate;

		bm25_gate_segment(request->gates[g], which);
		estimate = bm25_gate_estimate(request->gates[g]);
		if (estimate < fewest)
		{
			fewest = estimate;
			leader = request->gates[g];
		}
	}
	if (leader != NULL && request->algorithm == BM25_ALGORITHM_AUTO &&
		fewest * GATE_LEADS < search->postings)
	{
		search_by_gate(search, leader);
		return;
	}

	switch (request->algorithm)
	{
		case BM25_ALGORITHM_WAND:
			bm25_search_wand(search);
			break;
		case BM25_ALGORITHM_MAXSCORE:
			bm25_search_maxscore(search);
			break;
		case BM25_ALGORITHM_EXHAUSTIVE:
			bm25_search_exhaustive(search);
			break;
		case BM25_ALGORITHM_AUTO:
			if (request->k < 0 || (double) request->k >= search->postings)
				bm25_search_exhaustive(search);
			else if (search->nterms <= WAND_TERMS)
				bm25_search_wand(search);
			else
				bm25_search_maxscore(search);
			break;
	}
}

size_t
bm25_search(Bm25View *view, const Bm25SearchRequest *request, Bm25Hit **ret_hits,
			Bm25SearchCounters *counters)
{
	Bm25Search search = {0};
	uint64 most = (uint64) view->growing.ndocs + view->sealing.ndocs;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	VcTopkKind kind;
	double bound = 0;
	size_t k;
	size_t n;
	Bm25Hit *hits;

	*ret_hits = NULL;
	for (uint32 i = 0; i < view->nsegments; i++)
		most += view->segments[i].header->docs;
	k = request->k < 0 ? most : Min((uint64) request->k, most);
	if (k == 0 || request->scorer->nterms == 0)
		return 0;

	kind = k <= HEAP_MAX ? VC_TOPK_HEAP : VC_TOPK_BUFFER;
	/* a score that equals min_score is a match */
	if (request->scorer->min_score > 0)
		bound = nextafter(-request->scorer->min_score, 0);
	search.view = view;
	search.request = request;
	search.scorer = request->scorer;
	search.counters = counters;
	search.slack = FLOAT_SLACK(request->scorer->nterms);
	vc_topk_init(&search.topk, kind, k, palloc_extended(vc_topk_size(kind, k), MCXT_ALLOC_HUGE),
				 bound);
	if (request->has_after)
		vc_topk_set_after(&search.topk, -request->after.score, vc_tid_key(&request->after.tid));
	set_threshold(&search);
	/* only where each document that has a score is a hit */
	search.nulls = nulls_matter(view, request->scorer);
	if (kind == VC_TOPK_HEAP && !search.nulls && !request->has_after && request->filter == NULL &&
		request->ngates == 0)
	{
		search.floor_room = (uint32) k;
		search.floor = palloc(sizeof(float) * k);
	}

	search_growth(&search, view->growing);
	search_growth(&search, view->sealing);

	context = AllocSetContextCreate(caller, "vchord_bm25 segment", ALLOCSET_DEFAULT_SIZES);
	for (uint32 i = 0; i < view->nsegments; i++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(context);
		search_segment(&search, i);
		close_terms(&search);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);

	n = vc_topk_finish(&search.topk);
	hits = palloc_extended(sizeof(Bm25Hit) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < n; i++)
	{
		hits[i].score = -search.topk.entries[i].key;
		hits[i].recheck = search.topk.entries[i].payload != 0;
		vc_tid_from_key(search.topk.entries[i].tid, &hits[i].tid);
	}
	pfree(search.topk.entries);
	*ret_hits = hits;
	return n;
}
