/*
 * tests/modules/toy_am.c
 *		An access method without storage: the scan frame, prefilter, heap fetch, parallel build and
 *		inspection under a real executor.
 *
 * An index scan collects what a build would index (so HOT roots, and rows that are deleted but not gone),
 * and delivers it by |value - query|: even values in round 0, odd ones in round 1.  So the order of
 * the two rounds, and which rows a filter or a snapshot withholds, can be told in advance.
 */
#include "postgres.h"

#include "tests/modules/toy.h"

#include <math.h>

#include "access/genam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "utils/builtins.h"
#include "utils/selfuncs.h"

#include "core/attrs.h"
#include "core/buf.h"
#include "core/build_cache.h"
#include "core/compat.h"
#include "core/inspect.h"
#include "core/parallel.h"
#include "core/scan.h"
#include "core/tid.h"

/* what the last scan that ended has done, and the last build */
typedef struct Stats
{
	int64 begun; /* descriptors since load */
	VcScanCounters counters;
	int64 limit;
	bool linked;
	VcPlanQuals quals;
	int participants;
	int64 build_rows;
	int64 build_numbers; /* bit per participant that came */
	int64 build_leaders; /* barriers that elected somebody */
	int64 build_scratch; /* sum read back from the arena */
	double build_heap_tuples;
} Stats;

static Stats stats;

static bool toy_prefilter;
static bool toy_strict;
static bool toy_batch;
static bool toy_link = true;
static int toy_max_tuples = -1;

/* ---- build ---- */

enum
{
	COUNT_ROWS,
	COUNT_NUMBERS,
	COUNT_LEADERS,
	COUNT_SCRATCH,
	COUNT_LAST
};

static void
count_row(Relation index pg_attribute_unused(), ItemPointer tid pg_attribute_unused(),
		  Datum *values pg_attribute_unused(), bool *isnull, bool alive pg_attribute_unused(),
		  void *state)
{
	if (!isnull[0])
		(*(uint64 *) state)++;
}

static void
build_work(VcParallel *parallel)
{
	const uint64 *magic = (const uint64 *) vc_parallel_shared(parallel);
	int number = vc_parallel_number(parallel);
	uint64 rows = 0;
	VcShmOff off;

	if (*magic != UINT64CONST(0x1234567890))
		elog(ERROR, "shared part did not arrive");
	vc_parallel_scan_heap(parallel, count_row, &rows);
	pg_atomic_fetch_add_u64(vc_parallel_counter(parallel, COUNT_ROWS), (int64) rows);

	/* under a lock and not atomically, so that a lock that does not lock would show */
	LWLockAcquire(vc_parallel_lock(parallel, 0), LW_EXCLUSIVE);
	pg_atomic_write_u64(vc_parallel_counter(parallel, COUNT_NUMBERS),
						pg_atomic_read_u64(vc_parallel_counter(parallel, COUNT_NUMBERS)) +
							(UINT64CONST(1) << number));
	LWLockRelease(vc_parallel_lock(parallel, 0));

	off = vc_parallel_alloc(parallel, sizeof(uint64));
	*(uint64 *) vc_parallel_ptr(parallel, off) = (uint64) (number + 1) * 100;
	if (vc_parallel_alloc(parallel, UINT64CONST(1) << 40) != 0)
		elog(ERROR, "arena gave what it does not have");
	pg_atomic_write_u64(vc_parallel_counter(parallel, COUNT_LAST + number), off);

	if (vc_parallel_barrier(parallel, 0))
		pg_atomic_fetch_add_u64(vc_parallel_counter(parallel, COUNT_LEADERS), 1);

	/* everybody reads what the next one wrote */
	off = pg_atomic_read_u64(
		vc_parallel_counter(parallel, COUNT_LAST + (number + 1) % vc_parallel_count(parallel)));
	pg_atomic_fetch_add_u64(vc_parallel_counter(parallel, COUNT_SCRATCH),
							(int64) * (uint64 *) vc_parallel_ptr(parallel, off));
	if (vc_parallel_barrier(parallel, 0))
		pg_atomic_fetch_add_u64(vc_parallel_counter(parallel, COUNT_LEADERS), 1);
}

extern VC_EXPORT void vc_test_toy_worker(dsm_segment *segment, shm_toc *toc);
void
vc_test_toy_worker(dsm_segment *segment, shm_toc *toc)
{
	vc_parallel_worker_main(segment, toc, build_work);
}

