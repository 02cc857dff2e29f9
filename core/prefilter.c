/*
 * core/prefilter.c
 *		Links index scans to their plan nodes, and evaluates the nodes' quals inside the scan.
 *
 * Why the descriptor is made here: ambeginscan gets no plan node, and index plus snapshot do not name
 * one (a self-join has two).  An IndexScan node makes its descriptor at its first fetch if there is none
 * yet, in the executor's per-query context, and calls amrescan if there are no runtime keys or they are
 * ready; ExecReScanIndexScan calls amrescan on a descriptor that is there; ExecEndIndexScan ends it.  So
 * a descriptor that is made the same way right after ExecutorStart is used and ended like its own.
 *
 * Left alone (plain path): EXPLAIN without ANALYZE, where relations may not even be open; parallel-aware
 * nodes, whose descriptor needs shared state; nodes that EvalPlanQual starts, which do not come
 * through ExecutorStart.
 *
 * Memory: the link lies in the executor's per-query context, as the descriptor does, and ends with it.
 * State of the module: the previous hook and a table of access methods, both written by _PG_init only.
 */
#include "postgres.h"

#include "core/prefilter.h"

#include "access/genam.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"

#include "core/compat.h"

/* one AM a module; a test module may play a second */
#define MAX_AMS 2

struct VcPlanLink
{
	IndexScanState *node;
	LimitState
		*limit;  /* the Limit node above with nothing between that drops or adds rows, or NULL */
	bool judged; /* quals is filled */
	VcPlanQuals quals;
	int reused; /* the order-by whose distance the target list takes from the scan, or -1 */
};

typedef struct Am
{
	ambeginscan_function ambeginscan;
	VcPlanLinkSetter set;
	bool (*enabled)(void);
	bool reuse_distances;
	VcSameDistance same; /* NULL: equal() */
} Am;

static Am ams[MAX_AMS];
static int nams = 0;
static ExecutorStart_hook_type previous_hook = NULL;

/* ---- the walk ---- */

typedef struct Walk
{
	VcPlanVisitor visit;
	void *arg;
	LimitState *limit;
	bool root; /* the node to be visited is the top of a plan: its consumer drops junk columns */
	bool drops_junk; /* ... or stands right below a LIMIT that is */
} Walk;

/*
 * Does every row that the node takes from the child come out of it, at most one for one?  Then a limit
 * above it bounds the child as well.
 */
static bool
passes_rows(PlanState *node)
{
	switch (nodeTag(node))
	{
		case T_ResultState:
		case T_SubqueryScanState:
			return node->qual == NULL;
		case T_AppendState:
		case T_MergeAppendState:
		case T_MaterialState:
			return true;
		default:
			return false;
	}
}

static bool
walk_node(PlanState *node, void *context)
{
	Walk *walk = (Walk *) context;
	LimitState *outer = walk->limit;
	LimitState *inner = NULL;
	bool root = walk->root;
	bool drops_junk = walk->drops_junk;

	walk->root = false;
	walk->drops_junk = false;
	if (node == NULL)
		return false;

	if (IsA(node, IndexScanState))
		walk->visit(walk->arg, (IndexScanState *) node, outer, root || drops_junk);
	else if (IsA(node, LimitState))
		inner = (LimitState *) node;
	else if (passes_rows(node))
		inner = outer;

	/*
	 * planstate_tree_walker visits init plans and sub plans as well as children; their rows are not the
	 * limit's.  They hang on the node whose expressions use them, so they would get `inner`: take the
	 * children of the nodes that hand a limit down by themselves.
	 */
	if (inner != NULL)
	{
		ListCell *lc;

		walk->limit = inner;
		/* WITH TIES compares the sort columns, which may be junk */
		walk->drops_junk = root && IsA(node, LimitState) &&
						   ((LimitState *) node)->limitOption == LIMIT_OPTION_COUNT;
		switch (nodeTag(node))
		{
			case T_SubqueryScanState:
				walk->root = true;
				walk_node(((SubqueryScanState *) node)->subplan, context);
				break;
			case T_AppendState:
				for (int i = 0; i < ((AppendState *) node)->as_nplans; i++)
					walk_node(((AppendState *) node)->appendplans[i], context);
				break;
			case T_MergeAppendState:
				for (int i = 0; i < ((MergeAppendState *) node)->ms_nplans; i++)
					walk_node(((MergeAppendState *) node)->mergeplans[i], context);
				break;
			default:
				walk_node(outerPlanState(node), context);
				break;
		}

		walk->limit = NULL;
		foreach (lc, node->initPlan)
		{
			walk->root = true;
			walk_node(((SubPlanState *) lfirst(lc))->planstate, context);
		}
		foreach (lc, node->subPlan)
		{
			walk->root = true;
			walk_node(((SubPlanState *) lfirst(lc))->planstate, context);
		}
	}
	else
	{
		walk->limit = NULL;
		planstate_tree_walker(node, walk_node, context);
	}
	walk->limit = outer;
	return false;
}

