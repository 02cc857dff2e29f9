/*
 * core/vector/kmeans_flat.c
 *		The steps of one iteration of k-means: samples to centroids, centroids to means, empty clusters.
 *
 * Many clusters in many dimensions are searched by RaBitQ bounds (assigner.c), else by the blocked exact
 * kernel.
 *
 * Empty clusters: each takes a copy of the centroid of a cluster drawn in proportion to its size less
 * one; the copies are pushed apart by 1/1024 of each component, alternating in sign.
 */
#include <string.h>

#include "core/simd/vector/ops.h"
#include "core/vector/kmeans_internal.h"
#include "core/vector/random.h"

#define NO_CLUSTER UINT32_MAX

/* ---- samples ---- */

void
vcv_kmeans_shuffle(uint64_t *state, uint32_t *ids, uint32_t m, uint32_t k)
{
	for (uint32_t i = 0; i < k; i++)
	{
		const uint32_t j = i + vcv_random_below(state, m - i);
		const uint32_t t = ids[i];

		ids[i] = ids[j];
		ids[j] = t;
	}
}

static const float *
row_in_place(const VcvKmeansWork *km, uint32_t sample)
{
	return (const float *) ((const char *) km->o->samples + (size_t) sample * km->o->stride);
}

void
vcv_kmeans_row(const VcvKmeansWork *km, uint32_t sample, float *ret_x)
{
	const char *row = (const char *) km->o->samples + (size_t) sample * km->o->stride;

	if (km->o->type == VCV_VECTOR)
		memcpy(ret_x, row, km->dim * sizeof(float));
	else
		vcs_vector_ops.f16_to_f32((const VcvHalf *) row, km->dim, ret_x);
}

static const float *
row(const VcvKmeansWork *km, uint32_t sample, float *buffer)
{
	if (km->o->type == VCV_VECTOR)
		return row_in_place(km, sample);
	vcv_kmeans_row(km, sample, buffer);
	return buffer;
}

const float *
vcv_kmeans_rows(const VcvKmeansFlat *f, uint32_t from, uint32_t len, float *tile,
				size_t *ret_stride)
{
	const VcvKmeansWork *km = f->km;

	if (f->ids == NULL && km->o->type == VCV_VECTOR)
	{
		*ret_stride = km->o->stride / sizeof(float);
		return row_in_place(km, from);
	}
	for (uint32_t i = 0; i < len; i++)
		vcv_kmeans_row(km, f->ids == NULL ? from + i : f->ids[from + i],
					   tile + (size_t) i * km->dim);
	*ret_stride = km->dim;
	return tile;
}

/* ---- assignment ---- */

static void
pack_item(void *arg, uint32_t item, uint32_t worker)
{
	VcvKmeansFlat *f = arg;
	const size_t from = (size_t) item * f->km->slice;
	const size_t len = f->c - from < f->km->slice ? f->c - from : f->km->slice;
	const uint32_t dim = f->km->dim;

	(void) worker;
	vcs_vector_ops.assign_pack(f->centroids + from * dim, dim, len, dim, f->km->packed + from * dim,
							   f->km->norms + from);
}

static void
code_item(void *arg, uint32_t item, uint32_t worker)
{
	VcvKmeansFlat *f = arg;

	vcv_assigner_code_block(f->assigner, item, vcv_kmeans_scratch(f->km, worker).assigner);
}

bool
vcv_kmeans_nearest(VcvKmeansWork *km, const float *x, size_t stride, uint32_t len,
				   const float *packed, const float *norms, uint32_t c, const VcvKmeansScratch *s)
{
	for (uint32_t from = 0; from < c; from += km->slice)
	{
		const uint32_t k = c - from < km->slice ? c - from : km->slice;

		if (vcv_team_stopping(&km->team))
			return false;
		vcs_vector_ops.assign_block(x, stride, len, km->dim, packed + (size_t) from * km->dim,
									norms + from, k, from == 0 ? s->index : s->index2,
									from == 0 ? s->value : s->value2, NULL, NULL);
		for (uint32_t i = 0; from > 0 && i < len; i++)
		{
			if (s->value2[i] < s->value[i])
			{
				s->value[i] = s->value2[i];
				s->index[i] = from + s->index2[i];
			}
		}
	}
	return true;
}

static void
assign_item(void *arg, uint32_t item, uint32_t worker)
{
	VcvKmeansFlat *f = arg;
	VcvKmeansWork *km = f->km;
	const VcvKmeansScratch s = vcv_kmeans_scratch(km, worker);
	const uint32_t from = item * km->tile;
	const uint32_t len = f->m - from < km->tile ? f->m - from : km->tile;
	uint32_t changed = 0;

	if (f->assigner != NULL)
	{
		for (uint32_t i = 0; i < len; i++)
		{
			const uint32_t sample = f->ids == NULL ? from + i : f->ids[from + i];
			float unused;

			if (vcv_team_stopping(&km->team))
				return;
			s.index[i] = vcv_assigner_nearest(f->assigner, row(km, sample, s.tile),
											  f->assign[from + i], s.assigner, &unused);
		}
	}
	else
	{
		size_t stride;
		const float *x = vcv_kmeans_rows(f, from, len, s.tile, &stride);

		if (!vcv_kmeans_nearest(km, x, stride, len, km->packed, km->norms, f->c, &s))
			return;
	}
	for (uint32_t i = 0; i < len; i++)
	{
		changed += s.index[i] != f->assign[from + i];
		f->assign[from + i] = s.index[i];
	}
	if (changed > 0)
		__atomic_fetch_add(&f->changed, changed, __ATOMIC_RELAXED);
}

