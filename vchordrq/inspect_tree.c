/*
 * vchordrq/inspect_tree.c
 *		Check of the tree: runs and their checksums, child ranges, codes of centroids.
 *
 * The children of the cells of one level are the cells of the next, in order and without a gap; their
 * code blocks follow each other too.  The code of a child is that of its centroid relative to its
 * parent's.
 */
#include "postgres.h"

#include "vchordrq/inspect.h"

#include "miscadmin.h"

#include "core/report.h"
#include "core/simd/vector/ops.h"

static RqRun
centroid_run(const RqCheck *c, uint32 level)
{
	const RqLevelDisk *disk = &c->meta.disk.level[level];

	return (RqRun){disk->centroid_first, disk->centroid_pages, RQ_PAGE_CENTROID, level, 0};
}

static RqRun
code_run(const RqCheck *c, uint32 level)
{
	const RqLevelDisk *disk = &c->meta.disk.level[level];

	return (RqRun){disk->code_first, disk->code_pages, RQ_PAGE_LEVEL, level, 0};
}

static RqRun
norm_run(const RqCheck *c, uint32 level)
{
	const RqLevelDisk *disk = &c->meta.disk.level[level];

	return (RqRun){disk->norm_first, disk->norm_pages, RQ_PAGE_CENTROID, level, 0};
}

/* The pages have been checked; a change since then is damage. */
static void
copy_bytes(RqCheck *c, const RqRun *run, uint64 offset, uint32 len, void *ret_bytes)
{
	if (!rq_run_copy(c->index, NULL, run, offset, len, ret_bytes))
		vc_corrupt(c->index, run->first, "pages of the tree changed while they were checked");
}

static void
read_centroid(RqCheck *c, uint32 level, uint32 ordinal, RqCentroidDisk *ret_head, float *ret_vector)
{
	RqRun run = centroid_run(c, level);
	uint64 offset = (uint64) ordinal * c->meta.geo.centroid_bytes;

	copy_bytes(c, &run, offset, sizeof(*ret_head), ret_head);
	copy_bytes(c, &run, offset + sizeof(*ret_head), c->meta.geo.dim * sizeof(float), ret_vector);
}

/* codes of the children of a cell of level - 1; `block` is a buffer of one code block */
static void
check_children(RqCheck *c, uint32 level, const RqCentroidDisk *parent, const float *centroid,
			   char *block)
{
	const RqGeometry *geo = &c->meta.geo;
	RqRun run = code_run(c, level);
	uint64 *code = palloc0(geo->code_words * sizeof(uint64));
	float *child = palloc(geo->dim * sizeof(float));

	for (uint32 i = 0; i < parent->child_count; i++)
	{
		uint32 lane = i % RQ_BLOCK_ROWS;
		uint32 number = parent->child_block + i / RQ_BLOCK_ROWS;
		uint32 ordinal = parent->child_first + i;
		RqCentroidDisk head;
		RqCodedRow row;
		RqStoredCode stored;
		const char *what;

		CHECK_FOR_INTERRUPTS();
		if (lane == 0)
			copy_bytes(c, &run, (uint64) number * geo->block_bytes, geo->block_bytes, block);
		read_centroid(c, level, ordinal, &head, child);
		/* lists are ranked by directions under cosine, see format.h */
		if (c->meta.disk.metric == VCV_COSINE)
			vcv_normalize(child, geo->dim);
		vcs_vector_ops.sub_f32(child, centroid, geo->dim, child);
		rq_block_row(geo, block, lane, code, &row);
		stored = (RqStoredCode){code, row.base, row.factor, 0, true};
		vcs_vector_ops.f16_to_f32(&row.err, 1, &stored.err);
		what = rq_check_code(c, child, centroid, &stored);
		if (what != NULL)
			vc_report_add(
				&c->report,
				run.first + (BlockNumber) ((uint64) number * geo->block_bytes / RQ_BODY_BYTES),
				"%s of centroid %u of level %u does not match the centroid", what, ordinal, level);
	}
	pfree(code);
	pfree(child);
}

