/*
 * vchord_bm25/stats.c
 *		Views: what a statement sees of an index, and their cache.
 *
 * A view is made of a copy of the metapage, the state of each segment, and the growing documents, inverted
 * (growth.c).  It is found again by index, relfilenode, start of the statement and snapshot: so the scan,
 * the operator in a filter and the operator in the select list of one statement share it, and the next
 * statement gets a new one.  Which documents are visible is decided by the heap, as ever; a view is
 * never older than the snapshot that it is asked for with, so no visible row is missing.
 *
 * Pages: those of a segment in a view may be reused only when no snapshot is left that is as old as the view
 * (core/recycle.h), and the view is found again only with a snapshot that equals the one that it was
 * made with, which protects the same pages.
 *
 * Memory: a view has a context of its own below TopMemoryContext, which pins in turn what the view is made
 * of.  The cache counts as one pin; other pins end with a memory context of the holder, so an error
 * needs no care.  CACHED views are kept, least recent use; one that is pinned beyond this bound lives
 * until its last pin goes.
 *
 * Locks: none of its own.  Parts of a partitioned index are locked (AccessShareLock) until the end of the
 * transaction, as the executor does.
 */
#include "postgres.h"

#include "vchord_bm25/stats.h"

#include "access/genam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/lsyscache.h"

#include "core/compat.h"

#include "vchord_bm25/am.h"

/* a statement rarely names more indexes; leaves of a partitioned one hang on its view */
#define CACHED 16

typedef struct Slot
{
	Bm25View *view;
	RelFileLocator locator;
	TimestampTz statement;
	Bm25Moment moment;
	uint64 used;
} Slot;

typedef struct Hold
{
	MemoryContextCallback callback;
	Bm25View *view;
} Hold;

/* Written only when what they describe is complete. */
static Slot slots[CACHED];
static uint64 clock_hand = 0;

/*----- pins -----*/

static void
unpin(Bm25View *view)
{
	Assert(view->pins > 0);
	if (--view->pins == 0)
		MemoryContextDelete(view->context);
}

static void
release_hold(void *arg)
{
	unpin(((Hold *) arg)->view);
}

static void
hold(Bm25View *view, MemoryContext holder)
{
	Hold *h = MemoryContextAlloc(holder, sizeof(Hold));

	h->view = view;
	h->callback.func = release_hold;
	h->callback.arg = h;
	view->pins++;
	MemoryContextRegisterResetCallback(holder, &h->callback);
}

/*----- moments -----*/

Bm25Moment
bm25_moment(Snapshot snapshot)
{
	Bm25Moment moment = {InvalidTransactionId, InvalidTransactionId, 0, 0, InvalidCommandId};

	if (snapshot == NULL && ActiveSnapshotSet())
		snapshot = GetActiveSnapshot();
	if (snapshot != NULL)
		moment = (Bm25Moment){snapshot->xmin, snapshot->xmax, snapshot->xcnt, snapshot->subxcnt,
							  snapshot->curcid};
	return moment;
}

/*----- making a view -----*/

static int
compare_segments(const void *a, const void *b)
{
	const Bm25SegmentDisk *x = a;
	const Bm25SegmentDisk *y = b;

	if (x->docs != y->docs)
		return x->docs > y->docs ? -1 : 1;
	return (x->incarnation > y->incarnation) - (x->incarnation < y->incarnation);
}

/* N and length of a part of the growing documents, by field */
static void
add_growth(Bm25GrowthPart part, uint32 fields, double *docs, double *length)
{
	for (uint32 doc = 0; doc < part.ndocs; doc++)
	{
		const uint32 *lengths = bm25_growth_lengths(part, doc);

		for (uint32 f = 0; f < fields; f++)
		{
			if (lengths[f] != BM25_LENGTH_NULL)
			{
				docs[f]++;
				length[f] += lengths[f];
			}
		}
	}
}

static void
make_models(Bm25View *view, const double *docs, const double *length)
{
	view->models = palloc(sizeof(Bm25FieldModel) * Max(view->meta.fields, 1));
	for (uint32 f = 0; f < view->meta.fields; f++)
		bm25_field_model_init(&view->models[f], view->meta.k1, view->meta.b, view->meta.weight[f],
							  docs[f], length[f]);
}

