/*
 * vchord_bm25/spool.h
 *		Bytes that wait: in memory while they are few, else in a temporary file.  Written once, read once.
 */
#ifndef VCHORD_BM25_SPOOL_H
#define VCHORD_BM25_SPOOL_H

#include "storage/buffile.h"

typedef struct Bm25Spool
{
	MemoryContext context;
	char *buffer;
	Size room;
	Size used;     /* bytes in the buffer */
	Size at;       /* place of reading in it */
	uint64 length; /* bytes written altogether */
	uint64 unread; /* in the file */
	BufFile *file; /* NULL: everything is in the buffer */
} Bm25Spool;

/* Memory and file belong to the current context and resource owner. */
extern void bm25_spool_init(Bm25Spool *spool);

extern void bm25_spool_flush(Bm25Spool *spool, Size n);

static inline void
bm25_spool_write(Bm25Spool *spool, const void *bytes, Size n)
{
	if (unlikely(spool->used + n > spool->room))
		bm25_spool_flush(spool, n);
	memcpy(spool->buffer + spool->used, bytes, n);
	spool->used += n;
	spool->length += n;
}

/* Ends writing; then read from the start. */
extern void bm25_spool_rewind(Bm25Spool *spool);

/* The next n bytes, which must be there. */
extern void bm25_spool_read(Bm25Spool *spool, void *ret_bytes, Size n);

/* Frees buffer and file. */
extern void bm25_spool_fini(Bm25Spool *spool);

#endif
