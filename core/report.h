/*
 * core/report.h
 *		The one way to report a damaged index.
 */
#ifndef VC_CORE_REPORT_H
#define VC_CORE_REPORT_H

#include "core/compat.h"
#include "storage/block.h"
#include "utils/relcache.h"

/*
 * Raises ERRCODE_INDEX_CORRUPTED: names the index, the block (InvalidBlockNumber = none in
 * particular) and hints at REINDEX.  fmt says what is wrong, lower case, no full stop ("item 3 is
 * beyond the end of the page").  May be called with content locks held: abort releases them.
 */
pg_noreturn extern void vc_corrupt(Relation rel, BlockNumber blkno, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
