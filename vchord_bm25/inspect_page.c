/*
 * vchord_bm25/inspect_page.c
 *		bm25_page_inspect(): what is on a block, as JSON; safe on damaged pages.
 *
 * The page is copied under a share lock and nothing that it says is trusted: counts are cut to what fits.
 * Values that need the parameters of the index are left out where the metapage cannot be read.
 */
#include "postgres.h"

#include "vchord_bm25/inspect.h"

#include "mb/pg_wchar.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/json.h"
#include "core/page.h"
#include "core/tid.h"
#include "core/vpage.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/block.h"
#include "vchord_bm25/meta.h"

VC_FUNCTION(bm25_page_inspect);

/* names of the page kinds, by bit */
static const char *const kind_names[] = {
	"meta",    "growing", "more",       "header",   "state",  "posting",   "position",
	"summary", "term",    "term_index", "document", "length", "dead_bits", "inode"};

static const char *const section_names[BM25_SECTIONS] = {
	"posting", "position", "summary", "term", "term_index", "document", "length"};

typedef struct PageText
{
	VcJson json;
	Relation index;
	const char *page;
	bool have_meta;
	Bm25MetaDisk meta;
} PageText;

/*----- parts -----*/

static void
put_tid(PageText *t, const char *name, const ItemPointerData *tid)
{
	vc_json_key(&t->json, name);
	appendStringInfo(&t->json.text, "\"(%u,%u)\"", ItemPointerGetBlockNumberNoCheck(tid),
					 ItemPointerGetOffsetNumberNoCheck(tid));
}

/* A key: field, and the term as it would be written, or in hexadecimal if that is not possible. */
static void
put_key(PageText *t, const uint8 *key, uint32 bytes)
{
	uint32 n = bytes > 0 ? bytes - 1 : 0;
	const char *term = (const char *) key + 1;
	bool id = t->have_meta && n == sizeof(uint32) && key[0] < t->meta.fields &&
			  bm25_field_type(t->index, &t->meta, key[0]) == BM25_TYPE_VECTOR;

	vc_json_number(&t->json, "field", bytes > 0 ? key[0] : 0);
	if (id)
		vc_json_number(&t->json, "term",
					   (uint32) key[1] << 24 | (uint32) key[2] << 16 | (uint32) key[3] << 8 |
						   key[4]);
	else if (n > 0 && memchr(term, 0, n) == NULL && pg_verifymbstr(term, (int) n, true))
		vc_json_text(&t->json, "term", pnstrdup(term, n));
	else
	{
		vc_json_key(&t->json, "term_hex");
		appendStringInfoChar(&t->json.text, '"');
		for (uint32 i = 0; i < n; i++)
			appendStringInfo(&t->json.text, "%02x", (uint8) term[i]);
		appendStringInfoChar(&t->json.text, '"');
	}
}

static void
put_impacts(PageText *t, const Bm25ImpactDisk *impact, int n)
{
	vc_json_open(&t->json, "impacts", '[');
	for (int i = 0; i < n; i++)
	{
		vc_json_open(&t->json, NULL, '[');
		vc_json_number(&t->json, NULL, impact[i].tf);
		vc_json_number(&t->json, NULL, impact[i].code);
		vc_json_close(&t->json, ']');
	}
	vc_json_close(&t->json, ']');
}