static IndexBuildResult *
toy_ambuild(Relation heap, Relation index, IndexInfo *info)
{
	uint64 magic = UINT64CONST(0x1234567890);
	VcParallelJob job = {.library = "vc_test_core",
						 .function = "vc_test_toy_worker",
						 .shared = &magic,
						 .shared_size = sizeof(magic),
						 .scratch_size = 64 * 1024,
						 .scan_heap = true,
						 .work = build_work};
	VcParallel *parallel;
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	ToyOptions toy;

	vc_options_read(&toy_schema, index, &toy);
	job.max_workers = vc_parallel_workers(heap, index, info);
	parallel = vc_parallel_begin(&job, heap, index, info);
	vc_parallel_run(parallel);
	stats.participants = vc_parallel_count(parallel);
	stats.build_rows = (int64) pg_atomic_read_u64(vc_parallel_counter(parallel, COUNT_ROWS));
	stats.build_numbers = (int64) pg_atomic_read_u64(vc_parallel_counter(parallel, COUNT_NUMBERS));
	stats.build_leaders = (int64) pg_atomic_read_u64(vc_parallel_counter(parallel, COUNT_LEADERS));
	stats.build_scratch = (int64) pg_atomic_read_u64(vc_parallel_counter(parallel, COUNT_SCRATCH));
	stats.build_heap_tuples = vc_parallel_heap_tuples(parallel);
	result->heap_tuples = stats.build_heap_tuples;
	result->index_tuples = (double) stats.build_rows;
	vc_parallel_end(parallel);
	return result;
}

static void
toy_ambuildempty(Relation index pg_attribute_unused())
{
}

static bool
toy_aminsert(Relation index pg_attribute_unused(), Datum *values pg_attribute_unused(),
			 bool *isnull pg_attribute_unused(), ItemPointer tid pg_attribute_unused(),
			 Relation heap pg_attribute_unused(), IndexUniqueCheck check pg_attribute_unused(),
			 bool unchanged pg_attribute_unused(), IndexInfo *info pg_attribute_unused())
{
	return false;
}

static IndexBulkDeleteResult *
toy_ambulkdelete(IndexVacuumInfo *info pg_attribute_unused(), IndexBulkDeleteResult *result,
				 IndexBulkDeleteCallback callback pg_attribute_unused(),
				 void *state pg_attribute_unused())
{
	return result;
}

static IndexBulkDeleteResult *
toy_amvacuumcleanup(IndexVacuumInfo *info pg_attribute_unused(), IndexBulkDeleteResult *result)
{
	return result;
}

/* ---- scan ---- */

typedef struct ToyRow
{
	ItemPointerData tid;
	int32 value;
	double distance;
} ToyRow;

typedef struct ToyScan
{
	VcScan base;
	int32 query;
	ToyRow *rows;
	int nrows;
	int room;
	bool *passed; /* with toy_batch: verdicts of a batch */
	int at;
} ToyScan;

static void
collect_row(Relation index pg_attribute_unused(), ItemPointer tid, Datum *values, bool *isnull,
			bool alive pg_attribute_unused(), void *state)
{
	ToyScan *toy = (ToyScan *) state;

	if (isnull[0])
		return;
	if (toy->nrows == toy->room)
	{
		int room = Max(toy->room * 2, 64);

		toy->rows = vc_arena_grow(toy->base.arena, toy->rows, sizeof(ToyRow) * (Size) toy->room,
								  sizeof(ToyRow) * (Size) room);
		toy->room = room;
	}
	toy->rows[toy->nrows].tid = *tid;
	toy->rows[toy->nrows].value = DatumGetInt32(values[0]);
	toy->rows[toy->nrows].distance = fabs((double) DatumGetInt32(values[0]) - toy->query);
	toy->nrows++;
}

static int
compare_rows(const void *a, const void *b)
{
	const ToyRow *x = (const ToyRow *) a;
	const ToyRow *y = (const ToyRow *) b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid),
							  unconstify(ItemPointerData *, &y->tid));
}

static bool
use_prefilter(ToyScan *toy)
{
	return toy_prefilter && vc_prefilter_quals(toy->base.plan)->usable;
}

static bool
judge_row(void *arg, int which, TupleTableSlot *slot)
{
	ToyScan *toy = (ToyScan *) arg;

	toy->base.counters.fetched++;
	toy->passed[which] = vc_prefilter_eval_slot(toy->base.plan, slot);
	if (!toy->passed[which])
		toy->base.counters.filtered++;
	return true;
}

