/*
 * core/vector/assigner.c
 *		Nearest centroid by RaBitQ bounds with exact recheck.
 *
 * Centroids are coded relative to their mean m (rotated), the sample's query table likewise, so that
 * one table per sample serves all and a common offset of the data costs no precision.  A scan goes
 * through blocks of 32 centroids and computes the exact distance of those whose lower bound is below
 * the best so far; starting from a good guess (the assignment of the iteration before) about one
 * exact distance is left.  In few dimensions, or for few centroids, bounds cost more than they save
 * and all distances are computed.
 */
#include <math.h>
#include <string.h>

#include "core/vector/assigner.h"
#include "core/vector/rabitq.h"
#include "core/vector/rotate.h"

/* below this the 1-bit bound prunes little, resp. the table costs more than the scan */
#define CODES_MIN_DIM      96
#define CODES_MIN_CLUSTERS 128

/* distances computed at once when there are no codes */
#define EXACT_BATCH 128

struct VcvAssigner
{
	const float *centroids; /* [clusters][dim], not ours */
	uint32_t clusters;
	uint32_t dim;
	bool coded;
	float *mean;     /* [dim] rotated; NULL without codes, as all below */
	float *base;     /* [blocks * 32] */
	float *factor;   /* [blocks * 32] */
	uint16_t *err;   /* [blocks * 32] */
	uint8_t *groups; /* [blocks] * VCS_GROUPS_BYTES(dim) */
};

static size_t
lines(size_t bytes)
{
	return (bytes + 63) & ~(size_t) 63;
}

bool
vcv_assigner_uses_codes(uint32_t clusters, uint32_t dim)
{
	return dim >= CODES_MIN_DIM && clusters >= CODES_MIN_CLUSTERS;
}

uint32_t
vcv_assigner_blocks(const VcvAssigner *a)
{
	return a->coded ? (a->clusters + VCS_BLOCK - 1) / VCS_BLOCK : 0;
}

size_t
vcv_assigner_memory(uint32_t clusters, uint32_t dim)
{
	const size_t rows = ((size_t) clusters + VCS_BLOCK - 1) / VCS_BLOCK * VCS_BLOCK;
	size_t bytes = lines(sizeof(VcvAssigner));

	if (vcv_assigner_uses_codes(clusters, dim))
		bytes += lines(dim * sizeof(float)) + 2 * lines(rows * sizeof(float)) +
				 lines(rows * sizeof(uint16_t)) + lines(rows / VCS_BLOCK * VCS_GROUPS_BYTES(dim)) +
				 vcv_assigner_scratch(dim);
	return bytes;
}

/* nearest: a rotated sample and its query; coding: a rotated centroid and the codes of a block */
size_t
vcv_assigner_scratch(uint32_t dim)
{
	const size_t nearest = vcv_query_memory(dim);
	const size_t coding = lines(VCS_BLOCK * VCS_CODE_BYTES(dim));

	return lines(dim * sizeof(float)) + (nearest > coding ? nearest : coding);
}

VcvAssigner *
vcv_assigner_begin(void *mem, const float *centroids, uint32_t clusters, uint32_t dim)
{
	const size_t rows = ((size_t) clusters + VCS_BLOCK - 1) / VCS_BLOCK * VCS_BLOCK;
	VcvAssigner *a = mem;
	char *at = (char *) mem + lines(sizeof(VcvAssigner));

	memset(a, 0, sizeof(*a));
	a->centroids = centroids;
	a->clusters = clusters;
	a->dim = dim;
	a->coded = vcv_assigner_uses_codes(clusters, dim);
	if (!a->coded)
		return a;

	a->mean = (float *) at;
	at += lines(dim * sizeof(float));
	a->base = (float *) at;
	at += lines(rows * sizeof(float));
	a->factor = (float *) at;
	at += lines(rows * sizeof(float));
	a->err = (uint16_t *) at;
	at += lines(rows * sizeof(uint16_t));
	a->groups = (uint8_t *) at;

	memset(a->mean, 0, dim * sizeof(float));
	for (uint32_t i = 0; i < clusters; i++)
		vcs_vector_ops.add_f32(a->mean, centroids + (size_t) i * dim, dim);
	vcs_vector_ops.scale_f32(a->mean, 1.0f / (float) clusters, dim);
	vcv_rotate(a->mean, dim, a->mean);
	return a;
}

