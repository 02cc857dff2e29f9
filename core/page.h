/*
 * core/page.h
 *		Layout of every page of our indexes, and the two ways to fill its body.
 *
 *	OFFSET		SIZE	WHAT
 *	0			24		PageHeaderData; pd_lower = end of the used front part
 *	24			8136	body: items (line pointers in front, data at the back), or one raw area
 *	8160		32		VcPageOpaque, the special space; its last two bytes are the page id
 *
 * The page id tells tools whose page it is; a module sets its own once in _PG_init.  The kind is a
 *set of flag bits that each access method defines (1 << 0 ... 1 << 13); the two highest are core's.
 * `owner` and `incarnation` say for whom the page was allocated (a list, a posting tree ...) and
 *for which life of it; a reader that followed a link compares them, and on a mismatch the page was
 * recycled meanwhile: it reads its directory again (core/recycle.h).
 *
 * A tombstone is a page with VC_PAGE_FREE set and free_xid stamped.  Everything else on it, kind
 *and links included, stays as it was, because a reader with an old reference may still come by.
 *
 * Trust: the header and the opaque of a page in a guard have been checked (vc_page_check).  Nothing
 * else has: items go through vc_page_item(), raw contents through vc_page_contents() and
 *core/span.h.
 *
 * Everything between pd_lower and pd_upper is zero on every page (WAL drops that hole).  A page on
 * which it is not is damaged: what lies there may be contents that a wrong pd_lower cut off, and the
 * next change would wipe it out.  So it is refused when it is opened for writing; readers do not look
 * there.
 */
#ifndef VC_CORE_PAGE_H
#define VC_CORE_PAGE_H

#include "access/transam.h"
#include "core/compat.h"
#include "core/span.h"
#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/off.h"
#include "utils/relcache.h"

typedef struct VcPageOpaque
{
	FullTransactionId free_xid; /* 0: tombstones only: reusable when no snapshot is older */
	BlockNumber next;           /* 8: next page of the chain, or InvalidBlockNumber */
	BlockNumber skip;   /* 12: shortcut along the chain (tape tail ...), or InvalidBlockNumber */
	uint32 owner;       /* 16: for whom the page was allocated */
	uint32 incarnation; /* 20: and for which life of the owner */
	uint32 crc;         /* 24: CRC32C of an immutable page (VC_PAGE_SEALED), else 0 */
	uint16 kind;        /* 28: flag bits */
	uint16 page_id;     /* 30 */
} VcPageOpaque;

StaticAssertDecl(sizeof(VcPageOpaque) == 32, "layout of the special space");

/* kind bits of core; access methods use bits 0..13 */
#define VC_PAGE_FREE      (1 << 15) /* tombstone */
#define VC_PAGE_SEALED    (1 << 14) /* immutable, crc is valid */
#define VC_PAGE_KIND_MASK 0x3FFF
#define VC_PAGE_ANY       VC_PAGE_KIND_MASK

#define VC_PAGE_BODY_OFFSET MAXALIGN(SizeOfPageHeaderData)
#define VC_PAGE_SPECIAL     (BLCKSZ - sizeof(VcPageOpaque))
/* bytes of a raw body: 8136 with 8 kB blocks */
#define VC_PAGE_BODY_SIZE (VC_PAGE_SPECIAL - VC_PAGE_BODY_OFFSET)
/* largest single item */
#define VC_PAGE_ITEM_MAX MAXALIGN_DOWN(VC_PAGE_BODY_SIZE - sizeof(ItemIdData))

/* Set once by the module's _PG_init, before anything else of core is used. */
extern void vc_page_set_id(uint16 page_id);

/*----- life -----*/

/*
 * Makes page (BLCKSZ bytes) an empty page of this kind: links invalid, body zero.
 */
extern void vc_page_init(char *page, uint16 kind, uint32 owner, uint32 incarnation);

/*
 * Checks size, layout version, special space, page id, pd_lower <= pd_upper, and that some bit of
 * `kinds` is set in its kind (VC_PAGE_ANY = any kind); vc_corrupt() if not.  A page of zeros is
 * damage as well.  A tombstone passes by the kind it had: a reader with an old reference reads on,
 * a writer asks vc_page_is_live_of().  Guards do this.
 */
extern void vc_page_check(Relation rel, BlockNumber blkno, const char *page, uint16 kinds);

/* The same as a question, without the kind: NULL if sound, else a message. */
extern const char *vc_page_problem(const char *page);

/* Is everything between pd_lower and pd_upper zero?  Only of a page without a problem. */
extern bool vc_page_hole_is_zero(const char *page);

static inline VcPageOpaque *
vc_page_opaque(char *page)
{
	return (VcPageOpaque *) (page + VC_PAGE_SPECIAL);
}

static inline const VcPageOpaque *
vc_page_opaque_read(const char *page)
{
	return (const VcPageOpaque *) (page + VC_PAGE_SPECIAL);
}

