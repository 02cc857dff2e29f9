/*
 * core/arena.c
 *		Bump allocator with O(1) release.
 *
 * Two chains of blocks, newest first.  Ordinary blocks grow from 8 kB to 1 MB by doubling and are
 * filled by moving a cursor; a request for more than a quarter of the next ordinary block gets a
 * large block of its own, so that it wastes no tail.  A mark is the head of both chains and the
 * cursor; rewinding pops blocks down to it.  One popped ordinary block, the largest, is kept as a
 * spare, so that mark/rewind around each candidate of a scan does not allocate.
 *
 * The arena's struct lives in a small context of its own, a child of the caller's.  That context's
 * reset callback returns the blocks: with mimalloc by destroying the heap, which needs no walk over
 * the blocks; without it they are chunks of the context and die with it.
 *
 * Under Valgrind and AddressSanitizer (or -DVC_ARENA_EXACT) every allocation is a large block, so
 * that the checkers see its ends.
 */
#include "postgres.h"

#include "core/arena.h"

#include "utils/memutils.h"

#include "core/attrs.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(USE_VALGRIND) || defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define VC_ARENA_EXACT
#endif

#if defined(VC_USE_MIMALLOC) && !defined(VC_ARENA_EXACT)
#define ARENA_MIMALLOC
#include <mimalloc.h>
#endif

#define FIRST_BLOCK ((Size) 8 * 1024)
#define LAST_BLOCK  ((Size) 1024 * 1024)

#ifdef VC_ARENA_EXACT
#define LARGE_SHARE(block_size) ((Size) 0)
#else
#define LARGE_SHARE(block_size) ((block_size) / 4)
#endif

/*
 * mimalloc keeps freed memory for a while in case it is wanted again.  After an arena of this size
 * (a build's, an unbounded scan's) it is told to give it back, so that an idle backend stays small.
 */
#define COLLECT_LIMIT ((Size) 16 * 1024 * 1024)

typedef struct Block
{
	struct Block *prev;
	Size size; /* with this header */
} Block;

#define BLOCK_DATA(block) ((char *) (block) + MAXALIGN(sizeof(Block)))
#define BLOCK_END(block)  ((char *) (block) + (block)->size)

struct VcArena
{
	char *cursor; /* free part of the newest ordinary block */
	char *end;
	Block *blocks;
	Block *large;
	Block *spare;
	Size next_size; /* of the next ordinary block */
	Size held;      /* bytes of all blocks, the spare included */
	Size budget;
	const char *name;
	MemoryContext context; /* holds this struct */
	MemoryContextCallback callback;
#ifdef ARENA_MIMALLOC
	mi_heap_t *heap;
#endif
};

/*
 * Sum of `held` over all arenas.  Right after an ERROR too: it goes down in the reset callback,
 * which abort runs.
 */
static Size total_held = 0;

/* Reset callback of the arena's context. */
static void
release_all(void *arg)
{
	VcArena *arena = arg;

	total_held -= arena->held;
#ifdef ARENA_MIMALLOC
	if (arena->heap != NULL)
		mi_heap_destroy(arena->heap);
	if (arena->held >= COLLECT_LIMIT)
		mi_collect(true);
	arena->heap = NULL;
#endif
	arena->held = 0;
}

VcArena *
vc_arena_create(MemoryContext parent, const char *name, Size budget)
{
	MemoryContext context;
	VcArena *arena;

	context = AllocSetContextCreate(parent, "vchord arena", ALLOCSET_SMALL_SIZES);
	MemoryContextSetIdentifier(context, name);
	arena = MemoryContextAllocZero(context, sizeof(VcArena));
	arena->next_size = FIRST_BLOCK;
	arena->budget = budget;
	arena->name = name;
	arena->context = context;
	arena->callback.func = release_all;
	arena->callback.arg = arena;
	MemoryContextRegisterResetCallback(context, &arena->callback);
#ifdef ARENA_MIMALLOC
	arena->heap = mi_heap_new();
	if (arena->heap == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				errdetail("Failed to create the heap of arena \"%s\".", name));
#endif
	return arena;
}

void
vc_arena_destroy(VcArena *arena)
{
	MemoryContextDelete(arena->context);
}