void
vc_prefilter_walk(PlanState *root, VcPlanVisitor visit, void *arg)
{
	Walk walk = {visit, arg, NULL, true, false};

	walk_node(root, &walk);
}

/* ---- the hook ---- */

static const Am *
find_am(const IndexScanState *node)
{
	Relation index = node->iss_RelationDesc;

	for (int i = 0; i < nams; i++)
	{
		if (index->rd_indam->ambeginscan == ams[i].ambeginscan)
			return &ams[i];
	}
	return NULL;
}

/*
 * A distance that a query orders by and does not select is a junk column of the scan's target list: the
 * executor computes it for each row and drops it at the top.  For vectors that means detoasting ten
 * values to throw the results away, as much work as the index search itself.  Where nothing between the
 * scan and the top of its plan can look at the column, the projection is built anew with a null in its
 * place.  The plan, which may be a cached one, is not touched.
 */
static void
omit_order_columns(IndexScanState *node)
{
	IndexScan *plan = (IndexScan *) node->ss.ps.plan;
	List *tlist = NIL;
	bool found = false;
	ListCell *lc;

	if (node->ss.ps.ps_ProjInfo == NULL)
		return;
	foreach (lc, plan->scan.plan.targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (entry->resjunk && list_member(plan->indexorderbyorig, entry->expr) &&
			!contain_volatile_functions((Node *) entry->expr) &&
			!contain_subplans((Node *) entry->expr))
		{
			entry = flatCopyTargetEntry(entry);
			entry->expr = (Expr *) makeNullConst(exprType((Node *) entry->expr),
												 exprTypmod((Node *) entry->expr),
												 exprCollation((Node *) entry->expr));
			found = true;
		}
		tlist = lappend(tlist, entry);
	}
	if (found)
		node->ss.ps.ps_ProjInfo = ExecBuildProjectionInfo(
			tlist, node->ss.ps.ps_ExprContext, node->ss.ps.ps_ResultTupleSlot, &node->ss.ps,
			node->ss.ss_ScanTupleSlot->tts_tupleDescriptor);
}

/*
 * A distance that a query selects is computed for each row by the executor, though the scan knows it; for
 * a text that means to tokenise it again.  The projection is built anew with a reference to the expression
 * context's "case value" in its place: a slot that every expression can read and that nothing else writes at
 * this level.  vc_prefilter_emitted() fills it before each row.
 *
 * The slot means something else inside of a CASE with an operand, and of conversions of array elements and
 * domains: expressions in there are left as they are.  So is everything below a sub-select, which has its own
 * context.
 */
typedef struct Reuse
{
	List *orderbys; /* the node's order-by expressions */
	VcSameDistance same;
	Relation index;
	int which; /* the one that was found, or -1 */
} Reuse;

