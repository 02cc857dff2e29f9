/*
 * vchord_bm25/varint.h
 *		Variable-length unsigned integers: seven bits a byte, low bits first.
 *
 * Readers take the end of what may be read and give NULL for what does not fit, or is too long: the
 * bytes come from pages.
 */
#ifndef VCHORD_BM25_VARINT_H
#define VCHORD_BM25_VARINT_H

#define BM25_VARINT32_MAX 5
#define BM25_VARINT64_MAX 10

/* Writes value at p (BM25_VARINT32_MAX bytes of room); returns the place behind it. */
static inline uint8 *
bm25_varint_put(uint8 *p, uint32 value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8) (value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8) value;
	return p;
}

static inline int
bm25_varint_size(uint32 value)
{
	int size = 1;

	while (value >= 0x80)
	{
		size++;
		value >>= 7;
	}
	return size;
}

/* Reads a value; returns the place behind it, or NULL. */
static inline const uint8 *
bm25_varint_get(const uint8 *p, const uint8 *end, uint32 *ret_value)
{
	uint32 value = 0;

	for (int shift = 0; p < end && shift < 35; shift += 7)
	{
		uint8 byte = *p++;

		value |= (uint32) (byte & 0x7F) << shift;
		if (byte < 0x80)
		{
			*ret_value = value;
			return p;
		}
	}
	return NULL;
}

#endif
