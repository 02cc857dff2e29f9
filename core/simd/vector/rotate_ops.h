/*
 * core/simd/vector/rotate_ops.h
 *		Kernel table of the fixed rotation (sign flips, fast Hadamard transform, Kac butterflies).
 *
 * The rotation is the one that rabitq8 / rabitq4 values are defined by, so stored values are portable
 * only while it stays bit-identical: every level computes the same additions in the same order
 * (butterfly distances 1, 2, 4, ... then one multiplication by the scale, then the Kac step), and all
 * levels give equal bits.  checkkern compares them with memcmp.
 */
#ifndef VC_CORE_SIMD_VECTOR_ROTATE_OPS_H
#define VC_CORE_SIMD_VECTOR_ROTATE_OPS_H

#include <stdint.h>

#include "core/simd/cpu.h"

/* rounds of the rotation, and bytes of sign bits of one round (65536 dimensions) */
#define VCS_ROTATE_ROUNDS      4
#define VCS_ROTATE_ROUND_BYTES 8192
/* kernels read up to 8 bytes past the sign bits they need */
#define VCS_ROTATE_SIGN_SLACK 8
#define VCS_ROTATE_SIGN_BYTES (VCS_ROTATE_ROUNDS * VCS_ROTATE_ROUND_BYTES + VCS_ROTATE_SIGN_SLACK)
#define VCS_ROTATE_MAX_DIM    65535

typedef struct VcsRotateOps
{
	/*
	 * x[0..n) is rotated in place, 1 <= n <= VCS_ROTATE_MAX_DIM, any alignment.  signs has
	 * VCS_ROTATE_SIGN_BYTES bytes: round r uses bit i of the bytes at r * VCS_ROTATE_ROUND_BYTES,
	 * least significant bit first, for component i.
	 */
	void (*forward)(float *x, uint32_t n, const uint8_t *signs);

	/* the inverse map (which is the transpose): backward(forward(x)) is x up to rounding */
	void (*backward)(float *x, uint32_t n, const uint8_t *signs);

	/* unscaled Walsh-Hadamard transform of x[0..n) in place; n is a power of two */
	void (*fht)(float *x, uint32_t n);
} VcsRotateOps;

/* The table in use.  Filled by vcs_rotate_init, read-only afterwards. */
extern VcsRotateOps vcs_rotate_ops;

/*
 * Fills vcs_rotate_ops for vcs_cpu_level().  To be called once at module load and again after the cap
 * changed, always single-threaded.
 */
extern void vcs_rotate_init(void);

/* Fills any table with the kernels of `level`, which the CPU must support. */
extern void vcs_rotate_fill(VcsRotateOps *ops, VcsLevel level);

/*
 * Write the VCS_ROTATE_SIGN_BYTES sign bytes: low bytes of the 32-bit outputs of ChaCha with 12
 * rounds, key 32 bytes of value 7, counter and nonce 0; the slack is zero.  ~100 us, once a process.
 */
extern void vcs_rotate_signs(uint8_t *ret_signs);

#endif
