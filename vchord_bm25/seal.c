/*
 * vchord_bm25/seal.c
 *		Seal: growing documents become a segment.  And the steps that seal and merge share.
 *
 * Steps, each one record but for 3 and 5; the maintenance lock is held throughout:
 *
 *	1. {META, tail}		the growing tape becomes the sealing tape and is closed: inserts that follow make
 *						another growing tape.  Searches read both
 *	2. {META, HEADER}	an empty header page, named by META.writing
 *	3. pages			of the segment, each extent named by the header before it is used (sink_live.c)
 *	4. {META}			publish: the segment is in META.segments; the sealing tape is in META.retired (merge: its
 *						inputs are), and no longer searched; META.writing is cleared
 *	5. pages			of what is retired become tombstones: readers that copied the metapage before step 4
 *						go on reading them
 *	6. {META}			nothing is retired any more
 *
 * After a crash or an error behind step 1: the sealing tape is searched as before, and the next seal goes on with it
 * at step 2.  Behind step 2 or 3: the next maintenance frees what META.writing leads to.  Behind step 4 or in
 * 5: it repeats step 5.
 *
 * Memory: an inverter within maintenance_work_mem; more goes to runs in a temporary file, as in a build.
 */
#include "postgres.h"

#include "vchord_bm25/maintain.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/xlog.h"

#include "vchord_bm25/growing.h"
#include "vchord_bm25/invert.h"
#include "vchord_bm25/run_merge.h"
#include "vchord_bm25/segment_write.h"
#include "vchord_bm25/varint.h"

/*----- steps that seal and merge share -----*/

Bm25SegmentDisk
bm25_writing_begin(Relation index, Relation heap)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	Bm25MetaDisk *meta = bm25_meta_edit(&xlog);
	Bm25SegmentDisk made = {.state = InvalidBlockNumber};

	if (meta->writing.header != InvalidBlockNumber)
		elog(ERROR, "an unfinished segment was not repaired");
	made.incarnation = meta->next_incarnation++;
	vc_xlog_add_new(&xlog, heap, BM25_PAGE_HEADER, BM25_OWNER_SEGMENT, made.incarnation,
					&made.header);
	meta->writing = made;
	vc_xlog_commit(&xlog);
	return made;
}

static void
retire(Bm25MetaDisk *meta, const Bm25SegmentDisk *what)
{
	if (meta->nretired >= BM25_MAX_RETIRED)
		elog(ERROR, "too many retired segments");
	meta->retired[meta->nretired++] = *what;
}

void
bm25_writing_publish(Relation index, const Bm25SegmentDisk *replaced, uint32 first, uint32 n,
					 const Bm25SegmentDisk *made, bool seal)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	Bm25MetaDisk *meta = bm25_meta_edit(&xlog);
	uint32 add = made != NULL ? 1 : 0;
	uint32 behind;

	if (first > meta->nsegments || n > meta->nsegments - first ||
		(n > 0 && memcmp(&meta->segments[first], replaced, n * sizeof(Bm25SegmentDisk)) != 0))
		elog(ERROR, "segments changed under the maintenance lock");
	if (meta->nsegments - n + add > BM25_MAX_SEGMENTS)
		elog(ERROR, "too many segments");
	for (uint32 i = 0; i < n; i++)
		retire(meta, &meta->segments[first + i]);
	behind = meta->nsegments - first - n;
	memmove(&meta->segments[first + add], &meta->segments[first + n],
			behind * sizeof(Bm25SegmentDisk));
	if (made != NULL)
		meta->segments[first] = *made;
	meta->nsegments = meta->nsegments - n + add;
	memset(&meta->segments[meta->nsegments], 0,
		   (BM25_MAX_SEGMENTS - meta->nsegments) * sizeof(Bm25SegmentDisk));
	if (seal)
	{
		Bm25SegmentDisk tape = {.incarnation = meta->sealing.incarnation,
								.header = meta->sealing.head,
								.state = InvalidBlockNumber,
								.level = BM25_LEVEL_TAPE};

		retire(meta, &tape);
		meta->sealing = (Bm25TapeDisk){InvalidBlockNumber, 0};
	}
	memset(&meta->writing, 0, sizeof(meta->writing));
	meta->writing.header = InvalidBlockNumber;
	meta->writing.state = InvalidBlockNumber;
	vc_xlog_commit(&xlog);
}

/*----- seal -----*/

