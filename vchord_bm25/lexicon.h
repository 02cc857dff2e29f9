/*
 * vchord_bm25/lexicon.h
 *		Interned term keys: each distinct key gets a dense number.
 *
 * A hash table over keys in an arena; used by everything that turns rows into postings.  Numbers count
 * up from 0 in order of first appearance and stay valid until reset.
 */
#ifndef VCHORD_BM25_LEXICON_H
#define VCHORD_BM25_LEXICON_H

#include "vchord_bm25/key.h"

typedef struct Bm25Lexicon Bm25Lexicon;

/* Allocated in the current context, with all that it will hold. */
extern Bm25Lexicon *bm25_lexicon_create(void);

/* Forgets all keys; keeps a moderate amount of memory. */
extern void bm25_lexicon_reset(Bm25Lexicon *lexicon);
extern void bm25_lexicon_destroy(Bm25Lexicon *lexicon);

/* The number of field + term; term is copied when new.  1 + len <= BM25_MAX_KEY_BYTES. */
extern uint32 bm25_lexicon_intern(Bm25Lexicon *lexicon, uint8 field, const char *term, uint32 len);

/* How many keys there are. */
extern uint32 bm25_lexicon_count(const Bm25Lexicon *lexicon);

/* Valid until reset. */
extern Bm25Key bm25_lexicon_key(const Bm25Lexicon *lexicon, uint32 number);

/* Bytes in use, for budgets. */
extern Size bm25_lexicon_bytes(const Bm25Lexicon *lexicon);

/* Numbers of all keys in ascending order of key, palloc'd (perhaps huge) in the current context. */
extern uint32 *bm25_lexicon_sorted(const Bm25Lexicon *lexicon);

/* Sorts n distinct numbers in ascending order of key. */
extern void bm25_lexicon_sort(const Bm25Lexicon *lexicon, uint32 *numbers, Size n);

#endif
