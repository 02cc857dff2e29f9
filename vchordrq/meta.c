/*
 * vchordrq/meta.c
 *		The metapage: composing, loading, checking.
 *
 * The struct follows the page header of block 0.  It never changes after the build, so what one load
 * has checked stays in rd_amcache until the relcache entry is rebuilt (as it is when REINDEX gives
 * the index another file).
 */
#include "postgres.h"

#include "vchordrq/meta.h"

#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "core/buf.h"
#include "core/page.h"
#include "core/report.h"
#include "core/vector/distance.h"
#include "core/vector/types.h"
#include "vchordrq/am.h"

#define KNOWN_FLAGS                                                                                \
	(RQ_META_RESIDUAL | RQ_META_IN_TABLE | RQ_META_EXACT | RQ_META_SPHERICAL | RQ_META_AUTOMATIC | \
	 RQ_META_MAXSIM)

static uint32
meta_crc(const RqMetaDisk *disk)
{
	RqMetaDisk copy = *disk;
	pg_crc32c crc;

	copy.crc = 0;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, &copy, sizeof(copy));
	FIN_CRC32C(crc);
	return crc;
}

void
rq_meta_compose(char *page, const RqMetaDisk *meta)
{
	RqMetaDisk *disk = (RqMetaDisk *) vc_page_body(page);

	vc_page_init(page, RQ_PAGE_META, 0, 0);
	memcpy(disk, meta, sizeof(*disk));
	disk->crc = 0;
	disk->crc = meta_crc(disk);
	vc_page_set_used(page, sizeof(*disk));
}

void
rq_meta_derive(RqMeta *meta)
{
	const RqMetaDisk *disk = &meta->disk;

	rq_geometry_init(&meta->geo, disk->dim, vcv_row_bytes((VcvType) disk->type, 1),
					 disk->metric == VCV_COSINE, (disk->flags & RQ_META_IN_TABLE) != 0,
					 (disk->flags & RQ_META_EXACT) != 0);
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

static const char *
check_meta(RqMeta *meta)
{
	const RqMetaDisk *disk = &meta->disk;

	if (disk->size != sizeof(RqMetaDisk) || disk->crc != meta_crc(disk))
		return "checksum of the metapage";
	if (disk->dim < 1 || disk->dim > VCV_MAX_DIM)
		return "dimension";
	if (disk->type > VCV_HALFVEC || disk->metric > VCV_COSINE)
		return "type or metric";
	if ((disk->flags & ~KNOWN_FLAGS) != 0)
		return "flags";
	if ((disk->flags & RQ_META_MAXSIM) != 0 &&
		((disk->flags & RQ_META_IN_TABLE) != 0 || disk->metric != VCV_IP))
		return "flags of an index over arrays";
	if (disk->levels > RQ_MAX_LEVELS || disk->chains < 1 || disk->chains > RQ_MAX_CHAINS)
		return "number of levels or chains";
	rq_meta_derive(meta);
	if ((disk->flags & RQ_META_EXACT) != 0 && meta->geo.rows_per_page == 0)
		return "dimension of an index without codes";
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

typedef enum MetaState
{
	META_OK,
	META_DAMAGED,
	META_VERSION
} MetaState;

/* Copy and check what `page` holds; *ret_what names the damage. */
static MetaState
parse_page(const char *page, RqMeta *ret_meta, const char **ret_what)
{
	VcSpan used = vc_page_contents(page);
	RqMetaDisk *disk = &ret_meta->disk;

	*ret_what = "size of the metapage";
	if (used.len < offsetof(RqMetaDisk, flags))
		return META_DAMAGED;
	memset(ret_meta, 0, sizeof(*ret_meta));
	memcpy(disk, used.data, Min(used.len, sizeof(*disk)));
	*ret_what = "magic number";
	if (disk->magic != RQ_MAGIC)
		return META_DAMAGED;
	if (disk->version != RQ_FORMAT_VERSION)
		return META_VERSION;
	*ret_what = check_meta(ret_meta);
	return *ret_what == NULL ? META_OK : META_DAMAGED;
}

static bool
from_cache(Relation index, RqMeta *ret_meta)
{
	if (index->rd_amcache == NULL)
		return false;
	memcpy(ret_meta, index->rd_amcache, sizeof(*ret_meta));
	return true;
}

static void
to_cache(Relation index, const RqMeta *meta)
{
	void *copy = MemoryContextAlloc(index->rd_indexcxt, sizeof(*meta));

	memcpy(copy, meta, sizeof(*meta));
	index->rd_amcache = copy;
}

/* A metapage that is right in itself may still be that of another index. */
static const char *
check_column(Relation index, const RqMetaDisk *disk)
{
	uint32 dim;
	VcvOpclass opclass;

	rq_column_check(index, &dim, &opclass);
	if (disk->dim != dim || disk->type != opclass.type || disk->metric != opclass.metric ||
		((disk->flags & RQ_META_MAXSIM) != 0) != opclass.maxsim)
		return "dimension, type or metric for the column";
	return NULL;
}

void
rq_meta_load(Relation index, RqMeta *ret_meta)
{
	const char *what;
	MetaState state;

	if (from_cache(index, ret_meta))
		return;
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read(index, RQ_META_BLKNO, RQ_PAGE_META);

		state = parse_page(r.page, ret_meta, &what);
	}
	if (state == META_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has format version %u, but this library reads %u",
						RelationGetRelationName(index), ret_meta->disk.version, RQ_FORMAT_VERSION),
				 errhint("Please use REINDEX to rebuild the index.")));
	if (state == META_OK)
		what = check_column(index, &ret_meta->disk);
	if (what != NULL)
		vc_corrupt(index, RQ_META_BLKNO, "bad %s", what);
	to_cache(index, ret_meta);
}

bool
rq_meta_try_load(Relation index, RqMeta *ret_meta)
{
	const char *what;
	MetaState state = META_DAMAGED;

	if (from_cache(index, ret_meta))
		return true;
	if (RelationGetNumberOfBlocks(index) <= RQ_META_BLKNO)
		return false;
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_raw(index, RQ_META_BLKNO, NULL);

		if (!vc_page_is_new(r.page) && vc_page_problem(r.page) == NULL &&
			(vc_page_opaque_read(r.page)->kind & RQ_PAGE_META) != 0)
			state = parse_page(r.page, ret_meta, &what);
	}
	if (state != META_OK || check_column(index, &ret_meta->disk) != NULL)
		return false;
	to_cache(index, ret_meta);
	return true;
}
