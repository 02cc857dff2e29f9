/*
 * vchord_bm25/inspect_segment.c
 *		bm25_index_check(): one segment.  See inspect_check.c.
 *
 * Header pages, extents, every page with its checksum; then, if these are sound, documents, state, bitmap of
 * the dead, and the dictionary with all postings.  A segment with a damaged page is not looked at any further:
 * what can be told of the rest follows from the page.
 */
#include "postgres.h"

#include "vchord_bm25/inspect.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "core/vpage.h"

/*----- header -----*/

/* Copies the extents of the page in c->page, from byte `skip` of its body on. */
static uint32
copy_extents(const Bm25Check *c, Bm25HeaderDisk *header, uint32 have, Size skip)
{
	VcSpan body = vc_page_contents(c->page);
	uint32 n =
		(uint32) Min((body.len - skip) / sizeof(Bm25ExtentDisk), header->nextents - (Size) have);

	memcpy(header->extents + have, body.data + skip, n * sizeof(Bm25ExtentDisk));
	return n;
}

/* The header with all extents, or NULL. */
static Bm25HeaderDisk *
read_header(Bm25Check *c, const Bm25SegmentDisk *disk)
{
	Bm25HeaderDisk fixed;
	Bm25HeaderDisk *header;
	const char *problem;
	BlockNumber block = disk->header;
	BlockNumber next;
	uint32 have;

	if (!bm25_check_page(c, block, BM25_PAGE_HEADER, BM25_OWNER_SEGMENT, disk->incarnation))
		return NULL;
	if (!vc_span_copy(vc_page_contents(c->page), 0, &fixed, sizeof(fixed)))
		problem = "it is too short";
	else
		problem = bm25_header_problem(&fixed, disk, c->meta.fields);
	if (problem == NULL && (fixed.pages > c->nblocks || fixed.nextents > c->nblocks))
		problem = "more pages than blocks";
	if (problem == NULL && (vc_page_opaque_read(c->page)->kind & VC_PAGE_SEALED) == 0)
		problem = "it was never finished";
	if (problem == NULL && vc_page_opaque_read(c->page)->skip != disk->state &&
		vc_page_opaque_read(c->page)->skip != InvalidBlockNumber)
		problem = "another state page";
	if (problem != NULL)
	{
		vc_report_add(&c->report, block, "header of segment %u is wrong: %s", disk->incarnation,
					  problem);
		return NULL;
	}
	header = MemoryContextAllocHuge(CurrentMemoryContext,
									sizeof(fixed) + fixed.nextents * sizeof(Bm25ExtentDisk));
	memcpy(header, &fixed, sizeof(fixed));
	have = copy_extents(c, header, 0, sizeof(fixed));
	next = vc_page_opaque_read(c->page)->next;
	while (next != InvalidBlockNumber)
	{
		CHECK_FOR_INTERRUPTS();
		block = next;
		if (!bm25_check_page(c, block, BM25_PAGE_HEADER, BM25_OWNER_SEGMENT, disk->incarnation))
			return NULL;
		have += copy_extents(c, header, have, 0);
		next = vc_page_opaque_read(c->page)->next;
	}
	if (have < header->nextents)
	{
		vc_report_add(&c->report, block, "segment %u has %u of %u extents", disk->incarnation, have,
					  header->nextents);
		return NULL;
	}
	return header;
}

static bool
check_extents(Bm25Check *c, const Bm25SegmentDisk *disk, const Bm25HeaderDisk *header)
{
	for (uint32 i = 0; i < header->nextents; i++)
	{
		const Bm25ExtentDisk *extent = &header->extents[i];
		uint32 end = i + 1 < header->nextents ? extent[1].page : header->allocated;
		/* blocks behind the last page were given back, and maybe cut off */
		uint32 used = Min(end, header->pages);

		if ((i == 0 && extent->page != 0) || end <= extent->page ||
			(used > extent->page &&
			 (extent->first >= c->nblocks || used - extent->page > c->nblocks - extent->first)))
		{
			vc_report_add(&c->report, disk->header,
						  "extent %u of segment %u is wrong: pages %u to %u at block %u", i,
						  disk->incarnation, extent->page, end, extent->first);
			return false;
		}
	}
	return true;
}

