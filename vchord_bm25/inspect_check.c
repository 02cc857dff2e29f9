/*
 * vchord_bm25/inspect_check.c
 *		bm25_index_check(): is the index what format.h says, and does it hold the table?
 *
 * Order:
 *
 *	1. metapage; each segment (inspect_segment.c, inspect_terms.c); the growing and the sealing tape.  Each block
 *	   that something refers to is claimed, once
 *	2. every block of the file is claimed, a tombstone, never written, or lost
 *	3. the table, if asked for: each row that the snapshot sees is analysed again and compared
 *
 * Comparison.  A document's terms, frequencies, positions and lengths make a print of 64 bits, summed up from
 * the postings in one pass over a segment's dictionary.  TIDs, and TIDs with prints, go to key sets; a row is asked
 * for in both: not there at all, or there with other contents.
 *
 * Concurrency: the maintenance lock is held until the table is read, so nothing is sealed, merged or
 * freed; inserts go on, on the growing tape.  What they add is after the snapshot or was there before it was
 * read.  On a standby replay goes on, and the snapshot keeps pages from being reused; tombstones and
 * lost pages are not looked for there.
 *
 * No finding but a NOTICE: what a crash leaves behind without harm.
 *
 * Memory: a bit a block; half of maintenance_work_mem for the key sets, the other half for prints of the
 * documents (a large segment's dictionary is read several times) and pages of lengths.
 * Locks: one page at a time, share; pages are copied before they are looked at.
 */
#include "postgres.h"

#include "vchord_bm25/inspect.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "core/attrs.h"
#include "core/buf.h"
#include "core/tid.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/meta.h"
#include "vchord_bm25/varint.h"

VC_FUNCTION(bm25_index_check);

/*----- pages -----*/

bool
bm25_check_claim(Bm25Check *c, BlockNumber block)
{
	/* what inserts add meanwhile is not accounted for */
	if (block >= c->nblocks)
		return true;
	if ((c->claimed[block / 8] >> (block % 8) & 1) != 0)
	{
		vc_report_add(&c->report, block, "page is used twice");
		c->damaged = true;
		return false;
	}
	c->claimed[block / 8] |= (uint8) (1 << block % 8);
	return true;
}

bool
bm25_check_load(Bm25Check *c, BlockNumber block)
{
	const char *problem;

	if (block >= c->nblocks && block >= RelationGetNumberOfBlocks(c->index))
		problem = "the block does not exist";
	else
	{
		vc_inspect_copy_page(c->index, block, c->strategy, c->page);
		problem = vc_page_problem(c->page);
		/* who wants to write to the page would find that, too */
		if (problem == NULL && !vc_page_hole_is_zero(c->page))
		{
			vc_report_add(&c->report, block, "the free space is not zero");
			return true;
		}
	}
	if (problem == NULL)
		return true;
	vc_report_add(&c->report, block, "%s", problem);
	c->damaged = true;
	return false;
}

bool
bm25_check_page(Bm25Check *c, BlockNumber block, uint16 kind, uint32 owner, uint32 incarnation)
{
	const VcPageOpaque *opaque = vc_page_opaque_read(c->page);

	if (!bm25_check_claim(c, block) || !bm25_check_load(c, block))
		return false;
	if ((opaque->kind & VC_PAGE_KIND_MASK) != kind)
		vc_report_add(&c->report, block, "page is of kind %04x, expected %04x",
					  opaque->kind & VC_PAGE_KIND_MASK, kind);
	else if (!vc_page_is_of(c->page, owner, incarnation))
		vc_report_add(&c->report, block, "page belongs to %u/%u, expected %u/%u", opaque->owner,
					  opaque->incarnation, owner, incarnation);
	else if (vc_page_is_free(c->page) && !c->standby)
		vc_report_add(&c->report, block, "page is free and in use");
	else if (!vc_page_seal_ok(c->page))
		vc_report_add(&c->report, block, "checksum does not match");
	else
		return true;
	c->damaged = true;
	return false;
}

