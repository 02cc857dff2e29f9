/*
 * vchordg/vertex_write.c
 *		Slots: editing lists, creating and freeing vertices.
 *
 * Records and their order (README.md, "WAL steps").  A vertex appears in one record: STRIP page, first page of its group, first page
 * of its anchor (and the page of the edge there).  What a long slot has on further pages is written before, into
 * a group that only this inserter knows: a new one, or one taken off the free list.  Such a group is claimed: it has
 * the next transaction id of then.  A crash or an error in between leaves it in no list; VACUUM, which meets it in the strip, puts
 * it on the free list when all transactions are over that could have claimed it.
 *
 * Locks: STATE page, STRIP page, pages of groups in ascending order.
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "core/recycle.h"
#include "core/report.h"

#include "vchordg/strip.h"
#include "vchordg/vertex.h"

static char *
add_page(VcXlog *xlog, BlockNumber blkno)
{
	char *page = vc_xlog_page(xlog, blkno);

	return page != NULL ? page : vc_xlog_add(xlog, blkno, VG_PAGE_VERTEX);
}

bool
vg_list_edit(VcXlog *xlog, const VgMeta *meta, VgRef ref, bool live_only, VgListEdit *ret_edit)
{
	char *page = add_page(xlog, ref.group);

	ret_edit->xlog = xlog;
	ret_edit->meta = meta;
	ret_edit->ref = ref;
	ret_edit->head = vg_vertex_head(xlog->rel, meta, ref.group, page, ref);
	if (ret_edit->head == NULL || (live_only && ret_edit->head->state != VG_VERTEX_LIVE))
		return false;
	return true;
}

VgEdgeDisk *
vg_list_edge(const VgListEdit *edit, uint32 i)
{
	const VgGeometry *geo = &edit->meta->geo;
	uint32 ordinal;
	uint32 offset;
	char *page;

	Assert(i < geo->m);
	vg_locate(geo, edit->ref.slot, vg_edge_offset(geo, i), &ordinal, &offset);
	page = add_page(edit->xlog, edit->ref.group + ordinal);
	if (((VgVertexHeadDisk *) (page + VG_HEAD_OFFSET))->ordinal != ordinal)
		vc_corrupt(edit->xlog->rel, edit->ref.group + ordinal,
				   "page is not number %u of its vertex group", ordinal);
	return (VgEdgeDisk *) (page + VG_BODY_OFFSET + offset);
}

void
vg_edge_set(const VgGeometry *geo, VgEdgeDisk *edge, VgRef to, float distance, uint32 flags,
			uint64 labels, const char *code)
{
	edge->to = to;
	edge->distance = distance;
	edge->flags = flags;
	if (geo->labels)
		memcpy(edge + 1, &labels, sizeof(labels));
	memcpy(vg_edge_code(geo, edge), code, geo->code_bytes);
}

void
vg_slot_compose(const VgEncoder *enc, uint64 labels, bool labels_inexact, char *ret_slot)
{
	const VgGeometry *geo = &enc->meta->geo;
	VgVertexDisk *head = (VgVertexDisk *) ret_slot;

	memset(ret_slot, 0, geo->slot_bytes);
	head->state = VG_VERTEX_LIVE;
	head->anchor = VG_NO_REF;
	head->labels = labels;
	head->nlabels_over = labels_inexact;
	head->inverse_norm = enc->inverse_norm;
	head->norm2 = enc->norm2;
	memcpy(head + 1, enc->code, geo->code_bytes);
	memcpy(ret_slot + geo->row_at, enc->view.x, geo->row_bytes);
}

/* ---- groups ---- */

/* bytes of a group's page in use: WAL keeps them, whatever slots are taken */
static uint32
page_used(const VgGeometry *geo, uint32 ordinal)
{
	uint32 bytes = geo->group_slots * geo->slot_bytes - ordinal * VG_BODY_BYTES;

	return VG_BODY_OFFSET + Min(bytes, VG_BODY_BYTES);
}

static VgVertexHeadDisk *
init_page(const VgGeometry *geo, char *page, uint32 ordinal)
{
	VgVertexHeadDisk *head = (VgVertexHeadDisk *) (page + VG_HEAD_OFFSET);

	memset(page + VG_HEAD_OFFSET, 0, VG_HEAD_BYTES);
	((PageHeader) page)->pd_lower = page_used(geo, ordinal);
	head->ordinal = (uint16) ordinal;
	head->next_free = InvalidBlockNumber;
	head->strip = InvalidBlockNumber;
	return head;
}

