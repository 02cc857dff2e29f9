/*
 * core/progress.c
 *		CREATE INDEX phases for pg_stat_progress_create_index.
 *
 * The server's counters are per backend and cheap to set; outside of a build (tests, inserts) the calls
 * do nothing, as no command is being reported.
 */
#include "postgres.h"

#include "core/progress.h"

#include "commands/progress.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"

static void
set_subphase(int code, int percent)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE,
								 (((int64) code << 16) | (int64) percent) + 1);
}

void
vc_progress_phase(int code)
{
	set_subphase(code, 0);
}

void
vc_progress_percent(int code, int percent)
{
	/* 0 is "not yet known", so a known percentage is stored one higher */
	set_subphase(code, Max(0, Min(percent, 100)) + 1);
}

void
vc_progress_tuples_total(int64 total)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, total);
}

void
vc_progress_tuples_done(int64 done)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

void
vc_progress_blocks(int64 total, int64 done)
{
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, total);
	pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, done);
}

char *
vc_progress_name(const VcProgressPhase *phases, int nphases, int64 number)
{
	int64 code = (number - 1) >> 16;
	int64 share = (number - 1) & 0xffff;

	if (number < 1 || code >= nphases || share > 101 || (share > 0 && !phases[code].percent))
		return NULL;
	if (share == 0)
		return pstrdup(phases[code].name);
	return psprintf("%s (%d %%)", phases[code].name, (int) share - 1);
}
