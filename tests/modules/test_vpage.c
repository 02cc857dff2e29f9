/*
 * tests/modules/test_vpage.c
 *		Virtual files against a shadow in memory, and streams of records for crash tests.
 *
 * The pages go into the main fork of an ordinary table that nothing else touches: core's guards need
 * a relation, not an access method.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/recycle.h"
#include "core/vpage.h"
#include "tests/modules/vc_test_core.h"

/* Min() evaluates its arguments twice. */
static inline uint64
least(uint64 a, uint64 b)
{
	return a < b ? a : b;
}

#define CHECK(condition)                                                                           \
	do                                                                                             \
	{                                                                                              \
		checks++;                                                                                  \
		if (!(condition))                                                                          \
			elog(ERROR, "line %d: %s is false", __LINE__, #condition);                             \
	} while (0)

VC_FUNCTION(vc_test_vpage_exercise);
VC_FUNCTION(vc_test_vpage_create);
VC_FUNCTION(vc_test_vpage_stream);
VC_FUNCTION(vc_test_vpage_verify);
VC_FUNCTION(vc_test_vpage_truncate);
VC_FUNCTION(vc_test_vpage_free);
VC_FUNCTION(vc_test_vpage_read);
VC_FUNCTION(vc_test_vpage_relink);
VC_FUNCTION(vc_test_files_sweep);

static const char *const bounds_names[] = {"start", "direct",     "4GB",
										   "leaf",  "indirect-2", "height-1"};

/* First page of a file that is about to cross the named boundary. */
static uint64
first_page_of(const char *name)
{
	const uint64 direct = VC_VPAGE_DIRECT;
	const uint64 fanout = VC_VPAGE_FANOUT;
	const uint64 values[] = {
		0,
		direct - 3,                                  /* direct to indirect-1 */
		(UINT64CONST(1) << 32) / VC_VPAGE_BYTES - 2, /* 32-bit offsets */
		direct + 7 * fanout - 3,                     /* from one leaf inode to the next */
		direct + fanout * fanout - 3,                /* indirect-1 to indirect-2 */
		direct + fanout * fanout * 6 - 3,            /* one inode below indirect-2 to the next */
	};

	for (int i = 0; i < (int) lengthof(bounds_names); i++)
	{
		if (strcmp(name, bounds_names[i]) == 0)
			return values[i];
	}
	elog(ERROR, "unknown boundary \"%s\"", name);
}

typedef struct Seen
{
	Relation rel;
	uint64 data;
	uint64 inodes;
} Seen;

static void
see(void *arg, BlockNumber blkno, bool inode)
{
	Seen *seen = arg;
	/* The guard checks the kind: a page that a reopened writer mislabelled fails here. */
	VC_SCOPED(vc_page_read_drop)
	VcPageRead page = vc_page_read(seen->rel, blkno, inode ? VC_TEST_INODE : VC_TEST_DATA);

	if (inode)
		seen->inodes++;
	else
		seen->data++;
}

/*
 * (rel, boundary, steps, seed): random appends, overwrites, truncations and reads of one file, all
 * compared with a shadow.  Returns the number of comparisons.
 */
Datum
vc_test_vpage_exercise(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	uint64 first = first_page_of(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	int32 steps = PG_GETARG_INT32(2);
	pg_prng_state rng;
	Size room = 64 * 1024 * 1024;
	char *shadow = MemoryContextAllocHuge(CurrentMemoryContext, room);
	char *scratch = palloc(256 * 1024);
	char *got = palloc(256 * 1024);
	uint64 base = first * VC_VPAGE_BYTES;
	uint64 length = 0; /* of the shadow */
	uint64 checks = 0;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "test vpage", ALLOCSET_DEFAULT_SIZES);
	VcVpageRef ref;
	VcVpageRef wrong;
	VcVpage file;
	Seen seen = {.rel = rel};

	pg_prng_seed(&rng, (uint64) PG_GETARG_INT64(3));
	ref = vc_vpage_create(rel, NULL, VC_TEST_DATA, VC_TEST_INODE, 7, first);
	wrong = (VcVpageRef){ref.root, 8};
	CHECK(!vc_vpage_open(&file, rel, wrong, context));

	for (int32 step = 0; step < steps; step++)
	{
		uint32 what = (uint32) pg_prng_uint64_range(&rng, 0, 99);

		CHECK_FOR_INTERRUPTS();
		if (what < 40)
		{
			/* one appender life: some records, perhaps flushed in between */
			int n = (int) pg_prng_uint64_range(&rng, 1, 12);
			VcVpageAppender appender;
			VcVpage reader;

			vc_vpage_append_begin(&appender, rel, NULL, ref, context);
			CHECK(appender.position == base + length);
			for (int i = 0; i < n; i++)
			{
				bool whole = pg_prng_uint64_range(&rng, 0, 1) == 0;
				Size len = pg_prng_uint64_range(&rng, 0, 9) == 0
							   ? (whole ? VC_VPAGE_BYTES : pg_prng_uint64_range(&rng, 0, 40000))
							   : pg_prng_uint64_range(&rng, 0, 3000);
				uint64 offset;

				if (length + len + VC_VPAGE_BYTES > room)
					break;
				for (Size j = 0; j < len; j++)
					scratch[j] = (char) (pg_prng_uint64(&rng) >> 56);
				if (whole)
				{
					bool new_page;
					uint64 within = (base + length) % VC_VPAGE_BYTES;

					offset = vc_vpage_append_whole(&appender, scratch, len, &new_page);
					CHECK(new_page == (offset % VC_VPAGE_BYTES == 0));
					if (within > 0 && within + len > VC_VPAGE_BYTES)
					{
						Size gap = VC_VPAGE_BYTES - within;

						memset(shadow + length, 0, gap);
						length += gap;
						CHECK(new_page);
					}
				}
				else
					offset = vc_vpage_append(&appender, scratch, len);
				CHECK(offset == base + length);
				memcpy(shadow + length, scratch, len);
				length += len;
				if (pg_prng_uint64_range(&rng, 0, 3) == 0)
				{
					vc_vpage_append_flush(&appender);
					CHECK(vc_vpage_open(&reader, rel, ref, context));
					CHECK(reader.length == base + length);
				}
				else
				{
					/* never more than what is complete */
					CHECK(vc_vpage_open(&reader, rel, ref, context));
					CHECK(reader.length <= base + length);
				}
			}
			vc_vpage_append_end(&appender);
		}
		else if (what < 55 && length > 0)
		{
			uint64 at = pg_prng_uint64_range(&rng, 0, length - 1);
			Size len = least(length - at, pg_prng_uint64_range(&rng, 0, 20000));

			for (Size j = 0; j < len; j++)
				scratch[j] = (char) (pg_prng_uint64(&rng) >> 56);
			CHECK(vc_vpage_open(&file, rel, ref, context));
			CHECK(vc_vpage_overwrite(&file, base + at, len, scratch));
			memcpy(shadow + at, scratch, len);
		}
		else if (what < 58 && length > 0)
		{
			uint64 to =
				pg_prng_uint64_range(&rng, 0, 3) == 0 ? 0 : pg_prng_uint64_range(&rng, 0, length);

			vc_vpage_truncate(rel, ref, base + to);
			length = to;
		}
		else if (length > 0)
		{
			CHECK(vc_vpage_open(&file, rel, ref, context));
			CHECK(file.length == base + length);
			for (int i = 0; i < 10; i++)
			{
				uint64 at = pg_prng_uint64_range(&rng, 0, length - 1);
				Size len = least(length - at, pg_prng_uint64_range(&rng, 0, 50000));

				CHECK(vc_vpage_read(&file, base + at, len, got));
				CHECK(memcmp(got, shadow + at, len) == 0);
			}
		}
		if (step % 50 == 0)
			MemoryContextReset(context);
	}

	/* Everything once more, page by page without copies. */
	CHECK(vc_vpage_open(&file, rel, ref, context));
	CHECK(file.length == base + length);
	for (uint64 at = base; at < file.length;)
	{
		VcPageRead page;
		VcSpan span;

		CHECK(vc_vpage_read_page(&file, at, 0, &page, &span));
		CHECK(span.len > 0 && memcmp(span.data, shadow + (at - base), span.len) == 0);
		at += span.len;
		vc_page_read_drop(&page);
	}
	CHECK(vc_vpage_walk(&file, see, &seen));
	CHECK(seen.data >= (length + VC_VPAGE_BYTES - 1) / VC_VPAGE_BYTES);
	CHECK(seen.data <= (length + VC_VPAGE_BYTES - 1) / VC_VPAGE_BYTES + 2);
	CHECK(seen.inodes >= 1);

	vc_vpage_truncate(rel, ref, base);
	memset(&seen, 0, sizeof(seen));
	seen.rel = rel;
	CHECK(vc_vpage_walk(&file, see, &seen));
	CHECK(seen.data == 0 && seen.inodes == 1);
	vc_vpage_free(rel, ref);
	vc_vpage_free(rel, ref);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64((int64) checks);
}

/*----- streams of records that prove themselves -----*/

typedef struct Record
{
	uint64 number; /* 0, 1, 2 ... */
	uint32 len;    /* with this header */
	pg_crc32c crc; /* of number, len and the bytes behind */
} Record;

static pg_crc32c
record_crc(const Record *record)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, record, offsetof(Record, crc));
	COMP_CRC32C(crc, record + 1, record->len - sizeof(Record));
	FIN_CRC32C(crc);
	return crc;
}

