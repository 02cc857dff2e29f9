/*
 * vchord_bm25/segment_write.c
 *		Writes one segment.  See segment_write.h and format.h.
 *
 * Posting blocks are the first section and go to the sink as they come.  What belongs behind them waits in
 * spools: positions, summaries, leaves of the dictionary, TIDs, lengths.  At the end the spools are
 * emptied in the order of the sections; the inner pages of the dictionary are made while its leaves pass by.
 *
 * A term begins in the block buffer.  When that is full for the first time the term is a large one and the
 * block is written; a term that ends before goes into the dictionary as varints.
 *
 * Memory: six buffers of at most 256 kB, some pages, and the positions of one block.
 */
#include "postgres.h"

#include "vchord_bm25/segment_write.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/page.h"

#include "vchord_bm25/block.h"
#include "vchord_bm25/dictionary.h"
#include "vchord_bm25/impact.h"
#include "vchord_bm25/norm.h"
#include "vchord_bm25/spool.h"
#include "vchord_bm25/varint.h"

/* df, size of postings, and postings of 127 documents, or Bm25LargeTermDisk */
#define VALUE_BYTES                                                                                \
	(2 * BM25_VARINT32_MAX + 3 * BM25_VARINT32_MAX * BM25_BLOCK_POSTINGS + BM25_INLINE_BYTES)

struct Bm25SegmentWriter
{
	MemoryContext context;
	Bm25Sink *sink;
	uint32 fields;
	bool has_positions;
	bool exact;
	bool terms_begun;
	Bm25HeaderDisk *header;        /* without extents */
	double avgdl[BM25_MAX_FIELDS]; /* from the first term on */

	/* page being filled; NULL: none */
	char *page;
	uint32 page_used;
	uint32 pages; /* number of the next page */

	Bm25Spool position;
	Bm25Spool summary;
	Bm25Spool leaf;  /* uint32 size, body */
	Bm25Spool index; /* the same */
	Bm25Spool document;
	Bm25Spool length;
	uint32 leaves;
	uint32 index_pages;
	uint32 summaries;

	/* the term */
	uint32 key_bytes;
	uint8 key[BM25_MAX_KEY_BYTES];
	uint32 df;
	bool large;
	uint32 last_doc; /* of the posting before */
	uint32 base;     /* of the block before, or 0 */
	uint32 first_summary;
	Bm25Front front; /* of the blocks written */

	/* the block */
	uint32 count;
	uint32 docs[BM25_BLOCK_POSTINGS];
	uint32 tfs[BM25_BLOCK_POSTINGS];
	uint32 norms[BM25_BLOCK_POSTINGS];
	uint32 position_bytes[BM25_BLOCK_POSTINGS];
	uint8 *positions;
	Size positions_used;
	Size positions_room;

	Bm25Node node; /* the leaf */
	uint8 value[VALUE_BYTES];
	uint8 bytes[Max(BM25_BLOCK_MAX, BM25_BODY_BYTES)];
};

/*----- pages -----*/

static uint8 *
begin_page(Bm25SegmentWriter *writer, uint16 kind)
{
	Assert(writer->page == NULL);
	if (unlikely(writer->pages >= MaxBlockNumber))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a segment of a bm25 index cannot have more than %u pages",
							   MaxBlockNumber)));
	writer->page = writer->sink->page(writer->sink);
	vc_page_init(writer->page, kind, BM25_OWNER_SEGMENT, writer->sink->incarnation);
	writer->page_used = 0;
	writer->pages++;
	return (uint8 *) vc_page_body(writer->page);
}

static void
end_page(Bm25SegmentWriter *writer)
{
	if (writer->page == NULL)
		return;
	vc_page_set_used(writer->page, writer->page_used);
	vc_page_seal(writer->page);
	writer->page = NULL;
	writer->sink->put(writer->sink);
}

/* Copies a spool to pages of per_page bytes each. */
static void
write_stream(Bm25SegmentWriter *writer, Bm25Spool *spool, uint16 kind, uint32 per_page)
{
	uint64 left = spool->length;

	bm25_spool_rewind(spool);
	while (left > 0)
	{
		uint32 n = (uint32) Min((uint64) per_page, left);
		uint8 *body = begin_page(writer, kind);

		bm25_spool_read(spool, body, n);
		writer->page_used = n;
		end_page(writer);
		left -= n;
	}
	bm25_spool_fini(spool);
}

/* Reads one page from a spool of sized pages. */
static void
write_sized(Bm25SegmentWriter *writer, Bm25Spool *spool, uint16 kind)
{
	uint8 *body = begin_page(writer, kind);
	uint32 bytes;

	bm25_spool_read(spool, &bytes, sizeof(bytes));
	bm25_spool_read(spool, body, bytes);
	writer->page_used = bytes;
}

