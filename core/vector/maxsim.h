/*
 * core/vector/maxsim.h
 *		MaxSim: how far an array of vectors (the tokens of a document) is from another (of a query).
 *
 *	maxsim(d, q) = sum over the query's tokens of the least -<q_i, d_j> over the document's tokens
 *
 * An array's shape is ignored and NULL elements are skipped.  A query without tokens is at 0 from
 * anything; a document without tokens is at infinity from any other query.  It is not symmetric.
 */
#ifndef VC_CORE_VECTOR_MAXSIM_H
#define VC_CORE_VECTOR_MAXSIM_H

#include "core/vector/types.h"

/* the tokens of one array */
typedef struct VcvDocument
{
	VcvType type;
	uint32 n;
	uint32 dim;  /* of every token, unless mixed; 0 if there is none */
	bool mixed;  /* they differ in dimension */
	Size stride; /* from each row to the next, 0 if they lie unevenly */
	const void *
		*rows; /* [n] rows (types.h); of a prepared query const float * or a quantised row */
} VcvDocument;

/*
 * Read an array (not NULL) of the type.  What is allocated, and a detoasted copy of the array that rows
 * point into, belongs to the current memory context.  ERROR data_corrupted for a token whose size and
 * dimension contradict each other.
 */
extern void vcv_document_read(VcvType type, Datum array, VcvDocument *ret_document);

/* Make a query of it: halves are widened, once for all documents. */
extern void vcv_document_prepare(VcvDocument *query);

/*
 * maxsim(document, query); query is prepared.  Never NaN.  ERROR data_exception "dimension is not
 * matched" if any two tokens that are to be compared differ in dimension.  Allocates nothing; may take long,
 * so it looks for interrupts.
 */
extern double vcv_maxsim(const VcvDocument *document, const VcvDocument *query);

#endif
