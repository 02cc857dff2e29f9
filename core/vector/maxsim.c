/*
 * core/vector/maxsim.c
 *		MaxSim of two arrays of vectors.
 *
 * Elements of an array lie one behind another, so tokens of one dimension are evenly spaced, and one
 * call of a kernel compares a query's token with many of a document's.
 */
#include "postgres.h"

#include "core/vector/maxsim.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "core/simd/vector/ops.h"
#include "core/vector/datum.h"
#include "core/vector/distance.h"

/* tokens of a document that one call of a kernel compares */
#define STEP 64

void
vcv_document_read(VcvType type, Datum array, VcvDocument *ret_document)
{
	ArrayType *tokens = DatumGetArrayTypeP(array);
	VcvDocument document = {.type = type};
	int16 length;
	bool by_value;
	char align;
	Datum *elements;
	bool *nulls;
	int n;

	get_typlenbyvalalign(ARR_ELEMTYPE(tokens), &length, &by_value, &align);
	deconstruct_array(tokens, ARR_ELEMTYPE(tokens), length, by_value, align, &elements, &nulls, &n);
	document.rows = palloc(sizeof(*document.rows) * (Size) Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		VcvView view;

		if (nulls[i])
			continue;
		vcv_read(type, elements[i], &view);
		if (document.n == 0)
			document.dim = view.dim;
		else if (document.dim != view.dim)
			document.mixed = true;
		document.rows[document.n++] = view.x;
	}
	if (document.n > 1)
	{
		const char *const *rows = (const char *const *) document.rows;
		uint32 i = 2;

		while (i < document.n && rows[i] - rows[i - 1] == rows[1] - rows[0])
			i++;
		if (i == document.n && rows[1] > rows[0])
			document.stride = (Size) (rows[1] - rows[0]);
	}
	pfree(elements);
	pfree(nulls);
	*ret_document = document;
}

void
vcv_document_prepare(VcvDocument *query)
{
	float *wide;

	/* of mixed ones none is compared with anything */
	if (query->type != VCV_HALFVEC || query->n == 0 || query->mixed)
		return;
	wide = palloc_extended(sizeof(float) * query->n * query->dim, MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < query->n; i++)
	{
		vcs_vector_ops.f16_to_f32((const VcvHalf *) query->rows[i], query->dim,
								  wide + (Size) i * query->dim);
		query->rows[i] = wide + (Size) i * query->dim;
	}
}

/* the least score of one token of the query */
static float
nearest(const VcvDocument *document, const void *token)
{
	const bool half = document->type == VCV_HALFVEC;
	float least = INFINITY;
	float dots[STEP];

	if (vcv_is_quantized(document->type) || document->stride == 0)
	{
		for (uint32 i = 0; i < document->n; i++)
		{
			const float score =
				vcv_score(VCV_IP, document->type, token, document->rows[i], document->dim);

			if (score < least)
				least = score;
		}
		return least;
	}
	for (uint32 i = 0; i < document->n; i += STEP)
	{
		const uint32 count = Min(document->n - i, STEP);

		(half ? vcs_vector_ops.dot_f16_rows : vcs_vector_ops.dot_f32_rows)(
			token, document->rows[i], document->stride, count, document->dim, dots);
		for (uint32 j = 0; j < count; j++)
		{
			if (-dots[j] < least)
				least = -dots[j];
		}
	}
	return least;
}

double
vcv_maxsim(const VcvDocument *document, const VcvDocument *query)
{
	double sum = 0;

	if (query->n == 0)
		return 0;
	if (document->n == 0)
		return INFINITY;
	if (document->mixed || query->mixed || document->dim != query->dim)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("dimension is not matched")));
	for (uint32 i = 0; i < query->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sum += nearest(document, query->rows[i]);
	}
	/* infinite products of both signs */
	return isnan(sum) ? INFINITY : sum;
}
