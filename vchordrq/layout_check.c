/*
 * vchordrq/layout_check.c
 *		Compile-time proof that format.h means the bytes it documents.  Emits no code.
 */
#include "postgres.h"

#include "storage/bufpage.h"

#include "core/meta.h"

#include "vchordrq/format.h"

StaticAssertDecl(SizeOfPageHeaderData == RQ_HEAD_OFFSET, "page head follows the page header");
StaticAssertDecl(RQ_HEAD_OFFSET + RQ_HEAD_BYTES == RQ_BODY_OFFSET, "body follows the page head");
StaticAssertDecl(RQ_BODY_BYTES % RQ_SPLIT_BYTES == 0, "body is a whole number of split units");
StaticAssertDecl(RQ_BODY_OFFSET % RQ_SPLIT_BYTES == 0, "body is aligned to split units");
StaticAssertDecl(RQ_BODY_BYTES % sizeof(RqStripDisk) == 0, "strip entries do not straddle pages");
StaticAssertDecl(RQ_BODY_BYTES % sizeof(ItemPointerData) == 0, "short strip entries neither");
StaticAssertDecl(RQ_BODY_BYTES % sizeof(RqListDisk) == 0, "list entries do not straddle pages");
StaticAssertDecl(RQ_SEGMENT_ROWS % RQ_BLOCK_ROWS == 0, "segments are whole blocks");
StaticAssertDecl(RQ_SEGMENT_ROWS * sizeof(RqStripDisk) % RQ_BODY_BYTES == 0, "full strip = pages");
StaticAssertDecl(RQ_SEGMENT_ROWS * sizeof(ItemPointerData) % RQ_BODY_BYTES == 0, "the same, short");

StaticAssertDecl(sizeof(RqLevelDisk) == 32, "RqLevelDisk");
StaticAssertDecl(RQ_META_BLKNO == VC_META_BLKNO, "place of the metapage");
StaticAssertDecl(offsetof(RqMetaDisk, size) == offsetof(VcMetaHeadDisk, size), "RqMetaDisk.size");
StaticAssertDecl(offsetof(RqMetaDisk, dim) == 16, "RqMetaDisk.dim");
StaticAssertDecl(offsetof(RqMetaDisk, levels) == 24, "RqMetaDisk.levels");
StaticAssertDecl(offsetof(RqMetaDisk, slot_bytes) == 32, "RqMetaDisk.slot_bytes");
StaticAssertDecl(offsetof(RqMetaDisk, build_rows) == 48, "RqMetaDisk.build_rows");
StaticAssertDecl(offsetof(RqMetaDisk, build_seed) == 64, "RqMetaDisk.build_seed");
StaticAssertDecl(offsetof(RqMetaDisk, build_spread) == 72, "RqMetaDisk.build_spread");
StaticAssertDecl(offsetof(RqMetaDisk, level) == 80, "RqMetaDisk.level");
StaticAssertDecl(sizeof(RqMetaDisk) == 80 + 32 * (RQ_MAX_LEVELS + 1), "RqMetaDisk");
StaticAssertDecl(sizeof(RqRunHeadDisk) == RQ_HEAD_BYTES, "RqRunHeadDisk");
StaticAssertDecl(sizeof(RqAppendHeadDisk) == RQ_HEAD_BYTES, "RqAppendHeadDisk");
StaticAssertDecl(sizeof(RqVectorHeadDisk) == RQ_HEAD_BYTES, "RqVectorHeadDisk");
StaticAssertDecl(offsetof(RqVectorHeadDisk, next_free) == 8, "RqVectorHeadDisk.next_free");
StaticAssertDecl(offsetof(RqVectorHeadDisk, used) == 12, "RqVectorHeadDisk.used");
StaticAssertDecl(sizeof(RqChainDisk) == 8, "RqChainDisk");
StaticAssertDecl(sizeof(RqChainDisk) * RQ_MAX_CHAINS <= RQ_BODY_BYTES, "chains fit one page");
StaticAssertDecl(sizeof(RqCentroidDisk) == 32, "RqCentroidDisk");
StaticAssertDecl(sizeof(RqExtentDisk) == 16, "RqExtentDisk");
StaticAssertDecl(sizeof(RqRetiredDisk) == 12, "RqRetiredDisk");
StaticAssertDecl(offsetof(RqListDisk, extent) == 8, "RqListDisk.extent");
StaticAssertDecl(offsetof(RqListDisk, append_head) == 40, "RqListDisk.append_head");
StaticAssertDecl(offsetof(RqListDisk, sealed_head) == 56, "RqListDisk.sealed_head");
StaticAssertDecl(offsetof(RqListDisk, retired) == 72, "RqListDisk.retired");
StaticAssertDecl(sizeof(RqListDisk) == 128, "RqListDisk");
StaticAssertDecl(sizeof(RqStripDisk) == 12, "RqStripDisk");
StaticAssertDecl(offsetof(RqStripDisk, group) == 8, "RqStripDisk.group");
StaticAssertDecl(sizeof(RqAppendRowDisk) == 24, "RqAppendRowDisk");
StaticAssertDecl(sizeof(RqAppendExactDisk) == 8, "RqAppendExactDisk");
StaticAssertDecl(sizeof(RqSlotDisk) == 8, "RqSlotDisk");
