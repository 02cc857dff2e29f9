/*
 * vchord_bm25/cursor.h
 *		Postings of one term in one segment, block by block.
 *
 * Two levels, as block-max algorithms need them: moving among blocks reads summaries only (shallow), and the
 * block is decoded when its postings are wanted (deep).  Inline postings (df < 128) are one block that is
 * decoded at open.  A cursor copies what it decodes and holds no page between calls.
 */
#ifndef VCHORD_BM25_CURSOR_H
#define VCHORD_BM25_CURSOR_H

#include "vchord_bm25/segment.h"

#define BM25_NO_DOC 0xFFFFFFFF /* beyond the last document */

/* Will a block be read?  May say no the second time, not yes. */
typedef bool (*Bm25BlockWanted)(void *arg, const Bm25SummaryDisk *summary);

typedef struct Bm25Cursor
{
	const Bm25Segment *segment;
	uint32 df;
	uint32 nblocks;
	Bm25ImpactDisk list_impact[BM25_LARGE_IMPACTS];

	/* the block the cursor is at (shallow); block_no == nblocks: at the end */
	uint32 block_no;
	uint32 block_first; /* documents of the block are >= this (last of the block before + 1) ... */
	uint32 block_last;  /* ... and <= this */
	Bm25ImpactDisk block_impact[2];

	/* its postings, if decoded */
	bool decoded;
	uint32 count;
	uint32 at;                        /* 0 .. count - 1: the current posting */
	uint32 docs[BM25_BLOCK_POSTINGS]; /* ascending */
	uint32 tfs[BM25_BLOCK_POSTINGS];
	uint32 norms[BM25_BLOCK_POSTINGS]; /* codes, or lengths with exact norms */

	/* the cursor's own */
	MemoryContext context; /* of bm25_cursor_open */
	Bm25SegmentTerm term;
	Bm25SummaryDisk *summaries; /* a window of them */
	uint32 summaries_first;     /* block number of the first */
	uint32 summaries_count;
	uint32 summaries_before; /* last document of the block before the window, if it has one */
	uint32 decoded_block;    /* decoded last */
	uint8 *copy;             /* body of a page, once blocks are read one after the other */
	uint32 copy_page;        /* its number; 0xFFFFFFFF: none */
	uint32 copy_bytes;       /* its used part */
	/* reading ahead */
	bool may_stream;
	bool may_pin;
	Bm25BlockWanted wanted; /* NULL: all are */
	void *wanted_arg;
	VcStream *stream;         /* of posting pages; NULL: none yet */
	uint32 asked_block;       /* the stream has asked for the blocks before */
	uint32 asked_page;        /* and for this page last */
	uint32 stream_page;       /* read last through it */
	uint32 *inline_places;    /* inline, with positions: where they begin, for each posting */
	uint64 positions_place;   /* blocks: in the POSITION section, of posting ... */
	uint32 positions_posting; /* ... this of the block */
} Bm25Cursor;

/* Opens at the first block.  Memory (a page of summaries, later one of postings) of the present context. */
extern void bm25_cursor_open(Bm25Cursor *cursor, const Bm25Segment *segment,
							 const Bm25SegmentTerm *term);

/*
 * The list will be read on: if pages are not in memory, those of the blocks that follow are asked for.  Right
 * after open, of a cursor whose segment has io.  pins: a read stream may be used, so the cursor is closed
 * before the callback of the access method returns, and no SQL runs meanwhile.
 */
extern void bm25_cursor_read_ahead(Bm25Cursor *cursor, bool pins, Bm25BlockWanted wanted,
								   void *arg);

/* Ends reading ahead; needed for a cursor that may pin, and for the counters.  May be called again. */
extern void bm25_cursor_close(Bm25Cursor *cursor);

/* Asks for the page of the present block, if pages are not in memory. */
extern void bm25_cursor_prefetch(const Bm25Cursor *cursor);

/* Moves (forward only) to the block that may hold the first document >= doc; false at the end. */
extern bool bm25_cursor_shallow(Bm25Cursor *cursor, uint32 doc);

/*
 * Decodes documents, frequencies and norms of the present block, and stands at its first posting; nothing if
 * it is decoded.  The cursor is not at the end.
 */
extern void bm25_cursor_decode(Bm25Cursor *cursor);

/*
 * Moves to the first posting with document >= doc, decoding its block; never backwards.  Returns the
 * document, or BM25_NO_DOC.
 */
extern uint32 bm25_cursor_seek(Bm25Cursor *cursor, uint32 doc);

/*
 * The next posting; the first of the block if it is not decoded yet (so after open: the first posting).
 * BM25_NO_DOC at the end.
 */
extern uint32 bm25_cursor_next(Bm25Cursor *cursor);

/*
 * Positions of the current posting, tfs[at] of them, ascending, in the current context.  Only in an index
 * with positions.
 */
extern const uint32 *bm25_cursor_positions(Bm25Cursor *cursor);

#endif
