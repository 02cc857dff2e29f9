/*
 * vchord_bm25/phrase.c
 *		Trees of Boolean queries on one document.
 *
 * Outside of phrases a tree is three-valued logic over "the term is there".  Inside, each node yields places: the
 * position of the last term of each match, all matches of a node being `width` longer than one term;
 * `negated` says that the places are those where it does not match, so that a NOT needs no list of all
 * places.  A phrase, AND and OR join two lists of places, shifted so that the same place means the same
 * position:
 *
 *		a <N> b		a's last term is N before b's first: a shifted by N + width of b
 *		a & b		both begin at the same position
 *		a | b		likewise, either
 *
 * A phrase is found in one field: with several fields it is looked for in each.
 *
 * Where positions are not known, everything that positions decide is MAYBE.
 */
#include "postgres.h"

#include "vchord_bm25/phrase.h"

#include "miscadmin.h"

#include "core/compare.h"

typedef struct Places
{
	uint32 n;
	const uint32 *at;
	bool negated;
	uint32 width;
} Places;

typedef struct Eval
{
	const Bm25QueryNode *nodes;
	const Bm25MatchSource *source;
	int field; /* inside a phrase */
} Eval;

/* which places of a join are kept: those in the left list only, in both, in the right list only */
#define KEEP_LEFT  1
#define KEEP_BOTH  2
#define KEEP_RIGHT 4

static Places
join_places(const Places *left, uint32 left_shift, const Places *right, uint32 right_shift,
			int keep)
{
	uint32 *at = palloc(sizeof(uint32) * ((Size) left->n + right->n + 1));
	Places out = {0, at, false, 0};
	uint32 l = 0;
	uint32 r = 0;

	while (l < left->n || r < right->n)
	{
		uint64 a = l < left->n ? (uint64) left->at[l] + left_shift : PG_UINT64_MAX;
		uint64 b = r < right->n ? (uint64) right->at[r] + right_shift : PG_UINT64_MAX;
		int which = a < b ? KEEP_LEFT : (a > b ? KEEP_RIGHT : KEEP_BOTH);

		l += a <= b;
		r += b <= a;
		/* positions end at 2^30 or so: a text has at most 1 GB */
		if ((keep & which) != 0)
			at[out.n++] = (uint32) Min(a, b);
	}
	return out;
}

static Bm25Match match_places(const Eval *eval, int node, Places *ret_places);

/* a place list that says "nowhere" is NO; "nowhere not" is everywhere */
static Bm25Match
verdict(const Places *places)
{
	return places->n > 0 || places->negated ? BM25_MATCH_YES : BM25_MATCH_NO;
}

static Bm25Match
match_pair(const Eval *eval, const Bm25QueryNode *node, Places *ret_places)
{
	Places left = {0, NULL, false, 0};
	Places right = {0, NULL, false, 0};
	Bm25Match l = match_places(eval, node->left, &left);
	Bm25Match r;
	uint32 left_shift;
	uint32 right_shift;
	uint32 width;
	int keep;
	bool negated;

	if (l == BM25_MATCH_NO && node->kind != BM25_NODE_OR)
		return BM25_MATCH_NO;
	r = match_places(eval, node->right, &right);
	if (r == BM25_MATCH_NO && (l == BM25_MATCH_NO || node->kind != BM25_NODE_OR))
		return BM25_MATCH_NO;
	if (l == BM25_MATCH_MAYBE || r == BM25_MATCH_MAYBE)
		return BM25_MATCH_MAYBE;

	if (node->kind == BM25_NODE_PHRASE)
	{
		left_shift = (uint32) node->distance + right.width;
		right_shift = 0;
		width = left_shift + left.width;
	}
	else
	{
		width = Max(left.width, right.width);
		left_shift = width - left.width;
		right_shift = width - right.width;
	}

	if (node->kind == BM25_NODE_OR)
	{
		negated = left.negated || right.negated;
		keep = left.negated && right.negated ? KEEP_BOTH
			   : left.negated                ? KEEP_LEFT
			   : right.negated               ? KEEP_RIGHT
											 : KEEP_LEFT | KEEP_BOTH | KEEP_RIGHT;
	}
	else
	{
		negated = left.negated && right.negated;
		keep = negated         ? KEEP_LEFT | KEEP_BOTH | KEEP_RIGHT
			   : left.negated  ? KEEP_RIGHT
			   : right.negated ? KEEP_LEFT
							   : KEEP_BOTH;
	}
	*ret_places = join_places(&left, left_shift, &right, right_shift, keep);
	ret_places->negated = negated;
	ret_places->width = width;
	return verdict(ret_places);
}

/* inside a phrase; *ret_places is set if the answer is YES */
static Bm25Match
match_places(const Eval *eval, int which, Places *ret_places)
{
	const Bm25QueryNode *node = &eval->nodes[which];

	check_stack_depth();
	switch (node->kind)
	{
		case BM25_NODE_TERM:
			if (!eval->source->present(eval->source->arg, which,
									   (Bm25FieldSpan){eval->field, eval->field + 1}))
				return BM25_MATCH_NO;
			if (!eval->source->positions(eval->source->arg, which, eval->field, &ret_places->at,
										 &ret_places->n))
				return BM25_MATCH_MAYBE;
			return verdict(ret_places);
		case BM25_NODE_NOT:
		{
			Places inner = {0, NULL, false, 0};
			Bm25Match match = match_places(eval, node->left, &inner);

			if (match == BM25_MATCH_MAYBE)
				return match;
			if (match == BM25_MATCH_NO)
				inner = (Places){0, NULL, false, 0};
			*ret_places = inner;
			ret_places->negated = !inner.negated;
			return verdict(ret_places);
		}
		default:
			return match_pair(eval, node, ret_places);
	}
}

