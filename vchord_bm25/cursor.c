/*
 * vchord_bm25/cursor.c
 *		Postings of a term in a segment, block by block.  See cursor.h.
 *
 * Summaries.  A window holds what one page has of the term's summaries.  Within it the cursor moves by
 * galloping; beyond it the pages' last summaries are looked at, in steps that double, and then by
 * bisection, before one page becomes the window.
 *
 * Blocks.  A block is decoded from its page under the share lock.  When blocks are read one after the
 * other, and the list goes on for a while, the page's body is copied at the second one, so the 20 to 30
 * others on it cost no lock.
 *
 * Reading ahead.  The sequence of a list's stream is that of the pages of the blocks from the present one on, as
 * far as the window of summaries tells.  The stream is begun when a page of the segment was not in memory.
 *
 * Damage.  A summary is checked when the cursor stops at it, its place and size when the block is decoded.
 * Documents are proved to lie between those of neighbouring summaries and below the segment's number of
 * documents.  Frequencies may be anything, codes of norms fit a byte, positions end with their section.
 */
#include "postgres.h"

#include "vchord_bm25/cursor.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/report.h"
#include "core/simd/bitpack/ops.h"
#include "core/vpage.h"

#include "vchord_bm25/block.h"
#include "vchord_bm25/impact.h"
#include "vchord_bm25/norm.h"
#include "vchord_bm25/varint.h"

#define NO_PAGE 0xFFFFFFFF
/* postings looked at one by one before bisection */
#define LINEAR 4
/* fewer blocks to come do not pay for the copy: it costs about as much as four visits of a page */
#define COPY_BLOCKS 8

static inline bool
exact_norms(const Bm25Cursor *cursor)
{
	return (cursor->segment->flags & BM25_META_EXACT_NORMS) != 0;
}

static inline bool
has_positions(const Bm25Cursor *cursor)
{
	return (cursor->segment->flags & BM25_META_POSITIONS) != 0;
}

pg_noreturn static void
damaged(const Bm25Cursor *cursor, BlockNumber blkno, const char *what)
{
	vc_corrupt(cursor->segment->index, blkno, "%s", what);
}

/*----- inline postings -----*/

pg_noreturn static void
damaged_inline(const Bm25Cursor *cursor)
{
	damaged(cursor, cursor->segment->disk.header, "inline postings are damaged");
}

static const uint8 *
skip_varints(const uint8 *p, const uint8 *end, uint32 n)
{
	while (n > 0 && p < end)
		n -= *p++ < 0x80;
	return n == 0 ? p : NULL;
}

/* Decodes all postings, and makes one block of them. */
static void
open_inline(Bm25Cursor *cursor)
{
	const Bm25Segment *segment = cursor->segment;
	const Bm25HeaderDisk *header = segment->header;
	const uint8 *start = cursor->term.postings;
	const uint8 *end = start + cursor->term.postings_bytes;
	const uint8 *p = start;
	bool exact = exact_norms(cursor);
	uint64 docs = 0;
	uint64 length = 0;
	uint64 doc = 0;
	Bm25Front front;

	if (cursor->df >= BM25_BLOCK_POSTINGS)
		damaged_inline(cursor);
	if (has_positions(cursor))
		cursor->inline_places = palloc(cursor->df * sizeof(uint32));
	bm25_front_reset(&front);
	for (uint32 i = 0; i < cursor->df; i++)
	{
		uint32 gap;
		uint32 tf;
		uint32 norm;

		p = bm25_varint_get(p, end, &gap);
		if (p != NULL)
			p = bm25_varint_get(p, end, &tf);
		if (p == NULL || p == end)
			damaged_inline(cursor);
		if (exact)
			p = bm25_varint_get(p, end, &norm);
		else
			norm = *p++;
		if (p != NULL && cursor->inline_places != NULL)
		{
			cursor->inline_places[i] = (uint32) (p - start);
			p = skip_varints(p, end, tf);
		}
		doc += gap;
		if (p == NULL || doc >= header->docs || (gap == 0 && i > 0))
			damaged_inline(cursor);
		cursor->docs[i] = (uint32) doc;
		cursor->tfs[i] = tf;
		cursor->norms[i] = norm;
		bm25_front_add(&front, tf, exact ? bm25_norm_code(norm) : (uint8) norm);
	}
	if (p != end)
		damaged_inline(cursor);

	for (uint32 i = 0; i < segment->fields; i++)
	{
		docs += header->field_docs[i];
		length += header->field_length[i];
	}
	bm25_front_cover(&front, docs > 0 ? (double) length / (double) docs : 0, BM25_LARGE_IMPACTS,
					 cursor->list_impact);
	bm25_front_cover(&front, docs > 0 ? (double) length / (double) docs : 0, 2,
					 cursor->block_impact);
	cursor->nblocks = 1;
	cursor->count = cursor->df;
	cursor->block_last = (uint32) doc;
}

