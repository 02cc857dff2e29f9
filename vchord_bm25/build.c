/*
 * vchord_bm25/build.c
 *		CREATE INDEX and REINDEX: table to runs of postings, runs to one segment, metapage last.
 *
 *	1. options, columns				nothing written
 *	2. block 0 set aside
 *	3. scan, leader and workers: each participant inverts its rows within its share of
 *	   maintenance_work_mem and spills runs; TIDs and lengths go to a file beside them
 *	4. documents, leader: the participants' files are merged by block; that gives the numbers of the segment, and
 *	   for each participant a map from its numbers to these
 *	5. postings, leader: all runs are merged into the segment
 *	6. metapage
 *
 * Numbers follow the order of the table: by block, within a block as the scan delivers (which is not quite
 * ascending: a HOT chain is known by its root).  A participant gets blocks in chunks that ascend, so its
 * numbers keep the order and the map has a piece for each chunk.  A scan that joined another one (synchronised
 * scans) wraps around at the end of the table: there the participant begins a new sequence with runs of
 * its own.  The result does not depend on the number of workers or on their speed.
 *
 * Every page is written and logged once.  Crash: the index is not visible before commit, and a build that fails
 * leaves a file that the aborted transaction removes.
 */
#include "postgres.h"

#include "vchord_bm25/am.h"

#include "miscadmin.h"
#include "storage/sharedfileset.h"
#include "utils/memutils.h"

#include "core/attrs.h"
#include "core/loser_tree.h"
#include "core/page_writer.h"
#include "core/parallel.h"
#include "core/progress.h"

#include "vchord_bm25/invert.h"
#include "vchord_bm25/meta.h"
#include "vchord_bm25/run_merge.h"
#include "vchord_bm25/segment_write.h"

enum
{
	PHASE_INITIALIZING,
	PHASE_SCANNING,
	PHASE_DOCUMENTS,
	PHASE_POSTINGS
};

static const VcProgressPhase build_phases[] = {
	[PHASE_INITIALIZING] = {"initializing", false},
	[PHASE_SCANNING] = {"scanning table", false},
	[PHASE_DOCUMENTS] = {"writing documents", true},
	[PHASE_POSTINGS] = {"writing postings", false},
};

/* rows between two looks at the shared counter */
#define TUPLES_BATCH 64
/* documents read at once from a participant's file */
#define DOCS_BATCH        1024
#define DOC_BYTES(fields) (sizeof(ItemPointerData) + (Size) (fields) * sizeof(uint32))

#define COUNTER_TUPLES 0 /* rows seen, for progress */
#define COUNTER_SHARED 1 /* place of Shared */
#define BARRIER_READY  0

/* documents of one participant whose blocks ascend */
typedef struct Sequence
{
	uint32 first; /* number of its first document, of the participant */
	uint32 docs;
	BlockNumber last; /* block */
} Sequence;

/* What a participant leaves behind. */
typedef struct Share
{
	BufFile *docs; /* TID, lengths */
	BufFile *postings;
	uint32 ndocs;
	uint32 nruns;
	uint32 max_runs;
	Bm25Run *runs;
	uint32 nsequences;
	uint32 max_sequences;
	Sequence *sequences;
} Share;

/* the same in shared memory; runs and sequences are in a file */
typedef struct ShareCounts
{
	uint32 ndocs;
	uint32 nruns;
	uint32 nsequences;
} ShareCounts;

typedef struct Shared
{
	SharedFileSet files;
	ShareCounts counts[FLEXIBLE_ARRAY_MEMBER]; /* by participant */
} Shared;

/* one participant */
typedef struct Scanner
{
	VcParallel *parallel;
	const Bm25MetaDisk *meta;
	Bm25Fields fields;
	Bm25Inverter *inverter;
	Share share;
	uint8 *doc;    /* [DOC_BYTES] being composed */
	uint64 tuples; /* not yet added to the shared counter */
} Scanner;

/* Of the leader: what the serial form of scan_work leaves here instead of in files. */
static Share *leader_share;

char *
bm25_ambuildphasename(int64 phase)
{
	return vc_progress_name(build_phases, lengthof(build_phases), phase);
}

/*----- scan -----*/

