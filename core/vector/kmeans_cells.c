/*
 * core/vector/kmeans_cells.c
 *		Two-level k-means: coarse cells, clusters inside each, and flat refinement.
 *
 * About sqrt(c) coarse cells from a small sample; all samples to cells; the c clusters are dealt to cells
 * in proportion to their samples (Webster's method); Lloyd inside each cell, one cell a thread; then two
 * flat iterations over everything, which win back most of what the hierarchy lost.  Work falls from
 * n * c to about n * sqrt(c) a iteration.
 */
#include <string.h>

#include "core/simd/vector/ops.h"
#include "core/vector/kmeans_internal.h"
#include "core/vector/random.h"

/* the coarse step, as upstream: samples a cell, iterations */
#define COARSE_SAMPLES    256
#define COARSE_ITERATIONS 10

/* flat iterations after the hierarchical ones: two give back ~85 % of the recall that is lost */
#define REFINEMENTS 2

/* relative cost of one bound against one exact pair, and of a bounded sample in pairs */
#define BOUND_COST        0.16
#define BOUND_SAMPLE_COST 200.0

/* ---- inside one cell ---- */

/* more clusters than samples: the samples, then copies (of the coarse centroid if there is none) */
static void
cell_trivial(VcvKmeansWork *km, const uint32_t *ids, uint32_t m, float *centroids, uint32_t k,
			 uint32_t offset, const float *coarse)
{
	for (uint32_t i = 0; i < k; i++)
	{
		float *c = centroids + (size_t) i * km->dim;

		if (m == 0)
			memcpy(c, coarse, km->dim * sizeof(float));
		else
			vcv_kmeans_row(km, ids[i % m], c);
		if (i < m)
			km->assign[ids[i]] = offset + i;
		else
			vcs_vector_ops.scale_f32(c, 1 + VCV_KMEANS_EPSILON * (float) (i + 1), km->dim);
	}
	vcv_kmeans_normalize(km, centroids, k);
}

/* assign and sum in one pass over the samples; false if stopped */
static bool
cell_pass(VcvKmeansWork *km, const VcvKmeansFlat *f, float *packed, float *norms, uint32_t offset,
		  const VcvKmeansScratch *s, uint32_t *ret_changed)
{
	uint32_t *count = km->count + offset;

	*ret_changed = 0;
	vcs_vector_ops.assign_pack(f->centroids, km->dim, f->c, km->dim, packed, norms);
	memset(f->centroids, 0, (size_t) f->c * km->dim * sizeof(float));
	memset(count, 0, f->c * sizeof(uint32_t));
	for (uint32_t from = 0; from < f->m; from += km->tile)
	{
		const uint32_t len = f->m - from < km->tile ? f->m - from : km->tile;
		size_t stride;
		const float *x = vcv_kmeans_rows(f, from, len, s->tile, &stride);

		if (!vcv_kmeans_nearest(km, x, stride, len, packed, norms, f->c, s))
			return false;
		for (uint32_t i = 0; i < len; i++)
		{
			const uint32_t to = s->index[i];
			uint32_t *assign = &km->assign[f->ids[from + i]];

			*ret_changed += *assign != offset + to;
			*assign = offset + to;
			count[to]++;
			vcs_vector_ops.add_f32(f->centroids + (size_t) to * km->dim, x + i * stride, km->dim);
		}
	}
	for (uint32_t k = 0; k < f->c; k++)
	{
		if (count[k] > 0)
			vcs_vector_ops.scale_f32(f->centroids + (size_t) k * km->dim, 1.0f / (float) count[k],
									 km->dim);
	}
	return true;
}

typedef struct Cells
{
	VcvKmeansWork *km;
	float *centroids; /* of all */
} Cells;

static void
cell_item(void *arg, uint32_t item, uint32_t worker)
{
	const Cells *cells = arg;
	VcvKmeansWork *km = cells->km;
	const uint32_t cell = km->schedule[item];
	const uint32_t offset = km->first[cell];
	const VcvKmeansScratch s = vcv_kmeans_scratch(km, worker);
	uint32_t *ids = km->subset + km->members[cell];
	uint64_t random = vcv_random_stream(km->o->seed, cell + 1);
	VcvKmeansFlat f = {.km = km, .ids = ids};

	f.m = (uint32_t) (km->members[cell + 1] - km->members[cell]);
	f.c = km->seats[cell];
	f.centroids = cells->centroids + (size_t) offset * km->dim;
	if (f.m <= f.c)
	{
		cell_trivial(km, ids, f.m, f.centroids, f.c, offset, km->cells + (size_t) cell * km->dim);
		return;
	}
	vcv_kmeans_shuffle(&random, ids, f.m, f.c);
	for (uint32_t k = 0; k < f.c; k++)
		vcv_kmeans_row(km, ids[k], f.centroids + (size_t) k * km->dim);
	vcv_kmeans_normalize(km, f.centroids, f.c);
	/* until the first iteration the samples belong to the cell's first cluster, say */
	for (uint32_t i = 0; i < f.m; i++)
		km->assign[ids[i]] = offset;

	for (uint32_t i = 0; i < km->o->iterations; i++)
	{
		uint32_t changed;
		uint32_t repaired;

		if (!cell_pass(km, &f, km->packed + km->pack_at[cell] * km->dim,
					   km->norms + km->pack_at[cell], offset, &s, &changed))
			return;
		repaired = vcv_kmeans_repair(&random, f.centroids, km->dim, km->count + offset, f.c,
									 km->assign, ids, f.m, offset);
		vcv_kmeans_normalize(km, f.centroids, f.c);
		if (changed == 0 && repaired == 0)
			break;
	}
}

