/*
 * vchordrq/compact.c
 *		Compaction of one list: appended rows into code blocks, dead rows out.
 *
 * A list is dirty when it has gathered a block of appended rows, or when a fifth of it is dead.  The
 * bulk of a list is extent 0; what arrived since goes to extent 1, which is rewritten with what is
 * appended, until it is worth a rewrite of everything.  Rows are copied with their codes: nothing is
 * encoded again, no vector is read.
 *
 * Steps (each one record, but for 4), all of which leave a valid index:
 *
 *	1. {directory, tail}	the append chain becomes the sealed chain, its tail is marked closed, so that
 *							inserters, who look at the mark under the tail's lock, begin another chain;
 *							an incarnation for the new run is taken
 *	2. pages				allocated for the new run
 *	3. {directory}			the new run is noted as retired: it is not part of the list yet
 *	4. pages				written, one record each
 *	5. {directory}			swap: the new run is an extent, the old runs and the sealed chain are retired
 *	6. pages				of what is retired become tombstones
 *	7. {directory}			nothing is retired any more
 *
 * Steps 6 and 7 are done for all lists together, at the end: a page that was just freed cannot be used
 * again for a while, and would only stand before those that can be.
 *
 * After a crash the next VACUUM begins with steps 6 and 7, and then finds a sealed chain that it packs
 * as it is.  Pages allocated by step 2 but not noted by step 3 are lost until REINDEX (the check counts
 * them).
 *
 * Locks: readers and inserters wait for single page writes only.  The source rows cannot change: rows
 * die by VACUUM only, of which there is one.
 *
 * Memory: one segment of the source and one of the target.
 */
#include "postgres.h"

#include "vchordrq/compact.h"

#include "commands/vacuum.h"

#include "core/compat.h"
#include "core/recycle.h"
#include "core/report.h"
#include "core/tid.h"
#include "core/vector/rabitq.h"
#include "core/xlog.h"

#include "vchordrq/list.h"
#include "vchordrq/packer.h"
#include "vchordrq/segment.h"

/*
 * One block: below that a scan of the rows one by one costs about as much as the visit of another
 * extent.
 */
#define DIRTY_APPENDED RQ_BLOCK_ROWS
/* a list or extent is dirty when 1/5 of it is dead: scans waste no more than that on dead rows */
#define DIRTY_DEAD_FRACTION 5
/*
 * Extent 1 is merged into extent 0 when it would exceed 1/4 of it: a row is then rewritten about four
 * times on average between two doublings of its list, whatever the rate of VACUUMs.
 */
#define MERGE_FRACTION 4

struct RqCompactor
{
	Relation index;
	Relation heap;
	const RqMeta *meta;
	BufferAccessStrategy strategy;
	RqPacker *packer;
	RqSegment segment;
	char *entries; /* [RQ_BODY_BYTES] */
	uint64 *code;  /* [code_words] */
	uint64 freed;

	/* lists with retired runs: steps 6 and 7 are to come */
	uint32 *lists;
	uint32 nlists;

	/* run being written */
	BlockNumber first;
};

/* sources and target of one compaction */
typedef struct Job
{
	uint32 list;
	RqListDisk entry; /* as of step 1 */
	bool everything;  /* target is extent 0; else extent 1, and extent 0 stays */
	uint32 incarnation;
	uint64 live;       /* rows of the new run */
	RqExtentDisk made; /* the new run; invalid if no row is left */
} Job;

/* step 4: a finished page goes to its place in the run */
static void
write_page(void *arg, uint32 ordinal, const char *page)
{
	RqCompactor *c = arg;

	vacuum_delay_point(false);
	{
		VC_SCOPED(vc_page_write_drop)
		VcPageWrite w = vc_page_write(c->index, c->first + ordinal, RQ_PAGE_LIST);

		memcpy(w.page, page, BLCKSZ);
		vc_page_write_commit(&w);
	}
}

