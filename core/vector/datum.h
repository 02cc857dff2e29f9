/*
 * core/vector/datum.h
 *		Reading and making datums of the vector types in a PostgreSQL backend.
 */
#ifndef VC_CORE_VECTOR_DATUM_H
#define VC_CORE_VECTOR_DATUM_H

#include "core/vector/types.h"

/*
 * Detoast value (not NULL) in the current memory context and view its elements.  The view lives as
 * long as the datum (plain value) or that context (detoasted copy).  ERROR data_corrupted if the
 * value's size and dimension contradict each other.
 */
extern void vcv_read(VcvType type, Datum value, VcvView *ret_view);

/* Name of the type, as users know it. */
extern const char *vcv_type_name(VcvType type);

/* the most dimensions that a value of the type can have */
static inline uint32_t
vcv_max_dim(VcvType type)
{
	return vcv_is_quantized(type) ? VCV_MAX_QUANT_DIM : VCV_MAX_DIM;
}

/*
 * A new value with these f32 elements (of a quantised type: of the rotated vector), in the current
 * memory context.
 */
extern Datum vcv_make_datum(VcvType type, const float *x, uint32_t dim);

#endif
