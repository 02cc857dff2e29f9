/*
 * vchordg/inspect_page.c
 *		vchordg_page_inspect(): what is on a block, as JSON; safe on damaged pages.
 *
 * The page is copied under a share lock and nothing it says is trusted: counts are cut to what fits.
 * Values that need the geometry of the index are left out where the metapage cannot be read.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "core/attrs.h"
#include "core/json.h"
#include "core/page.h"

#include "vchordg/inspect.h"
#include "vchordg/vertex.h"

/* names of the page kinds, by bit */
static const char *const kind_names[] = {"meta",      "state", "vertex",  "strip",
										 "duplicate", "label", "posting", "centre"};

typedef struct PageText
{
	VcJson json;
	const char *page;
	bool have_meta;
	VgMeta meta;
} PageText;

static const char *
body(const PageText *t)
{
	return t->page + VG_BODY_OFFSET;
}

/* body bytes in use, at most what a body holds */
static uint32
body_bytes(const PageText *t)
{
	int used = ((const PageHeaderData *) t->page)->pd_lower - VG_BODY_OFFSET;

	return (uint32) Max(Min(used, VG_BODY_BYTES), 0);
}

static void
put_tid(PageText *t, const char *name, const ItemPointerData *tid)
{
	vc_json_key(&t->json, name);
	if (ItemPointerIsValid(tid))
		appendStringInfo(&t->json.text, "\"(%u,%u)\"", ItemPointerGetBlockNumberNoCheck(tid),
						 ItemPointerGetOffsetNumberNoCheck(tid));
	else
		appendStringInfoString(&t->json.text, "null");
}

static void
put_ref(PageText *t, const char *name, VgRef ref)
{
	vc_json_key(&t->json, name);
	if (vg_ref_valid(ref))
		appendStringInfo(&t->json.text, "\"(%u,%u,%u)\"", ref.group, ref.slot, ref.incarnation);
	else
		appendStringInfoString(&t->json.text, "null");
}

static void
put_meta(PageText *t)
{
	const VgMetaDisk *disk = (const VgMetaDisk *) (t->page + VC_PAGE_BODY_OFFSET);

	vc_json_number(&t->json, "version", disk->version);
	vc_json_number(&t->json, "dimension", disk->dim);
	vc_json_number(&t->json, "type", disk->type);
	vc_json_number(&t->json, "metric", disk->metric);
	vc_json_number(&t->json, "bits", disk->bits);
	vc_json_number(&t->json, "m", disk->m);
	vc_json_number(&t->json, "flags", disk->flags);
	vc_json_number(&t->json, "group_pages", disk->group_pages);
	vc_json_number(&t->json, "group_slots", disk->group_slots);
	vc_json_number(&t->json, "slot_bytes", disk->slot_bytes);
	vc_json_block(&t->json, "centre_first", disk->centre_first);
	vc_json_number(&t->json, "centre_pages", disk->centre_pages);
	vc_json_float(&t->json, "build_rows", disk->build_rows);
}

