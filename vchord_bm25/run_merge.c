/*
 * vchord_bm25/run_merge.c
 *		k-way merge of runs of postings.
 *
 * A loser tree orders the sources by (key, document of the segment).  Pieces of maps do not overlap among
 * sources: the documents of a piece are consecutive in the segment, and all of them are its own.  So the source
 * that wins may hand over all postings of its present piece before the tree is asked again: one
 * comparison path for each term and piece, not for each posting.
 *
 * Buffers: a run is read through a buffer of its own, because runs share files.  With more runs than the
 * budget has buffers for, neighbours of one map are merged into runs of a temporary file, pass by pass;
 * entries are copied as they are, which is why a key may have several in a run.
 */
#include "postgres.h"

#include "vchord_bm25/run_merge.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "core/loser_tree.h"

#include "vchord_bm25/run_write.h"
#include "vchord_bm25/varint.h"

/* of a run: less makes seeks dominate; more buys nothing */
#define BUFFER_MIN (16 * 1024)
#define BUFFER_MAX (256 * 1024)
/* runs that are merged at once whatever the budget */
#define FANIN_MIN 32

typedef struct Source
{
	const Bm25RunSource *spec;
	bool positions;

	uint8 *buffer;
	Size room;
	uint8 *at; /* unread bytes: at .. end */
	uint8 *end;
	int fileno; /* place behind `end` */
	off_t offset;

	/* present entry and posting */
	Bm25Key key;
	uint64 prefix;
	uint32 left; /* postings, the present one included */
	uint32 doc;  /* in the run */
	uint32 tf;
	uint32 length;
	uint32 piece;     /* of the map */
	uint32 piece_end; /* first document of the next piece */
	uint32 delta;
	char key_bytes[BM25_MAX_KEY_BYTES];
} Source;

/*----- reading -----*/

