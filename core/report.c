/*
 * core/report.c
 *		The one way to report a damaged index.
 */
#include "postgres.h"

#include "core/report.h"

#include "lib/stringinfo.h"
#include "utils/rel.h"

void
vc_corrupt(Relation rel, BlockNumber blkno, const char *fmt, ...)
{
	StringInfoData detail;
	int save_errno = errno;

	initStringInfo(&detail);
	for (;;)
	{
		va_list args;
		int needed;

		errno = save_errno;
		va_start(args, fmt);
		needed = appendStringInfoVA(&detail, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&detail, needed);
	}

	if (BlockNumberIsValid(blkno))
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" is corrupted at block %u: %s",
							   RelationGetRelationName(rel), blkno, detail.data),
						errhint("Please REINDEX it.")));
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" is corrupted: %s", RelationGetRelationName(rel), detail.data),
			 errhint("Please REINDEX it.")));
}
