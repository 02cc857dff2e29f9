/*
 * core/arena.h
 *		Bump allocator with O(1) release: one per scan, per insert, per phase of a build.
 *
 * Life: an arena hangs on a MemoryContext.  Deleting or resetting that context, which transaction
 * abort does by itself, destroys the arena, so nobody has to free it on ERROR.  There is no free of
 *a single allocation; vc_arena_mark/vc_arena_rewind give back everything since a point, and
 * vc_arena_reset everything.
 *
 * Budget: the arena counts the bytes of the blocks that it holds.  vc_arena_alloc raises
 * ERRCODE_OUT_OF_MEMORY when a further block would exceed the budget; vc_arena_try_alloc returns
 *NULL instead, for callers that can spill or drop candidates.  Either way the arena is unchanged
 *and usable.
 *
 * Blocks come from mimalloc, one mi_heap_t per arena (D7), or from the MemoryContext where the
 *build has no mimalloc or runs under Valgrind or AddressSanitizer.  Blocks beyond 1 GB are fine in
 *both.
 *
 * Threads: an arena belongs to the backend's main thread.  Worker threads never call these
 *functions; they use memory that the main thread took from an arena before it started them.
 */
#ifndef VC_CORE_ARENA_H
#define VC_CORE_ARENA_H

typedef struct VcArena VcArena;

/* A position to return to.  Valid until an earlier mark is rewound or the arena is reset. */
typedef struct VcArenaMark
{
	VcArena *arena;
	void *block;
	char *cursor;
	void *large;
} VcArenaMark;

#define VC_ARENA_UNLIMITED ((Size) -1)
#define VC_ARENA_ALIGN     64 /* of vc_arena_alloc_aligned: a cache line, a 512-bit register */

/*
 * Creates an arena whose life ends with `parent`.  `name` (shown by MemoryContextStats) must
 * outlive the arena; a string constant does.  budget is in bytes, VC_ARENA_UNLIMITED for none.
 */
extern VcArena *vc_arena_create(MemoryContext parent, const char *name, Size budget);

/* Frees everything, the arena included, before its parent does. */
extern void vc_arena_destroy(VcArena *arena);

/* Forgets all allocations; keeps one ordinary block for the next round. */
extern void vc_arena_reset(VcArena *arena);

/* Allocates `size` bytes aligned to MAXIMUM_ALIGNOF, uninitialised.  Size 0 gives a unique address.
 */
extern void *vc_arena_alloc(VcArena *arena, Size size);

/* The same, zeroed. */
extern void *vc_arena_alloc0(VcArena *arena, Size size);

/* The same, aligned to VC_ARENA_ALIGN. */
extern void *vc_arena_alloc_aligned(VcArena *arena, Size size);

/* `count` elements of `size` bytes, aligned to VC_ARENA_ALIGN; the product is checked for overflow.
 */
extern void *vc_arena_alloc_array(VcArena *arena, Size count, Size size);

/* As vc_arena_alloc / vc_arena_alloc_aligned, but NULL where they would raise an error. */
extern void *vc_arena_try_alloc(VcArena *arena, Size size);
extern void *vc_arena_try_alloc_aligned(VcArena *arena, Size size);

/*
 * Enlarges an allocation (NULL with old_size 0 starts one): in place if it was the last one and the
 * block has room, else by copying; the old bytes are then lost until the next rewind.
 */
extern void *vc_arena_grow(VcArena *arena, void *old, Size old_size, Size new_size);

/* Remembers the position; VC_SCOPED(vc_arena_rewind) gives it back at the end of the scope. */
extern VcArenaMark vc_arena_mark(VcArena *arena);
extern void vc_arena_rewind(VcArenaMark *mark);

/* Bytes held in blocks now, and the budget. */
extern Size vc_arena_bytes(const VcArena *arena);
extern Size vc_arena_budget(const VcArena *arena);

/* Bytes held by all arenas of this process, for tests and statistics. */
extern Size vc_arena_total_bytes(void);

/* "mimalloc" or "memory context": where blocks come from in this build. */
extern const char *vc_arena_source(void);

#endif
