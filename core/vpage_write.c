/*
 * core/vpage_write.c
 *		Virtual files over scattered blocks: create, append, truncate, free.
 *
 * Append.  A page is composed in the appender's buffer and published by one record: {root, data} if
 * the page is attached already, {root, inode, data} if it is new; a missing inode is attached before
 * by {root, parent, inode}.  Locks are taken in this order: root, inodes from the top down, data.
 * The length in the root moves only to ends of complete appends.  Only the new bytes of a page are
 * copied onto it, so an overwrite of older bytes beside an appender is not lost.
 *
 * Which pages are attached.  An entry counts only if the page it names is alive and carries the
 * file's root, incarnation and the page number.  Truncate lowers the length, turns pages into
 * tombstones and clears entries last: after a crash in between stale entries lie beyond the length,
 * fail this test, and are replaced when the file grows again or cleared by the next truncate.
 *
 * Free marks the root first, which tells readers without a snapshot that pages may vanish, then
 * makes tombstones of data pages, inodes and the root, in this order, so that a repeated free finds
 * what an interrupted one left.
 */
#include "postgres.h"

#include "core/vpage.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "core/recycle.h"
#include "core/report.h"
#include "core/vpage_internal.h"

/* The same for writers, whose owner keeps the file alive. */
static void
writer_mismatch(const VcVpage *file, BlockNumber blkno)
{
	vc_vpage_mismatch(file, blkno, "inode");
	vc_corrupt(file->rel, file->ref.root, "virtual file was freed under its writer");
}

/* For writers, whose owner keeps the file alive. */
static void
open_living(VcVpage *file, Relation rel, VcVpageRef ref, MemoryContext context)
{
	if (!vc_vpage_open(file, rel, ref, context))
		vc_corrupt(rel, ref.root, "page is not the root of virtual file (%u, %u)", ref.root,
				   ref.incarnation);
}

/*----- create -----*/

VcVpageRef
vc_vpage_create_in(VcXlog *xlog, Relation heap, uint16 data_kind, uint16 inode_kind,
				   uint32 incarnation, uint64 first_page)
{
	VcVpageRef ref = {.incarnation = incarnation};
	VcVpageRootDisk *root;
	char *page;

	Assert(data_kind != inode_kind);
	if (first_page >= VC_VPAGE_MAX_PAGES)
		elog(ERROR, "virtual file cannot begin at page " UINT64_FORMAT, first_page);

	/* The root owns itself; its block is known only now. */
	page = vc_xlog_add_new(xlog, heap, inode_kind, 0, incarnation, &ref.root);
	vc_page_opaque(page)->owner = ref.root;
	vc_page_set_used(page, VC_VPAGE_BYTES);
	root = (VcVpageRootDisk *) vc_page_body(page);
	root->magic = VC_VPAGE_MAGIC;
	root->data_kind = data_kind;
	root->inode_kind = inode_kind;
	root->first_page = first_page;
	root->length = first_page * VC_VPAGE_BYTES;
	root->tops[0] = root->tops[1] = InvalidBlockNumber;
	for (uint32 i = 0; i < VC_VPAGE_DIRECT; i++)
		root->direct[i] = InvalidBlockNumber;
	return ref;
}

VcVpageRef
vc_vpage_create(Relation rel, Relation heap, uint16 data_kind, uint16 inode_kind,
				uint32 incarnation, uint64 first_page)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(rel);
	VcVpageRef ref =
		vc_vpage_create_in(&xlog, heap, data_kind, inode_kind, incarnation, first_page);

	vc_xlog_commit(&xlog);
	return ref;
}

/*----- append -----*/

