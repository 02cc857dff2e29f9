/*
 * core/parallel.c
 *		Life of a parallel index build.
 *
 * Start: the leader fills the segment and launches; workers attach, open the relations and wait on
 * `ready` until the leader, who knows only after WaitForParallelWorkersToAttach() how many came, has
 * set up the barriers for that number.  From then on nobody is added, and nobody leaves but by ERROR,
 * which ends the build as a whole; so barriers have a fixed number of parties.
 *
 * Serial: the same structures in local memory with one party.
 *
 * Locks in the segment: LWLocks, released by abort; Barrier and ConditionVariable of core, whose spin
 * locks are held for a few instructions without any call.  Counters are atomics.
 */
#include "postgres.h"

#include "core/parallel.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_proc.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "pgstat.h"
#include "storage/barrier.h"
#include "storage/bufmgr.h"
#include "storage/condition_variable.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* core's rule for a participant of a parallel maintenance command (plan_create_index_workers) */
#define MIN_WORK_MEM_KB 32768

/* keys of the table of contents; high, as numbers below 2^32 are core's */
#define KEY_SHARED       UINT64CONST(0xA100000000000001)
#define KEY_JOB          UINT64CONST(0xA100000000000002)
#define KEY_SCAN         UINT64CONST(0xA100000000000003)
#define KEY_QUERY_TEXT   UINT64CONST(0xA100000000000004)
#define KEY_WAL_USAGE    UINT64CONST(0xA100000000000005)
#define KEY_BUFFER_USAGE UINT64CONST(0xA100000000000006)
#define KEY_SCRATCH      UINT64CONST(0xA100000000000007)

/*
 * Tranche of our locks.  A tranche id of our own would be used up by each build (there are 2^16 in the
 * life of a server), so the waits show under the name of core's for memory shared by parallel workers.
 */
#define LOCK_TRANCHE LWTRANCHE_PARALLEL_QUERY_DSA

typedef struct Shared
{
	Oid heap_oid;
	Oid index_oid;
	bool concurrent;
	bool scan_heap;
	uint64 query_id;
	Size scratch_size;

	ConditionVariable ready;
	pg_atomic_uint32 participants; /* 0 until everybody is there */

	pg_atomic_uint64 heap_tuples;
	pg_atomic_uint32 broken_hot_chain;
	pg_atomic_uint64 scratch_used;
	pg_atomic_uint64 counters[VC_PARALLEL_COUNTERS];
	LWLock locks[VC_PARALLEL_LOCKS];
	Barrier barriers[VC_PARALLEL_BARRIERS];
} Shared;

struct VcParallel
{
	int number;
	int count;
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	const void *job_shared;
	dsm_segment *segment;
	Shared *shared;
	char *scratch;
	ParallelTableScanDesc scan;
	bool scanned;

	/* leader */
	const VcParallelJob *job;
	ParallelContext *pcxt; /* NULL = serial */
	Snapshot snapshot;
	WalUsage *wal_usage;
	BufferUsage *buffer_usage;
};

/* ---- how many workers ---- */

static bool
is_parallel_safe_index(Relation index)
{
	List *expressions = RelationGetIndexExpressions(index);
	List *predicate = RelationGetIndexPredicate(index);
	Query *query;
	ListCell *lc;

	if (expressions == NIL && predicate == NIL)
		return true;

	/* what decides is an Expr walker of the planner that can be reached through a Query only */
	query = makeNode(Query);
	query->commandType = CMD_SELECT;
	foreach (lc, expressions)
		query->targetList = lappend(
			query->targetList,
			makeTargetEntry((Expr *) lfirst(lc), (AttrNumber) (list_length(query->targetList) + 1),
							NULL, false));
	query->jointree = makeFromExpr(NIL, (Node *) predicate);
	return max_parallel_hazard(query) == PROPARALLEL_SAFE;
}

static double
table_blocks(Relation heap)
{
	double blocks = RelationGetNumberOfBlocks(heap);

	if (OidIsValid(heap->rd_rel->reltoastrelid))
	{
		Relation toast = table_open(heap->rd_rel->reltoastrelid, AccessShareLock);

		blocks += RelationGetNumberOfBlocks(toast);
		table_close(toast, AccessShareLock);
	}
	return blocks;
}

