/*
 * vchordrq/recall.c
 *		vchordrq_evaluate_query_recall(): how much of the true answer a query finds.
 *
 * The query is run twice with the caller's rights and one snapshot: as it is, and for the truth, either with
 * the index disabled or with every list searched (vchordrq.all_lists, so that any number of levels, of any
 * number of indexes, will do).  Settings are changed at a nest level of their own, which the end of the
 * function gives up and abort as well.
 *
 * Errors of the query keep their code, and their message is prefixed, by a callback of the error context:
 * it replaces the message of the error that is being raised.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "core/attrs.h"

#include "vchordrq/am.h"
#include "vchordrq/sampling.h"

typedef struct Tids
{
	ItemPointerData *items; /* ascending */
	uint64 n;
} Tids;

typedef struct Run
{
	const char *what; /* "ANN" or "Ground Truth" */
	const char *query;
	MemoryContext context; /* of the caller, for the result */
} Run;

/* prefixes the message of an error inside the query */
static void
prefix_error(void *arg)
{
	const Run *r = (const Run *) arg;
	MemoryContext old = MemoryContextSwitchTo(r->context);
	ErrorData *error = CopyErrorData();

	MemoryContextSwitchTo(old);
	if (error->elevel == ERROR)
		errmsg_internal("Error executing %s query \"%s\": %s", r->what, r->query,
						error->message != NULL ? error->message : "");
	FreeErrorData(error);
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

static SPIPlanPtr
prepare(const char *query)
{
	SPIPlanPtr plan = SPI_prepare(query, 0, NULL);
	CachedPlanSource *source;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	source = list_length(SPI_plan_get_plan_sources(plan)) == 1
				 ? (CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan))
				 : NULL;
	if (source == NULL || source->commandTag != CMDTAG_SELECT || source->resultDesc == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the query must be one SELECT statement")));
	if (source->resultDesc->natts != 1 || TupleDescAttr(source->resultDesc, 0)->atttypid != TIDOID)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("the query must return one column of type tid"),
						errhint("Select ctid, as in SELECT ctid FROM ... ORDER BY ... LIMIT ...")));
	return plan;
}

/* Runs the query; its rows, sorted, in the caller's memory. */
static void
run_query(Run *r, Tids *ret)
{
	ErrorContextCallback callback = {error_context_stack, prefix_error, r};
	SPIPlanPtr plan;
	int rc;

	error_context_stack = &callback;
	plan = prepare(r->query);
	/* read-only: the caller's snapshot, for both runs */
	rc = SPI_execute_plan(plan, NULL, NULL, true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	error_context_stack = callback.previous;

	ret->items = MemoryContextAllocHuge(r->context, sizeof(ItemPointerData) * (SPI_processed + 1));
	ret->n = 0;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool null;
		Datum tid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null);

		if (!null)
			ret->items[ret->n++] = *(ItemPointer) DatumGetPointer(tid);
	}
	qsort(ret->items, ret->n, sizeof(ItemPointerData), compare_tids);
	SPI_freetuptable(SPI_tuptable);
	SPI_freeplan(plan);
}

/* rows of both; partitions may have rows of the same tid, so each counts once on either side */
static uint64
count_common(const Tids *a, const Tids *b)
{
	uint64 common = 0;

	for (uint64 i = 0, k = 0; i < a->n && k < b->n;)
	{
		int order = compare_tids(&a->items[i], &b->items[k]);

		common += order == 0;
		i += order <= 0;
		k += order >= 0;
	}
	return common;
}

/* until the nest level ends; privileged: the caller could not switch the sampling off */
static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

static void
set_for_truth(bool exact, const char *probes, float4 epsilon)
{
	if (exact)
	{
		set_local(RQ_GUC_ENABLE_SCAN, "off");
		/* what else would answer the query shall be possible */
		set_local("enable_seqscan", "on");
		set_local("enable_sort", "on");
		return;
	}
	if (probes != NULL)
		set_local(RQ_GUC_PROBES, probes);
	else
		set_local(RQ_GUC_ALL_LISTS, "on");
	set_local(RQ_GUC_EPSILON, psprintf("%g", epsilon));
	set_local(RQ_GUC_MAX_SCAN_TUPLES, "-1");
}

VC_FUNCTION(vchordrq_evaluate_query_recall);

/*
 * vchordrq_evaluate_query_recall(query text, exact_search boolean, accu_probes text, accu_epsilon real)
 * returns real
 */
Datum
vchordrq_evaluate_query_recall(PG_FUNCTION_ARGS)
{
	Run r = {"ANN", NULL, CurrentMemoryContext};
	const char *probes = NULL;
	Tids rough;
	Tids truth;
	float4 epsilon;
	float4 recall;
	bool exact;
	int level;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	r.query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	exact = PG_GETARG_BOOL(1);
	if (!PG_ARGISNULL(2))
		probes = text_to_cstring(PG_GETARG_TEXT_PP(2));
	epsilon = PG_GETARG_FLOAT4(3);
	if (!exact && strstr(r.query, "@#") != NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("MaxSim operator cannot be used for estimated recall evaluation. "
							   "Please use exact_search => true.")));

	SPI_connect();
	level = NewGUCNestLevel();
	/* what is measured was not asked by a user */
	set_local(RQ_GUC_SAMPLING_ENABLE, "off");
	run_query(&r, &rough);
	/* nothing that the query set shall change the truth */
	AtEOXact_GUC(false, level);
	level = NewGUCNestLevel();
	set_local(RQ_GUC_SAMPLING_ENABLE, "off");
	set_for_truth(exact, probes, epsilon);
	r.what = "Ground Truth";
	run_query(&r, &truth);
	AtEOXact_GUC(false, level);
	SPI_finish();

	if (truth.n == 0)
	{
		ereport(WARNING,
				(errmsg("Query \"%s\": No results found, returning NaN for recall.", r.query)));
		PG_RETURN_FLOAT4(get_float4_nan());
	}
	recall = (float4) ((double) count_common(&rough, &truth) / (double) truth.n);
	PG_RETURN_FLOAT4(recall);
}
