/*
 * tests/modules/test_tape.c
 *		Tapes: written, appended to by several sessions, read back, freed.
 *
 * Items are {writer, number, filler of a length that follows from both}, so that any reader can check
 * them: numbers of one writer ascend by one without a gap.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "core/tape.h"
#include "tests/modules/vc_test_core.h"

#define INCARNATION 3
#define OWNER       11
#define MAX_WRITERS 16
#define MAX_ENTRY   5000

typedef struct Entry
{
	uint32 writer;
	uint32 number;
	char filler[FLEXIBLE_ARRAY_MEMBER];
} Entry;

VC_FUNCTION(vc_test_tape_write);
VC_FUNCTION(vc_test_tape_append);
VC_FUNCTION(vc_test_tape_count);
VC_FUNCTION(vc_test_tape_free);
VC_FUNCTION(vc_test_tape_hint);
VC_FUNCTION(vc_test_tape_close);

static VcTapeRef
tape_at(int64 head, uint16 kind)
{
	return (VcTapeRef){(BlockNumber) head, kind, OWNER, INCARNATION};
}

/* Mostly small, sometimes half a page. */
static Size
item_len(uint32 writer, uint32 number)
{
	uint32 h = (writer * 2654435761u) ^ (number * 2246822519u);

	h ^= h >> 15;
	return sizeof(Entry) + (h % 29 == 0 ? h % (MAX_ENTRY - sizeof(Entry)) : h % 200);
}

static Size
make_item(Entry *item, uint32 writer, uint32 number)
{
	Size len = item_len(writer, number);

	memset(item, (int) (writer + number), len);
	item->writer = writer;
	item->number = number;
	return len;
}

/*
 * (rel, n, incarnation) -> {head, directory}: a tape of n items of writer 0, and its directory.
 */
Datum
vc_test_tape_write(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	int32 n = PG_GETARG_INT32(1);
	VcArena *arena = vc_arena_create(CurrentMemoryContext, "test tape", VC_ARENA_UNLIMITED);
	Entry *item = palloc(MAX_ENTRY);
	BlockNumber *blocks;
	Size count;
	VcTapeWriter writer;
	VcTapeRef tape;
	VcTapeRef directory;
	VcTapeReader reader;
	VcTapeItem got;
	Size page = 0;
	int64 result;

	(void) GetCurrentTransactionId();
	vc_tape_write_begin(&writer, rel, NULL, VC_TEST_TAPE, OWNER, (uint32) PG_GETARG_INT32(2),
						CurrentMemoryContext, arena);
	for (int32 i = 0; i < n; i++)
	{
		Size len = make_item(item, 0, (uint32) i);
		VcIndexPointer where = vc_tape_write(&writer, item, len, VC_ITEM_NORMAL);

		if (where.block != writer.current)
			elog(ERROR, "item is not on the current page");
	}
	tape = vc_tape_write_end(&writer);
	directory = vc_tape_write_directory(&writer, VC_TEST_DIRECTORY);

	/* The directory names the pages of the tape in their order. */
	if (!vc_tape_read_directory(rel, directory, arena, &blocks, &count))
		elog(ERROR, "directory is gone");
	vc_tape_read_begin(&reader, rel, tape, CurrentMemoryContext);
	while (vc_tape_read_next(&reader, &got))
	{
		if (page < count && blocks[page] == got.where.block)
			continue;
		if (++page >= count || blocks[page] != got.where.block)
			elog(ERROR, "directory does not match the tape");
	}
	if (count != writer.npages || (n > 0 && page != count - 1) || reader.npages != count)
		elog(ERROR, "directory has %zu pages, tape %u", count, reader.npages);
	result = (int64) tape.head << 32 | directory.head;
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64(result);
}

/*
 * Checks all items; ret_numbers: per writer, how many.
 */
static int64
read_all(Relation rel, VcTapeRef tape, uint32 *ret_numbers)
{
	Entry *expected = palloc(MAX_ENTRY);
	VcTapeReader reader;
	VcTapeItem got;
	int64 n = 0;

	memset(ret_numbers, 0, MAX_WRITERS * sizeof(uint32));
	vc_tape_read_begin(&reader, rel, tape, CurrentMemoryContext);
	while (vc_tape_read_next(&reader, &got))
	{
		const Entry *item = (const Entry *) got.data.data;
		Size len;

		if (got.data.len < sizeof(Entry) || item->writer >= MAX_WRITERS)
			elog(ERROR, "item %u of block %u is wrong", got.where.slot, got.where.block);
		if (item->number != ret_numbers[item->writer])
			elog(ERROR, "writer %u has item %u where %u is expected", item->writer, item->number,
				 ret_numbers[item->writer]);
		len = make_item(expected, item->writer, item->number);
		if (got.data.len != len || memcmp(item, expected, len) != 0)
			elog(ERROR, "item %u of writer %u has wrong bytes", item->number, item->writer);
		ret_numbers[item->writer]++;
		n++;
	}
	if (vc_tape_read_gone(&reader))
		elog(ERROR, "tape is gone");
	pfree(expected);
	return n;
}

/* Page number `number` of the tape is this block, if the page says so; the head is 0. */
static void
check_number(Relation rel, VcTapeRef tape, BlockNumber blkno, uint32 number)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead page = vc_page_read(rel, blkno, VC_TEST_TAPE);
	uint32 expected = blkno == tape.head ? 0 : vc_page_opaque_read(page.page)->skip;

	if (number != expected || (number == 0) != (blkno == tape.head))
		elog(ERROR, "page %u of the tape has number %u", number, expected);
}

