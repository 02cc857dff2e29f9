/*
 * core/simd/bitpack/score_c.c
 *		Scoring in plain C: the specification of all other levels.
 */
#include "core/simd/bitpack/score_internal.h"

static void
parts_c(const uint32_t *tfs, const uint32_t *codes, size_t n, float weight, const float *table,
		float *ret_parts)
{
	for (size_t i = 0; i < n; i++)
		ret_parts[i] = score_part(tfs[i], codes[i], weight, table);
}

static size_t
take_c(float *scores, size_t n, float least, uint16_t *ret_offsets, float *ret_taken)
{
	size_t m = score_select(scores, 0, n, least, ret_offsets, ret_taken, 0);

	memset(scores, 0, n * sizeof(float));
	return m;
}

static size_t
select_c(const float *scores, size_t n, float least, uint16_t *ret_offsets, float *ret_selected)
{
	return score_select(scores, 0, n, least, ret_offsets, ret_selected, 0);
}

void
vcs_score_fill_c(VcsScoreOps *ops)
{
	ops->parts = parts_c;
	ops->take = take_c;
	ops->select = select_c;
}
