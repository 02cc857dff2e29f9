/*
 * core/page.c
 *		Page layout: init, check, seal, items.  See core/page.h.
 *
 * Works on plain memory; knows no buffers and takes no locks.
 */
#include "postgres.h"

#include "core/page.h"

#include "core/report.h"
#include "port/pg_crc32c.h"

/* Set by the module's _PG_init, never changed after. */
static uint16 page_id = 0;

void
vc_page_set_id(uint16 id)
{
	page_id = id;
}

/*----- life -----*/

void
vc_page_init(char *page, uint16 kind, uint32 owner, uint32 incarnation)
{
	VcPageOpaque *opaque;

	Assert(page_id != 0);
	Assert(kind != 0 && (kind & ~VC_PAGE_KIND_MASK) == 0);
	PageInit(page, BLCKSZ, sizeof(VcPageOpaque));
	opaque = vc_page_opaque(page);
	opaque->free_xid = InvalidFullTransactionId;
	opaque->next = InvalidBlockNumber;
	opaque->skip = InvalidBlockNumber;
	opaque->owner = owner;
	opaque->incarnation = incarnation;
	opaque->crc = 0;
	opaque->kind = kind;
	opaque->page_id = page_id;
}

const char *
vc_page_problem(const char *page)
{
	const PageHeaderData *header = (const PageHeaderData *) page;
	const VcPageOpaque *opaque = vc_page_opaque_read(page);

	if (likely(header->pd_pagesize_version == (BLCKSZ | PG_PAGE_LAYOUT_VERSION) &&
			   header->pd_special == VC_PAGE_SPECIAL && header->pd_lower >= VC_PAGE_BODY_OFFSET &&
			   header->pd_lower <= header->pd_upper && header->pd_upper <= VC_PAGE_SPECIAL &&
			   opaque->page_id == page_id && (opaque->kind & VC_PAGE_KIND_MASK) != 0))
		return NULL;

	if (vc_page_is_new(page))
		return "the page was never written";
	if (header->pd_pagesize_version != (BLCKSZ | PG_PAGE_LAYOUT_VERSION))
		return "wrong page size or layout version";
	if (header->pd_special != VC_PAGE_SPECIAL)
		return "wrong offset of the special space";
	if (opaque->page_id != page_id)
		return "wrong page id";
	if ((opaque->kind & VC_PAGE_KIND_MASK) == 0)
		return "no page kind";
	return "wrong limits of the free space";
}

/* The first byte is zero and all equal their neighbours: memcmp needs 0.1 to 0.2 us for a whole page. */
bool
vc_page_hole_is_zero(const char *page)
{
	const PageHeaderData *header = (const PageHeaderData *) page;
	const char *hole = page + header->pd_lower;
	Size len = header->pd_upper - header->pd_lower;

	return len == 0 || (hole[0] == 0 && memcmp(hole, hole + 1, len - 1) == 0);
}

void
vc_page_check(Relation rel, BlockNumber blkno, const char *page, uint16 kinds)
{
	const char *problem = vc_page_problem(page);
	uint16 kind = vc_page_opaque_read(page)->kind;

	if (unlikely(problem != NULL))
		vc_corrupt(rel, blkno, "%s", problem);
	if (unlikely((kind & kinds & VC_PAGE_KIND_MASK) == 0))
		vc_corrupt(rel, blkno, "page kind 0x%04x where 0x%04x was expected", kind, kinds);
}

/*
 * What may still change on a sealed page is left out: LSN, checksum, links, and the tombstone's mark.
 */
static uint32
page_crc(const char *page)
{
	const PageHeaderData *header = (const PageHeaderData *) page;
	const VcPageOpaque *opaque = vc_page_opaque_read(page);
	uint32 identity[3];
	pg_crc32c crc;

	identity[0] = opaque->owner;
	identity[1] = opaque->incarnation;
	identity[2] = opaque->kind & VC_PAGE_KIND_MASK;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, page + VC_PAGE_BODY_OFFSET, header->pd_lower - VC_PAGE_BODY_OFFSET);
	COMP_CRC32C(crc, page + header->pd_upper, VC_PAGE_SPECIAL - header->pd_upper);
	COMP_CRC32C(crc, identity, sizeof(identity));
	FIN_CRC32C(crc);
	return crc;
}

void
vc_page_seal(char *page)
{
	VcPageOpaque *opaque = vc_page_opaque(page);

	Assert(vc_page_problem(page) == NULL);
	opaque->crc = page_crc(page);
	opaque->kind |= VC_PAGE_SEALED;
}