int
vc_parallel_workers(Relation heap, Relation index, IndexInfo *index_info pg_attribute_unused())
{
	int workers;

	if (!IsUnderPostmaster || max_parallel_maintenance_workers == 0 ||
		heap->rd_rel->relpersistence == RELPERSISTENCE_TEMP || !is_parallel_safe_index(index))
		return 0;

	/* -1 = not set, also on a table that has other reloptions only */
	workers = RelationGetParallelWorkers(heap, -1);
	if (workers >= 0)
		workers = Min(workers, max_parallel_maintenance_workers);
	else if (table_blocks(heap) >= (double) min_parallel_table_scan_size)
		/* computing on vectors outweighs reading them, so core's log3 of the size is too shy */
		workers = max_parallel_maintenance_workers;
	else
		workers = 0;

	while (workers > 0 && maintenance_work_mem / (workers + 1) < MIN_WORK_MEM_KB)
		workers--;
	return workers;
}

/* ---- set up ---- */

static void
init_shared(Shared *shared, const VcParallelJob *job, Relation heap, Relation index,
			IndexInfo *index_info)
{
	memset(shared, 0, sizeof(*shared));
	shared->heap_oid = RelationGetRelid(heap);
	shared->index_oid = RelationGetRelid(index);
	shared->concurrent = index_info->ii_Concurrent;
	shared->scan_heap = job->scan_heap;
	shared->query_id = pgstat_get_my_query_id();
	shared->scratch_size = job->scratch_size;
	ConditionVariableInit(&shared->ready);
	pg_atomic_init_u32(&shared->participants, 0);
	pg_atomic_init_u64(&shared->heap_tuples, 0);
	pg_atomic_init_u32(&shared->broken_hot_chain, 0);
	/* offset 0 means "none" */
	pg_atomic_init_u64(&shared->scratch_used, PG_CACHE_LINE_SIZE);
	for (int i = 0; i < VC_PARALLEL_COUNTERS; i++)
		pg_atomic_init_u64(&shared->counters[i], 0);
	for (int i = 0; i < VC_PARALLEL_LOCKS; i++)
		LWLockInitialize(&shared->locks[i], LOCK_TRANCHE);
}

/* Fixes the number of parties; the last step before anybody works. */
static void
open_barriers(Shared *shared, int participants)
{
	for (int i = 0; i < VC_PARALLEL_BARRIERS; i++)
		BarrierInit(&shared->barriers[i], participants);
	pg_write_barrier();
	pg_atomic_write_u32(&shared->participants, (uint32) participants);
	ConditionVariableBroadcast(&shared->ready);
}

static void
close_context(VcParallel *parallel)
{
	WaitForParallelWorkersToFinish(parallel->pcxt);
	if (IsMVCCSnapshot(parallel->snapshot))
		UnregisterSnapshot(parallel->snapshot);
	DestroyParallelContext(parallel->pcxt);
	ExitParallelMode();
	parallel->pcxt = NULL;
}

