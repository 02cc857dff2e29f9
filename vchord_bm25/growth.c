/*
 * vchord_bm25/growth.c
 *		Inverts growing documents in memory; see growth.h.
 *
 * A read walks the pages of the tape and notes how many items each has, and how many of them are dead.
 * If the inversion at hand, of the same tape, saw the same pages with the same dead items, the documents
 * behind its last one are added; else everything is inverted.  Documents that are appended while the
 * pages are walked are left out: no snapshot sees them yet.
 *
 * Memory: an inversion has a context of its own below TopMemoryContext and lives as long as somebody pins
 * it.  The cache is one of these: CACHED inversions of up to CACHED_BYTES.
 */
#include "postgres.h"

#include "vchord_bm25/growth.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/report.h"

#include "vchord_bm25/growing.h"

#define CACHED       4
#define CACHED_BYTES ((Size) 64 * 1024 * 1024)

#define FIRST_DOCS  64
#define FIRST_LISTS 1024
#define FIRST_ROOM  2 /* most terms are rare */

typedef struct Hold
{
	MemoryContextCallback callback;
	Bm25Growth *growth;
} Hold;

typedef struct Slot
{
	Bm25Growth *growth; /* NULL: free */
	RelFileLocator locator;
	uint32 incarnation;
	uint64 used;
} Slot;

/* Written only when what they describe is complete. */
static Slot slots[CACHED];
static uint64 last_use = 0;

static void
unpin(Bm25Growth *growth)
{
	Assert(growth->pins > 0);
	if (--growth->pins == 0)
		MemoryContextDelete(growth->context);
}

static void
release_hold(void *arg)
{
	unpin(((Hold *) arg)->growth);
}

/*----- documents -----*/

static void *
grow(void *array, uint32 count, Size width)
{
	return array == NULL ? MemoryContextAllocHuge(CurrentMemoryContext, count * width)
						 : repalloc_huge(array, count * width);
}

static void
add_posting(Bm25Growth *growth, const Bm25GrowingTerm *term)
{
	uint32 number = bm25_lexicon_intern(growth->lexicon, (uint8) term->key.data[0],
										term->key.data + 1, term->key.len - 1);
	Bm25GrowthList *list;

	if (number >= growth->lists_room)
	{
		uint32 old = growth->lists_room;

		growth->lists_room = Max(FIRST_LISTS, 2 * old);
		growth->lists = grow(growth->lists, growth->lists_room, sizeof(Bm25GrowthList));
		memset(growth->lists + old, 0, sizeof(Bm25GrowthList) * (growth->lists_room - old));
	}
	list = &growth->lists[number];
	if (list->n == list->room)
	{
		uint32 room = Max(FIRST_ROOM, 2 * list->room);

		list->docs = grow(list->docs, room, sizeof(uint32));
		list->tfs = grow(list->tfs, room, sizeof(uint32));
		list->room = room;
	}
	list->docs[list->n] = growth->ndocs;
	list->tfs[list->n] = term->tf;
	list->n++;
}

static void
add_document(Bm25Growth *growth, Bm25GrowingDocument *document)
{
	Bm25GrowingTerm term;

	if (growth->ndocs == growth->room)
	{
		growth->room = Max(FIRST_DOCS, 2 * growth->room);
		growth->tids = grow(growth->tids, growth->room, sizeof(ItemPointerData));
		growth->lengths =
			grow(growth->lengths, growth->room, sizeof(uint32) * Max(growth->fields, 1));
	}
	growth->tids[growth->ndocs] = document->tid;
	memcpy(growth->lengths + (Size) growth->ndocs * growth->fields, document->length,
		   sizeof(uint32) * growth->fields);
	while (bm25_growing_next_term(document, &term))
		add_posting(growth, &term);
	growth->ndocs++;
}

/*----- pages -----*/

