/*
 * vchordg/repair.c
 *		The graph around vertices that lost their rows (FreshDiskANN's delete, arXiv 2105.09613, by neighbourhood).
 *
 * Who names a dying vertex v?  Nothing stores that; but those who do are near it.  So a search for v's own vector finds
 * nearly all of them, at a cost that follows the number of deletions and not the size of the index.  Each puts a live
 * vertex near v in its place, and the nearest of these become neighbours of each other.  A list that is missed
 * keeps a reference whose incarnation is wrong as soon as v's slot is free: readers pass over it, and the next change
 * of a full list replaces it.
 *
 * Anchors are exact, not nearly: the pinned edges in v's list are all its children in the tree of anchors.  A live child
 * gets the nearest live ancestor as its anchor, or one of that one's pinned children if the list is full; if there is no live
 * ancestor, it becomes the root, above the dying one.  So at any moment, also after a crash, every live vertex can be reached from
 * the root.  A dying vertex is freed when it has no child left: dying leaves first, and so on upwards.
 *
 * Locks: VACUUM holds none between records; each record locks groups in ascending order.  Nobody but VACUUM moves anchors or frees
 * vertices, and inserters attach nothing to a dying vertex.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/arena.h"
#include "core/report.h"

#include "vchordg/edges.h"
#include "vchordg/repair.h"
#include "vchordg/search.h"
#include "vchordg/strip.h"

#define REPAIR_EPSILON 1.9f

/*
 * Live vertices nearest to a dying one: so many may take its place in lists, and so many are made neighbours of each
 * other (IP-DiskANN, arXiv 2502.13826, reconnects to a few of the nearest as well).  When a whole cluster goes, they
 * lie in different clusters, and what led from one to the other goes with it.
 */
#define SURVIVORS        12
#define SURVIVORS_LINKED 6

/* expansions for them, as a multiple of what a search keeps in mind; with everything dying there are none */
#define SURVIVOR_EFFORT 4

/* lists tried for a pinned edge before giving up until the next VACUUM */
#define MAX_ANCHORS_TRIED 256
#define MAX_REREADS       8

struct VgRepair
{
	Relation index;
	const VgMeta *meta;
	MemoryContext scratch; /* of one vertex */
	VcArena *arena;
	VcReadCache cache;
	VgEncoder *encoder;
	VgSearch *search;
	VgHop hop;  /* of the dying vertex, with everything */
	VgHop near; /* of another one */

	VgRef *holders; /* vertices that name the dying one */
	uint32 nholders;
	uint32 holder_room;
	VgFound survivors[SURVIVORS]; /* ascending by distance from it */
	uint32 nsurvivors;
	char *codes; /* of these, one after the other */
};

static void
init_whole_hop(VgHop *hop, const VgMeta *meta)
{
	vg_hop_init(hop, meta);
	hop->edges = palloc((Size) meta->geo.m * meta->geo.edge_bytes);
	hop->code = palloc(meta->geo.code_bytes);
	hop->row = palloc(meta->geo.row_bytes);
}

VgRepair *
vg_repair_create(MemoryContext context, Relation index, const VgMeta *meta)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	VgRepair *repair = palloc0(sizeof(VgRepair));

	repair->index = index;
	repair->meta = meta;
	repair->scratch =
		AllocSetContextCreate(context, "vchordg repair vertex", ALLOCSET_DEFAULT_SIZES);
	repair->arena = vc_arena_create(context, "vchordg repair", VC_ARENA_UNLIMITED);
	vc_read_cache_init(&repair->cache, index);
	repair->encoder = vg_encoder_create(context, meta);
	repair->search =
		vg_search_create(context, index, meta, &repair->cache, repair->arena, VC_STREAM_AUTO);
	init_whole_hop(&repair->hop, meta);
	init_whole_hop(&repair->near, meta);
	repair->codes = palloc(SURVIVORS * meta->geo.code_bytes);
	repair->holder_room = 256;
	repair->holders = palloc(repair->holder_room * sizeof(VgRef));
	MemoryContextSwitchTo(old);
	return repair;
}

