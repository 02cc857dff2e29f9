/*
 * vchord_bm25/impact.h
 *		Impacts: a few (frequency, norm) pairs that no posting of a group beats.
 *
 * Of a group's postings those count that no other one beats in both frequency and shortness: the
 * Pareto front (Mallia et al., "Faster block-max WAND with variable-sized blocks", keep one score
 * instead; pairs stay valid when the average length moves).  It is covered by m corners, each the largest
 * frequency and the shortest length of some neighbours on the front.
 */
#ifndef VCHORD_BM25_IMPACT_H
#define VCHORD_BM25_IMPACT_H

#include "vchord_bm25/format.h"

/* For each frequency (255: that or more) the least code that occurs with it. */
typedef struct Bm25Front
{
	uint64 used[4]; /* a bit a frequency */
	uint8 code[256];
} Bm25Front;

static inline void
bm25_front_reset(Bm25Front *front)
{
	memset(front->used, 0, sizeof(front->used));
}

/* Adds a posting: tf >= 1, code of its norm. */
static inline void
bm25_front_add(Bm25Front *front, uint32 tf, uint8 code)
{
	uint32 at = Min(tf, 255);
	uint64 bit = UINT64CONST(1) << (at % 64);

	if ((front->used[at / 64] & bit) == 0)
	{
		front->used[at / 64] |= bit;
		front->code[at] = code;
	}
	else if (code < front->code[at])
		front->code[at] = code;
}

/* Adds all postings of another group. */
extern void bm25_front_merge(Bm25Front *front, const Bm25Front *other);

/*
 * Covers a front that is not empty by m <= BM25_LARGE_IMPACTS impacts; equal ones if fewer are enough.
 * avgdl: a typical one, at which the cover shall be tight; 0 if unknown.
 */
extern void bm25_front_cover(const Bm25Front *front, double avgdl, int m,
							 Bm25ImpactDisk *ret_impact);

#endif
