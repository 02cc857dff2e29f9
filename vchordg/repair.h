/*
 * vchordg/repair.h
 *		VACUUM's work on the graph around vertices that lost their rows.
 */
#ifndef VCHORDG_REPAIR_H
#define VCHORDG_REPAIR_H

#include "core/buf.h"

#include "vchordg/vertex.h"

/* a vertex without rows, DYING */
typedef struct VgDying
{
	VgRef ref;
	bool freed;
} VgDying;

typedef struct VgRepair VgRepair;

extern VgRepair *vg_repair_create(MemoryContext context, Relation index, const VgMeta *meta);

/*
 * Marks the vertex in the slot DYING if it has no row still.  false: it has, or there is none.  One record.
 */
extern bool vg_repair_mark(VgRepair *repair, BlockNumber group, uint16 slot, VgRef *ret_ref);

/*
 * Takes n marked vertices (sorted by group and slot here) out of the graph: live vertices that name them get other neighbours,
 * live vertices whose anchor they are get another; then they are freed, those that still are anchors of dying ones after these.
 * Those that could not be freed stay DYING for the next VACUUM.  Returns the number freed.
 */
extern uint32 vg_repair_run(VgRepair *repair, VgDying *dying, uint32 n);

#endif
