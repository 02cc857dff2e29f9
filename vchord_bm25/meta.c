/*
 * vchord_bm25/meta.c
 *		The metapage: composing, reading, checking, editing; the maintenance lock; repair.
 *
 * Edits are made to the copy in an open record, under the page's exclusive lock, never from an older
 * copy: an inserter that makes a growing tape edits the page beside the holder of the maintenance lock.
 *
 * Repair frees what an interrupted change left behind.  Everything of that kind is named by the metapage
 * before it exists, or until it is freed:
 *
 *	writing		a segment whose header page is named there, and the header names its pages; never
 *				published, so no reader knows it
 *	retired		segments that a merge replaced, and a tape that a seal replaced (BM25_LEVEL_TAPE)
 *	sealing		is no leftover: its documents are searched there until the next seal goes on with it
 *
 * Freeing may be repeated, so a crash inside repair is repaired by the next one.
 */
#include "postgres.h"

#include "vchord_bm25/meta.h"

#include <math.h>

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "core/meta.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/growing.h"
#include "vchord_bm25/maintain.h"
#include "vchord_bm25/segment_write.h"

#define KNOWN_FLAGS (BM25_META_POSITIONS | BM25_META_EXACT_NORMS | BM25_META_ELEMENTS)

/*----- checks -----*/

static bool
is_segment_ok(const Bm25SegmentDisk *segment)
{
	return segment->header != BM25_META_BLKNO && segment->header <= MaxBlockNumber &&
		   segment->state != BM25_META_BLKNO && segment->state <= MaxBlockNumber &&
		   segment->header != segment->state && segment->incarnation != 0;
}

static bool
is_tape_ok(const Bm25TapeDisk *tape)
{
	return tape->head == InvalidBlockNumber ||
		   (tape->head != BM25_META_BLKNO && tape->head <= MaxBlockNumber);
}

/* VcMetaFormat.check */
static const char *
check_meta(void *checked)
{
	const Bm25MetaDisk *meta = checked;

	if ((meta->flags & ~(uint32) KNOWN_FLAGS) != 0)
		return "flags";
	if (meta->fields < 1 || meta->fields > BM25_MAX_FIELDS ||
		((meta->flags & BM25_META_ELEMENTS) != 0 && meta->fields == 1))
		return "number of fields";
	if (!(meta->k1 >= 0 && isfinite(meta->k1)) || !(meta->b >= 0 && meta->b <= 1))
		return "k1 or b";
	for (uint32 f = 0; f < meta->fields; f++)
	{
		if (!(meta->weight[f] >= 0 && isfinite(meta->weight[f])))
			return "weight of a field";
	}
	if (memchr(meta->text_config, 0, BM25_CONFIG_BYTES) == NULL)
		return "name of the text search configuration";
	if (meta->nsegments > BM25_MAX_SEGMENTS || meta->nretired > BM25_MAX_RETIRED)
		return "number of segments";
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		if (!is_segment_ok(&meta->segments[i]))
			return "place of a segment";
	}
	for (uint32 i = 0; i < meta->nretired; i++)
	{
		if (meta->retired[i].header == BM25_META_BLKNO || meta->retired[i].header > MaxBlockNumber)
			return "place of a retired segment";
	}
	if (!is_tape_ok(&meta->growing) || !is_tape_ok(&meta->sealing))
		return "place of the growing documents";
	if (meta->writing.header == BM25_META_BLKNO)
		return "place of an unfinished segment";
	return NULL;
}

static Bm25KeyType
column_type(Relation index, int column)
{
	return bm25_key_type(TupleDescAttr(RelationGetDescr(index), column)->atttypid);
}

/* VcMetaFormat.check_index */
static const char *
check_columns(Relation index, const void *checked)
{
	const Bm25MetaDisk *meta = checked;
	int ncolumns = IndexRelationGetNumberOfKeyAttributes(index);

	if ((meta->flags & BM25_META_ELEMENTS) != 0)
		return ncolumns == 1 && column_type(index, 0) == BM25_TYPE_TEXT_ARRAY
				   ? NULL
				   : "flags for the columns";
	return meta->fields == (uint32) ncolumns ? NULL : "number of fields for the columns";
}

static const VcMetaFormat format = {.kind = BM25_PAGE_META,
									.magic = BM25_MAGIC,
									.version = BM25_FORMAT_VERSION,
									.disk_size = sizeof(Bm25MetaDisk),
									.size = sizeof(Bm25MetaDisk),
									.check = check_meta,
									.check_index = check_columns};

/*----- reading -----*/

void
bm25_meta_read(Relation index, Bm25MetaDisk *ret_meta)
{
	vc_meta_read(index, &format, ret_meta);
}

bool
bm25_meta_try_read(Relation index, Bm25MetaDisk *ret_meta)
{
	return vc_meta_try_read(index, &format, ret_meta);
}

Bm25MetaDisk *
bm25_meta_edit(VcXlog *xlog)
{
	Bm25MetaDisk copy;

	return vc_meta_edit(xlog, &format, &copy);
}

uint32
bm25_meta_take_incarnation(Relation index)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	uint32 incarnation = bm25_meta_edit(&xlog)->next_incarnation++;

	vc_xlog_commit(&xlog);
	return incarnation;
}

/*----- composing -----*/

