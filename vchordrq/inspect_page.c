/*
 * vchordrq/inspect_page.c
 *		vchordrq_page_inspect(): what is on a block, as JSON; safe on damaged pages.
 *
 * The page is copied under a share lock and nothing it says is trusted: counts are cut to what fits.
 * Values that need the geometry of the index are left out where the metapage cannot be read.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "port/pg_bitutils.h"
#include "port/pg_crc32c.h"

#include "core/attrs.h"
#include "core/json.h"
#include "core/page.h"
#include "core/tid.h"

#include "vchordrq/inspect.h"

/* names of the page kinds, by bit */
static const char *const kind_names[] = {"meta",     "chain", "vector",    "list",
										 "centroid", "level", "directory", "append"};

typedef struct PageText
{
	VcJson json;
	const char *page;
	bool have_meta;
	RqMeta meta;
} PageText;

/*----- kinds -----*/

/* body bytes in use, at most what a body holds */
static uint32
body_bytes(const PageText *t)
{
	int used = ((const PageHeaderData *) t->page)->pd_lower - RQ_BODY_OFFSET;

	return (uint32) Max(Min(used, RQ_BODY_BYTES), 0);
}

static const char *
body(const PageText *t)
{
	return t->page + RQ_BODY_OFFSET;
}

/* n entries that begin with a TID; null = dead */
static void
put_tids(PageText *t, uint32 stride, uint32 n)
{
	uint32 live = 0;

	vc_json_open(&t->json, "tids", '[');
	for (uint32 i = 0; i < n; i++)
	{
		ItemPointerData tid = rq_entry_tid(body(t), stride, i);

		vc_json_key(&t->json, NULL);
		if (vc_heap_valid(vc_heap_from_tid(&tid)))
		{
			live++;
			appendStringInfo(&t->json.text, "\"(%u,%u)\"", ItemPointerGetBlockNumberNoCheck(&tid),
							 ItemPointerGetOffsetNumberNoCheck(&tid));
		}
		else
			appendStringInfoString(&t->json.text, "null");
	}
	vc_json_close(&t->json, ']');
	vc_json_number(&t->json, "live", live);
}

static void
put_meta(PageText *t)
{
	VcSpan used = vc_page_contents(t->page);
	RqMetaDisk disk;

	memset(&disk, 0, sizeof(disk));
	memcpy(&disk, used.data, Min(used.len, sizeof(disk)));
	vc_json_bool(&t->json, "valid", t->have_meta);
	vc_json_number(&t->json, "magic", disk.magic);
	vc_json_number(&t->json, "version", disk.version);
	vc_json_number(&t->json, "flags", disk.flags);
	vc_json_number(&t->json, "dim", disk.dim);
	vc_json_number(&t->json, "type", disk.type);
	vc_json_number(&t->json, "metric", disk.metric);
	vc_json_number(&t->json, "chains", disk.chains);
	vc_json_number(&t->json, "group_pages", disk.group_pages);
	vc_json_number(&t->json, "group_slots", disk.group_slots);
	vc_json_number(&t->json, "slot_bytes", disk.slot_bytes);
	vc_json_number(&t->json, "lists", disk.lists);
	vc_json_block(&t->json, "directory_first", disk.directory_first);
	vc_json_number(&t->json, "directory_pages", disk.directory_pages);
	vc_json_float(&t->json, "build_rows", disk.build_rows);
	vc_json_float(&t->json, "build_radius", disk.build_radius);
	vc_json_float(&t->json, "build_spread", disk.build_spread);
	vc_json_float(&t->json, "build_norm", disk.build_norm);
	vc_json_open(&t->json, "levels", '[');
	for (int l = 0; l <= Min(disk.levels, RQ_MAX_LEVELS); l++)
	{
		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "cells", disk.level[l].cells);
		vc_json_block(&t->json, "code_first", disk.level[l].code_first);
		vc_json_number(&t->json, "code_blocks", disk.level[l].code_blocks);
		vc_json_number(&t->json, "code_pages", disk.level[l].code_pages);
		vc_json_block(&t->json, "centroid_first", disk.level[l].centroid_first);
		vc_json_number(&t->json, "centroid_pages", disk.level[l].centroid_pages);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_run_head(PageText *t)
{
	const RqRunHeadDisk *head = (const RqRunHeadDisk *) (t->page + RQ_HEAD_OFFSET);
	pg_crc32c crc;

	vc_json_number(&t->json, "ordinal", head->ordinal);
	vc_json_number(&t->json, "used", head->used);
	vc_json_number(&t->json, "crc_from", head->crc_from);
	if (head->used > RQ_BODY_BYTES || head->crc_from > head->used)
		return;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, body(t) + head->crc_from, head->used - head->crc_from);
	FIN_CRC32C(crc);
	vc_json_bool(&t->json, "crc_ok", crc == head->crc);
}

