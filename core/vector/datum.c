/*
 * core/vector/datum.c
 *		vector and halfvec datums.
 *
 * The only place where the two types are read from SQL values; all else works on views.
 */
#include "postgres.h"

#include "core/vector/datum.h"

#include "fmgr.h"

#include "core/compat.h"

void
vcv_read(VcvType type, Datum value, VcvView *ret_view)
{
	struct varlena *raw = PG_DETOAST_DATUM(value);
	const VcvVectorData *data = (const VcvVectorData *) raw;

	/* both types have the same head */
	if (VARSIZE(raw) < offsetof(VcvVectorData, x) || data->dim < 1 || data->dim > VCV_MAX_DIM ||
		VARSIZE(raw) != offsetof(VcvVectorData, x) + vcv_row_bytes(type, (uint32_t) data->dim))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("%s value of %u bytes has a wrong number of dimensions",
						type == VCV_VECTOR ? "vector" : "halfvec", (unsigned int) VARSIZE(raw))));
	ret_view->type = type;
	ret_view->dim = (uint32_t) data->dim;
	ret_view->x = data->x;
}

Datum
vcv_make_datum(VcvType type, const float *x, uint32_t dim)
{
	const Size size = offsetof(VcvVectorData, x) + vcv_row_bytes(type, dim);
	VcvVectorData *data;

	Assert(dim >= 1 && dim <= VCV_MAX_DIM);
	data = palloc0(size);
	SET_VARSIZE(data, size);
	data->dim = (int16_t) dim;
	vcv_from_f32(type, x, dim, data->x);
	return PointerGetDatum(data);
}
