/*
 * vchordrq/maxsim.c
 *		Rounds of a MaxSim search.
 *
 * A document's distance is the sum, over the query's tokens, of its smallest negative dot product with
 * that token (the operator @#).  A round gathers rows of the lists near to each token, which gives
 * documents with estimated sums (maxsim_gather.c), and then computes sums of documents from the table, in
 * order of their lower bounds, until it has `need` documents and no bound is below the last of them
 * (maxsim_rerank.c).  Documents go out in order of their exact sums.
 *
 * How many lists.  Per token, as many as the stopping rule of a search for single vectors (probe.c) asks for
 * its `rank` nearest rows; rank grows with the number of documents that are wanted.  When the last of them
 * is no better than a document would be of which nothing was seen, or documents ran out, the
 * gathering begins anew with twice the lists and rows.  What was judged stays judged.  So a scan can be
 * driven until every document was delivered; past a fifth of the rows the rest is taken in one sequential
 * pass over the table, if that is possible.  With explicit probes the lists are a hard cap.
 *
 * vchordrq.maxsim_refine, if given by GUC or reloption, asks for the cheaper way: documents in the order of
 * their estimated sums, in which the nearest `refine` rows of each token count with exact scores.
 *
 * A filter is evaluated when a document is judged, or delivered.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "core/vector/tokens.h"

#include "vchordrq/maxsim.h"

/*
 * Rows wanted per token for a document wanted: a good document's tokens are not all among the nearest of
 * all (docs/maxsim.md).
 */
#define RANK_PER_DOCUMENT 16
#define RANK_MIN          64
/*
 * Rows kept per token, for each of `rank`: a document that has none of them is taken to be as near as the
 * first that was dropped.  With fewer more documents must be judged, with more there are more rows to add up.
 */
#define ROWS_PER_RANK 32
/* each of three: rows of a token, documents, results of a pass over the table */
#define MEMORY_SHARE 0.25
#define ROOM_MIN     4096
#define FIRST_ROWS   1024
/* past this share of all rows, seen by all tokens, a pass over the table costs no more than what is left */
#define PASS_SHARE 0.2
/*
 * An exact sum costs more than most quals, and the row is fetched anyway; quals that are dearer than this,
 * in cpu_operator_cost, are left to the executor.
 */
#define QUAL_COST_MAX 10000

RqMaxsim *
rq_maxsim_create(VcScan *scan, RqSearch *search, RqEncoder *encoder)
{
	RqMaxsim *self = MemoryContextAllocZero(scan->mcxt, sizeof(RqMaxsim));
	uint32 dim = search->meta->geo.dim;

	self->scan = scan;
	self->index = search->index;
	self->meta = search->meta;
	self->search = search;
	self->encoder = encoder;
	self->query_memory =
		(void *) TYPEALIGN(64, MemoryContextAlloc(scan->mcxt, vcv_query_memory(dim) + 64));
	self->scratch = AllocSetContextCreate(scan->mcxt, "vchordrq document", ALLOCSET_DEFAULT_SIZES);
	search->spreads = MemoryContextAlloc(scan->mcxt, RQ_SEGMENT_ROWS * sizeof(float));
	return self;
}

/* the query's tokens, as codes and as the operator want them */
static void
read_query(RqMaxsim *self, Datum query, VcvTokens *tokens)
{
	uint32 dim = self->meta->geo.dim;
	Size bytes = (Size) tokens->n * dim * sizeof(float);
	Datum token;

	self->ntokens = tokens->n;
	self->tokens = MemoryContextAllocHuge(self->scan->work, bytes);
	self->rotated = MemoryContextAllocHuge(self->scan->work, bytes);
	self->unseen = palloc(tokens->n * sizeof(float));
	while (vcv_tokens_next(tokens, &token))
	{
		Size at = (Size) (tokens->next - 1) * dim;

		CHECK_FOR_INTERRUPTS();
		rq_encoder_set(self->encoder, token);
		rq_encoder_rotate(self->encoder);
		memcpy(self->tokens + at, self->encoder->x, dim * sizeof(float));
		memcpy(self->rotated + at, self->encoder->rotated, dim * sizeof(float));
		rq_encoder_clear(self->encoder);
	}
	vcv_document_read((VcvType) self->meta->disk.type, query, &self->query);
	vcv_document_prepare(&self->query);
}

bool
rq_maxsim_begin(RqMaxsim *self, const RqSearchParams *params, Datum query)
{
	const VcPlanQuals *quals = vc_prefilter_quals(self->scan->plan);
	Size memory = (Size) (work_mem * 1024.0 * MEMORY_SHARE);
	VcvTokens tokens;

	if (params->max_scan_tuples >= 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("maxsim search with max_scan_tuples is not supported"),
						errhint("Set vchordrq.max_scan_tuples to -1.")));
	rq_search_check_probes(self->search, params);
	self->params = *params;
	self->search->params = *params;
	self->exact = !params->maxsim_refine_given;
	self->filter =
		quals->present && quals->usable &&
		(rq_prefilter == RQ_PREFILTER_ON ||
		 (rq_prefilter == RQ_PREFILTER_AUTO && quals->cost < QUAL_COST_MAX * cpu_operator_cost));

	vcv_tokens_begin(&tokens, query, true);
	if (tokens.n == 0)
		return false;
	read_query(self, query, &tokens);
	vcv_tokens_end(&tokens);

	/* what earlier queries of the scan had is gone with the context */
	self->most_rows = Max(memory / sizeof(RqTokenRow), ROOM_MIN);
	self->row_room = FIRST_ROWS;
	self->token_rows = palloc(self->row_room * sizeof(RqTokenRow));
	self->near.room = 0;
	/* a hash table is up to twice as large as what it holds */
	self->document_limit = Max(memory / (2 * sizeof(RqDocument)), ROOM_MIN);
	self->result_limit = Max(memory / sizeof(RqResult), ROOM_MIN);
	self->rank = 0;
	self->min_lists = 1;
	self->gathered = false;
	self->complete = false;
	self->pending = NULL;
	self->npending = 0;
	self->results = NULL;
	self->nresults = 0;
	self->result_room = 0;
	self->judged = NULL;
	self->left = 0;
	self->popped = 0;
	self->best.room = 0;
	self->exhaustive = false;
	self->has_cut = false;
	self->has_from = false;
	return true;
}

