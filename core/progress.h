/*
 * core/progress.h
 *		CREATE INDEX phases for pg_stat_progress_create_index.
 *
 * A sub-phase is a code of the AM's and, for phases that know their share of work, a percentage.
 *The server stores one number, ((code << 16) | percent) + 1; number 1 (code 0) is set by core
 *before ambuild and means "initializing".
 */
#ifndef VC_CORE_PROGRESS_H
#define VC_CORE_PROGRESS_H

/* One sub-phase of an AM; code = place in the table, place 0 is "initializing". */
typedef struct VcProgressPhase
{
	const char *name;
	bool percent; /* show " (N %)" when a percentage was set */
} VcProgressPhase;

/* Enter a sub-phase (no percentage shown yet). */
extern void vc_progress_phase(int code);

/* Set the percentage, 0 .. 100, of the sub-phase; cheap when nothing changed. */
extern void vc_progress_percent(int code, int percent);

/* tuples_total and tuples_done columns */
extern void vc_progress_tuples_total(int64 total);
extern void vc_progress_tuples_done(int64 done);
/* blocks_total and blocks_done columns */
extern void vc_progress_blocks(int64 total, int64 done);

/* Body of ambuildphasename: a palloc'd or constant name, NULL for an unknown number. */
extern char *vc_progress_name(const VcProgressPhase *phases, int nphases, int64 number);

#endif
