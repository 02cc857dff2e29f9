/*
 * vchord_bm25/block.h
 *		Posting blocks as bytes: packing and unpacking of up to 128 postings (format.h).
 */
#ifndef VCHORD_BM25_BLOCK_H
#define VCHORD_BM25_BLOCK_H

#include "vchord_bm25/format.h"

/* bytes of any block, at most: the head and three columns of 32 bits */
#define BM25_BLOCK_MAX (16 + 3 * BM25_BLOCK_POSTINGS * sizeof(uint32))

/* A block whose head has been checked against the bytes there are. */
typedef struct Bm25Block
{
	Bm25BlockDisk head; /* positions: 0 without */
	const uint8 *docs;  /* the three columns */
	const uint8 *tfs;
	const uint8 *norms;
	const uint8 *end; /* of the memory that may be read */
} Bm25Block;

/*
 * Packs n postings (1 .. 128) into ret_bytes (BM25_BLOCK_MAX of room); returns the number of bytes.
 * The arrays have room for 128, of which the part behind n is overwritten.  docs ascend from above base,
 * the last document of the block before (0: no block before, then from 0); tfs >= 1.  place: offset of
 * the first posting's positions.
 */
extern uint32 bm25_block_encode(uint32 *docs, uint32 *tfs, uint32 *norms, uint32 n, uint32 base,
								bool positions, uint64 place, uint8 *ret_bytes);

/*
 * Looks at a block of len bytes.  readable: bytes from its start that may be read, for the unpackers'
 * slack.  False if it is damaged.
 */
extern bool bm25_block_open(const uint8 *bytes, uint32 len, uint32 readable, bool positions,
							Bm25Block *ret_block);

/*
 * Unpacks documents and frequencies, count of them; the arrays have room for 128.  False if the
 * documents do not end with `last`, or descend.
 */
extern bool bm25_block_decode(const Bm25Block *block, uint32 base, uint32 last, uint32 *ret_docs,
							  uint32 *ret_tfs);

/* Unpacks the norms (room for 128).  False if one exceeds max. */
extern bool bm25_block_norms(const Bm25Block *block, uint32 max, uint32 *ret_norms);

#endif