static int
compare_refs(VgRef a, VgRef b)
{
	if (a.group != b.group)
		return a.group < b.group ? -1 : 1;
	return (int) a.slot - (int) b.slot;
}

static int
compare_dying(const void *a, const void *b)
{
	return compare_refs(((const VgDying *) a)->ref, ((const VgDying *) b)->ref);
}

/* ---- marking ---- */

/* the vertex in a slot as it is now, and where its rows are; false: the slot is free */
static bool
look_at_slot(const VgRepair *repair, BlockNumber group, uint16 slot, VgRef *ret_ref,
			 BlockNumber *ret_strip, uint32 *ret_entry)
{
	const VgGeometry *geo = &repair->meta->geo;
	VC_SCOPED(vc_page_read_drop)
	VcPageRead r = vc_page_read(repair->index, group, VG_PAGE_VERTEX);
	const VgVertexHeadDisk *head = (const VgVertexHeadDisk *) (r.page + VG_HEAD_OFFSET);
	const VgVertexDisk *vertex;

	if (slot >= geo->group_slots || head->ordinal != 0)
		vc_corrupt(repair->index, group, "strip names slot %u of a group of %u", slot,
				   geo->group_slots);
	vertex = (const VgVertexDisk *) (r.page + VG_BODY_OFFSET + slot * geo->slot_bytes);
	*ret_ref = (VgRef){group, slot, vertex->incarnation};
	*ret_strip = head->strip;
	*ret_entry = head->strip_first + slot;
	return vertex->state != VG_VERTEX_FREE;
}

bool
vg_repair_mark(VgRepair *repair, BlockNumber group, uint16 slot, VgRef *ret_ref)
{
	BlockNumber strip;
	uint32 entry;
	VgListEdit edit;
	const char *page;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(repair->index);

	if (!look_at_slot(repair, group, slot, ret_ref, &strip, &entry))
		return false;
	page = vc_xlog_add(&xlog, strip, VG_PAGE_STRIP);
	if (!vg_strip_is_empty(repair->index, page, strip, entry, *ret_ref) ||
		!vg_list_edit(&xlog, repair->meta, *ret_ref, false, &edit))
		return false;
	if (edit.head->state != VG_VERTEX_DYING)
	{
		edit.head->state = VG_VERTEX_DYING;
		vc_xlog_commit(&xlog);
	}
	return true;
}

/* ---- vectors of vertices as queries ---- */

static void
query_of(VgRepair *repair, const char *row, VgQuery *ret_query)
{
	vg_encoder_set_row(repair->encoder, row);
	vg_query_init(ret_query, repair->encoder, REPAIR_EPSILON, repair->arena);
}

static bool
read_near(VgRepair *repair, VgRef ref, const VgQuery *query)
{
	return vg_vertex_expand(repair->index, repair->meta, &repair->cache, NULL, ref, query,
							&repair->near);
}

/* ---- lists that name a dying vertex ---- */

static void
add_holder(VgRepair *repair, VgRef ref)
{
	for (uint32 i = 0; i < repair->nholders; i++)
	{
		if (vg_ref_equal(repair->holders[i], ref))
			return;
	}
	if (repair->nholders == repair->holder_room)
	{
		repair->holder_room *= 2;
		repair->holders = repalloc(repair->holders, repair->holder_room * sizeof(VgRef));
	}
	repair->holders[repair->nholders++] = ref;
}

/* VgSearchOptions.expanded */
static void
look_at_expanded(void *arg, const VgHop *hop)
{
	VgRepair *repair = arg;

	if (hop->head.state == VG_VERTEX_LIVE &&
		vg_hop_find(repair->meta, hop, repair->hop.ref) < repair->meta->geo.m)
		add_holder(repair, hop->ref);
}

