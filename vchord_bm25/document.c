/*
 * vchord_bm25/document.c
 *		Makes documents of rows: terms in ascending order of key, lengths by field.
 *
 * Occurrences come in order of the text.  The first one of a term in this document gets the next local
 * number; an array by number of the lexicon tells it for the later ones, and a stamp in there that the
 * entry is of this document, so nothing has to be cleared between documents.  Positions are kept in
 * order of arrival with the local number, and dealt out to the terms at the end (a counting sort: within
 * a term they stay in order).  Then the terms are sorted by key.
 *
 * Lexicon and token cache live on from document to document until they exceed a budget.
 */
#include "postgres.h"

#include "vchord_bm25/document.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"

/* Lexicon and token cache are emptied before a document when they are larger. */
#define KEPT_BYTES ((Size) 16 * 1024 * 1024)
/* occurrences that come at once; they can be billions in a bm25vector, and have no position anyway */
#define MAX_POSITIONS (1 << 24)
/* Tables of a document this large are given back before the next one. */
#define KEPT_OCCURRENCES (256 * 1024)
#define FIRST_ENTRIES    256

/* By number of the lexicon. */
typedef struct Seen
{
	uint32 stamp; /* of the document */
	uint32 local; /* number in it */
} Seen;

typedef struct LocalTerm
{
	uint32 number; /* in the lexicon */
	uint32 tf;
	bool positions;
} LocalTerm;

typedef struct Occurrence
{
	uint32 local;
	uint32 position;
} Occurrence;

struct Bm25DocumentMaker
{
	Bm25Fields fields;
	MemoryContext context;
	MemoryContext elements; /* of an array; reset before each document */
	Bm25Lexicon *lexicon;
	Bm25Analyzer *analyzer;
	uint32 stamp;
	Seen *seen;
	Size max_seen;
	/* the document */
	MemoryContext document_context;
	LocalTerm *terms;
	Size nterms;
	Size max_terms;
	Occurrence *occurrences;
	Size noccurrences;
	Size max_occurrences;
	uint32 *numbers;   /* of the terms, sorted */
	uint32 *positions; /* by term */
	Bm25DocumentTerm *output;
	Size max_output; /* of numbers and output */
	Size max_positions;
};

Bm25DocumentMaker *
bm25_document_maker_create(const Bm25Fields *fields)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "bm25 documents", ALLOCSET_START_SMALL_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(context);
	Bm25DocumentMaker *maker = palloc0(sizeof(Bm25DocumentMaker));

	maker->fields = *fields;
	maker->context = context;
	maker->lexicon = bm25_lexicon_create();
	maker->analyzer = bm25_analyzer_create(maker->lexicon, fields->config);
	maker->document_context =
		AllocSetContextCreate(context, "bm25 document", ALLOCSET_START_SMALL_SIZES);
	maker->elements = AllocSetContextCreate(context, "bm25 elements", ALLOCSET_START_SMALL_SIZES);
	MemoryContextSwitchTo(outer);
	return maker;
}

/*----- fields -----*/

bool
bm25_fields_null(const Bm25Fields *fields, const Datum *values, const bool *isnull)
{
	ArrayType *array;
	const bits8 *bitmap;
	int n;
	bool null = true;

	if (!fields->elements)
	{
		for (int i = 0; i < fields->n && null; i++)
			null = isnull[i];
		return null;
	}
	if (isnull[0])
		return true;
	array = DatumGetArrayTypeP(values[0]);
	n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	bitmap = ARR_NULLBITMAP(array);
	for (int i = 0; i < n && null; i++)
		null = bitmap != NULL && (bitmap[i / 8] & 1 << i % 8) == 0;
	if (PointerGetDatum(array) != values[0])
		pfree(array);
	return null;
}

