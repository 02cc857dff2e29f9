/*
 * vchordrq/build_write.c
 *		Leader's part of the build: composes lists, tree, directory and chain page.
 *
 * Every page is composed once and goes to the page writer once.  A run is written without a gap: the
 * writer is ours alone.
 */
#include "postgres.h"

#include "vchordrq/build.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "core/page.h"
#include "core/progress.h"
#include "core/simd/vector/ops.h"
#include "core/vector/rabitq.h"

#include "vchordrq/packer.h"

static BlockNumber
sink_position(const RqPageSink *sink)
{
	if (sink->writer != NULL)
		return vc_page_writer_position(sink->writer);
	return RQ_CHAIN_BLKNO + 1 + list_length(sink->pages);
}

static void
sink_put(RqPageSink *sink, const char *page)
{
	BlockNumber block;
	char *copy;

	CHECK_FOR_INTERRUPTS();
	if (sink->writer == NULL)
	{
		copy = palloc(BLCKSZ);
		sink->pages = lappend(sink->pages, copy);
		memcpy(copy, page, BLCKSZ);
		return;
	}
	copy = vc_page_writer_next(sink->writer, &block);
	memcpy(copy, page, BLCKSZ);
	vc_page_writer_put(sink->writer);
}

static void
emit_to_sink(void *arg, uint32 ordinal, const char *page)
{
	(void) ordinal;
	sink_put(arg, page);
}

/*----- a run of bytes -----*/

typedef struct ByteRun
{
	RqPageSink *sink;
	uint16 kind;
	uint32 owner;
	bool mutable_body; /* no CRC */
	uint32 pages;
	uint32 fill;
	char *page;
} ByteRun;

static void
byte_run_flush(ByteRun *run)
{
	rq_run_page_finish(run->page, run->mutable_body ? run->fill : 0, run->fill);
	sink_put(run->sink, run->page);
	run->pages++;
	run->fill = 0;
}

static void
byte_run_add(ByteRun *run, const void *bytes, Size len)
{
	const char *from = bytes;

	while (len > 0)
	{
		Size take = Min(len, (Size) (RQ_BODY_BYTES - run->fill));

		if (run->fill == 0)
			rq_run_page_init(run->page, run->kind, run->owner, 0, run->pages);
		memcpy(run->page + RQ_BODY_OFFSET + run->fill, from, take);
		run->fill += take;
		from += take;
		len -= take;
		if (run->fill == RQ_BODY_BYTES)
			byte_run_flush(run);
	}
}

static void
byte_run_end(ByteRun *run)
{
	if (run->fill > 0)
		byte_run_flush(run);
}

/*----- lists -----*/

static void
add_record(RqBuild *build, RqPacker *packer, struct varlena *record)
{
	const char *bytes = (const char *) record;
	ItemPointerData tid;

	rq_record_tid(record, &tid);
	if (build->meta.geo.exact)
		rq_packer_add_exact(packer, &tid, (const float *) (bytes + RQ_RECORD_BODY));
	else
	{
		RqStripDisk strip = {.tid = tid};
		const float *factors = (const float *) (bytes + RQ_RECORD_BODY + sizeof(BlockNumber));

		memcpy(&strip.slot, bytes + RQ_RECORD_BODY - sizeof(strip.slot), sizeof(strip.slot));
		memcpy(&strip.group, bytes + RQ_RECORD_BODY, sizeof(strip.group));
		rq_packer_add_code(packer, &strip, (const uint64 *) (bytes + RQ_RECORD_CODE), factors[0],
						   factors[1], factors[2]);
	}
}

