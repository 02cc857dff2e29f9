/*
 * core/simd/vector/f32_simd.h
 *		f32 kernels of a vector level.  Included once a level, after lanes_*.h.
 */
#define ROW           float
#define row_load      vf_load
#define row_load_part vf_load_part

#include "core/simd/vector/distance_simd.h"
#include "core/simd/vector/elementwise.h"

static inline void
fill_f32(VcsVectorOps *ops)
{
	ops->dot_f32 = dot;
	ops->l2sq_f32 = l2sq;
	ops->norm2_f32 = norm2;
	ops->dot_f32_rows = dot_rows;
	ops->l2sq_f32_rows = l2sq_rows;
	fill_elementwise(ops);
}
