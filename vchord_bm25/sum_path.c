/*
 * vchord_bm25/sum_path.c
 *		ORDER BY (a <&> q) + (b <&> q): the order of an index over several columns.
 *
 * The planner gives an index an order by one of its columns only.  So a hook looks at the first sort
 * expression of a query for a sum of <&> over all key columns of a bm25 index, in their order, with one query
 * (apart from bm25_field()), and adds a path of the index that claims this order.  Its order-by is
 * `a <&> bm25_field(q, '*')`, which only this file writes: the scan then scores all fields.
 *
 * The scan's score is the sum's value to the last bit (score.h).  A row with a null column has no sum: the
 * scan does not deliver it, as it delivers no row that shares no term with the query.
 *
 * Parameterised paths and partitions are left to the planner's own ways.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/compat.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/query.h"

static set_rel_pathlist_hook_type previous_hook = NULL;

/*----- the form of a sum -----*/

/* One summand: left <&> bm25_field(query, 'column'), or left <&> query. */
typedef struct Summand
{
	const OpExpr *op;
	Node *left;
	Node *query;
	const FuncExpr *field; /* NULL: no bm25_field() */
	const char *column;    /* its argument */
} Summand;

static bool
is_field_function(const FuncExpr *func)
{
	const char *name;

	if (list_length(func->args) != 2 || get_func_namespace(func->funcid) != PG_CATALOG_NAMESPACE)
		return false;
	name = get_func_name(func->funcid);
	return name != NULL && strcmp(name, "bm25_field") == 0;
}

static bool
parse_summand(Node *node, Summand *ret_summand)
{
	Node *query;

	if (!IsA(node, OpExpr) || list_length(((OpExpr *) node)->args) != 2)
		return false;
	ret_summand->op = (OpExpr *) node;
	ret_summand->left = linitial(ret_summand->op->args);
	query = lsecond(ret_summand->op->args);
	ret_summand->field = NULL;
	ret_summand->column = NULL;
	if (IsA(query, FuncExpr) && is_field_function((FuncExpr *) query))
	{
		const FuncExpr *func = (FuncExpr *) query;
		Node *column = lsecond(func->args);

		if (!IsA(column, Const) || ((Const *) column)->constisnull)
			return false;
		ret_summand->field = func;
		ret_summand->column = TextDatumGetCString(((Const *) column)->constvalue);
		query = linitial(func->args);
	}
	ret_summand->query = query;
	return true;
}

/* Takes a left-deep sum apart; the number of summands, 0 if it is none or has more than `room`. */
static int
parse_sum(Node *node, Summand *summands, int room)
{
	int n;

	if (!IsA(node, OpExpr) || ((OpExpr *) node)->opfuncid != F_FLOAT8PL)
		return room > 0 && parse_summand(node, &summands[0]) ? 1 : 0;
	n = parse_sum(linitial(((OpExpr *) node)->args), summands, room - 1);
	if (n == 0 || !parse_summand(lsecond(((OpExpr *) node)->args), &summands[n]))
		return 0;
	return n + 1;
}

/* Do n summands stand for all key columns of the index, with one query? */
static bool
one_query(const Summand *summands, int n, Relation index)
{
	if (n < 2 || n != IndexRelationGetNumberOfKeyAttributes(index))
		return false;
	for (int i = 0; i < n; i++)
	{
		const char *name = NameStr(TupleDescAttr(RelationGetDescr(index), i)->attname);

		if (!equal(summands[i].query, summands[0].query) ||
			(summands[i].field != NULL && strcmp(summands[i].column, name) != 0))
			return false;
	}
	return true;
}

/*----- paths -----*/

