/*
 * vchord_bm25/merge.c
 *		Merging neighbouring segments into one.
 *
 * Documents keep their order: those of the first input, those of the second ..., the dead left out.  The
 * new number of a document is the base of its input plus the number of living ones before it, which a
 * count for each 64 bits of the bitmap gives.  Dictionaries are merged by a loser tree over the first eight
 * bytes of the key; the lists of equal keys are copied one behind the other.
 *
 * Steps, WAL and crash: seal.c; publish names the inputs as retired in the record that puts their successor in
 * their place, so a search reads either the ones or the other.
 *
 * Which ones: a segment is of level 0 up to LEVEL_DOCS documents, and one more for each factor of fanout.  When
 * there are `fanout` of one level with nothing larger between them, these are merged, with what smaller
 * ones stand among them.  So a document is rewritten about once a level.
 *
 * Memory: a page of dictionary and one of postings for each input, 1/16 + 1/8 byte a document.
 */
#include "postgres.h"

#include "vchord_bm25/maintain.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/loser_tree.h"
#include "core/report.h"
#include "core/tid.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/cursor.h"
#include "vchord_bm25/norm.h"
#include "vchord_bm25/segment_write.h"

/* what VACUUM seals at least, roughly (SEAL_PAGES pages of some hundred bytes each) */
#define LEVEL_DOCS 512
/* a merge is forced when only that many places are left */
#define SPARE_SEGMENTS 8
/* inputs of one merge: all of them, and a tape, find room in retired[] */
#define MAX_INPUTS (BM25_MAX_RETIRED - 1)

typedef struct Input
{
	Bm25Segment segment;
	Bm25Io io;
	uint32 base;    /* new number of its first living document */
	uint32 *before; /* living documents before each 64; NULL: all are alive */
	Bm25TermIterator *terms;
	Bm25Key key;
	Bm25SegmentTerm term;
	uint64 prefix;
} Input;

/*----- documents -----*/

static uint64
dead_word(const Bm25Segment *segment, uint32 word)
{
	uint64 bits = 0;
	Size bytes = ((Size) segment->disk.docs + 7) / 8;
	Size at = (Size) word * sizeof(uint64);

	/* bit d of byte d / 8, so the lowest byte comes first whatever the machine */
	for (Size i = 0; i < sizeof(uint64) && at + i < bytes; i++)
		bits |= (uint64) segment->dead[at + i] << (8 * i);
	return bits;
}

static uint32
count_living(Input *input)
{
	uint32 docs = input->segment.disk.docs;
	uint32 words = (uint32) (((uint64) docs + 63) / 64);
	uint32 living = 0;

	if (input->segment.dead == NULL)
		return docs;
	input->before = MemoryContextAllocHuge(CurrentMemoryContext, (Size) words * sizeof(uint32));
	for (uint32 w = 0; w < words; w++)
	{
		uint32 n = Min(64, docs - w * 64);
		uint64 dead = dead_word(&input->segment, w);

		if (n < 64)
			dead &= (UINT64CONST(1) << n) - 1;
		input->before[w] = living;
		living += n - (uint32) pg_popcount64(dead);
	}
	return living;
}

/* New number of a living document. */
static inline uint32
new_number(const Input *input, uint32 doc)
{
	uint32 w = doc / 64;
	uint32 dead;

	if (input->before == NULL)
		return input->base + doc;
	dead = (uint32) pg_popcount64(dead_word(&input->segment, w) &
								  ((UINT64CONST(1) << (doc % 64)) - 1));
	return input->base + input->before[w] + doc % 64 - dead;
}

/* One page of a section at a time, as an array. */
typedef struct Column
{
	const Bm25Segment *segment;
	Bm25Section section;
	uint32 element;  /* bytes */
	uint32 per_page; /* elements */
	uint32 page;     /* that is in the buffer, in the section; PG_UINT32_MAX: none */
	uint32 asked;    /* pages before have been asked for */
	uint32 count;    /* elements in it */
	char buffer[BM25_BODY_BYTES];
} Column;

static void
column_begin(Column *column, const Bm25Segment *segment, Bm25Section section, uint32 element,
			 uint32 per_page)
{
	column->segment = segment;
	column->section = section;
	column->element = element;
	column->per_page = per_page;
	column->page = PG_UINT32_MAX;
	column->asked = 0;
	column->count = 0;
}

