/*
 * vchord_bm25/model.c
 *		The BM25 formula and its upper bounds; see model.h.
 */
#include "postgres.h"

#include "vchord_bm25/model.h"

#include <math.h>

/*
 * Makes a bound safe: monotone in frequency and norm is the formula, its evaluation in floating point only up
 * to a few units in the last place (2^-52), and the bound itself becomes a float (2^-24).
 */
#define BOUND_SLACK 1e-6

void
bm25_field_model_init(Bm25FieldModel *model, double k1, double b, double weight, double docs,
					  double length)
{
	model->docs = docs;
	model->length = length;
	model->avgdl = docs > 0 && length > 0 ? length / docs : 0;
	model->k1 = k1;
	model->b = b;
	model->weight = weight;
	for (int code = 0; code < BM25_NORM_CODES; code++)
	{
		float k;

		model->k[code] = bm25_k_of_length(model, bm25_norm_length((uint8) code));
		k = (float) model->k[code];
		if (k > model->k[code])
			k = nextafterf(k, 0);
		model->k_float[code] = k;
	}
}

double
bm25_term_weight(const Bm25FieldModel *model, double query_weight, double df)
{
	if (model->docs <= 0 || model->avgdl <= 0)
		return 0;

	/* dead documents may still be counted in df while they no longer are in N */
	df = Max(Min(df, model->docs), 0);
	return query_weight * model->weight * log((model->docs + 1) / (df + 0.5)) * (model->k1 + 1);
}

float
bm25_impact_bound(const Bm25FieldModel *model, double weight, const Bm25ImpactDisk *impacts, int n)
{
	double most = 0;

	for (int i = 0; i < n; i++)
	{
		/* 255 stands for any frequency from there on */
		double part = impacts[i].tf == 255
						  ? weight
						  : bm25_contribution(weight, impacts[i].tf, model->k[impacts[i].code]);

		most = Max(most, part);
	}
	return (float) (most * (1 + BOUND_SLACK));
}
