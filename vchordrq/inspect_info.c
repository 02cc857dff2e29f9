/*
 * vchordrq/inspect_info.c
 *		vchordrq_index_info(): shape of an index, lengths of its lists, shares of dead and appended rows,
 *		pages by kind.
 *
 * Reads the directory, the append pages and, for the pages by kind, the opaque of every block.  Numbers
 * are those of the moment when each page was read.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "core/attrs.h"
#include "core/buf.h"
#include "core/compare.h"

#include "vchordrq/am.h"
#include "vchordrq/inspect.h"
#include "vchordrq/list.h"

/* counters of pages, in the order of the kind bits; then free and other */
#define KINDS 8
static const char *const counter_names[KINDS + 2] = {
	"meta", "chain", "vector", "list", "centroid", "level", "directory", "append", "free", "other"};

typedef struct Info
{
	Relation index;
	RqMeta meta;
	uint64 *lengths; /* [lists] live rows */
	uint64 live;
	uint64 dead;
	uint64 appended; /* live rows that are not packed yet */
	uint64 pages[KINDS + 2];
} Info;

static void
add_chain(Info *info, uint32 list, BlockNumber head, uint32 pages, uint32 incarnation)
{
	BlockNumber block = head;

	for (uint32 i = 0; i < pages && block != InvalidBlockNumber; i++)
	{
		uint32 rows;

		CHECK_FOR_INTERRUPTS();
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read(info->index, block, VC_PAGE_ANY);
			const RqAppendHeadDisk *page = (const RqAppendHeadDisk *) (r.page + RQ_HEAD_OFFSET);

			if (!rq_append_page_check(info->index, &info->meta, block, r.page, list, incarnation,
									  &rows))
				return;
			info->dead += page->dead;
			info->appended += rows - page->dead;
			info->lengths[list] += rows - page->dead;
			block = vc_page_opaque_read(r.page)->next;
		}
	}
}

static void
add_list(Info *info, uint32 list)
{
	RqListDisk entry;

	rq_list_read(info->index, &info->meta, NULL, list, &entry);
	info->lengths[list] = 0;
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (entry.extent[i].first == InvalidBlockNumber)
			continue;
		info->lengths[list] += entry.extent[i].rows - entry.extent[i].dead;
		info->dead += entry.extent[i].dead;
	}
	add_chain(info, list, entry.sealed_head, entry.sealed_pages, entry.sealed_incarnation);
	add_chain(info, list, entry.append_head, entry.append_pages, entry.append_incarnation);
	info->live += info->lengths[list];
}

static void
count_pages(Info *info)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber blocks = RelationGetNumberOfBlocks(info->index);

	for (BlockNumber block = 0; block < blocks; block++)
	{
		int which = KINDS + 1;

		CHECK_FOR_INTERRUPTS();
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read_raw(info->index, block, strategy);
			uint16 kind = vc_page_opaque_read(r.page)->kind;

			if (vc_page_is_new(r.page))
				which = KINDS;
			else if (vc_page_problem(r.page) == NULL)
			{
				if (vc_page_is_free(r.page))
					which = KINDS;
				else
				{
					for (int i = 0; i < KINDS; i++)
					{
						if ((kind & VC_PAGE_KIND_MASK) == 1 << i)
							which = i;
					}
				}
			}
		}
		info->pages[which]++;
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

static const char *
json_bool(bool value)
{
	return value ? "true" : "false";
}

