/*
 * core/simd/bitpack/score_a64_neon.c
 *		Scoring with AArch64 Advanced SIMD: 4 postings a step, 16 scores a look.
 *
 * There is no gather: four loads, but one division for four postings.
 */
#include <arm_neon.h>

#include "core/simd/bitpack/score_internal.h"

static void
parts_a64_neon(const uint32_t *tfs, const uint32_t *codes, size_t n, float weight,
			   const float *table, float *ret_parts)
{
	const float32x4_t w = vdupq_n_f32(weight);
	size_t i;

	for (i = 0; i + 4 <= n; i += 4)
	{
		float32x4_t x = vcvtq_f32_u32(vld1q_u32(tfs + i));
		float k[4];

		for (int j = 0; j < 4; j++)
			k[j] = table[codes[i + (size_t) j] & (VCS_SCORE_CODES - 1)];
		vst1q_f32(ret_parts + i, vdivq_f32(vmulq_f32(w, x), vaddq_f32(x, vld1q_f32(k))));
	}
	for (; i < n; i++)
		ret_parts[i] = score_part(tfs[i], codes[i], weight, table);
}

/* is one of 16 scores >= least? */
static inline int
look(const float *scores, float32x4_t least)
{
	uint32x4_t reached = vcgeq_f32(vld1q_f32(scores), least);

	for (int i = 4; i < 16; i += 4)
		reached = vorrq_u32(reached, vcgeq_f32(vld1q_f32(scores + i), least));
	return vmaxvq_u32(reached) != 0;
}

static size_t
take_a64_neon(float *scores, size_t n, float least, uint16_t *ret_offsets, float *ret_taken)
{
	const float32x4_t at_least = vdupq_n_f32(least);
	const float32x4_t zero = vdupq_n_f32(0);
	size_t m = 0;

	for (size_t i = 0; i < n; i += 16)
	{
		if (look(scores + i, at_least))
			m = score_select(scores, i, i + 16, least, ret_offsets, ret_taken, m);
		for (size_t j = i; j < i + 16; j += 4)
			vst1q_f32(scores + j, zero);
	}
	return m;
}

static size_t
select_a64_neon(const float *scores, size_t n, float least, uint16_t *ret_offsets,
				float *ret_selected)
{
	const float32x4_t at_least = vdupq_n_f32(least);
	size_t m = 0;
	size_t i;

	for (i = 0; i + 16 <= n; i += 16)
	{
		if (look(scores + i, at_least))
			m = score_select(scores, i, i + 16, least, ret_offsets, ret_selected, m);
	}
	return score_select(scores, i, n, least, ret_offsets, ret_selected, m);
}

void
vcs_score_fill_a64_neon(VcsScoreOps *ops)
{
	ops->parts = parts_a64_neon;
	ops->take = take_a64_neon;
	ops->select = select_a64_neon;
}
