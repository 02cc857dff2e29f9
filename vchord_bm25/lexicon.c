/*
 * vchord_bm25/lexicon.c
 *		Interned term keys: each distinct key gets a dense number.
 *
 * Open addressing with linear probing over slots of {hash, number}, at most two thirds full; the keys
 * themselves are in an arena and an array of {address, length} by number.  The hash in the slot keeps
 * a probe from touching keys other than the right one.  Tables are chunks of a memory context that may
 * exceed 1 GB; they grow by doubling.
 */
#include "postgres.h"

#include "vchord_bm25/lexicon.h"

#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "core/arena.h"

#include "vchord_bm25/format.h"
#include "vchord_bm25/hash.h"

#define FIRST_CAPACITY 256         /* keys; a power of two */
#define KEPT_CAPACITY  (64 * 1024) /* tables up to this size survive a reset */

typedef struct Slot
{
	uint32 hash;
	uint32 number; /* + 1; 0: free */
} Slot;

struct Bm25Lexicon
{
	MemoryContext context;
	VcArena *arena; /* of keys */
	Slot *slots;
	uint32 count;
	uint64 capacity; /* slots; a power of two */
	Bm25Key *keys;
	uint64 keys_capacity;
};

/* Fresh tables. */
static void
make_tables(Bm25Lexicon *lexicon)
{
	lexicon->count = 0;
	lexicon->capacity = FIRST_CAPACITY;
	lexicon->slots = MemoryContextAllocZero(lexicon->context, FIRST_CAPACITY * sizeof(Slot));
	lexicon->keys_capacity = FIRST_CAPACITY;
	lexicon->keys = MemoryContextAlloc(lexicon->context, FIRST_CAPACITY * sizeof(Bm25Key));
}

Bm25Lexicon *
bm25_lexicon_create(void)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "bm25 lexicon", ALLOCSET_START_SMALL_SIZES);
	Bm25Lexicon *lexicon = MemoryContextAllocZero(context, sizeof(Bm25Lexicon));

	lexicon->context = context;
	lexicon->arena = vc_arena_create(context, "bm25 term keys", VC_ARENA_UNLIMITED);
	make_tables(lexicon);
	return lexicon;
}

void
bm25_lexicon_reset(Bm25Lexicon *lexicon)
{
	vc_arena_reset(lexicon->arena);
	if (lexicon->capacity > KEPT_CAPACITY)
	{
		pfree(lexicon->slots);
		pfree(lexicon->keys);
		make_tables(lexicon);
	}
	else
	{
		memset(lexicon->slots, 0, lexicon->capacity * sizeof(Slot));
		lexicon->count = 0;
	}
}

void
bm25_lexicon_destroy(Bm25Lexicon *lexicon)
{
	vc_arena_destroy(lexicon->arena);
	MemoryContextDelete(lexicon->context);
}

static void
grow_slots(Bm25Lexicon *lexicon)
{
	uint64 capacity = lexicon->capacity * 2;
	uint64 mask = capacity - 1;
	Slot *slots = MemoryContextAllocHuge(lexicon->context, capacity * sizeof(Slot));

	memset(slots, 0, capacity * sizeof(Slot));
	for (uint64 i = 0; i < lexicon->capacity; i++)
	{
		Slot slot = lexicon->slots[i];
		uint64 at;

		if (slot.number == 0)
			continue;
		at = slot.hash & mask;
		while (slots[at].number != 0)
			at = (at + 1) & mask;
		slots[at] = slot;
	}
	pfree(lexicon->slots);
	lexicon->slots = slots;
	lexicon->capacity = capacity;
}

