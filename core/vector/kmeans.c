/*
 * core/vector/kmeans.c
 *		k-means: flat Lloyd, and two-level with flat refinement.
 *
 * Flat: assign every sample to the nearest of all centroids, move centroids to the means, repeat.
 * Many clusters in many dimensions are searched by RaBitQ bounds (assigner.c), else by the blocked
 * exact kernel.
 *
 * Two-level: about sqrt(c) coarse cells from a small sample; all samples to cells; the c clusters are
 * dealt to cells in proportion to their samples (Webster's method); Lloyd inside each cell; then two
 * flat iterations over everything, which win back most of what the hierarchy lost.  Work falls from
 * n * c to about n * sqrt(c) a iteration.
 *
 * Determinism: every loop body writes places of its own (assignments of a fixed run of samples, one
 * centroid, one cell), sums go over samples in ascending order, and random numbers come from streams
 * keyed by seed and cell.  So neither the number of threads nor their timing can change the result.
 *
 * Empty clusters: each takes a copy of the centroid of a cluster drawn in proportion to its size less
 * one; the copies are pushed apart by 1/1024 of each component, alternating in sign.
 */
#include <math.h>
#include <string.h>

#include "core/simd/vector/ops.h"
#include "core/vector/assigner.h"
#include "core/vector/kmeans.h"
#include "core/vector/team.h"

/* rows of a tile: as many as half of a usual L2 cache holds, within reason */
#define TILE_BYTES (512 * 1024)
#define TILE_MAX   128
#define TILE_MIN   12

/* centroids given to the exact kernel at once: bounds the time between two looks at the clock */
#define SLICE 2048

/* the coarse step, as upstream: samples a cell, iterations */
#define COARSE_SAMPLES    256
#define COARSE_ITERATIONS 10

/* flat iterations after the hierarchical ones: two give back ~85 % of the recall that is lost */
#define REFINEMENTS 2

/*
 * When "auto" goes two-level: multiply-adds of the flat algorithm beyond a second or so of one core,
 * and enough clusters for two levels to make sense.
 */
#define AUTO_MIN_WORK     1e11
#define AUTO_MIN_CLUSTERS 64

/* relative cost of one bound against one exact pair, and of a bounded sample in pairs */
#define BOUND_COST        0.16
#define BOUND_SAMPLE_COST 200.0

/*
 * Components of all centroids from which on flat passes go through codes: below, the blocked exact
 * kernel is faster than making a table for each sample (measured at 128 and 768 dimensions).
 */
#define CODES_MIN_COMPONENTS (1u << 18)

#define EMPTY_EPSILON (1.0f / 1024)
#define NO_CLUSTER    UINT32_MAX

typedef struct Kmeans
{
	const VcvKmeansOptions *o;
	uint32_t dim;
	uint32_t tile;   /* rows */
	uint32_t coarse; /* cells; 0 = flat */
	uint32_t slice;  /* centroids; a multiple of assign_nr */

	uint32_t *assign; /* [n] cluster (for a while: cell) of each sample */
	uint32_t *sorted; /* [n] positions by cluster, ascending inside */
	uint32_t *subset; /* [n] shuffled samples; samples by cell */
	uint32_t *count;  /* [c] */
	size_t *start;    /* [c + 1] into sorted */
	float *packed;    /* for the exact kernel; shared with the assigner's memory */
	float *norms;
	void *assigner_mem;

	/* two-level */
	float *cells;       /* [coarse][dim] */
	uint32_t *seats;    /* [coarse] clusters of a cell */
	uint32_t *first;    /* [coarse] its first cluster */
	uint32_t *schedule; /* [coarse] big cells first */
	size_t *members;    /* [coarse + 1] into subset */
	size_t *pack_at;    /* [coarse] first line of its panel */

	char *scratch; /* per worker: tile, indexes, values, assigner scratch */
	size_t scratch_bytes;

	uint64_t random;
	VcvTeam team;
} Kmeans;

/* a flat problem: m samples (ids, or all), c centroids */
typedef struct Flat
{
	Kmeans *km;
	const uint32_t *ids; /* NULL: position = sample */
	uint32_t m;
	float *centroids;
	uint32_t c;
	uint32_t *assign; /* [m] by position */
	VcvAssigner *assigner;
	uint64_t changed; /* atomic */
} Flat;

/* ---- random numbers: splitmix64 ---- */

static uint64_t
random_next(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static uint32_t
random_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t) (((random_next(state) >> 32) * limit) >> 32);
}

static uint64_t
random_stream(uint64_t seed, uint64_t stream)
{
	uint64_t state = seed ^ (stream * UINT64_C(0xD1342543DE82EF95));

	return random_next(&state);
}

