/*
 * core/tape.c
 *		Tapes: chains of item pages.
 *
 * Writer.  The current page is composed in a local image.  When it is full, a record {current, next}
 * writes the image with its link and makes the next page; so a link never names a page that is not
 * initialised, and nobody sees the chain before its owner links the head.
 *
 * Append.  The walk from the hint reads pages with share locks, one at a time.  The page that had no
 * successor is locked exclusively and looked at again, since another append may have linked one
 * meanwhile; then the walk goes on.  The hint moves in a record of its own after the tail is released:
 * a crash or a slower backend leaves an older hint, which costs a walk over the pages in between.
 * Tails are only ever followed by fresh pages, so a page once in the chain stays in it until the
 * whole tape is freed, and a hint cannot lead astray.
 *
 * Close.  The tail's link to itself is written under the lock that an append holds when it looks whether
 * the page has a successor, and in one record with the owner's directory: whoever finds the tail closed
 * finds the directory changed.
 *
 * A damaged chain may be a circle: every walk counts its pages, and a tape cannot have more pages
 * than the relation.
 */
#include "postgres.h"

#include "core/tape.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "core/recycle.h"
#include "core/report.h"

/* Body of a directory page: an array, as long as the used part says. */
#define BLOCKS_PER_PAGE (VC_PAGE_BODY_SIZE / sizeof(BlockNumber))

/*
 * Whether a page belongs to the tape, by owner and incarnation.  If it does, its kind must be right:
 * vc_corrupt() if not.
 */
static bool
is_ours(Relation rel, BlockNumber blkno, const char *page, const VcTapeRef *ref)
{
	if (!vc_page_is_of(page, ref->owner, ref->incarnation))
		return false;
	if ((vc_page_opaque_read(page)->kind & VC_PAGE_KIND_MASK) != ref->kind)
		vc_corrupt(rel, blkno, "page of a tape has the wrong page kind");
	return true;
}

/*
 * A page that a link or hint of the tape led to is not the tape's.  Free makes the head a tombstone
 * first, so a living head means that the index is damaged.
 */
static void
check_gone(Relation rel, BlockNumber blkno, const VcTapeRef *ref)
{
	VC_SCOPED(vc_page_read_drop)
	VcPageRead head = vc_page_read(rel, ref->head, VC_PAGE_ANY);

	if (is_ours(rel, ref->head, head.page, ref) && !vc_page_is_free(head.page))
		vc_corrupt(rel, blkno, "page is not of the tape that begins at block %u", ref->head);
}

/* Counts a page of a walk and refuses a circle, sooner or later: asking for the size takes a call. */
static void
count_page(Relation rel, BlockNumber blkno, uint32 *npages)
{
	if (++*npages % 1024 == 0 && *npages > RelationGetNumberOfBlocks(rel))
		vc_corrupt(rel, blkno, "pages of a tape form a circle");
}

/* Successor of a page; a closed tail has none. */
static BlockNumber
next_of(const char *page, BlockNumber blkno)
{
	BlockNumber next = vc_page_opaque_read(page)->next;

	return next == blkno ? InvalidBlockNumber : next;
}

/*----- writer -----*/

void
vc_tape_write_begin(VcTapeWriter *writer, Relation rel, Relation heap, uint16 kind, uint32 owner,
					uint32 incarnation, MemoryContext context, VcArena *arena)
{
	VC_SCOPED(vc_page_write_drop)
	VcPageWrite head = vc_page_write_new(rel, heap, kind, owner, incarnation);

	memset(writer, 0, sizeof(*writer));
	writer->rel = rel;
	writer->heap = heap;
	writer->ref = (VcTapeRef){head.blkno, kind, owner, incarnation};
	writer->current = head.blkno;
	writer->arena = arena;
	vc_page_write_commit(&head);

	writer->page = MemoryContextAlloc(context, BLCKSZ);
	vc_page_init(writer->page, kind, owner, incarnation);
}

/* Notes the current page in the list of blocks. */
static void
note_block(VcTapeWriter *writer)
{
	if (writer->arena != NULL)
	{
		if (writer->npages == writer->max_blocks)
		{
			Size wanted = Max(writer->max_blocks * 2, 64);

			writer->blocks = vc_arena_grow(writer->arena, writer->blocks,
										   writer->max_blocks * sizeof(BlockNumber),
										   wanted * sizeof(BlockNumber));
			writer->max_blocks = wanted;
		}
		writer->blocks[writer->npages] = writer->current;
	}
	writer->npages++;
}

