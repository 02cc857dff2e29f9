/*
 * core/stream.h
 *		Reads a sequence of blocks that the caller knows in advance, with prefetch where it helps.
 *
 * Two ways to consume it: vc_stream_next() delivers every block of the sequence; vc_stream_read() is
 * told which block is wanted, and the sequence is only the expectation of what will be wanted next, not
 * looked at before reading ahead begins.  A stream is used in one way only between two resets.
 *
 *	mode				what
 *	VC_STREAM_AUTO		plain, until a block was not in shared buffers; then the best that the server
 *						has (read stream on 17 and later, else PrefetchBuffer), until 64 blocks in a
 *						row were
 *	VC_STREAM_PLAIN		never prefetch
 *	VC_STREAM_PREFETCH	always a window of PrefetchBuffer calls ahead
 *	VC_STREAM_READ		always a read stream (PREFETCH where the server has none)
 *
 * Window: effective_io_concurrency of the tablespace, at least 16 and at most 32; 0 = no prefetch.
 * Prefetching pages that are in memory costs 25-200 ns a page, a cold page without it 55 us instead
 * of 14 us, hence the gate.  Its state outlives a reset.
 *
 * Blocks come out in the order in which they were asked for, each as a read guard.  A stream may
 * hold pins (read stream): it is ended or reset before the callback of the access method returns.  On
 * error the resource owner releases them.
 */
#ifndef VC_CORE_STREAM_H
#define VC_CORE_STREAM_H

#include "core/buf.h"
#include "core/compat.h"

struct config_enum_entry;

typedef enum VcStreamMode
{
	VC_STREAM_AUTO,
	VC_STREAM_PLAIN,
	VC_STREAM_PREFETCH,
	VC_STREAM_READ,
} VcStreamMode;

/* The modes' names in settings: auto, read_buffer, prefetch_buffer, read_stream. */
extern const struct config_enum_entry vc_stream_modes[];

/*
 * The next block to read, or InvalidBlockNumber at the end (after which it is not called again
 * until reset).  Called up to 64 blocks ahead of delivery, with no lock held; must not throw away
 * anything on the assumption that an earlier block was delivered.
 */
typedef BlockNumber (*VcStreamNext)(void *arg);

typedef struct VcStream VcStream;

/* Allocated in the current context.  cache may be NULL. */
extern VcStream *vc_stream_begin(Relation rel, VcStreamMode mode, VcReadCache *cache,
								 VcStreamNext next, void *arg);

/*
 * From now on no read stream is used: the stream holds no pin between calls, so it need not be ended, and
 * SQL may run meanwhile.  Before the first block is read.
 */
extern void vc_stream_hold_no_pins(VcStream *stream);

/* The relation's descriptor may have moved.  Nothing is in flight: after begin, reset, or without pins. */
extern void vc_stream_attach(VcStream *stream, Relation rel);

/*
 * Reads the next block into r (dropped first); false at the end, r empty.
 */
extern bool vc_stream_next(VcStream *stream, uint16 kinds, VcPageRead *r);

/*
 * Reads block blkno, which should be a later one of the sequence: those before it are passed over.  If
 * it is not in the sequence, nothing is read ahead until reset.  Here next may be asked again after it
 * had no block.
 */
extern VcPageRead vc_stream_read(VcStream *stream, BlockNumber blkno, uint16 kinds);

/* Is it reading ahead now?  Then the caller had better know what comes. */
extern bool vc_stream_is_ahead(const VcStream *stream);

/*
 * Asks for n blocks from `first` on outside of the sequence, at most a window of them, if the stream is
 * reading ahead; blocks beyond the end of the relation are ignored.
 */
extern void vc_stream_prefetch(VcStream *stream, BlockNumber first, uint32 n);

/* Forgets blocks asked for but not delivered; the next call of vc_stream_next asks anew. */
extern void vc_stream_reset(VcStream *stream);

extern void vc_stream_end(VcStream *stream);

/* What it did, for counters of EXPLAIN and tests. */
typedef struct VcStreamStats
{
	uint64 blocks;
	uint64 misses;     /* not in shared buffers when read (plain and prefetch modes) */
	uint64 prefetched; /* blocks for which I/O was asked in advance */
} VcStreamStats;

extern VcStreamStats vc_stream_stats(const VcStream *stream);

#endif