static Node *
reuse_mutator(Node *node, void *context)
{
	Reuse *reuse = (Reuse *) context;
	int which = 0;
	ListCell *lc;

	if (node == NULL)
		return NULL;
	switch (nodeTag(node))
	{
		case T_CaseExpr:
		case T_ArrayCoerceExpr:
		case T_CoerceToDomain:
		case T_FieldStore:
		case T_SubscriptingRef:
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_Aggref:
		case T_WindowFunc:
			return node;
		default:
			break;
	}
	foreach (lc, reuse->orderbys)
	{
		if ((reuse->which < 0 || reuse->which == which) &&
			(reuse->same != NULL ? reuse->same(node, lfirst(lc), reuse->index)
								 : equal(node, lfirst(lc))))
		{
			CaseTestExpr *slot = makeNode(CaseTestExpr);

			slot->typeId = exprType(node);
			slot->typeMod = exprTypmod(node);
			slot->collation = exprCollation(node);
			reuse->which = which;
			return (Node *) slot;
		}
		which++;
	}
	return expression_tree_mutator(node, reuse_mutator, context);
}

/* Returns the order-by that the target list takes from the scan, or -1. */
static int
reuse_order_columns(IndexScanState *node, VcSameDistance same)
{
	IndexScan *plan = (IndexScan *) node->ss.ps.plan;
	Reuse reuse = {plan->indexorderbyorig, same, node->iss_RelationDesc, -1};
	List *tlist;

	if (node->ss.ps.ps_ProjInfo == NULL || plan->indexorderbyorig == NIL ||
		contain_volatile_functions((Node *) plan->indexorderbyorig) ||
		contain_subplans((Node *) plan->indexorderbyorig))
		return -1;
	tlist = (List *) reuse_mutator((Node *) plan->scan.plan.targetlist, &reuse);
	if (reuse.which >= 0)
		node->ss.ps.ps_ProjInfo = ExecBuildProjectionInfo(
			tlist, node->ss.ps.ps_ExprContext, node->ss.ps.ps_ResultTupleSlot, &node->ss.ps,
			node->ss.ss_ScanTupleSlot->tts_tupleDescriptor);
	return reuse.which;
}

/* VcPlanVisitor; runs in the per-query context */
static void
link_node(void *arg, IndexScanState *node, LimitState *limit, bool drops_junk)
{
	EState *estate = (EState *) arg;
	const Am *am;
	VcPlanLink *link;
	IndexScanDesc scan;

	if (node->iss_RelationDesc == NULL || node->iss_ScanDesc != NULL ||
		node->ss.ps.plan->parallel_aware || node->ss.ss_currentRelation == NULL)
		return;
	am = find_am(node);
	if (am == NULL || (am->enabled != NULL && !am->enabled()))
		return;

	link = palloc0(sizeof(VcPlanLink));
	link->reused = -1;
	if (am->reuse_distances)
		link->reused = reuse_order_columns(node, am->same);
	else if (drops_junk)
		omit_order_columns(node);
	link->node = node;
	link->limit = limit;

	scan = vc_index_beginscan(node, estate->es_snapshot);
	node->iss_ScanDesc = scan;
	am->set(scan, link);
	if (node->iss_NumRuntimeKeys == 0 || node->iss_RuntimeKeysReady)
		index_rescan(scan, node->iss_ScanKeys, node->iss_NumScanKeys, node->iss_OrderByKeys,
					 node->iss_NumOrderByKeys);
}

static void
executor_start(QueryDesc *query, int eflags)
{
	if (previous_hook != NULL)
		previous_hook(query, eflags);
	else
		standard_ExecutorStart(query, eflags);

	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 && query->planstate != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(query->estate->es_query_cxt);

		vc_prefilter_walk(query->planstate, link_node, query->estate);
		MemoryContextSwitchTo(old);
	}
}

void
vc_prefilter_install(ambeginscan_function ambeginscan, VcPlanLinkSetter set, bool (*enabled)(void))
{
	if (nams >= MAX_AMS)
		elog(ERROR, "too many access methods in one module");
	if (nams == 0)
	{
		previous_hook = ExecutorStart_hook;
		ExecutorStart_hook = executor_start;
	}
	ams[nams].ambeginscan = ambeginscan;
	ams[nams].set = set;
	ams[nams].enabled = enabled;
	ams[nams].reuse_distances = false;
	nams++;
}