/* The order-by that asks the scan for the sum, or NULL if the expression is not the sum over the index. */
static OpExpr *
make_order(Node *expr, IndexOptInfo *info)
{
	Summand summands[BM25_MAX_FIELDS];
	int n = parse_sum(expr, summands, BM25_MAX_FIELDS);
	const FuncExpr *field = NULL;
	FuncExpr *all;
	OpExpr *order;
	Relation index;
	bool same;

	if (n != info->nkeycolumns || n < 2 || contain_volatile_functions(expr))
		return NULL;
	for (int i = 0; i < n; i++)
	{
		/* <&> is the family's one ordering operator of each type */
		if (!OidIsValid(get_op_opfamily_sortfamily(summands[i].op->opno, info->opfamily[i])) ||
			!match_index_to_operand(summands[i].left, i, info) ||
			contain_var_clause(summands[i].query))
			return NULL;
		if (summands[i].field != NULL)
			field = summands[i].field;
	}
	/* columns of different types need no bm25_field(); then it is not known how to write it */
	if (field == NULL)
		return NULL;
	index = index_open(info->indexoid, NoLock);
	same = one_query(summands, n, index);
	index_close(index, NoLock);
	if (!same)
		return NULL;

	all = copyObject(unconstify(FuncExpr *, field));
	all->args = list_make2(copyObject(summands[0].query),
						   makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
									 CStringGetTextDatum(BM25_ALL_FIELDS_NAME), false, false));
	order = copyObject(unconstify(OpExpr *, summands[0].op));
	order->args = list_make2(copyObject(summands[0].left), all);
	return order;
}

static void
add_path_of(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *info, PathKey *key)
{
	ListCell *lc;

	foreach (lc, key->pk_eclass->ec_members)
	{
		const EquivalenceMember *member = lfirst_node(EquivalenceMember, lc);
		OpExpr *order;

		if (!bms_equal(member->em_relids, rel->relids))
			continue;
		order = make_order((Node *) member->em_expr, info);
		if (order == NULL)
			continue;
		add_path(rel, (Path *) create_index_path(root, info, NIL, list_make1(order),
												 list_make1_int(0), list_make1(key),
												 ForwardScanDirection, false, NULL, 1.0, false));
		return;
	}
}

static void
add_sum_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	PathKey *key;
	ListCell *lc;

	if (previous_hook != NULL)
		previous_hook(root, rel, rti, rte);
	if (rel->reloptkind != RELOPT_BASEREL || rte->rtekind != RTE_RELATION || rte->inh ||
		root->query_pathkeys == NIL)
		return;
	key = linitial_node(PathKey, root->query_pathkeys);
	if (vc_pathkey_descends(key) || key->pk_nulls_first || key->pk_eclass->ec_has_volatile)
		return;
	foreach (lc, rel->indexlist)
	{
		IndexOptInfo *info = lfirst_node(IndexOptInfo, lc);

		if ((const void *) info->amcostestimate == (const void *) bm25_amcostestimate &&
			info->nkeycolumns > 1 && !info->hypothetical && (info->indpred == NIL || info->predOK))
			add_path_of(root, rel, info, key);
	}
}

/*----- the same sum in a target list -----*/

bool
bm25_is_order(Node *expr, Node *orderby, Relation index)
{
	Summand order;
	Summand summands[BM25_MAX_FIELDS];
	int n;

	if (equal(expr, orderby))
		return true;
	if (!IsA(expr, OpExpr) || ((OpExpr *) expr)->opfuncid != F_FLOAT8PL ||
		!parse_summand(orderby, &order) || order.field == NULL ||
		strcmp(order.column, BM25_ALL_FIELDS_NAME) != 0)
		return false;
	n = parse_sum(expr, summands, BM25_MAX_FIELDS);
	if (!one_query(summands, n, index) || !equal(summands[0].query, order.query))
		return false;
	/* expressions are not looked at: their sum is evaluated */
	for (int i = 0; i < n; i++)
	{
		if (!IsA(summands[i].left, Var) ||
			((Var *) summands[i].left)->varattno != index->rd_index->indkey.values[i])
			return false;
	}
	return true;
}

void
bm25_sum_path_init(void)
{
	previous_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_sum_paths;
}