static void
make_plain(Bm25View *view, Relation index)
{
	double docs[BM25_MAX_FIELDS] = {0};
	double length[BM25_MAX_FIELDS] = {0};

	vc_read_cache_init(&view->cache, index);
	bm25_io_begin(&view->io, index, (VcStreamMode) bm25_io, &view->cache);
	bm25_meta_read(index, &view->meta);
	bm25_meta_fields(index, &view->meta, &view->fields);

	view->growing = bm25_growth_read(index, &view->meta, false, view->context);
	view->sealing = bm25_growth_read(index, &view->meta, true, view->context);

	qsort(view->meta.segments, view->meta.nsegments, sizeof(Bm25SegmentDisk), compare_segments);
	view->nsegments = view->meta.nsegments;
	view->segments = palloc0(sizeof(Bm25Segment) * Max(view->nsegments, 1));
	for (uint32 i = 0; i < view->nsegments; i++)
	{
		Bm25Segment *segment = &view->segments[i];

		bm25_segment_open(segment, index, &view->cache, &view->meta.segments[i], view->meta.flags,
						  view->meta.fields);
		segment->io = &view->io;
		for (uint32 f = 0; f < view->meta.fields; f++)
		{
			docs[f] += segment->state.live_docs[f];
			length[f] += (double) segment->state.live_length[f];
		}
	}
	add_growth(view->growing, view->meta.fields, docs, length);
	add_growth(view->sealing, view->meta.fields, docs, length);
	make_models(view, docs, length);
}

bool
bm25_view_compatible(const Bm25View *a, const Bm25View *b, int column)
{
	return column < bm25_columns(&a->fields) && column < bm25_columns(&b->fields) &&
		   bm25_column_type(&a->fields, column) == bm25_column_type(&b->fields, column) &&
		   a->fields.elements == b->fields.elements &&
		   (!a->fields.elements || a->fields.n == b->fields.n) &&
		   a->fields.config == b->fields.config &&
		   ((a->meta.flags ^ b->meta.flags) & BM25_META_EXACT_NORMS) == 0;
}

static void
check_part(Relation index, const Bm25View *first, const Bm25View *part)
{
	int columns = bm25_columns(&part->fields);
	bool same = bm25_columns(&first->fields) == columns;

	for (int column = 0; column < columns && same; column++)
		same = bm25_view_compatible(first, part, column);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("partitions of index \"%s\" differ in their options",
						RelationGetRelationName(index)),
				 errdetail("Index \"%s\" has another text_config, other norms or another number of "
						   "weights.",
						   get_rel_name(part->index)),
				 errhint("Give all of them the same options and REINDEX.")));
}

/* the leaves of a partitioned index; parameters are those of the first */
static void
make_partitioned(Bm25View *view, Relation index, Snapshot snapshot)
{
	List *oids = find_all_inheritors(RelationGetRelid(index), AccessShareLock, NULL);
	double docs[BM25_MAX_FIELDS] = {0};
	double length[BM25_MAX_FIELDS] = {0};
	ListCell *lc;

	view->parts = palloc0(sizeof(Bm25View *) * list_length(oids));
	foreach (lc, oids)
	{
		Oid oid = lfirst_oid(lc);
		Relation part;
		Bm25View *child;

		CHECK_FOR_INTERRUPTS();
		if (get_rel_relkind(oid) != RELKIND_INDEX)
			continue;
		part = index_open(oid, NoLock);
		child = bm25_view_get(part, snapshot, view->context);
		index_close(part, NoLock);
		view->parts[view->nparts++] = child;
		if (view->nparts == 1)
		{
			view->meta = child->meta;
			view->meta.nsegments = 0;
			view->fields = child->fields;
		}
		else
			check_part(index, view->parts[0], child);
		for (uint32 f = 0; f < view->meta.fields; f++)
		{
			docs[f] += child->models[f].docs;
			length[f] += child->models[f].length;
		}
	}
	list_free(oids);
	make_models(view, docs, length);
}

static Bm25View *
make_view(Relation index, Snapshot snapshot)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord_bm25 view", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Bm25View *view = palloc0(sizeof(Bm25View));

	view->context = context;
	view->index = RelationGetRelid(index);

	if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		make_partitioned(view, index, snapshot);
	else
		make_plain(view, index);

	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(context, TopMemoryContext);
	return view;
}

/*----- the cache -----*/

void
bm25_view_attach(Bm25View *view, Relation index)
{
	Assert(view->index == RelationGetRelid(index));
	vc_read_cache_init(&view->cache, index);
	vc_stream_attach(view->io.stream, index);
	for (uint32 i = 0; i < view->nsegments; i++)
	{
		view->segments[i].index = index;
		view->segments[i].cache = &view->cache;
	}
}

