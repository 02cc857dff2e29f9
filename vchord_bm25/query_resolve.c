/*
 * vchord_bm25/query_resolve.c
 *		From the query that a user wrote to keys of terms with weights, for one index.
 *
 * First the distinct terms of the query are collected without a field, with their weights; then each is made a
 * key in every field that it fits.  A term of a bm25vector counts as often as its frequency, a word of a text as
 * often as it occurs, a lexeme of a tsvector or tsquery once.
 *
 * The nodes of a tsquery keep their places in its array, so a node's number is its item's.
 */
#include "postgres.h"

#include "vchord_bm25/query.h"

#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_utils.h"
#include "utils/memutils.h"

#include "vchord_bm25/analyze.h"
#include "vchord_bm25/lexicon.h"

/* terms without a field */
typedef struct TermList
{
	uint32 n;
	uint32 room;
	Bm25QueryTerm *terms;
} TermList;

/* id or lexeme? */
static bool
is_lexical(Bm25QueryKind kind)
{
	return kind != BM25_QUERY_VECTOR;
}

static bool
fits(Bm25QueryKind kind, Bm25KeyType type)
{
	return is_lexical(kind) == (type != BM25_TYPE_VECTOR);
}

static void
check_fields(Bm25QueryKind kind, const Bm25Fields *fields)
{
	for (int i = 0; i < fields->n; i++)
	{
		if (fits(kind, fields->type[i]))
			return;
	}
	if (!is_lexical(kind))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("a bm25vector is no query for an index over words"),
						errhint("Give a text, a tsvector or a tsquery.")));
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("words are no query for an index over bm25vector"),
					errhint("Make a bm25vector of them in the way that the column was made, for "
							"example with bm25_tokenize().")));
}

static void
add_term(TermList *list, Bm25Key key, double weight, bool prefix)
{
	if (list->n == list->room)
	{
		list->room = Max(16, list->room * 2);
		list->terms = list->terms == NULL
						  ? palloc(list->room * sizeof(Bm25QueryTerm))
						  : repalloc_huge(list->terms, list->room * sizeof(Bm25QueryTerm));
	}
	list->terms[list->n++] = (Bm25QueryTerm){key, weight, prefix};
}

static int
compare_terms(const void *a, const void *b)
{
	const Bm25QueryTerm *x = a;
	const Bm25QueryTerm *y = b;
	int cmp = bm25_key_cmp(x->key, y->key);

	return cmp != 0 ? cmp : (int) x->prefix - (int) y->prefix;
}

/* Sorts, and keeps one of equal terms. */
static void
make_distinct(TermList *list)
{
	uint32 n = 0;

	if (list->n > 1)
		qsort(list->terms, list->n, sizeof(Bm25QueryTerm), compare_terms);
	for (uint32 i = 0; i < list->n; i++)
	{
		if (n == 0 || compare_terms(&list->terms[n - 1], &list->terms[i]) != 0)
			list->terms[n++] = list->terms[i];
	}
	list->n = n;
}

/* Puts the distinct terms into the query, as keys of each field that they fit.  Fields come first in a key,
 * so the order of keys is that of the fields, and within a field that of the terms. */
static void
expand_fields(const TermList *list, Bm25QueryKind kind, const Bm25Fields *fields, Bm25Query *query)
{
	query->terms = MemoryContextAllocHuge(CurrentMemoryContext, Max((Size) list->n * fields->n, 1) *
																	sizeof(Bm25QueryTerm));
	for (int field = 0; field < fields->n; field++)
	{
		if (!fits(kind, fields->type[field]))
			continue;
		for (uint32 i = 0; i < list->n; i++)
		{
			Bm25QueryTerm term = list->terms[i];
			char *key = palloc(term.key.len + 1);

			key[0] = (char) field;
			memcpy(key + 1, term.key.data, term.key.len);
			term.key = (Bm25Key){key, term.key.len + 1};
			query->terms[query->nterms++] = term;
		}
	}
}

/*----- payloads -----*/

static void
collect_vector(const Bm25Vector *vector, TermList *list)
{
	const uint32 *ids = bm25_vector_ids(vector);
	const uint32 *tfs = bm25_vector_tfs(vector);

	for (uint32 i = 0; i < vector->n; i++)
	{
		char *id = palloc(4);

		for (int byte = 0; byte < 4; byte++)
			id[byte] = (char) (ids[i] >> (24 - 8 * byte));
		add_term(list, (Bm25Key){id, 4}, tfs[i], false);
	}
}

static void
collect_tsvector(TSVector tsvector, TermList *list)
{
	const WordEntry *entry = ARRPTR(tsvector);

	for (int i = 0; i < tsvector->size; i++)
		add_term(list, (Bm25Key){STRPTR(tsvector) + entry[i].pos, entry[i].len}, 1, false);
}

/*----- text -----*/

