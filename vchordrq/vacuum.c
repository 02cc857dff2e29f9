/*
 * vchordrq/vacuum.c
 *		ambulkdelete and amvacuumcleanup.
 *
 * Bulk delete reads the identity of every row from a compact place: the strips of the extents (12 or 6
 * bytes a row) and the append pages.  Pages where nothing died are only read.  For a page with dead
 * rows:
 *
 *	1. the dead rows' vector slots are freed, one record each;
 *	2. their TIDs are cleared in the page, one record.
 *
 * In this order a crash leaves rows without a vector, which readers drop and the next VACUUM clears
 * (freeing a slot that has another row by then does nothing); the other order would leak slots.  At the
 * end of a list its dead counts are written, exactly recounted, if they differ.
 *
 * Rows that are inserted meanwhile need no visit: VACUUM's dead rows were in the index before it began.
 * Rows never move but by compaction, which is VACUUM's own.
 *
 * Cleanup compacts dirty lists (compact.c) and counts rows where no bulk delete ran.
 *
 * Locks: one page at a time; the callback is called under none.
 */
#include "postgres.h"

#include "vchordrq/am.h"

#include "utils/memutils.h"

#include "core/recycle.h"
#include "core/report.h"
#include "core/tid.h"
#include "core/xlog.h"

#include "vchordrq/compact.h"
#include "vchordrq/list.h"
#include "vchordrq/segment.h"
#include "vchordrq/vectors.h"

typedef struct Vacuum
{
	IndexVacuumInfo *info;
	Relation index;
	RqMeta meta;
	IndexBulkDeleteCallback callback;
	void *callback_state;
	uint32 list;    /* being worked on */
	uint64 live;    /* rows that stay */
	uint64 removed; /* rows that died in this call */
	char *entries;  /* [RQ_BODY_BYTES] copy of a page's entries */
	uint32 *dead;   /* [RQ_BODY_BYTES / 6] entries of this page that died now */
} Vacuum;

/* what a page must be when it is written */
typedef struct Place
{
	BlockNumber block;
	uint16 kind;
	uint32 incarnation;
	uint32 stride; /* of entries */
} Place;

/* entries of the copied page that the callback calls dead; *ret_gone: those that were dead before */
static uint32
find_dead(Vacuum *v, uint32 stride, uint32 n, uint32 *ret_gone)
{
	uint32 ndead = 0;

	*ret_gone = 0;
	for (uint32 i = 0; i < n; i++)
	{
		ItemPointerData tid = rq_entry_tid(v->entries, stride, i);

		if (!vc_heap_valid(vc_heap_from_tid(&tid)))
			(*ret_gone)++;
		else if (v->callback(&tid, v->callback_state))
			v->dead[ndead++] = i;
	}
	return ndead;
}

static void
free_slots(Vacuum *v, uint32 stride, uint32 ndead)
{
	uint32 chain = v->list % v->meta.disk.chains;

	for (uint32 i = 0; i < ndead; i++)
	{
		RqStripDisk strip;

		vacuum_delay_point(false);
		memcpy(&strip, v->entries + (Size) v->dead[i] * stride, sizeof(strip));
		rq_vector_free(v->index, &v->meta, chain, &strip);
	}
}

static void
clear_tids(Vacuum *v, const Place *place, uint32 ndead)
{
	VC_SCOPED(vc_page_write_drop)
	VcPageWrite w = vc_page_write(v->index, place->block, place->kind);

	if (!vc_page_is_live_of(w.page, v->list, place->incarnation))
		vc_corrupt(v->index, place->block, "page of list %u was recycled during VACUUM", v->list);
	for (uint32 i = 0; i < ndead; i++)
	{
		const char *copy = v->entries + (Size) v->dead[i] * place->stride;
		char *entry = w.page + RQ_BODY_OFFSET + (Size) v->dead[i] * place->stride;

		if (memcmp(entry, copy, sizeof(ItemPointerData)) != 0)
			vc_corrupt(v->index, place->block, "row %u changed during VACUUM", v->dead[i]);
		memset(entry, 0, sizeof(ItemPointerData));
	}
	if (place->kind == RQ_PAGE_APPEND)
		((RqAppendHeadDisk *) (w.page + RQ_HEAD_OFFSET))->dead += ndead;
	vc_page_write_commit(&w);
}

/* v->entries holds n entries of the page; returns how many of them are dead now */
static uint32
vacuum_page(Vacuum *v, const Place *place, uint32 n)
{
	uint32 gone;
	uint32 ndead = find_dead(v, place->stride, n, &gone);

	if (ndead > 0)
	{
		if (v->meta.geo.grouped)
			free_slots(v, place->stride, ndead);
		clear_tids(v, place, ndead);
	}
	v->removed += ndead;
	v->live += n - gone - ndead;
	return gone + ndead;
}

