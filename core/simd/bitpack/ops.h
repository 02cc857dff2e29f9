/*
 * core/simd/bitpack/ops.h
 *		Kernel table for blocks of 128 unsigned 32-bit integers packed at one width.
 *
 * Format (the same at every level and on every machine): value i occupies bits i * width ..
 * i * width + width - 1 of the block, bit k of the block being bit k % 8 of byte k / 8.  A block of
 * width w takes exactly 16 * w bytes; width 0 takes none and stands for 128 zeros.
 *
 * SLACK RULE: unpackers may read, never use, up to VCS_BITPACK_SLACK bytes past the end of a packed
 * block.  Whoever stores blocks keeps that many readable bytes behind the last one (on a page: end
 * the posting area at least 64 bytes before the end of the 8 kB page).  Packers write exactly
 * 16 * width bytes.
 *
 * Kernels are total: any width 0..32 (the caller checks a width that was read from a page) and any
 * bytes give defined output; sums wrap modulo 2^32.
 */
#ifndef VC_CORE_SIMD_BITPACK_OPS_H
#define VC_CORE_SIMD_BITPACK_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "core/simd/cpu.h"

#define VCS_BITPACK_BLOCK        128
#define VCS_BITPACK_SLACK        64
#define VCS_BITPACK_MAX_WIDTH    32
#define VCS_BITPACK_BYTES(width) ((size_t) (width) * (VCS_BITPACK_BLOCK / 8))

typedef struct VcsBitpackOps
{
	/* smallest width that holds in[i] - base for all 128 values (0 if all equal base) */
	unsigned (*width)(const uint32_t *in, uint32_t base);
	/* the same for the deltas in[0] - base, in[i] - in[i - 1] */
	unsigned (*width_delta)(const uint32_t *in, uint32_t base);

	/* pack in[i] - base, 16 * width bytes; bits above width are dropped */
	void (*pack)(const uint32_t *in, uint32_t base, unsigned width, uint8_t *ret_out);
	/* pack the deltas of width_delta */
	void (*pack_delta)(const uint32_t *in, uint32_t base, unsigned width, uint8_t *ret_out);

	/* out[i] = v[i] + base (frame of reference; base 0 = plain) */
	void (*unpack)(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out);
	/* out[0] = v[0] + base, out[i] = out[i - 1] + v[i]: running sum of deltas */
	void (*unpack_delta)(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out);
} VcsBitpackOps;

/* The table in use.  Filled by vcs_bitpack_init, read-only afterwards. */
extern VcsBitpackOps vcs_bitpack_ops;

/* Fills vcs_bitpack_ops for vcs_cpu_level(): at module load, and again after the cap changed. */
extern void vcs_bitpack_init(void);

/* Fills any table with the kernels of `level`, which the CPU must support. */
extern void vcs_bitpack_fill(VcsBitpackOps *ops, VcsLevel level);

/* Parts of vcs_bitpack_fill: each overwrites the slots it implements. */
extern void vcs_bitpack_fill_c(VcsBitpackOps *ops);
extern void vcs_bitpack_fill_x86_v3(VcsBitpackOps *ops);
extern void vcs_bitpack_fill_x86_v4_icl(VcsBitpackOps *ops);
extern void vcs_bitpack_fill_a64_neon(VcsBitpackOps *ops);

#endif
