/*
 * vchord_bm25/maintain.c
 *		What changes about a segment: its dead documents, and its end.
 *
 * Bitmap.  Made at the first death: {STATE, root of the file} links an empty file, which reads as all
 * alive; then the bits are appended.  Later deaths overwrite the pages that change.  Bits come first and make a
 * document dead; the state page's counts follow in a record of their own.  After a crash in between
 * the counts are too low: whoever marks documents next compares the bits that were set with the count, and counts
 * everything anew if they differ.
 *
 * Dead documents by term: a number for each large term, in a file that is made and overwritten likewise; the
 * state page says how many dead documents have gone into it.
 *
 * The end: files, then extents, state and header pages, the header last, since it names the others.
 */
#include "postgres.h"

#include "vchord_bm25/maintain.h"

#include "commands/vacuum.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/report.h"
#include "core/vpage.h"
#include "core/xlog.h"

#include "vchord_bm25/cursor.h"
#include "vchord_bm25/segment_write.h"

/* A segment with 1/5 of its documents dead is rewritten: searches waste no more than that. */
#define CLEAN_FRACTION 5

/*----- state page -----*/

static Bm25StateDisk *
edit_state(VcXlog *xlog, const Bm25SegmentDisk *disk)
{
	char *page = vc_xlog_add(xlog, disk->state, BM25_PAGE_STATE);

	if (!vc_page_is_live_of(page, BM25_OWNER_SEGMENT, disk->incarnation) ||
		vc_page_contents(page).len < sizeof(Bm25StateDisk))
		vc_corrupt(xlog->rel, disk->state, "page is not the state of segment %u",
				   disk->incarnation);
	return (Bm25StateDisk *) vc_page_body(page);
}

/*
 * The file named in the state page, made and linked if there is none.  bits: the bitmap, else the counts by
 * term.
 */
static VcVpageRef
state_file(const Bm25Segment *segment, Relation heap, bool bits)
{
	BlockNumber root = bits ? segment->state.bits_root : segment->state.dead_root;
	uint32 incarnation = bits ? segment->state.bits_incarnation : segment->state.dead_incarnation;

	if (root == InvalidBlockNumber)
	{
		uint32 fresh = bm25_meta_take_incarnation(segment->index);
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(segment->index);
		Bm25StateDisk *state = edit_state(&xlog, &segment->disk);
		VcVpageRef ref = vc_vpage_create_in(&xlog, heap, BM25_PAGE_BITS, BM25_PAGE_INODE, fresh, 0);

		if (bits)
		{
			state->bits_root = ref.root;
			state->bits_incarnation = fresh;
		}
		else
		{
			state->dead_root = ref.root;
			state->dead_incarnation = fresh;
		}
		vc_xlog_commit(&xlog);
		return ref;
	}
	return (VcVpageRef){root, incarnation};
}

/* Makes a file hold these bytes; pages that hold them already are only read. */
static void
write_file(const Bm25Segment *segment, Relation heap, VcVpageRef ref, const void *bytes, Size len)
{
	const char *from = bytes;
	char *old = palloc(VC_VPAGE_BYTES);
	VcVpageAppender appender;
	VcVpage file;
	Size have;

	if (!vc_vpage_open(&file, segment->index, ref, CurrentMemoryContext))
		vc_corrupt(segment->index, ref.root, "a file of segment %u is gone",
				   segment->disk.incarnation);
	have = (Size) Min(file.length, len);
	for (Size at = 0; at < have; at += VC_VPAGE_BYTES)
	{
		Size n = Min(have - at, VC_VPAGE_BYTES);

		vacuum_delay_point(false);
		if (!vc_vpage_read(&file, at, n, old) ||
			(memcmp(old, from + at, n) != 0 && !vc_vpage_overwrite(&file, at, n, from + at)))
			vc_corrupt(segment->index, ref.root, "a file of segment %u is gone",
					   segment->disk.incarnation);
	}
	if (have < len)
	{
		vc_vpage_append_begin(&appender, segment->index, heap, ref, CurrentMemoryContext);
		vc_vpage_append(&appender, from + have, len - have);
		vc_vpage_append_end(&appender);
	}
	pfree(old);
}

