/*
 * vchordrq/maxsim_cost.c
 *		Planner costs of a MaxSim search, in the planner's own units.
 *
 * Each token of the query is a search of its own over the tokens of all documents; then documents are
 * fetched and their sums computed, each at the price that the planner has for the operator in a
 * sequential scan (its COST), so that the two plans differ in how many sums they need.
 */
#include "postgres.h"

#include <math.h>

#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"

#include "core/cost.h"
#include "core/vector/tokens.h"

#include "vchordrq/am.h"

#define TOKENS_DEFAULT 32.0 /* of a query that is not known yet: what ColBERT pads queries to */
#define DEFAULT_ROWS   64.0 /* documents asked for when the query has no LIMIT: the first round */
#define CODE_OPERATORS 0.08 /* of cpu_operator_cost for a code that is scored */
#define ROW_OPERATORS  0.8  /* and for a row that goes into a document's sum */
#define ROWS_KEPT      512  /* of these per token for each document wanted (maxsim.c) */
/* sums of documents, beside those delivered: mv_rootsift128, docs/maxsim.md */
#define SUMS_PER_ROW 4.0
#define SUMS_FIXED   20.0
/* share of lists that a token visits, as fitted there */
#define LISTS_SHARE 0.15
#define LISTS_LOG   0.1

/* tokens of the query, from the ORDER BY clause */
static double
query_tokens(const IndexPath *path)
{
	const Node *clause = linitial(path->indexorderbys);
	const Node *query;

	if (!IsA(clause, OpExpr) || list_length(((const OpExpr *) clause)->args) != 2)
		return TOKENS_DEFAULT;
	query = lsecond(((const OpExpr *) clause)->args);
	if (IsA(query, ArrayExpr))
		return Max(list_length(((const ArrayExpr *) query)->elements), 1);
	if (!IsA(query, Const) || ((const Const *) query)->constisnull)
		return TOKENS_DEFAULT;
	return Max(vcv_tokens_count(((const Const *) query)->constvalue), 1);
}

static Cost
sum_cost(PlannerInfo *root, const IndexPath *path)
{
	QualCost cost;

	cost_qual_eval_node(&cost, linitial(path->indexorderbys), root);
	return cost.per_tuple;
}

void
rq_maxsim_cost(PlannerInfo *root, IndexPath *path, const RqMeta *meta, const RqSearchParams *params,
			   double entries, const VcCostResult *to)
{
	IndexOptInfo *info = path->indexinfo;
	double documents = Max(info->tuples, 1);
	double rows = entries > 0 ? entries : Max(meta->disk.build_rows, documents);
	double tokens = query_tokens(path);
	double lists = meta->disk.lists;
	double wanted;
	double visited;
	double list_pages;
	double codes;
	double sums;
	VcCostFilter filter;
	VcCostPage page;
	Cost sum = sum_cost(root, path);
	Cost document;
	Cost first;

	vc_cost_filter(root, path, documents, &filter);
	vc_cost_page(info, &page);
	wanted = (root->limit_tuples > 0 ? root->limit_tuples : DEFAULT_ROWS) / filter.pass;
	wanted = Min(wanted, documents);

	visited = ceil(Min(lists * (LISTS_SHARE + LISTS_LOG * log10(wanted)), lists));
	if (params->all)
		visited = lists;
	else if (!params->automatic && params->nprobes == meta->disk.levels && params->nprobes > 0)
		visited = Min(params->probes[params->nprobes - 1], lists);
	codes = rows / lists * visited;
	list_pages = visited *
				 (2 + rows / lists *
						  (meta->geo.strip_bytes +
						   (meta->geo.exact ? meta->geo.row_bytes : meta->geo.block_bytes / 32.0)) /
						  RQ_BODY_BYTES);
	sums = params->maxsim_refine_given ? 0 : Min(SUMS_FIXED + SUMS_PER_ROW * wanted, documents);

	/* a row of the table, its filter, its sum if it passes */
	document = page.random + cpu_tuple_cost;
	first = tokens * (lists * CODE_OPERATORS * cpu_operator_cost + visited * cpu_operator_cost +
					  codes * CODE_OPERATORS * cpu_operator_cost +
					  Min(codes, ROWS_KEPT * wanted) * ROW_OPERATORS * cpu_operator_cost);
	/* tokens of one query meet in the same lists: what the first has read is in memory for the others */
	first += visited * page.random + list_pages * page.seq;
	first += filter.cost.startup + sums * (document + filter.cost.per_tuple + sum * filter.pass);
	if (params->maxsim_refine_given)
		first += tokens * Min(params->maxsim_refine, codes) * (page.random + cpu_operator_cost);
	vc_cost_set(to, first, first + documents * (document + (sums > 0 ? sum : 0)),
				info->indpred != NIL ? Min(1.0, documents / Max(info->rel->tuples, 1)) : 1.0,
				list_pages + sums);
}