/*----- summaries -----*/

/* The summaries that page `number` of the section has of this term: block numbers [first, end). */
static void
page_range(const Bm25Cursor *cursor, uint32 number, uint32 *ret_first, uint32 *ret_end)
{
	uint64 begin = (uint64) number * BM25_SUMMARIES_PER_PAGE;
	uint64 list = cursor->term.list.summary;

	*ret_first = (uint32) (Max(begin, list) - list);
	*ret_end = (uint32) (Min(begin + BM25_SUMMARIES_PER_PAGE, list + cursor->nblocks) - list);
}

/* Reads summaries [first, end) of the term, all on one page. */
static void
read_summaries(const Bm25Cursor *cursor, uint32 number, uint32 first, uint32 end,
			   Bm25SummaryDisk *ret_summary)
{
	const Bm25Segment *segment = cursor->segment;
	uint32 offset = (cursor->term.list.summary + first) % BM25_SUMMARIES_PER_PAGE;
	VC_SCOPED(vc_page_read_drop)
	VcPageRead r = bm25_segment_page(segment, BM25_SECTION_SUMMARY,
									 segment->header->section[BM25_SECTION_SUMMARY] + number);

	if (unlikely(!vc_span_copy(vc_page_contents(r.page), offset * sizeof(Bm25SummaryDisk),
							   ret_summary, (end - first) * sizeof(Bm25SummaryDisk))))
		damaged(cursor, r.blkno, "summaries of blocks are missing");
}

/* Makes a page the window; before: last document of the block before its first one. */
static void
load_window(Bm25Cursor *cursor, uint32 number, uint32 before)
{
	uint32 first;
	uint32 end;

	page_range(cursor, number, &first, &end);
	read_summaries(cursor, number, first, end, cursor->summaries);
	cursor->summaries_first = first;
	cursor->summaries_count = end - first;
	cursor->summaries_before = before;
	if (end < cursor->nblocks && cursor->may_stream)
		bm25_segment_prefetch(cursor->segment, BM25_SECTION_SUMMARY,
							  cursor->segment->header->section[BM25_SECTION_SUMMARY] + number + 1);
}

/* Stops at a block of the window. */
static void
set_block(Bm25Cursor *cursor, uint32 block_no)
{
	uint32 at = block_no - cursor->summaries_first;
	const Bm25SummaryDisk *summary = &cursor->summaries[at];
	uint32 before = at > 0 ? summary[-1].last : cursor->summaries_before;

	if (unlikely(summary->last >= cursor->segment->header->docs ||
				 (block_no > 0 && before >= summary->last)))
		damaged(cursor, cursor->segment->disk.header, "summaries of blocks are out of order");
	cursor->block_no = block_no;
	cursor->block_first = block_no > 0 ? before + 1 : 0;
	cursor->block_last = summary->last;
	memcpy(cursor->block_impact, summary->impact, sizeof(cursor->block_impact));
	cursor->decoded = false;
	cursor->at = 0;
}

static void
open_list(Bm25Cursor *cursor)
{
	const Bm25Segment *segment = cursor->segment;
	const uint32 *section = segment->header->section;
	const Bm25LargeTermDisk *list = &cursor->term.list;
	uint64 summaries =
		(uint64) (section[BM25_SECTION_SUMMARY + 1] - section[BM25_SECTION_SUMMARY]) *
		BM25_SUMMARIES_PER_PAGE;

	cursor->nblocks = (cursor->df - 1) / BM25_BLOCK_POSTINGS + 1;
	if ((uint64) list->summary + cursor->nblocks > summaries ||
		list->ordinal >= segment->header->large_terms)
		damaged(cursor, segment->disk.header, "a term names a list that does not exist");
	memcpy(cursor->list_impact, list->impact, sizeof(cursor->list_impact));
	cursor->summaries =
		palloc(Min(cursor->nblocks, BM25_SUMMARIES_PER_PAGE) * sizeof(Bm25SummaryDisk));
	load_window(cursor, list->summary / BM25_SUMMARIES_PER_PAGE, 0);
	set_block(cursor, 0);
}

