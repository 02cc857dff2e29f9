/*
 * core/simd/vector/fht_impl.h
 *		The rotation for machines with vector registers; included once by each fht_<isa>.c.
 *
 * The includer defines, for vectors of FHT_LANES = 1 << FHT_LOG floats:
 *
 *	FhtVec					the vector type
 *	FHT_LOAD(p) FHT_STORE(p, v) FHT_ADD(a, b) FHT_SUB(a, b) FHT_MUL(a, b) FHT_SET1(f)
 *	fht_flip(v, signs, i)	v with the sign of lane l flipped where bit i + l of signs is set
 *	fht_lanes(v)			the butterflies of distance 1, 2 .. FHT_LANES / 2 inside one register
 *	FHT_NAME(f)				f with the suffix of the instruction set
 *
 * Work is arranged in passes over memory: the first does the sign flips, all butterflies inside
 * registers and two or three stages across registers; each further pass does two stages (radix 4);
 * the last one also scales.  When n = 3 * 2^k (384, 768, 1536, 3072 ...) the Kac partners of a
 * radix-4 group are the group itself and two vectors outside the window, so the last pass does the
 * Kac step too, and the flip of those two.  Each addition is the reference's, so bits are equal.
 */
#include "core/simd/vector/fht_internal.h"

#define FHT_LANES  (1u << FHT_LOG)
#define FHT_INLINE static inline __attribute__((always_inline))

FHT_INLINE void
fht_butterfly(FhtVec *a, FhtVec *b)
{
	FhtVec l = *a;
	FhtVec r = *b;

	*a = FHT_ADD(l, r);
	*b = FHT_SUB(l, r);
}

FHT_INLINE void
fht_radix4(FhtVec v[4])
{
	fht_butterfly(&v[0], &v[1]);
	fht_butterfly(&v[2], &v[3]);
	fht_butterfly(&v[0], &v[2]);
	fht_butterfly(&v[1], &v[3]);
}

FHT_INLINE void
fht_kac(FhtVec *l, FhtVec *r, FhtVec half)
{
	fht_butterfly(l, r);
	*l = FHT_MUL(*l, half);
	*r = FHT_MUL(*r, half);
}

/*
 * First pass: 1 << cross vectors at a time, stages 1 .. FHT_LANES << (cross - 1).  at is the number
 * of the window's first component (for the sign bits); flip and scaled are compile-time constants.
 */
FHT_INLINE void
fht_first(float *x, uint32_t b, unsigned cross, int flip, const uint8_t *signs, uint32_t at,
		  int scaled, FhtVec scale)
{
	const uint32_t group = 1u << cross;

	for (uint32_t i = 0; i < b; i += group * FHT_LANES)
	{
		FhtVec v[8];

		for (uint32_t g = 0; g < group; g++)
		{
			v[g] = FHT_LOAD(x + i + g * FHT_LANES);
			if (flip)
				v[g] = fht_flip(v[g], signs, at + i + g * FHT_LANES);
			v[g] = fht_lanes(v[g]);
		}
		fht_radix4(v);
		if (group == 8)
		{
			fht_radix4(v + 4);
			for (uint32_t g = 0; g < 4; g++)
				fht_butterfly(&v[g], &v[g + 4]);
		}
		for (uint32_t g = 0; g < group; g++)
			FHT_STORE(x + i + g * FHT_LANES, scaled ? FHT_MUL(v[g], scale) : v[g]);
	}
}

FHT_INLINE void
fht_pass(float *x, uint32_t b, uint32_t h, int scaled, FhtVec scale)
{
	for (uint32_t i = 0; i < b; i += 4 * h)
	{
		for (uint32_t j = i; j < i + h; j += FHT_LANES)
		{
			FhtVec v[4];

			for (uint32_t g = 0; g < 4; g++)
				v[g] = FHT_LOAD(x + j + g * h);
			fht_radix4(v);
			for (uint32_t g = 0; g < 4; g++)
				FHT_STORE(x + j + g * h, scaled ? FHT_MUL(v[g], scale) : v[g]);
		}
	}
}

/* last pass of a round with n = 6 q, b = 4 q: radix 4, scale, Kac; head = the window is 0 .. b */
FHT_INLINE void
fht_last_kac(float *x, uint32_t q, int head, const uint8_t *signs, FhtVec scale)
{
	const FhtVec half = FHT_SET1(FHT_SQRT_HALF);

	for (uint32_t j = 0; j < q; j += FHT_LANES)
	{
		FhtVec v[6];

		for (uint32_t g = 0; g < 6; g++)
			v[g] = FHT_LOAD(x + j + g * q);
		if (head)
		{
			v[4] = fht_flip(v[4], signs, j + 4 * q);
			v[5] = fht_flip(v[5], signs, j + 5 * q);
			fht_radix4(v);
			for (uint32_t g = 0; g < 4; g++)
				v[g] = FHT_MUL(v[g], scale);
		}
		else
		{
			v[0] = fht_flip(v[0], signs, j);
			v[1] = fht_flip(v[1], signs, j + q);
			fht_radix4(v + 2);
			for (uint32_t g = 2; g < 6; g++)
				v[g] = FHT_MUL(v[g], scale);
		}
		for (uint32_t g = 0; g < 3; g++)
			fht_kac(&v[g], &v[g + 3], half);
		for (uint32_t g = 0; g < 6; g++)
			FHT_STORE(x + j + g * q, v[g]);
	}
}

