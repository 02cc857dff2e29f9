/*
 * core/simd/vector/fht_c.c
 *		The rotation, in plain C: the specification of all other levels.
 *
 * For n components let b be the largest power of two <= n.  Round r = 0 .. 3:
 *	1. flip the sign of component i where bit i of the round's signs is set;
 *	2. Walsh-Hadamard transform, scaled by 1/sqrt(b), of the first (even r) or last (odd r) b;
 *	3. if n != b, the Kac step: components i and n - n/2 + i become (l + r)/sqrt 2 and (l - r)/sqrt 2
 *	   for i < n/2 (the middle one of an odd n stays).
 * Each step is orthogonal; steps 2 and 3 are their own inverses.
 */
#include "core/simd/vector/fht_internal.h"

void
vcs_fht_c(float *x, uint32_t n)
{
	for (uint32_t h = 1; h < n; h *= 2)
	{
		for (uint32_t i = 0; i < n; i += 2 * h)
		{
			for (uint32_t j = i; j < i + h; j++)
			{
				const float l = x[j];
				const float r = x[j + h];

				x[j] = l + r;
				x[j + h] = l - r;
			}
		}
	}
}

static void
flip(float *x, uint32_t n, const uint8_t *signs)
{
	for (uint32_t i = 0; i < n; i++)
		x[i] = fht_flip_one(x[i], signs, i);
}

static void
transform(float *x, uint32_t b)
{
	const float scale = fht_scale(b);

	vcs_fht_c(x, b);
	for (uint32_t i = 0; i < b; i++)
		x[i] *= scale;
}

static void
kac(float *x, uint32_t n)
{
	const uint32_t m = n / 2;

	for (uint32_t i = 0; i < m; i++)
		fht_kac_one(&x[i], &x[n - m + i]);
}

void
vcs_rotate_forward_c(float *x, uint32_t n, const uint8_t *signs)
{
	const uint32_t b = fht_floor_pow2(n);

	for (uint32_t r = 0; r < VCS_ROTATE_ROUNDS; r++)
	{
		flip(x, n, signs + r * VCS_ROTATE_ROUND_BYTES);
		transform(r % 2 == 0 ? x : x + (n - b), b);
		if (n != b)
			kac(x, n);
	}
}

void
vcs_rotate_backward_c(float *x, uint32_t n, const uint8_t *signs)
{
	const uint32_t b = fht_floor_pow2(n);

	for (uint32_t r = VCS_ROTATE_ROUNDS; r-- > 0;)
	{
		if (n != b)
			kac(x, n);
		transform(r % 2 == 0 ? x : x + (n - b), b);
		flip(x, n, signs + r * VCS_ROTATE_ROUND_BYTES);
	}
}