/*----- dead documents -----*/

static inline bool
has_bit(const uint8 *bits, uint32 doc)
{
	return (bits[doc / 8] >> (doc % 8) & 1) != 0;
}

/* Takes a document out of the live totals. */
static void
subtract(const Bm25Segment *segment, uint32 doc, Bm25StateDisk *state)
{
	uint32 length[BM25_MAX_FIELDS];

	bm25_segment_lengths(segment, doc, length);
	for (uint32 f = 0; f < segment->fields; f++)
	{
		if (length[f] == BM25_LENGTH_NULL)
			continue;
		state->live_docs[f] -= Min(state->live_docs[f], 1);
		state->live_length[f] -= Min(state->live_length[f], length[f]);
	}
}

uint32
bm25_segment_write_dead(const Bm25Segment *segment, Relation heap, const uint8 *bits)
{
	uint32 docs = segment->disk.docs;
	Size bytes = ((Size) docs + 7) / 8;
	uint32 dead = (uint32) pg_popcount((const char *) bits, (int) bytes);
	uint32 dead_before =
		segment->dead != NULL ? (uint32) pg_popcount((const char *) segment->dead, (int) bytes) : 0;
	bool all = dead_before != segment->state.dead;
	Bm25StateDisk now = segment->state;

	if (all)
	{
		memcpy(now.live_docs, segment->header->field_docs, sizeof(now.live_docs));
		memcpy(now.live_length, segment->header->field_length, sizeof(now.live_length));
	}
	for (uint32 doc = 0; doc < docs; doc++)
	{
		if (doc % 8 == 0 && bits[doc / 8] == 0)
		{
			doc += 7;
			continue;
		}
		if (has_bit(bits, doc) && (all || !bm25_segment_is_dead(segment, doc)))
		{
			vacuum_delay_point(false);
			subtract(segment, doc, &now);
		}
	}

	write_file(segment, heap, state_file(segment, heap, true), bits, bytes);
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(segment->index);
		Bm25StateDisk *state = edit_state(&xlog, &segment->disk);

		state->dead = dead;
		state->counted = Min(state->counted, dead);
		memcpy(state->live_docs, now.live_docs, sizeof(now.live_docs));
		memcpy(state->live_length, now.live_length, sizeof(now.live_length));
		vc_xlog_commit(&xlog);
	}
	return dead;
}

/*----- dead documents by term -----*/

/* The first dead document >= doc, or BM25_NO_DOC. */
static uint32
next_dead(const Bm25Segment *segment, uint32 doc)
{
	uint32 docs = segment->disk.docs;

	while (doc < docs)
	{
		if (doc % 8 == 0 && segment->dead[doc / 8] == 0)
			doc += 8;
		else if (has_bit(segment->dead, doc))
			return doc;
		else
			doc++;
	}
	return BM25_NO_DOC;
}

/* Blocks without a dead document are passed over by their summaries. */
static uint32
count_dead(const Bm25Segment *segment, const Bm25SegmentTerm *term, Bm25Cursor *cursor)
{
	uint32 dead = next_dead(segment, 0);
	uint32 count = 0;

	bm25_cursor_open(cursor, segment, term);
	while (dead != BM25_NO_DOC)
	{
		uint32 doc = bm25_cursor_seek(cursor, dead);

		if (doc == BM25_NO_DOC)
			break;
		if (doc == dead)
		{
			count++;
			doc++;
		}
		dead = next_dead(segment, doc);
	}
	return count;
}

