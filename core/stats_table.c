/*
 * core/stats_table.c
 *		Cumulative counters of scans, in shared memory where there is some.
 *
 * An open-addressed table: the entry of an index is at its hash or behind it, before the first free slot.
 * Entries go only when all that are left are put in anew.  VcScanCounters is added up member by member,
 * as an array of 64-bit numbers.
 *
 * Locking: see the header.  Counters are atomics, as backends add under the shared lock.
 * Crash behaviour: a crash of a backend makes the server start anew with empty shared memory.
 */
#include "postgres.h"

#include "core/stats_table.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/compat.h"

#define SLOTS    (2 * VC_STATS_ENTRIES) /* a power of two */
#define COUNTERS (sizeof(VcScanCounters) / sizeof(uint64))

/* A table that is full of indexes that exist is searched for dropped ones once in so many failures. */
#define SWEEP_EVERY 1024

/* part of the segment's name: a library of another version may be in use by older backends */
#define LAYOUT "1"

StaticAssertDecl(sizeof(VcScanCounters) % sizeof(uint64) == 0, "counters are 64-bit numbers");
StaticAssertDecl((SLOTS & (SLOTS - 1)) == 0, "slots are a power of two");

typedef struct Entry
{
	Oid database; /* InvalidOid = free */
	Oid index;
	TimestampTz reset;
	pg_atomic_uint64 counters[COUNTERS];
} Entry;

typedef struct Table
{
	LWLock lock; /* not used where the table is the backend's own */
	int tranche;
	uint32 used;
	pg_atomic_uint32 refused; /* scans that were not counted */
	Entry entries[SLOTS];
} Table;

/* an entry without atomics, while the table is put in order */
typedef struct Saved
{
	Oid database;
	Oid index;
	TimestampTz reset;
	uint64 counters[COUNTERS];
} Saved;

static const char *table_name = NULL;
static Table *table = NULL; /* NULL until it is made or attached */
static bool shared = false;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
clear_entry(Entry *e)
{
	e->database = InvalidOid;
	e->index = InvalidOid;
	e->reset = 0;
	for (size_t i = 0; i < COUNTERS; i++)
		pg_atomic_init_u64(&e->counters[i], 0);
}

static void
init_table(Table *t)
{
	t->used = 0;
	pg_atomic_init_u32(&t->refused, 0);
	for (int i = 0; i < SLOTS; i++)
		clear_entry(&t->entries[i]);
}

static void
init_shared_table(void *memory)
{
	Table *t = (Table *) memory;

	init_table(t);
	t->tranche = LWLockNewTrancheId();
	LWLockInitialize(&t->lock, t->tranche);
}

/* ---- making and attaching ---- */

static void
request_memory(void)
{
	if (previous_request != NULL)
		previous_request();
	RequestAddinShmemSpace(sizeof(Table));
}

static void
make_table(void)
{
	bool found;

	if (previous_startup != NULL)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	table = ShmemInitStruct(table_name, sizeof(Table), &found);
	if (!found)
		init_shared_table(table);
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(table->tranche, table_name);
	shared = true;
}

void
vc_stats_init(const char *name)
{
	table_name = name;
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = make_table;
}

static void
attach(void)
{
#ifdef VC_HAVE_NAMED_DSM
	/* a server process of its own has no dynamic segments */
	if (IsUnderPostmaster)
	{
		bool found;
		char *segment = psprintf("%s scans " LAYOUT, table_name);

		table = GetNamedDSMSegment(segment, sizeof(Table), init_shared_table, &found);
		pfree(segment);
		LWLockRegisterTranche(table->tranche, table_name);
		shared = true;
		return;
	}
#endif
	table = MemoryContextAlloc(TopMemoryContext, sizeof(Table));
	init_table(table);
}

static void
lock_table(LWLockMode mode)
{
	if (table == NULL)
		attach();
	if (shared)
		LWLockAcquire(&table->lock, mode);
}

static void
unlock_table(void)
{
	if (shared)
		LWLockRelease(&table->lock);
}

bool
vc_stats_is_shared(void)
{
	if (table == NULL)
		attach();
	return shared;
}

/* ---- entries ---- */

/* The entry, or the free slot where it would go. */
static Entry *
find_entry(Oid database, Oid index)
{
	uint32 at = hash_combine(murmurhash32(database), murmurhash32(index));

	for (;; at++)
	{
		Entry *e = &table->entries[at & (SLOTS - 1)];

		if (!OidIsValid(e->database) || (e->database == database && e->index == index))
			return e;
	}
}

static bool
is_free(const Entry *e)
{
	return !OidIsValid(e->database);
}

static void
take_entry(Entry *e, Oid database, Oid index)
{
	e->database = database;
	e->index = index;
	table->used++;
}

