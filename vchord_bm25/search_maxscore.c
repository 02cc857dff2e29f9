/*
 * vchord_bm25/search_maxscore.c
 *		Block-max MaxScore over windows of documents: many terms, or large k.
 *
 * Turtle and Flood, "Query evaluation: strategies and optimizations", 1995; windows as in Lucene's bulk
 * scorer.  For each window of WINDOW documents the blocks that overlap it bound what each term can
 * contribute.  In ascending order of these bounds, as many terms as cannot reach the threshold together are
 * not essential: a document that has none of the others cannot enter.  The lists of the essential terms
 * are decoded block by block, scored in float and added up in an array by document; the documents that
 * reach the threshold together with what is left survive.  Then the other terms, the most valuable first: survivors
 * are looked up in a list, or if they are many, the list is added as a whole; who cannot reach the
 * threshold any more is dropped.  The last survivors are scored exactly: at the end of the segment if the
 * threshold rises without that (below), else at once.
 *
 * Complete estimates raise the floor (search_internal.h): the k-th of them is a bound
 * on the k-th score, which spares scoring documents that are only the best so far.
 *
 * Windows that no essential list has a posting in are not visited.  With one essential list in a window there is
 * nothing to add up: its postings are compared with the threshold as they are decoded, and blocks of it
 * that cannot reach are passed over.
 */
#include "postgres.h"

#include "vchord_bm25/search_internal.h"

#include <float.h>

#include "miscadmin.h"

#include "core/report.h"
#include "core/simd/bitpack/score_ops.h"

/* 16 kB of floats: half of a first-level cache */
#define WINDOW 4096

/* looking a document up in a list costs as much as adding this many postings of it */
#define PROBE_POSTINGS 10

/* survivors whose TIDs are asked for ahead, if pages are not in memory */
#define TIDS_AHEAD 64

/* A survivor of a window, with its estimate. */
typedef struct Deferred
{
	uint32 doc;
	float score;
} Deferred;

