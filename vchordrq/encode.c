/*
 * vchordrq/encode.c
 *		From a column value to f32 row, rotation, code and slot bytes.
 */
#include "postgres.h"

#include "vchordrq/encode.h"

#include "fmgr.h"

#include "core/simd/vector/ops.h"
#include "core/vector/datum.h"
#include "core/vector/distance.h"
#include "core/vector/rabitq.h"
#include "core/vector/rotate.h"

/* four times its square, that of the largest difference, is far inside float; sums of rows, too */
#define MAX_LENGTH 1e18

RqEncoder *
rq_encoder_create(MemoryContext context, const RqMeta *meta)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	RqEncoder *enc = palloc0(sizeof(RqEncoder));
	Size bytes = meta->geo.dim * sizeof(float);

	enc->meta = meta;
	enc->x = palloc0(bytes);
	enc->rotated = vcv_is_quantized((VcvType) meta->disk.type) ? enc->x : palloc0(bytes);
	enc->residual = palloc0(bytes);
	/* the last word's unused bytes are never written again: they stay zero */
	enc->code = palloc0(meta->geo.code_words * sizeof(uint64));
	MemoryContextSwitchTo(old);
	return enc;
}

void
rq_encoder_clear(RqEncoder *enc)
{
	if (enc->detoasted != NULL)
		pfree(enc->detoasted);
	enc->detoasted = NULL;
	enc->row = NULL;
}

void
rq_check_length(const float *x, uint32 dim)
{
	/* false for NaN, too */
	if (!(vcs_vector_ops.norm2_f32(x, dim) <= MAX_LENGTH * MAX_LENGTH))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("vector is too long"),
						errdetail("Its L2 norm must not exceed %g.", MAX_LENGTH)));
}

void
rq_encoder_set(RqEncoder *enc, Datum value)
{
	const RqMeta *meta = enc->meta;
	struct varlena *plain;
	VcvView view;

	rq_encoder_clear(enc);
	plain = PG_DETOAST_DATUM(value);
	if ((Pointer) plain != DatumGetPointer(value))
		enc->detoasted = plain;
	vcv_read((VcvType) meta->disk.type, PointerGetDatum(plain), &view);
	if (view.dim != meta->geo.dim)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("expected %u dimensions, not %u", meta->geo.dim, view.dim)));
	enc->row = view.x;
	vcv_to_f32(&view, enc->x);
	enc->inverse_norm = 0;
	if (meta->disk.metric == VCV_COSINE)
	{
		float norm = vcv_normalize(enc->x, meta->geo.dim);

		if (norm > 0)
			enc->inverse_norm = 1 / norm;
	}
	else
		rq_check_length(enc->x, meta->geo.dim);
}

void
rq_encoder_rotate(RqEncoder *enc)
{
	if (enc->rotated != enc->x)
		vcv_rotate(enc->x, enc->meta->geo.dim, enc->rotated);
}

void
rq_encoder_code(RqEncoder *enc, const float *centroid)
{
	uint32 dim = enc->meta->geo.dim;
	const float *u = enc->rotated;
	VcvFactors factors;

	if (centroid != NULL)
	{
		vcs_vector_ops.sub_f32(enc->rotated, centroid, dim, enc->residual);
		u = enc->residual;
	}
	vcv_rabitq_encode(u, centroid, dim, (VcvMetric) enc->meta->disk.metric, (uint8 *) enc->code,
					  &factors);
	enc->base = factors.base;
	enc->factor = factors.factor;
	enc->err = factors.err;
}

void
rq_encoder_slot(const RqEncoder *enc, ItemPointer tid, char *ret_slot)
{
	const RqGeometry *geo = &enc->meta->geo;
	RqSlotDisk head = {.tid = *tid, .token = enc->token};
	uint32 bytes = geo->value_bytes;

	Assert(enc->row != NULL);
	memset(ret_slot, 0, geo->slot_head);
	memcpy(ret_slot, &head, sizeof(head));
	if (geo->slot_head > sizeof(head))
		memcpy(ret_slot + sizeof(head), &enc->inverse_norm, sizeof(float4));
	memcpy(ret_slot + geo->slot_head, enc->row, bytes);
	memset(ret_slot + geo->slot_head + bytes, 0, geo->slot_bytes - geo->slot_head - bytes);
}