static void
put_chains(PageText *t)
{
	uint32 n = body_bytes(t) / sizeof(RqChainDisk);

	put_run_head(t);
	vc_json_open(&t->json, "chains", '[');
	for (uint32 i = 0; i < n; i++)
	{
		const RqChainDisk *chain = (const RqChainDisk *) body(t) + i;

		vc_json_open(&t->json, NULL, '{');
		vc_json_block(&t->json, "open_group", chain->open_group);
		vc_json_block(&t->json, "free_group", chain->free_group);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_group(PageText *t)
{
	const RqVectorHeadDisk *head = (const RqVectorHeadDisk *) (t->page + RQ_HEAD_OFFSET);
	uint32 used = 0;

	vc_json_number(&t->json, "ordinal", head->ordinal);
	if (head->ordinal != 0)
		return;
	for (uint32 i = 0; i < lengthof(head->used); i++)
		used += pg_popcount32(head->used[i]);
	vc_json_number(&t->json, "used_slots", used);
	vc_json_number(&t->json, "free_slots", head->free_slots);
	vc_json_bool(&t->json, "on_free_list", head->on_free_list != 0);
	vc_json_block(&t->json, "next_free", head->next_free);
}

static void
put_list(PageText *t)
{
	const RqRunHeadDisk *head = (const RqRunHeadDisk *) (t->page + RQ_HEAD_OFFSET);

	put_run_head(t);
	/* bytes that the CRC leaves out are the strip, whose padding reads as dead rows */
	if (t->have_meta)
		put_tids(t, t->meta.geo.strip_bytes,
				 Min(head->crc_from, body_bytes(t)) / t->meta.geo.strip_bytes);
}

static void
put_extent(PageText *t, const RqExtentDisk *extent)
{
	vc_json_open(&t->json, NULL, '{');
	vc_json_block(&t->json, "first", extent->first);
	vc_json_number(&t->json, "rows", extent->rows);
	vc_json_number(&t->json, "dead", extent->dead);
	vc_json_number(&t->json, "incarnation", extent->incarnation);
	vc_json_close(&t->json, '}');
}

static void
put_directory(PageText *t)
{
	const RqRunHeadDisk *head = (const RqRunHeadDisk *) (t->page + RQ_HEAD_OFFSET);
	uint32 n = body_bytes(t) / sizeof(RqListDisk);

	put_run_head(t);
	vc_json_number(&t->json, "first_list", (uint64) head->ordinal * RQ_LISTS_PER_PAGE);
	vc_json_open(&t->json, "lists", '[');
	for (uint32 i = 0; i < n; i++)
	{
		const RqListDisk *entry = (const RqListDisk *) body(t) + i;

		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "next_incarnation", entry->next_incarnation);
		vc_json_float(&t->json, "radius", entry->radius);
		vc_json_open(&t->json, "extents", '[');
		for (int e = 0; e < RQ_MAX_EXTENTS; e++)
		{
			if (entry->extent[e].first != InvalidBlockNumber)
				put_extent(t, &entry->extent[e]);
		}
		vc_json_close(&t->json, ']');
		vc_json_block(&t->json, "append_head", entry->append_head);
		vc_json_block(&t->json, "append_tail", entry->append_tail);
		vc_json_number(&t->json, "append_pages", entry->append_pages);
		vc_json_block(&t->json, "sealed_head", entry->sealed_head);
		vc_json_number(&t->json, "sealed_pages", entry->sealed_pages);
		vc_json_open(&t->json, "retired", '[');
		for (int e = 0; e < RQ_MAX_RETIRED; e++)
		{
			if (entry->retired[e].pages == 0)
				continue;
			vc_json_open(&t->json, NULL, '{');
			vc_json_block(&t->json, "first", entry->retired[e].first);
			vc_json_number(&t->json, "pages", entry->retired[e].pages);
			vc_json_number(&t->json, "incarnation", entry->retired[e].incarnation);
			vc_json_close(&t->json, '}');
		}
		vc_json_close(&t->json, ']');
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_append(PageText *t)
{
	const RqAppendHeadDisk *head = (const RqAppendHeadDisk *) (t->page + RQ_HEAD_OFFSET);

	vc_json_number(&t->json, "rows", head->rows);
	vc_json_number(&t->json, "dead", head->dead);
	vc_json_bool(&t->json, "closed", head->closed != 0);
	if (t->have_meta)
		put_tids(t, t->meta.geo.append_bytes,
				 Min(head->rows, body_bytes(t) / t->meta.geo.append_bytes));
}

static void
put_kind(PageText *t, uint16 kind)
{
	switch (kind)
	{
		case RQ_PAGE_META:
			put_meta(t);
			break;
		case RQ_PAGE_CHAIN:
			put_chains(t);
			break;
		case RQ_PAGE_VECTOR:
			put_group(t);
			break;
		case RQ_PAGE_LIST:
			put_list(t);
			break;
		case RQ_PAGE_CENTROID:
		case RQ_PAGE_LEVEL:
			put_run_head(t);
			break;
		case RQ_PAGE_DIRECTORY:
			put_directory(t);
			break;
		case RQ_PAGE_APPEND:
			put_append(t);
			break;
		default:
			break;
	}
}

VC_FUNCTION(vchordrq_page_inspect);

/* vchordrq_page_inspect(index regclass, block bigint) returns jsonb */
Datum
vchordrq_page_inspect(PG_FUNCTION_ARGS)
{
	PageText *t = palloc0(sizeof(PageText));
	char *page = palloc(BLCKSZ);
	VcInspect inspect;
	BlockNumber block;
	uint16 kind;

	rq_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_SELECT, AccessShareLock, false, &inspect);
	block = vc_inspect_block(&inspect, PG_GETARG_INT64(1));
	vc_inspect_copy_page(inspect.index, block, NULL, page);
	t->page = page;
	t->have_meta = rq_meta_try_load(inspect.index, &t->meta);
	vc_json_init(&t->json);
	kind = vc_inspect_page_head(&t->json, page, block, kind_names, lengthof(kind_names));
	put_kind(t, kind);
	vc_json_close(&t->json, '}');
	vc_inspect_end(&inspect);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(t->json.text.data)));
}
