/*
 * core/vector/distance.h
 *		Metrics, and exact distances between an f32 query and rows of any type.
 *
 * Inside the index a distance is an f32 "score" that sorts like the operator's result: squared L2,
 * negative inner product, and for cosine the negative inner product of normalised vectors.
 * vcv_metric_result() turns a score into what the SQL operator returns.
 */
#ifndef VC_CORE_VECTOR_DISTANCE_H
#define VC_CORE_VECTOR_DISTANCE_H

#include "core/vector/types.h"

/* values are stored in metapages: never renumber */
typedef enum VcvMetric
{
	VCV_L2 = 0,
	VCV_IP = 1,
	VCV_COSINE = 2
} VcvMetric;

/* L2 uses squared distances, the other two dot products */
static inline int
vcv_metric_is_dot(VcvMetric metric)
{
	return metric != VCV_L2;
}

/*
 * Score of a row of n dimensions for a query.  q: f32[n], for a quantised type the query's row.  Under
 * VCV_COSINE vectors and halves are normalised by the caller, quantised values need not be.
 */
extern float vcv_score(VcvMetric metric, VcvType type, const void *q, const void *row, uint32_t n);

/* score -> result of <->, <#> or <=> */
extern double vcv_metric_result(VcvMetric metric, float score);

/* the other way: a row's result is below r if its score is below the score of r, up to rounding */
extern float vcv_metric_score(VcvMetric metric, double result);

#endif
