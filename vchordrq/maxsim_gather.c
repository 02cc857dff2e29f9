/*
 * vchordrq/maxsim_gather.c
 *		For each token of the query: lists, their rows, documents with estimated sums.
 *
 * The tokens are taken one after the other.  The rows of a token's lists give, for each document that
 * they belong to, an estimate of its nearest token; documents are kept in a hash table with their sums
 * over the tokens so far.
 *
 * What a document is assumed to have for a token for which it was not seen (`unseen`): its own nearest is
 * in a list that was not visited, or was dropped.  The rows of the nearest such list have the score of
 * its centroid on average, so that is the estimate, but never one that is better than the `rank`-th nearest
 * row that was seen: a document must not come first because nothing is known of it.  vchordrq.maxsim_threshold
 * goes on along the lists, without reading them, until they would hold so many rows, and takes the
 * centroid of the last one.
 *
 * An estimate errs by `spread` at the search's epsilon; errors of tokens are independent, so the sum errs
 * by the root of the sum of squares.
 *
 * Memory: rows of one token beyond row_limit go, the farthest half at a time, which makes the farthest
 * that was kept the estimate for unseen documents; documents beyond document_limit go likewise, by their
 * sums so far.  Later rounds find them, because what was judged no longer takes room.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"

#include "core/tid.h"

#include "vchordrq/list.h"
#include "vchordrq/maxsim.h"
#include "vchordrq/vectors.h"

static inline uint32
hash_tid_key(uint64 key)
{
	return murmurhash32((uint32) (key >> 16) * 0x9E3779B1u + (uint32) (key & 0xFFFF));
}

#define SH_PREFIX          documents
#define SH_ELEMENT_TYPE    RqDocument
#define SH_KEY_TYPE        uint64
#define SH_KEY             key
#define SH_HASH_KEY(tb, k) hash_tid_key(k)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE           static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX          judged
#define SH_ELEMENT_TYPE    RqJudged
#define SH_KEY_TYPE        uint64
#define SH_KEY             key
#define SH_HASH_KEY(tb, k) hash_tid_key(k)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE           static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define FIRST_ROOM 1024

/*----- documents that were judged -----*/

bool
rq_maxsim_is_judged(const RqMaxsim *self, const ItemPointerData *tid, bool done_only)
{
	const RqJudged *entry;

	if (self->judged == NULL)
		return false;
	entry = judged_lookup(self->judged, vc_tid_key(tid));
	return entry != NULL && (entry->done || !done_only);
}

void
rq_maxsim_set_judged(RqMaxsim *self, const ItemPointerData *tid, bool done)
{
	bool found;

	if (self->judged == NULL)
		self->judged = judged_create(self->scan->work, FIRST_ROOM, NULL);
	judged_insert(self->judged, vc_tid_key(tid), &found)->done = done;
}

uint64
rq_maxsim_judged_count(const RqMaxsim *self)
{
	return self->judged == NULL ? 0 : self->judged->members;
}

/*----- rows of a token -----*/

#define ST_SORT          sort_rows
#define ST_ELEMENT_TYPE  RqTokenRow
#define ST_COMPARE(a, b) (((a)->estimate > (b)->estimate) - ((a)->estimate < (b)->estimate))
#define ST_SCOPE         static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT         sort_rows_by_bound
#define ST_ELEMENT_TYPE RqTokenRow
#define ST_COMPARE(a, b)                                                                           \
	(((a)->estimate - (a)->spread > (b)->estimate - (b)->spread) -                                 \
	 ((a)->estimate - (a)->spread < (b)->estimate - (b)->spread))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* room for one more: a larger array, or without judged documents, or without the farther half */
