/*
 * core/parallel.h
 *		Life of a parallel index build: one function that the leader and its workers all run.
 *
 *	vc_parallel_begin()		leader: decides on workers, sets up shared memory, launches, waits for
 *							attach.  Never fails to give a VcParallel: without workers (setting, no
 *							segment, none started) it is serial and everything lives in local
 *memory. job->work(p)			every participant, leader included: scans its share of the table
 *							(vc_parallel_scan_heap), waits at barriers, does page work by its
 *number. vc_parallel_run()		leader: runs work and waits for all workers vc_parallel_end()
 *leader: collects buffer and WAL usage, ends parallel mode
 *
 * Participants are numbered 0 .. n - 1: the leader is 0, worker i is i + 1.
 *
 * Shared memory holds: the job's immutable part (copied in), counters, locks, barriers, the
 *parallel table scan, and a scratch arena with relative pointers.  ERROR in any participant: the
 *leader gets it at its next CHECK_FOR_INTERRUPTS or barrier, abort ends the workers, the segment
 *goes with the resource owner.  Nothing here survives abort.
 *
 * Heavyweight locks: workers take ShareLock on the table and AccessExclusiveLock on the index, or
 * ShareUpdateExclusiveLock and RowExclusiveLock under CONCURRENTLY; they are in the leader's lock
 * group, so nothing conflicts.  While parallel mode lasts no transaction id may be assigned and the
 * command counter stands still.
 */
#ifndef VC_CORE_PARALLEL_H
#define VC_CORE_PARALLEL_H

#include "access/parallel.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/rel.h"

typedef struct VcParallel VcParallel;

/* room for these in the shared part; plenty for the builds that exist */
#define VC_PARALLEL_COUNTERS 16
#define VC_PARALLEL_LOCKS    8
#define VC_PARALLEL_BARRIERS 8

/* Place in the scratch arena; 0 = none. */
typedef uint64 VcShmOff;

/* What a build wants; the leader's, alive until vc_parallel_end. */
typedef struct VcParallelJob
{
	const char
		*library; /* module as in pg_proc.probin, "$libdir/vchordrq" without the prefix works */
	const char *function; /* exported entry point of workers; it calls vc_parallel_worker_main() */
	const void *shared;   /* immutable part: shared_size bytes, position independent */
	Size shared_size;
	Size scratch_size; /* of the arena, shared by all; 0 = none */
	int max_workers;   /* from vc_parallel_workers() or less */
	bool scan_heap;    /* set up a parallel scan of the table */

	/* what every participant runs; the leader's pointer is used in the leader only */
	void (*work)(VcParallel *parallel);
} VcParallelJob;

/*
 * Workers worth having for a build: 0 in single-user mode, for temporary tables, when
 * max_parallel_maintenance_workers is 0 or an index expression or predicate is not parallel safe;
 * else the table's parallel_workers if set, else max_parallel_maintenance_workers if table and
 * TOAST reach min_parallel_table_scan_size; never more than maintenance_work_mem gives 32 MB each.
 */
extern int vc_parallel_workers(Relation heap, Relation index, IndexInfo *index_info);

/* Leader. */
extern VcParallel *vc_parallel_begin(const VcParallelJob *job, Relation heap, Relation index,
									 IndexInfo *index_info);
extern void vc_parallel_run(VcParallel *parallel);
extern void vc_parallel_end(VcParallel *parallel);

/*
 * Body of the exported entry point: opens the relations, runs work, reports usage.  `work` is the
 * same function as in the job.
 */
extern void vc_parallel_worker_main(dsm_segment *segment, shm_toc *toc,
									void (*work)(VcParallel *parallel));

/* Any participant. */
extern int vc_parallel_number(const VcParallel *parallel); /* 0 = leader */
extern int vc_parallel_count(const VcParallel *parallel);  /* participants, >= 1 */
extern bool vc_parallel_is_leader(const VcParallel *parallel);
extern Relation vc_parallel_heap(const VcParallel *parallel);
extern Relation vc_parallel_index(const VcParallel *parallel);
extern IndexInfo *vc_parallel_index_info(const VcParallel *parallel);
extern const void *vc_parallel_shared(const VcParallel *parallel);
/* the segment that shared sorts and files hang on; NULL when serial */
extern dsm_segment *vc_parallel_segment(const VcParallel *parallel);
/* kB of maintenance_work_mem that this participant may use */
extern int vc_parallel_work_mem(const VcParallel *parallel);

/*
 * Scans this participant's share of the table (all of it when serial), calling back as
 * table_index_build_scan does.  At most once per run.  Heap tuples are added to the total; the
 * index tuple count is the caller's affair (a counter).
 */
extern void vc_parallel_scan_heap(VcParallel *parallel, IndexBuildCallback callback, void *state);

/* Sum over participants, after vc_parallel_run. */
extern double vc_parallel_heap_tuples(const VcParallel *parallel);

/* Shared counters, zero at begin. */
extern pg_atomic_uint64 *vc_parallel_counter(VcParallel *parallel, int which);

/* Shared LWLocks; released by abort like any. */
extern LWLock *vc_parallel_lock(VcParallel *parallel, int which);

/*
 * Waits until all participants have come to barrier `which`; interruptible.  Returns true in
 * exactly one participant.  A barrier may be used again: it has phases.
 */
extern bool vc_parallel_barrier(VcParallel *parallel, int which);

/*
 * Scratch arena: bump allocation, aligned to a cache line, not zeroed, never freed singly.  0 when
 * it is full.  Offsets may be stored in shared memory; addresses differ from process to process.
 */
extern VcShmOff vc_parallel_alloc(VcParallel *parallel, Size size);
extern void *vc_parallel_ptr(const VcParallel *parallel, VcShmOff off);

#endif
