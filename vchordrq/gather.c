/*
 * vchordrq/gather.c
 *		From a list to candidates: score codes, look survivors up in the strip.
 *
 * What is kept.  A row is kept when its lower bound is below the threshold, the least of
 *
 *	- the need-th smallest exact distance known so far (`best`);
 *	- the need-th smallest upper bound of the codes seen (`upper`), which works before any exact
 *	  distance is known: without it the first list would turn every row into a candidate, and no row
 *	  needs an exact distance before all lists have been scored (fewer reranks, by a third).  Without a
 *	  filter only rows that were never judged count (bounds above `known`), and results that are left:
 *	  the ceiling is as large as the round, however many rounds there were;
 *	- the bound from which candidates were dropped for lack of memory.
 *
 * A visit remembers the threshold up to which it is complete (`seen`).  When a later round needs
 * more, the list is scored again and rows in [seen, new threshold) are added: what was pruned is
 * found again, nothing is found twice.
 *
 * With a filter, `upper` gives way to a `census` of estimates: many rows are wanted, which makes a heap
 * dear, and as only the filter's share of them can be results, the middle of the bounds serves as well as
 * the upper end and keeps half as many candidates.
 *
 * `upper` and `census` count codes of rows that may be dead or invisible, so they ask for a few more than
 * needed, and a round that ends up short gathers again without them (search.c).
 *
 * Concurrency: the directory entry is copied first; a page of another incarnation means that
 * compaction moved the list and its pages were reused: start it again.  A visit keeps its copy of the
 * entry, and later rounds go on from that: the scan's snapshot keeps the pages from being reused
 * (core/recycle.h), tombstones are readable, and only so can a row be told from those already taken.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "core/report.h"
#include "core/tid.h"

#include "vchordrq/list.h"
#include "vchordrq/maxsim.h"
#include "vchordrq/search.h"

static int
bound_cmp(const void *a, const void *b)
{
	float x = ((const RqCandidate *) a)->bound;
	float y = ((const RqCandidate *) b)->bound;

	return (x > y) - (x < y);
}

/*
 * Where to cut n sorted candidates so that about `want` stay, those of one bound together (a bound is all
 * that a visit remembers) and at least one bound, or no round would ever get on.  n: nothing to cut.
 */
static size_t
cut_at(const RqCandidate *candidates, size_t n, size_t want)
{
	size_t at = want;

	while (at > 0 && candidates[at - 1].bound == candidates[want].bound)
		at--;
	if (at == 0)
	{
		at = want;
		while (at < n && candidates[at].bound == candidates[want].bound)
			at++;
	}
	return at;
}

/*
 * Make room by forgetting the worse half of what this visit has added: none of it was judged, and the
 * visit will be complete only below the cut, so it is found again.  (Rare, so a sort and no selection.)
 * false: all of it has one bound.
 */
static bool
drop_fresh(RqSearch *search)
{
	RqCandidate *fresh = search->candidates + search->fresh;
	size_t n = search->ncandidates - search->fresh;
	size_t kept;

	qsort(fresh, n, sizeof(RqCandidate), bound_cmp);
	kept = cut_at(fresh, n, n / 2);
	if (kept == n)
		return false;
	search->ncandidates = search->fresh + kept;
	search->dropped = Min(search->dropped, fresh[kept].bound);
	return true;
}

/*
 * The same for all visits, between two of them.  What lies at or below the farthest bound that was
 * judged stays: a list that is read again from there must not give rows that were judged already.
 */
static void
drop_worse_half(RqSearch *search)
{
	size_t n = search->ncandidates;
	size_t kept;
	float cut;

	qsort(search->candidates, n, sizeof(RqCandidate), bound_cmp);
	search->nheap = n; /* a sorted array is a heap */
	kept = cut_at(search->candidates, n, n / 2);
	while (kept < n && search->candidates[kept].bound <= search->judged_to)
		kept++;
	if (kept == n)
		return;
	cut = search->candidates[kept].bound;
	search->ncandidates = kept;
	search->nheap = kept;
	search->dropped = Min(search->dropped, cut);
	for (size_t i = 0; i < search->nvisits; i++)
		search->visits[i].seen = Min(search->visits[i].seen, cut);
}

static void
add_candidate(RqSearch *search, float bound, const RqStripDisk *strip)
{
	RqCandidate *candidate;

	if (search->ncandidates == search->candidate_room)
	{
		if (search->ncandidates >= search->candidate_limit && !search->exhaustive &&
			search->ncandidates - search->fresh >= search->fresh && drop_fresh(search))
		{
			if (bound >= search->dropped)
				return;
		}
		else
		{
			size_t room = search->candidate_room * 2;

			search->candidates = vc_arena_grow(search->arena, search->candidates,
											   search->candidate_room * sizeof(RqCandidate),
											   room * sizeof(RqCandidate));
			search->candidate_room = room;
		}
	}
	candidate = &search->candidates[search->ncandidates++];
	candidate->bound = bound;
	candidate->strip = *strip;
}

