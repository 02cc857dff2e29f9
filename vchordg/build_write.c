/*
 * vchordg/build_write.c
 *		The finished graph into pages, each written once.
 *
 * Everything has its place before the first page is written, so pages go out in the order of their blocks:
 *
 *	metapage, STATE page, centre, vertex groups (in the graph's order: near vertices on near pages), strip, duplicates
 */
#include "postgres.h"

#include "miscadmin.h"

#include "core/page_writer.h"
#include "core/progress.h"

#include "vchordg/build.h"
#include "vchordg/vertex.h"

typedef struct WritePlan
{
	VgBuild *build;
	VcPageWriter *writer;
	uint32 *position; /* [n] place of a vertex in the graph's order */
	uint32 ngroups;
	BlockNumber group_base;
	BlockNumber strip_base;
	uint32 groups_per_strip;
	BlockNumber twin_base;
	char *slot;
	char *vector;
	char *pages; /* of a group */
} WritePlan;

VgRef
vg_build_ref(const VgBuild *build, uint32 position)
{
	const VgGeometry *geo = &build->meta.geo;
	BlockNumber base = VG_STATE_BLKNO + 1 + build->meta.disk.centre_pages;

	return (VgRef){base + position / geo->group_slots * geo->group_pages,
				   (uint16) (position % geo->group_slots), 0};
}

static VgRef
ref_of(const WritePlan *plan, uint32 i)
{
	return vg_build_ref(plan->build, plan->position[i]);
}

static void
put_page(const WritePlan *plan, const char *page)
{
	BlockNumber blkno;

	memcpy(vc_page_writer_next(plan->writer, &blkno), page, BLCKSZ);
	vc_page_writer_put(plan->writer);
}

/* an empty page with an array */
static char *
begin_array(const WritePlan *plan, uint16 kind, uint32 owner, uint32 incarnation, uint32 count,
			Size bytes, BlockNumber *ret_blkno)
{
	char *page = vc_page_writer_next(plan->writer, ret_blkno);

	vc_page_init(page, kind, owner, incarnation);
	((VgArrayHeadDisk *) (page + VG_HEAD_OFFSET))->count = count;
	((PageHeader) page)->pd_lower = (LocationIndex) (VG_BODY_OFFSET + count * bytes);
	return page;
}

/* ---- the head ---- */

static char *
compose_edge(const WritePlan *plan, char *edge, uint32 to, float score, uint32 flags)
{
	const VgBuild *build = plan->build;
	const VgGeometry *geo = &build->meta.geo;

	vg_edge_set(geo, (VgEdgeDisk *) edge, ref_of(plan, to), score, flags,
				build->labels != NULL ? build->labels[to] : 0,
				build->codes + (Size) to * geo->code_bytes);
	return edge + geo->edge_bytes;
}

/* The root, and vertices spread over the graph's order. */
static void
write_state(WritePlan *plan)
{
	VgBuild *build = plan->build;
	const VgGeometry *geo = &build->meta.geo;
	char *page = palloc0(BLCKSZ);
	char *entries = palloc0(VG_MAX_ENTRIES * geo->edge_bytes);
	char *at = entries;
	VgStateDisk state;
	uint32 strips = (plan->ngroups + plan->groups_per_strip - 1) / plan->groups_per_strip;

	vg_state_init(&state);
	if (build->n > 0)
	{
		uint32 last = plan->group_base + (plan->ngroups - 1) * geo->group_pages;

		state.root = ref_of(plan, build->graph.root);
		state.strip_head = plan->strip_base;
		state.strip_tail = plan->strip_base + strips - 1;
		if (geo->group_pages == 1 && build->n % geo->group_slots != 0)
			state.open_group = last;
		state.nentries = Min(vg_state_entries_max(&build->meta), build->n);
		for (uint32 i = 0; i < state.nentries; i++)
			at = compose_edge(plan, at, build->graph.order[(uint64) i * build->n / state.nentries],
							  0, 0);
	}
	vg_state_compose(page, &build->meta, &state, entries);
	put_page(plan, page);
	pfree(page);
	pfree(entries);
}

