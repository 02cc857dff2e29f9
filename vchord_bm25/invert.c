/*
 * vchord_bm25/invert.c
 *		In-memory inversion: occurrences by document in, runs of postings by term out.
 *
 * Postings of a term are a stream of varints in a chain of chunks, each twice as large as the one before
 * up to a limit, so that rare terms cost little and frequent ones are nearly contiguous.
 *
 *	without positions	difference of document, frequency.  The last posting is not in the chain but in
 *						the term's entry, and goes there when the term comes up in a later document:
 *						so a frequency is counted without looking back, and a term of one document,
 *						which most are, has no chunk at all.
 *	with positions		difference of document, then for each occurrence the difference of its position plus
 *						one, then 0.  The 0 of the last posting is written when the next one begins.
 *
 * Lengths of documents stand in an array of this batch, and join the postings when the run is written: a
 * merge of runs has no place for the lengths of all documents.
 */
#include "postgres.h"

#include "vchord_bm25/invert.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "vchord_bm25/run_write.h"
#include "vchord_bm25/varint.h"

/* with its head: the first chunk of a term, and the largest */
#define CHUNK_MIN 32
#define CHUNK_MAX 4096
/* chunks are cut from blocks of this size */
#define BLOCK_BYTES (256 * 1024)

/*
 * A batch holds at least that much, whatever the budget: tokens of the cache may take all of a tiny one,
 * and runs of a few documents each would take for ever to merge.
 */
#define BATCH_MIN (256 * 1024)

typedef struct Chunk
{
	struct Chunk *next;
	uint32 bytes; /* in data; of the last chunk only once it is read */
	uint32 room;
	uint8 data[FLEXIBLE_ARRAY_MEMBER];
} Chunk;

/*
 * A cache line: terms come in no order, so each of them costs a miss, and the place where its bytes go another.
 * A third one, for the head of the chunk, is saved by keeping the place here.
 */
typedef struct Postings
{
	Chunk *first;
	Chunk *last;
	uint8 *at;       /* in the last chunk, where the next byte goes */
	uint8 *end;      /* of the last chunk */
	uint32 count;    /* of postings, the last one included; 0: none in this batch */
	uint32 doc;      /* of the last posting */
	uint32 before;   /* document of the one before, or the first of the batch; without positions */
	uint32 tf;       /* of the last posting; without positions */
	uint32 position; /* last one; with positions */
	uint32 unused[3];
} Postings;

StaticAssertDecl(sizeof(Postings) == PG_CACHE_LINE_SIZE / 2, "a cache line of 64 bytes");

struct Bm25Inverter
{
	MemoryContext context;
	MemoryContext chunks; /* reset by spill */
	MemoryContext scratch;
	const Bm25Fields *fields;
	Size budget;
	Bm25Lexicon *lexicon;
	Bm25Analyzer *analyzer; /* made when the first row comes */

	Postings *terms; /* by number in the lexicon, each in a cache line */
	void *terms_memory;
	uint32 nterms; /* initialised */
	uint32 max_terms;
	char *block; /* of chunks: what is left */
	Size block_left;
	Size chunk_bytes;

	uint32 doc;       /* the document that is being added */
	uint32 batch;     /* first document of the batch */
	uint32 *lengths;  /* [documents of the batch][fields] */
	Size max_lengths; /* documents */

	/* of a spill */
	Bm25RunWriter *out;
};

Bm25Inverter *
bm25_inverter_create(const Bm25Fields *fields, Size budget)
{
	Bm25Inverter *inverter = palloc0(sizeof(Bm25Inverter));

	inverter->context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 inverter", ALLOCSET_DEFAULT_SIZES);
	inverter->chunks =
		AllocSetContextCreate(inverter->context, "vchord_bm25 postings", ALLOCSET_DEFAULT_SIZES);
	inverter->scratch =
		AllocSetContextCreate(inverter->context, "vchord_bm25 values", ALLOCSET_DEFAULT_SIZES);
	inverter->fields = fields;
	inverter->budget = budget;
	{
		MemoryContext old = MemoryContextSwitchTo(inverter->context);

		inverter->lexicon = bm25_lexicon_create();
		inverter->out = palloc0(sizeof(Bm25RunWriter));
		MemoryContextSwitchTo(old);
	}
	return inverter;
}

