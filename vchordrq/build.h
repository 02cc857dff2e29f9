/*
 * vchordrq/build.h
 *		What the files of the index build share.
 *
 *	build.c			the callbacks and the order of phases
 *	build_train.c	number of lists, sample, clustering, tree of centroids
 *	build_external.c	the tree from a table
 *	build_scan.c	parallel part: rows -> codes in a tuplesort, vectors in groups
 *	build_write.c	leader: sorted codes -> lists, then tree, directory, chain page, metapage
 */
#ifndef VCHORDRQ_BUILD_H
#define VCHORDRQ_BUILD_H

#include "nodes/execnodes.h"
#include "utils/tuplesort.h"

#include "core/page_writer.h"
#include "core/parallel.h"
#include "core/vector/opclass.h"

#include "vchordrq/am.h"
#include "vchordrq/meta.h"

/* phases of pg_stat_progress_create_index, in the order of build.c's table */
typedef enum RqBuildPhase
{
	RQ_PHASE_INITIALIZING,
	RQ_PHASE_DEFAULT,
	RQ_PHASE_INTERNAL,
	RQ_PHASE_EXTERNAL,
	RQ_PHASE_SKELETON,
	RQ_PHASE_INSERTING,
	RQ_PHASE_COMPACTING
} RqBuildPhase;

/* what a build gathers about the rows of a list */
typedef struct RqListStats
{
	uint64 rows;
	double sum2; /* of squared distances to the centroid */
	float max2;  /* largest of them */
} RqListStats;

/* one level of the tree in the leader's memory; level 0 is the root */
typedef struct RqBuildLevel
{
	uint32 cells;
	float *centroids;    /* [cells][dim], rotated */
	uint32 *parent;      /* [cells] cell of the level above, ascending; NULL at the root */
	uint32 *child_first; /* [cells] first child in the level below; NULL at the leaves */
	uint32 *child_count;
	RqListStats *stats; /* [cells] */
} RqBuildLevel;

/* rows whose lengths are looked at */
#define RQ_BUILD_NORMS 16384

/* state of one build; lives in `context` */
typedef struct RqBuild
{
	Relation heap; /* NULL in ambuildempty */
	Relation index;
	IndexInfo *info;
	MemoryContext context;
	VcvOpclass opclass;
	RqBuildOptions options;
	RqMeta meta; /* filled as phases learn the values */
	RqBuildLevel level[RQ_MAX_LEVELS + 1];
	RqChainDisk chains[RQ_MAX_CHAINS];
	float *norms; /* [RQ_BUILD_NORMS] squared lengths of the first rows sampled */
	uint32 nnorms;
} RqBuild;

/* build_train.c */

/*
 * Lists to use where the user named none; 0 = a single list.  memory: bytes that the build may use.
 */
extern uint32 rq_choose_lists(double rows, uint32 dim, Size memory);

/* Levels of the tree: fills build->level and the levels, lists and flags of build->meta. */
extern void rq_train(RqBuild *build);

/* The tree of an index without rows: one list, its centroid is zero. */
extern void rq_train_empty(RqBuild *build);

/* build_external.c */

/* Levels of the tree from the table of build.external; returns their number, the root not counted. */
extern uint32 rq_read_tree(RqBuild *build);

/* build_scan.c */

/* sorted codes of all rows, and the writer that serial builds write vectors with */
typedef struct RqSorted
{
	VcParallel *parallel;
	Tuplesortstate *sort;
	VcPageWriter *writer; /* already open, or NULL */
	double heap_tuples;
} RqSorted;

/*
 * Read the table: vectors go to groups, codes to *ret_sorted, counts to the leaf level's stats and
 * to build->chains.  rq_scan_end when the codes have been consumed.
 */
extern void rq_scan_begin(RqBuild *build, RqSorted *ret_sorted);
extern void rq_scan_end(RqSorted *sorted);

/*
 * Next row in (list, TID) order; false at the end.  *ret_record points at its bytes, to be freed by
 * the caller; see rq_record_...
 */
extern bool rq_scan_next(RqSorted *sorted, struct varlena **ret_record);

/*
 * A row between scan and list, a varlena whose bytes compare in the order of lists and TIDs:
 *
 *	OFFSET	SIZE	DESCRIPTION
 *	0		4		varlena header
 *	4		4		list, big-endian
 *	8		4		heap block, big-endian
 *	12		2		heap offset, big-endian
 *	14		2		strip slot
 *	16		4		strip group, then float4 base, factor, err
 *	32		-		code words
 *
 * In an exact index the f32 row begins at 16.
 */
#define RQ_RECORD_BODY 16
#define RQ_RECORD_CODE 32

extern uint32 rq_record_list(const struct varlena *record);
extern void rq_record_tid(const struct varlena *record, ItemPointer ret_tid);

/* build_write.c */

/* composed pages on their way to a fork */
typedef struct RqPageSink
{
	VcPageWriter *writer; /* main fork, or NULL: gather in `pages` */
	List *pages;          /* of BLCKSZ images, the first is for block RQ_CHAIN_BLKNO + 1 */
} RqPageSink;

/* Pack all rows into lists, in list order; ret_first[list] = first block of the run, or invalid. */
extern void rq_write_lists(RqBuild *build, RqPageSink *sink, RqSorted *sorted,
						   BlockNumber *ret_first);

/* Tree and directory; completes build->meta. */
extern void rq_write_tree(RqBuild *build, RqPageSink *sink);
extern void rq_write_directory(RqBuild *build, RqPageSink *sink, const BlockNumber *first);

/* Compose the CHAIN page. */
extern void rq_compose_chain(const RqBuild *build, char *page);

#endif