/* The nearest live vertices that the search expanded. */
static void
take_survivors(VgRepair *repair)
{
	const VgGeometry *geo = &repair->meta->geo;
	uint32 nfound;
	const VgFound *found = vg_search_found(repair->search, &nfound);
	uint32 n = 0;

	for (uint32 i = 0; i < nfound; i++)
	{
		uint32 at = n;

		if (found[i].state != VG_VERTEX_LIVE ||
			(n == SURVIVORS && found[i].score >= repair->survivors[n - 1].score))
			continue;
		if (n == SURVIVORS)
			at--;
		else
			n++;
		while (at > 0 && repair->survivors[at - 1].score > found[i].score)
		{
			repair->survivors[at] = repair->survivors[at - 1];
			at--;
		}
		repair->survivors[at] = found[i];
	}
	repair->nsurvivors = n;
	for (uint32 i = 0; i < n; i++)
		memcpy(repair->codes + i * geo->code_bytes, repair->survivors[i].code, geo->code_bytes);
}

static void
find_holders(VgRepair *repair)
{
	VgQuery query;
	uint32 ef = Max(repair->meta->disk.ef_construction, 2 * repair->meta->geo.m);
	VgSearchOptions options = {.beam = 1,
							   .epsilon = REPAIR_EPSILON,
							   .keep_rows = true,
							   .with_rows_only = true,
							   .most = (size_t) SURVIVOR_EFFORT * ef,
							   .memory = (size_t) maintenance_work_mem * 1024 / 4,
							   .expanded = look_at_expanded,
							   .arg = repair};

	repair->nholders = 0;
	query_of(repair, repair->hop.row, &query);
	vg_search_begin(repair->search, &query, &options);
	for (uint32 i = 0; i < repair->hop.nedges; i++)
		vg_search_add_entry(repair->search, repair->hop.to[i]);
	vg_search_run(repair->search, ef);
	take_survivors(repair);
}

/* The survivor that is best for the list in repair->near, or NULL. */
static const VgFound *
choose_substitute(VgRepair *repair, const VgQuery *query, float *ret_score)
{
	const VgMeta *meta = repair->meta;
	VgEstimate estimates[SURVIVORS];
	const VgFound *chosen = NULL;

	vg_estimate(query, repair->codes, meta->geo.code_bytes, repair->nsurvivors, estimates);
	for (uint32 i = 0; i < repair->nsurvivors; i++)
	{
		const VgFound *survivor = &repair->survivors[i];

		if (vg_ref_equal(survivor->ref, repair->near.ref) ||
			vg_hop_find(meta, &repair->near, survivor->ref) < meta->geo.m)
			continue;
		if (chosen == NULL || estimates[i].score < *ret_score)
		{
			chosen = survivor;
			*ret_score = estimates[i].score;
		}
	}
	return chosen;
}

/* One attempt; CHANGED: the list is another by now. */
static VgEdgeResult
replace_edge(VgRepair *repair, VgRef holder, const VgFound *substitute, float score)
{
	const VgMeta *meta = repair->meta;
	const VgHop *v = &repair->hop;
	const VgHop *seen = vg_list_on_one_page(meta) ? NULL : &repair->near;
	VgListEdit edit;
	VgEdgeResult result;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(repair->index);

	if (!vg_list_edit(&xlog, meta, holder, true, &edit))
		return VG_EDGE_REFUSED;
	if (substitute != NULL)
	{
		VgNewcomer newcomer = {
			.ref = substitute->ref, .labels = substitute->labels, .code = substitute->code};

		result = vg_edges_replace(&edit, seen, v->ref, &newcomer, score);
	}
	else
		result = vg_edges_remove(&edit, seen, v->ref);
	if (result == VG_EDGE_DONE)
		vc_xlog_commit(&xlog);
	return result;
}