void
rq_write_lists(RqBuild *build, RqPageSink *sink, RqSorted *sorted, BlockNumber *ret_first)
{
	const RqBuildLevel *leaves = &build->level[build->meta.disk.levels];
	RqPacker *packer = rq_packer_create(CurrentMemoryContext, &build->meta, emit_to_sink, sink);
	int percent = -1;

	for (uint32 list = 0; list < leaves->cells; list++)
	{
		uint64 rows = leaves->stats[list].rows;

		ret_first[list] = InvalidBlockNumber;
		if (rows == 0)
			continue;
		if (rows > PG_UINT32_MAX / 2)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("list %u would have %llu rows", list, (unsigned long long) rows),
							errhint("Use more lists.")));
		ret_first[list] = sink_position(sink);
		rq_packer_begin(packer, list, 1, (uint32) rows);
		for (uint64 i = 0; i < rows; i++)
		{
			struct varlena *record;

			if (!rq_scan_next(sorted, &record) || rq_record_list(record) != list)
				elog(ERROR, "list %u ends after %llu of %llu rows", list, (unsigned long long) i,
					 (unsigned long long) rows);
			add_record(build, packer, record);
			pfree(record);
		}
		rq_packer_end(packer);
		if ((int) ((uint64) list * 100 / leaves->cells) != percent)
		{
			percent = (int) ((uint64) list * 100 / leaves->cells);
			vc_progress_percent(RQ_PHASE_COMPACTING, percent);
		}
	}
}

/*----- tree -----*/

/*
 * What a list is ranked by: under cosine the direction of its centroid, else the centroid.  unit[dim]
 * is scratch for the former.
 */
static const float *
ranking_centroid(const RqBuild *build, const float *c, float *unit)
{
	if (build->opclass.metric != VCV_COSINE)
		return c;
	memcpy(unit, c, build->meta.geo.dim * sizeof(float));
	vcv_normalize(unit, build->meta.geo.dim);
	return unit;
}

/* codes of a level relative to their parents; child_block[parent] = first block of its children */
static void
write_codes(RqBuild *build, RqPageSink *sink, RqPacker *packer, uint32 l, uint32 *child_block)
{
	const RqBuildLevel *above = &build->level[l - 1];
	const RqBuildLevel *level = &build->level[l];
	RqLevelDisk *disk = &build->meta.disk.level[l];
	uint32 dim = build->meta.geo.dim;
	float *u = palloc(dim * sizeof(float));
	float *unit = palloc(dim * sizeof(float));
	uint64 *code = palloc0(build->meta.geo.code_words * sizeof(uint64));

	disk->code_first = sink_position(sink);
	rq_packer_level_begin(packer, l);
	for (uint32 p = 0; p < above->cells; p++)
	{
		const float *c = above->centroids + (Size) p * dim;

		CHECK_FOR_INTERRUPTS();
		child_block[p] = rq_packer_level_group(packer);
		for (uint32 i = 0; i < above->child_count[p]; i++)
		{
			Size cell = above->child_first[p] + i;
			VcvFactors factors;

			vcs_vector_ops.sub_f32(ranking_centroid(build, level->centroids + cell * dim, unit), c,
								   dim, u);
			vcv_rabitq_encode(u, c, dim, build->opclass.metric, (uint8 *) code, &factors);
			rq_packer_level_add(packer, code, factors.base, factors.factor, factors.err);
		}
	}
	rq_packer_level_end(packer, &disk->code_blocks, &disk->code_pages);
	pfree(u);
	pfree(unit);
	pfree(code);
}

