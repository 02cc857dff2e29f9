/*
 * vchord_bm25/search_maxscore.c
 *		Block-max MaxScore over windows of documents: many terms, or large k.
 *
 * Turtle and Flood, "Query evaluation: strategies and optimizations", 1995; windows as in Lucene's bulk
 * scorer.  For each window of WINDOW documents the blocks that overlap it bound what each term can
 * contribute.  In ascending order of these bounds, as many terms as cannot reach the threshold together are
 * not essential: a document that has none of the others cannot enter.  The lists of the essential terms
 * are decoded block by block, scored in float and added up in an array by document; documents that
 * reach the threshold together with what is left are probed in the other lists, the most valuable first, and
 * scored exactly if they still reach it.
 *
 * Before that, the estimates of the window raise the floor (search_internal.h): the k-th of them is a bound
 * on the k-th score, which spares scoring documents that are only the best so far.
 *
 * Windows that no essential list has a posting in are not visited.  A window with few postings is walked
 * by a bitmap of the documents touched, others by a scan of the array.
 */
#include "postgres.h"

#include "vchord_bm25/search_internal.h"

#include <float.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"

/* 16 kB of floats: half of a first-level cache */
#define WINDOW 4096

/* fewer postings in a window than this: the bitmap; a scan of the array costs about as much as these */
#define SPARSE_POSTINGS 512

/* documents looked at together in a scan of the array */
#define STRIDE 16

typedef struct MaxScore
{
	Bm25Search *search;
	uint32 n;
	Bm25SearchTerm **order; /* ascending by bound in the window */
	float *bounds;          /* by order */
	float *before;          /* sum of the bounds of order[0 .. i-1], rounded up */
	float *scores;          /* of the window */
	uint64 *touched;        /* bitmap of the window, sparse windows only */
	uint32 lo;
	uint32 hi;
	uint32 essential; /* order[essential ..] are */
} MaxScore;

/* Where the list may go on at the earliest, from `from` on. */
static uint32
next_doc(Bm25Cursor *cursor, uint32 from)
{
	uint32 at;

	if (!bm25_cursor_shallow(cursor, from))
		return BM25_NO_DOC;
	at = cursor->decoded && cursor->at < cursor->count ? cursor->docs[cursor->at]
													   : cursor->block_first;
	return Max(at, from);
}

/*
 * What the term can contribute to a document of the window at most.  Moves the cursor to the first block
 * that overlaps it.
 */
static float
window_bound(const Bm25SearchTerm *term, uint32 lo, uint32 hi)
{
	Bm25Cursor *cursor = term->cursor;
	uint32 block;
	uint32 last;
	float bound;

	if (!bm25_cursor_shallow(cursor, lo) || cursor->block_first >= hi)
		return 0;
	bound = bm25_block_bound(term);
	last = cursor->block_last;
	for (block = cursor->block_no + 1; last + 1 < hi && block < cursor->nblocks; block++)
	{
		const Bm25SummaryDisk *summary;
		float more;

		/* summaries of a further page are not at hand */
		if (block - cursor->summaries_first >= cursor->summaries_count)
			return term->bound;
		summary = &cursor->summaries[block - cursor->summaries_first];
		more = bm25_impact_bound(term->model, term->weight, summary->impact, 2);
		bound = Max(bound, more);
		last = summary->last;
	}
	return bound;
}

/* Bounds of the window, the order by them, and which terms are essential. */
static void
divide_terms(MaxScore *ms)
{
	const Bm25Search *search = ms->search;
	float up = 1 + search->slack;
	float sum = 0;

	for (uint32 i = 0; i < ms->n; i++)
	{
		Bm25SearchTerm *term = ms->order[i];
		float bound = window_bound(term, ms->lo, ms->hi);
		uint32 j = i;

		/* nearly in order from the window before */
		while (j > 0 && ms->bounds[j - 1] > bound)
		{
			ms->bounds[j] = ms->bounds[j - 1];
			ms->order[j] = ms->order[j - 1];
			j--;
		}
		ms->bounds[j] = bound;
		ms->order[j] = term;
	}
	ms->essential = ms->n;
	for (uint32 i = 0; i < ms->n; i++)
	{
		ms->before[i] = sum;
		sum = (sum + ms->bounds[i]) * up;
		if (ms->essential == ms->n && sum >= search->reach)
			ms->essential = i;
	}
}