static VcVpageRef
ref_arg(PG_FUNCTION_ARGS)
{
	return (VcVpageRef){(BlockNumber) PG_GETARG_INT64(1), 7};
}

/* (rel, boundary) -> root */
Datum
vc_test_vpage_create(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	uint64 first = first_page_of(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	VcVpageRef ref = vc_vpage_create(rel, NULL, VC_TEST_DATA, VC_TEST_INODE, 7, first);

	(void) GetCurrentTransactionId(); /* so that the commit flushes our records */
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64(ref.root);
}

/*
 * Checks all records from the start on; returns their number.  An incomplete record, a gap or a
 * wrong byte is an error.
 */
static int64
verify(Relation rel, VcVpageRef ref, MemoryContext context)
{
	Record *record = MemoryContextAlloc(context, 64 * 1024);
	uint64 number = 0;
	uint64 at;
	VcVpage file;

	if (!vc_vpage_open(&file, rel, ref, context))
		elog(ERROR, "file is gone");
	at = file.first_page * VC_VPAGE_BYTES;
	while (at < file.length)
	{
		CHECK_FOR_INTERRUPTS();
		/* A record that stays on its page leaves a gap of less than a header, or of zeros. */
		if (VC_VPAGE_BYTES - at % VC_VPAGE_BYTES < sizeof(Record))
		{
			at += VC_VPAGE_BYTES - at % VC_VPAGE_BYTES;
			continue;
		}
		if (!vc_vpage_read(&file, at, sizeof(Record), record))
			elog(ERROR, "file is gone");
		if (record->len == 0)
		{
			at += VC_VPAGE_BYTES - at % VC_VPAGE_BYTES;
			continue;
		}
		if (record->len < sizeof(Record) || record->len > 64 * 1024 || record->number != number)
			elog(ERROR,
				 "record " UINT64_FORMAT " at " UINT64_FORMAT " has number " UINT64_FORMAT
				 " and length %u",
				 number, at, record->number, record->len);
		if (record->len > file.length - at)
			elog(ERROR, "record " UINT64_FORMAT " is not complete", number);
		if (!vc_vpage_read(&file, at, record->len, record))
			elog(ERROR, "file is gone");
		if (record_crc(record) != record->crc)
			elog(ERROR, "record " UINT64_FORMAT " has a wrong checksum", number);
		number++;
		at += record->len;
	}
	return (int64) number;
}

/*
 * (rel, root, n): appends n records behind those that are there and verified, some of them over
 * several pages, flushing now and then.  Returns the number of all records.
 */
Datum
vc_test_vpage_stream(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	VcVpageRef ref = ref_arg(fcinfo);
	int64 n = PG_GETARG_INT64(2);
	uint64 number = (uint64) verify(rel, ref, CurrentMemoryContext);
	Record *record = palloc(64 * 1024);
	VcVpageAppender appender;
	pg_prng_state rng;

	(void) GetCurrentTransactionId();
	pg_prng_seed(&rng, number + 1);
	vc_vpage_append_begin(&appender, rel, NULL, ref, CurrentMemoryContext);
	for (int64 i = 0; i < n; i++)
	{
		bool whole = pg_prng_uint64_range(&rng, 0, 1) == 0;
		Size len = sizeof(Record) + (pg_prng_uint64_range(&rng, 0, 19) == 0
										 ? pg_prng_uint64_range(&rng, 0, whole ? 8000 : 40000)
										 : pg_prng_uint64_range(&rng, 0, 400));

		CHECK_FOR_INTERRUPTS();
		len = Min(len, whole ? VC_VPAGE_BYTES : len);
		/* The header never crosses a page: verify looks at the rest of a page for zeros. */
		if (!whole && VC_VPAGE_BYTES - appender.position % VC_VPAGE_BYTES < sizeof(Record))
			whole = true;
		if (whole)
			len = Min(len, VC_VPAGE_BYTES);
		memset(record, (int) number, len);
		record->number = number++;
		record->len = (uint32) len;
		record->crc = record_crc(record);
		if (whole)
			vc_vpage_append_whole(&appender, record, len, NULL);
		else
			vc_vpage_append(&appender, record, len);
		if (pg_prng_uint64_range(&rng, 0, 30) == 0)
			vc_vpage_append_flush(&appender);
	}
	vc_vpage_append_end(&appender);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64((int64) number);
}

/* (rel, root) -> number of records */
Datum
vc_test_vpage_verify(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), AccessShareLock);
	int64 n = verify(rel, ref_arg(fcinfo), CurrentMemoryContext);

	relation_close(rel, AccessShareLock);
	PG_RETURN_INT64(n);
}

