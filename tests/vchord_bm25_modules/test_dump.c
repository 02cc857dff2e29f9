/*
 * tests/vchord_bm25_modules/test_dump.c
 *		Everything that a bm25 index holds about living documents, as rows: for comparison with the table.
 *
 * (index) -> (tid, field, term, tf, positions, length): one row for each posting; and for each document and field
 * one row without a term, whose length is that of the document (NULL: the field is null).
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "core/attrs.h"
#include "vchord_bm25/cursor.h"
#include "vchord_bm25/growing.h"
#include "vchord_bm25/meta.h"
#include "vchord_bm25/norm.h"
#include "vchord_bm25/varint.h"

VC_FUNCTION(vc_test_bm25_dump);

typedef struct Dump
{
	ReturnSetInfo *result;
	Bm25MetaDisk meta;
} Dump;

static Datum
int_array(const uint32 *values, uint32 n)
{
	Datum *datums = palloc(Max(n, 1) * sizeof(Datum));

	for (uint32 i = 0; i < n; i++)
		datums[i] = Int32GetDatum((int32) values[i]);
	return PointerGetDatum(construct_array(datums, (int) n, INT4OID, sizeof(int32), true, 'i'));
}

static void
put(Dump *dump, const ItemPointerData *tid, int field, const Bm25Key *key, uint32 tf,
	const uint32 *positions, uint32 length)
{
	Datum values[6];
	bool nulls[6] = {
		false, false, key == NULL, key == NULL, positions == NULL, length == BM25_LENGTH_NULL};

	values[0] = PointerGetDatum(tid);
	values[1] = Int32GetDatum(field);
	if (key != NULL)
	{
		bytea *term = palloc(VARHDRSZ + key->len - 1);

		SET_VARSIZE(term, VARHDRSZ + key->len - 1);
		memcpy(VARDATA(term), key->data + 1, key->len - 1);
		values[2] = PointerGetDatum(term);
		values[3] = Int32GetDatum((int32) tf);
	}
	if (positions != NULL)
		values[4] = int_array(positions, tf);
	values[5] = Int32GetDatum((int32) length);
	tuplestore_putvalues(dump->result->setResult, dump->result->setDesc, values, nulls);
}

static void
put_lengths(Dump *dump, const ItemPointerData *tid, const uint32 *length)
{
	for (uint32 f = 0; f < dump->meta.fields; f++)
		put(dump, tid, (int) f, NULL, 0, NULL, length[f]);
}

static void
dump_growing(Dump *dump, Relation index)
{
	Bm25GrowingReader *reader = bm25_growing_read_begin(index, &dump->meta, true, true);
	Bm25GrowingDocument document;

	while (bm25_growing_read_next(reader, false, &document))
	{
		Bm25GrowingTerm term;
		uint32 count = 0;

		put_lengths(dump, &document.tid, document.length);
		while (bm25_growing_next_term(&document, &term))
		{
			uint32 *positions = NULL;

			if (term.positions != NULL)
			{
				const uint8 *p = term.positions;
				uint32 position = 0;

				positions = palloc(term.tf * sizeof(uint32));
				for (uint32 i = 0; i < term.tf; i++)
				{
					uint32 difference = 0;

					p = bm25_varint_get(p, term.positions_end, &difference);
					positions[i] = position += difference;
				}
				if (p != term.positions_end)
					elog(ERROR, "positions of a growing document have a wrong size");
			}
			put(dump, &document.tid, (uint8) term.key.data[0], &term.key, term.tf, positions,
				document.length[(uint8) term.key.data[0]]);
			count++;
		}
		if (count != document.nterms)
			elog(ERROR, "growing document has %u terms of %u", count, document.nterms);
	}
	bm25_growing_read_end(reader);
}

static void
dump_segment(Dump *dump, Relation index, const Bm25SegmentDisk *disk)
{
	bool exact = (dump->meta.flags & BM25_META_EXACT_NORMS) != 0;
	Bm25Cursor *cursor = palloc0(sizeof(Bm25Cursor));
	Bm25TermIterator *terms;
	Bm25SegmentTerm term;
	Bm25Segment segment;
	uint32 dead = 0;
	Bm25Key key;

	bm25_segment_open(&segment, index, NULL, disk, dump->meta.flags, dump->meta.fields);
	for (uint32 doc = 0; doc < disk->docs; doc++)
	{
		ItemPointerData tid = bm25_segment_tid(&segment, doc);
		uint32 length[BM25_MAX_FIELDS];

		if (bm25_segment_is_dead(&segment, doc))
		{
			dead++;
			continue;
		}
		bm25_segment_lengths(&segment, doc, length);
		put_lengths(dump, &tid, length);
	}
	if (dead != segment.state.dead)
		elog(ERROR, "segment has %u dead documents, its state says %u", dead, segment.state.dead);
	terms = bm25_term_iterate(&segment, (Bm25Key){NULL, 0});
	while (bm25_term_next(terms, &key, &term))
	{
		uint32 live = 0;

		bm25_cursor_open(cursor, &segment, &term);
		for (uint32 doc = bm25_cursor_next(cursor); doc != BM25_NO_DOC;
			 doc = bm25_cursor_next(cursor))
		{
			uint32 norm = cursor->norms[cursor->at];
			ItemPointerData tid;

			if (bm25_segment_is_dead(&segment, doc))
				continue;
			live++;
			tid = bm25_segment_tid(&segment, doc);
			put(dump, &tid, (uint8) key.data[0], &key, cursor->tfs[cursor->at],
				(dump->meta.flags & BM25_META_POSITIONS) != 0 ? bm25_cursor_positions(cursor)
															  : NULL,
				exact ? norm : bm25_norm_length((uint8) norm));
		}
		if (segment.state.counted == segment.state.dead &&
			bm25_segment_live_df(&segment, &term) != live)
			elog(ERROR, "term has %u living documents, %u are counted", live,
				 bm25_segment_live_df(&segment, &term));
	}
	bm25_term_iterate_end(terms);
}

Datum
vc_test_bm25_dump(PG_FUNCTION_ARGS)
{
	Relation index = index_open(PG_GETARG_OID(0), AccessShareLock);
	Dump *dump = palloc0(sizeof(Dump));

	dump->result = (ReturnSetInfo *) fcinfo->resultinfo;
	InitMaterializedSRF(fcinfo, 0);
	bm25_meta_read(index, &dump->meta);
	for (uint32 i = 0; i < dump->meta.nsegments; i++)
		dump_segment(dump, index, &dump->meta.segments[i]);
	dump_growing(dump, index);
	index_close(index, AccessShareLock);
	return (Datum) 0;
}
