/*
 * vchord_bm25/growing.c
 *		Documents that are not in a segment yet: append, read, close, free.
 *
 * Append.  The document is encoded in private memory.  If it is larger than an item, it goes to a chain of
 * continuation pages first, which nothing refers to, and the item is a redirection.  Then one record adds the item
 * to the tail of the tape; or makes the tape, {metapage, first page}.  An append that meets a closed tail
 * reads the metapage again: closing and the metapage's change are one record, so it finds another tape
 * or none.
 *
 * Locks: metapage -> tail (close), metapage -> new page (first insert), tail -> new page (append); readers one
 * page at a time.
 *
 * Crash: a document is in the index as a whole or not at all.  Continuation pages written before a crash or
 * an error are lost until VACUUM finds them (vacuum.c).
 */
#include "postgres.h"

#include "vchord_bm25/growing.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/redirect.h"
#include "core/report.h"

#include "vchord_bm25/varint.h"

/*----- append -----*/

static Size
encoded_bound(const Bm25Document *document, const Bm25Fields *fields)
{
	Size bytes = sizeof(Bm25GrowingDisk) + (Size) fields->n * sizeof(uint32);

	for (uint32 i = 0; i < document->nterms; i++)
	{
		const Bm25DocumentTerm *term = &document->terms[i];

		bytes += 2 * BM25_VARINT32_MAX + term->key.len;
		if (fields->positions)
		{
			if (term->positions == NULL)
				bm25_document_check_tf(term->tf);
			bytes += (Size) term->tf * BM25_VARINT32_MAX;
		}
	}
	return Max(bytes, BM25_GROWING_MIN);
}

/* Returns the length. */
static Size
encode(const Bm25Document *document, const Bm25Fields *fields, uint8 *to)
{
	Bm25GrowingDisk head = {.tid = document->tid, .terms = document->nterms};
	uint8 *p = to;

	memcpy(p, &head, sizeof(head));
	p += sizeof(head);
	memcpy(p, document->length, (Size) fields->n * sizeof(uint32));
	p += (Size) fields->n * sizeof(uint32);
	for (uint32 i = 0; i < document->nterms; i++)
	{
		const Bm25DocumentTerm *term = &document->terms[i];

		p = bm25_varint_put(p, term->key.len);
		memcpy(p, term->key.data, term->key.len);
		p += term->key.len;
		p = bm25_varint_put(p, term->tf);
		if (fields->positions)
		{
			uint32 last = 0;

			for (uint32 j = 0; j < term->tf; j++)
			{
				/* a bm25vector has none */
				uint32 position = term->positions != NULL ? term->positions[j] : 0;

				p = bm25_varint_put(p, position - last);
				last = position;
			}
		}
	}
	if (p - to < BM25_GROWING_MIN)
	{
		memset(p, 0, (Size) (BM25_GROWING_MIN - (p - to)));
		return BM25_GROWING_MIN;
	}
	return (Size) (p - to);
}

/* What goes on the tape. */
typedef struct NewItem
{
	const void *data;
	Size len;
	VcItemState state;
	VcRedirectDisk redirect;
} NewItem;

static void
make_item(Relation index, Relation heap, uint32 incarnation, const uint8 *bytes, Size len,
		  NewItem *ret_item)
{
	if (len <= VC_PAGE_ITEM_MAX)
	{
		*ret_item = (NewItem){.data = bytes, .len = len, .state = VC_ITEM_NORMAL};
		return;
	}
	vc_redirect_write(index, heap, BM25_PAGE_MORE, BM25_OWNER_GROWING, incarnation, bytes, len,
					  &ret_item->redirect);
	ret_item->data = &ret_item->redirect;
	ret_item->len = sizeof(ret_item->redirect);
	ret_item->state = VC_ITEM_REDIRECT;
}

static void
unmake_item(Relation index, const NewItem *item)
{
	if (item->state == VC_ITEM_REDIRECT)
		vc_redirect_free(index, BM25_PAGE_MORE, &item->redirect);
}

