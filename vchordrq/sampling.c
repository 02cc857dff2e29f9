/*
 * vchordrq/sampling.c
 *		Recording of query vectors, and the SQL functions that show them.
 *
 * A query is recorded at the first fetch of a scan, with the chance of query_sampling_rate.  On a standby as
 * well: OIDs are the primary's, the store is the standby's own.
 *
 * Rights: a query tells what others look for, so it takes SELECT on the table (or on the indexed columns), and no row
 * security that binds the reader, or membership in pg_read_all_stats.
 *
 * What does not exist any more is found by look-ups in the catalog while recording, so that nothing has to be
 * hooked: an index that is dropped takes its samples along when the transaction has committed.
 */
#include "postgres.h"

#include "vchordrq/sampling.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "core/attrs.h"

#include "vchordrq/am.h"
#include "vchordrq/inspect.h"

/* how long a reader waits for writers, in steps of a millisecond; a writer takes less than one */
#define READ_PATIENCE 5000

static bool sampling_enable = false;
static int sampling_max_records = 0;
static double sampling_rate = 0;

void
rq_sampling_init(void)
{
	DefineCustomBoolVariable(RQ_GUC_SAMPLING_ENABLE, "Records query vectors of index scans.",
							 "vchordrq_sampled_queries shows them.", &sampling_enable, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vchordrq.query_sampling_max_records",
							"Queries kept of each index; the oldest go.", "0 records none.",
							&sampling_max_records, 0, 0, RQ_SAMPLE_RECORDS_MAX, PGC_SUSET, 0, NULL,
							NULL, NULL);
	DefineCustomRealVariable("vchordrq.query_sampling_rate",
							 "Share of the scans whose query is recorded.", "0 records none.",
							 &sampling_rate, 0, 0, 1, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* ---- recording ---- */

/* the table of an index of ours, or InvalidOid */
static Oid
heap_of(Oid index)
{
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Oid heap = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		heap = ((Form_pg_index) GETSTRUCT(tuple))->indrelid;
		ReleaseSysCache(tuple);
	}
	return heap;
}

static bool
key_exists(const RqSampleKey *key)
{
	return heap_of(key->index) == key->heap;
}

static bool
database_exists(Oid database)
{
	return SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database));
}

/* The text form of the vector; the quantised types have spaces in theirs, which are left out. */
static char *
query_text(Relation index, Datum query)
{
	Oid output;
	bool varlena;
	char *text;
	char *to;

	getTypeOutputInfo(index->rd_opcintype[0], &output, &varlena);
	text = OidOutputFunctionCall(output, query);
	to = text;
	for (const char *from = text; *from != '\0'; from++)
	{
		if (*from != ' ')
			*to++ = *from;
	}
	*to = '\0';
	return text;
}

void
rq_sampling_record(Relation index, Datum query)
{
	RqSampleKey key;
	const char *message;
	char *text;

	if (!sampling_enable || sampling_max_records == 0 || sampling_rate == 0)
		return;
	if (pg_prng_double(&pg_global_prng_state) >= sampling_rate)
		return;

	key.index = RelationGetRelid(index);
	key.heap = index->rd_index->indrelid;
	text = query_text(index, query);
	if (rq_store_append(&key, text, sampling_max_records, key_exists, database_exists, &message) !=
		RQ_STORE_OK)
		elog(DEBUG1, "query of index \"%s\" was not recorded: %s", RelationGetRelationName(index),
			 message);
	pfree(text);
}

/* ---- reading ---- */

/*
 * The next query of the key that is text in this database's encoding, waiting for writers; false if there is
 * none.
 */
static bool
next_text(const RqSampleKey *key, int64 *position, char **ret_text)
{
	int waited = 0;

	for (;;)
	{
		const char *message;
		RqStoreResult result = rq_store_next(key, position, ret_text, &message);

		CHECK_FOR_INTERRUPTS();
		if (result == RQ_STORE_END)
			return false;
		if (result == RQ_STORE_OK)
		{
			int len = (int) strlen(*ret_text);

			if (pg_verify_mbstr(GetDatabaseEncoding(), *ret_text, len, true))
				return true;
			pfree(*ret_text);
			continue;
		}
		if (result == RQ_STORE_BUSY && waited++ < READ_PATIENCE)
		{
			pg_usleep(1000);
			continue;
		}
		ereport(ERROR,
				(errcode(result == RQ_STORE_BUSY ? ERRCODE_LOCK_NOT_AVAILABLE : ERRCODE_IO_ERROR),
				 errmsg("recorded queries could not be read: %s", message),
				 errhint("A damaged store is made anew when the next query is recorded.")));
	}
}

/* May the user see what others asked of this index? */
static bool
may_read(const FormData_pg_index *index)
{
	Oid user = GetUserId();
	Oid heap = index->indrelid;

	if (has_privs_of_role(user, ROLE_PG_READ_ALL_STATS))
		return true;
	if (check_enable_rls(heap, InvalidOid, true) == RLS_ENABLED)
		return false;
	if (pg_class_aclcheck(heap, user, ACL_SELECT) == ACLCHECK_OK)
		return true;
	for (int i = 0; i < index->indnatts; i++)
	{
		AttrNumber column = index->indkey.values[i];

		/* an expression may be over any of them */
		if (column == 0 || pg_attribute_aclcheck(heap, column, user, ACL_SELECT) != ACLCHECK_OK)
			return false;
	}
	return index->indnatts > 0;
}