RqCompactor *
rq_compactor_create(MemoryContext context, Relation index, Relation heap, const RqMeta *meta,
					BufferAccessStrategy strategy)
{
	RqCompactor *c = MemoryContextAllocZero(context, sizeof(RqCompactor));

	c->index = index;
	c->heap = heap;
	c->meta = meta;
	c->strategy = strategy;
	c->packer = rq_packer_create(context, meta, write_page, c);
	rq_segment_init(&c->segment, context, &meta->geo);
	c->entries = MemoryContextAlloc(context, RQ_BODY_BYTES);
	c->code = MemoryContextAllocZero(context, meta->geo.code_words * sizeof(uint64));
	c->lists = MemoryContextAllocHuge(context, meta->disk.lists * sizeof(uint32));
	return c;
}


/*----- steps 6 and 7: what is retired -----*/

/*
 * The chain is freed from its end, so that what is not freed yet can be reached after a crash: its head
 * goes last.
 */
static void
free_chain(RqCompactor *c, uint32 list, const RqRetiredDisk *retired)
{
	BlockNumber limit = RelationGetNumberOfBlocks(c->index);
	BlockNumber block = retired->first;
	uint32 room = 64;
	uint32 n = 0;
	BlockNumber *blocks = palloc(room * sizeof(BlockNumber));

	while (block != InvalidBlockNumber)
	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = VC_PAGE_READ_NONE(c->index);

		vacuum_delay_point(false);
		r = vc_page_read_strategy(c->index, block, VC_PAGE_ANY, c->strategy);
		/* the rest was freed before a crash, and got another owner since */
		if (!vc_page_is_of(r.page, list, retired->incarnation))
			break;
		if (n == limit)
			vc_corrupt(c->index, block, "append chain of list %u does not end", list);
		if (n == room)
		{
			room *= 2;
			blocks = repalloc_huge(blocks, room * sizeof(BlockNumber));
		}
		blocks[n++] = block;
		block = vc_page_opaque_read(r.page)->next;
	}
	while (n > 0)
	{
		c->freed += vc_recycle_free_run(c->index, blocks[n - 1], 1, list, retired->incarnation);
		n--;
	}
	pfree(blocks);
}

static bool
is_part(const RqListDisk *entry, const RqRetiredDisk *retired)
{
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (entry->extent[i].first == retired->first &&
			entry->extent[i].incarnation == retired->incarnation)
			return true;
	}
	return (entry->sealed_head == retired->first &&
			entry->sealed_incarnation == retired->incarnation) ||
		   (entry->append_head == retired->first &&
			entry->append_incarnation == retired->incarnation);
}

static void
free_retired(RqCompactor *c, uint32 list, const RqListDisk *entry)
{
	bool any = false;

	for (int i = 0; i < RQ_MAX_RETIRED; i++)
	{
		const RqRetiredDisk *retired = &entry->retired[i];
		BlockNumber blocks = RelationGetNumberOfBlocks(c->index);

		if (retired->pages == 0)
			continue;
		any = true;
		if (is_part(entry, retired))
			continue;
		if (retired->pages == RQ_RETIRED_CHAIN)
			free_chain(c, list, retired);
		else if (retired->first >= blocks || retired->pages > blocks - retired->first)
			vc_corrupt(c->index, retired->first, "list %u has a retired run of %u pages", list,
					   retired->pages);
		else
			c->freed += vc_recycle_free_run(c->index, retired->first, retired->pages, list,
											retired->incarnation);
	}
	if (any)
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(c->index);
		RqListDisk *now = rq_list_edit(&xlog, c->meta, list);

		for (int i = 0; i < RQ_MAX_RETIRED; i++)
			now->retired[i] = (RqRetiredDisk){.first = InvalidBlockNumber};
		vc_xlog_commit(&xlog);
	}
}

/*----- step 1: seal -----*/

