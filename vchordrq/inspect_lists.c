/*
 * vchordrq/inspect_lists.c
 *		Check of the lists: directory, extents, append chains, rows and their vectors; comparison of rows
 *		with the table.
 *
 * A row of the index that the check's snapshot sees in the table is encoded again, for the list it is
 * in, and compared with what the list and the vector slot hold.
 */
#include "postgres.h"

#include "vchordrq/inspect.h"

#include <math.h>

#include "miscadmin.h"

#include "core/report.h"
#include "core/simd/vector/ops.h"
#include "core/tid.h"

#include "vchordrq/list.h"
#include "vchordrq/tree.h"
#include "vchordrq/vectors.h"

/* where a row is, for messages */
typedef struct RowPlace
{
	uint32 list;
	BlockNumber block;
	uint32 row; /* on its page (append) or in its segment */
	int token;  /* number of the vector in its array, -1 = not known here */
} RowPlace;

/*----- vectors -----*/

static bool
slot_in_use_now(RqCheck *c, const RqStripDisk *strip)
{
	const RqVectorHeadDisk *head = (const RqVectorHeadDisk *) (c->page + RQ_HEAD_OFFSET);

	return rq_check_load(c, strip->group) &&
		   (head->used[strip->slot / 32] & (1u << strip->slot % 32)) != 0;
}

/* Find the row's vector, in c->slot; *ret_lost: it was freed.  False: a finding, or not to be told. */
static bool
check_vector(RqCheck *c, const RowPlace *place, const RqStripDisk *strip, bool *ret_lost)
{
	RqGroupCheck *group;
	uint32 bit = 1u << strip->slot % 32;

	*ret_lost = false;
	group = strip->group < c->nblocks ? c->groups[strip->group] : NULL;
	if ((group == NULL && !rq_check_is_group(c, strip->group)) ||
		strip->slot >= c->meta.geo.group_slots)
	{
		vc_report_add(&c->report, place->block,
					  "row %u of list %u has its vector in slot %u of block %u, where none is",
					  place->row, place->list, strip->slot, strip->group);
		return false;
	}
	/* newer than the scan of the blocks, or reported */
	if (group == NULL || group->broken)
		return false;
	if (!rq_vector_read(c->index, &c->meta, strip, c->slot))
	{
		*ret_lost = true;
		return false;
	}
	if ((group->used[strip->slot / 32] & bit) == 0 && !slot_in_use_now(c, strip))
	{
		vc_report_add(&c->report, strip->group,
					  "slot %u holds the vector of row (%u,%u), but is free", strip->slot,
					  ItemPointerGetBlockNumberNoCheck(&strip->tid),
					  ItemPointerGetOffsetNumberNoCheck(&strip->tid));
		return false;
	}
	if ((group->seen[strip->slot / 32] & bit) != 0)
		vc_report_add(&c->report, strip->group, "slot %u is named by two rows", strip->slot);
	group->seen[strip->slot / 32] |= bit;
	return true;
}

/*----- rows against the table -----*/

/* f32 rows are equal bit for bit; normalised ones up to rounding */
static bool
same_exact(const RqCheck *c, const float *row)
{
	uint32 dim = c->meta.geo.dim;

	if (c->meta.disk.metric != VCV_COSINE)
		return memcmp(row, c->encoder->x, dim * sizeof(float)) == 0;
	for (uint32 i = 0; i < dim; i++)
	{
		float difference = row[i] - c->encoder->x[i];

		if (!(difference <= 1e-6f && difference >= -1e-6f))
			return false;
	}
	return true;
}

/* Of an array: the vector with the row's number, or where that is not kept, one that is equal. */
static bool
find_token(RqCheck *c, const RowPlace *place, const float *row)
{
	Datum token;

	while (vcv_tokens_next(&c->tokens, &token))
	{
		int number = (int) c->tokens.next - 1;

		if (place->token >= 0 && number != place->token)
			continue;
		rq_encoder_set(c->encoder, token);
		c->encoder->token = (uint16) number;
		if (place->token >= 0 || same_exact(c, row))
			return true;
	}
	return false;
}

/*
 * the rows' value under the snapshot, set in the encoder until unload_value; false: not visible (or a
 * finding)
 */
