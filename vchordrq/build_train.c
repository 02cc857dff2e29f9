/*
 * vchordrq/build_train.c
 *		Number of lists, sample, clustering, tree of centroids.
 *
 * Everything happens in rotated space, where codes are made and centroids are stored; the rotation
 * keeps distances, so the clusters are the same.  The leaf level is clustered from a sample of rows,
 * each upper level from the centroids below it, and the root is the mean of the level under it: a
 * cell's code is relative to its parent's centroid, so the mean is the best root.
 *
 * Memory: samples and the work block of k-means stay within maintenance_work_mem: samples become
 * halves, then fewer.  The centroids themselves are beside that; they are what the user asked for.
 */
#include "postgres.h"

#include "vchordrq/build.h"

#include <math.h>
#include <unistd.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/compare.h"
#include "core/progress.h"
#include "core/simd/vector/ops.h"
#include "core/vector/assigner.h"
#include "core/vector/kmeans.h"
#include "core/vector/means.h"
#include "core/vector/rotate.h"
#include "core/vector/sample.h"

/* automatic lists: below this a flat scan of codes costs no more than finding lists would save */
#define AUTO_MIN_ROWS 4000
/* ... rows a list up to AUTO_ROOT_ROWS, then lists grow with the root of the rows */
#define AUTO_ROWS_PER_LIST 500
#define AUTO_ROOT_ROWS     2e6
#define AUTO_ROOT_FACTOR   4.0
/* fewer samples a list than this make bad centroids (Faiss warns below 39) */
#define AUTO_MIN_SAMPLES 32
/* rows that the centroid of a single list is the mean of */
#define ROOT_SAMPLE 16384
/* blocks looked at to estimate the number of rows */
#define ESTIMATE_BLOCKS 256
/* a sample this small is worth having even where memory is set to less */
#define MIN_SAMPLE_BYTES (1024 * 1024)

uint32
rq_choose_lists(double rows, uint32 dim, Size memory)
{
	double lists;
	double limit;

	if (rows < AUTO_MIN_ROWS)
		return 0;
	if (rows < AUTO_ROOT_ROWS)
		lists = rows / AUTO_ROWS_PER_LIST;
	else
		lists = Max(AUTO_ROOT_ROWS / AUTO_ROWS_PER_LIST, AUTO_ROOT_FACTOR * sqrt(rows));
	/* halves of the fewest samples must fit, and so must the centroids, as f32, twice */
	limit = (double) memory / ((double) dim * (AUTO_MIN_SAMPLES * sizeof(VcvHalf) + 8));
	lists = Min(lists, Min(limit, RQ_MAX_LISTS));
	return lists < 2 ? 0 : (uint32) lists;
}

static Size
memory_limit(void)
{
	return (Size) maintenance_work_mem * 1024;
}

/* everything this phase says is for those who asked for the internal build, as upstream's is */
static int
message_level(const RqBuild *build)
{
	return build->options.automatic_lists ? DEBUG1 : INFO;
}

static int
phase_of(const RqBuild *build)
{
	if (build->options.external_table != NULL)
		return RQ_PHASE_EXTERNAL;
	return build->options.automatic_lists ? RQ_PHASE_DEFAULT : RQ_PHASE_INTERNAL;
}

/*----- clustering -----*/

typedef struct PollArg
{
	int phase;
	bool show;
} PollArg;

/* called by k-means in this thread; must not raise */
static bool
poll_kmeans(void *arg, int percent)
{
	const PollArg *poll = arg;

	if (poll->show)
		vc_progress_percent(poll->phase, percent);
	return InterruptPending && (QueryCancelPending || ProcDiePending);
}

static uint32
thread_count(const RqBuildOptions *options)
{
	long cpus;

	if (options->build_threads > 0)
		return options->build_threads;
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	return (uint32) Max(1, Min(max_parallel_maintenance_workers + 1, cpus));
}