static void
repair_holder(VgRepair *repair, VgRef holder)
{
	const VgMeta *meta = repair->meta;
	const VgGeometry *geo = &meta->geo;

	for (int i = 0; i < MAX_REREADS; i++)
	{
		VgQuery query;
		const VgFound *substitute;
		float score = 0;
		uint32 at;

		if (!read_near(repair, holder, NULL))
			return;
		at = vg_hop_find(meta, &repair->near, repair->hop.ref);
		if (at == geo->m)
			return;
		/* its anchor's edge goes when it is freed */
		if ((((VgEdgeDisk *) (repair->near.edges + (Size) at * geo->edge_bytes))->flags &
			 VG_EDGE_PINNED) != 0)
			return;
		query_of(repair, repair->near.row, &query);
		substitute = choose_substitute(repair, &query, &score);
		if (replace_edge(repair, holder, substitute, score) != VG_EDGE_CHANGED)
			return;
	}
}

/* One survivor's list takes another, if RobustPrune would have it. */
static void
link_survivor(VgRepair *repair, const VgFound *owner, const VgNewcomer *newcomer)
{
	const VgMeta *meta = repair->meta;

	for (int i = 0; i < MAX_REREADS; i++)
	{
		VgListEdit edit;
		VgEdgeResult result;
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(repair->index);

		if (!read_near(repair, owner->ref, newcomer->query) ||
			vg_hop_find(meta, &repair->near, newcomer->ref) < meta->geo.m ||
			!vg_list_edit(&xlog, meta, owner->ref, true, &edit))
			return;
		result = vg_edges_add(&edit, vg_list_on_one_page(meta) ? NULL : &repair->near, newcomer,
							  repair->near.score, false);
		if (result == VG_EDGE_DONE)
			vc_xlog_commit(&xlog);
		if (result != VG_EDGE_CHANGED)
			return;
	}
}

static void
link_survivors(VgRepair *repair)
{
	uint32 n = Min(repair->nsurvivors, SURVIVORS_LINKED);

	for (uint32 i = 0; i < n; i++)
	{
		const VgFound *one = &repair->survivors[i];
		VgQuery query;
		VgNewcomer newcomer = {
			.ref = one->ref, .labels = one->labels, .code = one->code, .query = &query};

		CHECK_FOR_INTERRUPTS();
		query_of(repair, one->row, &query);
		for (uint32 k = 0; k < n; k++)
		{
			if (k != i)
				link_survivor(repair, &repair->survivors[k], &newcomer);
		}
	}
}

/* ---- anchors ---- */

/*
 * Child and anchor in one record: the pinned edge, and the child's head.  score: anchor -> child.
 */
static VgEdgeResult
attach(VgRepair *repair, const VgNewcomer *child, VgRef anchor, float score)
{
	const VgMeta *meta = repair->meta;
	VgListEdit list;
	VgListEdit edit;
	VgEdgeResult result;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(repair->index);

	if (compare_refs(child->ref, anchor) < 0 &&
		!vg_list_edit(&xlog, meta, child->ref, false, &edit))
		return VG_EDGE_REFUSED;
	if (!vg_list_edit(&xlog, meta, anchor, true, &list))
		return VG_EDGE_REFUSED;
	result =
		vg_edges_add(&list, vg_list_on_one_page(meta) ? NULL : &repair->near, child, score, true);
	if (result != VG_EDGE_DONE)
		return result;
	if (!vg_list_edit(&xlog, meta, child->ref, false, &edit))
		return VG_EDGE_REFUSED;
	edit.head->anchor = anchor;
	vc_xlog_commit(&xlog);
	return VG_EDGE_DONE;
}