static inline void
keep_row(RqSearch *search, float bound, float spread, const RqStripDisk *strip)
{
	if (search->maxsim != NULL)
		rq_maxsim_take(search->maxsim, bound, spread, strip);
	else
		add_candidate(search, bound, strip);
}

/*----- pages to come -----*/

/* the pages of a segment: with codes (or f32 rows), from *ret_codes on; strips are in front */
static void
segment_pages(const RqGeometry *geo, uint32 rows, uint32 *ret_strips, uint32 *ret_codes,
			  uint32 *ret_pages)
{
	uint32 per_page = RQ_BODY_BYTES / geo->strip_bytes;

	*ret_strips = (rows + per_page - 1) / per_page;
	*ret_codes = rq_strip_padded(geo, rows) / RQ_BODY_BYTES;
	*ret_pages = rq_segment_pages(geo, rows);
}

BlockNumber
rq_gather_next_block(void *arg)
{
	RqSearch *search = arg;
	RqListCursor *cursor = &search->cursor;

	while (cursor->next >= cursor->end)
	{
		const RqExtentDisk *extent;
		BlockNumber first;
		uint32 strips;
		uint32 codes;
		uint32 pages;

		if (cursor->extent >= RQ_MAX_EXTENTS)
			return InvalidBlockNumber;
		extent = &cursor->entry->extent[cursor->extent];
		if (extent->first == InvalidBlockNumber ||
			cursor->segment >= rq_segment_count(extent->rows))
		{
			cursor->extent++;
			cursor->segment = 0;
			continue;
		}
		first = extent->first + rq_segment_first(&search->meta->geo, cursor->segment);
		segment_pages(&search->meta->geo, rq_segment_rows(extent->rows, cursor->segment), &strips,
					  &codes, &pages);
		if (!cursor->codes_done && !cursor->strips)
		{
			cursor->next = first + codes;
			cursor->end = first + pages;
			cursor->codes_done = true;
		}
		else
		{
			cursor->next = first;
			cursor->end = first + strips;
			cursor->codes_done = false;
			cursor->segment++;
		}
	}
	return cursor->next++;
}

/* The stream's sequence: the extents of a list. */
static void
expect_list(RqSearch *search, const RqListDisk *entry, bool strips)
{
	RqListCursor cursor = {.entry = entry, .strips = strips};

	search->cursor = cursor;
	vc_stream_reset(search->lists);
}

/* While one list is read, the disk can begin with the next. */
static void
prefetch_pending(RqSearch *search)
{
	RqListDisk entry;

	if (!search->has_pending || !vc_stream_is_ahead(search->lists))
		return;
	rq_list_read(search->index, search->meta, search->cache, search->pending.list, &entry);
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		const RqExtentDisk *extent = &entry.extent[i];
		uint32 strips;
		uint32 codes;
		uint32 pages;

		if (extent->first == InvalidBlockNumber || extent->rows == 0)
			continue;
		segment_pages(&search->meta->geo, Min(extent->rows, RQ_SEGMENT_ROWS), &strips, &codes,
					  &pages);
		vc_stream_prefetch(search->lists, extent->first + codes, pages - codes);
		break;
	}
}

/*----- candidates of a list -----*/

/*
 * Turn survivors of a segment into candidates.  The strip begins at page `first` of the run.  spreads: of
 * the survivors, or NULL.
 */
static bool
resolve(RqSearch *search, const RqRun *run, uint32 first, const RqSurvivor *survivors,
		const float *spreads, uint32 n, float seen, float limit)
{
	uint32 entry_bytes = search->meta->geo.strip_bytes;
	uint32 per_page = RQ_BODY_BYTES / entry_bytes;
	uint32 i = 0;

	while (i < n)
	{
		uint32 page_no = survivors[i].row / per_page;
		uint32 used;
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_stream_read(search->lists, run->first + first + page_no, VC_PAGE_ANY);

		if (!rq_run_page_check(search->index, run, first + page_no, r.page, &used))
			return false;
		for (; i < n && survivors[i].row / per_page == page_no; i++)
		{
			uint32 at = survivors[i].row % per_page * entry_bytes;
			RqStripDisk strip = {0};

			if (at + entry_bytes > used)
				vc_corrupt(search->index, r.blkno, "strip ends at byte %u, expected %u", used,
						   at + entry_bytes);
			/* the threshold may have come down since; what an earlier round had is not new */
			if (survivors[i].bound >= limit || survivors[i].bound < seen)
				continue;
			memcpy(&strip, r.page + RQ_BODY_OFFSET + at, entry_bytes);
			if (!vc_heap_valid(vc_heap_from_tid(&strip.tid)))
				continue; /* dead */
			keep_row(search, survivors[i].bound, spreads ? spreads[i] : 0, &strip);
		}
	}
	return true;
}

