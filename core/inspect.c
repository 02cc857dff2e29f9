/*
 * core/inspect.c
 *		Frame of the SQL functions that look inside an index.
 *
 * Locking: table before index, both in the mode of the spec, kept until vc_inspect_end() (which gives
 * them up, as readers do).  Table and index may go between our first look and the locks: they are opened
 * as things that may be gone.  REINDEX CONCURRENTLY drops the old index without an exclusive lock: it marks
 * it dead, waits for those who have locked the table by then, and removes the file; so a dead one is not
 * touched.  Crash behaviour: read only.
 */
#include "postgres.h"

#include "core/inspect.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/bloomfilter.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/buf.h"
#include "core/compare.h"
#include "core/compat.h"
#include "core/page.h"

/* ---- opening ---- */

static void
check_right(Relation heap, VcInspectRight right)
{
	Oid relid = RelationGetRelid(heap);
	ObjectType type = get_relkind_objtype(heap->rd_rel->relkind);

	if (right == VC_INSPECT_SELECT)
	{
		AclResult result = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);

		if (result != ACLCHECK_OK)
			aclcheck_error(result, type, RelationGetRelationName(heap));
	}
	else if (right == VC_INSPECT_OWNER &&
			 !object_ownercheck(RelationRelationId, relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, type, RelationGetRelationName(heap));
}

/*
 * In a transaction with an old snapshot, rows of HOT chains that the index does not cover may still be
 * visible; the index is marked so.
 */
static void
check_snapshot(Relation index, Snapshot snapshot)
{
	if (IsolationUsesXactSnapshot() && index->rd_index->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
							   snapshot->xmin))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("index \"%s\" cannot be checked with a snapshot as old as this "
							   "transaction's",
							   RelationGetRelationName(index))));
}

/* Opens what may have been dropped since its number was looked up. */
static Relation
open_relation(Oid oid, LOCKMODE lockmode)
{
	Relation rel = try_relation_open(oid, lockmode);

	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the relation does not exist"),
						errdetail("It was dropped or rebuilt a moment ago.")));
	return rel;
}

void
vc_inspect_begin(Oid index_oid, const VcInspectSpec *spec, VcInspect *ret_inspect)
{
	VcInspect inspect = {0};
	char relkind = get_rel_relkind(index_oid);
	Oid heap_oid;

	if (relkind == '\0')
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the relation does not exist")));
	heap_oid = relkind == RELKIND_INDEX ? IndexGetRelation(index_oid, true) : InvalidOid;
	if (!OidIsValid(heap_oid))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("the relation \"%s\" is not an index", get_rel_name(index_oid))));

	inspect.lockmode = spec->lockmode;
	inspect.heap = open_relation(heap_oid, spec->lockmode);
	check_right(inspect.heap, spec->right);
	inspect.index = open_relation(index_oid, spec->lockmode);

	/* between the look-up and the lock the number may have gone to another relation */
	if (inspect.index->rd_rel->relkind != RELKIND_INDEX ||
		inspect.index->rd_index->indrelid != heap_oid)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("the relation was replaced while it was being opened")));
	if (inspect.index->rd_indam->ambeginscan != spec->ambeginscan)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("the index \"%s\" is not a %s index",
							   RelationGetRelationName(inspect.index), spec->amname)));
	if (RELATION_IS_OTHER_TEMP(inspect.index))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot access temporary tables of other sessions")));
	if (!inspect.index->rd_index->indislive)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is being dropped", RelationGetRelationName(inspect.index))));
	if (spec->need_valid && !inspect.index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", RelationGetRelationName(inspect.index)),
				 errhint("A CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY is at work on it, "
						 "or has failed; then drop the index or REINDEX it.")));

	inspect.save_nestlevel = -1;
	if (spec->heap_scan)
	{
		/* functions of index expressions belong to the owner: run them with no more than his rights */
		GetUserIdAndSecContext(&inspect.save_userid, &inspect.save_seccontext);
		SetUserIdAndSecContext(inspect.heap->rd_rel->relowner,
							   inspect.save_seccontext | SECURITY_RESTRICTED_OPERATION);
		inspect.save_nestlevel = NewGUCNestLevel();
		RestrictSearchPath();
		inspect.snapshot = RegisterSnapshot(GetTransactionSnapshot());
		check_snapshot(inspect.index, inspect.snapshot);
	}
	*ret_inspect = inspect;
}

