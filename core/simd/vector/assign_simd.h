/*
 * core/simd/vector/assign_simd.h
 *		k-means assignment of a vector level.  Included once a level, after lanes_*.h and the definition of
 *		MR	samples of a micro-tile
 *		NV	vectors of centroids of a micro-tile
 *
 * A matrix product that keeps only the best of each row.  The micro-tile holds MR x NV accumulators in
 * registers; one step loads NV vectors of the panel and broadcasts MR sample values.  Samples are
 * taken in blocks that stay in the L2 cache while all panels pass; a panel is cut along d so that the
 * part in use stays in L1/L2 while all samples of the block pass, with the accumulators parked in
 * `parked` between parts.  Each lane keeps its own best (value, index) per sample; lanes are compared
 * at the end of a block.  Centroids come in rising order and only a strictly smaller value replaces, so
 * the lower index wins.
 */
#define NR (NV * LANES)

#include "core/simd/vector/assign.h"
#include "core/simd/vector/unroll.h"

/* Samples of a block: at most this, fewer if they would take more than BLOCK_BYTES. */
#define BLOCK_MAX   (16 * MR)
#define BLOCK_BYTES (256 * 1024)

/* Bytes of a panel's part. */
#define PART_BYTES (96 * 1024)

/* Best and second best of each lane. */
typedef struct LaneBest
{
	float val[LANES];
	uint32_t idx[LANES];
	float val2[LANES];
	uint32_t idx2[LANES];
} LaneBest;