/* The root as a page of a record, checked. */
static VcVpageRootDisk *
add_root(VcXlog *xlog, const VcVpage *file, char **ret_page)
{
	char *page = vc_xlog_add(xlog, file->ref.root, file->inode_kind);

	if (vc_vpage_root(file->rel, file->ref, page) == NULL || vc_page_is_free(page))
		vc_corrupt(file->rel, file->ref.root, "root of a virtual file changed under its writer");
	*ret_page = page;
	return (VcVpageRootDisk *) vc_page_body(page);
}

/*
 * The entries of the inode at blkno (the root: its direct entries) as a page of a record; the root is
 * in the record already.
 */
static BlockNumber *
add_entries(VcXlog *xlog, VcVpage *file, VcVpageRootDisk *root, BlockNumber blkno, int height,
			uint64 first_page)
{
	char *page;

	if (blkno == file->ref.root)
		return root->direct;
	page = vc_xlog_add(xlog, blkno, file->inode_kind);
	if (!vc_vpage_is_ours(file, page) || vc_vpage_inode(file, page, height, first_page) == NULL)
		vc_corrupt(file->rel, blkno, "inode of virtual file %u changed under its writer",
				   file->ref.root);
	return ((VcVpageInodeDisk *) vc_page_body(page))->entries;
}

/* Whether blkno is the living inode that the arguments describe. */
static bool
inode_alive(VcVpage *file, BlockNumber blkno, int height, uint64 first_page)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead page = vc_vpage_read_any(file, blkno);

	return vc_vpage_is_ours(file, page.page) && !vc_page_is_free(page.page) &&
		   vc_vpage_inode(file, page.page, height, first_page) != NULL;
}

/* Whether blkno is the living data page `number` of the file. */
static bool
data_alive(VcVpage *file, BlockNumber blkno, uint64 number)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead page = vc_vpage_read_any(file, blkno);

	return vc_vpage_is_ours(file, page.page) && !vc_page_is_free(page.page) &&
		   vc_vpage_is_data(file, page.page, number);
}

/*
 * Attaches a new inode: {root, new inode} for the top of a region, {root, parent, new inode} below.
 * The root is in each record because its exclusive lock is what keeps readers of tops consistent.
 */
static BlockNumber
attach_inode(VcVpage *file, Relation heap, BlockNumber parent, uint64 parent_first,
			 const VcVpagePlace *place, uint64 page, int height)
{
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(file->rel);
	char *root_page;
	VcVpageRootDisk *root = add_root(&xlog, file, &root_page);
	BlockNumber *link;
	BlockNumber blkno;
	VcVpageInodeDisk *inode;
	char *new_page;

	if (height == place->height)
		link = &root->tops[place->top - file->tops];
	else
	{
		BlockNumber *entries = add_entries(&xlog, file, root, parent, height + 1, parent_first);

		link = &entries[(page - parent_first) / vc_vpage_pages_per_entry(height + 1)];
	}
	new_page = vc_xlog_add_new(&xlog, heap, file->inode_kind, file->ref.root, file->ref.incarnation,
							   &blkno);
	vc_page_set_used(new_page, VC_VPAGE_BYTES);
	inode = (VcVpageInodeDisk *) vc_page_body(new_page);
	inode->first_page = vc_vpage_inode_first(place, page, height);
	inode->height = (uint32) height;
	for (uint32 i = 0; i < VC_VPAGE_FANOUT; i++)
		inode->entries[i] = InvalidBlockNumber;
	*link = blkno;
	vc_xlog_commit(&xlog);

	/* Copies of this inode and of those above it are out of date. */
	for (int h = height; h < VC_VPAGE_HEIGHTS; h++)
		file->inodes[h].count = 0;
	if (height == place->height)
		*place->top = blkno;
	return blkno;
}

/*
 * The inode (or root) that holds the entry of a data page, attached if it is missing, and that entry.
 * Reads links through the copies, which only this writer makes out of date.
 */
