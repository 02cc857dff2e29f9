/*
 * tests/unit/pg_stubs.c
 *		The few functions of the server that core's server-free parts call, for unit tests.
 *
 * A memory context is a list of malloc'ed chunks with one reset callback, so that AddressSanitizer
 * sees every chunk, and stub_live counts them.  ereport(ERROR) jumps to stub_catch.
 */
#include "postgres.h"

#include "tests/unit/pg_stubs.h"

#include "utils/memutils.h"

#include <stdio.h>
#include <stdlib.h>

/* The C library's, not the server's that port.h renames it to. */
#undef fprintf

typedef struct Chunk
{
	struct Chunk *next;
	struct Chunk **link; /* what points here */
} Chunk;

typedef struct StubContext
{
	Chunk *chunks;
	MemoryContextCallback *callback;
} StubContext;

jmp_buf stub_catch;
int stub_sqlstate;
int64 stub_live;

void
ExceptionalCondition(const char *condition,
#if PG_VERSION_NUM < 160000
					 const char *type,
#endif
					 const char *file, int line)
{
#if PG_VERSION_NUM < 160000
	(void) type;
#endif
	fprintf(stderr, "%s:%d: Assert(%s) failed\n", file, line, condition);
	abort();
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size min_size, Size init_size,
							  Size max_size)
{
	StubContext *context = calloc(1, sizeof(StubContext));

	(void) parent;
	(void) name;
	(void) min_size;
	(void) init_size;
	(void) max_size;
	return (MemoryContext) context;
}

void
MemoryContextSetIdentifier(MemoryContext context, const char *id)
{
	(void) context;
	(void) id;
}

void
MemoryContextRegisterResetCallback(MemoryContext context, MemoryContextCallback *callback)
{
	((StubContext *) context)->callback = callback;
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	StubContext *stub = (StubContext *) context;
	Chunk *chunk = size < ((Size) 1 << 40) ? malloc(sizeof(Chunk) + size) : NULL;

	if (chunk == NULL)
	{
		if (flags & MCXT_ALLOC_NO_OOM)
			return NULL;
		abort();
	}
	chunk->next = stub->chunks;
	chunk->link = &stub->chunks;
	if (chunk->next != NULL)
		chunk->next->link = &chunk->next;
	stub->chunks = chunk;
	stub_live++;
	if (flags & MCXT_ALLOC_ZERO)
		memset(chunk + 1, 0, size);
	return chunk + 1;
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_ZERO);
}

void
pfree(void *pointer)
{
	Chunk *chunk = (Chunk *) pointer - 1;

	*chunk->link = chunk->next;
	if (chunk->next != NULL)
		chunk->next->link = chunk->link;
	stub_live--;
	free(chunk);
}

void
MemoryContextDelete(MemoryContext context)
{
	StubContext *stub = (StubContext *) context;

	if (stub->callback != NULL)
		stub->callback->func(stub->callback->arg);
	while (stub->chunks != NULL)
		pfree(stub->chunks + 1);
	free(stub);
}

bool
errstart(int elevel, const char *domain)
{
	(void) elevel;
	(void) domain;
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode(int sqlerrcode)
{
	stub_sqlstate = sqlerrcode;
	return 0;
}

int
errmsg(const char *fmt, ...)
{
	(void) fmt;
	return 0;
}

int
errdetail(const char *fmt, ...)
{
	(void) fmt;
	return 0;
}

int
errhint(const char *fmt, ...)
{
	(void) fmt;
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	(void) filename;
	(void) lineno;
	(void) funcname;
	longjmp(stub_catch, 1);
}
