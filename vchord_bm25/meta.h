/*
 * vchord_bm25/meta.h
 *		The metapage: parameters, growing area, list of segments; and who may change it.
 *
 * Readers copy the metapage under a share lock, once a statement: a consistent list of segments and tapes.
 * Appending to the growing area changes nothing here.
 *
 * The maintenance lock is a heavyweight lock on block 0 of the index: its holder alone seals, merges, marks
 * documents dead, and edits the metapage (but for an inserter that finds no growing tape and makes one).  It is held by VACUUM, by bm25_flush and bm25_merge, and by an
 * inserter that seals (which only tries).  Readers and inserters never wait for it.
 */
#ifndef VCHORD_BM25_META_H
#define VCHORD_BM25_META_H

#include "core/tape.h"

#include "vchord_bm25/document.h"
#include "vchord_bm25/format.h"

/* A checked copy of the metapage.  ERRCODE_INDEX_CORRUPTED; another version: hint to REINDEX. */
extern void bm25_meta_read(Relation index, Bm25MetaDisk *ret_meta);

/* The same as a question, for the planner and inspection: false if it cannot be used. */
extern bool bm25_meta_try_read(Relation index, Bm25MetaDisk *ret_meta);

/* The metapage of an empty index, by its options and columns. */
extern void bm25_meta_init(Relation index, Bm25MetaDisk *ret_meta);

/* The page itself. */
extern void bm25_meta_compose(const Bm25MetaDisk *meta, char *ret_page);

/*
 * Adds the metapage, checked, to a record; edits go to what is returned.  By the holder of the maintenance
 * lock, and by an inserter that makes a growing tape.  First in the order of locks.
 */
extern Bm25MetaDisk *bm25_meta_edit(VcXlog *xlog);

/* Takes an incarnation that nobody has or had. */
extern uint32 bm25_meta_take_incarnation(Relation index);

/* What the values of a field are. */
extern Bm25KeyType bm25_field_type(Relation index, const Bm25MetaDisk *meta, int field);

/* What the columns are; the text search configuration must exist. */
extern void bm25_meta_fields(Relation index, const Bm25MetaDisk *meta, Bm25Fields *ret_fields);

static inline VcTapeRef
bm25_tape_ref(const Bm25TapeDisk *tape)
{
	return (VcTapeRef){tape->head, BM25_PAGE_GROWING, BM25_OWNER_GROWING, tape->incarnation};
}

/*----- maintenance -----*/

extern bool bm25_maintenance_try_lock(Relation index);
extern void bm25_maintenance_lock(Relation index);
extern void bm25_maintenance_unlock(Relation index);

/* The maintenance lock is held: frees what a crash or an error left half freed or half written. */
extern void bm25_maintenance_repair(Relation index);

/* The second half of that: what the last change retired. */
extern void bm25_maintenance_free_retired(Relation index);

#endif
