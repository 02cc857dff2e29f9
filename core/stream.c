/*
 * core/stream.c
 *		Block prefetch over a known sequence.  See core/stream.h.
 *
 * The caller's blocks pass through a queue: asked for, not delivered.  In plain mode it is empty; with
 * PrefetchBuffer it is the window; a read stream takes what is queued first and then asks itself.  When
 * a read stream is no longer worth it, its source runs dry (`draining`) until all that it has in flight
 * is delivered, so no block is lost and the order stays.
 *
 * vc_stream_read() needs no such care: what it wants is read in any case, so a queue that does not
 * match is passed over, and a read stream may be ended at any time.
 */
#include "postgres.h"

#include "core/stream.h"

#include "executor/instrument.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/spccache.h"
#ifdef VC_HAVE_READ_STREAM
#include "storage/read_stream.h"
#endif

#define WINDOW_MIN 16
#define WINDOW_MAX 32
/* blocks found in memory in a row that end prefetching */
#define STOP_AFTER_HITS 64

/* read_stream exists everywhere: an older server prefetches instead */
const struct config_enum_entry vc_stream_modes[] = {{"auto", VC_STREAM_AUTO, false},
													{"read_buffer", VC_STREAM_PLAIN, false},
													{"prefetch_buffer", VC_STREAM_PREFETCH, false},
													{"read_stream", VC_STREAM_READ, false},
													{NULL, 0, false}};

struct VcStream
{
	Relation rel;
	VcStreamMode mode;
	VcReadCache *cache;
	VcStreamNext next;
	void *arg;
	bool no_pins;   /* never a read stream */
	bool exhausted; /* next() said so */
	bool ahead;     /* prefetching now */
	int window;     /* -1: not asked for yet */
	int hits;       /* in a row, while ahead */
	int head;
	int queued;
	BlockNumber queue[WINDOW_MAX]; /* ring */
	VcStreamStats stats;
#ifdef VC_HAVE_READ_STREAM
	ReadStream *reader;
	bool draining;
#endif
};

static BlockNumber
ask(VcStream *stream)
{
	BlockNumber blkno;

	if (stream->exhausted)
		return InvalidBlockNumber;
	blkno = stream->next(stream->arg);
	if (blkno == InvalidBlockNumber)
		stream->exhausted = true;
	else
		vc_check_block(stream->rel, blkno);
	return blkno;
}

static BlockNumber
dequeue(VcStream *stream)
{
	BlockNumber blkno;

	if (stream->queued == 0)
		return ask(stream);
	blkno = stream->queue[stream->head];
	stream->head = (stream->head + 1) % WINDOW_MAX;
	stream->queued--;
	return blkno;
}

VcStream *
vc_stream_begin(Relation rel, VcStreamMode mode, VcReadCache *cache, VcStreamNext next, void *arg)
{
	VcStream *stream = palloc0(sizeof(VcStream));

	stream->rel = rel;
	stream->mode = mode;
	stream->cache = cache;
	stream->next = next;
	stream->arg = arg;
	stream->window = -1;
#ifndef VC_HAVE_READ_STREAM
	if (mode == VC_STREAM_READ)
		stream->mode = VC_STREAM_PREFETCH;
#endif
	stream->ahead = stream->mode == VC_STREAM_PREFETCH || stream->mode == VC_STREAM_READ;
	return stream;
}

void
vc_stream_hold_no_pins(VcStream *stream)
{
	stream->no_pins = true;
}

void
vc_stream_attach(VcStream *stream, Relation rel)
{
#ifdef VC_HAVE_READ_STREAM
	Assert(stream->reader == NULL);
#endif
	stream->rel = rel;
}

/* Most scans never come to this, so the tablespace is asked here and not at the beginning. */
static int
window_of(VcStream *stream)
{
	if (unlikely(stream->window < 0))
	{
		int concurrency = get_tablespace_io_concurrency(stream->rel->rd_rel->reltablespace);

		stream->window = concurrency > 0 ? Min(Max(concurrency, WINDOW_MIN), WINDOW_MAX) : 0;
	}
	return stream->window;
}

