/*
 * vchordg/inspect_rows.c
 *		vchordg_index_check(): strip entries, duplicates, labels, and the rows of the table behind them.
 */
#include "postgres.h"

#include "vchordg/inspect.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "core/buf.h"

#include "vchordg/vertex.h"

/* where a row of the index is */
typedef struct RowPlace
{
	BlockNumber block; /* of the STRIP or DUPLICATE page */
	VgRef ref;
	VgVertexCheck *vertex;
	const char *slot; /* with heapallindexed, if it can be read */
} RowPlace;

/* ---- labels ---- */

static int
compare_label(const void *a, const void *b)
{
	int32 x = ((const VgLabelCheck *) a)->label;
	int32 y = ((const VgLabelCheck *) b)->label;

	return (x > y) - (x < y);
}

static void
check_posting(VgCheck *c, BlockNumber block, const VgLabelDisk *label, uint32 number, VgRef ref)
{
	VgVertexCheck *vertex = vg_check_vertex(c, ref);
	uint64 bit = UINT64CONST(1) << number % 64;

	if (vertex == NULL)
	{
		if (!vg_check_ref(c, ref))
			vc_report_add(&c->report, block, "posting of label %d is in (%u,%u)", label->label,
						  ref.group, ref.slot);
		return;
	}
	vertex->posted |= bit;
	if ((vertex->labels & bit) == 0)
		vc_report_add(&c->report, block, "label %d names (%u,%u), which does not have it",
					  label->label, ref.group, ref.slot);
}

static void
check_postings(VgCheck *c, BlockNumber directory, const VgLabelDisk *label, uint32 number)
{
	VgRef *refs = palloc(VG_POSTINGS_PER_PAGE * sizeof(VgRef));
	BlockNumber last = InvalidBlockNumber;
	BlockNumber next;

	for (BlockNumber block = label->posting_head; block != InvalidBlockNumber; block = next)
	{
		const VgArrayHeadDisk *head = (const VgArrayHeadDisk *) (c->page + VG_HEAD_OFFSET);
		uint32 dead = 0;
		uint32 dead_said;
		uint32 n;

		CHECK_FOR_INTERRUPTS();
		if (!vg_check_claim(c, block) || !vg_check_load(c, block, VG_PAGE_POSTING))
			return;
		if (vc_page_opaque_read(c->page)->owner != (uint32) label->label)
		{
			vc_report_add(&c->report, block, "page is not of label %d", label->label);
			return;
		}
		next = vc_page_opaque_read(c->page)->next;
		n = vg_check_count(c, block, VG_POSTINGS_PER_PAGE, sizeof(VgRef));
		dead_said = head->dead;
		memcpy(refs, c->page + VG_BODY_OFFSET, n * sizeof(VgRef));
		for (uint32 i = 0; i < n; i++)
		{
			if (vg_ref_valid(refs[i]))
				check_posting(c, block, label, number, refs[i]);
			else
				dead++;
		}
		if (dead != dead_said)
			vc_report_add(&c->report, block, "page has %u dead entries, and says %u", dead,
						  dead_said);
		if (block == label->posting_tail)
			last = block;
	}
	/* it may have grown, but its tail of then is part of it */
	if (last != label->posting_tail)
		vc_report_add(&c->report, directory, "tail of the postings of label %d is block %u",
					  label->label, label->posting_tail);
	pfree(refs);
}

