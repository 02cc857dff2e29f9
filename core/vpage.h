/*
 * core/vpage.h
 *		Virtual files: growing byte files of up to 2^64 bytes over scattered blocks of an index.
 *
 * A file is named by its root block and an incarnation number that its owner chooses anew for each
 * file; every page of it carries {owner = root block, incarnation}, and in `skip` the low 32 bits of
 * its page number within the file.  Bytes are addressed by 64-bit offsets; data page p holds bytes
 * [p * VC_VPAGE_BYTES, (p + 1) * VC_VPAGE_BYTES).
 *
 *	root inode			header, then the blocks of data pages 0 .. 2024
 *	indirect-1 inode	2030 leaf inodes of 2030 data pages each
 *	indirect-2 inode	2030 inodes like indirect-1
 *
 * which is more pages than a relation can have: there is no limit of its own.
 *
 * Writers: one at a time, enforced by a heavyweight page lock on the root block from begin to end.
 * That lock does not keep workers of one parallel operation apart on every server, so they must not
 * write to the same file.  Readers need nothing beyond the share lock of one page at a time: they
 * see the file up to the length that they read at open or refresh, and that never covers an
 * unfinished append.
 *
 * WAL: a change is a sequence of records of at most four pages, each of which leaves a valid file.
 * The length in the root is the only thing that makes bytes visible; it moves from the end of one
 * complete append to the end of a later one.  Pages attached beyond it by a crashed append are taken
 * over by the next one, entries left by a crashed truncate are recognised by the page they name.
 *
 * Readers hold a registered snapshot, or cope with `false`, which says that the file was freed and
 * (part of it) recycled: the caller reads its directory again.  Everything else that does not fit is
 * vc_corrupt().
 */
#ifndef VC_CORE_VPAGE_H
#define VC_CORE_VPAGE_H

#include "core/attrs.h"
#include "core/buf.h"

/* Bytes of a data page; the longest record that does not cross a page. */
#define VC_VPAGE_BYTES VC_PAGE_BODY_SIZE

typedef struct VcVpageRootDisk
{
	uint32 magic;
	uint16 data_kind;    /* page kind of data pages, also of those added after a reopen */
	uint16 inode_kind;   /* page kind of this page and of other inodes */
	uint64 first_page;   /* pages before it do not exist */
	uint64 length;       /* end of the visible bytes */
	BlockNumber tops[2]; /* indirect-1, indirect-2; or InvalidBlockNumber */
	uint32 freeing;      /* 1: vc_vpage_free has begun */
	BlockNumber direct[FLEXIBLE_ARRAY_MEMBER];
} VcVpageRootDisk;

typedef struct VcVpageInodeDisk
{
	uint64 first_page; /* that it covers */
	uint32 height;     /* 0: entries are data pages; 1, 2: inodes of one less */
	uint32 reserved;   /* 0 */
	BlockNumber entries[FLEXIBLE_ARRAY_MEMBER];
} VcVpageInodeDisk;

#define VC_VPAGE_MAGIC  0x45504756 /* "VGPE" */
#define VC_VPAGE_DIRECT ((VC_VPAGE_BYTES - offsetof(VcVpageRootDisk, direct)) / sizeof(BlockNumber))
#define VC_VPAGE_FANOUT                                                                            \
	((VC_VPAGE_BYTES - offsetof(VcVpageInodeDisk, entries)) / sizeof(BlockNumber))
#define VC_VPAGE_HEIGHTS 3

/* Pages that the three kinds of inodes can address. */
#define VC_VPAGE_MAX_PAGES                                                                         \
	((uint64) VC_VPAGE_DIRECT + (uint64) VC_VPAGE_FANOUT * VC_VPAGE_FANOUT +                       \
	 (uint64) VC_VPAGE_FANOUT * VC_VPAGE_FANOUT * VC_VPAGE_FANOUT)

/* What the owner stores to find the file again. */
typedef struct VcVpageRef
{
	BlockNumber root;
	uint32 incarnation;
} VcVpageRef;

/* A file opened for reading.  Caller's storage; owns only memory of the context given at open. */
typedef struct VcVpage
{
	Relation rel;
	VcVpageRef ref;
	MemoryContext context;
	VcReadCache *cache; /* set it after open to read pages through it; NULL otherwise */
	uint16 data_kind;
	uint16 inode_kind;
	uint64 first_page;
	uint64 length; /* as of open or the last refresh */
	BlockNumber tops[2];
	/* copies of the inodes read last, one a height; the root's direct entries count as height 0 */
	struct
	{
		uint64 first_page;
		uint32 count; /* 0: empty */
		BlockNumber *entries;
	} inodes[VC_VPAGE_HEIGHTS];
} VcVpage;

