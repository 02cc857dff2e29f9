/*
 * vchordg/insert.c
 *		One row into the graph.
 *
 * A beam search from the entry points finds the neighbourhood; RobustPrune chooses the neighbours; the vertex
 * appears together with a pinned edge in the list of one of them, its anchor, in one WAL record; then the others get
 * their back-edges, several lists in a record.  A crash or cancel after the first record leaves a vertex that
 * is found, with fewer edges towards it.
 *
 * A row whose vector (and labels) another vertex has already becomes one more row of that vertex.
 *
 * Locks: see vertex.h; lists of one record are locked in ascending order of their groups.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"

#include "core/buf.h"
#include "core/report.h"

#include "vchordg/am.h"
#include "vchordg/edges.h"
#include "vchordg/labels.h"
#include "vchordg/prune.h"
#include "vchordg/search.h"
#include "vchordg/strip.h"

/* of bounds while inserting; wide, for a wrong neighbour stays */
#define INSERT_EPSILON 1.9f

/*
 * Back-edges go to half of m neighbours, those that RobustPrune chose first, and to no fewer than so many: each is
 * a page in a WAL record.  Back-edges to all cost a fifth more time; of arxiv_lsa256, half of it inserted, recall@10 was
 * 0.986 with them and 0.987 without, with ef_search 64 0.981 and 0.976 (150 queries).
 */
#define BACK_EDGES_LEAST 12

/* times that the whole insert starts over when vertices vanish under it, and that one list is read again */
#define MAX_ATTEMPTS 100
#define MAX_REREADS  8

/* dying vertices, in units of ef, that a search passes over in the hope of live ones */
#define DYING_PASSED 32

/* one vertex in so many becomes an entry point while there is room for more */
#define ENTRY_EVERY 64

struct VgInserter
{
	Relation index;
	Relation heap;
	VgMeta meta;
	MemoryContext context;
	MemoryContext scratch; /* of one row */
	VcArena *arena;        /* of one row */
	VcReadCache cache;
	VgEncoder *encoder;
	VgSearch *search;
	VgHop seen;  /* lists over several pages */
	VgHop tried; /* a vertex outside the neighbourhood */
	char *slot;
	uint32 counter;
};

/* what is known while one row is inserted */
typedef struct Insertion
{
	VgInserter *self;
	VgQuery query;
	VgNewcomer newcomer;
	VgFound *found;
	uint32 nfound;
	const void **operands; /* [nfound] left operands of vcv_score, made when asked for */
	VgCandidate *chosen;
	uint32 nchosen;
	uint32 ndying;   /* vertices found that VACUUM is about to free */
	BlockNumber own; /* group taken for a vertex of several pages */
	ItemPointerData tid;
} Insertion;