void
bm25_fields_split(const Bm25Fields *fields, Datum value, Datum *ret_values, bool *ret_isnull)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	Datum *elements;
	bool *nulls;

	if (n > fields->n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array has %d elements, but the index has weights for %d", n, fields->n),
				 errhint("Each element is a field of the index. Give as many `weights` as "
						 "the largest array has elements.")));
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < fields->n; i++)
	{
		ret_isnull[i] = i >= n || nulls[i];
		ret_values[i] = ret_isnull[i] ? (Datum) 0 : elements[i];
	}
}

/*----- documents -----*/

/* Room for more than `used` entries of `size` bytes in an array of *max. */
static void *
grow(MemoryContext context, void *array, Size *max, Size used, Size size)
{
	Size n = Max(Max(*max * 2, used + 1), FIRST_ENTRIES);

	*max = n;
	return array == NULL ? MemoryContextAllocHuge(context, n * size)
						 : repalloc_huge(array, n * size);
}

static void
forget_tables(Bm25DocumentMaker *maker)
{
	MemoryContextReset(maker->document_context);
	maker->terms = NULL;
	maker->max_terms = 0;
	maker->occurrences = NULL;
	maker->max_occurrences = 0;
	maker->numbers = NULL;
	maker->output = NULL;
	maker->max_output = 0;
	maker->positions = NULL;
	maker->max_positions = 0;
}

static void
begin_document(Bm25DocumentMaker *maker)
{
	maker->nterms = 0;
	maker->noccurrences = 0;
	if (Max(maker->max_occurrences, maker->max_terms) > KEPT_OCCURRENCES)
		forget_tables(maker);
	if (bm25_lexicon_bytes(maker->lexicon) + bm25_analyzer_bytes(maker->analyzer) > KEPT_BYTES)
	{
		bm25_lexicon_reset(maker->lexicon);
		bm25_analyzer_reset(maker->analyzer);
		if (maker->seen != NULL)
			pfree(maker->seen);
		maker->seen = NULL;
		maker->max_seen = 0;
		maker->stamp = 0;
	}
	if (maker->stamp == PG_UINT32_MAX)
	{
		memset(maker->seen, 0, maker->max_seen * sizeof(Seen));
		maker->stamp = 0;
	}
	maker->stamp++;
}

/* The local number of a term. */
static uint32
local_term(Bm25DocumentMaker *maker, uint32 number, bool positions)
{
	if (unlikely(number >= maker->max_seen))
	{
		Size before = maker->max_seen;

		maker->seen = grow(maker->context, maker->seen, &maker->max_seen, number, sizeof(Seen));
		memset(maker->seen + before, 0, (maker->max_seen - before) * sizeof(Seen));
	}
	if (maker->seen[number].stamp != maker->stamp)
	{
		if (maker->nterms == maker->max_terms)
			maker->terms = grow(maker->document_context, maker->terms, &maker->max_terms,
								maker->nterms, sizeof(LocalTerm));
		maker->seen[number] = (Seen){.stamp = maker->stamp, .local = (uint32) maker->nterms};
		maker->terms[maker->nterms++] = (LocalTerm){.number = number, .positions = positions};
	}
	return maker->seen[number].local;
}

static void
count_term(void *arg, uint32 term, uint32 count, uint32 position pg_attribute_unused())
{
	Bm25DocumentMaker *maker = arg;
	uint32 local = local_term(maker, term, false);

	maker->terms[local].tf += count;
}

static void
note_occurrence(void *arg, uint32 term, uint32 count, uint32 position)
{
	Bm25DocumentMaker *maker = arg;
	uint32 local = local_term(maker, term, true);

	Assert(count == 1);
	maker->terms[local].tf += count;
	if (maker->noccurrences == maker->max_occurrences)
		maker->occurrences = grow(maker->document_context, maker->occurrences,
								  &maker->max_occurrences, maker->noccurrences, sizeof(Occurrence));
	maker->occurrences[maker->noccurrences++] = (Occurrence){.local = local, .position = position};
}

