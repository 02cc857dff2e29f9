/*
 * core/cost.h
 *		What the cost estimates of all access methods have in common.
 *
 * An access method says what its scan reads and computes; here is what that depends on outside of the
 * index: the filter above the scan, the price of a page, and the two estimates that are none (an index
 * that may not be used, and one that does not exist).
 */
#ifndef VC_CORE_COST_H
#define VC_CORE_COST_H

#include "nodes/pathnodes.h"

/* Where amcostestimate's results go. */
typedef struct VcCostResult
{
	Cost *startup_cost;
	Cost *total_cost;
	Selectivity *selectivity;
	double *correlation;
	double *pages;
} VcCostResult;

/* The order of rows in the table is never that of an index of ours: correlation 0. */
extern void vc_cost_set(const VcCostResult *to, Cost startup, Cost total, Selectivity selectivity,
						double pages);

/*
 * "Only if there is nothing else": the path stays, with a price above that of any other plan.  A path
 * without conditions and without an order, which no scan of ours can serve, is kept from bitmap scans, too.
 */
extern void vc_cost_disable(IndexPath *path, const VcCostResult *to);

/* An index of a planner's what-if extension: nothing can be read, so it is taken for free. */
extern void vc_cost_hypothetical(const VcCostResult *to);

/* What the executor, or the scan in its place, checks of a row beyond the index conditions. */
typedef struct VcCostFilter
{
	bool any;
	double pass;   /* share of rows that it lets through, at least one of `rows` */
	QualCost cost; /* of checking one row */
} VcCostFilter;

/* rows: of the index */
extern void vc_cost_filter(PlannerInfo *root, const IndexPath *path, double rows,
						   VcCostFilter *ret_filter);

/*
 * Price of a page of index or table read in order, and at random.  Part of them is expected in memory:
 * nearly all of a small index, a share of one that outgrows the cache.
 */
typedef struct VcCostPage
{
	double seq;
	double random;
} VcCostPage;

extern void vc_cost_page(const IndexOptInfo *info, VcCostPage *ret_page);

#endif
