/*
 * core/vector/sql/maxsim_ops.c
 *		The operator @#: MaxSim of arrays.
 */
#include "postgres.h"

#include "fmgr.h"

#include "core/attrs.h"
#include "core/vector/maxsim.h"

VC_FUNCTION(_vchord_vector_operator_maxsim);
VC_FUNCTION(_vchord_halfvec_operator_maxsim);
VC_FUNCTION(_vchord_rabitq8_operator_maxsim);
VC_FUNCTION(_vchord_rabitq4_operator_maxsim);

/* document, query -> real */
static Datum
maxsim(VcvType type, FunctionCallInfo fcinfo)
{
	VcvDocument document;
	VcvDocument query;

	vcv_document_read(type, PG_GETARG_DATUM(0), &document);
	vcv_document_read(type, PG_GETARG_DATUM(1), &query);
	vcv_document_prepare(&query);
	PG_RETURN_FLOAT4((float4) vcv_maxsim(&document, &query));
}

Datum
_vchord_vector_operator_maxsim(PG_FUNCTION_ARGS)
{
	return maxsim(VCV_VECTOR, fcinfo);
}

Datum
_vchord_halfvec_operator_maxsim(PG_FUNCTION_ARGS)
{
	return maxsim(VCV_HALFVEC, fcinfo);
}

Datum
_vchord_rabitq8_operator_maxsim(PG_FUNCTION_ARGS)
{
	return maxsim(VCV_RABITQ8, fcinfo);
}

Datum
_vchord_rabitq4_operator_maxsim(PG_FUNCTION_ARGS)
{
	return maxsim(VCV_RABITQ4, fcinfo);
}
