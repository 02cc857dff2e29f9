/*
 * vchord_bm25/analyze_text.h
 *		Occurrences of terms in text, by a text search configuration; the part of analyze.h for text.
 */
#ifndef VCHORD_BM25_ANALYZE_TEXT_H
#define VCHORD_BM25_ANALYZE_TEXT_H

#include "vchord_bm25/analyze.h"

typedef struct Bm25TextAnalyzer Bm25TextAnalyzer;

/* Terms go to the lexicon, which the caller owns.  Allocated in the current context. */
extern Bm25TextAnalyzer *bm25_text_analyzer_create(Bm25Lexicon *lexicon, Oid config);

/* The lexicon was reset: forget numbers. */
extern void bm25_text_analyzer_reset(Bm25TextAnalyzer *analyzer);

/* Bytes of the token cache. */
extern Size bm25_text_analyzer_bytes(const Bm25TextAnalyzer *analyzer);

/*
 * Calls emit, in the caller's memory context, for each occurrence in text[0 .. len) and returns how many
 * there were.  *position: the position before the text, and on return the last one in it.
 */
extern uint32 bm25_text_analyze(Bm25TextAnalyzer *analyzer, uint8 field, char *text, int len,
								uint32 *position, Bm25Emit emit, void *arg);

#endif
