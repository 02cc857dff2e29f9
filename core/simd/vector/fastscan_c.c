/*
 * core/simd/vector/fastscan_c.c
 *		1-bit codes in blocks of 32, table look-up: reference.
 *
 * For a group of 4 dimensions the query has a table of 16 sums; each vector picks the entry its 4
 *code bits name.  Vector code does 16 look-ups with one byte shuffle, hence the nibble layout of
 *ops.h.
 */
#include "core/simd/vector/f16_bits.h"
#include "core/simd/vector/fastscan.h"

#include <string.h>

static void
pack(const uint8_t *codes, size_t stride, int nvec, size_t n, uint8_t *groups)
{
	vcs_pack_bytes(codes, stride, nvec, n, 0, groups);
}

static void
unpack(const uint8_t *groups, size_t n, int v, uint8_t *code)
{
	size_t ngroups = VCS_GROUPS(n);
	const uint8_t *src = groups + vcs_block_byte(v);
	int shift = v < 16 ? 0 : 4;

	memset(code, 0, VCS_CODE_BYTES(n));
	for (size_t g = 0; g < ngroups; g++)
		code[g / 2] |= (uint8_t) (((src[g * 16] >> shift) & 0xf) << (g % 2 * 4));
}

static void
accumulate(const uint8_t *groups, size_t ngroups, const uint8_t *lut, uint32_t acc[VCS_BLOCK])
{
	for (size_t g = 0; g < ngroups; g++)
	{
		const uint8_t *string = groups + g * 16;
		const uint8_t *table = lut + g * 16;

		for (int v = 0; v < 16; v++)
		{
			acc[v] += table[string[vcs_block_byte(v)] & 0xf];
			acc[v + 16] += table[string[vcs_block_byte(v)] >> 4];
		}
	}
}

static uint32_t
lower_bounds(const uint32_t acc[VCS_BLOCK], const float *base, const float *factor,
			 const uint16_t *err_f16, const VcsBound *bound, float *lb)
{
	uint32_t mask = 0;

	for (int i = 0; i < VCS_BLOCK; i++)
	{
		float base_i;
		float factor_i;
		uint16_t err_i;
		float e;
		float result;

		/* no alignment is promised */
		memcpy(&base_i, (const char *) base + (size_t) i * sizeof(float), sizeof(float));
		memcpy(&factor_i, (const char *) factor + (size_t) i * sizeof(float), sizeof(float));
		memcpy(&err_i, (const char *) err_f16 + (size_t) i * sizeof(uint16_t), sizeof(uint16_t));
		e = bound->m * (float) acc[i] + bound->b;
		result = base_i + bound->c0 + factor_i * e - bound->w * vcs_f16_value(err_i);
		memcpy((char *) lb + (size_t) i * sizeof(float), &result, sizeof(float));
		if (!(result >= bound->threshold))
			mask |= UINT32_C(1) << i;
	}
	return mask;
}

void
vcs_fastscan_fill_c(VcsVectorOps *ops)
{
	ops->fastscan_pack = pack;
	ops->fastscan_unpack = unpack;
	ops->fastscan_accumulate = accumulate;
	ops->lower_bounds = lower_bounds;
}