static bool
toy_start(VcScan *s)
{
	ToyScan *toy = (ToyScan *) s;
	IndexInfo *info = BuildIndexInfo(s->scan->indexRelation);

	if ((s->scan->orderByData[0].sk_flags & SK_ISNULL) != 0)
		return false;
	toy->query = DatumGetInt32(s->scan->orderByData[0].sk_argument);
	toy->nrows = toy->room = 0;
	toy->rows = NULL;
	table_index_build_scan(s->scan->heapRelation, s->scan->indexRelation, info, false, false,
						   collect_row, toy, NULL);
	if (toy->nrows > 0)
		qsort(toy->rows, toy->nrows, sizeof(ToyRow), compare_rows);
	toy->at = 0;
	if (toy_batch && use_prefilter(toy))
	{
		ItemPointerData *tids = palloc(sizeof(ItemPointerData) * (Size) Max(toy->nrows, 1));
		int visible;

		toy->passed = vc_arena_alloc0(s->arena, Max(toy->nrows, 1));
		for (int i = 0; i < toy->nrows; i++)
			tids[i] = toy->rows[i].tid;
		visible = vc_heapfetch_batch(vc_scan_fetch(s), tids, toy->nrows, judge_row, toy);
		s->counters.invisible += (uint64) (toy->nrows - visible);
	}
	return true;
}

static bool
toy_next(VcScan *s, VcScanRow *ret_row)
{
	ToyScan *toy = (ToyScan *) s;

	for (; toy->at < toy->nrows; toy->at++)
	{
		ToyRow *row = &toy->rows[toy->at];

		if (abs(row->value % 2) != s->round)
			continue;
		if (use_prefilter(toy) &&
			(toy_batch ? !toy->passed[toy->at]
					   : vc_scan_prefilter(s, &row->tid, NULL) != VC_PREFILTER_PASS))
			continue;
		ret_row->tid = row->tid;
		ret_row->distance = row->distance;
		toy->at++;
		return true;
	}
	return false;
}

static bool
toy_round(VcScan *s, int round)
{
	((ToyScan *) s)->at = 0;
	return round < 2;
}

static const VcScanOps ops = {"toy scan", toy_start, toy_next, toy_round, NULL};

static IndexScanDesc
toy_ambeginscan(Relation index, int nkeys, int norderbys)
{
	stats.begun++;
	return vc_scan_begin(index, nkeys, norderbys, sizeof(ToyScan), &ops);
}

static void
toy_amrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	vc_scan_rescan(scan, keys, nkeys, orderbys, norderbys, "toy");
	vc_scan_of(scan)->max_tuples = toy_max_tuples;
	vc_scan_of(scan)->strict = toy_strict;
}

static bool
toy_amgettuple(IndexScanDesc scan, ScanDirection direction)
{
	return vc_scan_gettuple(scan, direction, "toy");
}

static void
toy_amendscan(IndexScanDesc scan)
{
	VcScan *s = vc_scan_of(scan);

	stats.counters = s->counters;
	stats.limit = s->limit;
	stats.linked = s->plan != NULL;
	stats.quals = *vc_prefilter_quals(s->plan);
	vc_scan_end(scan);
}

static void
toy_amcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup,
				   Cost *total, Selectivity *selectivity, double *correlation, double *pages)
{
	GenericCosts costs = {0};

	genericcostestimate(root, path, loop_count, &costs);
	*startup = path->indexorderbys == NIL ? 1e12 : 0;
	*total = *startup + 1;
	*selectivity = costs.indexSelectivity;
	*correlation = 0;
	*pages = 1;
}

static bool
toy_amvalidate(Oid opclass pg_attribute_unused())
{
	return true;
}

static bool
link_enabled(void)
{
	return toy_link;
}

