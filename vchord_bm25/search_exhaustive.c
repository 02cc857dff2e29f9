/*
 * vchord_bm25/search_exhaustive.c
 *		Every posting of every term, merged by document with a loser tree.
 *
 * Terms are the sources of the tree in order of key, and equal documents come out in order of source, so
 * contributions are added in the prescribed order as they come.
 */
#include "postgres.h"

#include "vchord_bm25/search_internal.h"

#include "miscadmin.h"

#include "core/loser_tree.h"

/* postings between two looks at pending interrupts */
#define INTERRUPT_EVERY 4096

void
bm25_search_exhaustive(Bm25Search *search)
{
	VcLoserTree tree;
	uint32 doc = BM25_NO_DOC;
	Bm25Sum sum = BM25_SUM_NONE;
	uint32 countdown = INTERRUPT_EVERY;
	uint32 source;
	uint64 key;
	uint32 asked = 0;

	bm25_search_read_ahead(search, NULL, NULL);
	vc_loser_tree_init(&tree, palloc(vc_loser_tree_size(search->nterms)), search->nterms, NULL,
					   NULL);
	for (uint32 i = 0; i < search->nterms; i++)
	{
		uint32 first = bm25_cursor_seek(search->terms[i].cursor, 0);

		if (first != BM25_NO_DOC)
			vc_loser_tree_set(&tree, i, first);
	}
	vc_loser_tree_build(&tree);
	while (vc_loser_tree_top(&tree, &source, &key))
	{
		Bm25SearchTerm *term = &search->terms[source];
		Bm25Cursor *cursor = term->cursor;
		uint32 next;

		if (--countdown == 0)
		{
			CHECK_FOR_INTERRUPTS();
			countdown = INTERRUPT_EVERY;
		}
		if (key != doc)
		{
			if (doc != BM25_NO_DOC)
			{
				if (unlikely(bm25_segment_is_ahead(search->segment)) && doc < search->docs)
					bm25_segment_read_on(search->segment, BM25_SECTION_DOCUMENT,
										 bm25_segment_tid_page(search->segment, doc), &asked);
				bm25_search_candidate(search, doc, bm25_sum_total(&sum));
			}
			doc = (uint32) key;
			sum = BM25_SUM_NONE;
		}
		bm25_sum_add(
			&sum, term->field,
			bm25_search_posting(search, term, cursor->tfs[cursor->at], cursor->norms[cursor->at]));
		next = bm25_cursor_next(cursor);
		if (next == BM25_NO_DOC)
			vc_loser_tree_exhaust(&tree);
		else
			vc_loser_tree_advance(&tree, next);
	}
	if (doc != BM25_NO_DOC)
		bm25_search_candidate(search, doc, bm25_sum_total(&sum));
}