/* Can another gathering find documents that this one did not? */
static bool
can_widen(const RqMaxsim *self)
{
	return !self->gathered || !self->complete;
}

static void
gather(RqMaxsim *self, size_t rank)
{
	self->rank = Min(Max(rank, self->rank), self->most_rows);
	/* in estimated sums every row counts that memory has room for */
	self->row_limit =
		self->exact ? Min(self->rank * ROWS_PER_RANK, self->most_rows) : self->most_rows;
	rq_maxsim_gather(self);
}

/* Farther than before: more lists, or the whole table. */
static void
widen(RqMaxsim *self, size_t rank)
{
	double rows = Max(self->meta->disk.build_rows, self->index->rd_rel->reltuples);

	if (!self->gathered)
	{
		gather(self, rank);
		return;
	}
	if (self->params.automatic && (double) self->rows_seen > PASS_SHARE * rows * self->ntokens &&
		rq_maxsim_has_table(self))
	{
		rq_maxsim_pass(self);
		return;
	}
	self->min_lists = Max(self->min_lists, self->most_lists) * 2;
	gather(self, Max(rank, self->rank * 2));
}

static void
new_best(RqMaxsim *self, size_t need)
{
	if (need > self->best.room)
	{
		if (self->best.room > 0)
			pfree(self->best.entries);
		self->best.room = Max(need, 2 * self->best.room);
		self->best.entries =
			MemoryContextAllocHuge(self->scan->work, self->best.room * sizeof(RqCeilingEntry));
	}
	self->best.want = need;
	self->best.n = 0;
	for (size_t i = 0; i < self->nresults; i++)
		rq_ceiling_push(&self->best, self->results[i].distance, self->results[i].distance);
}

/* A document of which nothing was seen would not come before the last of the round. */
static bool
is_settled(const RqMaxsim *self)
{
	return rq_ceiling_full(&self->best) &&
		   (self->complete || rq_ceiling_limit(&self->best) <= self->base);
}

static void
round_exact(RqMaxsim *self, size_t rank)
{
	size_t lists_before = 0;
	uint64 judged_before = 0;

	/* more documents are wanted: from more lists, unless all were read */
	if (self->gathered && self->params.automatic && !self->complete && rank > self->rank)
		widen(self, rank);
	while (!self->exhaustive)
	{
		if (self->gathered)
		{
			size_t lists = self->most_lists;
			uint64 judged = rq_maxsim_judged_count(self);

			rq_maxsim_rerank(self);
			if (is_settled(self) || !can_widen(self))
				break;
			/* memory is too short to tell more than the time before */
			if (lists == lists_before && judged == judged_before &&
				rq_maxsim_judged_count(self) == judged)
				break;
			lists_before = lists;
			judged_before = rq_maxsim_judged_count(self);
		}
		widen(self, rank);
	}
	self->left = self->exhaustive ? self->nresults : Min(self->need, self->nresults);
}

static void
round_estimated(RqMaxsim *self, size_t rank)
{
	while (self->npending == 0 && !self->exhaustive && can_widen(self))
		widen(self, rank);
	self->left = self->exhaustive ? self->nresults : self->npending;
}

bool
rq_maxsim_round(RqMaxsim *self, size_t need)
{
	size_t rank = Max((self->popped + need) * RANK_PER_DOCUMENT, RANK_MIN);

	if (self->exhaustive)
	{
		if (self->nresults == 0 && self->has_cut)
			rq_maxsim_pass(self);
		self->left = self->nresults;
		return self->left > 0;
	}
	self->need = need;
	new_best(self, need);
	if (self->exact)
		round_exact(self, rank);
	else
		round_estimated(self, rank);
	return self->left > 0;
}

bool
rq_maxsim_pop(RqMaxsim *self, RqResult *ret_result)
{
	for (; self->left > 0; self->left--)
	{
		TupleTableSlot *slot;

		CHECK_FOR_INTERRUPTS();
		if (self->exact || self->exhaustive)
			*ret_result = rq_maxsim_pop_result(self);
		else
		{
			*ret_result = rq_maxsim_pop_pending(self);
			if (self->filter && !rq_maxsim_passes(self, &ret_result->tid, &slot))
			{
				rq_maxsim_set_judged(self, &ret_result->tid, true);
				continue;
			}
		}
		/* a pass over the table goes on behind the last that it kept */
		if (!self->exhaustive)
			rq_maxsim_set_judged(self, &ret_result->tid, true);
		self->left--;
		self->popped++;
		return true;
	}
	return false;
}