/* Adds a term's contributions to the documents of the window. */
static void
add_term(MaxScore *ms, Bm25SearchTerm *term, bool sparse)
{
	Bm25Search *search = ms->search;
	Bm25Cursor *cursor = term->cursor;
	float parts[BM25_BLOCK_POSTINGS];
	float *scores = ms->scores;
	uint32 lo = ms->lo;

	while (cursor->block_no < cursor->nblocks && cursor->block_first < ms->hi)
	{
		const uint32 *docs = cursor->docs;
		uint32 from;
		uint32 to;

		if (!cursor->decoded)
		{
			bm25_cursor_decode(cursor);
			search->counters->blocks_decoded++;
		}
		from = cursor->at;
		while (from < cursor->count && docs[from] < lo)
			from++;
		to = cursor->count;
		if (cursor->block_last >= ms->hi)
		{
			uint32 low = from;

			while (low < to)
			{
				uint32 mid = (low + to) / 2;

				if (docs[mid] < ms->hi)
					low = mid + 1;
				else
					to = mid;
			}
		}
		bm25_search_parts(search, term, from, to, parts);
		for (uint32 i = from; i < to; i++)
			scores[docs[i] - lo] += parts[i - from];
		if (sparse)
		{
			for (uint32 i = from; i < to; i++)
				ms->touched[(docs[i] - lo) / 64] |= UINT64CONST(1) << (docs[i] - lo) % 64;
		}
		if (to < cursor->count)
		{
			cursor->at = to;
			return;
		}
		if (!bm25_cursor_shallow(cursor, cursor->block_last + 1))
			return;
	}
}

/* A document that reached the threshold with the bounds of what was not looked at. */
static void
examine(MaxScore *ms, uint32 offset)
{
	Bm25Search *search = ms->search;
	uint32 doc = ms->lo + offset;
	float score = ms->scores[offset];

	if (score + ms->before[ms->essential] < search->reach ||
		bm25_segment_is_dead(search->segment, doc))
		return;
	for (uint32 i = ms->essential; i-- > 0;)
	{
		Bm25SearchTerm *term = ms->order[i];
		Bm25Cursor *cursor = term->cursor;
		float part;

		if (ms->bounds[i] > 0 && bm25_cursor_seek(cursor, doc) == doc)
		{
			bm25_search_parts(search, term, cursor->at, cursor->at + 1, &part);
			score += part;
		}
		if (score + ms->before[i] < search->reach)
			return;
	}
	bm25_search_candidate(search, doc, -1);
}

/* What a float estimate must be for the document to be looked at: more than 0, in any case. */
static inline float
wanted(const MaxScore *ms)
{
	return Max(ms->search->reach - ms->before[ms->essential], FLT_MIN);
}

/* A document's estimate is a bound from below, too: other terms only add to it. */
static inline void
raise_floor(MaxScore *ms, uint32 offset)
{
	if (!bm25_segment_is_dead(ms->search->segment, ms->lo + offset))
		bm25_search_floor(ms->search, ms->scores[offset]);
}

static void
collect_sparse(MaxScore *ms)
{
	const Bm25Search *search = ms->search;

	for (uint32 word = 0; word < WINDOW / 64; word++)
	{
		for (uint64 bits = ms->touched[word]; bits != 0; bits &= bits - 1)
		{
			uint32 offset = word * 64 + (uint32) pg_rightmost_one_pos64(bits);

			if (ms->scores[offset] > bm25_search_floor_least(search))
				raise_floor(ms, offset);
		}
	}
	for (uint32 word = 0; word < WINDOW / 64; word++)
	{
		uint64 bits = ms->touched[word];

		ms->touched[word] = 0;
		for (; bits != 0; bits &= bits - 1)
		{
			uint32 offset = word * 64 + (uint32) pg_rightmost_one_pos64(bits);

			if (ms->scores[offset] >= wanted(ms))
				examine(ms, offset);
			ms->scores[offset] = 0;
		}
	}
}