static void
count_tuple(Scanner *scanner)
{
	uint64 total;

	if (++scanner->tuples < TUPLES_BATCH)
		return;
	total = pg_atomic_add_fetch_u64(vc_parallel_counter(scanner->parallel, COUNTER_TUPLES),
									(int64) scanner->tuples);
	scanner->tuples = 0;
	if (vc_parallel_is_leader(scanner->parallel))
		vc_progress_tuples_done((int64) total);
}

static void *
grow(void *array, uint32 *room, uint32 needed, Size element)
{
	if (needed <= *room)
		return array;
	*room = Max(*room * 2, 16);
	return array == NULL ? palloc(*room * element) : repalloc_huge(array, *room * element);
}

static void
spill(Scanner *scanner)
{
	Share *share = &scanner->share;

	share->runs = grow(share->runs, &share->max_runs, share->nruns + 1, sizeof(Bm25Run));
	if (bm25_inverter_spill(scanner->inverter, share->postings, &share->runs[share->nruns]))
		share->runs[share->nruns++].sequence = share->nsequences - 1;
}

/* The sequence that the document goes to. */
static Sequence *
sequence_for(Scanner *scanner, BlockNumber block)
{
	Share *share = &scanner->share;
	Sequence *sequence;

	if (share->nsequences > 0)
	{
		sequence = &share->sequences[share->nsequences - 1];
		if (block >= sequence->last)
		{
			sequence->last = block;
			return sequence;
		}
		spill(scanner);
	}
	share->sequences =
		grow(share->sequences, &share->max_sequences, share->nsequences + 1, sizeof(Sequence));
	sequence = &share->sequences[share->nsequences++];
	*sequence = (Sequence){share->ndocs, 0, block};
	return sequence;
}

static void
scan_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	Scanner *scanner = state;
	Sequence *sequence;
	uint32 length[BM25_MAX_FIELDS];

	(void) index;
	(void) alive;
	count_tuple(scanner);
	if (bm25_fields_null(&scanner->fields, values, isnull))
		return;

	sequence = sequence_for(scanner, ItemPointerGetBlockNumber(tid));
	if (!bm25_inverter_add(scanner->inverter, values, isnull, length))
		elog(ERROR, "row without a value was inverted");
	sequence->docs++;
	scanner->share.ndocs++;
	memcpy(scanner->doc, tid, sizeof(*tid));
	memcpy(scanner->doc + sizeof(*tid), length, (Size) scanner->fields.n * sizeof(uint32));
	BufFileWrite(scanner->share.docs, scanner->doc, DOC_BYTES(scanner->fields.n));
	if (bm25_inverter_full(scanner->inverter))
		spill(scanner);
}

/*----- participants -----*/

static Shared *
shared_of(VcParallel *parallel)
{
	return vc_parallel_ptr(
		parallel, (VcShmOff) pg_atomic_read_u64(vc_parallel_counter(parallel, COUNTER_SHARED)));
}

static Size
shared_bytes(int participants)
{
	return offsetof(Shared, counts) + (Size) participants * sizeof(ShareCounts);
}

/* leader, with workers: before anybody uses it */
static void
prepare_shared(VcParallel *parallel)
{
	Size bytes = shared_bytes(vc_parallel_count(parallel));
	VcShmOff place = vc_parallel_alloc(parallel, bytes);
	Shared *shared;

	if (place == 0)
		elog(ERROR, "shared memory of the build is too small");
	shared = vc_parallel_ptr(parallel, place);
	memset(shared, 0, bytes);
	SharedFileSetInit(&shared->files, vc_parallel_segment(parallel));
	pg_atomic_write_u64(vc_parallel_counter(parallel, COUNTER_SHARED), place);
}

static BufFile *
create_file(VcParallel *parallel, Shared *shared, const char *what)
{
	char name[NAMEDATALEN];

	if (shared == NULL)
		return BufFileCreateTemp(false);
	snprintf(name, sizeof(name), "%s.%d", what, vc_parallel_number(parallel));
	return BufFileCreateFileSet(&shared->files.fs, name);
}

static void
publish_file(BufFile *file)
{
	BufFileExportFileSet(file);
	BufFileClose(file);
}

static void
publish_share(VcParallel *parallel, Shared *shared, const Share *share)
{
	ShareCounts *counts = &shared->counts[vc_parallel_number(parallel)];
	BufFile *list = create_file(parallel, shared, "list");

	if (share->nruns > 0)
		BufFileWrite(list, share->runs, share->nruns * sizeof(Bm25Run));
	if (share->nsequences > 0)
		BufFileWrite(list, share->sequences, share->nsequences * sizeof(Sequence));
	*counts = (ShareCounts){share->ndocs, share->nruns, share->nsequences};
	publish_file(list);
	publish_file(share->docs);
	publish_file(share->postings);
}

