/*
 * vchord_bm25/gate.c
 *		Boolean queries on the postings of an index.
 *
 * Two things are made of the tree of a query.  Its positive part finds candidates: AND and phrases leapfrog
 * over the cursors of their terms, OR takes the nearest; a NOT lets everything pass.  Then the whole tree is
 * evaluated on the candidate, with positions if the index has them (phrase.c); else a phrase is MAYBE and the
 * executor evaluates the operator on the row.
 *
 * Each TERM node has its own cursors, because finding candidates moves the cursors under an AND only as far as
 * this AND allows.  A prefix of many terms is a bitmap of the segment's documents.  With several fields a node has
 * the lists of all of them: the term may be in any.
 *
 * Locks: none across calls.
 */
#include "postgres.h"

#include "vchord_bm25/gate.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "vchord_bm25/cursor.h"
#include "vchord_bm25/score.h"

/* a leaf of more lists than this (a prefix, several fields) is made a bitmap */
#define CURSORS_MAX 8

/* One TERM node (or, in a query without a tree, all terms together). */
typedef struct Leaf
{
	uint32 nkeys;
	Bm25Key *keys;
	/* in the segment */
	uint32 ncursors;
	Bm25Cursor *cursors;
	uint8 *fields; /* of the cursors */
	uint8 *bitmap; /* NULL: cursors; else a bit a document */
	uint32 at;     /* the first document >= what was sought last */
	double df;
} Leaf;

struct Bm25Gate
{
	Bm25View *view;
	const Bm25Query *query;
	Bm25FieldSpan span;
	bool
		matches_nothing; /* a document with none of the terms matches: it may have no value at all */
	bool whole_lists;    /* candidates are all that is in the lists: no AND picks some */
	Leaf *leaves;        /* by node; one if there is no tree */
	const Bm25Segment *segment;
	MemoryContext segment_context;
	MemoryContext scratch;
	Bm25GrowthPart part; /* for bm25_gate_match_growth */
	uint32 doc;
};

static bool
never(void *arg, int node, Bm25FieldSpan span)
{
	(void) arg;
	(void) node;
	(void) span;
	return false;
}

static bool
unknown(void *arg, int node, int field, const uint32 **ret_positions, uint32 *ret_n)
{
	(void) arg;
	(void) node;
	(void) field;
	(void) ret_positions;
	(void) ret_n;
	return false;
}

static Bm25Key
field_key(int field, Bm25Key lexeme)
{
	char *data = palloc(lexeme.len + 1);

	data[0] = (char) field;
	memcpy(data + 1, lexeme.data, lexeme.len);
	return (Bm25Key){data, lexeme.len + 1};
}

static void
fill_leaf(Bm25Gate *gate, Leaf *leaf, const Bm25QueryTerm *lexeme)
{
	for (int field = gate->span.first; field < gate->span.end; field++)
	{
		Bm25Key key = field_key(field, lexeme->key);
		Bm25Key *keys = &key;
		uint32 n = lexeme->prefix ? bm25_view_prefix(gate->view, key, &keys) : 1;

		if (n == 0)
			continue;
		leaf->keys = leaf->keys == NULL ? palloc_array(Bm25Key, n)
										: repalloc(leaf->keys, (leaf->nkeys + n) * sizeof(Bm25Key));
		memcpy(leaf->keys + leaf->nkeys, keys, n * sizeof(Bm25Key));
		leaf->nkeys += n;
	}
}

Bm25Gate *
bm25_gate_create(Bm25View *view, const Bm25Query *query, Bm25FieldSpan span)
{
	Bm25Gate *gate = palloc0(sizeof(Bm25Gate));
	Bm25MatchSource nothing = {never, unknown, NULL, span};

	gate->view = view;
	gate->query = query;
	gate->span = span;
	gate->segment_context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 gate", ALLOCSET_DEFAULT_SIZES);
	gate->scratch =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 match", ALLOCSET_SMALL_SIZES);
	gate->whole_lists = true;
	gate->leaves = palloc0(sizeof(Leaf) * Max(query->nnodes, 1));
	if (query->nnodes > 0)
	{
		for (int i = 0; i < query->nnodes; i++)
		{
			if (query->nodes[i].kind != BM25_NODE_TERM && query->nodes[i].kind != BM25_NODE_OR)
				gate->whole_lists = false;
			if (query->nodes[i].kind == BM25_NODE_TERM)
				fill_leaf(gate, &gate->leaves[i], &query->lexemes[query->nodes[i].term]);
		}
		gate->matches_nothing = bm25_match_tree(query->nodes, 0, &nothing) != BM25_MATCH_NO;
	}
	else
	{
		Leaf *leaf = &gate->leaves[0];

		leaf->keys = palloc(sizeof(Bm25Key) * Max(query->nterms, 1));
		for (uint32 i = 0; i < query->nterms; i++)
		{
			if (bm25_span_has(span, query->terms[i].key))
				leaf->keys[leaf->nkeys++] = query->terms[i].key;
		}
	}
	return gate;
}

