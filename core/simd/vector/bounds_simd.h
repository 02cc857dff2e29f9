/*
 * core/simd/vector/bounds_simd.h
 *		lower_bounds of a vector level.  Included once a level, after lanes_*.h.
 */
#include "core/simd/vector/ops.h"
#include "core/simd/vector/unroll.h"

static uint32_t
lower_bounds(const uint32_t acc[VCS_BLOCK], const float *base, const float *factor,
			 const uint16_t *err_f16, const VcsBound *bound, float *lb)
{
	const vf c0 = vf_set(bound->c0);
	const vf m = vf_set(bound->m);
	const vf b = vf_set(bound->b);
	const vf w = vf_set(bound->w);
	const vf threshold = vf_set(bound->threshold);
	uint32_t mask = 0;

	VCS_UNROLL(8)
	for (int i = 0; i < VCS_BLOCK; i += LANES)
	{
		vf e = vf_fma(m, vf_load_u32(acc + i), b);
		vf rough = vf_fma(vf_load(factor + i), e, vf_add(vf_load(base + i), c0));
		vf low = vf_fnma(w, vf_load_half(err_f16 + i), rough);

		vf_store(lb + i, low);
		mask |= vf_mask_not_ge(low, threshold) << i;
	}
	return mask;
}