static void
write_centroids(RqBuild *build, RqPageSink *sink, char *page, uint32 l, const uint32 *child_block)
{
	const RqBuildLevel *level = &build->level[l];
	RqLevelDisk *disk = &build->meta.disk.level[l];
	uint32 dim = build->meta.geo.dim;
	Size pad = build->meta.geo.centroid_bytes - sizeof(RqCentroidDisk) - dim * sizeof(float);
	static const char zeros[RQ_SPLIT_BYTES] = {0};
	ByteRun run = {.sink = sink, .kind = RQ_PAGE_CENTROID, .owner = l, .page = page};

	disk->cells = level->cells;
	disk->centroid_first = sink_position(sink);
	for (uint32 cell = 0; cell < level->cells; cell++)
	{
		const float *c = level->centroids + (Size) cell * dim;
		const RqListStats *stats = &level->stats[cell];
		RqCentroidDisk head = {.norm2 = vcs_vector_ops.norm2_f32(c, dim)};

		if (stats->rows > 0)
			head.radius = (float) sqrt(stats->sum2 / (double) stats->rows);
		head.radius_max = sqrtf(stats->max2);
		head.child_first = level->child_first != NULL ? level->child_first[cell] : cell;
		head.child_count = level->child_count != NULL ? level->child_count[cell] : 0;
		head.child_block = child_block != NULL ? child_block[cell] : 0;
		head.rows = (uint32) Min(stats->rows, PG_UINT32_MAX);
		byte_run_add(&run, &head, sizeof(head));
		byte_run_add(&run, c, dim * sizeof(float));
		byte_run_add(&run, zeros, pad);
	}
	byte_run_end(&run);
	disk->centroid_pages = run.pages;
}

static void
write_norms(RqBuild *build, RqPageSink *sink, char *page, uint32 l)
{
	const RqBuildLevel *level = &build->level[l];
	RqLevelDisk *disk = &build->meta.disk.level[l];
	uint32 dim = build->meta.geo.dim;
	ByteRun run = {.sink = sink, .kind = RQ_PAGE_CENTROID, .owner = l, .page = page};

	disk->norm_first = sink_position(sink);
	for (uint32 cell = 0; cell < level->cells; cell++)
	{
		float norm2 = vcs_vector_ops.norm2_f32(level->centroids + (Size) cell * dim, dim);

		byte_run_add(&run, &norm2, sizeof(norm2));
	}
	byte_run_end(&run);
	disk->norm_pages = run.pages;
}

/*
 * Statistics of upper cells from their children: a child's rows are its centroid's offset farther
 * away (exactly so in the mean of squares where the centroid is the mean of its rows).
 */
static void
sum_stats(RqBuild *build)
{
	uint32 dim = build->meta.geo.dim;

	for (uint32 l = build->meta.disk.levels; l > 0; l--)
	{
		const RqBuildLevel *level = &build->level[l];
		RqBuildLevel *above = &build->level[l - 1];

		for (uint32 cell = 0; cell < level->cells; cell++)
		{
			const RqListStats *from = &level->stats[cell];
			RqListStats *to = &above->stats[level->parent[cell]];
			double d2 =
				vcs_vector_ops.l2sq_f32(level->centroids + (Size) cell * dim,
										above->centroids + (Size) level->parent[cell] * dim, dim);
			double reach = sqrt(d2) + sqrt(from->max2);

			if (from->rows == 0)
				continue;
			to->rows += from->rows;
			to->sum2 += from->sum2 + (double) from->rows * d2;
			to->max2 = Max(to->max2, (float) (reach * reach));
		}
	}
}

/*
 * How far two leaf centroids are typically apart, lists weighed by their rows: the square root of
 * twice the summed variance of the coordinates (probe.c).
 */
static float
leaf_spread(const RqBuild *build)
{
	const RqBuildLevel *leaf = &build->level[build->meta.disk.levels];
	uint32 dim = build->meta.geo.dim;
	double rows = 0;
	double variance = 0;
	float *mean = palloc0(dim * sizeof(float));
	float *unit = palloc(dim * sizeof(float));

	for (uint32 i = 0; i < leaf->cells; i++)
		rows += (double) leaf->stats[i].rows;
	if (rows > 0)
	{
		for (uint32 i = 0; i < leaf->cells; i++)
			vcs_vector_ops.axpy_f32(mean, (float) ((double) leaf->stats[i].rows / rows),
									ranking_centroid(build, leaf->centroids + (Size) i * dim, unit),
									dim);
		for (uint32 i = 0; i < leaf->cells; i++)
			variance +=
				(double) leaf->stats[i].rows / rows *
				vcs_vector_ops.l2sq_f32(
					mean, ranking_centroid(build, leaf->centroids + (Size) i * dim, unit), dim);
	}
	pfree(mean);
	pfree(unit);
	return (float) sqrt(2 * variance);
}