void
bm25_cursor_open(Bm25Cursor *cursor, const Bm25Segment *segment, const Bm25SegmentTerm *term)
{
	cursor->segment = segment;
	cursor->context = CurrentMemoryContext;
	cursor->df = term->df;
	cursor->term = *term;
	cursor->block_no = 0;
	cursor->block_first = 0;
	cursor->decoded = false;
	cursor->at = 0;
	cursor->summaries = NULL;
	cursor->decoded_block = NO_PAGE - 1; /* block 0 does not follow it */
	cursor->copy = NULL;
	cursor->may_stream = false;
	cursor->stream = NULL;
	cursor->copy_page = NO_PAGE;
	cursor->inline_places = NULL;
	if (term->large)
		open_list(cursor);
	else
		open_inline(cursor);
}

/* The window's last document: the largest that can be in it. */
static inline uint32
window_last(const Bm25Cursor *cursor)
{
	return cursor->summaries[cursor->summaries_count - 1].last;
}

/*
 * Makes that page the window which holds the first summary whose last document is >= doc; doc is beyond
 * the present window.  False if there is none.
 */
static bool
move_window(Bm25Cursor *cursor, uint32 doc)
{
	uint32 list = cursor->term.list.summary;
	uint32 last_page = (list + cursor->nblocks - 1) / BM25_SUMMARIES_PER_PAGE;
	/* documents up to `before` are on page `low` or earlier, doc is not */
	uint32 low = (list + cursor->summaries_first) / BM25_SUMMARIES_PER_PAGE;
	uint32 before = window_last(cursor);
	uint32 high = last_page + 1;
	uint32 step = 1;

	while (low + 1 < high)
	{
		uint32 probe = high == last_page + 1 ? Min(low + step, last_page) : low + (high - low) / 2;
		uint32 first;
		uint32 end;
		Bm25SummaryDisk summary;

		CHECK_FOR_INTERRUPTS();
		page_range(cursor, probe, &first, &end);
		read_summaries(cursor, probe, end - 1, end, &summary);
		if (summary.last < doc)
		{
			low = probe;
			before = summary.last;
			step *= 2;
		}
		else
		{
			high = probe;
			/* most often the next page */
			if (probe == low + 1)
				break;
		}
	}
	if (low == last_page)
		return false;
	load_window(cursor, low + 1, before);
	return true;
}

bool
bm25_cursor_shallow(Bm25Cursor *cursor, uint32 doc)
{
	const Bm25SummaryDisk *summary = cursor->summaries;
	uint32 low;
	uint32 high;
	uint32 step = 1;

	if (cursor->block_no == cursor->nblocks)
		return false;
	if (doc <= cursor->block_last)
		return true;
	if (summary == NULL || (window_last(cursor) < doc && !move_window(cursor, doc)))
	{
		cursor->block_no = cursor->nblocks;
		cursor->decoded = false;
		return false;
	}

	/* the block is in the window: behind `low`, at most `high` */
	if (cursor->block_no >= cursor->summaries_first)
		low = cursor->block_no - cursor->summaries_first;
	else if (summary[0].last < doc)
		low = 0;
	else
	{
		set_block(cursor, cursor->summaries_first);
		return true;
	}
	high = low + step;
	while (high < cursor->summaries_count - 1 && summary[high].last < doc)
	{
		low = high;
		step *= 2;
		high = low + step;
	}
	high = Min(high, cursor->summaries_count - 1);
	while (high - low > 1)
	{
		uint32 mid = low + (high - low) / 2;

		if (summary[mid].last < doc)
			low = mid;
		else
			high = mid;
	}
	set_block(cursor, cursor->summaries_first + high);
	if (unlikely(cursor->block_last < doc))
		damaged(cursor, cursor->segment->disk.header, "summaries of blocks are out of order");
	return true;
}

/*----- blocks -----*/

