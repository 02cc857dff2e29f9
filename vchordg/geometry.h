/*
 * vchordg/geometry.h
 *		Where things are in a slot: arithmetic, no page access.
 */
#ifndef VCHORDG_GEOMETRY_H
#define VCHORDG_GEOMETRY_H

#include "core/vector/types.h"

#include "vchordg/format.h"

/* byte sizes that follow from dimension, type, bits, m and labels */
typedef struct VgGeometry
{
	uint32 dim;
	VcvType type;
	uint32 bits;
	uint32 m;
	bool labels;
	uint32 plane_bytes; /* of one plane of a code */
	uint32 code_bytes;  /* VgCodeDisk and planes, padded to 8 */
	uint32 edge_bytes;  /* VgEdgeDisk, signature, code; multiple of 8 */
	uint32 edge_code;   /* offset of the code in an edge */
	uint32 edges_at;    /* offset of the first edge in the slot */
	uint32 row_at;      /* offset of the vector */
	uint32 row_bytes;
	uint32 slot_bytes; /* multiple of 8 */
	uint32 group_pages;
	uint32 group_slots;
} VgGeometry;

/*
 * Fill *ret_geo.  m = 0: choose it (VgMetaDisk says which): the largest of 24 .. 48 that puts as many slots on a
 * page as 28 would; 20 and more where that keeps a slot on one page; else 32 in groups.  Returns false if an edge or
 * a slot with this m does not fit (an edge exceeds a page, a group VG_GROUP_PAGES_MAX pages).
 */
extern bool vg_geometry_init(VgGeometry *ret_geo, uint32 dim, VcvType type, uint32 bits, uint32 m,
							 bool labels);

/* the largest m that vg_geometry_init accepts; for the error's hint */
extern uint32 vg_geometry_max_m(uint32 dim, VcvType type, uint32 bits, bool labels);

/* offset of edge i in the slot's byte stream; an edge lies within one page */
extern uint32 vg_edge_offset(const VgGeometry *geo, uint32 i);

/* where byte `at` of a slot is: page ordinal in the group, offset in the body */
static inline void
vg_locate(const VgGeometry *geo, uint32 slot, uint32 at, uint32 *ret_ordinal, uint32 *ret_offset)
{
	uint32 stream = slot * geo->slot_bytes + at;

	*ret_ordinal = stream / VG_BODY_BYTES;
	*ret_offset = stream % VG_BODY_BYTES;
}

#endif