/* NULL if the budget or the machine does not give that much; nothing is changed then. */
static Block *
block_new(VcArena *arena, Size size)
{
	Block *block;

	if (arena->held > arena->budget || size > arena->budget - arena->held)
		return NULL;
#ifdef ARENA_MIMALLOC
	block = mi_heap_malloc(arena->heap, size);
#else
	block = MemoryContextAllocExtended(arena->context, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
#endif
	if (block == NULL)
		return NULL;
	block->prev = NULL;
	block->size = size;
	arena->held += size;
	total_held += size;
	return block;
}

static void
block_free(VcArena *arena, Block *block)
{
	arena->held -= block->size;
	total_held -= block->size;
#ifdef ARENA_MIMALLOC
	mi_free(block);
#else
	pfree(block);
#endif
}

/* The spare if it is large enough for `need`, else a new ordinary block; NULL as block_new. */
static Block *
next_ordinary(VcArena *arena, Size need)
{
	Block *block = arena->spare;
	Size size = arena->next_size;

	if (block != NULL)
	{
		arena->spare = NULL;
		if (block->size >= need)
			return block;
		block_free(arena, block);
	}
	block = block_new(arena, size);
	if (block != NULL)
		arena->next_size = Min(size * 2, LAST_BLOCK);
	else
	{
		/* Close to the budget a block that just fits will do. */
		block = block_new(arena, need);
	}
	return block;
}

/* The current block is full. */
static pg_noinline void *
alloc_slow(VcArena *arena, Size size, Size align)
{
	Size need;
	Block *block;

	if (size > MaxAllocHugeSize - MAXALIGN(sizeof(Block)) - VC_ARENA_ALIGN)
		return NULL;
	/* A block is aligned to MAXIMUM_ALIGNOF at least; more is made inside of it. */
	need = MAXALIGN(sizeof(Block)) + size + (align - MAXIMUM_ALIGNOF);

	if (need > LARGE_SHARE(arena->next_size))
	{
		block = block_new(arena, need);
		if (block == NULL && arena->spare != NULL)
		{
			block_free(arena, arena->spare);
			arena->spare = NULL;
			block = block_new(arena, need);
		}
		if (block == NULL)
			return NULL;
		block->prev = arena->large;
		arena->large = block;
		return (char *) TYPEALIGN(align, BLOCK_DATA(block));
	}

	block = next_ordinary(arena, need);
	if (block == NULL)
		return NULL;
	block->prev = arena->blocks;
	arena->blocks = block;
	arena->end = BLOCK_END(block);
	arena->cursor = (char *) TYPEALIGN(align, BLOCK_DATA(block));
	arena->cursor += size;
	return arena->cursor - size;
}

static inline void *
alloc_aligned(VcArena *arena, Size size, Size align)
{
	char *start = (char *) TYPEALIGN(align, arena->cursor);

	/* An address of its own for an empty request. */
	size = Max(size, 1);
	if (likely(arena->blocks != NULL && start <= arena->end && size <= (Size) (arena->end - start)))
	{
		arena->cursor = start + size;
		return start;
	}
	return alloc_slow(arena, size, align);
}

static VC_COLD pg_noinline void
report_failure(const VcArena *arena, Size size)
{
	if (arena->held > arena->budget || size > arena->budget - arena->held)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY),
				errmsg("memory limit of \"%s\" exceeded", arena->name),
				errdetail("A request of %zu bytes does not fit into the limit of %zu bytes, of "
						  "which %zu are in use.",
						  size, arena->budget, arena->held),
				errhint("Increase \"work_mem\", or \"maintenance_work_mem\" for an index build."));
	ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
			errdetail("Failed on a request of %zu bytes in arena \"%s\".", size, arena->name));
}

void *
vc_arena_try_alloc(VcArena *arena, Size size)
{
	return alloc_aligned(arena, size, MAXIMUM_ALIGNOF);
}

void *
vc_arena_try_alloc_aligned(VcArena *arena, Size size)
{
	return alloc_aligned(arena, size, VC_ARENA_ALIGN);
}

void *
vc_arena_alloc(VcArena *arena, Size size)
{
	void *result = alloc_aligned(arena, size, MAXIMUM_ALIGNOF);

	if (unlikely(result == NULL))
		report_failure(arena, size);
	return result;
}

void *
vc_arena_alloc0(VcArena *arena, Size size)
{
	return memset(vc_arena_alloc(arena, size), 0, size);
}

void *
vc_arena_alloc_aligned(VcArena *arena, Size size)
{
	void *result = alloc_aligned(arena, size, VC_ARENA_ALIGN);

	if (unlikely(result == NULL))
		report_failure(arena, size);
	return result;
}

void *
vc_arena_alloc_array(VcArena *arena, Size count, Size size)
{
	if (size > 0 && count > MaxAllocHugeSize / size)
		report_failure(arena, MaxAllocHugeSize);
	return vc_arena_alloc_aligned(arena, count * size);
}

void *
vc_arena_grow(VcArena *arena, void *old, Size old_size, Size new_size)
{
	char *start = old;
	void *result;

	Assert(new_size >= old_size);
	Assert(old != NULL || old_size == 0);

	if (start != NULL && old_size > 0 && arena->blocks != NULL &&
		start + old_size == arena->cursor && new_size <= (Size) (arena->end - start))
	{
		arena->cursor = start + new_size;
		return old;
	}
	result = vc_arena_alloc_aligned(arena, new_size);
	if (old_size > 0)
		memcpy(result, old, old_size);
	return result;
}

VcArenaMark
vc_arena_mark(VcArena *arena)
{
	VcArenaMark mark = {
		.arena = arena,
		.block = arena->blocks,
		.cursor = arena->cursor,
		.large = arena->large,
	};

	return mark;
}

void
vc_arena_rewind(VcArenaMark *mark)
{
	VcArena *arena = mark->arena;

	while (arena->large != mark->large)
	{
		Block *block = arena->large;

		Assert(block != NULL);
		arena->large = block->prev;
		block_free(arena, block);
	}
	while (arena->blocks != mark->block)
	{
		Block *block = arena->blocks;

		Assert(block != NULL);
		arena->blocks = block->prev;
		if (arena->spare == NULL)
			arena->spare = block;
		else if (arena->spare->size < block->size)
		{
			block_free(arena, arena->spare);
			arena->spare = block;
		}
		else
			block_free(arena, block);
	}
	arena->cursor = mark->cursor;
	arena->end = arena->blocks != NULL ? BLOCK_END(arena->blocks) : NULL;
}

void
vc_arena_reset(VcArena *arena)
{
	VcArenaMark start = {.arena = arena};

	vc_arena_rewind(&start);
}

Size
vc_arena_bytes(const VcArena *arena)
{
	return arena->held;
}

Size
vc_arena_budget(const VcArena *arena)
{
	return arena->budget;
}

Size
vc_arena_total_bytes(void)
{
	return total_held;
}

const char *
vc_arena_source(void)
{
#ifdef ARENA_MIMALLOC
	return "mimalloc";
#else
	return "memory context";
#endif
}