void
vc_prefilter_reuse_distances(ambeginscan_function ambeginscan, VcSameDistance same)
{
	for (int i = 0; i < nams; i++)
	{
		if (ams[i].ambeginscan == ambeginscan)
		{
			ams[i].reuse_distances = true;
			ams[i].same = same;
		}
	}
}

/* ---- may the quals be evaluated twice? ---- */

static bool any_volatile(Node *expr, EState *estate);

/*
 * Expressions of a plan that a SubPlan runs.  Only kinds of nodes whose expressions are all looked at
 * here are trusted; any other is taken for volatile.
 */
static bool
plan_is_volatile(Plan *plan, EState *estate)
{
	if (plan == NULL)
		return false;
	if (any_volatile((Node *) plan->targetlist, estate) ||
		any_volatile((Node *) plan->qual, estate))
		return true;

	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_Material:
		case T_Sort:
		case T_Unique:
		case T_Hash:
		case T_Agg:
		case T_Group:
		case T_BitmapHeapScan: /* its recheck is a copy of the index quals */
			break;
		case T_Result:
			if (any_volatile(((Result *) plan)->resconstantqual, estate))
				return true;
			break;
		case T_IndexScan:
			if (any_volatile((Node *) ((IndexScan *) plan)->indexqual, estate) ||
				any_volatile((Node *) ((IndexScan *) plan)->indexorderby, estate))
				return true;
			break;
		case T_IndexOnlyScan:
			if (any_volatile((Node *) ((IndexOnlyScan *) plan)->indexqual, estate) ||
				any_volatile((Node *) ((IndexOnlyScan *) plan)->indexorderby, estate))
				return true;
			break;
		case T_BitmapIndexScan:
			if (any_volatile((Node *) ((BitmapIndexScan *) plan)->indexqual, estate))
				return true;
			break;
		case T_ValuesScan:
			if (any_volatile((Node *) ((ValuesScan *) plan)->values_lists, estate))
				return true;
			break;
		case T_FunctionScan:
		{
			ListCell *lc;

			foreach (lc, ((FunctionScan *) plan)->functions)
			{
				if (any_volatile(((RangeTblFunction *) lfirst(lc))->funcexpr, estate))
					return true;
			}
			break;
		}
		case T_Limit:
			if (any_volatile(((Limit *) plan)->limitOffset, estate) ||
				any_volatile(((Limit *) plan)->limitCount, estate))
				return true;
			break;
		case T_NestLoop:
			if (any_volatile((Node *) ((Join *) plan)->joinqual, estate))
				return true;
			break;
		case T_HashJoin:
			if (any_volatile((Node *) ((Join *) plan)->joinqual, estate) ||
				any_volatile((Node *) ((HashJoin *) plan)->hashclauses, estate))
				return true;
			break;
		case T_MergeJoin:
			if (any_volatile((Node *) ((Join *) plan)->joinqual, estate) ||
				any_volatile((Node *) ((MergeJoin *) plan)->mergeclauses, estate))
				return true;
			break;
		case T_Append:
		{
			ListCell *lc;

			foreach (lc, ((Append *) plan)->appendplans)
			{
				if (plan_is_volatile((Plan *) lfirst(lc), estate))
					return true;
			}
			break;
		}
		case T_SubqueryScan:
			if (plan_is_volatile(((SubqueryScan *) plan)->subplan, estate))
				return true;
			break;
		default:
			return true;
	}
	return plan_is_volatile(plan->lefttree, estate) || plan_is_volatile(plan->righttree, estate);
}