/* child ranges of level - 1, and with_codes: the codes of level */
static void
check_level(RqCheck *c, uint32 level, bool with_codes)
{
	const RqMetaDisk *disk = &c->meta.disk;
	float *centroid = palloc(c->meta.geo.dim * sizeof(float));
	char *block = palloc(c->meta.geo.block_bytes);
	uint32 next = 0;
	uint32 next_block = 0;

	for (uint32 ordinal = 0; ordinal < disk->level[level - 1].cells; ordinal++)
	{
		RqCentroidDisk head;

		CHECK_FOR_INTERRUPTS();
		read_centroid(c, level - 1, ordinal, &head, centroid);
		if (head.child_first != next || head.child_count > disk->level[level].cells - next ||
			head.child_block != next_block)
		{
			vc_report_add(&c->report, disk->level[level - 1].centroid_first,
						  "centroid %u of level %u has children %u+%u at code block %u, expected "
						  "%u at %u",
						  ordinal, level - 1, head.child_first, head.child_count, head.child_block,
						  next, next_block);
			return;
		}
		next += head.child_count;
		next_block += (head.child_count + RQ_BLOCK_ROWS - 1) / RQ_BLOCK_ROWS;
		if (next_block > disk->level[level].code_blocks)
			break;
		if (with_codes)
			check_children(c, level, &head, centroid, block);
	}
	if (next != disk->level[level].cells || next_block != disk->level[level].code_blocks)
		vc_report_add(&c->report, disk->level[level - 1].centroid_first,
					  "children of level %u are %u in %u blocks, expected %u in %u", level - 1,
					  next, next_block, disk->level[level].cells, disk->level[level].code_blocks);
	pfree(centroid);
	pfree(block);
}

/* the norms beside the centroids say the same as those in them */
static void
check_norms(RqCheck *c, uint32 level)
{
	RqRun centroids = centroid_run(c, level);
	RqRun norms = norm_run(c, level);

	for (uint32 ordinal = 0; ordinal < c->meta.disk.level[level].cells; ordinal++)
	{
		RqCentroidDisk head;
		float norm2;

		CHECK_FOR_INTERRUPTS();
		copy_bytes(c, &centroids, (uint64) ordinal * c->meta.geo.centroid_bytes, sizeof(head),
				   &head);
		copy_bytes(c, &norms, (uint64) ordinal * sizeof(norm2), sizeof(norm2), &norm2);
		if (memcmp(&norm2, &head.norm2, sizeof(norm2)) != 0)
			vc_report_add(&c->report, norms.first,
						  "norm of centroid %u of level %u does not match the centroid", ordinal,
						  level);
	}
}

/* the cells of the last level are the lists */
static void
check_leaves(RqCheck *c)
{
	float *centroid = palloc(c->meta.geo.dim * sizeof(float));

	for (uint32 list = 0; list < c->meta.disk.lists; list++)
	{
		RqCentroidDisk head;

		CHECK_FOR_INTERRUPTS();
		read_centroid(c, c->meta.disk.levels, list, &head, centroid);
		if (head.child_count != 0 || head.child_first != list)
			vc_report_add(&c->report, centroid_run(c, c->meta.disk.levels).first,
						  "leaf %u names list %u and %u children", list, head.child_first,
						  head.child_count);
	}
	pfree(centroid);
}

void
rq_check_tree(RqCheck *c)
{
	const RqMetaDisk *disk = &c->meta.disk;
	bool centroids_ok[RQ_MAX_LEVELS + 1];

	for (uint32 level = 0; level <= disk->levels; level++)
	{
		RqRun run = centroid_run(c, level);

		centroids_ok[level] =
			rq_check_run(c, &run, (uint64) disk->level[level].cells * c->meta.geo.centroid_bytes);
	}
	for (uint32 level = 1; level <= disk->levels; level++)
	{
		RqRun run = code_run(c, level);
		bool codes_ok = rq_check_run(
			c, &run, (uint64) disk->level[level].code_blocks * c->meta.geo.block_bytes);

		run = norm_run(c, level);
		if (rq_check_run(c, &run, (uint64) disk->level[level].cells * sizeof(float4)) &&
			centroids_ok[level])
			check_norms(c, level);
		if (centroids_ok[level - 1])
			check_level(c, level, codes_ok && centroids_ok[level]);
	}
	if (centroids_ok[disk->levels])
		check_leaves(c);
}
