/*
 * vchord_bm25/norm.h
 *		Lengths of documents in one byte, with a relative error of at most 1/8 (rounded down).
 *
 * Codes 0..23 are themselves; after that three bits of mantissa: with i = code - 24, m = i % 8 and
 * s = i / 8 - 1, length = 24 + m if s < 0, else 24 + (8 + m) * 2^s.  Lengths up to 40 are exact.  The
 * coding of Lucene (SmallFloat.intToByte4) and Tantivy, so scores can be compared with theirs.
 */
#ifndef VCHORD_BM25_NORM_H
#define VCHORD_BM25_NORM_H

#include "port/pg_bitutils.h"

#define BM25_NORM_CODES      256
#define BM25_NORM_LENGTH_MAX 2013265944u

static inline uint32
bm25_norm_length(uint8 code)
{
	uint32 i;

	if (code < 32)
		return code;
	i = code - 24u;
	return 24 + ((8 + i % 8) << (i / 8 - 1));
}

/* the largest code whose length is not more */
static inline uint8
bm25_norm_code(uint32 length)
{
	uint32 over;
	int shift;

	if (length < 32)
		return (uint8) length;
	if (length >= BM25_NORM_LENGTH_MAX)
		return 255;
	over = length - 24;
	shift = pg_leftmost_one_pos32(over) - 3;
	return (uint8) (24 + (shift + 1) * 8 + (int) ((over >> shift) - 8));
}

#endif
