/*
 * vchord_bm25/cost.c
 *		Planner costs, in the planner's own units.
 *
 * What a search does is known from the lists of the query's terms: their lengths are looked up while
 * planning if the query is known then.  The first k rows are the price of starting; every further row costs its
 * share of reading the lists exhaustively.  k comes from the query's LIMIT and from the share of rows that
 * the filter lets through.
 *
 * A query names an index.  Another one on the same column can serve it, but scores need the named one's
 * statistics all the same, so the named one is preferred wherever the planner may use it.
 *
 * Planning never fails: an index that cannot be used is priced out of every plan that has an alternative, and
 * a query that would be an error is left to the executor.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/cost.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/cost.h"
#include "vchord_bm25/score.h"

/* "only instead of a sequential scan" */
#define COST_OTHER 1.0e8

#define POSTING_OPERATORS 0.1 /* of cpu_operator_cost for a posting decoded, scored and added up */
#define MERGE_OPERATORS   1.0 /* the same, exactly, in order of documents */
#define LOOKUP_OPERATORS  40  /* for a term in a dictionary */
#define POSTING_BYTES     2.5
#define DEFAULT_ROWS      100.0 /* rows asked for when the query has no LIMIT: the first round */
#define DEFAULT_SHARE     0.05  /* of the documents, that hold a term of which nothing is known */
#define DEFAULT_TERMS     4

/* What is known of the lists that an operator's query reads. */
typedef struct Lists
{
	double terms;
	double postings;
	double matches; /* documents */
} Lists;

/* The constant that an operator is given, or NULL: not known yet, or null. */
static const Const *
known_argument(PlannerInfo *root, const Node *clause)
{
	Node *argument;

	if (!IsA(clause, OpExpr) || list_length(((const OpExpr *) clause)->args) != 2)
		return NULL;
	argument = estimate_expression_value(root, lsecond(((const OpExpr *) clause)->args));
	if (!IsA(argument, Const) || ((const Const *) argument)->constisnull)
		return NULL;
	return (const Const *) argument;
}

static int
strategy_of(const Node *clause, const IndexOptInfo *info, int column)
{
	if (!IsA(clause, OpExpr))
		return 0;
	return get_op_opfamily_strategy(((const OpExpr *) clause)->opno, info->opfamily[column]);
}

static Lists
unknown_lists(double docs)
{
	return (Lists){DEFAULT_TERMS, DEFAULT_TERMS * DEFAULT_SHARE * docs, DEFAULT_SHARE * docs};
}

/* documents that match below a node, as independent as tsmatchsel takes them to be */
static double
node_matches(const Bm25Query *query, int which, const double *df, double docs)
{
	const Bm25QueryNode *node = &query->nodes[which];
	double left;
	double right;

	if (node->kind == BM25_NODE_TERM)
		return df[node->term];
	left = node_matches(query, node->left, df, docs);
	if (node->kind == BM25_NODE_NOT)
		return docs - left;
	right = node_matches(query, node->right, df, docs);
	if (node->kind == BM25_NODE_OR)
		return Min(left + right - left * right / docs, docs);
	return left * right / docs;
}

