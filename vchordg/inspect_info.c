/*
 * vchordg/inspect_info.c
 *		vchordg_index_info(): vertices and rows, degrees, pages by kind, what the index was built with; and
 *		vchordg_prewarm(): pages into shared buffers.
 *
 * Every block is read once.  Numbers are those of the moment when each page was read; damaged pages count as
 * "other", and nothing on a page is trusted.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "core/attrs.h"
#include "core/buf.h"

#include "vchordg/inspect.h"
#include "vchordg/vertex.h"

/* counters of pages, in the order of the kind bits; then free and other */
#define KINDS 8
static const char *const counter_names[KINDS + 2] = {
	"meta", "state", "vertex", "strip", "duplicate", "label", "posting", "centre", "free", "other"};

static const char *const metrics[] = {"l2", "ip", "cosine"};
static const char *const types[] = {"vector", "halfvec", "rabitq8", "rabitq4"};

StaticAssertDecl(VCV_L2 == 0 && VCV_COSINE == 2, "order of the metrics");
StaticAssertDecl(VCV_VECTOR == 0 && VCV_RABITQ4 == 3, "order of the types");

typedef struct Info
{
	Relation index;
	VgMeta meta;
	VgStateDisk state;
	uint64 vertices; /* slots in use */
	uint64 dying;
	uint64 edges;
	uint64 rows;
	uint64 duplicates; /* of the rows, those beyond the first of their vertex */
	uint64 pages[KINDS + 2];
} Info;

static void
add_group(Info *info, const char *page)
{
	const VgVertexHeadDisk *head = (const VgVertexHeadDisk *) (page + VG_HEAD_OFFSET);
	const VgGeometry *geo = &info->meta.geo;

	if (head->ordinal != 0)
		return;
	for (uint32 slot = 0; slot < geo->group_slots; slot++)
	{
		const VgVertexDisk *vertex =
			(const VgVertexDisk *) (page + VG_BODY_OFFSET + slot * geo->slot_bytes);

		if ((head->used & UINT64CONST(1) << slot) == 0)
			continue;
		info->vertices++;
		info->dying += vertex->state == VG_VERTEX_DYING;
		info->edges += Min(vertex->count, geo->m);
	}
}

static void
add_strip(Info *info, const char *page)
{
	const VgArrayHeadDisk *head = (const VgArrayHeadDisk *) (page + VG_HEAD_OFFSET);
	const VgStripDisk *entries = (const VgStripDisk *) (page + VG_BODY_OFFSET);

	for (uint32 i = 0; i < Min(head->count, VG_STRIPS_PER_PAGE); i++)
		info->rows += ItemPointerIsValid(&entries[i].tid);
}

static void
add_duplicates(Info *info, const char *page)
{
	const VgArrayHeadDisk *head = (const VgArrayHeadDisk *) (page + VG_HEAD_OFFSET);
	uint32 n = Min(head->count, VG_DUPLICATES_PER_PAGE);

	n -= Min(head->dead, n);
	info->rows += n;
	info->duplicates += n;
}

/* number of the page's counter */
static int
count_page(Info *info, const char *page)
{
	uint16 kind;

	if (vc_page_is_new(page))
		return KINDS;
	if (vc_page_problem(page) != NULL)
		return KINDS + 1;
	if (vc_page_is_free(page))
		return KINDS;
	kind = vc_page_opaque_read(page)->kind & VC_PAGE_KIND_MASK;
	if (kind == VG_PAGE_VERTEX)
		add_group(info, page);
	else if (kind == VG_PAGE_STRIP)
		add_strip(info, page);
	else if (kind == VG_PAGE_DUPLICATE)
		add_duplicates(info, page);
	for (int i = 0; i < KINDS; i++)
	{
		if (kind == 1 << i)
			return i;
	}
	return KINDS + 1;
}

static void
read_all(Info *info)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber blocks = RelationGetNumberOfBlocks(info->index);
	char *page = vc_palloc_aligned(BLCKSZ, 64, 0);

	for (BlockNumber block = 0; block < blocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		vc_inspect_copy_page(info->index, block, strategy, page);
		info->pages[count_page(info, page)]++;
	}
	FreeAccessStrategy(strategy);
}