static void
write_centre(WritePlan *plan)
{
	const VgMeta *meta = &plan->build->meta;
	const uint32 each = VG_BODY_BYTES / sizeof(float);

	for (uint32 from = 0; meta->disk.centre_pages > 0 && from < meta->geo.dim; from += each)
	{
		uint32 n = Min(meta->geo.dim - from, each);
		BlockNumber blkno;
		char *page = begin_array(plan, VG_PAGE_CENTRE, 0, 0, n, sizeof(float), &blkno);

		memcpy(page + VG_BODY_OFFSET, meta->centre + from, n * sizeof(float));
		vc_page_writer_put(plan->writer);
	}
}

/* ---- vertices ---- */

static void
compose_slot(WritePlan *plan, uint32 i)
{
	VgBuild *build = plan->build;
	const VgGeometry *geo = &build->meta.geo;
	const VgGraph *graph = &build->graph;
	VgVertexDisk *head = (VgVertexDisk *) plan->slot;

	vg_encoder_set_row(build->encoder, vg_build_vector(build, i, plan->vector));
	memcpy(build->encoder->code, build->codes + (Size) i * geo->code_bytes, geo->code_bytes);
	vg_slot_compose(build->encoder, build->labels != NULL ? build->labels[i] : 0,
					build->labels_inexact, plan->slot);
	head->count = graph->counts[i];
	head->posted = 1; /* before anybody sees the index */
	if (graph->anchors[i] != VG_GRAPH_NONE)
		head->anchor = ref_of(plan, graph->anchors[i]);
	for (uint32 k = 0; k < graph->counts[i]; k++)
	{
		uint32 to = vg_graph_list(graph, i)[k];

		compose_edge(plan, (char *) vg_slot_edge(geo, plan->slot, k), to,
					 vg_graph_scores(graph, i)[k], graph->anchors[to] == i ? VG_EDGE_PINNED : 0);
	}
}

static void
write_groups(WritePlan *plan)
{
	VgBuild *build = plan->build;
	const VgGeometry *geo = &build->meta.geo;

	for (uint32 group = 0; group < plan->ngroups; group++)
	{
		uint32 first = group * geo->group_slots;

		CHECK_FOR_INTERRUPTS();
		vg_group_compose(geo, plan->pages, plan->strip_base + group / plan->groups_per_strip,
						 group % plan->groups_per_strip * geo->group_slots);
		for (uint32 slot = 0; slot < geo->group_slots && first + slot < build->n; slot++)
		{
			compose_slot(plan, build->graph.order[first + slot]);
			vg_group_put(geo, plan->pages, slot, plan->slot);
		}
		for (uint32 ordinal = 0; ordinal < geo->group_pages; ordinal++)
			put_page(plan, plan->pages + (Size) ordinal * BLCKSZ);
		vc_progress_percent(VG_PHASE_WRITING, (int) (100.0 * group / plan->ngroups));
	}
}

/* ---- rows ---- */

static int
compare_twins(const void *a, const void *b)
{
	const VgBuildTwin *x = a;
	const VgBuildTwin *y = b;

	if (x->vertex != y->vertex)
		return x->vertex < y->vertex ? -1 : 1;
	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid),
							  unconstify(ItemPointerData *, &y->tid));
}

/* further rows of the vertex whose first is twins[from] */
static uint32
count_twins(const VgBuild *build, uint32 from)
{
	uint32 end = from;

	while (end < build->ntwins && build->twins[end].vertex == build->twins[from].vertex)
		end++;
	return end - from;
}

/* First page of each vertex' chain of duplicates; invalid where there is none. */
static BlockNumber *
place_twins(const WritePlan *plan)
{
	const VgBuild *build = plan->build;
	BlockNumber *more =
		MemoryContextAllocHuge(CurrentMemoryContext, Max(build->n, 1) * sizeof(BlockNumber));
	BlockNumber next = plan->twin_base;

	memset(more, 0xFF, build->n * sizeof(BlockNumber));
	for (uint32 i = 0; i < build->ntwins;)
	{
		uint32 count = count_twins(build, i);

		more[build->twins[i].vertex] = next;
		next += (count + VG_DUPLICATES_PER_PAGE - 1) / VG_DUPLICATES_PER_PAGE;
		i += count;
	}
	return more;
}