/* Tries to get workers; without any, everything is as it was. */
static void
launch(VcParallel *parallel)
{
	const VcParallelJob *job = parallel->job;
	ParallelContext *pcxt;
	Size scan_size = 0;
	Size query_len = 0;
	int workers;
	void *place;

	EnterParallelMode();
	pcxt = CreateParallelContext(job->library, job->function, job->max_workers);
	parallel->pcxt = pcxt;
	workers = pcxt->nworkers;
	parallel->snapshot = parallel->index_info->ii_Concurrent
							 ? RegisterSnapshot(GetTransactionSnapshot())
							 : SnapshotAny;

	shm_toc_estimate_chunk(&pcxt->estimator, sizeof(Shared));
	shm_toc_estimate_chunk(&pcxt->estimator, Max(job->shared_size, 1));
	shm_toc_estimate_keys(&pcxt->estimator, 2);
	if (job->scan_heap)
	{
		scan_size = table_parallelscan_estimate(parallel->heap, parallel->snapshot);
		shm_toc_estimate_chunk(&pcxt->estimator, scan_size);
		shm_toc_estimate_keys(&pcxt->estimator, 1);
	}
	if (job->scratch_size > 0)
	{
		shm_toc_estimate_chunk(&pcxt->estimator, job->scratch_size);
		shm_toc_estimate_keys(&pcxt->estimator, 1);
	}
	shm_toc_estimate_chunk(&pcxt->estimator, mul_size(sizeof(WalUsage), workers));
	shm_toc_estimate_chunk(&pcxt->estimator, mul_size(sizeof(BufferUsage), workers));
	shm_toc_estimate_keys(&pcxt->estimator, 2);
	if (debug_query_string != NULL)
	{
		query_len = strlen(debug_query_string) + 1;
		shm_toc_estimate_chunk(&pcxt->estimator, query_len);
		shm_toc_estimate_keys(&pcxt->estimator, 1);
	}

	InitializeParallelDSM(pcxt);
	if (pcxt->seg == NULL)
	{
		close_context(parallel);
		return;
	}

	parallel->segment = pcxt->seg;
	parallel->shared = shm_toc_allocate(pcxt->toc, sizeof(Shared));
	init_shared(parallel->shared, job, parallel->heap, parallel->index, parallel->index_info);
	shm_toc_insert(pcxt->toc, KEY_SHARED, parallel->shared);

	place = shm_toc_allocate(pcxt->toc, Max(job->shared_size, 1));
	if (job->shared_size > 0)
		memcpy(place, job->shared, job->shared_size);
	shm_toc_insert(pcxt->toc, KEY_JOB, place);
	parallel->job_shared = place;

	if (job->scan_heap)
	{
		parallel->scan = shm_toc_allocate(pcxt->toc, scan_size);
		table_parallelscan_initialize(parallel->heap, parallel->scan, parallel->snapshot);
		shm_toc_insert(pcxt->toc, KEY_SCAN, parallel->scan);
	}
	if (job->scratch_size > 0)
	{
		parallel->scratch = shm_toc_allocate(pcxt->toc, job->scratch_size);
		shm_toc_insert(pcxt->toc, KEY_SCRATCH, parallel->scratch);
	}
	parallel->wal_usage = shm_toc_allocate(pcxt->toc, mul_size(sizeof(WalUsage), workers));
	shm_toc_insert(pcxt->toc, KEY_WAL_USAGE, parallel->wal_usage);
	parallel->buffer_usage = shm_toc_allocate(pcxt->toc, mul_size(sizeof(BufferUsage), workers));
	shm_toc_insert(pcxt->toc, KEY_BUFFER_USAGE, parallel->buffer_usage);
	if (query_len > 0)
	{
		place = shm_toc_allocate(pcxt->toc, query_len);
		memcpy(place, debug_query_string, query_len);
		shm_toc_insert(pcxt->toc, KEY_QUERY_TEXT, place);
	}

	LaunchParallelWorkers(pcxt);
	if (pcxt->nworkers_launched == 0)
	{
		close_context(parallel);
		return;
	}

	/* raises if one died on the way, so the barriers never wait for a ghost */
	WaitForParallelWorkersToAttach(pcxt);
	parallel->count = pcxt->nworkers_launched + 1;
	open_barriers(parallel->shared, parallel->count);
}

VcParallel *
vc_parallel_begin(const VcParallelJob *job, Relation heap, Relation index, IndexInfo *index_info)
{
	VcParallel *parallel = palloc0(sizeof(VcParallel));

	parallel->job = job;
	parallel->heap = heap;
	parallel->index = index;
	parallel->index_info = index_info;
	parallel->number = 0;
	parallel->count = 1;
	if (job->max_workers > 0)
		launch(parallel);

	if (parallel->pcxt == NULL)
	{
		parallel->job_shared = job->shared;
		parallel->scan = NULL;
		parallel->segment = NULL;
		parallel->shared = palloc(sizeof(Shared));
		init_shared(parallel->shared, job, heap, index, index_info);
		parallel->scratch = job->scratch_size > 0
								? MemoryContextAllocHuge(CurrentMemoryContext, job->scratch_size)
								: NULL;
		open_barriers(parallel->shared, 1);
	}
	return parallel;
}

void
vc_parallel_run(VcParallel *parallel)
{
	parallel->job->work(parallel);

	if (parallel->pcxt != NULL)
	{
		WaitForParallelWorkersToFinish(parallel->pcxt);
		for (int i = 0; i < parallel->pcxt->nworkers_launched; i++)
			InstrAccumParallelQuery(&parallel->buffer_usage[i], &parallel->wal_usage[i]);
	}
	if (pg_atomic_read_u32(&parallel->shared->broken_hot_chain) != 0)
		parallel->index_info->ii_BrokenHotChain = true;
}

void
vc_parallel_end(VcParallel *parallel)
{
	if (parallel->pcxt != NULL)
		close_context(parallel);
	else
	{
		pfree(parallel->shared);
		if (parallel->scratch != NULL)
			pfree(parallel->scratch);
	}
	pfree(parallel);
}

/* ---- workers ---- */

