/*
 * core/simd/vector/encode_simd.h
 *		encode_bits of a vector level.  Included once a level, after lanes_*.h.
 */
#include <string.h>

#include "core/simd/vector/ops.h"
#include "core/simd/vector/unroll.h"

/* 32 values: returns their code bits, adds to the sums. */
static inline uint32_t
encode_step(const float *u, vf l1[2], vf l2sq[2])
{
	uint32_t negative = 0;

	VCS_UNROLL(8)
	for (int j = 0; j < 32 / LANES; j++)
	{
		vf x = vf_load(u + j * LANES);

		negative |= vf_mask_sign(x) << (j * LANES);
		l1[j % 2] = vf_add(l1[j % 2], vf_abs(x));
		l2sq[j % 2] = vf_fma(x, x, l2sq[j % 2]);
	}
	return ~negative;
}

static void
encode_bits(const float *u, size_t n, uint8_t *bits, float *ret_l1, float *ret_l2sq)
{
	vf l1[2] = {vf_zero(), vf_zero()};
	vf l2sq[2] = {vf_zero(), vf_zero()};
	size_t i = 0;

	for (; i + 32 <= n; i += 32)
	{
		uint32_t mask = encode_step(u + i, l1, l2sq);

		memcpy(bits + i / 8, &mask, sizeof(mask));
	}
	if (i < n)
	{
		float padded[32] = {0};
		uint32_t mask;

		memcpy(padded, u + i, (n - i) * sizeof(float));
		mask = encode_step(padded, l1, l2sq) & ((UINT32_C(1) << (n - i)) - 1);
		memcpy(bits + i / 8, &mask, VCS_CODE_BYTES(n - i));
	}
	*ret_l1 = vf_hsum(vf_add(l1[0], l1[1]));
	*ret_l2sq = vf_hsum(vf_add(l2sq[0], l2sq[1]));
}
