/*
 * core/simd/vector/f16_simd.h
 *		f16 kernels of a vector level.  Included once a level, after lanes_*.h.
 */
#define ROW           uint16_t
#define row_load      vf_load_half
#define row_load_part vf_load_half_part

#include "core/simd/vector/distance_simd.h"
#include "core/simd/vector/f16_bits.h"

static void
to_f32(const uint16_t *src, size_t n, float *dst)
{
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		vf_store(dst + i, vf_load_half(src + i));
	for (; i < n; i++)
		dst[i] = vcs_f16_value(src[i]);
}

static void
from_f32(const float *src, size_t n, uint16_t *dst)
{
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		vf_store_half(dst + i, vf_load(src + i));
	for (; i < n; i++)
		dst[i] = vcs_f16_from(src[i]);
}

static inline void
fill_f16(VcsVectorOps *ops)
{
	ops->dot_f16 = dot;
	ops->l2sq_f16 = l2sq;
	ops->norm2_f16 = norm2;
	ops->dot_f16_rows = dot_rows;
	ops->l2sq_f16_rows = l2sq_rows;
	ops->f16_to_f32 = to_f32;
	ops->f32_to_f16 = from_f32;
}
