/*
 * vchordg/prune.c
 *		RobustPrune with a list of alphas and saturation.
 */
#include "postgres.h"

#include "core/tid.h"
#include "core/vector/distance.h"

#include "vchordg/prune.h"

/* a position on the line of all slots, for a strict order among equal scores */
static inline uint64
linear(VgRef ref)
{
	return (uint64) ref.group << 16 | ref.slot;
}

static int
compare_candidates(const void *a, const void *b)
{
	const VgCandidate *x = a;
	const VgCandidate *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return (linear(x->ref) > linear(y->ref)) - (linear(x->ref) < linear(y->ref));
}

/* scores as distances that a factor makes sense for: -cos becomes 1 - cos */
static inline float
as_distance(VcvMetric metric, float score)
{
	return metric == VCV_COSINE ? 1 + score : score;
}

/* Is u hidden behind v, which was chosen before? */
static bool
occludes(VcvMetric metric, uint64 owner_labels, float alpha, const VgCandidate *v,
		 const VgCandidate *u, VgPairScore pair, void *arg)
{
	uint64 shared = owner_labels & u->labels;
	float between;

	if ((v->labels & shared) != shared)
		return false;
	between = as_distance(metric, pair(arg, v, u));
	return !(as_distance(metric, u->score) < alpha * between);
}

uint32
vg_prune(const VgPruneRule *rule, uint64 owner_labels, VgCandidate *candidates, uint32 n, uint32 m,
		 VgPairScore pair, void *arg, VgCandidate *scratch)
{
	/* under inner product a factor has no meaning */
	uint32 nalphas = rule->metric == VCV_IP ? 1 : rule->nalphas;
	VgCandidate *chosen = scratch;
	uint32 nchosen = 0;
	uint32 left;

	qsort(candidates, n, sizeof(VgCandidate), compare_candidates);
	left = 0;
	for (uint32 i = 0; i < n; i++)
	{
		if (i > 0 && linear(candidates[i].ref) == linear(candidates[i - 1].ref))
			continue;
		if (candidates[i].pinned && nchosen < m)
			chosen[nchosen++] = candidates[i];
		else
			candidates[left++] = candidates[i];
	}
	for (uint32 a = 0; a < nalphas; a++)
	{
		float alpha = rule->metric == VCV_IP ? 1 : rule->alpha[a];
		uint32 kept = 0;

		for (uint32 i = 0; i < left; i++)
		{
			bool hidden = nchosen == m;

			for (uint32 j = 0; !hidden && j < nchosen; j++)
				hidden = occludes(rule->metric, owner_labels, alpha, &chosen[j], &candidates[i],
								  pair, arg);
			if (hidden)
				candidates[kept++] = candidates[i];
			else
				chosen[nchosen++] = candidates[i];
		}
		left = kept;
	}
	/* saturation: the nearest of the rest, in their order */
	for (uint32 i = 0; i < left && nchosen < m; i++)
		chosen[nchosen++] = candidates[i];
	memcpy(candidates, chosen, nchosen * sizeof(VgCandidate));
	return nchosen;
}