bool
vc_page_seal_ok(const char *page)
{
	const VcPageOpaque *opaque = vc_page_opaque_read(page);

	return (opaque->kind & VC_PAGE_SEALED) == 0 || opaque->crc == page_crc(page);
}

/*----- raw body -----*/

void
vc_page_set_used(char *page, Size used)
{
	PageHeader header = (PageHeader) page;
	Size end = VC_PAGE_BODY_OFFSET + used;

	Assert(used <= VC_PAGE_BODY_SIZE);
	Assert(header->pd_upper == VC_PAGE_SPECIAL);
	if (end < header->pd_lower)
		memset(page + end, 0, header->pd_lower - end);
	header->pd_lower = (LocationIndex) end;
}

/*----- items -----*/

static inline const ItemIdData *
line_pointer(const char *page, OffsetNumber off)
{
	return &((const PageHeaderData *) page)->pd_linp[off - 1];
}

static inline ItemId
line_pointer_write(char *page, OffsetNumber off)
{
	return &((PageHeader) page)->pd_linp[off - 1];
}

/* Checks the number and, unless unused, that the data lies inside the data part of the page. */
static void
check_item(Relation rel, BlockNumber blkno, const char *page, OffsetNumber off)
{
	const PageHeaderData *header = (const PageHeaderData *) page;
	const ItemIdData *lp;

	if (unlikely(off == InvalidOffsetNumber || off > vc_page_items(page)))
		vc_corrupt(rel, blkno, "item %u does not exist, the page has %u", off, vc_page_items(page));
	lp = line_pointer(page, off);
	if (lp->lp_flags == LP_UNUSED)
		return;
	if (unlikely(lp->lp_len == 0 || lp->lp_off < header->pd_upper ||
				 lp->lp_off != MAXALIGN(lp->lp_off) ||
				 (Size) lp->lp_off + lp->lp_len > VC_PAGE_SPECIAL))
		vc_corrupt(rel, blkno, "item %u has offset %u and length %u, outside of the data", off,
				   lp->lp_off, lp->lp_len);
}

VcItemState
vc_page_item(Relation rel, BlockNumber blkno, const char *page, OffsetNumber off, VcSpan *ret_item)
{
	const ItemIdData *lp;

	check_item(rel, blkno, page, off);
	lp = line_pointer(page, off);
	if (lp->lp_flags == LP_UNUSED)
		*ret_item = vc_span(NULL, 0);
	else
		*ret_item = vc_span(page + lp->lp_off, lp->lp_len);
	return (VcItemState) lp->lp_flags;
}

char *
vc_page_item_write(Relation rel, BlockNumber blkno, char *page, OffsetNumber off, Size *ret_len)
{
	const ItemIdData *lp;

	check_item(rel, blkno, page, off);
	lp = line_pointer(page, off);
	if (unlikely(lp->lp_flags == LP_UNUSED))
		vc_corrupt(rel, blkno, "item %u is not in use", off);
	*ret_len = lp->lp_len;
	return page + lp->lp_off;
}

/* First number that is free to be given out again, else InvalidOffsetNumber. */
static OffsetNumber
unused_number(const char *page)
{
	OffsetNumber n = vc_page_items(page);

	if ((((const PageHeaderData *) page)->pd_flags & PD_HAS_FREE_LINES) == 0)
		return InvalidOffsetNumber;
	for (OffsetNumber off = FirstOffsetNumber; off <= n; off++)
	{
		if (line_pointer(page, off)->lp_flags == LP_UNUSED)
			return off;
	}
	return InvalidOffsetNumber;
}

static Size
room_between(const char *page, Size lower, Size upper)
{
	Size pointer = unused_number(page) ? 0 : sizeof(ItemIdData);

	return upper < lower + pointer ? 0 : MAXALIGN_DOWN(upper - lower - pointer);
}

Size
vc_page_room(const char *page)
{
	const PageHeaderData *header = (const PageHeaderData *) page;

	return room_between(page, header->pd_lower, header->pd_upper);
}

OffsetNumber
vc_page_item_add(char *page, const void *data, Size len, VcItemState state)
{
	PageHeader header = (PageHeader) page;
	OffsetNumber off = unused_number(page);
	Size size = MAXALIGN(len);

	Assert(len > 0 && state != VC_ITEM_UNUSED);
	if (len > VC_PAGE_ITEM_MAX || size > vc_page_room(page))
		return InvalidOffsetNumber;

	if (off == InvalidOffsetNumber)
	{
		off = vc_page_items(page) + 1;
		header->pd_lower += sizeof(ItemIdData);
		header->pd_flags &= ~PD_HAS_FREE_LINES;
	}
	header->pd_upper -= size;
	/* the hole is zero, so padding and a missing value are, too */
	if (data != NULL)
		memcpy(page + header->pd_upper, data, len);
	line_pointer_write(page, off)->lp_flags = state;
	line_pointer_write(page, off)->lp_off = header->pd_upper;
	line_pointer_write(page, off)->lp_len = len;
	return off;
}