static Lists
resolved_lists(Bm25View *view, const Bm25Query *query, Bm25FieldSpan span, double docs)
{
	Lists lists = {0, 0, 0};
	Bm25Key *keys;
	uint32 nkeys = 0;

	if (query->nnodes > 0)
	{
		double *df = palloc(sizeof(double) * query->nlexemes);

		for (uint32 i = 0; i < query->nlexemes; i++)
		{
			const Bm25QueryTerm *lexeme = &query->lexemes[i];
			char *key = palloc(lexeme->key.len + 1);

			memcpy(key + 1, lexeme->key.data, lexeme->key.len);
			df[i] = 0;
			for (int field = span.first; field < span.end; field++)
			{
				key[0] = (char) field;
				df[i] += lexeme->prefix ? DEFAULT_SHARE * docs
										: bm25_view_df(view, (Bm25Key){key, lexeme->key.len + 1});
			}
			lists.postings += df[i];
			df[i] = Min(df[i], docs);
		}
		lists.terms = query->nlexemes * (span.end - span.first);
		lists.matches = node_matches(query, 0, df, docs);
		return lists;
	}
	keys = palloc(sizeof(Bm25Key) * Max(query->nterms, 1));
	for (uint32 i = 0; i < query->nterms; i++)
	{
		if (bm25_span_has(span, query->terms[i].key))
			keys[nkeys++] = query->terms[i].key;
	}
	for (uint32 i = 0; i < nkeys; i++)
	{
		double df;

		/* what the first one was told by: not in memory */
		if (i == 1 && bm25_view_is_ahead(view))
			bm25_view_prefetch(view, keys + i, nkeys - i);
		df = bm25_view_df(view, keys[i]);
		lists.postings += df;
		lists.matches += (docs - lists.matches) * Min(df / docs, 1);
	}
	lists.terms = nkeys;
	return lists;
}

double
bm25_query_matches(Bm25View *view, const Bm25QueryData *data, int column, double docs)
{
	Bm25Query query;

	if (docs < 1)
		return 0;
	bm25_query_resolve(data, &view->fields, &query);
	return resolved_lists(view, &query, bm25_column_fields(&view->fields, column), docs).matches;
}

/* The lists of an operator's query; view NULL: not to be looked up now. */
static Lists
find_lists(PlannerInfo *root, const Node *clause, const IndexOptInfo *info, int column,
		   Bm25View *view, double docs)
{
	const Const *argument = known_argument(root, clause);
	int strategy = strategy_of(clause, info, column);
	Bm25Query query;

	if (argument == NULL || view == NULL || column >= bm25_columns(&view->fields))
		return unknown_lists(docs);
	if (strategy == BM25_STRATEGY_TSQUERY)
	{
		if (view->fields.type[column] != BM25_TYPE_TSVECTOR)
			return unknown_lists(docs);
		bm25_query_resolve_tsquery(DatumGetTSQuery(argument->constvalue), &view->fields, &query);
	}
	else
	{
		const Bm25QueryData *data = DatumGetBm25Query(argument->constvalue);

		/* what would be an error is none of the planner's business */
		if ((data->flags & (BM25_QUERY_NULL_PAYLOAD | BM25_QUERY_NULL_INDEX)) != 0 ||
			(data->kind == BM25_QUERY_VECTOR) != (view->fields.type[column] == BM25_TYPE_VECTOR))
			return unknown_lists(docs);
		bm25_query_resolve(data, &view->fields, &query);
	}
	return resolved_lists(view, &query, bm25_column_fields(&view->fields, column), docs);
}

/*----- which index is named -----*/

/* Is there a usable index of that name on the relation? */
static bool
can_use(const RelOptInfo *rel, Oid named)
{
	ListCell *lc;

	foreach (lc, rel->indexlist)
	{
		const IndexOptInfo *info = lfirst_node(IndexOptInfo, lc);

		if (info->indexoid == named && (info->indpred == NIL || info->predOK))
			return true;
	}
	return false;
}

/* Does the query name another index, which could be used? */
static bool
names_another(PlannerInfo *root, const Node *clause, const IndexOptInfo *info)
{
	const Const *argument = known_argument(root, clause);
	const Bm25QueryData *data;

	if (argument == NULL)
		return false;
	data = DatumGetBm25Query(argument->constvalue);
	return data->index != info->indexoid && can_use(info->rel, data->index);
}

/*----- the estimate -----*/

