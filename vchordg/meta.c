/*
 * vchordg/meta.c
 *		Metapage, centre and STATE page.
 */
#include "postgres.h"

#include "vchordg/meta.h"

#include "core/meta.h"
#include "core/page_writer.h"
#include "core/report.h"
#include "core/vector/distance.h"
#include "core/vector/types.h"

#include "vchordg/am.h"

#define KNOWN_FLAGS (VG_META_LABELS | VG_META_CENTRED | VG_META_AUTO_M)

void
vg_meta_derive(VgMeta *meta)
{
	const VgMetaDisk *disk = &meta->disk;

	vg_geometry_init(&meta->geo, disk->dim, (VcvType) disk->type, disk->bits, disk->m,
					 (disk->flags & VG_META_LABELS) != 0);
}

/* VcMetaFormat.check */
static const char *
check_meta(void *checked)
{
	VgMeta *meta = checked;
	const VgMetaDisk *disk = &meta->disk;

	if (disk->dim < 1 || disk->dim > VCV_MAX_QUANT_DIM)
		return "dimension";
	if (disk->type > VCV_RABITQ4 || disk->metric > VCV_COSINE)
		return "type or metric";
	if ((disk->flags & ~KNOWN_FLAGS) != 0 ||
		((disk->flags & VG_META_LABELS) != 0) != (disk->label_type != VG_LABEL_NONE) ||
		disk->label_type > VG_LABEL_INT4_ARRAY)
		return "flags";
	if (disk->bits < 1 || disk->bits > 2 || disk->m < 1 || disk->m > VG_MAX_M)
		return "bits or m";
	if (disk->nalphas < 1 || disk->nalphas > VG_MAX_ALPHAS)
		return "number of alphas";
	for (int i = 0; i < disk->nalphas; i++)
	{
		if (!(disk->alpha[i] >= 1 && disk->alpha[i] < 2))
			return "alpha";
	}
	if (!vg_geometry_init(&meta->geo, disk->dim, (VcvType) disk->type, disk->bits, disk->m,
						  (disk->flags & VG_META_LABELS) != 0) ||
		disk->group_pages != meta->geo.group_pages || disk->group_slots != meta->geo.group_slots ||
		disk->slot_bytes != meta->geo.slot_bytes)
		return "shape of the vertex groups";
	if (((disk->flags & VG_META_CENTRED) != 0) != (disk->centre_first != InvalidBlockNumber) ||
		((disk->flags & VG_META_CENTRED) != 0 &&
		 disk->centre_pages != (disk->dim * sizeof(float) + VG_BODY_BYTES - 1) / VG_BODY_BYTES))
		return "place of the centre";
	return NULL;
}

/* VcMetaFormat.check_index */
static const char *
check_columns(Relation index, const void *checked)
{
	const VgMetaDisk *disk = &((const VgMeta *) checked)->disk;
	uint32 dim;
	uint16 type;
	uint16 metric;
	uint16 label_type;

	vg_columns_check(index, &dim, &type, &metric, &label_type);
	if (disk->dim != dim || disk->type != type || disk->metric != metric ||
		disk->label_type != label_type)
		return "dimension, type or metric for the columns";
	return NULL;
}

static const VcMetaFormat format = {.kind = VG_PAGE_META,
									.magic = VG_MAGIC,
									.version = VG_FORMAT_VERSION,
									.disk_size = sizeof(VgMetaDisk),
									.crc_at = offsetof(VgMetaDisk, crc),
									.size = sizeof(VgMeta),
									.fixed = true,
									.check = check_meta,
									.check_index = check_columns};

void
vg_meta_compose(char *page, const VgMetaDisk *meta)
{
	vc_meta_compose(&format, meta, page);
}

void
vg_meta_load(Relation index, VgMeta *ret_meta)
{
	vc_meta_read(index, &format, ret_meta);
}

bool
vg_meta_try_load(Relation index, VgMeta *ret_meta)
{
	return vc_meta_try_read(index, &format, ret_meta);
}

void
vg_centre_load(Relation index, MemoryContext context, VgMeta *meta)
{
	uint32 dim = meta->geo.dim;
	float *centre = MemoryContextAllocZero(context, dim * sizeof(float));

	for (uint32 ordinal = 0;
		 (meta->disk.flags & VG_META_CENTRED) != 0 && ordinal < meta->disk.centre_pages; ordinal++)
	{
		BlockNumber blkno = meta->disk.centre_first + ordinal;
		VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, blkno, VG_PAGE_CENTRE);
		uint32 from = ordinal * (VG_BODY_BYTES / sizeof(float));
		uint32 n = Min(dim - from, VG_BODY_BYTES / sizeof(float));

		if (((const PageHeaderData *) r.page)->pd_lower != VG_BODY_OFFSET + n * sizeof(float))
			vc_corrupt(index, blkno, "page is not number %u of the centre", ordinal);
		memcpy(centre + from, r.page + VG_BODY_OFFSET, n * sizeof(float));
	}
	if (!vcv_all_finite(centre, dim))
		vc_corrupt(index, meta->disk.centre_first, "centre is not finite");
	meta->centre = centre;
}