/* Runs that did not fit into memory. */
typedef struct Runs
{
	BufFile *file;
	Bm25RunSource *sources;
	uint32 n;
	uint32 room;
} Runs;

static void
spill(Bm25Inverter *inverter, Runs *runs)
{
	if (runs->n == runs->room)
	{
		runs->room = Max(runs->room * 2, 4);
		runs->sources = runs->sources == NULL
							? palloc(runs->room * sizeof(Bm25RunSource))
							: repalloc_huge(runs->sources, runs->room * sizeof(Bm25RunSource));
	}
	runs->sources[runs->n] = (Bm25RunSource){.file = runs->file};
	if (bm25_inverter_spill(inverter, runs->file, &runs->sources[runs->n].run))
		runs->n++;
}

/* Positions of a term of a growing document, in an array that grows. */
static const uint32 *
read_positions(const Bm25GrowingTerm *term, uint32 **array, uint32 *room)
{
	const uint8 *p = term->positions;
	uint32 position = 0;

	if (p == NULL)
		return NULL;
	if (term->tf > *room)
	{
		*room = Max(term->tf, *room * 2);
		if (*array != NULL)
			pfree(*array);
		*array = MemoryContextAllocHuge(CurrentMemoryContext, (Size) *room * sizeof(uint32));
	}
	for (uint32 i = 0; i < term->tf && p != NULL; i++)
	{
		uint32 difference = 0;

		p = bm25_varint_get(p, term->positions_end, &difference);
		position += difference;
		(*array)[i] = position;
	}
	return *array;
}

/* Step 3: documents of the sealing tape to the writer, in order of arrival. */
static void
write_documents(Relation index, const Bm25MetaDisk *meta, Bm25SegmentWriter *writer)
{
	Bm25Fields fields = {.n = (int) meta->fields,
						 .positions = (meta->flags & BM25_META_POSITIONS) != 0};
	Size budget = (Size) maintenance_work_mem * 1024;
	Bm25Inverter *inverter = bm25_inverter_create(&fields, budget);
	Bm25GrowingReader *reader = bm25_growing_read_begin(index, meta, false, true);
	Runs runs = {.file = BufFileCreateTemp(false)};
	Bm25GrowingDocument document;
	uint32 *positions = NULL;
	uint32 room = 0;

	while (bm25_growing_read_next(reader, false, &document))
	{
		Bm25GrowingTerm term;

		vacuum_delay_point(false);
		bm25_segment_write_document(writer, &document.tid, document.length);
		while (bm25_growing_next_term(&document, &term))
			bm25_inverter_add_term(inverter, term.key, term.tf,
								   read_positions(&term, &positions, &room));
		bm25_inverter_end_document(inverter, document.length);
		if (bm25_inverter_full(inverter))
			spill(inverter, &runs);
	}
	bm25_growing_read_end(reader);
	spill(inverter, &runs);
	bm25_inverter_destroy(inverter);
	bm25_runs_merge(runs.sources, runs.n, fields.positions, budget, writer);
	BufFileClose(runs.file);
}

/* Steps 2 to 6. */
static void
seal_tape(Relation index, Relation heap)
{
	Bm25MetaDisk meta;
	Bm25SegmentDisk made;
	Bm25SegmentWriter *writer;
	Bm25Sink *sink;
	bool any;

	bm25_meta_read(index, &meta);
	if (bm25_merge_is_due(&meta))
	{
		bm25_merge_forced(index, heap);
		bm25_meta_read(index, &meta);
	}
	made = bm25_writing_begin(index, heap);
	sink = bm25_sink_live(index, heap, made.incarnation, made.header);
	writer = bm25_segment_write_begin(sink, meta.flags, meta.fields);
	write_documents(index, &meta, writer);
	any = bm25_segment_write_end(writer, &made);
	if (any)
		made.level = 0;
	else
		/* all of them are dead */
		bm25_header_free(index, made.header, made.incarnation);
	bm25_writing_publish(index, NULL, meta.nsegments, 0, any ? &made : NULL, true);
	bm25_maintenance_free_retired(index);
}

bool
bm25_seal(Relation index, Relation heap)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 seal", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Bm25MetaDisk meta;
	bool leftover;
	bool done = false;

	bm25_meta_read(index, &meta);
	do
	{
		leftover = meta.sealing.head != InvalidBlockNumber;
		if (!bm25_growing_close(index))
			break;
		seal_tape(index, heap);
		MemoryContextReset(context);
		meta.sealing.head = InvalidBlockNumber;
		done = true;
	} while (leftover);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return done;
}
