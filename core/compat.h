/*
 * core/compat.h
 *		Server version differences, 15 to 18: the newest API everywhere, shims for older servers.
 *
 * This is the only file that tests PG_VERSION_NUM (tests/lint checks it).  Code calls the newest
 *form of an API; what an older server lacks is provided here under the new name.  Where a feature
 *cannot be emulated there is a VC_HAVE_... macro.  Each entry says which version changed what.
 */
#ifndef VC_CORE_COMPAT_H
#define VC_CORE_COMPAT_H

#include "access/amapi.h"
#include "access/genam.h"
#include "access/nbtxlog.h"
#include "access/relscan.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/regproc.h"
#include "utils/rel.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "vchord supports PostgreSQL 15 to 18"
#endif

/* 16 moved the varlena access macros out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 replaced the trailing pg_attribute_noreturn() by a leading pg_noreturn. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* 18 added PG_MODULE_MAGIC_EXT(.name = ..., .version = ...); usage: VC_MODULE_MAGIC("m", "1.0"); */
#if PG_VERSION_NUM >= 180000
#define VC_MODULE_MAGIC(mod_name, mod_version)                                                     \
	PG_MODULE_MAGIC_EXT(.name = (mod_name), .version = (mod_version))
#else
#define VC_MODULE_MAGIC(mod_name, mod_version) PG_MODULE_MAGIC
#endif

/* 17 added read streams (storage/read_stream.h) and smgr bulk writes (storage/bulk_write.h). */
#if PG_VERSION_NUM >= 170000
#define VC_HAVE_READ_STREAM 1
#define VC_HAVE_BULK_WRITE  1
#endif

/* 17 added dynamic shared memory that is found by name. */
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#define VC_HAVE_NAMED_DSM 1
#endif

/*
 * 16 renamed RelFileNode to RelFileLocator (and its fields and functions) and rd_node to
 * rd_locator.
 */
#if PG_VERSION_NUM >= 160000
#include "storage/relfilelocator.h"
#define vc_rel_locator(rel)        ((rel)->rd_locator)
#define vc_locator_number(locator) ((locator).relNumber)
#define vc_rel_first_locator(rel)  ((rel)->rd_firstRelfilelocatorSubid)
#else
#include "storage/relfilenode.h"
typedef RelFileNode RelFileLocator;
#define RelFileLocatorEquals(a, b) RelFileNodeEquals(a, b)
#define vc_rel_locator(rel)        ((rel)->rd_node)
#define vc_locator_number(locator) ((locator).relNode)
#define vc_rel_first_locator(rel)  ((rel)->rd_firstRelfilenodeSubid)
#endif

/*
 * 18 gave vacuum_delay_point() its bool argument (is_analyze).
 */
#if PG_VERSION_NUM < 180000
#define vacuum_delay_point(is_analyze) ((void) (is_analyze), vacuum_delay_point())
#endif

/*
 * Parameter list of the amestimateparallelscan callback: none up to 16, key counts from 17, the
 * index before them from 18.  The shared memory of our scans never depends on any of them.
 */
#if PG_VERSION_NUM >= 180000
#define VC_AMESTIMATEPARALLELSCAN_PARAMS                                                           \
	Relation index pg_attribute_unused(), int nkeys pg_attribute_unused(),                         \
		int norderbys pg_attribute_unused()
#elif PG_VERSION_NUM >= 170000
#define VC_AMESTIMATEPARALLELSCAN_PARAMS                                                           \
	int nkeys pg_attribute_unused(), int norderbys pg_attribute_unused()
#else
#define VC_AMESTIMATEPARALLELSCAN_PARAMS void
#endif

/*
 * IndexAmRoutine fields that not every version has.  makeNode() zeroes the rest, which is what our
 * access methods want (16 amsummarizing; 17 aminsertcleanup; 18 amcanhash, amconsistentequality,
 * amconsistentordering, amgettreeheight, amtranslatestrategy, amtranslatecmptype).
 */
static inline void
vc_indexam_set_build_parallel(IndexAmRoutine *routine, bool can_build_parallel)
{
#if PG_VERSION_NUM >= 170000
	routine->amcanbuildparallel = can_build_parallel;
#else
	(void) routine;
	(void) can_build_parallel;
#endif
}

