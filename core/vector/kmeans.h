/*
 * core/vector/kmeans.h
 *		k-means over a sample that lies in memory: pure computation, no PostgreSQL calls.
 *
 * Memory: the caller hands over one work block of vcv_kmeans_memory() bytes; nothing is allocated
 * inside, so threads need no allocator.  Threads: at most one call at a time in a process; see
 * kmeans.c for the rules.  Results depend on samples, options and seed only, never on the number of
 * threads.
 */
#ifndef VC_CORE_VECTOR_KMEANS_H
#define VC_CORE_VECTOR_KMEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vector/types.h"

/* seed of every build, as upstream (32 bytes of value 7) */
#define VCV_KMEANS_SEED UINT64_C(0x0707070707070707)

typedef enum VcvKmeansAlgorithm
{
	VCV_KMEANS_AUTO = 0,    /* two-level when clusters * samples makes it worth while, else lloyd */
	VCV_KMEANS_LLOYD,       /* flat, every iteration looks at all clusters */
	VCV_KMEANS_HIERARCHICAL /* sqrt(c) coarse cells, seats in proportion, 2 flat refinements */
} VcvKmeansAlgorithm;

typedef enum VcvKmeansResult
{
	VCV_KMEANS_OK = 0,
	VCV_KMEANS_CANCELLED /* poll said so; centroids are undefined; all threads are gone */
} VcvKmeansResult;

typedef struct VcvKmeansOptions
{
	/* samples: n rows of dim elements, row i at samples + i * stride bytes, read only */
	const void *samples;
	VcvType type;
	size_t n;      /* < 2^32 */
	size_t stride; /* bytes; a multiple of the element size */
	uint32_t dim;

	uint32_t clusters;   /* >= 1 */
	uint32_t iterations; /* of Lloyd; 0 leaves the initial (random distinct) samples */
	VcvKmeansAlgorithm algorithm;
	bool spherical; /* scale centroids to unit length (a zero centroid stays zero) */
	uint64_t seed;
	uint32_t threads; /* <= 1: everything runs in the caller's thread */

	/*
	 * Called in the caller's thread at least every ~50 ms; true = cancel.  Must not raise: note the
	 * wish, return true, and raise after vcv_kmeans() has returned.  percent is 0..100 and never
	 * falls.  NULL = no interest.
	 */
	bool (*poll)(void *arg, int percent);
	void *poll_arg;
} VcvKmeansOptions;

/* bytes of the work block for these options (samples and result not included) */
extern size_t vcv_kmeans_memory(const VcvKmeansOptions *opts);

/*
 * Cluster.  work: vcv_kmeans_memory() bytes, 64-byte aligned.  ret_centroids: clusters * dim f32.
 * With n <= clusters the samples themselves come first and the rest is random in [-1, 1) (for one
 * cluster and no sample: zero), so that an index on an empty table can be built.
 */
extern VcvKmeansResult vcv_kmeans(const VcvKmeansOptions *opts, void *work, float *ret_centroids);

/*
 * Deal `seats` >= cells clusters to cells in proportion to weights (Webster's method, at least one
 * each).  heap[cells] is scratch.
 */
extern void vcv_kmeans_seats(const uint32_t *weights, uint32_t cells, uint32_t seats,
							 uint32_t *heap, uint32_t *ret_seats);

#endif