static void
scan_work(VcParallel *parallel)
{
	bool serial = vc_parallel_count(parallel) == 1;
	Shared *shared = NULL;
	Scanner *scanner = palloc0(sizeof(Scanner));

	if (vc_parallel_is_leader(parallel) && !serial)
		prepare_shared(parallel);
	vc_parallel_barrier(parallel, BARRIER_READY);
	if (!serial)
	{
		shared = shared_of(parallel);
		if (!vc_parallel_is_leader(parallel))
			SharedFileSetAttach(&shared->files, vc_parallel_segment(parallel));
	}

	scanner->parallel = parallel;
	scanner->meta = vc_parallel_shared(parallel);
	bm25_meta_fields(vc_parallel_index(parallel), scanner->meta, &scanner->fields);
	scanner->inverter =
		bm25_inverter_create(&scanner->fields, (Size) vc_parallel_work_mem(parallel) * 1024);
	scanner->doc = palloc(DOC_BYTES(scanner->fields.n));
	scanner->share.docs = create_file(parallel, shared, "docs");
	scanner->share.postings = create_file(parallel, shared, "runs");

	vc_parallel_scan_heap(parallel, scan_row, scanner);
	spill(scanner);
	bm25_inverter_destroy(scanner->inverter);
	if (serial)
		*leader_share = scanner->share;
	else
		publish_share(parallel, shared, &scanner->share);
}

/* entry point of workers */
extern VC_EXPORT void vchord_bm25_build_worker(dsm_segment *segment, shm_toc *toc);

void
vchord_bm25_build_worker(dsm_segment *segment, shm_toc *toc)
{
	vc_parallel_worker_main(segment, toc, scan_work);
}

/*----- leader: documents -----*/

static BufFile *
open_file(Shared *shared, const char *what, int number)
{
	char name[NAMEDATALEN];

	snprintf(name, sizeof(name), "%s.%d", what, number);
	return BufFileOpenFileSet(&shared->files.fs, name, O_RDONLY, false);
}

static void
read_exactly(BufFile *file, void *to, Size bytes)
{
	if (bytes > 0 && BufFileRead(file, to, bytes) != bytes)
		elog(ERROR, "a temporary file of a bm25 index ends early");
}

static void
open_share(Shared *shared, int number, Share *ret_share)
{
	const ShareCounts *counts = &shared->counts[number];
	BufFile *list = open_file(shared, "list", number);

	memset(ret_share, 0, sizeof(*ret_share));
	ret_share->docs = open_file(shared, "docs", number);
	ret_share->postings = open_file(shared, "runs", number);
	ret_share->ndocs = counts->ndocs;
	ret_share->nruns = counts->nruns;
	ret_share->nsequences = counts->nsequences;
	ret_share->runs = palloc(Max(counts->nruns, 1) * sizeof(Bm25Run));
	ret_share->sequences = palloc(Max(counts->nsequences, 1) * sizeof(Sequence));
	read_exactly(list, ret_share->runs, counts->nruns * sizeof(Bm25Run));
	read_exactly(list, ret_share->sequences, counts->nsequences * sizeof(Sequence));
	BufFileClose(list);
}

/* Reads the documents of a sequence. */
typedef struct DocReader
{
	BufFile *file;
	uint32 doc;  /* number of the present one, of the participant */
	uint32 left; /* documents not in the buffer yet */
	uint32 at;   /* in the buffer */
	uint32 n;    /* in the buffer */
	int fileno;  /* place of the next ones in the file */
	off_t offset;
	uint8 *buffer;
	Bm25DocMap *map;
} DocReader;

/* Moves to the next document; false at the end. */
static bool
next_doc(DocReader *reader, Size bytes, ItemPointer ret_tid)
{
	reader->at++;
	reader->doc++;
	if (reader->at >= reader->n)
	{
		if (reader->left == 0)
			return false;
		reader->n = Min(reader->left, DOCS_BATCH);
		reader->left -= reader->n;
		reader->at = 0;
		if (BufFileSeek(reader->file, reader->fileno, reader->offset, SEEK_SET) != 0)
			ereport(ERROR,
					(errcode_for_file_access(), errmsg("could not seek in a temporary file")));
		read_exactly(reader->file, reader->buffer, reader->n * bytes);
		BufFileTell(reader->file, &reader->fileno, &reader->offset);
	}
	memcpy(ret_tid, reader->buffer + reader->at * bytes, sizeof(*ret_tid));
	return true;
}

