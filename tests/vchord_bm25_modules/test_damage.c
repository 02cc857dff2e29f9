/*
 * tests/vchord_bm25_modules/test_damage.c
 *		Damaged pages of a segment, read in every way; and how long reading and writing takes.
 */
#include "postgres.h"

#include <math.h>
#include <time.h>

#include "access/relation.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/attrs.h"
#include "core/tid.h"

#include "vchord_bm25/cursor.h"
#include "vchord_bm25/segment_write.h"

#include "tests/vchord_bm25_modules/corpus.h"

VC_FUNCTION(vc_test_bm25_make);
VC_FUNCTION(vc_test_bm25_damage);
VC_FUNCTION(vc_test_bm25_read);
VC_FUNCTION(vc_test_bm25_restore);
VC_FUNCTION(vc_test_bm25_bench);

/*----- SQL: damage -----*/

static struct
{
	Bm25SegmentDisk disk;
	uint32 flags;
	uint32 fields;
	BlockNumber victim;
	PGAlignedBlock page; /* its content before */
	Bm25Key key[16];
} subject;

/* (rel, seed, docs, fields, flags): makes the segment to be damaged, no larger than a scan in ms */
Datum
vc_test_bm25_make(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	Corpus *corpus = corpus_make((uint64) PG_GETARG_INT64(1), (uint32) PG_GETARG_INT32(2),
								 (uint32) PG_GETARG_INT32(3), (uint32) PG_GETARG_INT32(4), 400);
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	subject.flags = corpus->flags;
	subject.fields = corpus->fields;
	for (int i = 0; i < (int) lengthof(subject.key); i++)
	{
		Bm25Key key = corpus->terms[i * (corpus->nterms / lengthof(subject.key))].key;
		char *data = palloc(key.len);

		memcpy(data, key.data, key.len);
		subject.key[i] = (Bm25Key){data, key.len};
	}
	MemoryContextSwitchTo(old);
	corpus_write(rel, corpus, "live", 5, &subject.disk);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT32((int32) subject.disk.pages);
}

/*
 * (rel, seed): some bytes of some page of the segment change, in the buffer only.  Small pages are hit
 * as often as large sections: the page is drawn by kind first.
 */
Datum
vc_test_bm25_damage(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);
	pg_prng_state rng;
	uint16 kind;
	Buffer buffer;
	char *page;
	uint32 flips;
	uint32 used;

	pg_prng_seed(&rng, (uint64) PG_GETARG_INT64(1));
	kind = (uint16) (1 << pg_prng_uint64_range(&rng, 3, 11));
	for (int tries = 0;; tries++)
	{
		bool wanted;

		subject.victim = (BlockNumber) pg_prng_uint64_range(&rng, 0, blocks - 1);
		buffer = vc_buffer_lock(rel, subject.victim);
		page = BufferGetPage(buffer);
		wanted = !vc_page_is_new(page) &&
				 vc_page_is_live_of(page, BM25_OWNER_SEGMENT, subject.disk.incarnation) &&
				 ((vc_page_opaque(page)->kind & kind) != 0 || tries > 2000);
		if (wanted)
			break;
		vc_buffer_unlock(buffer);
	}
	memcpy(subject.page.data, page, BLCKSZ);
	flips = (uint32) pg_prng_uint64_range(&rng, 1, 4);
	used = ((PageHeader) page)->pd_lower;
	for (uint32 i = 0; i < flips; i++)
	{
		uint64 what = pg_prng_uint64_range(&rng, 0, 9);
		uint64 at = what == 0  ? pg_prng_uint64_range(&rng, 12, BLCKSZ - 1)
					: what < 5 ? pg_prng_uint64_range(&rng, 24, Min(24 + 64, used) - 1)
							   : pg_prng_uint64_range(&rng, 24, Max(used, 25) - 1);

		page[at] = what % 2 == 0 ? (char) pg_prng_uint64_range(&rng, 0, 255)
								 : (char) (page[at] ^ (1 << pg_prng_uint64_range(&rng, 0, 7)));
	}
	vc_buffer_unlock(buffer);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64(subject.victim);
}

Datum
vc_test_bm25_restore(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	Buffer buffer = vc_buffer_lock(rel, subject.victim);

	memcpy(BufferGetPage(buffer), subject.page.data, BLCKSZ);
	vc_buffer_unlock(buffer);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_VOID();
}

