/*
 * vchordrq/cost.c
 *		Planner costs, in the planner's own units.
 *
 * The scan's work for the first k rows is the price of starting it; every further row costs its share
 * of reading everything.  k comes from the query's LIMIT, from the share of rows that the filter
 * lets through, and from what a sphere's estimate says of the rows inside of it.  Planning never fails:
 * an index whose metapage cannot be used is priced out of every plan that has an alternative.
 *
 * Units: pages as core/cost.c prices them; scoring a code is far cheaper than an operator call
 * (core/simd/README.md: 1 ns against ~25 ns that cpu_operator_cost stands for).
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"

#include "core/cost.h"

#include "vchordrq/am.h"

#define CODE_OPERATORS  0.04 /* of cpu_operator_cost for one code */
#define RERANKS_PER_ROW 3.0  /* candidates reranked for one row delivered */
#define RERANKS_FIXED   20.0
#define DEFAULT_ROWS    64.0 /* rows asked for when the query has no LIMIT: the first round */

/* share of lists that an automatic scan for the k nearest visits; from the fit in docs/tuning.md */
static double
visited_lists(double lists, double rows, double k)
{
	double share = 0.04 + 0.04 * log10(Max(k, 1));

	/* the lists must hold k rows */
	share = Max(share, 1.5 * k / Max(rows, 1));
	return ceil(Min(Max(lists * share, 1), lists));
}

/* share of the index's rows that the spheres let through */
static double
range_selectivity(PlannerInfo *root, const IndexPath *path)
{
	List *quals = get_quals_from_indexclauses(path->indexclauses);

	if (quals == NIL)
		return 1;
	return clauselist_selectivity(root, quals, (int) path->indexinfo->rel->relid, JOIN_INNER, NULL);
}

void
rq_amcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
				  Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages)
{
	const VcCostResult to = {startup_cost, total_cost, selectivity, correlation, pages};
	IndexOptInfo *info = path->indexinfo;
	RelOptInfo *rel = info->rel;
	Relation index;
	RqMeta meta;
	RqSearchParams params;
	bool usable;
	double rows = Max(info->tuples, 1);
	double entries; /* of the index: more than rows where they are arrays */
	double range;
	double inside; /* rows of the range, of all if there is none */
	double wanted;
	double lists;
	double visited;
	double list_pages;
	double codes;
	double reranks;
	double rerank_pages;
	double index_pages = Max(info->pages, 1);
	VcCostFilter filter;
	VcCostPage page;
	Cost first;
	Cost all;

	(void) loop_count;
	if ((path->indexorderbys == NIL && path->indexclauses == NIL) || !rq_enable_scan)
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
	usable = rq_meta_try_load(index, &meta);
	entries = index->rd_rel->reltuples;
	if (usable)
		rq_search_params(index, &params);
	index_close(index, NoLock);
	if (!usable)
	{
		vc_cost_disable(path, &to);
		return;
	}

	if (rq_meta_has(&meta, RQ_META_MAXSIM))
	{
		rq_maxsim_cost(root, path, &meta, &params, entries, &to);
		return;
	}
	vc_cost_filter(root, path, rows, &filter);
	range = range_selectivity(root, path);
	inside = Max(rows * range, 1);
	if (root->limit_tuples > 0 || path->indexclauses == NIL)
		wanted = (root->limit_tuples > 0 ? root->limit_tuples : DEFAULT_ROWS) / filter.pass;
	else
		wanted = inside;
	wanted = Min(wanted, inside);
	if (rq_max_scan_tuples >= 0)
		wanted = Min(wanted, Max(rq_max_scan_tuples, 1));

	lists = meta.disk.lists;
	/* all rows of a range may be in any list */
	visited =
		path->indexclauses != NIL && wanted >= inside ? lists : visited_lists(lists, rows, wanted);
	if (!params.automatic && params.nprobes == meta.disk.levels && params.nprobes > 0)
		visited = Min(params.probes[params.nprobes - 1], lists);
	else if (params.all)
		visited = lists;

	codes = Max(rows / lists, 1) * visited;
	list_pages =
		visited * (2 + rows / lists *
						   (meta.geo.strip_bytes +
							(meta.geo.exact ? meta.geo.row_bytes : meta.geo.block_bytes / 32.0)) /
						   RQ_BODY_BYTES);
	reranks = Min(RERANKS_FIXED + RERANKS_PER_ROW * wanted, codes);
	rerank_pages = meta.geo.exact ? 0 : reranks;

	vc_cost_page(info, &page);
	first = lists * CODE_OPERATORS * cpu_operator_cost    /* estimate all centroids */
			+ visited * (page.random + cpu_operator_cost) /* read the nearest */
			+ list_pages * page.seq + codes * CODE_OPERATORS * cpu_operator_cost +
			rerank_pages * page.random + reranks * cpu_operator_cost;
	if (filter.any)
	{
		/* each candidate judged costs a row of the table; in TID order within a batch */
		double judged = Min(2 * wanted + RERANKS_FIXED, rows);

		first += filter.cost.startup + judged * (filter.cost.per_tuple + cpu_tuple_cost) +
				 Min(judged, rel->pages) * page.random;
	}

	all = first +
		  inside * (cpu_index_tuple_cost + cpu_operator_cost + (meta.geo.exact ? 0 : page.random)) +
		  index_pages * page.seq;
	if (info->indpred != NIL)
		range *= Min(1.0, rows / Max(rel->tuples, 1));
	vc_cost_set(&to, first, all, range, list_pages + rerank_pages);
}