/* Asks for one more block and queues it; false: there is none. */
static bool
enqueue(VcStream *stream, BlockNumber *ret_blkno)
{
	BlockNumber blkno = ask(stream);

	Assert(stream->queued < WINDOW_MAX);
	if (blkno == InvalidBlockNumber)
		return false;
	stream->queue[(stream->head + stream->queued) % WINDOW_MAX] = blkno;
	stream->queued++;
	*ret_blkno = blkno;
	return true;
}

static void
prefetch(VcStream *stream, BlockNumber blkno)
{
	if (PrefetchBuffer(stream->rel, MAIN_FORKNUM, blkno).initiated_io)
		stream->stats.prefetched++;
}

/* Brings the window up to its size. */
static void
fill_window(VcStream *stream)
{
	BlockNumber blkno;

	while (stream->queued < window_of(stream) && enqueue(stream, &blkno))
		prefetch(stream, blkno);
}

/* In automatic mode: what the last block tells about the next ones. */
static void
adapt(VcStream *stream, bool hit)
{
	if (!hit)
		stream->stats.misses++;
	if (stream->mode != VC_STREAM_AUTO)
		return;
	if (!hit)
	{
		stream->ahead = window_of(stream) > 0;
		stream->hits = 0;
	}
	else if (stream->ahead && ++stream->hits >= STOP_AFTER_HITS)
		stream->ahead = false;
}

#ifdef VC_HAVE_READ_STREAM

static inline bool
uses_reader(const VcStream *stream)
{
	return stream->mode != VC_STREAM_PREFETCH && !stream->no_pins;
}

static BlockNumber
feed_reader(ReadStream *reader, void *private_data, void *per_buffer_data)
{
	VcStream *stream = private_data;
	BlockNumber blkno;

	(void) reader;
	(void) per_buffer_data;
	if (stream->draining)
		return InvalidBlockNumber;
	blkno = dequeue(stream);
	if (blkno != InvalidBlockNumber)
		stream->stats.prefetched++;
	return blkno;
}

/* The sequence will be read to its end, and it is known not to be in memory: no slow start. */
static void
begin_reader(VcStream *stream)
{
	stream->reader = read_stream_begin_relation(READ_STREAM_FULL, NULL, stream->rel, MAIN_FORKNUM,
												feed_reader, stream, 0);
}

static void
end_reader(VcStream *stream)
{
	if (stream->reader != NULL)
		read_stream_end(stream->reader);
	stream->reader = NULL;
	stream->draining = false;
}

/* InvalidBuffer: the reader has delivered everything it took, and is ended. */
static Buffer
pin_from_reader(VcStream *stream)
{
	int64 reads = pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
	Buffer buffer = read_stream_next_buffer(stream->reader, NULL);

	if (!BufferIsValid(buffer))
	{
		end_reader(stream);
		return InvalidBuffer;
	}
	/* reads are started for blocks ahead, so this looks at the window, not at this very block */
	adapt(stream, reads == pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read);
	return buffer;
}

static bool
next_from_reader(VcStream *stream, uint16 kinds, VcPageRead *r)
{
	Buffer buffer = pin_from_reader(stream);

	if (!BufferIsValid(buffer))
		return false;
	stream->draining = !stream->ahead;
	stream->stats.blocks++;
	*r = vc_page_read_pinned(stream->rel, buffer, kinds);
	return true;
}

#endif

/* Passes over queued and further blocks until blkno is the first of the queue; false: it is not there. */
static bool
skip_to(VcStream *stream, BlockNumber blkno)
{
	BlockNumber next;

	stream->exhausted = false;
	while (stream->queued > 0 || enqueue(stream, &next))
	{
		if (stream->queue[stream->head] == blkno)
			return true;
		(void) dequeue(stream);
	}
	return false;
}

