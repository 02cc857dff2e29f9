/*
 * core/inspect.h
 *		Frame of the SQL functions that look inside an index: *_index_check, *_page_inspect,
 *		*_index_info, *_prewarm.
 *
 * Opening follows amcheck: table before index, privileges checked on the table after it is locked,
 * and for functions that run index expressions the table owner's identity in a security-restricted
 * operation with a safe search_path.  On ERROR transaction abort restores identity and settings.
 *
 * heapallindexed: the snapshot is taken when the inspection begins, before the index is read, so
 * every row that it sees must be found in the index.  The AM puts a key for each index entry into a
 * VcKeySet, then walks the table with vc_inspect_scan_heap() and asks for each row.
 *
 * Findings go to a VcReport: rows (block, message) of a set-returning function, so that one damaged
 * page does not hide the others.
 */
#ifndef VC_CORE_INSPECT_H
#define VC_CORE_INSPECT_H

#include "access/amapi.h"
#include "access/tableam.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "storage/block.h"
#include "storage/buf.h"
#include "storage/itemptr.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"

#include "core/json.h"

typedef enum VcInspectRight
{
	VC_INSPECT_ANY,    /* EXECUTE on the function is enough */
	VC_INSPECT_SELECT, /* SELECT on the table, or pg_read_all_data's equivalent */
	VC_INSPECT_OWNER   /* owner of the table, or superuser */
} VcInspectRight;

typedef struct VcInspect
{
	Relation heap;
	Relation index;
	Snapshot snapshot; /* with heap_scan; else NULL */
	LOCKMODE lockmode;
	Oid save_userid;
	int save_seccontext;
	int save_nestlevel;
} VcInspect;

/* How to open. */
typedef struct VcInspectSpec
{
	const char *amname;               /* "vchordrq" */
	ambeginscan_function ambeginscan; /* identifies the AM */
	VcInspectRight right;
	LOCKMODE lockmode; /* on table and index, AccessShareLock for readers */
	bool heap_scan;    /* index expressions will run: snapshot, owner's identity */
	bool need_valid;   /* refuse an index that is not valid */
} VcInspectSpec;

/*
 * Opens the index and its table.  Errors: "the relation does not exist" (also if it goes while it is being
 * opened), `the relation "x" is not an index` (partitioned ones too), `the index "x" is not a vchordrq
 * index`, no privilege, temporary table of another session, being dropped, not valid.
 */
extern void vc_inspect_begin(Oid index_oid, const VcInspectSpec *spec, VcInspect *ret_inspect);
extern void vc_inspect_end(VcInspect *inspect);

/* Block number of a SQL integer, checked against the size of the index. */
extern BlockNumber vc_inspect_block(const VcInspect *inspect, int64 block);

/* Copies a page as it is, damaged or not; strategy may be NULL. */
extern void vc_inspect_copy_page(Relation index, BlockNumber block, BufferAccessStrategy strategy,
								 char *ret_page);

/*
 * Opens an object and writes what every page has: kind, owner, incarnation, next; the caller adds what is
 * behind and closes it.  names: of the kinds, by bit.  Returns the kind, or 0 if there is nothing behind: the
 * page is new, or too damaged to be looked into.
 */
extern uint16 vc_inspect_page_head(VcJson *json, const char *page, BlockNumber block,
								   const char *const *names, int nnames);

/*
 * Calls back for each row that the snapshot sees and the index should hold (predicate applied,
 * expressions evaluated), as table_index_build_scan does.  Returns the number of rows.
 */
extern double vc_inspect_scan_heap(VcInspect *inspect, IndexBuildCallback callback, void *state);

/*
 * A set of 64-bit keys within a budget: exact (sorted) while it fits, a Bloom filter beyond it, so
 * a key that was added is always found, and one that was not is found wrongly with a chance that
 * grows with the shortage of memory.
 */
typedef struct VcKeySet VcKeySet;

/*
 * expected: estimated number of keys; budget in kB, of maintenance_work_mem.  All that it will hold is of the
 * current context.
 */
extern VcKeySet *vc_keyset_create(double expected, int budget_kb);
extern void vc_keyset_add(VcKeySet *set, uint64 key);
/* Ends adding; needed before vc_keyset_has.  Returns the number of keys that were added twice
 * (exact sets only). */
extern uint64 vc_keyset_finish(VcKeySet *set);
extern bool vc_keyset_has(const VcKeySet *set, uint64 key);
extern bool vc_keyset_is_exact(const VcKeySet *set);
extern uint64 vc_keyset_count(const VcKeySet *set);
extern void vc_keyset_destroy(VcKeySet *set);

/* Findings of a check. */
typedef struct VcReport
{
	Tuplestorestate *store;
	TupleDesc desc;
	uint64 count;
	uint64 limit; /* further findings are counted but not stored */
} VcReport;

/* findings stored at most: a wholly damaged index shall not fill memory */
#define VC_REPORT_LIMIT 1000

/*
 * Sets up a materialised result of a function that returns TABLE (block bigint, message text).
 */
extern void vc_report_begin(FunctionCallInfo fcinfo, VcReport *ret_report);
/* InvalidBlockNumber = no block (NULL). */
extern void vc_report_add(VcReport *report, BlockNumber block, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds a row that tells how many were left out, if any. */
extern void vc_report_end(VcReport *report);

#endif
