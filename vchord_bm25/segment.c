/*
 * vchord_bm25/segment.c
 *		Opening a segment, its pages, documents and lengths.  See segment.h.
 *
 * The header with all extents is checked as a whole when it is read, and kept for the backend: a header never
 * changes once the metapage names it, and incarnations are not used twice in the life of a file.  A file whose
 * life begins or is emptied within the present transaction, and a temporary one, is not kept: it may get a
 * second life under the same name.  At most CACHE_SEGMENTS headers and CACHE_BYTES are kept, the least
 * recently used goes first.  Each open segment has a copy, so nothing depends on what the cache does.
 */
#include "postgres.h"

#include "vchord_bm25/segment.h"

#include "utils/memutils.h"

#include "core/report.h"
#include "core/tid.h"
#include "core/vpage.h"

#define CACHE_SEGMENTS 64
#define CACHE_BYTES    (16 * 1024 * 1024)
/* no tree of pages with three entries each is higher */
#define MAX_LEVELS 32

const uint16 bm25_section_kind[BM25_SECTIONS] = {
	[BM25_SECTION_POSTING] = BM25_PAGE_POSTING,       [BM25_SECTION_POSITION] = BM25_PAGE_POSITION,
	[BM25_SECTION_SUMMARY] = BM25_PAGE_SUMMARY,       [BM25_SECTION_TERM] = BM25_PAGE_TERM,
	[BM25_SECTION_TERM_INDEX] = BM25_PAGE_TERM_INDEX, [BM25_SECTION_DOCUMENT] = BM25_PAGE_DOCUMENT,
	[BM25_SECTION_LENGTH] = BM25_PAGE_LENGTH,
};

/*----- headers of this backend -----*/

typedef struct CachedHeader
{
	RelFileLocator locator;
	uint32 incarnation;
	BlockNumber block;
	uint64 last_use;
	Size bytes;
	Bm25HeaderDisk *header; /* NULL: free */
} CachedHeader;

static CachedHeader *cache = NULL; /* CACHE_SEGMENTS of them */
static Size cache_bytes = 0;
static uint64 cache_clock = 0;

static Size
header_bytes(const Bm25HeaderDisk *header)
{
	return sizeof(Bm25HeaderDisk) + header->nextents * sizeof(Bm25ExtentDisk);
}

static bool
may_cache(Relation index)
{
	return !RelationUsesLocalBuffers(index) && index->rd_createSubid == InvalidSubTransactionId &&
		   vc_rel_first_locator(index) == InvalidSubTransactionId;
}

static const Bm25HeaderDisk *
cache_find(Relation index, const Bm25SegmentDisk *disk)
{
	RelFileLocator locator = vc_rel_locator(index);

	if (cache == NULL || !may_cache(index))
		return NULL;
	for (int i = 0; i < CACHE_SEGMENTS; i++)
	{
		CachedHeader *entry = &cache[i];

		if (entry->header != NULL && entry->incarnation == disk->incarnation &&
			entry->block == disk->header && RelFileLocatorEquals(entry->locator, locator) &&
			entry->header->docs == disk->docs && entry->header->pages == disk->pages)
		{
			entry->last_use = ++cache_clock;
			return entry->header;
		}
	}
	return NULL;
}

static void
cache_drop(CachedHeader *entry)
{
	Bm25HeaderDisk *header = entry->header;

	cache_bytes -= entry->bytes;
	entry->header = NULL;
	pfree(header);
}

static void
cache_add(Relation index, const Bm25SegmentDisk *disk, const Bm25HeaderDisk *header)
{
	Size bytes = header_bytes(header);
	Bm25HeaderDisk *copy;
	CachedHeader *victim;

	if (!may_cache(index) || bytes > CACHE_BYTES)
		return;
	if (cache == NULL)
		cache = MemoryContextAllocZero(CacheMemoryContext, sizeof(CachedHeader) * CACHE_SEGMENTS);
	copy = MemoryContextAllocHuge(CacheMemoryContext, bytes);
	memcpy(copy, header, bytes);
	for (;;)
	{
		CachedHeader *unused = NULL;

		victim = NULL;
		for (int i = 0; i < CACHE_SEGMENTS; i++)
		{
			CachedHeader *entry = &cache[i];

			if (entry->header == NULL)
				unused = entry;
			else if (victim == NULL || entry->last_use < victim->last_use)
				victim = entry;
		}
		if (unused != NULL && cache_bytes + bytes <= CACHE_BYTES)
		{
			victim = unused;
			break;
		}
		cache_drop(victim);
	}
	*victim = (CachedHeader){
		vc_rel_locator(index), disk->incarnation, disk->header, ++cache_clock, bytes, copy};
	cache_bytes += bytes;
}