/* Makes the tape with the item on it; false if there is one meanwhile. */
static bool
make_tape(Relation index, Relation heap, uint32 incarnation, const NewItem *item)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
	Bm25MetaDisk *meta = bm25_meta_edit(&xlog);
	VcTapeRef ref;

	if (meta->growing.head != InvalidBlockNumber)
		return false;
	ref = vc_tape_create_in(&xlog, heap, BM25_PAGE_GROWING, BM25_OWNER_GROWING, incarnation,
							item->data, item->len, item->state);
	meta->growing = (Bm25TapeDisk){ref.head, incarnation};
	vc_xlog_commit(&xlog);
	return true;
}

uint32
bm25_growing_append(Relation index, Relation heap, const Bm25Document *document,
					const Bm25Fields *fields)
{
	uint8 *bytes = MemoryContextAllocHuge(CurrentMemoryContext, encoded_bound(document, fields));
	Size len = encode(document, fields, bytes);
	uint32 refused = 0; /* incarnation */
	Bm25MetaDisk meta;
	VcIndexPointer where;
	NewItem item;
	uint32 number = 0;

	for (;;)
	{
		uint32 incarnation;
		bool done;

		CHECK_FOR_INTERRUPTS();
		bm25_meta_read(index, &meta);
		incarnation = meta.growing.incarnation;
		if (meta.growing.head == InvalidBlockNumber)
			incarnation = bm25_meta_take_incarnation(index);
		else if (incarnation == refused)
			vc_corrupt(index, meta.growing.head, "the tape of growing documents is closed");
		make_item(index, heap, incarnation, bytes, len, &item);
		if (meta.growing.head == InvalidBlockNumber)
			done = make_tape(index, heap, incarnation, &item);
		else
		{
			done = vc_tape_append(index, heap, bm25_tape_ref(&meta.growing), item.data, item.len,
								  item.state, &where, &number);
			refused = incarnation;
		}
		if (done)
			break;
		unmake_item(index, &item);
	}
	pfree(bytes);
	/* Pages of large documents have no number in the tape; it is short if there are many of these. */
	if (item.state == VC_ITEM_REDIRECT)
	{
		bm25_meta_read(index, &meta);
		return bm25_growing_pages(index, &meta.growing);
	}
	return number + 1;
}

/*----- read -----*/

struct Bm25GrowingReader
{
	Relation index;
	MemoryContext context;
	VcTapeReader tape;
	VcTapeRef tapes[2]; /* in order of arrival */
	int ntapes;
	int at;               /* of tapes; -1: before the first */
	VcIndexPointer after; /* items up to it are passed over */
	uint32 fields;        /* of the metapage */
	bool positions;       /* of the metapage */
	uint8 *large;         /* copy of a document from continuation pages */
	Size large_room;      /* its size */
};

Bm25GrowingReader *
bm25_growing_read_begin(Relation index, const Bm25MetaDisk *meta, bool growing, bool sealing)
{
	Bm25GrowingReader *reader = palloc0(sizeof(Bm25GrowingReader));

	reader->index = index;
	reader->context = CurrentMemoryContext;
	reader->fields = meta->fields;
	reader->positions = (meta->flags & BM25_META_POSITIONS) != 0;
	reader->at = -1;
	reader->after = VC_INDEX_POINTER_NONE;
	if (sealing && meta->sealing.head != InvalidBlockNumber)
		reader->tapes[reader->ntapes++] = bm25_tape_ref(&meta->sealing);
	if (growing && meta->growing.head != InvalidBlockNumber)
		reader->tapes[reader->ntapes++] = bm25_tape_ref(&meta->growing);
	return reader;
}

Bm25GrowingReader *
bm25_growing_read_behind(Relation index, const Bm25MetaDisk *meta, bool sealing,
						 VcIndexPointer after)
{
	Bm25GrowingReader *reader = bm25_growing_read_begin(index, meta, !sealing, sealing);

	if (reader->ntapes > 0 && vc_index_valid(after))
	{
		reader->tapes[0].head = after.block;
		reader->after = after;
	}
	return reader;
}