/* Writes the current page with a link to a new one, which becomes current. */
static void
next_page(VcTapeWriter *writer)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(writer->rel);
	BlockNumber next;
	char *page;

	note_block(writer);
	page = vc_xlog_add(&xlog, writer->current, writer->ref.kind);
	vc_xlog_add_new(&xlog, writer->heap, writer->ref.kind, writer->ref.owner,
					writer->ref.incarnation, &next);
	vc_page_opaque(writer->page)->next = next;
	memcpy(page, writer->page, BLCKSZ);
	vc_xlog_commit(&xlog);

	writer->current = next;
	vc_page_init(writer->page, writer->ref.kind, writer->ref.owner, writer->ref.incarnation);
	vc_page_opaque(writer->page)->skip = writer->npages;
}

VcIndexPointer
vc_tape_write(VcTapeWriter *writer, const void *data, Size len, VcItemState state)
{
	OffsetNumber offset;

	if (len == 0 || len > VC_PAGE_ITEM_MAX)
		elog(ERROR, "tape item of %zu bytes", len);
	offset = vc_page_item_add(writer->page, data, len, state);
	if (offset == InvalidOffsetNumber)
	{
		CHECK_FOR_INTERRUPTS();
		next_page(writer);
		offset = vc_page_item_add(writer->page, data, len, state);
		if (offset == InvalidOffsetNumber)
			elog(ERROR, "tape item of %zu bytes does not fit on an empty page", len);
	}
	writer->nitems++;
	return (VcIndexPointer){writer->current, offset};
}

VcTapeRef
vc_tape_write_end(VcTapeWriter *writer)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(writer->rel);

	note_block(writer);
	/* The order of append's locks: never the head while holding the tail. */
	if (writer->ref.head != writer->current)
	{
		char *head = vc_xlog_add(&xlog, writer->ref.head, writer->ref.kind);

		vc_page_opaque(head)->skip = writer->current;
	}
	memcpy(vc_xlog_add(&xlog, writer->current, writer->ref.kind), writer->page, BLCKSZ);
	vc_xlog_commit(&xlog);
	pfree(writer->page);
	writer->page = NULL;
	return writer->ref;
}

VcTapeRef
vc_tape_write_directory(VcTapeWriter *writer, uint16 directory_kind)
{
	VcTapeRef ref = {InvalidBlockNumber, directory_kind, writer->ref.owner,
					 writer->ref.incarnation};
	Size done = 0;
	BlockNumber current = InvalidBlockNumber;

	Assert(writer->page == NULL && writer->arena != NULL);

	/* Each page is made, then filled together with the making of the next. */
	do
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(writer->rel);
		Size n = Min(writer->npages - done, BLOCKS_PER_PAGE);
		BlockNumber next = InvalidBlockNumber;
		char *page;

		CHECK_FOR_INTERRUPTS();
		if (current == InvalidBlockNumber)
		{
			page = vc_xlog_add_new(&xlog, writer->heap, directory_kind, ref.owner, ref.incarnation,
								   &current);
			ref.head = current;
		}
		else
			page = vc_xlog_add(&xlog, current, directory_kind);
		vc_page_set_used(page, n * sizeof(BlockNumber));
		memcpy(vc_page_body(page), writer->blocks + done, n * sizeof(BlockNumber));
		done += n;
		if (done < writer->npages)
		{
			vc_xlog_add_new(&xlog, writer->heap, directory_kind, ref.owner, ref.incarnation, &next);
			vc_page_opaque(page)->next = next;
		}
		vc_xlog_commit(&xlog);
		current = next;
	} while (current != InvalidBlockNumber);
	return ref;
}

/*----- append -----*/

/*
 * Walks from a page to the one without a successor, as of now.  InvalidBlockNumber if a page on the
 * way was recycled.
 */
static BlockNumber
walk_to_tail(Relation rel, const VcTapeRef *ref, BlockNumber blkno, uint32 *npages)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead page = VC_PAGE_READ_NONE(rel);

	for (;;)
	{
		BlockNumber next;

		CHECK_FOR_INTERRUPTS();
		vc_page_read_step(&page, blkno, VC_PAGE_ANY);
		if (!is_ours(rel, blkno, page.page, ref))
		{
			vc_page_read_drop(&page);
			check_gone(rel, blkno, ref);
			return InvalidBlockNumber;
		}
		next = next_of(page.page, blkno);
		if (next == InvalidBlockNumber)
			return blkno;
		vc_page_read_drop(&page);
		blkno = next;
		count_page(rel, blkno, npages);
	}
}

/* Moves the hint of the first page.  A tape that was freed meanwhile is left alone. */
static void
move_hint(Relation rel, const VcTapeRef *ref, BlockNumber tail)
{
	VC_SCOPED(vc_page_write_drop)
	VcPageWrite head = vc_page_write(rel, ref->head, VC_PAGE_ANY);

	if (!is_ours(rel, ref->head, head.page, ref) || vc_page_is_free(head.page))
		return;
	vc_page_opaque(head.page)->skip = tail;
	vc_page_write_commit(&head);
}

