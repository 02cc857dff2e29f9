/*
 * vchord_bm25/selectivity.c
 *		Row estimates of `column @@ bm25query`.
 *
 * A query names an index, and the index knows how many documents hold a term: each term costs a look in the
 * dictionary of each segment.  Terms are taken to be independent, as the server does for tsvector.  The view that is
 * made for it is the one that the cost estimate and the executor take up.
 *
 * Planning never fails here, and tells nobody more than he may know: where the query is not known yet, the index is
 * not there, not usable or of a table that the user may not read (or only some rows of), the answer is the server's
 * default for text search.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/pathnodes.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/selfuncs.h"
#include "utils/snapmgr.h"

#include "core/attrs.h"
#include "core/compat.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/cost.h"
#include "vchord_bm25/meta.h"
#include "vchord_bm25/query.h"

VC_FUNCTION(bm25_match_selectivity);

/* ts_selfuncs.c: of a query of which nothing is known */
#define DEFAULT_SELECTIVITY 0.001

/* The index of a query, or NULL if its statistics are not to be used. */
static Relation
try_open_index(Oid oid)
{
	Relation index = try_relation_open(oid, AccessShareLock);
	Bm25MetaDisk meta;
	bool partitioned;

	if (index == NULL)
		return NULL;
	partitioned = index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX;
	if ((partitioned || index->rd_rel->relkind == RELKIND_INDEX) &&
		index->rd_indam->ambeginscan == bm25_ambeginscan && index->rd_index->indisvalid &&
		!RELATION_IS_OTHER_TEMP(index) &&
		pg_class_aclcheck(index->rd_index->indrelid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(index->rd_index->indrelid, InvalidOid, true) != RLS_ENABLED &&
		(partitioned || bm25_meta_try_read(index, &meta)))
		return index;
	relation_close(index, AccessShareLock);
	return NULL;
}

/* The column of the index that a variable is, from 0; -1: not known. */
static int
find_column(Relation index, const Bm25Fields *fields, const VariableStatData *variable)
{
	const Form_pg_index form = index->rd_index;
	const Var *var;

	if (bm25_columns(fields) == 1)
		return 0;
	if (variable->var == NULL || !IsA(variable->var, Var) || variable->rel == NULL)
		return -1;
	/* a partition may have its columns in another order: then this is not the column, and a type tells, or not */
	var = (const Var *) variable->var;
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		if (form->indkey.values[i] == var->varattno)
			return i;
	}
	return -1;
}

static double
documents(const Bm25View *view)
{
	double docs = view->growing.ndocs + view->sealing.ndocs;

	for (uint32 i = 0; i < view->nsegments; i++)
		docs += view->segments[i].header->docs - view->segments[i].state.dead;
	for (uint32 i = 0; i < view->nparts; i++)
		docs += documents(view->parts[i]);
	return docs;
}

static double
estimate(Relation index, const Bm25QueryData *data, const VariableStatData *variable,
		 MemoryContext holder)
{
	Bm25View *view = bm25_view_get(index, NULL, holder);
	int column = find_column(index, &view->fields, variable);
	double docs = documents(view);
	double rows = docs;

	if (column < 0 || (data->kind == BM25_QUERY_VECTOR) !=
						  (bm25_column_type(&view->fields, column) == BM25_TYPE_VECTOR))
		return DEFAULT_SELECTIVITY;
	/* rows without any value are not in the index, nor are those outside of a partial one */
	if (view->nparts == 0 && variable->rel != NULL)
		rows = Max(rows, variable->rel->tuples);
	if (rows < 1)
		return DEFAULT_SELECTIVITY;
	return bm25_query_matches(view, data, column, docs) / rows;
}

Datum
bm25_match_selectivity(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List *args = (List *) PG_GETARG_POINTER(2);
	int relation = PG_GETARG_INT32(3);
	double selectivity = DEFAULT_SELECTIVITY;
	VariableStatData variable;
	const Bm25QueryData *data;
	Relation index;
	Node *other;
	bool on_left;

	if (!get_restriction_variable(root, args, relation, &variable, &other, &on_left))
		PG_RETURN_FLOAT8(DEFAULT_SELECTIVITY);
	if (!on_left || !IsA(other, Const))
	{
		ReleaseVariableStats(variable);
		PG_RETURN_FLOAT8(DEFAULT_SELECTIVITY);
	}
	if (((const Const *) other)->constisnull)
	{
		ReleaseVariableStats(variable);
		PG_RETURN_FLOAT8(0);
	}

	data = DatumGetBm25Query(((const Const *) other)->constvalue);
	if ((data->flags & (BM25_QUERY_NULL_PAYLOAD | BM25_QUERY_NULL_INDEX)) == 0 &&
		ActiveSnapshotSet() && (index = try_open_index(data->index)) != NULL)
	{
		MemoryContext context = AllocSetContextCreate(
			CurrentMemoryContext, "vchord_bm25 selectivity", ALLOCSET_SMALL_SIZES);
		MemoryContext caller = MemoryContextSwitchTo(context);

		selectivity = estimate(index, data, &variable, context);
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
		relation_close(index, AccessShareLock);
	}
	ReleaseVariableStats(variable);
	CLAMP_PROBABILITY(selectivity);
	PG_RETURN_FLOAT8(selectivity);
}