static BlockNumber
leaf_of(VcVpage *file, Relation heap, uint64 page, uint64 *ret_first_page, BlockNumber *ret_entry)
{
	VcVpagePlace place = vc_vpage_locate(file, page);
	BlockNumber blkno = file->ref.root;
	BlockNumber parent = file->ref.root;
	uint64 first_page = 0;
	uint64 parent_first = 0;

	if (place.top == NULL)
	{
		if (!vc_vpage_have_inode(file, 0, 0) && !vc_vpage_load_inode(file, blkno, 0, 0))
			writer_mismatch(file, blkno);
	}
	else
	{
		blkno = *place.top;
		for (int h = place.height; h >= 0; h--)
		{
			first_page = vc_vpage_inode_first(&place, page, h);
			if (blkno == InvalidBlockNumber || (!vc_vpage_have_inode(file, h, first_page) &&
												!inode_alive(file, blkno, h, first_page)))
				blkno = attach_inode(file, heap, parent, parent_first, &place, page, h);
			if (!vc_vpage_have_inode(file, h, first_page) &&
				!vc_vpage_load_inode(file, blkno, h, first_page))
				writer_mismatch(file, blkno);
			if (h == 0)
				break;
			parent = blkno;
			parent_first = first_page;
			blkno = file->inodes[h].entries[(page - first_page) / vc_vpage_pages_per_entry(h)];
		}
	}
	*ret_first_page = first_page;
	*ret_entry = file->inodes[0].entries[page - first_page];
	return blkno;
}

/* Publishes the bytes [flushed, position), which lie on one page, and the length `complete`. */
static void
publish(VcVpageAppender *appender)
{
	VcVpage *file = &appender->file;
	uint64 number = appender->flushed / VC_VPAGE_BYTES;
	Size from = appender->flushed % VC_VPAGE_BYTES;
	Size to = from + (Size) (appender->position - appender->flushed);
	BlockNumber leaf;
	BlockNumber entry;
	uint64 leaf_first;
	bool attached;

	Assert(to > from && to <= VC_VPAGE_BYTES);
	CHECK_FOR_INTERRUPTS();
	if (number >= VC_VPAGE_MAX_PAGES)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("virtual file %u of index \"%s\" cannot grow any more", file->ref.root,
					   RelationGetRelationName(file->rel)));

	leaf = leaf_of(file, appender->heap, number, &leaf_first, &entry);
	attached = entry != InvalidBlockNumber && data_alive(file, entry, number);
	if (!attached && from > 0)
		vc_corrupt(file->rel, leaf, "virtual file %u has no page " UINT64_FORMAT, file->ref.root,
				   number);

	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(file->rel);
		char *root_page;
		VcVpageRootDisk *root = add_root(&xlog, file, &root_page);
		char *data;

		if (attached)
		{
			data = vc_xlog_add(&xlog, entry, file->data_kind);
			if (((const PageHeaderData *) data)->pd_upper != VC_PAGE_SPECIAL)
				vc_corrupt(file->rel, entry, "data page of a virtual file has items");
		}
		else
		{
			BlockNumber *entries = add_entries(&xlog, file, root, leaf, 0, leaf_first);

			data = vc_xlog_add_new(&xlog, appender->heap, file->data_kind, file->ref.root,
								   file->ref.incarnation, &entry);
			vc_page_opaque(data)->skip = (BlockNumber) (uint32) number;
			entries[number - leaf_first] = entry;
		}

		/* What a crashed append left behind `to` is given up. */
		vc_page_set_used(data, to);
		memcpy(vc_page_body(data) + from, appender->buffer + from, to - from);
		root->length = appender->complete;
		vc_xlog_commit(&xlog);
	}
	if (!attached)
		file->inodes[0].entries[number - leaf_first] = entry;
	file->length = appender->complete;
	appender->flushed = appender->position;
	if (to == VC_VPAGE_BYTES)
		memset(appender->buffer, 0, VC_VPAGE_BYTES);
}

