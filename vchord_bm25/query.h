/*
 * vchord_bm25/query.h
 *		The SQL type bm25query, and a query resolved against an index.
 *
 * A bm25query is what the user wrote: an index (or none yet), and a payload that is not interpreted before
 * the index is known.  Resolved, it is a list of term keys with weights, and for a Boolean query its tree.
 */
#ifndef VCHORD_BM25_QUERY_H
#define VCHORD_BM25_QUERY_H

#include "fmgr.h"
#include "tsearch/ts_type.h"

#include "vchord_bm25/document.h"
#include "vchord_bm25/key.h"

typedef enum Bm25QueryKind
{
	BM25_QUERY_VECTOR = 1, /* payload: bm25vector; a term counts as often as its frequency */
	BM25_QUERY_TSVECTOR,   /* payload: tsvector; its distinct lexemes, once each */
	BM25_QUERY_TSQUERY,    /* payload: tsquery; gate, ranked by the lexemes that are not negated */
	BM25_QUERY_TEXT        /* payload: text, analysed as a document; distinct lexemes, counted */
} Bm25QueryKind;

/* bits of Bm25QueryData.flags: parts that were NULL in the constructor's call */
#define BM25_QUERY_NULL_PAYLOAD (1 << 0)
#define BM25_QUERY_NULL_INDEX   (1 << 1)

/* Bm25QueryData.field of a scan that scores the sum over all columns (sum_path.c), and how it is written */
#define BM25_ALL_FIELDS      0xFFFF
#define BM25_ALL_FIELDS_NAME "*"

/* The varlena; the payload (a varlena with a header of four bytes) begins MAXALIGNed behind it. */
typedef struct Bm25QueryData
{
	int32 vl_len_;
	Oid index;
	uint8 kind;
	uint8 flags;
	uint16
		field; /* column of the index, from 1, that it is meant for; 0: not said; BM25_ALL_FIELDS */
	uint32 payload;   /* offset from the start, 0 if NULL */
	double min_score; /* rows with a lower score are no matches; 0: all that match */
} Bm25QueryData;

typedef struct Bm25QueryTerm
{
	Bm25Key key; /* with its field: a term of a query over several columns is one entry a field */
	double weight;
	bool prefix; /* of a tsquery: stands for all keys that begin so */
} Bm25QueryTerm;

/* Node of a Boolean query, in an array; operands by index. */
typedef enum Bm25NodeKind
{
	BM25_NODE_TERM,
	BM25_NODE_AND,
	BM25_NODE_OR,
	BM25_NODE_NOT,
	BM25_NODE_PHRASE
} Bm25NodeKind;

typedef struct Bm25QueryNode
{
	Bm25NodeKind kind;
	int left; /* also the operand of NOT */
	int right;
	int distance; /* PHRASE */
	uint32 term;  /* TERM: number of the lexeme in Bm25Query.lexemes */
} Bm25QueryNode;

typedef struct Bm25Query
{
	Oid index;
	Bm25QueryKind kind;
	double min_score;
	/* ranking: distinct keys, ascending */
	uint32 nterms;
	Bm25QueryTerm *terms;
	/* gate: lexemes without a field; nodes[0] is the root; nnodes 0: any term matches */
	int nnodes;
	Bm25QueryNode *nodes;
	uint32 nlexemes;
	Bm25QueryTerm *lexemes;
	bool weighted; /* an operand of the tsquery asks for weights: the gate lets too much through */
} Bm25Query;

/*
 * Resolves a query for an index with these fields.  In the current context.  Errors: "bm25query contains a null
 * vector", "bm25query contains a null index", a payload that fits no field of the index.  Each term of the query
 * is looked for in every field that it fits: ids in bm25vector fields, lexemes in the others.  A text is
 * analysed with the configuration of the index, without one with the session's default.
 */
extern void bm25_query_resolve(const Bm25QueryData *data, const Bm25Fields *fields,
							   Bm25Query *ret_query);

/* The same for the bare tsquery of core's operator @@; the result names no index. */
extern void bm25_query_resolve_tsquery(TSQuery tsquery, const Bm25Fields *fields,
									   Bm25Query *ret_query);

/* ERRCODE_NULL_VALUE_NOT_ALLOWED if a part of the query is null. */
extern void bm25_query_check_nulls(const Bm25QueryData *data);

/*
 * Opens (AccessShareLock) and checks the index that a query names: it exists, is an index, a bm25 index,
 * valid or replaced by REINDEX CONCURRENTLY at this moment, and the user may read what it indexes.
 */
extern Relation bm25_query_open_index(Oid index);

#define DatumGetBm25Query(d) ((Bm25QueryData *) PG_DETOAST_DATUM(d))

static inline struct varlena *
bm25_query_payload(const Bm25QueryData *data)
{
	return (struct varlena *) ((char *) data + data->payload);
}

/*----- bm25vector -----*/

/* ids ascending, then frequencies; frequencies are >= 1 and sum to length. */
typedef struct Bm25Vector
{
	int32 vl_len_;
	uint32 n;
	uint32 length;
	uint32 reserved;
	uint32 data[]; /* id[n], frequency[n] */
} Bm25Vector;

#define DatumGetBm25Vector(d) ((Bm25Vector *) PG_DETOAST_DATUM(d))

/* From text, as the type's input function. */
extern Bm25Vector *bm25_vector_parse(const char *text);
extern char *bm25_vector_print(const Bm25Vector *vector);

/* Binary form, as the type's send and receive functions. */
extern bytea *bm25_vector_to_bytes(const Bm25Vector *vector);
extern Bm25Vector *bm25_vector_from_bytes(const char *data, int len);

/* A term with its frequency. */
typedef struct Bm25VectorEntry
{
	uint32 id;
	uint32 tf;
} Bm25VectorEntry;

/* Of entries in any order (sorted in place); frequencies of one id are added up, each is >= 1. */
extern Bm25Vector *bm25_vector_make(Bm25VectorEntry *entries, size_t n);

static inline const uint32 *
bm25_vector_ids(const Bm25Vector *v)
{
	return v->data;
}
static inline const uint32 *
bm25_vector_tfs(const Bm25Vector *v)
{
	return v->data + v->n;
}

#endif
