/*
 * vchordrq/insert.c
 *		aminsert: one row into the nearest list's append chain.
 *
 * The tail page of the chain is looked up in the directory entry.  One WAL record holds the vector's
 * slot and the appended row, so that a row is in the index as a whole or not at all.  The tokens of an
 * array are so many rows with one TID: a crash between them leaves some, which nobody sees, because the
 * row of the table is of a transaction that did not commit.  A full (or missing) tail is first followed by
 * an empty page, in a record of its own over directory entry, old tail and new page.
 *
 * Locks: directory page -> old tail -> new page; pages of a vector group -> tail.  Compaction closes a
 * chain by marking its tail under the same locks, so a row never goes to a chain that is being packed:
 * the inserter sees the mark under its exclusive lock and starts over.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"

#include "core/report.h"
#include "core/vector/rotate.h"
#include "core/vector/tokens.h"
#include "core/xlog.h"

#include "vchordrq/am.h"
#include "vchordrq/encode.h"
#include "vchordrq/list.h"
#include "vchordrq/range.h"
#include "vchordrq/tree.h"
#include "vchordrq/vectors.h"

/* what inserts of one statement share; lives in ii_AmCache */
typedef struct RqInserter
{
	RqMeta meta;
	MemoryContext context; /* tree and encoder */
	MemoryContext scratch; /* of one row */
	VcReadCache cache;
	RqTree *tree;
	RqEncoder *encoder;
	float *centroid; /* [dim] */
	void *query_memory;
	char *slot; /* [slot_bytes] */
	char *row;  /* [append_bytes] */
	uint32 chain;
} RqInserter;

static RqInserter *
get_inserter(Relation index, IndexInfo *info)
{
	RqInserter *self = info->ii_AmCache;
	MemoryContext context;

	if (self != NULL)
		return self;
	context = AllocSetContextCreate(info->ii_Context, "vchordrq insert", ALLOCSET_DEFAULT_SIZES);
	self = MemoryContextAllocZero(context, sizeof(RqInserter));
	rq_meta_load(index, &self->meta);
	self->context = context;
	self->scratch = AllocSetContextCreate(context, "vchordrq insert row", ALLOCSET_SMALL_SIZES);
	vc_read_cache_init(&self->cache, index);
	self->tree = rq_tree_create(context, index, &self->meta, &self->cache);
	self->encoder = rq_encoder_create(context, &self->meta);
	self->centroid = MemoryContextAlloc(context, self->meta.geo.dim * sizeof(float));
	self->query_memory = (void *) TYPEALIGN(
		64, MemoryContextAlloc(context, vcv_query_memory(self->meta.geo.dim) + 64));
	if (self->meta.geo.grouped)
		self->slot = MemoryContextAllocZero(context, self->meta.geo.slot_bytes);
	self->row = MemoryContextAllocZero(context, self->meta.geo.append_bytes);
	/* spreads sessions over chains; which one is of no consequence */
	self->chain = (uint32) MyProcPid % self->meta.disk.chains;
	info->ii_AmCache = self;
	return self;
}

/* Put an empty page behind `tail` (invalid: the list has no chain), unless somebody else did. */
static void
extend_chain(Relation index, Relation heap, const RqMeta *meta, uint32 list, BlockNumber tail)
{
	BlockNumber fresh;
	RqListDisk *entry;
	char *page;
	char *old_tail = NULL;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	entry = rq_list_edit(&xlog, meta, list);
	if (entry->append_tail != tail)
		return;
	if (tail == InvalidBlockNumber)
		entry->append_incarnation = entry->next_incarnation++;
	else
	{
		uint32 rows;

		old_tail = vc_xlog_add(&xlog, tail, RQ_PAGE_APPEND);
		if (!rq_append_page_check(index, meta, tail, old_tail, list, entry->append_incarnation,
								  &rows) ||
			vc_page_opaque(old_tail)->next != InvalidBlockNumber)
			vc_corrupt(index, tail, "page is not the tail of list %u", list);
		if (rows < meta->geo.append_rows)
			return;
	}
	page = vc_xlog_add_new(&xlog, heap, RQ_PAGE_APPEND, list, entry->append_incarnation, &fresh);
	memset(page + RQ_HEAD_OFFSET, 0, sizeof(RqAppendHeadDisk));
	((PageHeader) page)->pd_lower = RQ_BODY_OFFSET;
	if (old_tail)
	{
		vc_page_opaque(old_tail)->next = fresh;
		entry->append_pages++;
	}
	else
	{
		entry->append_head = fresh;
		entry->append_pages = 1;
	}
	entry->append_tail = fresh;
	vc_xlog_commit(&xlog);
}

/* Append self->row to the tail; false: the tail is full or closed. */
static bool
append_row(Relation index, Relation heap, RqInserter *self, uint32 list, BlockNumber tail,
		   uint32 incarnation)
{
	const RqMeta *meta = &self->meta;
	const RqGeometry *geo = &meta->geo;
	RqAppendHeadDisk *head;
	char *page;
	uint32 rows;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	if (geo->grouped)
		rq_vector_put(index, heap, meta, self->chain, self->slot, &xlog,
					  &((RqAppendRowDisk *) self->row)->strip);
	page = vc_xlog_add(&xlog, tail, VC_PAGE_ANY);
	if (!rq_append_page_check(index, meta, tail, page, list, incarnation, &rows) ||
		vc_page_is_free(page))
		return false;
	head = (RqAppendHeadDisk *) (page + RQ_HEAD_OFFSET);
	if (head->closed || rows >= geo->append_rows ||
		vc_page_opaque(page)->next != InvalidBlockNumber)
		return false;
	memcpy(page + RQ_BODY_OFFSET + rows * geo->append_bytes, self->row, geo->append_bytes);
	head->rows = rows + 1;
	((PageHeader) page)->pd_lower = RQ_BODY_OFFSET + head->rows * geo->append_bytes;
	vc_xlog_commit(&xlog);
	return true;
}

