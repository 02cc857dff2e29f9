/*
 * vchordg/layout_check.c
 *		The format is what format.h says.
 */
#include "postgres.h"

#include "core/meta.h"
#include "core/page.h"

#include "vchordg/format.h"

StaticAssertDecl(sizeof(VgRef) == 8, "VgRef");
StaticAssertDecl(offsetof(VgMetaDisk, flags) == sizeof(VcMetaHeadDisk), "VgMetaDisk");
StaticAssertDecl(sizeof(VgStateDisk) <= VG_STATE_ENTRIES_AT, "VgStateDisk");
StaticAssertDecl(sizeof(VgVertexHeadDisk) == VG_HEAD_BYTES, "VgVertexHeadDisk");
StaticAssertDecl(sizeof(VgArrayHeadDisk) == VG_HEAD_BYTES, "VgArrayHeadDisk");
StaticAssertDecl(sizeof(VgVertexDisk) == 64, "VgVertexDisk");
StaticAssertDecl(sizeof(VgCodeDisk) == 16, "VgCodeDisk");
StaticAssertDecl(sizeof(VgEdgeDisk) == 16, "VgEdgeDisk");
StaticAssertDecl(sizeof(VgStripDisk) == 16, "VgStripDisk");
StaticAssertDecl(sizeof(VgLabelDisk) == 24, "VgLabelDisk");
StaticAssertDecl(VG_HEAD_OFFSET == MAXALIGN(SizeOfPageHeaderData), "heads follow the page header");
StaticAssertDecl(VG_BODY_OFFSET == VG_HEAD_OFFSET + VG_HEAD_BYTES, "bodies follow the heads");
StaticAssertDecl(VG_BODY_OFFSET + VG_BODY_BYTES <= VC_PAGE_SPECIAL, "bodies end before the opaque");