static void
seal(RqCompactor *c, Job *job)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(c->index);
	RqListDisk *now = rq_list_edit(&xlog, c->meta, job->list);

	if (now->sealed_head == InvalidBlockNumber && now->append_head != InvalidBlockNumber)
	{
		BlockNumber block = now->append_tail;
		char *tail = vc_xlog_add(&xlog, block, RQ_PAGE_APPEND);
		uint32 rows;

		if (!rq_append_page_check(c->index, c->meta, block, tail, job->list,
								  now->append_incarnation, &rows) ||
			vc_page_is_free(tail) || vc_page_opaque(tail)->next != InvalidBlockNumber)
			vc_corrupt(c->index, block, "page is not the tail of list %u", job->list);
		((RqAppendHeadDisk *) (tail + RQ_HEAD_OFFSET))->closed = 1;
		now->sealed_head = now->append_head;
		now->sealed_pages = now->append_pages;
		now->sealed_incarnation = now->append_incarnation;
		now->append_head = InvalidBlockNumber;
		now->append_tail = InvalidBlockNumber;
		now->append_pages = 0;
		now->append_incarnation = 0;
	}
	job->incarnation = now->next_incarnation++;
	job->entry = *now;
	vc_xlog_commit(&xlog);
}

/*----- sources -----*/

/* live rows of a page's copied entries */
static uint32
count_entries(const char *entries, uint32 stride, uint32 n)
{
	uint32 live = 0;

	for (uint32 i = 0; i < n; i++)
	{
		ItemPointerData tid = rq_entry_tid(entries, stride, i);

		live += vc_heap_valid(vc_heap_from_tid(&tid));
	}
	return live;
}

static uint32
count_extent(RqCompactor *c, uint32 list, const RqExtentDisk *extent)
{
	const RqGeometry *geo = &c->meta->geo;
	uint32 segments = rq_segment_count(extent->rows);
	uint32 live = 0;
	RqRun run;

	rq_extent_run(c->meta, list, extent, &run);
	for (uint32 number = 0; number < segments; number++)
	{
		uint32 pages = rq_strip_pages(geo, rq_segment_rows(extent->rows, number));

		for (uint32 page = 0; page < pages; page++)
		{
			uint32 n = rq_strip_read(c->index, geo, &run, extent->rows, number, page, c->strategy,
									 c->entries);

			live += count_entries(c->entries, geo->strip_bytes, n);
		}
	}
	return live;
}

/* rows of a chain, dead ones included, and the live ones of them */
static void
count_chain(RqCompactor *c, uint32 list, BlockNumber head, uint32 pages, uint32 incarnation,
			uint64 *rows, uint64 *live)
{
	RqChain chain;
	uint32 n;
	BlockNumber block;

	rq_chain_begin(&chain, c->index, c->meta, list, head, pages, incarnation);
	while (rq_chain_next(&chain, c->index, c->strategy, c->entries, &n, &block))
	{
		*rows += n;
		*live += count_entries(c->entries, c->meta->geo.append_bytes, n);
	}
}

static bool
takes_extent(const Job *job, int i)
{
	return job->entry.extent[i].first != InvalidBlockNumber && (job->everything || i > 0);
}

/* What goes where, and how many rows that is. */
static void
choose(RqCompactor *c, Job *job)
{
	const RqListDisk *entry = &job->entry;
	const RqExtentDisk *bulk = &entry->extent[0];
	uint64 extent_live[RQ_MAX_EXTENTS] = {0};
	uint64 rows = 0;
	uint64 recent = 0; /* live rows outside extent 0 */

	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (entry->extent[i].first != InvalidBlockNumber)
			extent_live[i] = count_extent(c, job->list, &entry->extent[i]);
	}
	count_chain(c, job->list, entry->sealed_head, entry->sealed_pages, entry->sealed_incarnation,
				&rows, &recent);
	for (int i = 1; i < RQ_MAX_EXTENTS; i++)
		recent += extent_live[i];

	job->everything = bulk->first == InvalidBlockNumber ||
					  recent * MERGE_FRACTION > extent_live[0] ||
					  (bulk->rows - extent_live[0]) * DIRTY_DEAD_FRACTION >= bulk->rows;
	job->live = job->everything ? recent + extent_live[0] : recent;
	if (job->live > PG_UINT32_MAX / 2)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("list %u of index \"%s\" has too many rows", job->list,
							   RelationGetRelationName(c->index)),
						errhint("Rebuild the index with more lists.")));
}

