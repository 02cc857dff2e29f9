/*
 * vchord_bm25/format.h
 *		Everything that vchord_bm25 writes to disk, and nothing else.
 *
 * Native byte order, BLCKSZ 8192.  Every page is a core page (core/page.h).  An index is a log-structured
 * merge tree of inverted indexes: one growing area that inserts append to, and immutable segments.
 *
 * File map
 *
 *	BLOCK		KIND		WHAT
 *	0			META		Bm25MetaDisk: parameters, the growing area, the list of segments.  The root of
 *							everything: one record on this page publishes a seal or a merge
 *	anywhere	GROWING		tape (core/tape.h) of documents not yet in a segment, one item a document
 *	anywhere	MORE		continuation pages of documents larger than a page (core/redirect.h)
 *	anywhere	HEADER		first page of a segment, immutable once published: sections, totals, extents;
 *							further extents on pages linked by `next`
 *	anywhere	STATE		what changes about a segment: dead documents, live totals
 *	anywhere	BITS, INODE	virtual files (core/vpage.h) of a segment: bitmap of dead documents, and the
 *							number of dead documents of each large term
 *	extents		POSTING .. LENGTH	sections of a segment, below; immutable, sealed with a CRC
 *	anywhere	(free)		tombstones, see core/recycle.h
 *
 * Segment.  Its pages have a numbering of their own from 0; extents (runs of consecutive blocks) map it
 * to blocks.  Sections are ranges of page numbers, in the order of Bm25Section.  All pages carry
 * owner BM25_OWNER_SEGMENT and the segment's incarnation.  `skip` of the HEADER page names the STATE page,
 * so that the header alone leads to everything that a segment's writer has allocated.  Documents of a
 * segment are numbered from 0 in order of the table at build (ascending blocks), in order of arrival by a
 * seal; a merge keeps the order.
 *
 * Fields are the key columns, numbered from 0; with BM25_META_ELEMENTS the elements of the one key column.
 *
 * Term key: one byte field, then the term: the bytes of a lexeme, or a term id of
 * bm25vector as four bytes, most significant first.  Keys are ordered as unsigned bytes, shorter first.
 *
 * Norm of a document in a field: its length, as a code of one byte (norm.h), or as it is if the index has
 * norms = 'exact' (BM25_META_EXACT_NORMS).
 *
 * POSTING section: blocks of up to 128 postings of one term; only the last block of a term has fewer.
 * A block does not cross pages, and ends at least 64 bytes before the end of the page (the unpackers'
 * slack: core/simd/bitpack/ops.h), so the used part of a body is at most BM25_POSTING_BYTES.
 *
 *	OFFSET	SIZE				DESCRIPTION
 *	0		8 or 16				Bm25BlockDisk; with positions its last member counts, too
 *	8/16	ceil(n * doc_bits / 8)	differences of document numbers, packed at doc_bits; the first is
 *								relative to the last document of the block before, or to 0
 *	..		ceil(n * tf_bits / 8)	frequency - 1
 *	..		ceil(n * norm_bits / 8)	norm - norm_base
 *
 * (Value i is in bits i * width ..: a short block is the front part of a whole one.)  Blocks start at
 * multiples of 4 bytes.  The blocks of a term follow each other, so a list is read front to back.
 *
 * POSITION section (BM25_META_POSITIONS): a stream of bytes over the bodies of its pages,
 * BM25_STREAM_BYTES each: for each posting `frequency` differences of positions, as varints; a block
 * names the offset of its first posting.
 *
 * SUMMARY section: Bm25SummaryDisk, one a block, BM25_SUMMARIES_PER_PAGE a page, those of a term
 * consecutive.  The bound of a block is the largest contribution of its two impacts, whatever the
 * statistics are: each posting has frequency <= and norm >= those of one of them.
 *
 * TERM section: leaves of the dictionary, entries in ascending order of key.  Body:
 *
 *	0		2		number of entries n
 *	2		2		number of restarts r = ceil(n / 16)
 *	4		2*r		offsets in the body of entries 0, 16, 32 ...
 *	..				entries: varint bytes shared with the key before (0 at a restart), varint further
 *					bytes, these bytes, varint df, then
 *					df < 128: varint size of the postings in bytes, and these, as varints: difference of
 *					document, frequency, norm (the code is one plain byte; exact norms are varints), with
 *					positions: `frequency` differences.  Size 0: more than BM25_INLINE_BYTES (positions
 *					can be many), so this is a large term as well
 *					large term: Bm25LargeTermDisk, unaligned
 *
 * TERM_INDEX section: inner pages, bottom up, the root last.  Body: as a leaf, but after the key of an entry
 * there is the varint page number (in the segment) of the child, whose first key it is.  Without this
 * section there is one leaf.
 *
 * DOCUMENT section: TIDs (ItemPointerData), BM25_TIDS_PER_PAGE a page: the one authoritative place of a
 * document's identity; 6 bytes a document is all that VACUUM reads.
 *
 * LENGTH section: uint32 length[document][field], BM25_LENGTHS_PER_PAGE a page; length 0 of a field that
 * is null is BM25_LENGTH_NULL.
 *
 * Growing document (item): Bm25GrowingDisk, then uint32 length[fields], then for each term, ascending by
 * key: varint bytes of the key, these, varint frequency, with positions: `frequency` differences as
 * varints.  At least BM25_GROWING_MIN bytes (zero padded), so that a redirect item is told by its size
 * even when it is dead.  VC_ITEM_DEAD: removed by VACUUM.
 *
 * varint: 7 bits a byte, low bits first, the high bit of a byte says that another one follows.
 *
 * Version history
 *	1	first format
 */
