/*
 * core/vector/rotate.h
 *		The fixed orthogonal rotation that every RaBitQ code and quantised value is built on.
 *
 * Same rotation for every index, table and version; vcv_rotate_init() fills the sign table.
 */
#ifndef VC_CORE_VECTOR_ROTATE_H
#define VC_CORE_VECTOR_ROTATE_H

#include <stdint.h>

/* once per process, from _PG_init, after vcs_rotate_ops_init(); may be repeated */
extern void vcv_rotate_init(void);

/* ret_x[n] = rotation of x[n]; the arrays may be the same; 1 <= n <= 65535 */
extern void vcv_rotate(const float *x, uint32_t n, float *ret_x);

/* inverse: vcv_unrotate(vcv_rotate(x)) = x up to rounding */
extern void vcv_unrotate(const float *x, uint32_t n, float *ret_x);

#endif
