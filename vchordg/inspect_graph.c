/*
 * vchordg/inspect_graph.c
 *		vchordg_index_check(): lists of neighbours, and the tree of anchors.
 *
 * Each list is read once.  A pinned edge marks the vertex that it leads to, if that one has the list's owner as its
 * anchor.  Then, in memory, the anchors of each vertex are followed until one is known to be reachable (or not), so that
 * the whole takes one step a vertex.  A mark that is missing is looked for again before it counts: a list over several
 * pages may have changed while it was read.
 */
#include "postgres.h"

#include "vchordg/inspect.h"

#include <math.h>

#include "miscadmin.h"

#include "core/buf.h"

#include "vchordg/vertex.h"

#define MAX_REREADS 8

/* ---- lists ---- */

static void
check_edge(VgCheck *c, VgRef owner, const VgVertexCheck *from, uint32 number, VgEdgeDisk *edge)
{
	const VgGeometry *geo = &c->meta.geo;
	VgVertexCheck *to = vg_check_vertex(c, edge->to);
	bool pinned = (edge->flags & VG_EDGE_PINNED) != 0;
	uint64 labels = geo->labels ? *vg_edge_labels(geo, edge) : 0;

	if ((edge->flags & ~VG_EDGE_PINNED) != 0 || isnan(edge->distance))
		vc_report_add(&c->report, owner.group,
					  "neighbour %u of the vertex in slot %u has flags %x and distance %g", number,
					  owner.slot, edge->flags, edge->distance);
	if (vg_ref_equal(edge->to, owner))
		vc_report_add(&c->report, owner.group, "the vertex in slot %u is its own neighbour",
					  owner.slot);
	if (to == NULL)
	{
		c->stale_edges++;
		if (!vg_check_ref(c, edge->to))
			vc_report_add(&c->report, owner.group,
						  "neighbour %u of the vertex in slot %u is in (%u,%u)", number, owner.slot,
						  edge->to.group, edge->to.slot);
		return;
	}
	if (to->crc != vg_check_code_crc(c, vg_edge_code(geo, edge), labels))
		vc_report_add(&c->report, owner.group,
					  "code of neighbour %u of the vertex in slot %u is not that of (%u,%u)",
					  number, owner.slot, edge->to.group, edge->to.slot);
	if (!pinned)
		return;
	if (vg_ref_equal(to->anchor, owner))
		to->mark |= VG_MARK_PINNED;
	else if (from->state == VG_VERTEX_LIVE)
		vc_report_add(&c->report, owner.group,
					  "the vertex in slot %u pins (%u,%u), which has another anchor", owner.slot,
					  edge->to.group, edge->to.slot);
}

static void
check_list(VgCheck *c, VgRef owner, const VgVertexCheck *from, const char *slot)
{
	const VgVertexDisk *head = (const VgVertexDisk *) slot;

	/* another life: on a standby, where VACUUM is not kept out */
	if (head->state == VG_VERTEX_FREE || head->incarnation != owner.incarnation)
		return;
	if (head->count > c->meta.geo.m)
	{
		vc_report_add(&c->report, owner.group, "the vertex in slot %u has %u neighbours",
					  owner.slot, head->count);
		return;
	}
	for (uint32 i = 0; i < head->count; i++)
		check_edge(c, owner, from, i, vg_slot_edge(&c->meta.geo, unconstify(char *, slot), i));
}

static void
check_lists(VgCheck *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		const VgGroupCheck *group = c->groups[block];

		CHECK_FOR_INTERRUPTS();
		if (group == NULL || group->used == 0 || group->broken || !vg_check_load_group(c, block))
			continue;
		for (uint32 slot = 0; slot < c->meta.geo.group_slots; slot++)
		{
			const VgVertexCheck *vertex = &group->vertices[slot];

			if ((group->used & UINT64CONST(1) << slot) != 0)
				check_list(c, (VgRef){block, (uint16) slot, vertex->incarnation}, vertex,
						   vg_check_slot(c, slot));
		}
	}
}

/* ---- anchors ---- */

/* Does the list of `anchor` pin `ref` now?  Also if it cannot be told, as the list is damaged. */
static bool
is_pinned(VgCheck *c, VgRef anchor, VgRef ref)
{
	for (int i = 0; i < MAX_REREADS; i++)
	{
		const char *slot;
		const VgVertexDisk *head;

		CHECK_FOR_INTERRUPTS();
		if (anchor.group < c->nblocks &&
			((c->blocks[anchor.group] & VG_BLOCK_BAD) != 0 ||
			 (c->groups[anchor.group] != NULL && c->groups[anchor.group]->broken)))
			return true;
		if (!vg_check_load_group(c, anchor.group))
			return true;
		slot = vg_check_slot(c, anchor.slot);
		head = (const VgVertexDisk *) slot;
		if (head->state == VG_VERTEX_FREE || head->incarnation != anchor.incarnation)
			return false;
		for (uint32 e = 0; e < Min(head->count, c->meta.geo.m); e++)
		{
			const VgEdgeDisk *edge = vg_slot_edge(&c->meta.geo, unconstify(char *, slot), e);

			if ((edge->flags & VG_EDGE_PINNED) != 0 && vg_ref_equal(edge->to, ref))
				return true;
		}
	}
	return false;
}

