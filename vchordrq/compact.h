/*
 * vchordrq/compact.h
 *		Compaction of one list: appended rows into code blocks, dead rows out.
 */
#ifndef VCHORDRQ_COMPACT_H
#define VCHORDRQ_COMPACT_H

#include "storage/bufmgr.h"

#include "vchordrq/meta.h"

typedef struct RqCompactor RqCompactor;

/*
 * What VACUUM needs to compact lists, allocated in `context`, which ends it.  heap: for the horizon of page
 * allocation, may be NULL.
 */
extern RqCompactor *rq_compactor_create(MemoryContext context, Relation index, Relation heap,
										const RqMeta *meta, BufferAccessStrategy strategy);

/*
 * Free what an interrupted compaction of the list left behind, and compact the list if it is dirty
 * (thresholds in compact.c).  Once per list.  Returns the live rows of the list as the directory and the heads of its
 * append pages count them.  No lock may be held; only one backend at a time may compact an index,
 * which the lock of VACUUM on the table ensures.
 */
extern uint64 rq_compact_list(RqCompactor *compactor, uint32 list);

/* After all lists: free what compaction has replaced.  Returns the pages freed, earlier ones included. */
extern uint64 rq_compactor_finish(RqCompactor *compactor);

#endif
