/*
 * vchordrq/sampling.h
 *		Recorded query vectors: what scans hand in, and the store behind them.
 *
 *	sampling.c			settings, when to record, SQL functions that show what was recorded, rights
 *	sampling_store.c	the store: an SQLite file a database; knows no scan and raises no error
 *
 * Nothing of this may disturb a query: whatever goes wrong while recording drops the sample.
 */
#ifndef VCHORDRQ_SAMPLING_H
#define VCHORDRQ_SAMPLING_H

#include "utils/rel.h"

#define RQ_SAMPLE_RECORDS_MAX 10000

/* settings (vchordrq.md section 3); names are used by the evaluation of recall, too */
#define RQ_GUC_SAMPLING_ENABLE "vchordrq.query_sampling_enable"

extern void rq_sampling_init(void); /* _PG_init, before the prefix is reserved */

/*
 * Records the query of a scan, as the user gave it (not normalised), if the settings say so.  Called at the
 * first fetch, with no page guard held.
 */
extern void rq_sampling_record(Relation index, Datum query);

/* ---- the store ---- */

/* Recorded queries belong to an index and its table, so that an OID that is used again finds none. */
typedef struct RqSampleKey
{
	Oid index;
	Oid heap;
} RqSampleKey;

typedef enum RqStoreResult
{
	RQ_STORE_OK,
	RQ_STORE_END,  /* nothing (more) there */
	RQ_STORE_BUSY, /* another backend writes */
	RQ_STORE_FAILED
} RqStoreResult;

/*
 * Appends a query and deletes all but the newest max_records of its key.  Whether what keys name still exists
 * is asked now and then, and those whose `exists` is false are deleted (as are the files of databases that
 * do not exist, by `database_exists`): callbacks run outside of SQLite and may not raise but by a failing
 * catalog.  Never raises by itself; on failure the sample is dropped.  ret_message (static, never NULL)
 * says why.
 */
extern RqStoreResult rq_store_append(const RqSampleKey *key, const char *text, int max_records,
									 bool (*exists)(const RqSampleKey *key),
									 bool (*database_exists)(Oid database),
									 const char **ret_message);

/*
 * The newest query of the key that is older than *position (start with PG_INT64_MAX), palloc'd and NUL
 * terminated; *position becomes its own.  No lock of the store is held on return.
 */
extern RqStoreResult rq_store_next(const RqSampleKey *key, int64 *position, char **ret_text,
								   const char **ret_message);

#endif