#ifndef VCHORD_BM25_FORMAT_H
#define VCHORD_BM25_FORMAT_H

#include "storage/block.h"
#include "storage/itemptr.h"

#define BM25_MAGIC          0x35324D42 /* "BM25" */
#define BM25_FORMAT_VERSION 1
#define BM25_PAGE_ID        0xFF8C

/* page kinds */
#define BM25_PAGE_META       (1 << 0)
#define BM25_PAGE_GROWING    (1 << 1)
#define BM25_PAGE_MORE       (1 << 2)
#define BM25_PAGE_HEADER     (1 << 3)
#define BM25_PAGE_STATE      (1 << 4)
#define BM25_PAGE_POSTING    (1 << 5)
#define BM25_PAGE_POSITION   (1 << 6)
#define BM25_PAGE_SUMMARY    (1 << 7)
#define BM25_PAGE_TERM       (1 << 8)
#define BM25_PAGE_TERM_INDEX (1 << 9)
#define BM25_PAGE_DOCUMENT   (1 << 10)
#define BM25_PAGE_LENGTH     (1 << 11)
#define BM25_PAGE_BITS       (1 << 12)
#define BM25_PAGE_INODE      (1 << 13)

#define BM25_META_BLKNO 0

/* owners, with the incarnation from Bm25MetaDisk.next_incarnation */
#define BM25_OWNER_GROWING 1
#define BM25_OWNER_SEGMENT 2

#define BM25_BLOCK_POSTINGS 128
#define BM25_MAX_FIELDS     32
#define BM25_MAX_SEGMENTS   128
#define BM25_MAX_RETIRED    32
#define BM25_MAX_TERM_BYTES 2047 /* longest lexeme of PostgreSQL: MAXSTRLEN */
#define BM25_MAX_KEY_BYTES  (1 + BM25_MAX_TERM_BYTES)
#define BM25_RESTART        16
#define BM25_INLINE_BYTES   2048 /* two entries fit a leaf whatever their keys are */
#define BM25_CONFIG_BYTES   136  /* schema-qualified, quoted name of a text search configuration */

/* bytes of a page body: BLCKSZ - 24 - 32 */
#define BM25_BODY_BYTES         8136
#define BM25_POSTING_BYTES      8104 /* body + special space - slack of 64 */
#define BM25_STREAM_BYTES       8136
#define BM25_SUMMARIES_PER_PAGE 508
#define BM25_TIDS_PER_PAGE      1356
#define BM25_LENGTHS_PER_PAGE   2034

#define BM25_LENGTH_NULL 0xFFFFFFFF

/* level of an entry of retired[] that is a tape: header is its head */
#define BM25_LEVEL_TAPE 0xFFFFFFFF

/* Bm25MetaDisk.flags */
#define BM25_META_POSITIONS   (1 << 0)
#define BM25_META_EXACT_NORMS (1 << 1)
#define BM25_META_ELEMENTS    (1 << 2) /* fields are elements of the arrays in the one column */

typedef enum Bm25Section
{
	BM25_SECTION_POSTING,
	BM25_SECTION_POSITION,
	BM25_SECTION_SUMMARY,
	BM25_SECTION_TERM,
	BM25_SECTION_TERM_INDEX,
	BM25_SECTION_DOCUMENT,
	BM25_SECTION_LENGTH,
	BM25_SECTIONS
} Bm25Section;

typedef struct Bm25TapeDisk
{
	BlockNumber head; /* invalid: no tape */
	uint32 incarnation;
} Bm25TapeDisk;

/* One segment in the metapage, 32 bytes. */
typedef struct Bm25SegmentDisk
{
	uint32 incarnation; /* names the segment for ever */
	BlockNumber header;
	BlockNumber state;
	uint32 docs;  /* dead ones included; the size that tiers of merging go by */
	uint32 pages; /* of the sections */
	uint32 level; /* 0: from a seal; a merge makes the highest of its inputs + 1; BM25_LEVEL_TAPE */
	uint64 reserved;
} Bm25SegmentDisk;