/*
 * What analyses query texts by one configuration, kept for the backend: making it costs more than most queries do.
 * It depends on the configuration only, and notices its changes (analyze.h).
 */
typedef struct TextAnalysis
{
	MemoryContext context; /* a child of CacheMemoryContext, while in use of who uses it */
	Oid config;
	uint64 used;
	Bm25Lexicon *lexicon;
	Bm25Analyzer *analyzer;
	/* of the present text, by number of the lexicon; all zero between uses */
	uint32 room;
	uint32 *count;
	/* numbers that occurred */
	uint32 nfound;
	uint32 found_room;
	uint32 *found;
} TextAnalysis;

#define KEPT_ANALYSES 4
/* of lexicon and tokens; beyond, they are forgotten */
#define KEPT_BYTES (256 * 1024)

static TextAnalysis *kept[KEPT_ANALYSES];
static uint64 uses = 0;

static TextAnalysis *
make_analysis(Oid config)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 query text",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	TextAnalysis *analysis = palloc0(sizeof(TextAnalysis));

	analysis->context = context;
	analysis->config = config;
	analysis->lexicon = bm25_lexicon_create();
	analysis->analyzer = bm25_analyzer_create(analysis->lexicon, config);
	analysis->room = 64;
	analysis->count = palloc0(sizeof(uint32) * analysis->room);
	analysis->found_room = 64;
	analysis->found = palloc(sizeof(uint32) * analysis->found_room);
	MemoryContextSwitchTo(caller);
	return analysis;
}

/* It is nobody else's until it is given back, and goes with the current context if there is an error before. */
static TextAnalysis *
take_analysis(Oid config)
{
	for (int i = 0; i < KEPT_ANALYSES; i++)
	{
		TextAnalysis *analysis = kept[i];

		if (analysis != NULL && analysis->config == config)
		{
			kept[i] = NULL;
			MemoryContextSetParent(analysis->context, CurrentMemoryContext);
			return analysis;
		}
	}
	return make_analysis(config);
}

static void
give_back(TextAnalysis *analysis)
{
	int victim = 0;

	if (bm25_lexicon_bytes(analysis->lexicon) + bm25_analyzer_bytes(analysis->analyzer) >
		KEPT_BYTES)
	{
		MemoryContextDelete(analysis->context);
		return;
	}
	for (int i = 0; i < KEPT_ANALYSES; i++)
	{
		if (kept[i] == NULL)
		{
			victim = i;
			break;
		}
		if (kept[i]->used < kept[victim]->used)
			victim = i;
	}
	if (kept[victim] != NULL)
	{
		MemoryContext old = kept[victim]->context;

		kept[victim] = NULL;
		MemoryContextDelete(old);
	}
	for (uint32 i = 0; i < analysis->nfound; i++)
		analysis->count[analysis->found[i]] = 0;
	analysis->nfound = 0;
	analysis->used = ++uses;
	MemoryContextSetParent(analysis->context, CacheMemoryContext);
	kept[victim] = analysis;
}

static void
count_occurrence(void *arg, uint32 term, uint32 count, uint32 position)
{
	TextAnalysis *analysis = arg;

	(void) position;
	if (term >= analysis->room)
	{
		uint32 room = Max(term + 1, analysis->room * 2);

		analysis->count = repalloc_huge(analysis->count, (Size) room * sizeof(uint32));
		memset(analysis->count + analysis->room, 0,
			   (Size) (room - analysis->room) * sizeof(uint32));
		analysis->room = room;
	}
	if (analysis->count[term] == 0)
	{
		if (analysis->nfound == analysis->found_room)
		{
			analysis->found_room *= 2;
			analysis->found =
				repalloc_huge(analysis->found, (Size) analysis->found_room * sizeof(uint32));
		}
		analysis->found[analysis->nfound++] = term;
	}
	analysis->count[term] += count;
}

static void
collect_text(text *words, Oid config, TermList *list)
{
	TextAnalysis *analysis;

	if (!OidIsValid(config))
		config = getTSCurrentConfig(true);
	analysis = take_analysis(config);
	(void) bm25_analyze(analysis->analyzer, BM25_TYPE_TEXT, 0, PointerGetDatum(words),
						count_occurrence, analysis);
	for (uint32 i = 0; i < analysis->nfound; i++)
	{
		uint32 number = analysis->found[i];
		/* the lexicon's keys have a field, and go when it is used again */
		Bm25Key key = bm25_lexicon_key(analysis->lexicon, number);
		uint32 len = key.len - 1;
		char *copy = palloc(Max(len, 1));

		memcpy(copy, key.data + 1, len);
		add_term(list, (Bm25Key){copy, len}, analysis->count[number], false);
	}
	give_back(analysis);
}

/*----- tsquery -----*/