static const void *
column_get(Column *column, uint64 at)
{
	uint32 page = (uint32) (at / column->per_page);

	if (page != column->page)
	{
		uint32 first = column->segment->header->section[column->section];
		VcPageRead r;
		VcSpan body;

		bm25_segment_read_on(column->segment, column->section, first + page, &column->asked);
		r = bm25_segment_page(column->segment, column->section, first + page);
		body = vc_page_contents(r.page);
		memcpy(column->buffer, body.data, Min(body.len, sizeof(column->buffer)));
		column->count = (uint32) (Min(body.len, sizeof(column->buffer)) / column->element);
		column->page = page;
		vc_page_read_drop(&r);
	}
	if (at % column->per_page >= column->count)
		vc_corrupt(column->segment->index,
				   bm25_segment_block(column->segment,
									  column->segment->header->section[column->section] + page),
				   "page of segment %u has %u entries", column->segment->disk.incarnation,
				   column->count);
	return column->buffer + (at % column->per_page) * column->element;
}

static void
write_documents(Input *input, Bm25SegmentWriter *writer)
{
	const Bm25Segment *segment = &input->segment;
	Column *tids = palloc(sizeof(Column));
	Column *lengths = palloc(sizeof(Column));

	column_begin(tids, segment, BM25_SECTION_DOCUMENT, sizeof(ItemPointerData), BM25_TIDS_PER_PAGE);
	column_begin(lengths, segment, BM25_SECTION_LENGTH, sizeof(uint32), BM25_LENGTHS_PER_PAGE);
	for (uint32 doc = 0; doc < segment->disk.docs; doc++)
	{
		ItemPointerData tid;
		uint32 length[BM25_MAX_FIELDS];

		if (doc % BM25_TIDS_PER_PAGE == 0)
			vacuum_delay_point(false);
		if (bm25_segment_is_dead(segment, doc))
			continue;
		memcpy(&tid, column_get(tids, doc), sizeof(tid));
		if (!vc_heap_valid(vc_heap_from_tid(&tid)))
			vc_corrupt(segment->index, segment->disk.header, "document %u of segment %u has no TID",
					   doc, segment->disk.incarnation);
		for (uint32 f = 0; f < segment->fields; f++)
			memcpy(&length[f], column_get(lengths, (uint64) doc * segment->fields + f),
				   sizeof(uint32));
		bm25_segment_write_document(writer, &tid, length);
	}
	pfree(tids);
	pfree(lengths);
}

/*----- postings -----*/

/* scratch of one merge */
typedef struct Scratch
{
	MemoryContext term;      /* reset for each list */
	MemoryContext positions; /* reset for each block */
	Bm25Cursor cursor;
} Scratch;

static void
write_list(const Input *input, Bm25SegmentWriter *writer, Scratch *scratch)
{
	const Bm25Segment *segment = &input->segment;
	Bm25Cursor *cursor = &scratch->cursor;
	bool positions = (segment->flags & BM25_META_POSITIONS) != 0;
	bool exact = (segment->flags & BM25_META_EXACT_NORMS) != 0;
	MemoryContext old = MemoryContextSwitchTo(scratch->term);
	uint32 n = 0;

	bm25_cursor_open(cursor, segment, &input->term);
	bm25_cursor_read_ahead(cursor, true, NULL, NULL);
	MemoryContextSwitchTo(old);
	for (uint32 doc = bm25_cursor_next(cursor); doc != BM25_NO_DOC; doc = bm25_cursor_next(cursor))
	{
		uint32 norm = cursor->norms[cursor->at];
		const uint32 *at = NULL;

		if (doc >= segment->disk.docs)
			vc_corrupt(segment->index, segment->disk.header, "segment %u has no document %u",
					   segment->disk.incarnation, doc);
		if (++n % BM25_BLOCK_POSTINGS == 0)
		{
			vacuum_delay_point(false);
			MemoryContextReset(scratch->positions);
		}
		if (bm25_segment_is_dead(segment, doc))
			continue;
		if (positions)
		{
			MemoryContextSwitchTo(scratch->positions);
			at = bm25_cursor_positions(cursor);
			MemoryContextSwitchTo(old);
		}
		bm25_segment_write_posting(writer, new_number(input, doc), cursor->tfs[cursor->at],
								   exact ? norm : bm25_norm_length((uint8) norm), at);
	}
	bm25_cursor_close(cursor);
	MemoryContextReset(scratch->term);
	if (positions)
		MemoryContextReset(scratch->positions);
}