/*----- reading a header -----*/

static uint64
pages_for(uint64 n, uint32 per_page)
{
	return (n + per_page - 1) / per_page;
}

const char *
bm25_header_problem(const Bm25HeaderDisk *header, const Bm25SegmentDisk *disk, uint32 fields)
{
	const uint32 *section = header->section;
	uint32 pages[BM25_SECTIONS];

	if (header->docs == 0 || header->docs != disk->docs || header->pages != disk->pages)
		return "number of documents or pages";
	if (section[0] != 0 || section[BM25_SECTIONS] != header->pages ||
		header->allocated < header->pages)
		return "limits of the sections";
	for (int i = 0; i < BM25_SECTIONS; i++)
	{
		if (section[i] > section[i + 1])
			return "order of the sections";
		pages[i] = section[i + 1] - section[i];
	}
	if (pages[BM25_SECTION_DOCUMENT] != pages_for(header->docs, BM25_TIDS_PER_PAGE) ||
		pages[BM25_SECTION_LENGTH] !=
			pages_for((uint64) header->docs * fields, BM25_LENGTHS_PER_PAGE) ||
		header->position_bytes > (uint64) MaxBlockNumber * BM25_STREAM_BYTES ||
		pages[BM25_SECTION_POSITION] != pages_for(header->position_bytes, BM25_STREAM_BYTES))
		return "size of a section";
	if (header->nextents == 0 || header->nextents > header->allocated)
		return "number of extents";
	if (header->large_terms > header->terms)
		return "number of terms";
	if (pages[BM25_SECTION_TERM_INDEX] == 0
			? pages[BM25_SECTION_TERM] != 1 || header->term_levels != 1 ||
				  header->term_root != section[BM25_SECTION_TERM]
			: pages[BM25_SECTION_TERM] == 0 || header->term_levels < 2 ||
				  header->term_levels > MAX_LEVELS ||
				  header->term_root != section[BM25_SECTION_TERM_INDEX + 1] - 1)
		return "root of the dictionary";
	return NULL;
}

/* The extents on one header page; returns how many. */
static uint32
copy_extents(Bm25HeaderDisk *header, uint32 have, VcSpan body)
{
	uint32 n = (uint32) Min(body.len / sizeof(Bm25ExtentDisk), header->nextents - have);

	memcpy(header->extents + have, body.data, n * sizeof(Bm25ExtentDisk));
	return n;
}

static VcPageRead
read_page_of(Relation index, const Bm25SegmentDisk *disk, BlockNumber blkno, uint16 kind)
{
	VcPageRead r = vc_page_read(index, blkno, kind);

	if (unlikely(!vc_page_is_of(r.page, BM25_OWNER_SEGMENT, disk->incarnation)))
		vc_corrupt(index, blkno, "page does not belong to segment %u", disk->incarnation);
	return r;
}

static Bm25HeaderDisk *
read_header(Relation index, const Bm25SegmentDisk *disk, uint32 fields)
{
	Bm25HeaderDisk fixed;
	Bm25HeaderDisk *header;
	const char *problem;
	BlockNumber next;
	BlockNumber blkno = disk->header;
	uint32 have;

	/* the pages of a segment that is not empty bound the memory for its extents */
	if (disk->pages > RelationGetNumberOfBlocks(index))
		vc_corrupt(index, BM25_META_BLKNO, "segment %u has %u pages", disk->incarnation,
				   disk->pages);
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = read_page_of(index, disk, blkno, BM25_PAGE_HEADER);

		if (!vc_span_copy(vc_page_contents(r.page), 0, &fixed, sizeof(fixed)))
			vc_corrupt(index, blkno, "header of segment %u is short", disk->incarnation);
	}
	problem = bm25_header_problem(&fixed, disk, fields);
	if (problem == NULL && fixed.nextents > fixed.pages)
		problem = "number of extents";
	if (problem != NULL)
		vc_corrupt(index, blkno, "header of segment %u is wrong: %s", disk->incarnation, problem);

	header = MemoryContextAllocHuge(CurrentMemoryContext, header_bytes(&fixed));
	memcpy(header, &fixed, sizeof(fixed));
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = read_page_of(index, disk, blkno, BM25_PAGE_HEADER);
		VcSpan body = vc_page_contents(r.page);

		have = copy_extents(header, 0, vc_span_sub(body, sizeof(fixed), body.len - sizeof(fixed)));
		next = vc_page_opaque_read(r.page)->next;
	}
	while (have < header->nextents)
	{
		VC_SCOPED(vc_page_read_drop) VcPageRead r = VC_PAGE_READ_NONE(index);
		uint32 n;

		if (next == InvalidBlockNumber)
			vc_corrupt(index, blkno, "segment %u has fewer extents than %u", disk->incarnation,
					   header->nextents);
		blkno = next;
		r = read_page_of(index, disk, blkno, BM25_PAGE_HEADER);
		n = copy_extents(header, have, vc_page_contents(r.page));
		if (n == 0)
			vc_corrupt(index, blkno, "header page of segment %u is empty", disk->incarnation);
		have += n;
		next = vc_page_opaque_read(r.page)->next;
	}
	for (uint32 i = 0; i < header->nextents; i++)
	{
		const Bm25ExtentDisk *extent = &header->extents[i];
		uint32 end = i + 1 < header->nextents ? extent[1].page : header->allocated;

		if ((i == 0 && extent->page != 0) || end <= extent->page ||
			extent->first > MaxBlockNumber - (end - extent->page))
			vc_corrupt(index, disk->header, "extent %u of segment %u is wrong", i,
					   disk->incarnation);
	}
	return header;
}

