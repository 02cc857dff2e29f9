/*
 * core/scan.h
 *		The frame of an ordered index scan: begin, rescan, lazy start, rounds, emission, end.
 *
 * An AM's scan opaque starts with a VcScan.  The AM gives three functions; the frame does the rest:
 *
 *	first fetch		checks the snapshot, then ops->start: nothing of the index is read before it
 *	each fetch		ops->next until it says the round is empty, then ops->round for a further one
 *	limits			max_tuples is a hard cap on emitted rows per rescan
 *	order			inside a round ops->next must ascend by (distance, tid); a later round may hold
 *a nearer row: emitted when `strict` is off, dropped when on (D11)
 *
 * Memory: `mcxt` lives as long as the scan; `arena`, and `work`, which is the current context while an
 * op runs, are reset at every rescan.  A scan owns memory,
 *and pins only inside a call: amendscan is not called after an ERROR. Locks: no guard is alive when
 *an op returns.
 */
#ifndef VC_CORE_SCAN_H
#define VC_CORE_SCAN_H

#include "access/genam.h"
#include "access/relscan.h"
#include "access/sdir.h"

#include "core/arena.h"
#include "core/heapfetch.h"
#include "core/prefilter.h"

typedef struct VcScan VcScan;

/* A row that a scan delivers. */
typedef struct VcScanRow
{
	ItemPointerData tid;
	bool recheck;       /* the executor shall check the index quals again */
	double distance;    /* as the ORDER BY operator returns it */
	bool null_distance; /* the operator's result is null */
} VcScanRow;

/* What happened since begin; rescans add up. */
typedef struct VcScanCounters
{
	uint64 rescans;
	uint64 scans; /* begun: the first row was asked for, after a rescan */
	uint64 rounds;
	uint64 lists;     /* lists (or graph vertices, or terms) visited */
	uint64 codes;     /* candidates looked at by their codes or postings */
	uint64 reranks;   /* exact distances computed */
	uint64 fetched;   /* heap rows fetched by the scan itself */
	uint64 filtered;  /* of these, failed the plan's quals */
	uint64 invisible; /* of these, invisible */
	uint64 dropped;   /* rows withheld by strict order */
	uint64 emitted;
} VcScanCounters;

typedef struct VcScanOps
{
	const char *name; /* of the memory context, a constant: "vchordrq scan" */

	/*
	 * First fetch after a rescan; arguments are in scan->keyData and orderByData.  Begins round 0.
	 * Returns false if nothing can match.
	 */
	bool (*start)(VcScan *scan);

	/* The next row of the round, or false when the round has no more. */
	bool (*next)(VcScan *scan, VcScanRow *ret_row);

	/*
	 * Begin round number `round` (1, 2, ...), or return false if matches are exhausted or a hard
	 * cap forbids it.  NULL = one round only.
	 */
	bool (*round)(VcScan *scan, int round);

	/* At rescan (state of the AM back to nothing; the arena is reset after it) and at end.  May be
	 * NULL. */
	void (*reset)(VcScan *scan);
} VcScanOps;

struct VcScan
{
	const VcScanOps *ops;
	IndexScanDesc scan;
	MemoryContext mcxt;
	MemoryContext work; /* current while an op runs; reset at every rescan */
	VcArena *arena;

	/* set by the AM at amrescan, after vc_scan_rescan() gave the defaults */
	int64 max_tuples; /* -1 = no cap */
	bool strict;      /* never emit out of order */
	int orderby; /* which order-by the rows' distance belongs to; the others are given as null */

	/* read by the AM */
	VcPlanLink *plan; /* NULL = the plain path */
	int64 limit;      /* rows that the plan can take, 0 = unknown; valid in ops */
	int64 emitted;    /* since the rescan */
	int round;        /* current */
	VcScanCounters counters;

	/* the frame's own */
	VcHeapFetch *fetch;
	BlockNumber heap_blocks; /* length of the table as seen last */
	Oid *orderby_types;
	bool started;
	bool finished;
	double last_distance;
	ItemPointerData last_tid;
};

/*
 * Body of ambeginscan: a descriptor whose opaque is opaque_size zeroed bytes that start with a
 * VcScan. Order-by result arrays are allocated.
 */
extern IndexScanDesc vc_scan_begin(Relation index, int nkeys, int norderbys, Size opaque_size,
								   const VcScanOps *ops);

/*
 * Head of amrescan: copies keys and order-bys, resets state and arena, sets max_tuples -1 and
 * strict off.  Raises if there is neither key nor order-by, as `what` ("vector") search needs one.
 */
extern void vc_scan_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
						   int norderbys, const char *what);

/* Body of amgettuple.  Raises for a backward scan or a snapshot that is not MVCC. */
extern bool vc_scan_gettuple(IndexScanDesc scan, ScanDirection direction, const char *what);

/* Body of amendscan. */
extern void vc_scan_end(IndexScanDesc scan);

/* Setter for vc_prefilter_install. */
extern void vc_scan_set_plan(IndexScanDesc scan, VcPlanLink *link);

/* The scan's heap fetcher, made at first use with the scan's snapshot. */
extern VcHeapFetch *vc_scan_fetch(VcScan *scan);

/* vc_prefilter_eval for a candidate of this scan, with the counters kept. */
extern VcPrefilterResult vc_scan_prefilter(VcScan *scan, ItemPointer tid,
										   TupleTableSlot **ret_slot);

/* Rows the executor may still ask for: limit less emitted, at least 1; 0 if unknown. */
extern int64 vc_scan_wanted(const VcScan *scan);

static inline VcScan *
vc_scan_of(IndexScanDesc scan)
{
	return (VcScan *) scan->opaque;
}

#endif
