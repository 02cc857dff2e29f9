/*
 * vchord_bm25/layout_check.c
 *		Compile-time proof that format.h means the bytes it documents.  Emits no code.
 */
#include "postgres.h"

#include "core/meta.h"
#include "core/page.h"
#include "core/simd/bitpack/ops.h"

#include "vchord_bm25/format.h"

StaticAssertDecl(BM25_BODY_BYTES == VC_PAGE_BODY_SIZE, "body of a page");
StaticAssertDecl(VC_PAGE_BODY_OFFSET + BM25_POSTING_BYTES + VCS_BITPACK_SLACK == BLCKSZ,
				 "the unpackers' slack lies on the page");
StaticAssertDecl(VC_PAGE_BODY_OFFSET % 8 == 0, "body is aligned");
StaticAssertDecl(BM25_BLOCK_POSTINGS == VCS_BITPACK_BLOCK, "blocks are the packers'");
StaticAssertDecl(BM25_STREAM_BYTES == BM25_BODY_BYTES, "streams fill bodies");
StaticAssertDecl(BM25_SUMMARIES_PER_PAGE == BM25_BODY_BYTES / sizeof(Bm25SummaryDisk),
				 "summaries a page");
StaticAssertDecl(BM25_TIDS_PER_PAGE == BM25_BODY_BYTES / sizeof(ItemPointerData), "TIDs a page");
StaticAssertDecl(BM25_LENGTHS_PER_PAGE == BM25_BODY_BYTES / sizeof(uint32), "lengths a page");
StaticAssertDecl(4 + 2 + 2 + 2 + BM25_MAX_KEY_BYTES + 5 + 3 + BM25_INLINE_BYTES <= BM25_BODY_BYTES,
				 "any entry fits a leaf");

StaticAssertDecl(sizeof(Bm25TapeDisk) == 8, "Bm25TapeDisk");
StaticAssertDecl(sizeof(Bm25SegmentDisk) == 32, "Bm25SegmentDisk");
StaticAssertDecl(BM25_META_BLKNO == VC_META_BLKNO, "place of the metapage");
StaticAssertDecl(offsetof(Bm25MetaDisk, size) == offsetof(VcMetaHeadDisk, size),
				 "Bm25MetaDisk.size");
StaticAssertDecl(offsetof(Bm25MetaDisk, k1) == 16, "Bm25MetaDisk.k1");
StaticAssertDecl(offsetof(Bm25MetaDisk, weight) == 32, "Bm25MetaDisk.weight");
StaticAssertDecl(offsetof(Bm25MetaDisk, fields) == 288, "Bm25MetaDisk.fields");
StaticAssertDecl(offsetof(Bm25MetaDisk, growing) == 304, "Bm25MetaDisk.growing");
StaticAssertDecl(offsetof(Bm25MetaDisk, writing) == 320, "Bm25MetaDisk.writing");
StaticAssertDecl(offsetof(Bm25MetaDisk, text_config) == 352, "Bm25MetaDisk.text_config");
StaticAssertDecl(offsetof(Bm25MetaDisk, segments) == 488, "Bm25MetaDisk.segments");
StaticAssertDecl(sizeof(Bm25MetaDisk) <= BM25_BODY_BYTES, "the metapage holds it");
StaticAssertDecl(sizeof(Bm25ExtentDisk) == 8, "Bm25ExtentDisk");
StaticAssertDecl(offsetof(Bm25HeaderDisk, postings) == 32, "Bm25HeaderDisk.postings");
StaticAssertDecl(offsetof(Bm25HeaderDisk, section) == 48, "Bm25HeaderDisk.section");
StaticAssertDecl(offsetof(Bm25HeaderDisk, field_docs) == 80, "Bm25HeaderDisk.field_docs");
StaticAssertDecl(offsetof(Bm25HeaderDisk, field_length) == 208, "Bm25HeaderDisk.field_length");
StaticAssertDecl(offsetof(Bm25HeaderDisk, extents) == 464, "Bm25HeaderDisk.extents");
StaticAssertDecl(sizeof(Bm25HeaderDisk) == 464, "Bm25HeaderDisk");
StaticAssertDecl(offsetof(Bm25StateDisk, bits_root) == 8, "Bm25StateDisk.bits_root");
StaticAssertDecl(offsetof(Bm25StateDisk, live_docs) == 24, "Bm25StateDisk.live_docs");
StaticAssertDecl(offsetof(Bm25StateDisk, live_length) == 152, "Bm25StateDisk.live_length");
StaticAssertDecl(sizeof(Bm25StateDisk) == 408, "Bm25StateDisk");
StaticAssertDecl(sizeof(Bm25ImpactDisk) == 2, "Bm25ImpactDisk");
StaticAssertDecl(sizeof(Bm25SummaryDisk) == 16, "Bm25SummaryDisk");
StaticAssertDecl(offsetof(Bm25BlockDisk, norm_base) == 4, "Bm25BlockDisk.norm_base");
StaticAssertDecl(offsetof(Bm25BlockDisk, positions) == 8, "Bm25BlockDisk.positions");
StaticAssertDecl(sizeof(Bm25BlockDisk) == 16, "Bm25BlockDisk");
StaticAssertDecl(sizeof(Bm25LargeTermDisk) == 16, "Bm25LargeTermDisk");
StaticAssertDecl(sizeof(Bm25GrowingDisk) == 12, "Bm25GrowingDisk");