typedef struct Bm25MetaDisk
{
	uint32 magic;
	uint32 version;
	uint32 size; /* sizeof(Bm25MetaDisk) of the writer */
	uint32 flags;
	double k1;
	double b;
	double weight[BM25_MAX_FIELDS]; /* of the fields */
	uint32 fields;                  /* key columns, or elements of the one */
	uint32 nsegments;
	uint32 nretired;
	uint32 next_incarnation;
	Bm25TapeDisk growing;    /* inserts append here */
	Bm25TapeDisk sealing;    /* closed, being made into a segment; searched until then */
	Bm25SegmentDisk writing; /* header block of a segment being written, or invalid */
	char text_config[BM25_CONFIG_BYTES];         /* empty: no text column */
	Bm25SegmentDisk segments[BM25_MAX_SEGMENTS]; /* from old to new */
	Bm25SegmentDisk retired[BM25_MAX_RETIRED];   /* unlinked, their pages not all freed yet */
} Bm25MetaDisk;

/* A run of consecutive blocks. */
typedef struct Bm25ExtentDisk
{
	uint32 page; /* number in the segment of its first page; ascending */
	BlockNumber first;
} Bm25ExtentDisk;

/* Body of the first HEADER page; pages linked by `next` hold Bm25ExtentDisk only. */
typedef struct Bm25HeaderDisk
{
	uint32 docs;
	uint32 pages;    /* of all sections; 0 while it is being written */
	uint32 nextents; /* on this page and the linked ones */
	uint32 terms;
	uint32 large_terms; /* those whose postings are blocks; numbered from 0 in order of key */
	uint32 term_root;   /* page number of the root of the dictionary */
	uint32 term_levels; /* 1: the root is a leaf */
	uint32 allocated;   /* pages of all extents; those behind `pages` were freed, maybe reused */
	uint64 postings;
	uint64 position_bytes;
	uint32 section[BM25_SECTIONS + 1];    /* first page of each section, and the end */
	uint32 field_docs[BM25_MAX_FIELDS];   /* documents whose field is not null */
	uint64 field_length[BM25_MAX_FIELDS]; /* sum of their lengths */
	Bm25ExtentDisk extents[];
} Bm25HeaderDisk;

/* Body of the STATE page. */
typedef struct Bm25StateDisk
{
	uint32 dead;           /* bits set in the bitmap */
	uint32 counted;        /* of these, accounted for in dead_terms */
	BlockNumber bits_root; /* bitmap, one bit a document; invalid: no document is dead */
	uint32 bits_incarnation;
	BlockNumber
		dead_root; /* uint32 for each large term: dead documents in its list; may be invalid */
	uint32 dead_incarnation;
	uint32 live_docs[BM25_MAX_FIELDS]; /* as in the header, less the dead */
	uint64 live_length[BM25_MAX_FIELDS];
} Bm25StateDisk;

/* A posting that no posting of a group beats: frequency <= tf and norm >= code. */
typedef struct Bm25ImpactDisk
{
	uint8 tf;   /* 255: that or more */
	uint8 code; /* of the norm, also with exact norms (rounded down) */
} Bm25ImpactDisk;

typedef struct Bm25SummaryDisk
{
	uint32 last;              /* last document of the block */
	uint32 page;              /* of the block, in the segment */
	uint16 offset;            /* in the body */
	uint16 bytes;             /* of the block */
	Bm25ImpactDisk impact[2]; /* equal if one is enough */
} Bm25SummaryDisk;

typedef struct Bm25BlockDisk
{
	uint8 count; /* 1 .. 128 */
	uint8 doc_bits;
	uint8 tf_bits;
	uint8 norm_bits;
	uint32 norm_base;
	uint64 positions; /* offset in the POSITION section; only in an index with positions */
} Bm25BlockDisk;

#define BM25_BLOCK_HEAD(positions) ((positions) ? 16 : 8)

#define BM25_LARGE_IMPACTS 4

typedef struct Bm25LargeTermDisk
{
	uint32 ordinal; /* among large terms */
	uint32 summary; /* number of its first summary; it has ceil(df / 128) */
	Bm25ImpactDisk impact[BM25_LARGE_IMPACTS]; /* of the whole list, repeated if fewer are enough */
} Bm25LargeTermDisk;

#define BM25_GROWING_MIN 32

typedef struct Bm25GrowingDisk
{
	ItemPointerData tid;
	uint16 reserved;
	uint32 terms;
} Bm25GrowingDisk;

#endif