static bool
next_term(Input *input)
{
	uint64 prefix = 0;

	if (!bm25_term_next(input->terms, &input->key, &input->term))
		return false;
	memcpy(&prefix, input->key.data, Min(input->key.len, sizeof(prefix)));
	input->prefix = pg_ntoh64(prefix);
	return true;
}

static int
compare_inputs(void *arg, uint32 a, uint32 b)
{
	const Input *inputs = arg;

	return bm25_key_cmp(inputs[a].key, inputs[b].key);
}

static void
write_postings(Input *inputs, uint32 n, Bm25SegmentWriter *writer)
{
	Scratch *scratch = palloc0(sizeof(Scratch));
	char *key_bytes = palloc(BM25_MAX_KEY_BYTES);
	Bm25Key key = {key_bytes, 0};
	VcLoserTree tree;
	uint32 which;
	uint64 prefix;

	scratch->term =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 list", ALLOCSET_DEFAULT_SIZES);
	scratch->positions = AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 positions",
											   ALLOCSET_DEFAULT_SIZES);
	vc_loser_tree_init(&tree, palloc(vc_loser_tree_size(n)), n, compare_inputs, inputs);
	for (uint32 i = 0; i < n; i++)
	{
		inputs[i].terms = bm25_term_iterate(&inputs[i].segment, (Bm25Key){NULL, 0});
		if (next_term(&inputs[i]))
			vc_loser_tree_set(&tree, i, inputs[i].prefix);
	}
	vc_loser_tree_build(&tree);
	while (vc_loser_tree_top(&tree, &which, &prefix))
	{
		Input *input = &inputs[which];

		vacuum_delay_point(false);
		if (key.len == 0 || bm25_key_cmp(key, input->key) != 0)
		{
			bm25_segment_write_term(writer, input->key);
			memcpy(key_bytes, input->key.data, input->key.len);
			key.len = input->key.len;
		}
		write_list(input, writer, scratch);
		if (next_term(input))
			vc_loser_tree_advance(&tree, input->prefix);
		else
			vc_loser_tree_exhaust(&tree);
	}
	for (uint32 i = 0; i < n; i++)
		bm25_term_iterate_end(inputs[i].terms);
}

void
bm25_merge_segments(Relation index, Relation heap, const Bm25MetaDisk *meta, uint32 first, uint32 n)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 merge", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Input *inputs = palloc0(n * sizeof(Input));
	uint32 level = 0;
	uint64 base = 0;
	Bm25SegmentDisk made;
	Bm25SegmentWriter *writer;
	bool any;

	Assert(n >= 1 && n <= MAX_INPUTS);
	for (uint32 i = 0; i < n; i++)
	{
		bm25_segment_open(&inputs[i].segment, index, NULL, &meta->segments[first + i], meta->flags,
						  meta->fields);
		bm25_io_begin(&inputs[i].io, index, (VcStreamMode) bm25_io, NULL);
		inputs[i].segment.io = &inputs[i].io;
		inputs[i].base = (uint32) base;
		base += count_living(&inputs[i]);
		level = Max(level, meta->segments[first + i].level);
	}
	made = bm25_writing_begin(index, heap);
	writer = bm25_segment_write_begin(bm25_sink_live(index, heap, made.incarnation, made.header),
									  meta->flags, meta->fields);
	for (uint32 i = 0; i < n; i++)
		write_documents(&inputs[i], writer);
	write_postings(inputs, n, writer);
	any = bm25_segment_write_end(writer, &made);
	if (any)
		made.level = level == BM25_LEVEL_TAPE - 1 ? level : level + 1;
	else
		bm25_header_free(index, made.header, made.incarnation);
	bm25_writing_publish(index, &meta->segments[first], first, n, any ? &made : NULL, false);
	bm25_maintenance_free_retired(index);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*----- which ones -----*/

static int
level_of(uint32 docs, uint32 fanout)
{
	int level = 0;

	for (uint64 limit = LEVEL_DOCS; docs > limit; limit *= fanout)
		level++;
	return level;
}

