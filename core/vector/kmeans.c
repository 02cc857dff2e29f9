/*
 * core/vector/kmeans.c
 *		k-means: flat Lloyd, and two-level with flat refinement.
 *
 * Flat (kmeans_flat.c): assign every sample to the nearest of all centroids, move centroids to the means,
 * repeat.  Two-level (kmeans_cells.c): the same inside the cells of a coarse clustering, then twice over
 * everything.  This file chooses, divides the memory, and begins.
 *
 * Determinism: every loop body writes places of its own (assignments of a fixed run of samples, one
 * centroid, one cell), sums go over samples in ascending order, and random numbers come from streams
 * keyed by seed and cell.  So neither the number of threads nor their timing can change the result.
 */
#include <math.h>
#include <string.h>

#include "core/simd/vector/ops.h"
#include "core/vector/kmeans_internal.h"
#include "core/vector/random.h"

/* rows of a tile: as many as half of a usual L2 cache holds, within reason */
#define TILE_BYTES (512 * 1024)
#define TILE_MAX   128
#define TILE_MIN   12

/* centroids given to the exact kernel at once: bounds the time between two looks at the clock */
#define SLICE 2048

/*
 * When "auto" goes two-level: multiply-adds of the flat algorithm beyond a second or so of one core,
 * and enough clusters for two levels to make sense.
 */
#define AUTO_MIN_WORK     1e11
#define AUTO_MIN_CLUSTERS 64

/*
 * Components of all centroids from which on flat passes go through codes: below, the blocked exact
 * kernel is faster than making a table for each sample (measured at 128 and 768 dimensions).
 */
#define CODES_MIN_COMPONENTS (1u << 18)

/* ---- memory ---- */

static size_t
lines(size_t bytes)
{
	return (bytes + 63) & ~(size_t) 63;
}

static size_t
scratch_layout(const VcvKmeansWork *km, char *base, VcvKmeansScratch *ret_scratch)
{
	const size_t tile = lines((size_t) km->tile * km->dim * sizeof(float));
	const size_t column = lines(km->tile * sizeof(float));

	ret_scratch->tile = (float *) base;
	ret_scratch->index = (uint32_t *) (base + tile);
	ret_scratch->value = (float *) (base + tile + column);
	ret_scratch->index2 = (uint32_t *) (base + tile + 2 * column);
	ret_scratch->value2 = (float *) (base + tile + 3 * column);
	ret_scratch->assigner = base + tile + 4 * column;
	return tile + 4 * column + lines(vcv_assigner_scratch(km->dim));
}

VcvKmeansScratch
vcv_kmeans_scratch(const VcvKmeansWork *km, uint32_t worker)
{
	VcvKmeansScratch s;

	scratch_layout(km, km->scratch + worker * km->scratch_bytes, &s);
	return s;
}

static bool
is_two_level(const VcvKmeansOptions *o)
{
	const double work = (double) o->n * o->clusters * o->dim * o->iterations;

	if (o->n <= o->clusters || o->clusters < 4)
		return false;
	if (o->algorithm == VCV_KMEANS_AUTO)
		return o->clusters >= AUTO_MIN_CLUSTERS && work >= AUTO_MIN_WORK;
	return o->algorithm == VCV_KMEANS_HIERARCHICAL;
}

static bool
is_coded(const VcvKmeansOptions *o)
{
	return vcv_assigner_uses_codes(o->clusters, o->dim) &&
		   (uint64_t) o->clusters * o->dim >= CODES_MIN_COMPONENTS;
}

static char *
take(char **at, size_t bytes)
{
	char *p = *at;

	*at += lines(bytes);
	return p;
}

