/*
 * vchordrq/build_scan.c
 *		Parallel part of the build: every row's code into a sort, its vector into a group.
 *
 * Participants share the rotated leaf centroids and scan the table together.  Each one composes its
 * own vector groups in private memory and hands full ones to the writer, so a page is written and
 * logged once; each one sorts its own codes by (list, TID), and the leader merges the runs.  What a
 * participant learns about lists is added up under a lock when its scan ends.
 *
 * A participant's last group is usually not full: it becomes the open group of the chain with the
 * participant's number, or joins a free list when there are fewer chains.
 *
 * Which rows share a group depends on who scanned them; lists and their order do not.
 */
#include "postgres.h"

#include "vchordrq/build.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/typcache.h"

#include "core/attrs.h"
#include "core/compat.h"
#include "core/progress.h"
#include "core/simd/vector/ops.h"
#include "core/vector/assigner.h"
#include "core/vector/tokens.h"

#include "vchordrq/encode.h"
#include "vchordrq/vectors.h"

/* pages by which a participant extends the index at a time */
#define RANGE_BATCH 256
/* rows between two looks at the shared counter */
#define TUPLES_BATCH 64
/* a sort gets no less, in kB: less than this is not worth a tape */
#define SORT_MEM_MIN 1024

/* the scratch arena loses a little to alignment and to its offset 0 */
#define SCRATCH_SLACK 1024

/* shared counters */
#define COUNTER_TUPLES 0 /* rows seen (of arrays: vectors), for progress */
#define COUNTER_SHARED 1 /* place of ScanShared */

#define LOCK_STATS    0
#define BARRIER_READY 0

/* immutable part, followed by the centroids at centroids_offset */
typedef struct ScanJob
{
	RqMeta meta;
	Size centroids_offset;
	Size sort_bytes; /* of the shared state of the sort */
} ScanJob;

/* mutable part in the scratch arena; offsets from its start */
typedef struct ScanShared
{
	Size sort_offset;                  /* Sharedsort */
	Size stats_offset;                 /* RqListStats[lists], under LOCK_STATS */
	RqChainDisk chains[RQ_MAX_CHAINS]; /* under LOCK_STATS */
} ScanShared;

/* one participant */
typedef struct Scanner
{
	VcParallel *parallel;
	const ScanJob *job;
	const RqMeta *meta;
	const float *centroids;
	RqEncoder *enc;
	VcvAssigner *assigner; /* NULL with a single list */
	void *scratch;         /* of the assigner */
	uint32 warm;           /* list of the row before: neighbours in the table are often near */
	RqListStats *stats;    /* [lists], own rows */
	Tuplesortstate *sort;
	struct varlena *record; /* being composed */

	/* vector groups */
	char *pages;       /* group_pages images */
	uint32 slots;      /* used in them */
	BlockNumber group; /* their first block, once a slot is used */
	char *slot;
	VcRangeWriter *range; /* parallel */
	VcPageWriter *writer; /* serial */

	uint64 tuples; /* not yet added to the shared counter */
} Scanner;

/*
 * The leader's result.  The work function has no argument of its own; it is set before the run and
 * read by the leader's part of it only.
 */
static RqSorted *leader_result;

static inline const float *
centroid_of(const Scanner *scanner, uint32 list)
{
	return scanner->centroids + (Size) list * scanner->meta->geo.dim;
}

/*----- records -----*/

static void
put_be32(char *to, uint32 value)
{
	value = pg_hton32(value);
	memcpy(to, &value, sizeof(value));
}

static void
put_be16(char *to, uint16 value)
{
	value = pg_hton16(value);
	memcpy(to, &value, sizeof(value));
}

uint32
rq_record_list(const struct varlena *record)
{
	uint32 value;

	memcpy(&value, (const char *) record + VARHDRSZ, sizeof(value));
	return pg_ntoh32(value);
}