void
vc_vpage_append_begin(VcVpageAppender *appender, Relation rel, Relation heap, VcVpageRef ref,
					  MemoryContext context)
{
	LockPage(rel, ref.root, ExclusiveLock);
	open_living(&appender->file, rel, ref, context);
	appender->heap = heap;
	appender->buffer = MemoryContextAllocZero(context, VC_VPAGE_BYTES);
	appender->position = appender->complete = appender->flushed = appender->file.length;
}

uint64
vc_vpage_append(VcVpageAppender *appender, const void *bytes, Size len)
{
	uint64 offset = appender->position;
	const char *in = bytes;

	for (;;)
	{
		Size within = appender->position % VC_VPAGE_BYTES;
		Size n = Min(len, VC_VPAGE_BYTES - within);

		memcpy(appender->buffer + within, in, n);
		appender->position += n;
		in += n;
		len -= n;
		if (len == 0)
			appender->complete = appender->position;
		if (n > 0 && within + n == VC_VPAGE_BYTES)
			publish(appender);
		if (len == 0)
			return offset;
	}
}

uint64
vc_vpage_append_whole(VcVpageAppender *appender, const void *bytes, Size len, bool *ret_new_page)
{
	Size within = appender->position % VC_VPAGE_BYTES;

	if (len > VC_VPAGE_BYTES)
		elog(ERROR, "record of %zu bytes is larger than a page of a virtual file", len);
	if (within > 0 && len > VC_VPAGE_BYTES - within)
	{
		/* The buffer behind `within` is zero. */
		appender->position += VC_VPAGE_BYTES - within;
		publish(appender);
		within = 0;
	}
	if (ret_new_page != NULL)
		*ret_new_page = within == 0;
	return vc_vpage_append(appender, bytes, len);
}

void
vc_vpage_append_flush(VcVpageAppender *appender)
{
	if (appender->position > appender->flushed)
		publish(appender);
}

void
vc_vpage_append_end(VcVpageAppender *appender)
{
	vc_vpage_append_flush(appender);
	pfree(appender->buffer);
	appender->buffer = NULL;
	UnlockPage(appender->file.rel, appender->file.ref.root, ExclusiveLock);
}

/*----- walk, truncate, free -----*/

/* A walk over all pages, children before their inode. */
typedef struct Walk
{
	VcVpage *file;
	VcVpageVisit visit;
	void *arg;
	bool repeated; /* parts may be freed already: pass over wrong links */
	bool gone;     /* a wrong link, because the file was freed */
} Walk;

/* Whether a page still is the inode or data page that the link says, free or not. */
static bool
link_holds(Walk *walk, BlockNumber blkno, int height, uint64 first_page)
{
	VcVpage *file = walk->file;
	VC_SCOPED(vc_page_read_drop) VcPageRead page = vc_vpage_read_any(file, blkno);

	if (!vc_vpage_is_ours(file, page.page))
		return false;
	return height < 0 ? vc_vpage_is_data(file, page.page, first_page)
					  : vc_vpage_inode(file, page.page, height, first_page) != NULL;
}

/*
 * Visits what hangs on the inode of this height, then the inode.  A wrong link beyond the length is
 * what a crash left and is passed over; within the length it ends the walk or is damage.
 */
static void
walk_inode(Walk *walk, BlockNumber blkno, int height, uint64 first_page)
{
	VcVpage *file = walk->file;
	uint64 span = vc_vpage_pages_per_entry(height);
	uint64 end = (file->length + VC_VPAGE_BYTES - 1) / VC_VPAGE_BYTES;

	if (!vc_vpage_have_inode(file, height, first_page) &&
		!vc_vpage_load_inode(file, blkno, height, first_page))
	{
		walk->gone = !vc_vpage_mismatch(file, blkno, "inode");
		return;
	}
	for (uint32 i = 0; i < file->inodes[height].count; i++)
	{
		BlockNumber child = file->inodes[height].entries[i];
		uint64 child_first = first_page + i * span;

		if (child == InvalidBlockNumber)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (!link_holds(walk, child, height - 1, child_first))
		{
			if (!walk->repeated && child_first < end && child_first + span > file->first_page)
			{
				walk->gone = !vc_vpage_mismatch(file, child, height > 0 ? "inode" : "data page");
				return;
			}
			continue;
		}
		if (height == 0)
			walk->visit(walk->arg, child, false);
		else
			walk_inode(walk, child, height - 1, child_first);
		if (walk->gone)
			return;
	}
	if (blkno != file->ref.root)
		walk->visit(walk->arg, blkno, true);
}

