/*
 * vchordg/build.c
 *		CREATE INDEX: the graph is built in memory and written once.
 *
 * The table is read; of each vector an 8-bit row stays in memory (a quarter of its size), and the vector itself in memory
 * or, if that is short, in a temporary file.  Threads build the graph from the 8-bit rows.  Then the pages
 * are composed, with codes and vectors that are exact.  Rows with equal vectors share a vertex.
 *
 * When maintenance_work_mem is used up, the graph of the rows so far is built and written, and the remaining rows are inserted one
 * by one, as INSERT does it.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core/parallel.h"
#include "core/progress.h"
#include "core/vector/quantized.h"

#include "vchordg/build.h"
#include "vchordg/labels.h"

/* of maintenance_work_mem, so that what is allocated around it fits, too */
#define MEMORY_SHARE 0.9

#define INITIAL_ROOM 1024

/* bytes of an entry of the table of vectors, about: key, value, dynahash's own */
#define TWIN_ENTRY_BYTES 64

static const VcProgressPhase phases[] = {[VG_PHASE_INITIALIZING] = {"initializing", false},
										 [VG_PHASE_READING] = {"reading the table", false},
										 [VG_PHASE_GRAPH] = {"building the graph", true},
										 [VG_PHASE_WRITING] = {"writing the index", true},
										 [VG_PHASE_INSERTING] = {"inserting tuples", false}};

/* 128 bits of a vector (and its labels): two different ones that agree are not to be expected in any table */
typedef struct TwinKey
{
	uint64 a;
	uint64 b;
} TwinKey;

typedef struct TwinEntry
{
	TwinKey key;
	uint32 vertex;
} TwinEntry;

char *
vg_ambuildphasename(int64 phasenum)
{
	return vc_progress_name(phases, lengthof(phases), phasenum);
}

/* ---- what is indexed ---- */

static void
check_m(const VgMetaDisk *disk, int m)
{
	VgGeometry geo;
	bool labels = (disk->flags & VG_META_LABELS) != 0;

	if (vg_geometry_init(&geo, disk->dim, (VcvType) disk->type, disk->bits, (uint32) m, labels))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("neighbours of a vector with %u dimensions do not fit the pages of an index",
					disk->dim),
			 errhint("m can be at most %u, with bits = %u.",
					 vg_geometry_max_m(disk->dim, (VcvType) disk->type, disk->bits, labels),
					 disk->bits)));
}

/* A factor of distances means nothing where there is no triangle inequality. */
static void
warn_of_alpha(const VgBuildOptions *options, VcvMetric metric)
{
	if (metric != VCV_IP || !options->alpha_given || options->alpha[options->nalphas - 1] == 1 ||
		(options->nalphas == 2 && options->alpha[1] == 1.2f))
		return;
	ereport(WARNING, (errmsg("`alpha` other than 1.0 has no effect on an index of inner products"),
					  errdetail("Only L2 and cosine distances are pruned with factors.")));
}

uint16
vg_default_bits(uint32 dim)
{
	/* short vectors have few bits to tell them apart, and long ones make long lists of neighbours */
	return dim < 512 ? 2 : 1;
}

/* Options and columns, and what of the metapage follows from them. */
static void
describe(Relation index, VgMeta *ret_meta)
{
	VgBuildOptions options;
	VgMetaDisk *disk = &ret_meta->disk;

	memset(ret_meta, 0, sizeof(*ret_meta));
	vg_build_options(index, &options);
	vg_columns_check(index, &disk->dim, &disk->type, &disk->metric, &disk->label_type);
	if (disk->label_type != VG_LABEL_NONE)
		disk->flags |= VG_META_LABELS;
	warn_of_alpha(&options, (VcvMetric) disk->metric);
	disk->bits = (uint16) (options.bits != 0 ? options.bits : vg_default_bits(disk->dim));
	check_m(disk, options.m);
	vg_geometry_init(&ret_meta->geo, disk->dim, (VcvType) disk->type, disk->bits,
					 (uint32) options.m, disk->label_type != VG_LABEL_NONE);
	if (options.m == 0)
		disk->flags |= VG_META_AUTO_M;
	disk->m = (uint16) ret_meta->geo.m;
	disk->nalphas = (uint16) options.nalphas;
	memcpy(disk->alpha, options.alpha, sizeof(disk->alpha));
	disk->ef_construction = options.ef_construction;
	disk->beam_construction = options.beam_construction;
	disk->group_pages = ret_meta->geo.group_pages;
	disk->group_slots = ret_meta->geo.group_slots;
	disk->slot_bytes = ret_meta->geo.slot_bytes;
	disk->centre_first = InvalidBlockNumber;
}

