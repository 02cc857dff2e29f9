/*
 * vchordrq/inspect_page.c
 *		vchordrq_page_inspect(): what is on a block, as JSON; safe on damaged pages.
 *
 * The page is copied under a share lock and nothing it says is trusted: counts are cut to what fits.
 * Values that need the geometry of the index are left out where the metapage cannot be read.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include <math.h>

#include "port/pg_bitutils.h"
#include "port/pg_crc32c.h"

#include "core/attrs.h"
#include "core/buf.h"
#include "core/tid.h"

#include "vchordrq/inspect.h"

/* names of the page kinds, by bit */
static const char *const kind_names[] = {"meta",     "chain", "vector",    "list",
										 "centroid", "level", "directory", "append"};

typedef struct PageText
{
	StringInfoData json;
	const char *page;
	bool have_meta;
	RqMeta meta;
	bool comma;
} PageText;

/*----- writing JSON -----*/

static void
key(PageText *t, const char *name)
{
	if (t->comma)
		appendStringInfoChar(&t->json, ',');
	t->comma = true;
	if (name != NULL)
	{
		escape_json(&t->json, name);
		appendStringInfoChar(&t->json, ':');
	}
}

static void
open_json(PageText *t, const char *name, char bracket)
{
	key(t, name);
	appendStringInfoChar(&t->json, bracket);
	t->comma = false;
}

static void
close_json(PageText *t, char bracket)
{
	appendStringInfoChar(&t->json, bracket);
	t->comma = true;
}

static void
put_number(PageText *t, const char *name, uint64 value)
{
	key(t, name);
	appendStringInfo(&t->json, UINT64_FORMAT, value);
}

static void
put_bool(PageText *t, const char *name, bool value)
{
	key(t, name);
	appendStringInfoString(&t->json, value ? "true" : "false");
}

static void
put_text(PageText *t, const char *name, const char *value)
{
	key(t, name);
	escape_json(&t->json, value);
}

static void
put_float(PageText *t, const char *name, double value)
{
	key(t, name);
	if (isfinite(value))
		appendStringInfo(&t->json, "%.9g", value);
	else
		appendStringInfoString(&t->json, isnan(value) ? "\"NaN\"" : "\"Infinity\"");
}

static void
put_block(PageText *t, const char *name, BlockNumber block)
{
	key(t, name);
	if (block == InvalidBlockNumber)
		appendStringInfoString(&t->json, "null");
	else
		appendStringInfo(&t->json, "%u", block);
}

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

	open_json(t, "tids", '[');
	for (uint32 i = 0; i < n; i++)
	{
		ItemPointerData tid = rq_entry_tid(body(t), stride, i);

		key(t, NULL);
		if (vc_heap_valid(vc_heap_from_tid(&tid)))
		{
			live++;
			appendStringInfo(&t->json, "\"(%u,%u)\"", ItemPointerGetBlockNumberNoCheck(&tid),
							 ItemPointerGetOffsetNumberNoCheck(&tid));
		}
		else
			appendStringInfoString(&t->json, "null");
	}
	close_json(t, ']');
	put_number(t, "live", live);
}

static void
put_meta(PageText *t)
{
	VcSpan used = vc_page_contents(t->page);
	RqMetaDisk disk;

	memset(&disk, 0, sizeof(disk));
	memcpy(&disk, used.data, Min(used.len, sizeof(disk)));
	put_bool(t, "valid", t->have_meta);
	put_number(t, "magic", disk.magic);
	put_number(t, "version", disk.version);
	put_number(t, "flags", disk.flags);
	put_number(t, "dim", disk.dim);
	put_number(t, "type", disk.type);
	put_number(t, "metric", disk.metric);
	put_number(t, "chains", disk.chains);
	put_number(t, "group_pages", disk.group_pages);
	put_number(t, "group_slots", disk.group_slots);
	put_number(t, "slot_bytes", disk.slot_bytes);
	put_number(t, "lists", disk.lists);
	put_block(t, "directory_first", disk.directory_first);
	put_number(t, "directory_pages", disk.directory_pages);
	put_float(t, "build_rows", disk.build_rows);
	put_float(t, "build_radius", disk.build_radius);
	put_float(t, "build_spread", disk.build_spread);
	put_float(t, "build_norm", disk.build_norm);
	open_json(t, "levels", '[');
	for (int l = 0; l <= Min(disk.levels, RQ_MAX_LEVELS); l++)
	{
		open_json(t, NULL, '{');
		put_number(t, "cells", disk.level[l].cells);
		put_block(t, "code_first", disk.level[l].code_first);
		put_number(t, "code_blocks", disk.level[l].code_blocks);
		put_number(t, "code_pages", disk.level[l].code_pages);
		put_block(t, "centroid_first", disk.level[l].centroid_first);
		put_number(t, "centroid_pages", disk.level[l].centroid_pages);
		close_json(t, '}');
	}
	close_json(t, ']');
}

static void
put_run_head(PageText *t)
{
	const RqRunHeadDisk *head = (const RqRunHeadDisk *) (t->page + RQ_HEAD_OFFSET);
	pg_crc32c crc;

	put_number(t, "ordinal", head->ordinal);
	put_number(t, "used", head->used);
	put_number(t, "crc_from", head->crc_from);
	if (head->used > RQ_BODY_BYTES || head->crc_from > head->used)
		return;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, body(t) + head->crc_from, head->used - head->crc_from);
	FIN_CRC32C(crc);
	put_bool(t, "crc_ok", crc == head->crc);
}

