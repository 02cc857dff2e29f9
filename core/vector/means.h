/*
 * core/vector/means.h
 *		Means of clusters in full dimension.
 *
 * For kmeans_dimension: cluster rotated and truncated samples, then feed every full row with the cluster
 * that its truncated rotation belongs to.
 */
#ifndef VC_CORE_VECTOR_MEANS_H
#define VC_CORE_VECTOR_MEANS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct VcvMeans
{
	uint32_t clusters;
	uint32_t dim;
	uint32_t *counts; /* [clusters] */
	float *sums;      /* [clusters][dim], becomes the centroids */
} VcvMeans;

/* counts and sums are the caller's memory; both are zeroed */
extern void vcv_means_init(VcvMeans *means, uint32_t clusters, uint32_t dim, uint32_t *counts,
						   float *sums);
extern void vcv_means_add(VcvMeans *means, uint32_t cluster, const float *x);
/* add what another worker gathered (same shape) */
extern void vcv_means_merge(VcvMeans *means, const VcvMeans *other);
/* sums become means; a cluster that got nothing becomes random in [-1, 1) */
extern void vcv_means_finish(VcvMeans *means, bool spherical, uint64_t seed);

#endif