/* returns the dead rows of the extent */
static uint32
vacuum_extent(Vacuum *v, const RqExtentDisk *extent)
{
	const RqGeometry *geo = &v->meta.geo;
	uint32 segments = rq_segment_count(extent->rows);
	uint32 dead = 0;
	RqRun run;

	rq_extent_run(&v->meta, v->list, extent, &run);
	for (uint32 number = 0; number < segments; number++)
	{
		uint32 pages = rq_strip_pages(geo, rq_segment_rows(extent->rows, number));

		for (uint32 page = 0; page < pages; page++)
		{
			uint32 n = rq_strip_read(v->index, geo, &run, extent->rows, number, page,
									 v->info->strategy, v->entries);
			Place place = {run.first + rq_segment_first(geo, number) + page, RQ_PAGE_LIST,
						   extent->incarnation, geo->strip_bytes};

			dead += vacuum_page(v, &place, n);
		}
	}
	return dead;
}

static void
vacuum_chain(Vacuum *v, BlockNumber head, uint32 pages, uint32 incarnation)
{
	RqChain chain;
	uint32 n;
	BlockNumber block;

	rq_chain_begin(&chain, v->index, &v->meta, v->list, head, pages, incarnation);
	while (rq_chain_next(&chain, v->index, v->info->strategy, v->entries, &n, &block))
	{
		Place place = {block, RQ_PAGE_APPEND, incarnation, v->meta.geo.append_bytes};

		vacuum_page(v, &place, n);
	}
}

static void
write_dead_counts(Vacuum *v, const RqListDisk *entry, const uint32 *dead)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(v->index);
	RqListDisk *now = rq_list_edit(&xlog, &v->meta, v->list);

	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (now->extent[i].first == entry->extent[i].first &&
			now->extent[i].incarnation == entry->extent[i].incarnation &&
			now->extent[i].first != InvalidBlockNumber)
			now->extent[i].dead = dead[i];
	}
	vc_xlog_commit(&xlog);
}

static void
vacuum_list(Vacuum *v)
{
	RqListDisk entry;
	uint32 dead[RQ_MAX_EXTENTS] = {0};
	bool changed = false;

	rq_list_read(v->index, &v->meta, NULL, v->list, &entry);
	for (int i = 0; i < RQ_MAX_EXTENTS; i++)
	{
		if (entry.extent[i].first == InvalidBlockNumber)
			continue;
		dead[i] = vacuum_extent(v, &entry.extent[i]);
		changed |= dead[i] != entry.extent[i].dead;
	}
	vacuum_chain(v, entry.sealed_head, entry.sealed_pages, entry.sealed_incarnation);
	vacuum_chain(v, entry.append_head, entry.append_pages, entry.append_incarnation);
	if (changed)
		write_dead_counts(v, &entry, dead);
}

IndexBulkDeleteResult *
rq_ambulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *state)
{
	Vacuum v = {.info = info, .index = info->index, .callback = callback, .callback_state = state};
	VC_GUARDS_ENTER();

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	rq_meta_load(v.index, &v.meta);
	v.entries = palloc(RQ_BODY_BYTES);
	v.dead = palloc(RQ_BODY_BYTES / sizeof(ItemPointerData) * sizeof(uint32));
	for (v.list = 0; v.list < v.meta.disk.lists; v.list++)
	{
		vacuum_delay_point(false);
		vacuum_list(&v);
	}
	pfree(v.entries);
	pfree(v.dead);

	/* VACUUM may call several times: each call sees all rows, and removes others */
	stats->num_pages = RelationGetNumberOfBlocks(v.index);
	stats->estimated_count = false;
	stats->num_index_tuples = (double) v.live;
	stats->tuples_removed += (double) v.removed;
	VC_GUARDS_LEAVE();
	return stats;
}

IndexBulkDeleteResult *
rq_amvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	MemoryContext context;
	RqMeta meta;
	RqCompactor *compactor;
	uint64 live = 0;
	uint64 freed;
	VC_GUARDS_ENTER();

	if (info->analyze_only)
		return stats;
	rq_meta_load(info->index, &meta);
	context =
		AllocSetContextCreate(CurrentMemoryContext, "vchordrq compaction", ALLOCSET_DEFAULT_SIZES);
	compactor =
		rq_compactor_create(context, info->index, vc_vacuum_heaprel(info), &meta, info->strategy);
	for (uint32 list = 0; list < meta.disk.lists; list++)
	{
		vacuum_delay_point(false);
		live += rq_compact_list(compactor, list);
	}
	freed = rq_compactor_finish(compactor);
	vc_recycle_vacuum(info->index, info->strategy);

	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = (double) live;
	}
	stats->estimated_count = false;
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	stats->pages_newly_deleted += (BlockNumber) freed;
	stats->pages_deleted = stats->pages_newly_deleted;
	MemoryContextDelete(context);
	VC_GUARDS_LEAVE();
	return stats;
}