/* (rel, head, writer, n): appends n items behind the writer's last; returns the number of its items. */
Datum
vc_test_tape_append(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	VcTapeRef tape = tape_at(PG_GETARG_INT64(1), VC_TEST_TAPE);
	uint32 writer = (uint32) PG_GETARG_INT32(2);
	uint32 n = (uint32) PG_GETARG_INT32(3);
	uint32 numbers[MAX_WRITERS];
	Entry *item = palloc(MAX_ENTRY);
	uint32 from;
	uint32 number;

	(void) GetCurrentTransactionId();
	read_all(rel, tape, numbers);
	from = numbers[writer];
	for (uint32 i = from; i < from + n; i++)
	{
		Size len = make_item(item, writer, i);
		VcIndexPointer where;

		CHECK_FOR_INTERRUPTS();
		if (!vc_tape_append(rel, NULL, tape, item, len, VC_ITEM_NORMAL, &where, &number))
			elog(ERROR, "tape is gone or closed");
		check_number(rel, tape, where.block, number);
	}
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64(from + n);
}

/* (rel, head) -> items per writer */
Datum
vc_test_tape_count(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), AccessShareLock);
	VcTapeRef tape = tape_at(PG_GETARG_INT64(1), VC_TEST_TAPE);
	int32 writer = PG_GETARG_INT32(2);
	uint32 numbers[MAX_WRITERS];
	int64 n = read_all(rel, tape, numbers);

	relation_close(rel, AccessShareLock);
	PG_RETURN_INT64(writer < 0 ? n : numbers[writer]);
}

/* (rel, head): pages between the hint of the head and the tail. */
Datum
vc_test_tape_hint(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), AccessShareLock);
	BlockNumber blkno = (BlockNumber) PG_GETARG_INT64(1);
	VC_SCOPED(vc_page_read_drop) VcPageRead page = vc_page_read(rel, blkno, VC_TEST_TAPE);
	int64 steps = 0;

	if (vc_page_opaque_read(page.page)->skip != InvalidBlockNumber)
		vc_page_read_step(&page, vc_page_opaque_read(page.page)->skip, VC_TEST_TAPE);
	while (vc_page_opaque_read(page.page)->next != InvalidBlockNumber)
	{
		vc_page_read_step(&page, vc_page_opaque_read(page.page)->next, VC_TEST_TAPE);
		steps++;
	}
	vc_page_read_drop(&page);
	relation_close(rel, AccessShareLock);
	PG_RETURN_INT64(steps);
}

/*
 * (rel, n): makes a tape of n items by appending, closes it, and proves that nothing can be appended and
 * that everything is still read.  Returns the number of its pages, which their numbers agree with.
 */
Datum
vc_test_tape_close(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	int32 n = PG_GETARG_INT32(1);
	uint32 numbers[MAX_WRITERS];
	Entry *item = palloc(MAX_ENTRY);
	Size len = make_item(item, 1, 0);
	VcIndexPointer where;
	VcTapeReader reader;
	VcTapeItem got;
	VcTapeRef tape;
	uint32 number = 0;

	(void) GetCurrentTransactionId();
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(rel);

		tape = vc_tape_create_in(&xlog, NULL, VC_TEST_TAPE, OWNER, INCARNATION, item, len,
								 VC_ITEM_NORMAL);
		vc_xlog_commit(&xlog);
	}
	for (int32 i = 1; i < n; i++)
	{
		len = make_item(item, 1, (uint32) i);
		if (!vc_tape_append(rel, NULL, tape, item, len, VC_ITEM_NORMAL, &where, &number))
			elog(ERROR, "tape is gone or closed");
	}
	{
		VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(rel);

		if (!vc_tape_close_in(&xlog, tape))
			elog(ERROR, "tape grew");
		vc_xlog_commit(&xlog);
	}
	if (vc_tape_append(rel, NULL, tape, item, len, VC_ITEM_NORMAL, &where, NULL))
		elog(ERROR, "appended to a closed tape");
	if (read_all(rel, tape, numbers) != n || numbers[1] != (uint32) n)
		elog(ERROR, "closed tape has %u items", numbers[1]);
	vc_tape_read_begin(&reader, rel, tape, CurrentMemoryContext);
	while (vc_tape_read_next(&reader, &got))
		check_number(rel, tape, got.where.block, reader.npages - 1);
	if (reader.npages != number + 1)
		elog(ERROR, "closed tape has %u pages, the last is number %u", reader.npages, number);
	if (vc_tape_free(rel, tape) != reader.npages)
		elog(ERROR, "not all pages of a closed tape were freed");
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT32((int32) reader.npages);
}

/* (rel, head, directory?) -> pages */
Datum
vc_test_tape_free(PG_FUNCTION_ARGS)
{
	Relation rel = relation_open(PG_GETARG_OID(0), RowExclusiveLock);
	uint16 kind = PG_GETARG_BOOL(2) ? VC_TEST_DIRECTORY : VC_TEST_TAPE;
	uint32 n = vc_tape_free(rel, tape_at(PG_GETARG_INT64(1), kind));

	(void) GetCurrentTransactionId();
	relation_close(rel, RowExclusiveLock);
	PG_RETURN_INT64(n);
}