void
bm25_inverter_destroy(Bm25Inverter *inverter)
{
	MemoryContextDelete(inverter->context);
	pfree(inverter);
}

/*----- adding -----*/

static Chunk *
new_chunk(Bm25Inverter *inverter, Size bytes)
{
	Chunk *chunk;

	if (inverter->block_left < bytes)
	{
		inverter->block = MemoryContextAlloc(inverter->chunks, BLOCK_BYTES);
		inverter->block_left = BLOCK_BYTES;
	}
	chunk = (Chunk *) inverter->block;
	inverter->block += bytes;
	inverter->block_left -= bytes;
	inverter->chunk_bytes += bytes;
	chunk->next = NULL;
	chunk->bytes = 0;
	chunk->room = (uint32) (bytes - offsetof(Chunk, data));
	return chunk;
}

static pg_noinline void
add_chunk(Bm25Inverter *inverter, Postings *postings)
{
	Chunk *last = postings->last;
	Size bytes = CHUNK_MIN;
	Chunk *chunk;

	if (last != NULL)
		bytes = Min(2 * (offsetof(Chunk, data) + last->room), CHUNK_MAX);
	chunk = new_chunk(inverter, bytes);
	if (last == NULL)
		postings->first = chunk;
	else
	{
		last->bytes = (uint32) (postings->at - last->data);
		last->next = chunk;
	}
	postings->last = chunk;
	postings->at = chunk->data;
	postings->end = chunk->data + chunk->room;
}

/* Varints do not cross chunks; readers know by `bytes`. */
static inline void
put(Bm25Inverter *inverter, Postings *postings, uint32 value)
{
	if (postings->end - postings->at < BM25_VARINT32_MAX)
		add_chunk(inverter, postings);
	postings->at = bm25_varint_put(postings->at, value);
}

static pg_noinline void
grow_terms(Bm25Inverter *inverter, uint32 term)
{
	if (term >= inverter->max_terms)
	{
		uint32 wanted = Max(Max(inverter->max_terms * 2, 1024), term + 1);
		Size bytes = (Size) wanted * sizeof(Postings);

		inverter->terms = inverter->terms == NULL ? MemoryContextAllocHuge(inverter->context, bytes)
												  : repalloc_huge(inverter->terms, bytes);
		inverter->max_terms = wanted;
	}
	memset(inverter->terms + inverter->nterms, 0,
		   (Size) (term + 1 - inverter->nterms) * sizeof(Postings));
	inverter->nterms = term + 1;
}

/* Puts the last posting into the chain.  Without positions. */
static inline void
settle(Bm25Inverter *inverter, Postings *postings)
{
	put(inverter, postings, postings->doc - postings->before);
	put(inverter, postings, postings->tf);
	postings->before = postings->doc;
}

static void
emit(void *arg, uint32 term, uint32 count, uint32 position)
{
	Bm25Inverter *inverter = arg;
	Postings *postings;
	bool positions = inverter->fields->positions;

	if (term >= inverter->nterms)
		grow_terms(inverter, term);
	postings = &inverter->terms[term];
	if (postings->count == 0 || postings->doc != inverter->doc)
	{
		if (positions)
		{
			if (postings->count > 0)
				put(inverter, postings, 0);
			put(inverter, postings,
				inverter->doc - (postings->count > 0 ? postings->doc : inverter->batch));
			postings->position = 0;
		}
		else if (postings->count > 0)
			settle(inverter, postings);
		else
			postings->before = inverter->batch;
		postings->doc = inverter->doc;
		postings->tf = 0;
		postings->count++;
	}
	postings->tf += count;
	if (positions)
	{
		bm25_document_check_tf(count);
		/* ascending by contract; a smaller one must not become a difference of billions */
		position = Max(position, postings->position);
		for (uint32 i = 0; i < count; i++)
		{
			put(inverter, postings, position - postings->position + 1);
			postings->position = position;
		}
	}
}