static void
recount(const Bm25Segment *segment, Relation heap)
{
	uint32 large = segment->header->large_terms;
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 list", ALLOCSET_DEFAULT_SIZES);
	Bm25Cursor *cursor = palloc(sizeof(Bm25Cursor));
	uint32 *counts;
	Bm25TermIterator *terms;
	Bm25SegmentTerm term;
	Bm25Key key;

	/* a large term has a summary at least */
	if (large > (uint64) segment->disk.pages * BM25_SUMMARIES_PER_PAGE)
		vc_corrupt(segment->index, segment->disk.header, "segment %u has %u large terms",
				   segment->disk.incarnation, large);
	counts = MemoryContextAllocHuge(CurrentMemoryContext, Max(large, 1) * sizeof(uint32));
	memset(counts, 0, large * sizeof(uint32));
	terms = bm25_term_iterate(segment, (Bm25Key){NULL, 0});
	while (bm25_term_next(terms, &key, &term))
	{
		MemoryContext old;

		vacuum_delay_point(false);
		if (!term.large)
			continue;
		if (term.list.ordinal >= large)
			vc_corrupt(segment->index, segment->disk.header, "segment %u has no large term %u",
					   segment->disk.incarnation, term.list.ordinal);
		old = MemoryContextSwitchTo(scratch);
		memset(cursor, 0, sizeof(*cursor));
		counts[term.list.ordinal] = count_dead(segment, &term, cursor);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	bm25_term_iterate_end(terms);

	if (large > 0)
		write_file(segment, heap, state_file(segment, heap, false), counts, large * sizeof(uint32));
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(segment->index);
		Bm25StateDisk *state = edit_state(&xlog, &segment->disk);

		state->counted = Min(segment->state.dead, state->dead);
		vc_xlog_commit(&xlog);
	}
	MemoryContextDelete(scratch);
}

int
bm25_clean_segments(Relation index, Relation heap)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 clean", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Bm25MetaDisk meta;
	int worked = 0;

	bm25_meta_read(index, &meta);
	for (uint32 i = 0; i < meta.nsegments;)
	{
		Bm25SegmentDisk disk = meta.segments[i];
		Bm25Segment segment;

		vacuum_delay_point(false);
		bm25_segment_open(&segment, index, NULL, &disk, meta.flags, meta.fields);
		i++;
		if (segment.state.dead > 0 &&
			(uint64) segment.state.dead * CLEAN_FRACTION >= segment.disk.docs)
		{
			uint32 before = meta.nsegments;

			bm25_merge_segments(index, heap, &meta, i - 1, 1);
			bm25_meta_read(index, &meta);
			/* nothing of it is left: the next one has its place */
			if (meta.nsegments < before)
				i--;
			worked++;
		}
		else if (segment.state.dead > segment.state.counted && segment.dead != NULL)
		{
			recount(&segment, heap);
			worked++;
		}
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return worked;
}

/*----- the end -----*/

void
bm25_segment_free(Relation index, const Bm25SegmentDisk *disk)
{
	VcVpageRef files[2] = {{InvalidBlockNumber, 0}, {InvalidBlockNumber, 0}};

	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, disk->state, VC_PAGE_ANY);

		/* somebody else's: then a free that was interrupted has come so far already */
		if (vc_page_is_of(r.page, BM25_OWNER_SEGMENT, disk->incarnation) &&
			(vc_page_opaque_read(r.page)->kind & BM25_PAGE_STATE) != 0 &&
			vc_page_contents(r.page).len >= sizeof(Bm25StateDisk))
		{
			const Bm25StateDisk *state = (const Bm25StateDisk *) vc_page_contents(r.page).data;

			files[0] = (VcVpageRef){state->bits_root, state->bits_incarnation};
			files[1] = (VcVpageRef){state->dead_root, state->dead_incarnation};
		}
	}
	for (int i = 0; i < 2; i++)
	{
		if (files[i].root != InvalidBlockNumber)
			vc_vpage_free(index, files[i]);
	}
	bm25_header_free(index, disk->header, disk->incarnation);
}
