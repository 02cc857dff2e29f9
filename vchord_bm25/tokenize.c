/*
 * vchord_bm25/tokenize.c
 *		Text analysis in SQL: bm25_tokenize() for bm25vector, bm25_analyze() to look at it.
 *
 * Both find exactly what an index on a text column finds.  Analyzer and lexicon live as long as the
 * call's FmgrInfo: a statement over many rows asks the dictionaries about a token once.
 */
#include "postgres.h"

#include "vchord_bm25/tokenize.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/attrs.h"
#include "core/compat.h"

#include "vchord_bm25/document.h"
#include "vchord_bm25/query.h"

#define FNV_OFFSET 2166136261u /* parameters of 32-bit FNV-1a */
#define FNV_PRIME  16777619u

VC_FUNCTION(bm25_tokenize);
VC_FUNCTION(bm25_analyze_text);

uint32
bm25_lexeme_id(const char *lexeme, uint32 len)
{
	uint32 hash = FNV_OFFSET;

	for (uint32 i = 0; i < len; i++)
		hash = (hash ^ (uint8) lexeme[i]) * FNV_PRIME;
	return hash;
}

/* What the calls of one expression share. */
typedef struct CallState
{
	Oid config;
	Bm25DocumentMaker *maker;
	MemoryContext context; /* of maker */
} CallState;

/* The document of the text in argument 1 under the configuration in argument 0. */
static void
analyze_arguments(FunctionCallInfo fcinfo, bool positions, Bm25Document *ret_document)
{
	CallState *call = fcinfo->flinfo->fn_extra;
	Oid config = PG_GETARG_OID(0);
	Datum values[1] = {PG_GETARG_DATUM(1)};
	bool nulls[1] = {false};
	ItemPointerData tid;

	if (call == NULL)
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallState));
		call->context =
			AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "bm25 analysis", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = call;
	}
	if (call->maker == NULL || call->config != config)
	{
		Bm25Fields fields = {
			.n = 1, .type = {BM25_TYPE_TEXT}, .config = config, .positions = positions};
		MemoryContext outer;

		call->maker = NULL;
		MemoryContextReset(call->context);
		outer = MemoryContextSwitchTo(call->context);
		call->maker = bm25_document_maker_create(&fields);
		call->config = config;
		MemoryContextSwitchTo(outer);
	}
	ItemPointerSetInvalid(&tid);
	(void) bm25_document_make(call->maker, values, nulls, &tid, ret_document);
}

/*----- bm25_tokenize(regconfig, text) -----*/

Datum
bm25_tokenize(PG_FUNCTION_ARGS)
{
	Bm25Document document;
	Bm25VectorEntry *entries;
	Bm25Vector *vector;

	analyze_arguments(fcinfo, false, &document);
	entries = MemoryContextAllocHuge(CurrentMemoryContext,
									 ((Size) document.nterms + 1) * sizeof(Bm25VectorEntry));
	for (uint32 i = 0; i < document.nterms; i++)
	{
		Bm25Key key = document.terms[i].key;

		entries[i].id = bm25_lexeme_id(key.data + 1, key.len - 1);
		entries[i].tf = document.terms[i].tf;
	}
	vector = bm25_vector_make(entries, document.nterms);
	pfree(entries);
	PG_RETURN_POINTER(vector);
}

/*----- bm25_analyze(regconfig, text) -----*/

Datum
bm25_analyze_text(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Bm25Document document;

	InitMaterializedSRF(fcinfo, 0);
	analyze_arguments(fcinfo, true, &document);
	for (uint32 i = 0; i < document.nterms; i++)
	{
		const Bm25DocumentTerm *term = &document.terms[i];
		Datum *positions = MemoryContextAllocHuge(CurrentMemoryContext, term->tf * sizeof(Datum));
		Datum values[2];
		bool nulls[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		for (uint32 j = 0; j < term->tf; j++)
			positions[j] = Int32GetDatum((int32) term->positions[j]);
		values[0] =
			PointerGetDatum(cstring_to_text_with_len(term->key.data + 1, (int) term->key.len - 1));
		values[1] = PointerGetDatum(
			construct_array(positions, (int) term->tf, INT4OID, sizeof(int32), true, TYPALIGN_INT));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		pfree(DatumGetPointer(values[0]));
		pfree(DatumGetPointer(values[1]));
		pfree(positions);
	}
	return (Datum) 0;
}