void
vg_check_labels(VgCheck *c)
{
	VgLabelDisk *labels = palloc(VG_LABELS_PER_PAGE * sizeof(VgLabelDisk));
	uint32 room = VG_LABELS_PER_PAGE;
	BlockNumber next;

	c->labels = palloc(room * sizeof(VgLabelCheck));
	for (BlockNumber block = c->state.label_head; block != InvalidBlockNumber; block = next)
	{
		uint32 n;

		CHECK_FOR_INTERRUPTS();
		if (!vg_check_claim(c, block) || !vg_check_load(c, block, VG_PAGE_LABEL))
			break;
		next = vc_page_opaque_read(c->page)->next;
		n = vg_check_count(c, block, VG_LABELS_PER_PAGE, sizeof(VgLabelDisk));
		memcpy(labels, c->page + VG_BODY_OFFSET, n * sizeof(VgLabelDisk));
		while (c->nlabels + n > room)
		{
			room *= 2;
			c->labels = repalloc_huge(c->labels, room * sizeof(VgLabelCheck));
		}
		for (uint32 i = 0; i < n; i++)
		{
			check_postings(c, block, &labels[i], c->nlabels);
			c->labels[c->nlabels] = (VgLabelCheck){labels[i].label, c->nlabels};
			c->nlabels++;
		}
	}
	/* inserters add labels */
	if (c->nlabels < c->state.nlabels)
		vc_report_add(&c->report, VG_STATE_BLKNO, "directory has %u labels, expected %u",
					  c->nlabels, c->state.nlabels);
	qsort(c->labels, c->nlabels, sizeof(VgLabelCheck), compare_label);
	for (uint32 i = 1; i < c->nlabels; i++)
	{
		if (c->labels[i].label == c->labels[i - 1].label)
			vc_report_add(&c->report, VG_STATE_BLKNO, "label %d is in the directory twice",
						  c->labels[i].label);
	}
	pfree(labels);
}

/* ---- rows that the snapshot sees ---- */

static bool
is_close(float a, float b, float scale)
{
	return memcmp(&a, &b, sizeof(a)) == 0 || fabsf(a - b) <= 1e-4f * scale;
}

/*
 * Equal but for rounding, which depends on the instruction set of the machine that wrote the code: a coordinate may
 * have fallen on the other side of a threshold.
 */
static bool
is_same_code(const VgCheck *c, const char *stored, const char *fresh)
{
	const VgGeometry *geo = &c->meta.geo;
	const VgCodeDisk *a = (const VgCodeDisk *) stored;
	const VgCodeDisk *b = (const VgCodeDisk *) fresh;
	const uint8 *x = (const uint8 *) (a + 1);
	const uint8 *y = (const uint8 *) (b + 1);
	float norm2 =
		vcs_vector_ops.norm2_f32(c->encoder->rotated, geo->dim) + c->meta.disk.centre_norm2;
	uint32 differ = 0;

	for (uint32 i = 0; i < geo->bits * geo->plane_bytes; i++)
		differ += (uint32) pg_popcount32(x[i] ^ y[i]);
	if (differ > 0)
		return differ <= 1 + geo->dim / 512;
	return is_close(a->sum, b->sum, geo->dim) && is_close(a->base, b->base, 4 * norm2) &&
		   is_close(a->factor, b->factor, fabsf(b->factor)) &&
		   is_close(a->err, b->err, fabsf(b->err) + sqrtf(norm2) * 0.1f);
}

static void
compare_labels(VgCheck *c, const RowPlace *place, ItemPointer tid, Datum value, bool isnull)
{
	VgLabelSet set;
	uint64 signature = 0;

	vg_labels_read((VgLabelType) c->meta.disk.label_type, value, isnull, &set);
	for (uint32 i = 0; i < set.n; i++)
	{
		VgLabelCheck key = {set.values[i], 0};
		const VgLabelCheck *found =
			bsearch(&key, c->labels, c->nlabels, sizeof(VgLabelCheck), compare_label);

		if (found == NULL)
		{
			vc_report_add(&c->report, place->block,
						  "label %d of row (%u,%u) is not in the directory", set.values[i],
						  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
			return;
		}
		signature |= UINT64CONST(1) << found->number % 64;
	}
	if (set.values != NULL)
		pfree(set.values);
	if (signature != place->vertex->labels)
		vc_report_add(&c->report, place->block,
					  "labels of row (%u,%u) are not those of its vertex (%u,%u)",
					  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid),
					  place->ref.group, place->ref.slot);
	else if ((signature & ~place->vertex->posted) != 0)
		vc_report_add(&c->report, place->block,
					  "vertex (%u,%u) of row (%u,%u) is missing in the postings of its labels",
					  place->ref.group, place->ref.slot, ItemPointerGetBlockNumber(tid),
					  ItemPointerGetOffsetNumber(tid));
}