void
bm25_check_document(Bm25Check *c, BlockNumber block, const ItemPointerData *tid, uint64 print)
{
	BlockNumber heap_block = ItemPointerGetBlockNumberNoCheck(tid);

	if (heap_block >= c->heap_blocks)
		c->heap_blocks = RelationGetNumberOfBlocks(c->inspect.heap);
	if (!vc_heap_valid(vc_heap_from_tid(tid)) || heap_block >= c->heap_blocks)
	{
		vc_report_add(&c->report, block, "a document has the TID (%u,%u), which is no row's",
					  heap_block, ItemPointerGetOffsetNumberNoCheck(tid));
		return;
	}
	vc_keyset_add(c->tids, vc_tid_key(tid));
	if (c->rows != NULL)
		vc_keyset_add(c->rows, bm25_print_mix(print, vc_tid_key(tid)));
}

/*----- growing documents -----*/

/* where the document being checked is, for messages */
typedef struct Place
{
	BlockNumber block;
	OffsetNumber slot;
} Place;

static void
bad_document(Bm25Check *c, Place place, const char *what)
{
	vc_report_add(&c->report, place.block, "growing document %u %s", place.slot, what);
	c->damaged = true;
}

/* Reads a term at p: adds to the print.  The next one's place, or NULL. */
static const uint8 *
check_growing_term(const Bm25Check *c, const uint32 *length, const uint8 *p, const uint8 *end,
				   Bm25Key *before, uint64 *print)
{
	Bm25Key key;
	uint64 positions = 0;
	uint32 tf;

	p = bm25_varint_get(p, end, &key.len);
	if (p == NULL || key.len < 1 || key.len > BM25_MAX_KEY_BYTES || key.len > (Size) (end - p))
		return NULL;
	key.data = (const char *) p;
	if (*p >= c->meta.fields || length[*p] == BM25_LENGTH_NULL ||
		(before->data != NULL && bm25_key_cmp(*before, key) >= 0))
		return NULL;
	p = bm25_varint_get(p + key.len, end, &tf);
	if (p == NULL || tf == 0)
		return NULL;
	if (c->positions)
	{
		uint32 position = 0;

		for (uint32 i = 0; i < tf; i++)
		{
			uint32 gap;

			p = bm25_varint_get(p, end, &gap);
			if (p == NULL || (gap != 0) == c->vector[(uint8) key.data[0]])
				return NULL;
			position += gap;
			positions = bm25_print_mix(positions, position);
		}
	}
	*before = key;
	*print += bm25_print_posting(bm25_print_key(key.data, key.len), tf, positions);
	return p;
}

static void
check_growing_document(Bm25Check *c, Place place, VcSpan bytes, bool dead)
{
	uint32 fields = c->meta.fields;
	uint32 length[BM25_MAX_FIELDS];
	Bm25Key before = {NULL, 0};
	const uint8 *end = (const uint8 *) bytes.data + bytes.len;
	const uint8 *p;
	Bm25GrowingDisk head;
	uint64 print;

	if (!vc_span_copy(bytes, 0, &head, sizeof(head)) ||
		!vc_span_copy(bytes, sizeof(head), length, fields * sizeof(uint32)))
	{
		bad_document(c, place, "is too short");
		return;
	}
	p = (const uint8 *) bytes.data + sizeof(head) + fields * sizeof(uint32);
	print = bm25_print_lengths(length, fields);
	for (uint32 i = 0; i < head.terms && p != NULL; i++)
	{
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		p = check_growing_term(c, length, p, end, &before, &print);
	}
	if (p == NULL)
	{
		bad_document(c, place, "has a damaged term");
		return;
	}
	if (bytes.len == BM25_GROWING_MIN)
	{
		while (p < end && *p == 0)
			p++;
	}
	if (p != end)
		bad_document(c, place, "has bytes behind its last term");
	else if (!dead)
		bm25_check_document(c, place.block, &head.tid, print);
}

