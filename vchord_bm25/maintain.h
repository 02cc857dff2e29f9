/*
 * vchord_bm25/maintain.h
 *		Seal, merge, free: how the segments of an index come and go.
 *
 * All of these need the maintenance lock (meta.h), and none makes a reader or an inserter wait.
 *
 * Tiers: segments are kept from old to new.  When `fanout` neighbours are of one level (by number of documents, a
 * factor of fanout a level), they are merged into one; a merge drops dead documents.  An inserter that
 * seals also merges while the inputs are small; larger merges are left to VACUUM and bm25_merge().
 */
#ifndef VCHORD_BM25_MAINTAIN_H
#define VCHORD_BM25_MAINTAIN_H

#include "vchord_bm25/meta.h"
#include "vchord_bm25/segment.h"

/* Makes the growing documents a segment.  False if there were none. */
extern bool bm25_seal(Relation index, Relation heap);

/*
 * Merges what the tiers ask for, of inputs up to max_pages together (0: any).  full: everything into one
 * segment.  Returns the number of merges.
 */
extern int bm25_merge_tiers(Relation index, Relation heap, uint32 max_pages, bool full);

/*
 * Rewrites segments with many dead documents; recounts dead_terms of the others that have more dead
 * documents than were counted.  For VACUUM.  Returns the number of segments it worked on.
 */
extern int bm25_clean_segments(Relation index, Relation heap);

/* True if there is so little room for segments that one more must not be added before a merge. */
extern bool bm25_merge_is_due(const Bm25MetaDisk *meta);

/* Merges the cheapest neighbours, so that there is room again. */
extern void bm25_merge_forced(Relation index, Relation heap);

/* Frees all pages of an unlinked segment named in retired[]. */
extern void bm25_segment_free(Relation index, const Bm25SegmentDisk *disk);

/*----- between the files of maintenance -----*/

/*
 * Steps of a change that makes a segment, see seal.c.  begin: allocates the header page of a new segment and
 * names it in META.writing, one record.
 */
extern Bm25SegmentDisk bm25_writing_begin(Relation index, Relation heap);

/*
 * Publishes, one record: segments at [first, first + n) of META.segments are replaced by *made (NULL: by
 * nothing) and retired, META.writing is cleared; with seal, the sealing tape is retired as well.  replaced:
 * what the caller believes to be at these places.
 */
extern void bm25_writing_publish(Relation index, const Bm25SegmentDisk *replaced, uint32 first,
								 uint32 n, const Bm25SegmentDisk *made, bool seal);

/* Makes one segment (or none) of n neighbours in META.segments; publishes it, and frees these. */
extern void bm25_merge_segments(Relation index, Relation heap, const Bm25MetaDisk *meta,
								uint32 first, uint32 n);

/*
 * Sets bits in a segment's bitmap and brings its state page up to date: bits is the whole bitmap as it shall
 * be.  Returns the number of bits set.
 */
extern uint32 bm25_segment_write_dead(const Bm25Segment *segment, Relation heap, const uint8 *bits);

#endif