/*----- pages -----*/

static bool
check_pages(Bm25Check *c, const Bm25Segment *segment)
{
	const Bm25HeaderDisk *header = segment->header;
	bool sound = true;

	for (int section = 0; section < BM25_SECTIONS; section++)
	{
		for (uint32 page = header->section[section]; page < header->section[section + 1]; page++)
		{
			BlockNumber block = bm25_segment_block(segment, page);

			CHECK_FOR_INTERRUPTS();
			if (!bm25_check_page(c, block, bm25_section_kind[section], BM25_OWNER_SEGMENT,
								 segment->disk.incarnation))
				sound = false;
			else if ((vc_page_opaque_read(c->page)->kind & VC_PAGE_SEALED) == 0)
			{
				vc_report_add(&c->report, block, "page of a segment has no checksum");
				sound = false;
			}
		}
	}
	return sound;
}

VcSpan
bm25_check_body(Bm25Check *c, const Bm25Segment *segment, uint32 number, char *page)
{
	if (!bm25_check_load(c, bm25_segment_block(segment, number)))
		return vc_span(NULL, 0);
	memcpy(page, c->page, BLCKSZ);
	return vc_page_contents(page);
}

/*----- state and files -----*/

/*
 * Reads `bytes` of a file that the state page names; what it does not have is zero.  NULL if it is damaged.
 */
static uint8 *
read_file(Bm25Check *c, BlockNumber root, uint32 incarnation, Size bytes)
{
	uint8 *out;
	VcVpageRootDisk disk;
	BlockNumber direct[VC_VPAGE_DIRECT];
	VcSpan body;
	uint32 pages;
	VcVpage file;

	if (!bm25_check_page(c, root, BM25_PAGE_INODE, root, incarnation))
		return NULL;
	body = vc_page_contents(c->page);
	if (!vc_span_copy(body, 0, &disk, offsetof(VcVpageRootDisk, direct)) ||
		disk.magic != VC_VPAGE_MAGIC || disk.data_kind != BM25_PAGE_BITS ||
		disk.inode_kind != BM25_PAGE_INODE || disk.first_page != 0 || disk.freeing != 0 ||
		disk.length > bytes)
	{
		vc_report_add(&c->report, root, "the first page of a file of a segment is wrong");
		return NULL;
	}
	out = MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 1));
	memset(out, 0, bytes);
	pages = (uint32) ((disk.length + VC_VPAGE_BYTES - 1) / VC_VPAGE_BYTES);
	if (pages > VC_VPAGE_DIRECT)
	{
		/* more than a hundred million documents: as readers do it */
		if (!vc_vpage_open(&file, c->index, (VcVpageRef){root, incarnation},
						   CurrentMemoryContext) ||
			!vc_vpage_read(&file, 0, (Size) disk.length, out))
		{
			vc_report_add(&c->report, root, "a file of a segment cannot be read");
			return NULL;
		}
		return out;
	}
	if (!vc_span_copy(body, offsetof(VcVpageRootDisk, direct), direct, pages * sizeof(BlockNumber)))
	{
		vc_report_add(&c->report, root, "the first page of a file of a segment is too short");
		return NULL;
	}
	for (uint32 i = 0; i < pages; i++)
	{
		Size at = (Size) i * VC_VPAGE_BYTES;

		CHECK_FOR_INTERRUPTS();
		if (!bm25_check_page(c, direct[i], BM25_PAGE_BITS, root, incarnation))
			return NULL;
		if (vc_page_opaque_read(c->page)->skip != i ||
			!vc_span_copy(vc_page_contents(c->page), 0, out + at,
						  Min((Size) disk.length - at, VC_VPAGE_BYTES)))
		{
			vc_report_add(&c->report, direct[i], "page is not number %u of its file", i);
			return NULL;
		}
	}
	return out;
}