static void
make_room(RqMaxsim *self)
{
	size_t kept = 0;

	if (self->row_room < self->row_limit)
	{
		self->row_room = Min(self->row_room * 2, self->row_limit);
		self->token_rows = repalloc_huge(self->token_rows, self->row_room * sizeof(RqTokenRow));
		return;
	}
	for (size_t i = 0; i < self->nrows; i++)
	{
		if (!rq_maxsim_is_judged(self, &self->token_rows[i].strip.tid, false))
			self->token_rows[kept++] = self->token_rows[i];
	}
	self->nrows = kept;
	if (kept <= self->row_limit / 2)
		return;
	sort_rows(self->token_rows, self->nrows);
	self->nrows /= 2;
	self->cut = self->token_rows[self->nrows].estimate;
	/* rows with a bound beyond it have an estimate beyond it */
	self->search->dropped = self->cut;
}

void
rq_maxsim_take(RqMaxsim *self, float bound, float spread, const RqStripDisk *strip)
{
	float estimate = bound + spread;
	RqTokenRow *row;

	if (estimate >= self->cut)
		return;
	if (self->nrows == self->row_room)
	{
		make_room(self);
		if (estimate >= self->cut)
			return;
	}
	row = &self->token_rows[self->nrows++];
	row->estimate = estimate;
	row->spread = spread;
	row->strip = *strip;
	if (estimate < rq_ceiling_limit(&self->near))
		rq_ceiling_push(&self->near, estimate, estimate);
}

static bool
pull_list(RqSearch *search)
{
	search->has_pending = rq_tree_next(search->tree, &search->pending);
	return search->has_pending;
}

static bool
list_is_wanted(RqMaxsim *self, size_t visited, float nearest_rank)
{
	const RqSearch *search = self->search;
	uint32 levels = self->meta->disk.levels;

	if (!self->params.automatic)
		return levels == 0 || visited < self->params.probes[levels - 1];
	return visited < self->min_lists ||
		   rq_probe_reaches(&self->meta->disk, search->query.norm2,
							search->pending.rank - nearest_rank, rq_ceiling_limit(&self->near),
							self->rank, 1);
}

static uint64
list_rows(RqMaxsim *self, uint32 list)
{
	RqListDisk entry;
	uint64 rows = 0;

	rq_list_read(self->index, self->meta, self->search->cache, list, &entry);
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (entry.extent[i].first != InvalidBlockNumber)
			rows += entry.extent[i].rows - entry.extent[i].dead;
	}
	return rows + (uint64) (entry.append_pages + entry.sealed_pages) * self->meta->geo.append_rows;
}

/* vchordrq.maxsim_threshold: the centroid of the list that completes so many rows; -infinity without */
static float
threshold_score(RqMaxsim *self, uint64 rows)
{
	float score = -get_float4_infinity();

	while (self->search->has_pending && rows < (uint64) self->params.maxsim_threshold)
	{
		CHECK_FOR_INTERRUPTS();
		rows += list_rows(self, self->search->pending.list);
		score = self->search->pending.dc;
		pull_list(self->search);
	}
	return score;
}

/* vchordrq.maxsim_refine: exact scores of the nearest rows; returns the largest of them, or -infinity */
static float
refine_rows(RqMaxsim *self)
{
	size_t wanted = (size_t) self->params.maxsim_refine;
	size_t read = 0;
	size_t kept = 0;
	RqCeiling exact = {.want = Min(wanted, self->nrows), .room = Min(wanted, self->nrows)};
	float worst = -get_float4_infinity();

	if (exact.want == 0)
		return worst;
	sort_rows_by_bound(self->token_rows, self->nrows);
	exact.entries = MemoryContextAllocHuge(self->scan->work, exact.room * sizeof(RqCeilingEntry));
	for (; read < self->nrows; read++)
	{
		RqTokenRow row = self->token_rows[read];

		CHECK_FOR_INTERRUPTS();
		if (row.estimate - row.spread >= rq_ceiling_limit(&exact))
			break;
		if (!self->meta->geo.exact)
		{
			/* a row without its vector is gone */
			if (!rq_vector_distance(self->index, self->meta, NULL, &row.strip, self->search->row,
									&row.estimate))
				continue;
			row.spread = 0;
			self->scan->counters.reranks++;
		}
		worst = Max(worst, row.estimate);
		rq_ceiling_push(&exact, row.estimate, row.estimate);
		self->token_rows[kept++] = row;
	}
	memmove(self->token_rows + kept, self->token_rows + read,
			(self->nrows - read) * sizeof(RqTokenRow));
	self->nrows = kept + self->nrows - read;
	pfree(exact.entries);
	return worst;
}