/* (rel): reads everything in every way; a number that depends on all of it */
Datum
vc_test_bm25_read(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	Bm25Cursor *cursor = palloc(sizeof(Bm25Cursor));
	bool positions = (subject.flags & BM25_META_POSITIONS) != 0;
	bool exact = (subject.flags & BM25_META_EXACT_NORMS) != 0;
	uint32 lengths[BM25_MAX_FIELDS];
	uint64 sum = 0;
	Bm25TermIterator *iterator;
	Bm25Segment segment;
	Bm25SegmentTerm term;
	Bm25Key key;

	bm25_segment_open(&segment, rel, NULL, &subject.disk, subject.flags, subject.fields);
	for (int i = 0; i < (int) lengthof(subject.key); i++)
	{
		if (!bm25_segment_lookup(&segment, subject.key[i], &term))
			continue;
		sum += bm25_segment_live_df(&segment, &term);
		bm25_cursor_open(cursor, &segment, &term);
		for (uint32 doc = 0; bm25_cursor_seek(cursor, doc) != BM25_NO_DOC;)
		{
			uint32 at = cursor->docs[cursor->at];

			if (at < doc)
				elog(ERROR, "a seek went back");
			doc = at + 1 + at % 97;
			sum += cursor->norms[cursor->at];
		}
		iterator = bm25_term_iterate(&segment, subject.key[i]);
		for (int n = 0; n < 5 && bm25_term_next(iterator, &key, &term); n++)
			sum += key.len;
		bm25_term_iterate_end(iterator);
	}
	iterator = bm25_term_iterate(&segment, (Bm25Key){NULL, 0});
	while (bm25_term_next(iterator, &key, &term))
	{
		uint32 n = 0;

		bm25_cursor_open(cursor, &segment, &term);
		for (;;)
		{
			uint32 doc = bm25_cursor_next(cursor);

			if (doc == BM25_NO_DOC)
				break;
			if (doc >= segment.header->docs || (!exact && cursor->norms[cursor->at] > 255))
				elog(ERROR, "document or norm out of range");
			sum += cursor->tfs[cursor->at] + doc + cursor->norms[cursor->at];
			if (positions && n % 5 == 0 && cursor->tfs[cursor->at] > 0)
			{
				const uint32 *list = bm25_cursor_positions(cursor);

				sum += list[cursor->tfs[cursor->at] - 1];
				pfree((void *) list);
			}
			n++;
		}
		if (n != term.df)
			elog(ERROR, "%u postings of %u", n, term.df);
	}
	for (uint32 doc = 0; doc < segment.header->docs; doc += 3)
	{
		ItemPointerData tid = bm25_segment_tid(&segment, doc);

		sum += vc_tid_key(&tid);
		bm25_segment_lengths(&segment, doc, lengths);
		sum += lengths[subject.fields - 1];
	}
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64((int64) sum);
}

/*----- SQL: measuring -----*/

/* CPU time of this process: other load does not count */
static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

/*
 * (rel, docs, terms): a corpus with Zipf's law; df of term r is docs / (r + 2), tf of 1 to 4, lengths of 40
 * to 240.  Tells nanoseconds of CPU time and bytes.
 */
