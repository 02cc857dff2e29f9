/*
 * core/stats_table.h
 *		Cumulative counters of an access method's scans, one entry an index.
 *
 * Where the counters are:
 *
 *	preloaded					shared memory: all backends
 *	PostgreSQL 17 and later		a named dynamic segment, made at the first scan: all backends
 *	otherwise					memory of the backend: its own scans only
 *
 * A module has one table.  It is bounded: when it is full, entries of indexes and databases that were
 * dropped are given up; if there are none, further indexes are not counted.  Counters start at zero with
 * the server (or backend) and are not kept over a restart.
 *
 * Locking: one LWLock, shared for adding to an entry that is there and for reading, exclusive for a new
 * entry, eviction and reset.  No catalog is read under it.
 */
#ifndef VC_CORE_STATS_TABLE_H
#define VC_CORE_STATS_TABLE_H

#include "datatype/timestamp.h"

#include "core/scan.h"

/* indexes counted at most */
#define VC_STATS_ENTRIES 1024

/* A copy of an entry. */
typedef struct VcStatsRow
{
	Oid index;
	VcScanCounters counters;
	TimestampTz reset; /* when it was set to zero last, 0 = never */
} VcStatsRow;

/*
 * Call from _PG_init; name is a constant, of the module.  Asks for shared memory if the module is being
 * preloaded.
 */
extern void vc_stats_init(const char *name);

/* Adds what a scan did; inside a transaction. */
extern void vc_stats_add(Oid index, const VcScanCounters *counters);

/* Do the counters cover all backends? */
extern bool vc_stats_is_shared(void);

/* The entries of this database, palloc'd. */
extern VcStatsRow *vc_stats_read(int *ret_rows);

/* Sets the counters of an index of this database to zero, or of all its indexes (InvalidOid). */
extern void vc_stats_reset(Oid index);

#endif
