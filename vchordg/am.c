/*
 * vchordg/am.c
 *		Handler of the access method, validation of operator classes.
 *
 * README.md, "Access method flags", gives the reason of each flag.
 */
#include "postgres.h"

#include "vchordg/am.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "core/attrs.h"
#include "core/compat.h"
#include "core/vector/opclass.h"

#define SUPPORT_NAME 1 /* () returns text: type and metric; label classes have none */

VC_FUNCTION(vchordg_amhandler);

static void
complain(bool *ok, const char *opclass, const char *what, const char *object)
{
	ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				   errmsg("operator class \"%s\" of access method %s: %s %s", opclass, VG_AM_NAME,
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
		case VG_STRATEGY_DISTANCE:
			if (op->amoppurpose != AMOP_ORDER)
				complain(ok, opclass, "must be FOR ORDER BY", name);
			else if (!opfamily_can_sort_type(op->amopsortfamily, result))
				complain(ok, opclass, "has a wrong ORDER BY operator family", name);
			break;
		case VG_STRATEGY_SPHERE:
		case VG_STRATEGY_OVERLAP:
		case VG_STRATEGY_EQUAL:
			if (op->amoppurpose != AMOP_SEARCH || result != BOOLOID)
				complain(ok, opclass, "must be FOR SEARCH and return boolean", name);
			break;
		default:
			complain(ok, opclass, "has an unknown strategy number", name);
	}
	if (op->amoplefttype != family_type)
		complain(ok, opclass, "has another left type than the operator class", name);
}

static bool
is_label_type(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT2ARRAYOID || type == INT4ARRAYOID;
}

bool
vg_amvalidate(Oid opclassoid)
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
		else if (!vcv_opclass_parse(TextDatumGetCString(OidFunctionCall0(proc->amproc)), VG_AM_NAME,
									&meaning) ||
				 meaning.maxsim)
			complain(&ok, name, "names no operator class", proc_name);
		else
			named = true;
	}
	if (ok && !named && !is_label_type(form->opcintype))
		complain(&ok, name, "is missing", "support function 1");

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(class_tuple);
	return ok;
}

/*
 * vchordg_amhandler(internal) returns index_am_handler
 */
Datum
vchordg_amhandler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	(void) fcinfo;
	am->amstrategies = 0;
	am->amsupport = SUPPORT_NAME;
	am->amcanorderbyop = true;
	am->amcanmulticol = true;
	am->amoptionalkey = true;
	am->amsearcharray = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL | VACUUM_OPTION_PARALLEL_CLEANUP;
	am->amusemaintenanceworkmem = true;
	am->amkeytype = InvalidOid;
	vc_indexam_set_build_parallel(am, false);

	am->ambuild = vg_ambuild;
	am->ambuildempty = vg_ambuildempty;
	am->aminsert = vg_aminsert;
	am->ambulkdelete = vg_ambulkdelete;
	am->amvacuumcleanup = vg_amvacuumcleanup;
	am->amcostestimate = vg_amcostestimate;
	am->amoptions = vg_amoptions;
	am->ambuildphasename = vg_ambuildphasename;
	am->amvalidate = vg_amvalidate;
	am->ambeginscan = vg_ambeginscan;
	am->amrescan = vg_amrescan;
	am->amgettuple = vg_amgettuple;
	am->amendscan = vg_amendscan;
	PG_RETURN_POINTER(am);
}