static VcvKmeansOptions
leaf_options(const RqBuild *build, uint32 dim, uint32 clusters)
{
	const RqBuildOptions *o = &build->options;
	VcvKmeansOptions k = {.dim = dim,
						  .clusters = clusters,
						  .iterations = o->kmeans_iterations,
						  .spherical = rq_meta_has(&build->meta, RQ_META_SPHERICAL),
						  .seed = VCV_KMEANS_SEED,
						  .threads = thread_count(o)};

	k.algorithm = !o->kmeans_algorithm_given ? VCV_KMEANS_AUTO
				  : o->hierarchical          ? VCV_KMEANS_HIERARCHICAL
											 : VCV_KMEANS_LLOYD;
	return k;
}

/* Run k-means with a work block in the current context.  Raises if the query was cancelled. */
static void
run_kmeans(VcvKmeansOptions *k, PollArg *poll, int level, float *ret_centroids)
{
	void *work = vc_palloc_aligned(vcv_kmeans_memory(k), 64, MCXT_ALLOC_HUGE);

	if (k->clusters > 1)
		ereport(level, (errmsg("clustering: starting, clustering %zu vectors of %u dimension into "
							   "%u clusters, in %u iterations",
							   k->n, k->dim, k->clusters, k->iterations)));
	k->poll = poll_kmeans;
	k->poll_arg = poll;
	if (vcv_kmeans(k, work, ret_centroids) != VCV_KMEANS_OK)
	{
		CHECK_FOR_INTERRUPTS();
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("clustering was cancelled")));
	}
	if (k->clusters > 1)
		ereport(level, (errmsg("clustering: finished")));
}

/*----- sample -----*/

static void
rotate_row(void *arg, float *x)
{
	RqBuild *build = arg;
	uint32 dim = build->meta.geo.dim;

	if (build->nnorms < RQ_BUILD_NORMS)
		build->norms[build->nnorms++] = vcs_vector_ops.norm2_f32(x, dim);
	/* a quantised value comes rotated */
	if (!vcv_is_quantized(build->opclass.type))
		vcv_rotate(x, dim, x);
}

/* the length of long rows: 99.9th percentile of the sample (probe.c) */
static float
long_norm(RqBuild *build)
{
	if (build->meta.disk.metric == VCV_COSINE || build->nnorms == 0)
		return 1;
	qsort(build->norms, build->nnorms, sizeof(float), vc_compare_f32);
	return sqrtf(build->norms[(uint32) (0.999 * (build->nnorms - 1))]);
}

static VcvSampleSpec
sample_spec(RqBuild *build, uint64 wanted)
{
	VcvSampleSpec spec = {.heap = build->heap,
						  .index = build->index,
						  .opclass = build->opclass,
						  .dim = build->meta.geo.dim,
						  .wanted = wanted,
						  .seed = VCV_KMEANS_SEED,
						  .row_type = VCV_VECTOR,
						  .row_dim = build->meta.geo.dim,
						  .transform = rotate_row,
						  .transform_arg = build};

	return spec;
}

typedef struct MeansArg
{
	VcvMeans means;
	VcvAssigner *assigner; /* over truncated centroids, or NULL: one cluster */
	void *scratch;
	uint32 warm;
	uint64 rows;
} MeansArg;

static bool
add_to_means(void *arg, const float *x)
{
	MeansArg *m = arg;
	float distance2;

	if (m->assigner != NULL)
		m->warm = vcv_assigner_nearest(m->assigner, x, m->warm, m->scratch, &distance2);
	vcv_means_add(&m->means, m->warm, x);
	m->rows++;
	return true;
}

