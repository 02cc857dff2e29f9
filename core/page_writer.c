/*
 * core/page_writer.c
 *		Bulk build writers.  See core/page_writer.h.
 *
 * VcPageWriter has three ways to put pages, chosen at begin:
 *
 *	server's bulk writer	17 and later: batches, WAL, checksums, sync are its business
 *	own batches				15 and 16: WAL for the batch (which sets the LSNs), then checksums, then
 *							smgrextend; smgrimmedsync at the end, because a checkpoint may have passed by
 *							without knowing of pages written past shared buffers
 *	local buffers			temporary relations, all versions
 *
 * The one START_CRIT_SECTION of this project is here (publish): a page copied into a shared buffer and logged as
 * an image is the one change that GenericXLog would make twice as expensive.
 */
#include "postgres.h"

#include "core/page_writer.h"

#include "access/xloginsert.h"
#include "core/buf.h"
#include "core/page.h"
#include "core/recycle.h"
#include "miscadmin.h"
#include "storage/bufpage.h"
#include "storage/smgr.h"
#ifdef VC_HAVE_BULK_WRITE
#include "storage/bulk_write.h"
#endif

/* as the server's own bulk writer; also XLR_MAX_BLOCK_ID: what one record of images can hold */
#define BATCH_PAGES 32

struct VcPageWriter
{
	Relation rel;
	ForkNumber forknum;
	BlockNumber next; /* block of the page handed out next */
	char *current;    /* handed out and not put yet */
	bool is_temp;
	char *scratch; /* one page; temporary relations */
#ifdef VC_HAVE_BULK_WRITE
	BulkWriteState *bulk;
	BulkWriteBuffer bulk_page;
#else
	bool use_wal;
	char *batch; /* BATCH_PAGES pages */
	int filled;
#endif
};

/* A page about to be written must be one that readers accept. */
static void
check_finished(const char *page, BlockNumber blkno)
{
	const char *problem = vc_page_problem(page);

	if (problem != NULL)
		elog(ERROR, "page %u would be written damaged: %s", blkno, problem);
	Assert(vc_page_hole_is_zero(page));
}

/* Copies a finished page into a buffer the caller locked; logs it; unlocks. */
static void
publish(Buffer buffer, const char *page, bool use_wal)
{
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), page, BLCKSZ);
	MarkBufferDirty(buffer);
	if (use_wal)
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	vc_buffer_unlock(buffer);
}

/*----- one process, at the end of a fork -----*/

#ifndef VC_HAVE_BULK_WRITE

static void
flush_batch(VcPageWriter *writer)
{
	SMgrRelation smgr = RelationGetSmgr(writer->rel);
	BlockNumber first = writer->next - writer->filled;
	BlockNumber blknos[BATCH_PAGES];
	char *pages[BATCH_PAGES];

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < writer->filled; i++)
	{
		blknos[i] = first + i;
		pages[i] = writer->batch + (Size) i * BLCKSZ;
	}
	if (writer->use_wal && writer->filled > 0)
		log_newpages(&vc_rel_locator(writer->rel), writer->forknum, writer->filled, blknos, pages,
					 true);
	for (int i = 0; i < writer->filled; i++)
	{
		PageSetChecksumInplace(pages[i], blknos[i]);
		smgrextend(smgr, writer->forknum, blknos[i], pages[i], true);
	}
	writer->filled = 0;
}

#endif

VcPageWriter *
vc_page_writer_begin(Relation rel, ForkNumber forknum)
{
	VcPageWriter *writer = palloc0(sizeof(VcPageWriter));

	writer->rel = rel;
	writer->forknum = forknum;
	writer->next = RelationGetNumberOfBlocksInFork(rel, forknum);
	writer->is_temp = RelationUsesLocalBuffers(rel);
	if (writer->is_temp)
		writer->scratch = palloc(BLCKSZ);
	else
	{
#ifdef VC_HAVE_BULK_WRITE
		writer->bulk = smgr_bulk_start_rel(rel, forknum);
#else
		writer->use_wal = RelationNeedsWAL(rel) || forknum == INIT_FORKNUM;
		writer->batch = vc_palloc_aligned((Size) BATCH_PAGES * BLCKSZ, VC_IO_ALIGN, 0);
#endif
	}
	return writer;
}

BlockNumber
vc_page_writer_position(const VcPageWriter *writer)
{
	return writer->next;
}