static void
random_vector(uint64_t *state, float *x, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i++)
		x[i] = (float) (random_next(state) >> 40) * (2.0f / (1 << 24)) - 1.0f;
}

/* the first k of ids[m] become a random choice */
static void
shuffle(uint64_t *state, uint32_t *ids, uint32_t m, uint32_t k)
{
	for (uint32_t i = 0; i < k; i++)
	{
		const uint32_t j = i + random_below(state, m - i);
		const uint32_t t = ids[i];

		ids[i] = ids[j];
		ids[j] = t;
	}
}

/* ---- samples ---- */

static const float *
row_in_place(const Kmeans *km, uint32_t sample)
{
	return (const float *) ((const char *) km->o->samples + (size_t) sample * km->o->stride);
}

static void
row_copy(const Kmeans *km, uint32_t sample, float *ret_x)
{
	const char *row = (const char *) km->o->samples + (size_t) sample * km->o->stride;

	if (km->o->type == VCV_VECTOR)
		memcpy(ret_x, row, km->dim * sizeof(float));
	else
		vcs_vector_ops.f16_to_f32((const VcvHalf *) row, km->dim, ret_x);
}

static const float *
row(const Kmeans *km, uint32_t sample, float *buffer)
{
	if (km->o->type == VCV_VECTOR)
		return row_in_place(km, sample);
	row_copy(km, sample, buffer);
	return buffer;
}

/* positions from .. from + len of a problem as a matrix with *ret_stride floats a row */
static const float *
rows(const Flat *f, uint32_t from, uint32_t len, float *tile, size_t *ret_stride)
{
	const Kmeans *km = f->km;

	if (f->ids == NULL && km->o->type == VCV_VECTOR)
	{
		*ret_stride = km->o->stride / sizeof(float);
		return row_in_place(km, from);
	}
	for (uint32_t i = 0; i < len; i++)
		row_copy(km, f->ids == NULL ? from + i : f->ids[from + i], tile + (size_t) i * km->dim);
	*ret_stride = km->dim;
	return tile;
}

/* ---- memory ---- */

static size_t
lines(size_t bytes)
{
	return (bytes + 63) & ~(size_t) 63;
}

typedef struct Scratch
{
	float *tile;      /* [tile][dim] */
	uint32_t *index;  /* [tile] */
	float *value;     /* [tile] */
	uint32_t *index2; /* [tile] */
	float *value2;    /* [tile] */
	void *assigner;
} Scratch;

static size_t
scratch_layout(const Kmeans *km, char *base, Scratch *ret_scratch)
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

static Scratch
scratch_of(const Kmeans *km, uint32_t worker)
{
	Scratch s;

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
layout(Kmeans *km, const VcvKmeansOptions *o, char *base)
{
	char *at = base;
	const size_t c = o->clusters;
	const uint32_t threads = o->threads < 1                      ? 1
							 : o->threads > VCV_TEAM_MAX_THREADS ? VCV_TEAM_MAX_THREADS
																 : o->threads;
	const size_t nr = vcs_vector_ops.assign_nr;
	size_t lanes;
	size_t search;
	Scratch unused;

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
	Kmeans km;

	return layout(&km, opts, nowhere);
}

/* ---- one flat iteration ---- */

static void
pack_item(void *arg, uint32_t item, uint32_t worker)
{
	Flat *f = arg;
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
	Flat *f = arg;

	vcv_assigner_code_block(f->assigner, item, scratch_of(f->km, worker).assigner);
}

/* exact nearest of c packed centroids for len rows: s->index, s->value */
static bool
nearest_packed(Kmeans *km, const float *x, size_t stride, uint32_t len, const float *packed,
			   const float *norms, uint32_t c, const Scratch *s)
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
	Flat *f = arg;
	Kmeans *km = f->km;
	const Scratch s = scratch_of(km, worker);
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
		const float *x = rows(f, from, len, s.tile, &stride);

		if (!nearest_packed(km, x, stride, len, km->packed, km->norms, f->c, &s))
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

/* all positions to their nearest centroid; f->changed = how many moved */
static bool
flat_assign(Flat *f, bool codes, double from, double to)
{
	Kmeans *km = f->km;
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

/* sorted, start and count from assign */
static void
sort_by_cluster(Kmeans *km, const uint32_t *assign, uint32_t m, uint32_t c)
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
	Flat *f = arg;
	Kmeans *km = f->km;
	const uint32_t dim = km->dim;
	float *buffer = scratch_of(km, worker).tile;
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

/*
 * Give each empty cluster half of another.  assign[m] tells where samples were before; a donor is the
 * cluster of a random sample, taken with probability (count - 1) / count, which draws clusters in
 * proportion to count - 1.
 */
static uint32_t
repair_empty(uint64_t *random, float *centroids, uint32_t dim, uint32_t *count, uint32_t c,
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
			const uint32_t at = random_below(random, m);
			const uint32_t d = assign[ids == NULL ? at : ids[at]] - offset;

			if (random_below(random, count[d] > 0 ? count[d] : 1) > 0)
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
			const float up = i % 2 == 0 ? 1 + EMPTY_EPSILON : 1 - EMPTY_EPSILON;
			const float down = i % 2 == 0 ? 1 - EMPTY_EPSILON : 1 + EMPTY_EPSILON;

			to[i] *= up;
			centroids[(size_t) donor * dim + i] *= down;
		}
		count[k] = count[donor] / 2;
		count[donor] -= count[k];
		repaired++;
	}
	return repaired;
}

