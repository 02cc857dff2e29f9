/*
 * tests/vchord_bm25_modules/corpus.h
 *		A corpus in memory, and how it is written as a segment.
 *
 * What a corpus holds follows from its seed: documents of a term are stored, frequencies, positions and
 * lengths are functions of (seed, term, document).
 */
#ifndef VC_TESTS_VCHORD_BM25_MODULES_CORPUS_H
#define VC_TESTS_VCHORD_BM25_MODULES_CORPUS_H

#include "vchord_bm25/segment_write.h"

typedef struct Term
{
	Bm25Key key;
	uint64 id;
	uint32 df;
	uint32 max_tf;
	uint32 *docs;
} Term;

typedef struct Corpus
{
	uint64 seed;
	uint32 docs;
	uint32 fields;
	uint32 flags;
	uint32 nterms;
	Term *terms;
} Corpus;

extern Corpus *corpus_make(uint64 seed, uint32 docs, uint32 fields, uint32 flags, uint32 small);

extern uint32 corpus_tf(const Corpus *corpus, const Term *term, uint32 doc);
extern uint32 corpus_length(const Corpus *corpus, uint32 doc, uint32 field);
/* of a posting: 0 if the field is null */
extern uint32 corpus_posting_length(const Corpus *corpus, uint32 doc, const Term *term);
/* Fills room with tf positions and returns it; NULL without positions. */
extern const uint32 *corpus_positions(const Corpus *corpus, const Term *term, uint32 doc, uint32 tf,
									  uint32 *room);
extern void corpus_tid(uint32 doc, ItemPointer ret_tid);

/* An empty header page. */
extern BlockNumber corpus_header(Relation rel, uint32 incarnation);

/* sink: build or live */
extern void corpus_write(Relation rel, const Corpus *corpus, const char *sink, uint32 incarnation,
						 Bm25SegmentDisk *ret_disk);

#endif