/*----- steps 2 to 4: the new run -----*/

static void
note_run(RqCompactor *c, const Job *job, uint32 pages)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(c->index);
	RqListDisk *now = rq_list_edit(&xlog, c->meta, job->list);

	/* nothing else is retired: the compaction began with freeing that */
	now->retired[0] = (RqRetiredDisk){job->made.first, pages, job->made.incarnation};
	vc_xlog_commit(&xlog);
}

static void
pack_segment(RqCompactor *c)
{
	const RqSegment *segment = &c->segment;

	for (uint32 row = 0; row < segment->rows; row++)
	{
		RqStripDisk strip;
		RqCodedRow coded;
		float err;

		rq_segment_strip(segment, row, &strip);
		if (!vc_heap_valid(vc_heap_from_tid(&strip.tid)))
			continue;
		if (c->meta->geo.exact)
		{
			rq_packer_add_exact(c->packer, &strip.tid, rq_segment_exact(segment, row));
			continue;
		}
		rq_segment_code(segment, row, c->code, &coded);
		/* a half fits a float, and vcv_half_up() gives the same half back */
		vcs_vector_ops.f16_to_f32(&coded.err, 1, &err);
		rq_packer_add_code(c->packer, &strip, c->code, coded.base, coded.factor, err);
	}
}

static void
pack_extent(RqCompactor *c, uint32 list, const RqExtentDisk *extent)
{
	uint32 segments = rq_segment_count(extent->rows);
	RqRun run;

	rq_extent_run(c->meta, list, extent, &run);
	for (uint32 number = 0; number < segments; number++)
	{
		rq_segment_read(&c->segment, c->index, &run, extent->rows, number, c->strategy);
		pack_segment(c);
	}
}

static void
pack_sealed(RqCompactor *c, const Job *job)
{
	const RqGeometry *geo = &c->meta->geo;
	RqChain chain;
	uint32 n;
	BlockNumber block;

	rq_chain_begin(&chain, c->index, c->meta, job->list, job->entry.sealed_head,
				   job->entry.sealed_pages, job->entry.sealed_incarnation);
	while (rq_chain_next(&chain, c->index, c->strategy, c->entries, &n, &block))
	{
		for (uint32 i = 0; i < n; i++)
		{
			const char *entry = c->entries + (Size) i * geo->append_bytes;
			ItemPointerData tid = rq_entry_tid(entry, geo->append_bytes, 0);

			if (!vc_heap_valid(vc_heap_from_tid(&tid)))
				continue;
			if (geo->exact)
				rq_packer_add_exact(c->packer, &tid,
									(const float *) (entry + sizeof(RqAppendExactDisk)));
			else
			{
				const RqAppendRowDisk *row = (const RqAppendRowDisk *) entry;

				rq_packer_add_code(c->packer, &row->strip, (const uint64 *) (row + 1), row->base,
								   row->factor, row->err);
			}
		}
	}
}

static void
make_run(RqCompactor *c, Job *job)
{
	uint32 pages;

	job->made = (RqExtentDisk){.first = InvalidBlockNumber};
	if (job->live == 0)
		return;
	pages = (uint32) rq_extent_pages(&c->meta->geo, (uint32) job->live);
	job->made.rows = (uint32) job->live;
	job->made.incarnation = job->incarnation;
	job->made.first =
		vc_recycle_alloc_run(c->index, c->heap, pages, RQ_PAGE_LIST, job->list, job->incarnation);
	note_run(c, job, pages);

	c->first = job->made.first;
	rq_packer_begin(c->packer, job->list, job->incarnation, job->made.rows);
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (takes_extent(job, i))
			pack_extent(c, job->list, &job->entry.extent[i]);
	}
	pack_sealed(c, job);
	rq_packer_end(c->packer);
}