/* Under `top` or, where lists are full of pinned edges, below it. */
static bool
attach_below(VgRepair *repair, const VgNewcomer *child, VgRef top)
{
	const VgGeometry *geo = &repair->meta->geo;
	VgRef *queue = palloc(MAX_ANCHORS_TRIED * sizeof(VgRef));
	uint32 nqueue = 1;

	queue[0] = top;
	for (uint32 i = 0; i < nqueue; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int again = 0; again < MAX_REREADS; again++)
		{
			VgEdgeResult result;

			if (!read_near(repair, queue[i], child->query) ||
				repair->near.head.state != VG_VERTEX_LIVE)
				break;
			result = attach(repair, child, queue[i], repair->near.score);
			if (result == VG_EDGE_DONE)
				return true;
			if (result == VG_EDGE_REFUSED)
			{
				for (uint32 e = 0; e < repair->near.nedges && nqueue < MAX_ANCHORS_TRIED; e++)
				{
					const VgEdgeDisk *edge =
						(const VgEdgeDisk *) (repair->near.edges + (Size) e * geo->edge_bytes);

					if ((edge->flags & VG_EDGE_PINNED) != 0 && !vg_ref_equal(edge->to, child->ref))
						queue[nqueue++] = edge->to;
				}
				break;
			}
		}
	}
	return false;
}

/* The child becomes the root, with the present one, which is dying, as its own child. */
static bool
make_root(VgRepair *repair, const VgNewcomer *child, VgRef root)
{
	const VgMeta *meta = repair->meta;

	for (int i = 0; i < MAX_REREADS; i++)
	{
		VgListEdit list;
		VgListEdit old;
		VgEdgeResult result;
		VgStateDisk *state;
		VgNewcomer below = {.ref = root};
		VgQuery query;
		char *code = palloc(meta->geo.code_bytes);
		float score;
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(repair->index);

		/* the root's code, and how far it is */
		if (!read_near(repair, root, child->query))
			return false;
		score = repair->near.score;
		memcpy(code, repair->near.code, meta->geo.code_bytes);
		below.labels = repair->near.head.labels;
		below.code = code;
		query_of(repair, repair->near.row, &query);
		below.query = &query;
		if (!read_near(repair, child->ref, NULL))
			return false;

		state = vg_state_edit(&xlog, meta);
		if (!vg_ref_equal(state->root, root))
			return false;
		if (compare_refs(root, child->ref) < 0 && !vg_list_edit(&xlog, meta, root, false, &old))
			return false;
		if (!vg_list_edit(&xlog, meta, child->ref, false, &list))
			return false;
		result = vg_edges_add(&list, vg_list_on_one_page(meta) ? NULL : &repair->near, &below,
							  score, true);
		if (result == VG_EDGE_REFUSED)
			return false;
		if (result == VG_EDGE_CHANGED)
			continue;
		if (!vg_list_edit(&xlog, meta, root, false, &old))
			return false;
		old.head->anchor = child->ref;
		list.head->anchor = VG_NO_REF;
		state->root = child->ref;
		vc_xlog_commit(&xlog);
		return true;
	}
	return false;
}

/* the head of a vertex alone */
static bool
read_head(const VgRepair *repair, VgRef ref, VgVertexDisk *ret_head)
{
	VC_SCOPED(vc_page_read_drop)
	VcPageRead r = vc_page_read(repair->index, ref.group, VG_PAGE_VERTEX);
	const VgVertexDisk *head = vg_vertex_head(repair->index, repair->meta, ref.group, r.page, ref);

	if (head == NULL)
		return false;
	*ret_head = *head;
	return true;
}

