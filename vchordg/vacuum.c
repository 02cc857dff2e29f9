/*
 * vchordg/vacuum.c
 *		ambulkdelete and amvacuumcleanup.
 *
 * Bulk delete reads the strip, 16 bytes a row, and clears the rows that died there.  Vertices that have no row left are
 * marked DYING, their neighbourhood is repaired (repair.c), and they are freed; also those that an earlier VACUUM left
 * behind.  Nothing else of the index is read, and where nothing died nothing is written.
 *
 * Crash: between any two records the index is sound.  A vertex without rows is navigated, never emitted, and found
 * again by the next VACUUM.
 *
 * Locks: the callback is called under none.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/buf.h"
#include "core/recycle.h"

#include "vchordg/am.h"
#include "vchordg/labels.h"
#include "vchordg/repair.h"
#include "vchordg/strip.h"

/* of maintenance_work_mem, for the list of vertices without rows */
#define DYING_SHARE 4

typedef struct Vacuum
{
	IndexVacuumInfo *info;
	VgMeta meta;
	IndexBulkDeleteCallback callback;
	void *callback_state;
	VgRepair *repair; /* NULL until something is to be repaired */
	MemoryContext context;
	VgDying *dying;
	uint32 ndying;
	uint32 room;
	uint32 most;
	bool more; /* there were more than `most` */
} Vacuum;

/* VgRowIsDead */
static bool
row_is_dead(ItemPointer tid, void *arg)
{
	Vacuum *v = arg;

	return v->callback != NULL && v->callback(tid, v->callback_state);
}

/* VgSlotVisit */
static void
vertex_is_empty(BlockNumber group, uint16 slot, void *arg)
{
	Vacuum *v = arg;
	VgRef ref;

	if (v->ndying == v->most)
	{
		v->more = true;
		return;
	}
	if (v->repair == NULL)
	{
		v->context =
			AllocSetContextCreate(CurrentMemoryContext, "vchordg repair", ALLOCSET_DEFAULT_SIZES);
		vg_centre_load(v->info->index, v->context, &v->meta);
		v->repair = vg_repair_create(v->context, v->info->index, &v->meta);
		v->room = 1024;
		v->dying = MemoryContextAlloc(v->context, v->room * sizeof(VgDying));
	}
	if (!vg_repair_mark(v->repair, group, slot, &ref))
		return;
	if (v->ndying == v->room)
	{
		v->room *= 2;
		v->dying = repalloc_huge(v->dying, v->room * sizeof(VgDying));
	}
	v->dying[v->ndying++] = (VgDying){.ref = ref};
}

/* VgSlotVisit: a slot without a vertex may be that of a group that an insert took and never used */
static void
slot_is_unused(BlockNumber group, uint16 slot, void *arg)
{
	Vacuum *v = arg;

	(void) slot;
	if (v->meta.geo.group_pages > 1)
		vg_group_give_back(v->info->index, &v->meta, group, true);
}

static int
compare_dying(const void *a, const void *b)
{
	const VgDying *x = a;
	const VgDying *y = b;

	if (x->ref.group != y->ref.group)
		return x->ref.group < y->ref.group ? -1 : 1;
	return (int) x->ref.slot - (int) y->ref.slot;
}

/* was this vertex freed now? */
static bool
is_gone(void *arg, VgRef ref)
{
	Vacuum *v = arg;
	VgDying key = {.ref = ref};
	const VgDying *found = bsearch(&key, v->dying, v->ndying, sizeof(VgDying), compare_dying);

	return found != NULL && found->freed && vg_ref_equal(found->ref, ref);
}

IndexBulkDeleteResult *
vg_ambulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *state)
{
	Vacuum v = {.info = info, .callback = callback, .callback_state = state};
	VgStripWalk walk = {
		.dead = row_is_dead, .empty = vertex_is_empty, .unused = slot_is_unused, .arg = &v};
	uint32 freed;
	VC_GUARDS_ENTER();

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	vg_meta_load(info->index, &v.meta);
	v.most = (uint32) Min((size_t) maintenance_work_mem * 1024 / DYING_SHARE / sizeof(VgDying),
						  PG_INT32_MAX);
	vg_strip_walk(info->index, &v.meta, info->strategy, &walk);
	stats->num_index_tuples = walk.live;
	stats->tuples_removed += walk.removed;
	do
	{
		freed = 0;
		if (v.ndying > 0)
		{
			freed = vg_repair_run(v.repair, v.dying, v.ndying);
			if (v.meta.geo.labels && freed > 0)
				vg_labels_vacuum(info->index, &v.meta, is_gone, &v);
		}
		if (!v.more || freed == 0)
			break;
		/* the rows are cleared: what is left without any is told again */
		v.more = false;
		v.ndying = 0;
		v.callback = NULL;
		vg_strip_walk(info->index, &v.meta, info->strategy, &walk);
	} while (v.ndying > 0);
	if (v.context != NULL)
		MemoryContextDelete(v.context);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	stats->estimated_count = false;
	VC_GUARDS_LEAVE();
	return stats;
}

IndexBulkDeleteResult *
vg_amvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	VC_GUARDS_ENTER();

	if (info->analyze_only)
		return stats;
	if (stats == NULL)
	{
		Vacuum v = {.info = info};
		VgStripWalk walk = {.dead = row_is_dead, .unused = slot_is_unused, .arg = &v};

		vg_meta_load(info->index, &v.meta);
		vg_strip_walk(info->index, &v.meta, info->strategy, &walk);
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = walk.live;
		stats->estimated_count = false;
	}
	vc_recycle_vacuum(info->index, info->strategy);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	VC_GUARDS_LEAVE();
	return stats;
}