/* Reads state page and bitmap; *ret_dead_terms: NULL if there is no such file. */
static bool
check_state(Bm25Check *c, Bm25Segment *segment, const uint32 **ret_dead_terms)
{
	const Bm25SegmentDisk *disk = &segment->disk;
	Bm25StateDisk *state = &segment->state;
	uint32 docs = disk->docs;
	Size bytes = ((Size) docs + 7) / 8;
	uint32 dead = 0;

	*ret_dead_terms = NULL;
	if (!bm25_check_page(c, disk->state, BM25_PAGE_STATE, BM25_OWNER_SEGMENT, disk->incarnation))
		return false;
	if (!vc_span_copy(vc_page_contents(c->page), 0, state, sizeof(*state)) || state->dead > docs ||
		state->counted > state->dead)
	{
		vc_report_add(&c->report, disk->state, "state of segment %u is wrong", disk->incarnation);
		return false;
	}
	if (state->bits_root != InvalidBlockNumber)
	{
		segment->dead = read_file(c, state->bits_root, state->bits_incarnation, bytes);
		if (segment->dead == NULL)
			return false;
		dead = (uint32) pg_popcount((const char *) segment->dead, (int) bytes);
		if (docs % 8 != 0 && segment->dead[bytes - 1] >> (docs % 8) != 0)
			vc_report_add(&c->report, state->bits_root,
						  "documents are dead that segment %u does not have", disk->incarnation);
	}
	if (dead < state->dead)
		vc_report_add(&c->report, disk->state, "segment %u has %u dead documents, but counts %u",
					  disk->incarnation, dead, state->dead);
	c->late += dead - Min(dead, state->dead);
	if (state->dead_root != InvalidBlockNumber)
	{
		*ret_dead_terms =
			(const uint32 *) read_file(c, state->dead_root, state->dead_incarnation,
									   (Size) segment->header->large_terms * sizeof(uint32));
		if (*ret_dead_terms == NULL)
			return false;
	}
	return true;
}

/*----- documents -----*/

/* What documents add up to. */
typedef struct Totals
{
	uint32 docs[BM25_MAX_FIELDS];
	uint64 length[BM25_MAX_FIELDS];
} Totals;

static void
add_lengths(const uint32 *length, uint32 fields, Totals *totals)
{
	for (uint32 f = 0; f < fields; f++)
	{
		if (length[f] == BM25_LENGTH_NULL)
			continue;
		totals->docs[f]++;
		totals->length[f] += length[f];
	}
}

static bool
same_totals(const Totals *totals, const uint32 *docs, const uint64 *length)
{
	return memcmp(totals->docs, docs, sizeof(totals->docs)) == 0 &&
		   memcmp(totals->length, length, sizeof(totals->length)) == 0;
}

/* A section that is an array, read front to back. */
typedef struct Array
{
	const Bm25Segment *segment;
	Bm25Section section;
	uint32 per_page;
	Size element;
	uint32 number; /* page in the section; PG_UINT32_MAX: none */
	VcSpan body;
	char page[BLCKSZ];
} Array;

static Array *
array_begin(const Bm25Segment *segment, Bm25Section section, uint32 per_page, Size element)
{
	Array *array = palloc(sizeof(Array));

	array->segment = segment;
	array->section = section;
	array->per_page = per_page;
	array->element = element;
	array->number = PG_UINT32_MAX;
	return array;
}

/* False, and reported, if the page does not have it. */
static bool
array_get(Bm25Check *c, Array *array, uint64 at, void *ret_element)
{
	const Bm25HeaderDisk *header = array->segment->header;
	uint32 number = (uint32) (at / array->per_page);
	uint32 first = header->section[array->section];

	if (number != array->number)
	{
		CHECK_FOR_INTERRUPTS();
		array->body = bm25_check_body(c, array->segment, first + number, array->page);
		array->number = number;
	}
	if (vc_span_copy(array->body, at % array->per_page * array->element, ret_element,
					 array->element))
		return true;
	vc_report_add(&c->report, bm25_segment_block(array->segment, first + number),
				  "page is too short");
	return false;
}