/* Decodes a block that lies at body, of which `used` bytes count and `readable` may be read. */
static void
decode_at(Bm25Cursor *cursor, BlockNumber blkno, const uint8 *body, uint32 used, uint32 readable)
{
	const Bm25SummaryDisk *summary = &cursor->summaries[cursor->block_no - cursor->summaries_first];
	uint32 count = cursor->block_no + 1 < cursor->nblocks
					   ? BM25_BLOCK_POSTINGS
					   : cursor->df - cursor->block_no * BM25_BLOCK_POSTINGS;
	uint32 base = cursor->block_no > 0 ? cursor->block_first - 1 : 0;
	Bm25Block block;

	if (unlikely(summary->offset % 4 != 0 || (uint32) summary->offset + summary->bytes > used ||
				 !bm25_block_open(body + summary->offset, summary->bytes,
								  readable - summary->offset, has_positions(cursor), &block) ||
				 block.head.count != count))
		damaged(cursor, blkno, "a posting block has a wrong size");
	if (unlikely(
			!bm25_block_decode(&block, base, cursor->block_last, cursor->docs, cursor->tfs) ||
			!bm25_block_norms(&block, exact_norms(cursor) ? PG_UINT32_MAX : 0xFF, cursor->norms)))
		damaged(cursor, blkno, "a posting block has wrong contents");
	cursor->count = count;
	cursor->positions_place = block.head.positions;
	cursor->positions_posting = 0;
}

/* The next page of the list that will be read, as its block. */
static BlockNumber
next_of_list(void *arg)
{
	Bm25Cursor *cursor = arg;
	uint32 end = cursor->summaries_first + cursor->summaries_count;
	uint32 block = Max(Max(cursor->asked_block, cursor->block_no), cursor->summaries_first);

	for (; block < end; block++)
	{
		const Bm25SummaryDisk *summary = &cursor->summaries[block - cursor->summaries_first];

		if (summary->page == cursor->asked_page ||
			(block != cursor->block_no && cursor->wanted != NULL &&
			 !cursor->wanted(cursor->wanted_arg, summary)))
			continue;
		cursor->asked_page = summary->page;
		cursor->asked_block = block + 1;
		return bm25_segment_block(cursor->segment, summary->page);
	}
	cursor->asked_block = block;
	return InvalidBlockNumber;
}

void
bm25_cursor_read_ahead(Bm25Cursor *cursor, bool pins, Bm25BlockWanted wanted, void *arg)
{
	if (cursor->summaries == NULL || cursor->segment->io == NULL)
		return;
	cursor->may_stream = true;
	cursor->may_pin = pins;
	cursor->wanted = wanted;
	cursor->wanted_arg = arg;
	cursor->asked_block = 0;
	cursor->asked_page = NO_PAGE;
	cursor->stream_page = NO_PAGE;
}

void
bm25_cursor_close(Bm25Cursor *cursor)
{
	VcStreamStats *sum;
	VcStreamStats stats;

	if (cursor->stream == NULL)
		return;
	sum = &cursor->segment->io->stats;
	stats = vc_stream_stats(cursor->stream);
	sum->blocks += stats.blocks;
	sum->misses += stats.misses;
	sum->prefetched += stats.prefetched;
	vc_stream_end(cursor->stream);
	cursor->stream = NULL;
	cursor->may_stream = false;
}

void
bm25_cursor_prefetch(const Bm25Cursor *cursor)
{
	if (cursor->summaries != NULL && cursor->block_no < cursor->nblocks && !cursor->decoded)
		bm25_segment_prefetch(cursor->segment, BM25_SECTION_POSTING,
							  cursor->summaries[cursor->block_no - cursor->summaries_first].page);
}

static void
begin_stream(Bm25Cursor *cursor)
{
	MemoryContext caller = MemoryContextSwitchTo(cursor->context);
	const Bm25Segment *segment = cursor->segment;

	cursor->stream =
		vc_stream_begin(segment->index, segment->io->mode, segment->cache, next_of_list, cursor);
	if (!cursor->may_pin)
		vc_stream_hold_no_pins(cursor->stream);
	MemoryContextSwitchTo(caller);
}

/* Reads the page of the present block, through the list's stream if it has one. */
static inline VcPageRead
read_posting_page(Bm25Cursor *cursor, uint32 page)
{
	const Bm25Segment *segment = cursor->segment;

	if (likely(cursor->stream == NULL))
	{
		if (likely(!cursor->may_stream || !bm25_segment_is_ahead(segment)))
			return bm25_segment_page(segment, BM25_SECTION_POSTING, page);
		begin_stream(cursor);
	}
	/* the sequence has every page once */
	if (page == cursor->stream_page)
		return bm25_segment_page(segment, BM25_SECTION_POSTING, page);
	cursor->stream_page = page;
	return bm25_segment_stream_page(segment, cursor->stream, BM25_SECTION_POSTING, page);
}