static void
normalize_all(const Kmeans *km, float *centroids, uint32_t c)
{
	if (!km->o->spherical)
		return;
	for (uint32_t k = 0; k < c; k++)
		vcv_normalize(centroids + (size_t) k * km->dim, km->dim);
}

/* centroids become means; ret_done: nothing moved, further iterations would change nothing */
static bool
flat_update(Flat *f, double from, double to, bool *ret_done)
{
	Kmeans *km = f->km;
	uint32_t repaired;

	if (f->changed == 0)
	{
		*ret_done = true;
		return true;
	}
	sort_by_cluster(km, f->assign, f->m, f->c);
	if (!vcv_team_run(&km->team, mean_item, f, f->c, from, to))
		return false;
	repaired =
		repair_empty(&km->random, f->centroids, km->dim, km->count, f->c, f->assign, NULL, f->m, 0);
	normalize_all(km, f->centroids, f->c);
	(void) repaired;
	*ret_done = false;
	return true;
}

static bool
flat_iterate(Flat *f, uint32_t iterations, bool codes, double from, double to)
{
	const double each = iterations == 0 ? 0 : (to - from) / iterations;

	for (uint32_t i = 0; i < iterations; i++)
	{
		const double at = from + i * each;
		bool done;

		if (!flat_assign(f, codes, at, at + 0.9 * each))
			return false;
		if (!flat_update(f, at + 0.9 * each, at + each, &done))
			return false;
		if (done)
			break;
	}
	return true;
}

/* ---- inside one cell ---- */

/* more clusters than samples: the samples, then copies (of the coarse centroid if there is none) */
static void
cell_trivial(Kmeans *km, const uint32_t *ids, uint32_t m, float *centroids, uint32_t k,
			 uint32_t offset, const float *coarse)
{
	for (uint32_t i = 0; i < k; i++)
	{
		float *c = centroids + (size_t) i * km->dim;

		if (m == 0)
			memcpy(c, coarse, km->dim * sizeof(float));
		else
			row_copy(km, ids[i % m], c);
		if (i < m)
			km->assign[ids[i]] = offset + i;
		else
			vcs_vector_ops.scale_f32(c, 1 + EMPTY_EPSILON * (float) (i + 1), km->dim);
	}
	normalize_all(km, centroids, k);
}

/* assign and sum in one pass over the samples; false if stopped */
static bool
cell_pass(Kmeans *km, const Flat *f, float *packed, float *norms, uint32_t offset, const Scratch *s,
		  uint32_t *ret_changed)
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
		const float *x = rows(f, from, len, s->tile, &stride);

		if (!nearest_packed(km, x, stride, len, packed, norms, f->c, s))
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
	Kmeans *km;
	float *centroids; /* of all */
} Cells;