/* means of full rows, per cluster of their first dimensions when `truncated` is given */
static void
mean_rows(RqBuild *build, uint64 wanted, const float *truncated, uint32 truncated_dim,
		  uint32 clusters, float *ret_centroids)
{
	VcvSampleSpec spec = sample_spec(build, wanted);
	VcvSampleResult result;
	MeansArg arg = {.warm = 0};
	uint32 *counts = MemoryContextAllocHuge(CurrentMemoryContext, clusters * sizeof(uint32));

	vcv_means_init(&arg.means, clusters, build->meta.geo.dim, counts, ret_centroids);
	if (truncated != NULL)
	{
		void *mem =
			vc_palloc_aligned(vcv_assigner_memory(clusters, truncated_dim), 64, MCXT_ALLOC_HUGE);

		arg.assigner = vcv_assigner_init(mem, truncated, clusters, truncated_dim);
		arg.scratch = vc_palloc_aligned(vcv_assigner_scratch(truncated_dim), 64, 0);
	}
	spec.capacity = wanted;
	spec.row = add_to_means;
	spec.row_arg = &arg;
	vcv_sample(&spec, &result);
	if (clusters == 1 && arg.rows == 0)
		memset(ret_centroids, 0, build->meta.geo.dim * sizeof(float));
	else
		/* a single list is not chosen by direction: its codes want the plain mean */
		vcv_means_finish(&arg.means, clusters > 1 && rq_meta_has(&build->meta, RQ_META_SPHERICAL),
						 VCV_KMEANS_SEED);
}

/*
 * How many samples of which type memory allows: *wanted shrinks.  Returns bytes of samples and work.
 */
static Size
fit_sample(VcvKmeansOptions *k, uint64 *wanted)
{
	Size limit = Max(memory_limit(), MIN_SAMPLE_BYTES);
	Size bytes;

	for (k->type = VCV_VECTOR;; k->type = VCV_HALFVEC)
	{
		k->stride = vcv_row_bytes(k->type, k->dim);
		k->n = *wanted;
		bytes = k->n * k->stride + vcv_kmeans_memory(k);
		if (bytes <= limit || k->type == VCV_HALFVEC)
			break;
	}
	/* part of the work block does not depend on n, so approach the limit in steps */
	while (bytes > limit && k->n > MIN_SAMPLE_BYTES / k->stride)
	{
		k->n = k->n - k->n / 8;
		bytes = k->n * k->stride + vcv_kmeans_memory(k);
	}
	*wanted = k->n;
	return bytes;
}

static void
cluster_leaves(RqBuild *build, uint32 clusters, double rows, float *ret_centroids)
{
	const RqBuildOptions *o = &build->options;
	uint32 dim = build->meta.geo.dim;
	uint32 kdim = dim;
	uint64 wanted = (uint64) clusters * o->sampling_factor;
	PollArg poll = {.phase = phase_of(build), .show = true};
	VcvKmeansOptions k;
	VcvKmeansOptions one; /* thread */
	VcvSampleSpec spec;
	VcvSampleResult result;
	Size bytes;
	float *centroids = ret_centroids;

	if (o->kmeans_dimension >= dim)
		ereport(WARNING,
				(errmsg("ignoring `kmeans_dimension = %u` because it is not less than %u, the "
						"dimension of the column",
						o->kmeans_dimension, dim)));
	else if (o->kmeans_dimension > 0)
	{
		kdim = o->kmeans_dimension;
		centroids =
			MemoryContextAllocHuge(CurrentMemoryContext, (Size) clusters * kdim * sizeof(float));
	}
	/* an estimate may be low: leave room, the sample takes what there is */
	wanted = Min(wanted, (uint64) (rows * 1.25) + 1000);

	k = leaf_options(build, kdim, clusters);
	bytes = fit_sample(&k, &wanted);
	one = k;
	one.threads = 1;
	ereport(message_level(build), (errmsg("clustering: estimated memory usage is %zu kB",
										  (k.n * k.stride + vcv_kmeans_memory(&one)) / 1024)));
	/* these depend on the machine */
	ereport(DEBUG1, (errmsg("clustering: using %u threads, %zu kB", k.threads, bytes / 1024)));

	spec = sample_spec(build, wanted);
	spec.row_type = k.type;
	spec.row_dim = kdim;
	spec.capacity = wanted;
	spec.memory = vc_palloc_aligned(Max(wanted * k.stride, 64), 64, MCXT_ALLOC_HUGE);
	vcv_sample(&spec, &result);
	k.samples = spec.memory;
	k.n = result.rows;
	run_kmeans(&k, &poll, message_level(build), centroids);
	if (kdim < dim)
		mean_rows(build, wanted, centroids, kdim, clusters, ret_centroids);
}