void
vc_inspect_end(VcInspect *inspect)
{
	if (inspect->snapshot != NULL)
		UnregisterSnapshot(inspect->snapshot);
	if (inspect->save_nestlevel >= 0)
	{
		AtEOXact_GUC(false, inspect->save_nestlevel);
		SetUserIdAndSecContext(inspect->save_userid, inspect->save_seccontext);
	}
	index_close(inspect->index, inspect->lockmode);
	table_close(inspect->heap, inspect->lockmode);
	memset(inspect, 0, sizeof(*inspect));
}

BlockNumber
vc_inspect_block(const VcInspect *inspect, int64 block)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(inspect->index);

	if (block < 0 || block >= (int64) nblocks)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("block number " INT64_FORMAT " is out of range", block),
						errdetail("Index \"%s\" has %u blocks.",
								  RelationGetRelationName(inspect->index), nblocks)));
	return (BlockNumber) block;
}

void
vc_inspect_copy_page(Relation index, BlockNumber block, BufferAccessStrategy strategy,
					 char *ret_page)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read_raw(index, block, strategy);

	memcpy(ret_page, r.page, BLCKSZ);
}

uint16
vc_inspect_page_head(VcJson *json, const char *page, BlockNumber block, const char *const *names,
					 int nnames)
{
	const VcPageOpaque *opaque = vc_page_opaque_read(page);
	uint16 kind = opaque->kind & VC_PAGE_KIND_MASK;
	const char *problem = vc_page_is_new(page) ? NULL : vc_page_problem(page);

	vc_json_open(json, NULL, '{');
	vc_json_number(json, "block", block);
	if (vc_page_is_new(page))
	{
		vc_json_text(json, "kind", "new");
		return 0;
	}
	if (problem != NULL)
	{
		vc_json_text(json, "problem", problem);
		return 0;
	}
	vc_json_text(json, "kind",
				 kind != 0 && pg_rightmost_one_pos32(kind) < nnames
					 ? names[pg_rightmost_one_pos32(kind)]
					 : "unknown");
	vc_json_bool(json, "free", vc_page_is_free(page));
	if (vc_page_is_free(page))
		vc_json_number(json, "free_xid", U64FromFullTransactionId(opaque->free_xid));
	vc_json_number(json, "owner", opaque->owner);
	vc_json_number(json, "incarnation", opaque->incarnation);
	vc_json_block(json, "next", opaque->next);
	if ((opaque->kind & VC_PAGE_SEALED) != 0)
		vc_json_bool(json, "crc_ok", vc_page_seal_ok(page));
	return kind;
}

double
vc_inspect_scan_heap(VcInspect *inspect, IndexBuildCallback callback, void *state)
{
	IndexInfo *info = BuildIndexInfo(inspect->index);
	TableScanDesc scan;

	Assert(inspect->snapshot != NULL);

	/* "concurrent" makes the scan take what the snapshot sees, instead of every row that may live on */
	info->ii_Concurrent = true;
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	info->ii_ExclusionProcs = NULL;
	info->ii_ExclusionStrats = NULL;
	scan = table_beginscan_strat(inspect->heap, inspect->snapshot, 0, NULL, true, true);
	return table_index_build_scan(inspect->heap, inspect->index, info, true, false, callback, state,
								  scan);
}

/* ---- key sets ---- */

struct VcKeySet
{
	MemoryContext context;
	bloom_filter *bloom; /* NULL while exact */
	uint64 *keys;
	uint64 count;
	uint64 room;
	uint64 room_max; /* keys that half of the budget holds */
	int budget_kb;
	double expected;
	bool finished;
};

static void
go_bloom(VcKeySet *set)
{
	int64 expected = (int64) Min(Max(set->expected, (double) set->count * 2), 1e15);
	MemoryContext old = MemoryContextSwitchTo(set->context);

	set->bloom = bloom_create(Max(expected, 1), set->budget_kb / 2, 0);
	MemoryContextSwitchTo(old);
	for (uint64 i = 0; i < set->count; i++)
		bloom_add_element(set->bloom, (unsigned char *) &set->keys[i], sizeof(uint64));
	if (set->keys != NULL)
		pfree(set->keys);
	set->keys = NULL;
}