/* ---- memory ---- */

static VgGraphOptions
graph_options(VgBuild *build)
{
	const VgMetaDisk *disk = &build->meta.disk;

	return (VgGraphOptions){.rule = {.metric = (VcvMetric) disk->metric,
									 .nalphas = disk->nalphas,
									 .alpha = disk->alpha},
							.dim = disk->dim,
							.m = disk->m,
							.ef = disk->ef_construction,
							.threads = build->threads,
							.arg = build};
}

/* what n vertices need at the end, their vectors not counted */
static Size
bytes_for(VgBuild *build, uint32 n)
{
	VgGraphOptions options = graph_options(build);
	Size each = sizeof(ItemPointerData) + vg_graph_row_bytes(&options) +
				build->meta.geo.code_bytes + TWIN_ENTRY_BYTES + sizeof(uint32) +
				sizeof(BlockNumber) + (build->meta.geo.labels ? sizeof(uint64) : 0);

	return vg_graph_memory(&options, n) + n * each;
}

static void
grow(VgBuild *build)
{
	VgGraphOptions options = graph_options(build);
	uint32 room = build->room == 0 ? INITIAL_ROOM : 2 * build->room;
	Size row = vg_graph_row_bytes(&options);

	if (build->room == 0)
	{
		build->tids = palloc(room * sizeof(ItemPointerData));
		build->rows8 = MemoryContextAllocHuge(build->context, room * row);
		if (build->meta.geo.labels)
			build->labels = palloc(room * sizeof(uint64));
		build->vectors =
			MemoryContextAllocHuge(build->context, (Size) room * build->meta.geo.row_bytes);
	}
	else
	{
		build->tids = repalloc_huge(build->tids, room * sizeof(ItemPointerData));
		build->rows8 = repalloc_huge(build->rows8, room * row);
		if (build->meta.geo.labels)
			build->labels = repalloc_huge(build->labels, room * sizeof(uint64));
		if (build->vectors != NULL)
			build->vectors = repalloc_huge(build->vectors, (Size) room * build->meta.geo.row_bytes);
	}
	build->room = room;
}

/* Vectors move to a file when they would not fit beside what must be in memory. */
static void
spill_vectors(VgBuild *build)
{
	Size bytes = build->meta.geo.row_bytes;

	build->spool = BufFileCreateTemp(false);
	for (uint32 i = 0; i < build->n; i++)
		BufFileWrite(build->spool, build->vectors + i * bytes, bytes);
	pfree(build->vectors);
	build->vectors = NULL;
}

static void
keep_vector(VgBuild *build, const void *row)
{
	Size bytes = build->meta.geo.row_bytes;

	if (build->vectors != NULL &&
		bytes_for(build, build->room) + (Size) build->room * bytes > build->limit)
		spill_vectors(build);
	if (build->vectors != NULL)
		memcpy(build->vectors + build->n * bytes, row, bytes);
	else
		BufFileWrite(build->spool, unconstify(void *, row), bytes);
}

