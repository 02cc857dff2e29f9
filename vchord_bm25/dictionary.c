/*
 * vchord_bm25/dictionary.c
 *		Finding terms and walking through them.  See segment.h and, for the pages, format.h.
 *
 * Within a page: binary search over the restarts, whose keys are whole, then along at most BM25_RESTART
 * entries.  There no key is put together: it is enough to know how many bytes the wanted key has in common
 * with the key before.  An entry that shares more than that with its predecessor is on the same side of the
 * wanted key, one that shares less is beyond it, and one that shares as much is compared from there on.
 *
 * Damage: offsets, lengths and counts are checked as they are read.  Keys in a wrong order may hide terms, but
 * every walk goes forward and ends with the page.  Child pages lie in their section, the tree has as many
 * levels as the header says, so the descent ends.
 */
#include "postgres.h"

#include "vchord_bm25/segment.h"

#include "miscadmin.h"

#include "core/report.h"

#include "vchord_bm25/varint.h"

/* A dictionary page being read; the body is where the caller keeps it. */
typedef struct DictNode
{
	const Bm25Segment *segment;
	BlockNumber blkno;
	bool leaf;
	const uint8 *body;
	const uint8 *end;
	uint32 entries;
	uint32 restarts;
} DictNode;

typedef struct Entry
{
	uint32 shared;
	uint32 further;
	const uint8 *bytes; /* the further ones */
	const uint8 *value;
	const uint8 *next; /* entry */
} Entry;

pg_noreturn static void
damaged(const DictNode *node, const char *what)
{
	vc_corrupt(node->segment->index, node->blkno, "dictionary page has %s", what);
}

static void
node_open(DictNode *node, const Bm25Segment *segment, BlockNumber blkno, bool leaf, VcSpan body)
{
	uint16 counts[2];

	node->segment = segment;
	node->blkno = blkno;
	node->leaf = leaf;
	node->body = (const uint8 *) body.data;
	node->end = node->body + body.len;
	if (!vc_span_copy(body, 0, counts, sizeof(counts)) ||
		counts[1] != (counts[0] + BM25_RESTART - 1) / BM25_RESTART ||
		!vc_span_has(body, 4, 2 * (uint64) counts[1]) || (counts[0] == 0 && !leaf))
		damaged(node, "a wrong number of entries");
	node->entries = counts[0];
	node->restarts = counts[1];
}

static const uint8 *
restart_at(const DictNode *node, uint32 i)
{
	uint16 offset;

	memcpy(&offset, node->body + 4 + 2 * i, sizeof(offset));
	if (unlikely(offset >= node->end - node->body))
		damaged(node, "a restart beyond its end");
	return node->body + offset;
}

/* Key of the entry at p. */
static inline const uint8 *
entry_key(const DictNode *node, const uint8 *p, Entry *entry)
{
	/* most lengths are one byte */
	if (likely(node->end - p >= 2 && (p[0] | p[1]) < 0x80))
	{
		entry->shared = p[0];
		entry->further = p[1];
		p += 2;
	}
	else
	{
		p = bm25_varint_get(p, node->end, &entry->shared);
		if (p != NULL)
			p = bm25_varint_get(p, node->end, &entry->further);
		if (unlikely(p == NULL))
			damaged(node, "a broken entry");
	}
	if (unlikely(entry->further > node->end - p || entry->further > BM25_MAX_KEY_BYTES ||
				 entry->shared > BM25_MAX_KEY_BYTES - entry->further))
		damaged(node, "a key beyond its end");
	entry->bytes = p;
	entry->value = p + entry->further;
	return entry->value;
}

/* Reads a leaf's value at p; returns its end. */
static const uint8 *
read_term(const DictNode *node, const uint8 *p, Bm25SegmentTerm *ret_term)
{
	uint32 bytes = 0;

	p = bm25_varint_get(p, node->end, &ret_term->df);
	if (unlikely(p == NULL || ret_term->df == 0 || ret_term->df > node->segment->header->docs))
		damaged(node, "a term with a wrong number of documents");
	if (ret_term->df < BM25_BLOCK_POSTINGS)
	{
		p = bm25_varint_get(p, node->end, &bytes);
		if (unlikely(p == NULL))
			damaged(node, "a broken entry");
	}
	ret_term->large = bytes == 0;
	ret_term->postings = NULL;
	ret_term->postings_bytes = bytes;
	if (!ret_term->large)
	{
		if (unlikely(bytes > node->end - p))
			damaged(node, "postings beyond its end");
		ret_term->postings = p;
		return p + bytes;
	}
	if (unlikely((Size) (node->end - p) < sizeof(ret_term->list)))
		damaged(node, "a list beyond its end");
	memcpy(&ret_term->list, p, sizeof(ret_term->list));
	return p + sizeof(ret_term->list);
}