/* (rel, root): cuts the file to the end of a record in its middle; returns what is left. */
Datum
vc_test_vpage_truncate(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	VcVpageRef ref = ref_arg(fcinfo);
	MemoryContext context = CurrentMemoryContext;
	Record header;
	VcVpage file;
	uint64 at;
	uint64 goal;
	int64 n;

	(void) GetCurrentTransactionId();
	if (!vc_vpage_open(&file, rel, ref, context))
		elog(ERROR, "file is gone");
	at = file.first_page * VC_VPAGE_BYTES;
	goal = at + (file.length - at) / 2;
	while (at < goal)
	{
		if (VC_VPAGE_BYTES - at % VC_VPAGE_BYTES < sizeof(Record))
		{
			at += VC_VPAGE_BYTES - at % VC_VPAGE_BYTES;
			continue;
		}
		if (!vc_vpage_read(&file, at, sizeof(header), &header))
			elog(ERROR, "file is gone");
		at += header.len != 0 ? header.len : VC_VPAGE_BYTES - at % VC_VPAGE_BYTES;
	}
	vc_vpage_truncate(rel, ref, Min(at, file.length));
	n = verify(rel, ref, context);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64(n);
}

/* (rel, root) */
Datum
vc_test_vpage_free(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);

	(void) GetCurrentTransactionId();
	vc_vpage_free(rel, ref_arg(fcinfo));
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_VOID();
}

