/*
 * vchord_bm25/inspect_terms.c
 *		bm25_index_check(): dictionary and postings of a segment.  See inspect_check.c.
 *
 * The dictionary is walked from its root, depth first, so that every inner page is compared with what is below
 * it; leaves come in ascending order of page number, which ends the walk if a link is wrong.  Each term's postings are
 * decoded as they come: what is written in the order of terms (blocks, summaries, positions, numbers of large
 * terms) must follow each other without a gap, so one place is kept for each of them.
 *
 * A page of each section is kept, and pages of lengths in a table by page number, within a quarter of the
 * budget.
 */
#include "postgres.h"

#include "vchord_bm25/inspect.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "vchord_bm25/block.h"
#include "vchord_bm25/norm.h"
#include "vchord_bm25/varint.h"

/*----- pages of the dictionary -----*/

const char *
bm25_node_read_begin(Bm25NodeReader *reader, bool leaf, uint32 max_df, VcSpan body)
{
	uint16 counts[2];

	reader->leaf = leaf;
	reader->max_df = max_df;
	reader->entries = 0;
	reader->entry = 0;
	if (!vc_span_copy(body, 0, counts, sizeof(counts)) ||
		counts[1] != (counts[0] + BM25_RESTART - 1) / BM25_RESTART ||
		!vc_span_has(body, 4, 2 * (uint64) counts[1]) || (counts[0] == 0 && !leaf))
		return "a wrong number of entries";
	reader->entries = counts[0];
	reader->body = (const uint8 *) body.data;
	reader->at = reader->body + 4 + 2 * counts[1];
	reader->end = reader->body + body.len;
	return NULL;
}

/* Reads a leaf's value; NULL if it is damaged. */
static const uint8 *
read_term(Bm25NodeReader *reader, const uint8 *p)
{
	Bm25SegmentTerm *term = &reader->term;
	uint32 bytes = 0;

	p = bm25_varint_get(p, reader->end, &term->df);
	if (p == NULL || term->df == 0 || term->df > reader->max_df)
		return NULL;
	if (term->df < BM25_BLOCK_POSTINGS)
		p = bm25_varint_get(p, reader->end, &bytes);
	if (p == NULL || bytes > BM25_INLINE_BYTES)
		return NULL;
	term->large = bytes == 0;
	term->postings = p;
	term->postings_bytes = bytes;
	if (term->large)
		bytes = sizeof(term->list);
	if (bytes > (Size) (reader->end - p))
		return NULL;
	if (term->large)
		memcpy(&term->list, p, sizeof(term->list));
	return p + bytes;
}

bool
bm25_node_read_next(Bm25NodeReader *reader, const char **ret_problem)
{
	const uint8 *p = reader->at;
	uint32 shared;
	uint32 further;
	Bm25Key before = {(const char *) reader->key, reader->key_bytes};
	uint8 key[BM25_MAX_KEY_BYTES];

	*ret_problem = NULL;
	if (reader->entry == reader->entries)
	{
		if (reader->entries > 0 && p != reader->end)
			*ret_problem = "bytes behind its last entry";
		return false;
	}
	if (reader->entry % BM25_RESTART == 0)
	{
		uint16 offset;

		memcpy(&offset, reader->body + 4 + 2 * (reader->entry / BM25_RESTART), sizeof(offset));
		if (offset != p - reader->body)
		{
			*ret_problem = "a wrong restart";
			return false;
		}
	}
	*ret_problem = "a broken entry";
	p = bm25_varint_get(p, reader->end, &shared);
	if (p != NULL)
		p = bm25_varint_get(p, reader->end, &further);
	if (p == NULL || further > (Size) (reader->end - p) || further > BM25_MAX_KEY_BYTES ||
		shared > reader->key_bytes || shared > BM25_MAX_KEY_BYTES - further ||
		shared + further == 0 || (shared > 0 && reader->entry % BM25_RESTART == 0))
		return false;
	memcpy(key, reader->key, shared);
	memcpy(key + shared, p, further);
	p += further;
	if (reader->key_bytes > 0 &&
		bm25_key_cmp(before, (Bm25Key){(const char *) key, shared + further}) >= 0)
	{
		*ret_problem = "keys out of order";
		return false;
	}
	memcpy(reader->key + shared, key + shared, further);
	reader->key_bytes = shared + further;
	p = reader->leaf ? read_term(reader, p) : bm25_varint_get(p, reader->end, &reader->child);
	if (p == NULL)
		return false;
	reader->at = p;
	reader->entry++;
	*ret_problem = NULL;
	return true;
}