static void
estimate(PlannerInfo *root, IndexPath *path, Bm25View *view, uint32 segments,
		 const Bm25ScanSettings *settings, const VcCostResult *to)
{
	IndexOptInfo *info = path->indexinfo;
	double docs = Max(info->tuples, 1);
	Lists ranking = {0, 0, 0};
	Lists gates = {0, 0, docs};
	bool ranked = path->indexorderbys != NIL;
	bool another = ranked && names_another(root, linitial(path->indexorderbys), info);
	VcCostFilter filter;
	VcCostPage page;
	double wanted;
	double read_pages;
	double matches;
	double share;
	Cost lookup;
	Cost first;
	Cost all;
	ListCell *lc;

	if (ranked)
		ranking = find_lists(root, linitial(path->indexorderbys), info,
							 linitial_int(path->indexorderbycols), view, docs);
	foreach (lc, path->indexclauses)
	{
		const IndexClause *clause = lfirst_node(IndexClause, lc);
		const Node *qual = (const Node *) linitial_node(RestrictInfo, clause->indexquals)->clause;
		Lists lists = find_lists(root, qual, info, clause->indexcol, view, docs);

		another |= strategy_of(qual, info, clause->indexcol) == BM25_STRATEGY_MATCH &&
				   names_another(root, qual, info);
		gates.terms += lists.terms;
		gates.postings += lists.postings;
		gates.matches = gates.matches * Min(lists.matches / docs, 1);
	}

	vc_cost_filter(root, path, docs, &filter);
	matches = ranked ? Min(ranking.matches, gates.matches) : gates.matches;
	matches = Max(matches, 1);
	wanted = root->limit_tuples > 0 ? root->limit_tuples : DEFAULT_ROWS;
	wanted = Min(wanted / filter.pass, matches);
	if (settings->limit > 0)
		wanted = Min(wanted, (double) settings->limit);

	vc_cost_page(info, &page);
	read_pages = (ranking.postings + gates.postings) * POSTING_BYTES / BM25_BODY_BYTES;
	lookup = (ranking.terms + gates.terms) * segments *
			 (LOOKUP_OPERATORS * cpu_operator_cost + 2 * page.seq);

	/* the more rows are wanted, the fewer postings are skipped */
	share = Min(0.3 + 0.7 * wanted / matches, 1);
	first =
		lookup + gates.postings * POSTING_OPERATORS * cpu_operator_cost +
		share * (read_pages * page.seq + ranking.postings * POSTING_OPERATORS * cpu_operator_cost);
	if (filter.any && ranked)
		first += filter.cost.startup + wanted * (filter.cost.per_tuple + cpu_tuple_cost + page.seq);
	all = lookup + read_pages * page.seq + gates.postings * POSTING_OPERATORS * cpu_operator_cost +
		  ranking.postings * MERGE_OPERATORS * cpu_operator_cost + matches * cpu_index_tuple_cost;

	if (another && !settings->strict_match)
	{
		first += COST_OTHER;
		all += COST_OTHER;
	}
	/* rows that share no term are not delivered, but the planner's idea of the result must not change */
	vc_cost_set(to, ranked ? first : lookup, Max(all, first),
				path->indexclauses == NIL ? 1.0 : Min(gates.matches / docs, 1.0), read_pages);
}

void
bm25_amcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
					Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages)
{
	const VcCostResult to = {startup_cost, total_cost, selectivity, correlation, pages};
	IndexOptInfo *info = path->indexinfo;
	Bm25ScanSettings settings;
	Bm25MetaDisk meta;
	Relation index;
	MemoryContext context;
	MemoryContext caller;
	Bm25View *view = NULL;
	bool usable;

	(void) loop_count;
	if (info->hypothetical)
	{
		vc_cost_hypothetical(&to);
		return;
	}
	index = index_open(info->indexoid, NoLock);
	usable = bm25_meta_try_read(index, &meta);
	if (!usable || !bm25_scan_enabled() || list_length(path->indexorderbys) > 1 ||
		(path->indexorderbys == NIL && path->indexclauses == NIL))
	{
		index_close(index, NoLock);
		vc_cost_disable(path, &to);
		return;
	}

	context = AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 cost", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	bm25_scan_settings(index, &settings);
	/* the executor takes the same view up if its snapshot is the planner's */
	if (ActiveSnapshotSet())
		view = bm25_view_get(index, NULL, context);
	estimate(root, path, view, meta.nsegments, &settings, &to);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	index_close(index, NoLock);
}