/*----- tree -----*/

static void *
huge_zero(MemoryContext context, Size count, Size size)
{
	void *p = MemoryContextAllocHuge(context, Max(count * size, 1));

	memset(p, 0, count * size);
	return p;
}

static void
level_init(RqBuild *build, RqBuildLevel *level, uint32 cells)
{
	level->cells = cells;
	level->centroids = huge_zero(build->context, (Size) cells * build->meta.geo.dim, sizeof(float));
	level->stats = huge_zero(build->context, cells, sizeof(RqListStats));
}

/*
 * Cluster the cells of `below` into at most `clusters` parents; parents without children vanish.
 * Fills above's centroids and below's parent.
 */
static void
cluster_level(RqBuild *build, RqBuildLevel *above, RqBuildLevel *below, uint32 clusters)
{
	uint32 dim = build->meta.geo.dim;
	PollArg poll = {.phase = phase_of(build), .show = false};
	VcvKmeansOptions k = leaf_options(build, dim, clusters);
	VcvAssigner *assigner;
	void *scratch;
	uint32 *renumber;
	uint32 used = 0;

	level_init(build, above, clusters);
	below->parent = huge_zero(build->context, below->cells, sizeof(uint32));
	k.samples = below->centroids;
	k.type = VCV_VECTOR;
	k.n = below->cells;
	k.stride = dim * sizeof(float);
	k.algorithm = VCV_KMEANS_LLOYD;
	run_kmeans(&k, &poll, message_level(build), above->centroids);

	assigner = vcv_assigner_init(
		vc_palloc_aligned(vcv_assigner_memory(clusters, dim), 64, MCXT_ALLOC_HUGE),
		above->centroids, clusters, dim);
	scratch = vc_palloc_aligned(vcv_assigner_scratch(dim), 64, 0);
	renumber = huge_zero(CurrentMemoryContext, clusters, sizeof(uint32));
	for (uint32 cell = 0; cell < below->cells; cell++)
	{
		float distance2;

		CHECK_FOR_INTERRUPTS();
		below->parent[cell] = vcv_assigner_nearest(assigner, below->centroids + (Size) cell * dim,
												   clusters, scratch, &distance2);
		renumber[below->parent[cell]] = 1;
	}
	for (uint32 p = 0; p < clusters; p++)
	{
		if (renumber[p] == 0)
			continue;
		if (used != p)
			memcpy(above->centroids + (Size) used * dim, above->centroids + (Size) p * dim,
				   dim * sizeof(float));
		renumber[p] = used++;
	}
	for (uint32 cell = 0; cell < below->cells; cell++)
		below->parent[cell] = renumber[below->parent[cell]];
	above->cells = used;
}

/*
 * Put the cells of `level` in the order of their parents (stable), and tell the parents.  to[old] =
 * new number; NULL at the leaves, below which nobody refers to old numbers.
 */
static void
order_level(RqBuild *build, RqBuildLevel *above, RqBuildLevel *level, RqBuildLevel *below)
{
	uint32 dim = build->meta.geo.dim;
	uint32 *to = huge_zero(CurrentMemoryContext, level->cells, sizeof(uint32));
	uint32 *parent = huge_zero(build->context, level->cells, sizeof(uint32));
	uint32 *fill = huge_zero(CurrentMemoryContext, above->cells, sizeof(uint32));
	float *centroids = huge_zero(build->context, (Size) level->cells * dim, sizeof(float));
	uint32 first = 0;

	above->child_first = huge_zero(build->context, above->cells, sizeof(uint32));
	above->child_count = huge_zero(build->context, above->cells, sizeof(uint32));
	for (uint32 cell = 0; cell < level->cells; cell++)
		above->child_count[level->parent[cell]]++;
	for (uint32 p = 0; p < above->cells; p++)
	{
		above->child_first[p] = fill[p] = first;
		first += above->child_count[p];
	}
	for (uint32 cell = 0; cell < level->cells; cell++)
	{
		to[cell] = fill[level->parent[cell]]++;
		parent[to[cell]] = level->parent[cell];
		memcpy(centroids + (Size) to[cell] * dim, level->centroids + (Size) cell * dim,
			   dim * sizeof(float));
	}
	pfree(level->centroids);
	pfree(level->parent);
	level->centroids = centroids;
	level->parent = parent;
	if (below != NULL)
		for (uint32 cell = 0; cell < below->cells; cell++)
			below->parent[cell] = to[below->parent[cell]];
}

