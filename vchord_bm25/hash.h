/*
 * vchord_bm25/hash.h
 *		Hash of a short string, for tables in memory.
 *
 * Eight bytes a step, multiplied and folded; differs between machines of different byte order, so it
 * never reaches a page.
 */
#ifndef VCHORD_BM25_HASH_H
#define VCHORD_BM25_HASH_H

#define BM25_HASH_MULTIPLIER UINT64CONST(0x9E3779B97F4A7C15) /* 2^64 / golden ratio */
#define BM25_HASH_FINISHER   UINT64CONST(0xBF58476D1CE4E5B9) /* of splitmix64 */

static inline uint64
bm25_hash(uint64 seed, const char *data, uint32 len)
{
	uint64 h = (seed + len) * BM25_HASH_MULTIPLIER;
	uint64 word = 0;

	while (len >= sizeof(word))
	{
		memcpy(&word, data, sizeof(word));
		h = (h ^ word) * BM25_HASH_MULTIPLIER;
		h ^= h >> 32;
		data += sizeof(word);
		len -= sizeof(word);
	}
	word = 0;
	if (len >= sizeof(uint32))
	{
		uint32 head;
		uint32 tail;

		memcpy(&head, data, sizeof(head));
		memcpy(&tail, data + len - sizeof(tail), sizeof(tail));
		word = (uint64) head << 32 | tail;
	}
	else if (len > 0)
		word = (uint64) (uint8) data[0] << 16 | (uint64) (uint8) data[len / 2] << 8 |
			   (uint8) data[len - 1];
	h = (h ^ word) * BM25_HASH_MULTIPLIER;
	h ^= h >> 29;
	h *= BM25_HASH_FINISHER;
	return h ^ h >> 32;
}

#endif