static bool
load_value(RqCheck *c, const RowPlace *place, const ItemPointerData *tid, const float *row)
{
	ItemPointerData copy = *tid;
	TupleTableSlot *slot = vc_heapfetch_row(c->fetch, &copy);
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];

	if (slot == NULL)
		return false;
	vc_heapfetch_values(c->fetch, slot, values, isnull);
	if (isnull[0])
	{
		vc_report_add(&c->report, place->block, "row (%u,%u) of list %u is null in the table",
					  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid), place->list);
		return false;
	}
	if (!rq_meta_has(&c->meta, RQ_META_MAXSIM))
	{
		rq_encoder_set(c->encoder, values[0]);
		return true;
	}
	vcv_tokens_begin(&c->tokens, values[0], true);
	if (find_token(c, place, row))
	{
		c->vectors_seen++;
		vc_keyset_add(c->tids, rq_check_key(c, tid, c->encoder->token));
		return true;
	}
	vc_report_add(&c->report, place->block,
				  "vector of row (%u,%u), number %u of list %u, is not in the array in the table",
				  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid), place->row,
				  place->list);
	vcv_tokens_end(&c->tokens);
	return false;
}

static void
unload_value(RqCheck *c)
{
	rq_encoder_clear(c->encoder);
	vcv_tokens_end(&c->tokens);
}

static const char *
compare_code(RqCheck *c, const RqStoredCode *stored)
{
	const float *u = c->encoder->rotated;

	if (!rq_meta_has(&c->meta, RQ_META_RESIDUAL))
		return rq_check_code(c, u, NULL, stored);
	vcs_vector_ops.sub_f32(u, c->centroid, c->meta.geo.dim, c->scratch);
	return rq_check_code(c, c->scratch, c->centroid, stored);
}

/* the inverse norm is a sum, equal up to rounding; all else is equal */
static bool
same_slot(RqCheck *c, const ItemPointerData *tid)
{
	const RqGeometry *geo = &c->meta.geo;
	ItemPointerData copy = *tid;
	float4 a;
	float4 b;

	rq_encoder_slot(c->encoder, &copy, c->expected);
	if (geo->slot_head > sizeof(RqSlotDisk))
	{
		memcpy(&a, c->slot + sizeof(RqSlotDisk), sizeof(a));
		memcpy(&b, c->expected + sizeof(RqSlotDisk), sizeof(b));
		if (!(a - b <= 1e-5f * b && b - a <= 1e-5f * b) && memcmp(&a, &b, sizeof(a)) != 0)
			return false;
	}
	return memcmp(c->slot, c->expected, sizeof(RqSlotDisk)) == 0 &&
		   memcmp(c->slot + geo->slot_head, c->expected + geo->slot_head,
				  geo->slot_bytes - geo->slot_head) == 0;
}

/* is the row as near to the centroid as the list says all of its rows are? */
static bool
within_radius(const RqCheck *c)
{
	double distance2 = vcs_vector_ops.l2sq_f32(c->encoder->rotated, c->centroid, c->meta.geo.dim);

	/* 1e-3: more than the error of a sum of VCV_MAX_INDEX_DIM terms on another machine */
	return (c->list_flags & RQ_LIST_RADIUS) == 0 || sqrt(distance2) <= c->list_radius * 1.001;
}

/* exact rows have `row`, coded ones `stored`, and a vector if have_vector */
static void
compare_row(RqCheck *c, const RowPlace *place, const ItemPointerData *tid, const float *row,
			const RqStoredCode *stored, bool have_vector, bool lost)
{
	const char *what = NULL;

	if (!load_value(c, place, tid, row))
	{
		c->lost_vectors += lost;
		return;
	}
	rq_encoder_rotate(c->encoder);
	if (c->meta.geo.exact)
		what = same_exact(c, row) ? NULL : "vector";
	else
	{
		what = compare_code(c, stored);
		if (what == NULL && lost)
			what = "place of the vector";
		if (what == NULL && have_vector && !same_slot(c, tid))
			what = "vector";
	}
	if (what == NULL && !within_radius(c))
		what = "radius of the list";
	if (what != NULL)
		vc_report_add(&c->report, place->block,
					  "%s of row (%u,%u), number %u of list %u, does not match the table", what,
					  ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid), place->row,
					  place->list);
	unload_value(c);
}

/*----- rows -----*/

/* false: the row is dead */
static bool
check_row(RqCheck *c, RowPlace *place, const RqStripDisk *strip, const float *row,
		  const RqStoredCode *stored)
{
	bool maxsim = rq_meta_has(&c->meta, RQ_META_MAXSIM);
	static const ItemPointerData none = {{0, 0}, 0};
	bool have_vector = false;
	bool lost = false;

	if (!vc_heap_valid(vc_heap_from_tid(&strip->tid)))
	{
		if (memcmp(&strip->tid, &none, sizeof(none)) != 0)
			vc_report_add(&c->report, place->block, "row %u of list %u has no possible address",
						  place->row, place->list);
		return false;
	}
	/* of an array it is added when its number is known */
	if (!maxsim)
		vc_keyset_add(c->tids, rq_check_key(c, &strip->tid, 0));
	if (c->meta.geo.grouped)
		have_vector = check_vector(c, place, strip, &lost);
	if (maxsim && have_vector)
		place->token = ((const RqSlotDisk *) c->slot)->token;
	/* which vector of an array it is, stands in its slot */
	if (c->fetch != NULL && (row != NULL || (stored != NULL && (!maxsim || have_vector))))
		compare_row(c, place, &strip->tid, row, stored, have_vector, lost);
	else
		c->lost_vectors += lost;
	return true;
}