/* 16 added IndexVacuumInfo.heaprel; NULL where unknown, which our horizon tests accept. */
#if PG_VERSION_NUM >= 160000
#define vc_vacuum_heaprel(info) ((info)->heaprel)
#else
#define vc_vacuum_heaprel(info) ((Relation) NULL)
#endif

/* 18 counts index searches for EXPLAIN ("Index Searches"); call once for each descent of a scan. */
static inline void
vc_scan_count_search(IndexScanDesc scan)
{
#if PG_VERSION_NUM >= 180000
	if (scan->instrument)
		scan->instrument->nsearches++;
#else
	(void) scan;
#endif
}

/*
 * Puts a path behind a sequential scan that the user has disabled: 18 counts disabled nodes before it
 * looks at costs, which are all that earlier versions look at.
 */
static inline void
vc_path_disable(Path *path)
{
#if PG_VERSION_NUM >= 180000
	path->disabled_nodes = 2;
#else
	(void) path;
#endif
}

/*
 * The same for an access method with bitmap scans: a bitmap does not inherit the disabled nodes of what it
 * is made of.  For a path without conditions, which no bitmap can be made of; called while it is costed,
 * before a bitmap is thought of.
 */
static inline void
vc_path_disable_bitmap(IndexPath *path)
{
#if PG_VERSION_NUM >= 180000
	if (!enable_seqscan)
		path->indexinfo->amhasgetbitmap = false;
#else
	(void) path;
#endif
}

/* 18 replaced the strategy number of a sort key by a comparison type. */
#if PG_VERSION_NUM >= 180000
#define vc_pathkey_descends(key) ((key)->pk_cmptype == COMPARE_GT)
#else
#define vc_pathkey_descends(key) ((key)->pk_strategy == BTGreaterStrategyNumber)
#endif

/* 18 dropped execute_once from ExecutorRun and its hook. */
#if PG_VERSION_NUM >= 180000
#define VC_EXECUTOR_RUN_PARAMS QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define VC_EXECUTOR_RUN_ARGS   queryDesc, direction, count
#else
#define VC_EXECUTOR_RUN_PARAMS                                                                     \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, bool execute_once
#define VC_EXECUTOR_RUN_ARGS queryDesc, direction, count, execute_once
#endif

/* 17 added injection points, 18 their argument; only in servers built with them. */
#if defined(USE_INJECTION_POINTS) && PG_VERSION_NUM >= 170000
#include "utils/injection_point.h"
#if PG_VERSION_NUM >= 180000
#define VC_INJECTION_POINT(name) INJECTION_POINT(name, NULL)
#else
#define VC_INJECTION_POINT(name) INJECTION_POINT(name)
#endif
#else
#define VC_INJECTION_POINT(name) ((void) (name))
#endif

/* 16 wants I/O buffers aligned (direct I/O); before that it only saves the kernel some copying. */
#if PG_VERSION_NUM >= 160000
#define VC_IO_ALIGN PG_IO_ALIGN_SIZE
#else
#define VC_IO_ALIGN 4096
#endif

/*
 * 16 added palloc_aligned().  The shim rounds up inside a larger chunk, so its result must not be
 * pfree'd: allocations made through it end with their memory context, on every version.
 */
static inline void *
vc_palloc_aligned(Size size, Size alignto, int flags)
{
#if PG_VERSION_NUM >= 160000
	return palloc_aligned(size, alignto, flags);
#else
	return (void *) TYPEALIGN(alignto, palloc_extended(size + alignto, flags));
#endif
}

/* 16 gave tuplesort_getdatum() its copy argument; before, a by-reference datum is always a copy. */
#if PG_VERSION_NUM < 160000
#define tuplesort_getdatum(state, forward, copy, val, isnull, abbrev)                              \
	tuplesort_getdatum(state, forward, val, isnull, abbrev)
#endif

/*
 * 16 added ExtendBufferedRelBy() and its flags.  The shim for 15 takes the extension lock unless
 * told otherwise and loops over P_NEW, so that the blocks are contiguous; only one page is made per
 * loop step, and all pins are returned as the real one does.  The real one may return fewer blocks
 * than asked for; callers loop.
 */