const char *
vg_build_vector(VgBuild *build, uint32 i, char *buffer)
{
	Size bytes = build->meta.geo.row_bytes;
	uint64 at = (uint64) i * bytes;
	const uint64 segment = UINT64CONST(1) << 30; /* of a temporary file, buffile.c */

	if (build->vectors != NULL)
		return build->vectors + at;
	if (BufFileSeek(build->spool, (int) (at / segment), (off_t) (at % segment), SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in a temporary file of an index build: %m")));
	if (BufFileRead(build->spool, buffer, bytes) != bytes)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read a temporary file of an index build: %m")));
	return buffer;
}

/* ---- rows ---- */

/* The vertex with this vector, or a new one (*ret_new). */
static uint32
find_twin(VgBuild *build, uint64 labels, bool *ret_new)
{
	const unsigned char *row = build->encoder->view.x;
	int bytes = (int) build->meta.geo.row_bytes;
	TwinKey key = {hash_bytes_extended(row, bytes, labels),
				   hash_bytes_extended(row, bytes, ~labels ^ UINT64CONST(0x9E3779B97F4A7C15))};
	bool found;
	TwinEntry *entry = hash_search(build->twins_of, &key, HASH_ENTER, &found);

	if (!found)
		entry->vertex = build->n;
	*ret_new = !found;
	return entry->vertex;
}

static void
add_twin(VgBuild *build, uint32 vertex, ItemPointer tid)
{
	if (build->ntwins == build->twin_room)
	{
		build->twin_room = Max(INITIAL_ROOM, 2 * build->twin_room);
		build->twins = build->twins == NULL
						   ? palloc(build->twin_room * sizeof(VgBuildTwin))
						   : repalloc_huge(build->twins, build->twin_room * sizeof(VgBuildTwin));
	}
	build->twins[build->ntwins++] = (VgBuildTwin){vertex, *tid};
}

static void
add_vertex(VgBuild *build, uint64 labels, ItemPointer tid)
{
	const VgEncoder *enc = build->encoder;
	VgGraphOptions options = graph_options(build);
	uint32 dim = build->meta.geo.dim;

	if (build->n == build->room)
		grow(build);
	keep_vector(build, enc->view.x);
	build->tids[build->n] = *tid;
	if (build->labels != NULL)
		build->labels[build->n] = labels;
	vcv_quantize(VCV_RABITQ8, enc->rotated, dim,
				 build->rows8 + (Size) build->n * vg_graph_row_bytes(&options));
	for (uint32 i = 0; i < dim; i++)
		build->sum[i] += enc->rotated[i];
	build->n++;
}

static void finish_in_memory(VgBuild *build, bool more);

/* Is there memory for twice the vertices there are room for?  Else what there is becomes the index. */
static bool
must_finish(const VgBuild *build)
{
	return build->n == build->room && build->room > 0 &&
		   bytes_for(unconstify(VgBuild *, build), 2 * build->room) +
				   build->ntwins * sizeof(VgBuildTwin) >
			   build->limit;
}

/* IndexBuildCallback */
static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	VgBuild *build = state;
	MemoryContext old;
	bool labelled = build->meta.geo.labels;
	uint64 labels = 0;
	uint32 vertex;
	bool is_new;

	(void) index;
	(void) alive;
	if (isnull[0])
		return;
	build->index_tuples++;
	if (build->inserter == NULL && must_finish(build))
		finish_in_memory(build, true);
	if (build->inserter != NULL)
	{
		vg_inserter_insert(build->inserter, values[0], labelled ? values[1] : (Datum) 0,
						   !labelled || isnull[1], tid);
		vc_progress_tuples_done((int64) build->index_tuples);
		return;
	}
	old = MemoryContextSwitchTo(build->context);
	vg_encoder_set(build->encoder, values[0]);
	if (labelled)
	{
		bool inexact;

		labels = vg_labels_build_sign(build->label_build, values[1], isnull[1], &inexact);
		build->labels_inexact |= inexact;
	}
	vertex = find_twin(build, labelled ? vg_labels_build_hash(build->label_build) : 0, &is_new);
	if (is_new)
	{
		if (labelled)
			vg_labels_build_add(build->label_build, build->n);
		add_vertex(build, labels, tid);
	}
	else
		add_twin(build, vertex, tid);
	vg_encoder_clear(build->encoder);
	MemoryContextSwitchTo(old);
}

/* ---- phases ---- */

/* VgGraphOptions.poll */
static bool
poll_graph(void *arg, int percent)
{
	(void) arg;
	vc_progress_percent(VG_PHASE_GRAPH, percent);
	return INTERRUPTS_PENDING_CONDITION();
}

/* The mean of all vectors is what codes are relative to. */
static void
set_centre(VgBuild *build)
{
	VgMetaDisk *disk = &build->meta.disk;
	float *centre = palloc0(disk->dim * sizeof(float));
	double norm2 = 0;

	for (uint32 i = 0; build->n > 0 && i < disk->dim; i++)
	{
		centre[i] = (float) (build->sum[i] / build->n);
		norm2 += (double) centre[i] * centre[i];
	}
	build->meta.centre = centre;
	if (build->n == 0)
		return;
	disk->flags |= VG_META_CENTRED;
	disk->centre_first = VG_STATE_BLKNO + 1;
	disk->centre_pages = (disk->dim * sizeof(float) + VG_BODY_BYTES - 1) / VG_BODY_BYTES;
	disk->centre_norm2 = (float) norm2;
}

static void
make_codes(VgBuild *build)
{
	const VgGeometry *geo = &build->meta.geo;
	char *buffer = palloc(geo->row_bytes);

	build->codes =
		MemoryContextAllocHuge(build->context, (Size) Max(build->n, 1) * geo->code_bytes);
	for (uint32 i = 0; i < build->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		vg_encoder_set_row(build->encoder, vg_build_vector(build, i, buffer));
		vg_code(&build->meta, build->encoder->rotated, build->encoder->scratch,
				build->codes + (Size) i * geo->code_bytes);
	}
}

typedef struct PlaceOf
{
	const VgBuild *build;
	const uint32 *position;
} PlaceOf;

static VgRef
place_of(void *arg, uint32 vertex)
{
	const PlaceOf *place = arg;

	return vg_build_ref(place->build, place->position[vertex]);
}

/* more: rows follow, for which there is no memory */
static void
finish_in_memory(VgBuild *build, bool more)
{
	uint32 *position;
	MemoryContext old = MemoryContextSwitchTo(build->context);
	VgGraphOptions options = graph_options(build);
	char *memory;

	hash_destroy(build->twins_of);
	build->twins_of = NULL;
	set_centre(build);
	build->meta.disk.build_rows = build->index_tuples;
	vc_progress_phase(VG_PHASE_GRAPH);
	options.poll = poll_graph;
	memory = MemoryContextAllocHuge(build->context, vg_graph_memory(&options, build->n) + 64);
	vg_graph_init(&build->graph, &options, build->n, build->rows8, build->labels,
				  (void *) TYPEALIGN(64, memory));
	while (!vg_graph_build(&build->graph, &options))
	{
		CHECK_FOR_INTERRUPTS();
		/* something pending that was none of ours: from the start */
		vg_graph_init(&build->graph, &options, build->n, build->rows8, build->labels,
					  (void *) TYPEALIGN(64, memory));
	}
	make_codes(build);
	position = vg_build_write(build);
	if (build->meta.geo.labels)
	{
		PlaceOf place = {build, position};

		vg_labels_build_write(build->label_build, build->index, build->heap, &build->meta, place_of,
							  &place);
	}
	pfree(position);
	if (build->spool != NULL)
		BufFileClose(build->spool);
	pfree(memory);
	pfree(build->codes);
	if (build->rows8 != NULL)
		pfree(build->rows8);
	if (build->vectors != NULL)
		pfree(build->vectors);
	build->vectors = NULL;
	MemoryContextSwitchTo(old);
	if (more)
	{
		ereport(NOTICE,
				(errmsg("the graph of vchordg index \"%s\" does not fit maintenance_work_mem",
						RelationGetRelationName(build->index)),
				 errdetail("%u vectors were; the others are inserted one by one, which is slower.",
						   build->n),
				 errhint("Increase maintenance_work_mem to speed up the build.")));
		build->inserter = vg_inserter_create(build->context, build->index, build->heap);
		vc_progress_phase(VG_PHASE_INSERTING);
	}
}

static void
begin(VgBuild *build)
{
	HASHCTL control = {
		.keysize = sizeof(TwinKey), .entrysize = sizeof(TwinEntry), .hcxt = build->context};

	describe(build->index, &build->meta);
	build->limit = (Size) (maintenance_work_mem * 1024.0 * MEMORY_SHARE);
	build->threads = 1 + (uint32) vc_parallel_workers(build->heap, build->index, build->info);
	/* the encoder needs no centre */
	build->encoder = vg_encoder_create(build->context, &build->meta);
	if (build->meta.geo.labels)
		build->label_build = vg_labels_build_begin(build->context, &build->meta);
	build->sum = palloc0(build->meta.geo.dim * sizeof(double));
	build->twins_of = hash_create("vchordg build: vectors", INITIAL_ROOM, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

IndexBuildResult *
vg_ambuild(Relation heap, Relation index, IndexInfo *indexInfo)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchordg build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	VgBuild *build = palloc0(sizeof(VgBuild));

	if (RelationGetNumberOfBlocks(index) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("index \"%s\" already contains data", RelationGetRelationName(index))));
	build->heap = heap;
	build->index = index;
	build->info = indexInfo;
	build->context = context;
	begin(build);
	vc_progress_phase(VG_PHASE_READING);
	build->heap_tuples =
		table_index_build_scan(heap, index, indexInfo, true, true, add_row, build, NULL);
	if (build->inserter == NULL)
		finish_in_memory(build, false);
	result->heap_tuples = build->heap_tuples;
	result->index_tuples = build->index_tuples;
	vc_progress_tuples_done((int64) result->index_tuples);
	vc_progress_tuples_total((int64) result->index_tuples);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

void
vg_ambuildempty(Relation index)
{
	VgMeta meta;

	describe(index, &meta);
	vg_meta_write_empty(index, INIT_FORKNUM, &meta.disk);
}