void
rq_record_tid(const struct varlena *record, ItemPointer ret_tid)
{
	const char *bytes = (const char *) record + VARHDRSZ;
	uint32 block;
	uint16 offset;

	memcpy(&block, bytes + 4, sizeof(block));
	memcpy(&offset, bytes + 8, sizeof(offset));
	ItemPointerSet(ret_tid, pg_ntoh32(block), pg_ntoh16(offset));
}

static Size
record_bytes(const RqGeometry *geo)
{
	if (geo->exact)
		return RQ_RECORD_BODY + geo->row_bytes;
	return RQ_RECORD_CODE + geo->code_words * sizeof(uint64);
}

/*----- vector groups -----*/

static void
write_group_pages(Scanner *scanner)
{
	for (uint32 p = 0; p < scanner->meta->geo.group_pages; p++)
	{
		BlockNumber block;
		char *to;

		if (scanner->range != NULL)
			to = vc_range_writer_next(scanner->range, &block);
		else
			to = vc_page_writer_next(scanner->writer, &block);
		if (block != scanner->group + p)
			elog(ERROR, "vector group at block %u got block %u", scanner->group, block);
		memcpy(to, scanner->pages + (Size) p * BLCKSZ, BLCKSZ);
		if (scanner->range != NULL)
			vc_range_writer_put(scanner->range);
		else
			vc_page_writer_put(scanner->writer);
	}
	scanner->slots = 0;
}

/* a slot for the row in the encoder */
static void
put_vector(Scanner *scanner, ItemPointer tid, RqStripDisk *ret_strip)
{
	const RqMeta *meta = scanner->meta;

	if (scanner->slots == 0)
	{
		if (scanner->range != NULL)
			scanner->group = vc_range_writer_run(scanner->range, meta->geo.group_pages);
		else
			scanner->group = vc_page_writer_position(scanner->writer);
		rq_group_init(meta, scanner->pages);
	}
	rq_encoder_slot(scanner->enc, tid, scanner->slot);
	rq_group_put(meta, scanner->pages, scanner->slots, scanner->slot);
	ret_strip->group = scanner->group;
	ret_strip->slot = (uint16) scanner->slots++;
	if (scanner->slots == meta->geo.group_slots)
	{
		rq_group_finish(meta, scanner->pages, scanner->slots);
		write_group_pages(scanner);
	}
}

/* enter the last group, which has free slots, in `chains`; caller holds LOCK_STATS */
static void
offer_last_group(Scanner *scanner, RqChainDisk *chains)
{
	RqVectorHeadDisk *head = (RqVectorHeadDisk *) (scanner->pages + RQ_HEAD_OFFSET);
	uint32 nchains = scanner->meta->disk.chains;
	uint32 number = (uint32) vc_parallel_number(scanner->parallel);

	rq_group_finish(scanner->meta, scanner->pages, scanner->slots);
	if (number < nchains)
		chains[number].open_group = scanner->group;
	else
	{
		head->on_free_list = 1;
		head->next_free = chains[number % nchains].free_group;
		chains[number % nchains].free_group = scanner->group;
	}
}

/*----- rows -----*/

static void
count_tuple(Scanner *scanner)
{
	pg_atomic_uint64 *counter;
	uint64 total;

	if (++scanner->tuples < TUPLES_BATCH)
		return;
	counter = vc_parallel_counter(scanner->parallel, COUNTER_TUPLES);
	total = pg_atomic_add_fetch_u64(counter, (int64) scanner->tuples);
	scanner->tuples = 0;
	if (vc_parallel_is_leader(scanner->parallel))
		vc_progress_tuples_done((int64) total);
}

static uint32
nearest_list(Scanner *scanner, float *ret_distance2)
{
	const float *rotated = scanner->enc->rotated;
	uint32 list;

	if (scanner->assigner == NULL)
	{
		*ret_distance2 =
			vcs_vector_ops.l2sq_f32(rotated, scanner->centroids, scanner->meta->geo.dim);
		return 0;
	}
	list = vcv_assigner_nearest(scanner->assigner, rotated, scanner->warm, scanner->scratch,
								ret_distance2);
	scanner->warm = list;
	return list;
}

