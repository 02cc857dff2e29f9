/*
 * vchord_bm25/document.h
 *		A row as the index sees it: terms in ascending order of key, lengths by field.
 */
#ifndef VCHORD_BM25_DOCUMENT_H
#define VCHORD_BM25_DOCUMENT_H

#include "access/genam.h"

#include "vchord_bm25/analyze.h"
#include "vchord_bm25/format.h"

typedef struct Bm25DocumentTerm
{
	Bm25Key key;
	uint32 tf;
	const uint32
		*positions; /* tf of them, ascending; NULL without positions, and for a bm25vector */
} Bm25DocumentTerm;

typedef struct Bm25Document
{
	ItemPointerData tid;
	uint32 nterms;
	Bm25DocumentTerm *terms;
	uint32 length[BM25_MAX_FIELDS]; /* BM25_LENGTH_NULL: the field is null */
} Bm25Document;

/* What the columns of an index are; made from its descriptor and metapage. */
typedef struct Bm25Fields
{
	int n;
	Bm25KeyType type[BM25_MAX_FIELDS];
	Oid config; /* InvalidOid: no text among them */
	bool positions;
} Bm25Fields;

typedef struct Bm25DocumentMaker Bm25DocumentMaker;

/*
 * For any number of documents: terms and tokens seen are kept within a budget, so the documents after the
 * first cost much less.  Allocated in the current context, with all that it will hold; may be kept across
 * transactions, and used again after an error in bm25_document_make().
 */
extern Bm25DocumentMaker *bm25_document_maker_create(const Bm25Fields *fields);

/*
 * Makes a document of the values of an index tuple.  Valid until the next call.  False if all are null:
 * such rows are not indexed.
 */
extern bool bm25_document_make(Bm25DocumentMaker *maker, const Datum *values, const bool *isnull,
							   ItemPointer tid, Bm25Document *ret_document);

/*
 * An index with positions holds a position (0) for each occurrence in a bm25vector, too: ERROR if these are
 * too many.
 */
extern void bm25_document_check_tf(uint32 tf);

#endif