/* Fills the buffer. */
static pg_noinline void
refill(Source *source)
{
	Size kept = (Size) (source->end - source->at);

	memmove(source->buffer, source->at, kept);
	source->at = source->buffer;
	if (BufFileSeek(source->spec->file, source->fileno, source->offset, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not seek in a temporary file")));
	source->end = source->buffer + kept;
	source->end += BufFileRead(source->spec->file, source->end, source->room - kept);
	BufFileTell(source->spec->file, &source->fileno, &source->offset);
}

/* Makes n <= BUFFER_MIN bytes available, if the file has them. */
static inline void
need(Source *source, Size n)
{
	if ((Size) (source->end - source->at) < n)
		refill(source);
}

static inline uint32
read_varint(Source *source)
{
	const uint8 *next;
	uint32 value;

	need(source, BM25_VARINT32_MAX);
	next = bm25_varint_get(source->at, source->end, &value);
	if (next == NULL)
		elog(ERROR, "a temporary file of a bm25 index ends early");
	source->at = (uint8 *) next;
	return value;
}

/* Finds the piece of the present document. */
static void
find_piece(Source *source)
{
	const Bm25DocMap *map = source->spec->map;
	uint32 low = source->piece; /* pieces[low].first <= doc */
	uint32 high;

	if (map == NULL || map->npieces == 0)
	{
		source->delta = 0;
		source->piece_end = PG_UINT32_MAX;
		return;
	}
	high = map->npieces; /* pieces[high].first > doc, or there is none */
	while (high - low > 1)
	{
		uint32 middle = low + (high - low) / 2;

		if (map->pieces[middle].first <= source->doc)
			low = middle;
		else
			high = middle;
	}
	source->piece = low;
	source->delta = map->pieces[low].delta;
	source->piece_end = high < map->npieces ? map->pieces[high].first : PG_UINT32_MAX;
}

/* Reads the head of a posting; its positions come next. */
static inline void
read_posting(Source *source)
{
	source->doc += read_varint(source);
	source->tf = read_varint(source);
	source->length = read_varint(source);
}

/* Moves to the next entry; false at the end of the run. */
static bool
next_entry(Source *source)
{
	uint32 len = read_varint(source);
	uint64 prefix = 0;

	if (len == 0)
		return false;
	if (len > BM25_MAX_KEY_BYTES)
		elog(ERROR, "key of %u bytes in a temporary file of a bm25 index", len);
	need(source, len);
	if ((Size) (source->end - source->at) < len)
		elog(ERROR, "a temporary file of a bm25 index ends early");
	memcpy(source->key_bytes, source->at, len);
	source->at += len;
	source->key = (Bm25Key){source->key_bytes, len};
	memcpy(&prefix, source->key_bytes, Min(len, sizeof(prefix)));
	source->prefix = pg_ntoh64(prefix);

	source->left = read_varint(source);
	source->doc = 0;
	source->piece = 0;
	read_posting(source);
	find_piece(source);
	return true;
}

static void
open_source(Source *source, const Bm25RunSource *spec, bool positions, Size room)
{
	source->spec = spec;
	source->positions = positions;
	source->buffer = palloc(room);
	source->room = room;
	source->at = source->end = source->buffer;
	source->fileno = spec->run.fileno;
	source->offset = spec->run.offset;
}

/*----- merging -----*/

static inline uint32
target_doc(const Source *source)
{
	return source->doc + source->delta;
}

static int
compare_sources(void *arg, uint32 a, uint32 b)
{
	const Source *sources = arg;
	int cmp = bm25_key_cmp(sources[a].key, sources[b].key);

	if (cmp != 0)
		return cmp;
	return target_doc(&sources[a]) < target_doc(&sources[b]) ? -1 : 1;
}

/* Where merged postings go. */
typedef struct Target
{
	Bm25SegmentWriter *segment; /* or */
	Bm25RunWriter *run;

	Bm25Key key; /* of the present term of the segment; len 0: none */
	char key_bytes[BM25_MAX_KEY_BYTES];
	MemoryContext context;
	uint32 *positions;
	Size max_positions;
} Target;

/* Hands the postings of the present piece to the segment; true if the entry has more. */
static bool
piece_to_segment(Source *source, Target *target)
{
	if (target->key.len == 0 || bm25_key_cmp(target->key, source->key) != 0)
	{
		memcpy(target->key_bytes, source->key.data, source->key.len);
		target->key = (Bm25Key){target->key_bytes, source->key.len};
		bm25_segment_write_term(target->segment, source->key);
	}
	for (;;)
	{
		if (source->positions)
		{
			uint32 position = 0;

			if (source->tf > target->max_positions)
			{
				Size wanted = Max(target->max_positions * 2, source->tf);

				pfree(target->positions);
				target->positions =
					MemoryContextAllocHuge(target->context, wanted * sizeof(uint32));
				target->max_positions = wanted;
			}
			for (uint32 i = 0; i < source->tf; i++)
			{
				position += read_varint(source);
				target->positions[i] = position;
			}
		}
		bm25_segment_write_posting(target->segment, target_doc(source), source->tf, source->length,
								   source->positions ? target->positions : NULL);
		if (--source->left == 0)
			return false;
		read_posting(source);
		if (source->doc >= source->piece_end)
		{
			find_piece(source);
			return true;
		}
	}
}

static void
entry_to_run(Source *source, Bm25RunWriter *run)
{
	uint32 last = 0;

	bm25_run_put_key(run, source->key);
	bm25_run_put(run, source->left);
	for (;;)
	{
		bm25_run_put(run, source->doc - last);
		bm25_run_put(run, source->tf);
		bm25_run_put(run, source->length);
		last = source->doc;
		if (source->positions)
		{
			for (uint32 i = 0; i < source->tf; i++)
				bm25_run_put(run, read_varint(source));
		}
		if (--source->left == 0)
			return;
		read_posting(source);
	}
}

static void
merge(const Bm25RunSource *specs, uint32 n, bool positions, Size budget, Target *target)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 merge", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Size room = Min(Max(budget / Max(n, 1), BUFFER_MIN), BUFFER_MAX);
	Source *sources = palloc0(n * sizeof(Source));
	VcLoserTree tree;
	uint32 which;
	uint64 prefix;

	target->context = context;
	target->max_positions = 1024;
	target->positions = palloc(target->max_positions * sizeof(uint32));
	vc_loser_tree_init(&tree, palloc(vc_loser_tree_size(n)), n, compare_sources, sources);
	for (uint32 i = 0; i < n; i++)
	{
		open_source(&sources[i], &specs[i], positions, room);
		if (next_entry(&sources[i]))
			vc_loser_tree_set(&tree, i, sources[i].prefix);
	}
	MemoryContextSwitchTo(old);
	vc_loser_tree_build(&tree);
	for (uint64 count = 0; vc_loser_tree_top(&tree, &which, &prefix); count++)
	{
		Source *source = &sources[which];
		bool more = false;

		if (count % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (target->segment != NULL)
			more = piece_to_segment(source, target);
		else
			entry_to_run(source, target->run);
		if (more || next_entry(source))
			vc_loser_tree_advance(&tree, source->prefix);
		else
			vc_loser_tree_exhaust(&tree);
	}
	MemoryContextDelete(context);
}

/* One pass: neighbours of one map become one run, in `file`.  Returns the number of runs left. */
static uint32
shorten(Bm25RunSource *sources, uint32 n, uint32 fanin, bool positions, Size budget, BufFile *file)
{
	Target *target = palloc0(sizeof(Target));
	uint32 left = 0;

	target->run = palloc0(sizeof(Bm25RunWriter));
	target->run->file = file;
	for (uint32 first = 0; first < n;)
	{
		uint32 count = 1;
		Bm25RunSource merged = {.file = file, .map = sources[first].map};

		while (count < fanin && first + count < n && sources[first + count].map == merged.map)
			count++;
		if (count == 1)
			sources[left++] = sources[first];
		else
		{
			/* reading moves the file's position only if it is the same file, which it never is */
			BufFileTell(file, &merged.run.fileno, &merged.run.offset);
			merge(sources + first, count, positions, budget, target);
			bm25_run_put(target->run, 0);
			bm25_run_flush(target->run);
			sources[left++] = merged;
		}
		first += count;
	}
	pfree(target->run);
	pfree(target);
	return left;
}

void
bm25_runs_merge(Bm25RunSource *sources, uint32 nsources, bool positions, Size budget,
				Bm25SegmentWriter *writer)
{
	uint32 fanin = (uint32) Max(Min(budget / BUFFER_MIN, 4096), FANIN_MIN);
	Target *target = palloc0(sizeof(Target));
	List *files = NIL;
	ListCell *lc;

	while (nsources > fanin)
	{
		BufFile *file = BufFileCreateTemp(false);
		uint32 left = shorten(sources, nsources, fanin, positions, budget, file);

		/* a run that was alone may stay where it is, so all files stay until the end */
		files = lappend(files, file);
		if (left == nsources)
			break; /* runs of as many maps */
		nsources = left;
	}
	target->segment = writer;
	if (nsources > 0)
		merge(sources, nsources, positions, budget, target);
	foreach (lc, files)
		BufFileClose(lfirst(lc));
	list_free(files);
	pfree(target);
}
