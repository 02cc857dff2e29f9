/*
 * core/vector/sphere.h
 *		Spheres: a centre and a radius, the right operand of <<->>, <<#>> and <<=>>.
 *
 * In SQL a sphere is a row type (center <vector type>, radius real).  A value is inside if its distance
 * from the centre, what <->, <#> or <=> gives, is below the radius.
 */
#ifndef VC_CORE_VECTOR_SPHERE_H
#define VC_CORE_VECTOR_SPHERE_H

#include "core/vector/distance.h"
#include "core/vector/types.h"

/*
 * Centre, as it lies in the row (vcv_read() detoasts it), and radius of a sphere that is not NULL.
 * False if nothing can be inside, because the radius is NaN.  ERROR null_value_not_allowed "Bad input:
 * empty center at sphere" and "Bad input: empty radius at sphere".  A detoasted copy of the row belongs
 * to the current memory context.
 */
extern bool vcv_sphere_read(VcvType type, Datum sphere, Datum *ret_center, float *ret_radius);

/*
 * Distance of two values, what <->, <#> or <=> gives; that to or from a zero vector is 1 under cosine.
 * ERROR data_exception "dimension is not matched".
 */
extern double vcv_distance(VcvMetric metric, const VcvView *a, const VcvView *b);

#endif
