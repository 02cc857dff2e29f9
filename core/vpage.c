/*
 * core/vpage.c
 *		Virtual files over scattered blocks: lookup and reading.
 *
 * Readers keep a copy of the inode of each height that they used last.  Entries never change while
 * they are needed, only invalid ones become valid, so a copy is at worst too old.  That shows as an
 * invalid entry within the length, and then it is read again; a changed length forgets the copies,
 * because entries that lay beyond it may have been replaced.
 *
 * Every page that a link leads to is read whatever its kind, its owner and incarnation are compared
 * first, and only then its kind and its place in the file: so a page that was recycled for something
 * else is told from a damaged one.
 */
#include "postgres.h"

#include "core/vpage.h"

#include "miscadmin.h"

#include "core/report.h"
#include "core/vpage_internal.h"

StaticAssertDecl(offsetof(VcVpageRootDisk, direct) == 36, "layout of the root inode");
StaticAssertDecl(offsetof(VcVpageInodeDisk, entries) == 16, "layout of an inode");

VcVpagePlace
vc_vpage_locate(VcVpage *file, uint64 page)
{
	const uint64 region1 = VC_VPAGE_DIRECT;
	const uint64 region2 = region1 + vc_vpage_pages_per_entry(2);

	Assert(page < VC_VPAGE_MAX_PAGES);
	if (page < region1)
		return (VcVpagePlace){-1, 0, NULL};
	if (page < region2)
		return (VcVpagePlace){1, region1, &file->tops[0]};
	return (VcVpagePlace){2, region2, &file->tops[1]};
}

const VcVpageRootDisk *
vc_vpage_root(Relation rel, VcVpageRef ref, const char *page)
{
	VcSpan body = vc_page_contents(page);
	const VcVpageRootDisk *root = VC_SPAN_AS(body, 0, VcVpageRootDisk);
	uint64 bytes;

	if (!vc_page_is_of(page, ref.root, ref.incarnation))
		return NULL;
	if (root == NULL || body.len != VC_VPAGE_BYTES || root->magic != VC_VPAGE_MAGIC)
		vc_corrupt(rel, ref.root, "page is not the root of a virtual file");
	if ((vc_page_opaque_read(page)->kind & VC_PAGE_KIND_MASK) != root->inode_kind)
		vc_corrupt(rel, ref.root, "root of a virtual file has the wrong page kind");
	bytes = VC_VPAGE_MAX_PAGES * VC_VPAGE_BYTES;
	if (root->first_page > VC_VPAGE_MAX_PAGES || root->length < root->first_page * VC_VPAGE_BYTES ||
		root->length > bytes)
		vc_corrupt(rel, ref.root, "length of a virtual file is out of range");
	return root;
}

const VcVpageInodeDisk *
vc_vpage_inode(const VcVpage *file, const char *page, int height, uint64 first_page)
{
	VcSpan body = vc_page_contents(page);
	const VcVpageInodeDisk *inode = VC_SPAN_AS(body, 0, VcVpageInodeDisk);

	if (inode == NULL || body.len != VC_VPAGE_BYTES ||
		(vc_page_opaque_read(page)->kind & VC_PAGE_KIND_MASK) != file->inode_kind ||
		inode->height != (uint32) height || inode->first_page != first_page)
		return NULL;
	return inode;
}

bool
vc_vpage_mismatch(const VcVpage *file, BlockNumber blkno, const char *what)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead root = vc_vpage_read_any(file, file->ref.root);
	const VcVpageRootDisk *header = vc_vpage_root(file->rel, file->ref, root.page);

	if (header != NULL && !header->freeing && !vc_page_is_free(root.page))
		vc_corrupt(file->rel, blkno, "page is not the %s of virtual file %u that its link names",
				   what, file->ref.root);
	return false;
}

/*----- open -----*/

void
vc_vpage_forget_inodes(VcVpage *file)
{
	for (int h = 0; h < VC_VPAGE_HEIGHTS; h++)
		file->inodes[h].count = 0;
}

bool
vc_vpage_refresh(VcVpage *file)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead page = vc_vpage_read_any(file, file->ref.root);
	const VcVpageRootDisk *root = vc_vpage_root(file->rel, file->ref, page.page);

	if (root == NULL)
		return false;
	/* A copy may hold entries that lay beyond the length then and were replaced since. */
	if (root->length != file->length)
		vc_vpage_forget_inodes(file);
	file->data_kind = root->data_kind;
	file->inode_kind = root->inode_kind;
	file->first_page = root->first_page;
	file->length = root->length;
	file->tops[0] = root->tops[0];
	file->tops[1] = root->tops[1];
	return true;
}

