/*
 * core/vpage_internal.h
 *		What the two halves of core/vpage share: vpage.c reads, vpage_write.c changes.
 *
 * Regions.  Page numbers fall into three regions: the root's direct entries, the tree of height 1
 * under tops[0], the tree of height 2 under tops[1].  An inode of height h covers FANOUT^(h+1) pages
 * and names the first of them in its header, so that a wrong link is noticed.
 */
#ifndef VC_CORE_VPAGE_INTERNAL_H
#define VC_CORE_VPAGE_INTERNAL_H

#include "core/vpage.h"

/* Where a page number lies. */
typedef struct VcVpagePlace
{
	int height;       /* of the inode at the top; -1: direct */
	uint64 region;    /* first page of the region */
	BlockNumber *top; /* link to the top inode in VcVpage; NULL: direct */
} VcVpagePlace;

/* Pages under one entry of an inode of this height. */
static inline uint64
vc_vpage_pages_per_entry(int height)
{
	uint64 n = 1;

	while (height-- > 0)
		n *= VC_VPAGE_FANOUT;
	return n;
}

/* First page that the inode of this height covers which covers `page`. */
static inline uint64
vc_vpage_inode_first(const VcVpagePlace *place, uint64 page, int height)
{
	uint64 span = vc_vpage_pages_per_entry(height + 1);

	return place->region + (page - place->region) / span * span;
}

/* Whether a page is a living or freed page of this file. */
static inline bool
vc_vpage_is_ours(const VcVpage *file, const char *page)
{
	return vc_page_is_of(page, file->ref.root, file->ref.incarnation);
}

/* Whether the page holds data page `number` of this file. */
static inline bool
vc_vpage_is_data(const VcVpage *file, const char *page, uint64 number)
{
	const VcPageOpaque *opaque = vc_page_opaque_read(page);

	return (opaque->kind & VC_PAGE_KIND_MASK) == file->data_kind && opaque->skip == (uint32) number;
}

/* Any page, so that a recycled one is told from a damaged one by its owner and not by its kind. */
static inline VcPageRead
vc_vpage_read_any(const VcVpage *file, BlockNumber blkno)
{
	return vc_page_read_cached(file->cache, file->rel, blkno, VC_PAGE_ANY);
}

static inline bool
vc_vpage_have_inode(const VcVpage *file, int height, uint64 first_page)
{
	return file->inodes[height].count > 0 && file->inodes[height].first_page == first_page;
}

extern VcVpagePlace vc_vpage_locate(VcVpage *file, uint64 page);

/* The header of a root page of this file, checked; NULL if the page is another file's. */
extern const VcVpageRootDisk *vc_vpage_root(Relation rel, VcVpageRef ref, const char *page);

/* The inode of this height and first page, if the page holds it; else NULL. */
extern const VcVpageInodeDisk *vc_vpage_inode(const VcVpage *file, const char *page, int height,
											  uint64 first_page);

/*
 * A page of the file is not what its link says.  False if that is because the file was freed and
 * recycled; if the root is alive, the index is damaged: vc_corrupt().
 */
extern bool vc_vpage_mismatch(const VcVpage *file, BlockNumber blkno, const char *what);

/* Makes all copies of inodes empty. */
extern void vc_vpage_forget_inodes(VcVpage *file);

/*
 * Loads the copy of the inode of this height that is at blkno and begins at first_page; height 0
 * with blkno = root are the direct entries.  False if the page is not (or no longer) that.
 */
extern bool vc_vpage_load_inode(VcVpage *file, BlockNumber blkno, int height, uint64 first_page);

/*
 * The block of a data page within the length, through the copies.  False if the file is gone.
 */
extern bool vc_vpage_find_block(VcVpage *file, uint64 page, BlockNumber *ret_blkno);

/*
 * Looks at the length again if the bytes lie beyond it; vc_corrupt() if they still do, because
 * offsets come from pages.  False if the file is gone.
 */
extern bool vc_vpage_check_range(VcVpage *file, uint64 offset, Size len);

#endif