/* f32 rows on one page -> survivors */
static void
score_rows(RqSearch *search, const char *rows, uint32 stride, uint32 n, uint32 first_row,
		   float *threshold, uint32 *nsurvivors)
{
	uint32 dim = search->meta->geo.dim;
	bool dot = vcv_metric_is_dot(search->meta->disk.metric);

	if (dot)
		vcs_vector_ops.dot_f32_rows(search->x, rows, stride, n, dim, search->distances);
	else
		vcs_vector_ops.l2sq_f32_rows(search->x, rows, stride, n, dim, search->distances);
	for (uint32 i = 0; i < n; i++)
	{
		float distance = dot ? -search->distances[i] : search->distances[i];

		if (distance >= *threshold)
			continue;
		search->survivors[*nsurvivors].bound = distance;
		search->survivors[*nsurvivors].row = first_row + i;
		(*nsurvivors)++;
		if (search->use_codes && distance > search->known)
		{
			if (search->filter)
				rq_census_push(&search->census, distance);
			else
				rq_ceiling_push(&search->upper, distance, distance);
			*threshold = rq_search_threshold(search);
		}
	}
}

static bool
gather_exact_segment(RqSearch *search, const RqRun *run, uint32 first, uint32 rows, float seen)
{
	const RqGeometry *geo = &search->meta->geo;
	uint32 pages = rq_segment_pages(geo, rows);
	float threshold = rq_search_threshold(search);
	uint32 n = 0;

	for (uint32 page_no = 0; page_no < pages; page_no++)
	{
		uint32 first_row;
		uint32 offset;
		uint32 used;
		uint32 count = rq_exact_page_rows(geo, rows, page_no, &first_row, &offset);

		CHECK_FOR_INTERRUPTS();
		if (count == 0)
			continue;
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_stream_read(search->lists, run->first + first + page_no, VC_PAGE_ANY);

			if (!rq_run_page_check(search->index, run, first + page_no, r.page, &used))
				return false;
			if (offset + count * geo->row_bytes > used)
				vc_corrupt(search->index, r.blkno, "page holds %u bytes, expected %u", used,
						   offset + count * geo->row_bytes);
			score_rows(search, r.page + RQ_BODY_OFFSET + offset, geo->row_bytes, count, first_row,
					   &threshold, &n);
		}
	}
	return resolve(search, run, first, search->survivors, NULL, n, seen, threshold);
}

/* what the bounds of a list's codes depend on besides the code */
static void
list_bound(const RqSearch *search, const RqVisit *visit, VcsBound *ret_bound,
		   VcvSingleBound *ret_single)
{
	float epsilon = (float) search->params.epsilon;

	if (rq_meta_has(search->meta, RQ_META_RESIDUAL))
		vcv_rabitq_bound(&search->query, visit->probe.dc, visit->probe.norm2, epsilon, ret_bound,
						 ret_single);
	else
		vcv_rabitq_bound_plain(&search->query, epsilon, ret_bound, ret_single);
}

static bool
gather_extent(RqSearch *search, const RqVisit *visit, const RqExtentDisk *extent)
{
	const RqMeta *meta = search->meta;
	RqRun run;
	uint32 segments = rq_segment_count(extent->rows);

	rq_extent_run(meta, visit->probe.list, extent, &run);
	for (uint32 segment = 0; segment < segments; segment++)
	{
		uint32 rows = rq_segment_rows(extent->rows, segment);
		uint32 first = rq_segment_first(&meta->geo, segment);

		search->scan->counters.codes += rows;
		if (meta->geo.exact)
		{
			if (!gather_exact_segment(search, &run, first, rows, visit->seen))
				return false;
		}
		else
		{
			RqScorer scorer = {0};
			uint64 base = (uint64) first * RQ_BODY_BYTES + rq_strip_padded(&meta->geo, rows);

			scorer.lut = search->query.lut;
			list_bound(search, visit, &scorer.bound, &scorer.single);
			scorer.bound.threshold = rq_search_threshold(search);
			if (search->use_codes && search->filter)
				scorer.census = &search->census;
			else if (search->use_codes)
				scorer.upper = &search->upper;
			scorer.known = search->known;
			if (search->maxsim != NULL)
				scorer.spread = search->spreads;
			scorer.out = search->survivors;
			if (!rq_run_score(search->index, meta, search->cache, search->lists, &run, base, 0,
							  (rows + RQ_BLOCK_ROWS - 1) / RQ_BLOCK_ROWS, rows, &scorer) ||
				!resolve(search, &run, first, search->survivors, scorer.spread, scorer.nout,
						 visit->seen, scorer.bound.threshold))
				return false;
		}
	}
	return true;
}

