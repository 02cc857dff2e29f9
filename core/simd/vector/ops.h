/*
 * core/simd/vector/ops.h
 *		Table of the vector kernels: distances, 1-bit codes, k-means.
 *
 * The C implementation (*_c.c) of each kernel is its specification; checkkern compares every level
 * with it.  Integer results (codes, tables, sums, masks of given bounds, conversions) and
 *element-wise float results are equal bit for bit on every level.  Float sums may be taken in any
 *order: they agree within n * 2^-23 * sum|a_i * b_i|.
 *
 * Contract common to all kernels, unless a slot says otherwise:
 *	- n may be any value including 0; a sum over nothing is 0;
 *	- f32 pointers are aligned to 4 bytes, f16 to 2, uint64_t to 8, byte strings not at all;
 *	- nothing is read or written outside the stated extent, on any level, not even masked bytes
 *	  of a neighbouring page;
 *	- outputs do not overlap inputs, except dst where a slot says "in place";
 *	- a "row" is the vector number r at (const char *) rows + r * stride, stride in bytes, a
 *multiple of the element's alignment;
 *	- operands of float kernels that start on 64-byte boundaries are read up to a third faster;
 *	- kernels cannot fail, allocate nothing and keep no state: any thread may call them.
 *
 * f16 values are IEEE 754 binary16 in a uint16_t.
 */
#ifndef VC_CORE_SIMD_VECTOR_OPS_H
#define VC_CORE_SIMD_VECTOR_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "core/simd/cpu.h"

/* Vectors in one fastscan block. */
#define VCS_BLOCK 32

/* Largest entry of a fastscan table: four entries still fit a byte. */
#define VCS_LUT_MAX 63

/* Groups after which 16-bit sums of table entries could overflow: floor(65535 / 63). */
#define VCS_LUT_FLUSH 1040

/* Bit planes of a query in the single-code path. */
#define VCS_PLANES 6

/* Largest n of dot_u8: 255 * 255 * 65535 < 2^32. */
#define VCS_DOT_U8_MAX 65535

/* 4-dimension groups, code bytes and 64-bit words of an n-dimension code. */
#define VCS_GROUPS(n)     (((size_t) (n) + 3) / 4)
#define VCS_CODE_BYTES(n) (((size_t) (n) + 7) / 8)
#define VCS_WORDS(n)      (((size_t) (n) + 63) / 64)

/* Sizes in bytes of a block's groups and of a query's table. */
#define VCS_GROUPS_BYTES(n) (VCS_GROUPS(n) * 16)
#define VCS_LUT_BYTES(n)    (VCS_GROUPS(n) * 16)

/* How to turn a sum of table entries into e = sum s_i * q_i: e = scale * acc + bias. */
typedef struct VcsLutParams
{
	float scale;   /* one quantisation step; 0 with a zero table */
	float bias;    /* - sum |q_i|; with a zero table 0, or NaN if the query is too large */
	float err_std; /* standard deviation of the error of e: 0.289 * scale * sqrt(groups) */
	float err_max; /* hard bound of the error of e, float rounding included */
} VcsLutParams;

/*
 * How to turn planes_dot's sum into e: with cnt = (ones - zeros of the code among the n bits),
 * e = scale * (2 * sum - sum_q) + bias * cnt.
 */
typedef struct VcsPlanesParams
{
	float scale;    /* one quantisation step of q; 0 if all q_i are equal or q is not finite */
	float bias;     /* min q_i; NaN if the query is not finite */
	uint32_t sum_q; /* sum of the quantised q_i, each 0..63 */
	float err_std;  /* standard deviation of the error of e: 0.289 * scale * sqrt(n) */
} VcsPlanesParams;

/* Per-query and per-list part of lower_bounds. */
typedef struct VcsBound
{
	float c0;
	float m;
	float b;
	float w;
	float threshold;
} VcsBound;

