/*
 * vchordrq/encode.h
 *		From a column value to what the index stores: f32 row, rotation, code, slot bytes.
 *
 * One encoder serves one build participant, insert, scan or check; it owns its scratch memory and is
 * not shared.  The same routine encodes everywhere, so that index_check can re-encode from the heap.
 */
#ifndef VCHORDRQ_ENCODE_H
#define VCHORDRQ_ENCODE_H

#include "vchordrq/meta.h"

typedef struct RqEncoder
{
	const RqMeta *meta;
	/*
	 * [dim] value as f32, normalised for cosine.  A quantised value is a rotated vector already: x and
	 * rotated are one array then.
	 */
	float *x;
	float *rotated;     /* [dim] rotation of x, set by rq_encoder_rotate */
	const void *row;    /* [geo.value_bytes] in the column's type, into the detoasted value */
	float inverse_norm; /* 1/|v|, 0 for the zero vector; cosine only */
	uint64 *code;       /* [geo.code_words] sign code, set by rq_encoder_code */
	float base;
	float factor;
	float err;
	uint16 token;    /* number of the vector in its row's array; the caller sets it */
	float *residual; /* scratch [dim] */
	void *detoasted; /* to free, or NULL */
} RqEncoder;

/* Allocate in `context`.  `meta` must outlive the encoder. */
extern RqEncoder *rq_encoder_create(MemoryContext context, const RqMeta *meta);

/*
 * Take a non-null value of the column's type: detoast, check the dimension (error
 * ERRCODE_DATA_EXCEPTION "expected %d dimensions, not %d") and the length (rq_check_length; lengths
 * do not matter to cosine), fill x, row, inverse_norm.
 * Valid until the next set/clear.  Call rq_encoder_clear to free a detoasted copy early.
 */
extern void rq_encoder_set(RqEncoder *enc, Datum value);

/*
 * Refuse a vector whose squares, or those of its differences to others, could leave the range of
 * float: rows with infinite bounds would never be found, and a mean with one of them finds no row.
 */
extern void rq_check_length(const float *x, uint32 dim);
extern void rq_encoder_clear(RqEncoder *enc);

/* rotated = rotation of x, or x itself */
extern void rq_encoder_rotate(RqEncoder *enc);

/*
 * Code of `rotated` for list whose rotated centroid is `centroid` ([dim]) when the index is residual
 * (pass NULL otherwise): fills code, base, factor, err.
 */
extern void rq_encoder_code(RqEncoder *enc, const float *centroid);

/* What vcv_score() takes as the query: x, or the row of a quantised value. */
static inline const void *
rq_encoder_query(const RqEncoder *enc)
{
	return vcv_is_quantized((VcvType) enc->meta->disk.type) ? enc->row : enc->x;
}

/* Bytes of a vector slot ([geo.slot_bytes]): TID, token, inverse norm, row. */
extern void rq_encoder_slot(const RqEncoder *enc, ItemPointer tid, char *ret_slot);

#endif