static void
write_strip(const WritePlan *plan, const BlockNumber *more)
{
	const VgBuild *build = plan->build;
	const VgGeometry *geo = &build->meta.geo;

	for (uint32 first = 0; first < plan->ngroups; first += plan->groups_per_strip)
	{
		uint32 groups = Min(plan->ngroups - first, plan->groups_per_strip);
		uint32 count = groups * geo->group_slots;
		BlockNumber blkno;
		char *page = begin_array(plan, VG_PAGE_STRIP, 0, 0, count, sizeof(VgStripDisk), &blkno);
		VgStripDisk *entries = (VgStripDisk *) (page + VG_BODY_OFFSET);

		for (uint32 e = 0; e < count; e++)
		{
			uint32 at = first * geo->group_slots + e;
			uint16 slot = (uint16) (at % geo->group_slots);

			entries[e].group = plan->group_base + at / geo->group_slots * geo->group_pages;
			entries[e].slot = slot;
			entries[e].more = InvalidBlockNumber;
			ItemPointerSetInvalid(&entries[e].tid);
			if (at < build->n)
			{
				entries[e].slot |= VG_STRIP_USED;
				entries[e].tid = build->tids[build->graph.order[at]];
				entries[e].more = more[build->graph.order[at]];
			}
		}
		if (first + groups < plan->ngroups)
			vc_page_opaque(page)->next = blkno + 1;
		vc_page_writer_put(plan->writer);
	}
}

static void
write_twins(const WritePlan *plan)
{
	const VgBuild *build = plan->build;

	for (uint32 i = 0; i < build->ntwins;)
	{
		uint32 left = count_twins(build, i);
		VgRef ref = ref_of(plan, build->twins[i].vertex);

		while (left > 0)
		{
			uint32 count = Min(left, VG_DUPLICATES_PER_PAGE);
			BlockNumber blkno;
			char *page = begin_array(plan, VG_PAGE_DUPLICATE, ref.group, (uint32) ref.slot << 16,
									 count, sizeof(ItemPointerData), &blkno);
			ItemPointerData *tids = (ItemPointerData *) (page + VG_BODY_OFFSET);

			CHECK_FOR_INTERRUPTS();
			for (uint32 k = 0; k < count; k++)
				tids[k] = build->twins[i + k].tid;
			i += count;
			left -= count;
			if (left > 0)
				vc_page_opaque(page)->next = blkno + 1;
			vc_page_writer_put(plan->writer);
		}
	}
}

static void
make_plan(WritePlan *plan)
{
	VgBuild *build = plan->build;
	const VgGeometry *geo = &build->meta.geo;
	uint32 strips;

	plan->position =
		MemoryContextAllocHuge(CurrentMemoryContext, Max(build->n, 1) * sizeof(uint32));
	for (uint32 at = 0; at < build->n; at++)
		plan->position[build->graph.order[at]] = at;
	plan->ngroups = (build->n + geo->group_slots - 1) / geo->group_slots;
	plan->group_base = VG_STATE_BLKNO + 1 + build->meta.disk.centre_pages;
	plan->groups_per_strip = VG_STRIPS_PER_PAGE / geo->group_slots;
	plan->strip_base = plan->group_base + plan->ngroups * geo->group_pages;
	strips = (plan->ngroups + plan->groups_per_strip - 1) / plan->groups_per_strip;
	plan->twin_base = plan->strip_base + strips;
	plan->slot = palloc0(geo->slot_bytes);
	plan->vector = palloc(geo->row_bytes);
	plan->pages = palloc0((Size) geo->group_pages * BLCKSZ);
}

uint32 *
vg_build_write(VgBuild *build)
{
	WritePlan plan = {.build = build};
	PGAlignedBlock page;
	BlockNumber *more;

	vc_progress_phase(VG_PHASE_WRITING);
	make_plan(&plan);
	qsort(build->twins, build->ntwins, sizeof(VgBuildTwin), compare_twins);
	more = place_twins(&plan);
	plan.writer = vc_page_writer_begin(build->index, MAIN_FORKNUM);
	vg_meta_compose(page.data, &build->meta.disk);
	put_page(&plan, page.data);
	write_state(&plan);
	write_centre(&plan);
	write_groups(&plan);
	write_strip(&plan, more);
	write_twins(&plan);
	vc_page_writer_end(plan.writer);
	pfree(more);
	return plan.position;
}