/* Read the lists of a token: its rows, and unseen[token]. */
static void
gather_token(RqMaxsim *self, uint32 token)
{
	RqSearch *search = self->search;
	uint32 dim = self->meta->geo.dim;
	float nearest_rank = 0;
	size_t visited = 0;
	uint64 rows = search->scan->counters.codes;
	float unseen;

	search->x = self->tokens + (Size) token * dim;
	search->row = self->query.rows[token];
	vcv_query_init(&search->query, VCV_IP, self->rotated + (Size) token * dim, dim, true,
				   self->query_memory);
	search->dropped = get_float4_infinity();
	self->cut = get_float4_infinity();
	self->nrows = 0;
	self->near.n = 0;
	self->near.want = self->rank;
	self->unseen[token] = 0;
	/* a token without length says the same of all documents */
	if (!(search->query.norm2 > 0))
		return;

	rq_tree_begin(search->tree, &search->query, (float) search->params.epsilon,
				  self->params.automatic ? NULL : self->params.probes);
	pull_list(search);
	nearest_rank = search->pending.rank;
	while (search->has_pending && list_is_wanted(self, visited, nearest_rank))
	{
		RqVisit visit = {.probe = search->pending, .seen = -get_float4_infinity()};
		bool full = rq_ceiling_full(&self->near);

		CHECK_FOR_INTERRUPTS();
		/* the next list is known while this one is read */
		pull_list(search);
		rq_gather_list(search, &visit);
		visited++;
		/* lists that had to be visited for rows enough say nothing about where to stop (probe.c) */
		if (!full && rq_ceiling_full(&self->near))
			nearest_rank = Max(nearest_rank, visit.probe.rank);
	}
	rows = search->scan->counters.codes - rows;
	self->rows_seen += rows;
	self->most_lists = Max(self->most_lists, visited);

	unseen = -get_float4_infinity();
	if (!self->exact && self->params.maxsim_refine > 0)
		unseen = refine_rows(self);
	if (rq_ceiling_full(&self->near))
		unseen = Max(unseen, rq_ceiling_limit(&self->near));
	else
	{
		for (size_t i = 0; i < self->nrows; i++)
			unseen = Max(unseen, self->token_rows[i].estimate);
	}
	if (search->has_pending)
	{
		if (self->params.automatic)
			self->complete = false;
		unseen = Max(unseen, search->pending.dc);
		unseen = Max(unseen, threshold_score(self, rows));
	}
	/* what was dropped is the best that a document can have that was not seen */
	if (self->cut < get_float4_infinity())
	{
		self->complete = false;
		unseen = self->cut;
	}
	self->unseen[token] = isinf(unseen) ? 0 : unseen;
}

/*----- documents -----*/

static inline float
sum_so_far(const RqMaxsim *self, const RqDocument *document)
{
	return document->sum + document->nearest - self->unseen[document->token];
}

/* the token for which the document was seen last goes into its sums; another takes its place */
static inline void
add_up(const RqMaxsim *self, RqDocument *document)
{
	document->sum = sum_so_far(self, document);
	document->variance += document->spread * document->spread;
}

static int
float_cmp(const void *a, const void *b)
{
	float x = *(const float *) a;
	float y = *(const float *) b;

	return (x > y) - (x < y);
}

