/*
 * core/vector/random.h
 *		Random numbers that depend on the seed only: splitmix64.
 *
 * A stream for each independent piece of work (a cell of k-means, say), so that neither the order in which the
 * pieces are done nor the number of threads matters.
 */
#ifndef VC_CORE_VECTOR_RANDOM_H
#define VC_CORE_VECTOR_RANDOM_H

#include <stdint.h>

static inline uint64_t
vcv_random_next(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* 0 .. limit - 1 */
static inline uint32_t
vcv_random_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t) (((vcv_random_next(state) >> 32) * limit) >> 32);
}

/* the state that a stream begins with */
static inline uint64_t
vcv_random_stream(uint64_t seed, uint64_t stream)
{
	uint64_t state = seed ^ (stream * UINT64_C(0xD1342543DE82EF95));

	return vcv_random_next(&state);
}

/* x[dim] in [-1, 1) */
static inline void
vcv_random_vector(uint64_t *state, float *x, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i++)
		x[i] = (float) (vcv_random_next(state) >> 40) * (2.0f / (1 << 24)) - 1.0f;
}

#endif
