/*
 * vchord_bm25/maintain_sql.c
 *		bm25_flush, bm25_merge, bm25_stats: upkeep by hand, and what the index holds.
 *
 * The first two wait for the maintenance lock, as VACUUM does; readers and inserters go on meanwhile.  They are
 * the table owner's; the statistics are for whoever may read the table.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/attrs.h"
#include "core/inspect.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/growing.h"
#include "vchord_bm25/maintain.h"
#include "vchord_bm25/segment.h"

VC_FUNCTION(bm25_flush);
VC_FUNCTION(bm25_merge);
VC_FUNCTION(bm25_stats);

/* columns of bm25_stats */
enum
{
	COLUMN_DOCUMENTS,
	COLUMN_DEAD,
	COLUMN_GROWING,
	COLUMN_SEGMENTS,
	COLUMN_TERMS,
	COLUMN_POSTINGS,
	COLUMN_AVERAGE,
	COLUMN_GROWING_BYTES,
	COLUMN_BYTES,
	COLUMNS
};

static void
begin_upkeep(FunctionCallInfo fcinfo, const char *command, VcInspect *ret_inspect)
{
	VcInspectSpec spec = {.amname = "bm25",
						  .ambeginscan = bm25_ambeginscan,
						  .right = VC_INSPECT_OWNER,
						  .lockmode = RowExclusiveLock,
						  .need_valid = true};

	PreventCommandDuringRecovery(command);
	vc_inspect_begin(PG_GETARG_OID(0), &spec, ret_inspect);
	bm25_maintenance_lock(ret_inspect->index);
	bm25_maintenance_repair(ret_inspect->index);
}

static void
end_upkeep(VcInspect *inspect)
{
	bm25_maintenance_unlock(inspect->index);
	vc_inspect_end(inspect);
}

/* bm25_flush(regclass) returns boolean: growing documents become a segment; false if there were none */
Datum
bm25_flush(PG_FUNCTION_ARGS)
{
	VcInspect inspect;
	bool sealed;

	begin_upkeep(fcinfo, "bm25_flush()", &inspect);
	sealed = bm25_seal(inspect.index, inspect.heap);
	end_upkeep(&inspect);
	PG_RETURN_BOOL(sealed);
}

/*
 * bm25_merge(regclass, boolean) returns integer: number of merges.  full: the growing documents as well, all
 * into one segment.
 */
Datum
bm25_merge(PG_FUNCTION_ARGS)
{
	bool full = PG_GETARG_BOOL(1);
	VcInspect inspect;
	int merges;

	begin_upkeep(fcinfo, "bm25_merge()", &inspect);
	if (full)
		bm25_seal(inspect.index, inspect.heap);
	merges = bm25_merge_tiers(inspect.index, inspect.heap, 0, full);
	end_upkeep(&inspect);
	PG_RETURN_INT32(merges);
}

/* what is added up over segments and growing documents */
typedef struct Totals
{
	int64 documents;
	int64 dead;
	int64 growing;
	int64 terms;
	int64 postings;
	int64 growing_pages;
	double docs[BM25_MAX_FIELDS];
	double length[BM25_MAX_FIELDS];
} Totals;

static void
add_segments(Relation index, const Bm25MetaDisk *meta, Totals *totals)
{
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		Bm25Segment segment;

		CHECK_FOR_INTERRUPTS();
		bm25_segment_open(&segment, index, NULL, &meta->segments[i], meta->flags, meta->fields);
		totals->documents += segment.disk.docs - segment.state.dead;
		totals->dead += segment.state.dead;
		totals->terms += segment.header->terms;
		totals->postings += (int64) segment.header->postings;
		for (uint32 f = 0; f < meta->fields; f++)
		{
			totals->docs[f] += segment.state.live_docs[f];
			totals->length[f] += (double) segment.state.live_length[f];
		}
	}
}

static void
add_growing(Relation index, const Bm25MetaDisk *meta, Totals *totals)
{
	Bm25GrowingReader *reader = bm25_growing_read_begin(index, meta, true, true);
	Bm25GrowingDocument document;

	while (bm25_growing_read_next(reader, true, &document))
	{
		if (document.dead)
		{
			totals->dead++;
			continue;
		}
		totals->growing++;
		totals->documents++;
		totals->postings += document.nterms;
		for (uint32 f = 0; f < meta->fields; f++)
		{
			if (document.length[f] == BM25_LENGTH_NULL)
				continue;
			totals->docs[f] += 1;
			totals->length[f] += document.length[f];
		}
	}
	bm25_growing_read_end(reader);
	totals->growing_pages = (int64) bm25_growing_pages(index, &meta->growing) +
							bm25_growing_pages(index, &meta->sealing);
}

/* bm25_stats(regclass) returns record, see sql/vchord_bm25/maintain.sql */
Datum
bm25_stats(PG_FUNCTION_ARGS)
{
	VcInspectSpec spec = {.amname = "bm25",
						  .ambeginscan = bm25_ambeginscan,
						  .right = VC_INSPECT_SELECT,
						  .lockmode = AccessShareLock};
	Datum values[COLUMNS];
	bool nulls[COLUMNS] = {false};
	Datum average[BM25_MAX_FIELDS];
	Totals totals = {0};
	Bm25MetaDisk meta;
	VcInspect inspect;
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != COLUMNS)
		elog(ERROR, "bm25_stats returns a row of another shape");
	/* what the metapage names is not recycled as long as this backend has a snapshot */
	if (!ActiveSnapshotSet())
		elog(ERROR, "bm25_stats was called without a snapshot");
	vc_inspect_begin(PG_GETARG_OID(0), &spec, &inspect);
	bm25_meta_read(inspect.index, &meta);
	add_segments(inspect.index, &meta, &totals);
	add_growing(inspect.index, &meta, &totals);
	for (uint32 f = 0; f < meta.fields; f++)
		average[f] = Float8GetDatum(totals.docs[f] > 0 ? totals.length[f] / totals.docs[f] : 0);

	values[COLUMN_DOCUMENTS] = Int64GetDatum(totals.documents);
	values[COLUMN_DEAD] = Int64GetDatum(totals.dead);
	values[COLUMN_GROWING] = Int64GetDatum(totals.growing);
	values[COLUMN_SEGMENTS] = Int32GetDatum((int32) meta.nsegments);
	values[COLUMN_TERMS] = Int64GetDatum(totals.terms);
	values[COLUMN_POSTINGS] = Int64GetDatum(totals.postings);
	values[COLUMN_AVERAGE] = PointerGetDatum(construct_array(average, (int) meta.fields, FLOAT8OID,
															 sizeof(float8), FLOAT8PASSBYVAL, 'd'));
	values[COLUMN_GROWING_BYTES] = Int64GetDatum(totals.growing_pages * BLCKSZ);
	values[COLUMN_BYTES] = Int64GetDatum((int64) RelationGetNumberOfBlocks(inspect.index) * BLCKSZ);
	vc_inspect_end(&inspect);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