/* ---- two levels ---- */

/* place `at` of a heap of cells ordered by weight / (seats + 1/2), smaller number first on a tie */
static void
sift_down(uint32_t *heap, uint32_t size, uint32_t at, const uint32_t *weights,
		  const uint32_t *seats)
{
	for (;;)
	{
		uint32_t best = at;

		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < size; child++)
		{
			const uint32_t a = heap[child];
			const uint32_t b = heap[best];
			/* cross-multiplied: w_a (2 s_b + 1) against w_b (2 s_a + 1) */
			const double l = (double) weights[a] * (2.0 * seats[b] + 1);
			const double r = (double) weights[b] * (2.0 * seats[a] + 1);

			if (l > r || (l == r && a < b))
				best = child;
		}
		if (best == at)
			return;
		{
			const uint32_t t = heap[at];

			heap[at] = heap[best];
			heap[best] = t;
		}
		at = best;
	}
}

void
vcv_kmeans_seats(const uint32_t *weights, uint32_t cells, uint32_t seats, uint32_t *heap,
				 uint32_t *ret_seats)
{
	for (uint32_t i = 0; i < cells; i++)
	{
		ret_seats[i] = 1;
		heap[i] = i;
	}
	for (uint32_t i = cells / 2; i-- > 0;)
		sift_down(heap, cells, i, weights, ret_seats);
	for (uint32_t given = cells; given < seats; given++)
	{
		ret_seats[heap[0]]++;
		sift_down(heap, cells, 0, weights, ret_seats);
	}
}

/* big cells first, so that no thread is left alone with one at the end */
static void
schedule_cells(VcvKmeansWork *km)
{
	for (uint32_t i = 0; i < km->coarse; i++)
	{
		const size_t size = km->members[i + 1] - km->members[i];
		uint32_t j = i;

		for (; j > 0; j--)
		{
			const uint32_t before = km->schedule[j - 1];

			if (km->members[before + 1] - km->members[before] >= size)
				break;
			km->schedule[j] = before;
		}
		km->schedule[j] = i;
	}
}

/* cells, their members and seats; part of the progress: from .. to */
static bool
divide(VcvKmeansWork *km, double from, double to)
{
	const uint32_t n = (uint32_t) km->o->n;
	const uint64_t want = (uint64_t) km->coarse * COARSE_SAMPLES;
	const uint32_t m = want < n ? (uint32_t) want : n;
	const double middle = from + (to - from) * ((double) m * COARSE_ITERATIONS) /
									 ((double) m * COARSE_ITERATIONS + n);
	uint32_t first = 0;
	size_t pack_at = 0;
	VcvKmeansFlat f = {.km = km, .centroids = km->cells, .c = km->coarse, .assign = km->assign};

	/* a small sample finds the cells */
	vcv_kmeans_shuffle(&km->random, km->subset, n, m);
	for (uint32_t k = 0; k < km->coarse; k++)
		vcv_kmeans_row(km, km->subset[k], km->cells + (size_t) k * km->dim);
	vcv_kmeans_normalize(km, km->cells, km->coarse);
	f.ids = km->subset;
	f.m = m;
	memset(km->assign, 0xFF, n * sizeof(uint32_t));
	if (!vcv_kmeans_iterate(&f, COARSE_ITERATIONS, false, from, middle))
		return false;

	/* all samples go to them */
	f.ids = NULL;
	f.m = n;
	if (!vcv_kmeans_assign(&f, false, middle, to))
		return false;
	vcv_kmeans_sort(km, km->assign, n, km->coarse);
	memcpy(km->subset, km->sorted, n * sizeof(uint32_t));
	memcpy(km->members, km->start, (km->coarse + 1) * sizeof(size_t));
	vcv_kmeans_seats(km->count, km->coarse, km->o->clusters, km->first, km->seats);
	for (uint32_t k = 0; k < km->coarse; k++)
	{
		km->first[k] = first;
		km->pack_at[k] = pack_at;
		first += km->seats[k];
		pack_at += vcs_assign_padded(&vcs_vector_ops, km->seats[k]);
	}
	schedule_cells(km);
	return true;
}

bool
vcv_kmeans_two_level(VcvKmeansWork *km, float *centroids, bool codes)
{
	const double n = (double) km->o->n;
	const double c = km->o->clusters;
	const uint32_t iterations = km->o->iterations;
	const uint32_t refinements = iterations < REFINEMENTS ? iterations : REFINEMENTS;
	const double pair = codes ? BOUND_COST : 1;
	const double divide_cost = n * km->coarse * 2;
	const double cells_cost = n * (c / km->coarse + 20) * iterations;
	const double flat_cost = n * (c * pair + (codes ? BOUND_SAMPLE_COST : 20)) * refinements;
	const double total = divide_cost + cells_cost + flat_cost;
	Cells cells = {.km = km, .centroids = centroids};
	VcvKmeansFlat f = {
		.km = km, .m = (uint32_t) km->o->n, .c = km->o->clusters, .assign = km->assign};

	f.centroids = centroids;
	if (!divide(km, 0, divide_cost / total))
		return false;
	if (!vcv_team_run(&km->team, cell_item, &cells, km->coarse, divide_cost / total,
					  (divide_cost + cells_cost) / total))
		return false;
	return vcv_kmeans_iterate(&f, refinements, codes, (divide_cost + cells_cost) / total, 1);
}