void
bm25_cursor_decode(Bm25Cursor *cursor)
{
	/* unpackers read behind the used part: a copy has the slack of a page */
	const uint32 readable = BLCKSZ - VC_PAGE_BODY_OFFSET;
	const Bm25SummaryDisk *summary;

	if (cursor->decoded)
		return;
	Assert(cursor->block_no < cursor->nblocks);
	cursor->decoded = true;
	cursor->at = 0;
	if (cursor->summaries == NULL)
		return;

	summary = &cursor->summaries[cursor->block_no - cursor->summaries_first];
	if (cursor->copy_page != summary->page)
	{
		bool in_row = cursor->decoded_block + 1 == cursor->block_no &&
					  cursor->nblocks - cursor->block_no >= COPY_BLOCKS;

		if (in_row && cursor->copy == NULL)
			cursor->copy = MemoryContextAlloc(cursor->context, readable);
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = read_posting_page(cursor, summary->page);
			const uint8 *body = (const uint8 *) r.page + VC_PAGE_BODY_OFFSET;
			uint32 used = (uint32) vc_page_contents(r.page).len;

			decode_at(cursor, r.blkno, body, used, readable);
			if (in_row)
			{
				memcpy(cursor->copy, body, readable);
				cursor->copy_page = summary->page;
				cursor->copy_bytes = used;
			}
		}
	}
	else
		decode_at(cursor, bm25_segment_block(cursor->segment, summary->page), cursor->copy,
				  cursor->copy_bytes, readable);
	cursor->decoded_block = cursor->block_no;
}

uint32
bm25_cursor_seek(Bm25Cursor *cursor, uint32 doc)
{
	const uint32 *docs = cursor->docs;
	uint32 low;
	uint32 high;

	if (!bm25_cursor_shallow(cursor, doc))
		return BM25_NO_DOC;
	if (!cursor->decoded)
		bm25_cursor_decode(cursor);

	/* the last document of the block is >= doc */
	low = cursor->at;
	for (int i = 0; i < LINEAR; i++, low++)
	{
		if (docs[low] >= doc)
		{
			cursor->at = low;
			return docs[low];
		}
	}
	high = cursor->count - 1;
	while (low < high)
	{
		uint32 mid = low + (high - low) / 2;

		if (docs[mid] < doc)
			low = mid + 1;
		else
			high = mid;
	}
	cursor->at = low;
	return docs[low];
}

/* Every block is visited: a summary that would hide one is noticed. */
static bool
next_block(Bm25Cursor *cursor)
{
	uint32 next = cursor->block_no + 1;

	if (next == cursor->nblocks)
	{
		cursor->block_no = next;
		cursor->decoded = false;
		return false;
	}
	if (next - cursor->summaries_first == cursor->summaries_count)
	{
		uint32 number = (cursor->term.list.summary + next) / BM25_SUMMARIES_PER_PAGE;

		CHECK_FOR_INTERRUPTS();
		load_window(cursor, number, window_last(cursor));
	}
	set_block(cursor, next);
	return true;
}

uint32
bm25_cursor_next(Bm25Cursor *cursor)
{
	if (cursor->block_no == cursor->nblocks)
		return BM25_NO_DOC;
	if (!cursor->decoded)
		bm25_cursor_decode(cursor);
	else if (cursor->at + 1 < cursor->count)
		cursor->at++;
	else
	{
		if (!next_block(cursor))
			return BM25_NO_DOC;
		bm25_cursor_decode(cursor);
	}
	return cursor->docs[cursor->at];
}

/*----- positions -----*/

/* Positions from n varints in memory; returns their end, or NULL. */
static const uint8 *
get_positions(const uint8 *p, const uint8 *end, uint32 n, uint32 *ret_positions)
{
	uint32 position = 0;

	for (uint32 i = 0; i < n && p != NULL; i++)
	{
		uint32 gap = 0;

		p = bm25_varint_get(p, end, &gap);
		position += gap;
		ret_positions[i] = position;
	}
	return p;
}

/*
 * Takes n varints of the POSITION section from *place on, and moves it.  ret_positions NULL: only passes
 * over them.  A varint may go over two pages.
 */