static void
spool_sized(Bm25Spool *spool, const uint8 *body, uint32 bytes)
{
	bm25_spool_write(spool, &bytes, sizeof(bytes));
	bm25_spool_write(spool, body, bytes);
}

/*----- life -----*/

Bm25SegmentWriter *
bm25_segment_write_begin(Bm25Sink *sink, uint32 flags, uint32 fields)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "bm25 segment writer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Bm25SegmentWriter *writer = palloc0(sizeof(Bm25SegmentWriter));

	Assert(fields >= 1 && fields <= BM25_MAX_FIELDS);
	writer->context = context;
	writer->header = palloc0(sizeof(Bm25HeaderDisk));
	writer->sink = sink;
	writer->fields = fields;
	writer->has_positions = (flags & BM25_META_POSITIONS) != 0;
	writer->exact = (flags & BM25_META_EXACT_NORMS) != 0;
	bm25_spool_init(&writer->position);
	bm25_spool_init(&writer->summary);
	bm25_spool_init(&writer->leaf);
	bm25_spool_init(&writer->index);
	bm25_spool_init(&writer->document);
	bm25_spool_init(&writer->length);
	if (writer->has_positions)
	{
		writer->positions_room = 4096;
		writer->positions = palloc(writer->positions_room);
	}
	bm25_node_reset(&writer->node);
	MemoryContextSwitchTo(old);
	return writer;
}

void
bm25_segment_write_document(Bm25SegmentWriter *writer, ItemPointer tid, const uint32 *length)
{
	Bm25HeaderDisk *header = writer->header;

	Assert(!writer->terms_begun);
	if (unlikely(header->docs == PG_UINT32_MAX - 1))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many rows in a bm25 index")));
	header->docs++;
	bm25_spool_write(&writer->document, tid, sizeof(*tid));
	bm25_spool_write(&writer->length, length, writer->fields * sizeof(uint32));
	for (uint32 i = 0; i < writer->fields; i++)
	{
		if (length[i] == BM25_LENGTH_NULL)
			continue;
		header->field_docs[i]++;
		header->field_length[i] += length[i];
	}
}

/*----- blocks -----*/

/* Appends the block to the POSTING section, and its summary. */
static void
flush_block(Bm25SegmentWriter *writer)
{
	uint32 n = writer->count;
	uint32 last = writer->docs[n - 1];
	double avgdl = writer->avgdl[writer->key[0]];
	Bm25SummaryDisk summary;
	Bm25Front front;
	uint32 bytes;

	bm25_front_reset(&front);
	for (uint32 i = 0; i < n; i++)
	{
		uint32 norm = writer->norms[i];

		bm25_front_add(&front, writer->tfs[i], writer->exact ? bm25_norm_code(norm) : (uint8) norm);
	}
	bm25_front_cover(&front, avgdl, lengthof(summary.impact), summary.impact);
	bm25_front_merge(&writer->front, &front);

	bytes = bm25_block_encode(writer->docs, writer->tfs, writer->norms, n, writer->base,
							  writer->has_positions, writer->position.length, writer->bytes);
	if (writer->page != NULL && TYPEALIGN(4, writer->page_used) + bytes > BM25_POSTING_BYTES)
		end_page(writer);
	if (writer->page == NULL)
		begin_page(writer, BM25_PAGE_POSTING);
	writer->page_used = TYPEALIGN(4, writer->page_used);
	memcpy(vc_page_body(writer->page) + writer->page_used, writer->bytes, bytes);

	summary.last = last;
	summary.page = writer->pages - 1;
	summary.offset = (uint16) writer->page_used;
	summary.bytes = (uint16) bytes;
	bm25_spool_write(&writer->summary, &summary, sizeof(summary));
	writer->summaries++;
	writer->page_used += bytes;

	if (writer->has_positions)
	{
		bm25_spool_write(&writer->position, writer->positions, writer->positions_used);
		writer->positions_used = 0;
	}
	writer->base = last;
	writer->count = 0;
}

/*----- terms -----*/

static void
add_entry(Bm25SegmentWriter *writer, uint32 value_bytes)
{
	Bm25Key key = {(const char *) writer->key, writer->key_bytes};

	if (!bm25_node_add(&writer->node, key, writer->value, value_bytes))
	{
		uint32 bytes = bm25_node_finish(&writer->node, writer->bytes);

		spool_sized(&writer->leaf, writer->bytes, bytes);
		writer->leaves++;
		if (!bm25_node_add(&writer->node, key, writer->value, value_bytes))
			elog(ERROR, "term does not fit a page");
	}
}