static void
cell_item(void *arg, uint32_t item, uint32_t worker)
{
	const Cells *cells = arg;
	Kmeans *km = cells->km;
	const uint32_t cell = km->schedule[item];
	const uint32_t offset = km->first[cell];
	const Scratch s = scratch_of(km, worker);
	uint32_t *ids = km->subset + km->members[cell];
	uint64_t random = random_stream(km->o->seed, cell + 1);
	Flat f = {.km = km, .ids = ids};

	f.m = (uint32_t) (km->members[cell + 1] - km->members[cell]);
	f.c = km->seats[cell];
	f.centroids = cells->centroids + (size_t) offset * km->dim;
	if (f.m <= f.c)
	{
		cell_trivial(km, ids, f.m, f.centroids, f.c, offset, km->cells + (size_t) cell * km->dim);
		return;
	}
	shuffle(&random, ids, f.m, f.c);
	for (uint32_t k = 0; k < f.c; k++)
		row_copy(km, ids[k], f.centroids + (size_t) k * km->dim);
	normalize_all(km, f.centroids, f.c);
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
		repaired = repair_empty(&random, f.centroids, km->dim, km->count + offset, f.c, km->assign,
								ids, f.m, offset);
		normalize_all(km, f.centroids, f.c);
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
schedule_cells(Kmeans *km)
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
divide(Kmeans *km, double from, double to)
{
	const uint32_t n = (uint32_t) km->o->n;
	const uint64_t want = (uint64_t) km->coarse * COARSE_SAMPLES;
	const uint32_t m = want < n ? (uint32_t) want : n;
	const double middle = from + (to - from) * ((double) m * COARSE_ITERATIONS) /
									 ((double) m * COARSE_ITERATIONS + n);
	uint32_t first = 0;
	size_t pack_at = 0;
	Flat f = {.km = km, .centroids = km->cells, .c = km->coarse, .assign = km->assign};

	/* a small sample finds the cells */
	shuffle(&km->random, km->subset, n, m);
	for (uint32_t k = 0; k < km->coarse; k++)
		row_copy(km, km->subset[k], km->cells + (size_t) k * km->dim);
	normalize_all(km, km->cells, km->coarse);
	f.ids = km->subset;
	f.m = m;
	memset(km->assign, 0xFF, n * sizeof(uint32_t));
	if (!flat_iterate(&f, COARSE_ITERATIONS, false, from, middle))
		return false;

	/* all samples go to them */
	f.ids = NULL;
	f.m = n;
	if (!flat_assign(&f, false, middle, to))
		return false;
	sort_by_cluster(km, km->assign, n, km->coarse);
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

static bool
run_two_level(Kmeans *km, float *centroids, bool codes)
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
	Flat f = {.km = km, .m = (uint32_t) km->o->n, .c = km->o->clusters, .assign = km->assign};

	f.centroids = centroids;
	if (!divide(km, 0, divide_cost / total))
		return false;
	if (!vcv_team_run(&km->team, cell_item, &cells, km->coarse, divide_cost / total,
					  (divide_cost + cells_cost) / total))
		return false;
	return flat_iterate(&f, refinements, codes, (divide_cost + cells_cost) / total, 1);
}

static bool
run_flat(Kmeans *km, float *centroids, bool codes)
{
	const uint32_t n = (uint32_t) km->o->n;
	Flat f = {.km = km, .m = n, .c = km->o->clusters, .assign = km->assign};

	f.centroids = centroids;
	shuffle(&km->random, km->subset, n, f.c);
	for (uint32_t k = 0; k < f.c; k++)
		row_copy(km, km->subset[k], centroids + (size_t) k * km->dim);
	normalize_all(km, centroids, f.c);
	memset(km->assign, 0xFF, n * sizeof(uint32_t));
	return flat_iterate(&f, km->o->iterations, codes, 0, 1);
}

VcvKmeansResult
vcv_kmeans(const VcvKmeansOptions *opts, void *work, float *ret_centroids)
{
	const bool codes = is_coded(opts);
	Kmeans km;
	bool ok;

	layout(&km, opts, work);
	km.random = random_stream(opts->seed, 0);
	if (opts->n <= opts->clusters)
	{
		for (uint32_t k = 0; k < opts->clusters; k++)
		{
			float *c = ret_centroids + (size_t) k * opts->dim;

			if (k < opts->n)
				row_copy(&km, k, c);
			else if (opts->clusters == 1)
				memset(c, 0, opts->dim * sizeof(float));
			else
				random_vector(&km.random, c, opts->dim);
		}
		normalize_all(&km, ret_centroids, opts->clusters);
		return VCV_KMEANS_OK;
	}

	for (uint32_t i = 0; i < opts->n; i++)
		km.subset[i] = i;
	vcv_team_begin(&km.team, opts->threads, opts->poll, opts->poll_arg);
	ok = km.coarse > 0 ? run_two_level(&km, ret_centroids, codes)
					   : run_flat(&km, ret_centroids, codes);
	vcv_team_end(&km.team);
	return ok ? VCV_KMEANS_OK : VCV_KMEANS_CANCELLED;
}

/* ---- means in full dimension ---- */

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
	uint64_t random = random_stream(seed, 0);

	for (uint32_t k = 0; k < means->clusters; k++)
	{
		float *c = means->sums + (size_t) k * means->dim;

		if (means->counts[k] > 0)
			vcs_vector_ops.scale_f32(c, 1.0f / (float) means->counts[k], means->dim);
		else
			random_vector(&random, c, means->dim);
		if (spherical)
			vcv_normalize(c, means->dim);
	}
}