/* (rel, root, offset, len): the bytes, from the first one that exists on. */
Datum
vc_test_vpage_read(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), AccessShareLock);
	uint64 offset = (uint64) PG_GETARG_INT64(2);
	int32 len = PG_GETARG_INT32(3);
	bytea *result = palloc(VARHDRSZ + len);
	VcVpage file;
	bool there =
		vc_vpage_open(&file, rel, ref_arg(fcinfo), CurrentMemoryContext) &&
		vc_vpage_read(&file, file.first_page * VC_VPAGE_BYTES + offset, len, VARDATA(result));

	relation_close(rel, AccessShareLock);
	if (!there)
		PG_RETURN_NULL();
	SET_VARSIZE(result, VARHDRSZ + len);
	PG_RETURN_BYTEA_P(result);
}

/* (rel, root, entry, block): damages a direct entry of the root. */
Datum
vc_test_vpage_relink(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	VC_SCOPED(vc_page_write_drop)
	VcPageWrite root = vc_page_write(rel, (BlockNumber) PG_GETARG_INT64(1), VC_TEST_INODE);

	((VcVpageRootDisk *) vc_page_body(root.page))->direct[PG_GETARG_INT32(2)] =
		(BlockNumber) PG_GETARG_INT64(3);
	vc_page_write_commit(&root);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_VOID();
}

/* (rel): enters all free pages into the map, as VACUUM would; returns their number. */
Datum
vc_test_files_sweep(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	uint32 n = vc_recycle_sweep(rel, 0, RelationGetNumberOfBlocks(rel), NULL);

	vc_recycle_vacuum(rel, NULL);
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64(n);
}
