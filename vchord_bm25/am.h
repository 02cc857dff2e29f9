/*
 * vchord_bm25/am.h
 *		Entry points of the access method and its settings, shared among the files of the module.
 */
#ifndef VCHORD_BM25_AM_H
#define VCHORD_BM25_AM_H

#include "access/amapi.h"
#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "vchord_bm25/analyze.h"
#include "vchord_bm25/format.h"

/*----- callbacks -----*/

extern IndexBuildResult *bm25_ambuild(Relation heap, Relation index, IndexInfo *index_info);
extern void bm25_ambuildempty(Relation index);
extern bool bm25_aminsert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
						  Relation heap, IndexUniqueCheck check_unique, bool index_unchanged,
						  IndexInfo *index_info);
extern IndexBulkDeleteResult *bm25_ambulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
												IndexBulkDeleteCallback callback,
												void *callback_state);
extern IndexBulkDeleteResult *bm25_amvacuumcleanup(IndexVacuumInfo *info,
												   IndexBulkDeleteResult *stats);
extern void bm25_amcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
								Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
								double *correlation, double *pages);
extern bytea *bm25_amoptions(Datum reloptions, bool validate);
extern bool bm25_amvalidate(Oid opclass);
extern IndexScanDesc bm25_ambeginscan(Relation index, int nkeys, int norderbys);
extern void bm25_amrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
						  int norderbys);
extern bool bm25_amgettuple(IndexScanDesc scan, ScanDirection direction);
extern int64 bm25_amgetbitmap(IndexScanDesc scan, TIDBitmap *bitmap);
extern void bm25_amendscan(IndexScanDesc scan);
extern char *bm25_ambuildphasename(int64 phase);

/* strategies of the operator family */
#define BM25_STRATEGY_SCORE   1 /* left <&> bm25query, ORDER BY */
#define BM25_STRATEGY_MATCH   2 /* left @@ bm25query */
#define BM25_STRATEGY_TSQUERY 3 /* tsvector @@ tsquery, core's operator */

/*----- settings -----*/

/* What an index is built with; everything checked. */
typedef struct Bm25BuildOptions
{
	double k1;
	double b;
	int nfields;
	double weight[BM25_MAX_FIELDS];
	bool elements; /* the fields are those of Bm25Fields.elements */
	bool positions;
	bool exact_norms;
	char text_config[BM25_CONFIG_BYTES]; /* qualified name; "" if there is no text column */
} Bm25BuildOptions;

/*
 * The options of a new index with ncolumns key columns of these types.  Makes the index depend on its text search
 * configuration in the catalog: not for parallel workers.
 */
extern void bm25_build_options(Relation index, int ncolumns, const Bm25KeyType *types,
							   Bm25BuildOptions *ret_options);

/* Upkeep: pages of growing area at which an inserter seals, and segments a tier. */
extern uint32 bm25_growing_limit(Relation index);
extern uint32 bm25_merge_fanout(Relation index);

/* What a scan goes by; read at each rescan. */
typedef struct Bm25ScanSettings
{
	int64 limit;        /* hard cap; -1: none (all); -2: automatic (unset) */
	bool zero_is_error; /* limit 0 was given in the newer spelling */
	int prefilter;      /* Bm25Prefilter */
	bool strict_match;  /* an index other than the one in the query is an error */
} Bm25ScanSettings;

typedef enum Bm25Prefilter
{
	BM25_PREFILTER_OFF,
	BM25_PREFILTER_ON,
	BM25_PREFILTER_AUTO
} Bm25Prefilter;

#define BM25_LIMIT_ALL       (-1)
#define BM25_LIMIT_AUTOMATIC (-2)

extern void bm25_scan_settings(Relation index, Bm25ScanSettings *ret_settings);

/* bm25.enable_scan and bm25_catalog.enable_index */
extern bool bm25_scan_enabled(void);

/* Offers the planner the sum over the columns of an index as an order of it; from _PG_init. */
extern void bm25_sum_path_init(void);

/* Is the expression what a scan with this order-by delivers? */
extern bool bm25_is_order(Node *expr, Node *orderby, Relation index);

/* bm25.algorithm: for tests and measurements, see search.h */
extern int bm25_algorithm;

/* bm25.io: a VcStreamMode, how pages of segments are read */
extern int bm25_io;

extern void bm25_options_init(void);
extern void bm25_guc_init(void);

#endif