/* The pages of a tape; of those that `known` has, dead items are counted among the items it looked at. */
static Bm25GrowthPage *
walk_pages(Relation index, const Bm25TapeDisk *tape, const Bm25Growth *known, uint32 *ret_n,
		   bool *ret_same)
{
	Bm25GrowthPage *pages = NULL;
	uint32 room = 0;
	uint32 n = 0;
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	BlockNumber blkno = tape->head;
	bool same = known != NULL;

	while (blkno != InvalidBlockNumber)
	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = VC_PAGE_READ_NONE(index);
		const Bm25GrowthPage *before = known != NULL && n < known->npages ? &known->pages[n] : NULL;
		Bm25GrowthPage page = {blkno, 0, 0};
		OffsetNumber dead_before = 0;
		BlockNumber next;

		CHECK_FOR_INTERRUPTS();
		if (n == room)
		{
			room = Max(64, 2 * room);
			pages = grow(pages, room, sizeof(Bm25GrowthPage));
		}
		if (n > blocks)
			vc_corrupt(index, tape->head, "the tape of growing documents has no end");
		r = vc_page_read(index, blkno, BM25_PAGE_GROWING);
		if (!vc_page_is_of(r.page, BM25_OWNER_GROWING, tape->incarnation))
			vc_corrupt(index, blkno, "page is not of the tape of growing documents");
		page.items = vc_page_items(r.page);
		for (OffsetNumber off = 1; off <= page.items; off++)
		{
			VcSpan data;

			page.dead += vc_page_item(index, blkno, r.page, off, &data) == VC_ITEM_DEAD;
			if (before != NULL && off == before->items)
				dead_before = page.dead;
		}
		if (before != NULL &&
			(before->block != blkno || before->items > page.items || before->dead != dead_before ||
			 (before->items < page.items && n + 1 < known->npages)))
			same = false;
		next = vc_page_opaque_read(r.page)->next;
		pages[n++] = page;
		/* a closed tail links to itself */
		blkno = next == blkno ? InvalidBlockNumber : next;
	}
	*ret_n = n;
	*ret_same = same && n >= known->npages;
	return pages;
}

/* Adds the documents on pages that the inversion does not have yet. */
static void
add_pages(Bm25Growth *growth, Relation index, const Bm25MetaDisk *meta, bool sealing,
		  const Bm25GrowthPage *pages, uint32 npages)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 growing tape",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	VcIndexPointer after = VC_INDEX_POINTER_NONE;
	Bm25GrowingReader *reader;
	Bm25GrowingDocument document;
	uint32 at = growth->npages > 0 ? growth->npages - 1 : 0;

	if (growth->npages > 0)
		after = (VcIndexPointer){growth->pages[at].block, growth->pages[at].items};
	growth->whole = false;
	reader = bm25_growing_read_behind(index, meta, sealing, after);
	while (bm25_growing_read_next(reader, false, &document))
	{
		CHECK_FOR_INTERRUPTS();
		while (at < npages && pages[at].block != document.where.block)
			at++;
		if (at == npages || document.where.slot > pages[at].items)
			break;
		MemoryContextSwitchTo(growth->context);
		add_document(growth, &document);
		MemoryContextSwitchTo(scratch);
	}
	bm25_growing_read_end(reader);

	MemoryContextSwitchTo(growth->context);
	if (growth->pages != NULL)
		pfree(growth->pages);
	growth->pages = NULL;
	growth->npages = 0;
	growth->pages = grow(NULL, npages, sizeof(Bm25GrowthPage));
	memcpy(growth->pages, pages, sizeof(Bm25GrowthPage) * npages);
	growth->npages = npages;
	growth->whole = true;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

/*----- the cache -----*/

/* A file whose life begins in this transaction may begin it a second time. */
static bool
may_cache(Relation index)
{
	return !RelationUsesLocalBuffers(index) && index->rd_createSubid == InvalidSubTransactionId &&
		   vc_rel_first_locator(index) == InvalidSubTransactionId;
}

static Slot *
find_slot(Relation index, uint32 incarnation)
{
	if (!may_cache(index))
		return NULL;
	for (int i = 0; i < CACHED; i++)
	{
		if (slots[i].growth != NULL && slots[i].incarnation == incarnation &&
			RelFileLocatorEquals(slots[i].locator, vc_rel_locator(index)))
			return &slots[i];
	}
	return NULL;
}

static void
drop_slot(Slot *slot)
{
	Bm25Growth *growth = slot->growth;

	slot->growth = NULL;
	unpin(growth);
}

/* Keeps an inversion, if it is worth it, instead of the one that was not used for longest. */
static void
keep(Relation index, uint32 incarnation, Bm25Growth *growth)
{
	Slot *victim = &slots[0];

	if (!may_cache(index) || MemoryContextMemAllocated(growth->context, true) > CACHED_BYTES)
		return;
	for (int i = 1; i < CACHED && victim->growth != NULL; i++)
	{
		if (slots[i].growth == NULL || slots[i].used < victim->used)
			victim = &slots[i];
	}
	if (victim->growth != NULL)
		drop_slot(victim);
	growth->pins++;
	*victim = (Slot){growth, vc_rel_locator(index), incarnation, ++last_use};
}