/* The row as the table has it, encoded again, is its vertex. */
static void
compare_row(VgCheck *c, const RowPlace *place, ItemPointer tid)
{
	const VgGeometry *geo = &c->meta.geo;
	const VgVertexDisk *head = (const VgVertexDisk *) place->slot;
	VgEncoder *enc = c->encoder;
	TupleTableSlot *row = vc_heapfetch_row(c->fetch, tid);
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	const char *what = NULL;

	if (row == NULL)
		return;
	vc_heapfetch_values(c->fetch, row, values, isnull);
	if (isnull[0])
	{
		vc_report_add(&c->report, place->block, "row (%u,%u) is null in the table",
					  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
		return;
	}
	vg_encoder_set(enc, values[0]);
	vg_encoder_code(enc);
	if (memcmp(enc->view.x, place->slot + geo->row_at, geo->row_bytes) != 0)
		what = "vector";
	else if (!is_close(head->norm2, enc->norm2, enc->norm2) ||
			 !is_close(head->inverse_norm, enc->inverse_norm, enc->inverse_norm))
		what = "length";
	else if (!is_same_code(c, (const char *) (head + 1), enc->code))
		what = "code";
	if (what != NULL)
		vc_report_add(&c->report, place->block,
					  "%s of row (%u,%u) is not that of its vertex (%u,%u)", what,
					  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid),
					  place->ref.group, place->ref.slot);
	vg_encoder_clear(enc);
	if (geo->labels)
		compare_labels(c, place, tid, values[1], isnull[1]);
}

static void
check_row(VgCheck *c, const RowPlace *place, const ItemPointerData *disk)
{
	ItemPointerData tid = *disk;

	if (ItemPointerGetOffsetNumberNoCheck(&tid) > MaxOffsetNumber)
	{
		vc_report_add(&c->report, place->block, "row of vertex (%u,%u) is (%u,%u)",
					  place->ref.group, place->ref.slot, ItemPointerGetBlockNumberNoCheck(&tid),
					  ItemPointerGetOffsetNumberNoCheck(&tid));
		return;
	}
	vc_keyset_add(c->tids, (uint64) ItemPointerGetBlockNumber(&tid) << 16 |
							   ItemPointerGetOffsetNumber(&tid));
	if (place->vertex != NULL && place->vertex->state == VG_VERTEX_DYING)
		vc_report_add(&c->report, place->block, "vertex (%u,%u), which is dying, has a row",
					  place->ref.group, place->ref.slot);
	if (c->fetch != NULL && place->vertex != NULL && place->slot != NULL)
		compare_row(c, place, &tid);
}

/* ---- strip and duplicates ---- */

static void
check_duplicates(VgCheck *c, RowPlace *place, BlockNumber first)
{
	ItemPointerData *tids = palloc(VG_DUPLICATES_PER_PAGE * sizeof(ItemPointerData));
	BlockNumber next;

	for (BlockNumber block = first; block != InvalidBlockNumber; block = next)
	{
		const VgArrayHeadDisk *head = (const VgArrayHeadDisk *) (c->page + VG_HEAD_OFFSET);
		uint32 n;
		uint32 dead = 0;
		uint32 dead_said;

		CHECK_FOR_INTERRUPTS();
		if (!vg_check_claim(c, block) || !vg_check_load(c, block, VG_PAGE_DUPLICATE))
			break;
		if (vc_page_opaque_read(c->page)->owner != place->ref.group ||
			(place->vertex != NULL &&
			 vc_page_opaque_read(c->page)->incarnation !=
				 ((uint32) place->ref.slot << 16 | place->ref.incarnation)))
		{
			vc_report_add(&c->report, block, "page belongs to %u/%u, expected the vertex (%u,%u)",
						  vc_page_opaque_read(c->page)->owner,
						  vc_page_opaque_read(c->page)->incarnation, place->ref.group,
						  place->ref.slot);
			break;
		}
		next = vc_page_opaque_read(c->page)->next;
		n = vg_check_count(c, block, VG_DUPLICATES_PER_PAGE, sizeof(ItemPointerData));
		dead_said = head->dead;
		memcpy(tids, c->page + VG_BODY_OFFSET, n * sizeof(ItemPointerData));
		place->block = block;
		for (uint32 i = 0; i < n; i++)
		{
			if (ItemPointerIsValid(&tids[i]))
				check_row(c, place, &tids[i]);
			else
				dead++;
		}
		if (dead != dead_said)
			vc_report_add(&c->report, block, "page has %u dead entries, and says %u", dead,
						  dead_said);
	}
	pfree(tids);
}

