/*
 * core/meta.c
 *		The metapage: composing, reading, checking, keeping in rd_amcache.  See core/meta.h.
 */
#include "postgres.h"

#include "core/meta.h"

#include "port/pg_crc32c.h"

#include "core/buf.h"
#include "core/page.h"
#include "core/report.h"

static uint32
compute_crc(const VcMetaFormat *format, const char *disk)
{
	static const uint32 zero = 0;
	Size behind = format->crc_at + sizeof(uint32);
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, disk, format->crc_at);
	COMP_CRC32C(crc, &zero, sizeof(zero));
	COMP_CRC32C(crc, disk + behind, format->disk_size - behind);
	FIN_CRC32C(crc);
	return crc;
}

void
vc_meta_compose(const VcMetaFormat *format, const void *disk, char *ret_page)
{
	char *body = vc_page_body(ret_page);
	VcMetaHeadDisk *head = (VcMetaHeadDisk *) body;
	uint32 crc;

	vc_page_init(ret_page, format->kind, 0, 0);
	vc_page_set_used(ret_page, format->disk_size);
	memcpy(body, disk, format->disk_size);
	head->magic = format->magic;
	head->version = format->version;
	head->size = (uint32) format->disk_size;
	if (format->crc_at == 0)
		return;
	crc = compute_crc(format, body);
	memcpy(body + format->crc_at, &crc, sizeof(crc));
}

/*----- checks -----*/

typedef enum MetaState
{
	META_OK,
	META_DAMAGED,
	META_VERSION
} MetaState;

/* Copies what the page holds; returns its length. */
static Size
copy_page(const VcMetaFormat *format, const char *page, void *ret_meta)
{
	VcSpan used = vc_page_contents(page);
	Size n = Min(used.len, format->disk_size);

	memset(ret_meta, 0, format->size);
	memcpy(ret_meta, used.data, n);
	return n;
}

/* Of a copy of n bytes; *ret_what names the damage, NULL if it is sound. */
static MetaState
check(const VcMetaFormat *format, void *meta, Size n, const char **ret_what)
{
	const VcMetaHeadDisk *head = meta;
	uint32 crc;

	*ret_what = "size of the metapage";
	if (n < sizeof(VcMetaHeadDisk))
		return META_DAMAGED;
	*ret_what = "magic number";
	if (head->magic != format->magic)
		return META_DAMAGED;
	/* the rest may be anything in another version */
	if (head->version != format->version)
		return META_VERSION;
	*ret_what = "size of the metapage";
	if (n < format->disk_size || head->size != format->disk_size)
		return META_DAMAGED;
	if (format->crc_at != 0)
	{
		*ret_what = "checksum of the metapage";
		memcpy(&crc, (char *) meta + format->crc_at, sizeof(crc));
		if (crc != compute_crc(format, meta))
			return META_DAMAGED;
	}
	*ret_what = format->check(meta);
	return *ret_what == NULL ? META_OK : META_DAMAGED;
}

pg_noreturn static void refuse(Relation index, const VcMetaFormat *format, MetaState state,
							   const void *meta, const char *what);

static void
refuse(Relation index, const VcMetaFormat *format, MetaState state, const void *meta,
	   const char *what)
{
	if (state == META_VERSION)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("index \"%s\" has format version %u, but this library reads %u",
							   RelationGetRelationName(index),
							   ((const VcMetaHeadDisk *) meta)->version, format->version),
						errhint("Please use REINDEX to rebuild the index.")));
	vc_corrupt(index, VC_META_BLKNO, "bad %s", what);
}

/*----- reading -----*/

static bool
from_cache(Relation index, const VcMetaFormat *format, void *ret_meta)
{
	if (!format->fixed || index->rd_amcache == NULL)
		return false;
	memcpy(ret_meta, index->rd_amcache, format->size);
	return true;
}

static void
to_cache(Relation index, const VcMetaFormat *format, const void *meta)
{
	void *copy;

	if (!format->fixed)
		return;
	copy = MemoryContextAlloc(index->rd_indexcxt, format->size);
	memcpy(copy, meta, format->size);
	index->rd_amcache = copy;
}

void
vc_meta_forget(Relation index)
{
	if (index->rd_amcache != NULL)
		pfree(index->rd_amcache);
	index->rd_amcache = NULL;
}

void
vc_meta_read(Relation index, const VcMetaFormat *format, void *ret_meta)
{
	const char *what;
	MetaState state;
	Size n;

	if (from_cache(index, format, ret_meta))
		return;
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read(index, VC_META_BLKNO, format->kind);

		n = copy_page(format, r.page, ret_meta);
	}
	state = check(format, ret_meta, n, &what);
	if (state == META_OK)
		what = format->check_index(index, ret_meta);
	if (what != NULL)
		refuse(index, format, state, ret_meta, what);
	to_cache(index, format, ret_meta);
}

bool
vc_meta_try_read(Relation index, const VcMetaFormat *format, void *ret_meta)
{
	const char *what;
	Size n = 0;

	if (from_cache(index, format, ret_meta))
		return true;
	if (RelationGetNumberOfBlocks(index) <= VC_META_BLKNO)
		return false;
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_raw(index, VC_META_BLKNO, NULL);

		if (!vc_page_is_new(r.page) && vc_page_problem(r.page) == NULL &&
			(vc_page_opaque_read(r.page)->kind & format->kind) != 0)
			n = copy_page(format, r.page, ret_meta);
	}
	if (check(format, ret_meta, n, &what) != META_OK ||
		format->check_index(index, ret_meta) != NULL)
		return false;
	to_cache(index, format, ret_meta);
	return true;
}

void *
vc_meta_edit(VcXlog *xlog, const VcMetaFormat *format, void *scratch)
{
	char *page = vc_xlog_add(xlog, VC_META_BLKNO, format->kind);
	const char *what;
	MetaState state = check(format, scratch, copy_page(format, page, scratch), &what);

	Assert(format->crc_at == 0);
	if (state != META_OK)
		refuse(xlog->rel, format, state, scratch, what);
	return vc_page_body(page);
}