typedef struct VcsVectorOps
{
	/* ---- f32 ---- */

	/* sum a_i b_i, sum (a_i - b_i)^2, sum a_i^2 */
	float (*dot_f32)(const float *a, const float *b, size_t n);
	float (*l2sq_f32)(const float *a, const float *b, size_t n);
	float (*norm2_f32)(const float *a, size_t n);

	/* out[r] = kernel(q, row r), r < nrows.  May differ from the single form in the last bits. */
	void (*dot_f32_rows)(const float *q, const void *rows, size_t stride, size_t nrows, size_t n,
						 float *out);
	void (*l2sq_f32_rows)(const float *q, const void *rows, size_t stride, size_t nrows, size_t n,
						  float *out);

	/* dst += src; dst += a * x (two roundings); dst *= a; dst = a - b.  In place allowed. */
	void (*add_f32)(float *dst, const float *src, size_t n);
	void (*axpy_f32)(float *dst, float a, const float *x, size_t n);
	void (*scale_f32)(float *dst, float a, size_t n);
	void (*sub_f32)(const float *a, const float *b, size_t n, float *dst);

	/* ---- f16 rows, f32 query: convert the query once, accumulate in f32 ---- */

	float (*dot_f16)(const float *q, const uint16_t *row, size_t n);
	float (*l2sq_f16)(const float *q, const uint16_t *row, size_t n);
	float (*norm2_f16)(const uint16_t *a, size_t n);
	void (*dot_f16_rows)(const float *q, const void *rows, size_t stride, size_t nrows, size_t n,
						 float *out);
	void (*l2sq_f16_rows)(const float *q, const void *rows, size_t stride, size_t nrows, size_t n,
						  float *out);

	/*
	 * Conversion, exact or round to nearest even; too large gives infinity.  A NaN keeps its sign
	 * and the upper bits of its payload and becomes quiet.
	 */
	void (*f16_to_f32)(const uint16_t *src, size_t n, float *dst);
	void (*f32_to_f16)(const float *src, size_t n, uint16_t *dst);

	/* ---- 1-bit codes ---- */

	/*
	 * One pass over u: bit i of `bits` (byte i / 8, bit i % 8) is 1 if the sign bit of u_i is clear
	 * (+0 is 1, -0 is 0).  Writes VCS_CODE_BYTES(n) bytes, unused bits zero.  *ret_l1 = sum |u_i|,
	 * *ret_l2sq = sum u_i^2.
	 */
	void (*encode_bits)(const float *u, size_t n, uint8_t *bits, float *ret_l1, float *ret_l2sq);

	/*
	 * Block layout: dimension group g = dimensions 4g .. 4g+3 is one string of 16 bytes at
	 * groups + 16 * g.  Vector v (0..31) has its 4 bits (bit 0 = dimension 4g) in byte
	 * 2 * (v % 8) + (v / 8) % 2, in the low nibble if v < 16, else in the high one:
	 *
	 *		byte          0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
	 *		low nibble    0  8  1  9  2 10  3 11  4 12  5 13  6 14  7 15
	 *		high nibble  16 24 17 25 18 26 19 27 20 28 21 29 22 30 23 31
	 *
	 * so that even and odd bytes, widened to 16 bits, are vectors in order.
	 *
	 * fastscan_pack: vector v < nvec has its code (encode_bits' format, n bits) at codes + v *
	 *stride; missing vectors become zero nibbles, as do dimensions >= n.  fastscan_unpack: writes
	 *the code of vector v, VCS_CODE_BYTES(n) bytes.
	 */
	void (*fastscan_pack)(const uint8_t *codes, size_t stride, int nvec, size_t n, uint8_t *groups);
	void (*fastscan_unpack)(const uint8_t *groups, size_t n, int v, uint8_t *code);

	/*
	 * acc[v] += sum over groups of lut[16 * g + nibble(v, g)].  Adds: a block may be split at any
	 * group boundary over several calls.  Entries must be <= VCS_LUT_MAX; the sum must stay below
	 * 2^31.  Any ngroups.
	 */
	void (*fastscan_accumulate)(const uint8_t *groups, size_t ngroups, const uint8_t *lut,
								uint32_t acc[VCS_BLOCK]);

	/*
	 * The table of a query q[n]: lut[16 * g + b] = round_half_even(sum over the group's dimensions
	 * of max(b_i ? q_i : -q_i, 0) * k), where k = 63 / max over groups of sum |q_i|; that is the
	 * signed subset sum less the group's minimum, in one step size for all groups.  Products first,
	 * then (t0 + t1) + (t2 + t3).  The last group is padded with q = 0.  Writes VCS_LUT_BYTES(n) bytes.  If
	 * sum |q_i| is not below 2^124, or the largest group sum is below 2^-100, the table is zero.
	 */
	void (*build_lut6)(const float *q, size_t n, uint8_t *lut, VcsLutParams *ret_params);

	/*
	 * lb[i] = base[i] + c0 + factor[i] * (m * acc[i] + b) - w * err_f16[i], i < 32.  Returns the
	 * mask of
	 * !(lb[i] >= threshold): a NaN is never pruned.  acc < 2^31.  base, factor, err_f16 and lb need
	 * no alignment.
	 */
	uint32_t (*lower_bounds)(const uint32_t acc[VCS_BLOCK], const float *base, const float *factor,
							 const uint16_t *err_f16, const VcsBound *bound, float *lb);

	/*
	 * Query for single codes: q_i ~ scale * v_i + bias with v_i = round_half_even((q_i - min) * k),
	 * k = 63 / (max - min).  Plane p (bit p of every v_i) is planes[p * VCS_WORDS(n) ..], bit i %
	 * 64 of word i / 64, unused bits zero.  A value or range that is not finite, or a range below
	 * 2^-100, gives v = 0.
	 */
	void (*quantize_planes)(const float *q, size_t n, uint64_t *planes,
							VcsPlanesParams *ret_params);

	/*
	 * sum of v_i over the set bits of the code = sum_p 2^p popcount(code & plane_p).  The code has
	 * VCS_CODE_BYTES(n) bytes; its unused bits do not matter.  rows: out[r] for the code at
	 * codes + r * stride.
	 */
	uint32_t (*planes_dot)(const uint8_t *code, const uint64_t *planes, size_t n);
	void (*planes_dot_rows)(const uint8_t *codes, size_t stride, size_t nrows,
							const uint64_t *planes, size_t n, uint32_t *out);

	/* ---- 8- and 4-bit codes ---- */

	/* sum a_i b_i; n <= VCS_DOT_U8_MAX */
	uint32_t (*dot_u8)(const uint8_t *a, const uint8_t *b, size_t n);

	/* The same for two codes a byte, low nibble first; with n odd the last high nibble is ignored.
	 */
	uint32_t (*dot_u4)(const uint8_t *a, const uint8_t *b, size_t n);

	/* ---- k-means ---- */

	/* Centroids in a packed panel on this level; 1..64. */
	unsigned int assign_nr;

	/*
	 * Packs k centroids of d dimensions (row r at centroids + r * stride floats) for assign_block:
	 * panel j holds centroids j * nr .. as d lines of nr floats, zero-padded.  Writes
	 * vcs_assign_padded(ops, k) * d floats to `packed`, and as many norms as vcs_assign_padded(ops,
	 * k) to `norms`: ||c||^2, +inf for padding.  `packed` is aligned to 64 bytes, `norms` too.
	 */
	void (*assign_pack)(const float *centroids, size_t stride, size_t k, size_t d, float *packed,
						float *norms);

	/*
	 * For each of n samples (row i at x + i * stride floats): the centroid with the least
	 * ||c||^2 - 2 <x, c>, the lower index on a tie; ret_idx[i], ret_val[i] (add ||x||^2 for the
	 * distance).  ret_idx2 and ret_val2, both NULL or both not: the second best, UINT32_MAX and
	 * +inf if k = 1.  A sample whose every value is NaN gets index 0 and +inf.  k >= 1.  The caller
	 * may change `norms` (all -inf/finite/+inf) to bias the choice; all zero gives the largest
	 * product. Cache blocking is inside; 1000 samples a call are plenty.
	 */
	void (*assign_block)(const float *x, size_t stride, size_t n, size_t d, const float *packed,
						 const float *norms, size_t k, uint32_t *ret_idx, float *ret_val,
						 uint32_t *ret_idx2, float *ret_val2);
} VcsVectorOps;