/*----- open -----*/

static void
read_state(Bm25Segment *segment)
{
	const Bm25SegmentDisk *disk = &segment->disk;
	BlockNumber blkno = disk->state;
	VC_SCOPED(vc_page_read_drop)
	VcPageRead r = vc_page_read_cached(segment->cache, segment->index, blkno, BM25_PAGE_STATE);

	if (!vc_page_is_of(r.page, BM25_OWNER_SEGMENT, disk->incarnation) ||
		!vc_span_copy(vc_page_contents(r.page), 0, &segment->state, sizeof(segment->state)) ||
		segment->state.dead > disk->docs || segment->state.counted > segment->state.dead)
		vc_corrupt(segment->index, blkno, "state of segment %u is wrong", disk->incarnation);
}

static void
read_bitmap(Bm25Segment *segment)
{
	Bm25StateDisk *state = &segment->state;
	Size bytes = ((Size) segment->disk.docs + 7) / 8;
	uint8 *bits;
	VcVpage file;

	if (state->bits_root == InvalidBlockNumber)
		return;
	if (!vc_vpage_open(&file, segment->index,
					   (VcVpageRef){state->bits_root, state->bits_incarnation},
					   CurrentMemoryContext))
		vc_corrupt(segment->index, state->bits_root, "bitmap of segment %u is gone",
				   segment->disk.incarnation);
	file.cache = segment->cache;
	bits = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	/* what a shorter file does not have is not dead */
	if (file.length < bytes)
		memset(bits + file.length, 0, bytes - file.length);
	if (!vc_vpage_read(&file, 0, Min(file.length, bytes), bits))
		vc_corrupt(segment->index, state->bits_root, "bitmap of segment %u is gone",
				   segment->disk.incarnation);
	segment->dead = bits;
}

void
bm25_segment_open(Bm25Segment *segment, Relation index, VcReadCache *read_cache,
				  const Bm25SegmentDisk *disk, uint32 flags, uint32 fields)
{
	const Bm25HeaderDisk *known = cache_find(index, disk);

	segment->index = index;
	segment->cache = read_cache;
	segment->io = NULL;
	segment->disk = *disk;
	segment->flags = flags;
	segment->fields = fields;
	segment->dead = NULL;
	if (known != NULL)
	{
		Size bytes = header_bytes(known);
		Bm25HeaderDisk *copy = MemoryContextAllocHuge(CurrentMemoryContext, bytes);

		memcpy(copy, known, bytes);
		segment->header = copy;
	}
	else
	{
		segment->header = read_header(index, disk, fields);
		cache_add(index, disk, segment->header);
	}
	read_state(segment);
	read_bitmap(segment);
}

/*----- pages -----*/

BlockNumber
bm25_segment_block(const Bm25Segment *segment, uint32 page)
{
	const Bm25HeaderDisk *header = segment->header;
	uint32 low = 0;
	uint32 high = header->nextents;

	if (unlikely(page >= header->pages))
		vc_corrupt(segment->index, segment->disk.header, "segment %u has no page %u",
				   segment->disk.incarnation, page);
	/* the last extent that begins at or before it */
	while (high - low > 1)
	{
		uint32 mid = low + (high - low) / 2;

		if (header->extents[mid].page <= page)
			low = mid;
		else
			high = mid;
	}
	return header->extents[low].first + (page - header->extents[low].page);
}

