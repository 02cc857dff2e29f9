/*
 * core/cost.c
 *		What the cost estimates of all access methods have in common.  See core/cost.h.
 *
 * Units: seq_page_cost and random_page_cost of the tablespace for pages that are not expected in memory,
 * a tenth of seq_page_cost for those that are.
 */
#include "postgres.h"

#include "core/cost.h"

#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "utils/spccache.h"

#include "core/compat.h"

/*
 * More than the 1e10 of a sequential scan that the user has disabled, or SELECT count(*) would take an
 * index that cannot answer it.  Finite, as the planner subtracts it.
 */
#define COST_DISABLED 1.0e20

#define CACHED_PAGE  0.1  /* of seq_page_cost for a page found in memory */
#define CACHED_MOST  0.95 /* share of pages found there */
#define CACHED_SHARE 0.5  /* of effective_cache_size is there for one index and its table */

void
vc_cost_set(const VcCostResult *to, Cost startup, Cost total, Selectivity selectivity, double pages)
{
	*to->startup_cost = startup;
	*to->total_cost = total;
	*to->selectivity = selectivity;
	*to->correlation = 0;
	*to->pages = pages;
}

void
vc_cost_disable(IndexPath *path, const VcCostResult *to)
{
	vc_path_disable(&path->path);
	if (path->indexorderbys == NIL && path->indexclauses == NIL)
		vc_path_disable_bitmap(path);
	/* selectivity 1: else the planner would make a bitmap scan of an ordering, without the ordering */
	vc_cost_set(to, COST_DISABLED, COST_DISABLED, 1, 1);
}

void
vc_cost_hypothetical(const VcCostResult *to)
{
	vc_cost_set(to, 0, 0, 1, 1);
}

void
vc_cost_filter(PlannerInfo *root, const IndexPath *path, double rows, VcCostFilter *ret_filter)
{
	RelOptInfo *rel = path->indexinfo->rel;
	VcCostFilter filter = {false, 1.0, {0, 0}};
	List *clauses = NIL;
	ListCell *lc;

	foreach (lc, rel->baserestrictinfo)
	{
		RestrictInfo *restriction = lfirst_node(RestrictInfo, lc);

		if (!is_redundant_with_indexclauses(restriction, path->indexclauses))
			clauses = lappend(clauses, restriction);
	}
	if (clauses != NIL)
	{
		filter.any = true;
		filter.pass = clauselist_selectivity(root, clauses, (int) rel->relid, JOIN_INNER, NULL);
		cost_qual_eval(&filter.cost, clauses, root);
	}
	filter.pass = Max(filter.pass, 1.0 / Max(rows, 1));
	*ret_filter = filter;
}

void
vc_cost_page(const IndexOptInfo *info, VcCostPage *ret_page)
{
	double pages = Max((double) info->pages, 1) + info->rel->pages + 1;
	double cached = Min(CACHED_MOST, CACHED_SHARE * effective_cache_size / pages);
	double spc_random;
	double spc_seq;

	get_tablespace_page_costs(info->reltablespace, &spc_random, &spc_seq);
	ret_page->seq = spc_seq * (cached * CACHED_PAGE + 1 - cached);
	ret_page->random = cached * CACHED_PAGE * spc_seq + (1 - cached) * spc_random;
}
