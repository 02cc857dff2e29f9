/*
 * vchordg/am.h
 *		What the files of the access method share: callbacks, settings, options.
 */
#ifndef VCHORDG_AM_H
#define VCHORDG_AM_H

#include "access/amapi.h"
#include "access/genam.h"
#include "commands/vacuum.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "core/guc.h"

#include "vchordg/meta.h"

#define VG_AM_NAME "vchordg"

#define VG_STRATEGY_DISTANCE 1 /* ORDER BY column <op> vector */
#define VG_STRATEGY_SPHERE   2 /* column <<op>> sphere */
#define VG_STRATEGY_OVERLAP  3 /* labels && array */
#define VG_STRATEGY_EQUAL    4 /* labels = value (also = ANY) */

/* guc.c: session settings, vchordg.md section 3 and design D11 */
typedef enum VgPrefilter
{
	VG_PREFILTER_OFF,
	VG_PREFILTER_ON,
	VG_PREFILTER_AUTO
} VgPrefilter;

extern bool vg_enable_scan;
extern int vg_ef_search; /* 64 unless set; automatic if neither GUC nor reloption was */
extern int vg_beam_search;
extern int vg_max_scan_tuples; /* -1 = unlimited */
extern int vg_prefilter;       /* VgPrefilter */
extern int vg_io_search;       /* VcStreamMode: pages of vertices about to be expanded */
extern int vg_io_rerank;       /* the same of exact scans of labels' postings */
typedef enum VgOrder
{
	VG_ORDER_RELAXED,
	VG_ORDER_STRICT
} VgOrder;

extern int vg_order; /* VgOrder */
extern double vg_scan_mem_multiplier;
extern VcGuc vg_guc_ef_search;
extern bool vg_order_strict(void);
extern void vg_guc_init(void);

/* options.c */
typedef struct VgSearchParams
{
	bool automatic; /* ef was given by neither GUC nor reloption */
	uint32 ef;
	uint32 beam;
	int64 max_scan_tuples;
	size_t memory; /* work_mem, by its multiplier */
} VgSearchParams;

extern void vg_search_params(Relation index, VgSearchParams *ret_params);

typedef struct VgBuildOptions
{
	int bits; /* 0 = automatic */
	int m;    /* 0 = automatic */
	int nalphas;
	bool alpha_given;
	float alpha[VG_MAX_ALPHAS];
	uint32 ef_construction;
	uint32 beam_construction;
} VgBuildOptions;

/* bits of a code where nobody asked for a number */
extern uint16 vg_default_bits(uint32 dim);

/* Parse and validate TOML and native reloptions (vchordg.md 2.2, design D13). */
extern void vg_build_options(Relation index, VgBuildOptions *ret_options);
extern bytea *vg_amoptions(Datum reloptions, bool validate);
extern void vg_options_init(void);

/* opclass.c: what is indexed, checked; errors as vchordg.md 2.2 */
extern void vg_columns_check(Relation index, uint32 *ret_dim, uint16 *ret_type, uint16 *ret_metric,
							 uint16 *ret_label_type);
extern bool vg_amvalidate(Oid opclassoid);

/* build.c */
extern IndexBuildResult *vg_ambuild(Relation heap, Relation index, IndexInfo *indexInfo);
extern void vg_ambuildempty(Relation index);
extern char *vg_ambuildphasename(int64 phasenum);

/* insert.c */
extern bool vg_aminsert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid,
						Relation heap, IndexUniqueCheck checkUnique, bool indexUnchanged,
						IndexInfo *indexInfo);

/*
 * Insert one row, for aminsert and for builds beyond their memory.  inserter: vg_inserter_create().
 */
typedef struct VgInserter VgInserter;
extern VgInserter *vg_inserter_create(MemoryContext context, Relation index, Relation heap);
extern void vg_inserter_insert(VgInserter *inserter, Datum value, Datum labels, bool labels_null,
							   ItemPointer tid);

/* vacuum.c */
extern IndexBulkDeleteResult *vg_ambulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
											  IndexBulkDeleteCallback callback, void *state);
extern IndexBulkDeleteResult *vg_amvacuumcleanup(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats);

/* cost.c */
extern void vg_amcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
							  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
							  double *correlation, double *pages);

/* scan.c */
extern IndexScanDesc vg_ambeginscan(Relation index, int nkeys, int norderbys);
extern void vg_amrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
						int norderbys);
extern bool vg_amgettuple(IndexScanDesc scan, ScanDirection direction);
extern void vg_amendscan(IndexScanDesc scan);

#endif