static bool
walk_file(VcVpage *file, VcVpageVisit visit, void *arg, bool repeated)
{
	Walk walk = {.file = file, .visit = visit, .arg = arg, .repeated = repeated};
	uint64 region = VC_VPAGE_DIRECT;

	vc_vpage_forget_inodes(file);
	if (!vc_vpage_refresh(file))
		return false;
	walk_inode(&walk, file->ref.root, 0, 0);
	for (int top = 0; top < 2 && !walk.gone; top++)
	{
		int height = top + 1;
		BlockNumber blkno = file->tops[top];

		if (blkno != InvalidBlockNumber)
		{
			if (link_holds(&walk, blkno, height, region))
				walk_inode(&walk, blkno, height, region);
			else if (!repeated && file->length > region * VC_VPAGE_BYTES)
				walk.gone = !vc_vpage_mismatch(file, blkno, "inode");
		}
		region += vc_vpage_pages_per_entry(height + 1);
	}
	if (walk.gone)
		return false;
	visit(arg, file->ref.root, true);
	return true;
}

bool
vc_vpage_walk(VcVpage *file, VcVpageVisit visit, void *arg)
{
	return walk_file(file, visit, arg, false);
}

/* Pages about to become tombstones, gathered while they are neighbours. */
typedef struct Freeing
{
	VcVpage *file;
	BlockNumber first;
	uint32 n;
} Freeing;

static void
free_gathered(Freeing *freeing)
{
	if (freeing->n > 0)
		vc_recycle_free_run(freeing->file->rel, freeing->first, freeing->n, freeing->file->ref.root,
							freeing->file->ref.incarnation);
	freeing->n = 0;
}

static void
free_page(void *arg, BlockNumber blkno, bool inode)
{
	Freeing *freeing = arg;

	(void) inode;
	if (freeing->n > 0 && blkno != freeing->first + freeing->n)
		free_gathered(freeing);
	if (freeing->n == 0)
		freeing->first = blkno;
	freeing->n++;
}

/* From now on readers take missing pages for a sign of a freed file, not of damage. */
static void
mark_freeing(Relation rel, VcVpageRef ref)
{
	VC_SCOPED(vc_page_write_drop)
	VcPageWrite root = vc_page_write(rel, ref.root, VC_PAGE_ANY);

	if (vc_vpage_root(rel, ref, root.page) == NULL || vc_page_is_free(root.page))
		return;
	((VcVpageRootDisk *) vc_page_body(root.page))->freeing = 1;
	vc_page_write_commit(&root);
}

void
vc_vpage_free(Relation rel, VcVpageRef ref)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord virtual file", ALLOCSET_DEFAULT_SIZES);
	VcVpage file;

	LockPage(rel, ref.root, ExclusiveLock);
	/* Gone already: a free repeated after a crash. */
	if (vc_vpage_open(&file, rel, ref, context))
	{
		Freeing freeing = {.file = &file};

		mark_freeing(rel, ref);
		walk_file(&file, free_page, &freeing, true);
		free_gathered(&freeing);
	}
	UnlockPage(rel, ref.root, ExclusiveLock);
	MemoryContextDelete(context);
}

/*
 * Frees what hangs on the inode of this height from page `from` on, then clears the links in one
 * record (an inode on which nothing is left is freed by the caller instead).  Returns whether nothing is left on the inode.
 */