/* Postings as varints, at p; returns their end, or NULL if they are too many bytes. */
static uint8 *
put_inline(const Bm25SegmentWriter *writer, uint8 *p)
{
	const uint8 *start = p;
	const uint8 *positions = writer->positions;
	uint32 before = 0;

	if (writer->positions_used > BM25_INLINE_BYTES)
		return NULL;
	for (uint32 i = 0; i < writer->count; i++)
	{
		p = bm25_varint_put(p, writer->docs[i] - before);
		before = writer->docs[i];
		p = bm25_varint_put(p, writer->tfs[i]);
		if (writer->exact)
			p = bm25_varint_put(p, writer->norms[i]);
		else
			*p++ = (uint8) writer->norms[i];
		if (writer->has_positions)
		{
			memcpy(p, positions, writer->position_bytes[i]);
			p += writer->position_bytes[i];
			positions += writer->position_bytes[i];
		}
	}
	return p - start > BM25_INLINE_BYTES ? NULL : p;
}

static void
end_term(Bm25SegmentWriter *writer)
{
	uint8 *p;
	uint8 *end = NULL;

	if (writer->df == 0)
		return;
	writer->header->terms++;
	writer->header->postings += writer->df;
	p = bm25_varint_put(writer->value, writer->df);
	if (!writer->large)
	{
		/* the size goes before what it is the size of: two bytes are enough and always taken */
		end = put_inline(writer, p + 2);
		if (end != NULL)
		{
			uint32 bytes = (uint32) (end - (p + 2));

			if (bytes < 0x80)
			{
				memmove(p + 1, p + 2, bytes);
				end--;
			}
			bm25_varint_put(p, bytes);
		}
	}
	if (end == NULL)
	{
		Bm25LargeTermDisk list = {writer->header->large_terms++, writer->first_summary, {{0}}};

		if (writer->count > 0)
			flush_block(writer);
		if (writer->df < BM25_BLOCK_POSTINGS)
			*p++ = 0;
		bm25_front_cover(&writer->front, writer->avgdl[writer->key[0]], BM25_LARGE_IMPACTS,
						 list.impact);
		memcpy(p, &list, sizeof(list));
		end = p + sizeof(list);
	}
	writer->df = 0;
	add_entry(writer, (uint32) (end - writer->value));
}

void
bm25_segment_write_term(Bm25SegmentWriter *writer, Bm25Key key)
{
	if (!writer->terms_begun)
	{
		for (uint32 i = 0; i < writer->fields; i++)
		{
			if (writer->header->field_docs[i] > 0)
				writer->avgdl[i] =
					(double) writer->header->field_length[i] / writer->header->field_docs[i];
		}
		writer->terms_begun = true;
	}
	end_term(writer);
	if (key.len < 1 || key.len > BM25_MAX_KEY_BYTES || (uint8) key.data[0] >= writer->fields ||
		bm25_key_cmp(key, (Bm25Key){(const char *) writer->key, writer->key_bytes}) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("terms of a bm25 index are out of order")));
	memcpy(writer->key, key.data, key.len);
	writer->key_bytes = key.len;
	writer->large = false;
	writer->last_doc = 0;
	writer->base = 0;
	writer->first_summary = writer->summaries;
	writer->count = 0;
	writer->positions_used = 0;
	bm25_front_reset(&writer->front);

	CHECK_FOR_INTERRUPTS();
}

static void
add_positions(Bm25SegmentWriter *writer, uint32 tf, const uint32 *positions)
{
	Size need = writer->positions_used + (Size) tf * BM25_VARINT32_MAX;
	uint32 before = 0;
	uint8 *p;

	if (unlikely(need > writer->positions_room))
	{
		while (writer->positions_room < need)
			writer->positions_room *= 2;
		writer->positions = repalloc_huge(writer->positions, writer->positions_room);
	}
	p = writer->positions + writer->positions_used;
	for (uint32 i = 0; i < tf; i++)
	{
		p = bm25_varint_put(p, positions[i] - before);
		before = positions[i];
	}
	writer->position_bytes[writer->count] =
		(uint32) (p - writer->positions - writer->positions_used);
	writer->positions_used = (Size) (p - writer->positions);
}