/* Sum of the pages, and of the documents, which must not exceed what a segment can hold. */
static bool
fits(const Bm25MetaDisk *meta, uint32 first, uint32 n, uint32 max_pages)
{
	uint64 pages = 0;
	uint64 docs = 0;

	for (uint32 i = first; i < first + n; i++)
	{
		pages += meta->segments[i].pages;
		docs += meta->segments[i].docs;
	}
	return docs < PG_UINT32_MAX && (max_pages == 0 || pages <= max_pages);
}

/* The first neighbours that the tiers want merged, lowest level first. */
static bool
choose(const Bm25MetaDisk *meta, uint32 fanout, uint32 max_pages, uint32 *ret_first, uint32 *ret_n)
{
	int top = 0;

	for (uint32 i = 0; i < meta->nsegments; i++)
		top = Max(top, level_of(meta->segments[i].docs, fanout));
	for (int level = 0; level <= top; level++)
	{
		uint32 first = 0;
		uint32 at_level = 0;

		for (uint32 i = 0; i < meta->nsegments; i++)
		{
			int l = level_of(meta->segments[i].docs, fanout);

			if (l > level || i - first >= MAX_INPUTS)
			{
				first = l > level ? i + 1 : i;
				at_level = 0;
			}
			if (l == level)
				at_level++;
			if (at_level >= fanout)
			{
				*ret_first = first;
				*ret_n = i + 1 - first;
				if (fits(meta, *ret_first, *ret_n, max_pages))
					return true;
				first = i + 1;
				at_level = 0;
			}
		}
	}
	return false;
}

/* Everything into one, as many at a time as a merge takes. */
static int
merge_all(Relation index, Relation heap)
{
	int merges = 0;

	for (;;)
	{
		Bm25MetaDisk meta;
		uint32 n;

		CHECK_FOR_INTERRUPTS();
		bm25_meta_read(index, &meta);
		n = Min(meta.nsegments, MAX_INPUTS);
		/* what cannot be one segment stays several; the last merge sees to the dead */
		while (n > 1 && !fits(&meta, 0, n, 0))
			n--;
		if (n == 0)
			return merges;
		if (n == 1)
		{
			Bm25Segment segment;

			bm25_segment_open(&segment, index, NULL, &meta.segments[0], meta.flags, meta.fields);
			if (segment.state.dead > 0)
			{
				bm25_merge_segments(index, heap, &meta, 0, 1);
				merges++;
			}
			return merges;
		}
		bm25_merge_segments(index, heap, &meta, 0, n);
		merges++;
	}
}

int
bm25_merge_tiers(Relation index, Relation heap, uint32 max_pages, bool full)
{
	uint32 fanout = bm25_merge_fanout(index);
	int merges = 0;

	if (full)
		return merge_all(index, heap);
	for (;;)
	{
		Bm25MetaDisk meta;
		uint32 first;
		uint32 n;

		CHECK_FOR_INTERRUPTS();
		bm25_meta_read(index, &meta);
		if (!choose(&meta, Min(fanout, MAX_INPUTS), max_pages, &first, &n))
			return merges;
		bm25_merge_segments(index, heap, &meta, first, n);
		merges++;
	}
}

bool
bm25_merge_is_due(const Bm25MetaDisk *meta)
{
	return meta->nsegments >= BM25_MAX_SEGMENTS - SPARE_SEGMENTS;
}

void
bm25_merge_forced(Relation index, Relation heap)
{
	uint32 n = SPARE_SEGMENTS + 1;
	uint64 least = PG_UINT64_MAX;
	uint32 first = 0;
	Bm25MetaDisk meta;

	bm25_meta_read(index, &meta);
	for (uint32 i = 0; i + n <= meta.nsegments; i++)
	{
		uint64 pages = 0;

		for (uint32 j = i; j < i + n; j++)
			pages += meta.segments[j].pages;
		if (pages < least && fits(&meta, i, n, 0))
		{
			least = pages;
			first = i;
		}
	}
	if (least == PG_UINT64_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" has no room for another segment",
							   RelationGetRelationName(index)),
						errhint("Partition the table.")));
	bm25_merge_segments(index, heap, &meta, first, n);
}
