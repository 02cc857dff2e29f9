/*
 * vchord_bm25/impact.c
 *		Covers of Pareto fronts.  See impact.h.
 *
 * The front in ascending order of frequency has ascending codes, too.  A corner over neighbours i .. j is
 * (frequency of j, code of i).  The partition is the one of least sum of the corners' contributions to
 * the fourth power at the typical average length, by dynamic programming: the power because what counts
 * for skipping is the largest corner, and the sum because the others count once the average moves.
 */
#include "postgres.h"

#include "vchord_bm25/impact.h"

#include "port/pg_bitutils.h"
#include "vchord_bm25/norm.h"

/* longer fronts are thinned first: bounds the cost of a cover to some thousand operations */
#define MAX_POINTS 32
/* parameters only for the choice of a partition, which is valid for any: the usual ones */
#define TYPICAL_K1    1.2f
#define TYPICAL_B     0.75f
#define TYPICAL_AVGDL 100.0f

void
bm25_front_merge(Bm25Front *front, const Bm25Front *other)
{
	for (int word = 0; word < 4; word++)
	{
		for (uint64 bits = other->used[word]; bits != 0; bits &= bits - 1)
		{
			int tf = word * 64 + pg_rightmost_one_pos64(bits);

			bm25_front_add(front, (uint32) tf, other->code[tf]);
		}
	}
}

/* The front, from the largest frequency down: each point has a smaller code than those before. */
static int
pareto(const Bm25Front *front, Bm25ImpactDisk *ret_point)
{
	int n = 0;
	int least = BM25_NORM_CODES;

	for (int word = 3; word >= 0; word--)
	{
		uint64 bits = front->used[word];

		while (bits != 0)
		{
			int at = pg_leftmost_one_pos64(bits);
			int tf = word * 64 + at;

			bits ^= UINT64CONST(1) << at;
			if (front->code[tf] >= least)
				continue;
			least = front->code[tf];
			ret_point[n++] = (Bm25ImpactDisk){(uint8) tf, (uint8) least};
		}
	}
	return n;
}

/* Makes at most MAX_POINTS corners of n points. */
static int
thin(Bm25ImpactDisk *point, int n)
{
	int group = (n + MAX_POINTS - 1) / MAX_POINTS;
	int out = 0;

	for (int i = 0; i < n; i += group)
	{
		int end = Min(i + group, n);

		point[out++] = (Bm25ImpactDisk){point[i].tf, point[end - 1].code};
	}
	return out;
}

void
bm25_front_cover(const Bm25Front *front, double avgdl, int m, Bm25ImpactDisk *ret_impact)
{
	Bm25ImpactDisk point[256];
	float k[MAX_POINTS];
	float cost[BM25_LARGE_IMPACTS][MAX_POINTS]; /* [g][i]: points i .. by g + 1 corners */
	uint8 end[BM25_LARGE_IMPACTS][MAX_POINTS];  /* behind the first of these corners */
	float scale = TYPICAL_K1 * TYPICAL_B / (avgdl > 0 ? (float) avgdl : TYPICAL_AVGDL);
	int n = pareto(front, point);
	int at = 0;

	Assert(n >= 1 && m >= 1 && m <= BM25_LARGE_IMPACTS);
	if (n > MAX_POINTS)
		n = thin(point, n);
	if (n <= m)
	{
		for (int i = 0; i < m; i++)
			ret_impact[i] = point[Min(i, n - 1)];
		return;
	}

	for (int i = 0; i < n; i++)
		k[i] = TYPICAL_K1 * (1.0f - TYPICAL_B) + scale * (float) bm25_norm_length(point[i].code);
	for (int g = 0; g < m; g++)
	{
		/* the last round is asked for all points only */
		int starts = g == m - 1 ? 1 : n - g;

		for (int i = 0; i < starts; i++)
		{
			float best = 0;
			int best_end = 0;

			/* a corner over points i .. e - 1, the others by g corners */
			for (int e = g == 0 ? n : i + 1; e <= n - g; e++)
			{
				float tf = point[i].tf;
				float score = tf / (tf + k[e - 1]);
				float sum = score * score * score * score + (g > 0 ? cost[g - 1][e] : 0);

				if (best_end == 0 || sum < best)
				{
					best = sum;
					best_end = e;
				}
			}
			cost[g][i] = best;
			end[g][i] = (uint8) best_end;
		}
	}
	for (int g = m - 1; g >= 0; g--)
	{
		int next = end[g][at];

		*ret_impact++ = (Bm25ImpactDisk){point[at].tf, point[next - 1].code};
		at = next;
	}
}