/* rows of one APPEND page -> candidates */
static void
gather_append_page(RqSearch *search, const RqVisit *visit, const char *rows, uint32 n)
{
	const RqGeometry *geo = &search->meta->geo;
	float threshold = rq_search_threshold(search);
	VcsBound bound;
	VcvSingleBound single;

	if (geo->exact)
	{
		uint32 nsurvivors = 0;

		score_rows(search, rows + sizeof(RqAppendExactDisk), geo->append_bytes, n, 0, &threshold,
				   &nsurvivors);
		for (uint32 i = 0; i < nsurvivors; i++)
		{
			const RqSurvivor *survivor = &search->survivors[i];
			RqStripDisk strip = {0};

			if (survivor->bound >= threshold || survivor->bound < visit->seen)
				continue;
			memcpy(&strip.tid, rows + survivor->row * geo->append_bytes, sizeof(strip.tid));
			if (vc_heap_valid(vc_heap_from_tid(&strip.tid)))
				keep_row(search, survivor->bound, 0, &strip);
		}
		return;
	}

	list_bound(search, visit, &bound, &single);
	for (uint32 i = 0; i < n; i++)
	{
		const RqAppendRowDisk *row = (const RqAppendRowDisk *) (rows + i * geo->append_bytes);
		float lower = vcv_rabitq_single(&search->query, &single, (const uint8 *) (row + 1),
										row->base, row->factor, row->err);

		if (lower >= threshold || !vc_heap_valid(vc_heap_from_tid(&row->strip.tid)))
			continue;
		if (lower >= visit->seen)
			keep_row(search, lower, rq_code_estimate(&single, 0, row->factor, row->err),
					 &row->strip);
		if (search->use_codes && lower > search->known)
		{
			if (search->filter)
				rq_census_push(&search->census,
							   rq_code_estimate(&single, lower, row->factor, row->err));
			else
				rq_ceiling_push_code(&search->upper, &single, lower, row->factor, row->err);
			threshold = rq_search_threshold(search);
		}
	}
}

/* false: recycled */
static bool
gather_chain(RqSearch *search, const RqVisit *visit, BlockNumber head, uint32 incarnation)
{
	BlockNumber blkno = head;

	for (BlockNumber steps = 0; blkno != InvalidBlockNumber; steps++)
	{
		uint32 rows;

		CHECK_FOR_INTERRUPTS();
		if (steps > MaxBlockNumber / 2)
			vc_corrupt(search->index, head, "append chain does not end");
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read_cached(search->cache, search->index, blkno, VC_PAGE_ANY);

			if (!rq_append_page_check(search->index, search->meta, blkno, r.page, visit->probe.list,
									  incarnation, &rows))
				return false;
			search->scan->counters.codes += rows;
			gather_append_page(search, visit, r.page + RQ_BODY_OFFSET, rows);
			blkno = vc_page_opaque_read(r.page)->next;
		}
	}
	return true;
}

static bool
gather_entry(RqSearch *search, const RqVisit *visit, const RqListDisk *entry)
{
	bool ok = true;

	expect_list(search, entry, false);
	for (int i = 0; ok && i < RQ_MAX_EXTENTS; i++)
	{
		if (entry->extent[i].first != InvalidBlockNumber)
			ok = gather_extent(search, visit, &entry->extent[i]);
	}
	/* it may hold pins */
	vc_stream_reset(search->lists);
	return ok && gather_chain(search, visit, entry->sealed_head, entry->sealed_incarnation) &&
		   gather_chain(search, visit, entry->append_head, entry->append_incarnation);
}

/*
 * A page was recycled under us: drop the list's candidates.  Pages are freed after the directory stopped
 * naming them, so an entry that still names the same pages is damaged, or they are.
 */