void
toy_am_init(void)
{
	DefineCustomBoolVariable("vc_test.prefilter", "Filter inside the scan.", NULL, &toy_prefilter,
							 false, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("vc_test.strict", "Never emit out of order.", NULL, &toy_strict, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("vc_test.batch", "Fetch in TID order.", NULL, &toy_batch, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("vc_test.link", "Link scans to plans.", NULL, &toy_link, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vc_test.max_tuples", "Cap on rows.", NULL, &toy_max_tuples, -1, -1,
							INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	vc_prefilter_install(toy_ambeginscan, vc_scan_set_plan, link_enabled);
}

VC_FUNCTION(vc_test_toy_handler);
Datum
vc_test_toy_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	(void) fcinfo;
	am->amstrategies = 0;
	am->amsupport = 0;
	am->amcanorderbyop = true;
	am->amoptionalkey = true;
	am->ambuild = toy_ambuild;
	am->ambuildempty = toy_ambuildempty;
	am->aminsert = toy_aminsert;
	am->ambulkdelete = toy_ambulkdelete;
	am->amvacuumcleanup = toy_amvacuumcleanup;
	am->amcostestimate = toy_amcostestimate;
	am->amoptions = toy_amoptions;
	am->amvalidate = toy_amvalidate;
	am->ambeginscan = toy_ambeginscan;
	am->amrescan = toy_amrescan;
	am->amgettuple = toy_amgettuple;
	am->amendscan = toy_amendscan;
	vc_indexam_set_build_parallel(am, true);
	PG_RETURN_POINTER(am);
}

/* the operator <~> */
VC_FUNCTION(vc_test_distance);
Datum
vc_test_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(fabs((double) PG_GETARG_INT32(0) - PG_GETARG_INT32(1)));
}

/* vc_test_toy_scan(): the last scan that ended */
VC_FUNCTION(vc_test_toy_scan);
Datum
vc_test_toy_scan(PG_FUNCTION_ARGS)
{
	const VcScanCounters *c = &stats.counters;

	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(
		"linked=%d limit=%d quals=%d usable=%d rescans=%d rounds=%d fetched=%d filtered=%d "
		"invisible=%d dropped=%d emitted=%d",
		stats.linked, (int) stats.limit, stats.quals.present, stats.quals.usable, (int) c->rescans,
		(int) c->rounds, (int) c->fetched, (int) c->filtered, (int) c->invisible, (int) c->dropped,
		(int) c->emitted)));
}

VC_FUNCTION(vc_test_toy_selectivity);
Datum
vc_test_toy_selectivity(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_FLOAT8(stats.quals.selectivity);
}

VC_FUNCTION(vc_test_toy_begun);
Datum
vc_test_toy_begun(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_INT64(stats.begun);
}

/* vc_test_toy_build(): the last build in this session */
VC_FUNCTION(vc_test_toy_build);
Datum
vc_test_toy_build(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TEXT_P(cstring_to_text(
		psprintf("participants=%d rows=%d numbers=%d elected=%d scratch=%d heap=%.0f",
				 stats.participants, (int) stats.build_rows, (int) stats.build_numbers,
				 (int) stats.build_leaders, (int) stats.build_scratch, stats.build_heap_tuples)));
}

/* ---- inspection ---- */

typedef struct CheckState
{
	VcKeySet *set;
	VcReport *report;
} CheckState;

static void
add_key(Relation index pg_attribute_unused(), ItemPointer tid, Datum *values pg_attribute_unused(),
		bool *isnull, bool alive pg_attribute_unused(), void *state)
{
	if (!isnull[0])
		vc_keyset_add((VcKeySet *) state, vc_tid_key(tid));
}

static void
ask_key(Relation index pg_attribute_unused(), ItemPointer tid, Datum *values, bool *isnull,
		bool alive pg_attribute_unused(), void *state)
{
	CheckState *check = (CheckState *) state;

	/* the row with value 13 is asked for under a wrong key: a check must be able to fail */
	if (!isnull[0] &&
		!vc_keyset_has(check->set,
					   DatumGetInt32(values[0]) == 13 ? UINT64CONST(1) << 60 : vc_tid_key(tid)))
		vc_report_add(check->report, ItemPointerGetBlockNumber(tid), "no entry for value %d",
					  DatumGetInt32(values[0]));
}

/* vc_test_toy_check(regclass): findings */
VC_FUNCTION(vc_test_toy_check);
Datum
vc_test_toy_check(PG_FUNCTION_ARGS)
{
	const VcInspectSpec spec = {"toy", toy_ambeginscan, VC_INSPECT_OWNER, AccessShareLock, true,
								true};
	VcInspect inspect;
	VcReport report;
	CheckState check;

	vc_report_begin(fcinfo, &report);
	vc_inspect_begin(PG_GETARG_OID(0), &spec, &inspect);
	check.set = vc_keyset_create(100, 1024);
	check.report = &report;
	vc_inspect_scan_heap(&inspect, add_key, check.set);
	if (vc_keyset_finish(check.set) != 0)
		vc_report_add(&report, InvalidBlockNumber, "a row came twice");
	vc_inspect_scan_heap(&inspect, ask_key, &check);
	vc_keyset_destroy(check.set);
	vc_inspect_end(&inspect);
	vc_report_end(&report);
	return (Datum) 0;
}