/* Finds the place of a lexeme among the distinct ones. */
static uint32
find_lexeme(const TermList *lexemes, Bm25QueryTerm term)
{
	const Bm25QueryTerm *found =
		bsearch(&term, lexemes->terms, lexemes->n, sizeof(Bm25QueryTerm), compare_terms);

	if (found == NULL)
		elog(ERROR, "lexeme of a tsquery is not among its lexemes");
	return (uint32) (found - lexemes->terms);
}

static Bm25QueryTerm
operand_term(TSQuery tsquery, const QueryOperand *operand)
{
	return (Bm25QueryTerm){
		{GETOPERAND(tsquery) + operand->distance, operand->length}, 1, operand->prefix};
}

/* The node of item i and those below it; ranking gets the lexemes that are not negated. */
static void
make_nodes(TSQuery tsquery, int i, bool negated, const TermList *lexemes, TermList *ranking,
		   Bm25Query *query)
{
	const QueryItem *item = GETQUERY(tsquery) + i;
	Bm25QueryNode *node = &query->nodes[i];

	check_stack_depth();
	memset(node, 0, sizeof(*node));
	if (item->type == QI_VAL)
	{
		Bm25QueryTerm term = operand_term(tsquery, &item->qoperand);

		node->kind = BM25_NODE_TERM;
		node->term = find_lexeme(lexemes, term);
		query->weighted |= item->qoperand.weight != 0;
		if (!negated)
			add_term(ranking, lexemes->terms[node->term].key, 1, term.prefix);
		return;
	}
	node->right = i + 1;
	node->left = i + (int) item->qoperator.left;
	switch (item->qoperator.oper)
	{
		case OP_NOT:
			node->kind = BM25_NODE_NOT;
			node->left = i + 1;
			make_nodes(tsquery, node->left, !negated, lexemes, ranking, query);
			return;
		case OP_AND:
			node->kind = BM25_NODE_AND;
			break;
		case OP_OR:
			node->kind = BM25_NODE_OR;
			break;
		case OP_PHRASE:
			node->kind = BM25_NODE_PHRASE;
			node->distance = item->qoperator.distance;
			break;
		default:
			elog(ERROR, "unknown operator of a tsquery: %d", item->qoperator.oper);
	}
	make_nodes(tsquery, node->left, negated, lexemes, ranking, query);
	make_nodes(tsquery, node->right, negated, lexemes, ranking, query);
}

static void
resolve_tsquery(TSQuery tsquery, Bm25Query *query, TermList *ranking)
{
	TermList lexemes = {0};

	if (tsquery->size == 0)
		return;
	for (int i = 0; i < tsquery->size; i++)
	{
		const QueryItem *item = GETQUERY(tsquery) + i;
		Bm25QueryTerm term;

		if (item->type != QI_VAL)
			continue;
		term = operand_term(tsquery, &item->qoperand);
		add_term(&lexemes, term.key, 1, term.prefix);
	}
	make_distinct(&lexemes);
	for (uint32 i = 0; i < lexemes.n; i++)
	{
		Bm25Key *key = &lexemes.terms[i].key;

		key->data = pnstrdup(key->data, key->len);
	}
	query->nlexemes = lexemes.n;
	query->lexemes = lexemes.terms;
	query->nnodes = tsquery->size;
	query->nodes = palloc_array(Bm25QueryNode, tsquery->size);
	make_nodes(tsquery, 0, false, &lexemes, ranking, query);
}

static void
resolve(Bm25QueryKind kind, struct varlena *payload, const Bm25Fields *fields, Bm25Query *query)
{
	TermList list = {0};

	check_fields(kind, fields);
	query->kind = kind;
	switch (kind)
	{
		case BM25_QUERY_VECTOR:
			collect_vector((const Bm25Vector *) payload, &list);
			break;
		case BM25_QUERY_TSVECTOR:
			collect_tsvector((TSVector) payload, &list);
			break;
		case BM25_QUERY_TSQUERY:
			resolve_tsquery((TSQuery) payload, query, &list);
			break;
		case BM25_QUERY_TEXT:
			collect_text((text *) payload, fields->config, &list);
			break;
	}
	make_distinct(&list);
	expand_fields(&list, kind, fields, query);
}

void
bm25_query_resolve(const Bm25QueryData *data, const Bm25Fields *fields, Bm25Query *ret_query)
{
	bm25_query_check_nulls(data);
	memset(ret_query, 0, sizeof(*ret_query));
	ret_query->index = data->index;
	ret_query->min_score = data->min_score;
	resolve((Bm25QueryKind) data->kind, bm25_query_payload(data), fields, ret_query);
}

void
bm25_query_resolve_tsquery(TSQuery tsquery, const Bm25Fields *fields, Bm25Query *ret_query)
{
	memset(ret_query, 0, sizeof(*ret_query));
	resolve(BM25_QUERY_TSQUERY, (struct varlena *) tsquery, fields, ret_query);
}