void
bm25_meta_init(Relation index, Bm25MetaDisk *ret_meta)
{
	int ncolumns = IndexRelationGetNumberOfKeyAttributes(index);
	Bm25KeyType types[BM25_MAX_FIELDS];
	Bm25BuildOptions options;

	if (ncolumns > BM25_MAX_FIELDS)
		ereport(ERROR, (errcode(ERRCODE_TOO_MANY_COLUMNS),
						errmsg("a bm25 index can have at most %d key columns", BM25_MAX_FIELDS)));
	for (int i = 0; i < ncolumns; i++)
		types[i] = column_type(index, i);
	bm25_build_options(index, ncolumns, types, &options);
	memset(ret_meta, 0, sizeof(*ret_meta));
	ret_meta->flags = (options.positions ? BM25_META_POSITIONS : 0) |
					  (options.exact_norms ? BM25_META_EXACT_NORMS : 0) |
					  (options.elements ? BM25_META_ELEMENTS : 0);
	ret_meta->k1 = options.k1;
	ret_meta->b = options.b;
	ret_meta->fields = (uint32) options.nfields;
	for (int i = 0; i < options.nfields; i++)
		ret_meta->weight[i] = options.weight[i];
	/* 0 is nobody's: it is in every zeroed struct */
	ret_meta->next_incarnation = 1;
	ret_meta->growing.head = InvalidBlockNumber;
	ret_meta->sealing.head = InvalidBlockNumber;
	ret_meta->writing.header = InvalidBlockNumber;
	ret_meta->writing.state = InvalidBlockNumber;
	strlcpy(ret_meta->text_config, options.text_config, BM25_CONFIG_BYTES);
}

void
bm25_meta_compose(const Bm25MetaDisk *meta, char *ret_page)
{
	vc_meta_compose(&format, meta, ret_page);
}

Bm25KeyType
bm25_field_type(Relation index, const Bm25MetaDisk *meta, int field)
{
	return (meta->flags & BM25_META_ELEMENTS) != 0 ? BM25_TYPE_TEXT : column_type(index, field);
}

void
bm25_meta_fields(Relation index, const Bm25MetaDisk *meta, Bm25Fields *ret_fields)
{
	bool text = false;

	memset(ret_fields, 0, sizeof(*ret_fields));
	ret_fields->n = (int) meta->fields;
	ret_fields->positions = (meta->flags & BM25_META_POSITIONS) != 0;
	ret_fields->elements = (meta->flags & BM25_META_ELEMENTS) != 0;
	for (int i = 0; i < ret_fields->n; i++)
	{
		ret_fields->type[i] = bm25_field_type(index, meta, i);
		text |=
			ret_fields->type[i] == BM25_TYPE_TEXT || ret_fields->type[i] == BM25_TYPE_TEXT_ARRAY;
	}
	ret_fields->config = InvalidOid;
	if (text || meta->text_config[0] != '\0')
	{
		List *name = textToQualifiedNameList(cstring_to_text(meta->text_config));

		ret_fields->config = get_ts_config_oid(name, false);
		list_free_deep(name);
	}
}

/*----- maintenance -----*/

bool
bm25_maintenance_try_lock(Relation index)
{
	return ConditionalLockPage(index, BM25_META_BLKNO, ExclusiveLock);
}

void
bm25_maintenance_lock(Relation index)
{
	LockPage(index, BM25_META_BLKNO, ExclusiveLock);
}

void
bm25_maintenance_unlock(Relation index)
{
	UnlockPage(index, BM25_META_BLKNO, ExclusiveLock);
}

static void
forget_retired(Relation index, const Bm25SegmentDisk *disk)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	Bm25MetaDisk *meta = bm25_meta_edit(&xlog);

	for (uint32 i = 0; i < meta->nretired; i++)
	{
		if (memcmp(&meta->retired[i], disk, sizeof(*disk)) == 0)
		{
			meta->nretired--;
			meta->retired[i] = meta->retired[meta->nretired];
			memset(&meta->retired[meta->nretired], 0, sizeof(*disk));
			vc_xlog_commit(&xlog);
			return;
		}
	}
}

static void
forget_writing(Relation index)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	Bm25MetaDisk *meta = bm25_meta_edit(&xlog);

	memset(&meta->writing, 0, sizeof(meta->writing));
	meta->writing.header = InvalidBlockNumber;
	meta->writing.state = InvalidBlockNumber;
	vc_xlog_commit(&xlog);
}

void
bm25_maintenance_free_retired(Relation index)
{
	Bm25MetaDisk meta;

	bm25_meta_read(index, &meta);
	for (uint32 i = 0; i < meta.nretired; i++)
	{
		const Bm25SegmentDisk *disk = &meta.retired[i];

		CHECK_FOR_INTERRUPTS();
		if (disk->level == BM25_LEVEL_TAPE)
			bm25_growing_free(index, &(Bm25TapeDisk){disk->header, disk->incarnation});
		else
			bm25_segment_free(index, disk);
		forget_retired(index, disk);
	}
}

void
bm25_maintenance_repair(Relation index)
{
	Bm25MetaDisk meta;

	bm25_meta_read(index, &meta);
	if (meta.writing.header != InvalidBlockNumber)
	{
		bm25_header_free(index, meta.writing.header, meta.writing.incarnation);
		forget_writing(index);
	}
	bm25_maintenance_free_retired(index);
}