void
rq_write_tree(RqBuild *build, RqPageSink *sink)
{
	RqMetaDisk *disk = &build->meta.disk;
	uint32 levels = disk->levels;
	uint32 *child_block[RQ_MAX_LEVELS + 1] = {NULL};
	RqPacker *packer = rq_packer_create(CurrentMemoryContext, &build->meta, emit_to_sink, sink);
	char *page = palloc0(BLCKSZ);
	const RqListStats *root = &build->level[0].stats[0];

	sum_stats(build);
	disk->level[0].code_first = InvalidBlockNumber;
	disk->level[0].norm_first = InvalidBlockNumber;
	for (uint32 l = 1; l <= levels; l++)
	{
		child_block[l - 1] = palloc(build->level[l - 1].cells * sizeof(uint32));
		write_codes(build, sink, packer, l, child_block[l - 1]);
	}
	for (uint32 l = 0; l <= levels; l++)
		write_centroids(build, sink, page, l, child_block[l]);
	for (uint32 l = 1; l <= levels; l++)
		write_norms(build, sink, page, l);
	pfree(page);

	disk->build_rows = (double) root->rows;
	disk->build_radius = 0;
	if (root->rows > 0)
	{
		double sum2 = 0;

		for (uint32 list = 0; list < disk->lists; list++)
			sum2 += build->level[levels].stats[list].sum2;
		disk->build_radius = (float) sqrt(sum2 / (double) root->rows);
	}
	disk->build_spread = leaf_spread(build);
}

/*----- directory, chain page -----*/

void
rq_write_directory(RqBuild *build, RqPageSink *sink, const BlockNumber *first)
{
	RqMetaDisk *disk = &build->meta.disk;
	const RqListStats *stats = build->level[disk->levels].stats;
	ByteRun run = {
		.sink = sink, .kind = RQ_PAGE_DIRECTORY, .mutable_body = true, .page = palloc0(BLCKSZ)};

	disk->directory_first = sink_position(sink);
	for (uint32 list = 0; list < disk->lists; list++)
	{
		RqListDisk entry;

		memset(&entry, 0, sizeof(entry));
		entry.next_incarnation = 1;
		entry.flags = RQ_LIST_RADIUS;
		/* rounded up as far as a sum of so many terms may be wrong */
		entry.radius = sqrtf(stats[list].max2) * (1 + ((float) disk->dim + 64) * FLT_EPSILON);
		for (int i = 0; i < RQ_MAX_EXTENTS; i++)
			entry.extent[i].first = InvalidBlockNumber;
		for (int i = 0; i < RQ_MAX_RETIRED; i++)
			entry.retired[i].first = InvalidBlockNumber;
		entry.append_head = entry.append_tail = InvalidBlockNumber;
		entry.sealed_head = InvalidBlockNumber;
		if (first != NULL && first[list] != InvalidBlockNumber)
		{
			entry.extent[0].first = first[list];
			entry.extent[0].rows = (uint32) stats[list].rows;
			entry.extent[0].incarnation = entry.next_incarnation++;
		}
		byte_run_add(&run, &entry, sizeof(entry));
	}
	byte_run_end(&run);
	disk->directory_pages = run.pages;
	pfree(run.page);
}

void
rq_compose_chain(const RqBuild *build, char *page)
{
	uint32 bytes = build->meta.disk.chains * sizeof(RqChainDisk);

	rq_run_page_init(page, RQ_PAGE_CHAIN, 0, 0, 0);
	memcpy(page + RQ_BODY_OFFSET, build->chains, bytes);
	rq_run_page_finish(page, bytes, bytes);
}