VcPageRead
bm25_segment_stream_page(const Bm25Segment *segment, VcStream *stream, Bm25Section section,
						 uint32 page)
{
	const uint32 *limits = segment->header->section;
	uint16 kind = bm25_section_kind[section];
	BlockNumber blkno;
	VcPageRead r;

	if (unlikely(page < limits[section] || page >= limits[section + 1]))
		vc_corrupt(segment->index, segment->disk.header,
				   "page %u of segment %u is not in section %d", page, segment->disk.incarnation,
				   (int) section);
	blkno = bm25_segment_block(segment, page);
	r = stream != NULL ? vc_stream_read(stream, blkno, kind)
					   : vc_page_read_cached(segment->cache, segment->index, blkno, kind);
	if (unlikely(!vc_page_is_of(r.page, BM25_OWNER_SEGMENT, segment->disk.incarnation)))
		vc_corrupt(segment->index, blkno, "page does not belong to segment %u",
				   segment->disk.incarnation);
	return r;
}

VcPageRead
bm25_segment_page(const Bm25Segment *segment, Bm25Section section, uint32 page)
{
	return bm25_segment_stream_page(segment, segment->io != NULL ? segment->io->stream : NULL,
									section, page);
}

/*----- reading ahead -----*/

/* pages of a section asked for ahead of the one that is read */
#define READ_ON 16

static BlockNumber
no_sequence(void *arg)
{
	(void) arg;
	return InvalidBlockNumber;
}

void
bm25_io_begin(Bm25Io *io, Relation index, VcStreamMode mode, VcReadCache *read_cache)
{
	io->mode = mode;
	io->stats = (VcStreamStats){0, 0, 0};
	io->stream = vc_stream_begin(index, mode, read_cache, no_sequence, NULL);
	vc_stream_hold_no_pins(io->stream);
}

VcStreamStats
bm25_io_stats(const Bm25Io *io)
{
	VcStreamStats stats = vc_stream_stats(io->stream);

	stats.blocks += io->stats.blocks;
	stats.misses += io->stats.misses;
	stats.prefetched += io->stats.prefetched;
	return stats;
}

void
bm25_segment_prefetch(const Bm25Segment *segment, Bm25Section section, uint32 page)
{
	const uint32 *limits = segment->header->section;

	/* who reads the page will say what is wrong with it */
	if (bm25_segment_is_ahead(segment) && page >= limits[section] && page < limits[section + 1])
		vc_stream_prefetch(segment->io->stream, bm25_segment_block(segment, page), 1);
}

void
bm25_segment_read_on(const Bm25Segment *segment, Bm25Section section, uint32 page, uint32 *asked)
{
	uint32 end = segment->header->section[section + 1];

	if (!bm25_segment_is_ahead(segment))
		return;
	/* half a window at a time */
	if (*asked > page + READ_ON / 2)
		return;
	for (uint32 next = Max(*asked, page + 1); next < end && next <= page + READ_ON; next++)
	{
		bm25_segment_prefetch(segment, section, next);
		*asked = next + 1;
	}
}

/*----- documents -----*/

static void
check_doc(const Bm25Segment *segment, uint32 doc)
{
	if (unlikely(doc >= segment->header->docs))
		vc_corrupt(segment->index, segment->disk.header, "segment %u has no document %u",
				   segment->disk.incarnation, doc);
}

ItemPointerData
bm25_segment_tid(const Bm25Segment *segment, uint32 doc)
{
	uint32 page = bm25_segment_tid_page(segment, doc);
	ItemPointerData tid;

	check_doc(segment, doc);
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = bm25_segment_page(segment, BM25_SECTION_DOCUMENT, page);

		if (unlikely(!vc_span_copy(vc_page_contents(r.page),
								   (uint64) (doc % BM25_TIDS_PER_PAGE) * sizeof(tid), &tid,
								   sizeof(tid)) ||
					 !vc_heap_valid(vc_heap_from_tid(&tid))))
			vc_corrupt(segment->index, r.blkno, "document %u has no TID", doc);
	}
	return tid;
}

void
bm25_segment_lengths(const Bm25Segment *segment, uint32 doc, uint32 *ret_length)
{
	uint64 at = (uint64) doc * segment->fields;
	uint32 left = segment->fields;

	check_doc(segment, doc);
	while (left > 0)
	{
		uint32 page =
			segment->header->section[BM25_SECTION_LENGTH] + (uint32) (at / BM25_LENGTHS_PER_PAGE);
		uint32 first = (uint32) (at % BM25_LENGTHS_PER_PAGE);
		uint32 n = Min(left, BM25_LENGTHS_PER_PAGE - first);
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = bm25_segment_page(segment, BM25_SECTION_LENGTH, page);

		if (unlikely(!vc_span_copy(vc_page_contents(r.page), (uint64) first * sizeof(uint32),
								   ret_length, n * sizeof(uint32))))
			vc_corrupt(segment->index, r.blkno, "lengths of document %u are missing", doc);
		ret_length += n;
		at += n;
		left -= n;
	}
}