char *
vc_page_writer_next(VcPageWriter *writer, BlockNumber *ret_blkno)
{
	char *page;

	if (writer->current != NULL)
		elog(ERROR, "page %u has not been put yet", writer->next - 1);
	if (writer->next > MaxBlockNumber - 1)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" cannot have more than %u blocks",
							   RelationGetRelationName(writer->rel), MaxBlockNumber)));
	if (writer->is_temp)
		page = writer->scratch;
	else
	{
#ifdef VC_HAVE_BULK_WRITE
		writer->bulk_page = smgr_bulk_get_buf(writer->bulk);
		page = writer->bulk_page->data;
#else
		page = writer->batch + (Size) writer->filled * BLCKSZ;
#endif
	}
	memset(page, 0, BLCKSZ);
	writer->current = page;
	*ret_blkno = writer->next++;
	return page;
}

void
vc_page_writer_put(VcPageWriter *writer)
{
	BlockNumber blkno = writer->next - 1;

	if (writer->current == NULL)
		elog(ERROR, "no page to put");
	check_finished(writer->current, blkno);
	if (writer->is_temp)
	{
		Buffer buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = vc_buffer_extend(writer->rel, writer->forknum);
		if (BufferGetBlockNumber(buffer) != blkno)
			elog(ERROR, "index \"%s\" grew beside its writer",
				 RelationGetRelationName(writer->rel));
		publish(buffer, writer->current, false);
	}
	else
	{
#ifdef VC_HAVE_BULK_WRITE
		CHECK_FOR_INTERRUPTS();
		smgr_bulk_write(writer->bulk, blkno, writer->bulk_page, true);
#else
		if (++writer->filled == BATCH_PAGES)
			flush_batch(writer);
#endif
	}
	writer->current = NULL;
}

void
vc_page_writer_end(VcPageWriter *writer)
{
	if (writer->current != NULL)
		elog(ERROR, "page %u has not been put yet", writer->next - 1);
	if (!writer->is_temp)
	{
#ifdef VC_HAVE_BULK_WRITE
		smgr_bulk_finish(writer->bulk);
#else
		flush_batch(writer);
		smgrimmedsync(RelationGetSmgr(writer->rel), writer->forknum);
#endif
	}
	pfree(writer);
}

/*----- several processes, through shared buffers -----*/

struct VcRangeWriter
{
	Relation rel;
	bool use_wal;
	bool handed_out;
	uint32 batch;
	uint32 left; /* blocks of the run not handed out */
	BlockNumber next;
	PGAlignedBlock page;
};

VcRangeWriter *
vc_range_writer_begin(Relation rel, uint32 batch)
{
	VcRangeWriter *writer = palloc0(sizeof(VcRangeWriter));

	Assert(batch >= 1 && batch <= VC_RANGE_BATCH_MAX);
	writer->rel = rel;
	writer->use_wal = RelationNeedsWAL(rel);
	writer->batch = batch;
	return writer;
}

BlockNumber
vc_range_writer_run(VcRangeWriter *writer, uint32 n)
{
	if (writer->handed_out)
		elog(ERROR, "page %u has not been put yet", writer->next - 1);
	vc_recycle_register(writer->rel, writer->next, writer->left);
	writer->next = vc_extend_run(writer->rel, MAIN_FORKNUM, n, false);
	writer->left = n;
	return writer->next;
}

char *
vc_range_writer_next(VcRangeWriter *writer, BlockNumber *ret_blkno)
{
	if (writer->handed_out)
		elog(ERROR, "page %u has not been put yet", writer->next - 1);
	if (writer->left == 0)
		vc_range_writer_run(writer, writer->batch);
	memset(writer->page.data, 0, BLCKSZ);
	writer->handed_out = true;
	writer->left--;
	*ret_blkno = writer->next++;
	return writer->page.data;
}

void
vc_range_writer_put(VcRangeWriter *writer)
{
	BlockNumber blkno = writer->next - 1;

	if (!writer->handed_out)
		elog(ERROR, "no page to put");
	CHECK_FOR_INTERRUPTS();
	check_finished(writer->page.data, blkno);
	publish(vc_buffer_overwrite(writer->rel, MAIN_FORKNUM, blkno), writer->page.data,
			writer->use_wal);
	writer->handed_out = false;
}

void
vc_range_writer_end(VcRangeWriter *writer)
{
	if (writer->handed_out)
		elog(ERROR, "page %u has not been put yet", writer->next - 1);
	vc_recycle_register(writer->rel, writer->next, writer->left);
	pfree(writer);
}

/*----- init fork -----*/

/*
 * Logged whatever the relation is: after a crash the init fork is what an unlogged index restarts from,
 * also on a promoted standby.
 */
BlockNumber
vc_init_fork_append(Relation rel, const char *page)
{
	Buffer buffer = vc_buffer_extend(rel, INIT_FORKNUM);
	BlockNumber blkno = BufferGetBlockNumber(buffer);

	check_finished(page, blkno);
	publish(buffer, page, true);
	return blkno;
}