static VgVertexHeadDisk *
init_first(const VgGeometry *geo, char *page, BlockNumber strip, uint32 strip_first)
{
	VgVertexHeadDisk *head = init_page(geo, page, 0);

	head->free_slots = (uint16) geo->group_slots;
	head->strip = strip;
	head->strip_first = strip_first;
	return head;
}

/* where the rows of a group are; false: the group has no free slot */
static bool
look_at_group(Relation index, BlockNumber group, BlockNumber *ret_strip)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, group, VG_PAGE_VERTEX);
	const VgVertexHeadDisk *head = (const VgVertexHeadDisk *) (r.page + VG_HEAD_OFFSET);

	*ret_strip = head->strip;
	return head->free_slots > 0;
}

/* A group of one page for everybody: it becomes the open one, unless somebody was faster. */
static void
open_new_group(Relation index, Relation heap, const VgMeta *meta, BlockNumber full)
{
	BlockNumber strip;
	BlockNumber group;
	uint32 first;
	VgStateDisk *state;
	char *page;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	state = vg_state_edit(&xlog, meta);
	if (state->open_group != full)
		return;
	/* VACUUM, which holds the STATE page then, may have made room; it is in no list while it is open */
	if (full != InvalidBlockNumber && look_at_group(index, full, &strip))
		return;
	if (state->free_group != InvalidBlockNumber)
	{
		/* one with free slots; it leaves the list and is open now */
		VgVertexHeadDisk *head;

		group = state->free_group;
		page = vc_xlog_add(&xlog, group, VG_PAGE_VERTEX);
		head = (VgVertexHeadDisk *) (page + VG_HEAD_OFFSET);
		if (head->ordinal != 0)
			vc_corrupt(index, group, "page on the free list is not the first of a vertex group");
		state->free_group = head->next_free;
		state->open_group = group;
		head->on_free_list = 0;
		head->next_free = InvalidBlockNumber;
		vc_xlog_commit(&xlog);
		return;
	}
	vg_strip_reserve(heap, &xlog, meta, state, meta->geo.group_slots, &strip, &first);
	page = vc_xlog_add_new(&xlog, heap, VG_PAGE_VERTEX, 0, 0, &group);
	init_first(&meta->geo, page, strip, first);
	vg_strip_fill(&xlog, strip, first, group, meta->geo.group_slots);
	state->open_group = group;
	vc_xlog_commit(&xlog);
}

/* A group of several pages for this inserter alone, with room in the strip. */
static BlockNumber
take_long_group(Relation index, Relation heap, const VgMeta *meta)
{
	const VgGeometry *geo = &meta->geo;
	BlockNumber group;
	BlockNumber strip;
	uint32 first;
	VgStateDisk *state;

	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

		state = vg_state_edit(&xlog, meta);
		if (state->free_group != InvalidBlockNumber)
		{
			VgVertexHeadDisk *head;

			group = state->free_group;
			head =
				(VgVertexHeadDisk *) (vc_xlog_add(&xlog, group, VG_PAGE_VERTEX) + VG_HEAD_OFFSET);
			if (head->ordinal != 0)
				vc_corrupt(index, group,
						   "page on the free list is not the first of a vertex group");
			state->free_group = head->next_free;
			head->on_free_list = 0;
			head->next_free = InvalidBlockNumber;
			head->claim = U64FromFullTransactionId(ReadNextFullTransactionId());
			vc_xlog_commit(&xlog);
			return group;
		}
	}
	group = vc_recycle_alloc_run(index, heap, geo->group_pages, VG_PAGE_VERTEX, 0, 0);
	{
		VgVertexHeadDisk *head;
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

		state = vg_state_edit(&xlog, meta);
		vg_strip_reserve(heap, &xlog, meta, state, 1, &strip, &first);
		head = init_first(geo, vc_xlog_add(&xlog, group, VG_PAGE_VERTEX), strip, first);
		head->claim = U64FromFullTransactionId(ReadNextFullTransactionId());
		vg_strip_fill(&xlog, strip, first, group, 1);
		vc_xlog_commit(&xlog);
	}
	return group;
}

/* What a long slot has beyond its first page. */
static void
write_tail(Relation index, const VgMeta *meta, BlockNumber group, const char *slot)
{
	const VgGeometry *geo = &meta->geo;

	for (uint32 ordinal = 1; ordinal < geo->group_pages; ordinal++)
	{
		uint32 at = ordinal * VG_BODY_BYTES;
		char *page;
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

		CHECK_FOR_INTERRUPTS();
		page = vc_xlog_add(&xlog, group + ordinal, VG_PAGE_VERTEX);
		init_page(geo, page, ordinal);
		memcpy(page + VG_BODY_OFFSET, slot + at, Min(geo->slot_bytes - at, VG_BODY_BYTES));
		vc_xlog_commit(&xlog);
	}
}

