/*
 * tests/unit/test_arena.c
 *		The arena against a shadow of what it should hold: contents, alignment, budget, marks.
 *
 * Compiled three times: with the library's block source, with MemoryContext blocks, and with a
 *block for every allocation.
 */
#include "postgres.h"

#include "core/arena.h"

#include "core/attrs.h"
#include "tests/unit/pg_stubs.h"
#include "tests/unit/unit.h"

#define MAX_LIVE 4096

typedef struct Piece
{
	unsigned char *bytes;
	Size size;
	unsigned char fill;
} Piece;

static Piece pieces[MAX_LIVE];

static void
check_pieces(int n)
{
	for (int i = 0; i < n; i++)
	{
		Size step = Max(pieces[i].size / 64, 1);

		for (Size j = 0; j < pieces[i].size; j += step)
			CHECK(pieces[i].bytes[j] == pieces[i].fill);
		if (pieces[i].size > 0)
			CHECK(pieces[i].bytes[pieces[i].size - 1] == pieces[i].fill);
	}
}

static Size
random_size(void)
{
	switch (unit_below(20))
	{
		case 0:
			return unit_below(600 * 1024);
		case 1:
		case 2:
			return unit_below(32 * 1024);
		case 3:
			return 0;
		default:
			return unit_below(300);
	}
}

/* Random allocations, nested marks, rewinds and resets; no piece may be overwritten. */
static void
random_life(void)
{
	VcArena *arena = vc_arena_create(NULL, "test", VC_ARENA_UNLIMITED);
	VcArenaMark marks[16];
	int mark_pieces[16];
	int nmarks = 0;
	int n = 0;

	for (int step = 0; step < 6000; step++)
	{
		uint64 what = unit_below(100);

		if (what < 3 && nmarks < 16)
		{
			mark_pieces[nmarks] = n;
			marks[nmarks++] = vc_arena_mark(arena);
		}
		else if (what < 6 && nmarks > 0)
		{
			int to = (int) unit_below(nmarks);

			vc_arena_rewind(&marks[to]);
			nmarks = to;
			n = mark_pieces[to];
			check_pieces(n);
		}
		else if (what == 6 && unit_below(20) == 0)
		{
			check_pieces(n);
			vc_arena_reset(arena);
			CHECK(vc_arena_bytes(arena) <= 1024 * 1024);
			n = nmarks = 0;
		}
		else if (what < 12 && n > 0 && nmarks == 0)
		{
			Piece *p = &pieces[n - 1];
			Size grown = p->size + unit_below(1000);

			p->bytes = vc_arena_grow(arena, p->bytes, p->size, grown);
			for (Size j = 0; j < p->size; j += Max(p->size / 64, 1))
				CHECK(p->bytes[j] == p->fill);
			memset(p->bytes, p->fill, grown);
			p->size = grown;
		}
		else if (n < MAX_LIVE)
		{
			Piece *p = &pieces[n];
			bool aligned = unit_below(2) == 0;

			p->size = random_size();
			p->bytes =
				aligned ? vc_arena_alloc_aligned(arena, p->size) : vc_arena_alloc(arena, p->size);
			CHECK((uintptr_t) p->bytes % (aligned ? VC_ARENA_ALIGN : MAXIMUM_ALIGNOF) == 0);
			p->fill = (unsigned char) unit_random();
			memset(p->bytes, p->fill, p->size);
			n++;
		}
		if (step % 500 == 0)
			check_pieces(n);
		CHECK(vc_arena_total_bytes() == vc_arena_bytes(arena));
	}
	check_pieces(n);
	vc_arena_destroy(arena);
	CHECK(vc_arena_total_bytes() == 0);
	CHECK(stub_live == 0);
}

/* The budget is never exceeded, failure leaves the arena usable, and alloc raises out of memory. */
static void
budget(void)
{
	const Size limit = 100 * 1024;
	VcArena *volatile arena = vc_arena_create(NULL, "test", limit);
	volatile Size got = 0;
	volatile bool caught = false;
	VcArenaMark mark;
	void *piece;

	CHECK(vc_arena_budget(arena) == limit);
	mark = vc_arena_mark(arena);
	for (;;)
	{
		piece = vc_arena_try_alloc(arena, 100);
		CHECK(vc_arena_bytes(arena) <= limit);
		if (piece == NULL)
			break;
		memset(piece, 0x55, 100);
		got += 100;
	}
#ifndef VC_ARENA_EXACT
	/* Headers and block ends may not eat more than a sixth. */
	CHECK(got > limit / 6 * 5);
#endif
	CHECK(got > limit / 2);
	CHECK(vc_arena_try_alloc_aligned(arena, limit) == NULL);
	if (setjmp(stub_catch) == 0)
		vc_arena_alloc(arena, 200);
	else
		caught = true;
	CHECK(caught);
	CHECK(stub_sqlstate == ERRCODE_OUT_OF_MEMORY);

	vc_arena_rewind(&mark);
	piece = vc_arena_try_alloc(arena, limit / 2);
	CHECK(piece != NULL);
	memset(piece, 0x55, limit / 2);
	CHECK(vc_arena_try_alloc(arena, limit / 2) == NULL);
	CHECK(vc_arena_bytes(arena) <= limit);

	/* Sizes that would wrap around. */
	CHECK(vc_arena_try_alloc(arena, (Size) -1) == NULL);
	CHECK(vc_arena_try_alloc_aligned(arena, (Size) -64) == NULL);
	caught = false;
	if (setjmp(stub_catch) == 0)
		vc_arena_alloc_array(arena, (Size) 1 << 40, (Size) 1 << 40);
	else
		caught = true;
	CHECK(caught);
	vc_arena_destroy(arena);
	CHECK(vc_arena_total_bytes() == 0);
	CHECK(stub_live == 0);
}

/* Mark and rewind around each candidate allocates no block after the first round. */
static void
steady(void)
{
	VcArena *arena = vc_arena_create(NULL, "test", VC_ARENA_UNLIMITED);
	Size held = 0;

	for (int i = 0; i < 1000; i++)
	{
		VC_SCOPED(vc_arena_rewind) VcArenaMark mark = vc_arena_mark(arena);
		char *zero = vc_arena_alloc0(arena, 1000);

		for (int j = 0; j < 1000; j++)
			CHECK(zero[j] == 0);
		memset(zero, 0xff, 1000);
		for (int j = 0; j < 100; j++)
			vc_arena_alloc(arena, 1000);
		if (i == 1)
			held = vc_arena_bytes(arena);
		else if (i > 1)
			CHECK(vc_arena_bytes(arena) <= held);
	}
	CHECK(vc_arena_bytes(arena) <= held);
	vc_arena_destroy(arena);
}

/* A block beyond 1 GB; only its ends are touched. */
static void
beyond_one_gigabyte(void)
{
	const Size size = (Size) 3 << 29;
	VcArena *arena = vc_arena_create(NULL, "test", VC_ARENA_UNLIMITED);
	char *piece = vc_arena_alloc_aligned(arena, size);

	piece[0] = 1;
	piece[size - 1] = 2;
	CHECK(piece[0] + piece[size - 1] == 3);
	CHECK(vc_arena_bytes(arena) >= size);
	vc_arena_destroy(arena);
	CHECK(vc_arena_total_bytes() == 0);
}

int
main(void)
{
	unit_init();
	printf("blocks from %s\n", vc_arena_source());
	for (int i = 0; i < 5; i++)
		random_life();
	budget();
	steady();
	beyond_one_gigabyte();
	return unit_done("arena");
}