/*
 * Documents [first, first + n): totals, and with prints of their terms, their identity.  print NULL: identity
 * without contents.
 */
static bool
check_documents(Bm25Check *c, const Bm25Segment *segment, uint32 first, uint32 n,
				const uint64 *print, Totals *all, Totals *live)
{
	Array *tids =
		array_begin(segment, BM25_SECTION_DOCUMENT, BM25_TIDS_PER_PAGE, sizeof(ItemPointerData));
	Array *lengths =
		array_begin(segment, BM25_SECTION_LENGTH, BM25_LENGTHS_PER_PAGE, sizeof(uint32));
	uint32 fields = c->meta.fields;
	bool sound = true;

	for (uint32 doc = first; doc < first + n && sound; doc++)
	{
		uint32 length[BM25_MAX_FIELDS];
		ItemPointerData tid;

		sound = array_get(c, tids, doc, &tid);
		for (uint32 f = 0; f < fields && sound; f++)
			sound = array_get(c, lengths, (uint64) doc * fields + f, &length[f]);
		if (!sound)
			break;
		add_lengths(length, fields, all);
		if (bm25_segment_is_dead(segment, doc))
			continue;
		add_lengths(length, fields, live);
		bm25_check_document(
			c, bm25_segment_block(segment, segment->header->section[BM25_SECTION_DOCUMENT]), &tid,
			print != NULL ? print[doc - first] + bm25_print_lengths(length, fields) : 0);
	}
	pfree(tids);
	pfree(lengths);
	return sound;
}

static void
check_totals(Bm25Check *c, const Bm25Segment *segment, const Totals *all, const Totals *live)
{
	const Bm25HeaderDisk *header = segment->header;
	uint32 dead = segment->dead == NULL
					  ? 0
					  : (uint32) pg_popcount((const char *) segment->dead,
											 (int) ((segment->disk.docs + 7) / 8));

	if (!same_totals(all, header->field_docs, header->field_length))
		vc_report_add(&c->report, segment->disk.header,
					  "documents of segment %u are not what its header sums up",
					  segment->disk.incarnation);
	if (dead == segment->state.dead &&
		!same_totals(live, segment->state.live_docs, segment->state.live_length))
		vc_report_add(&c->report, segment->disk.state,
					  "living documents of segment %u are not what its state sums up",
					  segment->disk.incarnation);
}

/*----- the segment -----*/

void
bm25_check_segment(Bm25Check *c, const Bm25SegmentDisk *disk)
{
	Bm25Segment segment = {
		.index = c->index, .disk = *disk, .flags = c->meta.flags, .fields = c->meta.fields};
	/* a quarter of the budget */
	uint32 at_once = (uint32) Min(Max(c->budget / 4 / sizeof(uint64), 1024), disk->docs);
	uint64 *print = NULL;
	const uint32 *dead_terms;
	Totals all = {0};
	Totals live = {0};
	Bm25HeaderDisk *header = read_header(c, disk);
	bool sound = header != NULL && check_extents(c, disk, header);

	segment.header = header;
	sound = sound && check_pages(c, &segment);
	sound = sound && check_state(c, &segment, &dead_terms);
	if (!sound)
	{
		c->damaged = true;
		return;
	}
	/* without the table one pass over the postings is enough */
	if (c->rows != NULL)
		print = MemoryContextAllocHuge(CurrentMemoryContext, at_once * sizeof(uint64));
	else
		at_once = disk->docs;
	for (uint32 first = 0; first < disk->docs && sound; first += at_once)
	{
		uint32 n = Min(at_once, disk->docs - first);

		if (print != NULL)
			memset(print, 0, n * sizeof(uint64));
		sound = bm25_check_terms(c, &segment, first, n, first > 0, dead_terms, print) &&
				check_documents(c, &segment, first, n, print, &all, &live);
		if (disk->docs - first <= at_once)
			break;
	}
	if (sound)
		check_totals(c, &segment, &all, &live);
	else
		c->damaged = true;
}