/* vc_test_toy_block(regclass, bigint): the check of block numbers */
VC_FUNCTION(vc_test_toy_block);
Datum
vc_test_toy_block(PG_FUNCTION_ARGS)
{
	const VcInspectSpec spec = {"toy",           toy_ambeginscan, VC_INSPECT_SELECT,
								AccessShareLock, false,           false};
	VcInspect inspect;
	BlockNumber block;

	vc_inspect_begin(PG_GETARG_OID(0), &spec, &inspect);
	block = vc_inspect_block(&inspect, PG_GETARG_INT64(1));
	vc_inspect_end(&inspect);
	PG_RETURN_INT64((int64) block);
}

/*
 * vc_test_keyset(n, budget): adds 2, 4, .. 2n, then asks for all of them and for the odd numbers between;
 * "exact twice missing false", missing must be 0 always, false 0 while exact.
 */
VC_FUNCTION(vc_test_keyset);
Datum
vc_test_keyset(PG_FUNCTION_ARGS)
{
	uint64 n = (uint64) PG_GETARG_INT32(0);
	VcKeySet *set = vc_keyset_create(PG_GETARG_FLOAT8(2), PG_GETARG_INT32(1));
	uint64 missing = 0;
	uint64 wrong = 0;
	uint64 twice;
	char *result;

	for (uint64 i = 1; i <= n; i++)
		vc_keyset_add(set, i * 2);
	vc_keyset_add(set, 2);
	twice = vc_keyset_finish(set);
	for (uint64 i = 1; i <= n; i++)
	{
		missing += !vc_keyset_has(set, i * 2);
		wrong += vc_keyset_has(set, i * 2 + 1);
	}
	result = psprintf("exact=%d twice=%d missing=%d wrong=%s", vc_keyset_is_exact(set), (int) twice,
					  (int) missing,
					  wrong == 0       ? "none"
					  : wrong * 10 < n ? "few"
									   : "many");
	vc_keyset_destroy(set);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/*
 * vc_test_build_cache(regclass): copies every second block, twice and backwards, and compares all blocks
 * with the pages themselves; then moves the cache, as a DSM segment would.
 */
VC_FUNCTION(vc_test_build_cache);
Datum
vc_test_build_cache(PG_FUNCTION_ARGS)
{
	Relation index = index_open(PG_GETARG_OID(0), AccessShareLock);
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	BlockNumber *blocks = palloc(sizeof(BlockNumber) * 2 * (Size) nblocks);
	uint32 n = 0;
	uint32 hits = 0;
	Size size;
	char *mem;
	char *moved;
	const VcBuildCache *cache;

	for (int pass = 0; pass < 2; pass++)
	{
		for (BlockNumber block = nblocks; block-- > 0;)
		{
			if (block % 2 == 0)
				blocks[n++] = block;
		}
	}
	size = vc_build_cache_size(n);
	mem = palloc(size);
	vc_build_cache_fill(mem, index, blocks, n);
	moved = palloc(size);
	memcpy(moved, mem, size);
	memset(mem, 0x7f, size);
	cache = (const VcBuildCache *) moved;
	for (BlockNumber block = 0; block < nblocks; block++)
	{
		const char *copy = vc_build_cache_page(cache, block);
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read(index, block, VC_PAGE_ANY);

		if ((copy != NULL) != (block % 2 == 0))
			elog(ERROR, "block %u is %s", block, copy != NULL ? "held" : "missing");
		if (copy != NULL && memcmp(copy, r.page, BLCKSZ) != 0)
			elog(ERROR, "copy of block %u differs", block);
		hits += copy != NULL;
	}
	if (vc_build_cache_page(cache, nblocks) != NULL ||
		vc_build_cache_page(cache, InvalidBlockNumber) != NULL ||
		vc_build_cache_page(NULL, 0) != NULL || vc_build_cache_pages(NULL) != 0)
		elog(ERROR, "a page from nowhere");
	if (vc_build_cache_pages(cache) != hits)
		elog(ERROR, "%u pages, %u hits", vc_build_cache_pages(cache), hits);
	index_close(index, AccessShareLock);
	PG_RETURN_INT32((int32) hits);
}
