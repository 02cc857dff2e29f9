/*
 * core/simd/vector/assign.h
 *		Frame of the k-means kernels: packing, blocking, two-best bookkeeping.
 *
 * Included once a level by assign_*.c, after the definition of
 *		MR, NR	 rows (samples) and columns (centroids) of a micro-tile
 *
 * Everything is static, so that each level compiles it with its own instruction set.
 */
#ifndef VC_CORE_SIMD_VECTOR_ASSIGN_H
#define VC_CORE_SIMD_VECTOR_ASSIGN_H

#include <math.h>
#include <string.h>

#include "core/simd/vector/ops.h"

static void
assign_pack(const float *centroids, size_t stride, size_t k, size_t d, float *packed, float *norms)
{
	for (size_t first = 0; first < k; first += NR)
	{
		size_t live = k - first < NR ? k - first : NR;
		float *panel = packed + first * d;

		if (live < NR)
			memset(panel, 0, d * NR * sizeof(float));
		for (size_t j = 0; j < NR; j++)
		{
			const float *c = centroids + (first + j) * stride;
			float norm2 = 0;

			if (j >= live)
			{
				norms[first + j] = INFINITY;
				continue;
			}
			for (size_t p = 0; p < d; p++)
			{
				panel[p * NR + j] = c[p];
				norm2 += c[p] * c[p];
			}
			norms[first + j] = norm2;
		}
	}
}

#endif