typedef struct MaxScore
{
	Bm25Search *search;
	uint32 n;
	Bm25SearchTerm **order; /* ascending by bound in the window */
	float *bounds;          /* by order */
	float *before;          /* sum of the bounds of order[0 .. i-1], rounded up */
	float *scores;     /* sums by document of the window; zero when nothing is being added up */
	uint16 *survivors; /* documents of the window that may reach the threshold ... */
	float *sums;       /* ... and what the terms so far give them */
	uint32 lo;
	uint32 hi;
	uint32 essential; /* order[essential ..] are */
	Deferred *deferred;
	size_t ndeferred;
	size_t deferred_room;
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

/* Number of documents before `doc` among docs[from .. to), ascending, and `from`. */
static inline uint32
docs_before(const uint32 *docs, uint32 from, uint32 to, uint32 doc)
{
	uint32 n = to - from;

	if (n == 0)
		return from;
	/* without branches: each way is as likely */
	while (n > 1)
	{
		uint32 half = n / 2;

		from += docs[from + half - 1] < doc ? half : 0;
		n -= half;
	}
	return from + (docs[from] < doc);
}

/*
 * The next postings of a list in the window: [*ret_from, *ret_to) of its present block, which is decoded.  False if
 * there is no further block.
 */
static bool
begin_run(MaxScore *ms, Bm25Cursor *cursor, uint32 *ret_from, uint32 *ret_to)
{
	if (cursor->block_no >= cursor->nblocks || cursor->block_first >= ms->hi)
		return false;
	if (!cursor->decoded)
	{
		bm25_cursor_decode(cursor);
		ms->search->counters->blocks_decoded++;
	}
	*ret_from = cursor->at;
	if (cursor->docs[cursor->at] < ms->lo)
		*ret_from = docs_before(cursor->docs, cursor->at, cursor->count, ms->lo);
	*ret_to = cursor->count;
	if (cursor->block_last >= ms->hi)
		*ret_to = docs_before(cursor->docs, *ret_from, cursor->count, ms->hi);
	return true;
}

/* Goes on behind them; false if the block goes on beyond the window, or is the last. */
static bool
end_run(Bm25Cursor *cursor, uint32 to)
{
	if (to < cursor->count)
	{
		cursor->at = to;
		return false;
	}
	return bm25_cursor_shallow(cursor, cursor->block_last + 1);
}

/* Adds a term's contributions to the documents of the window. */
static void
add_term(MaxScore *ms, Bm25SearchTerm *term)
{
	Bm25Cursor *cursor = term->cursor;
	float parts[BM25_BLOCK_POSTINGS];
	float *scores = ms->scores;
	uint32 lo = ms->lo;
	uint32 from;
	uint32 to;

	while (begin_run(ms, cursor, &from, &to))
	{
		const uint32 *docs = cursor->docs + from;

		bm25_search_parts(ms->search, term, from, to, parts);
		for (uint32 i = 0; i < to - from; i++)
			scores[docs[i] - lo] += parts[i];
		if (!end_run(cursor, to))
			return;
	}
}

/* What a float estimate must be for the document to be looked at: more than 0, in any case. */
static inline float
wanted(const MaxScore *ms)
{
	return Max(ms->search->reach - ms->before[ms->essential], FLT_MIN);
}

/* The numbers of a window that vcs_score_ops.take looks at. */
static inline uint32
window_size(const MaxScore *ms)
{
	return TYPEALIGN(16, ms->hi - ms->lo);
}

/* The documents that the essential terms bring near enough to the threshold, several terms added up. */
static uint32
collect_sums(MaxScore *ms)
{
	for (uint32 i = ms->essential; i < ms->n; i++)
	{
		if (ms->bounds[i] > 0)
			add_term(ms, ms->order[i]);
	}
	return (uint32) vcs_score_ops.take(ms->scores, window_size(ms), wanted(ms), ms->survivors,
									   ms->sums);
}

/* The same if one term only is essential. */
static uint32
collect_single(MaxScore *ms, Bm25SearchTerm *term)
{
	Bm25Cursor *cursor = term->cursor;
	float parts[BM25_BLOCK_POSTINGS];
	float least = wanted(ms);
	uint32 n = 0;
	uint32 from;
	uint32 to;

	while (cursor->block_no < cursor->nblocks && cursor->block_first < ms->hi)
	{
		uint32 found;

		if (!cursor->decoded && bm25_block_bound(term) < least)
		{
			/* a further part of it may be in the next window */
			if (cursor->block_last >= ms->hi ||
				!bm25_cursor_shallow(cursor, cursor->block_last + 1))
				break;
			continue;
		}
		begin_run(ms, cursor, &from, &to);
		bm25_search_parts(ms->search, term, from, to, parts);
		found =
			(uint32) vcs_score_ops.select(parts, to - from, least, ms->survivors + n, ms->sums + n);
		for (uint32 end = n + found; n < end; n++)
			ms->survivors[n] = (uint16) (cursor->docs[from + ms->survivors[n]] - ms->lo);
		/* documents of a sound list are all different */
		if (unlikely(n > WINDOW))
			vc_corrupt(ms->search->segment->index, ms->search->segment->disk.header,
					   "a list holds documents twice");
		if (!end_run(cursor, to))
			break;
	}
	return n;
}

/* Adds a term's contributions to the n survivors, looking each up. */
static void
probe_term(MaxScore *ms, Bm25SearchTerm *term, uint32 n)
{
	Bm25Cursor *cursor = term->cursor;

	for (uint32 i = 0; i < n; i++)
	{
		uint32 doc = ms->lo + ms->survivors[i];
		uint32 found = bm25_cursor_seek(cursor, doc);
		float part;

		if (found == BM25_NO_DOC)
			return;
		if (found == doc)
		{
			bm25_search_parts(ms->search, term, cursor->at, cursor->at + 1, &part);
			ms->sums[i] += part;
		}
	}
}

/* The same by adding up the whole list. */
static void
add_to_survivors(MaxScore *ms, Bm25SearchTerm *term, uint32 n)
{
	add_term(ms, term);
	for (uint32 i = 0; i < n; i++)
		ms->sums[i] += ms->scores[ms->survivors[i]];
	memset(ms->scores, 0, sizeof(float) * window_size(ms));
}

/* Keeps the survivors that may still reach the threshold if other terms add `rest`. */
static uint32
keep_survivors(MaxScore *ms, uint32 n, float rest)
{
	float reach = ms->search->reach;
	uint32 kept = 0;

	for (uint32 i = 0; i < n; i++)
	{
		float sum = ms->sums[i];

		ms->survivors[kept] = ms->survivors[i];
		ms->sums[kept] = sum;
		kept += sum + rest >= reach;
	}
	return kept;
}

/* Postings of a list that one window holds on average. */
static double
window_postings(const MaxScore *ms, const Bm25SearchTerm *term)
{
	return (double) term->found->df * WINDOW / ms->search->docs;
}

/* Keeps a survivor until the end of the segment, when fewer will do. */
static void
defer(MaxScore *ms, uint32 doc, float sum)
{
	if (ms->ndeferred == ms->deferred_room)
	{
		ms->deferred_room = Max(256, 2 * ms->deferred_room);
		ms->deferred = ms->deferred == NULL
						   ? palloc(sizeof(Deferred) * ms->deferred_room)
						   : repalloc_huge(ms->deferred, sizeof(Deferred) * ms->deferred_room);
	}
	ms->deferred[ms->ndeferred++] = (Deferred){doc, sum};
}

static void
search_window(MaxScore *ms)
{
	Bm25Search *search = ms->search;
	uint32 n =
		ms->essential == ms->n - 1 ? collect_single(ms, ms->order[ms->n - 1]) : collect_sums(ms);

	/* the other terms, the most valuable first */
	for (uint32 i = ms->essential; i-- > 0 && n > 0;)
	{
		if (ms->bounds[i] <= 0)
			continue;
		if (n * PROBE_POSTINGS > window_postings(ms, ms->order[i]))
			add_to_survivors(ms, ms->order[i], n);
		else
			probe_term(ms, ms->order[i], n);
		n = keep_survivors(ms, n, ms->before[i]);
	}
	/* the estimates are complete now, and so bounds from below */
	for (uint32 i = 0; i < n; i++)
	{
		uint32 doc = ms->lo + ms->survivors[i];

		if (ms->sums[i] > bm25_search_floor_least(search) &&
			!bm25_segment_is_dead(search->segment, doc))
			bm25_search_floor(search, ms->sums[i]);
	}
	for (uint32 i = 0; i < n; i++)
	{
		uint32 doc = ms->lo + ms->survivors[i];

		if (ms->sums[i] < search->reach)
			continue;
		if (search->floor_room > 0)
			defer(ms, doc, ms->sums[i]);
		else
			bm25_search_candidate(search, doc, -1);
	}
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

/* Asks for the pages with the TIDs of deferred survivors [from, to); returns to. */
static size_t
prefetch_tids(const MaxScore *ms, size_t from, size_t to)
{
	const Bm25Search *search = ms->search;

	for (size_t i = from; i < Min(to, ms->ndeferred); i++)
	{
		if (ms->deferred[i].score >= search->reach && ms->deferred[i].doc < search->docs)
			bm25_segment_prefetch(search->segment, BM25_SECTION_DOCUMENT,
								  bm25_segment_tid_page(search->segment, ms->deferred[i].doc));
	}
	return to;
}

void
bm25_search_maxscore(Bm25Search *search)
{
	uint32 n = search->nterms;
	Bm25SearchTerm **by_list = palloc(sizeof(Bm25SearchTerm *) * n);
	MaxScore ms = {.search = search, .n = n};
	size_t asked = 0;

	ms.order = palloc(sizeof(Bm25SearchTerm *) * n);
	ms.bounds = palloc0(sizeof(float) * n);
	ms.before = palloc0(sizeof(float) * n);
	ms.scores = (float *) CACHELINEALIGN(palloc0(sizeof(float) * WINDOW + PG_CACHE_LINE_SIZE));
	ms.survivors = palloc(sizeof(uint16) * (WINDOW + BM25_BLOCK_POSTINGS));
	ms.sums = palloc(sizeof(float) * (WINDOW + BM25_BLOCK_POSTINGS));
	for (uint32 i = 0; i < n; i++)
		by_list[i] = &search->terms[i];
	qsort(by_list, n, sizeof(Bm25SearchTerm *), compare_bounds);
	memcpy(ms.order, by_list, sizeof(Bm25SearchTerm *) * n);

	bm25_search_read_ahead(search, NULL, NULL);
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
	for (size_t i = 0; i < ms.ndeferred; i++)
	{
		if (unlikely(bm25_segment_is_ahead(search->segment)))
			asked = prefetch_tids(&ms, Max(asked, i), i + TIDS_AHEAD);
		if (ms.deferred[i].score >= search->reach)
			bm25_search_candidate(search, ms.deferred[i].doc, -1);
	}
}
