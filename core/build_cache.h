/*
 * core/build_cache.h
 *		Copies of hot pages (meta, upper levels, centroids) for participants of a build.
 *
 * A cache is one block of memory without pointers, so it can lie in a backend or be the immutable
 *part of a parallel build (core/parallel.h).  It is right as long as the copied pages do not
 *change, which is the access method's promise for the phase that uses it.  Only reads are served;
 *any other page, and every write, goes through core/buf.
 *
 * build.pin says what is copied: -1 nothing, 0 the metapage, 1 also upper levels, 2 also centroids;
 *the access method makes the list of blocks.
 */
#ifndef VC_CORE_BUILD_CACHE_H
#define VC_CORE_BUILD_CACHE_H

#include "storage/block.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

typedef struct VcBuildCache VcBuildCache;

#define VC_PIN_NONE      (-1)
#define VC_PIN_META      0
#define VC_PIN_UPPER     1
#define VC_PIN_CENTROIDS 2

/* Bytes for that many pages. */
extern Size vc_build_cache_size(uint32 npages);

/*
 * Fills mem (vc_build_cache_size(nblocks) bytes, MAXALIGNed) with copies of the blocks, read under
 * a share lock one at a time.  Blocks may come in any order and repeat.
 */
extern VcBuildCache *vc_build_cache_fill(void *mem, Relation index, const BlockNumber *blocks,
										 uint32 nblocks);

/* The copy of a block, or NULL.  cache NULL = an empty cache. */
extern const char *vc_build_cache_page(const VcBuildCache *cache, BlockNumber block);

/* Pages held. */
extern uint32 vc_build_cache_pages(const VcBuildCache *cache);

#endif
