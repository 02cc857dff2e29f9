/*
 * vchord_bm25/invert.h
 *		In-memory inversion: occurrences by document in, postings by term out.
 *
 * Terms are numbers of a lexicon; the postings of a term are a chain of chunks of varints in an arena (Heinz and
 * Zobel, "Efficient single-pass index construction", 2003).  When the budget is reached the inverter is written as a
 * run, sorted by key, to a temporary file, and begins again.
 */
#ifndef VCHORD_BM25_INVERT_H
#define VCHORD_BM25_INVERT_H

#include "storage/buffile.h"

#include "vchord_bm25/document.h"
#include "vchord_bm25/segment_write.h"

typedef struct Bm25Inverter Bm25Inverter;

/* budget in bytes for postings, lexicon and token cache together.  Of the current context. */
extern Bm25Inverter *bm25_inverter_create(const Bm25Fields *fields, Size budget);
extern void bm25_inverter_destroy(Bm25Inverter *inverter);

/*
 * Adds a row (values of an index tuple) as the next document.  False: bm25_fields_null(), not a document.
 * ret_length: of each field, or BM25_LENGTH_NULL.
 */
extern bool bm25_inverter_add(Bm25Inverter *inverter, const Datum *values, const bool *isnull,
							  uint32 *ret_length);

/* Adds a finished document (a seal: its terms come from the growing area): terms, then the end. */
extern void bm25_inverter_add_term(Bm25Inverter *inverter, Bm25Key key, uint32 tf,
								   const uint32 *positions);
extern void bm25_inverter_end_document(Bm25Inverter *inverter, const uint32 *length);

/* Documents so far; the next one gets this number. */
extern uint32 bm25_inverter_docs(const Bm25Inverter *inverter);

extern bool bm25_inverter_full(const Bm25Inverter *inverter);

/*
 * A run: entries in ascending order of key, each of them varint bytes of the key, these, varint number of
 * postings, and the postings as varints: difference of document (of the first, to 0), frequency, length of
 * the document in the field, with positions `frequency` differences.  Then a zero.  A key may have several
 * entries, whose documents ascend.
 */
typedef struct Bm25Run
{
	int fileno; /* place in its BufFile */
	off_t offset;
	uint32 sequence; /* the caller's, see build.c */
} Bm25Run;

/*
 * Writes everything as a run at the end of file, and empties the inverter (documents go on counting).
 * False if there was no document since the last one: nothing was written.
 */
extern bool bm25_inverter_spill(Bm25Inverter *inverter, BufFile *file, Bm25Run *ret_run);

#endif