static void
forget_fresh(RqSearch *search, uint32 list, const RqListDisk *entry, bool again)
{
	RqListDisk now;

	rq_list_read(search->index, search->meta, search->cache, list, &now);
	if (entry->append_head == now.append_head && entry->sealed_head == now.sealed_head &&
		entry->extent[0].first == now.extent[0].first &&
		entry->extent[1].first == now.extent[1].first)
		vc_corrupt(search->index, InvalidBlockNumber, "list %u has pages of another list", list);
	if (again)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("list %u of index \"%s\" was compacted while it was read", list,
							   RelationGetRelationName(search->index)),
						errhint("Run the query again.")));
	search->ncandidates = search->fresh;
}

void
rq_gather_list(RqSearch *search, RqVisit *visit)
{
	bool again = visit->seen > -get_float4_infinity();
	float complete;
	size_t kept;

	search->scan->counters.lists++;
	search->fresh = search->ncandidates;
	for (;;)
	{
		if (!again)
		{
			rq_list_read(search->index, search->meta, search->cache, visit->probe.list,
						 &visit->entry);
			prefetch_pending(search);
		}
		if (gather_entry(search, visit, &visit->entry))
			break;
		forget_fresh(search, visit->probe.list, &visit->entry, again);
	}

	/*
	 * The threshold came down meanwhile.  What was added above it goes again, because it will be found
	 * by the visit that goes on from there.
	 */
	complete = Max(visit->seen, rq_search_threshold(search));
	kept = search->fresh;
	for (size_t i = search->fresh; i < search->ncandidates; i++)
	{
		if (search->candidates[i].bound < complete)
			search->candidates[kept++] = search->candidates[i];
	}
	search->ncandidates = kept;
	visit->seen = complete;
	if (search->ncandidates > search->candidate_limit / 2 && !search->exhaustive)
		drop_worse_half(search);
}

/* all TIDs of one strip page */
static bool
identities_of_extent(RqSearch *search, uint32 list, const RqExtentDisk *extent)
{
	const RqGeometry *geo = &search->meta->geo;
	uint32 per_page = RQ_BODY_BYTES / geo->strip_bytes;
	uint32 segments = rq_segment_count(extent->rows);
	RqRun run;

	rq_extent_run(search->meta, list, extent, &run);
	for (uint32 segment = 0; segment < segments; segment++)
	{
		uint32 rows = rq_segment_rows(extent->rows, segment);
		uint32 first = rq_segment_first(geo, segment);

		for (uint32 row = 0; row < rows; row += per_page)
		{
			uint32 n = Min(per_page, rows - row);

			CHECK_FOR_INTERRUPTS();
			for (uint32 i = 0; i < n; i++)
			{
				search->survivors[i].bound = -get_float4_infinity();
				search->survivors[i].row = row + i;
			}
			if (!resolve(search, &run, first, search->survivors, NULL, n, -get_float4_infinity(),
						 get_float4_infinity()))
				return false;
		}
	}
	return true;
}

static bool
identities_of_chain(RqSearch *search, uint32 list, BlockNumber head, uint32 incarnation)
{
	const RqGeometry *geo = &search->meta->geo;
	BlockNumber blkno = head;

	while (blkno != InvalidBlockNumber)
	{
		uint32 rows;
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_cached(search->cache, search->index, blkno, VC_PAGE_ANY);

		if (!rq_append_page_check(search->index, search->meta, blkno, r.page, list, incarnation,
								  &rows))
			return false;
		for (uint32 i = 0; i < rows; i++)
		{
			RqStripDisk strip = {0};

			memcpy(&strip, r.page + RQ_BODY_OFFSET + i * geo->append_bytes,
				   geo->exact ? sizeof(ItemPointerData) : sizeof(RqStripDisk));
			if (vc_heap_valid(vc_heap_from_tid(&strip.tid)))
				add_candidate(search, -get_float4_infinity(), &strip);
		}
		blkno = vc_page_opaque_read(r.page)->next;
	}
	return true;
}

void
rq_gather_identities(RqSearch *search, uint32 list)
{
	search->scan->counters.lists++;
	search->fresh = search->ncandidates;
	for (;;)
	{
		RqListDisk entry;
		bool ok = true;

		rq_list_read(search->index, search->meta, search->cache, list, &entry);
		expect_list(search, &entry, true);
		for (int i = 0; ok && i < RQ_MAX_EXTENTS; i++)
		{
			if (entry.extent[i].first != InvalidBlockNumber)
				ok = identities_of_extent(search, list, &entry.extent[i]);
		}
		vc_stream_reset(search->lists);
		if (ok && identities_of_chain(search, list, entry.sealed_head, entry.sealed_incarnation) &&
			identities_of_chain(search, list, entry.append_head, entry.append_incarnation))
			return;
		forget_fresh(search, list, &entry, false);
	}
}
