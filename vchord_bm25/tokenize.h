/*
 * vchord_bm25/tokenize.h
 *		Term ids of lexemes, for bm25vector.
 */
#ifndef VCHORD_BM25_TOKENIZE_H
#define VCHORD_BM25_TOKENIZE_H

/*
 * The id of a lexeme in a bm25vector: the 32-bit FNV-1a hash of its bytes.  The same on every machine and
 * in every version: ids are stored in tables.  Lexemes of equal hash are one term, with their frequencies
 * added: among 100,000 distinct lexemes, one or two pairs.
 */
extern uint32 bm25_lexeme_id(const char *lexeme, uint32 len);

#endif