/* What entry `number` of a page says about its slot; false: it is not to be followed. */
static bool
check_entry(VgCheck *c, BlockNumber block, uint32 number, const VgStripDisk *entry, VgRef *ret_ref)
{
	VgRef ref = {entry->group, entry->slot & ~VG_STRIP_USED, 0};
	VgGroupCheck *group;
	bool used = (entry->slot & VG_STRIP_USED) != 0;

	*ret_ref = ref;
	if (!vg_check_ref(c, ref))
	{
		vc_report_add(&c->report, block, "entry %u names slot %u of block %u", number, ref.slot,
					  ref.group);
		return false;
	}
	group = ref.group < c->nblocks ? c->groups[ref.group] : NULL;
	if (group == NULL)
		return used;
	if (group->strip != block || group->strip_first + ref.slot != number)
	{
		vc_report_add(&c->report, block,
					  "entry %u is for slot %u of group %u, which has entry %u of block %u", number,
					  ref.slot, ref.group, group->strip_first + ref.slot, group->strip);
		return false;
	}
	ret_ref->incarnation = group->vertices[ref.slot].incarnation;
	if (used)
		group->named |= UINT64CONST(1) << ref.slot;
	else if (ItemPointerIsValid(&entry->tid) || entry->more != InvalidBlockNumber)
		vc_report_add(&c->report, block, "entry %u is not in use and has rows", number);
	return used;
}

static void
check_strip_page(VgCheck *c, BlockNumber block, const VgStripDisk *entries, uint32 n)
{
	BlockNumber loaded = InvalidBlockNumber; /* group in c->group */

	for (uint32 i = 0; i < n; i++)
	{
		RowPlace place = {.block = block};

		CHECK_FOR_INTERRUPTS();
		if (!check_entry(c, block, i, &entries[i], &place.ref))
			continue;
		/* a vertex that is newer than the scan has rows to be counted, not to be compared */
		place.vertex = vg_check_vertex(c, place.ref);
		if (c->fetch != NULL && place.vertex != NULL && !c->groups[place.ref.group]->broken)
		{
			if (loaded != place.ref.group && vg_check_load_group(c, place.ref.group))
				loaded = place.ref.group;
			if (loaded == place.ref.group)
				place.slot = vg_check_slot(c, place.ref.slot);
		}
		if (ItemPointerIsValid(&entries[i].tid))
			check_row(c, &place, &entries[i].tid);
		check_duplicates(c, &place, entries[i].more);
	}
}

void
vg_check_rows(VgCheck *c)
{
	VgStripDisk *entries = palloc(VG_STRIPS_PER_PAGE * sizeof(VgStripDisk));
	BlockNumber last = InvalidBlockNumber;
	BlockNumber next;

	for (BlockNumber block = c->state.strip_head; block != InvalidBlockNumber; block = next)
	{
		uint32 n;

		CHECK_FOR_INTERRUPTS();
		if (!vg_check_claim(c, block) || !vg_check_load(c, block, VG_PAGE_STRIP))
			break;
		next = vc_page_opaque_read(c->page)->next;
		n = vg_check_count(c, block, VG_STRIPS_PER_PAGE, sizeof(VgStripDisk));
		memcpy(entries, c->page + VG_BODY_OFFSET, n * sizeof(VgStripDisk));
		check_strip_page(c, block, entries, n);
		if (block == c->state.strip_tail)
			last = block;
	}
	if (last != c->state.strip_tail && !c->damaged)
		vc_report_add(&c->report, VG_STATE_BLKNO, "tail of the strip is block %u",
					  c->state.strip_tail);
	pfree(entries);
}