bool
vc_vpage_open(VcVpage *file, Relation rel, VcVpageRef ref, MemoryContext context)
{
	memset(file, 0, sizeof(*file));
	file->rel = rel;
	file->ref = ref;
	file->context = context;
	return vc_vpage_refresh(file);
}

/*----- lookup -----*/

bool
vc_vpage_load_inode(VcVpage *file, BlockNumber blkno, int height, uint64 first_page)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead page = VC_PAGE_READ_NONE(file->rel);
	const BlockNumber *entries;
	uint32 count;

	if (file->inodes[height].entries == NULL)
		file->inodes[height].entries = MemoryContextAlloc(file->context, VC_VPAGE_BYTES);
	file->inodes[height].count = 0;

	page = vc_vpage_read_any(file, blkno);
	if (!vc_vpage_is_ours(file, page.page))
		return false;
	if (blkno == file->ref.root)
	{
		const VcVpageRootDisk *root = vc_vpage_root(file->rel, file->ref, page.page);

		entries = root->direct;
		count = VC_VPAGE_DIRECT;
	}
	else
	{
		const VcVpageInodeDisk *inode = vc_vpage_inode(file, page.page, height, first_page);

		if (inode == NULL)
			return false;
		entries = inode->entries;
		count = VC_VPAGE_FANOUT;
	}
	memcpy(file->inodes[height].entries, entries, count * sizeof(BlockNumber));
	file->inodes[height].first_page = first_page;
	file->inodes[height].count = count;
	return true;
}

typedef enum Lookup
{
	LOOKUP_FOUND,
	LOOKUP_ABSENT, /* no entry */
	LOOKUP_WRONG   /* a link names a page that is something else */
} Lookup;

/*
 * The entry of data page `page`, through the copies.  *ret_blkno: the block for FOUND, the page with
 * the wrong content for WRONG, the inode without the entry for ABSENT.
 */
static Lookup
lookup(VcVpage *file, uint64 page, BlockNumber *ret_blkno)
{
	VcVpagePlace place = vc_vpage_locate(file, page);
	BlockNumber blkno = place.top == NULL ? file->ref.root : *place.top;
	int from = 0;

	/* Start at the lowest inode that is there already. */
	if (place.top != NULL)
	{
		from = place.height;
		for (int h = 0; h < place.height; h++)
		{
			if (vc_vpage_have_inode(file, h, vc_vpage_inode_first(&place, page, h)))
			{
				from = h;
				break;
			}
		}
	}
	for (int h = from; h >= 0; h--)
	{
		uint64 first_page = place.top == NULL ? 0 : vc_vpage_inode_first(&place, page, h);

		*ret_blkno = blkno;
		if (!vc_vpage_have_inode(file, h, first_page))
		{
			if (blkno == InvalidBlockNumber)
			{
				*ret_blkno = file->ref.root;
				return LOOKUP_ABSENT;
			}
			if (!vc_vpage_load_inode(file, blkno, h, first_page))
				return LOOKUP_WRONG;
		}
		blkno = file->inodes[h].entries[(page - first_page) / vc_vpage_pages_per_entry(h)];
		if (blkno == InvalidBlockNumber)
			return LOOKUP_ABSENT;
	}
	*ret_blkno = blkno;
	return LOOKUP_FOUND;
}

/*
 * The block of a data page within the length.  An entry that the copies lack was added after they
 * were made; then everything is read again.
 */
bool
vc_vpage_find_block(VcVpage *file, uint64 page, BlockNumber *ret_blkno)
{
	BlockNumber blkno;
	Lookup found = lookup(file, page, &blkno);

	if (found == LOOKUP_ABSENT)
	{
		uint64 length = file->length;

		vc_vpage_forget_inodes(file);
		if (!vc_vpage_refresh(file))
			return false;
		/* the caller's view of the length stays; only a truncate makes it shorter */
		file->length = Min(length, file->length);
		found = lookup(file, page, &blkno);
		if (found == LOOKUP_ABSENT)
			vc_corrupt(file->rel, blkno, "virtual file %u has no page " UINT64_FORMAT,
					   file->ref.root, page);
	}
	if (found == LOOKUP_WRONG)
		return vc_vpage_mismatch(file, blkno, "inode");
	*ret_blkno = blkno;
	return true;
}

/*----- read -----*/

bool
vc_vpage_check_range(VcVpage *file, uint64 offset, Size len)
{
	if (offset > file->length || len > file->length - offset)
	{
		if (!vc_vpage_refresh(file))
			return false;
	}
	if (offset > file->length || len > file->length - offset ||
		offset < file->first_page * VC_VPAGE_BYTES)
		vc_corrupt(file->rel, file->ref.root,
				   "offset " UINT64_FORMAT " with %zu bytes is outside of virtual file %u, which "
				   "ends at " UINT64_FORMAT,
				   offset, len, file->ref.root, file->length);
	return true;
}

