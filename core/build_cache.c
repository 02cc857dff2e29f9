/*
 * core/build_cache.c
 *		Copies of hot pages in one position-independent block of memory.
 *
 * Layout: header, open-addressing table (a power of two, at most half full) of block number and copy
 * number, then the page images, aligned.  Filling holds one share lock at a time; lookups hold none.
 */
#include "postgres.h"

#include "core/build_cache.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "core/attrs.h"
#include "core/buf.h"

typedef struct Slot
{
	BlockNumber block; /* InvalidBlockNumber = free */
	uint32 copy;
} Slot;

struct VcBuildCache
{
	uint32 pages;
	uint32 mask; /* slots - 1 */
	Size images; /* offset of the first image from the start of the cache */
	Slot slots[FLEXIBLE_ARRAY_MEMBER];
};

static uint32
slots_for(uint32 npages)
{
	return pg_nextpower2_32(Max(npages, 1)) * 2;
}

static Size
images_offset(uint32 nslots)
{
	return TYPEALIGN(PG_CACHE_LINE_SIZE,
					 add_size(offsetof(VcBuildCache, slots), mul_size(nslots, sizeof(Slot))));
}

Size
vc_build_cache_size(uint32 npages)
{
	return add_size(images_offset(slots_for(npages)), mul_size(npages, BLCKSZ));
}

/* The slot of a block, or the free one where it belongs. */
static uint32
find_slot(const VcBuildCache *cache, BlockNumber block)
{
	uint32 at = murmurhash32(block) & cache->mask;

	while (cache->slots[at].block != block && cache->slots[at].block != InvalidBlockNumber)
		at = (at + 1) & cache->mask;
	return at;
}

VcBuildCache *
vc_build_cache_fill(void *mem, Relation index, const BlockNumber *blocks, uint32 nblocks)
{
	VcBuildCache *cache = (VcBuildCache *) mem;
	uint32 nslots = slots_for(nblocks);

	cache->pages = 0;
	cache->mask = nslots - 1;
	cache->images = images_offset(nslots);
	for (uint32 i = 0; i < nslots; i++)
		cache->slots[i].block = InvalidBlockNumber;

	for (uint32 i = 0; i < nblocks; i++)
	{
		uint32 at = find_slot(cache, blocks[i]);

		CHECK_FOR_INTERRUPTS();
		if (cache->slots[at].block == blocks[i])
			continue;
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read(index, blocks[i], VC_PAGE_ANY);

			memcpy((char *) cache + cache->images + (Size) cache->pages * BLCKSZ, r.page, BLCKSZ);
		}
		cache->slots[at].block = blocks[i];
		cache->slots[at].copy = cache->pages++;
	}
	return cache;
}

const char *
vc_build_cache_page(const VcBuildCache *cache, BlockNumber block)
{
	const Slot *slot;

	if (cache == NULL || block == InvalidBlockNumber)
		return NULL;
	slot = &cache->slots[find_slot(cache, block)];
	if (slot->block != block)
		return NULL;
	return (const char *) cache + cache->images + (Size) slot->copy * BLCKSZ;
}

uint32
vc_build_cache_pages(const VcBuildCache *cache)
{
	return cache != NULL ? cache->pages : 0;
}
