/*
 * core/vector/sample.h
 *		Rows for training: whole blocks of the table in pseudo-random order, as vectors.
 *
 * The blocks are visited in the order of a keyed Feistel permutation, and all visible rows of a
 * visited block are taken until enough were seen.  Rows are read under a registered MVCC snapshot,
 * so their TOAST values exist (SnapshotAny could meet a dead row whose TOAST is gone); the predicate
 * of a partial index is applied; index expressions are evaluated; NULL is skipped.  A table AM needs
 * TABLESAMPLE support only.
 */
#ifndef VC_CORE_VECTOR_SAMPLE_H
#define VC_CORE_VECTOR_SAMPLE_H

#include "nodes/execnodes.h"
#include "utils/rel.h"

#include "core/vector/opclass.h"

typedef struct VcvSampleSpec
{
	Relation heap;
	Relation index;
	VcvOpclass
		opclass;   /* of the index; cosine rows are normalised, each token of an array is a row */
	uint32 dim;    /* of the column; another one raises "invalid vector dimensions" */
	uint64 wanted; /* rows; 0 = none */
	uint64 seed;   /* order of blocks */

	VcvType row_type; /* of the rows written: f32 or half */
	uint32 row_dim;   /* elements written per row, <= dim */
	/*
	 * Optional: turns x[dim] (f32, normalised if cosine) into what is stored, in place; the first
	 * row_dim elements are kept.  For rotation.
	 */
	void (*transform)(void *arg, float *x);
	void *transform_arg;

	/*
	 * Where rows go: rows * row_dim elements from `memory` on, or, with memory NULL, to the
	 * callback, which returns false to stop.
	 */
	void *memory;
	uint64 capacity; /* rows that fit; wanted is clamped to it */
	bool (*row)(void *arg, const float *x);
	void *row_arg;
} VcvSampleSpec;

typedef struct VcvSampleResult
{
	uint64 rows;    /* written */
	uint64 visible; /* rows seen, with NULLs and those outside of the predicate */
	uint64 nulls;
	BlockNumber blocks; /* visited */
	BlockNumber total;  /* of the table */
} VcvSampleResult;

extern void vcv_sample(const VcvSampleSpec *spec, VcvSampleResult *ret_result);

/*
 * Vectors to expect in the index, from a few sampled blocks and the table's size: what a build that
 * chooses its lists by itself goes by.  Cheap: at most `blocks` blocks are read, no vector is
 * detoasted (of arrays, maxsim, the head is).
 */
extern double vcv_sample_estimate(Relation heap, Relation index, bool maxsim, BlockNumber blocks,
								  uint64 seed);

/* The permutation: i-th block of n under a key, 0 <= i < n. */
extern uint64 vcv_permute(uint64 i, uint64 n, uint64 key);

#endif