/* A document on continuation pages. */
static void
check_large_document(Bm25Check *c, Place place, VcSpan item, bool dead)
{
	VcRedirectDisk redirect;
	BlockNumber block;
	Size room = VC_PAGE_BODY_SIZE;
	Size done = 0;
	char *bytes;

	memcpy(&redirect, item.data, sizeof(redirect));
	if (redirect.owner != BM25_OWNER_GROWING || redirect.reserved != 0 ||
		redirect.length <= VC_PAGE_ITEM_MAX)
	{
		bad_document(c, place, "is a redirection of a wrong form");
		return;
	}
	/* grows with the pages that are there */
	bytes = palloc(room);
	block = redirect.first;
	while (done < redirect.length)
	{
		Size part = (Size) Min(redirect.length - done, VC_PAGE_BODY_SIZE);

		CHECK_FOR_INTERRUPTS();
		if (!bm25_check_page(c, block, BM25_PAGE_MORE, redirect.owner, redirect.incarnation))
			break;
		if (vc_page_contents(c->page).len != part)
		{
			vc_report_add(&c->report, block, "page holds %zu bytes of a document, expected %zu",
						  vc_page_contents(c->page).len, part);
			c->damaged = true;
			break;
		}
		if (done + part > room)
		{
			room *= 2;
			bytes = repalloc_huge(bytes, room);
		}
		memcpy(bytes + done, vc_page_contents(c->page).data, part);
		done += part;
		block = vc_page_opaque_read(c->page)->next;
	}
	if (done == redirect.length)
		check_growing_document(c, place, vc_span(bytes, done), dead);
	else
		bad_document(c, place, "cannot be read");
	pfree(bytes);
}

/* Items of a page of a tape. */
static void
check_items(Bm25Check *c, BlockNumber block, const char *page)
{
	const PageHeaderData *header = (const PageHeaderData *) page;
	OffsetNumber n = vc_page_items(page);

	for (OffsetNumber slot = FirstOffsetNumber; slot <= n; slot++)
	{
		ItemIdData pointer;
		Place place = {block, slot};
		VcSpan item;
		bool dead;

		memcpy(&pointer, page + SizeOfPageHeaderData + (slot - 1) * sizeof(pointer),
			   sizeof(pointer));
		if (pointer.lp_flags == LP_UNUSED)
			continue;
		if (pointer.lp_off < header->pd_upper || pointer.lp_off > header->pd_special ||
			pointer.lp_len > header->pd_special - pointer.lp_off || pointer.lp_len == 0)
		{
			bad_document(c, place, "is beyond the end of the page");
			continue;
		}
		item = vc_span(page + pointer.lp_off, pointer.lp_len);
		dead = pointer.lp_flags == LP_DEAD;
		if (pointer.lp_flags == LP_REDIRECT || (dead && item.len < BM25_GROWING_MIN))
		{
			if (item.len != sizeof(VcRedirectDisk))
				bad_document(c, place, "is a redirection of a wrong form");
			else
				check_large_document(c, place, item, dead);
		}
		else
			check_growing_document(c, place, item, dead);
	}
}

static void
check_tape(Bm25Check *c, const Bm25TapeDisk *tape, bool closed)
{
	char *page = palloc(BLCKSZ);
	BlockNumber block = tape->head;

	if (block != InvalidBlockNumber && tape->incarnation >= c->meta.next_incarnation)
		vc_report_add(&c->report, BM25_META_BLKNO, "incarnation %u of a tape was never given out",
					  tape->incarnation);
	for (uint32 number = 0; block != InvalidBlockNumber; number++)
	{
		const VcPageOpaque *opaque = vc_page_opaque_read(page);

		CHECK_FOR_INTERRUPTS();
		/* a page claimed already ends a circle */
		if (!bm25_check_page(c, block, BM25_PAGE_GROWING, BM25_OWNER_GROWING, tape->incarnation))
			break;
		memcpy(page, c->page, BLCKSZ);
		if (number > 0 && opaque->skip != number)
			vc_report_add(&c->report, block, "page is number %u of its tape, expected %u",
						  opaque->skip, number);
		check_items(c, block, page);
		if (opaque->next == block || opaque->next == InvalidBlockNumber)
		{
			if ((opaque->next == block) != closed && !c->standby)
				vc_report_add(&c->report, block, "the tape is %s",
							  closed ? "not closed" : "closed");
			break;
		}
		block = opaque->next;
	}
	pfree(page);
}

/*----- blocks -----*/

/*
 * Is it a page of what a crash left to be freed by the next maintenance?  Or one that an insert has added since the
 * growing tape was read, or is about to link.
 */