static void
scan_vector(Scanner *scanner, ItemPointer tid, Datum value, uint32 token)
{
	const RqGeometry *geo = &scanner->meta->geo;
	RqEncoder *enc = scanner->enc;
	char *record = (char *) scanner->record;
	RqListStats *stats;
	float distance2;
	uint32 list;

	rq_encoder_set(enc, value);
	enc->token = (uint16) token;
	rq_encoder_rotate(enc);
	list = nearest_list(scanner, &distance2);
	stats = &scanner->stats[list];
	stats->rows++;
	stats->sum2 += distance2;
	stats->max2 = Max(stats->max2, distance2);

	put_be32(record + 4, list);
	put_be32(record + 8, ItemPointerGetBlockNumber(tid));
	put_be16(record + 12, ItemPointerGetOffsetNumber(tid));
	if (geo->exact)
		memcpy(record + RQ_RECORD_BODY, enc->x, geo->row_bytes);
	else
	{
		RqStripDisk strip = {.group = InvalidBlockNumber};
		float *factors = (float *) (record + RQ_RECORD_BODY + sizeof(BlockNumber));

		rq_encoder_code(
			enc, rq_meta_has(scanner->meta, RQ_META_RESIDUAL) ? centroid_of(scanner, list) : NULL);
		if (geo->grouped)
			put_vector(scanner, tid, &strip);
		memcpy(record + RQ_RECORD_BODY - sizeof(strip.slot), &strip.slot, sizeof(strip.slot));
		memcpy(record + RQ_RECORD_BODY, &strip.group, sizeof(strip.group));
		factors[0] = enc->base;
		factors[1] = enc->factor;
		factors[2] = enc->err;
		memcpy(record + RQ_RECORD_CODE, enc->code, geo->code_words * sizeof(uint64));
	}
	tuplesort_putdatum(scanner->sort, PointerGetDatum(scanner->record), false);
	rq_encoder_clear(enc);
}

static void
scan_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	Scanner *scanner = state;
	bool maxsim = rq_meta_has(scanner->meta, RQ_META_MAXSIM);
	VcvTokens tokens;
	Datum token;

	(void) index;
	(void) alive;
	if (!maxsim)
		count_tuple(scanner);
	if (isnull[0])
		return;
	vcv_tokens_begin(&tokens, values[0], maxsim);
	while (vcv_tokens_next(&tokens, &token))
	{
		if (maxsim)
		{
			CHECK_FOR_INTERRUPTS();
			count_tuple(scanner);
		}
		scan_vector(scanner, tid, token, tokens.next - 1);
	}
	vcv_tokens_end(&tokens);
}

/*----- participants -----*/

static Tuplesortstate *
begin_sort(int work_mem_kb, SortCoordinate coordinate)
{
	TypeCacheEntry *type = lookup_type_cache(BYTEAOID, TYPECACHE_LT_OPR);

	return tuplesort_begin_datum(BYTEAOID, type->lt_opr, InvalidOid, false,
								 Max(work_mem_kb, SORT_MEM_MIN), coordinate, TUPLESORT_NONE);
}

static ScanShared *
shared_of(VcParallel *parallel)
{
	uint64 place = pg_atomic_read_u64(vc_parallel_counter(parallel, COUNTER_SHARED));

	return vc_parallel_ptr(parallel, (VcShmOff) place);
}

static Size
stats_offset(const ScanJob *job)
{
	return MAXALIGN(sizeof(ScanShared)) + MAXALIGN(job->sort_bytes);
}

static Size
shared_bytes(const ScanJob *job)
{
	return stats_offset(job) + job->meta.disk.lists * sizeof(RqListStats);
}