/*----- step 5: swap -----*/

static void
swap(RqCompactor *c, Job *job)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(c->index);
	RqListDisk *now = rq_list_edit(&xlog, c->meta, job->list);
	int nretired = 0;

	if (memcmp(now->extent, job->entry.extent, sizeof(now->extent)) != 0 ||
		now->sealed_head != job->entry.sealed_head)
		elog(ERROR, "list %u of index \"%s\" changed while it was compacted", job->list,
			 RelationGetRelationName(c->index));

	for (int i = 0; i < RQ_MAX_RETIRED; i++)
		now->retired[i] = (RqRetiredDisk){.first = InvalidBlockNumber};
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		RqExtentDisk *extent = &now->extent[i];

		if (!takes_extent(job, i))
			continue;
		now->retired[nretired++] =
			(RqRetiredDisk){extent->first, (uint32) rq_extent_pages(&c->meta->geo, extent->rows),
							extent->incarnation};
		*extent = (RqExtentDisk){.first = InvalidBlockNumber};
	}
	if (now->sealed_head != InvalidBlockNumber)
		now->retired[nretired++] =
			(RqRetiredDisk){now->sealed_head, RQ_RETIRED_CHAIN, now->sealed_incarnation};
	now->sealed_head = InvalidBlockNumber;
	now->sealed_pages = 0;
	now->sealed_incarnation = 0;
	now->extent[job->everything ? 0 : 1] = job->made;
	vc_xlog_commit(&xlog);
}

/*----- one list -----*/

typedef struct Counts
{
	uint64 rows; /* dead ones included */
	uint64 live;
	uint64 appended_live;
} Counts;

static void
count_list(RqCompactor *c, uint32 list, const RqListDisk *entry, Counts *ret_counts)
{
	Counts counts = {0};

	count_chain(c, list, entry->sealed_head, entry->sealed_pages, entry->sealed_incarnation,
				&counts.rows, &counts.appended_live);
	count_chain(c, list, entry->append_head, entry->append_pages, entry->append_incarnation,
				&counts.rows, &counts.appended_live);
	counts.live = counts.appended_live;
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (entry->extent[i].first == InvalidBlockNumber)
			continue;
		counts.rows += entry->extent[i].rows;
		counts.live += entry->extent[i].rows - entry->extent[i].dead;
	}
	*ret_counts = counts;
}

static bool
is_dirty(const RqListDisk *entry, const Counts *counts)
{
	uint64 dead = counts->rows - counts->live;

	return entry->sealed_head != InvalidBlockNumber || counts->appended_live >= DIRTY_APPENDED ||
		   (dead > 0 && dead * DIRTY_DEAD_FRACTION >= counts->rows);
}

uint64
rq_compact_list(RqCompactor *compactor, uint32 list)
{
	Job job = {.list = list};
	Counts counts;

	rq_list_read(compactor->index, compactor->meta, NULL, list, &job.entry);
	free_retired(compactor, list, &job.entry);
	count_list(compactor, list, &job.entry, &counts);
	if (!is_dirty(&job.entry, &counts))
		return counts.live;

	seal(compactor, &job);
	choose(compactor, &job);
	make_run(compactor, &job);
	swap(compactor, &job);
	Assert(compactor->nlists < compactor->meta->disk.lists);
	compactor->lists[compactor->nlists++] = list;
	return counts.live;
}

uint64
rq_compactor_finish(RqCompactor *compactor)
{
	for (uint32 i = 0; i < compactor->nlists; i++)
	{
		RqListDisk entry;

		vacuum_delay_point(false);
		rq_list_read(compactor->index, compactor->meta, NULL, compactor->lists[i], &entry);
		free_retired(compactor, compactor->lists[i], &entry);
	}
	compactor->nlists = 0;
	return compactor->freed;
}
