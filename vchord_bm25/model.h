/*
 * vchord_bm25/model.h
 *		BM25: weights, length table, contribution of a term.  One routine for every plan.
 *
 *		score(d) = sum over terms of w * tf / (tf + K[norm(d)])
 *		w = query weight * field weight * idf * (k1 + 1)
 *		idf = ln((N + 1) / (df + 0.5)),  K[l] = k1 * (1 - b + b * l / avgdl)
 *
 * Robertson and Walker (1994) with the idf of Lucene; the factor k1 + 1 is kept.  N, avgdl and lengths
 * are those of the term's field.  A document's score is summed in double, in ascending order of key, wherever
 * it is computed: index scan, operator, any plan, to the last bit.  Skipping uses bounds in float,
 * rounded up.
 */
#ifndef VCHORD_BM25_MODEL_H
#define VCHORD_BM25_MODEL_H

#include "vchord_bm25/format.h"
#include "vchord_bm25/norm.h"

/* Statistics of one field, and its table of K by code of length. */
typedef struct Bm25FieldModel
{
	double docs;   /* N: documents whose field is not null */
	double length; /* sum of their lengths */
	double avgdl;  /* 0 if there is none */
	double k1;
	double b;
	double weight; /* of the field */
	double k[BM25_NORM_CODES];
	float k_float[BM25_NORM_CODES]; /* rounded down: gives upper bounds */
} Bm25FieldModel;

extern void bm25_field_model_init(Bm25FieldModel *model, double k1, double b, double weight,
								  double docs, double length);

/* w of a term; 0 if there is no document at all (never NaN). */
extern double bm25_term_weight(const Bm25FieldModel *model, double query_weight, double df);

/* K of an exact length. */
static inline double
bm25_k_of_length(const Bm25FieldModel *model, uint32 length)
{
	if (model->avgdl <= 0)
		return model->k1;
	return model->k1 * (1.0 - model->b + model->b * ((double) length / model->avgdl));
}

/* One term's part of a score. */
static inline double
bm25_contribution(double weight, uint32 tf, double k)
{
	return weight * ((double) tf / ((double) tf + k));
}

/*
 * The sum of contributions, given in ascending order of key: by field, then over fields.  Floating-point sums
 * depend on their order, so every path that makes a score adds it up here.
 */
typedef struct Bm25Sum
{
	double fields; /* complete */
	double field;  /* of the present one */
	int number;    /* of the present one; -1: none yet */
} Bm25Sum;

#define BM25_SUM_NONE ((Bm25Sum){0, 0, -1})

static inline void
bm25_sum_add(Bm25Sum *sum, int field, double contribution)
{
	if (field != sum->number)
	{
		sum->fields += sum->field;
		sum->field = 0;
		sum->number = field;
	}
	sum->field += contribution;
}

static inline double
bm25_sum_total(const Bm25Sum *sum)
{
	return sum->fields + sum->field;
}

/* Not less than the contribution of any posting that these impacts stand for. */
extern float bm25_impact_bound(const Bm25FieldModel *model, double weight,
							   const Bm25ImpactDisk *impacts, int n);

#endif