VcKeySet *
vc_keyset_create(double expected, int budget_kb)
{
	VcKeySet *set = palloc0(sizeof(VcKeySet));

	set->context = CurrentMemoryContext;
	set->expected = expected;
	set->budget_kb = Max(budget_kb, 1024);
	/* half for the keys, half for the filter, which are both there for the moment of change */
	set->room_max = (uint64) set->budget_kb * 1024 / 2 / sizeof(uint64);
	if (expected > (double) set->room_max)
		go_bloom(set);
	return set;
}

void
vc_keyset_add(VcKeySet *set, uint64 key)
{
	Assert(!set->finished);
	if (set->bloom == NULL && set->count == set->room)
	{
		if (set->room == set->room_max)
			go_bloom(set);
		else
		{
			set->room = Min(Max(set->room * 2, 1024), set->room_max);
			set->keys = set->keys == NULL
							? MemoryContextAllocHuge(set->context, set->room * sizeof(uint64))
							: repalloc_huge(set->keys, set->room * sizeof(uint64));
		}
	}
	if (set->bloom != NULL)
		bloom_add_element(set->bloom, (unsigned char *) &key, sizeof(key));
	else
		set->keys[set->count] = key;
	set->count++;
}

uint64
vc_keyset_finish(VcKeySet *set)
{
	uint64 twice = 0;

	set->finished = true;
	if (set->bloom != NULL || set->count == 0)
		return 0;
	qsort(set->keys, set->count, sizeof(uint64), vc_compare_u64);
	for (uint64 i = 1; i < set->count; i++)
		twice += set->keys[i] == set->keys[i - 1];
	return twice;
}

bool
vc_keyset_has(const VcKeySet *set, uint64 key)
{
	Assert(set->finished);
	if (set->bloom != NULL)
		return !bloom_lacks_element(set->bloom, (unsigned char *) &key, sizeof(key));
	if (set->count == 0)
		return false;
	return bsearch(&key, set->keys, set->count, sizeof(uint64), vc_compare_u64) != NULL;
}

bool
vc_keyset_is_exact(const VcKeySet *set)
{
	return set->bloom == NULL;
}

uint64
vc_keyset_count(const VcKeySet *set)
{
	return set->count;
}

void
vc_keyset_destroy(VcKeySet *set)
{
	if (set->bloom != NULL)
		bloom_free(set->bloom);
	if (set->keys != NULL)
		pfree(set->keys);
	pfree(set);
}

/* ---- findings ---- */

void
vc_report_begin(FunctionCallInfo fcinfo, VcReport *ret_report)
{
	ReturnSetInfo *result;

	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	ret_report->store = result->setResult;
	ret_report->desc = result->setDesc;
	ret_report->count = 0;
	ret_report->limit = VC_REPORT_LIMIT;
	if (ret_report->desc->natts != 2)
		elog(ERROR, "a report has two columns, block and message");
}

static void
put_row(VcReport *report, BlockNumber block, const char *message)
{
	Datum values[2];
	bool isnull[2] = {false, false};

	isnull[0] = block == InvalidBlockNumber;
	values[0] = Int64GetDatum((int64) block);
	values[1] = CStringGetTextDatum(message);
	tuplestore_putvalues(report->store, report->desc, values, isnull);
	pfree(DatumGetPointer(values[1]));
}

void
vc_report_add(VcReport *report, BlockNumber block, const char *fmt, ...)
{
	StringInfoData message;

	if (report->count++ >= report->limit)
		return;

	initStringInfo(&message);
	for (;;)
	{
		va_list args;
		int needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&message, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}
	put_row(report, block, message.data);
	pfree(message.data);
}

void
vc_report_end(VcReport *report)
{
	if (report->count > report->limit)
	{
		char *message = psprintf(UINT64_FORMAT " further findings are not listed",
								 report->count - report->limit);

		put_row(report, InvalidBlockNumber, message);
		pfree(message);
	}
}