void
vcv_assigner_code_block(VcvAssigner *a, uint32_t block, void *scratch)
{
	float *x = scratch;
	uint8_t *codes = (uint8_t *) scratch + lines(a->dim * sizeof(float));
	const size_t code_bytes = VCS_CODE_BYTES(a->dim);
	const uint32_t first = block * VCS_BLOCK;
	const uint32_t live = a->clusters - first < VCS_BLOCK ? a->clusters - first : VCS_BLOCK;

	for (uint32_t i = 0; i < VCS_BLOCK; i++)
	{
		VcvFactors f;

		if (i >= live)
		{
			/* never below any threshold */
			a->base[first + i] = INFINITY;
			a->factor[first + i] = 0;
			a->err[first + i] = 0;
			continue;
		}
		vcv_rotate(a->centroids + (size_t) (first + i) * a->dim, a->dim, x);
		vcs_vector_ops.sub_f32(x, a->mean, a->dim, x);
		vcv_rabitq_encode(x, NULL, a->dim, VCV_L2, codes + i * code_bytes, &f);
		a->base[first + i] = f.base;
		a->factor[first + i] = f.factor;
		a->err[first + i] = vcv_half_up(f.err);
	}
	vcs_vector_ops.fastscan_pack(codes, code_bytes, (int) live, a->dim,
								 a->groups + block * VCS_GROUPS_BYTES(a->dim));
}

VcvAssigner *
vcv_assigner_init(void *mem, const float *centroids, uint32_t clusters, uint32_t dim)
{
	VcvAssigner *a = vcv_assigner_begin(mem, centroids, clusters, dim);
	char *scratch = (char *) mem + vcv_assigner_memory(clusters, dim) - vcv_assigner_scratch(dim);

	for (uint32_t b = 0; b < vcv_assigner_blocks(a); b++)
		vcv_assigner_code_block(a, b, scratch);
	return a;
}

static uint32_t
nearest_exact(const VcvAssigner *a, const float *x, float *ret_distance2)
{
	float d[EXACT_BATCH];
	uint32_t best = 0;
	float best_d = INFINITY;

	for (uint32_t from = 0; from < a->clusters; from += EXACT_BATCH)
	{
		const uint32_t len =
			a->clusters - from < EXACT_BATCH ? a->clusters - from : (uint32_t) EXACT_BATCH;

		vcs_vector_ops.l2sq_f32_rows(x, a->centroids + (size_t) from * a->dim,
									 a->dim * sizeof(float), len, a->dim, d);
		for (uint32_t i = 0; i < len; i++)
		{
			if (d[i] < best_d)
			{
				best_d = d[i];
				best = from + i;
			}
		}
	}
	*ret_distance2 = best_d;
	return best;
}

uint32_t
vcv_assigner_nearest(const VcvAssigner *a, const float *x, uint32_t warm, void *scratch,
					 float *ret_distance2)
{
	const uint32_t dim = a->dim;
	float *rotated = scratch;
	uint32_t best = 0;
	float best_d = INFINITY;
	VcvQuery query;
	VcsBound bound;

	if (!a->coded)
		return nearest_exact(a, x, ret_distance2);

	vcv_rotate(x, dim, rotated);
	vcs_vector_ops.sub_f32(rotated, a->mean, dim, rotated);
	vcv_query_init(&query, VCV_L2, rotated, dim, false,
				   (char *) scratch + lines(dim * sizeof(float)));
	vcv_rabitq_bound_plain(&query, VCV_RABITQ_EPSILON, &bound, NULL);
	if (warm < a->clusters)
	{
		best = warm;
		best_d = vcs_vector_ops.l2sq_f32(x, a->centroids + (size_t) warm * dim, dim);
	}

	for (uint32_t first = 0; first < a->clusters; first += VCS_BLOCK)
	{
		uint32_t acc[VCS_BLOCK] __attribute__((aligned(64))) = {0};
		float lb[VCS_BLOCK] __attribute__((aligned(64)));
		uint32_t mask;

		bound.threshold = best_d;
		vcs_vector_ops.fastscan_accumulate(a->groups + first / VCS_BLOCK * VCS_GROUPS_BYTES(dim),
										   VCS_GROUPS(dim), query.lut, acc);
		mask = vcs_vector_ops.lower_bounds(acc, a->base + first, a->factor + first, a->err + first,
										   &bound, lb);
		if (first + VCS_BLOCK > a->clusters)
			mask &= (UINT32_C(1) << (a->clusters - first)) - 1;
		while (mask != 0)
		{
			const uint32_t i = (uint32_t) __builtin_ctz(mask);
			float d;

			mask &= mask - 1;
			/* the threshold may have fallen since the block was scored */
			if (first + i == warm || lb[i] >= best_d)
				continue;
			d = vcs_vector_ops.l2sq_f32(x, a->centroids + (size_t) (first + i) * dim, dim);
			if (d < best_d)
			{
				best_d = d;
				best = first + i;
			}
		}
	}
	*ret_distance2 = best_d;
	return best;
}