/* What vchordrq_sampled_queries says of an index, beside the query itself, which comes last. */
#define QUERY_COLUMNS 6

typedef struct Description
{
	Datum values[QUERY_COLUMNS];
	bool nulls[QUERY_COLUMNS];
} Description;

static void
set_name(Description *d, int column, const char *name)
{
	d->nulls[column] = name == NULL;
	if (name != NULL)
		d->values[column] = DirectFunctionCall1(namein, CStringGetDatum(name));
}

/* From the catalog alone, so that the view waits for no lock; a name that is gone is null. */
static void
describe(HeapTuple index_tuple, Description *ret)
{
	const FormData_pg_index *index = (const FormData_pg_index *) GETSTRUCT(index_tuple);
	bool null;
	Datum classes = SysCacheGetAttr(INDEXRELID, index_tuple, Anum_pg_index_indclass, &null);
	Oid opclass = ((oidvector *) DatumGetPointer(classes))->values[0];
	Oid type = get_opclass_input_type(opclass);
	Oid order = get_opfamily_member(get_opclass_family(opclass), type, type, 1);
	AttrNumber column = index->indkey.values[0];

	memset(ret, 0, sizeof(*ret));
	set_name(ret, 0, get_namespace_name(get_rel_namespace(index->indrelid)));
	set_name(ret, 1, get_rel_name(index->indexrelid));
	set_name(ret, 2, get_rel_name(index->indrelid));
	set_name(ret, 3, column == 0 ? NULL : get_attname(index->indrelid, column, true));
	set_name(ret, 4, OidIsValid(order) ? get_opname(order) : NULL);
}

/* Puts the queries of an index into the result; described = NULL: the text alone. */
static void
put_queries(ReturnSetInfo *result, const RqSampleKey *key, Description *described)
{
	int64 position = PG_INT64_MAX;
	char *text;

	while (next_text(key, &position, &text))
	{
		Datum value = CStringGetTextDatum(text);

		if (described != NULL)
		{
			described->values[QUERY_COLUMNS - 1] = value;
			tuplestore_putvalues(result->setResult, result->setDesc, described->values,
								 described->nulls);
		}
		else
		{
			bool null = false;

			tuplestore_putvalues(result->setResult, result->setDesc, &value, &null);
		}
		pfree(DatumGetPointer(value));
		pfree(text);
	}
}

/* The queries of one index that the caller names: an error where he may not see them. */
static void
put_named(FunctionCallInfo fcinfo, bool with_description)
{
	Oid oid = PG_GETARG_OID(0);
	VcInspect inspect;
	RqSampleKey key;
	Description described;

	rq_inspect_begin(oid, VC_INSPECT_ANY, AccessShareLock, false, &inspect);
	key.index = oid;
	key.heap = RelationGetRelid(inspect.heap);
	if (!may_read(inspect.index->rd_index))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for recorded queries of index \"%s\"",
						RelationGetRelationName(inspect.index)),
				 errdetail("They are for users with SELECT on table \"%s\" whom no row security "
						   "restricts, and for members of pg_read_all_stats.",
						   RelationGetRelationName(inspect.heap))));
	describe(inspect.index->rd_indextuple, &described);
	vc_inspect_end(&inspect);
	put_queries((ReturnSetInfo *) fcinfo->resultinfo, &key, with_description ? &described : NULL);
}

VC_FUNCTION(vchordrq_sampled_values);

/* vchordrq_sampled_values(index regclass) returns setof text */
Datum
vchordrq_sampled_values(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	put_named(fcinfo, false);
	return (Datum) 0;
}

VC_FUNCTION(vchordrq_sampled_queries);

/* vchordrq_sampled_queries(index regclass) returns table */
Datum
vchordrq_sampled_queries(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	put_named(fcinfo, true);
	return (Datum) 0;
}

/* Indexes of an access method, by OID; the catalog is not open while they are looked at. */
static List *
indexes_of(Oid am)
{
	Relation catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	List *indexes = NIL;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relkind == RELKIND_INDEX && form->relam == am)
			indexes = lappend_oid(indexes, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return indexes;
}

/* The queries of one of all indexes: nothing where the user may not see them. */
static void
put_if_allowed(ReturnSetInfo *result, Oid oid)
{
	HeapTuple tuple = SearchSysCacheCopy1(INDEXRELID, ObjectIdGetDatum(oid));
	Form_pg_index index;
	Description described;

	if (!HeapTupleIsValid(tuple))
		return;
	index = (Form_pg_index) GETSTRUCT(tuple);
	/* a table that has gone meanwhile has no rights to ask for */
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(index->indrelid)) && may_read(index))
	{
		RqSampleKey key = {oid, index->indrelid};

		describe(tuple, &described);
		put_queries(result, &key, &described);
	}
	heap_freetuple(tuple);
}

VC_FUNCTION(_vchordrq_sampled_queries_all);

/* _vchordrq_sampled_queries_all(): what the view shows */
Datum
_vchordrq_sampled_queries_all(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid am = get_am_oid(RQ_AM_NAME, true);
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, OidIsValid(am) ? indexes_of(am) : NIL)
	{
		CHECK_FOR_INTERRUPTS();
		put_if_allowed(result, lfirst_oid(lc));
	}
	return (Datum) 0;
}
