/*
 * core/vector/datum.c
 *		Datums of the vector types.
 *
 * The only place where the types are read from SQL values; all else works on views.
 */
#include "postgres.h"

#include "core/vector/datum.h"

#include "fmgr.h"

#include "core/compat.h"

const char *
vcv_type_name(VcvType type)
{
	static const char *const names[] = {"vector", "halfvec", "rabitq8", "rabitq4"};

	return names[type];
}

void
vcv_read(VcvType type, Datum value, VcvView *ret_view)
{
	struct varlena *raw = PG_DETOAST_DATUM(value);
	const VcvQuantData *data = (const VcvQuantData *) raw;

	/* dim has one place in all types, x or head another; a negative dim reads as a large one */
	if (VARSIZE(raw) < offsetof(VcvVectorData, x) || data->dim < 1 ||
		data->dim > vcv_max_dim(type) ||
		VARSIZE(raw) != offsetof(VcvVectorData, x) + vcv_row_bytes(type, data->dim))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("%s value of %u bytes has a wrong number of dimensions",
							   vcv_type_name(type), (unsigned int) VARSIZE(raw))));
	ret_view->type = type;
	ret_view->dim = data->dim;
	ret_view->x = &data->head;
}

Datum
vcv_make_datum(VcvType type, const float *x, uint32_t dim)
{
	const Size size = offsetof(VcvVectorData, x) + vcv_row_bytes(type, dim);
	VcvQuantData *data;

	Assert(dim >= 1 && dim <= vcv_max_dim(type));
	data = palloc0(size);
	SET_VARSIZE(data, size);
	data->dim = (uint16_t) dim;
	vcv_from_f32(type, x, dim, &data->head);
	return PointerGetDatum(data);
}