/*----- extents -----*/

/* the segment's pages -> `segment`; pages that are damaged read as zeros (dead rows) */
static bool
load_segment(RqCheck *c, const RqRun *run, uint32 extent_rows, uint32 number, RqSegment *segment)
{
	uint32 rows = rq_segment_rows(extent_rows, number);
	uint32 first = rq_segment_first(&c->meta.geo, number);
	bool ok = true;

	rq_segment_reset(segment, rows);
	memset(segment->bodies, 0, (Size) segment->pages * RQ_BODY_BYTES);
	for (uint32 page = 0; page < segment->pages; page++)
	{
		uint32 strip;
		uint32 used;

		CHECK_FOR_INTERRUPTS();
		rq_segment_page_extent(&c->meta.geo, rows, page, &strip, &used);
		if (rq_check_run_page(c, run, first + page, strip, used))
			memcpy(segment->bodies + (Size) page * RQ_BODY_BYTES, c->page + RQ_BODY_OFFSET, used);
		else
			ok = false;
	}
	return ok;
}

/* returns the dead rows; complete: the segment is undamaged, so rows can be compared */
static uint32
check_segment_rows(RqCheck *c, uint32 list, const RqRun *run, uint32 first,
				   const RqSegment *segment, bool complete)
{
	const RqGeometry *geo = &c->meta.geo;
	uint64 *code = palloc0(geo->code_words * sizeof(uint64));
	uint32 dead = 0;

	for (uint32 i = 0; i < segment->rows; i++)
	{
		RowPlace place = {list, run->first + first + i / rq_strip_per_page(geo), i, -1};
		RqStripDisk strip;
		RqStoredCode stored;
		bool live;

		CHECK_FOR_INTERRUPTS();
		rq_segment_strip(segment, i, &strip);
		if (!complete)
			live = check_row(c, &place, &strip, NULL, NULL);
		else if (geo->exact)
			live = check_row(c, &place, &strip, rq_segment_exact(segment, i), NULL);
		else
		{
			RqCodedRow row;

			rq_segment_code(segment, i, code, &row);
			stored = (RqStoredCode){code, row.base, row.factor, 0, true};
			vcs_vector_ops.f16_to_f32(&row.err, 1, &stored.err);
			live = check_row(c, &place, &strip, NULL, &stored);
		}
		dead += !live;
	}
	pfree(code);
	return dead;
}

static void
check_extent(RqCheck *c, uint32 list, const RqExtentDisk *extent, BlockNumber directory)
{
	uint32 segments = rq_segment_count(extent->rows);
	uint32 dead = 0;
	bool complete = true;
	RqSegment segment;
	RqRun run;

	rq_extent_run(&c->meta, list, extent, &run);
	rq_segment_init(&segment, CurrentMemoryContext, &c->meta.geo);
	for (uint32 number = 0; number < segments; number++)
	{
		bool ok = load_segment(c, &run, extent->rows, number, &segment);

		dead +=
			check_segment_rows(c, list, &run, rq_segment_first(&c->meta.geo, number), &segment, ok);
		complete &= ok;
	}
	rq_segment_fini(&segment);
	if (!complete)
		c->lists_damaged = true;
	/* a crash may come between rows and count, so there may be more, but not fewer */
	else if (dead < extent->dead)
		vc_report_add(&c->report, directory, "list %u claims %u dead rows, but has %u", list,
					  extent->dead, dead);
}

/*----- append chains -----*/

/* c->page holds the page */
static bool
check_append_page(RqCheck *c, uint32 list, uint32 incarnation, BlockNumber block)
{
	const RqAppendHeadDisk *head = (const RqAppendHeadDisk *) (c->page + RQ_HEAD_OFFSET);
	const RqGeometry *geo = &c->meta.geo;

	if ((vc_page_opaque_read(c->page)->kind & RQ_PAGE_APPEND) == 0 || vc_page_is_free(c->page) ||
		!vc_page_is_of(c->page, list, incarnation))
		vc_report_add(&c->report, block, "page is not part of the append chain of list %u", list);
	else if (head->rows > geo->append_rows || head->dead > head->rows ||
			 ((const PageHeaderData *) c->page)->pd_lower !=
				 RQ_BODY_OFFSET + head->rows * geo->append_bytes)
		vc_report_add(&c->report, block, "append page claims %u rows, %u dead", head->rows,
					  head->dead);
	else
		return true;
	return false;
}

