/*
 * tests/vchord_bm25_modules/test_lost.c
 *		Pages as a crash leaves them: allocated, and named by nothing.
 */
#include "postgres.h"

#include "access/genam.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "core/attrs.h"
#include "core/recycle.h"

VC_FUNCTION(vc_test_bm25_lose);

/* (index, kind, owner, incarnation, pages): returns the first of them. */
Datum
vc_test_bm25_lose(PG_FUNCTION_ARGS)
{
	Relation index = index_open(PG_GETARG_OID(0), RowExclusiveLock);
	BlockNumber first =
		vc_recycle_alloc_run(index, NULL, (uint32) PG_GETARG_INT32(4), (uint16) PG_GETARG_INT32(1),
							 (uint32) PG_GETARG_INT32(2), (uint32) PG_GETARG_INT32(3));

	index_close(index, RowExclusiveLock);
	PG_RETURN_INT64(first);
}
