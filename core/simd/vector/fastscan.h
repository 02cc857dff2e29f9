/*
 * core/simd/vector/fastscan.h
 *		What every level of fastscan shares: the block layout, packing of left-over bytes.
 */
#ifndef VC_CORE_SIMD_VECTOR_FASTSCAN_H
#define VC_CORE_SIMD_VECTOR_FASTSCAN_H

#include <string.h>

#include "core/simd/vector/ops.h"

/* Byte of vector v in a group's string; the nibble is v / 16. */
static inline int
vcs_block_byte(int v)
{
	return 2 * (v % 8) + (v / 8) % 2;
}

/* fastscan_pack for the groups that start at byte `first` of the codes. */
static inline void
vcs_pack_bytes(const uint8_t *codes, size_t stride, int nvec, size_t n, size_t first,
			   uint8_t *groups)
{
	size_t ngroups = VCS_GROUPS(n);
	uint8_t last = n % 4 == 0 ? 0xf : (uint8_t) ((1u << (n % 4)) - 1);

	memset(groups + first * 32, 0, (ngroups - first * 2) * 16);
	for (int v = 0; v < nvec; v++)
	{
		const uint8_t *code = codes + (size_t) v * stride;
		uint8_t *dst = groups + vcs_block_byte(v);
		int shift = v < 16 ? 0 : 4;

		for (size_t g = first * 2; g < ngroups; g++)
		{
			uint8_t nibble = (uint8_t) ((code[g / 2] >> (g % 2 * 4)) & 0xf);

			if (g == ngroups - 1)
				nibble &= last;
			dst[g * 16] |= (uint8_t) (nibble << shift);
		}
	}
}

#endif