/*----- leaves in a segment -----*/

static void
fill_bitmap(Bm25Gate *gate, Leaf *leaf, Bm25SegmentTerm *terms, uint32 n)
{
	uint32 docs = gate->segment->header->docs;
	Bm25Cursor *cursor = palloc(sizeof(Bm25Cursor));

	leaf->bitmap = palloc_extended((Size) docs / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		bm25_cursor_open(cursor, gate->segment, &terms[i]);
		bm25_cursor_read_ahead(cursor, false, NULL, NULL);
		for (uint32 doc = bm25_cursor_seek(cursor, 0); doc != BM25_NO_DOC;
			 doc = bm25_cursor_next(cursor))
		{
			if (doc < docs)
				leaf->bitmap[doc / 8] |= (uint8) (1 << doc % 8);
		}
		bm25_cursor_close(cursor);
	}
}

static void
open_leaf(Bm25Gate *gate, Leaf *leaf)
{
	Bm25SegmentTerm *terms = palloc(sizeof(Bm25SegmentTerm) * Max(leaf->nkeys, 1));
	uint32 n = 0;

	leaf->fields = palloc(Max(leaf->nkeys, 1));
	leaf->bitmap = NULL;
	leaf->cursors = NULL;
	leaf->ncursors = 0;
	leaf->df = 0;
	for (uint32 i = 0; i < leaf->nkeys; i++)
	{
		if (bm25_segment_lookup(gate->segment, leaf->keys[i], &terms[n]))
		{
			leaf->fields[n] = (uint8) leaf->keys[i].data[0];
			leaf->df += terms[n++].df;
		}
	}
	if (n > CURSORS_MAX)
		fill_bitmap(gate, leaf, terms, n);
	else
	{
		leaf->cursors = palloc_extended(sizeof(Bm25Cursor) * Max(n, 1), MCXT_ALLOC_HUGE);
		for (uint32 i = 0; i < n; i++)
		{
			bm25_cursor_open(&leaf->cursors[i], gate->segment, &terms[i]);
			if (gate->whole_lists)
				bm25_cursor_read_ahead(&leaf->cursors[i], false, NULL, NULL);
		}
		leaf->ncursors = n;
	}
	leaf->at = n > 0 ? 0 : BM25_NO_DOC;
}

/* Of the segment before: their streams hold no pins, but count. */
static void
close_leaves(Bm25Gate *gate)
{
	for (int i = 0; i < Max(gate->query->nnodes, 1); i++)
	{
		Leaf *leaf = &gate->leaves[i];

		for (uint32 c = 0; c < leaf->ncursors; c++)
			bm25_cursor_close(&leaf->cursors[c]);
		leaf->ncursors = 0;
	}
}

void
bm25_gate_segment(Bm25Gate *gate, uint32 segment)
{
	MemoryContext caller;

	close_leaves(gate);
	MemoryContextReset(gate->segment_context);
	caller = MemoryContextSwitchTo(gate->segment_context);
	gate->segment = &gate->view->segments[segment];
	for (int i = 0; i < Max(gate->query->nnodes, 1); i++)
	{
		if (gate->query->nnodes == 0 || gate->query->nodes[i].kind == BM25_NODE_TERM)
			open_leaf(gate, &gate->leaves[i]);
	}
	MemoryContextSwitchTo(caller);
}

/* the first document >= doc of a leaf; doc does not descend */
static uint32
seek_leaf(Bm25Gate *gate, Leaf *leaf, uint32 doc)
{
	uint32 at = BM25_NO_DOC;

	if (leaf->at == BM25_NO_DOC)
		return leaf->at;
	if (leaf->bitmap != NULL)
	{
		uint32 docs = gate->segment->header->docs;

		for (at = doc; at < docs && (leaf->bitmap[at / 8] >> at % 8 & 1) == 0; at++)
		{
			if (at % 8 == 0)
			{
				while (at + 8 < docs && leaf->bitmap[at / 8] == 0)
					at += 8;
				if ((leaf->bitmap[at / 8] & 1) != 0)
					break;
			}
		}
		if (at >= docs)
			at = BM25_NO_DOC;
		return at;
	}
	for (uint32 i = 0; i < leaf->ncursors; i++)
		at = Min(at, bm25_cursor_seek(&leaf->cursors[i], doc));
	leaf->at = at;
	return at;
}

/*----- candidates -----*/

