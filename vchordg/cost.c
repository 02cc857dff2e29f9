/*
 * vchordg/cost.c
 *		Planner costs, in the planner's own units.
 *
 * A search expands a little more than ef vertices, each a page at random and the codes of its neighbours; ef comes
 * from the LIMIT, the filter and the settings.  That is the price of starting; further rows cost expansions
 * each.  Planning never fails: an index whose metapage cannot be used is priced out.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"

#include "core/cost.h"

#include "vchordg/am.h"

/* of cpu_operator_cost for one code (core/simd/README.md: 4 ns against ~25 ns) */
#define CODE_OPERATORS 0.15

/* expansions for one of the ef best, measured on the sets of docs/benchmarks.md */
#define EXPANSIONS 1.2

/* ef of scans whose LIMIT is not known, and least ef of an automatic one (scan.c) */
#define DEFAULT_EF 100.0

static bool
has_usable_key(const IndexPath *path)
{
	ListCell *lc;

	if (path->indexorderbys != NIL)
		return true;
	/* labels alone give no order and no place to start from */
	foreach (lc, path->indexclauses)
	{
		if (lfirst_node(IndexClause, lc)->indexcol == 0)
			return true;
	}
	return false;
}

void
vg_amcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
				  Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages)
{
	const VcCostResult to = {startup_cost, total_cost, selectivity, correlation, pages};
	IndexOptInfo *info = path->indexinfo;
	Relation index;
	VgMeta meta;
	VgSearchParams params;
	VcCostFilter filter;
	VcCostPage page;
	bool usable;
	double rows = Max(info->tuples, 1);
	double share = 1;
	double wanted;
	double ef;
	double expansions;
	double each;
	Cost first;
	Cost all;

	(void) loop_count;
	if (!has_usable_key(path) || !vg_enable_scan)
	{
		vc_cost_disable(path, &to);
		return;
	}
	if (info->hypothetical)
	{
		vc_cost_hypothetical(&to);
		return;
	}
	index = index_open(info->indexoid, NoLock);
	usable = vg_meta_try_load(index, &meta);
	if (usable)
		vg_search_params(index, &params);
	index_close(index, NoLock);
	if (!usable)
	{
		vc_cost_disable(path, &to);
		return;
	}
	if (path->indexclauses != NIL)
		share = clauselist_selectivity(root, get_quals_from_indexclauses(path->indexclauses),
									   (int) info->rel->relid, JOIN_INNER, NULL);
	vc_cost_filter(root, path, rows, &filter);
	wanted = root->limit_tuples > 0 ? root->limit_tuples : DEFAULT_EF;
	ef = params.automatic ? Max(DEFAULT_EF, 2 * wanted) : params.ef;
	expansions = Min(EXPANSIONS * ef / filter.pass / Max(share, 1 / rows) + log(rows), rows);

	vc_cost_page(info, &page);
	each = page.random * meta.geo.group_pages + cpu_operator_cost +
		   meta.geo.m * CODE_OPERATORS * cpu_operator_cost;
	first = expansions * each + wanted * page.random;
	if (filter.any)
		first += filter.cost.startup +
				 expansions * (filter.cost.per_tuple + cpu_tuple_cost + page.random);
	all = first + rows * share * (each + cpu_index_tuple_cost);
	vc_cost_set(&to, first, all, share, expansions * meta.geo.group_pages);
}