/* c->page is copied first, because looking at vectors uses it */
static void
check_append_rows(RqCheck *c, uint32 list, BlockNumber block, char *copy)
{
	const RqGeometry *geo = &c->meta.geo;
	const RqAppendHeadDisk *head = (const RqAppendHeadDisk *) (copy + RQ_HEAD_OFFSET);
	uint32 dead = 0;

	memcpy(copy, c->page, BLCKSZ);
	for (uint32 i = 0; i < head->rows; i++)
	{
		const char *entry = copy + RQ_BODY_OFFSET + i * geo->append_bytes;
		RowPlace place = {list, block, i, -1};
		RqStripDisk strip = {.tid = rq_entry_tid(entry, geo->append_bytes, 0)};
		bool live;

		CHECK_FOR_INTERRUPTS();
		if (geo->exact)
		{
			if (rq_meta_has(&c->meta, RQ_META_MAXSIM))
				place.token = ((const RqAppendExactDisk *) entry)->token;
			live = check_row(c, &place, &strip, (const float *) (entry + sizeof(RqAppendExactDisk)),
							 NULL);
		}
		else
		{
			const RqAppendRowDisk *row = (const RqAppendRowDisk *) entry;
			RqStoredCode stored = {(const uint64 *) (row + 1), row->base, row->factor, row->err,
								   false};

			live = check_row(c, &place, &row->strip, NULL, &stored);
		}
		dead += !live;
	}
	if (dead != head->dead)
		vc_report_add(&c->report, block, "append page claims %u dead rows, but has %u", head->dead,
					  dead);
}

/* tail: expected last page, or invalid for a sealed chain, whose last page is closed */
static void
check_chain(RqCheck *c, uint32 list, BlockNumber head, BlockNumber tail, uint32 pages,
			uint32 incarnation, BlockNumber directory)
{
	bool sealed = tail == InvalidBlockNumber;
	char *copy = vc_palloc_aligned(BLCKSZ, 64, 0);
	BlockNumber block = head;

	if (pages > RelationGetNumberOfBlocks(c->index))
	{
		vc_report_add(&c->report, directory, "list %u claims an append chain of %u pages", list,
					  pages);
		c->lists_damaged = true;
		return;
	}
	for (uint32 i = 0; i < pages; i++)
	{
		bool last = i == pages - 1;
		const RqAppendHeadDisk *page = (const RqAppendHeadDisk *) (copy + RQ_HEAD_OFFSET);

		CHECK_FOR_INTERRUPTS();
		if (block == InvalidBlockNumber)
		{
			vc_report_add(&c->report, directory, "append chain of list %u has %u pages of %u", list,
						  i, pages);
			c->lists_damaged = true;
			return;
		}
		rq_check_claim(c, block);
		if (!rq_check_load(c, block) || !check_append_page(c, list, incarnation, block))
		{
			c->lists_damaged = true;
			return;
		}
		check_append_rows(c, list, block, copy);
		if (!last && page->rows != c->meta.geo.append_rows)
			vc_report_add(&c->report, block, "append page is followed by another, but not full");
		if (page->closed != (sealed && last))
			vc_report_add(&c->report, block, "append page is %s", page->closed ? "closed" : "open");
		if (last && !sealed && block != tail)
			vc_report_add(&c->report, block, "append chain of list %u ends here, not at block %u",
						  list, tail);
		block = vc_page_opaque_read(copy)->next;
	}
	if (sealed && block != InvalidBlockNumber)
		vc_report_add(&c->report, directory, "sealed chain of list %u has more than %u pages", list,
					  pages);
}

/*----- retired -----*/

/* pages of an interrupted compaction: the next VACUUM frees those that still are the list's */
static bool
claim_retired(RqCheck *c, BlockNumber block, uint32 list, uint32 incarnation)
{
	if (block >= c->nblocks || (c->blocks[block] & RQ_BLOCK_BAD) != 0)
		return false;
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_raw(c->index, block, c->strategy);

		if (vc_page_is_new(r.page) || vc_page_problem(r.page) != NULL ||
			!vc_page_is_of(r.page, list, incarnation))
			return false;
		memcpy(c->page, r.page, BLCKSZ);
	}
	rq_check_claim(c, block);
	return true;
}

