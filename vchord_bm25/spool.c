/*
 * vchord_bm25/spool.c
 *		Bytes that wait.  See spool.h.
 *
 * The buffer doubles up to BUFFER_MAX; after that it is written to a temporary file whenever it is full.
 */
#include "postgres.h"

#include "vchord_bm25/spool.h"

#include "commands/tablespace.h"
#include "utils/memutils.h"

#define BUFFER_MIN 8192
#define BUFFER_MAX (256 * 1024)

void
bm25_spool_init(Bm25Spool *spool)
{
	memset(spool, 0, sizeof(*spool));
	spool->context = CurrentMemoryContext;
}

static void
to_file(Bm25Spool *spool)
{
	if (spool->file == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(spool->context);

		PrepareTempTablespaces();
		spool->file = BufFileCreateTemp(false);
		MemoryContextSwitchTo(old);
	}
	BufFileWrite(spool->file, spool->buffer, spool->used);
	spool->used = 0;
}

/* Makes room for n bytes: more memory, or an empty buffer. */
void
bm25_spool_flush(Bm25Spool *spool, Size n)
{
	Size room = Max(spool->room, BUFFER_MIN);

	while (room < spool->used + n && room < BUFFER_MAX)
		room *= 2;
	if (room < spool->used + n)
	{
		to_file(spool);
		while (room < n)
			room *= 2;
	}
	if (room == spool->room)
		return;
	spool->buffer = spool->buffer == NULL ? MemoryContextAllocHuge(spool->context, room)
										  : repalloc_huge(spool->buffer, room);
	spool->room = room;
}

void
bm25_spool_rewind(Bm25Spool *spool)
{
	spool->at = 0;
	if (spool->file == NULL)
		return;
	to_file(spool);
	if (BufFileSeek(spool->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not rewind temporary file: %m")));
	spool->unread = spool->length;
}

void
bm25_spool_read(Bm25Spool *spool, void *ret_bytes, Size n)
{
	char *to = ret_bytes;

	while (n > 0)
	{
		Size part = Min(n, spool->used - spool->at);

		if (part == 0)
		{
			Size some = (Size) Min((uint64) spool->room, spool->unread);

			if (some == 0)
				elog(ERROR, "temporary file ends early");
			if (BufFileRead(spool->file, spool->buffer, some) != some)
				ereport(ERROR,
						(errcode_for_file_access(), errmsg("could not read temporary file: %m")));
			spool->unread -= some;
			spool->used = some;
			spool->at = 0;
			continue;
		}
		memcpy(to, spool->buffer + spool->at, part);
		spool->at += part;
		to += part;
		n -= part;
	}
}

void
bm25_spool_fini(Bm25Spool *spool)
{
	if (spool->file != NULL)
		BufFileClose(spool->file);
	if (spool->buffer != NULL)
		pfree(spool->buffer);
	memset(spool, 0, sizeof(*spool));
}
