/*
 * vchord_bm25/score.c
 *		Queries with weights, and the score of a document; see score.h.
 */
#include "postgres.h"

#include "vchord_bm25/score.h"

#include "miscadmin.h"

/*
 * A prefix stands for each of its terms, and each has a cursor of a few kilobytes in a search; this
 * many of them are 64 MB.
 */
#define PREFIX_TERMS_MAX 16384

/*----- prefixes -----*/

typedef struct KeyList
{
	uint32 n;
	uint32 room;
	Bm25Key *keys;
} KeyList;

static int
compare_keys(const void *a, const void *b)
{
	return bm25_key_cmp(*(const Bm25Key *) a, *(const Bm25Key *) b);
}

static void
add_key(KeyList *list, Bm25Key key)
{
	char *copy = palloc(key.len);

	if (list->n == list->room)
	{
		list->room = Max(16, 2 * list->room);
		list->keys = list->keys == NULL ? palloc(sizeof(Bm25Key) * list->room)
										: repalloc(list->keys, sizeof(Bm25Key) * list->room);
	}
	memcpy(copy, key.data, key.len);
	list->keys[list->n++] = (Bm25Key){copy, key.len};
}

static void
make_distinct(KeyList *list)
{
	uint32 n = 0;

	if (list->n == 0)
		return;
	qsort(list->keys, list->n, sizeof(Bm25Key), compare_keys);
	for (uint32 i = 1; i < list->n; i++)
	{
		if (bm25_key_cmp(list->keys[n], list->keys[i]) != 0)
			list->keys[++n] = list->keys[i];
	}
	list->n = n + 1;
}

static void
collect_prefix(Bm25View *view, Bm25Key prefix, KeyList *list)
{
	Bm25GrowthPart growths[2] = {view->growing, view->sealing};

	for (uint32 i = 0; i < view->nparts; i++)
	{
		collect_prefix(view->parts[i], prefix, list);
		make_distinct(list);
	}
	for (uint32 i = 0; i < view->nsegments; i++)
	{
		Bm25TermIterator *iterator = bm25_term_iterate(&view->segments[i], prefix);
		Bm25SegmentTerm term;
		Bm25Key key;

		while (bm25_term_next(iterator, &key, &term))
		{
			CHECK_FOR_INTERRUPTS();
			if (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0)
				break;
			add_key(list, key);
		}
		bm25_term_iterate_end(iterator);
	}
	for (int g = 0; g < 2; g++)
	{
		Bm25Key *keys;
		uint32 n = bm25_growth_prefix(growths[g], prefix, &keys);

		for (uint32 i = 0; i < n; i++)
			add_key(list, keys[i]);
	}
}

uint32
bm25_view_prefix(Bm25View *view, Bm25Key prefix, Bm25Key **ret_keys)
{
	KeyList list = {0, 0, NULL};

	collect_prefix(view, prefix, &list);
	make_distinct(&list);
	*ret_keys = list.keys;
	return list.n;
}

/*----- terms -----*/

static int
compare_terms(const void *a, const void *b)
{
	return bm25_key_cmp(((const Bm25ScoreTerm *) a)->key, ((const Bm25ScoreTerm *) b)->key);
}