/* Is this page of the given owner and life?  False: recycled since the link was written. */
static inline bool
vc_page_is_of(const char *page, uint32 owner, uint32 incarnation)
{
	const VcPageOpaque *o = vc_page_opaque_read(page);

	return o->owner == owner && o->incarnation == incarnation;
}

static inline bool
vc_page_is_free(const char *page)
{
	return (vc_page_opaque_read(page)->kind & VC_PAGE_FREE) != 0;
}

/* For writers: still of that owner and life, and not freed. */
static inline bool
vc_page_is_live_of(const char *page, uint32 owner, uint32 incarnation)
{
	return vc_page_is_of(page, owner, incarnation) && !vc_page_is_free(page);
}

/* A block the server extended but nobody wrote before a crash. */
static inline bool
vc_page_is_new(const char *page)
{
	return ((const PageHeaderData *) page)->pd_upper == 0;
}

/*
 * Seals a finished page: stores the CRC of body, owner, incarnation and kind and sets
 * VC_PAGE_SEALED. Links may still change.  vc_page_seal_ok is true for pages that are not sealed.
 */
extern void vc_page_seal(char *page);
extern bool vc_page_seal_ok(const char *page);

/*----- raw body: a fixed struct or an array -----*/

/* Start of the body, for writers. */
static inline char *
vc_page_body(char *page)
{
	return page + VC_PAGE_BODY_OFFSET;
}

/* The used part of the body, as long as pd_lower says; for readers. */
static inline VcSpan
vc_page_contents(const char *page)
{
	return vc_span(page + VC_PAGE_BODY_OFFSET,
				   ((const PageHeaderData *) page)->pd_lower - VC_PAGE_BODY_OFFSET);
}

/*
 * Sets the length of the used part (<= VC_PAGE_BODY_SIZE) by pd_lower, so that WAL keeps it; zeroes
 * what is given up.  Only on pages without items.
 */
extern void vc_page_set_used(char *page, Size used);

/*----- items: numbered from 1, stable numbers, data 8-byte aligned -----*/

typedef enum VcItemState
{
	VC_ITEM_UNUSED = LP_UNUSED, /* no data, number may be given out again */
	VC_ITEM_NORMAL = LP_NORMAL,
	VC_ITEM_REDIRECT = LP_REDIRECT, /* data is a VcRedirectDisk: the value is elsewhere */
	VC_ITEM_DEAD = LP_DEAD,         /* data still there, the number stays taken */
} VcItemState;

/*
 * A value too large for its page: an item of this form, the value in a chain of continuation pages
 * (core/redirect.h).  Its pages carry the owner and incarnation given here.
 */
typedef struct VcRedirectDisk
{
	uint64 length;     /* bytes of the value */
	BlockNumber first; /* first continuation page */
	uint32 owner;
	uint32 incarnation;
	uint32 reserved; /* 0 */
} VcRedirectDisk;

StaticAssertDecl(sizeof(VcRedirectDisk) == 24, "layout of a redirect item");

/* Number of line pointers, unused ones included. */
static inline OffsetNumber
vc_page_items(const char *page)
{
	return (OffsetNumber) ((((const PageHeaderData *) page)->pd_lower - SizeOfPageHeaderData) /
						   sizeof(ItemIdData));
}

/*
 * Item `off` of a page in a guard: state, and its bytes (data NULL, len 0 if unused).  vc_corrupt()
 * if the number is not on the page or the data is not inside it.
 */
extern VcItemState vc_page_item(Relation rel, BlockNumber blkno, const char *page, OffsetNumber off,
								VcSpan *ret_item);

/* Writer's form: pointer into the page, same checks. */
extern char *vc_page_item_write(Relation rel, BlockNumber blkno, char *page, OffsetNumber off,
								Size *ret_len);

/*
 * Appends an item, in the first unused number if there is one.  Returns its number, or
 * InvalidOffsetNumber if there is no room (see vc_page_room).  len 1..VC_PAGE_ITEM_MAX; data NULL
 * adds zeros.  Does not compact by itself, so that other items do not move in WAL.
 */
extern OffsetNumber vc_page_item_add(char *page, const void *data, Size len, VcItemState state);

/*
 * Changes the state; the number must exist.  To UNUSED: zeroes the data, gives up the number, and
 * the space too if it is the lowest on the page (else vc_page_compact brings it back).  Trailing
 * unused numbers are dropped.
 */
extern void vc_page_item_set_state(Relation rel, BlockNumber blkno, char *page, OffsetNumber off,
								   VcItemState state);

/* Largest item that vc_page_item_add would accept now. */
extern Size vc_page_room(const char *page);

/* The same after vc_page_compact(). */
extern Size vc_page_room_compacted(Relation rel, BlockNumber blkno, const char *page);

/* Moves item data together; numbers stay.  vc_corrupt() on damage, before anything was moved. */
extern void vc_page_compact(Relation rel, BlockNumber blkno, char *page);

#endif