/* forget the worse half of the documents */
static void
drop_documents(RqMaxsim *self)
{
	documents_hash *old = self->documents;
	documents_hash *kept =
		documents_create(self->scan->work, (uint32) self->document_limit / 2, NULL);
	float *sums = MemoryContextAllocHuge(self->scan->work, old->members * sizeof(float));
	documents_iterator it;
	RqDocument *document;
	size_t n = 0;
	float median;

	documents_start_iterate(old, &it);
	while ((document = documents_iterate(old, &it)) != NULL)
	{
		sums[n++] = sum_so_far(self, document);
	}
	qsort(sums, n, sizeof(float), float_cmp);
	median = sums[n / 2];
	pfree(sums);
	documents_start_iterate(old, &it);
	while ((document = documents_iterate(old, &it)) != NULL)
	{
		RqDocument *to;
		bool found;
		char status;

		/* many may have one sum */
		if (sum_so_far(self, document) > median || kept->members > n / 2)
			continue;
		to = documents_insert(kept, document->key, &found);
		status = to->status;
		*to = *document;
		to->status = status;
	}
	documents_destroy(old);
	self->documents = kept;
	self->dropped = true;
}

static void
add_row(RqMaxsim *self, uint32 token, const RqTokenRow *row)
{
	uint64 key = vc_tid_key(&row->strip.tid);
	RqDocument *document = documents_lookup(self->documents, key);

	if (document == NULL)
	{
		bool found;

		if (rq_maxsim_is_judged(self, &row->strip.tid, false))
			return;
		if (self->documents->members >= self->document_limit)
			drop_documents(self);
		document = documents_insert(self->documents, key, &found);
		document->sum = 0;
		document->variance = 0;
	}
	else if (document->token == token)
	{
		if (row->estimate >= document->nearest)
			return;
	}
	else
		add_up(self, document);
	document->token = token;
	document->nearest = row->estimate;
	document->spread = row->spread;
}

/* hash table -> heap */
static void
make_pending(RqMaxsim *self)
{
	documents_iterator it;
	RqDocument *document;

	self->base = 0;
	for (uint32 token = 0; token < self->ntokens; token++)
		self->base += self->unseen[token];
	if (self->pending != NULL)
		pfree(self->pending);
	self->pending = MemoryContextAllocHuge(self->scan->work,
										   Max(self->documents->members, 1) * sizeof(RqResult));
	self->npending = 0;
	documents_start_iterate(self->documents, &it);
	while ((document = documents_iterate(self->documents, &it)) != NULL)
	{
		RqResult *to = &self->pending[self->npending++];

		add_up(self, document);
		to->distance = (float) (self->base + document->sum);
		if (self->exact)
			to->distance -= sqrtf(document->variance);
		vc_tid_from_key(document->key, &to->tid);
	}
	documents_destroy(self->documents);
	self->documents = NULL;
	rq_maxsim_heapify_pending(self);
}

void
rq_maxsim_gather(RqMaxsim *self)
{
	RqSearch *search = self->search;

	/* gather.c: no threshold but that of `dropped` */
	search->filter = false;
	search->use_codes = false;
	search->exhaustive = false;
	search->best.want = 1;
	search->best.n = 0;
	search->known = -get_float4_infinity();
	search->ncandidates = 0;
	search->candidate_limit = SIZE_MAX;
	search->quick = false;
	rq_range_none(&search->range);
	search->maxsim = self;

	if (self->near.room < self->rank)
	{
		if (self->near.room > 0)
			pfree(self->near.entries);
		self->near.room = self->rank;
		self->near.entries =
			MemoryContextAllocHuge(self->scan->work, self->rank * sizeof(RqCeilingEntry));
	}
	self->complete = true;
	self->dropped = false;
	self->most_lists = 0;
	self->rows_seen = 0;
	self->documents = documents_create(self->scan->work, FIRST_ROOM, NULL);
	for (uint32 token = 0; token < self->ntokens; token++)
	{
		gather_token(self, token);
		for (size_t i = 0; i < self->nrows; i++)
		{
			if (i % RQ_SEGMENT_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			add_row(self, token, &self->token_rows[i]);
		}
	}
	make_pending(self);
	if (self->dropped)
		self->complete = false;
	self->gathered = true;
}
