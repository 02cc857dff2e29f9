/*
 * tests/modules/store_am.c
 *		An access method that stores nothing: its indexes are relations for the tests of core's pages.
 *
 * Build and init fork write one page (kind STORE_META); everything else is done by SQL functions of
 * store_*.c.  The planner is kept away by the cost.
 */
#include "postgres.h"

#include "store.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "core/attrs.h"
#include "core/buf.h"
#include "core/page_writer.h"
#include "core/report.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

VC_FUNCTION(vc_test_am_handler);

static IndexBuildResult *
store_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	VcPageWriter *writer = vc_page_writer_begin(index, MAIN_FORKNUM);
	BlockNumber blkno;

	(void) heap;
	(void) info;
	vc_page_init(vc_page_writer_next(writer, &blkno), STORE_META, 0, 0);
	vc_page_writer_put(writer);
	vc_page_writer_end(writer);
	return result;
}

static void
store_buildempty(Relation index)
{
	PGAlignedBlock page;

	memset(page.data, 0, BLCKSZ);
	vc_page_init(page.data, STORE_META, 0, 0);
	vc_init_fork_append(index, page.data);
}

static bool
store_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
			 IndexUniqueCheck check, bool unchanged, IndexInfo *info)
{
	(void) index;
	(void) values;
	(void) isnull;
	(void) tid;
	(void) heap;
	(void) check;
	(void) unchanged;
	(void) info;
	return false;
}

static IndexBulkDeleteResult *
store_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				 IndexBulkDeleteCallback callback, void *state)
{
	(void) info;
	(void) callback;
	(void) state;
	return stats != NULL ? stats : palloc0(sizeof(IndexBulkDeleteResult));
}

static IndexBulkDeleteResult *
store_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	(void) info;
	return stats;
}

static void
store_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
		   Selectivity *selectivity, double *correlation, double *pages)
{
	(void) root;
	(void) path;
	(void) loop_count;
	*startup = *total = 1e300;
	*selectivity = 1;
	*correlation = 0;
	*pages = 1;
}

static bytea *
store_options(Datum reloptions, bool validate)
{
	(void) reloptions;
	(void) validate;
	return NULL;
}

static bool
store_validate(Oid opclass)
{
	(void) opclass;
	return true;
}

static IndexScanDesc
store_beginscan(Relation index, int nkeys, int norderbys)
{
	return RelationGetIndexScan(index, nkeys, norderbys);
}

static void
store_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	(void) scan;
	(void) keys;
	(void) nkeys;
	(void) orderbys;
	(void) norderbys;
}

static bool
store_gettuple(IndexScanDesc scan, ScanDirection direction)
{
	(void) scan;
	(void) direction;
	return false;
}

static void
store_endscan(IndexScanDesc scan)
{
	(void) scan;
}

Datum
vc_test_am_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	(void) fcinfo;
	am->amcanmulticol = true;
	am->amstrategies = 0;
	am->amkeytype = InvalidOid;
	am->ambuild = store_build;
	am->ambuildempty = store_buildempty;
	am->aminsert = store_insert;
	am->ambulkdelete = store_bulkdelete;
	am->amvacuumcleanup = store_vacuumcleanup;
	am->amcostestimate = store_cost;
	am->amoptions = store_options;
	am->amvalidate = store_validate;
	am->ambeginscan = store_beginscan;
	am->amrescan = store_rescan;
	am->amgettuple = store_gettuple;
	am->amendscan = store_endscan;
	PG_RETURN_POINTER(am);
}

Relation
store_open(Oid index, Relation *ret_heap)
{
	*ret_heap = table_open(IndexGetRelation(index, false), AccessShareLock);
	return index_open(index, RowExclusiveLock);
}

/* For functions that run on a standby, too. */
Relation
store_open_read(Oid index)
{
	return index_open(index, AccessShareLock);
}

void
store_close(Relation index, Relation heap)
{
	index_close(index, NoLock);
	if (heap != NULL)
		table_close(heap, NoLock);
}
