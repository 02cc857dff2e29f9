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
#define SPARSE_POSTINGS 128

/* looking a document up in a list costs as much as adding this many postings of it */
#define PROBE_POSTINGS 10

/* documents looked at together in a scan of the array */
#define STRIDE 16

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
	float *scores;          /* of the window */
	uint64 *touched;        /* bitmap of the window, sparse windows only */
	uint16 *survivors;      /* documents of the window that may reach the threshold */
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

/* What a float estimate must be for the document to be looked at: more than 0, in any case. */
static inline float
wanted(const MaxScore *ms)
{
	return Max(ms->search->reach - ms->before[ms->essential], FLT_MIN);
}

/* A complete estimate is a bound from below, too. */
static inline void
raise_floor(MaxScore *ms, uint32 offset)
{
	if (!bm25_segment_is_dead(ms->search->segment, ms->lo + offset))
		bm25_search_floor(ms->search, ms->scores[offset]);
}

static uint32
collect_sparse(MaxScore *ms)
{
	const Bm25Search *search = ms->search;
	uint32 n = 0;
	float least;

	for (uint32 word = 0; ms->essential == 0 && word < WINDOW / 64; word++)
	{
		for (uint64 bits = ms->touched[word]; bits != 0; bits &= bits - 1)
		{
			uint32 offset = word * 64 + (uint32) pg_rightmost_one_pos64(bits);

			if (ms->scores[offset] > bm25_search_floor_least(search))
				raise_floor(ms, offset);
		}
	}
	least = wanted(ms);
	for (uint32 word = 0; word < WINDOW / 64; word++)
	{
		for (uint64 bits = ms->touched[word]; bits != 0; bits &= bits - 1)
		{
			uint32 offset = word * 64 + (uint32) pg_rightmost_one_pos64(bits);

			if (ms->scores[offset] >= least)
				ms->survivors[n++] = (uint16) offset;
		}
	}
	return n;
}

/* four floats as integers; compilers of every machine make vector instructions of it */
typedef int32 Lanes __attribute__((vector_size(16)));

/*
 * Is one of STRIDE scores, none negative, at least `least`, which is positive?  Such floats compare as their bits
 * do, as integers.
 */
static inline bool
any_reaches(const float *scores, float least)
{
	Lanes reached = {0, 0, 0, 0};
	int32 bits;

	memcpy(&bits, &least, sizeof(bits));
	for (int i = 0; i < STRIDE; i += 4)
	{
		Lanes lanes;

		memcpy(&lanes, scores + i, sizeof(lanes));
		reached |= lanes >= bits;
	}
	return (reached[0] | reached[1] | reached[2] | reached[3]) != 0;
}

static uint32
collect_dense(MaxScore *ms)
{
	const Bm25Search *search = ms->search;
	const float *scores = ms->scores;
	uint32 n = 0;
	float least;

	for (uint32 base = 0; ms->essential == 0 && base < WINDOW; base += STRIDE)
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
	least = wanted(ms);
	for (uint32 base = 0; base < WINDOW; base += STRIDE)
	{
		if (!any_reaches(scores + base, least))
			continue;
		for (uint32 i = base; i < base + STRIDE; i++)
		{
			ms->survivors[n] = (uint16) i;
			n += scores[i] >= least;
		}
	}
	return n;
}

/* Adds a term's contributions to the survivors only. */
static void
probe_term(MaxScore *ms, Bm25SearchTerm *term, uint32 n)
{
	Bm25Cursor *cursor = term->cursor;

	for (uint32 i = 0; i < n; i++)
	{
		uint32 offset = ms->survivors[i];
		uint32 found = bm25_cursor_seek(cursor, ms->lo + offset);
		float part;

		if (found == BM25_NO_DOC)
			return;
		if (found == ms->lo + offset)
		{
			bm25_search_parts(ms->search, term, cursor->at, cursor->at + 1, &part);
			ms->scores[offset] += part;
		}
	}
}

/* Keeps the survivors that may still reach the threshold if other terms add `rest`. */
static uint32
keep_survivors(MaxScore *ms, uint32 n, float rest)
{
	float reach = ms->search->reach;
	uint32 kept = 0;

	for (uint32 i = 0; i < n; i++)
	{
		uint16 offset = ms->survivors[i];

		ms->survivors[kept] = offset;
		kept += ms->scores[offset] + rest >= reach;
	}
	return kept;
}

/* Postings of a list that one window holds on average. */
static double
window_postings(const MaxScore *ms, const Bm25SearchTerm *term)
{
	return (double) term->found->df * WINDOW / ms->search->docs;
}

static void
clear_window(MaxScore *ms, bool sparse)
{
	if (!sparse)
	{
		memset(ms->scores, 0, sizeof(float) * WINDOW);
		return;
	}
	for (uint32 word = 0; word < WINDOW / 64; word++)
	{
		for (uint64 bits = ms->touched[word]; bits != 0; bits &= bits - 1)
			ms->scores[word * 64 + (uint32) pg_rightmost_one_pos64(bits)] = 0;
		ms->touched[word] = 0;
	}
}

/* Keeps a survivor until the end of the segment, when fewer will do. */
static void
defer(MaxScore *ms, uint32 offset)
{
	if (ms->ndeferred == ms->deferred_room)
	{
		ms->deferred_room = Max(256, 2 * ms->deferred_room);
		ms->deferred = ms->deferred == NULL
						   ? palloc(sizeof(Deferred) * ms->deferred_room)
						   : repalloc_huge(ms->deferred, sizeof(Deferred) * ms->deferred_room);
	}
	ms->deferred[ms->ndeferred++] = (Deferred){ms->lo + offset, ms->scores[offset]};
}

static void
search_window(MaxScore *ms)
{
	Bm25Search *search = ms->search;
	double expected = 0;
	bool sparse;
	uint32 n;

	for (uint32 i = ms->essential; i < ms->n; i++)
		expected += window_postings(ms, ms->order[i]);
	sparse = expected < SPARSE_POSTINGS;
	for (uint32 i = ms->essential; i < ms->n; i++)
	{
		if (ms->bounds[i] > 0)
			add_term(ms, ms->order[i], sparse);
	}
	n = sparse ? collect_sparse(ms) : collect_dense(ms);

	/* the other terms, the most valuable first */
	for (uint32 i = ms->essential; i-- > 0 && n > 0;)
	{
		if (ms->bounds[i] <= 0)
			continue;
		if (n * PROBE_POSTINGS > window_postings(ms, ms->order[i]))
			add_term(ms, ms->order[i], sparse);
		else
			probe_term(ms, ms->order[i], n);
		n = keep_survivors(ms, n, ms->before[i]);
	}
	/* now the estimates are complete; with essential terms only they have been told before */
	for (uint32 i = 0; i < n; i++)
	{
		uint16 offset = ms->survivors[i];

		if (ms->essential > 0 && ms->scores[offset] > bm25_search_floor_least(search))
			raise_floor(ms, offset);
	}
	for (uint32 i = 0; i < n; i++)
	{
		uint16 offset = ms->survivors[i];

		if (ms->scores[offset] < search->reach)
			continue;
		if (search->floor_room > 0)
			defer(ms, offset);
		else
			bm25_search_candidate(search, ms->lo + offset, -1);
	}
	clear_window(ms, sparse);
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
	ms.survivors = palloc(sizeof(uint16) * (WINDOW + 1));
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
	for (size_t i = 0; i < ms.ndeferred; i++)
	{
		if (ms.deferred[i].score >= search->reach)
			bm25_search_candidate(search, ms.deferred[i].doc, -1);
	}
}