void
vc_parallel_worker_main(dsm_segment *segment, shm_toc *toc, void (*work)(VcParallel *parallel))
{
	Shared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	VcParallel parallel = {0};
	LOCKMODE heap_lock;
	LOCKMODE index_lock;
	WalUsage *wal_usage;
	BufferUsage *buffer_usage;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	pgstat_report_query_id(shared->query_id, false);

	heap_lock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	index_lock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
	parallel.heap = table_open(shared->heap_oid, heap_lock);
	parallel.index = index_open(shared->index_oid, index_lock);
	parallel.index_info = BuildIndexInfo(parallel.index);
	parallel.index_info->ii_Concurrent = shared->concurrent;
	parallel.segment = segment;
	parallel.shared = shared;
	parallel.job_shared = shm_toc_lookup(toc, KEY_JOB, false);
	parallel.scan = shared->scan_heap ? shm_toc_lookup(toc, KEY_SCAN, false) : NULL;
	parallel.scratch = shared->scratch_size > 0 ? shm_toc_lookup(toc, KEY_SCRATCH, false) : NULL;
	parallel.number = ParallelWorkerNumber + 1;

	InstrStartParallelQuery();

	ConditionVariablePrepareToSleep(&shared->ready);
	while (pg_atomic_read_u32(&shared->participants) == 0)
		ConditionVariableSleep(&shared->ready, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	ConditionVariableCancelSleep();
	pg_read_barrier(); /* the barriers were set up before the number */
	parallel.count = (int) pg_atomic_read_u32(&shared->participants);

	work(&parallel);

	if (parallel.index_info->ii_BrokenHotChain)
		pg_atomic_write_u32(&shared->broken_hot_chain, 1);
	wal_usage = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	buffer_usage = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);
	InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber], &wal_usage[ParallelWorkerNumber]);

	index_close(parallel.index, index_lock);
	table_close(parallel.heap, heap_lock);
}

/* ---- any participant ---- */

int
vc_parallel_number(const VcParallel *parallel)
{
	return parallel->number;
}

int
vc_parallel_count(const VcParallel *parallel)
{
	return parallel->count;
}

bool
vc_parallel_is_leader(const VcParallel *parallel)
{
	return parallel->number == 0;
}

Relation
vc_parallel_heap(const VcParallel *parallel)
{
	return parallel->heap;
}

Relation
vc_parallel_index(const VcParallel *parallel)
{
	return parallel->index;
}

IndexInfo *
vc_parallel_index_info(const VcParallel *parallel)
{
	return parallel->index_info;
}

const void *
vc_parallel_shared(const VcParallel *parallel)
{
	return parallel->job_shared;
}

dsm_segment *
vc_parallel_segment(const VcParallel *parallel)
{
	return parallel->segment;
}

int
vc_parallel_work_mem(const VcParallel *parallel)
{
	return maintenance_work_mem / parallel->count;
}

void
vc_parallel_scan_heap(VcParallel *parallel, IndexBuildCallback callback, void *state)
{
	TableScanDesc scan = NULL;
	double tuples;

	if (parallel->scanned)
		elog(ERROR, "a build may scan its table once");
	parallel->scanned = true;

	if (parallel->scan != NULL)
		scan = table_beginscan_parallel(parallel->heap, parallel->scan);
	else if (parallel->count > 1)
		elog(ERROR, "the build was not set up to scan the table");
	tuples = table_index_build_scan(parallel->heap, parallel->index, parallel->index_info, true,
									vc_parallel_is_leader(parallel), callback, state, scan);
	pg_atomic_fetch_add_u64(&parallel->shared->heap_tuples, (int64) tuples);
}

double
vc_parallel_heap_tuples(const VcParallel *parallel)
{
	return (double) pg_atomic_read_u64(&parallel->shared->heap_tuples);
}

pg_atomic_uint64 *
vc_parallel_counter(VcParallel *parallel, int which)
{
	Assert(which >= 0 && which < VC_PARALLEL_COUNTERS);
	return &parallel->shared->counters[which];
}

LWLock *
vc_parallel_lock(VcParallel *parallel, int which)
{
	Assert(which >= 0 && which < VC_PARALLEL_LOCKS);
	return &parallel->shared->locks[which];
}

bool
vc_parallel_barrier(VcParallel *parallel, int which)
{
	Assert(which >= 0 && which < VC_PARALLEL_BARRIERS);
	return BarrierArriveAndWait(&parallel->shared->barriers[which],
								WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
}

VcShmOff
vc_parallel_alloc(VcParallel *parallel, Size size)
{
	Shared *shared = parallel->shared;
	Size rounded = CACHELINEALIGN(size);
	uint64 old;

	if (rounded < size)
		return 0;

	/* compare and exchange, so that a request that does not fit leaves room for a smaller one */
	old = pg_atomic_read_u64(&shared->scratch_used);
	do
	{
		if (old > shared->scratch_size || rounded > shared->scratch_size - old)
			return 0;
	} while (!pg_atomic_compare_exchange_u64(&shared->scratch_used, &old, old + rounded));
	return old;
}

void *
vc_parallel_ptr(const VcParallel *parallel, VcShmOff off)
{
	Assert(off > 0 && off < parallel->shared->scratch_size);
	return parallel->scratch + off;
}
