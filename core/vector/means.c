/*
 * core/vector/means.c
 *		Means of clusters in full dimension.  See core/vector/means.h.
 */
#include "core/vector/means.h"

#include <string.h>

#include "core/simd/vector/ops.h"
#include "core/vector/random.h"
#include "core/vector/types.h"

void
vcv_means_init(VcvMeans *means, uint32_t clusters, uint32_t dim, uint32_t *counts, float *sums)
{
	means->clusters = clusters;
	means->dim = dim;
	means->counts = counts;
	means->sums = sums;
	memset(counts, 0, clusters * sizeof(uint32_t));
	memset(sums, 0, (size_t) clusters * dim * sizeof(float));
}

void
vcv_means_add(VcvMeans *means, uint32_t cluster, const float *x)
{
	means->counts[cluster]++;
	vcs_vector_ops.add_f32(means->sums + (size_t) cluster * means->dim, x, means->dim);
}

void
vcv_means_merge(VcvMeans *means, const VcvMeans *other)
{
	for (uint32_t k = 0; k < means->clusters; k++)
	{
		means->counts[k] += other->counts[k];
		vcs_vector_ops.add_f32(means->sums + (size_t) k * means->dim,
							   other->sums + (size_t) k * means->dim, means->dim);
	}
}

void
vcv_means_finish(VcvMeans *means, bool spherical, uint64_t seed)
{
	uint64_t random = vcv_random_stream(seed, 0);

	for (uint32_t k = 0; k < means->clusters; k++)
	{
		float *c = means->sums + (size_t) k * means->dim;

		if (means->counts[k] > 0)
			vcs_vector_ops.scale_f32(c, 1.0f / (float) means->counts[k], means->dim);
		else
			vcv_random_vector(&random, c, means->dim);
		if (spherical)
			vcv_normalize(c, means->dim);
	}
}