static bool
is_pending(const Bm25Check *c, const VcPageOpaque *opaque)
{
	const Bm25MetaDisk *meta = &c->meta;

	if (meta->writing.header != InvalidBlockNumber && opaque->owner == BM25_OWNER_SEGMENT &&
		opaque->incarnation == meta->writing.incarnation)
		return true;
	if (opaque->owner == BM25_OWNER_GROWING && (opaque->incarnation == meta->growing.incarnation ||
												opaque->incarnation >= meta->next_incarnation))
		return true;
	for (uint32 i = 0; i < meta->nretired; i++)
	{
		uint32 owner =
			meta->retired[i].level == BM25_LEVEL_TAPE ? BM25_OWNER_GROWING : BM25_OWNER_SEGMENT;

		if (opaque->owner == owner && opaque->incarnation == meta->retired[i].incarnation)
			return true;
	}
	return false;
}

static void
account(Bm25Check *c)
{
	uint64 lost = 0;

	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		if ((c->claimed[block / 8] >> (block % 8) & 1) != 0)
			continue;
		vc_inspect_copy_page(c->index, block, c->strategy, c->page);
		if (vc_page_is_new(c->page))
			continue;
		if (vc_page_problem(c->page) != NULL)
			vc_report_add(&c->report, block, "%s", vc_page_problem(c->page));
		else if (!vc_page_seal_ok(c->page))
			vc_report_add(&c->report, block, "checksum does not match");
		else if (!vc_page_hole_is_zero(c->page))
			vc_report_add(&c->report, block, "the free space is not zero");
		else if (!vc_page_is_free(c->page) && !is_pending(c, vc_page_opaque_read(c->page)))
			lost++;
	}
	/* with damage, all that is behind a broken link is among them */
	if (lost > 0 && !c->damaged && !c->standby)
		ereport(NOTICE, (errmsg("%llu pages of index \"%s\" belong to nothing",
								(unsigned long long) lost, RelationGetRelationName(c->index)),
						 errdetail("A crash left them behind; VACUUM gives them back.")));
	if (c->late > 0 && !c->standby)
		ereport(NOTICE, (errmsg("%llu dead documents of index \"%s\" are not counted yet",
								(unsigned long long) c->late, RelationGetRelationName(c->index)),
						 errdetail("An interrupted VACUUM left them behind; the next one counts "
								   "them.")));
}

/*----- the table -----*/

typedef struct AskRow
{
	Bm25Check *c;
	Bm25DocumentMaker *maker;
	MemoryContext scratch; /* of one row */
} AskRow;

static void
ask_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	AskRow *ask = state;
	Bm25Check *c = ask->c;
	MemoryContext old = MemoryContextSwitchTo(ask->scratch);
	Bm25Document document;
	const char *what = NULL;

	(void) index;
	(void) alive;
	if (bm25_document_make(ask->maker, values, isnull, tid, &document))
	{
		uint64 print = bm25_print_lengths(document.length, c->meta.fields);

		for (uint32 i = 0; i < document.nterms; i++)
		{
			const Bm25DocumentTerm *term = &document.terms[i];
			uint64 positions = 0;

			for (uint32 j = 0; c->positions && j < term->tf; j++)
				positions =
					bm25_print_mix(positions, term->positions != NULL ? term->positions[j] : 0);
			print += bm25_print_posting(bm25_print_key(term->key.data, term->key.len), term->tf,
										positions);
		}
		if (!vc_keyset_has(c->tids, vc_tid_key(tid)))
			what = "is not in the index";
		else if (!vc_keyset_has(c->rows, bm25_print_mix(print, vc_tid_key(tid))))
			what = "is in the index with other contents";
	}
	else if (vc_keyset_is_exact(c->tids) && vc_keyset_has(c->tids, vc_tid_key(tid)))
		what = "is null, but in the index";
	MemoryContextSwitchTo(old);
	MemoryContextReset(ask->scratch);
	if (what != NULL)
		vc_report_add(&c->report, InvalidBlockNumber, "row (%u,%u) of the table %s",
					  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid), what);
}

static void
compare_table(Bm25Check *c)
{
	Bm25Fields fields;
	AskRow ask;

	if (c->damaged)
	{
		ereport(NOTICE, (errmsg("table \"%s\" is not compared with index \"%s\"",
								RelationGetRelationName(c->inspect.heap),
								RelationGetRelationName(c->index)),
						 errdetail("Parts of the index cannot be read.")));
		return;
	}
	bm25_meta_fields(c->index, &c->meta, &fields);
	ask.c = c;
	ask.maker = bm25_document_maker_create(&fields);
	ask.scratch =
		AllocSetContextCreate(CurrentMemoryContext, "bm25 check row", ALLOCSET_DEFAULT_SIZES);
	vc_inspect_scan_heap(&c->inspect, ask_row, &ask);
}