/* An append under way.  Caller's storage. */
typedef struct VcVpageAppender
{
	VcVpage file;
	Relation heap;
	char *buffer;    /* body of the page that is being filled */
	uint64 position; /* end of what was appended */
	uint64 complete; /* end of the last complete append */
	uint64 flushed;  /* end of what is on pages */
} VcVpageAppender;

/*----- life -----*/

/*
 * Creates an empty file: one record, one page.  The caller links the root from its own page
 * afterwards (a crash in between leaves an orphan page).  data_kind and inode_kind are page kinds of
 * the caller, different from each other.  heap as in vc_recycle_alloc_run().  first_page: the file
 * begins at this page; offsets before it do not exist (0 for an ordinary file).
 */
extern VcVpageRef vc_vpage_create(Relation rel, Relation heap, uint16 data_kind, uint16 inode_kind,
								  uint32 incarnation, uint64 first_page);

/*
 * The same with the root as one more page of a record of the caller's, which links it: no orphan.
 */
extern VcVpageRef vc_vpage_create_in(VcXlog *xlog, Relation heap, uint16 data_kind,
									 uint16 inode_kind, uint32 incarnation, uint64 first_page);

/*
 * Cuts the file to new_length (>= first_page * VC_VPAGE_BYTES, <= its length) and frees the pages
 * behind it.  No reader may go on reading between new_length and the old length.  Repeats what a
 * crash left undone.  The caller holds no content lock and no appender on this file.
 */
extern void vc_vpage_truncate(Relation rel, VcVpageRef ref, uint64 new_length);

/*
 * Frees all pages, the root last.  The owner has unlinked the file before.  Contents stay readable
 * for snapshots that can still need them.  May be repeated after a crash.
 */
extern void vc_vpage_free(Relation rel, VcVpageRef ref);

/*
 * Visits every page that belongs to the file, those beyond its length included: data pages, then the
 * inode that holds them, the root last.  For free, and for index checks that account for every block.
 */
typedef void (*VcVpageVisit)(void *arg, BlockNumber blkno, bool inode);
extern VC_NODISCARD bool vc_vpage_walk(VcVpage *file, VcVpageVisit visit, void *arg);

/*----- read -----*/

/* False if the root is another file's by now.  context: where copies of inodes go. */
extern VC_NODISCARD bool vc_vpage_open(VcVpage *file, Relation rel, VcVpageRef ref,
									   MemoryContext context);

/* Looks at the length again. */
extern VC_NODISCARD bool vc_vpage_refresh(VcVpage *file);

/*
 * Copies len bytes at offset; may cross pages.  Bytes that are not in the file are vc_corrupt():
 * offsets come from pages.
 */
extern VC_NODISCARD bool vc_vpage_read(VcVpage *file, uint64 offset, Size len, void *ret_bytes);

/*
 * The same without a copy, for len bytes that do not cross a page: *ret_page is a guard the caller
 * drops, *ret_span begins at offset and goes on to the end of what is visible on this page (at least
 * len bytes, so len 0 and the span's length walk a file page by page).
 */
extern VC_NODISCARD bool vc_vpage_read_page(VcVpage *file, uint64 offset, Size len,
											VcPageRead *ret_page, VcSpan *ret_span);

/* The block of data page `page`, for prefetching. */
extern VC_NODISCARD bool vc_vpage_block(VcVpage *file, uint64 page, BlockNumber *ret_block);

/*----- write -----*/

/*
 * Begins to append.  Waits for another writer.  context: for one page of buffer and copies of inodes.
 * Appended bytes stay in the buffer until the page is full, flush or end; an error loses what was not
 * flushed, and every append that is not complete.
 */
extern void vc_vpage_append_begin(VcVpageAppender *appender, Relation rel, Relation heap,
								  VcVpageRef ref, MemoryContext context);

/* Appends len bytes, over as many pages as it takes.  Returns their offset. */
extern uint64 vc_vpage_append(VcVpageAppender *appender, const void *bytes, Size len);

/*
 * Appends len <= VC_VPAGE_BYTES bytes that stay on one page; zeros fill a page that has not enough
 * room.  *ret_new_page (may be NULL) tells that the record is the first on its page.
 */
extern uint64 vc_vpage_append_whole(VcVpageAppender *appender, const void *bytes, Size len,
									bool *ret_new_page);

/* Makes everything appended so far visible to readers that open or refresh from now on. */
extern void vc_vpage_append_flush(VcVpageAppender *appender);

/* Flushes and lets the next writer in. */
extern void vc_vpage_append_end(VcVpageAppender *appender);

/*
 * Overwrites visible bytes in place, one record a page; may run beside readers and an appender.
 * Readers see each page's part before or after the change.
 */
extern VC_NODISCARD bool vc_vpage_overwrite(VcVpage *file, uint64 offset, Size len,
											const void *bytes);

#endif