/* Where to begin to look for the tail.  False if the tape is gone. */
static bool
read_hint(Relation rel, const VcTapeRef *ref, BlockNumber *ret_hint)
{
	VC_SCOPED(vc_page_read_drop)
	VcPageRead head = vc_page_read(rel, ref->head, VC_PAGE_ANY);

	if (!is_ours(rel, ref->head, head.page, ref))
		return false;
	*ret_hint = vc_page_opaque_read(head.page)->skip;
	return true;
}

bool
vc_tape_append(Relation rel, Relation heap, VcTapeRef ref, const void *data, Size len,
			   VcItemState state, VcIndexPointer *ret_where, uint32 *ret_number)
{
	BlockNumber hint;
	BlockNumber blkno;
	BlockNumber moved = InvalidBlockNumber;
	VcIndexPointer where;
	uint32 npages = 0;
	uint32 number;

	if (len == 0 || len > VC_PAGE_ITEM_MAX)
		elog(ERROR, "tape item of %zu bytes", len);

	if (!read_hint(rel, &ref, &hint))
		return false;
	blkno = hint == InvalidBlockNumber ? ref.head : hint;

	for (;;)
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(rel);
		OffsetNumber offset;
		char *page;

		blkno = walk_to_tail(rel, &ref, blkno, &npages);
		if (blkno == InvalidBlockNumber)
			return false;
		page = vc_xlog_add(&xlog, blkno, VC_PAGE_ANY);
		if (!is_ours(rel, blkno, page, &ref) || vc_page_is_free(page))
			return false;
		if (vc_page_opaque(page)->next == blkno)
			return false; /* closed */
		if (vc_page_opaque(page)->next != InvalidBlockNumber)
			continue; /* grew meanwhile */

		number = blkno == ref.head ? 0 : vc_page_opaque(page)->skip;
		offset = vc_page_item_add(page, data, len, state);
		where = (VcIndexPointer){blkno, offset};
		if (offset == InvalidOffsetNumber)
		{
			char *fresh =
				vc_xlog_add_new(&xlog, heap, ref.kind, ref.owner, ref.incarnation, &where.block);

			where.slot = vc_page_item_add(fresh, data, len, state);
			if (where.slot == InvalidOffsetNumber)
				elog(ERROR, "tape item of %zu bytes does not fit on an empty page", len);
			vc_page_opaque(fresh)->skip = ++number;
			vc_page_opaque(page)->next = where.block;
			moved = where.block;
			/* The head is the tail: its hint moves at once. */
			if (blkno == ref.head)
			{
				vc_page_opaque(page)->skip = where.block;
				moved = InvalidBlockNumber;
			}
		}
		vc_xlog_commit(&xlog);
		break;
	}

	/* The tail is new, or was farther from the hint than it should be (after a crash). */
	if (moved == InvalidBlockNumber && npages > 1 && hint != where.block)
		moved = where.block;
	if (moved != InvalidBlockNumber)
		move_hint(rel, &ref, moved);
	*ret_where = where;
	if (ret_number != NULL)
		*ret_number = number;
	return true;
}

VcTapeRef
vc_tape_create_in(VcXlog *xlog, Relation heap, uint16 kind, uint32 owner, uint32 incarnation,
				  const void *data, Size len, VcItemState state)
{
	VcTapeRef ref = {InvalidBlockNumber, kind, owner, incarnation};
	char *page = vc_xlog_add_new(xlog, heap, kind, owner, incarnation, &ref.head);

	if (len == 0 || len > VC_PAGE_ITEM_MAX ||
		vc_page_item_add(page, data, len, state) == InvalidOffsetNumber)
		elog(ERROR, "tape item of %zu bytes", len);
	return ref;
}

bool
vc_tape_close_in(VcXlog *xlog, VcTapeRef ref)
{
	BlockNumber blkno = InvalidBlockNumber;
	uint32 npages = 0;
	char *page = NULL;

	if (read_hint(xlog->rel, &ref, &blkno))
		blkno =
			walk_to_tail(xlog->rel, &ref, blkno == InvalidBlockNumber ? ref.head : blkno, &npages);
	if (blkno != InvalidBlockNumber)
		page = vc_xlog_add(xlog, blkno, VC_PAGE_ANY);
	/* its owner is here, so nobody else has freed it */
	if (page == NULL || !is_ours(xlog->rel, blkno, page, &ref) || vc_page_is_free(page))
		vc_corrupt(xlog->rel, ref.head, "tape is not there");
	if (next_of(page, blkno) != InvalidBlockNumber)
		return false;
	vc_page_opaque(page)->next = blkno;
	return true;
}

/*----- reader -----*/