static const uint32_t lane_number[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* acc += products of `len` dimensions. */
static inline void
multiply(const float *const rows[MR], const float *panel, size_t len, vf acc[MR][NV])
{
	vf sum[MR][NV];

	VCS_UNROLL(8)
	for (int r = 0; r < MR; r++)
	{
		VCS_UNROLL(8)
		for (int t = 0; t < NV; t++)
			sum[r][t] = acc[r][t];
	}
	for (size_t p = 0; p < len; p++, panel += NR)
	{
		vf c[NV];

		VCS_UNROLL(8)
		for (int t = 0; t < NV; t++)
			c[t] = vf_load(panel + t * LANES);
		VCS_UNROLL(8)
		for (int r = 0; r < MR; r++)
		{
			vf x = vf_set(rows[r][p]);

			VCS_UNROLL(8)
			for (int t = 0; t < NV; t++)
				sum[r][t] = vf_fma(x, c[t], sum[r][t]);
		}
	}
	VCS_UNROLL(8)
	for (int r = 0; r < MR; r++)
	{
		VCS_UNROLL(8)
		for (int t = 0; t < NV; t++)
			acc[r][t] = sum[r][t];
	}
}

/* Offers the values of one sample and panel to the sample's lanes. */
static inline void
offer(LaneBest *best, const vf acc[NV], const float *norms, size_t first, int want_second)
{
	const vf two = vf_set(2);
	vf val = vf_load(best->val);
	vu idx = vu_load(best->idx);

	if (!want_second)
	{
		VCS_UNROLL(8)
		for (int t = 0; t < NV; t++)
		{
			vf v = vf_fnma(two, acc[t], vf_load(norms + first + (size_t) t * LANES));
			vm better = vf_less(v, val);

			val = vf_select(better, v, val);
			idx = vu_select(
				better,
				vu_add(vu_set((uint32_t) (first + (size_t) t * LANES)), vu_load(lane_number)), idx);
		}
	}
	else
	{
		vf val2 = vf_load(best->val2);
		vu idx2 = vu_load(best->idx2);

		VCS_UNROLL(8)
		for (int t = 0; t < NV; t++)
		{
			vf v = vf_fnma(two, acc[t], vf_load(norms + first + (size_t) t * LANES));
			vu i = vu_add(vu_set((uint32_t) (first + (size_t) t * LANES)), vu_load(lane_number));
			vm better = vf_less(v, val);
			vm second = vf_less(v, val2);

			val2 = vf_select(better, val, vf_select(second, v, val2));
			idx2 = vu_select(better, idx, vu_select(second, i, idx2));
			val = vf_select(better, v, val);
			idx = vu_select(better, i, idx);
		}
		vf_store(best->val2, val2);
		vu_store(best->idx2, idx2);
	}
	vf_store(best->val, val);
	vu_store(best->idx, idx);
}

/* Inserts a candidate into (val, idx) <= (val2, idx2), ordered by value, then index. */
static inline void
merge(float v, uint32_t i, float *val, uint32_t *idx, float *val2, uint32_t *idx2)
{
	if (v < *val || (v == *val && i < *idx))
	{
		*val2 = *val;
		*idx2 = *idx;
		*val = v;
		*idx = i;
	}
	else if (v < *val2 || (v == *val2 && i < *idx2))
	{
		*val2 = v;
		*idx2 = i;
	}
}

static void
assign_block(const float *x, size_t stride, size_t n, size_t d, const float *packed,
			 const float *norms, size_t k, uint32_t *ret_idx, float *ret_val, uint32_t *ret_idx2,
			 float *ret_val2)
{
	LaneBest best[BLOCK_MAX];
	vf parked[BLOCK_MAX][NV];
	size_t block = BLOCK_MAX;
	size_t parts = (d * NR * sizeof(float) + PART_BYTES - 1) / PART_BYTES;
	size_t part_len = parts > 1 ? (d + parts - 1) / parts : d;

	while (block > MR * 4 && block * d * sizeof(float) > BLOCK_BYTES)
		block -= MR;

	for (size_t from = 0; from < n; from += block)
	{
		size_t rows_here = n - from < block ? n - from : block;

		for (size_t i = 0; i < rows_here; i++)
		{
			vf_store(best[i].val, vf_set(INFINITY));
			vf_store(best[i].val2, vf_set(INFINITY));
			vu_store(best[i].idx, vu_set(UINT32_MAX));
			vu_store(best[i].idx2, vu_set(UINT32_MAX));
		}
		for (size_t first = 0; first < k; first += NR)
		{
			const float *panel = packed + first * d;
			size_t done = 0;

			do
			{
				size_t len = d - done < part_len ? d - done : part_len;

				for (size_t i = 0; i < rows_here; i += MR)
				{
					const float *rows[MR];
					vf acc[MR][NV];

					/* a short last tile computes its last row several times */
					VCS_UNROLL(8)
					for (size_t r = 0; r < MR; r++)
					{
						size_t row = i + r < rows_here ? i + r : rows_here - 1;

						rows[r] = x + (from + row) * stride + done;
					}
					VCS_UNROLL(8)
					for (size_t r = 0; r < MR; r++)
					{
						VCS_UNROLL(8)
						for (int t = 0; t < NV; t++)
							acc[r][t] = done == 0 ? vf_zero() : parked[i + r][t];
					}
					multiply(rows, panel + done * NR, len, acc);
					if (done + len < d)
					{
						VCS_UNROLL(8)
						for (size_t r = 0; r < MR; r++)
						{
							VCS_UNROLL(8)
							for (int t = 0; t < NV; t++)
								parked[i + r][t] = acc[r][t];
						}
						continue;
					}
					VCS_UNROLL(8)
					for (size_t r = 0; r < MR; r++)
						if (i + r < rows_here)
							offer(&best[i + r], acc[r], norms, first, ret_idx2 != NULL);
				}
				done += len;
			} while (done < d);
		}
		for (size_t i = 0; i < rows_here; i++)
		{
			const LaneBest *b = &best[i];
			float val = INFINITY;
			float val2 = INFINITY;
			uint32_t idx = UINT32_MAX;
			uint32_t idx2 = UINT32_MAX;

			for (int j = 0; j < LANES; j++)
			{
				merge(b->val[j], b->idx[j], &val, &idx, &val2, &idx2);
				if (ret_idx2 != NULL)
					merge(b->val2[j], b->idx2[j], &val, &idx, &val2, &idx2);
			}
			ret_idx[from + i] = idx == UINT32_MAX ? 0 : idx;
			ret_val[from + i] = val;
			if (ret_idx2 != NULL)
			{
				ret_idx2[from + i] = idx2;
				ret_val2[from + i] = val2;
			}
		}
	}
}

static inline void
fill_assign(VcsVectorOps *ops)
{
	ops->assign_nr = NR;
	ops->assign_pack = assign_pack;
	ops->assign_block = assign_block;
}
