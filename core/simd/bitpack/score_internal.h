/*
 * core/simd/bitpack/score_internal.h
 *		Shared by the scoring kernels of all levels: single elements.
 */
#ifndef VC_CORE_SIMD_BITPACK_SCORE_INTERNAL_H
#define VC_CORE_SIMD_BITPACK_SCORE_INTERNAL_H

#include <string.h>

#include "core/simd/bitpack/score_ops.h"

static inline float
score_part(uint32_t tf, uint32_t code, float weight, const float *table)
{
	float x = (float) tf;

	return weight * x / (x + table[code & (VCS_SCORE_CODES - 1)]);
}

/* Looks at scores [from, to); m have been taken before. */
static inline size_t
score_select(const float *scores, size_t from, size_t to, float least, uint16_t *ret_offsets,
			 float *ret_selected, size_t m)
{
	for (size_t i = from; i < to; i++)
	{
		if (scores[i] >= least)
		{
			ret_offsets[m] = (uint16_t) i;
			ret_selected[m++] = scores[i];
		}
	}
	return m;
}

#endif
