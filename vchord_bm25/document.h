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

/*
 * What the columns of an index are; made from its descriptor and metapage.  A column is a field, but with
 * `elements` there is one column of arrays of text, and the fields are the first, second .. element.
 */
typedef struct Bm25Fields
{
	int n;
	Bm25KeyType type[BM25_MAX_FIELDS];
	Oid config; /* InvalidOid: no text among them */
	bool positions;
	bool elements;
} Bm25Fields;

/* Fields [first, end): those of a column, which is what an operator is about. */
typedef struct Bm25FieldSpan
{
	int first;
	int end;
} Bm25FieldSpan;

/* The fields of a column that the index has (from 0). */
static inline Bm25FieldSpan
bm25_column_fields(const Bm25Fields *fields, int column)
{
	return fields->elements ? (Bm25FieldSpan){0, fields->n} : (Bm25FieldSpan){column, column + 1};
}

/* The type of a column's values. */
static inline Bm25KeyType
bm25_column_type(const Bm25Fields *fields, int column)
{
	return fields->elements ? BM25_TYPE_TEXT_ARRAY : fields->type[column];
}

static inline int
bm25_columns(const Bm25Fields *fields)
{
	return fields->elements ? 1 : fields->n;
}

/* Is a term's key of one of the fields? */
static inline bool
bm25_span_has(Bm25FieldSpan span, Bm25Key key)
{
	return (uint8) key.data[0] >= span.first && (uint8) key.data[0] < span.end;
}

/*
 * Has the row (values of an index tuple) no value in any field?  Such rows are not indexed.  Elements that an
 * array does not have are null.
 */
extern bool bm25_fields_null(const Bm25Fields *fields, const Datum *values, const bool *isnull);

/*
 * With fields->elements: the elements of a column's value, which is not null, by field.  In the current context, and
 * they may point into the array.  ERRCODE_ARRAY_SUBSCRIPT_ERROR if there are more of them than fields.
 */
extern void bm25_fields_split(const Bm25Fields *fields, Datum value, Datum *ret_values,
							  bool *ret_isnull);

typedef struct Bm25DocumentMaker Bm25DocumentMaker;

/*
 * For any number of documents: terms and tokens seen are kept within a budget, so the documents after the
 * first cost much less.  Allocated in the current context, with all that it will hold; may be kept across
 * transactions, and used again after an error in bm25_document_make().
 */
extern Bm25DocumentMaker *bm25_document_maker_create(const Bm25Fields *fields);

/* Makes a document of the values of an index tuple.  Valid until the next call.  False: bm25_fields_null(). */
extern bool bm25_document_make(Bm25DocumentMaker *maker, const Datum *values, const bool *isnull,
							   ItemPointer tid, Bm25Document *ret_document);

/*
 * An index with positions holds a position (0) for each occurrence in a bm25vector, too: ERROR if these are
 * too many.
 */
extern void bm25_document_check_tf(uint32 tf);

#endif