/* The table in use.  Filled by vcs_vector_init, read-only afterwards. */
extern VcsVectorOps vcs_vector_ops;

/*
 * Fills vcs_vector_ops for vcs_cpu_level().  To be called once at module load and again after the
 * cap changed, always single-threaded.
 */
extern void vcs_vector_init(void);

/* Fills any table with the kernels of `level`, which the CPU must support. */
extern void vcs_vector_fill(VcsVectorOps *ops, VcsLevel level);

/* k rounded up to whole panels. */
static inline size_t
vcs_assign_padded(const VcsVectorOps *ops, size_t k)
{
	return (k + ops->assign_nr - 1) / ops->assign_nr * ops->assign_nr;
}

/*
 * Parts of vcs_vector_fill: each file overwrites the slots it implements.  Called in the order of
 * the levels, only on a CPU that has them.
 */
extern void vcs_f32_fill_c(VcsVectorOps *ops);
extern void vcs_f32_fill_x86_v3(VcsVectorOps *ops);
extern void vcs_f32_fill_x86_v4(VcsVectorOps *ops);
extern void vcs_f32_fill_a64_neon(VcsVectorOps *ops);
extern void vcs_f16_fill_c(VcsVectorOps *ops);
extern void vcs_f16_fill_x86_v3(VcsVectorOps *ops);
extern void vcs_f16_fill_x86_v4(VcsVectorOps *ops);
extern void vcs_f16_fill_a64_neon(VcsVectorOps *ops);
extern void vcs_fastscan_fill_c(VcsVectorOps *ops);
extern void vcs_fastscan_fill_x86_v3(VcsVectorOps *ops);
extern void vcs_fastscan_fill_x86_v4(VcsVectorOps *ops);
extern void vcs_fastscan_fill_x86_v4_icl(VcsVectorOps *ops);
extern void vcs_fastscan_fill_a64_neon(VcsVectorOps *ops);
extern void vcs_quantize_fill_c(VcsVectorOps *ops);
extern void vcs_quantize_fill_x86_v3(VcsVectorOps *ops);
extern void vcs_quantize_fill_x86_v4(VcsVectorOps *ops);
extern void vcs_quantize_fill_a64_neon(VcsVectorOps *ops);
extern void vcs_code_fill_c(VcsVectorOps *ops);
extern void vcs_code_fill_x86_v3(VcsVectorOps *ops);
extern void vcs_code_fill_x86_v4(VcsVectorOps *ops);
extern void vcs_code_fill_x86_v4_icl(VcsVectorOps *ops);
extern void vcs_code_fill_a64_neon(VcsVectorOps *ops);
extern void vcs_assign_fill_c(VcsVectorOps *ops);
extern void vcs_assign_fill_x86_v3(VcsVectorOps *ops);
extern void vcs_assign_fill_x86_v4(VcsVectorOps *ops);
extern void vcs_assign_fill_a64_neon(VcsVectorOps *ops);

#endif