/*
 * All stages over a window but, when open is set, the last radix-4 pass; without flips if signs is
 * NULL, scaled if scale is not 1.
 */
static void
fht_window(float *x, uint32_t b, const uint8_t *signs, uint32_t at, float scale, int open)
{
	const FhtVec s = FHT_SET1(scale);
	const unsigned cross = 2 + ((fht_log2(b) - FHT_LOG) & 1);
	uint32_t h = FHT_LANES << cross;
	const uint32_t end = open ? b / 4 : b;

	if (signs != NULL)
	{
		if (cross == 2)
		{
			if (h == b)
				fht_first(x, b, 2, 1, signs, at, 1, s);
			else
				fht_first(x, b, 2, 1, signs, at, 0, s);
		}
		else if (h == b)
			fht_first(x, b, 3, 1, signs, at, 1, s);
		else
			fht_first(x, b, 3, 1, signs, at, 0, s);
	}
	else if (cross == 2)
		fht_first(x, b, 2, 0, signs, at, h == b, s);
	else
		fht_first(x, b, 3, 0, signs, at, h == b, s);

	for (; h < end; h *= 4)
	{
		if (4 * h == b)
			fht_pass(x, b, h, 1, s);
		else
			fht_pass(x, b, h, 0, s);
	}
}

/* flip components from .. to; only whole vectors by vector, the rest one by one */
static void
fht_flip_range(float *x, uint32_t from, uint32_t to, const uint8_t *signs)
{
	uint32_t i = from;

	for (; i + FHT_LANES <= to; i += FHT_LANES)
		FHT_STORE(x + i, fht_flip(FHT_LOAD(x + i), signs, i));
	for (; i < to; i++)
		x[i] = fht_flip_one(x[i], signs, i);
}

/* Kac step of any n */
static void
fht_kac_all(float *x, uint32_t n)
{
	const FhtVec half = FHT_SET1(FHT_SQRT_HALF);
	const uint32_t m = n / 2;
	float *y = x + (n - m);
	uint32_t i = 0;

	for (; i + FHT_LANES <= m; i += FHT_LANES)
	{
		FhtVec l = FHT_LOAD(x + i);
		FhtVec r = FHT_LOAD(y + i);

		fht_kac(&l, &r, half);
		FHT_STORE(x + i, l);
		FHT_STORE(y + i, r);
	}
	for (; i < m; i++)
		fht_kac_one(&x[i], &y[i]);
}

/* too short for the first pass, which does FHT_LOG + 2 stages at least */
static inline int
fht_is_short(uint32_t b)
{
	return fht_log2(b) < FHT_LOG + 2;
}

static void
FHT_NAME(rotate_forward)(float *x, uint32_t n, const uint8_t *signs)
{
	const uint32_t b = fht_floor_pow2(n);
	const float scale = fht_scale(b);

	if (fht_is_short(b))
	{
		vcs_rotate_forward_c(x, n, signs);
		return;
	}

	for (unsigned r = 0; r < VCS_ROTATE_ROUNDS; r++, signs += VCS_ROTATE_ROUND_BYTES)
	{
		const int head = (r % 2) == 0;
		const uint32_t at = head ? 0 : n - b;

		if (n == b)
			fht_window(x, b, signs, 0, scale, 0);
		else if (2 * n == 3 * b && b / 4 >= 4 * FHT_LANES)
		{
			fht_window(x + at, b, signs, at, scale, 1);
			if (head)
				fht_last_kac(x, b / 4, 1, signs, FHT_SET1(scale));
			else
				fht_last_kac(x, b / 4, 0, signs, FHT_SET1(scale));
		}
		else
		{
			if (head)
				fht_flip_range(x, b, n, signs);
			else
				fht_flip_range(x, 0, at, signs);
			fht_window(x + at, b, signs, at, scale, 0);
			fht_kac_all(x, n);
		}
	}
}

static void
FHT_NAME(rotate_backward)(float *x, uint32_t n, const uint8_t *signs)
{
	const uint32_t b = fht_floor_pow2(n);
	const float scale = fht_scale(b);

	if (fht_is_short(b))
	{
		vcs_rotate_backward_c(x, n, signs);
		return;
	}

	for (unsigned r = VCS_ROTATE_ROUNDS; r-- > 0;)
	{
		const uint32_t at = (r % 2) == 0 ? 0 : n - b;

		if (n != b)
			fht_kac_all(x, n);
		fht_window(x + at, b, NULL, at, scale, 0);
		fht_flip_range(x, 0, n, signs + r * VCS_ROTATE_ROUND_BYTES);
	}
}

static void
FHT_NAME(fht)(float *x, uint32_t n)
{
	if (fht_is_short(n))
		vcs_fht_c(x, n);
	else
		fht_window(x, n, NULL, 0, 1.0f, 0);
}

void
FHT_NAME(vcs_rotate_fill)(VcsRotateOps *ops)
{
	ops->forward = FHT_NAME(rotate_forward);
	ops->backward = FHT_NAME(rotate_backward);
	ops->fht = FHT_NAME(fht);
}
