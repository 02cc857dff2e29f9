/*
 * vchordrq/build.c
 *		CREATE INDEX and REINDEX: the order of phases, metapage and chain page, the init fork.
 *
 *	1. options, column						nothing written
 *	2. number of lists, sample, clustering	nothing written (build_train.c)
 *	3. blocks 0 and 1 set aside
 *	4. rows: vectors to groups, codes to a sort; leader and workers (build_scan.c)
 *	5. lists, tree, directory; leader (build_write.c)
 *	6. CHAIN page and, last of all, the metapage
 *
 * Every page is written and logged once.  Crash: the index is not visible before commit, and a build
 * that fails leaves a file that the aborted transaction removes.
 *
 * Memory: phase 2 and the sorts of phases 4 and 5 take maintenance_work_mem each, one after the other;
 * beside it are the centroids, one segment of a list (segment rows * code size) and a participant's
 * open vector group.
 */
#include "postgres.h"

#include "vchordrq/build.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/options.h"
#include "core/page_writer.h"
#include "core/progress.h"
#include "core/vector/kmeans.h"

static const VcProgressPhase build_phases[] = {
	[RQ_PHASE_INITIALIZING] = {"initializing", false},
	[RQ_PHASE_DEFAULT] = {"initializing index, by default build", true},
	[RQ_PHASE_INTERNAL] = {"initializing index, by internal build", true},
	[RQ_PHASE_EXTERNAL] = {"initializing index, by external build", false},
	[RQ_PHASE_SKELETON] = {"initializing index", false},
	[RQ_PHASE_INSERTING] = {"inserting tuples from table to index", false},
	[RQ_PHASE_COMPACTING] = {"compacting tuples in index", true},
};

char *
rq_ambuildphasename(int64 phasenum)
{
	return vc_progress_name(build_phases, lengthof(build_phases), phasenum);
}

/* what an index over the column cannot be or have */
static void
check_column(const RqBuild *build)
{
	VcvType type = build->opclass.type;

	if (vcv_is_quantized(type) && build->options.residual == 1)
		vc_options_invalid("Leave the option out.",
						   "residual_quantization is not supported for %s type",
						   type == VCV_RABITQ8 ? "rabitq8" : "rabitq4");
	if (build->opclass.maxsim && build->options.rerank_in_table == 1)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("maxsim search with rerank_in_table is not supported")));
}

/*
 * Unless the user said something: quantised columns are there to save space, and their rows are small, so the
 * index does without a second copy of them.  An expression would be computed for each row reranked.
 */
static bool
reranks_in_table(const RqBuild *build)
{
	if (build->options.rerank_in_table >= 0)
		return build->options.rerank_in_table == 1;
	return vcv_is_quantized(build->opclass.type) && !build->opclass.maxsim &&
		   build->index->rd_index->indkey.values[0] != 0;
}

/* options, column, and what of the metapage follows from them */
static RqBuild *
begin_build(Relation heap, Relation index, IndexInfo *info, MemoryContext context)
{
	RqBuild *build = palloc0(sizeof(RqBuild));
	RqBuildOptions *options = &build->options;
	RqMetaDisk *disk = &build->meta.disk;
	bool quantized;

	build->heap = heap;
	build->index = index;
	build->info = info;
	build->context = context;
	rq_build_options(index, options);
	rq_column_check(index, &disk->dim, &build->opclass);
	disk->type = (uint16) build->opclass.type;
	disk->metric = (uint16) build->opclass.metric;
	check_column(build);
	quantized = vcv_is_quantized(build->opclass.type);

	disk->chains = (uint16) options->chains;
	disk->build_seed = VCV_KMEANS_SEED;
	if (reranks_in_table(build))
		disk->flags |= RQ_META_IN_TABLE;
	else if (disk->dim <= RQ_EXACT_MAX_DIM && !quantized)
		disk->flags |= RQ_META_EXACT;
	if (build->opclass.maxsim)
		disk->flags |= RQ_META_MAXSIM;
	/* centred codes are never worse, so residual is on unless the user said no */
	if (options->residual != 0 && !quantized)
		disk->flags |= RQ_META_RESIDUAL;
	/*
	 * Off unless asked for: inner product loses recall by it, and cosine gains nothing, because lists
	 * are ranked by directions anyway while rows are nearer to plain means (docs/tuning.md).
	 */
	if (options->spherical == 1)
		disk->flags |= RQ_META_SPHERICAL;
	rq_meta_derive(&build->meta);
	disk->group_pages = (uint16) build->meta.geo.group_pages;
	disk->group_slots = (uint16) build->meta.geo.group_slots;
	disk->slot_bytes = build->meta.geo.slot_bytes;
	for (int i = 0; i < RQ_MAX_CHAINS; i++)
	{
		build->chains[i].open_group = InvalidBlockNumber;
		build->chains[i].free_group = InvalidBlockNumber;
	}
	return build;
}

