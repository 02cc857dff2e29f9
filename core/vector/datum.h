/*
 * core/vector/datum.h
 *		Reading vector and halfvec datums of a PostgreSQL backend.
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

/* a new vector or halfvec value with these f32 elements, in the current memory context */
extern Datum vcv_make_datum(VcvType type, const float *x, uint32_t dim);

#endif
