/*
 * core/vector/sql/rabitq_ops.c
 *		rabitq8 and rabitq4 in SQL: from and to pgvector's types, distances.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "core/attrs.h"
#include "core/compat.h"
#include "core/vector/datum.h"
#include "core/vector/quantized.h"
#include "core/vector/rotate.h"
#include "core/vector/sphere.h"

VC_FUNCTION(_vchord_vector_quantize_to_rabitq8);
VC_FUNCTION(_vchord_halfvec_quantize_to_rabitq8);
VC_FUNCTION(_vchord_vector_quantize_to_rabitq4);
VC_FUNCTION(_vchord_halfvec_quantize_to_rabitq4);
VC_FUNCTION(_vchord_rabitq8_dequantize_to_vector);
VC_FUNCTION(_vchord_rabitq4_dequantize_to_vector);
VC_FUNCTION(_vchord_rabitq8_dequantize_to_halfvec);
VC_FUNCTION(_vchord_rabitq4_dequantize_to_halfvec);
VC_FUNCTION(_vchord_rabitq8_operator_l2);
VC_FUNCTION(_vchord_rabitq8_operator_ip);
VC_FUNCTION(_vchord_rabitq8_operator_cosine);
VC_FUNCTION(_vchord_rabitq4_operator_l2);
VC_FUNCTION(_vchord_rabitq4_operator_ip);
VC_FUNCTION(_vchord_rabitq4_operator_cosine);

/* the greatest half */
#define HALF_MAX 65504.0f

/* a value of type to from one of type from */
static Datum
quantize(VcvType from, VcvType to, FunctionCallInfo fcinfo)
{
	VcvView view;
	VcvQuantData *value;
	Size size;
	float *scratch;
	const float *x;

	vcv_read(from, PG_GETARG_DATUM(0), &view);
	scratch = palloc(sizeof(float) * 2 * view.dim);
	x = vcv_f32(&view, scratch);
	size = offsetof(VcvQuantData, head) + vcv_row_bytes(to, view.dim);
	value = palloc(size);
	SET_VARSIZE(value, size);
	value->dim = (uint16) view.dim;
	value->unused = 0;
	/* what it would be cut to is another vector */
	if (!isfinite(vcv_norm2(x, view.dim)))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("vector is too long to be quantized"),
						errdetail("The square of its length exceeds what a real can hold.")));
	vcv_quantize_original(to, x, view.dim, scratch + view.dim, &value->head);
	pfree(scratch);
	return PointerGetDatum(value);
}

static Datum
dequantize(VcvType from, VcvType to, FunctionCallInfo fcinfo)
{
	const float limit = to == VCV_HALFVEC ? HALF_MAX : INFINITY;
	VcvView view;
	float *x;
	Datum value;

	vcv_read(from, PG_GETARG_DATUM(0), &view);
	if (view.dim > VCV_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s cannot have more than %d dimensions", vcv_type_name(to), VCV_MAX_DIM)));
	x = palloc(sizeof(float) * view.dim);
	vcv_to_f32(&view, x);
	vcv_unrotate(x, view.dim, x);
	for (uint32 i = 0; i < view.dim; i++)
	{
		/* not -0 */
		x[i] += 0.0f;
		/* halves round to the greatest from a little above it */
		if (!isfinite(x[i]) || fabsf(x[i]) >= limit + 16)
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("value out of range for type %s", vcv_type_name(to))));
	}
	value = vcv_make_datum(to, x, view.dim);
	pfree(x);
	return value;
}

static Datum
distance(VcvMetric metric, VcvType type, FunctionCallInfo fcinfo)
{
	VcvView a;
	VcvView b;

	vcv_read(type, PG_GETARG_DATUM(0), &a);
	vcv_read(type, PG_GETARG_DATUM(1), &b);
	PG_RETURN_FLOAT4((float4) vcv_distance(metric, &a, &b));
}

Datum
_vchord_vector_quantize_to_rabitq8(PG_FUNCTION_ARGS)
{
	return quantize(VCV_VECTOR, VCV_RABITQ8, fcinfo);
}

Datum
_vchord_halfvec_quantize_to_rabitq8(PG_FUNCTION_ARGS)
{
	return quantize(VCV_HALFVEC, VCV_RABITQ8, fcinfo);
}

Datum
_vchord_vector_quantize_to_rabitq4(PG_FUNCTION_ARGS)
{
	return quantize(VCV_VECTOR, VCV_RABITQ4, fcinfo);
}

Datum
_vchord_halfvec_quantize_to_rabitq4(PG_FUNCTION_ARGS)
{
	return quantize(VCV_HALFVEC, VCV_RABITQ4, fcinfo);
}

Datum
_vchord_rabitq8_dequantize_to_vector(PG_FUNCTION_ARGS)
{
	return dequantize(VCV_RABITQ8, VCV_VECTOR, fcinfo);
}

Datum
_vchord_rabitq4_dequantize_to_vector(PG_FUNCTION_ARGS)
{
	return dequantize(VCV_RABITQ4, VCV_VECTOR, fcinfo);
}

Datum
_vchord_rabitq8_dequantize_to_halfvec(PG_FUNCTION_ARGS)
{
	return dequantize(VCV_RABITQ8, VCV_HALFVEC, fcinfo);
}

Datum
_vchord_rabitq4_dequantize_to_halfvec(PG_FUNCTION_ARGS)
{
	return dequantize(VCV_RABITQ4, VCV_HALFVEC, fcinfo);
}

Datum
_vchord_rabitq8_operator_l2(PG_FUNCTION_ARGS)
{
	return distance(VCV_L2, VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq8_operator_ip(PG_FUNCTION_ARGS)
{
	return distance(VCV_IP, VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq8_operator_cosine(PG_FUNCTION_ARGS)
{
	return distance(VCV_COSINE, VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq4_operator_l2(PG_FUNCTION_ARGS)
{
	return distance(VCV_L2, VCV_RABITQ4, fcinfo);
}

Datum
_vchord_rabitq4_operator_ip(PG_FUNCTION_ARGS)
{
	return distance(VCV_IP, VCV_RABITQ4, fcinfo);
}

Datum
_vchord_rabitq4_operator_cosine(PG_FUNCTION_ARGS)
{
	return distance(VCV_COSINE, VCV_RABITQ4, fcinfo);
}