void
vc_tape_read_begin(VcTapeReader *reader, Relation rel, VcTapeRef ref, MemoryContext context)
{
	memset(reader, 0, sizeof(*reader));
	reader->rel = rel;
	reader->ref = ref;
	reader->page = MemoryContextAlloc(context, BLCKSZ);
	reader->current = InvalidBlockNumber;
	reader->next = ref.head;
}

/* Copies the next page; false at the end or if it was recycled. */
static bool
load_page(VcTapeReader *reader)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead page = VC_PAGE_READ_NONE(reader->rel);
	BlockNumber blkno = reader->next;

	if (blkno == InvalidBlockNumber || reader->gone)
		return false;
	CHECK_FOR_INTERRUPTS();
	count_page(reader->rel, blkno, &reader->npages);
	page = vc_page_read_cached(reader->cache, reader->rel, blkno, VC_PAGE_ANY);
	if (!is_ours(reader->rel, blkno, page.page, &reader->ref))
	{
		vc_page_read_drop(&page);
		check_gone(reader->rel, blkno, &reader->ref);
		reader->gone = true;
		return false;
	}
	memcpy(reader->page, page.page, BLCKSZ);
	reader->current = blkno;
	reader->next = next_of(reader->page, blkno);
	reader->offset = InvalidOffsetNumber;
	return true;
}

bool
vc_tape_read_next(VcTapeReader *reader, VcTapeItem *ret_item)
{
	for (;;)
	{
		VcItemState state;
		VcSpan data;

		if (reader->current == InvalidBlockNumber || reader->offset >= vc_page_items(reader->page))
		{
			if (!load_page(reader))
				return false;
			continue;
		}
		reader->offset++;
		state = vc_page_item(reader->rel, reader->current, reader->page, reader->offset, &data);
		if (state == VC_ITEM_UNUSED)
			continue;
		ret_item->data = data;
		ret_item->state = state;
		ret_item->where = (VcIndexPointer){reader->current, reader->offset};
		return true;
	}
}

bool
vc_tape_read_directory(Relation rel, VcTapeRef directory, VcArena *arena, BlockNumber **ret_blocks,
					   Size *ret_count)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead page = VC_PAGE_READ_NONE(rel);
	BlockNumber blkno = directory.head;
	BlockNumber *blocks = NULL;
	Size count = 0;
	Size room = 0;
	uint32 npages = 0;

	while (blkno != InvalidBlockNumber)
	{
		BlockNumber buffer[BLOCKS_PER_PAGE];
		VcSpan body;
		Size n;

		CHECK_FOR_INTERRUPTS();
		count_page(rel, blkno, &npages);
		page = vc_page_read(rel, blkno, VC_PAGE_ANY);
		if (!is_ours(rel, blkno, page.page, &directory))
		{
			vc_page_read_drop(&page);
			check_gone(rel, blkno, &directory);
			return false;
		}
		body = vc_page_contents(page.page);
		if (body.len % sizeof(BlockNumber) != 0 || body.len > sizeof(buffer))
			vc_corrupt(rel, blkno, "directory of a tape has %zu bytes", body.len);
		n = body.len / sizeof(BlockNumber);
		memcpy(buffer, body.data, body.len);
		blkno = vc_page_opaque_read(page.page)->next;
		vc_page_read_drop(&page);

		if (n > room - count)
		{
			Size wanted = Max(room * 2, count + n);

			blocks = vc_arena_grow(arena, blocks, room * sizeof(BlockNumber),
								   wanted * sizeof(BlockNumber));
			room = wanted;
		}
		if (n > 0)
			memcpy(blocks + count, buffer, n * sizeof(BlockNumber));
		count += n;
	}
	*ret_blocks = blocks;
	*ret_count = count;
	return true;
}

/*----- free -----*/

uint32
vc_tape_free(Relation rel, VcTapeRef ref)
{
	BlockNumber blkno = ref.head;
	BlockNumber first = InvalidBlockNumber; /* neighbours that are freed together */
	uint32 n = 0;
	uint32 npages = 0;

	/*
	 * From the head on: after a crash the head is a tombstone whose link still leads on, unless it
	 * was recycled, and then the rest of the chain is lost space.
	 */
	while (blkno != InvalidBlockNumber)
	{
		BlockNumber next;

		CHECK_FOR_INTERRUPTS();
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead page = vc_page_read(rel, blkno, VC_PAGE_ANY);

			if (!is_ours(rel, blkno, page.page, &ref))
				break;
			next = next_of(page.page, blkno);
		}
		count_page(rel, blkno, &npages);
		if (n > 0 && blkno != first + n)
		{
			vc_recycle_free_run(rel, first, n, ref.owner, ref.incarnation);
			n = 0;
		}
		if (n++ == 0)
			first = blkno;
		blkno = next;
	}
	if (n > 0)
		vc_recycle_free_run(rel, first, n, ref.owner, ref.incarnation);
	return npages;
}
