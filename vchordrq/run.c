/*
 * vchordrq/run.c
 *		Reading runs: page checks, byte fragments, code blocks.
 *
 * A code block may be cut by page ends at multiples of 64 bytes.  The sums of a block are kept across
 * pages (fastscan_accumulate adds), and so is the part of its factors that came first; a block is
 * scored as soon as its last byte has been seen.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "core/heap.h"
#include "core/report.h"

#include "vchordrq/run.h"

bool
rq_run_page_check(Relation index, const RqRun *run, uint32 ordinal, const char *page,
				  uint32 *ret_used)
{
	const VcPageOpaque *opaque = vc_page_opaque_read(page);
	const RqRunHeadDisk *head = (const RqRunHeadDisk *) (page + RQ_HEAD_OFFSET);
	BlockNumber blkno = run->first + ordinal;

	if (opaque->owner != run->owner || opaque->incarnation != run->incarnation ||
		(opaque->kind & run->kind) == 0)
		return false;
	if (head->ordinal != ordinal)
		vc_corrupt(index, blkno, "page is number %u of its run, expected %u", head->ordinal,
				   ordinal);
	if (head->used > RQ_BODY_BYTES)
		vc_corrupt(index, blkno, "page claims %u bytes of content", head->used);
	*ret_used = head->used;
	return true;
}

static VcPageRead
read_ordinal(Relation index, VcReadCache *cache, VcStream *stream, const RqRun *run, uint32 ordinal)
{
	if (ordinal >= run->pages)
		vc_corrupt(index, run->first, "run of %u pages ends too early", run->pages);
	if (stream)
		return vc_stream_read(stream, run->first + ordinal, VC_PAGE_ANY);
	return vc_page_read_cached(cache, index, run->first + ordinal, VC_PAGE_ANY);
}

bool
rq_run_copy(Relation index, VcReadCache *cache, const RqRun *run, uint64 offset, uint32 len,
			void *ret_bytes)
{
	char *out = ret_bytes;

	while (len > 0)
	{
		uint32 ordinal = (uint32) (offset / RQ_BODY_BYTES);
		uint32 within = (uint32) (offset % RQ_BODY_BYTES);
		uint32 part = Min(len, RQ_BODY_BYTES - within);
		uint32 used;
		VC_SCOPED(vc_page_read_drop) VcPageRead r = read_ordinal(index, cache, NULL, run, ordinal);

		if (!rq_run_page_check(index, run, ordinal, r.page, &used))
			return false;
		if (within + part > used)
			vc_corrupt(index, run->first + ordinal, "page holds %u bytes, expected %u", used,
					   within + part);
		memcpy(out, r.page + RQ_BODY_OFFSET + within, part);
		out += part;
		offset += part;
		len -= part;
	}
	return true;
}

bool
rq_run_distance(Relation index, VcReadCache *cache, const RqRun *run, uint64 offset,
				const float *query, uint32 dim, bool dot, float *ret_distance)
{
	float sum = 0;
	uint32 done = 0;

	while (done < dim)
	{
		uint32 ordinal = (uint32) (offset / RQ_BODY_BYTES);
		uint32 within = (uint32) (offset % RQ_BODY_BYTES);
		uint32 n = Min(dim - done, (RQ_BODY_BYTES - within) / (uint32) sizeof(float));
		const float *part;
		uint32 used;
		VC_SCOPED(vc_page_read_drop) VcPageRead r = read_ordinal(index, cache, NULL, run, ordinal);

		if (!rq_run_page_check(index, run, ordinal, r.page, &used))
			return false;
		if (within + n * sizeof(float) > used)
			vc_corrupt(index, run->first + ordinal, "page holds %u bytes, expected %u", used,
					   (uint32) (within + n * sizeof(float)));
		part = (const float *) (r.page + RQ_BODY_OFFSET + within);
		if (dot)
			sum -= vcs_vector_ops.dot_f32(query + done, part, n);
		else
			sum += vcs_vector_ops.l2sq_f32(query + done, part, n);
		done += n;
		offset += n * sizeof(float);
	}
	*ret_distance = sum;
	return true;
}

#define VALUE_ABOVE(a, b) ((a)->value > (b)->value)
VC_HEAP_DEFINE(ceiling_heap, RqCeilingEntry, VALUE_ABOVE);

void
rq_ceiling_push(RqCeiling *ceiling, float value, float estimate)
{
	RqCeilingEntry entry = {value, estimate};

	if (!rq_ceiling_full(ceiling))
		ceiling_heap_push(ceiling->entries, &ceiling->n, entry);
	else if (value < ceiling->entries[0].value)
		ceiling_heap_replace_top(ceiling->entries, ceiling->n, entry);
}

/* survivors of a block whose codes are counted, in the census or the ceiling */
static void
count_block(RqScorer *scorer, uint32 first_row, uint32 mask, const float *lb, const float *factor,
			const uint16 *err)
{
	float width[RQ_BLOCK_ROWS];
	float threshold = scorer->bound.threshold;

	vcs_vector_ops.f16_to_f32(err, RQ_BLOCK_ROWS, width);
	for (; mask != 0; mask &= mask - 1)
	{
		int lane = __builtin_ctz(mask);

		/* the threshold may have come down within this block */
		if (lb[lane] >= threshold)
			continue;
		if (scorer->census)
		{
			rq_census_push(scorer->census,
						   rq_code_estimate(&scorer->single, lb[lane], factor[lane], width[lane]));
			threshold = Min(threshold, scorer->census->limit);
		}
		else if (lb[lane] > scorer->known)
		{
			rq_ceiling_push_code(scorer->upper, &scorer->single, lb[lane], factor[lane],
								 width[lane]);
			threshold = Min(threshold, rq_ceiling_limit(scorer->upper));
		}
		scorer->out[scorer->nout].bound = lb[lane];
		scorer->out[scorer->nout].row = first_row + lane;
		scorer->nout++;
	}
	scorer->bound.threshold = threshold;
}

