/*
 * core/simd/bitpack/score_ops.h
 *		Kernel table for scoring postings: contributions of a block, and which sums are large enough.
 *
 * Everything is element by element, each operation rounded to float by itself: equal bits on every level.
 */
#ifndef VC_CORE_SIMD_BITPACK_SCORE_OPS_H
#define VC_CORE_SIMD_BITPACK_SCORE_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "core/simd/cpu.h"

#define VCS_SCORE_CODES 256   /* entries of the table of parts */
#define VCS_SCORE_MAX   65536 /* numbers one call of take or select looks at */

typedef struct VcsScoreOps
{
	/* ret_parts[i] = weight * tfs[i] / (tfs[i] + table[codes[i] & 255]), any n; table: VCS_SCORE_CODES */
	void (*parts)(const uint32_t *tfs, const uint32_t *codes, size_t n, float weight,
				  const float *table, float *ret_parts);

	/*
	 * Which of n scores are >= least: their offsets, ascending, and themselves; returns how many.  All scores
	 * become 0.  n is a multiple of 16, at most VCS_SCORE_MAX; there is room for n of both.
	 */
	size_t (*take)(float *scores, size_t n, float least, uint16_t *ret_offsets, float *ret_taken);

	/* The same, but n is any number and the scores stay. */
	size_t (*select)(const float *scores, size_t n, float least, uint16_t *ret_offsets,
					 float *ret_selected);
} VcsScoreOps;

/* The table in use.  Filled by vcs_score_init, read-only afterwards. */
extern VcsScoreOps vcs_score_ops;

/* Fills vcs_score_ops for vcs_cpu_level(): at module load, and again after the cap changed. */
extern void vcs_score_init(void);

/* Fills any table with the kernels of `level`, which the CPU must support. */
extern void vcs_score_fill(VcsScoreOps *ops, VcsLevel level);

/* Parts of vcs_score_fill: each overwrites the slots it implements. */
extern void vcs_score_fill_c(VcsScoreOps *ops);
extern void vcs_score_fill_x86_v3(VcsScoreOps *ops);
extern void vcs_score_fill_x86_v4(VcsScoreOps *ops);
extern void vcs_score_fill_x86_v4_icl(VcsScoreOps *ops);
extern void vcs_score_fill_a64_neon(VcsScoreOps *ops);

#endif