/* The next item on the tapes. */
static bool
next_item(Bm25GrowingReader *reader, VcTapeItem *ret_item)
{
	for (;;)
	{
		if (reader->at >= 0)
		{
			if (vc_tape_read_next(&reader->tape, ret_item))
			{
				if (ret_item->where.block == reader->after.block &&
					ret_item->where.slot <= reader->after.slot)
					continue;
				return true;
			}
			/* snapshot or maintenance lock keep the tape from being recycled */
			if (vc_tape_read_gone(&reader->tape))
				vc_corrupt(reader->index, reader->tapes[reader->at].head,
						   "growing documents were recycled while they are read");
			pfree(reader->tape.page);
		}
		if (++reader->at >= reader->ntapes)
		{
			reader->ntapes = 0;
			reader->at = -1;
			return false;
		}
		vc_tape_read_begin(&reader->tape, reader->index, reader->tapes[reader->at],
						   reader->context);
	}
}

/* A redirection is told by its size once it is dead. */
static bool
is_large(Relation index, const VcTapeItem *item)
{
	if (item->state == VC_ITEM_REDIRECT || item->data.len < BM25_GROWING_MIN)
	{
		if (item->data.len != sizeof(VcRedirectDisk))
			vc_corrupt(index, item->where.block, "growing document %u has %zu bytes",
					   item->where.slot, item->data.len);
		return true;
	}
	return false;
}

/* The redirection, of a length that the file could hold. */
static VcRedirectDisk
get_redirect(Relation index, const VcTapeItem *item)
{
	return vc_redirect_get(index, item->where.block, item->data,
						   (uint64) RelationGetNumberOfBlocks(index) * VC_PAGE_BODY_SIZE);
}

static VcSpan
read_large(Bm25GrowingReader *reader, const VcTapeItem *item)
{
	VcRedirectDisk redirect = get_redirect(reader->index, item);

	if (reader->large_room < redirect.length)
	{
		if (reader->large != NULL)
			pfree(reader->large);
		reader->large_room = 0;
		reader->large = MemoryContextAllocHuge(reader->context, redirect.length);
		reader->large_room = redirect.length;
	}
	if (!vc_redirect_read(reader->index, NULL, BM25_PAGE_MORE, &redirect, reader->large))
		vc_corrupt(reader->index, item->where.block, "growing document %u has lost its pages",
				   item->where.slot);
	return vc_span(reader->large, redirect.length);
}

bool
bm25_growing_read_next(Bm25GrowingReader *reader, bool with_dead, Bm25GrowingDocument *ret_document)
{
	Size head_bytes = sizeof(Bm25GrowingDisk) + reader->fields * sizeof(uint32);
	Bm25GrowingDisk head;
	VcTapeItem item;
	VcSpan data;

	do
	{
		if (!next_item(reader, &item))
			return false;
	} while (item.state == VC_ITEM_DEAD && !with_dead);

	data = is_large(reader->index, &item) ? read_large(reader, &item) : item.data;
	if (data.len < head_bytes)
		vc_corrupt(reader->index, item.where.block, "growing document %u has %zu bytes",
				   item.where.slot, data.len);
	memcpy(&head, data.data, sizeof(head));
	if (!vc_heap_valid(vc_heap_from_tid(&head.tid)))
		vc_corrupt(reader->index, item.where.block, "growing document %u has no valid TID",
				   item.where.slot);
	ret_document->tid = head.tid;
	ret_document->nterms = head.terms;
	ret_document->left = head.terms;
	ret_document->fields = reader->fields;
	ret_document->dead = item.state == VC_ITEM_DEAD;
	ret_document->where = item.where;
	memcpy(ret_document->length, (const char *) data.data + sizeof(head),
		   reader->fields * sizeof(uint32));
	ret_document->at = (const uint8 *) data.data + head_bytes;
	ret_document->end = (const uint8 *) data.data + data.len;
	ret_document->positions = reader->positions;
	ret_document->index = reader->index;
	return true;
}

bool
bm25_growing_read_tid(Bm25GrowingReader *reader, ItemPointer ret_tid, bool *ret_dead,
					  VcIndexPointer *ret_where)
{
	Bm25GrowingDisk head;
	VcTapeItem item;

	if (!next_item(reader, &item))
		return false;
	if (!is_large(reader->index, &item))
		memcpy(&head, item.data.data, sizeof(head));
	else
	{
		VcRedirectDisk redirect = get_redirect(reader->index, &item);
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read(reader->index, redirect.first, BM25_PAGE_MORE);
		VcSpan part = vc_page_contents(r.page);

		if (!vc_page_is_of(r.page, redirect.owner, redirect.incarnation) || part.len < sizeof(head))
			vc_corrupt(reader->index, redirect.first,
					   "page is not of growing document %u of block %u", item.where.slot,
					   item.where.block);
		memcpy(&head, part.data, sizeof(head));
	}
	if (!vc_heap_valid(vc_heap_from_tid(&head.tid)))
		vc_corrupt(reader->index, item.where.block, "growing document %u has no valid TID",
				   item.where.slot);
	*ret_tid = head.tid;
	*ret_dead = item.state == VC_ITEM_DEAD;
	*ret_where = item.where;
	return true;
}

