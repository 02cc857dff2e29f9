/*
 * vchordg/meta.h
 *		Metapage, centre and STATE page.
 *
 * The metapage and the centre are fixed by the build; the metapage is cached in rd_amcache.  The STATE page changes; lock order: STATE
 * page before every other page.
 */
#ifndef VCHORDG_META_H
#define VCHORDG_META_H

#include "utils/rel.h"

#include "core/buf.h"

#include "vchordg/geometry.h"

typedef struct VgMeta
{
	VgMetaDisk disk;
	VgGeometry geo;
	const float *centre; /* [dim] rotated; NULL until vg_centre_load() */
} VgMeta;

/* Copy the metadata, without the centre.  Errors as vc_meta_read(). */
extern void vg_meta_load(Relation index, VgMeta *ret_meta);

/* For planning: false instead of an error (but for I/O errors). */
extern bool vg_meta_try_load(Relation index, VgMeta *ret_meta);

/* Read the centre into `context`; everything that codes or estimates needs it. */
extern void vg_centre_load(Relation index, MemoryContext context, VgMeta *meta);

/* Compose the metapage (CRC included) in `page`. */
extern void vg_meta_compose(char *page, const VgMetaDisk *meta);

/* geo from disk; used by the build before there is a metapage */
extern void vg_meta_derive(VgMeta *meta);

/*
 * An index without vertices: metapage and STATE page, by the page writer or in the init fork
 * (ambuildempty).
 */
extern void vg_meta_write_empty(Relation index, ForkNumber forknum, const VgMetaDisk *meta);

/* The STATE page as it is: struct and, if ret_entries is not NULL, entry rows (room for VG_MAX_ENTRIES * edge_bytes). */
extern void vg_state_read(Relation index, const VgMeta *meta, VcReadCache *cache,
						  VgStateDisk *ret_state, char *ret_entries);

/* The STATE page in a record, checked; its entries begin at VG_STATE_ENTRIES_AT of the body. */
extern VgStateDisk *vg_state_edit(VcXlog *xlog, const VgMeta *meta);

/* The STATE page of an empty index, and composing one with `entries` (state->nentries edges). */
extern void vg_state_init(VgStateDisk *ret_state);
extern void vg_state_compose(char *page, const VgMeta *meta, const VgStateDisk *state,
							 const char *entries);

/* entry points that fit the STATE page */
extern uint32 vg_state_entries_max(const VgMeta *meta);

static inline bool
vg_ref_valid(VgRef ref)
{
	return ref.group != InvalidBlockNumber;
}

static inline bool
vg_ref_equal(VgRef a, VgRef b)
{
	return a.group == b.group && a.slot == b.slot && a.incarnation == b.incarnation;
}

#define VG_NO_REF ((VgRef){InvalidBlockNumber, 0, 0})

#endif
