/*
 * vchordrq/am.h
 *		What the files of the access method share: callbacks, settings, options.
 */
#ifndef VCHORDRQ_AM_H
#define VCHORDRQ_AM_H

#include "access/amapi.h"
#include "access/genam.h"
#include "commands/vacuum.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "core/cost.h"
#include "core/guc.h"
#include "core/vector/opclass.h"

#include "vchordrq/meta.h"

/* guc.c: session settings, vchordrq.md section 3 and design D11 */
typedef enum RqPrefilter
{
	RQ_PREFILTER_OFF,
	RQ_PREFILTER_ON,
	RQ_PREFILTER_AUTO
} RqPrefilter;

typedef enum RqOrder
{
	RQ_ORDER_RELAXED,
	RQ_ORDER_STRICT
} RqOrder;

extern bool rq_enable_scan;
extern bool rq_all_lists;
extern char *rq_probes; /* '' = automatic */
extern double rq_epsilon;
extern int rq_max_scan_tuples; /* -1 = unlimited */
extern int rq_maxsim_refine;
extern int rq_maxsim_threshold;
extern int rq_prefilter; /* RqPrefilter */
extern int rq_io_search; /* VcStreamMode */
extern int rq_io_rerank;

/* of rq_all_lists and some others, for code that sets them */
#define RQ_GUC_ALL_LISTS       "vchordrq.all_lists"
#define RQ_GUC_ENABLE_SCAN     "vchordrq.enable_scan"
#define RQ_GUC_PROBES          "vchordrq.probes"
#define RQ_GUC_EPSILON         "vchordrq.epsilon"
#define RQ_GUC_MAX_SCAN_TUPLES "vchordrq.max_scan_tuples"

/* their sources, for the reloption that is used where the setting has its built-in default */
extern VcGuc rq_guc_probes;
extern VcGuc rq_guc_epsilon;
extern VcGuc rq_guc_maxsim_refine;
extern VcGuc rq_guc_maxsim_threshold;

/*
 * Order of later rounds.  vchordrq.scan_order and vchordrq."order" (design D11's name, which must be
 * quoted) are one setting: what was set closer to the session counts, scan_order where that is even.
 */
extern RqOrder rq_order(void);

extern void rq_guc_init(void); /* _PG_init */

/* options.c: reloptions and the TOML document */

/* search parameters that fall back to the index's reloptions (vchordrq.md 2.1) */
typedef struct RqSearchParams
{
	bool automatic; /* no probes given by GUC or reloption */
	bool all;       /* every list: probes are larger than any level, nprobes says nothing */
	uint32 nprobes; /* values given, when not automatic */
	uint32 probes[RQ_MAX_LEVELS];
	double epsilon;
	bool epsilon_given;    /* by GUC or reloption */
	int64 max_scan_tuples; /* -1 = unlimited */
	int maxsim_refine;
	bool maxsim_refine_given; /* by GUC or reloption */
	int maxsim_threshold;
} RqSearchParams;

/* GUC or reloption; syntax was checked when they were set; vchordrq.all_lists overrides both.  Does not compare nprobes with levels. */
extern void rq_search_params(Relation index, RqSearchParams *ret_params);

typedef struct RqBuildOptions
{
	bool automatic_lists;        /* neither internal nor external build asked for */
	int nlists;                  /* levels; 0 with automatic_lists = false: one list */
	uint32 lists[RQ_MAX_LEVELS]; /* root to leaf, non-descending */
	int residual;                /* -1 = automatic */
	int rerank_in_table;         /* -1 = automatic */
	int spherical;               /* -1 = automatic */
	uint32 chains;               /* degree_of_parallelism */
	uint32 sampling_factor;
	uint32 kmeans_iterations;
	uint32 build_threads; /* 0 = automatic */
	bool hierarchical;    /* kmeans_algorithm */
	bool kmeans_algorithm_given;
	uint32 kmeans_dimension; /* 0 = all */
	int pin;                 /* -1..2 */
	char *external_table;    /* NULL unless build.external */
} RqBuildOptions;

/* Parse and validate both sources (errors as vchordrq.md 2.2, D13); palloc'd in current context. */
extern void rq_build_options(Relation index, RqBuildOptions *ret_options);

extern bytea *rq_amoptions(Datum reloptions, bool validate);
extern void rq_options_init(void); /* registers the reloption kind; _PG_init */

/* rows of 64 dimensions and fewer are kept as f32: a one-bit bound prunes nothing there */
#define RQ_EXACT_MAX_DIM 64

/* opclass.c */
#define RQ_AM_NAME "vchordrq" /* also the prefix of what support functions 1 return */

/*
 * What is indexed: dimension from the type modifier, the rest from the operator class.  Errors as
 * vchordrq.md 2.2.
 */
extern void rq_column_check(Relation index, uint32 *ret_dim, VcvOpclass *ret_opclass);

/* build.c */
extern IndexBuildResult *rq_ambuild(Relation heap, Relation index, IndexInfo *indexInfo);
extern void rq_ambuildempty(Relation index);
extern char *rq_ambuildphasename(int64 phasenum);

/* insert.c */
extern bool rq_aminsert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid,
						Relation heap, IndexUniqueCheck checkUnique, bool indexUnchanged,
						IndexInfo *indexInfo);

/* vacuum.c */
extern IndexBulkDeleteResult *rq_ambulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
											  IndexBulkDeleteCallback callback, void *state);
extern IndexBulkDeleteResult *rq_amvacuumcleanup(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats);

/* cost.c */
extern void rq_amcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
							  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
							  double *correlation, double *pages);

/* maxsim_cost.c: of an index over arrays; entries: rows of the index, 0 or less = unknown */
extern void rq_maxsim_cost(PlannerInfo *root, IndexPath *path, const RqMeta *meta,
						   const RqSearchParams *params, double entries, const VcCostResult *to);

/* scan.c */
extern IndexScanDesc rq_ambeginscan(Relation index, int nkeys, int norderbys);
extern void rq_amrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
						int norderbys);
extern bool rq_amgettuple(IndexScanDesc scan, ScanDirection direction);
extern void rq_amendscan(IndexScanDesc scan);

#endif