static void
check_retired(RqCheck *c, uint32 list, const RqRetiredDisk *retired, BlockNumber directory)
{
	BlockNumber block = retired->first;

	if (retired->pages == 0)
		return;
	if (retired->pages != RQ_RETIRED_CHAIN)
	{
		if (retired->first >= c->nblocks || retired->pages > c->nblocks - retired->first)
		{
			vc_report_add(&c->report, directory,
						  "list %u has a retired run of %u pages at block %u", list, retired->pages,
						  retired->first);
			return;
		}
		for (uint32 i = 0; i < retired->pages; i++)
			claim_retired(c, retired->first + i, list, retired->incarnation);
		return;
	}
	for (BlockNumber n = 0; block != InvalidBlockNumber; n++)
	{
		CHECK_FOR_INTERRUPTS();
		if (n > c->nblocks)
		{
			vc_report_add(&c->report, directory, "retired chain of list %u does not end", list);
			return;
		}
		if (!claim_retired(c, block, list, retired->incarnation))
			return;
		block = vc_page_opaque_read(c->page)->next;
	}
}

/*----- lists -----*/

static bool
extent_is_sane(RqCheck *c, uint32 list, const RqExtentDisk *extent, uint32 next_incarnation,
			   BlockNumber directory)
{
	if (extent->rows > 0 && extent->dead <= extent->rows &&
		extent->incarnation < next_incarnation && extent->first < c->nblocks &&
		rq_extent_pages(&c->meta.geo, extent->rows) <= c->nblocks - extent->first)
		return true;
	vc_report_add(&c->report, directory,
				  "list %u has an extent of %u rows, %u dead, incarnation %u, at block %u", list,
				  extent->rows, extent->dead, extent->incarnation, extent->first);
	c->lists_damaged = true;
	return false;
}

static void
check_list(RqCheck *c, uint32 list, const RqListDisk *entry, BlockNumber directory)
{
	c->list_flags = entry->flags;
	c->list_radius = entry->radius;
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (entry->extent[i].first != InvalidBlockNumber &&
			extent_is_sane(c, list, &entry->extent[i], entry->next_incarnation, directory))
			check_extent(c, list, &entry->extent[i], directory);
	}
	for (int i = 0; i < RQ_MAX_RETIRED; i++)
		check_retired(c, list, &entry->retired[i], directory);

	if ((entry->append_head == InvalidBlockNumber) != (entry->append_tail == InvalidBlockNumber) ||
		(entry->append_head == InvalidBlockNumber) != (entry->append_pages == 0) ||
		(entry->sealed_head == InvalidBlockNumber) != (entry->sealed_pages == 0))
	{
		vc_report_add(&c->report, directory, "list %u has half an append chain", list);
		c->lists_damaged = true;
		return;
	}
	if (entry->sealed_pages > 0)
		check_chain(c, list, entry->sealed_head, InvalidBlockNumber, entry->sealed_pages,
					entry->sealed_incarnation, directory);
	if (entry->append_pages > 0)
		check_chain(c, list, entry->append_head, entry->append_tail, entry->append_pages,
					entry->append_incarnation, directory);
}

/* the lists of one directory page */
static void
check_directory_page(RqCheck *c, const RqRun *run, uint32 ordinal, RqTree *tree)
{
	const RqMetaDisk *disk = &c->meta.disk;
	uint32 first = ordinal * RQ_LISTS_PER_PAGE;
	uint32 n = Min(disk->lists - first, (uint32) RQ_LISTS_PER_PAGE);
	uint32 used = n * sizeof(RqListDisk);
	RqListDisk entries[RQ_LISTS_PER_PAGE];

	if (!rq_check_run_page(c, run, ordinal, used, used))
	{
		c->lists_damaged = true;
		return;
	}
	memcpy(entries, c->page + RQ_BODY_OFFSET, used);
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (tree != NULL)
			rq_tree_centroid(tree, first + i, c->centroid);
		check_list(c, first + i, &entries[i], run->first + ordinal);
	}
}

void
rq_check_lists(RqCheck *c)
{
	const RqMetaDisk *disk = &c->meta.disk;
	RqRun run = {disk->directory_first, disk->directory_pages, RQ_PAGE_DIRECTORY, 0, 0};
	RqTree *tree = NULL;

	if (c->fetch != NULL)
		tree = rq_tree_create(c->context, c->index, &c->meta, NULL);
	for (uint32 ordinal = 0; ordinal < disk->directory_pages; ordinal++)
		check_directory_page(c, &run, ordinal, tree);
}
