/*
 * vchordg/code.h
 *		From a column value to what the index stores, and from a query to estimates of many codes.
 *
 * One encoder serves one insert, scan or check.  A code stands for u = rotated x - centre by a lattice vector y:
 * with one bit y_i = +-1 (the sign), with two y_i = 2 b1 + b0 - 1.5 (threshold: rms of u, the optimum of a uniform
 * quantiser for normal components, Max 1960).  Planes lie one after the other, b1 first.  factor = |u|^2 / <u, y>
 * makes factor <y, v> an unbiased estimate of <u, v>, err = |u| sqrt(|u|^2 |y|^2 / <u, y>^2 - 1) / sqrt(n - 1) is
 * its standard deviation a unit of v, as core/vector/README.md derives for one bit (two bits: Gao et al., arXiv
 * 2409.09913).  base and the query's part are those of core/vector/rabitq.h.
 */
#ifndef VCHORDG_CODE_H
#define VCHORDG_CODE_H

#include "core/arena.h"
#include "core/vector/rabitq.h"

#include "vchordg/meta.h"

typedef struct VgEncoder
{
	const VgMeta *meta;
	VcvView view;       /* of the value */
	float *x;           /* [dim] f32, normalised for cosine; quantised types: rotated already */
	float *rotated;     /* [dim] */
	char *code;         /* [geo.code_bytes] set by vg_encoder_code */
	float inverse_norm; /* cosine: 1/|v|, 0 for the zero vector */
	float norm2;
	float *scratch;
	void *detoasted;
} VgEncoder;

extern VgEncoder *vg_encoder_create(MemoryContext context, const VgMeta *meta);

/*
 * Take a value that is not NULL: checks the dimension ("expected %u dimensions, not %u") and the length, fills
 * view, x, rotated, inverse_norm.  Under cosine a zero vector is indexed with a score of 0 to everything.
 */
extern void vg_encoder_set(VgEncoder *enc, Datum value);
/* Without `rotated`, which exact scores need not. */
extern void vg_encoder_set_plain(VgEncoder *enc, Datum value);
/* The same of a stored row, which must live as long. */
extern void vg_encoder_set_row(VgEncoder *enc, const void *row);
extern void vg_encoder_clear(VgEncoder *enc);

/* code of `rotated` relative to the centre */
extern void vg_encoder_code(VgEncoder *enc);

/* code of any rotated vector; scratch[dim] */
extern void vg_code(const VgMeta *meta, const float *rotated, float *scratch, char *ret_code);

/* the query's side: tables once, then estimates */
typedef struct VgQuery
{
	const VgMeta *meta;
	VcvQuery tables;
	VcvSingleBound bound;
	const float *x;  /* [dim], normalised for cosine */
	const char *row; /* quantised types: the query's row */
	float epsilon;
} VgQuery;

/* Prepare for a vector that an encoder holds; tables go into the arena.  epsilon scales the error bound. */
extern void vg_query_init(VgQuery *query, const VgEncoder *enc, float epsilon, VcArena *arena);

typedef struct VgEstimate
{
	float score; /* unbiased estimate, sorts like vcv_score */
	float bound; /* lower bound at the query's epsilon */
} VgEstimate;

/* estimates of n codes that lie `stride` bytes apart */
extern void vg_estimate(const VgQuery *query, const char *codes, size_t stride, uint32 n,
						VgEstimate *ret_estimates);

/*
 * Exact score of a slot's vector whose bytes come in parts (a row may straddle pages): begin, add parts in order (each a
 * multiple of 8 bytes but the last), end.  Equal to what the operator computes for the two values.
 */
typedef struct VgScorer
{
	const VgQuery *query;
	float sum;
	uint64 products;
	uint32 done; /* bytes of the row */
	VcvQuantHead head;
} VgScorer;

extern void vg_scorer_begin(VgScorer *scorer, const VgQuery *query);
extern void vg_scorer_add(VgScorer *scorer, const char *part, uint32 bytes);
extern float vg_scorer_end(const VgScorer *scorer, float inverse_norm);

/* The same of the value that an encoder holds. */
extern float vg_score(const VgQuery *query, const VgEncoder *enc);

#endif
