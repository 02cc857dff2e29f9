/*
 * core/tid.h
 *		Row and item addresses: two distinct types, their 48-bit keys and their 6-byte disk forms.
 *
 * A VcHeapPointer names a heap row, a VcIndexPointer an item of the index itself.  They are
 *different struct types so that the compiler refuses to mix them up.  The key of either is block <<
 *16 | offset: block first, so that keys sort in physical order, and less than 2^48, so that 16 bits
 *are free for a caller that packs something beside it.  The difference of two heap keys is the
 *linearised distance that breaks ties among rows of equal distance.
 *
 * Disk forms are three uint16 (alignment 2, 6 bytes, like ItemPointerData) in native byte order.
 */
#ifndef VC_CORE_TID_H
#define VC_CORE_TID_H

#include "storage/itemptr.h"

typedef struct VcHeapPointer
{
	BlockNumber block;
	OffsetNumber offset; /* 1-based */
} VcHeapPointer;

typedef struct VcIndexPointer
{
	BlockNumber block;
	uint16 slot; /* meaning belongs to the page kind: item number (1-based) or array index */
} VcIndexPointer;

typedef struct VcHeapPointerDisk
{
	uint16 block_hi;
	uint16 block_lo;
	uint16 offset;
} VcHeapPointerDisk;

typedef struct VcIndexPointerDisk
{
	uint16 block_hi;
	uint16 block_lo;
	uint16 slot;
} VcIndexPointerDisk;

StaticAssertDecl(sizeof(VcHeapPointerDisk) == 6, "disk form of a heap pointer");
StaticAssertDecl(sizeof(VcIndexPointerDisk) == 6, "disk form of an index pointer");

#define VC_TID_KEY_BITS 48
#define VC_TID_KEY_MAX  ((UINT64CONST(1) << VC_TID_KEY_BITS) - 1)

/*----- keys -----*/

static inline uint64
vc_heap_key(VcHeapPointer p)
{
	return (uint64) p.block << 16 | p.offset;
}

static inline uint64
vc_index_key(VcIndexPointer p)
{
	return (uint64) p.block << 16 | p.slot;
}

/* key <= VC_TID_KEY_MAX */
static inline VcHeapPointer
vc_heap_from_key(uint64 key)
{
	Assert(key <= VC_TID_KEY_MAX);
	return (VcHeapPointer){(BlockNumber) (key >> 16), (OffsetNumber) (key & 0xFFFF)};
}

static inline VcIndexPointer
vc_index_from_key(uint64 key)
{
	Assert(key <= VC_TID_KEY_MAX);
	return (VcIndexPointer){(BlockNumber) (key >> 16), (uint16) (key & 0xFFFF)};
}

/*
 * ItemPointer to key and back.  No check: ItemPointers come from the server.
 */
static inline uint64
vc_tid_key(const ItemPointerData *tid)
{
	return (uint64) ItemPointerGetBlockNumberNoCheck(tid) << 16 |
		   ItemPointerGetOffsetNumberNoCheck(tid);
}

static inline void
vc_tid_from_key(uint64 key, ItemPointerData *ret_tid)
{
	Assert(key <= VC_TID_KEY_MAX);
	ItemPointerSet(ret_tid, (BlockNumber) (key >> 16), (OffsetNumber) (key & 0xFFFF));
}

static inline VcHeapPointer
vc_heap_from_tid(const ItemPointerData *tid)
{
	return vc_heap_from_key(vc_tid_key(tid));
}

static inline void
vc_heap_to_tid(VcHeapPointer p, ItemPointerData *ret_tid)
{
	ItemPointerSet(ret_tid, p.block, p.offset);
}

/*----- order and validity -----*/

static inline int
vc_key_cmp(uint64 a, uint64 b)
{
	return (a > b) - (a < b);
}

/*
 * Can this be the address of a heap row?  For values that were read from a page: block valid,
 * offset in 1..MaxOffsetNumber.
 */
static inline bool
vc_heap_valid(VcHeapPointer p)
{
	return p.block <= MaxBlockNumber && p.offset >= FirstOffsetNumber &&
		   p.offset <= MaxOffsetNumber;
}

static inline bool
vc_heap_key_valid(uint64 key)
{
	return key <= VC_TID_KEY_MAX && vc_heap_valid(vc_heap_from_key(key));
}

/* Does the pointer name a block at all?  Whether it exists is found out by the read guard. */
static inline bool
vc_index_valid(VcIndexPointer p)
{
	return p.block <= MaxBlockNumber;
}

#define VC_INDEX_POINTER_NONE ((VcIndexPointer){InvalidBlockNumber, 0})

/*----- disk forms -----*/

static inline VcHeapPointerDisk
vc_heap_pack(VcHeapPointer p)
{
	return (VcHeapPointerDisk){(uint16) (p.block >> 16), (uint16) (p.block & 0xFFFF), p.offset};
}

static inline VcHeapPointer
vc_heap_unpack(VcHeapPointerDisk d)
{
	return (VcHeapPointer){(BlockNumber) d.block_hi << 16 | d.block_lo, d.offset};
}

static inline VcIndexPointerDisk
vc_index_pack(VcIndexPointer p)
{
	return (VcIndexPointerDisk){(uint16) (p.block >> 16), (uint16) (p.block & 0xFFFF), p.slot};
}

static inline VcIndexPointer
vc_index_unpack(VcIndexPointerDisk d)
{
	return (VcIndexPointer){(BlockNumber) d.block_hi << 16 | d.block_lo, d.slot};
}

#endif