static void
open_docs(const Share *share, const Sequence *sequence, Size bytes, Bm25DocMap *map,
		  DocReader *reader)
{
	uint64 skip = (uint64) sequence->first * bytes;

	memset(reader, 0, sizeof(*reader));
	reader->file = share->docs;
	reader->doc = sequence->first - 1;
	reader->left = sequence->docs;
	reader->buffer = palloc(DOCS_BATCH * bytes);
	reader->map = map;
	/* a BufFile counts in files of 1 GB; its own function finds the place */
	if (BufFileSeekBlock(share->docs, (long) (skip / BLCKSZ)) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not seek in a temporary file")));
	BufFileTell(share->docs, &reader->fileno, &reader->offset);
	reader->offset += (off_t) (skip % BLCKSZ);
}

static void
note_number(Bm25DocMap *map, uint32 doc, uint32 number)
{
	uint32 delta = number - doc;

	if (map->npieces > 0 && map->pieces[map->npieces - 1].delta == delta)
		return;
	map->pieces = grow(map->pieces, &map->room, map->npieces + 1, sizeof(Bm25DocPiece));
	map->pieces[map->npieces++] = (Bm25DocPiece){doc, delta};
}

/*
 * Writes all documents in order of the table.  Sequences are disjoint in blocks, so the block is the whole
 * key.  ret_maps: by sequence, in the order of shares.  Returns the number of documents.
 */
static uint32
write_documents(const Share *shares, int nshares, int fields, Bm25SegmentWriter *writer,
				Bm25DocMap **ret_maps)
{
	Size bytes = DOC_BYTES(fields);
	uint64 total = 0;
	uint32 nsequences = 0;
	uint32 number = 0;
	uint32 k = 0;
	DocReader *readers;
	ItemPointerData *tids;
	VcLoserTree tree;
	uint32 which;
	uint64 key;

	for (int i = 0; i < nshares; i++)
	{
		nsequences += shares[i].nsequences;
		total += shares[i].ndocs;
	}
	if (total >= PG_UINT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a bm25 index can hold at most %u documents", PG_UINT32_MAX - 1)));
	*ret_maps = palloc0(Max(nsequences, 1) * sizeof(Bm25DocMap));
	if (nsequences == 0)
		return 0;
	readers = palloc(nsequences * sizeof(DocReader));
	tids = palloc(nsequences * sizeof(ItemPointerData));
	vc_loser_tree_init(&tree, palloc(vc_loser_tree_size(nsequences)), nsequences, NULL, NULL);
	for (int i = 0; i < nshares; i++)
	{
		for (uint32 s = 0; s < shares[i].nsequences; s++, k++)
		{
			open_docs(&shares[i], &shares[i].sequences[s], bytes, &(*ret_maps)[k], &readers[k]);
			if (next_doc(&readers[k], bytes, &tids[k]))
				vc_loser_tree_set(&tree, k, ItemPointerGetBlockNumber(&tids[k]));
		}
	}
	vc_loser_tree_build(&tree);
	while (vc_loser_tree_top(&tree, &which, &key))
	{
		DocReader *reader = &readers[which];
		uint32 length[BM25_MAX_FIELDS];

		if (number % 65536 == 0)
		{
			CHECK_FOR_INTERRUPTS();
			vc_progress_percent(PHASE_DOCUMENTS, (int) ((uint64) number * 100 / total));
		}
		memcpy(length, reader->buffer + reader->at * bytes + sizeof(ItemPointerData),
			   bytes - sizeof(ItemPointerData));
		bm25_segment_write_document(writer, &tids[which], length);
		note_number(reader->map, reader->doc, number++);
		if (next_doc(reader, bytes, &tids[which]))
			vc_loser_tree_advance(&tree, ItemPointerGetBlockNumber(&tids[which]));
		else
			vc_loser_tree_exhaust(&tree);
	}
	for (k = 0; k < nsequences; k++)
		pfree(readers[k].buffer);
	return number;
}

/*----- leader: the segment -----*/

static void
write_segment(Relation index, const Share *shares, int nshares, Bm25MetaDisk *meta)
{
	VcPageWriter *pages = vc_page_writer_begin(index, MAIN_FORKNUM);
	uint32 incarnation = meta->next_incarnation++;
	Bm25SegmentWriter *writer =
		bm25_segment_write_begin(bm25_sink_build(pages, incarnation), meta->flags, meta->fields);
	uint32 nsources = 0;
	uint32 base = 0;
	Bm25RunSource *sources;
	Bm25DocMap *maps;

	vc_progress_phase(PHASE_DOCUMENTS);
	write_documents(shares, nshares, (int) meta->fields, writer, &maps);

	vc_progress_phase(PHASE_POSTINGS);
	for (int i = 0; i < nshares; i++)
		nsources += shares[i].nruns;
	sources = palloc(Max(nsources, 1) * sizeof(Bm25RunSource));
	nsources = 0;
	for (int i = 0; i < nshares; i++)
	{
		for (uint32 r = 0; r < shares[i].nruns; r++)
			sources[nsources++] = (Bm25RunSource){shares[i].postings, shares[i].runs[r],
												  &maps[base + shares[i].runs[r].sequence]};
		base += shares[i].nsequences;
	}
	bm25_runs_merge(sources, nsources, (meta->flags & BM25_META_POSITIONS) != 0,
					(Size) maintenance_work_mem * 1024, writer);
	if (bm25_segment_write_end(writer, &meta->segments[0]))
	{
		meta->segments[0].level = 0;
		meta->nsegments = 1;
	}
	vc_page_writer_end(pages);
}

static VcRangeWriter *
set_aside_head(Relation index)
{
	VcRangeWriter *writer = vc_range_writer_begin(index, 1);

	if (vc_range_writer_run(writer, 1) != BM25_META_BLKNO)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("index \"%s\" already contains data", RelationGetRelationName(index))));
	return writer;
}