static Datum
pages_json(const Info *info)
{
	StringInfoData json;

	initStringInfo(&json);
	for (int i = 0; i < (int) lengthof(counter_names); i++)
		appendStringInfo(&json, "%c\"%s\":" UINT64_FORMAT, i == 0 ? '{' : ',', counter_names[i],
						 info->pages[i]);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static Datum
options_json(const Info *info)
{
	const VgMetaDisk *disk = &info->meta.disk;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json,
					 "{\"ef_construction\":%u,\"beam_construction\":%u,\"automatic_m\":%s,"
					 "\"group_pages\":%u,\"group_slots\":%u,\"slot_bytes\":%u,"
					 "\"format_version\":%u,\"alpha\":[",
					 disk->ef_construction, disk->beam_construction,
					 (disk->flags & VG_META_AUTO_M) != 0 ? "true" : "false", disk->group_pages,
					 disk->group_slots, disk->slot_bytes, disk->version);
	for (int i = 0; i < disk->nalphas; i++)
		appendStringInfo(&json, "%s%g", i > 0 ? "," : "", disk->alpha[i]);
	appendStringInfoString(&json, "]}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static Datum
make_record(FunctionCallInfo fcinfo, const Info *info)
{
	const VgMetaDisk *disk = &info->meta.disk;
	uint64 blocks = RelationGetNumberOfBlocks(info->index);
	TupleDesc desc;
	Datum values[16];
	bool nulls[16] = {false};
	int i = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != 16)
		elog(ERROR, "vchordg_index_info returns a record of 16 columns");
	values[i++] = Int64GetDatum((int64) info->vertices);
	values[i++] = Int64GetDatum((int64) info->rows);
	values[i++] = Int64GetDatum((int64) info->duplicates);
	values[i++] = Int64GetDatum((int64) info->dying);
	values[i++] = Int32GetDatum(disk->m);
	values[i++] = Int32GetDatum(disk->bits);
	values[i++] = Int32GetDatum((int32) disk->dim);
	values[i++] = CStringGetTextDatum(types[disk->type]);
	values[i++] = CStringGetTextDatum(metrics[disk->metric]);
	values[i++] = Int64GetDatum((int64) blocks);
	values[i++] = pages_json(info);
	values[i++] = Float8GetDatum((double) blocks * BLCKSZ / (double) Max(info->rows, 1));
	values[i++] = Float8GetDatum((double) info->edges / (double) Max(info->vertices, 1));
	values[i++] = Int32GetDatum((int32) info->state.nentries);
	values[i++] = Int32GetDatum((int32) info->state.nlabels);
	values[i++] = options_json(info);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

VC_FUNCTION(vchordg_index_info);

/* vchordg_index_info(index regclass) returns record; columns in sql/vchord/vchordg_inspect.sql */
Datum
vchordg_index_info(PG_FUNCTION_ARGS)
{
	Info *info = palloc0(sizeof(Info));
	VcInspect inspect;
	Datum result;

	vg_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_ANY, AccessShareLock, false, &inspect);
	info->index = inspect.index;
	vg_meta_load(info->index, &info->meta);
	vg_state_read(info->index, &info->meta, NULL, &info->state, NULL);
	read_all(info);
	result = make_record(fcinfo, info);
	vc_inspect_end(&inspect);
	PG_RETURN_DATUM(result);
}

/* ---- prewarm ---- */

/* A page into shared buffers; true if it is one of vertices, whose slots in use are counted. */
static bool
warm(Relation index, BlockNumber block, uint64 *vertices)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read_raw(index, block, NULL);
	const VgVertexHeadDisk *head = (const VgVertexHeadDisk *) (r.page + VG_HEAD_OFFSET);

	if (vc_page_is_new(r.page) || vc_page_problem(r.page) != NULL || vc_page_is_free(r.page) ||
		(vc_page_opaque_read(r.page)->kind & VG_PAGE_VERTEX) == 0)
		return false;
	if (head->ordinal == 0)
		*vertices += (uint64) pg_popcount64(head->used);
	return true;
}

VC_FUNCTION(vchordg_prewarm);

/*
 * vchordg_prewarm(index regclass, mode text) returns text: how many pages with vertices, and vertices, there
 * are; with mode "all" further lines.  Every page is read in either case: a search reads vertices with their
 * neighbours' codes, which is nearly all there is.
 */
Datum
vchordg_prewarm(PG_FUNCTION_ARGS)
{
	char *mode = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool all = strcmp(mode, "all") == 0;
	Info *info = palloc0(sizeof(Info));
	VcInspect inspect;
	StringInfoData text;
	BlockNumber blocks;
	uint64 pages = 0;
	uint64 vertices = 0;

	if (!all && strcmp(mode, "codes") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unrecognized mode: \"%s\"", mode),
						errhint("Modes are \"codes\" and \"all\".")));
	vg_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_ANY, AccessShareLock, false, &inspect);
	blocks = RelationGetNumberOfBlocks(inspect.index);
	for (BlockNumber block = 0; block < blocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		pages += warm(inspect.index, block, &vertices);
	}
	initStringInfo(&text);
	appendStringInfo(&text, "number of vertex pages: " UINT64_FORMAT "\n", pages);
	appendStringInfo(&text, "number of vertices: " UINT64_FORMAT "\n", vertices);
	if (all)
	{
		info->index = inspect.index;
		vg_meta_load(info->index, &info->meta);
		vg_state_read(info->index, &info->meta, NULL, &info->state, NULL);
		read_all(info);
		appendStringInfo(&text, "number of other pages: " UINT64_FORMAT "\n", blocks - pages);
		appendStringInfo(&text, "number of rows: " UINT64_FORMAT "\n", info->rows);
		appendStringInfo(&text, "number of dying vertices: " UINT64_FORMAT "\n", info->dying);
		if (vg_ref_valid(info->state.root))
			appendStringInfo(&text, "root: (%u,%u)\n", info->state.root.group,
							 info->state.root.slot);
	}
	vc_inspect_end(&inspect);
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}