void
bm25_segment_write_posting(Bm25SegmentWriter *writer, uint32 doc, uint32 tf, uint32 length,
						   const uint32 *positions)
{
	uint32 at = writer->count;

	if (unlikely(doc >= writer->header->docs || (writer->df > 0 && doc <= writer->last_doc) ||
				 tf == 0))
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("postings of a bm25 index are out of order")));
	writer->docs[at] = doc;
	writer->tfs[at] = tf;
	writer->norms[at] = writer->exact ? length : bm25_norm_code(length);
	if (writer->has_positions)
		add_positions(writer, tf, positions);
	writer->last_doc = doc;
	writer->df++;
	writer->count++;
	if (writer->count == BM25_BLOCK_POSTINGS)
	{
		writer->large = true;
		flush_block(writer);
		if (writer->df % (64 * BM25_BLOCK_POSTINGS) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/*----- end -----*/

static uint32
put_index_page(void *arg, const uint8 *body, uint32 bytes)
{
	Bm25SegmentWriter *writer = arg;

	spool_sized(&writer->index, body, bytes);
	return writer->header->section[BM25_SECTION_TERM] + writer->leaves + writer->index_pages++;
}

/* The first key of a leaf, whose first entry shares nothing with one before. */
static Bm25Key
first_key(const char *page)
{
	VcSpan body = vc_page_contents(page);
	const uint8 *bytes = (const uint8 *) body.data;
	uint16 offset;
	uint32 len = 0;
	const uint8 *p;

	memcpy(&offset, bytes + 4, sizeof(offset));
	p = bm25_varint_get(bytes + offset + 1, bytes + body.len, &len);
	return (Bm25Key){(const char *) p, len};
}

static void
write_dictionary(Bm25SegmentWriter *writer)
{
	uint32 *section = writer->header->section;
	Bm25Tree *tree = NULL;

	section[BM25_SECTION_TERM] = writer->pages;
	/* an empty dictionary is an empty leaf */
	if (writer->node.entries > 0 || writer->leaves == 0)
	{
		uint32 bytes = bm25_node_finish(&writer->node, writer->bytes);

		spool_sized(&writer->leaf, writer->bytes, bytes);
		writer->leaves++;
	}
	if (writer->leaves > 1)
		tree = bm25_tree_begin(put_index_page, writer);
	bm25_spool_rewind(&writer->leaf);
	for (uint32 i = 0; i < writer->leaves; i++)
	{
		write_sized(writer, &writer->leaf, BM25_PAGE_TERM);
		if (tree != NULL)
		{
			vc_page_set_used(writer->page, writer->page_used);
			bm25_tree_add(tree, first_key(writer->page), writer->pages - 1);
		}
		end_page(writer);
	}
	bm25_spool_fini(&writer->leaf);

	section[BM25_SECTION_TERM_INDEX] = writer->pages;
	writer->header->term_root = section[BM25_SECTION_TERM];
	writer->header->term_levels = 1;
	if (tree != NULL)
	{
		writer->header->term_root = bm25_tree_end(tree, &writer->header->term_levels);
		bm25_spool_rewind(&writer->index);
		for (uint32 i = 0; i < writer->index_pages; i++)
		{
			write_sized(writer, &writer->index, BM25_PAGE_TERM_INDEX);
			end_page(writer);
		}
	}
	bm25_spool_fini(&writer->index);
}

bool
bm25_segment_write_end(Bm25SegmentWriter *writer, Bm25SegmentDisk *ret_segment)
{
	Bm25HeaderDisk *header = writer->header;
	uint32 *section = header->section;
	MemoryContext old;

	if (header->docs == 0)
	{
		MemoryContextDelete(writer->context);
		return false;
	}
	old = MemoryContextSwitchTo(writer->context);
	end_term(writer);
	end_page(writer);

	header->position_bytes = writer->position.length;
	section[BM25_SECTION_POSTING] = 0;
	section[BM25_SECTION_POSITION] = writer->pages;
	write_stream(writer, &writer->position, BM25_PAGE_POSITION, BM25_STREAM_BYTES);
	section[BM25_SECTION_SUMMARY] = writer->pages;
	write_stream(writer, &writer->summary, BM25_PAGE_SUMMARY,
				 BM25_SUMMARIES_PER_PAGE * sizeof(Bm25SummaryDisk));
	write_dictionary(writer);
	section[BM25_SECTION_DOCUMENT] = writer->pages;
	write_stream(writer, &writer->document, BM25_PAGE_DOCUMENT,
				 BM25_TIDS_PER_PAGE * sizeof(ItemPointerData));
	section[BM25_SECTION_LENGTH] = writer->pages;
	write_stream(writer, &writer->length, BM25_PAGE_LENGTH, BM25_LENGTHS_PER_PAGE * sizeof(uint32));
	section[BM25_SECTIONS] = writer->pages;
	header->pages = writer->pages;
	MemoryContextSwitchTo(old);

	memset(ret_segment, 0, sizeof(*ret_segment));
	ret_segment->incarnation = writer->sink->incarnation;
	ret_segment->docs = header->docs;
	writer->sink->finish(writer->sink, header, ret_segment);
	MemoryContextDelete(writer->context);
	return true;
}