/*----- the walk -----*/

/* Reads a section from front to back. */
typedef struct Window
{
	uint32 number; /* page in the segment; PG_UINT32_MAX: none */
	VcSpan body;
	char *page;
} Window;

typedef struct TermCheck
{
	Bm25Check *c;
	const Bm25Segment *segment;
	const Bm25HeaderDisk *header;
	uint32 first; /* documents whose prints are wanted */
	uint32 n;
	uint64 *print;
	const uint32 *dead_terms;
	bool quiet;
	bool failed;

	/* the dictionary */
	Bm25NodeReader leaf;
	uint32 next_leaf;  /* page number */
	uint32 inner;      /* inner pages visited */
	BlockNumber block; /* of the leaf */

	/* what must follow each other */
	uint32 terms;
	uint32 large_terms;
	uint64 postings;
	uint64 summaries;
	uint32 block_page; /* in the segment; behind the last block: its page ... */
	uint32 block_end;  /* ... and place */
	uint64 position;   /* in the stream */

	Window posting;
	Window positions;
	Window summary;
	uint32 nlengths; /* pages of lengths that are kept */
	Window *lengths;

	/* postings of a block or of a small term */
	uint64 key_print;
	uint32 docs[BM25_BLOCK_POSTINGS];
	uint32 tfs[BM25_BLOCK_POSTINGS];
	uint32 norms[BM25_BLOCK_POSTINGS];
} TermCheck;

static void
fail(TermCheck *t, BlockNumber block, const char *what)
{
	if (!t->quiet && !t->failed)
		vc_report_add(&t->c->report, block, "segment %u: %s", t->segment->disk.incarnation, what);
	t->failed = true;
}

/* Names the term. */
static void
fail_term(TermCheck *t, const char *what)
{
	char text[64];

	snprintf(text, sizeof(text), "term %u has %s", t->terms, what);
	fail(t, t->block, text);
}

/* Body of a page of a section; data NULL if it is not there. */
static VcSpan
window_body(TermCheck *t, Window *window, Bm25Section section, uint32 number)
{
	const uint32 *limit = t->header->section;

	if (number < limit[section] || number >= limit[section + 1])
		return vc_span(NULL, 0);
	if (window->page == NULL)
	{
		window->page = palloc(BLCKSZ);
		window->number = PG_UINT32_MAX;
	}
	if (window->number != number)
	{
		CHECK_FOR_INTERRUPTS();
		window->number = number;
		window->body = bm25_check_body(t->c, t->segment, number, window->page);
	}
	return window->body;
}

/* Length of a document in a field. */
static bool
length_of(TermCheck *t, uint32 doc, uint32 field, uint32 *ret_length)
{
	uint64 at = (uint64) doc * t->segment->fields + field;
	uint32 number = (uint32) (at / BM25_LENGTHS_PER_PAGE);
	VcSpan body = window_body(t, &t->lengths[number % t->nlengths], BM25_SECTION_LENGTH,
							  t->header->section[BM25_SECTION_LENGTH] + number);

	return body.data != NULL && vc_span_copy(body, at % BM25_LENGTHS_PER_PAGE * sizeof(uint32),
											 ret_length, sizeof(*ret_length));
}