bool
vcv_kmeans_assign(VcvKmeansFlat *f, bool codes, double from, double to)
{
	VcvKmeansWork *km = f->km;
	const double packed = from + 0.02 * (to - from);
	bool ok;

	f->assigner = NULL;
	f->changed = 0;
	if (codes)
	{
		f->assigner = vcv_assigner_begin(km->assigner_mem, f->centroids, f->c, km->dim);
		ok = vcv_team_run(&km->team, code_item, f, vcv_assigner_blocks(f->assigner), from, packed);
	}
	else
		ok =
			vcv_team_run(&km->team, pack_item, f, (f->c + km->slice - 1) / km->slice, from, packed);
	return ok &&
		   vcv_team_run(&km->team, assign_item, f, (f->m + km->tile - 1) / km->tile, packed, to);
}

/* ---- update ---- */

void
vcv_kmeans_sort(VcvKmeansWork *km, const uint32_t *assign, uint32_t m, uint32_t c)
{
	size_t at = 0;

	memset(km->count, 0, c * sizeof(uint32_t));
	for (uint32_t i = 0; i < m; i++)
		km->count[assign[i]]++;
	for (uint32_t k = 0; k < c; k++)
	{
		km->start[k] = at;
		at += km->count[k];
	}
	km->start[c] = at;
	/* start[k] runs to the end of k, which is where k + 1 starts: put back afterwards */
	for (uint32_t i = 0; i < m; i++)
		km->sorted[km->start[assign[i]]++] = i;
	for (uint32_t k = c; k > 0; k--)
		km->start[k] = km->start[k - 1];
	km->start[0] = 0;
}

static void
mean_item(void *arg, uint32_t item, uint32_t worker)
{
	VcvKmeansFlat *f = arg;
	VcvKmeansWork *km = f->km;
	const uint32_t dim = km->dim;
	float *buffer = vcv_kmeans_scratch(km, worker).tile;
	float *mean = f->centroids + (size_t) item * dim;

	if (km->count[item] == 0)
		return;
	memset(mean, 0, dim * sizeof(float));
	for (size_t i = km->start[item]; i < km->start[item + 1]; i++)
	{
		const uint32_t at = km->sorted[i];

		vcs_vector_ops.add_f32(mean, row(km, f->ids == NULL ? at : f->ids[at], buffer), dim);
	}
	vcs_vector_ops.scale_f32(mean, 1.0f / (float) km->count[item], dim);
}

uint32_t
vcv_kmeans_repair(uint64_t *random, float *centroids, uint32_t dim, uint32_t *count, uint32_t c,
				  const uint32_t *assign, const uint32_t *ids, uint32_t m, uint32_t offset)
{
	uint32_t repaired = 0;

	for (uint32_t k = 0; k < c; k++)
	{
		uint32_t donor = NO_CLUSTER;
		const float *from;
		float *to;

		if (count[k] > 0)
			continue;
		for (int tries = 0; tries < 64 && donor == NO_CLUSTER; tries++)
		{
			const uint32_t at = vcv_random_below(random, m);
			const uint32_t d = assign[ids == NULL ? at : ids[at]] - offset;

			if (vcv_random_below(random, count[d] > 0 ? count[d] : 1) > 0)
				donor = d;
		}
		/* nearly all clusters have one sample: take the next that has more, there is one */
		for (uint32_t j = 1; j < c && donor == NO_CLUSTER; j++)
		{
			if (count[(k + j) % c] > 1)
				donor = (k + j) % c;
		}
		if (donor == NO_CLUSTER)
			return repaired;

		from = centroids + (size_t) donor * dim;
		to = centroids + (size_t) k * dim;
		memcpy(to, from, dim * sizeof(float));
		for (uint32_t i = 0; i < dim; i++)
		{
			const float up = i % 2 == 0 ? 1 + VCV_KMEANS_EPSILON : 1 - VCV_KMEANS_EPSILON;
			const float down = i % 2 == 0 ? 1 - VCV_KMEANS_EPSILON : 1 + VCV_KMEANS_EPSILON;

			to[i] *= up;
			centroids[(size_t) donor * dim + i] *= down;
		}
		count[k] = count[donor] / 2;
		count[donor] -= count[k];
		repaired++;
	}
	return repaired;
}

void
vcv_kmeans_normalize(const VcvKmeansWork *km, float *centroids, uint32_t c)
{
	if (!km->o->spherical)
		return;
	for (uint32_t k = 0; k < c; k++)
		vcv_normalize(centroids + (size_t) k * km->dim, km->dim);
}

/* centroids become means; ret_done: nothing moved, further iterations would change nothing */
static bool
flat_update(VcvKmeansFlat *f, double from, double to, bool *ret_done)
{
	VcvKmeansWork *km = f->km;
	uint32_t repaired;

	if (f->changed == 0)
	{
		*ret_done = true;
		return true;
	}
	vcv_kmeans_sort(km, f->assign, f->m, f->c);
	if (!vcv_team_run(&km->team, mean_item, f, f->c, from, to))
		return false;
	repaired = vcv_kmeans_repair(&km->random, f->centroids, km->dim, km->count, f->c, f->assign,
								 NULL, f->m, 0);
	vcv_kmeans_normalize(km, f->centroids, f->c);
	(void) repaired;
	*ret_done = false;
	return true;
}

bool
vcv_kmeans_iterate(VcvKmeansFlat *f, uint32_t iterations, bool codes, double from, double to)
{
	const double each = iterations == 0 ? 0 : (to - from) / iterations;

	for (uint32_t i = 0; i < iterations; i++)
	{
		const double at = from + i * each;
		bool done;

		if (!vcv_kmeans_assign(f, codes, at, at + 0.9 * each))
			return false;
		if (!flat_update(f, at + 0.9 * each, at + each, &done))
			return false;
		if (done)
			break;
	}
	return true;
}