static bool
truncate_inode(Freeing *freeing, BlockNumber blkno, int height, uint64 first_page, uint64 from)
{
	VcVpage *file = freeing->file;
	uint64 span = vc_vpage_pages_per_entry(height);
	BlockNumber *entries;
	bool left = false;
	bool cut = false;

	if (!vc_vpage_have_inode(file, height, first_page) &&
		!vc_vpage_load_inode(file, blkno, height, first_page))
		writer_mismatch(file, blkno);
	entries = file->inodes[height].entries;
	for (uint32 i = 0; i < file->inodes[height].count; i++)
	{
		uint64 child_first = first_page + i * span;
		BlockNumber child = entries[i];

		if (child == InvalidBlockNumber)
			continue;
		if (child_first + span <= from)
		{
			left = true;
			continue;
		}
		CHECK_FOR_INTERRUPTS();
		/* A link that a crash left may name a page that lives on as another one of this file. */
		if (height == 0)
		{
			if (data_alive(file, child, child_first))
				free_page(freeing, child, false);
		}
		else if (inode_alive(file, child, height - 1, child_first))
		{
			if (!truncate_inode(freeing, child, height - 1, child_first, from))
			{
				left = true;
				continue;
			}
			free_page(freeing, child, true);
		}
		entries[i] = InvalidBlockNumber;
		cut = true;
	}
	if (cut && (left || blkno == file->ref.root))
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(file->rel);
		char *root_page;
		VcVpageRootDisk *root;
		BlockNumber *disk;

		/* The links go last. */
		free_gathered(freeing);
		root = add_root(&xlog, file, &root_page);
		disk = add_entries(&xlog, file, root, blkno, height, first_page);
		memcpy(disk, entries, file->inodes[height].count * sizeof(BlockNumber));
		vc_xlog_commit(&xlog);
	}
	return !left;
}

void
vc_vpage_truncate(Relation rel, VcVpageRef ref, uint64 new_length)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "vchord virtual file", ALLOCSET_DEFAULT_SIZES);
	uint64 from = (new_length + VC_VPAGE_BYTES - 1) / VC_VPAGE_BYTES;
	uint64 region = VC_VPAGE_DIRECT;
	VcVpage file;
	Freeing freeing = {.file = &file};

	LockPage(rel, ref.root, ExclusiveLock);
	open_living(&file, rel, ref, context);
	if (new_length > file.length || new_length < file.first_page * VC_VPAGE_BYTES)
		elog(ERROR,
			 "cannot cut a virtual file of " UINT64_FORMAT " bytes to " UINT64_FORMAT " bytes",
			 file.length, new_length);

	/* From here on nothing behind new_length is visible, whatever happens. */
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(rel);
		char *root_page;
		VcVpageRootDisk *root = add_root(&xlog, &file, &root_page);

		root->length = new_length;
		vc_xlog_commit(&xlog);
	}

	truncate_inode(&freeing, ref.root, 0, 0, from);
	for (int top = 0; top < 2; top++)
	{
		int height = top + 1;
		BlockNumber blkno = file.tops[top];
		bool alive = blkno != InvalidBlockNumber && inode_alive(&file, blkno, height, region);

		if (blkno != InvalidBlockNumber &&
			(!alive || truncate_inode(&freeing, blkno, height, region, from)))
		{
			VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(rel);
			char *root_page;
			VcVpageRootDisk *root;

			if (alive)
				free_page(&freeing, blkno, true);
			free_gathered(&freeing);
			root = add_root(&xlog, &file, &root_page);
			root->tops[top] = InvalidBlockNumber;
			vc_xlog_commit(&xlog);
		}
		region += vc_vpage_pages_per_entry(height + 1);
	}
	UnlockPage(rel, ref.root, ExclusiveLock);
	MemoryContextDelete(context);
}