static uint32
next_candidate(Bm25Gate *gate, int which, uint32 doc)
{
	const Bm25QueryNode *node = &gate->query->nodes[which];

	check_stack_depth();
	if (doc >= gate->segment->header->docs)
		return BM25_NO_DOC;
	switch (node->kind)
	{
		case BM25_NODE_TERM:
			return seek_leaf(gate, &gate->leaves[which], doc);
		case BM25_NODE_NOT:
			return doc;
		case BM25_NODE_OR:
		{
			uint32 left = next_candidate(gate, node->left, doc);
			uint32 right = next_candidate(gate, node->right, doc);

			return Min(left, right);
		}
		default:
			for (;;)
			{
				uint32 left = next_candidate(gate, node->left, doc);
				uint32 right;

				if (left == BM25_NO_DOC)
					return left;
				right = next_candidate(gate, node->right, left);
				if (right == left || right == BM25_NO_DOC)
					return right;
				doc = right;
			}
	}
}

uint32
bm25_gate_next(Bm25Gate *gate, uint32 doc)
{
	uint32 docs = gate->segment->header->docs;
	uint32 found;

	if (doc >= docs)
		return BM25_NO_DOC;
	if (gate->query->nnodes == 0)
		found = seek_leaf(gate, &gate->leaves[0], doc);
	else
		found = next_candidate(gate, 0, doc);
	return found < docs ? found : BM25_NO_DOC;
}

/*----- the whole tree -----*/

/* how many cursors of a leaf that belong to the fields stand on the document; *ret_last is one of them */
static uint32
count_cursors(Bm25Gate *gate, Leaf *leaf, Bm25FieldSpan span, Bm25Cursor **ret_last)
{
	uint32 n = 0;

	for (uint32 i = 0; i < leaf->ncursors; i++)
	{
		if (leaf->fields[i] >= span.first && leaf->fields[i] < span.end &&
			bm25_cursor_seek(&leaf->cursors[i], gate->doc) == gate->doc)
		{
			*ret_last = &leaf->cursors[i];
			n++;
		}
	}
	return n;
}

static bool
segment_present(void *arg, int node, Bm25FieldSpan span)
{
	Bm25Gate *gate = arg;
	Leaf *leaf = &gate->leaves[node];
	Bm25Cursor *cursor;

	/* a bitmap does not tell fields apart */
	if (leaf->bitmap != NULL)
		return seek_leaf(gate, leaf, gate->doc) == gate->doc;
	return count_cursors(gate, leaf, span, &cursor) > 0;
}

static bool
segment_positions(void *arg, int node, int field, const uint32 **ret_positions, uint32 *ret_n)
{
	Bm25Gate *gate = arg;
	Leaf *leaf = &gate->leaves[node];
	Bm25Cursor *cursor = NULL;

	if ((gate->view->meta.flags & BM25_META_POSITIONS) == 0 || leaf->bitmap != NULL ||
		count_cursors(gate, leaf, (Bm25FieldSpan){field, field + 1}, &cursor) != 1)
		return false;
	*ret_positions = bm25_cursor_positions(cursor);
	*ret_n = cursor->tfs[cursor->at];
	return true;
}

/* lengths by field */
static bool
has_value(const Bm25Gate *gate, const uint32 *length)
{
	for (int field = gate->span.first; field < gate->span.end; field++)
	{
		if (length[field] != BM25_LENGTH_NULL)
			return true;
	}
	return false;
}

Bm25Match
bm25_gate_match(Bm25Gate *gate, uint32 doc)
{
	Bm25MatchSource source = {segment_present, segment_positions, gate, gate->span};
	MemoryContext caller;
	Bm25Match match;

	if (gate->query->nnodes == 0)
		return seek_leaf(gate, &gate->leaves[0], doc) == doc ? BM25_MATCH_YES : BM25_MATCH_NO;
	if (gate->matches_nothing)
	{
		uint32 length[BM25_MAX_FIELDS];

		bm25_segment_lengths(gate->segment, doc, length);
		if (!has_value(gate, length))
			return BM25_MATCH_NO;
	}
	gate->doc = doc;
	MemoryContextReset(gate->scratch);
	caller = MemoryContextSwitchTo(gate->scratch);
	match = bm25_match_tree(gate->query->nodes, 0, &source);
	MemoryContextSwitchTo(caller);
	return match;
}

