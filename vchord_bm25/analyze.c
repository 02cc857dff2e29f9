/*
 * vchord_bm25/analyze.c
 *		From column values to occurrences of terms: types of values, bm25vector and tsvector.
 *
 * Text is in analyze_text.c.  A detoasted value lives in a context of its own until it is done with.
 */
#include "postgres.h"

#include "vchord_bm25/analyze.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "tsearch/ts_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "vchord_bm25/analyze_text.h"
#include "vchord_bm25/format.h"
#include "vchord_bm25/query.h"

struct Bm25Analyzer
{
	Bm25Lexicon *lexicon;
	Bm25TextAnalyzer *text; /* NULL without a configuration */
	MemoryContext value_context;
};

Bm25KeyType
bm25_key_type(Oid type)
{
	Oid base = getBaseType(type);
	Oid schema;

	switch (base)
	{
		case TSVECTOROID:
			return BM25_TYPE_TSVECTOR;
		case TEXTOID:
		case VARCHAROID:
			return BM25_TYPE_TEXT;
		case TEXTARRAYOID:
		case VARCHARARRAYOID:
			return BM25_TYPE_TEXT_ARRAY;
	}
	schema = get_namespace_oid("bm25_catalog", true);
	if (OidIsValid(schema) &&
		base == GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("bm25vector"),
								ObjectIdGetDatum(schema)))
		return BM25_TYPE_VECTOR;
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("access method \"bm25\" does not support type %s", format_type_be(type)),
					errhint("Supported are bm25vector, tsvector, text, varchar and text[].")));
}

Bm25Analyzer *
bm25_analyzer_create(Bm25Lexicon *lexicon, Oid config)
{
	Bm25Analyzer *analyzer = palloc0(sizeof(Bm25Analyzer));

	analyzer->lexicon = lexicon;
	if (OidIsValid(config))
		analyzer->text = bm25_text_analyzer_create(lexicon, config);
	analyzer->value_context =
		AllocSetContextCreate(CurrentMemoryContext, "bm25 value", ALLOCSET_SMALL_SIZES);
	return analyzer;
}

void
bm25_analyzer_reset(Bm25Analyzer *analyzer)
{
	if (analyzer->text != NULL)
		bm25_text_analyzer_reset(analyzer->text);
}

Size
bm25_analyzer_bytes(const Bm25Analyzer *analyzer)
{
	return analyzer->text != NULL ? bm25_text_analyzer_bytes(analyzer->text) : 0;
}

static uint32
analyze_vector(Bm25Analyzer *analyzer, uint8 field, const Bm25Vector *vector, Bm25Emit emit,
			   void *arg)
{
	const uint32 *ids = bm25_vector_ids(vector);
	const uint32 *tfs = bm25_vector_tfs(vector);

	for (uint32 i = 0; i < vector->n; i++)
	{
		uint32 id = pg_hton32(ids[i]);

		CHECK_FOR_INTERRUPTS();
		emit(arg, bm25_lexicon_intern(analyzer->lexicon, field, (const char *) &id, sizeof(id)),
			 tfs[i], 0);
	}
	/* the last number of 32 bits says "null" where lengths are stored */
	return Min(vector->length, BM25_LENGTH_NULL - 1);
}

static uint32
analyze_tsvector(Bm25Analyzer *analyzer, uint8 field, TSVector vector, Bm25Emit emit, void *arg)
{
	const WordEntry *entries = ARRPTR(vector);
	uint32 length = 0;

	for (int i = 0; i < vector->size; i++)
	{
		const WordEntry *entry = &entries[i];
		uint32 n = POSDATALEN(vector, entry);
		const WordEntryPos *positions;
		uint32 term;

		CHECK_FOR_INTERRUPTS();
		if (n == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("tsvector must have positions"),
							errhint("Frequencies are counted by positions: index the result of "
									"to_tsvector(), not of strip().")));
		positions = POSDATAPTR(vector, entry);
		term =
			bm25_lexicon_intern(analyzer->lexicon, field, STRPTR(vector) + entry->pos, entry->len);
		for (uint32 j = 0; j < n; j++)
			emit(arg, term, 1, WEP_GETPOS(positions[j]));
		length += n;
	}
	return length;
}

static uint32
analyze_text_datum(Bm25Analyzer *analyzer, uint8 field, Datum value, uint32 *position,
				   Bm25Emit emit, void *arg)
{
	MemoryContext caller = MemoryContextSwitchTo(analyzer->value_context);
	text *t = DatumGetTextPP(value);

	MemoryContextSwitchTo(caller);
	return bm25_text_analyze(analyzer->text, field, VARDATA_ANY(t), (int) VARSIZE_ANY_EXHDR(t),
							 position, emit, arg);
}

static uint32
analyze_array(Bm25Analyzer *analyzer, uint8 field, Datum value, Bm25Emit emit, void *arg)
{
	MemoryContext caller = MemoryContextSwitchTo(analyzer->value_context);
	ArrayType *array = DatumGetArrayTypeP(value);
	Datum *elements;
	bool *nulls;
	int n;
	uint32 length = 0;
	uint32 position = 0;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	MemoryContextSwitchTo(caller);
	for (int i = 0; i < n; i++)
	{
		uint32 found;

		if (nulls[i])
			continue;
		found = analyze_text_datum(analyzer, field, elements[i], &position, emit, arg);
		if (found > 0)
			position++;
		length += found;
	}
	return length;
}

uint32
bm25_analyze(Bm25Analyzer *analyzer, Bm25KeyType type, uint8 field, Datum value, Bm25Emit emit,
			 void *arg)
{
	uint32 length = 0;
	uint32 position = 0;
	MemoryContext caller;

	/* an error may have left something here */
	MemoryContextReset(analyzer->value_context);
	caller = MemoryContextSwitchTo(analyzer->value_context);
	if (type == BM25_TYPE_VECTOR || type == BM25_TYPE_TSVECTOR)
		value = PointerGetDatum(PG_DETOAST_DATUM(value));
	MemoryContextSwitchTo(caller);
	Assert(analyzer->text != NULL || type == BM25_TYPE_VECTOR || type == BM25_TYPE_TSVECTOR);
	switch (type)
	{
		case BM25_TYPE_VECTOR:
			length =
				analyze_vector(analyzer, field, (Bm25Vector *) DatumGetPointer(value), emit, arg);
			break;
		case BM25_TYPE_TSVECTOR:
			length =
				analyze_tsvector(analyzer, field, (TSVector) DatumGetPointer(value), emit, arg);
			break;
		case BM25_TYPE_TEXT:
			length = analyze_text_datum(analyzer, field, value, &position, emit, arg);
			break;
		case BM25_TYPE_TEXT_ARRAY:
			length = analyze_array(analyzer, field, value, emit, arg);
			break;
	}
	MemoryContextReset(analyzer->value_context);
	return length;
}