/* how far the bounds of a block's survivors are below their estimates */
static void
spread_block(RqScorer *scorer, uint32 mask, const float *factor, const uint16 *err)
{
	float *to = scorer->spread + scorer->nout;
	float width[RQ_BLOCK_ROWS];

	vcs_vector_ops.f16_to_f32(err, RQ_BLOCK_ROWS, width);
	for (; mask != 0; mask &= mask - 1)
	{
		int lane = __builtin_ctz(mask);

		*to++ = rq_code_estimate(&scorer->single, 0, factor[lane], width[lane]);
	}
}

/* 32 sums and the block's factors -> survivors */
static void
score_block(RqScorer *scorer, uint32 first_row, uint32 rows, const uint32 *acc, const char *factors)
{
	const float *base = (const float *) factors;
	const float *factor = base + RQ_BLOCK_ROWS;
	const uint16 *err = (const uint16 *) (factor + RQ_BLOCK_ROWS);
	float lb[RQ_BLOCK_ROWS];
	uint32 mask;

	mask = vcs_vector_ops.lower_bounds(acc, base, factor, err, &scorer->bound, lb);
	if (rows < RQ_BLOCK_ROWS)
		mask &= (1u << rows) - 1;
	if (mask == 0)
		return;
	if (scorer->spread)
		spread_block(scorer, mask, factor, err);
	if (scorer->census || scorer->upper)
	{
		count_block(scorer, first_row, mask, lb, factor, err);
		return;
	}
	for (; mask != 0; mask &= mask - 1)
	{
		int lane = __builtin_ctz(mask);

		scorer->out[scorer->nout].bound = lb[lane];
		scorer->out[scorer->nout].row = first_row + lane;
		scorer->nout++;
	}
}

bool
rq_run_score(Relation index, const RqMeta *meta, VcReadCache *cache, VcStream *stream,
			 const RqRun *run, uint64 base, uint32 block, uint32 nblocks, uint32 rows,
			 RqScorer *scorer)
{
	const RqGeometry *geo = &meta->geo;
	uint32 code_bytes = geo->groups * 16;
	uint32 done = 0; /* blocks scored */
	uint32 at = 0;   /* position within the current block */
	uint64 offset = base + (uint64) block * geo->block_bytes;
	uint32 acc[RQ_BLOCK_ROWS] = {0};
	char factors[RQ_BLOCK_META_BYTES] pg_attribute_aligned(64);

	while (done < nblocks)
	{
		uint32 ordinal = (uint32) (offset / RQ_BODY_BYTES);
		uint32 within = (uint32) (offset % RQ_BODY_BYTES);
		uint32 used;

		CHECK_FOR_INTERRUPTS();
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = read_ordinal(index, cache, stream, run, ordinal);

			if (!rq_run_page_check(index, run, ordinal, r.page, &used))
				return false;
			if (ordinal + 1 < run->pages)
				vc_prefetch_hint(cache, run->first + ordinal + 1, RQ_BODY_OFFSET, 8);
			if (within >= used || used % RQ_SPLIT_BYTES != 0)
				vc_corrupt(index, run->first + ordinal,
						   "page holds %u bytes, expected more than %u", used, within);
			while (done < nblocks && within < used)
			{
				const char *here = r.page + RQ_BODY_OFFSET + within;
				uint32 left = used - within;
				uint32 part;

				if (at < code_bytes)
				{
					part = Min(left, code_bytes - at);
					vcs_vector_ops.fastscan_accumulate((const uint8 *) here, part / 16,
													   scorer->lut + at, acc);
				}
				else if (at < code_bytes + RQ_BLOCK_META_BYTES)
				{
					uint32 meta_at = at - code_bytes;
					const char *all = here;

					part = Min(left, RQ_BLOCK_META_BYTES - meta_at);
					if (part < RQ_BLOCK_META_BYTES)
					{
						memcpy(factors + meta_at, here, part);
						all = factors;
					}
					if (meta_at + part == RQ_BLOCK_META_BYTES)
					{
						uint32 first_row = done * RQ_BLOCK_ROWS;

						score_block(scorer, first_row, Min(rows - first_row, RQ_BLOCK_ROWS), acc,
									all);
						memset(acc, 0, sizeof(acc));
					}
				}
				else
					part = Min(left, geo->block_bytes - at);
				at += part;
				within += part;
				offset += part;
				if (at == geo->block_bytes)
				{
					at = 0;
					done++;
				}
			}
		}
	}
	return true;
}
