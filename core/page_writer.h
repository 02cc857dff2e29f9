/*
 * core/page_writer.h
 *		Bulk build: pages composed once in private memory, written once, logged once.
 *
 * Two writers.  VcPageWriter appends at the end of a fork, for one process, past shared buffers:
 *batches of 32 pages, WAL in batches if the relation needs it, checksums, and a sync before end
 *returns (smgr bulk write on 17 and later).  VcRangeWriter is for several processes at once: each
 *extends the relation by runs, and copies composed pages into shared buffers, logging each once.
 *
 * Both hand out a zeroed private page to fill (vc_page_init and so on; pd_lower right: the hole is
 *not logged).  Temporary relations go through local buffers, unlogged ones write no WAL.
 *
 * Rules: no page is read through shared buffers before its VcPageWriter has ended; while one is
 *open, nobody else extends the relation.  Crash: the new relation is not visible before commit.
 * Errors: memory and pins go with contexts and resource owner; the file with the aborted
 *transaction.
 */
#ifndef VC_CORE_PAGE_WRITER_H
#define VC_CORE_PAGE_WRITER_H

#include "core/compat.h"

typedef struct VcPageWriter VcPageWriter;

/* Allocated in the current context.  Starts at the present end of the fork. */
extern VcPageWriter *vc_page_writer_begin(Relation rel, ForkNumber forknum);

/* Block number of the next page to be handed out; the following ones count up. */
extern BlockNumber vc_page_writer_position(const VcPageWriter *writer);

/*
 * A zeroed page (8-byte aligned at least) that will be block *ret_blkno.  Valid until put.
 */
extern char *vc_page_writer_next(VcPageWriter *writer, BlockNumber *ret_blkno);

/* The page handed out last is finished. */
extern void vc_page_writer_put(VcPageWriter *writer);

/* Writes what is left, syncs; frees the writer. */
extern void vc_page_writer_end(VcPageWriter *writer);

typedef struct VcRangeWriter VcRangeWriter;

/*
 * batch: blocks to extend by when a run is used up (1..VC_RANGE_BATCH_MAX).
 */
#define VC_RANGE_BATCH_MAX 1024
extern VcRangeWriter *vc_range_writer_begin(Relation rel, uint32 batch);

/*
 * Starts a run of exactly n contiguous blocks and returns its first; the next n pages are its
 * pages. What was left of the run before goes to the free space map.
 */
extern BlockNumber vc_range_writer_run(VcRangeWriter *writer, uint32 n);

extern char *vc_range_writer_next(VcRangeWriter *writer, BlockNumber *ret_blkno);
extern void vc_range_writer_put(VcRangeWriter *writer);

/* Hands leftover blocks to the free space map; frees the writer. */
extern void vc_range_writer_end(VcRangeWriter *writer);

/*
 * ambuildempty: appends a composed page to the init fork, always logged.  Returns its block.
 */
extern BlockNumber vc_init_fork_append(Relation rel, const char *page);

#endif