/*
 * Is one of STRIDE scores, none negative, at least `least`?  Such floats compare as their bits do, as
 * integers, of which compilers make vector instructions.
 */
static inline bool
any_reaches(const float *scores, float least)
{
	const int32 *bits = (const int32 *) scores;
	int32 most = 0;
	float largest;

	for (int i = 0; i < STRIDE; i++)
		most = bits[i] > most ? bits[i] : most;
	memcpy(&largest, &most, sizeof(largest));
	return largest >= least;
}

static void
collect_dense(MaxScore *ms)
{
	const Bm25Search *search = ms->search;
	const float *scores = ms->scores;

	for (uint32 base = 0; base < WINDOW; base += STRIDE)
	{
		/* with equality: one too many does no harm */
		if (!any_reaches(scores + base, Max(bm25_search_floor_least(search), FLT_MIN)))
			continue;
		for (uint32 i = base; i < base + STRIDE; i++)
		{
			if (scores[i] > bm25_search_floor_least(search))
				raise_floor(ms, i);
		}
	}
	for (uint32 base = 0; base < WINDOW; base += STRIDE)
	{
		if (!any_reaches(scores + base, wanted(ms)))
			continue;
		for (uint32 i = base; i < base + STRIDE; i++)
		{
			if (scores[i] >= wanted(ms))
				examine(ms, i);
		}
	}
	memset(ms->scores, 0, sizeof(float) * WINDOW);
}

static void
search_window(MaxScore *ms)
{
	const Bm25Search *search = ms->search;
	double expected = 0;
	bool sparse;

	for (uint32 i = ms->essential; i < ms->n; i++)
		expected += ms->order[i]->found->df;
	sparse = expected * WINDOW / search->docs < SPARSE_POSTINGS;
	for (uint32 i = ms->essential; i < ms->n; i++)
	{
		if (ms->bounds[i] > 0)
			add_term(ms, ms->order[i], sparse);
	}
	if (sparse)
		collect_sparse(ms);
	else
		collect_dense(ms);
}

/*
 * The first document, from `from` on, that a list may have which is essential by the bounds of the whole lists.
 */
static uint32
first_document(MaxScore *ms, uint32 from, Bm25SearchTerm **by_list)
{
	const Bm25Search *search = ms->search;
	float up = 1 + search->slack;
	float sum = 0;
	uint32 first = BM25_NO_DOC;

	for (uint32 i = 0; i < ms->n; i++)
	{
		sum = (sum + by_list[i]->bound) * up;
		if (sum >= search->reach)
			first = Min(first, next_doc(by_list[i]->cursor, from));
	}
	return first;
}

static int
compare_bounds(const void *a, const void *b)
{
	const Bm25SearchTerm *x = *(Bm25SearchTerm *const *) a;
	const Bm25SearchTerm *y = *(Bm25SearchTerm *const *) b;

	return (x->bound > y->bound) - (x->bound < y->bound);
}

void
bm25_search_maxscore(Bm25Search *search)
{
	uint32 n = search->nterms;
	Bm25SearchTerm **by_list = palloc(sizeof(Bm25SearchTerm *) * n);
	MaxScore ms = {.search = search, .n = n};

	ms.order = palloc(sizeof(Bm25SearchTerm *) * n);
	ms.bounds = palloc0(sizeof(float) * n);
	ms.before = palloc0(sizeof(float) * n);
	ms.scores = palloc0(sizeof(float) * WINDOW);
	ms.touched = palloc0(WINDOW / 8);
	for (uint32 i = 0; i < n; i++)
		by_list[i] = &search->terms[i];
	qsort(by_list, n, sizeof(Bm25SearchTerm *), compare_bounds);
	memcpy(ms.order, by_list, sizeof(Bm25SearchTerm *) * n);

	while ((ms.lo = first_document(&ms, ms.hi, by_list)) < search->docs)
	{
		CHECK_FOR_INTERRUPTS();
		ms.hi = ms.lo + Min(WINDOW, search->docs - ms.lo);
		divide_terms(&ms);
		if (ms.essential < n)
			search_window(&ms);
		else
			search->counters->blocks_skipped++;
	}
}
