/*
 * vchordrq/am.c
 *		Handler of the access method, validation of operator classes.
 *
 * README.md, "Access method flags", gives the reason of each flag.
 */
#include "postgres.h"

#include "vchordrq/am.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "core/attrs.h"
#include "core/compat.h"
#include "core/vector/opclass.h"

/* strategies of the operator classes */
#define STRATEGY_DISTANCE 1 /* ORDER BY column <op> vector */
#define STRATEGY_SPHERE   2 /* column <<op>> sphere */
#define STRATEGY_MAXSIM   3 /* ORDER BY column @# vectors */

#define SUPPORT_NAME 1 /* () returns text: type and metric */

VC_FUNCTION(vchordrq_amhandler);

static void
complain(bool *ok, const char *opclass, const char *what, const char *object)
{
	ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				   errmsg("operator class \"%s\" of access method %s: %s %s", opclass, RQ_AM_NAME,
						  object, what)));
	*ok = false;
}

static void
validate_operator(bool *ok, const char *opclass, Form_pg_amop op, Oid family_type)
{
	const char *name = format_operator(op->amopopr);
	Oid result = get_op_rettype(op->amopopr);

	switch (op->amopstrategy)
	{
		case STRATEGY_DISTANCE:
		case STRATEGY_MAXSIM:
			if (op->amoppurpose != AMOP_ORDER)
				complain(ok, opclass, "must be FOR ORDER BY", name);
			else if (!opfamily_can_sort_type(op->amopsortfamily, result))
				complain(ok, opclass, "has a wrong ORDER BY operator family", name);
			break;
		case STRATEGY_SPHERE:
			if (op->amoppurpose != AMOP_SEARCH || result != BOOLOID)
				complain(ok, opclass, "must be FOR SEARCH and return boolean", name);
			break;
		default:
			complain(ok, opclass, "has an unknown strategy number", name);
	}
	if (op->amoplefttype != family_type)
		complain(ok, opclass, "has another left type than the operator class", name);
}

/*
 * amvalidate: every operator has a strategy we know, and support function 1 exists and tells a type
 * and a metric that we know.
 */
static bool
rq_amvalidate(Oid opclassoid)
{
	HeapTuple class_tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	Form_pg_opclass form;
	CatCList *operators;
	CatCList *functions;
	bool ok = true;
	bool named = false;
	char *name;

	if (!HeapTupleIsValid(class_tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	form = (Form_pg_opclass) GETSTRUCT(class_tuple);
	name = NameStr(form->opcname);
	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(form->opcfamily));
	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(form->opcfamily));

	for (int i = 0; i < operators->n_members; i++)
		validate_operator(&ok, name, (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple),
						  form->opcintype);
	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple);
		const char *proc_name = format_procedure(proc->amproc);
		VcvOpclass meaning;

		if (proc->amprocnum != SUPPORT_NAME)
			complain(&ok, name, "has an unknown support number", proc_name);
		else if (!check_amproc_signature(proc->amproc, TEXTOID, true, 0, 0))
			complain(&ok, name, "must take nothing and return text", proc_name);
		else if (!vcv_opclass_parse(TextDatumGetCString(OidFunctionCall0(proc->amproc)), RQ_AM_NAME,
									&meaning))
			complain(&ok, name, "names no operator class", proc_name);
		else
			named = true;
	}
	if (ok && !named)
		complain(&ok, name, "is missing", "support function 1");

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(class_tuple);
	return ok;
}

/*
 * vchordrq_amhandler(internal) returns index_am_handler
 */
Datum
vchordrq_amhandler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	(void) fcinfo;
	am->amstrategies = 0;
	am->amsupport = SUPPORT_NAME;
	am->amcanorderbyop = true;
	am->amoptionalkey = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL | VACUUM_OPTION_PARALLEL_CLEANUP;
	am->amkeytype = InvalidOid;
	vc_indexam_set_build_parallel(am, true);

	am->ambuild = rq_ambuild;
	am->ambuildempty = rq_ambuildempty;
	am->aminsert = rq_aminsert;
	am->ambulkdelete = rq_ambulkdelete;
	am->amvacuumcleanup = rq_amvacuumcleanup;
	am->amcostestimate = rq_amcostestimate;
	am->amoptions = rq_amoptions;
	am->ambuildphasename = rq_ambuildphasename;
	am->amvalidate = rq_amvalidate;
	am->ambeginscan = rq_ambeginscan;
	am->amrescan = rq_amrescan;
	am->amgettuple = rq_amgettuple;
	am->amendscan = rq_amendscan;
	PG_RETURN_POINTER(am);
}
