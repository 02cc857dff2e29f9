/*
 * tests/vchord_bm25_modules/vc_test_bm25.c
 *		Segments of vchord_bm25 against a corpus in memory.
 *
 * The pages go into the main fork of an ordinary table that nothing else touches: core's guards need
 * a relation, not an access method.
 */
#include "postgres.h"

#include "access/relation.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/attrs.h"
#include "core/recycle.h"
#include "core/simd/bitpack/ops.h"
#include "core/simd/bitpack/score_ops.h"
#include "core/vpage.h"

#include "vchord_bm25/cursor.h"
#include "vchord_bm25/norm.h"
#include "vchord_bm25/segment_write.h"

#include "tests/vchord_bm25_modules/corpus.h"

PG_MODULE_MAGIC;

extern VC_EXPORT void _PG_init(void);

VC_FUNCTION(vc_test_bm25_segment);
VC_FUNCTION(vc_test_bm25_abandon);

#define CHECK(condition)                                                                           \
	do                                                                                             \
	{                                                                                              \
		checks++;                                                                                  \
		if (!(condition))                                                                          \
			elog(ERROR, "line %d: %s is false", __LINE__, #condition);                             \
	} while (0)

static uint64 checks;

void
_PG_init(void)
{
	vc_page_set_id(BM25_PAGE_ID);
	vcs_bitpack_init();
	vcs_score_init();
}

/*----- verifying -----*/

static bool
same_key(Bm25Key a, Bm25Key b)
{
	return bm25_key_cmp(a, b) == 0;
}

static bool
covers(const Bm25ImpactDisk *impact, int n, uint32 tf, uint8 code)
{
	for (int i = 0; i < n; i++)
	{
		if ((impact[i].tf == 255 || tf <= impact[i].tf) && code >= impact[i].code)
			return true;
	}
	return false;
}

static void
check_posting(const Corpus *corpus, const Term *term, Bm25Cursor *cursor, uint32 i)
{
	bool exact = (corpus->flags & BM25_META_EXACT_NORMS) != 0;
	uint32 doc = term->docs[i];
	uint32 tf = corpus_tf(corpus, term, doc);
	uint32 length = corpus_posting_length(corpus, doc, term);
	uint8 code = bm25_norm_code(length);

	CHECK(cursor->docs[cursor->at] == doc);
	CHECK(cursor->tfs[cursor->at] == tf);
	CHECK(cursor->norms[cursor->at] == (exact ? length : code));
	CHECK(doc >= cursor->block_first && doc <= cursor->block_last);
	CHECK(covers(cursor->block_impact, 2, tf, code));
	CHECK(covers(cursor->list_impact, BM25_LARGE_IMPACTS, tf, code));
}

static void
check_positions(const Corpus *corpus, const Term *term, Bm25Cursor *cursor, uint32 i)
{
	static uint32 room[4000];
	uint32 doc = term->docs[i];
	uint32 tf = corpus_tf(corpus, term, doc);
	const uint32 *wanted = corpus_positions(corpus, term, doc, tf, room);
	const uint32 *got;

	if (wanted == NULL)
		return;
	got = bm25_cursor_positions(cursor);
	CHECK(memcmp(wanted, got, tf * sizeof(uint32)) == 0);
	pfree((void *) got);
}

static void
check_list(const Corpus *corpus, const Term *term, const Bm25Segment *segment,
		   const Bm25SegmentTerm *found)
{
	Bm25Cursor *cursor = palloc(sizeof(Bm25Cursor));

	CHECK(found->df == term->df);
	CHECK(found->large || term->df < BM25_BLOCK_POSTINGS);
	bm25_cursor_open(cursor, segment, found);
	CHECK(cursor->df == term->df);
	for (uint32 i = 0; i < term->df; i++)
	{
		CHECK(bm25_cursor_next(cursor) == term->docs[i]);
		check_posting(corpus, term, cursor, i);
		if (i % 3 != 1)
			check_positions(corpus, term, cursor, i);
	}
	CHECK(bm25_cursor_next(cursor) == BM25_NO_DOC);
	CHECK(bm25_cursor_next(cursor) == BM25_NO_DOC);
	CHECK(cursor->block_no == cursor->nblocks);
}

/* Random walks forward: seeks, shallow moves, steps. */
static void
check_walks(const Corpus *corpus, const Term *term, const Bm25Segment *segment,
			const Bm25SegmentTerm *found, pg_prng_state *rng)
{
	Bm25Cursor *cursor = palloc(sizeof(Bm25Cursor));

	for (int walk = 0; walk < 4; walk++)
	{
		uint32 i = 0; /* the first posting not before the cursor */
		uint32 stride = (uint32) pg_prng_uint64_range(rng, 1, 1 + corpus->docs / (1 + 20 * walk));

		bm25_cursor_open(cursor, segment, found);
		for (uint64 doc = 0; doc <= (uint64) corpus->docs + stride;
			 doc += pg_prng_uint64_range(rng, 1, stride))
		{
			uint32 what = (uint32) pg_prng_uint64_range(rng, 0, 9);

			while (i < term->df && term->docs[i] < doc)
				i++;
			if (what < 3)
			{
				CHECK(bm25_cursor_shallow(cursor, (uint32) doc) == (i < term->df));
				if (i == term->df)
					break;
				CHECK(cursor->block_first <= term->docs[i] && term->docs[i] <= cursor->block_last);
				if (what == 0)
				{
					bm25_cursor_decode(cursor);
					CHECK(cursor->docs[cursor->count - 1] == cursor->block_last);
				}
				continue;
			}
			if (i == term->df)
			{
				CHECK(bm25_cursor_seek(cursor, (uint32) doc) == BM25_NO_DOC);
				break;
			}
			CHECK(bm25_cursor_seek(cursor, (uint32) doc) == term->docs[i]);
			check_posting(corpus, term, cursor, i);
			if (what == 4)
				check_positions(corpus, term, cursor, i);
			while (what == 5 && i + 1 < term->df && pg_prng_uint64_range(rng, 0, 5) > 0)
			{
				CHECK(bm25_cursor_next(cursor) == term->docs[++i]);
				check_posting(corpus, term, cursor, i);
			}
			doc = Max(doc, term->docs[i]);
		}
		if (corpus->docs > 20000)
			stride = 0;
	}
}

/* The first term >= key. */
static uint32
find_term(const Corpus *corpus, Bm25Key key)
{
	uint32 low = 0;
	uint32 high = corpus->nterms;

	while (low < high)
	{
		uint32 mid = (low + high) / 2;

		if (bm25_key_cmp(corpus->terms[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Keys near those there are: present or not. */
static void
check_near_keys(const Corpus *corpus, const Bm25Segment *segment, pg_prng_state *rng)
{
	char key[BM25_MAX_KEY_BYTES + 1];

	for (int round = 0; round < 500; round++)
	{
		const Term *term = &corpus->terms[pg_prng_uint64_range(rng, 0, corpus->nterms - 1)];
		uint32 len = term->key.len;
		Bm25SegmentTerm found;
		Bm25TermIterator *iterator;
		Bm25Key got;
		uint32 at;

		memcpy(key, term->key.data, len);
		if (round % 4 == 0 && len > 1)
			len--;
		else if (round % 4 == 1 && len < BM25_MAX_KEY_BYTES)
			key[len++] = (char) pg_prng_uint64_range(rng, 0, 255);
		else if (round % 4 == 2)
			key[pg_prng_uint64_range(rng, 0, len - 1)] += (char) pg_prng_uint64_range(rng, 1, 3);
		at = find_term(corpus, (Bm25Key){key, len});
		CHECK(bm25_segment_lookup(segment, (Bm25Key){key, len}, &found) ==
			  (at < corpus->nterms && same_key(corpus->terms[at].key, (Bm25Key){key, len})));

		iterator = bm25_term_iterate(segment, (Bm25Key){key, len});
		for (int i = 0; i < 20 && at < corpus->nterms; i++, at++)
		{
			CHECK(bm25_term_next(iterator, &got, &found));
			CHECK(same_key(got, corpus->terms[at].key) && found.df == corpus->terms[at].df);
		}
		CHECK(at < corpus->nterms || !bm25_term_next(iterator, &got, &found));
		bm25_term_iterate_end(iterator);
	}
}

static void
check_segment(const Corpus *corpus, const Bm25Segment *segment)
{
	const Bm25HeaderDisk *header = segment->header;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "test segment", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Bm25TermIterator *iterator;
	Bm25SegmentTerm found;
	Bm25Key key;
	uint64 postings = 0;
	uint32 large = 0;
	pg_prng_state rng;

	pg_prng_seed(&rng, corpus->seed + 7);
	CHECK(header->docs == corpus->docs && header->terms == corpus->nterms);

	iterator = bm25_term_iterate(segment, (Bm25Key){NULL, 0});
	for (uint32 t = 0; t < corpus->nterms; t++)
	{
		const Term *term = &corpus->terms[t];
		MemoryContext inner = AllocSetContextCreate(context, "term", ALLOCSET_DEFAULT_SIZES);

		CHECK_FOR_INTERRUPTS();
		CHECK(bm25_term_next(iterator, &key, &found));
		CHECK(same_key(key, term->key));
		if (found.large)
			CHECK(found.list.ordinal == large++);
		postings += term->df;
		MemoryContextSwitchTo(inner);
		check_list(corpus, term, segment, &found);
		CHECK(bm25_segment_lookup(segment, term->key, &found));
		check_walks(corpus, term, segment, &found, &rng);
		MemoryContextSwitchTo(context);
		MemoryContextDelete(inner);
	}
	CHECK(!bm25_term_next(iterator, &key, &found));
	CHECK(header->postings == postings && header->large_terms == large);
	check_near_keys(corpus, segment, &rng);

	for (uint32 field = 0; field < corpus->fields; field++)
	{
		uint32 n = 0;
		uint64 sum = 0;

		for (uint32 doc = 0; doc < corpus->docs; doc++)
		{
			uint32 length = corpus_length(corpus, doc, field);

			n += length != BM25_LENGTH_NULL;
			sum += length != BM25_LENGTH_NULL ? length : 0;
		}
		CHECK(header->field_docs[field] == n && header->field_length[field] == sum);
		CHECK(segment->state.live_docs[field] == n && segment->state.live_length[field] == sum);
	}
	for (uint32 doc = 0; doc < corpus->docs; doc += 1 + corpus->docs / 5000)
	{
		ItemPointerData wanted;
		ItemPointerData got = bm25_segment_tid(segment, doc);
		uint32 length[BM25_MAX_FIELDS];

		corpus_tid(doc, &wanted);
		CHECK(ItemPointerEquals(&wanted, &got));
		bm25_segment_lengths(segment, doc, length);
		for (uint32 field = 0; field < corpus->fields; field++)
			CHECK(length[field] == corpus_length(corpus, doc, field));
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*----- dead documents -----*/

static bool
is_dead(uint32 doc)
{
	return doc % 7 == 3 || doc % 1024 < 100;
}

static VcVpageRef
write_file(Relation rel, uint32 incarnation, const void *bytes, Size n)
{
	VcVpageRef ref = vc_vpage_create(rel, NULL, BM25_PAGE_BITS, BM25_PAGE_INODE, incarnation, 0);
	VcVpageAppender appender;

	vc_vpage_append_begin(&appender, rel, NULL, ref, CurrentMemoryContext);
	vc_vpage_append(&appender, bytes, n);
	vc_vpage_append_end(&appender);
	return ref;
}

static void
check_dead(Relation rel, const Corpus *corpus, const Bm25SegmentDisk *disk)
{
	uint32 *dead_terms = palloc0(corpus->nterms * sizeof(uint32));
	uint8 *bits = palloc0(corpus->docs / 8 + 1);
	uint32 dead = 0;
	uint32 large = 0;
	VcVpageRef bits_file;
	VcVpageRef terms_file;
	Bm25Segment segment;
	Bm25SegmentTerm found;

	for (uint32 doc = 0; doc < corpus->docs; doc++)
	{
		dead += is_dead(doc);
		bits[doc / 8] |= (uint8) (is_dead(doc) << (doc % 8));
	}
	bm25_segment_open(&segment, rel, NULL, disk, corpus->flags, corpus->fields);
	CHECK(segment.dead == NULL);
	for (uint32 t = 0; t < corpus->nterms; t++)
	{
		const Term *term = &corpus->terms[t];

		CHECK(bm25_segment_lookup(&segment, term->key, &found));
		CHECK(bm25_segment_live_df(&segment, &found) == term->df);
		if (!found.large)
			continue;
		for (uint32 i = 0; i < term->df; i++)
			dead_terms[found.list.ordinal] += is_dead(term->docs[i]);
		large++;
	}
	bits_file = write_file(rel, 1000, bits, (corpus->docs + 7) / 8);
	terms_file = write_file(rel, 1001, dead_terms, large * sizeof(uint32));
	{
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(rel, disk->state, BM25_PAGE_STATE);
		Bm25StateDisk *state = (Bm25StateDisk *) vc_page_body(w.page);

		state->dead = dead;
		state->counted = dead;
		state->bits_root = bits_file.root;
		state->bits_incarnation = bits_file.incarnation;
		state->dead_root = terms_file.root;
		state->dead_incarnation = terms_file.incarnation;
		vc_page_write_commit(&w);
	}

	bm25_segment_open(&segment, rel, NULL, disk, corpus->flags, corpus->fields);
	CHECK(segment.dead != NULL && segment.state.dead == dead);
	for (uint32 doc = 0; doc < corpus->docs; doc++)
		CHECK(bm25_segment_is_dead(&segment, doc) == is_dead(doc));
	for (uint32 t = 0; t < corpus->nterms; t++)
	{
		const Term *term = &corpus->terms[t];
		uint32 live = 0;

		for (uint32 i = 0; i < term->df; i++)
			live += !is_dead(term->docs[i]);
		CHECK(bm25_segment_lookup(&segment, term->key, &found));
		CHECK(bm25_segment_live_df(&segment, &found) == live);
	}
	vc_vpage_free(rel, bits_file);
	vc_vpage_free(rel, terms_file);
}

/* All pages of this life are tombstones. */
static void
check_freed(Relation rel, uint32 incarnation)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);
	uint32 pages = 0;

	for (BlockNumber blkno = 0; blkno < blocks; blkno++)
	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read_raw(rel, blkno, NULL);

		if (vc_page_is_new(r.page) || !vc_page_is_of(r.page, BM25_OWNER_SEGMENT, incarnation))
			continue;
		CHECK(vc_page_is_free(r.page));
		CHECK(vc_page_seal_ok(r.page));
		pages++;
	}
	CHECK(pages > 0);
}

/*----- SQL: comparing -----*/

/* (rel, sink, seed, docs, fields, flags, small terms): number of comparisons */
Datum
vc_test_bm25_segment(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	const char *sink = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Corpus *corpus = corpus_make((uint64) PG_GETARG_INT64(2), (uint32) PG_GETARG_INT32(3),
								 (uint32) PG_GETARG_INT32(4), (uint32) PG_GETARG_INT32(5),
								 (uint32) PG_GETARG_INT32(6));
	uint32 incarnation = RelationGetNumberOfBlocks(rel) + 17;
	Bm25SegmentDisk disk;
	Bm25Segment segment;

	checks = 0;
	corpus_write(rel, corpus, sink, incarnation, &disk);
	CHECK(disk.docs == corpus->docs && disk.incarnation == incarnation);
	/* the second time from the backend's memory, where that is allowed */
	for (int round = 0; round < 2; round++)
	{
		VcReadCache cache;

		vc_read_cache_init(&cache, rel);
		bm25_segment_open(&segment, rel, round == 0 ? NULL : &cache, &disk, corpus->flags,
						  corpus->fields);
		CHECK(disk.pages == segment.header->pages);
		check_segment(corpus, &segment);
	}
	check_dead(rel, corpus, &disk);
	bm25_header_free(rel, disk.header, incarnation);
	check_freed(rel, incarnation);
	bm25_header_free(rel, disk.header, incarnation);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64((int64) checks);
}

/*
 * (rel, pages, step, full): a live segment that is not finished is freed from its header.  full: the header
 * page is filled with empty extents first, so that the next ones go to a further page.
 */
Datum
vc_test_bm25_abandon(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	uint32 incarnation = RelationGetNumberOfBlocks(rel) + 18;
	BlockNumber header = corpus_header(rel, incarnation);
	BlockNumber begun = corpus_header(rel, incarnation + 1);
	Bm25Sink *sink = bm25_sink_live(rel, NULL, incarnation, header);
	uint32 pages = (uint32) PG_GETARG_INT32(1);
	uint32 step = (uint32) PG_GETARG_INT32(2);

	checks = 0;
	if (PG_GETARG_BOOL(3))
	{
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(rel, header, BM25_PAGE_HEADER);
		Size used = vc_page_contents(w.page).len;

		vc_page_set_used(w.page, used + (BM25_BODY_BYTES - used) / 8 * 8 - 16);
		vc_page_write_commit(&w);
	}
	for (uint32 i = 0; i < pages; i++)
	{
		vc_page_init(sink->page(sink), BM25_PAGE_POSTING, BM25_OWNER_SEGMENT, incarnation);
		sink->put(sink);
		/* somebody else's pages part the extents */
		if (i % step == 0)
			vc_recycle_alloc_run(rel, NULL, 2, BM25_PAGE_GROWING, BM25_OWNER_GROWING, 1);
	}
	bm25_header_free(rel, header, incarnation);
	check_freed(rel, incarnation);
	bm25_header_free(rel, header, incarnation);
	bm25_header_free(rel, begun, incarnation + 1);
	check_freed(rel, incarnation + 1);
	/* nothing of a header that is another segment's */
	bm25_header_free(rel, header, incarnation + 5);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64((int64) checks);
}
