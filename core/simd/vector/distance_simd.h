/*
 * core/simd/vector/distance_simd.h
 *		Template of the distance kernels between an f32 query and rows of f32 or f16.
 *
 * Included once a level and type of row, after lanes_*.h and the definition of
 *		ROW						element type of a row
 *		row_load, row_load_part	load LANES (or fewer) elements of a row as f32
 *
 * One pair needs four independent sums to hide the latency of FMA.  Short rows are taken four at a time,
 * so that the query is loaded once for four, all chains are busy, and one reduction serves four.  Long
 * rows are taken one by one: one stream runs at the bandwidth of the L2 cache, four streams at half
 * of it (measured on Zen 5: 768 f32 in 11.8 against 22.9 ns).
 */
#include "core/simd/vector/ops.h"

/* Fewest elements of a long row. */
#define LONG_ROW (512 / sizeof(ROW))

static inline vf
dot_step(vf a, vf b, vf sum)
{
	return vf_fma(a, b, sum);
}

static inline vf
l2sq_step(vf a, vf b, vf sum)
{
	vf diff = vf_sub(a, b);

	return vf_fma(diff, diff, sum);
}

#define DEFINE_DISTANCE(name)                                                                      \
	static float name(const float *q, const ROW *row, size_t n)                                    \
	{                                                                                              \
		vf s0 = vf_zero();                                                                         \
		vf s1 = vf_zero();                                                                         \
		vf s2 = vf_zero();                                                                         \
		vf s3 = vf_zero();                                                                         \
		size_t i = 0;                                                                              \
                                                                                                   \
		for (; i + 4 * LANES <= n; i += 4 * LANES)                                                 \
		{                                                                                          \
			s0 = name##_step(vf_load(q + i), row_load(row + i), s0);                               \
			s1 = name##_step(vf_load(q + i + LANES), row_load(row + i + LANES), s1);               \
			s2 = name##_step(vf_load(q + i + 2 * LANES), row_load(row + i + 2 * LANES), s2);       \
			s3 = name##_step(vf_load(q + i + 3 * LANES), row_load(row + i + 3 * LANES), s3);       \
		}                                                                                          \
		for (; i + LANES <= n; i += LANES)                                                         \
			s0 = name##_step(vf_load(q + i), row_load(row + i), s0);                               \
		if (i < n)                                                                                 \
			s1 = name##_step(vf_load_part(q + i, n - i), row_load_part(row + i, n - i), s1);       \
		return vf_hsum(vf_add(vf_add(s0, s1), vf_add(s2, s3)));                                    \
	}                                                                                              \
                                                                                                   \
	static void name##_rows(const float *q, const void *rows, size_t stride, size_t nrows,         \
							size_t n, float *out)                                                  \
	{                                                                                              \
		const char *next = rows;                                                                   \
		size_t r = 0;                                                                              \
                                                                                                   \
		for (; n < LONG_ROW && r + 4 <= nrows; r += 4, next += 4 * stride)                         \
		{                                                                                          \
			const ROW *r0 = (const ROW *) next;                                                    \
			const ROW *r1 = (const ROW *) (next + stride);                                         \
			const ROW *r2 = (const ROW *) (next + 2 * stride);                                     \
			const ROW *r3 = (const ROW *) (next + 3 * stride);                                     \
			vf s0 = vf_zero();                                                                     \
			vf s1 = vf_zero();                                                                     \
			vf s2 = vf_zero();                                                                     \
			vf s3 = vf_zero();                                                                     \
			vf t0 = vf_zero();                                                                     \
			vf t1 = vf_zero();                                                                     \
			vf t2 = vf_zero();                                                                     \
			vf t3 = vf_zero();                                                                     \
			size_t i = 0;                                                                          \
                                                                                                   \
			for (; i + 2 * LANES <= n; i += 2 * LANES)                                             \
			{                                                                                      \
				vf x = vf_load(q + i);                                                             \
				vf y = vf_load(q + i + LANES);                                                     \
                                                                                                   \
				s0 = name##_step(x, row_load(r0 + i), s0);                                         \
				t0 = name##_step(y, row_load(r0 + i + LANES), t0);                                 \
				s1 = name##_step(x, row_load(r1 + i), s1);                                         \
				t1 = name##_step(y, row_load(r1 + i + LANES), t1);                                 \
				s2 = name##_step(x, row_load(r2 + i), s2);                                         \
				t2 = name##_step(y, row_load(r2 + i + LANES), t2);                                 \
				s3 = name##_step(x, row_load(r3 + i), s3);                                         \
				t3 = name##_step(y, row_load(r3 + i + LANES), t3);                                 \
			}                                                                                      \
			if (i + LANES <= n)                                                                    \
			{                                                                                      \
				vf x = vf_load(q + i);                                                             \
                                                                                                   \
				s0 = name##_step(x, row_load(r0 + i), s0);                                         \
				s1 = name##_step(x, row_load(r1 + i), s1);                                         \
				s2 = name##_step(x, row_load(r2 + i), s2);                                         \
				s3 = name##_step(x, row_load(r3 + i), s3);                                         \
				i += LANES;                                                                        \
			}                                                                                      \
			if (i < n)                                                                             \
			{                                                                                      \
				vf x = vf_load_part(q + i, n - i);                                                 \
                                                                                                   \
				t0 = name##_step(x, row_load_part(r0 + i, n - i), t0);                             \
				t1 = name##_step(x, row_load_part(r1 + i, n - i), t1);                             \
				t2 = name##_step(x, row_load_part(r2 + i, n - i), t2);                             \
				t3 = name##_step(x, row_load_part(r3 + i, n - i), t3);                             \
			}                                                                                      \
			vf_hsum4(vf_add(s0, t0), vf_add(s1, t1), vf_add(s2, t2), vf_add(s3, t3), out + r);     \
		}                                                                                          \
		for (; r < nrows; r++, next += stride)                                                     \
			out[r] = name(q, (const ROW *) next, n);                                               \
	}

DEFINE_DISTANCE(dot)
DEFINE_DISTANCE(l2sq)

static float
norm2(const ROW *a, size_t n)
{
	vf s0 = vf_zero();
	vf s1 = vf_zero();
	vf s2 = vf_zero();
	vf s3 = vf_zero();
	size_t i = 0;

	for (; i + 4 * LANES <= n; i += 4 * LANES)
	{
		vf x0 = row_load(a + i);
		vf x1 = row_load(a + i + LANES);
		vf x2 = row_load(a + i + 2 * LANES);
		vf x3 = row_load(a + i + 3 * LANES);

		s0 = vf_fma(x0, x0, s0);
		s1 = vf_fma(x1, x1, s1);
		s2 = vf_fma(x2, x2, s2);
		s3 = vf_fma(x3, x3, s3);
	}
	for (; i < n; i += LANES)
	{
		vf x = i + LANES <= n ? row_load(a + i) : row_load_part(a + i, n - i);

		s0 = vf_fma(x, x, s0);
	}
	return vf_hsum(vf_add(vf_add(s0, s1), vf_add(s2, s3)));
}