/* query terms of the fields, prefixes expanded, distinct, ascending; weight is the query's as yet */
static void
collect_terms(Bm25Scorer *scorer, Bm25View *stats, const Bm25Query *query, Bm25FieldSpan span)
{
	uint32 room = Max(query->nterms, 1);
	Bm25ScoreTerm *terms = palloc(sizeof(Bm25ScoreTerm) * room);
	uint32 n = 0;
	bool prefixes = false;

	for (uint32 i = 0; i < query->nterms; i++)
	{
		const Bm25QueryTerm *term = &query->terms[i];
		Bm25Key *keys;
		uint32 count;

		if (!bm25_span_has(span, term->key))
			continue;
		if (!term->prefix)
		{
			keys = unconstify(Bm25Key *, &term->key);
			count = 1;
		}
		else
		{
			count = bm25_view_prefix(stats, term->key, &keys);
			prefixes = true;
			if (count > PREFIX_TERMS_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("prefix \"%.*s\" stands for more than %d terms",
								(int) (term->key.len - 1), term->key.data + 1, PREFIX_TERMS_MAX),
						 errhint("Rank by a longer prefix, or use it as a condition only.")));
		}
		if (n + count + query->nterms > room)
		{
			room = 2 * (n + count + query->nterms);
			terms = repalloc(terms, sizeof(Bm25ScoreTerm) * room);
		}
		for (uint32 k = 0; k < count; k++)
			terms[n++] = (Bm25ScoreTerm){keys[k], term->weight};
	}

	if (prefixes && n > 0)
	{
		uint32 last = 0;

		qsort(terms, n, sizeof(Bm25ScoreTerm), compare_terms);
		for (uint32 i = 1; i < n; i++)
		{
			if (compare_terms(&terms[last], &terms[i]) == 0)
				terms[last].weight += terms[i].weight;
			else
				terms[++last] = terms[i];
		}
		n = last + 1;
	}
	scorer->terms = terms;
	scorer->nterms = n;
}

/* Asks for the pages of the terms from `from` on, if pages are not in memory; true if it did. */
static bool
prefetch_terms(const Bm25Scorer *scorer, const Bm25View *view, uint32 from)
{
	Bm25Key *keys;

	if (!bm25_view_is_ahead(view))
		return false;
	keys = palloc(sizeof(Bm25Key) * (scorer->nterms - from));
	for (uint32 i = from; i < scorer->nterms; i++)
		keys[i - from] = scorer->terms[i].key;
	bm25_view_prefetch(view, keys, scorer->nterms - from);
	pfree(keys);
	return true;
}

void
bm25_scorer_init(Bm25Scorer *scorer, Bm25View *stats, const Bm25Query *query, Bm25FieldSpan span)
{
	bool asked = false;

	memset(scorer, 0, sizeof(*scorer));
	scorer->models = stats->models;
	scorer->exact_norms = (stats->meta.flags & BM25_META_EXACT_NORMS) != 0;
	scorer->min_score = query->min_score;
	collect_terms(scorer, stats, query, span);
	if (stats->nparts == 0)
	{
		Size count = (Size) Max(stats->nsegments, 1) * Max(scorer->nterms, 1);

		scorer->view = stats;
		scorer->found = palloc_extended(sizeof(Bm25SegmentTerm) * count, MCXT_ALLOC_HUGE);
	}
	for (uint32 i = 0; i < scorer->nterms; i++)
	{
		Bm25ScoreTerm *term = &scorer->terms[i];
		double df;

		if (!asked)
			asked = prefetch_terms(scorer, stats, i);
		df = scorer->found != NULL
				 ? bm25_view_find(stats, term->key, &scorer->found[i], scorer->nterms)
				 : bm25_view_df(stats, term->key);

		term->weight =
			bm25_term_weight(&stats->models[(uint8) term->key.data[0]], term->weight, df);
	}
}

/*----- a document -----*/

double
bm25_scorer_document(const Bm25Scorer *scorer, const Bm25Document *document)
{
	Bm25Sum sum = BM25_SUM_NONE;
	uint32 d = 0;

	for (uint32 i = 0; i < scorer->nterms; i++)
	{
		const Bm25ScoreTerm *term = &scorer->terms[i];
		int field = (uint8) term->key.data[0];
		int cmp = -1;

		while (d < document->nterms && (cmp = bm25_key_cmp(document->terms[d].key, term->key)) < 0)
			d++;
		if (d == document->nterms)
			break;
		if (cmp != 0)
			continue;
		bm25_sum_add(&sum, field,
					 bm25_contribution(term->weight, document->terms[d].tf,
									   bm25_k_of(&scorer->models[field], scorer->exact_norms,
												 document->length[field])));
	}
	return bm25_sum_total(&sum);
}
