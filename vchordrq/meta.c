/*
 * vchordrq/meta.c
 *		The metapage: what core/meta has to know of it, and what its values must be.
 */
#include "postgres.h"

#include "vchordrq/meta.h"

#include "core/meta.h"
#include "core/vector/distance.h"
#include "core/vector/types.h"
#include "vchordrq/am.h"

#define KNOWN_FLAGS                                                                                \
	(RQ_META_RESIDUAL | RQ_META_IN_TABLE | RQ_META_EXACT | RQ_META_SPHERICAL | RQ_META_AUTOMATIC | \
	 RQ_META_MAXSIM)

void
rq_meta_derive(RqMeta *meta)
{
	const RqMetaDisk *disk = &meta->disk;

	rq_geometry_init(&meta->geo, disk->dim, (VcvType) disk->type, disk->metric == VCV_COSINE,
					 (disk->flags & RQ_META_IN_TABLE) != 0, (disk->flags & RQ_META_EXACT) != 0);
}

static bool
run_ok(BlockNumber first, uint32 pages)
{
	return first > RQ_CHAIN_BLKNO && first != InvalidBlockNumber && pages > 0 &&
		   pages < InvalidBlockNumber - first;
}

/* NULL, or what is wrong with values that are used before anything else can check them */
static const char *
check_levels(const RqMeta *meta)
{
	const RqMetaDisk *disk = &meta->disk;

	for (uint32 l = 0; l <= disk->levels; l++)
	{
		const RqLevelDisk *level = &disk->level[l];
		uint64 bytes = (uint64) level->cells * meta->geo.centroid_bytes;
		uint64 code_bytes = (uint64) level->code_blocks * meta->geo.block_bytes;

		if (level->cells < 1 || level->cells > RQ_MAX_LISTS || (l == 0 && level->cells != 1))
			return "number of cells of a level";
		if (!run_ok(level->centroid_first, level->centroid_pages) ||
			level->centroid_pages != (bytes + RQ_BODY_BYTES - 1) / RQ_BODY_BYTES)
			return "place of the centroids of a level";
		if (l > 0 && (!run_ok(level->code_first, level->code_pages) ||
					  level->code_pages != (code_bytes + RQ_BODY_BYTES - 1) / RQ_BODY_BYTES ||
					  (uint64) level->code_blocks * RQ_BLOCK_ROWS < level->cells))
			return "place of the codes of a level";
		if (l > 0 && (!run_ok(level->norm_first, level->norm_pages) ||
					  level->norm_pages !=
						  (level->cells * sizeof(float4) + RQ_BODY_BYTES - 1) / RQ_BODY_BYTES))
			return "place of the norms of a level";
	}
	return NULL;
}

/* VcMetaFormat.check */
static const char *
check_meta(void *checked)
{
	RqMeta *meta = checked;
	const RqMetaDisk *disk = &meta->disk;

	if (disk->type > VCV_RABITQ4 || disk->metric > VCV_COSINE)
		return "type or metric";
	if (disk->dim < 1 ||
		disk->dim > (vcv_is_quantized((VcvType) disk->type) ? VCV_MAX_INDEX_DIM : VCV_MAX_DIM))
		return "dimension";
	if ((disk->flags & ~KNOWN_FLAGS) != 0)
		return "flags";
	if ((disk->flags & RQ_META_MAXSIM) != 0 &&
		((disk->flags & RQ_META_IN_TABLE) != 0 || disk->metric != VCV_IP))
		return "flags of an index over arrays";
	if (disk->levels > RQ_MAX_LEVELS || disk->chains < 1 || disk->chains > RQ_MAX_CHAINS)
		return "number of levels or chains";
	rq_meta_derive(meta);
	if ((disk->flags & RQ_META_EXACT) != 0 &&
		(meta->geo.rows_per_page == 0 || vcv_is_quantized((VcvType) disk->type)))
		return "dimension or type of an index without codes";
	if (disk->group_pages != meta->geo.group_pages || disk->group_slots != meta->geo.group_slots ||
		disk->slot_bytes != meta->geo.slot_bytes)
		return "shape of the vector groups";
	if (disk->lists != disk->level[disk->levels].cells)
		return "number of lists";
	if (!run_ok(disk->directory_first, disk->directory_pages) ||
		disk->directory_pages != (disk->lists + RQ_LISTS_PER_PAGE - 1) / RQ_LISTS_PER_PAGE)
		return "place of the directory";
	return check_levels(meta);
}

/* VcMetaFormat.check_index */
static const char *
check_column(Relation index, const void *checked)
{
	const RqMetaDisk *disk = &((const RqMeta *) checked)->disk;
	uint32 dim;
	VcvOpclass opclass;

	rq_column_check(index, &dim, &opclass);
	if (disk->dim != dim || disk->type != opclass.type || disk->metric != opclass.metric ||
		((disk->flags & RQ_META_MAXSIM) != 0) != opclass.maxsim)
		return "dimension, type or metric for the column";
	return NULL;
}

static const VcMetaFormat format = {.kind = RQ_PAGE_META,
									.magic = RQ_MAGIC,
									.version = RQ_FORMAT_VERSION,
									.disk_size = sizeof(RqMetaDisk),
									.crc_at = offsetof(RqMetaDisk, crc),
									.size = sizeof(RqMeta),
									.fixed = true,
									.check = check_meta,
									.check_index = check_column};

void
rq_meta_compose(char *page, const RqMetaDisk *meta)
{
	vc_meta_compose(&format, meta, page);
}

void
rq_meta_load(Relation index, RqMeta *ret_meta)
{
	vc_meta_read(index, &format, ret_meta);
}

bool
rq_meta_try_load(Relation index, RqMeta *ret_meta)
{
	return vc_meta_try_read(index, &format, ret_meta);
}
