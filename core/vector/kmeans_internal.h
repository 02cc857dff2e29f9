/*
 * core/vector/kmeans_internal.h
 *		What the files of k-means share: the work block, a flat problem, and the steps on it.
 *
 * kmeans.c lays the block out and runs the whole; kmeans_flat.c has the steps of one iteration;
 * kmeans_cells.c the two levels.
 */
#ifndef VC_CORE_VECTOR_KMEANS_INTERNAL_H
#define VC_CORE_VECTOR_KMEANS_INTERNAL_H

#include "core/vector/assigner.h"
#include "core/vector/kmeans.h"
#include "core/vector/team.h"

/* halves of a cluster that was split are pushed apart by this share of each component */
#define VCV_KMEANS_EPSILON (1.0f / 1024)

typedef struct VcvKmeansWork
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
} VcvKmeansWork;

/* a flat problem: m samples (ids, or all), c centroids */
typedef struct VcvKmeansFlat
{
	VcvKmeansWork *km;
	const uint32_t *ids; /* NULL: position = sample */
	uint32_t m;
	float *centroids;
	uint32_t c;
	uint32_t *assign; /* [m] by position */
	VcvAssigner *assigner;
	uint64_t changed; /* atomic */
} VcvKmeansFlat;

typedef struct VcvKmeansScratch
{
	float *tile;      /* [tile][dim] */
	uint32_t *index;  /* [tile] */
	float *value;     /* [tile] */
	uint32_t *index2; /* [tile] */
	float *value2;    /* [tile] */
	void *assigner;
} VcvKmeansScratch;

/*----- kmeans.c -----*/

extern VcvKmeansScratch vcv_kmeans_scratch(const VcvKmeansWork *km, uint32_t worker);

/*----- kmeans_flat.c -----*/

/* the first k of ids[m] become a random choice */
extern void vcv_kmeans_shuffle(uint64_t *state, uint32_t *ids, uint32_t m, uint32_t k);

/* a sample as f32 */
extern void vcv_kmeans_row(const VcvKmeansWork *km, uint32_t sample, float *ret_x);

/* positions from .. from + len of a problem as a matrix with *ret_stride floats a row; tile: room for it */
extern const float *vcv_kmeans_rows(const VcvKmeansFlat *f, uint32_t from, uint32_t len,
									float *tile, size_t *ret_stride);

/* exact nearest of c packed centroids for len rows: s->index, s->value; false if stopped */
extern bool vcv_kmeans_nearest(VcvKmeansWork *km, const float *x, size_t stride, uint32_t len,
							   const float *packed, const float *norms, uint32_t c,
							   const VcvKmeansScratch *s);

/*
 * All positions to their nearest centroid; f->changed = how many moved.  Progress goes from .. to.  False if
 * stopped.
 */
extern bool vcv_kmeans_assign(VcvKmeansFlat *f, bool codes, double from, double to);

/* sorted, start and count from assign */
extern void vcv_kmeans_sort(VcvKmeansWork *km, const uint32_t *assign, uint32_t m, uint32_t c);

/*
 * Give each empty cluster half of another.  assign[m] tells where samples were before; a donor is the
 * cluster of a random sample, taken with probability (count - 1) / count, which draws clusters in
 * proportion to count - 1.  Returns how many were empty.
 */
extern uint32_t vcv_kmeans_repair(uint64_t *random, float *centroids, uint32_t dim, uint32_t *count,
								  uint32_t c, const uint32_t *assign, const uint32_t *ids,
								  uint32_t m, uint32_t offset);

/* to unit length, if that is asked for */
extern void vcv_kmeans_normalize(const VcvKmeansWork *km, float *centroids, uint32_t c);

/* Assigns and moves centroids until nothing moves, or as often as `iterations` says.  False if stopped. */
extern bool vcv_kmeans_iterate(VcvKmeansFlat *f, uint32_t iterations, bool codes, double from,
							   double to);

/*----- kmeans_cells.c -----*/

/* Two levels, and what comes after them.  False if stopped. */
extern bool vcv_kmeans_two_level(VcvKmeansWork *km, float *centroids, bool codes);

#endif
