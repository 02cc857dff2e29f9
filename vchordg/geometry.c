/*
 * vchordg/geometry.c
 *		Arithmetic on slots.
 */
#include "postgres.h"

#include "vchordg/geometry.h"

#include "core/simd/vector/ops.h"

/*
 * Degrees to choose from when nobody asked for one (DiskANN uses 32 to 64).  No more is typical than this, because with 28
 * a vector of 256 dimensions with labels, or a halfvec of 384, would have a page to itself.
 */
#define AUTO_LEAST     20
#define AUTO_TYPICAL   24
#define AUTO_MOST      48
#define AUTO_IN_GROUPS 32

/* sizes for a given m; false if it does not fit */
static bool
set_m(VgGeometry *geo, uint32 m)
{
	uint64 end;

	geo->m = m;
	geo->row_at = geo->edges_at + m * geo->edge_bytes;
	end = geo->row_at + TYPEALIGN(8, geo->row_bytes);
	if (end <= VG_BODY_BYTES)
	{
		geo->slot_bytes = (uint32) end;
		geo->group_pages = 1;
		geo->group_slots = Min(VG_BODY_BYTES / geo->slot_bytes, VG_GROUP_SLOTS_MAX);
		return true;
	}
	if (geo->edge_bytes > VG_BODY_BYTES || geo->edges_at > VG_BODY_BYTES)
		return false;
	geo->group_slots = 1;
	geo->row_at = m == 0 ? geo->edges_at : vg_edge_offset(geo, m - 1) + geo->edge_bytes;
	end = geo->row_at + TYPEALIGN(8, (uint64) geo->row_bytes);
	if (end > (uint64) VG_GROUP_PAGES_MAX * VG_BODY_BYTES)
		return false;
	geo->slot_bytes = (uint32) end;
	geo->group_pages = (uint32) ((end + VG_BODY_BYTES - 1) / VG_BODY_BYTES);
	return true;
}

static void
set_sizes(VgGeometry *geo, uint32 dim, VcvType type, uint32 bits, bool labels)
{
	memset(geo, 0, sizeof(*geo));
	geo->dim = dim;
	geo->type = type;
	geo->bits = bits;
	geo->labels = labels;
	geo->plane_bytes = (uint32) VCS_CODE_BYTES(dim);
	geo->code_bytes = TYPEALIGN(8, sizeof(VgCodeDisk) + bits * geo->plane_bytes);
	geo->edge_code = sizeof(VgEdgeDisk) + (labels ? sizeof(uint64) : 0);
	geo->edge_bytes = geo->edge_code + geo->code_bytes;
	geo->edges_at = sizeof(VgVertexDisk) + geo->code_bytes;
	geo->row_bytes = vcv_row_bytes(type, dim);
}

/*
 * As many edges as fit without fewer slots on a page than a typical list leaves; the rest of the page would be
 * wasted otherwise.
 */
static uint32
choose_m(VgGeometry *geo)
{
	uint32 fixed = geo->edges_at + TYPEALIGN(8, geo->row_bytes);
	uint32 slots = VG_BODY_BYTES / (fixed + AUTO_TYPICAL * geo->edge_bytes);
	uint32 m;

	slots = Min(Max(slots, 1), VG_GROUP_SLOTS_MAX);
	if (fixed >= VG_BODY_BYTES / slots)
		return AUTO_IN_GROUPS;
	m = (VG_BODY_BYTES / slots / 8 * 8 - fixed) / geo->edge_bytes;
	return m < AUTO_LEAST ? AUTO_IN_GROUPS : Min(m, AUTO_MOST);
}

bool
vg_geometry_init(VgGeometry *ret_geo, uint32 dim, VcvType type, uint32 bits, uint32 m, bool labels)
{
	set_sizes(ret_geo, dim, type, bits, labels);
	return set_m(ret_geo, m != 0 ? m : choose_m(ret_geo));
}

uint32
vg_geometry_max_m(uint32 dim, VcvType type, uint32 bits, bool labels)
{
	VgGeometry geo;
	uint32 m = VG_MAX_M;

	set_sizes(&geo, dim, type, bits, labels);
	while (m > 0 && !set_m(&geo, m))
		m--;
	return m;
}

uint32
vg_edge_offset(const VgGeometry *geo, uint32 i)
{
	uint32 first;
	uint32 each;

	if (geo->group_slots > 1 || geo->edges_at + geo->m * geo->edge_bytes <= VG_BODY_BYTES)
		return geo->edges_at + i * geo->edge_bytes;
	/* a slot that begins a group of several pages: edges of a page begin where the page does */
	first = (VG_BODY_BYTES - geo->edges_at) / geo->edge_bytes;
	each = VG_BODY_BYTES / geo->edge_bytes;
	if (i < first)
		return geo->edges_at + i * geo->edge_bytes;
	return (1 + (i - first) / each) * VG_BODY_BYTES + (i - first) % each * geo->edge_bytes;
}