/* leader: make the mutable part before anybody uses it */
static void
prepare_shared(VcParallel *parallel, const ScanJob *job)
{
	VcShmOff place = vc_parallel_alloc(parallel, shared_bytes(job));
	ScanShared *shared;

	if (place == 0)
		elog(ERROR, "shared memory of the build is too small");
	shared = vc_parallel_ptr(parallel, place);
	memset(shared, 0, shared_bytes(job));
	shared->sort_offset = MAXALIGN(sizeof(ScanShared));
	shared->stats_offset = stats_offset(job);
	for (int i = 0; i < RQ_MAX_CHAINS; i++)
	{
		shared->chains[i].open_group = InvalidBlockNumber;
		shared->chains[i].free_group = InvalidBlockNumber;
	}
	if (vc_parallel_count(parallel) > 1)
		tuplesort_initialize_shared((Sharedsort *) ((char *) shared + shared->sort_offset),
									vc_parallel_count(parallel), vc_parallel_segment(parallel));
	pg_atomic_write_u64(vc_parallel_counter(parallel, COUNTER_SHARED), place);
}

static Tuplesortstate *
begin_participant_sort(VcParallel *parallel, ScanShared *shared)
{
	SortCoordinateData coordinate = {.isWorker = true, .nParticipants = -1};
	int work_mem = vc_parallel_work_mem(parallel);

	if (vc_parallel_count(parallel) == 1)
		return begin_sort(work_mem, NULL);
	coordinate.sharedsort = (Sharedsort *) ((char *) shared + shared->sort_offset);
	if (!vc_parallel_is_leader(parallel))
		tuplesort_attach_shared(coordinate.sharedsort, vc_parallel_segment(parallel));
	else
		/* the leader's merge comes later, but its memory is taken from the same share */
		work_mem /= 2;
	return begin_sort(work_mem, &coordinate);
}

static void
merge_stats(Scanner *scanner, ScanShared *shared)
{
	RqListStats *to = (RqListStats *) ((char *) shared + shared->stats_offset);

	for (uint32 list = 0; list < scanner->meta->disk.lists; list++)
	{
		const RqListStats *from = &scanner->stats[list];

		to[list].rows += from->rows;
		to[list].sum2 += from->sum2;
		to[list].max2 = Max(to[list].max2, from->max2);
	}
}

static void
scan_work(VcParallel *parallel)
{
	const ScanJob *job = vc_parallel_shared(parallel);
	const RqGeometry *geo = &job->meta.geo;
	bool serial = vc_parallel_count(parallel) == 1;
	uint32 lists = job->meta.disk.lists;
	Scanner scanner;
	ScanShared *shared;

	if (vc_parallel_is_leader(parallel))
		prepare_shared(parallel, job);
	vc_parallel_barrier(parallel, BARRIER_READY);
	shared = shared_of(parallel);

	memset(&scanner, 0, sizeof(scanner));
	scanner.parallel = parallel;
	scanner.job = job;
	scanner.meta = &job->meta;
	scanner.centroids = (const float *) ((const char *) job + job->centroids_offset);
	scanner.enc = rq_encoder_create(CurrentMemoryContext, scanner.meta);
	scanner.stats = MemoryContextAllocHuge(CurrentMemoryContext, lists * sizeof(RqListStats));
	memset(scanner.stats, 0, lists * sizeof(RqListStats));
	scanner.record = palloc0(record_bytes(geo));
	SET_VARSIZE(scanner.record, record_bytes(geo));
	scanner.warm = lists;
	if (lists > 1)
	{
		void *mem = vc_palloc_aligned(vcv_assigner_memory(lists, geo->dim), 64, MCXT_ALLOC_HUGE);

		scanner.assigner = vcv_assigner_init(mem, scanner.centroids, lists, geo->dim);
		scanner.scratch = vc_palloc_aligned(vcv_assigner_scratch(geo->dim), 64, 0);
	}
	if (geo->grouped)
	{
		scanner.pages = palloc((Size) geo->group_pages * BLCKSZ);
		scanner.slot = palloc(geo->slot_bytes);
		if (serial)
			scanner.writer = leader_result->writer;
		else
			scanner.range = vc_range_writer_begin(vc_parallel_index(parallel), RANGE_BATCH);
	}
	scanner.sort = begin_participant_sort(parallel, shared);

	vc_parallel_scan_heap(parallel, scan_row, &scanner);

	LWLockAcquire(vc_parallel_lock(parallel, LOCK_STATS), LW_EXCLUSIVE);
	merge_stats(&scanner, shared);
	if (scanner.slots > 0)
		offer_last_group(&scanner, shared->chains);
	LWLockRelease(vc_parallel_lock(parallel, LOCK_STATS));
	if (scanner.slots > 0)
		write_group_pages(&scanner);
	if (scanner.range != NULL)
		vc_range_writer_end(scanner.range);

	tuplesort_performsort(scanner.sort);
	if (serial)
		leader_result->sort = scanner.sort;
	else
		/* the runs stay behind in shared files */
		tuplesort_end(scanner.sort);
}