/* Reads an inner page's value: a child. */
static inline const uint8 *
read_child(const DictNode *node, const uint8 *p, uint32 *ret_page)
{
	p = bm25_varint_get(p, node->end, ret_page);
	if (unlikely(p == NULL))
		damaged(node, "a broken entry");
	return p;
}

/* Passes over a value. */
static inline const uint8 *
skip_value(const DictNode *node, const uint8 *p)
{
	Bm25SegmentTerm term;
	uint32 page;

	return node->leaf ? read_term(node, p, &term) : read_child(node, p, &page);
}

/* Compares bytes with key from `from` on; *ret_common: bytes that agree, those before `from` included. */
static inline int
compare_from(const uint8 *bytes, uint32 n, Bm25Key key, uint32 from, uint32 *ret_common)
{
	const uint8 *wanted = (const uint8 *) key.data + from;
	uint32 left = key.len - from;
	uint32 limit = Min(n, left);
	uint32 i = 0;

	while (i < limit && bytes[i] == wanted[i])
		i++;
	*ret_common = from + i;
	if (i < limit)
		return bytes[i] < wanted[i] ? -1 : 1;
	return (n > left) - (n < left);
}

/* The last restart whose key is <= key; -1 if there is none. */
static int
find_restart(const DictNode *node, Bm25Key key)
{
	int low = -1;
	int high = (int) node->restarts;

	while (high - low > 1)
	{
		int mid = low + (high - low) / 2;
		uint32 common;
		Entry entry;

		entry_key(node, restart_at(node, (uint32) mid), &entry);
		if (unlikely(entry.shared != 0))
			damaged(node, "a restart that shares bytes");
		if (compare_from(entry.bytes, entry.further, key, 0, &common) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* The value of the last entry whose key is <= key; NULL if there is none.  *ret_equal: it is the key. */
static const uint8 *
find_entry(const DictNode *node, Bm25Key key, bool *ret_equal)
{
	int restart = find_restart(node, key);
	const uint8 *floor = NULL;
	const uint8 *p;
	uint32 common = 0; /* of the key and the entry before */
	uint32 n;

	*ret_equal = false;
	if (restart < 0)
		return NULL;
	p = restart_at(node, (uint32) restart);
	n = Min(node->entries - (uint32) restart * BM25_RESTART, BM25_RESTART);
	for (uint32 i = 0; i < n; i++)
	{
		Entry entry;

		p = entry_key(node, p, &entry);
		if (entry.shared < common)
			break;
		if (entry.shared == common)
		{
			int cmp = compare_from(entry.bytes, entry.further, key, common, &common);

			if (cmp > 0)
				break;
			if (cmp == 0)
			{
				*ret_equal = true;
				return entry.value;
			}
		}
		floor = entry.value;
		p = skip_value(node, p);
	}
	return floor;
}

/*----- descent -----*/

/*
 * The leaf that holds key if any does.  first: if key is before all keys, the first leaf; else
 * InvalidBlockNumber, which is no page number.
 */
static uint32
find_leaf(const Bm25Segment *segment, Bm25Key key, bool first)
{
	uint32 page = segment->header->term_root;

	for (uint32 level = segment->header->term_levels; level > 1; level--)
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = bm25_segment_page(segment, BM25_SECTION_TERM_INDEX, page);
		const uint8 *value;
		bool equal;
		DictNode node;

		node_open(&node, segment, r.blkno, false, vc_page_contents(r.page));
		value = find_entry(&node, key, &equal);
		if (value == NULL)
		{
			Entry entry;

			if (!first)
				return InvalidBlockNumber;
			value = entry_key(&node, restart_at(&node, 0), &entry);
		}
		read_child(&node, value, &page);
	}
	return page;
}

void
bm25_segment_prefetch_term(const Bm25Segment *segment, Bm25Key key)
{
	uint32 page = find_leaf(segment, key, false);

	if (page != InvalidBlockNumber)
		bm25_segment_prefetch(segment, BM25_SECTION_TERM, page);
}

bool
bm25_segment_lookup(const Bm25Segment *segment, Bm25Key key, Bm25SegmentTerm *ret_term)
{
	uint8 small[512]; /* most inline postings are shorter */
	uint8 *copy = small;
	uint32 page = find_leaf(segment, key, false);

	if (page == InvalidBlockNumber)
		return false;
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = bm25_segment_page(segment, BM25_SECTION_TERM, page);
		const uint8 *value;
		bool equal;
		DictNode node;

		node_open(&node, segment, r.blkno, true, vc_page_contents(r.page));
		value = find_entry(&node, key, &equal);
		if (!equal)
			return false;
		read_term(&node, value, ret_term);
		if (ret_term->large)
			return true;
		/* allocate a size from disk only when the page has been let go; it is bounded by a page */
		if (ret_term->postings_bytes > sizeof(small))
			copy = palloc(BM25_BODY_BYTES);
		memcpy(copy, ret_term->postings, ret_term->postings_bytes);
	}
	if (copy == small)
	{
		copy = palloc(ret_term->postings_bytes);
		memcpy(copy, small, ret_term->postings_bytes);
	}
	ret_term->postings = copy;
	return true;
}

/*----- iteration -----*/

struct Bm25TermIterator
{
	const Bm25Segment *segment;
	uint32 page;  /* of the leaf read last */
	uint32 asked; /* leaves before this one have been asked for */
	DictNode node;
	uint32 entry;     /* number of the next one on it */
	const uint8 *at;  /* its place */
	uint32 key_bytes; /* key returned last */
	uint8 key[BM25_MAX_KEY_BYTES];
	bool held; /* the term under `at` has been read already, into `term` */
	Bm25SegmentTerm term;
	uint8 body[BM25_BODY_BYTES];
};

static void
read_leaf(Bm25TermIterator *iterator, uint32 page)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead r = VC_PAGE_READ_NONE(iterator->segment->index);
	VcSpan body;

	bm25_segment_read_on(iterator->segment, BM25_SECTION_TERM, page, &iterator->asked);
	r = bm25_segment_page(iterator->segment, BM25_SECTION_TERM, page);
	body = vc_page_contents(r.page);

	memcpy(iterator->body, body.data, body.len);
	iterator->page = page;
	node_open(&iterator->node, iterator->segment, r.blkno, true, vc_span(iterator->body, body.len));
	iterator->entry = 0;
	iterator->at = iterator->node.entries > 0 ? restart_at(&iterator->node, 0) : NULL;
}