/* A new key, for which slot `at` was found free. */
static uint32
add(Bm25Lexicon *lexicon, uint8 field, const char *term, uint32 len, uint32 hash, uint64 at)
{
	char *data;

	Assert(1 + len <= BM25_MAX_KEY_BYTES);
	/* the slots hold number + 1, and half of what 32 bits count is more than any memory holds */
	if (lexicon->count >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many distinct terms")));
	if (lexicon->count == lexicon->keys_capacity)
	{
		lexicon->keys = repalloc_huge(lexicon->keys, 2 * lexicon->keys_capacity * sizeof(Bm25Key));
		lexicon->keys_capacity *= 2;
	}
	data = vc_arena_alloc(lexicon->arena, 1 + (Size) len);
	data[0] = (char) field;
	memcpy(data + 1, term, len);
	lexicon->keys[lexicon->count] = (Bm25Key){.data = data, .len = 1 + len};
	lexicon->slots[at] = (Slot){.hash = hash, .number = lexicon->count + 1};
	lexicon->count++;
	if ((uint64) lexicon->count * 3 > lexicon->capacity * 2)
		grow_slots(lexicon);
	return lexicon->count - 1;
}

uint32
bm25_lexicon_intern(Bm25Lexicon *lexicon, uint8 field, const char *term, uint32 len)
{
	uint32 hash = (uint32) bm25_hash(field, term, len);
	uint64 mask = lexicon->capacity - 1;
	uint64 at = hash & mask;

	for (;;)
	{
		Slot slot = lexicon->slots[at];

		if (slot.number == 0)
			return add(lexicon, field, term, len, hash, at);
		if (slot.hash == hash)
		{
			const Bm25Key *key = &lexicon->keys[slot.number - 1];

			if (key->len == 1 + len && (uint8) key->data[0] == field &&
				memcmp(key->data + 1, term, len) == 0)
				return slot.number - 1;
		}
		at = (at + 1) & mask;
	}
}

uint32
bm25_lexicon_count(const Bm25Lexicon *lexicon)
{
	return lexicon->count;
}

Bm25Key
bm25_lexicon_key(const Bm25Lexicon *lexicon, uint32 number)
{
	Assert(number < lexicon->count);
	return lexicon->keys[number];
}

Size
bm25_lexicon_bytes(const Bm25Lexicon *lexicon)
{
	return vc_arena_bytes(lexicon->arena) + lexicon->capacity * sizeof(Slot) +
		   lexicon->keys_capacity * sizeof(Bm25Key);
}

/*----- order -----*/

/* The first bytes of a key settle most comparisons. */
typedef struct SortEntry
{
	uint64 prefix; /* first eight bytes of the key, zero padded, most significant first */
	uint32 number;
} SortEntry;

static inline int
compare_entries(const SortEntry *a, const SortEntry *b, const Bm25Lexicon *lexicon)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return bm25_key_cmp(lexicon->keys[a->number], lexicon->keys[b->number]);
}

#define ST_SORT             sort_entries
#define ST_ELEMENT_TYPE     SortEntry
#define ST_COMPARE_ARG_TYPE const Bm25Lexicon
#define ST_COMPARE          compare_entries
#define ST_SCOPE            static
#define ST_DEFINE
#define ST_CHECK_FOR_INTERRUPTS
#include "lib/sort_template.h"

void
bm25_lexicon_sort(const Bm25Lexicon *lexicon, uint32 *numbers, Size n)
{
	SortEntry *entries = MemoryContextAllocHuge(CurrentMemoryContext, (n + 1) * sizeof(SortEntry));

	for (Size i = 0; i < n; i++)
	{
		Bm25Key key = lexicon->keys[numbers[i]];
		uint64 prefix = 0;

		memcpy(&prefix, key.data, Min(key.len, sizeof(prefix)));
		entries[i] = (SortEntry){.prefix = pg_ntoh64(prefix), .number = numbers[i]};
	}
	sort_entries(entries, n, lexicon);
	for (Size i = 0; i < n; i++)
		numbers[i] = entries[i].number;
	pfree(entries);
}

uint32 *
bm25_lexicon_sorted(const Bm25Lexicon *lexicon)
{
	uint32 *numbers =
		MemoryContextAllocHuge(CurrentMemoryContext, ((Size) lexicon->count + 1) * sizeof(uint32));

	for (uint32 i = 0; i < lexicon->count; i++)
		numbers[i] = i;
	bm25_lexicon_sort(lexicon, numbers, lexicon->count);
	return numbers;
}