/* A varint of the position stream. */
static bool
next_position(TermCheck *t, uint32 *ret_gap)
{
	*ret_gap = 0;
	for (int shift = 0; shift < 35; shift += 7)
	{
		uint32 page =
			t->header->section[BM25_SECTION_POSITION] + (uint32) (t->position / BM25_STREAM_BYTES);
		VcSpan body;
		uint8 byte;

		if (t->position >= t->header->position_bytes)
			return false;
		body = window_body(t, &t->positions, BM25_SECTION_POSITION, page);
		if (body.data == NULL || !vc_span_copy(body, t->position % BM25_STREAM_BYTES, &byte, 1))
			return false;
		t->position++;
		*ret_gap |= (uint32) (byte & 0x7F) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

/* The print of tf positions, from memory at *p, or from the stream if p is NULL. */
static bool
read_positions(TermCheck *t, uint32 tf, const uint8 **p, const uint8 *end, uint64 *ret_print)
{
	uint32 position = 0;

	*ret_print = 0;
	for (uint32 i = 0; i < tf; i++)
	{
		uint32 gap;

		if (p != NULL)
			*p = bm25_varint_get(*p, end, &gap);
		if ((p != NULL && *p == NULL) || (p == NULL && !next_position(t, &gap)) ||
			(gap != 0) == t->c->vector[t->leaf.key[0]])
			return false;
		position += gap;
		*ret_print = bm25_print_mix(*ret_print, position);
	}
	return true;
}

/* A posting that was decoded: its norm, its print. */
static bool
check_posting(TermCheck *t, uint32 i, uint64 positions)
{
	uint32 doc = t->docs[i];
	uint32 length;

	if (!length_of(t, doc, t->leaf.key[0], &length) || length == BM25_LENGTH_NULL ||
		t->norms[i] != (t->c->exact ? length : bm25_norm_code(length)))
		return false;
	if (t->print != NULL && doc >= t->first && doc - t->first < t->n)
		t->print[doc - t->first] += bm25_print_posting(t->key_print, t->tfs[i], positions);
	return true;
}

static bool
is_covered(const TermCheck *t, uint32 i, const Bm25ImpactDisk *impact, int n)
{
	uint32 tf = Min(t->tfs[i], 255);
	uint32 code = t->c->exact ? bm25_norm_code(t->norms[i]) : t->norms[i];

	while (n-- > 0)
	{
		if (impact[n].tf >= tf && impact[n].code <= code)
			return true;
	}
	return false;
}

/* A small term, its postings in the leaf. */
static const char *
check_inline(TermCheck *t)
{
	const Bm25SegmentTerm *term = &t->leaf.term;
	const uint8 *p = term->postings;
	const uint8 *end = p + term->postings_bytes;
	uint64 doc = 0;

	for (uint32 i = 0; i < term->df; i++)
	{
		uint64 positions = 0;
		uint32 gap;

		p = bm25_varint_get(p, end, &gap);
		if (p != NULL)
			p = bm25_varint_get(p, end, &t->tfs[i]);
		if (p == NULL || p == end)
			return "damaged postings";
		if (t->c->exact)
			p = bm25_varint_get(p, end, &t->norms[i]);
		else
			t->norms[i] = *p++;
		doc += gap;
		if (p == NULL || doc >= t->header->docs || (gap == 0 && i > 0) || t->tfs[i] == 0)
			return "damaged postings";
		t->docs[i] = (uint32) doc;
		if (t->c->positions && !read_positions(t, t->tfs[i], &p, end, &positions))
			return "damaged positions";
		if (!check_posting(t, i, positions))
			return "a norm that is not of its document";
	}
	return p == end ? NULL : "bytes behind its postings";
}

/* Reads the next block: its summary, its place. */
static const char *
open_block(TermCheck *t, Bm25SummaryDisk *summary, Bm25Block *ret_block)
{
	uint32 page = t->header->section[BM25_SECTION_SUMMARY] +
				  (uint32) (t->summaries / BM25_SUMMARIES_PER_PAGE);
	VcSpan body = window_body(t, &t->summary, BM25_SECTION_SUMMARY, page);
	bool same;

	if (body.data == NULL ||
		!vc_span_copy(body, t->summaries % BM25_SUMMARIES_PER_PAGE * sizeof(*summary), summary,
					  sizeof(*summary)))
		return "no summary of a block";
	t->summaries++;
	same = summary->page == t->block_page && summary->offset == TYPEALIGN(4, t->block_end);
	if (!same && (summary->page != t->block_page + 1 || summary->offset != 0 ||
				  t->posting.body.len != t->block_end))
		return "a block that does not follow the one before";
	body = window_body(t, &t->posting, BM25_SECTION_POSTING, summary->page);
	if (body.data == NULL || (Size) summary->offset + summary->bytes > body.len ||
		!bm25_block_open((const uint8 *) body.data + summary->offset, summary->bytes,
						 (uint32) (BLCKSZ - VC_PAGE_BODY_OFFSET - summary->offset), t->c->positions,
						 ret_block))
		return "a block of a wrong size";
	t->block_page = summary->page;
	t->block_end = (uint32) summary->offset + summary->bytes;
	return NULL;
}

/* The postings of a block; adds the dead ones. */
static const char *
check_block(TermCheck *t, uint32 count, bool first, uint32 base, const Bm25SummaryDisk *summary,
			const Bm25Block *block, uint32 *dead)
{
	const Bm25LargeTermDisk *list = &t->leaf.term.list;

	if (block->head.count != count || summary->last >= t->header->docs ||
		!bm25_block_decode(block, base, summary->last, t->docs, t->tfs) ||
		!bm25_block_norms(block, t->c->exact ? PG_UINT32_MAX : 0xFF, t->norms))
		return "a block of wrong contents";
	if (t->c->positions && block->head.positions != t->position)
		return "positions that do not follow those before";
	for (uint32 i = 0; i < count; i++)
	{
		uint64 positions = 0;

		if (first && i == 0 ? false : t->docs[i] <= (i == 0 ? base : t->docs[i - 1]))
			return "documents that do not ascend";
		if (t->c->positions && !read_positions(t, t->tfs[i], NULL, NULL, &positions))
			return "damaged positions";
		if (!check_posting(t, i, positions))
			return "a norm that is not of its document";
		if (!is_covered(t, i, summary->impact, lengthof(summary->impact)))
			return "a posting above the bound of its block";
		if (!is_covered(t, i, list->impact, BM25_LARGE_IMPACTS))
			return "a posting above the bound of its list";
		*dead += bm25_segment_is_dead(t->segment, t->docs[i]);
	}
	return NULL;
}

static const char *
check_list(TermCheck *t)
{
	const Bm25SegmentTerm *term = &t->leaf.term;
	uint32 base = 0;
	uint32 dead = 0;
	uint32 counted;

	if (term->list.ordinal != t->large_terms || term->list.summary != t->summaries)
		return "a list that does not follow the one before";
	for (uint32 done = 0; done < term->df; done += BM25_BLOCK_POSTINGS)
	{
		uint32 count = Min(term->df - done, BM25_BLOCK_POSTINGS);
		Bm25SummaryDisk summary;
		Bm25Block block;
		const char *problem = open_block(t, &summary, &block);

		if (problem == NULL)
			problem = check_block(t, count, done == 0, base, &summary, &block, &dead);
		if (problem != NULL)
			return problem;
		base = summary.last;
		if (term->df - done <= BM25_BLOCK_POSTINGS)
			break;
	}
	counted = t->dead_terms != NULL && t->large_terms < t->header->large_terms
				  ? t->dead_terms[t->large_terms]
				  : 0;
	t->large_terms++;
	/* those that died since are not counted yet */
	if (!t->c->standby &&
		(counted > dead || (counted < dead && t->segment->state.counted == t->segment->state.dead &&
							t->c->late == 0)))
		return "a wrong number of dead documents";
	return NULL;
}

/* Terms of a leaf, the first of which is `lower` if there is one. */
static bool
walk_leaf(TermCheck *t, uint32 number, const Bm25NodeReader *lower, char *page)
{
	VcSpan body = bm25_check_body(t->c, t->segment, number, page);
	const char *problem;

	t->block = bm25_segment_block(t->segment, number);
	problem = bm25_node_read_begin(&t->leaf, true, t->header->docs, body);
	if (problem == NULL && t->leaf.entries == 0 && t->header->terms > 0)
		problem = "no entry";
	while (problem == NULL && bm25_node_read_next(&t->leaf, &problem))
	{
		const Bm25NodeReader *leaf = &t->leaf;

		CHECK_FOR_INTERRUPTS();
		if (leaf->entry == 1 && lower != NULL &&
			bm25_key_cmp((Bm25Key){(const char *) leaf->key, leaf->key_bytes},
						 (Bm25Key){(const char *) lower->key, lower->key_bytes}) != 0)
		{
			problem = "a first key that is not the one above it";
			break;
		}
		if (leaf->key[0] >= t->segment->fields)
		{
			problem = "a term of a field that does not exist";
			break;
		}
		t->key_print = bm25_print_key(leaf->key, leaf->key_bytes);
		problem = leaf->term.large ? check_list(t) : check_inline(t);
		if (problem != NULL)
		{
			fail_term(t, problem);
			return false;
		}
		t->terms++;
		t->postings += leaf->term.df;
	}
	if (problem == NULL)
		return true;
	fail(t, t->block, psprintf("dictionary page has %s", problem));
	return false;
}

/* A page of the dictionary and all below it. */
static bool
walk(TermCheck *t, uint32 number, uint32 level, const Bm25NodeReader *lower)
{
	Bm25Section section = level == 1 ? BM25_SECTION_TERM : BM25_SECTION_TERM_INDEX;
	Bm25NodeReader *reader;
	const char *problem = NULL;
	char *page;
	bool sound;

	if (number < t->header->section[section] || number >= t->header->section[section + 1] ||
		(level == 1 && number != t->next_leaf))
	{
		fail(t, t->segment->disk.header,
			 psprintf("page %u of the dictionary is not where it should be", number));
		return false;
	}
	page = palloc(BLCKSZ);
	if (level == 1)
	{
		t->next_leaf++;
		sound = walk_leaf(t, number, lower, page);
		pfree(page);
		return sound;
	}
	t->inner++;
	reader = palloc(sizeof(Bm25NodeReader));
	reader->key_bytes = 0;
	problem = bm25_node_read_begin(reader, false, t->header->docs,
								   bm25_check_body(t->c, t->segment, number, page));
	sound = true;
	while (sound && problem == NULL && bm25_node_read_next(reader, &problem))
	{
		if (reader->entry == 1 && lower != NULL &&
			bm25_key_cmp((Bm25Key){(const char *) reader->key, reader->key_bytes},
						 (Bm25Key){(const char *) lower->key, lower->key_bytes}) != 0)
			problem = "a first key that is not the one above it";
		else
			sound = walk(t, reader->child, level - 1, reader);
	}
	if (problem != NULL)
	{
		fail(t, bm25_segment_block(t->segment, number),
			 psprintf("dictionary page has %s", problem));
		sound = false;
	}
	pfree(reader);
	pfree(page);
	return sound;
}

/* Sums, and that nothing is left over. */
static void
check_sums(TermCheck *t)
{
	const Bm25HeaderDisk *header = t->header;
	const uint32 *section = header->section;
	uint32 summary_pages =
		(uint32) ((t->summaries + BM25_SUMMARIES_PER_PAGE - 1) / BM25_SUMMARIES_PER_PAGE);

	if (t->terms != header->terms || t->large_terms != header->large_terms ||
		t->postings != header->postings)
		fail(t, t->segment->disk.header, "terms or postings are not as many as the header says");
	else if (t->next_leaf != section[BM25_SECTION_TERM + 1] ||
			 t->inner != section[BM25_SECTION_TERM_INDEX + 1] - section[BM25_SECTION_TERM_INDEX])
		fail(t, t->segment->disk.header, "pages of the dictionary are out of reach");
	else if (t->position != header->position_bytes ||
			 summary_pages != section[BM25_SECTION_SUMMARY + 1] - section[BM25_SECTION_SUMMARY] ||
			 (section[BM25_SECTION_POSTING + 1] > 0 &&
			  t->block_page + 1 != section[BM25_SECTION_POSTING + 1]))
		fail(t, t->segment->disk.header, "postings belong to no term");
}

bool
bm25_check_terms(Bm25Check *c, const Bm25Segment *segment, uint32 first, uint32 n, bool quiet,
				 const uint32 *dead_terms, uint64 *ret_print)
{
	const Bm25HeaderDisk *header = segment->header;
	uint32 length_pages =
		header->section[BM25_SECTION_LENGTH + 1] - header->section[BM25_SECTION_LENGTH];
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "bm25 check terms", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TermCheck *t = palloc0(sizeof(TermCheck));
	bool failed;

	t->c = c;
	t->segment = segment;
	t->header = header;
	t->first = first;
	t->n = n;
	t->print = ret_print;
	t->dead_terms = dead_terms;
	t->quiet = quiet;
	t->next_leaf = header->section[BM25_SECTION_TERM];
	t->nlengths = (uint32) Min(Max(c->budget / 4 / BLCKSZ, 1), length_pages);
	t->lengths = MemoryContextAllocHuge(context, t->nlengths * sizeof(Window));
	memset(t->lengths, 0, t->nlengths * sizeof(Window));
	if (walk(t, header->term_root, header->term_levels, NULL))
		check_sums(t);
	failed = t->failed;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return !failed;
}
