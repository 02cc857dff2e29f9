/*
 * core/table_pass.h
 *		The nearest rows of a table by one pass over it, for scans whose filter leaves an index little to find.
 *
 * Every row that the snapshot sees is judged by the plan's quals and given a score by the access method.  Of those
 * that pass, the nearest are kept, as many as memory holds; the next pass takes those beyond them.  So all
 * passes together deliver each row once, in ascending order of (score, TID).
 *
 * No guard may be held: quals are arbitrary SQL.
 */
#ifndef VC_CORE_TABLE_PASS_H
#define VC_CORE_TABLE_PASS_H

#include "core/scan.h"

typedef struct VcTablePassRow
{
	float score;
	ItemPointerData tid;
} VcTablePassRow;

/*
 * Score of a row; false: it is none of the results (a null, out of range).  May use vc_heapfetch_values() of
 * the scan's fetcher.
 */
typedef bool (*VcTablePassScore)(void *arg, TupleTableSlot *slot, float *ret_score);

typedef struct VcTablePass
{
	VcScan *scan;
	bool filter; /* evaluate the plan's quals, which are usable */
	VcTablePassScore score;
	void *arg;
	const uint64 *emitted; /* vc_tid_key, ascending: rows delivered before the first pass */
	size_t nemitted;

	VcTablePassRow *rows; /* of the last pass, ascending */
	size_t nrows;

	/* its own */
	size_t room;
	size_t most;
	VcTablePassRow from; /* rows up to it came in earlier passes */
	bool has_from;
	VcTablePassRow cut; /* rows beyond it are for later ones */
	bool has_cut;
} VcTablePass;

/* Is a pass possible at all?  See vc_heapfetch_can_scan(). */
extern bool vc_table_pass_possible(VcScan *scan);

/*
 * Prepare.  memory: bytes for the rows of a pass.  emitted may be NULL; it is the caller's and outlives the pass.
 */
extern void vc_table_pass_init(VcTablePass *pass, VcScan *scan, bool filter, size_t memory,
							   VcTablePassScore score, void *arg, const uint64 *emitted,
							   size_t nemitted);

/* One pass; rows are palloc'd in the context that was current at the first.  Returns true while another may find more. */
extern bool vc_table_pass_run(VcTablePass *pass);

#endif