/* Deals positions out: those of a term follow each other, terms in order of local number. */
static void
deal_positions(Bm25DocumentMaker *maker)
{
	Size *next = MemoryContextAllocHuge(CurrentMemoryContext, (maker->nterms + 1) * sizeof(Size));
	Size sum = 0;

	if (maker->noccurrences > maker->max_positions)
		maker->positions = grow(maker->document_context, maker->positions, &maker->max_positions,
								maker->noccurrences, sizeof(uint32));
	for (Size i = 0; i < maker->nterms; i++)
	{
		next[i] = sum;
		if (maker->terms[i].positions)
			sum += maker->terms[i].tf;
	}
	for (Size i = 0; i < maker->noccurrences; i++)
	{
		const Occurrence *occurrence = &maker->occurrences[i];

		maker->positions[next[occurrence->local]++] = occurrence->position;
	}
	/* `next` is now where each term ends */
	for (Size i = 0; i < maker->nterms; i++)
		maker->output[i].positions =
			maker->terms[i].positions ? maker->positions + (next[i] - maker->terms[i].tf) : NULL;
	pfree(next);
}

/* maker->output in order of key. */
static void
sort_terms(Bm25DocumentMaker *maker)
{
	Bm25DocumentTerm *sorted;
	Size n = maker->nterms;
	Size max = maker->max_output;

	if (n > maker->max_output)
	{
		maker->numbers = grow(maker->document_context, maker->numbers, &max, n, sizeof(uint32));
		maker->output = grow(maker->document_context, maker->output, &maker->max_output, n,
							 2 * sizeof(Bm25DocumentTerm));
	}
	if (maker->noccurrences > 0)
		deal_positions(maker);
	else
	{
		for (Size i = 0; i < n; i++)
			maker->output[i].positions = NULL;
	}
	for (Size i = 0; i < n; i++)
		maker->numbers[i] = maker->terms[i].number;
	bm25_lexicon_sort(maker->lexicon, maker->numbers, n);
	sorted = maker->output + maker->max_output;
	for (Size i = 0; i < n; i++)
	{
		uint32 local = maker->seen[maker->numbers[i]].local;

		sorted[i].key = bm25_lexicon_key(maker->lexicon, maker->numbers[i]);
		sorted[i].tf = maker->terms[local].tf;
		sorted[i].positions = maker->output[local].positions;
	}
}

bool
bm25_document_make(Bm25DocumentMaker *maker, const Datum *values, const bool *isnull,
				   ItemPointer tid, Bm25Document *ret_document)
{
	Datum elements[BM25_MAX_FIELDS];
	bool nulls[BM25_MAX_FIELDS];

	begin_document(maker);
	if (bm25_fields_null(&maker->fields, values, isnull))
		return false;
	if (maker->fields.elements)
	{
		MemoryContext caller;

		MemoryContextReset(maker->elements);
		caller = MemoryContextSwitchTo(maker->elements);
		bm25_fields_split(&maker->fields, values[0], elements, nulls);
		MemoryContextSwitchTo(caller);
		values = elements;
		isnull = nulls;
	}
	for (int i = 0; i < maker->fields.n; i++)
	{
		Bm25KeyType type = maker->fields.type[i];
		bool positions = maker->fields.positions && type != BM25_TYPE_VECTOR;

		ret_document->length[i] = BM25_LENGTH_NULL;
		if (isnull[i])
			continue;
		ret_document->length[i] = bm25_analyze(maker->analyzer, type, (uint8) i, values[i],
											   positions ? note_occurrence : count_term, maker);
	}
	sort_terms(maker);
	ret_document->tid = *tid;
	ret_document->nterms = (uint32) maker->nterms;
	ret_document->terms = maker->output + maker->max_output;
	return true;
}

void
bm25_document_check_tf(uint32 tf)
{
	if (tf > MAX_POSITIONS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a term occurs %u times in a document", tf),
						errhint("An index with positions holds a position for each, at most %d.",
								MAX_POSITIONS)));
}