/* Reads the next term into iterator->key and term; false at the end. */
static bool
advance(Bm25TermIterator *iterator)
{
	DictNode *node = &iterator->node;
	uint32 end = iterator->segment->header->section[BM25_SECTION_TERM + 1];
	Entry entry;
	uint32 common;
	Bm25Key before = {(const char *) iterator->key, iterator->key_bytes};

	while (iterator->entry == node->entries)
	{
		if (iterator->page + 1 >= end)
			return false;
		CHECK_FOR_INTERRUPTS();
		read_leaf(iterator, iterator->page + 1);
	}
	iterator->at = entry_key(node, iterator->at, &entry);
	if (unlikely(entry.shared > iterator->key_bytes ||
				 (iterator->entry % BM25_RESTART == 0 && entry.shared != 0) ||
				 entry.shared + entry.further == 0 ||
				 compare_from(entry.bytes, entry.further, before, entry.shared, &common) <= 0))
		damaged(node, "keys out of order");
	memcpy(iterator->key + entry.shared, entry.bytes, entry.further);
	iterator->key_bytes = entry.shared + entry.further;
	iterator->at = read_term(node, iterator->at, &iterator->term);
	iterator->entry++;
	return true;
}

Bm25TermIterator *
bm25_term_iterate(const Bm25Segment *segment, Bm25Key from)
{
	Bm25TermIterator *iterator = palloc(sizeof(Bm25TermIterator));
	int restart;

	iterator->segment = segment;
	iterator->asked = 0;
	iterator->key_bytes = 0;
	iterator->held = false;
	if (from.data == NULL)
	{
		read_leaf(iterator, segment->header->section[BM25_SECTION_TERM]);
		return iterator;
	}
	read_leaf(iterator, find_leaf(segment, from, true));
	restart = find_restart(&iterator->node, from);
	if (restart > 0)
	{
		iterator->entry = (uint32) restart * BM25_RESTART;
		iterator->at = restart_at(&iterator->node, (uint32) restart);
	}
	while (advance(iterator))
	{
		Bm25Key key = {(const char *) iterator->key, iterator->key_bytes};

		if (bm25_key_cmp(key, from) >= 0)
		{
			iterator->held = true;
			break;
		}
	}
	return iterator;
}

bool
bm25_term_next(Bm25TermIterator *iterator, Bm25Key *ret_key, Bm25SegmentTerm *ret_term)
{
	if (!iterator->held && !advance(iterator))
		return false;
	iterator->held = false;
	*ret_key = (Bm25Key){(const char *) iterator->key, iterator->key_bytes};
	*ret_term = iterator->term;
	return true;
}

void
bm25_term_iterate_end(Bm25TermIterator *iterator)
{
	pfree(iterator);
}
