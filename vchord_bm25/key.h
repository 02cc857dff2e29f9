/*
 * vchord_bm25/key.h
 *		Term keys: a field and a term, as ordered bytes (format.h).
 */
#ifndef VCHORD_BM25_KEY_H
#define VCHORD_BM25_KEY_H

/* Bytes of a key: field, then lexeme or big-endian id.  Owned by whoever made it. */
typedef struct Bm25Key
{
	const char *data;
	uint32 len;
} Bm25Key;

/* < 0, 0, > 0; unsigned bytes, a prefix first */
static inline int
bm25_key_cmp(Bm25Key a, Bm25Key b)
{
	int cmp = memcmp(a.data, b.data, Min(a.len, b.len));

	return cmp != 0 ? cmp : (a.len > b.len) - (a.len < b.len);
}

#endif