/* Where the lengths of the document go. */
static uint32 *
length_slot(Bm25Inverter *inverter)
{
	Size fields = (Size) inverter->fields->n;
	Size at = inverter->doc - inverter->batch;

	if (at >= inverter->max_lengths)
	{
		Size wanted = Max(inverter->max_lengths * 2, 256);

		inverter->lengths =
			inverter->lengths == NULL
				? MemoryContextAllocHuge(inverter->context, wanted * fields * sizeof(uint32))
				: repalloc_huge(inverter->lengths, wanted * fields * sizeof(uint32));
		inverter->max_lengths = wanted;
	}
	return inverter->lengths + at * fields;
}

static void
end_document(Bm25Inverter *inverter)
{
	if (inverter->doc == PG_UINT32_MAX - 1)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a bm25 index can hold at most %u documents", PG_UINT32_MAX - 1)));
	inverter->doc++;
}

bool
bm25_inverter_add(Bm25Inverter *inverter, const Datum *values, const bool *isnull,
				  uint32 *ret_length)
{
	const Bm25Fields *fields = inverter->fields;
	Datum elements[BM25_MAX_FIELDS];
	bool nulls[BM25_MAX_FIELDS];
	MemoryContext old;

	if (bm25_fields_null(fields, values, isnull))
		return false;

	if (inverter->analyzer == NULL)
	{
		old = MemoryContextSwitchTo(inverter->context);
		inverter->analyzer = bm25_analyzer_create(inverter->lexicon, fields->config);
		MemoryContextSwitchTo(old);
	}
	old = MemoryContextSwitchTo(inverter->scratch);
	if (fields->elements)
	{
		bm25_fields_split(fields, values[0], elements, nulls);
		values = elements;
		isnull = nulls;
	}
	for (int f = 0; f < fields->n; f++)
	{
		ret_length[f] = isnull[f] ? BM25_LENGTH_NULL
								  : bm25_analyze(inverter->analyzer, fields->type[f], (uint8) f,
												 values[f], emit, inverter);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(inverter->scratch);
	memcpy(length_slot(inverter), ret_length, (Size) fields->n * sizeof(uint32));
	end_document(inverter);
	return true;
}

void
bm25_inverter_add_term(Bm25Inverter *inverter, Bm25Key key, uint32 tf, const uint32 *positions)
{
	uint32 term =
		bm25_lexicon_intern(inverter->lexicon, (uint8) key.data[0], key.data + 1, key.len - 1);

	if (!inverter->fields->positions)
		emit(inverter, term, tf, 0);
	else
	{
		for (uint32 i = 0; i < tf; i++)
			emit(inverter, term, 1, positions[i]);
	}
}

void
bm25_inverter_end_document(Bm25Inverter *inverter, const uint32 *length)
{
	memcpy(length_slot(inverter), length, (Size) inverter->fields->n * sizeof(uint32));
	end_document(inverter);
}

uint32
bm25_inverter_docs(const Bm25Inverter *inverter)
{
	return inverter->doc;
}

bool
bm25_inverter_full(const Bm25Inverter *inverter)
{
	Size batch =
		inverter->chunk_bytes + (Size) inverter->nterms * sizeof(Postings) +
		(Size) (inverter->doc - inverter->batch) * (Size) inverter->fields->n * sizeof(uint32) +
		bm25_lexicon_bytes(inverter->lexicon);
	Size cache = inverter->analyzer != NULL ? bm25_analyzer_bytes(inverter->analyzer) : 0;

	return batch >= BATCH_MIN && batch + cache >= inverter->budget;
}

/*----- spill -----*/

/* Place in a chain; the bytes are our own, so nothing is checked. */
typedef struct ChainReader
{
	const Chunk *chunk;
	const uint8 *at;
	const uint8 *end;
} ChainReader;

static inline uint32
get(ChainReader *reader)
{
	uint32 value = 0;

	if (reader->at == reader->end)
	{
		reader->chunk = reader->chunk->next;
		reader->at = reader->chunk->data;
		reader->end = reader->at + reader->chunk->bytes;
	}
	reader->at = bm25_varint_get(reader->at, reader->end, &value);
	return value;
}

static inline uint32
length_of(const Bm25Inverter *inverter, uint32 doc, uint32 field)
{
	return inverter->lengths[(Size) (doc - inverter->batch) * (Size) inverter->fields->n + field];
}

static void
spill_term(Bm25Inverter *inverter, Bm25Key key, Postings *postings)
{
	uint32 field = (uint8) key.data[0];
	uint32 doc = inverter->batch;
	uint32 count = postings->count;
	ChainReader reader;

	if (inverter->fields->positions)
		put(inverter, postings, 0);
	else
		settle(inverter, postings);
	postings->last->bytes = (uint32) (postings->at - postings->last->data);
	reader.chunk = postings->first;
	reader.at = postings->first->data;
	reader.end = reader.at + postings->first->bytes;

	bm25_run_put_key(inverter->out, key);
	bm25_run_put(inverter->out, count);
	for (uint32 i = 0; i < count; i++)
	{
		/* the first difference is relative to 0 in the run */
		uint32 difference = get(&reader);

		doc += difference;
		bm25_run_put(inverter->out, i == 0 ? doc : difference);
		if (!inverter->fields->positions)
		{
			bm25_run_put(inverter->out, get(&reader));
			bm25_run_put(inverter->out, length_of(inverter, doc, field));
		}
		else
		{
			ChainReader ahead = reader;
			uint32 tf = 0;

			while (get(&ahead) != 0)
				tf++;
			bm25_run_put(inverter->out, tf);
			bm25_run_put(inverter->out, length_of(inverter, doc, field));
			for (uint32 j = 0; j < tf; j++)
				bm25_run_put(inverter->out, get(&reader) - 1);
			(void) get(&reader);
		}
	}
}

bool
bm25_inverter_spill(Bm25Inverter *inverter, BufFile *file, Bm25Run *ret_run)
{
	uint32 *sorted;
	uint32 n;
	MemoryContext old;

	if (inverter->doc == inverter->batch)
		return false;
	inverter->out->file = file;
	ret_run->sequence = 0;
	BufFileTell(file, &ret_run->fileno, &ret_run->offset);

	old = MemoryContextSwitchTo(inverter->scratch);
	sorted = bm25_lexicon_sorted(inverter->lexicon);
	MemoryContextSwitchTo(old);
	n = bm25_lexicon_count(inverter->lexicon);
	for (uint32 i = 0; i < n; i++)
	{
		uint32 term = sorted[i];

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (term < inverter->nterms && inverter->terms[term].count > 0)
			spill_term(inverter, bm25_lexicon_key(inverter->lexicon, term), &inverter->terms[term]);
	}
	bm25_run_put(inverter->out, 0);
	bm25_run_flush(inverter->out);

	MemoryContextReset(inverter->scratch);
	MemoryContextReset(inverter->chunks);
	inverter->block_left = 0;
	inverter->chunk_bytes = 0;
	inverter->nterms = 0;
	inverter->batch = inverter->doc;
	bm25_lexicon_reset(inverter->lexicon);
	if (inverter->analyzer != NULL)
		bm25_analyzer_reset(inverter->analyzer);
	return true;
}
