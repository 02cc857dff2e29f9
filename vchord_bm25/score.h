/*
 * vchord_bm25/score.h
 *		A query with the statistics of a statement: what a document's score is made of.
 *
 * The score of a document is the sum over fields of the sums over the field's terms, in ascending order of
 * key, whoever computes it.  In an index of several columns `a <&> q` scores field a alone, and the
 * score of a row in all of them is (a <&> q) + (b <&> q), to the last bit; where the fields are the elements of an
 * array, the operator on the array is this sum.
 */
#ifndef VCHORD_BM25_SCORE_H
#define VCHORD_BM25_SCORE_H

#include "vchord_bm25/query.h"
#include "vchord_bm25/stats.h"

typedef struct Bm25ScoreTerm
{
	Bm25Key key;
	double weight; /* w of model.h */
} Bm25ScoreTerm;

typedef struct Bm25Scorer
{
	const Bm25FieldModel *models; /* by field */
	bool exact_norms;
	double min_score;
	bool
		all_fields; /* set by who asks for the sum of all columns: it is null where one of them is */
	uint32 nterms;
	Bm25ScoreTerm *terms; /* ascending by key */

	/* terms as found in the segments of `view` (nterms a segment; df 0: not there); NULL otherwise */
	Bm25View *view;
	Bm25SegmentTerm *found;
} Bm25Scorer;

/*
 * Prepares a query for some fields with the statistics of a view; a prefix becomes all terms that begin with
 * it.  In the current context; refers to stats and query, which must stay.
 */
extern void bm25_scorer_init(Bm25Scorer *scorer, Bm25View *stats, const Bm25Query *query,
							 Bm25FieldSpan span);

/* The score (>= 0) of a document that was made for the same fields. */
extern double bm25_scorer_document(const Bm25Scorer *scorer, const Bm25Document *document);

/* Distinct keys of the view that begin with a prefix, ascending, in the current context. */
extern uint32 bm25_view_prefix(Bm25View *view, Bm25Key prefix, Bm25Key **ret_keys);

/* K of a posting's norm.  What was read from a page is only used as an index below 256. */
static inline double
bm25_k_of_norm(const Bm25FieldModel *model, bool exact_norms, uint32 norm)
{
	return exact_norms ? bm25_k_of_length(model, norm) : model->k[norm & 0xFF];
}

/* K of a length. */
static inline double
bm25_k_of(const Bm25FieldModel *model, bool exact_norms, uint32 length)
{
	return exact_norms ? bm25_k_of_length(model, length) : model->k[bm25_norm_code(length)];
}

#endif