Datum
vc_test_bm25_bench(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	uint32 docs = (uint32) PG_GETARG_INT32(1);
	uint32 nterms = (uint32) PG_GETARG_INT32(2);
	VcPageWriter *pages = vc_page_writer_begin(rel, MAIN_FORKNUM);
	Bm25SegmentWriter *writer = bm25_segment_write_begin(bm25_sink_build(pages, 1), 0, 1);
	uint32 *lengths = palloc(docs * sizeof(uint32));
	uint32 *list = palloc(docs * sizeof(uint32));
	Bm25Cursor *cursor = palloc(sizeof(Bm25Cursor));
	uint64 postings = 0;
	uint64 in_blocks = 0;
	uint64 sum = 0;
	double write = 0;
	double end;
	double read = 0;
	uint64 timed = 0;
	double scan;
	double look;
	double shallow;
	Bm25SegmentDisk disk;
	Bm25Segment segment;
	Bm25SegmentTerm term;
	VcReadCache cache;
	ItemPointerData tid;
	double start;
	pg_prng_state rng;
	char key[16];

	pg_prng_seed(&rng, 1);
	for (uint32 doc = 0; doc < docs; doc++)
	{
		lengths[doc] = (uint32) (40 + pg_prng_uint64_range(&rng, 0, 200));
		corpus_tid(doc, &tid);
		bm25_segment_write_document(writer, &tid, &lengths[doc]);
	}
	for (uint32 t = 0; t < nterms; t++)
	{
		uint32 n = 0;
		uint32 mean = 1 + t;
		double log_miss = log(1.0 - 1.0 / (mean + 1.0));

		for (double doc = 0;;)
		{
			doc += floor(log(1.0 - pg_prng_double(&rng)) / log_miss);
			if (doc >= docs)
				break;
			list[n++] = (uint32) doc;
			doc += 1;
		}
		key[0] = 0;
		snprintf(key + 1, sizeof(key) - 1, "t%08u", t);
		/* the clock takes as long as a rare term */
		start = n >= 64 ? cpu() : 0;
		bm25_segment_write_term(writer, (Bm25Key){key, 10});
		for (uint32 i = 0; i < n; i++)
		{
			uint32 h = list[i] * 2654435761u >> 24;

			bm25_segment_write_posting(writer, list[i],
									   h < 180   ? 1
									   : h < 230 ? 2
												 : 3 + h % 6,
									   lengths[list[i]], NULL);
		}
		if (n >= 64)
		{
			write += cpu() - start;
			timed += n;
		}
		postings += n;
		in_blocks += n >= 128 ? n : 0;
	}
	start = cpu();
	bm25_segment_write_end(writer, &disk);
	vc_page_writer_end(pages);
	end = (cpu() - start);

	vc_read_cache_init(&cache, rel);
	bm25_segment_open(&segment, rel, &cache, &disk, 0, 1);
	for (int round = 0; round < 2; round++)
	{
		sum = 0;
		start = cpu();
		for (uint32 t = 0; t < Min(nterms, 300); t++)
		{
			snprintf(key + 1, sizeof(key) - 1, "t%08u", t);
			if (!bm25_segment_lookup(&segment, (Bm25Key){key, 10}, &term) || !term.large)
				continue;
			bm25_cursor_open(cursor, &segment, &term);
			do
			{
				bm25_cursor_decode(cursor);
				sum += cursor->count;
			} while (bm25_cursor_shallow(cursor, cursor->block_last + 1));
		}
		read = (cpu() - start) / (double) sum;
	}
	start = cpu();
	sum = 0;
	for (uint32 t = 0; t < Min(nterms, 300); t++)
	{
		snprintf(key + 1, sizeof(key) - 1, "t%08u", t);
		if (!bm25_segment_lookup(&segment, (Bm25Key){key, 10}, &term))
			continue;
		bm25_cursor_open(cursor, &segment, &term);
		while (bm25_cursor_next(cursor) != BM25_NO_DOC)
			sum++;
	}
	scan = (cpu() - start) / (double) sum;
	start = cpu();
	for (uint32 i = 0; i < 100000; i++)
	{
		snprintf(key + 1, sizeof(key) - 1, "t%08u", (uint32) ((uint64) i * 7919 % nterms));
		if (bm25_segment_lookup(&segment, (Bm25Key){key, 10}, &term) && !term.large)
			pfree((void *) term.postings);
	}
	look = (cpu() - start) / 100000;
	key[0] = 0;
	snprintf(key + 1, sizeof(key) - 1, "t%08u", 1u);
	bm25_segment_lookup(&segment, (Bm25Key){key, 10}, &term);
	sum = 0;
	start = cpu();
	for (int round = 0; round < 20; round++)
	{
		bm25_cursor_open(cursor, &segment, &term);
		for (uint32 doc = 0; bm25_cursor_shallow(cursor, doc); doc = cursor->block_last + 400)
			sum++;
	}
	shallow = (cpu() - start) / (double) sum;
	{
		const uint32 *s = segment.header->section;
		double block_pages = s[BM25_SECTION_POSITION];
		double summary_pages = s[BM25_SECTION_TERM] - s[BM25_SECTION_SUMMARY];
		char *text =
			psprintf(UINT64_FORMAT
					 " postings (" UINT64_FORMAT " in blocks): write %.1f ns a posting, end %.1f;"
					 " blocks read %.2f ns a posting, step %.2f ns, lookup %.0f ns, shallow move"
					 " %.1f ns; bytes a posting: blocks %.2f, with summaries %.2f, all %.2f",
					 postings, in_blocks, write / (double) timed, end / (double) postings, read,
					 scan, look, shallow, block_pages * BLCKSZ / (double) in_blocks,
					 (block_pages + summary_pages) * BLCKSZ / (double) in_blocks,
					 (double) disk.pages * BLCKSZ / (double) postings);

		relation_close(rel, RowExclusiveLock);
		PG_RETURN_TEXT_P(cstring_to_text(text));
	}
}