/* A live child of the dying vertex gets another anchor. */
static bool
move_child(VgRepair *repair, const VgEdgeDisk *edge)
{
	const VgMeta *meta = repair->meta;
	VgNewcomer child = {.ref = edge->to};
	VgRef above = repair->hop.ref;
	VgVertexDisk head;
	VgQuery query;
	char *code = palloc(meta->geo.code_bytes);

	if (!read_near(repair, child.ref, NULL) ||
		!vg_ref_equal(repair->near.head.anchor, repair->hop.ref))
		return true; /* it has gone, or has another one by now */
	if (repair->near.head.state != VG_VERTEX_LIVE)
		return true; /* dying itself: it is freed first */
	memcpy(code, repair->near.code, meta->geo.code_bytes);
	child.labels = repair->near.head.labels;
	child.code = code;
	query_of(repair, repair->near.row, &query);
	child.query = &query;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (!read_head(repair, above, &head))
			vc_corrupt(repair->index, above.group, "anchor (%u,%u) of a vertex is not there",
					   above.group, above.slot);
		if (head.state == VG_VERTEX_LIVE)
			return attach_below(repair, &child, above);
		if (!vg_ref_valid(head.anchor))
			return make_root(repair, &child, above);
		above = head.anchor;
	}
}

/*
 * It is not an entry point any more.  The nearest survivor is in its place, so that searches start from as many parts of
 * the graph as before: vertices far away that named the dying one are not found, and with them go ways from one cluster to
 * another.  Where there is none, the last entry takes the place.
 */
static void
leave_entries(VgRepair *repair)
{
	const VgMeta *meta = repair->meta;
	const VgGeometry *geo = &meta->geo;
	VgStateDisk *state;
	char *page;
	char *entries;
	bool any = false;
	const VgFound *substitute = NULL;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(repair->index);

	{
		VgStateDisk copy;
		char *rows = palloc(VG_MAX_ENTRIES * geo->edge_bytes);

		vg_state_read(repair->index, meta, NULL, &copy, rows);
		for (uint32 i = 0; i < copy.nentries; i++)
			any |= vg_ref_equal(((VgEdgeDisk *) (rows + i * geo->edge_bytes))->to, repair->hop.ref);
		for (uint32 k = 0; any && substitute == NULL && k < repair->nsurvivors; k++)
		{
			uint32 i = 0;

			while (i < copy.nentries &&
				   !vg_ref_equal(((VgEdgeDisk *) (rows + i * geo->edge_bytes))->to,
								 repair->survivors[k].ref))
				i++;
			if (i == copy.nentries)
				substitute = &repair->survivors[k];
		}
		pfree(rows);
	}
	if (!any)
		return;
	state = vg_state_edit(&xlog, meta);
	page = vc_xlog_page(&xlog, VG_STATE_BLKNO);
	entries = page + VG_BODY_OFFSET + VG_STATE_ENTRIES_AT;
	for (uint32 i = 0; i < state->nentries;)
	{
		char *entry = entries + i * geo->edge_bytes;
		char *last = entries + (state->nentries - 1) * geo->edge_bytes;

		if (!vg_ref_equal(((VgEdgeDisk *) entry)->to, repair->hop.ref))
		{
			i++;
			continue;
		}
		if (substitute != NULL)
		{
			vg_edge_set(geo, (VgEdgeDisk *) entry, substitute->ref, 0, 0, substitute->labels,
						substitute->code);
			substitute = NULL;
			i++;
			continue;
		}
		if (entry != last)
			memcpy(entry, last, geo->edge_bytes);
		memset(last, 0, geo->edge_bytes);
		state->nentries--;
		((PageHeader) page)->pd_lower -= geo->edge_bytes;
	}
	vc_xlog_commit(&xlog);
}

/* ---- one vertex ---- */

/* Lists that name it, and its live children.  false: it has children that stay with it for now. */
static void
detach(VgRepair *repair, VgRef ref)
{
	const VgGeometry *geo = &repair->meta->geo;

	if (!vg_vertex_expand(repair->index, repair->meta, &repair->cache, NULL, ref, NULL,
						  &repair->hop))
		return;
	for (uint32 i = 0; i < repair->hop.nedges; i++)
	{
		const VgEdgeDisk *edge =
			(const VgEdgeDisk *) (repair->hop.edges + (Size) i * geo->edge_bytes);

		if ((edge->flags & VG_EDGE_PINNED) != 0)
			move_child(repair, edge);
	}
	find_holders(repair);
	for (uint32 i = 0; i < repair->nholders; i++)
	{
		CHECK_FOR_INTERRUPTS();
		repair_holder(repair, repair->holders[i]);
	}
	link_survivors(repair);
	leave_entries(repair);
}