#if PG_VERSION_NUM < 160000
#define EB_SKIP_EXTENSION_LOCK (1 << 0)
#define EB_LOCK_FIRST          (1 << 3)

typedef struct BufferManagerRelation
{
	Relation rel;
} BufferManagerRelation;

#define BMR_REL(p_rel) ((BufferManagerRelation){.rel = (p_rel)})

static inline BlockNumber
ExtendBufferedRelBy(BufferManagerRelation bmr, ForkNumber fork, BufferAccessStrategy strategy,
					uint32 flags, uint32 extend_by, Buffer *buffers, uint32 *extended_by)
{
	bool lock = (flags & EB_SKIP_EXTENSION_LOCK) == 0 && !RelationUsesLocalBuffers(bmr.rel);

	if (lock)
		LockRelationForExtension(bmr.rel, ExclusiveLock);
	for (uint32 i = 0; i < extend_by; i++)
	{
		buffers[i] = ReadBufferExtended(bmr.rel, fork, P_NEW, RBM_NORMAL, strategy);
		if (i == 0 && (flags & EB_LOCK_FIRST) != 0)
			LockBuffer(buffers[0], BUFFER_LOCK_EXCLUSIVE);
	}
	if (lock)
		UnlockRelationForExtension(bmr.rel, ExclusiveLock);
	*extended_by = extend_by;
	return BufferGetBlockNumber(buffers[0]);
}
#endif

/*
 * Fills core btree's "page is about to be reused" record for our relation and returns its size.  16
 * renamed the fields and added isCatalogRel (false: no decoding plugin reads through our indexes).
 */
static inline Size
vc_btree_reuse_record(xl_btree_reuse_page *record, Relation rel, BlockNumber block,
					  FullTransactionId horizon)
{
#if PG_VERSION_NUM >= 160000
	record->locator = rel->rd_locator;
	record->block = block;
	record->snapshotConflictHorizon = horizon;
	record->isCatalogRel = false;
#else
	record->node = rel->rd_node;
	record->block = block;
	record->latestRemovedFullXid = horizon;
#endif
	return SizeOfBtreeReusePage;
}

/* 16 exported find_option() with its table; before, only the whole array can be had. */
#if PG_VERSION_NUM < 160000
static inline struct config_generic *
find_option(const char *name, bool create_placeholders, bool skip_errors, int elevel)
{
	struct config_generic **variables = get_guc_variables();

	(void) create_placeholders;
	(void) skip_errors;
	(void) elevel;
	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (pg_strcasecmp(variables[i]->name, name) == 0)
			return variables[i];
	}
	return NULL;
}
#endif

/* 18 gave index_beginscan() the place where the node counts its searches. */
static inline IndexScanDesc
vc_index_beginscan(IndexScanState *node, Snapshot snapshot)
{
	return index_beginscan(node->ss.ss_currentRelation, node->iss_RelationDesc, snapshot,
#if PG_VERSION_NUM >= 180000
						   &node->iss_Instrument,
#endif
						   node->iss_NumScanKeys, node->iss_NumOrderByKeys);
}

/* 17 added RestrictSearchPath(): maintenance runs user functions with a fixed search_path.  Older
 * servers build indexes with the session's, so that is what a check of them has to use. */
#if PG_VERSION_NUM < 170000
#define RestrictSearchPath() ((void) 0)
#endif

/* 16 replaced pg_class_ownercheck(), pg_database_ownercheck() and others by object_ownercheck(). */
#if PG_VERSION_NUM < 160000
static inline bool
object_ownercheck(Oid classid, Oid objectid, Oid roleid)
{
	Assert(classid == RelationRelationId || classid == DatabaseRelationId);
	return classid == DatabaseRelationId ? pg_database_ownercheck(objectid, roleid)
										 : pg_class_ownercheck(objectid, roleid);
}
#endif

/* 16 lets input functions report an error to a caller that wants none raised. */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...)                                                         \
	do                                                                                             \
	{                                                                                              \
		(void) (context);                                                                          \
		ereport(ERROR, __VA_ARGS__);                                                               \
	} while (0)
#endif

/* 16 gave stringToQualifiedNameList() an error context. */
#if PG_VERSION_NUM < 160000
#define stringToQualifiedNameList(string, escontext) stringToQualifiedNameList(string)
#endif

#endif
