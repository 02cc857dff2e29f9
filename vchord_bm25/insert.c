/*
 * vchord_bm25/insert.c
 *		aminsert: one row to the growing area; and, now and then, the seal of it.
 *
 * When the growing area exceeds its limit the inserter tries to get the maintenance lock.  If somebody else has
 * it, that one is at work already, or will find the area as long as it is; nobody waits.  Its holder seals,
 * and merges small segments only, so that the statement that happens to do it is not held up for long.
 */
#include "postgres.h"

#include "nodes/execnodes.h"
#include "utils/memutils.h"

#include "core/buf.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/growing.h"
#include "vchord_bm25/maintain.h"

/* 4 MB: about as long as the seal itself takes */
#define MERGE_PAGES (4 * 1024 * 1024 / BLCKSZ)

/* what inserts of one statement share; lives in ii_AmCache */
typedef struct Inserter
{
	MemoryContext scratch; /* of one row */
	Bm25Fields fields;
	Bm25DocumentMaker *maker;
	uint32 limit;
} Inserter;

static Inserter *
get_inserter(Relation index, IndexInfo *info)
{
	Inserter *self = info->ii_AmCache;
	Bm25MetaDisk meta;
	MemoryContext context;
	MemoryContext old;

	if (self != NULL)
		return self;
	bm25_meta_read(index, &meta);
	context = AllocSetContextCreate(info->ii_Context, "vchord_bm25 insert", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	self = palloc0(sizeof(Inserter));
	self->scratch =
		AllocSetContextCreate(context, "vchord_bm25 insert row", ALLOCSET_DEFAULT_SIZES);
	bm25_meta_fields(index, &meta, &self->fields);
	self->maker = bm25_document_maker_create(&self->fields);
	self->limit = bm25_growing_limit(index);
	MemoryContextSwitchTo(old);
	info->ii_AmCache = self;
	return self;
}

static void
seal_if_long(Relation index, Relation heap, uint32 limit)
{
	Bm25MetaDisk meta;

	if (!bm25_maintenance_try_lock(index))
		return;
	/* somebody else may have sealed since */
	bm25_meta_read(index, &meta);
	if (meta.sealing.head != InvalidBlockNumber || bm25_growing_pages(index, &meta.growing) > limit)
	{
		bm25_maintenance_repair(index);
		if (bm25_seal(index, heap))
			bm25_merge_tiers(index, heap, MERGE_PAGES, false);
	}
	bm25_maintenance_unlock(index);
}

bool
bm25_aminsert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
			  IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *index_info)
{
	Inserter *self = get_inserter(index, index_info);
	MemoryContext old = MemoryContextSwitchTo(self->scratch);
	Bm25Document document;
	VC_GUARDS_ENTER();

	(void) check_unique;
	(void) index_unchanged;
	if (bm25_document_make(self->maker, values, isnull, tid, &document) &&
		bm25_growing_append(index, heap, &document, &self->fields) > self->limit)
		seal_if_long(index, heap, self->limit);
	MemoryContextSwitchTo(old);
	MemoryContextReset(self->scratch);
	VC_GUARDS_LEAVE();
	return false;
}