static Datum
options_json(const Info *info)
{
	const RqMetaDisk *disk = &info->meta.disk;
	static const char *const metrics[] = {"l2", "ip", "cosine"};
	const char *metric = disk->flags & RQ_META_MAXSIM ? "maxsim" : metrics[disk->metric];
	static const char *const types[] = {"vector", "halfvec", "rabitq8", "rabitq4"};
	StringInfoData json;

	StaticAssertStmt(VCV_L2 == 0 && VCV_COSINE == 2, "order of the metrics");
	StaticAssertStmt(VCV_VECTOR == 0 && VCV_RABITQ4 == 3, "order of the types");
	initStringInfo(&json);
	appendStringInfo(
		&json,
		"{\"dimension\":%u,\"type\":\"%s\",\"metric\":\"%s\","
		"\"residual_quantization\":%s,\"rerank_in_table\":%s,\"exact\":%s,"
		"\"spherical_centroids\":%s,\"automatic_lists\":%s,"
		"\"degree_of_parallelism\":%u,\"group_pages\":%u,\"group_slots\":%u,"
		"\"slot_bytes\":%u,\"format_version\":%u,\"lists\":[",
		disk->dim, types[disk->type], metric, json_bool(disk->flags & RQ_META_RESIDUAL),
		json_bool(disk->flags & RQ_META_IN_TABLE), json_bool(disk->flags & RQ_META_EXACT),
		json_bool(disk->flags & RQ_META_SPHERICAL), json_bool(disk->flags & RQ_META_AUTOMATIC),
		disk->chains, disk->group_pages, disk->group_slots, disk->slot_bytes, disk->version);
	for (int l = 1; l <= disk->levels; l++)
		appendStringInfo(&json, "%s%u", l > 1 ? "," : "", disk->level[l].cells);
	appendStringInfoString(&json, "]}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static uint64
percentile(const Info *info, double p)
{
	return info->lengths[(uint32) (p * (info->meta.disk.lists - 1))];
}

static double
share(uint64 part, uint64 all)
{
	return all == 0 ? 0 : (double) part / (double) all;
}

static Datum
make_record(FunctionCallInfo fcinfo, Info *info)
{
	const RqMetaDisk *disk = &info->meta.disk;
	TupleDesc desc;
	Datum values[16];
	bool nulls[16] = {false};
	uint32 empty = 0;
	int i = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != 16)
		elog(ERROR, "vchordrq_index_info returns a record of 16 columns");
	qsort(info->lengths, disk->lists, sizeof(uint64), vc_compare_u64);
	while (empty < disk->lists && info->lengths[empty] == 0)
		empty++;

	values[i++] = Int32GetDatum(disk->levels);
	values[i++] = Int64GetDatum(disk->lists);
	values[i++] = Int64GetDatum((int64) info->live);
	values[i++] = Int64GetDatum((int64) info->dead);
	values[i++] = Int64GetDatum((int64) info->appended);
	values[i++] = Int64GetDatum((int64) percentile(info, 0));
	values[i++] = Int64GetDatum((int64) percentile(info, 0.5));
	values[i++] = Int64GetDatum((int64) percentile(info, 0.95));
	values[i++] = Int64GetDatum((int64) percentile(info, 1));
	values[i++] = Int64GetDatum(empty);
	values[i++] = Float8GetDatum(share(info->dead, info->live + info->dead));
	values[i++] = Float8GetDatum(share(info->appended, info->live));
	values[i++] = Int64GetDatum(RelationGetNumberOfBlocks(info->index));
	values[i++] = pages_json(info);
	values[i++] = Float8GetDatum(
		share((uint64) RelationGetNumberOfBlocks(info->index) * BLCKSZ, Max(info->live, 1)));
	values[i++] = options_json(info);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

VC_FUNCTION(vchordrq_index_info);

/* vchordrq_index_info(index regclass) returns record; columns in sql/vchord/inspect.sql */
Datum
vchordrq_index_info(PG_FUNCTION_ARGS)
{
	Info *info = palloc0(sizeof(Info));
	VcInspect inspect;
	Datum result;

	rq_inspect_begin(PG_GETARG_OID(0), VC_INSPECT_ANY, AccessShareLock, false, &inspect);
	info->index = inspect.index;
	rq_meta_load(info->index, &info->meta);
	info->lengths =
		MemoryContextAllocHuge(CurrentMemoryContext, info->meta.disk.lists * sizeof(uint64));
	for (uint32 list = 0; list < info->meta.disk.lists; list++)
	{
		CHECK_FOR_INTERRUPTS();
		add_list(info, list);
	}
	count_pages(info);
	result = make_record(fcinfo, info);
	vc_inspect_end(&inspect);
	PG_RETURN_DATUM(result);
}