static Bm25Match
match_phrase(const Eval *eval, const Bm25QueryNode *node)
{
	Bm25FieldSpan span = eval->source->span;
	Bm25Match match = BM25_MATCH_NO;

	for (int field = span.first; field < span.end && match != BM25_MATCH_YES; field++)
	{
		Eval inside = {eval->nodes, eval->source, field};
		Places places = {0, NULL, false, 0};
		Bm25Match found = match_pair(&inside, node, &places);

		match = Max(match, found);
	}
	return match;
}

static Bm25Match
match_node(const Eval *eval, int which)
{
	const Bm25QueryNode *node = &eval->nodes[which];
	Bm25Match left;
	Bm25Match right;

	check_stack_depth();
	switch (node->kind)
	{
		case BM25_NODE_TERM:
			return eval->source->present(eval->source->arg, which, eval->source->span)
					   ? BM25_MATCH_YES
					   : BM25_MATCH_NO;
		case BM25_NODE_NOT:
			left = match_node(eval, node->left);
			return left == BM25_MATCH_NO    ? BM25_MATCH_YES
				   : left == BM25_MATCH_YES ? BM25_MATCH_NO
											: BM25_MATCH_MAYBE;
		case BM25_NODE_AND:
			left = match_node(eval, node->left);
			if (left == BM25_MATCH_NO)
				return left;
			right = match_node(eval, node->right);
			return Min(left, right);
		case BM25_NODE_OR:
			left = match_node(eval, node->left);
			if (left == BM25_MATCH_YES)
				return left;
			right = match_node(eval, node->right);
			return Max(left, right);
		case BM25_NODE_PHRASE:
			return match_phrase(eval, node);
	}
	return BM25_MATCH_NO;
}

Bm25Match
bm25_match_tree(const Bm25QueryNode *nodes, int root, const Bm25MatchSource *source)
{
	Eval eval = {nodes, source, source->span.first};

	return match_node(&eval, root);
}

/*----- a document in memory -----*/

typedef struct DocumentSource
{
	const Bm25Query *query;
	const Bm25Document *document;
} DocumentSource;

/* compares the term of a key with a lexeme, in a field; a prefix compares equal with what it begins */
static int
compare_term(int field, Bm25Key key, Bm25Key lexeme, bool prefix)
{
	Bm25Key term = {key.data + 1, key.len - 1};

	if ((uint8) key.data[0] != field)
		return (uint8) key.data[0] < field ? -1 : 1;
	if (prefix && term.len > lexeme.len)
		term.len = lexeme.len;
	return bm25_key_cmp(term, lexeme);
}

/* the terms of the document that a TERM node stands for in a field: *ret_first and how many */
static uint32
find_terms(const DocumentSource *source, int node, int field, uint32 *ret_first)
{
	const Bm25QueryTerm *lexeme = &source->query->lexemes[source->query->nodes[node].term];
	const Bm25Document *document = source->document;
	uint32 lo = 0;
	uint32 hi = document->nterms;
	uint32 n = 0;

	while (lo < hi)
	{
		uint32 mid = lo + (hi - lo) / 2;

		if (compare_term(field, document->terms[mid].key, lexeme->key, lexeme->prefix) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_first = lo;
	while (lo + n < document->nterms &&
		   compare_term(field, document->terms[lo + n].key, lexeme->key, lexeme->prefix) == 0)
		n++;
	return n;
}

static bool
document_present(void *arg, int node, Bm25FieldSpan span)
{
	bool found = false;

	for (int field = span.first; field < span.end && !found; field++)
	{
		uint32 first;

		found = find_terms(arg, node, field, &first) > 0;
	}
	return found;
}

static bool
document_positions(void *arg, int node, int field, const uint32 **ret_positions, uint32 *ret_n)
{
	const DocumentSource *source = arg;
	uint32 first;
	uint32 n = find_terms(source, node, field, &first);
	const Bm25DocumentTerm *terms = source->document->terms + first;
	Size total = 0;
	uint32 *all;
	uint32 used = 0;

	for (uint32 i = 0; i < n; i++)
	{
		if (terms[i].positions == NULL)
			return false;
		total += terms[i].tf;
	}
	all = palloc_extended(sizeof(uint32) * Max(total, 1), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < n; i++)
	{
		memcpy(all + used, terms[i].positions, sizeof(uint32) * terms[i].tf);
		used += terms[i].tf;
	}
	if (n > 1)
		qsort(all, used, sizeof(uint32), vc_compare_u32);

	/* a position can hold several terms of a prefix, or a term twice */
	*ret_n = used > 0 ? 1 : 0;
	for (uint32 i = 1; i < used; i++)
	{
		if (all[i] != all[*ret_n - 1])
			all[(*ret_n)++] = all[i];
	}
	*ret_positions = all;
	return true;
}

bool
bm25_match_document(const Bm25Query *query, Bm25FieldSpan span, const Bm25Document *document)
{
	DocumentSource arg = {query, document};
	Bm25MatchSource source = {document_present, document_positions, &arg, span};

	if (query->nnodes > 0)
		return bm25_match_tree(query->nodes, 0, &source) == BM25_MATCH_YES;
	for (uint32 i = 0, d = 0; i < query->nterms && d < document->nterms;)
	{
		int cmp = bm25_key_cmp(query->terms[i].key, document->terms[d].key);

		if (cmp == 0 && bm25_span_has(span, query->terms[i].key))
			return true;
		i += cmp <= 0;
		d += cmp >= 0;
	}
	return false;
}