/* Those that `gone` names leave; under the exclusive lock.  saved has room for all entries. */
static void
remove_entries(const Saved *gone, int ngone, Saved *saved)
{
	int n = 0;

	for (int i = 0; i < ngone; i++)
	{
		Entry *e = find_entry(gone[i].database, gone[i].index);

		if (!is_free(e))
			e->index = InvalidOid; /* marks it; no other entry is looked up but these */
	}
	for (int i = 0; i < SLOTS; i++)
	{
		Entry *e = &table->entries[i];

		if (is_free(e))
			continue;
		if (OidIsValid(e->index))
		{
			saved[n].database = e->database;
			saved[n].index = e->index;
			saved[n].reset = e->reset;
			for (size_t c = 0; c < COUNTERS; c++)
				saved[n].counters[c] = pg_atomic_read_u64(&e->counters[c]);
			n++;
		}
		clear_entry(e);
	}
	table->used = 0;
	pg_atomic_write_u32(&table->refused, 0);
	for (int i = 0; i < n; i++)
	{
		Entry *e = find_entry(saved[i].database, saved[i].index);

		take_entry(e, saved[i].database, saved[i].index);
		e->reset = saved[i].reset;
		for (size_t c = 0; c < COUNTERS; c++)
			pg_atomic_write_u64(&e->counters[c], saved[i].counters[c]);
	}
}

/* Gives up entries of what does not exist any more; not under the lock. */
static void
sweep(void)
{
	Saved *rows = palloc(sizeof(Saved) * VC_STATS_ENTRIES);
	Saved *gone = palloc(sizeof(Saved) * VC_STATS_ENTRIES);
	int n = 0;
	int ngone = 0;

	lock_table(LW_SHARED);
	for (int i = 0; i < SLOTS; i++)
	{
		const Entry *e = &table->entries[i];

		if (is_free(e))
			continue;
		rows[n].database = e->database;
		rows[n].index = e->index;
		n++;
	}
	unlock_table();

	for (int i = 0; i < n; i++)
	{
		/* of other databases only the catalog of databases can be asked */
		bool exists = rows[i].database == MyDatabaseId
						  ? SearchSysCacheExists1(RELOID, ObjectIdGetDatum(rows[i].index))
						  : SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(rows[i].database));

		if (!exists)
			gone[ngone++] = rows[i];
	}
	if (ngone > 0)
	{
		lock_table(LW_EXCLUSIVE);
		remove_entries(gone, ngone, rows);
		unlock_table();
	}
	pfree(gone);
	pfree(rows);
}

/* Makes the entry if there is none; false if the table is full.  On success the lock is held. */
static bool
lock_new_entry(Oid index, Entry **ret_entry)
{
	for (int attempt = 0; attempt < 2; attempt++)
	{
		Entry *e;

		if (attempt > 0)
			sweep();
		lock_table(LW_EXCLUSIVE);
		e = find_entry(MyDatabaseId, index);
		if (is_free(e) && table->used < VC_STATS_ENTRIES)
			take_entry(e, MyDatabaseId, index);
		if (!is_free(e))
		{
			*ret_entry = e;
			return true;
		}
		unlock_table();
		if (attempt == 0 && pg_atomic_fetch_add_u32(&table->refused, 1) % SWEEP_EVERY != 0)
			break;
	}
	return false;
}

/* ---- what callers do ---- */

void
vc_stats_add(Oid index, const VcScanCounters *counters)
{
	uint64 values[COUNTERS];
	Entry *e;

	lock_table(LW_SHARED);
	e = find_entry(MyDatabaseId, index);
	if (is_free(e))
	{
		unlock_table();
		if (!lock_new_entry(index, &e))
			return;
	}
	memcpy(values, counters, sizeof(values));
	for (size_t i = 0; i < COUNTERS; i++)
	{
		if (values[i] > 0)
			pg_atomic_fetch_add_u64(&e->counters[i], (int64) values[i]);
	}
	unlock_table();
}

VcStatsRow *
vc_stats_read(int *ret_rows)
{
	VcStatsRow *rows = palloc(sizeof(VcStatsRow) * VC_STATS_ENTRIES);
	int n = 0;

	lock_table(LW_SHARED);
	for (int i = 0; i < SLOTS; i++)
	{
		Entry *e = &table->entries[i];
		uint64 values[COUNTERS];

		if (e->database != MyDatabaseId)
			continue;
		for (size_t c = 0; c < COUNTERS; c++)
			values[c] = pg_atomic_read_u64(&e->counters[c]);
		rows[n].index = e->index;
		rows[n].reset = e->reset;
		memcpy(&rows[n].counters, values, sizeof(values));
		n++;
	}
	unlock_table();
	*ret_rows = n;
	return rows;
}

static void
reset_entry(Entry *e, TimestampTz now)
{
	for (size_t c = 0; c < COUNTERS; c++)
		pg_atomic_write_u64(&e->counters[c], 0);
	e->reset = now;
}

void
vc_stats_reset(Oid index)
{
	TimestampTz now = GetCurrentTimestamp();
	Entry *e;

	if (OidIsValid(index))
	{
		/* the entry keeps the time of the reset, so there has to be one */
		if (lock_new_entry(index, &e))
		{
			reset_entry(e, now);
			unlock_table();
		}
		return;
	}
	lock_table(LW_EXCLUSIVE);
	for (int i = 0; i < SLOTS; i++)
	{
		if (table->entries[i].database == MyDatabaseId)
			reset_entry(&table->entries[i], now);
	}
	unlock_table();
}
