/*
 * vchordg/prewarm.c
 *		vchordg_prewarm(index, mode): vertices into shared buffers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/inspect.h"

#include "vchordg/am.h"

VC_FUNCTION(vchordg_prewarm);

/*
 * vchordg_prewarm(index regclass) returns text: how many vertex pages and vertices there are.
 * Every page of the index is read; a graph has no part that a search does without.
 */
Datum
vchordg_prewarm(PG_FUNCTION_ARGS)
{
	const VcInspectSpec spec = {.amname = VG_AM_NAME,
								.ambeginscan = vg_ambeginscan,
								.lockmode = AccessShareLock,
								.need_valid = true};
	VcInspect inspect;
	StringInfoData text;
	BlockNumber blocks;
	uint64 pages = 0;
	uint64 vertices = 0;

	vc_inspect_begin(PG_GETARG_OID(0), &spec, &inspect);
	blocks = RelationGetNumberOfBlocks(inspect.index);
	for (BlockNumber blkno = 0; blkno < blocks; blkno++)
	{
		CHECK_FOR_INTERRUPTS();
		{
			VC_SCOPED(vc_page_read_drop)
			VcPageRead r = vc_page_read_raw(inspect.index, blkno, NULL);

			if (!vc_page_is_new(r.page) && vc_page_problem(r.page) == NULL &&
				!vc_page_is_free(r.page) &&
				(vc_page_opaque_read(r.page)->kind & VG_PAGE_VERTEX) != 0)
			{
				const VgVertexHeadDisk *head = (const VgVertexHeadDisk *) (r.page + VG_HEAD_OFFSET);

				pages++;
				vertices += (uint64) pg_popcount((const char *) &head->used, sizeof(head->used));
			}
		}
	}
	vc_inspect_end(&inspect);
	initStringInfo(&text);
	appendStringInfo(&text, "number of vertex pages: " UINT64_FORMAT "\n", pages);
	appendStringInfo(&text, "number of vertices: " UINT64_FORMAT "\n", vertices);
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}
