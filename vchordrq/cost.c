/*
 * vchordrq/cost.c
 *		Planner costs, in the planner's own units.
 *
 * The scan's work for the first k rows is the price of starting it; every further row costs its share
 * of reading everything.  k comes from the query's LIMIT and from the share of rows that the filter
 * lets through.  Planning never fails: an index whose metapage cannot be used is priced out of every
 * plan that has an alternative.
 *
 * Units: seq_page_cost and random_page_cost for pages that are not expected in memory, a tenth of
 * seq_page_cost for those that are; scoring a code is far cheaper than an operator call
 * (core/simd/README.md: 1 ns against ~25 ns that cpu_operator_cost stands for).
 */
#include "postgres.h"

#include <math.h>

#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "utils/rel.h"
#include "access/genam.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

#include "core/compat.h"

#include "vchordrq/am.h"

/*
 * "Only if there is nothing else": more than the 1e10 of a sequential scan that the user has disabled,
 * or SELECT count(*) would take an index that cannot answer it.  Finite, as the planner subtracts it.
 */
#define COST_DISABLED 1.0e20

#define CODE_OPERATORS  0.04 /* of cpu_operator_cost for one code */
#define CACHED_PAGE     0.1  /* of seq_page_cost for a page found in memory */
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

static void
price_out(IndexPath *path, Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
		  double *correlation, double *pages)
{
	vc_path_disable(&path->path);
	*startup_cost = COST_DISABLED;
	*total_cost = COST_DISABLED;
	*selectivity = 0;
	*correlation = 0;
	*pages = 1;
}

void
rq_amcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
				  Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	RelOptInfo *rel = info->rel;
	Relation index;
	RqMeta meta;
	RqSearchParams params;
	bool usable;
	double rows = Max(info->tuples, 1);
	double wanted;
	double pass;
	double lists;
	double visited;
	double list_pages;
	double codes;
	double reranks;
	double rerank_pages;
	double index_pages = Max(info->pages, 1);
	double cached;
	double seq_page;
	double random_page;
	double spc_random;
	double spc_seq;
	QualCost filter_cost = {0, 0};
	List *filter = NIL;
	Cost first;
	ListCell *lc;

	(void) loop_count;
	if ((path->indexorderbys == NIL && path->indexclauses == NIL) || !rq_enable_scan)
	{
		price_out(path, startup_cost, total_cost, selectivity, correlation, pages);
		return;
	}
	if (info->hypothetical)
	{
		*startup_cost = 0;
		*total_cost = 0;
		*selectivity = 1;
		*correlation = 0;
		*pages = 1;
		return;
	}
	index = index_open(info->indexoid, NoLock);
	usable = rq_meta_try_load(index, &meta);
	if (usable)
		rq_search_params(index, &params);
	index_close(index, NoLock);
	if (!usable)
	{
		price_out(path, startup_cost, total_cost, selectivity, correlation, pages);
		return;
	}

	/* what the executor would check above the scan */
	foreach (lc, rel->baserestrictinfo)
	{
		RestrictInfo *restriction = lfirst_node(RestrictInfo, lc);

		if (!is_redundant_with_indexclauses(restriction, path->indexclauses))
			filter = lappend(filter, restriction);
	}
	pass = filter == NIL ? 1.0 : clauselist_selectivity(root, filter, rel->relid, JOIN_INNER, NULL);
	pass = Max(pass, 1.0 / rows);
	if (filter != NIL)
		cost_qual_eval(&filter_cost, filter, root);

	wanted = root->limit_tuples > 0 ? root->limit_tuples : DEFAULT_ROWS;
	wanted = Min(wanted / pass, rows);
	if (rq_max_scan_tuples >= 0)
		wanted = Min(wanted, Max(rq_max_scan_tuples, 1));

	lists = meta.disk.lists;
	visited = visited_lists(lists, rows, wanted);
	if (!params.automatic && params.nprobes == meta.disk.levels && params.nprobes > 0)
		visited = Min(params.probes[params.nprobes - 1], lists);

	codes = Max(rows / lists, 1) * visited;
	list_pages =
		visited * (2 + rows / lists *
						   (meta.geo.strip_bytes +
							(meta.geo.exact ? meta.geo.row_bytes : meta.geo.block_bytes / 32.0)) /
						   RQ_BODY_BYTES);
	reranks = Min(RERANKS_FIXED + RERANKS_PER_ROW * wanted, codes);
	rerank_pages = meta.geo.exact ? 0 : reranks;

	/* pages in memory: all of a small index, a share of one that outgrows the cache */
	cached = Min(0.95, 0.5 * effective_cache_size / (index_pages + rel->pages + 1));
	get_tablespace_page_costs(info->reltablespace, &spc_random, &spc_seq);
	seq_page = spc_seq * (cached * CACHED_PAGE + 1 - cached);
	random_page = cached * CACHED_PAGE * spc_seq + (1 - cached) * spc_random;

	first = lists * CODE_OPERATORS * cpu_operator_cost    /* estimate all centroids */
			+ visited * (random_page + cpu_operator_cost) /* read the nearest */
			+ list_pages * seq_page + codes * CODE_OPERATORS * cpu_operator_cost +
			rerank_pages * random_page + reranks * cpu_operator_cost;
	if (filter != NIL)
	{
		/* each candidate judged costs a row of the table; in TID order within a batch */
		double judged = Min(2 * wanted + RERANKS_FIXED, rows);

		first += filter_cost.startup + judged * (filter_cost.per_tuple + cpu_tuple_cost) +
				 Min(judged, rel->pages) * random_page;
	}

	*startup_cost = first;
	*total_cost =
		first +
		rows * (cpu_index_tuple_cost + cpu_operator_cost + (meta.geo.exact ? 0 : random_page)) +
		index_pages * seq_page;
	*selectivity = 1.0;
	if (info->indpred != NIL)
		*selectivity = Min(1.0, rows / Max(rel->tuples, 1));
	*correlation = 0;
	*pages = list_pages + rerank_pages;
}
