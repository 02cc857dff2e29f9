/*
 * vchord_bm25/analyze.h
 *		From column values to occurrences of terms.
 *
 * What a value of each type contributes (spec of the operator class):
 *
 *	bm25vector		each id with its frequency; length = sum of frequencies; no positions
 *	tsvector		each lexeme as often as it has positions (an error if it has none); weights ignored
 *	text, varchar	the lexemes of the index's text search configuration, as to_tsvector finds them, but
 *					without its limits: every occurrence counts, at any position, in texts up to 1 GB
 *	text[]			the elements as one text each, nulls skipped; an element that gives a lexeme is
 *					followed by a gap of one position, so that no phrase matches across elements
 *
 * Text: the configuration's parser runs over the text; what a (token type, token) becomes is asked of the
 * dictionaries once and kept in a cache (analyze_text.c), because a corpus has few distinct tokens and
 * dictionaries are dear.
 */
#ifndef VCHORD_BM25_ANALYZE_H
#define VCHORD_BM25_ANALYZE_H

#include "access/genam.h"

#include "vchord_bm25/lexicon.h"

typedef enum Bm25KeyType
{
	BM25_TYPE_VECTOR,
	BM25_TYPE_TSVECTOR,
	BM25_TYPE_TEXT,
	BM25_TYPE_TEXT_ARRAY
} Bm25KeyType;

/* The kind of a column's type (domains looked through); ERRCODE_DATATYPE_MISMATCH if none of ours. */
extern Bm25KeyType bm25_key_type(Oid type);

typedef struct Bm25Analyzer Bm25Analyzer;

/*
 * One occurrence, or `count` of them at once (bm25vector; position 0 then).  position counts from 1 within
 * the field and never falls; a term comes at most once at a position.  Called in the memory context that
 * bm25_analyze() was called in.
 */
typedef void (*Bm25Emit)(void *arg, uint32 term, uint32 count, uint32 position);

/*
 * Terms are interned in `lexicon`, which the caller owns and may reset between values
 * (bm25_analyzer_reset follows then).  config: text search configuration, InvalidOid if no text comes.
 * Allocated in the current context, with all that it will hold.  May be kept across transactions: changed
 * dictionaries are noticed.  After an error in bm25_analyze() it may be used again.
 */
extern Bm25Analyzer *bm25_analyzer_create(Bm25Lexicon *lexicon, Oid config);

/* The lexicon was reset: forget numbers. */
extern void bm25_analyzer_reset(Bm25Analyzer *analyzer);

/* Bytes of the token cache, for budgets. */
extern Size bm25_analyzer_bytes(const Bm25Analyzer *analyzer);

/*
 * Calls emit for each occurrence in a non-null value (detoasted here) of field `field` and returns the
 * length of the document in this field, which is less than BM25_LENGTH_NULL.  Serves interrupts.
 */
extern uint32 bm25_analyze(Bm25Analyzer *analyzer, Bm25KeyType type, uint8 field, Datum value,
						   Bm25Emit emit, void *arg);

#endif