#ifdef VC_HAVE_READ_STREAM

/* InvalidBuffer: blkno is not in the sequence. */
static Buffer
read_from_reader(VcStream *stream, BlockNumber blkno)
{
	Buffer buffer = InvalidBuffer;

	if (stream->reader == NULL && skip_to(stream, blkno))
		begin_reader(stream);
	while (stream->reader != NULL)
	{
		buffer = pin_from_reader(stream);
		if (!BufferIsValid(buffer) || BufferGetBlockNumber(buffer) == blkno)
			break;
		ReleaseBuffer(buffer);
	}
	if (!stream->ahead)
		end_reader(stream);
	return buffer;
}

#endif

static pg_noinline VcPageRead
read_ahead(VcStream *stream, BlockNumber blkno, uint16 kinds)
{
	VcPageRead r;
	bool hit;

#ifdef VC_HAVE_READ_STREAM
	if (uses_reader(stream))
	{
		Buffer buffer = read_from_reader(stream, blkno);

		if (BufferIsValid(buffer))
			return vc_page_read_pinned(stream->rel, buffer, kinds);
	}
	else
#endif
		if (skip_to(stream, blkno))
	{
		(void) dequeue(stream);
		fill_window(stream);
	}
	r = vc_page_read_hit(stream->cache, stream->rel, blkno, kinds, &hit);
	adapt(stream, hit);
	return r;
}

VcPageRead
vc_stream_read(VcStream *stream, BlockNumber blkno, uint16 kinds)
{
	VcPageRead r;
	bool hit;

	stream->stats.blocks++;
	if (unlikely(stream->ahead))
		return read_ahead(stream, blkno, kinds);
	r = vc_page_read_hit(stream->cache, stream->rel, blkno, kinds, &hit);
	if (unlikely(!hit))
		adapt(stream, false);
	return r;
}

bool
vc_stream_is_ahead(const VcStream *stream)
{
	return stream->ahead;
}

void
vc_stream_prefetch(VcStream *stream, BlockNumber first, uint32 n)
{
	BlockNumber end;

	if (!stream->ahead)
		return;
	end = RelationGetNumberOfBlocks(stream->rel);
	for (uint32 i = 0; i < Min(n, (uint32) window_of(stream)) && first < end; i++)
		prefetch(stream, first++);
}

bool
vc_stream_next(VcStream *stream, uint16 kinds, VcPageRead *r)
{
	BlockNumber blkno;
	Buffer buffer;
	bool hit;

	vc_page_read_drop(r);
	CHECK_FOR_INTERRUPTS();

#ifdef VC_HAVE_READ_STREAM
	if (stream->reader == NULL && stream->ahead && uses_reader(stream))
		begin_reader(stream);
	if (stream->reader != NULL && next_from_reader(stream, kinds, r))
		return true;
	if (stream->ahead && !uses_reader(stream))
		fill_window(stream);
#else
	if (stream->ahead)
		fill_window(stream);
#endif

	blkno = dequeue(stream);
	if (blkno == InvalidBlockNumber)
		return false;
	buffer = vc_buffer_pin(stream->rel, blkno, stream->cache, &hit);
	stream->stats.blocks++;
	adapt(stream, hit);
	*r = vc_page_read_pinned(stream->rel, buffer, kinds);
	return true;
}

void
vc_stream_reset(VcStream *stream)
{
#ifdef VC_HAVE_READ_STREAM
	end_reader(stream);
#endif
	stream->queued = 0;
	stream->exhausted = false;
}

void
vc_stream_end(VcStream *stream)
{
#ifdef VC_HAVE_READ_STREAM
	end_reader(stream);
#endif
	pfree(stream);
}

VcStreamStats
vc_stream_stats(const VcStream *stream)
{
	return stream->stats;
}