Bm25View *
bm25_view_get(Relation index, Snapshot snapshot, MemoryContext holder)
{
	Bm25Moment moment = bm25_moment(snapshot);
	TimestampTz statement = GetCurrentStatementStartTimestamp();
	RelFileLocator locator = vc_rel_locator(index);
	Slot *victim = NULL;
	Bm25View *view;

	for (int i = 0; i < CACHED; i++)
	{
		Slot *slot = &slots[i];

		if (slot->view == NULL)
		{
			victim = slot;
			continue;
		}
		if (slot->view->index == RelationGetRelid(index) && slot->statement == statement &&
			bm25_moment_equal(&slot->moment, &moment) &&
			RelFileLocatorEquals(slot->locator, locator) && TransactionIdIsValid(moment.xmax))
		{
			slot->used = ++clock_hand;
			hold(slot->view, holder);
			if (slot->view->nparts == 0)
				bm25_view_attach(slot->view, index);
			return slot->view;
		}
		if (victim == NULL || (victim->view != NULL && slot->used < victim->used))
			victim = slot;
	}

	view = make_view(index, snapshot);
	hold(view, holder);

	/* a view of this index that an earlier statement left is of no use to later ones */
	for (int i = 0; i < CACHED; i++)
	{
		if (slots[i].view != NULL && slots[i].view->index == view->index &&
			slots[i].view->pins == 1 && slots[i].statement != statement)
			victim = &slots[i];
	}
	if (victim->view != NULL)
	{
		Bm25View *old = victim->view;

		victim->view = NULL;
		unpin(old);
	}
	view->pins++;
	victim->view = view;
	victim->locator = locator;
	victim->statement = statement;
	victim->moment = moment;
	victim->used = ++clock_hand;
	return view;
}

/*----- df -----*/

void
bm25_view_prefetch(const Bm25View *view, const Bm25Key *keys, uint32 n)
{
	for (uint32 i = 0; i < view->nparts; i++)
		bm25_view_prefetch(view->parts[i], keys, n);
	for (uint32 i = 0; i < view->nsegments; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 k = 0; k < n; k++)
			bm25_segment_prefetch_term(&view->segments[i], keys[k]);
	}
}

/*
 * The dead documents of a large term are counted by VACUUM in a file that is read when somebody asks for the
 * df, so two answers of one view could differ: the first one is kept.
 */
typedef struct Kept
{
	Bm25Key key;
	double df;
	uint32 hash;
	char status;
} Kept;

#define SH_PREFIX          kept
#define SH_ELEMENT_TYPE    Kept
#define SH_KEY_TYPE        Bm25Key
#define SH_KEY             key
#define SH_HASH_KEY(tb, k) hash_bytes((const unsigned char *) (k).data, (int) (k).len)
#define SH_EQUAL(tb, a, b) (bm25_key_cmp(a, b) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, e) (e)->hash
#define SH_SCOPE           static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static double
keep_df(Bm25View *view, Bm25Key key, double df)
{
	Kept *kept;
	bool found;

	if (view->kept == NULL)
		view->kept = kept_create(view->context, 16, NULL);
	kept = kept_insert(view->kept, key, &found);
	if (!found)
	{
		char *copy = MemoryContextAlloc(view->context, Max(key.len, 1));

		memcpy(copy, key.data, key.len);
		kept->key = (Bm25Key){copy, key.len};
		kept->df = df;
	}
	return kept->df;
}

double
bm25_view_find(Bm25View *view, Bm25Key key, Bm25SegmentTerm *ret_terms, uint32 stride)
{
	bool may_change = false;
	double df = 0;
	uint32 n;

	for (uint32 i = 0; i < view->nsegments; i++)
	{
		Bm25SegmentTerm *term = &ret_terms[(Size) i * stride];

		if (bm25_segment_lookup(&view->segments[i], key, term))
		{
			df += bm25_segment_live_df(&view->segments[i], term);
			may_change |= term->large && view->segments[i].dead != NULL;
		}
		else
			term->df = 0;
	}
	if (bm25_growth_list(view->growing, key, &n) != NULL)
		df += n;
	if (bm25_growth_list(view->sealing, key, &n) != NULL)
		df += n;
	return may_change ? keep_df(view, key, df) : df;
}

double
bm25_view_df(Bm25View *view, Bm25Key key)
{
	Bm25SegmentTerm term;
	double df = 0;

	if (view->nparts == 0)
		return bm25_view_find(view, key, &term, 0);
	for (uint32 i = 0; i < view->nparts; i++)
		df += bm25_view_df(view->parts[i], key);
	return df;
}