void
vg_group_give_back(Relation index, const VgMeta *meta, BlockNumber group, bool unless_running)
{
	VgStateDisk *state;
	VgVertexHeadDisk *head;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, group, VG_PAGE_VERTEX);

		if (((const VgVertexHeadDisk *) (r.page + VG_HEAD_OFFSET))->claim == 0)
			return;
	}
	state = vg_state_edit(&xlog, meta);
	head = (VgVertexHeadDisk *) (vc_xlog_add(&xlog, group, VG_PAGE_VERTEX) + VG_HEAD_OFFSET);
	if (head->claim == 0 || head->used != 0 || head->on_free_list || head->ordinal != 0)
		return;
	if (unless_running &&
		!GlobalVisCheckRemovableFullXid(NULL, FullTransactionIdFromU64(head->claim)))
		return;
	head->claim = 0;
	head->on_free_list = 1;
	head->next_free = state->free_group;
	state->free_group = group;
	vc_xlog_commit(&xlog);
}

/* ---- a vertex ---- */

/* The slot on its group's first page, which is in the record; -1: none is free. */
static int
fill_slot(Relation index, const VgMeta *meta, char *page, BlockNumber group, const char *slot,
		  VgRef *ret_ref)
{
	const VgGeometry *geo = &meta->geo;
	VgVertexHeadDisk *head = (VgVertexHeadDisk *) (page + VG_HEAD_OFFSET);
	VgVertexDisk *vertex;
	uint16 incarnation;
	uint32 n = 0;

	if (head->ordinal != 0)
		vc_corrupt(index, group, "page is number %u of its vertex group, expected 0",
				   head->ordinal);
	while (n < geo->group_slots && (head->used & UINT64CONST(1) << n) != 0)
		n++;
	if (n == geo->group_slots)
		return -1;
	if (head->free_slots < 1 || head->free_slots > geo->group_slots)
		vc_corrupt(index, group, "vertex group has %u free slots", head->free_slots);
	vertex = (VgVertexDisk *) (page + VG_BODY_OFFSET + n * geo->slot_bytes);
	incarnation = vertex->incarnation;
	memcpy(vertex, slot, Min(geo->slot_bytes, VG_BODY_BYTES));
	vertex->incarnation = incarnation;
	head->used |= UINT64CONST(1) << n;
	head->free_slots--;
	head->claim = 0;
	*ret_ref = (VgRef){group, (uint16) n, incarnation};
	return (int) (head->strip_first + n);
}

/* the page of `other`, and for a child the page where its edge goes */
static bool
add_other(const VgMeta *meta, VgRole role, VgRef other, uint32 edge, VcXlog *xlog,
		  VgListEdit *ret_other)
{
	if (!vg_list_edit(xlog, meta, other, role == VG_ROLE_CHILD, ret_other))
		return false;
	if (role == VG_ROLE_CHILD && !vg_list_on_one_page(meta))
		vg_list_edge(ret_other, edge);
	return true;
}

/* does the tree of anchors have the place that the role is about? */
static bool
role_possible(VgRole role, VgRef other, const VgStateDisk *state)
{
	switch (role)
	{
		case VG_ROLE_CHILD:
			return true;
		case VG_ROLE_ROOT:
			return !vg_ref_valid(state->root);
		case VG_ROLE_NEW_ROOT:
			return vg_ref_equal(state->root, other);
	}
	pg_unreachable();
}

/*
 * One attempt with a group that has room, as it seems; false: it has none.  Without *ret_possible the record is to be
 * dropped, and another group would not help.
 */
static bool
create_in(Relation index, const VgMeta *meta, BlockNumber group, BlockNumber strip,
		  const char *slot, ItemPointer tid, VgRole role, VgRef other, uint32 edge, VcXlog *xlog,
		  VgRef *ret_ref, VgListEdit *ret_other, bool *ret_possible)
{
	VgStateDisk *state = role == VG_ROLE_CHILD ? NULL : vg_state_edit(xlog, meta);
	bool before = role != VG_ROLE_ROOT && other.group < group;
	char *strip_page;
	char *page;
	int entry;

	*ret_possible = role_possible(role, other, state);
	if (!*ret_possible)
		return true;
	strip_page = vc_xlog_add(xlog, strip, VG_PAGE_STRIP);
	if (before)
		*ret_possible = add_other(meta, role, other, edge, xlog, ret_other);
	if (!*ret_possible)
		return true;
	page = add_page(xlog, group);
	if (((VgVertexHeadDisk *) (page + VG_HEAD_OFFSET))->strip != strip)
		return false;
	entry = fill_slot(index, meta, page, group, slot, ret_ref);
	if (entry < 0)
		return false;
	vg_strip_set(index, strip_page, strip, (uint32) entry, *ret_ref, tid);
	if (role != VG_ROLE_ROOT && !before)
		*ret_possible = add_other(meta, role, other, edge, xlog, ret_other);
	if (*ret_possible && role == VG_ROLE_NEW_ROOT)
		ret_other->head->anchor = *ret_ref;
	if (state != NULL)
		state->root = *ret_ref;
	return true;
}