/* places of everything in a block at base (which may be a mere number); returns its size */
static size_t
layout(VcvKmeansWork *km, const VcvKmeansOptions *o, char *base)
{
	char *at = base;
	const size_t c = o->clusters;
	const uint32_t threads = o->threads < 1                      ? 1
							 : o->threads > VCV_TEAM_MAX_THREADS ? VCV_TEAM_MAX_THREADS
																 : o->threads;
	const size_t nr = vcs_vector_ops.assign_nr;
	size_t lanes;
	size_t search;
	VcvKmeansScratch unused;

	memset(km, 0, sizeof(*km));
	km->o = o;
	km->dim = o->dim;
	km->tile = TILE_BYTES / (o->dim * (uint32_t) sizeof(float));
	km->tile = km->tile > TILE_MAX ? TILE_MAX : km->tile < TILE_MIN ? TILE_MIN : km->tile;
	km->slice = (uint32_t) (SLICE / nr * nr);
	if (o->n <= c)
		return 64; /* nothing is needed; callers like a block */
	if (is_two_level(o))
		km->coarse = (uint32_t) sqrt((double) c);

	/* panels: of all centroids, of the coarse ones, or of the cells', each padded */
	lanes = vcs_assign_padded(&vcs_vector_ops, c) + (size_t) km->coarse * nr;
	search = lanes * o->dim * sizeof(float);
	if (is_coded(o))
	{
		const size_t codes = vcv_assigner_memory(o->clusters, o->dim);

		/* without two levels all goes through the codes */
		search = km->coarse == 0 || codes > search ? codes : search;
	}

	km->assign = (uint32_t *) take(&at, o->n * sizeof(uint32_t));
	km->sorted = (uint32_t *) take(&at, o->n * sizeof(uint32_t));
	km->subset = (uint32_t *) take(&at, o->n * sizeof(uint32_t));
	km->count = (uint32_t *) take(&at, c * sizeof(uint32_t));
	km->start = (size_t *) take(&at, (c + 1) * sizeof(size_t));
	km->norms = (float *) take(&at, lanes * sizeof(float));
	km->packed = (float *) take(&at, search);
	km->assigner_mem = km->packed;
	if (km->coarse > 0)
	{
		km->cells = (float *) take(&at, (size_t) km->coarse * o->dim * sizeof(float));
		km->seats = (uint32_t *) take(&at, km->coarse * sizeof(uint32_t));
		km->first = (uint32_t *) take(&at, km->coarse * sizeof(uint32_t));
		km->schedule = (uint32_t *) take(&at, km->coarse * sizeof(uint32_t));
		km->members = (size_t *) take(&at, (km->coarse + 1) * sizeof(size_t));
		km->pack_at = (size_t *) take(&at, km->coarse * sizeof(size_t));
	}
	km->scratch_bytes = scratch_layout(km, base, &unused);
	km->scratch = take(&at, threads * km->scratch_bytes);
	return (size_t) (at - base);
}

size_t
vcv_kmeans_memory(const VcvKmeansOptions *opts)
{
	static char nowhere[64] __attribute__((aligned(64)));
	VcvKmeansWork km;

	return layout(&km, opts, nowhere);
}

static bool
run_flat(VcvKmeansWork *km, float *centroids, bool codes)
{
	const uint32_t n = (uint32_t) km->o->n;
	VcvKmeansFlat f = {.km = km, .m = n, .c = km->o->clusters, .assign = km->assign};

	f.centroids = centroids;
	vcv_kmeans_shuffle(&km->random, km->subset, n, f.c);
	for (uint32_t k = 0; k < f.c; k++)
		vcv_kmeans_row(km, km->subset[k], centroids + (size_t) k * km->dim);
	vcv_kmeans_normalize(km, centroids, f.c);
	memset(km->assign, 0xFF, n * sizeof(uint32_t));
	return vcv_kmeans_iterate(&f, km->o->iterations, codes, 0, 1);
}

VcvKmeansResult
vcv_kmeans(const VcvKmeansOptions *opts, void *work, float *ret_centroids)
{
	const bool codes = is_coded(opts);
	VcvKmeansWork km;
	bool ok;

	layout(&km, opts, work);
	km.random = vcv_random_stream(opts->seed, 0);
	if (opts->n <= opts->clusters)
	{
		for (uint32_t k = 0; k < opts->clusters; k++)
		{
			float *c = ret_centroids + (size_t) k * opts->dim;

			if (k < opts->n)
				vcv_kmeans_row(&km, k, c);
			else if (opts->clusters == 1)
				memset(c, 0, opts->dim * sizeof(float));
			else
				vcv_random_vector(&km.random, c, opts->dim);
		}
		vcv_kmeans_normalize(&km, ret_centroids, opts->clusters);
		return VCV_KMEANS_OK;
	}

	for (uint32_t i = 0; i < opts->n; i++)
		km.subset[i] = i;
	vcv_team_begin(&km.team, opts->threads, opts->poll, opts->poll_arg);
	ok = km.coarse > 0 ? vcv_kmeans_two_level(&km, ret_centroids, codes)
					   : run_flat(&km, ret_centroids, codes);
	vcv_team_end(&km.team);
	return ok ? VCV_KMEANS_OK : VCV_KMEANS_CANCELLED;
}