/* entry point of workers */
extern VC_EXPORT void vchordrq_build_worker(dsm_segment *segment, shm_toc *toc);

void
vchordrq_build_worker(dsm_segment *segment, shm_toc *toc)
{
	vc_parallel_worker_main(segment, toc, scan_work);
}

/*----- leader -----*/

static ScanJob *
make_job(const RqBuild *build, int max_workers, Size *ret_bytes)
{
	const RqBuildLevel *leaves = &build->level[build->meta.disk.levels];
	Size centroids = (Size) leaves->cells * build->meta.geo.dim * sizeof(float);
	Size offset = TYPEALIGN(64, sizeof(ScanJob));
	ScanJob *job = MemoryContextAllocHuge(CurrentMemoryContext, offset + centroids);

	memset(job, 0, offset);
	job->meta = build->meta;
	job->centroids_offset = offset;
	job->sort_bytes = tuplesort_estimate_shared(max_workers + 1);
	memcpy((char *) job + offset, leaves->centroids, centroids);
	*ret_bytes = offset + centroids;
	return job;
}

void
rq_scan_begin(RqBuild *build, RqSorted *ret_sorted)
{
	VcParallelJob *job = palloc0(sizeof(VcParallelJob));
	RqBuildLevel *leaves = &build->level[build->meta.disk.levels];
	ScanJob *scan;
	VcParallel *parallel;
	ScanShared *shared;

	memset(ret_sorted, 0, sizeof(*ret_sorted));
	job->library = "vchordrq";
	job->function = "vchordrq_build_worker";
	job->scan_heap = true;
	job->work = scan_work;
	job->max_workers = vc_parallel_workers(build->heap, build->index, build->info);
	scan = make_job(build, job->max_workers, &job->shared_size);
	job->shared = scan;
	job->scratch_size = shared_bytes(scan) + SCRATCH_SLACK;

	parallel = vc_parallel_begin(job, build->heap, build->index, build->info);
	ret_sorted->parallel = parallel;
	if (vc_parallel_count(parallel) == 1)
		ret_sorted->writer = vc_page_writer_begin(build->index, MAIN_FORKNUM);
	leader_result = ret_sorted;
	vc_parallel_run(parallel);
	leader_result = NULL;

	shared = shared_of(parallel);
	memcpy(leaves->stats, (char *) shared + shared->stats_offset,
		   leaves->cells * sizeof(RqListStats));
	memcpy(build->chains, shared->chains, sizeof(build->chains));
	ret_sorted->heap_tuples = vc_parallel_heap_tuples(parallel);

	if (vc_parallel_count(parallel) > 1)
	{
		SortCoordinateData coordinate = {.isWorker = false,
										 .nParticipants = vc_parallel_count(parallel)};

		coordinate.sharedsort = (Sharedsort *) ((char *) shared + shared->sort_offset);
		ret_sorted->sort = begin_sort(maintenance_work_mem, &coordinate);
		tuplesort_performsort(ret_sorted->sort);
		ret_sorted->writer = vc_page_writer_begin(build->index, MAIN_FORKNUM);
	}
}

bool
rq_scan_next(RqSorted *sorted, struct varlena **ret_record)
{
	Datum value;
	bool isnull;

	if (!tuplesort_getdatum(sorted->sort, true, true, &value, &isnull, NULL))
		return false;
	*ret_record = (struct varlena *) DatumGetPointer(value);
	return true;
}

void
rq_scan_end(RqSorted *sorted)
{
	tuplesort_end(sorted->sort);
	vc_parallel_end(sorted->parallel);
}
