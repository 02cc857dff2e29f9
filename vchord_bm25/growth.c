/*
 * vchord_bm25/growth.c
 *		Inverts growing documents in memory; see growth.h.
 */
#include "postgres.h"

#include "vchord_bm25/growth.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "vchord_bm25/growing.h"

#define FIRST_DOCS  64
#define FIRST_LISTS 1024
#define FIRST_ROOM  2 /* most terms are rare */

typedef struct Hold
{
	MemoryContextCallback callback;
	Bm25Growth *growth;
} Hold;

static void
release_hold(void *arg)
{
	Bm25Growth *growth = ((Hold *) arg)->growth;

	if (--growth->pins == 0)
		MemoryContextDelete(growth->context);
}

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

Bm25GrowthPart
bm25_growth_read(Relation index, const Bm25MetaDisk *meta, bool sealing, MemoryContext holder)
{
	const Bm25TapeDisk *tape = sealing ? &meta->sealing : &meta->growing;
	Bm25GrowthPart part = {NULL, 0};
	MemoryContext context;
	MemoryContext caller;
	Bm25Growth *growth;
	Bm25GrowingReader *reader;
	Bm25GrowingDocument document;
	Hold *hold;

	if (!BlockNumberIsValid(tape->head))
		return part;

	context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 growth", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	growth = palloc0(sizeof(Bm25Growth));
	growth->context = context;
	growth->fields = meta->fields;
	growth->lexicon = bm25_lexicon_create();
	reader = bm25_growing_read_begin(index, meta, !sealing, sealing);
	while (bm25_growing_read_next(reader, false, &document))
	{
		CHECK_FOR_INTERRUPTS();
		add_document(growth, &document);
	}
	bm25_growing_read_end(reader);
	MemoryContextSwitchTo(caller);

	hold = MemoryContextAlloc(holder, sizeof(Hold));
	hold->growth = growth;
	hold->callback.func = release_hold;
	hold->callback.arg = hold;
	MemoryContextSetParent(context, TopMemoryContext);
	growth->pins = 1;
	MemoryContextRegisterResetCallback(holder, &hold->callback);

	part.growth = growth;
	part.ndocs = growth->ndocs;
	return part;
}

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
