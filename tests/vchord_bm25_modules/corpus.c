/*
 * tests/vchord_bm25_modules/corpus.c
 *		Makes and writes corpora.  See corpus.h.
 */
#include "postgres.h"

#include "tests/vchord_bm25_modules/corpus.h"

#include "common/pg_prng.h"

#include "core/buf.h"

static uint64
mix(uint64 a, uint64 b, uint64 c)
{
	uint64 z = a * UINT64CONST(0x9E3779B97F4A7C15) + b * UINT64CONST(0xBF58476D1CE4E5B9) + c;

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* skewed: most are small */
uint32
corpus_tf(const Corpus *corpus, const Term *term, uint32 doc)
{
	uint64 h = mix(corpus->seed, term->id, doc);
	uint32 limit = (h & 0xFF) == 0 ? term->max_tf : Min(term->max_tf, 4);

	return 1 + (uint32) ((h >> 8) % limit);
}

uint32
corpus_length(const Corpus *corpus, uint32 doc, uint32 field)
{
	uint64 h = mix(corpus->seed + 1, doc, field);

	if (corpus->fields > 1 && h % 16 == 0)
		return BM25_LENGTH_NULL;
	return (uint32) (h >> 8) % (h % 7 == 0 ? 100000 : 300);
}

uint32
corpus_posting_length(const Corpus *corpus, uint32 doc, const Term *term)
{
	uint32 length = corpus_length(corpus, doc, (uint8) term->key.data[0]);

	return length == BM25_LENGTH_NULL ? 0 : length;
}

const uint32 *
corpus_positions(const Corpus *corpus, const Term *term, uint32 doc, uint32 tf, uint32 *room)
{
	uint32 position = 0;

	if ((corpus->flags & BM25_META_POSITIONS) == 0)
		return NULL;
	for (uint32 i = 0; i < tf; i++)
	{
		uint64 h = mix(term->id, doc, i);

		position += (uint32) (h >> 8) % (h % 9 == 0 ? 40000 : 60) + (i > 0);
		room[i] = position;
	}
	return room;
}

void
corpus_tid(uint32 doc, ItemPointer ret_tid)
{
	ItemPointerSet(ret_tid, doc / 50 + 3, (OffsetNumber) (doc % 50 + 1));
}

static int
compare_docs(const void *a, const void *b)
{
	uint32 x = *(const uint32 *) a;
	uint32 y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

static int
compare_terms(const void *a, const void *b)
{
	return bm25_key_cmp(((const Term *) a)->key, ((const Term *) b)->key);
}

static void
choose_docs(pg_prng_state *rng, Term *term, uint32 docs)
{
	uint32 n = 0;

	term->docs = MemoryContextAllocHuge(CurrentMemoryContext, term->df * sizeof(uint32));
	if (term->df < docs / 64)
	{
		/* drawn again until they differ */
		while (n < term->df)
		{
			uint32 kept = 0;

			while (n < term->df)
				term->docs[n++] = (uint32) pg_prng_uint64_range(rng, 0, docs - 1);
			qsort(term->docs, n, sizeof(uint32), compare_docs);
			for (uint32 i = 0; i < n; i++)
			{
				if (kept == 0 || term->docs[i] != term->docs[kept - 1])
					term->docs[kept++] = term->docs[i];
			}
			n = kept;
		}
		return;
	}
	for (uint32 doc = 0; doc < docs; doc++)
	{
		/* selection sampling */
		if (pg_prng_uint64_range(rng, 0, docs - doc - 1) < term->df - n)
			term->docs[n++] = doc;
	}
}

/*
 * Terms of all sizes that matter, and `small` rare ones; docs at least 130 and mostly much more.
 */
Corpus *
corpus_make(uint64 seed, uint32 docs, uint32 fields, uint32 flags, uint32 small)
{
	static const uint32 sizes[] = {1, 2, 126, 127, 128, 129, 255, 256, 257, 1000, 5000, 100000};
	static const uint32 key_sizes[] = {1, 2, 127, 128, 129, 2046, 2047};
	Corpus *corpus = palloc0(sizeof(Corpus));
	uint32 room = small + 3 * lengthof(sizes);
	uint32 kept = 0;
	pg_prng_state rng;

	pg_prng_seed(&rng, seed);
	*corpus = (Corpus){.seed = seed, .docs = docs, .fields = fields, .flags = flags};
	corpus->terms = MemoryContextAllocHuge(CurrentMemoryContext, room * sizeof(Term));
	for (uint32 i = 0; i < room; i++)
	{
		Term *term = &corpus->terms[i];
		uint32 what = (uint32) pg_prng_uint64_range(&rng, 0, 99);
		uint32 len = what < 10 ? key_sizes[pg_prng_uint64_range(&rng, 0, lengthof(key_sizes) - 1)]
							   : (uint32) pg_prng_uint64_range(&rng, 1, 12);
		/* few letters: long common prefixes; all bytes: their order is unsigned */
		uint32 letters = what % 3 == 0 ? 256 : what % 3 == 1 ? 2 : 26;
		char *key = palloc(1 + len);

		key[0] = (char) pg_prng_uint64_range(&rng, 0, fields - 1);
		for (uint32 k = 0; k < len; k++)
			key[1 + k] =
				(char) (k + 12 < len ? 'x'
									 : (letters == 256 ? 0 : 'a') +
										   (int) pg_prng_uint64_range(&rng, 0, letters - 1));
		term->key = (Bm25Key){key, 1 + len};
		term->df = i < 3 * lengthof(sizes) ? sizes[i % lengthof(sizes)]
										   : (uint32) pg_prng_uint64_range(&rng, 1, 6);
		term->df = Min(term->df, docs - (uint32) pg_prng_uint64_range(&rng, 0, 2));
		term->max_tf = what % 5 == 0 ? 3000 : what % 5 == 1 ? 300 : 10;
		term->id = pg_prng_uint64(&rng);
	}
	qsort(corpus->terms, room, sizeof(Term), compare_terms);
	for (uint32 i = 0; i < room; i++)
	{
		if (kept > 0 && bm25_key_cmp(corpus->terms[i].key, corpus->terms[kept - 1].key) == 0)
			continue;
		corpus->terms[kept] = corpus->terms[i];
		choose_docs(&rng, &corpus->terms[kept], docs);
		kept++;
	}
	corpus->nterms = kept;
	return corpus;
}

/*----- writing -----*/

static void
write_documents(const Corpus *corpus, Bm25SegmentWriter *writer)
{
	uint32 length[BM25_MAX_FIELDS];
	ItemPointerData tid;

	for (uint32 doc = 0; doc < corpus->docs; doc++)
	{
		for (uint32 field = 0; field < corpus->fields; field++)
			length[field] = corpus_length(corpus, doc, field);
		corpus_tid(doc, &tid);
		bm25_segment_write_document(writer, &tid, length);
	}
}

static void
write_terms(const Corpus *corpus, Bm25SegmentWriter *writer)
{
	uint32 *room = palloc(4000 * sizeof(uint32));

	for (uint32 t = 0; t < corpus->nterms; t++)
	{
		const Term *term = &corpus->terms[t];

		bm25_segment_write_term(writer, term->key);
		for (uint32 i = 0; i < term->df; i++)
		{
			uint32 doc = term->docs[i];
			uint32 tf = corpus_tf(corpus, term, doc);

			bm25_segment_write_posting(writer, doc, tf, corpus_posting_length(corpus, doc, term),
									   corpus_positions(corpus, term, doc, tf, room));
		}
	}
}

static void
write_corpus(const Corpus *corpus, Bm25Sink *sink, Bm25SegmentDisk *ret_disk)
{
	Bm25SegmentWriter *writer = bm25_segment_write_begin(sink, corpus->flags, corpus->fields);

	write_documents(corpus, writer);
	write_terms(corpus, writer);
	if (!bm25_segment_write_end(writer, ret_disk))
		elog(ERROR, "nothing was written");
}

BlockNumber
corpus_header(Relation rel, uint32 incarnation)
{
	VC_SCOPED(vc_page_write_drop)
	VcPageWrite w = vc_page_write_new(rel, NULL, BM25_PAGE_HEADER, BM25_OWNER_SEGMENT, incarnation);
	BlockNumber header = w.blkno;

	vc_page_write_commit(&w);
	return header;
}

void
corpus_write(Relation rel, const Corpus *corpus, const char *sink, uint32 incarnation,
			 Bm25SegmentDisk *ret_disk)
{
	if (strcmp(sink, "build") == 0)
	{
		VcPageWriter *pages = vc_page_writer_begin(rel, MAIN_FORKNUM);

		write_corpus(corpus, bm25_sink_build(pages, incarnation), ret_disk);
		vc_page_writer_end(pages);
	}
	else
		write_corpus(corpus,
					 bm25_sink_live(rel, NULL, incarnation, corpus_header(rel, incarnation)),
					 ret_disk);
}