bool
vg_vertex_create(Relation index, Relation heap, const VgMeta *meta, char *slot, ItemPointer tid,
				 VgRole role, VgRef other, uint32 edge, BlockNumber *own, VcXlog *xlog,
				 VgRef *ret_ref, VgListEdit *ret_other)
{
	if (meta->geo.group_pages > 1)
	{
		if (*own == InvalidBlockNumber)
			*own = take_long_group(index, heap, meta);
		write_tail(index, meta, *own, slot);
	}
	for (;;)
	{
		BlockNumber group = *own;
		BlockNumber strip;
		bool possible;

		CHECK_FOR_INTERRUPTS();
		if (group == InvalidBlockNumber)
		{
			VgStateDisk state;

			vg_state_read(index, meta, NULL, &state, NULL);
			group = state.open_group;
			if (group == InvalidBlockNumber || !look_at_group(index, group, &strip))
			{
				open_new_group(index, heap, meta, group);
				continue;
			}
		}
		else
			look_at_group(index, group, &strip);
		*xlog = vc_xlog_begin(index);
		if (create_in(index, meta, group, strip, slot, tid, role, other, edge, xlog, ret_ref,
					  ret_other, &possible))
		{
			if (!possible)
				vc_xlog_drop(xlog);
			return possible;
		}
		vc_xlog_drop(xlog);
	}
}

void
vg_vertex_free(Relation index, const VgMeta *meta, VgRef ref)
{
	const VgGeometry *geo = &meta->geo;
	VgVertexHeadDisk *head;
	VgVertexDisk *vertex;
	VgStateDisk *state;
	BlockNumber strip;
	uint16 incarnation;
	char *page;
	char *strip_page;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	look_at_group(index, ref.group, &strip);
	state = vg_state_edit(&xlog, meta);
	strip_page = vc_xlog_add(&xlog, strip, VG_PAGE_STRIP);
	page = vc_xlog_add(&xlog, ref.group, VG_PAGE_VERTEX);
	vertex = vg_vertex_head(index, meta, ref.group, page, ref);
	if (vertex == NULL)
		return;
	head = (VgVertexHeadDisk *) (page + VG_HEAD_OFFSET);
	vg_strip_clear(index, strip_page, strip, head->strip_first + ref.slot, ref);
	incarnation = vertex->incarnation;
	memset(vertex, 0, Min(geo->slot_bytes, VG_BODY_BYTES));
	vertex->incarnation = incarnation + 1;
	vertex->state = VG_VERTEX_FREE;
	state->frees++;
	head->used &= ~(UINT64CONST(1) << ref.slot);
	head->free_slots++;
	if (!head->on_free_list && state->open_group != ref.group)
	{
		head->on_free_list = 1;
		head->next_free = state->free_group;
		state->free_group = ref.group;
	}
	vc_xlog_commit(&xlog);
}

/* ---- composing in memory ---- */

void
vg_group_compose(const VgGeometry *geo, char *pages, BlockNumber strip, uint32 strip_first)
{
	for (uint32 ordinal = 0; ordinal < geo->group_pages; ordinal++)
	{
		char *page = pages + (Size) ordinal * BLCKSZ;

		vc_page_init(page, VG_PAGE_VERTEX, 0, 0);
		if (ordinal == 0)
			init_first(geo, page, strip, strip_first);
		else
			init_page(geo, page, ordinal);
	}
}

void
vg_group_put(const VgGeometry *geo, char *pages, uint32 slot, const char *bytes)
{
	VgVertexHeadDisk *head = (VgVertexHeadDisk *) (pages + VG_HEAD_OFFSET);
	uint32 done = 0;

	while (done < geo->slot_bytes)
	{
		uint32 ordinal;
		uint32 offset;
		uint32 n;

		vg_locate(geo, slot, done, &ordinal, &offset);
		n = Min(geo->slot_bytes - done, VG_BODY_BYTES - offset);
		memcpy(pages + (Size) ordinal * BLCKSZ + VG_BODY_OFFSET + offset, bytes + done, n);
		done += n;
	}
	head->used |= UINT64CONST(1) << slot;
	head->free_slots--;
}