/* root = mean of the level below it */
static void
make_root(RqBuild *build)
{
	RqBuildLevel *root = &build->level[0];
	RqBuildLevel *below = &build->level[1];
	uint32 dim = build->meta.geo.dim;

	level_init(build, root, 1);
	below->parent = huge_zero(build->context, below->cells, sizeof(uint32));
	for (uint32 cell = 0; cell < below->cells; cell++)
		vcs_vector_ops.axpy_f32(root->centroids, 1.0f / (float) below->cells,
								below->centroids + (Size) cell * dim, dim);
}

static void
set_levels(RqBuild *build, uint32 levels)
{
	RqMetaDisk *disk = &build->meta.disk;

	disk->levels = (uint16) levels;
	disk->lists = build->level[levels].cells;
}

void
rq_train(RqBuild *build)
{
	const RqBuildOptions *o = &build->options;
	RqMetaDisk *disk = &build->meta.disk;
	uint32 lists[RQ_MAX_LEVELS];
	uint32 levels = o->nlists;
	MemoryContext scratch =
		AllocSetContextCreate(build->context, "vchordrq clustering", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	double rows;

	vc_progress_phase(phase_of(build));
	build->norms = MemoryContextAlloc(build->context, RQ_BUILD_NORMS * sizeof(float));
	build->nnorms = 0;
	old = MemoryContextSwitchTo(scratch);
	rows = vcv_sample_estimate(build->heap, build->index, build->opclass.maxsim, ESTIMATE_BLOCKS,
							   VCV_KMEANS_SEED);
	vc_progress_tuples_total((int64) rows);
	memcpy(lists, o->lists, sizeof(lists));
	if (o->automatic_lists)
	{
		disk->flags |= RQ_META_AUTOMATIC;
		lists[0] = rq_choose_lists(rows, disk->dim, memory_limit());
		levels = lists[0] > 0 ? 1 : 0;
		ereport(DEBUG1,
				(errmsg("building with %u lists for about %.0f rows", Max(lists[0], 1), rows)));
	}

	if (o->external_table != NULL)
	{
		float *mean = palloc(disk->dim * sizeof(float));

		levels = rq_read_tree(build);
		/* for the lengths of rows */
		mean_rows(build, RQ_BUILD_NORMS, NULL, 0, 1, mean);
	}
	else if (levels == 0)
	{
		level_init(build, &build->level[0], 1);
		mean_rows(build, ROOT_SAMPLE, NULL, 0, 1, build->level[0].centroids);
	}
	else
	{
		level_init(build, &build->level[levels], lists[levels - 1]);
		cluster_leaves(build, lists[levels - 1], rows, build->level[levels].centroids);
		MemoryContextReset(scratch);
		for (uint32 l = levels - 1; l > 0; l--)
		{
			cluster_level(build, &build->level[l], &build->level[l + 1], lists[l - 1]);
			MemoryContextReset(scratch);
		}
		make_root(build);
		for (uint32 l = 1; l <= levels; l++)
			order_level(build, &build->level[l - 1], &build->level[l],
						l < levels ? &build->level[l + 1] : NULL);
	}
	disk->build_norm = long_norm(build);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	set_levels(build, levels);
}

void
rq_train_empty(RqBuild *build)
{
	level_init(build, &build->level[0], 1);
	set_levels(build, 0);
	build->meta.disk.build_norm = 1;
	if (build->options.automatic_lists)
		build->meta.disk.flags |= RQ_META_AUTOMATIC;
}
