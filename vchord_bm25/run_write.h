/*
 * vchord_bm25/run_write.h
 *		Writing a run (invert.h) through a buffer.
 */
#ifndef VCHORD_BM25_RUN_WRITE_H
#define VCHORD_BM25_RUN_WRITE_H

#include "storage/buffile.h"

#include "vchord_bm25/format.h"
#include "vchord_bm25/key.h"
#include "vchord_bm25/varint.h"

#define BM25_RUN_WRITE_BYTES 32768

StaticAssertDecl(BM25_RUN_WRITE_BYTES >= BM25_MAX_KEY_BYTES, "a key fits the buffer");

typedef struct Bm25RunWriter
{
	BufFile *file;
	Size bytes;
	uint8 buffer[BM25_RUN_WRITE_BYTES];
} Bm25RunWriter;

static inline void
bm25_run_flush(Bm25RunWriter *writer)
{
	if (writer->bytes > 0)
		BufFileWrite(writer->file, writer->buffer, writer->bytes);
	writer->bytes = 0;
}

static inline void
bm25_run_put(Bm25RunWriter *writer, uint32 value)
{
	if (BM25_RUN_WRITE_BYTES - writer->bytes < BM25_VARINT32_MAX)
		bm25_run_flush(writer);
	writer->bytes =
		(Size) (bm25_varint_put(writer->buffer + writer->bytes, value) - writer->buffer);
}

static inline void
bm25_run_put_key(Bm25RunWriter *writer, Bm25Key key)
{
	bm25_run_put(writer, key.len);
	if (BM25_RUN_WRITE_BYTES - writer->bytes < key.len)
		bm25_run_flush(writer);
	memcpy(writer->buffer + writer->bytes, key.data, key.len);
	writer->bytes += key.len;
}

#endif
