/*
 * vchordrq/statistics.c
 *		SQL functions of the cumulative counters of scans (core/stats_table.h).
 *
 * Anyone may read them, as those of pg_stat_user_indexes.  The owner of a table may set those of its indexes
 * to zero, the owner of the database those of all indexes in it.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/attrs.h"
#include "core/compat.h"
#include "core/stats_table.h"

#include "vchordrq/inspect.h"

#define COLUMNS 11

VC_FUNCTION(_vchordrq_stat_get);

/* _vchordrq_stat_get(): one row an index that has been scanned */
Datum
_vchordrq_stat_get(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	VcStatsRow *rows;
	int n;

	InitMaterializedSRF(fcinfo, 0);
	rows = vc_stats_read(&n);
	for (int i = 0; i < n; i++)
	{
		const VcScanCounters *c = &rows[i].counters;
		const uint64 counts[] = {c->scans,   c->rounds,   c->lists,     c->codes,  c->reranks,
								 c->fetched, c->filtered, c->invisible, c->emitted};
		Datum values[COLUMNS];
		bool nulls[COLUMNS] = {false};

		StaticAssertStmt(lengthof(counts) == COLUMNS - 2, "one column a counter");
		values[0] = ObjectIdGetDatum(rows[i].index);
		for (size_t k = 0; k < lengthof(counts); k++)
			values[k + 1] = Int64GetDatum((int64) counts[k]);
		values[COLUMNS - 1] = TimestampTzGetDatum(rows[i].reset);
		nulls[COLUMNS - 1] = rows[i].reset == 0;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

VC_FUNCTION(_vchordrq_stat_scope);

/* _vchordrq_stat_scope() returns text: whose scans are counted */
Datum
_vchordrq_stat_scope(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(vc_stats_is_shared() ? "all backends" : "this backend"));
}

VC_FUNCTION(vchordrq_stat_reset);

/* vchordrq_stat_reset(index regclass) returns void; NULL = all indexes of the database */
Datum
vchordrq_stat_reset(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
	{
		if (!object_ownercheck(DatabaseRelationId, MyDatabaseId, GetUserId()))
			aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_DATABASE, get_database_name(MyDatabaseId));
		vc_stats_reset(InvalidOid);
	}
	else
	{
		VcInspect inspect;

		rq_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_OWNER, AccessShareLock, false, &inspect);
		vc_inspect_end(&inspect);
		vc_stats_reset(PG_GETARG_OID(0));
	}
	PG_RETURN_VOID();
}