pg_noreturn static void
bad_term(const Bm25GrowingDocument *document)
{
	vc_corrupt(document->index, document->where.block, "term %u of growing document %u is damaged",
			   document->nterms - document->left, document->where.slot);
	pg_unreachable();
}

bool
bm25_growing_next_term(Bm25GrowingDocument *document, Bm25GrowingTerm *ret_term)
{
	const uint8 *p = document->at;
	const uint8 *end = document->end;
	uint32 len;

	if (document->left == 0)
		return false;
	p = bm25_varint_get(p, end, &len);
	if (p == NULL || len < 1 || len > BM25_MAX_KEY_BYTES || len > (Size) (end - p) ||
		*p >= document->fields)
		bad_term(document);
	ret_term->key = (Bm25Key){(const char *) p, len};
	p = bm25_varint_get(p + len, end, &ret_term->tf);
	if (p == NULL || ret_term->tf < 1)
		bad_term(document);
	ret_term->positions = NULL;
	ret_term->positions_end = NULL;
	if (document->positions)
	{
		ret_term->positions = p;
		/* each varint ends with a byte below 128 */
		for (uint32 i = 0; i < ret_term->tf; i++)
		{
			while (p < end && *p >= 0x80)
				p++;
			if (p >= end)
				bad_term(document);
			p++;
		}
		ret_term->positions_end = p;
	}
	document->at = p;
	document->left--;
	return true;
}

void
bm25_growing_read_end(Bm25GrowingReader *reader)
{
	if (reader->at >= 0)
		pfree(reader->tape.page);
	if (reader->large != NULL)
		pfree(reader->large);
	pfree(reader);
}

/*----- life of a tape -----*/

bool
bm25_growing_close(Relation index)
{
	for (;;)
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);
		Bm25MetaDisk *meta;

		CHECK_FOR_INTERRUPTS();
		meta = bm25_meta_edit(&xlog);
		if (meta->sealing.head != InvalidBlockNumber)
			return true;
		if (meta->growing.head == InvalidBlockNumber)
			return false;
		if (!vc_tape_close_in(&xlog, bm25_tape_ref(&meta->growing)))
			continue; /* it grew */
		meta->sealing = meta->growing;
		meta->growing = (Bm25TapeDisk){InvalidBlockNumber, 0};
		vc_xlog_commit(&xlog);
		return true;
	}
}

uint32
bm25_growing_pages(Relation index, const Bm25TapeDisk *tape)
{
	VcTapeReader reader;
	VcTapeItem item;
	uint64 pages = 0;

	if (tape->head == InvalidBlockNumber)
		return 0;
	vc_tape_read_begin(&reader, index, bm25_tape_ref(tape), CurrentMemoryContext);
	while (vc_tape_read_next(&reader, &item))
	{
		if (is_large(index, &item))
			pages +=
				(get_redirect(index, &item).length + VC_PAGE_BODY_SIZE - 1) / VC_PAGE_BODY_SIZE;
	}
	pages += reader.npages;
	pfree(reader.page);
	return (uint32) Min(pages, PG_UINT32_MAX);
}

void
bm25_growing_free(Relation index, const Bm25TapeDisk *tape)
{
	VcTapeReader reader;
	VcTapeItem item;

	/* The tape goes last: it names the others. */
	vc_tape_read_begin(&reader, index, bm25_tape_ref(tape), CurrentMemoryContext);
	while (vc_tape_read_next(&reader, &item))
	{
		if (is_large(index, &item))
		{
			VcRedirectDisk redirect = get_redirect(index, &item);

			vc_redirect_free(index, BM25_PAGE_MORE, &redirect);
		}
	}
	pfree(reader.page);
	vc_tape_free(index, bm25_tape_ref(tape));
}