static void
write_meta(VcRangeWriter *writer, const Bm25MetaDisk *meta)
{
	BlockNumber block;

	bm25_meta_compose(meta, vc_range_writer_next(writer, &block));
	vc_range_writer_put(writer);
	vc_range_writer_end(writer);
}

IndexBuildResult *
bm25_ambuild(Relation heap, Relation index, IndexInfo *index_info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	VcParallelJob *job = palloc0(sizeof(VcParallelJob));
	Bm25MetaDisk *meta = palloc(sizeof(Bm25MetaDisk));
	VcRangeWriter *head;
	VcParallel *parallel;
	Share *shares;
	Bm25Fields fields;
	int nshares;
	uint64 docs = 0;
	VC_GUARDS_ENTER();

	bm25_meta_init(index, meta);
	bm25_meta_fields(index, meta, &fields);
	head = set_aside_head(index);

	job->library = "vchord_bm25";
	job->function = "vchord_bm25_build_worker";
	job->scan_heap = true;
	job->work = scan_work;
	job->max_workers = vc_parallel_workers(heap, index, index_info);
	job->shared = meta;
	job->shared_size = sizeof(*meta);
	job->scratch_size = shared_bytes(job->max_workers + 1) + 2 * PG_CACHE_LINE_SIZE;

	vc_progress_phase(PHASE_SCANNING);
	shares = palloc0((Size) (job->max_workers + 1) * sizeof(Share));
	leader_share = &shares[0];
	parallel = vc_parallel_begin(job, heap, index, index_info);
	vc_parallel_run(parallel);
	leader_share = NULL;
	nshares = vc_parallel_count(parallel);
	if (nshares > 1)
	{
		for (int i = 0; i < nshares; i++)
			open_share(shared_of(parallel), i, &shares[i]);
	}
	for (int i = 0; i < nshares; i++)
		docs += shares[i].ndocs;

	write_segment(index, shares, nshares, meta);
	write_meta(head, meta);
	for (int i = 0; i < nshares; i++)
	{
		BufFileClose(shares[i].docs);
		BufFileClose(shares[i].postings);
	}
	result->heap_tuples = vc_parallel_heap_tuples(parallel);
	result->index_tuples = (double) docs;
	vc_parallel_end(parallel);
	vc_progress_tuples_done((int64) result->heap_tuples);
	vc_progress_tuples_total((int64) result->heap_tuples);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	VC_GUARDS_LEAVE();
	return result;
}