/*----- the function -----*/

static void
prepare(Bm25Check *c, bool heapallindexed)
{
	double expected = Max(c->index->rd_rel->reltuples, 0);
	Size bytes;

	bm25_meta_read(c->index, &c->meta);
	c->positions = (c->meta.flags & BM25_META_POSITIONS) != 0;
	c->exact = (c->meta.flags & BM25_META_EXACT_NORMS) != 0;
	for (uint32 f = 0; f < c->meta.fields; f++)
		c->vector[f] = bm25_field_type(c->index, &c->meta, (int) f) == BM25_TYPE_VECTOR;
	c->budget = (Size) maintenance_work_mem * 1024;
	c->strategy = GetAccessStrategy(BAS_BULKREAD);
	c->nblocks = RelationGetNumberOfBlocks(c->index);
	bytes = ((Size) c->nblocks + 7) / 8;
	c->claimed = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	memset(c->claimed, 0, bytes);
	c->page = palloc(BLCKSZ);
	for (uint32 i = 0; i < c->meta.nsegments; i++)
		expected = Max(expected, c->meta.segments[i].docs);
	c->tids = vc_keyset_create(expected, maintenance_work_mem / 4);
	if (heapallindexed)
		c->rows = vc_keyset_create(expected, maintenance_work_mem / 4);
}

static void
check_index(Bm25Check *c)
{
	const Bm25MetaDisk *meta = &c->meta;
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "bm25 check segment", ALLOCSET_DEFAULT_SIZES);
	uint64 twice;

	bm25_check_page(c, BM25_META_BLKNO, BM25_PAGE_META, 0, 0);
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);
		const Bm25SegmentDisk *disk = &meta->segments[i];

		if (disk->incarnation >= meta->next_incarnation)
			vc_report_add(&c->report, BM25_META_BLKNO,
						  "incarnation %u of a segment was never given out", disk->incarnation);
		for (uint32 j = 0; j < i; j++)
		{
			if (meta->segments[j].incarnation == disk->incarnation)
				vc_report_add(&c->report, BM25_META_BLKNO, "there are two segments %u",
							  disk->incarnation);
		}
		bm25_check_segment(c, disk);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	check_tape(c, &meta->sealing, true);
	check_tape(c, &meta->growing, false);
	MemoryContextDelete(scratch);
	account(c);

	twice = vc_keyset_finish(c->tids);
	if (twice > 0)
		vc_report_add(&c->report, InvalidBlockNumber, "%llu rows are in the index more than once",
					  (unsigned long long) twice);
	if (c->rows != NULL)
		vc_keyset_finish(c->rows);
}

/*
 * bm25_index_check(index regclass, heapallindexed boolean) returns table (block bigint, message text): what is
 * wrong, nothing if nothing is.  An unreadable metapage is an error.
 */
Datum
bm25_index_check(PG_FUNCTION_ARGS)
{
	bool heapallindexed = PG_GETARG_BOOL(1);
	bool standby = RecoveryInProgress();
	VcInspectSpec spec = {.amname = "bm25",
						  .ambeginscan = bm25_ambeginscan,
						  .right = VC_INSPECT_ANY,
						  .lockmode = standby ? AccessShareLock : ShareUpdateExclusiveLock,
						  .heap_scan = heapallindexed,
						  .need_valid = heapallindexed};
	Bm25Check *c = palloc0(sizeof(Bm25Check));
	MemoryContext context;
	MemoryContext old;

	vc_report_begin(fcinfo, &c->report);
	context = AllocSetContextCreate(CurrentMemoryContext, "bm25 check", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	vc_inspect_begin(PG_GETARG_OID(0), &spec, &c->inspect);
	c->index = c->inspect.index;
	c->standby = standby;
	if (!standby)
		bm25_maintenance_lock(c->index);
	prepare(c, heapallindexed);
	check_index(c);
	if (!standby)
		bm25_maintenance_unlock(c->index);
	if (heapallindexed)
		compare_table(c);
	vc_inspect_end(&c->inspect);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	vc_report_end(&c->report);
	return (Datum) 0;
}