/* Is it still the anchor of some vertex? */
static bool
has_children(VgRepair *repair)
{
	const VgHop *hop = &repair->hop;
	const VgGeometry *geo = &repair->meta->geo;

	for (uint32 i = 0; i < hop->nedges; i++)
	{
		const VgEdgeDisk *edge = (const VgEdgeDisk *) (hop->edges + (Size) i * geo->edge_bytes);
		VgVertexDisk head;

		if ((edge->flags & VG_EDGE_PINNED) != 0 && read_head(repair, edge->to, &head) &&
			vg_ref_equal(head.anchor, hop->ref))
			return true;
	}
	return false;
}

/* The anchor's edge goes; of a root, the STATE page's mark. */
static bool
leave_tree(VgRepair *repair)
{
	const VgMeta *meta = repair->meta;
	VgRef ref = repair->hop.ref;

	for (int i = 0; i < MAX_REREADS; i++)
	{
		VgVertexDisk head;
		VgRef anchor;
		VgListEdit edit;
		VgEdgeResult result;
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(repair->index);

		if (!read_head(repair, ref, &head))
			return true;
		anchor = head.anchor;
		if (!vg_ref_valid(anchor))
		{
			VgStateDisk *state = vg_state_edit(&xlog, meta);

			if (vg_ref_equal(state->root, ref))
			{
				state->root = VG_NO_REF;
				vc_xlog_commit(&xlog);
				return true;
			}
			/* an insert became the root above it; or a crash came between this and the end of its slot */
			if (!read_head(repair, ref, &head) || !vg_ref_valid(head.anchor))
				return true;
			continue;
		}
		if (!vg_list_on_one_page(meta) && !read_near(repair, anchor, NULL))
			return false;
		if (!vg_list_edit(&xlog, meta, anchor, false, &edit))
			return false;
		result = vg_edges_remove(&edit, vg_list_on_one_page(meta) ? NULL : &repair->near, ref);
		if (result == VG_EDGE_DONE)
			vc_xlog_commit(&xlog);
		if (result != VG_EDGE_CHANGED)
			return true;
	}
	return false;
}

/* false: it has to wait for others */
static bool
try_free(VgRepair *repair, VgRef ref)
{
	if (!vg_vertex_expand(repair->index, repair->meta, &repair->cache, NULL, ref, NULL,
						  &repair->hop))
		return true;
	if (has_children(repair))
		return false;
	repair->nsurvivors = 0;
	leave_entries(repair);
	if (!leave_tree(repair))
		return false;
	vg_vertex_free(repair->index, repair->meta, ref);
	return true;
}

uint32
vg_repair_run(VgRepair *repair, VgDying *dying, uint32 n)
{
	uint32 freed = 0;
	bool progress = true;
	MemoryContext old = MemoryContextSwitchTo(repair->scratch);

	qsort(dying, n, sizeof(VgDying), compare_dying);
	for (uint32 i = 0; i < n; i++)
	{
		VC_SCOPED(vc_arena_rewind) VcArenaMark mark = vc_arena_mark(repair->arena);

		vacuum_delay_point(false);
		detach(repair, dying[i].ref);
		MemoryContextReset(repair->scratch);
		(void) mark;
	}
	while (progress)
	{
		progress = false;
		for (uint32 i = 0; i < n; i++)
		{
			if (dying[i].freed)
				continue;
			vacuum_delay_point(false);
			dying[i].freed = try_free(repair, dying[i].ref);
			progress |= dying[i].freed;
			freed += dying[i].freed;
			MemoryContextReset(repair->scratch);
		}
	}
	MemoryContextSwitchTo(old);
	return freed;
}
