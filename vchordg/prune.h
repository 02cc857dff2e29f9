/*
 * vchordg/prune.h
 *		RobustPrune (DiskANN, NeurIPS 2019) with a list of alphas and saturation; pure.
 */
#ifndef VCHORDG_PRUNE_H
#define VCHORDG_PRUNE_H

#include "core/vector/distance.h"

#include "vchordg/format.h"

/* a candidate neighbour of the owner */
typedef struct VgCandidate
{
	VgRef ref;
	float score; /* owner -> candidate */
	uint64 labels;
	bool pinned;   /* is kept in any case */
	uint32 number; /* the caller's */
} VgCandidate;

/* score between two candidates, as good as the caller can say; called for pairs in ascending order of the owner's score */
typedef float (*VgPairScore)(void *arg, const VgCandidate *a, const VgCandidate *b);

typedef struct VgPruneRule
{
	VcvMetric metric;
	uint32 nalphas;
	const float *alpha; /* ascending, the first is 1 */
} VgPruneRule;

/*
 * Choose at most m of candidates[n] (sorted by score and place on return: the chosen first).  u is kept if for every kept v
 * score(u) < alpha * pair(u, v) (strict; scores are mapped so that this makes sense for squared L2 and cosine; under
 * inner product only alpha 1 and pairs by dot), for each alpha in turn; then the nearest of the rest fill the list.  With
 * labels a kept v occludes u only if it has every label that owner and u share (Filtered-DiskANN, WWW 2023).
 * Equal scores are ordered by reference, linearised, so that duplicates stay connected.  Returns the number chosen.  scratch: room for n.
 * Threads may call it: nothing of PostgreSQL is called.
 */
extern uint32 vg_prune(const VgPruneRule *rule, uint64 owner_labels, VgCandidate *candidates,
					   uint32 n, uint32 m, VgPairScore pair, void *arg, VgCandidate *scratch);

#endif