static VcRangeWriter *
set_aside_head(Relation index)
{
	VcRangeWriter *writer = vc_range_writer_begin(index, 2);
	BlockNumber first = vc_range_writer_run(writer, 2);

	if (first != RQ_META_BLKNO)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("index \"%s\" already contains data", RelationGetRelationName(index))));
	return writer;
}

static void
put_page(VcRangeWriter *writer, const char *page)
{
	BlockNumber block;

	memcpy(vc_range_writer_next(writer, &block), page, BLCKSZ);
	vc_range_writer_put(writer);
}

static void
write_head(RqBuild *build, VcRangeWriter *writer)
{
	char *meta = palloc0(BLCKSZ);
	char *chain = palloc0(BLCKSZ);

	rq_meta_compose(meta, &build->meta.disk);
	rq_compose_chain(build, chain);
	put_page(writer, meta);
	put_page(writer, chain);
	vc_range_writer_end(writer);
}

IndexBuildResult *
rq_ambuild(Relation heap, Relation index, IndexInfo *indexInfo)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchordrq build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RqBuild *build = begin_build(heap, index, indexInfo, context);
	RqPageSink sink = {NULL, NIL};
	VcRangeWriter *head;
	BlockNumber *first;
	RqSorted sorted;

	rq_train(build);

	vc_progress_phase(RQ_PHASE_SKELETON);
	head = set_aside_head(index);
	vc_progress_phase(RQ_PHASE_INSERTING);
	rq_scan_begin(build, &sorted);

	vc_progress_phase(RQ_PHASE_COMPACTING);
	sink.writer = sorted.writer;
	first = MemoryContextAllocHuge(context, build->meta.disk.lists * sizeof(BlockNumber));
	rq_write_lists(build, &sink, &sorted, first);
	rq_write_tree(build, &sink);
	rq_write_directory(build, &sink, first);
	vc_page_writer_end(sink.writer);
	write_head(build, head);
	result->heap_tuples = sorted.heap_tuples;
	result->index_tuples = build->meta.disk.build_rows;
	rq_scan_end(&sorted);
	vc_progress_tuples_done((int64) result->index_tuples);
	vc_progress_tuples_total((int64) result->index_tuples);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

void
rq_ambuildempty(Relation index)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchordrq build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RqBuild *build = begin_build(NULL, index, NULL, context);
	RqPageSink sink = {NULL, NIL};
	char *page = palloc0(BLCKSZ);
	ListCell *lc;

	rq_train_empty(build);
	rq_write_tree(build, &sink);
	rq_write_directory(build, &sink, NULL);
	rq_meta_compose(page, &build->meta.disk);
	vc_init_fork_append(index, page);
	rq_compose_chain(build, page);
	vc_init_fork_append(index, page);
	foreach (lc, sink.pages)
		vc_init_fork_append(index, lfirst(lc));

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