static void
put_segments(PageText *t, const char *name, const Bm25SegmentDisk *segments, uint32 n)
{
	vc_json_open(&t->json, name, '[');
	for (uint32 i = 0; i < n; i++)
	{
		const Bm25SegmentDisk *segment = &segments[i];

		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "incarnation", segment->incarnation);
		vc_json_block(&t->json, "header", segment->header);
		vc_json_block(&t->json, "state", segment->state);
		vc_json_number(&t->json, "docs", segment->docs);
		vc_json_number(&t->json, "pages", segment->pages);
		if (segment->level == BM25_LEVEL_TAPE)
			vc_json_text(&t->json, "level", "tape");
		else
			vc_json_number(&t->json, "level", segment->level);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_tape(PageText *t, const char *name, const Bm25TapeDisk *tape)
{
	vc_json_open(&t->json, name, '{');
	vc_json_block(&t->json, "head", tape->head);
	vc_json_number(&t->json, "incarnation", tape->incarnation);
	vc_json_close(&t->json, '}');
}

/* Fields of the index: as many as the metapage says, all if it cannot be read. */
static uint32
nfields(const PageText *t)
{
	return t->have_meta ? t->meta.fields : BM25_MAX_FIELDS;
}

static void
put_totals(PageText *t, const uint32 *docs, const uint64 *length)
{
	vc_json_open(&t->json, "fields", '[');
	for (uint32 f = 0; f < nfields(t); f++)
	{
		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "docs", docs[f]);
		vc_json_number(&t->json, "length", length[f]);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

/*----- kinds -----*/

static void
put_meta(PageText *t)
{
	VcSpan body = vc_page_contents(t->page);
	Bm25MetaDisk disk;

	memset(&disk, 0, sizeof(disk));
	memcpy(&disk, body.data, Min(body.len, sizeof(disk)));
	vc_json_bool(&t->json, "valid", t->have_meta);
	vc_json_number(&t->json, "magic", disk.magic);
	vc_json_number(&t->json, "version", disk.version);
	vc_json_bool(&t->json, "positions", (disk.flags & BM25_META_POSITIONS) != 0);
	vc_json_bool(&t->json, "exact_norms", (disk.flags & BM25_META_EXACT_NORMS) != 0);
	vc_json_bool(&t->json, "elements", (disk.flags & BM25_META_ELEMENTS) != 0);
	vc_json_float(&t->json, "k1", disk.k1);
	vc_json_float(&t->json, "b", disk.b);
	vc_json_open(&t->json, "weights", '[');
	for (uint32 f = 0; f < nfields(t); f++)
		vc_json_float(&t->json, NULL, disk.weight[f]);
	vc_json_close(&t->json, ']');
	if (t->have_meta)
		vc_json_text(&t->json, "text_config", t->meta.text_config);
	vc_json_number(&t->json, "next_incarnation", disk.next_incarnation);
	put_tape(t, "growing", &disk.growing);
	put_tape(t, "sealing", &disk.sealing);
	vc_json_block(&t->json, "writing", disk.writing.header);
	put_segments(t, "segments", disk.segments, Min(disk.nsegments, BM25_MAX_SEGMENTS));
	put_segments(t, "retired", disk.retired, Min(disk.nretired, BM25_MAX_RETIRED));
}

static void
put_growing_item(PageText *t, const ItemIdData *pointer)
{
	const char *data = t->page + pointer->lp_off;
	uint32 len = pointer->lp_len;

	vc_json_bool(&t->json, "dead", pointer->lp_flags == LP_DEAD);
	vc_json_number(&t->json, "bytes", len);
	if (pointer->lp_off + len > VC_PAGE_SPECIAL)
		vc_json_bool(&t->json, "beyond_end", true);
	else if (len == sizeof(VcRedirectDisk))
	{
		VcRedirectDisk redirect;

		memcpy(&redirect, data, sizeof(redirect));
		vc_json_block(&t->json, "first", redirect.first);
		vc_json_number(&t->json, "length", redirect.length);
	}
	else if (len >= sizeof(Bm25GrowingDisk))
	{
		Bm25GrowingDisk head;

		memcpy(&head, data, sizeof(head));
		put_tid(t, "tid", &head.tid);
		vc_json_number(&t->json, "terms", head.terms);
	}
}

static void
put_growing(PageText *t, BlockNumber block)
{
	OffsetNumber n = vc_page_items(t->page);

	vc_json_bool(&t->json, "closed", vc_page_opaque_read(t->page)->next == block);
	vc_json_block(&t->json, "skip", vc_page_opaque_read(t->page)->skip);
	vc_json_open(&t->json, "documents", '[');
	for (OffsetNumber slot = FirstOffsetNumber; slot <= n; slot++)
	{
		ItemIdData pointer;

		memcpy(&pointer, t->page + SizeOfPageHeaderData + (slot - 1) * sizeof(pointer),
			   sizeof(pointer));
		if (pointer.lp_flags == LP_UNUSED)
			continue;
		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "slot", slot);
		put_growing_item(t, &pointer);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_header(PageText *t)
{
	VcSpan body = vc_page_contents(t->page);
	Size skip = 0;
	/* a page further on holds extents only */
	bool first = body.len >= sizeof(Bm25HeaderDisk) &&
				 (vc_page_opaque_read(t->page)->skip != InvalidBlockNumber ||
				  ((const Bm25HeaderDisk *) body.data)->docs != 0);

	if (first)
	{
		const Bm25HeaderDisk *header = (const Bm25HeaderDisk *) body.data;

		skip = sizeof(Bm25HeaderDisk);
		vc_json_block(&t->json, "state", vc_page_opaque_read(t->page)->skip);
		vc_json_number(&t->json, "docs", header->docs);
		vc_json_number(&t->json, "pages", header->pages);
		vc_json_number(&t->json, "allocated", header->allocated);
		vc_json_number(&t->json, "terms", header->terms);
		vc_json_number(&t->json, "large_terms", header->large_terms);
		vc_json_number(&t->json, "postings", header->postings);
		vc_json_number(&t->json, "position_bytes", header->position_bytes);
		vc_json_number(&t->json, "term_root", header->term_root);
		vc_json_number(&t->json, "term_levels", header->term_levels);
		vc_json_open(&t->json, "sections", '{');
		for (int i = 0; i < BM25_SECTIONS; i++)
			vc_json_number(&t->json, section_names[i], header->section[i]);
		vc_json_close(&t->json, '}');
		put_totals(t, header->field_docs, header->field_length);
		vc_json_number(&t->json, "nextents", header->nextents);
	}
	vc_json_open(&t->json, "extents", '[');
	for (; skip + sizeof(Bm25ExtentDisk) <= body.len; skip += sizeof(Bm25ExtentDisk))
	{
		Bm25ExtentDisk extent;

		memcpy(&extent, body.data + skip, sizeof(extent));
		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "page", extent.page);
		vc_json_block(&t->json, "first", extent.first);
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_state(PageText *t)
{
	VcSpan body = vc_page_contents(t->page);
	Bm25StateDisk state;

	if (!vc_span_copy(body, 0, &state, sizeof(state)))
		return;
	vc_json_number(&t->json, "dead", state.dead);
	vc_json_number(&t->json, "counted", state.counted);
	vc_json_block(&t->json, "bits_root", state.bits_root);
	vc_json_block(&t->json, "dead_root", state.dead_root);
	put_totals(t, state.live_docs, state.live_length);
}

/* The size of a block follows from its head. */
static void
put_postings(PageText *t)
{
	VcSpan body = vc_page_contents(t->page);
	bool positions = (t->meta.flags & BM25_META_POSITIONS) != 0;
	Size at = 0;

	if (!t->have_meta)
		return;
	vc_json_open(&t->json, "blocks", '[');
	while (vc_span_has(body, at, BM25_BLOCK_HEAD(positions)))
	{
		Bm25BlockDisk head = {0};
		Size bytes = BM25_BLOCK_HEAD(positions);

		memcpy(&head, body.data + at, bytes);
		bytes += ((Size) head.count * head.doc_bits + 7) / 8;
		bytes += ((Size) head.count * head.tf_bits + 7) / 8;
		bytes += ((Size) head.count * head.norm_bits + 7) / 8;
		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "offset", at);
		vc_json_number(&t->json, "bytes", bytes);
		vc_json_number(&t->json, "count", head.count);
		vc_json_number(&t->json, "doc_bits", head.doc_bits);
		vc_json_number(&t->json, "tf_bits", head.tf_bits);
		vc_json_number(&t->json, "norm_bits", head.norm_bits);
		vc_json_number(&t->json, "norm_base", head.norm_base);
		if (positions)
			vc_json_number(&t->json, "positions", head.positions);
		vc_json_close(&t->json, '}');
		at = TYPEALIGN(4, at + bytes);
	}
	vc_json_close(&t->json, ']');
}

static void
put_summaries(PageText *t)
{
	VcSpan body = vc_page_contents(t->page);

	vc_json_open(&t->json, "blocks", '[');
	for (Size at = 0; at + sizeof(Bm25SummaryDisk) <= body.len; at += sizeof(Bm25SummaryDisk))
	{
		Bm25SummaryDisk summary;

		memcpy(&summary, body.data + at, sizeof(summary));
		vc_json_open(&t->json, NULL, '{');
		vc_json_number(&t->json, "last", summary.last);
		vc_json_number(&t->json, "page", summary.page);
		vc_json_number(&t->json, "offset", summary.offset);
		vc_json_number(&t->json, "bytes", summary.bytes);
		put_impacts(t, summary.impact, lengthof(summary.impact));
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
}

static void
put_terms(PageText *t, bool leaf)
{
	Bm25NodeReader *reader = palloc(sizeof(Bm25NodeReader));
	const char *problem;

	reader->key_bytes = 0;
	problem = bm25_node_read_begin(reader, leaf, PG_UINT32_MAX, vc_page_contents(t->page));
	vc_json_number(&t->json, "entries", reader->entries);
	vc_json_open(&t->json, "terms", '[');
	while (problem == NULL && bm25_node_read_next(reader, &problem))
	{
		vc_json_open(&t->json, NULL, '{');
		put_key(t, reader->key, reader->key_bytes);
		if (!leaf)
			vc_json_number(&t->json, "page", reader->child);
		else
		{
			vc_json_number(&t->json, "df", reader->term.df);
			if (reader->term.large)
			{
				vc_json_number(&t->json, "ordinal", reader->term.list.ordinal);
				vc_json_number(&t->json, "summary", reader->term.list.summary);
				put_impacts(t, reader->term.list.impact, BM25_LARGE_IMPACTS);
			}
			else
				vc_json_number(&t->json, "bytes", reader->term.postings_bytes);
		}
		vc_json_close(&t->json, '}');
	}
	vc_json_close(&t->json, ']');
	if (problem != NULL)
		vc_json_text(&t->json, "problem", problem);
	pfree(reader);
}

static void
put_documents(PageText *t)
{
	VcSpan body = vc_page_contents(t->page);

	vc_json_open(&t->json, "tids", '[');
	for (Size at = 0; at + sizeof(ItemPointerData) <= body.len; at += sizeof(ItemPointerData))
	{
		ItemPointerData tid;

		memcpy(&tid, body.data + at, sizeof(tid));
		put_tid(t, NULL, &tid);
	}
	vc_json_close(&t->json, ']');
}

static void
put_lengths(PageText *t)
{
	VcSpan body = vc_page_contents(t->page);

	vc_json_open(&t->json, "lengths", '[');
	for (Size at = 0; at + sizeof(uint32) <= body.len; at += sizeof(uint32))
	{
		uint32 length;

		memcpy(&length, body.data + at, sizeof(length));
		if (length == BM25_LENGTH_NULL)
		{
			vc_json_key(&t->json, NULL);
			appendStringInfoString(&t->json.text, "null");
		}
		else
			vc_json_number(&t->json, NULL, length);
	}
	vc_json_close(&t->json, ']');
}

static void
put_inode(PageText *t)
{
	VcVpageRootDisk root;

	if (!vc_span_copy(vc_page_contents(t->page), 0, &root, offsetof(VcVpageRootDisk, direct)) ||
		root.magic != VC_VPAGE_MAGIC)
		return;
	vc_json_number(&t->json, "file_bytes", root.length);
	vc_json_bool(&t->json, "freeing", root.freeing != 0);
}

static void
put_kind(PageText *t, BlockNumber block, uint16 kind)
{
	VcSpan body = vc_page_contents(t->page);

	switch (kind)
	{
		case BM25_PAGE_META:
			put_meta(t);
			break;
		case BM25_PAGE_GROWING:
			put_growing(t, block);
			break;
		case BM25_PAGE_HEADER:
			put_header(t);
			break;
		case BM25_PAGE_STATE:
			put_state(t);
			break;
		case BM25_PAGE_POSTING:
			put_postings(t);
			break;
		case BM25_PAGE_SUMMARY:
			put_summaries(t);
			break;
		case BM25_PAGE_TERM:
		case BM25_PAGE_TERM_INDEX:
			put_terms(t, kind == BM25_PAGE_TERM);
			break;
		case BM25_PAGE_DOCUMENT:
			put_documents(t);
			break;
		case BM25_PAGE_LENGTH:
			put_lengths(t);
			break;
		case BM25_PAGE_BITS:
			/* bits of dead documents, or numbers of them */
			vc_json_number(&t->json, "page", vc_page_opaque_read(t->page)->skip);
			vc_json_number(&t->json, "set", pg_popcount(body.data, (int) body.len));
			break;
		case BM25_PAGE_INODE:
			put_inode(t);
			break;
		default:
			break;
	}
}

/* bm25_page_inspect(index regclass, blkno integer) returns text */
Datum
bm25_page_inspect(PG_FUNCTION_ARGS)
{
	VcInspectSpec spec = {.amname = "bm25",
						  .ambeginscan = bm25_ambeginscan,
						  .right = VC_INSPECT_SELECT,
						  .lockmode = AccessShareLock};
	PageText *t = palloc0(sizeof(PageText));
	char *page = palloc(BLCKSZ);
	VcInspect inspect;
	BlockNumber block;
	uint16 kind;

	vc_inspect_begin(PG_GETARG_OID(0), &spec, &inspect);
	block = vc_inspect_block(&inspect, PG_GETARG_INT32(1));
	vc_inspect_copy_page(inspect.index, block, NULL, page);
	t->page = page;
	t->index = inspect.index;
	t->have_meta = bm25_meta_try_read(inspect.index, &t->meta);
	vc_json_init(&t->json);
	kind = vc_inspect_page_head(&t->json, page, block, kind_names, lengthof(kind_names));
	if (kind != 0)
	{
		vc_json_number(&t->json, "used", vc_page_contents(page).len);
		put_kind(t, block, kind);
	}
	vc_json_close(&t->json, '}');
	vc_inspect_end(&inspect);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(t->json.text.data, t->json.text.len));
}