static void
put_chains(PageText *t)
{
	uint32 n = body_bytes(t) / sizeof(RqChainDisk);

	put_run_head(t);
	open_json(t, "chains", '[');
	for (uint32 i = 0; i < n; i++)
	{
		const RqChainDisk *chain = (const RqChainDisk *) body(t) + i;

		open_json(t, NULL, '{');
		put_block(t, "open_group", chain->open_group);
		put_block(t, "free_group", chain->free_group);
		close_json(t, '}');
	}
	close_json(t, ']');
}

static void
put_group(PageText *t)
{
	const RqVectorHeadDisk *head = (const RqVectorHeadDisk *) (t->page + RQ_HEAD_OFFSET);
	uint32 used = 0;

	put_number(t, "ordinal", head->ordinal);
	if (head->ordinal != 0)
		return;
	for (uint32 i = 0; i < lengthof(head->used); i++)
		used += pg_popcount32(head->used[i]);
	put_number(t, "used_slots", used);
	put_number(t, "free_slots", head->free_slots);
	put_bool(t, "on_free_list", head->on_free_list != 0);
	put_block(t, "next_free", head->next_free);
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
	open_json(t, NULL, '{');
	put_block(t, "first", extent->first);
	put_number(t, "rows", extent->rows);
	put_number(t, "dead", extent->dead);
	put_number(t, "incarnation", extent->incarnation);
	close_json(t, '}');
}

static void
put_directory(PageText *t)
{
	const RqRunHeadDisk *head = (const RqRunHeadDisk *) (t->page + RQ_HEAD_OFFSET);
	uint32 n = body_bytes(t) / sizeof(RqListDisk);

	put_run_head(t);
	put_number(t, "first_list", (uint64) head->ordinal * RQ_LISTS_PER_PAGE);
	open_json(t, "lists", '[');
	for (uint32 i = 0; i < n; i++)
	{
		const RqListDisk *entry = (const RqListDisk *) body(t) + i;

		open_json(t, NULL, '{');
		put_number(t, "next_incarnation", entry->next_incarnation);
		open_json(t, "extents", '[');
		for (int e = 0; e < RQ_MAX_EXTENTS; e++)
		{
			if (entry->extent[e].first != InvalidBlockNumber)
				put_extent(t, &entry->extent[e]);
		}
		close_json(t, ']');
		put_block(t, "append_head", entry->append_head);
		put_block(t, "append_tail", entry->append_tail);
		put_number(t, "append_pages", entry->append_pages);
		put_block(t, "sealed_head", entry->sealed_head);
		put_number(t, "sealed_pages", entry->sealed_pages);
		open_json(t, "retired", '[');
		for (int e = 0; e < RQ_MAX_RETIRED; e++)
		{
			if (entry->retired[e].pages == 0)
				continue;
			open_json(t, NULL, '{');
			put_block(t, "first", entry->retired[e].first);
			put_number(t, "pages", entry->retired[e].pages);
			put_number(t, "incarnation", entry->retired[e].incarnation);
			close_json(t, '}');
		}
		close_json(t, ']');
		close_json(t, '}');
	}
	close_json(t, ']');
}

static void
put_append(PageText *t)
{
	const RqAppendHeadDisk *head = (const RqAppendHeadDisk *) (t->page + RQ_HEAD_OFFSET);

	put_number(t, "rows", head->rows);
	put_number(t, "dead", head->dead);
	put_bool(t, "closed", head->closed != 0);
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

static void
put_page(PageText *t, BlockNumber block)
{
	const VcPageOpaque *opaque = vc_page_opaque_read(t->page);
	uint16 kind = opaque->kind & VC_PAGE_KIND_MASK;
	const char *problem;

	open_json(t, NULL, '{');
	put_number(t, "block", block);
	if (vc_page_is_new(t->page))
	{
		put_text(t, "kind", "new");
		close_json(t, '}');
		return;
	}
	problem = vc_page_problem(t->page);
	if (problem != NULL)
	{
		put_text(t, "problem", problem);
		close_json(t, '}');
		return;
	}
	put_text(t, "kind",
			 kind != 0 && pg_rightmost_one_pos32(kind) < (int) lengthof(kind_names)
				 ? kind_names[pg_rightmost_one_pos32(kind)]
				 : "unknown");
	put_bool(t, "free", vc_page_is_free(t->page));
	if (vc_page_is_free(t->page))
		put_number(t, "free_xid", U64FromFullTransactionId(opaque->free_xid));
	put_number(t, "owner", opaque->owner);
	put_number(t, "incarnation", opaque->incarnation);
	put_block(t, "next", opaque->next);
	put_kind(t, kind);
	close_json(t, '}');
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

	rq_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_SELECT, AccessShareLock, false, &inspect);
	block = vc_inspect_block(&inspect, PG_GETARG_INT64(1));
	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read_raw(inspect.index, block, NULL);

		memcpy(page, r.page, BLCKSZ);
	}
	t->page = page;
	t->have_meta = rq_meta_try_load(inspect.index, &t->meta);
	initStringInfo(&t->json);
	put_page(t, block);
	vc_inspect_end(&inspect);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(t->json.data)));
}