/* A vertex without an anchor that is not the root: did an inserter put another one above it since? */
static bool
has_anchor_now(VgCheck *c, VgRef ref)
{
	const VgVertexDisk *head;

	if (!vg_check_load_group(c, ref.group))
		return true;
	head = (const VgVertexDisk *) vg_check_slot(c, ref.slot);
	return vg_ref_valid(head->anchor);
}

/* What a vertex says about itself: REACHED, LOST, or 0, then *ret_next is its anchor. */
static uint8
judge(VgCheck *c, VgRef ref, const VgVertexCheck *vertex, VgRef root, VgRef *ret_next)
{
	if ((vertex->mark & (VG_MARK_REACHED | VG_MARK_LOST)) != 0)
		return vertex->mark & (VG_MARK_REACHED | VG_MARK_LOST);
	if ((vertex->mark & VG_MARK_ON_PATH) != 0)
	{
		vc_report_add(&c->report, ref.group, "the anchors of the vertex in slot %u are a circle",
					  ref.slot);
		return VG_MARK_LOST;
	}
	if (!vg_ref_valid(vertex->anchor))
	{
		if (vg_ref_equal(ref, root) || vertex->state == VG_VERTEX_DYING || has_anchor_now(c, ref))
			return VG_MARK_REACHED;
		vc_report_add(&c->report, ref.group,
					  "the vertex in slot %u has no anchor, and is not the root", ref.slot);
		return VG_MARK_LOST;
	}
	if (!vg_check_ref(c, vertex->anchor))
	{
		vc_report_add(&c->report, ref.group, "anchor of the vertex in slot %u is in (%u,%u)",
					  ref.slot, vertex->anchor.group, vertex->anchor.slot);
		return VG_MARK_LOST;
	}
	/* between leaving the tree and the end of its slot, a vertex that VACUUM frees has no pinned edge any more */
	if ((vertex->mark & VG_MARK_PINNED) == 0 && vertex->state == VG_VERTEX_LIVE &&
		!is_pinned(c, vertex->anchor, ref))
	{
		vc_report_add(&c->report, ref.group,
					  "the anchor (%u,%u) of the vertex in slot %u does not name it",
					  vertex->anchor.group, vertex->anchor.slot, ref.slot);
		return VG_MARK_LOST;
	}
	*ret_next = vertex->anchor;
	return 0;
}

/* Follow the anchors from one vertex, and mark all on the way. */
static uint8
follow(VgCheck *c, VgRef ref, VgRef root)
{
	VgVertexCheck *vertex;
	VgRef at = ref;
	uint8 mark = 0;

	for (;;)
	{
		VgRef next = VG_NO_REF;

		CHECK_FOR_INTERRUPTS();
		vertex = vg_check_vertex(c, at);
		/* newer than the scan, or on a page that was reported */
		mark = vertex == NULL ? VG_MARK_REACHED : judge(c, at, vertex, root, &next);
		if (mark != 0)
			break;
		vertex->mark |= VG_MARK_ON_PATH;
		at = next;
	}
	if (vertex != NULL)
		vertex->mark |= mark;
	for (at = ref;
		 (vertex = vg_check_vertex(c, at)) != NULL && (vertex->mark & VG_MARK_ON_PATH) != 0;
		 at = vertex->anchor)
	{
		vertex->mark &= ~VG_MARK_ON_PATH;
		vertex->mark |= mark;
	}
	return mark;
}

static void
check_root(VgCheck *c, VgRef root)
{
	const VgVertexCheck *vertex;

	if (!vg_ref_valid(root))
		return;
	vertex = vg_check_vertex(c, root);
	if (!vg_check_ref(c, root))
		vc_report_add(&c->report, VG_STATE_BLKNO, "root is in (%u,%u)", root.group, root.slot);
	else if (vertex != NULL && vg_ref_valid(vertex->anchor))
		vc_report_add(&c->report, VG_STATE_BLKNO, "the root has an anchor");
	else if (vertex == NULL && root.group < c->nblocks && c->groups[root.group] != NULL &&
			 !c->groups[root.group]->broken && vg_check_load_group(c, root.group))
	{
		const VgVertexDisk *head = (const VgVertexDisk *) vg_check_slot(c, root.slot);

		if (head->state == VG_VERTEX_FREE || head->incarnation != root.incarnation)
			vc_report_add(&c->report, VG_STATE_BLKNO, "there is no vertex where the root is");
	}
}

static void
check_tree(VgCheck *c)
{
	uint64 lost = 0;
	VgRef root;

	/* the root after all vertices were looked at: it may only have got another one above it */
	if (!c->have_state || !vg_check_load(c, VG_STATE_BLKNO, VG_PAGE_STATE))
		return;
	root = ((const VgStateDisk *) (c->page + VG_BODY_OFFSET))->root;
	check_root(c, root);
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		const VgGroupCheck *group = c->groups[block];

		for (uint32 slot = 0; group != NULL && slot < c->meta.geo.group_slots; slot++)
		{
			const VgVertexCheck *vertex = &group->vertices[slot];

			if ((group->used & UINT64CONST(1) << slot) == 0 || vertex->state != VG_VERTEX_LIVE)
				continue;
			if (follow(c, (VgRef){block, (uint16) slot, vertex->incarnation}, root) == VG_MARK_LOST)
				lost++;
		}
	}
	if (lost > 0)
		vc_report_add(&c->report, InvalidBlockNumber,
					  "%llu vertices cannot be reached from the root", (unsigned long long) lost);
}

void
vg_check_graph(VgCheck *c)
{
	check_lists(c);
	check_tree(c);
}