VgInserter *
vg_inserter_create(MemoryContext context, Relation index, Relation heap)
{
	MemoryContext own = AllocSetContextCreate(context, "vchordg insert", ALLOCSET_DEFAULT_SIZES);
	VgInserter *self = MemoryContextAllocZero(own, sizeof(VgInserter));
	MemoryContext old;

	self->index = index;
	self->heap = heap;
	self->context = own;
	vg_meta_load(index, &self->meta);
	vg_centre_load(index, own, &self->meta);
	self->scratch = AllocSetContextCreate(own, "vchordg insert row", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(own);
	self->arena = vc_arena_create(own, "vchordg insert", VC_ARENA_UNLIMITED);
	vc_read_cache_init(&self->cache, index);
	self->encoder = vg_encoder_create(own, &self->meta);
	self->search =
		vg_search_create(own, index, &self->meta, &self->cache, self->arena, VC_STREAM_PLAIN);
	vg_hop_init(&self->seen, &self->meta);
	self->seen.edges = palloc((Size) self->meta.geo.m * self->meta.geo.edge_bytes);
	vg_hop_init(&self->tried, &self->meta);
	self->tried.edges = palloc((Size) self->meta.geo.m * self->meta.geo.edge_bytes);
	self->tried.code = palloc(self->meta.geo.code_bytes);
	self->slot = palloc0(self->meta.geo.slot_bytes);
	MemoryContextSwitchTo(old);
	return self;
}

/* ---- distances between candidates ---- */

/* a candidate's vector as left operand of vcv_score: f32, or the row itself */
static const void *
operand_of(Insertion *in, uint32 i)
{
	const VgGeometry *geo = &in->self->meta.geo;
	VcvView view = {.type = geo->type, .dim = geo->dim, .x = in->found[i].row};

	if (in->operands[i] == NULL)
	{
		if (geo->type == VCV_HALFVEC)
		{
			float *x = vc_arena_alloc(in->self->arena, geo->dim * sizeof(float));

			vcv_to_f32(&view, x);
			in->operands[i] = x;
		}
		else
			in->operands[i] = in->found[i].row;
	}
	return in->operands[i];
}

/* VgPairScore */
static float
pair_score(void *arg, const VgCandidate *a, const VgCandidate *b)
{
	Insertion *in = arg;
	const VgMeta *meta = &in->self->meta;
	float score = vcv_score((VcvMetric) meta->disk.metric, meta->geo.type,
							operand_of(in, a->number), in->found[b->number].row, meta->geo.dim);

	if (meta->disk.metric == VCV_COSINE && !vcv_is_quantized(meta->geo.type))
		score *= in->found[a->number].inverse_norm * in->found[b->number].inverse_norm;
	return score;
}

/* ---- finding the neighbourhood ---- */

/* VgSearchOptions.counts: what can be a neighbour; where VACUUM is freeing everything the search has to end, too */
static bool
can_be_neighbour(void *arg, const VgFound *found)
{
	Insertion *in = arg;

	return found->state == VG_VERTEX_LIVE ||
		   ++in->ndying > DYING_PASSED * in->self->meta.disk.ef_construction;
}

static void
search_neighbourhood(Insertion *in)
{
	VgInserter *self = in->self;
	VgSearchOptions options = {.beam = self->meta.disk.beam_construction,
							   .epsilon = INSERT_EPSILON,
							   .keep_rows = true,
							   .memory = (size_t) work_mem * 1024,
							   .counts = can_be_neighbour,
							   .arg = in};

	in->ndying = 0;
	vg_search_begin(self->search, &in->query, &options);
	vg_search_run(self->search, self->meta.disk.ef_construction);
	in->found = vg_search_found(self->search, &in->nfound);
	in->operands = vc_arena_alloc_array(self->arena, Max(in->nfound, 1), sizeof(void *));
	memset(in->operands, 0, in->nfound * sizeof(void *));
}

/* The row joins a vertex with the same vector and labels, if there is one. */
static bool
add_to_twin(Insertion *in, bool labels_inexact)
{
	VgInserter *self = in->self;
	const VgGeometry *geo = &self->meta.geo;

	if (labels_inexact)
		return false;
	for (uint32 i = 0; i < in->nfound; i++)
	{
		const VgFound *found = &in->found[i];

		if (found->state == VG_VERTEX_LIVE && found->labels == in->newcomer.labels &&
			!found->labels_inexact && (found->posted || !geo->labels) &&
			memcmp(found->row, self->encoder->view.x, geo->row_bytes) == 0 &&
			vg_strip_add(self->index, self->heap, &self->meta, found->ref, found->strip,
						 found->strip_entry, &in->tid))
			return true;
	}
	return false;
}

static void
choose_neighbours(Insertion *in)
{
	VgInserter *self = in->self;
	const VgPruneRule rule = {.metric = (VcvMetric) self->meta.disk.metric,
							  .nalphas = self->meta.disk.nalphas,
							  .alpha = self->meta.disk.alpha};
	uint32 n = 0;

	in->chosen = palloc(Max(in->nfound, 1) * sizeof(VgCandidate));
	for (uint32 i = 0; i < in->nfound; i++)
	{
		if (in->found[i].state != VG_VERTEX_LIVE)
			continue;
		in->chosen[n++] = (VgCandidate){.ref = in->found[i].ref,
										.score = in->found[i].score,
										.labels = in->found[i].labels,
										.number = i};
	}
	in->nchosen = vg_prune(&rule, in->newcomer.labels, in->chosen, n, self->meta.geo.m, pair_score,
						   in, palloc(Max(n, 1) * sizeof(VgCandidate)));
}

/* ---- writing ---- */

/* the list before its record, if it cannot be read in it */
static const VgHop *
look_at_list(Insertion *in, VgRef ref)
{
	VgInserter *self = in->self;

	if (vg_list_on_one_page(&self->meta))
		return NULL;
	if (!vg_vertex_expand(self->index, &self->meta, NULL, NULL, ref, NULL, &self->seen))
		self->seen.nedges = 0;
	return &self->seen;
}

static void
compose(Insertion *in, bool labels_inexact, VgRef anchor)
{
	VgInserter *self = in->self;
	const VgGeometry *geo = &self->meta.geo;
	VgVertexDisk *head = (VgVertexDisk *) self->slot;

	vg_slot_compose(self->encoder, in->newcomer.labels, labels_inexact, self->slot);
	head->anchor = anchor;
	head->count = (uint16) in->nchosen;
	for (uint32 i = 0; i < in->nchosen; i++)
	{
		const VgCandidate *to = &in->chosen[i];

		vg_edge_set(geo, vg_slot_edge(geo, self->slot, i), to->ref, to->score, 0, to->labels,
					in->found[to->number].code);
	}
}

/* The vertex and its anchor's edge, in one record; false: this anchor cannot be it. */
static bool
create_with_anchor(Insertion *in, const VgCandidate *anchor)
{
	VgInserter *self = in->self;

	for (int i = 0; i < MAX_REREADS; i++)
	{
		VgListEdit edit;
		VgEdgeResult result;
		const VgHop *seen = look_at_list(in, anchor->ref);
		uint32 edge = 0;
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(self->index);

		if (seen != NULL)
			edge = vg_edges_place(&self->meta, seen, &in->newcomer, anchor->score);
		if (edge == self->meta.geo.m ||
			!vg_vertex_create(self->index, self->heap, &self->meta, self->slot, &in->tid,
							  VG_ROLE_CHILD, anchor->ref, edge, &in->own, &xlog, &in->newcomer.ref,
							  &edit))
			return false;
		result = vg_edges_add(&edit, seen, &in->newcomer, anchor->score, true);
		if (result == VG_EDGE_DONE)
		{
			vc_xlog_commit(&xlog);
			in->own = InvalidBlockNumber;
			return true;
		}
		if (result == VG_EDGE_REFUSED)
			return false;
	}
	return false;
}

/* A root: of an empty index, or over the present one, which is dying like all that the search found. */
static bool
create_root(Insertion *in, VgRole role, VgRef other)
{
	VgInserter *self = in->self;
	VgListEdit edit;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(self->index);

	if (!vg_vertex_create(self->index, self->heap, &self->meta, self->slot, &in->tid, role, other,
						  0, &in->own, &xlog, &in->newcomer.ref, &edit))
		return false;
	vc_xlog_commit(&xlog);
	in->own = InvalidBlockNumber;
	return true;
}

/*
 * The vertex in self->tried becomes the first of the chosen ones, though the search did not find it: it is appended to what
 * was found.
 */
static void
choose_tried(Insertion *in)
{
	VgInserter *self = in->self;
	const VgHop *hop = &self->tried;
	VgFound *found = vc_arena_alloc_array(self->arena, in->nfound + 1, sizeof(VgFound));
	char *code = vc_arena_alloc(self->arena, self->meta.geo.code_bytes);

	memcpy(found, in->found, in->nfound * sizeof(VgFound));
	memcpy(code, hop->code, self->meta.geo.code_bytes);
	found[in->nfound] = (VgFound){.ref = hop->ref, .score = hop->score, .code = code};
	in->chosen[0] = (VgCandidate){
		.ref = hop->ref, .score = hop->score, .labels = hop->head.labels, .number = in->nfound};
	in->nchosen = 1;
	in->found = found;
}

static bool
is_pinned(const VgGeometry *geo, const VgHop *hop, uint32 i)
{
	return (((const VgEdgeDisk *) (hop->edges + (Size) i * geo->edge_bytes))->flags &
			VG_EDGE_PINNED) != 0;
}

/*
 * The anchor is `top` or a vertex below it in the tree of anchors, below dying ones too: a leaf has a place for certain.
 */
static bool
create_below(Insertion *in, bool labels_inexact, VgRef top)
{
	VgInserter *self = in->self;
	const VgGeometry *geo = &self->meta.geo;
	VgHop *hop = &self->tried;
	uint32 room = 256;
	uint32 n = 1;
	VgRef *queue = palloc(room * sizeof(VgRef));

	queue[0] = top;
	for (uint32 i = 0; i < n; i++)
	{
		uint32 npinned = 0;
		VgCandidate anchor;

		CHECK_FOR_INTERRUPTS();
		if (!vg_vertex_expand(self->index, &self->meta, &self->cache, NULL, queue[i], &in->query,
							  hop))
			continue;
		for (uint32 e = 0; e < hop->nedges; e++)
			npinned += is_pinned(geo, hop, e);
		if (n + npinned > room)
		{
			room = 2 * (n + npinned);
			queue = repalloc_huge(queue, room * sizeof(VgRef));
		}
		for (uint32 e = 0; e < hop->nedges; e++)
		{
			if (is_pinned(geo, hop, e))
				queue[n++] = hop->to[e];
		}
		if (npinned == geo->m || hop->head.state != VG_VERTEX_LIVE)
			continue;
		if (in->nchosen == 0)
			choose_tried(in);
		anchor = (VgCandidate){.ref = queue[i], .score = hop->score};
		compose(in, labels_inexact, anchor.ref);
		if (create_with_anchor(in, &anchor))
			return true;
	}
	return false;
}

/*
 * No vertex of the neighbourhood can be the anchor.  If VACUUM is about to free the root, too, the new vertex takes its place
 * above it; else there is a place below the root, or below the nearest vertex that has none itself.
 */
static bool
create_elsewhere(Insertion *in, bool labels_inexact)
{
	VgInserter *self = in->self;
	const VgGeometry *geo = &self->meta.geo;
	VgHop *hop = &self->tried;
	VgStateDisk state;

	if (in->nchosen > 0 && create_below(in, labels_inexact, in->chosen[0].ref))
		return true;
	vg_state_read(self->index, &self->meta, NULL, &state, NULL);
	if (!vg_ref_valid(state.root) || !vg_vertex_expand(self->index, &self->meta, &self->cache, NULL,
													   state.root, &in->query, hop))
		return false;
	if (hop->head.state == VG_VERTEX_LIVE)
		return create_below(in, labels_inexact, state.root);
	compose(in, labels_inexact, VG_NO_REF);
	vg_edge_set(geo, vg_slot_edge(geo, self->slot, 0), hop->ref, hop->score, VG_EDGE_PINNED,
				hop->head.labels, hop->code);
	((VgVertexDisk *) self->slot)->count = (uint16) Max(in->nchosen, 1);
	return create_root(in, VG_ROLE_NEW_ROOT, hop->ref);
}

/* The vertex with some anchor: the nearest neighbour that has a place for it. */
static bool
create_vertex(Insertion *in, bool labels_inexact)
{
	if (in->nfound == 0)
	{
		compose(in, labels_inexact, VG_NO_REF);
		return create_root(in, VG_ROLE_ROOT, VG_NO_REF);
	}
	for (uint32 i = 0; i < in->nchosen; i++)
	{
		compose(in, labels_inexact, in->chosen[i].ref);
		if (create_with_anchor(in, &in->chosen[i]))
		{
			in->chosen[i].pinned = true;
			return true;
		}
	}
	return create_elsewhere(in, labels_inexact);
}

static int
compare_places(const void *a, const void *b)
{
	const VgCandidate *x = a;
	const VgCandidate *y = b;

	if (x->ref.group != y->ref.group)
		return x->ref.group < y->ref.group ? -1 : 1;
	return (int) x->ref.slot - (int) y->ref.slot;
}

/* Back-edges in lists that lie on one page each: as many pages as a record holds. */
static uint32
add_back_edges(Insertion *in, uint32 from)
{
	VgInserter *self = in->self;
	bool any = false;
	uint32 i;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(self->index);

	for (i = from; i < in->nchosen; i++)
	{
		const VgCandidate *to = &in->chosen[i];
		VgListEdit edit;

		if (vc_xlog_page(&xlog, to->ref.group) == NULL && xlog.npages == VC_XLOG_PAGES)
			break;
		if (!to->pinned && vg_list_edit(&xlog, &self->meta, to->ref, true, &edit))
			any |= vg_edges_add(&edit, NULL, &in->newcomer, to->score, false) == VG_EDGE_DONE;
	}
	if (any)
		vc_xlog_commit(&xlog);
	return i;
}

/* The same for one list over several pages. */
static void
add_long_back_edge(Insertion *in, const VgCandidate *to)
{
	VgInserter *self = in->self;

	for (int i = 0; i < MAX_REREADS; i++)
	{
		VgListEdit edit;
		VgEdgeResult result;
		const VgHop *seen = look_at_list(in, to->ref);
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(self->index);

		if (!vg_list_edit(&xlog, &self->meta, to->ref, true, &edit))
			return;
		result = vg_edges_add(&edit, seen, &in->newcomer, to->score, false);
		if (result == VG_EDGE_DONE)
			vc_xlog_commit(&xlog);
		if (result != VG_EDGE_CHANGED)
			return;
	}
}

static void
link_back(Insertion *in)
{
	uint32 i = 0;

	in->nchosen = Min(in->nchosen, Max(in->self->meta.geo.m / 2, BACK_EDGES_LEAST));
	qsort(in->chosen, in->nchosen, sizeof(VgCandidate), compare_places);
	while (i < in->nchosen)
	{
		CHECK_FOR_INTERRUPTS();
		if (vg_list_on_one_page(&in->self->meta))
			i = add_back_edges(in, i);
		else
		{
			if (!in->chosen[i].pinned)
				add_long_back_edge(in, &in->chosen[i]);
			i++;
		}
	}
}

/* Some vertices become entry points, so that searches start from many places of an index that was built empty. */
static void
offer_entry(Insertion *in)
{
	VgInserter *self = in->self;
	const VgGeometry *geo = &self->meta.geo;
	VgStateDisk *state;
	char *page;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(self->index);

	state = vg_state_edit(&xlog, &self->meta);
	if (state->nentries >= vg_state_entries_max(&self->meta))
		return;
	page = vc_xlog_page(&xlog, VG_STATE_BLKNO);
	vg_edge_set(geo,
				(VgEdgeDisk *) (page + VG_BODY_OFFSET + VG_STATE_ENTRIES_AT +
								state->nentries * geo->edge_bytes),
				in->newcomer.ref, 0, 0, in->newcomer.labels, in->newcomer.code);
	state->nentries++;
	((PageHeader) page)->pd_lower += geo->edge_bytes;
	vc_xlog_commit(&xlog);
}

/*
 * The postings of a new vertex, then the mark that it has them.  If a cancel or a crash comes before, VACUUM removes
 * the vertex, whose row is dead; no further row has joined it by then that a search by label would not find.
 */
static void
post_labels(Insertion *in, const VgLabelSet *labels)
{
	VgInserter *self = in->self;
	VgListEdit edit;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(self->index);

	vg_labels_post(self->index, self->heap, &self->meta, labels, in->newcomer.ref);
	if (!vg_list_edit(&xlog, &self->meta, in->newcomer.ref, true, &edit))
		return;
	edit.head->posted = 1;
	vc_xlog_commit(&xlog);
}

static void
insert_row(VgInserter *self, Datum value, const VgLabelSet *labels, ItemPointer tid)
{
	Insertion in = {.self = self, .own = InvalidBlockNumber, .tid = *tid};
	bool labels_inexact = false;
	VC_SCOPED(vc_arena_rewind) VcArenaMark mark = vc_arena_mark(self->arena);

	vg_encoder_set(self->encoder, value);
	vg_encoder_code(self->encoder);
	if (self->meta.geo.labels)
		in.newcomer.labels =
			vg_labels_sign(self->index, self->heap, &self->meta, labels, &labels_inexact);
	vg_query_init(&in.query, self->encoder, INSERT_EPSILON, self->arena);
	in.newcomer.code = self->encoder->code;
	in.newcomer.query = &in.query;
	for (int attempt = 0;; attempt++)
	{
		if (attempt == MAX_ATTEMPTS)
			vc_corrupt(self->index, VG_STATE_BLKNO, "no vertex can be the anchor of a new one");
		search_neighbourhood(&in);
		if (add_to_twin(&in, labels_inexact))
			break;
		choose_neighbours(&in);
		if (create_vertex(&in, labels_inexact))
		{
			link_back(&in);
			if (self->meta.geo.labels)
				post_labels(&in, labels);
			if (self->counter++ % ENTRY_EVERY == ENTRY_EVERY - 1)
				offer_entry(&in);
			break;
		}
	}
	if (in.own != InvalidBlockNumber)
		vg_group_give_back(self->index, &self->meta, in.own, false);
	(void) mark;
	vg_encoder_clear(self->encoder);
}

void
vg_inserter_insert(VgInserter *self, Datum value, Datum labels, bool labels_null, ItemPointer tid)
{
	MemoryContext old = MemoryContextSwitchTo(self->scratch);
	VgLabelSet set = {0};

	if (self->meta.geo.labels)
		vg_labels_read((VgLabelType) self->meta.disk.label_type, labels, labels_null, &set);
	insert_row(self, value, &set, tid);
	MemoryContextSwitchTo(old);
	MemoryContextReset(self->scratch);
}

bool
vg_aminsert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
			IndexUniqueCheck checkUnique, bool indexUnchanged, IndexInfo *indexInfo)
{
	VgInserter *self = indexInfo->ii_AmCache;
	bool labelled = IndexRelationGetNumberOfKeyAttributes(index) > 1;
	VC_GUARDS_ENTER();

	(void) checkUnique;
	(void) indexUnchanged;
	if (isnull[0])
		return false;
	if (self == NULL)
	{
		self = vg_inserter_create(indexInfo->ii_Context, index, heap);
		indexInfo->ii_AmCache = self;
	}
	vg_inserter_insert(self, values[0], labelled ? values[1] : (Datum) 0, !labelled || isnull[1],
					   heap_tid);
	VC_GUARDS_LEAVE();
	return false;
}
