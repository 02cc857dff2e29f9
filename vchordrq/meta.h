/*
 * vchordrq/meta.h
 *		The metapage, checked and turned into what the code works with.
 *
 * Everything in it is fixed by the build, so a backend reads it once and keeps it in rd_amcache.
 */
#ifndef VCHORDRQ_META_H
#define VCHORDRQ_META_H

#include "utils/rel.h"

#include "vchordrq/format.h"
#include "vchordrq/geometry.h"

typedef struct RqMeta
{
	RqMetaDisk disk;
	RqGeometry geo;
} RqMeta;

/*
 * Copy the index's metadata to *ret_meta.  Errors: ERRCODE_INDEX_CORRUPTED (bad magic, CRC or value),
 * ERRCODE_FEATURE_NOT_SUPPORTED with a REINDEX hint (other format version).
 */
extern void rq_meta_load(Relation index, RqMeta *ret_meta);

/*
 * The same for callers that must not fail on a bad metapage (planning): false instead of an error.
 * An I/O error is still raised.
 */
extern bool rq_meta_try_load(Relation index, RqMeta *ret_meta);

/* Compose the metapage image (CRC included) in `page`, a BLCKSZ buffer. */
extern void rq_meta_compose(char *page, const RqMetaDisk *meta);

/* Derive ret_meta->geo from ret_meta->disk (used by the build before the metapage exists). */
extern void rq_meta_derive(RqMeta *meta);

static inline bool
rq_meta_has(const RqMeta *meta, uint32 flag)
{
	return (meta->disk.flags & flag) != 0;
}

#endif