static void
stream_positions(const Bm25Cursor *cursor, uint64 *place, uint32 n, uint32 *ret_positions)
{
	const Bm25Segment *segment = cursor->segment;
	uint64 limit = segment->header->position_bytes;
	uint32 position = 0;
	uint32 gap = 0;
	int shift = 0;

	while (n > 0)
	{
		uint32 offset = (uint32) (*place % BM25_STREAM_BYTES);
		uint32 page = segment->header->section[BM25_SECTION_POSITION];
		uint32 bytes;
		const uint8 *p;

		CHECK_FOR_INTERRUPTS();
		if (unlikely(*place >= limit))
			damaged(cursor, segment->disk.header, "positions are beyond the end");
		page += (uint32) (*place / BM25_STREAM_BYTES);
		bytes = (uint32) Min(limit - *place, BM25_STREAM_BYTES - offset);
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = bm25_segment_page(segment, BM25_SECTION_POSITION, page);
			const uint8 *start = vc_span_at(vc_page_contents(r.page), offset, bytes);

			if (unlikely(start == NULL))
				damaged(cursor, r.blkno, "positions are missing");
			for (p = start; p < start + bytes && n > 0; p++)
			{
				if (shift < 32)
					gap |= (uint32) (*p & 0x7F) << shift;
				shift += 7;
				if (*p >= 0x80)
				{
					if (unlikely(shift >= 35))
						damaged(cursor, r.blkno, "a position is too long");
					continue;
				}
				position += gap;
				if (ret_positions != NULL)
					*ret_positions++ = position;
				gap = 0;
				shift = 0;
				n--;
			}
			*place += (uint32) (p - start);
		}
	}
}

const uint32 *
bm25_cursor_positions(Bm25Cursor *cursor)
{
	uint32 tf = cursor->tfs[cursor->at];
	uint64 place;
	uint32 *positions;

	Assert(has_positions(cursor) && cursor->decoded);
	if (cursor->inline_places != NULL)
	{
		const uint8 *start = cursor->term.postings;
		const uint8 *end = start + cursor->term.postings_bytes;

		/* a varint is a byte at least: tf was checked by that at open */
		positions = palloc(Max(tf, 1) * sizeof(uint32));
		if (get_positions(start + cursor->inline_places[cursor->at], end, tf, positions) == NULL)
			damaged_inline(cursor);
		return positions;
	}

	if (cursor->at < cursor->positions_posting)
		elog(ERROR, "positions are read forward only");
	for (; cursor->positions_posting < cursor->at; cursor->positions_posting++)
		stream_positions(cursor, &cursor->positions_place, cursor->tfs[cursor->positions_posting],
						 NULL);
	/* a varint is a byte at least, which bounds the memory */
	place = cursor->positions_place;
	if (place > cursor->segment->header->position_bytes ||
		tf > cursor->segment->header->position_bytes - place)
		damaged(cursor, cursor->segment->disk.header, "positions are beyond the end");
	positions = MemoryContextAllocHuge(CurrentMemoryContext, Max(tf, 1) * sizeof(uint32));
	stream_positions(cursor, &place, tf, positions);
	return positions;
}

/*----- live documents of a term -----*/

uint32
bm25_segment_live_df(const Bm25Segment *segment, const Bm25SegmentTerm *term)
{
	const Bm25StateDisk *state = &segment->state;
	uint32 dead = 0;

	if (segment->dead == NULL)
		return term->df;
	if (term->large)
	{
		VcVpage file;
		uint64 offset = (uint64) term->list.ordinal * sizeof(uint32);

		if (state->dead_root == InvalidBlockNumber)
			return term->df;
		if (!vc_vpage_open(&file, segment->index,
						   (VcVpageRef){state->dead_root, state->dead_incarnation},
						   CurrentMemoryContext))
			vc_corrupt(segment->index, state->dead_root, "dead documents of terms are gone");
		file.cache = segment->cache;
		/* what a shorter file does not have is zero */
		if (offset + sizeof(dead) <= file.length &&
			!vc_vpage_read(&file, offset, sizeof(dead), &dead))
			vc_corrupt(segment->index, state->dead_root, "dead documents of terms are gone");
	}
	else
	{
		Bm25Cursor cursor;

		bm25_cursor_open(&cursor, segment, term);
		for (uint32 i = 0; i < cursor.count; i++)
			dead += bm25_segment_is_dead(segment, cursor.docs[i]);
		if (cursor.inline_places != NULL)
			pfree(cursor.inline_places);
	}
	if (unlikely(dead > term->df))
		vc_corrupt(segment->index, segment->disk.state, "a term has more dead documents than all");
	return term->df - dead;
}