/* Reads data page `number` into a guard; *ret_span is its body up to the file's length. */
static bool
read_data(VcVpage *file, uint64 number, VcPageRead *ret_page, VcSpan *ret_span)
{
	uint64 start = number * VC_VPAGE_BYTES;
	Size visible = Min(VC_VPAGE_BYTES, file->length - start);
	BlockNumber blkno;
	VcPageRead page;
	VcSpan span;

	if (!vc_vpage_find_block(file, number, &blkno))
		return false;
	page = vc_vpage_read_any(file, blkno);
	if (!vc_vpage_is_ours(file, page.page))
	{
		vc_page_read_drop(&page);
		return vc_vpage_mismatch(file, blkno, "data page");
	}
	if (!vc_vpage_is_data(file, page.page, number))
		vc_corrupt(file->rel, blkno, "page is not page " UINT64_FORMAT " of virtual file %u",
				   number, file->ref.root);
	span = vc_span_sub(vc_page_contents(page.page), 0, visible);
	if (span.data == NULL)
		vc_corrupt(file->rel, blkno, "page " UINT64_FORMAT " of virtual file %u is too short",
				   number, file->ref.root);
	*ret_page = page;
	*ret_span = span;
	return true;
}

bool
vc_vpage_read_page(VcVpage *file, uint64 offset, Size len, VcPageRead *ret_page, VcSpan *ret_span)
{
	Size within = offset % VC_VPAGE_BYTES;
	VcSpan span = {NULL, 0};

	if (!vc_vpage_check_range(file, offset, Max(len, 1)))
		return false;
	if (len > VC_VPAGE_BYTES - within)
		vc_corrupt(file->rel, file->ref.root,
				   "%zu bytes at offset " UINT64_FORMAT " of virtual file %u cross a page", len,
				   offset, file->ref.root);
	if (!read_data(file, offset / VC_VPAGE_BYTES, ret_page, &span))
		return false;
	*ret_span = vc_span_sub(span, within, span.len - within);
	return true;
}

bool
vc_vpage_read(VcVpage *file, uint64 offset, Size len, void *ret_bytes)
{
	char *out = ret_bytes;

	if (!vc_vpage_check_range(file, offset, len))
		return false;
	while (len > 0)
	{
		Size within = offset % VC_VPAGE_BYTES;
		Size n = Min(len, VC_VPAGE_BYTES - within);
		VcPageRead page;
		VcSpan span = {NULL, 0};

		CHECK_FOR_INTERRUPTS();
		if (!read_data(file, offset / VC_VPAGE_BYTES, &page, &span))
			return false;
		memcpy(out, span.data + within, n);
		vc_page_read_drop(&page);
		out += n;
		offset += n;
		len -= n;
	}
	return true;
}

bool
vc_vpage_block(VcVpage *file, uint64 page, BlockNumber *ret_block)
{
	if (page >= VC_VPAGE_MAX_PAGES)
		vc_corrupt(file->rel, file->ref.root,
				   "page " UINT64_FORMAT " is outside of virtual file %u", page, file->ref.root);
	if (!vc_vpage_check_range(file, page * VC_VPAGE_BYTES, 1))
		return false;
	return vc_vpage_find_block(file, page, ret_block);
}

/*----- overwrite -----*/

bool
vc_vpage_overwrite(VcVpage *file, uint64 offset, Size len, const void *bytes)
{
	const char *in = bytes;

	if (!vc_vpage_check_range(file, offset, len))
		return false;
	while (len > 0)
	{
		uint64 number = offset / VC_VPAGE_BYTES;
		Size within = offset % VC_VPAGE_BYTES;
		Size n = Min(len, VC_VPAGE_BYTES - within);
		BlockNumber blkno;

		CHECK_FOR_INTERRUPTS();
		if (!vc_vpage_find_block(file, number, &blkno))
			return false;
		{
			VC_SCOPED(vc_page_write_drop)
			VcPageWrite data = vc_page_write(file->rel, blkno, VC_PAGE_ANY);

			if (!vc_vpage_is_ours(file, data.page))
			{
				vc_page_write_drop(&data);
				return vc_vpage_mismatch(file, blkno, "data page");
			}
			if (!vc_vpage_is_data(file, data.page, number) ||
				!vc_span_has(vc_page_contents(data.page), within, n))
				vc_corrupt(file->rel, blkno,
						   "page is not page " UINT64_FORMAT " of virtual file %u", number,
						   file->ref.root);
			memcpy(vc_page_body(data.page) + within, in, n);
			vc_page_write_commit(&data);
		}
		in += n;
		offset += n;
		len -= n;
	}
	return true;
}
