/*
 * vchord_bm25/search_wand.c
 *		Block-max WAND: few terms, small k.
 *
 * Ding and Suel, "Faster top-k document retrieval using block-max indexes", SIGIR 2011.  Cursors are kept in
 * order of their documents.  The pivot is the first document that the lists' bounds let reach the threshold;
 * if the bounds of the blocks around it do not, all cursors skip to the end of the nearest of these
 * blocks, which are not decoded.
 *
 * One term alone is a walk over its blocks.
 */
#include "postgres.h"

#include "vchord_bm25/search_internal.h"

#include "miscadmin.h"

/* Of one term: can the block still matter?  The threshold only rises. */
static bool
block_reaches(void *arg, const Bm25SummaryDisk *summary)
{
	const Bm25Search *search = arg;
	const Bm25SearchTerm *term = &search->terms[0];

	return bm25_impact_bound(term->model, term->weight, summary->impact, 2) >= search->reach;
}

/*
 * The pages of one list follow each other, and the operating system reads ahead by itself.  Asking for them one by one
 * gets in its way (5.8 ms against 3.8 ms for 85 pages of a local disk), a read stream does not: it asks for whole
 * stretches.
 */
static bool
list_alone_is_read_ahead(const Bm25Search *search)
{
#ifdef VC_HAVE_READ_STREAM
	(void) search;
	return true;
#else
	return search->view->io.mode != VC_STREAM_AUTO;
#endif
}

static void
search_one_term(Bm25Search *search, Bm25SearchTerm *term)
{
	Bm25Cursor *cursor = term->cursor;
	float parts[BM25_BLOCK_POSTINGS];

	if (!bm25_cursor_shallow(cursor, 0))
		return;
	if (list_alone_is_read_ahead(search))
		bm25_search_read_ahead(search, block_reaches, search);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (bm25_block_bound(term) >= search->reach)
		{
			bm25_cursor_decode(cursor);
			search->counters->blocks_decoded++;
			bm25_search_parts(search, term, 0, cursor->count, parts);
			for (uint32 i = 0; i < cursor->count; i++)
			{
				if (parts[i] >= search->reach)
					bm25_search_candidate(search, cursor->docs[i], -1);
			}
		}
		else
			search->counters->blocks_skipped++;
		if (cursor->block_last >= search->docs - 1 ||
			!bm25_cursor_shallow(cursor, cursor->block_last + 1))
			return;
	}
}

/* A term with the first document that it may still hold, and that is not behind where it stands. */
typedef struct Runner
{
	Bm25SearchTerm *term;
	uint32 doc;
} Runner;

/* sinks runner i to its place after its document grew */
static void
restore_order(Runner *runners, uint32 n, uint32 i)
{
	Runner moved = runners[i];

	while (i + 1 < n && runners[i + 1].doc < moved.doc)
	{
		runners[i] = runners[i + 1];
		i++;
	}
	runners[i] = moved;
}

static void
seek_runner(Bm25Search *search, Runner *runners, uint32 n, uint32 i, uint32 doc)
{
	Bm25Cursor *cursor = runners[i].term->cursor;
	uint32 block = cursor->block_no;

	runners[i].doc = bm25_cursor_seek(cursor, doc);
	search->counters->blocks_decoded += cursor->block_no != block;
	restore_order(runners, n, i);
}

/* The score of a document at which all cursors that have it stand. */
static double
score_here(const Bm25Search *search, uint32 doc)
{
	Bm25Sum sum = BM25_SUM_NONE;

	for (uint32 i = 0; i < search->nterms; i++)
	{
		const Bm25SearchTerm *term = &search->terms[i];
		const Bm25Cursor *cursor = term->cursor;

		if (cursor->block_no == cursor->nblocks || !cursor->decoded ||
			cursor->docs[cursor->at] != doc)
			continue;
		bm25_sum_add(
			&sum, term->field,
			bm25_search_posting(search, term, cursor->tfs[cursor->at], cursor->norms[cursor->at]));
	}
	return bm25_sum_total(&sum);
}

void
bm25_search_wand(Bm25Search *search)
{
	uint32 n = search->nterms;
	float up = 1 + search->slack;
	Runner *runners;

	if (n == 1)
	{
		search_one_term(search, &search->terms[0]);
		return;
	}

	bm25_search_read_ahead(search, NULL, NULL);
	runners = palloc(sizeof(Runner) * n);
	for (uint32 i = 0; i < n; i++)
		runners[i] = (Runner){&search->terms[i], 0};
	for (uint32 i = n; i-- > 0;)
		seek_runner(search, runners, n, i, 0);

	for (;;)
	{
		float sum = 0;
		uint32 pivot = 0;
		uint32 doc;
		uint32 next;
		uint32 best;

		CHECK_FOR_INTERRUPTS();
		while (pivot < n)
		{
			sum += runners[pivot].term->bound;
			if (sum * up >= search->reach)
				break;
			pivot++;
		}
		if (pivot == n || runners[pivot].doc == BM25_NO_DOC)
			return;
		doc = runners[pivot].doc;
		while (pivot + 1 < n && runners[pivot + 1].doc == doc)
			pivot++;

		/* bounds of the blocks that would hold the pivot */
		sum = 0;
		next = pivot + 1 < n ? runners[pivot + 1].doc : BM25_NO_DOC;
		for (uint32 i = 0; i <= pivot; i++)
		{
			Bm25Cursor *cursor = runners[i].term->cursor;

			if (!bm25_cursor_shallow(cursor, doc))
				continue;
			if (cursor->block_first <= doc)
			{
				sum += bm25_block_bound(runners[i].term);
				if (cursor->block_last < next)
					next = cursor->block_last + 1;
			}
			else if (cursor->block_first < next)
				next = cursor->block_first;
		}

		if (sum * up < search->reach)
		{
			/* nothing before `next`: move the term that gains most */
			search->counters->blocks_skipped++;
			if (next == BM25_NO_DOC)
				return;
			best = 0;
			for (uint32 i = 1; i <= pivot; i++)
			{
				if (runners[i].term->bound > runners[best].term->bound)
					best = i;
			}
			seek_runner(search, runners, n, best, Max(next, doc + 1));
		}
		else if (runners[0].doc == doc)
		{
			search->counters->candidates++;
			bm25_search_candidate(search, doc, score_here(search, doc));
			for (uint32 i = pivot + 1; i-- > 0;)
				seek_runner(search, runners, n, i, doc + 1);
		}
		else
		{
			/* the last of those that are before it: the rarest are there more often than not */
			best = pivot;
			while (runners[best].doc == doc)
				best--;
			seek_runner(search, runners, n, best, doc);
		}
	}
}
