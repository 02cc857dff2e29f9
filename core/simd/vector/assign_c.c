/*
 * core/simd/vector/assign_c.c
 *		k-means assignment: reference.
 *
 * The order of loops lets the compiler keep one accumulator per centroid of the panel, so that even
 *the reference runs in SSE2 or its like without reordering any sum.
 */
#include "core/simd/vector/ops.h"

#define NR 8

#include "core/simd/vector/assign.h"

static void
assign_block(const float *x, size_t stride, size_t n, size_t d, const float *packed,
			 const float *norms, size_t k, uint32_t *ret_idx, float *ret_val, uint32_t *ret_idx2,
			 float *ret_val2)
{
	for (size_t i = 0; i < n; i++)
	{
		const float *sample = x + i * stride;
		uint32_t idx = 0;
		uint32_t idx2 = UINT32_MAX;
		float val = INFINITY;
		float val2 = INFINITY;

		for (size_t first = 0; first < k; first += NR)
		{
			const float *panel = packed + first * d;
			float sums[NR] = {0};

			for (size_t p = 0; p < d; p++)
				for (size_t j = 0; j < NR; j++)
					sums[j] += sample[p] * panel[p * NR + j];
			for (size_t j = 0; j < NR && first + j < k; j++)
			{
				float v = norms[first + j] - 2 * sums[j];

				if (v < val)
				{
					if (val < INFINITY)
					{
						val2 = val;
						idx2 = idx;
					}
					val = v;
					idx = (uint32_t) (first + j);
				}
				else if (v < val2)
				{
					val2 = v;
					idx2 = (uint32_t) (first + j);
				}
			}
		}
		ret_idx[i] = idx;
		ret_val[i] = val;
		if (ret_idx2 != NULL)
		{
			ret_idx2[i] = idx2;
			ret_val2[i] = val2;
		}
	}
}

void
vcs_assign_fill_c(VcsVectorOps *ops)
{
	ops->assign_nr = NR;
	ops->assign_pack = assign_pack;
	ops->assign_block = assign_block;
}
