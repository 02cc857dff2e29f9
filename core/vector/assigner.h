/*
 * core/vector/assigner.h
 *		Nearest-centroid search over a fixed set: RaBitQ bounds, exact recheck, warm start.
 *
 * Used by the flat passes of k-means and by builds that assign all rows.  Read-only once built: any
 * number of threads may share one, each with a scratch of its own.
 */
#ifndef VC_CORE_VECTOR_ASSIGNER_H
#define VC_CORE_VECTOR_ASSIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VcvAssigner VcvAssigner;

/* bytes of an assigner, and of the scratch that each of its users needs */
extern size_t vcv_assigner_memory(uint32_t clusters, uint32_t dim);
extern size_t vcv_assigner_scratch(uint32_t dim);

/* whether bounds are used; if not, all distances are computed and warm does not matter */
extern bool vcv_assigner_uses_codes(uint32_t clusters, uint32_t dim);

/*
 * Build in mem (vcv_assigner_memory() bytes, 64-byte aligned).  centroids: f32 [clusters][dim], not
 * copied, to stay as they are while the assigner is used.  clusters >= 1.
 */
extern VcvAssigner *vcv_assigner_init(void *mem, const float *centroids, uint32_t clusters,
									  uint32_t dim);

/* the same in parts: begin, then code all blocks, in any order and by any thread */
extern VcvAssigner *vcv_assigner_begin(void *mem, const float *centroids, uint32_t clusters,
									   uint32_t dim);
extern uint32_t vcv_assigner_blocks(const VcvAssigner *assigner);
extern void vcv_assigner_code_block(VcvAssigner *assigner, uint32_t block, void *scratch);

/*
 * Index of the centroid nearest to x[dim] by squared L2 (of equally near ones any, the same every
 * time), found by bounds that hold with epsilon 1.9.  warm: a guess (any value; >= clusters = none).
 * scratch: vcv_assigner_scratch() bytes, 64-byte aligned.
 */
extern uint32_t vcv_assigner_nearest(const VcvAssigner *assigner, const float *x, uint32_t warm,
									 void *scratch, float *ret_distance2);

#endif