static Bm25Growth *
make_growth(const Bm25MetaDisk *meta)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 growth", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Bm25Growth *growth = palloc0(sizeof(Bm25Growth));

	growth->context = context;
	growth->fields = meta->fields;
	growth->lexicon = bm25_lexicon_create();
	MemoryContextSwitchTo(caller);
	return growth;
}

Bm25GrowthPart
bm25_growth_read(Relation index, const Bm25MetaDisk *meta, bool sealing, MemoryContext holder)
{
	const Bm25TapeDisk *tape = sealing ? &meta->sealing : &meta->growing;
	Bm25GrowthPart part = {NULL, 0};
	Bm25GrowthPage *pages;
	Bm25Growth *growth;
	Slot *slot;
	Hold *hold;
	uint32 npages;
	bool same;

	if (!BlockNumberIsValid(tape->head))
		return part;

	hold = MemoryContextAlloc(holder, sizeof(Hold));
	hold->callback.func = release_hold;
	hold->callback.arg = hold;
	slot = find_slot(index, tape->incarnation);
	if (slot != NULL && !slot->growth->whole)
	{
		drop_slot(slot);
		slot = NULL;
	}
	pages = walk_pages(index, tape, slot != NULL ? slot->growth : NULL, &npages, &same);
	if (slot != NULL && same)
	{
		const Bm25GrowthPage *last;

		growth = slot->growth;
		last = &growth->pages[growth->npages - 1];
		slot->used = ++last_use;
		growth->pins++;
		hold->growth = growth;
		MemoryContextRegisterResetCallback(holder, &hold->callback);
		if (npages > growth->npages || pages[npages - 1].items > last->items)
			add_pages(growth, index, meta, sealing, pages, npages);
	}
	else
	{
		if (slot != NULL)
			drop_slot(slot);
		growth = make_growth(meta);
		add_pages(growth, index, meta, sealing, pages, npages);
		growth->pins = 1;
		hold->growth = growth;
		MemoryContextSetParent(growth->context, TopMemoryContext);
		MemoryContextRegisterResetCallback(holder, &hold->callback);
		keep(index, tape->incarnation, growth);
	}
	pfree(pages);
	part.growth = growth;
	part.ndocs = growth->ndocs;
	return part;
}

/*----- asking -----*/

/* how many of a list's documents are numbered below a limit */
static uint32
count_below(const Bm25GrowthList *list, uint32 limit)
{
	uint32 lo = 0;
	uint32 hi = list->n;

	if (hi == 0 || list->docs[hi - 1] < limit)
		return hi;
	while (lo < hi)
	{
		uint32 mid = lo + (hi - lo) / 2;

		if (list->docs[mid] < limit)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const Bm25GrowthList *
bm25_growth_list(Bm25GrowthPart part, Bm25Key key, uint32 *ret_n)
{
	uint32 number;

	*ret_n = 0;
	if (part.ndocs == 0)
		return NULL;

	/* a key that is not there gets a number, too: a few query terms */
	number =
		bm25_lexicon_intern(part.growth->lexicon, (uint8) key.data[0], key.data + 1, key.len - 1);
	if (number >= part.growth->lists_room || part.growth->lists[number].n == 0)
		return NULL;
	*ret_n = count_below(&part.growth->lists[number], part.ndocs);
	return *ret_n > 0 ? &part.growth->lists[number] : NULL;
}

uint32
bm25_growth_prefix(Bm25GrowthPart part, Bm25Key prefix, Bm25Key **ret_keys)
{
	uint32 n = 0;
	uint32 count;
	Bm25Key *keys;

	*ret_keys = NULL;
	if (part.ndocs == 0)
		return 0;
	count = bm25_lexicon_count(part.growth->lexicon);
	keys = palloc_extended(sizeof(Bm25Key) * Max(count, 1), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < count; i++)
	{
		Bm25Key key = bm25_lexicon_key(part.growth->lexicon, i);

		if (i < part.growth->lists_room && key.len >= prefix.len &&
			memcmp(key.data, prefix.data, prefix.len) == 0 &&
			count_below(&part.growth->lists[i], part.ndocs) > 0)
			keys[n++] = key;
	}
	*ret_keys = keys;
	return n;
}
