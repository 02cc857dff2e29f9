/*
 * vchord_bm25/am.c
 *		Handler of the access method, validation of operator classes.
 *
 * README.md, "Access method flags", gives the reason of each flag.
 */
#include "postgres.h"

#include "vchord_bm25/am.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "core/attrs.h"
#include "core/compat.h"

VC_FUNCTION(bm25_amhandler);

static void
complain(bool *ok, const char *opclass, const char *what, const char *object)
{
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator class \"%s\" of access method bm25: %s %s", opclass, object, what)));
	*ok = false;
}

static void
validate_operator(bool *ok, const char *opclass, Form_pg_amop op)
{
	const char *name = format_operator(op->amopopr);
	Oid result = get_op_rettype(op->amopopr);

	switch (op->amopstrategy)
	{
		case BM25_STRATEGY_SCORE:
			if (op->amoppurpose != AMOP_ORDER)
				complain(ok, opclass, "must be FOR ORDER BY", name);
			else if (!opfamily_can_sort_type(op->amopsortfamily, result))
				complain(ok, opclass, "has a wrong ORDER BY operator family", name);
			break;
		case BM25_STRATEGY_TSQUERY:
			if (op->amoplefttype != TSVECTOROID || op->amoprighttype != TSQUERYOID)
				complain(ok, opclass, "must take tsvector and tsquery", name);
			/* FALLTHROUGH */
		case BM25_STRATEGY_MATCH:
			if (op->amoppurpose != AMOP_SEARCH || result != BOOLOID)
				complain(ok, opclass, "must be FOR SEARCH and return boolean", name);
			break;
		default:
			complain(ok, opclass, "has an unknown strategy number", name);
	}
}

/*
 * amvalidate: every operator has a strategy we know.  Which types a column may have is checked by the
 * build, because the class takes any.
 */
bool
bm25_amvalidate(Oid opclassoid)
{
	HeapTuple class_tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	Form_pg_opclass form;
	CatCList *operators;
	bool ok = true;
	bool scored = false;
	char *name;

	if (!HeapTupleIsValid(class_tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	form = (Form_pg_opclass) GETSTRUCT(class_tuple);
	name = NameStr(form->opcname);
	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(form->opcfamily));
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);

		validate_operator(&ok, name, op);
		scored |= op->amopstrategy == BM25_STRATEGY_SCORE;
	}
	if (ok && !scored)
		complain(&ok, name, "is missing", "operator 1");

	ReleaseCatCacheList(operators);
	ReleaseSysCache(class_tuple);
	return ok;
}

/*
 * bm25_amhandler(internal) returns index_am_handler; known to SQL as _bm25_amhandler, too
 */
Datum
bm25_amhandler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	(void) fcinfo;
	am->amstrategies = BM25_STRATEGY_TSQUERY;
	am->amsupport = 0;
	am->amcanorderbyop = true;
	am->amcanmulticol = true;
	am->amoptionalkey = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL | VACUUM_OPTION_PARALLEL_CLEANUP;
	am->amkeytype = InvalidOid;
	vc_indexam_set_build_parallel(am, true);

	am->ambuild = bm25_ambuild;
	am->ambuildempty = bm25_ambuildempty;
	am->aminsert = bm25_aminsert;
	am->ambulkdelete = bm25_ambulkdelete;
	am->amvacuumcleanup = bm25_amvacuumcleanup;
	am->amcostestimate = bm25_amcostestimate;
	am->amoptions = bm25_amoptions;
	am->ambuildphasename = bm25_ambuildphasename;
	am->amvalidate = bm25_amvalidate;
	am->ambeginscan = bm25_ambeginscan;
	am->amrescan = bm25_amrescan;
	am->amgettuple = bm25_amgettuple;
	am->amgetbitmap = bm25_amgetbitmap;
	am->amendscan = bm25_amendscan;
	PG_RETURN_POINTER(am);
}