double
bm25_gate_estimate(const Bm25Gate *gate)
{
	double docs = gate->segment->header->docs;
	double *estimate;
	double result;

	if (gate->query->nnodes == 0)
		return Min(gate->leaves[0].df, docs);

	/* children come behind their parents in the array, or not: a pass a level of the tree is enough */
	estimate = palloc(sizeof(double) * gate->query->nnodes);
	for (int i = 0; i < gate->query->nnodes; i++)
		estimate[i] = docs;
	for (bool changed = true; changed;)
	{
		changed = false;
		for (int i = gate->query->nnodes - 1; i >= 0; i--)
		{
			const Bm25QueryNode *node = &gate->query->nodes[i];
			double e = docs;

			if (node->kind == BM25_NODE_TERM)
				e = Min(gate->leaves[i].df, docs);
			else if (node->kind == BM25_NODE_OR)
				e = Min(estimate[node->left] + estimate[node->right], docs);
			else if (node->kind != BM25_NODE_NOT)
				e = Min(estimate[node->left], estimate[node->right]);
			if (e < estimate[i])
			{
				estimate[i] = e;
				changed = true;
			}
		}
	}
	result = estimate[0];
	pfree(estimate);
	return result;
}

/*----- growing documents -----*/

static bool
in_growth(Bm25GrowthPart part, Bm25Key key, uint32 doc)
{
	uint32 n;
	const Bm25GrowthList *list = bm25_growth_list(part, key, &n);
	uint32 lo = 0;
	uint32 hi = n;

	while (lo < hi)
	{
		uint32 mid = lo + (hi - lo) / 2;

		if (list->docs[mid] < doc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && list->docs[lo] == doc;
}

static bool
growth_present(void *arg, int node, Bm25FieldSpan span)
{
	Bm25Gate *gate = arg;
	const Leaf *leaf = &gate->leaves[node];

	for (uint32 i = 0; i < leaf->nkeys; i++)
	{
		if (bm25_span_has(span, leaf->keys[i]) && in_growth(gate->part, leaf->keys[i], gate->doc))
			return true;
	}
	return false;
}

Bm25Match
bm25_gate_match_growth(Bm25Gate *gate, Bm25GrowthPart part, uint32 doc)
{
	Bm25MatchSource source = {growth_present, unknown, gate, gate->span};

	gate->part = part;
	gate->doc = doc;
	if (gate->query->nnodes == 0)
		return growth_present(gate, 0, gate->span) ? BM25_MATCH_YES : BM25_MATCH_NO;
	if (gate->matches_nothing && !has_value(gate, bm25_growth_lengths(part, doc)))
		return BM25_MATCH_NO;
	return bm25_match_tree(gate->query->nodes, 0, &source);
}

/*----- all that match -----*/

static void
visit_growth(Bm25GrowthPart part, Bm25Gate **gates, int ngates, Bm25GateVisitor visit, void *arg)
{
	for (uint32 doc = 0; doc < part.ndocs; doc++)
	{
		Bm25Match match = BM25_MATCH_YES;

		CHECK_FOR_INTERRUPTS();
		for (int g = 0; g < ngates && match != BM25_MATCH_NO; g++)
			match = Min(match, bm25_gate_match_growth(gates[g], part, doc));
		if (match != BM25_MATCH_NO)
		{
			ItemPointerData tid = part.growth->tids[doc];

			visit(arg, &tid, match == BM25_MATCH_MAYBE);
		}
	}
}

void
bm25_gate_visit(Bm25View *view, uint32 part, Bm25Gate **gates, int ngates, Bm25GateVisitor visit,
				void *arg)
{
	const Bm25Segment *segment;
	double fewest = 0;
	int driver = 0;
	uint32 asked = 0;
	uint32 doc = 0;

	Assert(ngates > 0);
	if (part == 0)
	{
		visit_growth(view->growing, gates, ngates, visit, arg);
		visit_growth(view->sealing, gates, ngates, visit, arg);
		return;
	}

	segment = &view->segments[part - 1];
	for (int g = 0; g < ngates; g++)
	{
		double estimate;

		bm25_gate_segment(gates[g], part - 1);
		estimate = bm25_gate_estimate(gates[g]);
		if (g == 0 || estimate < fewest)
		{
			driver = g;
			fewest = estimate;
		}
	}
	while ((doc = bm25_gate_next(gates[driver], doc)) != BM25_NO_DOC)
	{
		Bm25Match match = BM25_MATCH_YES;

		CHECK_FOR_INTERRUPTS();
		if (bm25_segment_is_dead(segment, doc))
			match = BM25_MATCH_NO;
		for (int g = 0; g < ngates && match != BM25_MATCH_NO; g++)
			match = Min(match, bm25_gate_match(gates[g], doc));
		if (match != BM25_MATCH_NO)
		{
			ItemPointerData tid;

			bm25_segment_read_on(segment, BM25_SECTION_DOCUMENT,
								 bm25_segment_tid_page(segment, doc), &asked);
			tid = bm25_segment_tid(segment, doc);
			visit(arg, &tid, match == BM25_MATCH_MAYBE);
		}
		doc++;
	}
}