void
vg_state_compose(char *page, const VgMeta *meta, const VgStateDisk *state, const char *entries)
{
	Size bytes = state->nentries * meta->geo.edge_bytes;

	vc_page_init(page, VG_PAGE_STATE, 0, 0);
	memcpy(page + VG_BODY_OFFSET, state, sizeof(*state));
	if (entries != NULL)
		memcpy(page + VG_BODY_OFFSET + VG_STATE_ENTRIES_AT, entries, bytes);
	((PageHeader) page)->pd_lower = VG_BODY_OFFSET + VG_STATE_ENTRIES_AT + bytes;
}

void
vg_state_init(VgStateDisk *ret_state)
{
	memset(ret_state, 0, sizeof(*ret_state));
	ret_state->root = VG_NO_REF;
	ret_state->strip_head = InvalidBlockNumber;
	ret_state->strip_tail = InvalidBlockNumber;
	ret_state->free_group = InvalidBlockNumber;
	ret_state->open_group = InvalidBlockNumber;
	ret_state->label_head = InvalidBlockNumber;
}

uint32
vg_state_entries_max(const VgMeta *meta)
{
	return Min((VG_BODY_BYTES - VG_STATE_ENTRIES_AT) / meta->geo.edge_bytes, VG_MAX_ENTRIES);
}

/* the struct of a checked page */
static VgStateDisk *
state_of(Relation index, const VgMeta *meta, const char *page)
{
	VgStateDisk *state = (VgStateDisk *) (page + VG_BODY_OFFSET);

	if (((const PageHeaderData *) page)->pd_lower < VG_BODY_OFFSET + VG_STATE_ENTRIES_AT ||
		state->nentries > vg_state_entries_max(meta) ||
		((const PageHeaderData *) page)->pd_lower !=
			VG_BODY_OFFSET + VG_STATE_ENTRIES_AT + state->nentries * meta->geo.edge_bytes)
		vc_corrupt(index, VG_STATE_BLKNO, "page has %u entry points", state->nentries);
	if (vg_ref_valid(state->root) &&
		(state->root.group <= VG_STATE_BLKNO || state->root.slot >= meta->geo.group_slots))
		vc_corrupt(index, VG_STATE_BLKNO, "root is in (%u,%u)", state->root.group,
				   state->root.slot);
	return state;
}

void
vg_state_read(Relation index, const VgMeta *meta, VcReadCache *cache, VgStateDisk *ret_state,
			  char *ret_entries)
{
	VC_SCOPED(vc_page_read_drop)
	VcPageRead r = vc_page_read_cached(cache, index, VG_STATE_BLKNO, VG_PAGE_STATE);

	*ret_state = *state_of(index, meta, r.page);
	if (ret_entries != NULL)
		memcpy(ret_entries, r.page + VG_BODY_OFFSET + VG_STATE_ENTRIES_AT,
			   ret_state->nentries * meta->geo.edge_bytes);
}

VgStateDisk *
vg_state_edit(VcXlog *xlog, const VgMeta *meta)
{
	char *page = vc_xlog_page(xlog, VG_STATE_BLKNO);

	if (page == NULL)
		page = vc_xlog_add(xlog, VG_STATE_BLKNO, VG_PAGE_STATE);
	return state_of(xlog->rel, meta, page);
}

void
vg_meta_write_empty(Relation index, ForkNumber forknum, const VgMetaDisk *disk)
{
	VgMeta meta = {.disk = *disk};
	VgStateDisk state;

	vg_meta_derive(&meta);
	vg_state_init(&state);
	if (forknum == INIT_FORKNUM)
	{
		PGAlignedBlock page;

		vg_meta_compose(page.data, disk);
		vc_init_fork_append(index, page.data);
		vg_state_compose(page.data, &meta, &state, NULL);
		vc_init_fork_append(index, page.data);
	}
	else
	{
		VcPageWriter *writer = vc_page_writer_begin(index, forknum);
		BlockNumber blkno;

		vg_meta_compose(vc_page_writer_next(writer, &blkno), disk);
		vc_page_writer_put(writer);
		vg_state_compose(vc_page_writer_next(writer, &blkno), &meta, &state, NULL);
		vc_page_writer_put(writer);
		vc_page_writer_end(writer);
	}
}