/* does the tail look as if it had room?  Saves writing a slot in vain. */
static bool
tail_has_room(Relation index, RqInserter *self, uint32 list, const RqListDisk *entry)
{
	uint32 rows;
	VC_SCOPED(vc_page_read_drop)
	VcPageRead r = vc_page_read(index, entry->append_tail, VC_PAGE_ANY);

	/* another incarnation: let append_row find out under the lock and come back */
	return !rq_append_page_check(index, &self->meta, entry->append_tail, r.page, list,
								 entry->append_incarnation, &rows) ||
		   rows < self->meta.geo.append_rows;
}

/* The row about to come is farther from the centroid than any of the list's: make that known first. */
static void
widen_list(Relation index, const RqMeta *meta, uint32 list, float reach)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	RqListDisk *entry = rq_list_edit(&xlog, meta, list);

	if (entry->radius >= reach)
		return;
	entry->radius = reach;
	vc_xlog_commit(&xlog);
}

/* self->row but for the vector's slot, which is known only when it was written */
static void
compose_row(RqInserter *self, ItemPointer tid)
{
	const RqGeometry *geo = &self->meta.geo;

	if (geo->exact)
	{
		RqAppendExactDisk *row = (RqAppendExactDisk *) self->row;

		row->tid = *tid;
		row->token = self->encoder->token;
		memcpy(row + 1, self->encoder->x, geo->dim * sizeof(float));
	}
	else
	{
		RqAppendRowDisk *row = (RqAppendRowDisk *) self->row;

		row->strip.tid = *tid;
		row->base = self->encoder->base;
		row->factor = self->encoder->factor;
		row->err = self->encoder->err;
		memcpy(row + 1, self->encoder->code, geo->code_words * sizeof(uint64));
	}
	if (geo->grouped)
		rq_encoder_slot(self->encoder, tid, self->slot);
}

/*
 * Append self->row, and the vector that goes with it, to the list.  reach: a bound of its distance from
 * the centroid.
 */
static void
put_row(Relation index, Relation heap, RqInserter *self, uint32 list, float reach)
{
	BlockNumber refused = InvalidBlockNumber;

	for (;;)
	{
		RqListDisk entry;

		CHECK_FOR_INTERRUPTS();
		rq_list_read(index, &self->meta, &self->cache, list, &entry);
		if ((entry.flags & RQ_LIST_RADIUS) != 0 && reach > entry.radius)
			widen_list(index, &self->meta, list, reach);
		if (entry.append_tail == InvalidBlockNumber || !tail_has_room(index, self, list, &entry))
			extend_chain(index, heap, &self->meta, list, entry.append_tail);
		else if (entry.append_tail == refused)
			vc_corrupt(index, refused, "page is not the tail of list %u", list);
		else if (append_row(index, heap, self, list, entry.append_tail, entry.append_incarnation))
			break;
		else
		{
			/* It was closed or replaced: then the directory names another one by now. */
			refused = entry.append_tail;
		}
	}
}

static void
insert_vector(Relation index, Relation heap, RqInserter *self, ItemPointer tid, Datum value,
			  uint32 token)
{
	VcvQuery query;
	RqProbe probe;

	rq_encoder_set(self->encoder, value);
	self->encoder->token = (uint16) token;
	rq_encoder_rotate(self->encoder);
	vcv_query_init(&query, self->meta.disk.metric, self->encoder->rotated, self->meta.geo.dim,
				   false, self->query_memory);
	rq_tree_nearest(self->tree, &query, &probe);
	if (!self->meta.geo.exact)
	{
		bool residual = rq_meta_has(&self->meta, RQ_META_RESIDUAL);

		if (residual)
			rq_tree_centroid(self->tree, probe.list, self->centroid);
		rq_encoder_code(self->encoder, residual ? self->centroid : NULL);
	}
	compose_row(self, tid);
	put_row(index, heap, self, probe.list, rq_range_reach(&self->meta, &query, &probe));
	rq_encoder_clear(self->encoder);
}

bool
rq_aminsert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
			IndexUniqueCheck checkUnique, bool indexUnchanged, IndexInfo *indexInfo)
{
	RqInserter *self;
	MemoryContext old;
	VcvTokens tokens;
	Datum token;
	VC_GUARDS_ENTER();

	(void) checkUnique;
	(void) indexUnchanged;
	if (isnull[0])
		return false;
	self = get_inserter(index, indexInfo);
	old = MemoryContextSwitchTo(self->scratch);
	vcv_tokens_begin(&tokens, values[0], rq_meta_has(&self->meta, RQ_META_MAXSIM));
	while (vcv_tokens_next(&tokens, &token))
		insert_vector(index, heap, self, heap_tid, token, tokens.next - 1);
	MemoryContextSwitchTo(old);
	MemoryContextReset(self->scratch);
	VC_GUARDS_LEAVE();
	return false;
}
