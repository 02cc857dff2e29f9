/*
 * core/prefilter.h
 *		The plan around an index scan: its LIMIT, and its quals evaluated inside the scan.
 *
 * An index AM sees scan keys only.  The ExecutorStart hook of this module walks the started plan
 *and, for each plain IndexScan node over an index of our AM, makes the scan descriptor that the
 *node would make at its first fetch, and notes the node in it (VcScan.plan).  So the link is
 *unambiguous, and descriptors that other code makes (EvalPlanQual, bitmap, parallel, system code)
 *simply have none: they take the plain path.  Under EXPLAIN without ANALYZE nothing is begun.
 *
 * vc_prefilter_eval() fetches the row, visibility first, and evaluates the node's compiled quals,
 *in planned (security barrier) order, with the node's own expression context, so parameters of
 *nested loops and correlated sub-selects have their values.  The executor evaluates the quals again
 *on the rows it gets; volatile quals therefore switch the whole thing off.
 */
#ifndef VC_CORE_PREFILTER_H
#define VC_CORE_PREFILTER_H

#include "access/amapi.h"
#include "access/relscan.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "storage/itemptr.h"

#include "core/heapfetch.h"

typedef struct VcPlanLink VcPlanLink;

/* What the plan says about a scan's filter. */
typedef struct VcPlanQuals
{
	bool present;       /* the node has quals besides the index's own */
	bool usable;        /* ... and they may be evaluated inside the scan (not volatile) */
	double selectivity; /* estimated share of the index's rows that pass, (0, 1]; 1 = unknown or
						   none */
	double cost;        /* estimated cost of evaluating them once, in the planner's units */
} VcPlanQuals;

typedef enum VcPrefilterResult
{
	VC_PREFILTER_PASS,
	VC_PREFILTER_FAIL,     /* visible, but a qual is false or null */
	VC_PREFILTER_INVISIBLE /* no version of the row is visible to the scan's snapshot */
} VcPrefilterResult;

/* Takes a link and its node to the scan descriptor; the AM keeps it in its opaque (core/scan.h). */
typedef void (*VcPlanLinkSetter)(IndexScanDesc scan, VcPlanLink *link);

/*
 * Installs the hook for the access method whose ambeginscan is given; once per AM, from _PG_init.
 * `enabled` (may be NULL) is asked per statement: false leaves plans alone.  `set` is called once
 * per scan descriptor made here, after ambeginscan and before any amrescan.
 */
extern void vc_prefilter_install(ambeginscan_function ambeginscan, VcPlanLinkSetter set,
								 bool (*enabled)(void));

/*
 * Says that the scans of this access method emit distances that are to the last bit what the ORDER BY
 * operator returns: then this expression in a node's target list is replaced by the distance of the row
 * that the scan emitted last, and the operator is not called.  After vc_prefilter_install.  `same`: has the
 * expression the value that the scan delivers for that order-by?  NULL: if they are equal.
 */
typedef bool (*VcSameDistance)(Node *expr, Node *orderby, Relation index);
extern void vc_prefilter_reuse_distances(ambeginscan_function ambeginscan, VcSameDistance same);

/*
 * The row that the node is about to get has this distance: the value of order-by `which` as its operator
 * would return it.  For core/scan.c; link may be NULL.
 */
extern void vc_prefilter_emitted(VcPlanLink *link, int which, Datum distance, bool isnull);

/*
 * What can be told about the node's quals.  NULL link: nothing present.  Cheap after the first
 * call.
 */
extern const VcPlanQuals *vc_prefilter_quals(VcPlanLink *link);

/*
 * Rows that the plan's LIMIT + OFFSET can take from this scan, 0 = unknown or no limit.  A hint
 * about effort, never a promise.  Meaningful from the first fetch on, when the Limit node has
 * computed it; ask again after each rescan.
 */
extern int64 vc_prefilter_limit(VcPlanLink *link);

/*
 * Judges the row at tid: fetched by `fetch`, then the quals.  On PASS, *ret_slot (may be NULL) is
 * the row in the fetcher's slot.  The quals must be usable.  No page guard may be held: a qual is
 * arbitrary SQL, may raise, and may run queries.
 */
extern VcPrefilterResult vc_prefilter_eval(VcPlanLink *link, VcHeapFetch *fetch, ItemPointer tid,
										   TupleTableSlot **ret_slot);

/* The quals alone, on a row that the caller fetched (vc_heapfetch_batch). */
extern bool vc_prefilter_eval_slot(VcPlanLink *link, TupleTableSlot *slot);

/*
 * The walk by itself, for tests: calls back for each plain IndexScan node below root with the Limit
 * node that bounds it (NULL = none).  drops_junk: nobody looks at junk columns of the node's rows.
 */
typedef void (*VcPlanVisitor)(void *arg, IndexScanState *node, LimitState *limit, bool drops_junk);
extern void vc_prefilter_walk(PlanState *root, VcPlanVisitor visit, void *arg);

#endif