void
vc_page_item_set_state(Relation rel, BlockNumber blkno, char *page, OffsetNumber off,
					   VcItemState state)
{
	PageHeader header = (PageHeader) page;
	ItemId lp;
	Size size;

	check_item(rel, blkno, page, off);
	lp = line_pointer_write(page, off);
	if (lp->lp_flags == LP_UNUSED)
	{
		if (state != VC_ITEM_UNUSED)
			vc_corrupt(rel, blkno, "item %u is not in use", off);
		return;
	}
	if (state != VC_ITEM_UNUSED)
	{
		lp->lp_flags = state;
		return;
	}

	size = Min(MAXALIGN(lp->lp_len), VC_PAGE_SPECIAL - lp->lp_off);
	memset(page + lp->lp_off, 0, size);
	if (lp->lp_off == header->pd_upper)
		header->pd_upper += size;
	ItemIdSetUnused(lp);
	header->pd_flags |= PD_HAS_FREE_LINES;
	while (vc_page_items(page) > 0 &&
		   line_pointer(page, vc_page_items(page))->lp_flags == LP_UNUSED)
	{
		memset(line_pointer_write(page, vc_page_items(page)), 0, sizeof(ItemIdData));
		header->pd_lower -= sizeof(ItemIdData);
	}
}

/* Sum of the data sizes of all items; vc_corrupt() if they cannot all lie on the page. */
static Size
data_size(Relation rel, BlockNumber blkno, const char *page)
{
	const PageHeaderData *header = (const PageHeaderData *) page;
	OffsetNumber n = vc_page_items(page);
	Size total = 0;

	for (OffsetNumber off = FirstOffsetNumber; off <= n; off++)
	{
		const ItemIdData *lp = line_pointer(page, off);

		check_item(rel, blkno, page, off);
		if (lp->lp_flags != LP_UNUSED)
			total += MAXALIGN(lp->lp_len);
	}
	if (total > (Size) (VC_PAGE_SPECIAL - header->pd_upper))
		vc_corrupt(rel, blkno, "items overlap: %zu bytes where %zu are", total,
				   (Size) (VC_PAGE_SPECIAL - header->pd_upper));
	return total;
}

Size
vc_page_room_compacted(Relation rel, BlockNumber blkno, const char *page)
{
	return room_between(page, ((const PageHeaderData *) page)->pd_lower,
						VC_PAGE_SPECIAL - data_size(rel, blkno, page));
}

typedef struct ItemPlace
{
	uint16 lp_off;
	OffsetNumber number;
} ItemPlace;

static int
compare_place(const void *a, const void *b)
{
	return (int) ((const ItemPlace *) b)->lp_off - (int) ((const ItemPlace *) a)->lp_off;
}

/*
 * Items keep their order by position, so that what already lies at the end of the page does not move
 * and costs no WAL.
 */
void
vc_page_compact(Relation rel, BlockNumber blkno, char *page)
{
	PageHeader header = (PageHeader) page;
	PGAlignedBlock old;
	ItemPlace places[VC_PAGE_BODY_SIZE / sizeof(ItemIdData)];
	int nplaces = 0;
	OffsetNumber n = vc_page_items(page);
	Size upper = VC_PAGE_SPECIAL;

	(void) data_size(rel, blkno, page);
	memcpy(old.data, page, BLCKSZ);
	for (OffsetNumber off = FirstOffsetNumber; off <= n; off++)
	{
		if (line_pointer(page, off)->lp_flags != LP_UNUSED)
			places[nplaces++] = (ItemPlace){line_pointer(page, off)->lp_off, off};
	}
	qsort(places, nplaces, sizeof(ItemPlace), compare_place);

	memset(page + header->pd_upper, 0, VC_PAGE_SPECIAL - header->pd_upper);
	for (int i = 0; i < nplaces; i++)
	{
		ItemId lp = line_pointer_write(page, places[i].number);

		upper -= MAXALIGN(lp->lp_len);
		memcpy(page + upper, old.data + lp->lp_off, lp->lp_len);
		lp->lp_off = upper;
	}
	header->pd_upper = (LocationIndex) upper;
}