static void
put_edges(PageText *t, const char *first, uint32 n)
{
	const VgGeometry *geo = &t->meta.geo;

	vc_json_open(&t->json, "neighbours", '[');
	for (uint32 i = 0; i < n; i++)
	{
		const VgEdgeDisk *edge = (const VgEdgeDisk *) (first + i * geo->edge_bytes);

		vc_json_open(&t->json, NULL, '{');
		put_ref(t, "to", edge->to);
		vc_json_float(&t->json, "distance", edge->distance);
		vc_json_bool(&t->json, "pinned", (edge->flags & VG_EDGE_PINNED) != 0);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_state(PageText *t)
{
	const VgStateDisk *state = (const VgStateDisk *) body(t);

	put_ref(t, "root", state->root);
	vc_json_block(&t->json, "strip_head", state->strip_head);
	vc_json_block(&t->json, "strip_tail", state->strip_tail);
	vc_json_block(&t->json, "free_group", state->free_group);
	vc_json_block(&t->json, "open_group", state->open_group);
	vc_json_block(&t->json, "label_head", state->label_head);
	vc_json_number(&t->json, "labels", state->nlabels);
	vc_json_open(&t->json, "entries", '[');
	for (uint32 i = 0; t->have_meta && i < Min(state->nentries, vg_state_entries_max(&t->meta));
		 i++)
		put_ref(t, NULL,
				((const VgEdgeDisk *) (body(t) + VG_STATE_ENTRIES_AT + i * t->meta.geo.edge_bytes))
					->to);
	vc_json_close(&t->json, ']');
}

/* A slot's head; its list, as far as it lies on this page. */
static void
put_vertex(PageText *t, uint32 slot)
{
	const VgGeometry *geo = &t->meta.geo;
	const char *at = body(t) + slot * geo->slot_bytes;
	const VgVertexDisk *vertex = (const VgVertexDisk *) at;
	uint32 edges = Min(vertex->count, geo->m);

	if (geo->group_pages > 1)
		edges = Min(edges, (VG_BODY_BYTES - geo->edges_at) / geo->edge_bytes);
	vc_json_open(&t->json, NULL, '{');
	vc_json_number(&t->json, "slot", slot);
	vc_json_number(&t->json, "incarnation", vertex->incarnation);
	vc_json_text(&t->json, "state",
				 vertex->state == VG_VERTEX_LIVE    ? "live"
				 : vertex->state == VG_VERTEX_DYING ? "dying"
													: "free");
	vc_json_number(&t->json, "degree", vertex->count);
	vc_json_number(&t->json, "version", vertex->version);
	put_ref(t, "anchor", vertex->anchor);
	if (geo->labels)
	{
		vc_json_key(&t->json, "labels");
		appendStringInfo(&t->json.text, "\"" UINT64_FORMAT "\"", vertex->labels);
	}
	vc_json_float(&t->json, "norm2", vertex->norm2);
	put_edges(t, at + geo->edges_at, edges);
	vc_json_close(&t->json, '}');
}

static void
put_group(PageText *t)
{
	const VgVertexHeadDisk *head = (const VgVertexHeadDisk *) (t->page + VG_HEAD_OFFSET);

	vc_json_number(&t->json, "ordinal", head->ordinal);
	if (head->ordinal != 0)
		return;
	vc_json_number(&t->json, "free_slots", head->free_slots);
	vc_json_bool(&t->json, "on_free_list", head->on_free_list != 0);
	vc_json_block(&t->json, "next_free", head->next_free);
	vc_json_block(&t->json, "strip", head->strip);
	vc_json_number(&t->json, "strip_first", head->strip_first);
	if (!t->have_meta)
		return;
	vc_json_open(&t->json, "vertices", '[');
	for (uint32 slot = 0; slot < t->meta.geo.group_slots; slot++)
	{
		if ((head->used & UINT64CONST(1) << slot) != 0)
			put_vertex(t, slot);
	}
	vc_json_close(&t->json, ']');
}

/* entries of an array that are there */
static uint32
put_array_head(PageText *t, uint32 bytes)
{
	const VgArrayHeadDisk *head = (const VgArrayHeadDisk *) (t->page + VG_HEAD_OFFSET);

	vc_json_number(&t->json, "count", head->count);
	vc_json_number(&t->json, "dead", head->dead);
	return Min(head->count, body_bytes(t) / bytes);
}

static void
put_strip(PageText *t)
{
	const VgStripDisk *entries = (const VgStripDisk *) body(t);
	uint32 n = put_array_head(t, sizeof(VgStripDisk));

	vc_json_open(&t->json, "entries", '[');
	for (uint32 i = 0; i < n; i++)
	{
		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "group", entries[i].group);
		vc_json_number(&t->json, "slot", entries[i].slot & ~VG_STRIP_USED);
		vc_json_bool(&t->json, "used", (entries[i].slot & VG_STRIP_USED) != 0);
		put_tid(t, "tid", &entries[i].tid);
		vc_json_block(&t->json, "more", entries[i].more);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_duplicates(PageText *t)
{
	const ItemPointerData *tids = (const ItemPointerData *) body(t);
	uint32 n = put_array_head(t, sizeof(ItemPointerData));

	vc_json_open(&t->json, "tids", '[');
	for (uint32 i = 0; i < n; i++)
		put_tid(t, NULL, &tids[i]);
	vc_json_close(&t->json, ']');
}

static void
put_labels(PageText *t)
{
	const VgLabelDisk *labels = (const VgLabelDisk *) body(t);
	uint32 n = put_array_head(t, sizeof(VgLabelDisk));

	vc_json_open(&t->json, "labels", '[');
	for (uint32 i = 0; i < n; i++)
	{
		vc_json_open(&t->json, NULL, '{');
		vc_json_key(&t->json, "label");
		appendStringInfo(&t->json.text, "%d", labels[i].label);
		vc_json_number(&t->json, "vertices", labels[i].vertices);
		put_ref(t, "entry", labels[i].entry);
		vc_json_block(&t->json, "posting_head", labels[i].posting_head);
		vc_json_block(&t->json, "posting_tail", labels[i].posting_tail);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_postings(PageText *t)
{
	const VgRef *refs = (const VgRef *) body(t);
	uint32 n = put_array_head(t, sizeof(VgRef));

	vc_json_open(&t->json, "vertices", '[');
	for (uint32 i = 0; i < n; i++)
		put_ref(t, NULL, refs[i]);
	vc_json_close(&t->json, ']');
}

static void
put_kind(PageText *t, uint16 kind)
{
	switch (kind)
	{
		case VG_PAGE_META:
			put_meta(t);
			break;
		case VG_PAGE_STATE:
			put_state(t);
			break;
		case VG_PAGE_VERTEX:
			put_group(t);
			break;
		case VG_PAGE_STRIP:
			put_strip(t);
			break;
		case VG_PAGE_DUPLICATE:
			put_duplicates(t);
			break;
		case VG_PAGE_LABEL:
			put_labels(t);
			break;
		case VG_PAGE_POSTING:
			put_postings(t);
			break;
		case VG_PAGE_CENTRE:
			put_array_head(t, sizeof(float));
			break;
		default:
			break;
	}
}

VC_FUNCTION(vchordg_page_inspect);

/* vchordg_page_inspect(index regclass, block bigint) returns jsonb */
Datum
vchordg_page_inspect(PG_FUNCTION_ARGS)
{
	PageText *t = palloc0(sizeof(PageText));
	char *page = vc_palloc_aligned(BLCKSZ, 64, 0);
	VcInspect inspect;
	BlockNumber block;
	uint16 kind;

	vg_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_SELECT, AccessShareLock, false, &inspect);
	block = vc_inspect_block(&inspect, PG_GETARG_INT64(1));
	vc_inspect_copy_page(inspect.index, block, NULL, page);
	t->page = page;
	t->have_meta = vg_meta_try_load(inspect.index, &t->meta);
	vc_json_init(&t->json);
	kind = vc_inspect_page_head(&t->json, page, block, kind_names, lengthof(kind_names));
	put_kind(t, kind);
	vc_json_close(&t->json, '}');
	vc_inspect_end(&inspect);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(t->json.text.data)));
}