static bool
subplan_walker(Node *node, void *context)
{
	EState *estate = (EState *) context;

	if (node == NULL)
		return false;
	if (IsA(node, SubPlan))
	{
		List *plans = estate->es_plannedstmt->subplans;
		int which = ((SubPlan *) node)->plan_id - 1;

		if (which < 0 || which >= list_length(plans) ||
			plan_is_volatile((Plan *) list_nth(plans, which), estate))
			return true;
	}
	return expression_tree_walker(node, subplan_walker, context);
}

static bool
any_volatile(Node *expr, EState *estate)
{
	return expr != NULL && (contain_volatile_functions(expr) || subplan_walker(expr, estate));
}

/* ---- asked by the scan ---- */

const VcPlanQuals *
vc_prefilter_quals(VcPlanLink *link)
{
	static const VcPlanQuals none = {false, false, 1.0, 0.0};
	Plan *plan;
	QualCost cost;
	double rows;

	if (link == NULL)
		return &none;
	if (link->judged)
		return &link->quals;

	plan = link->node->ss.ps.plan;
	link->quals = none;
	if (plan->qual != NIL && link->node->ss.ps.qual != NULL)
	{
		link->quals.present = true;
		link->quals.usable = !any_volatile((Node *) plan->qual, link->node->ss.ps.state);
		cost_qual_eval(&cost, plan->qual, NULL);
		link->quals.cost = cost.per_tuple;

		/*
		 * The planner's row estimate of the node covers index quals and filter together, which is what
		 * a scan has to work against.  A partial index holds only the rows that its reltuples counts.
		 */
		rows = link->node->iss_RelationDesc->rd_rel->reltuples;
		if (rows > 0 && plan->plan_rows > 0)
			link->quals.selectivity = Max(Min(plan->plan_rows / rows, 1.0), 1e-9);
	}
	link->judged = true;
	return &link->quals;
}

void
vc_prefilter_emitted(VcPlanLink *link, int which, Datum distance, bool isnull)
{
	ExprContext *econtext;

	if (link == NULL || link->reused < 0)
		return;
	econtext = link->node->ss.ps.ps_ExprContext;
	econtext->caseValue_datum = which == link->reused ? distance : (Datum) 0;
	econtext->caseValue_isNull = isnull || which != link->reused;
}

int64
vc_prefilter_limit(VcPlanLink *link)
{
	LimitState *limit;

	/* LIMIT_INITIAL: not computed yet, someone else pulls; WITH TIES needs a little more: fine */
	if (link == NULL || link->limit == NULL)
		return 0;
	limit = link->limit;
	if (limit->lstate == LIMIT_INITIAL || limit->noCount || limit->count <= 0)
		return 0;
	if (limit->offset > PG_INT64_MAX - limit->count)
		return 0;
	return limit->count + Max(limit->offset, 0);
}

bool
vc_prefilter_eval_slot(VcPlanLink *link, TupleTableSlot *slot)
{
	IndexScanState *node = link->node;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	TupleTableSlot *saved = econtext->ecxt_scantuple;
	bool passes;

	/*
	 * The node calls the scan from ExecScan(), which has just reset this context and keeps nothing in
	 * it across the fetch, so its per-tuple memory is ours until we return.
	 */
	econtext->ecxt_scantuple = slot;
	passes = ExecQual(node->ss.ps.qual, econtext);
	econtext->ecxt_scantuple = saved;
	ResetExprContext(econtext);
	if (!passes)
		InstrCountFiltered1(node, 1); /* EXPLAIN ANALYZE: "Rows Removed by Filter" */
	return passes;
}

VcPrefilterResult
vc_prefilter_eval(VcPlanLink *link, VcHeapFetch *fetch, ItemPointer tid, TupleTableSlot **ret_slot)
{
	TupleTableSlot *slot = vc_heapfetch_row(fetch, tid);

	Assert(vc_prefilter_quals(link)->usable);
	if (slot == NULL)
		return VC_PREFILTER_INVISIBLE;
	if (!vc_prefilter_eval_slot(link, slot))
		return VC_PREFILTER_FAIL;
	if (ret_slot != NULL)
		*ret_slot = slot;
	return VC_PREFILTER_PASS;
}
