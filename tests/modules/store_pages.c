/*
 * tests/modules/store_pages.c
 *		SQL functions over page layout, recycling, bulk writers, streams and redirects.
 */
#include "postgres.h"

#include "store.h"

#include <time.h>

#include "common/pg_prng.h"
#include "core/attrs.h"
#include "core/buf.h"
#include "core/page.h"
#include "core/page_writer.h"
#include "core/recycle.h"
#include "core/redirect.h"
#include "core/stream.h"
#include "core/tid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "utils/array.h"
#include "utils/builtins.h"

VC_FUNCTION(vc_test_items);
VC_FUNCTION(vc_test_damage);
VC_FUNCTION(vc_test_tids);
VC_FUNCTION(vc_test_alloc);
VC_FUNCTION(vc_test_free);
VC_FUNCTION(vc_test_sweep);
VC_FUNCTION(vc_test_map);
VC_FUNCTION(vc_test_map_set);
VC_FUNCTION(vc_test_owned);
VC_FUNCTION(vc_test_write);
VC_FUNCTION(vc_test_verify);
VC_FUNCTION(vc_test_redirect);
VC_FUNCTION(vc_test_stream);
VC_FUNCTION(vc_test_bench);

/*----- page layout -----*/

#define MODEL_ITEMS 400

typedef struct ModelItem
{
	VcItemState state;
	Size len;
	unsigned char fill;
} ModelItem;

static void
compare_items(Relation index, const char *page, const ModelItem *model, int n, int step)
{
	if (vc_page_problem(page) != NULL)
		elog(ERROR, "step %d: %s", step, vc_page_problem(page));
	while (n > 0 && model[n].state == VC_ITEM_UNUSED)
		n--;
	if (vc_page_items(page) != n)
		elog(ERROR, "step %d: %d items, model has %d", step, vc_page_items(page), n);
	for (int i = 1; i <= n; i++)
	{
		VcSpan item;
		VcItemState state = vc_page_item(index, 0, page, i, &item);

		if (state != model[i].state || item.len != (state == VC_ITEM_UNUSED ? 0 : model[i].len))
			elog(ERROR, "step %d: item %d differs", step, i);
		for (Size k = 0; k < item.len; k++)
		{
			if ((unsigned char) item.data[k] != model[i].fill)
				elog(ERROR, "step %d: item %d, byte %zu differs", step, i, k);
		}
	}
}

/* Random adds, frees, state changes and compactions of one page beside a plain array; returns adds. */
Datum
vc_test_items(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	int rounds = PG_GETARG_INT32(2);
	pg_prng_state prng;
	PGAlignedBlock block;
	char *page = block.data;
	ModelItem model[MODEL_ITEMS + 1];
	int n = 0;
	int added = 0;
	char value[BLCKSZ];

	pg_prng_seed(&prng, PG_GETARG_INT64(1));
	memset(model, 0, sizeof(model));
	vc_page_init(page, STORE_DATA, 1, 1);
	for (int step = 0; step < rounds; step++)
	{
		uint64 dice = pg_prng_uint64_range(&prng, 0, 99);
		OffsetNumber off = n > 0 ? pg_prng_uint64_range(&prng, 1, n) : 0;

		if (dice < 60 || n == 0)
		{
			Size len = pg_prng_uint64_range(&prng, 1, dice < 5 ? 4000 : 300);
			Size room = vc_page_room(page);
			unsigned char fill = pg_prng_uint64_range(&prng, 0, 255);

			memset(value, fill, len);
			off = vc_page_item_add(page, value, len, VC_ITEM_NORMAL);
			if ((off != 0) != (MAXALIGN(len) <= room))
				elog(ERROR, "step %d: room %zu, length %zu, item %u", step, room, len, off);
			if (off > MODEL_ITEMS)
				elog(ERROR, "step %d: item number %u", step, off);
			if (off != 0)
			{
				if (model[off].state != VC_ITEM_UNUSED)
					elog(ERROR, "step %d: item %u given out twice", step, off);
				model[off] = (ModelItem){VC_ITEM_NORMAL, len, fill};
				n = Max(n, off);
				added++;
			}
			else if (vc_page_room_compacted(index, 0, page) >= MAXALIGN(len))
			{
				vc_page_compact(index, 0, page);
				if (vc_page_room(page) < MAXALIGN(len))
					elog(ERROR, "step %d: compaction gave %zu", step, vc_page_room(page));
			}
		}
		else if (model[off].state == VC_ITEM_UNUSED)
			continue;
		else if (dice < 90)
		{
			vc_page_item_set_state(index, 0, page, off, VC_ITEM_UNUSED);
			model[off].state = VC_ITEM_UNUSED;
		}
		else
		{
			VcItemState state = dice < 95 ? VC_ITEM_DEAD : VC_ITEM_REDIRECT;

			vc_page_item_set_state(index, 0, page, off, state);
			model[off].state = state;
		}
		compare_items(index, page, model, n, step);
		for (int i = ((PageHeader) page)->pd_lower; i < ((PageHeader) page)->pd_upper; i++)
		{
			if (page[i] != 0)
				elog(ERROR, "step %d: byte %d of the hole is not zero", step, i);
		}
	}
	store_close(index, NULL);
	PG_RETURN_INT32(added);
}

/*
 * Damages one field of a private page and puts it through the check the way a guard would (field NULL:
 * a good page, which must pass).
 */
Datum
vc_test_damage(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	char *field = text_to_cstring(PG_GETARG_TEXT_PP(1));
	PGAlignedBlock block;
	char *page = block.data;
	PageHeader header = (PageHeader) page;
	VcSpan item;
	Size len;

	vc_page_init(page, STORE_DATA, 1, 1);
	vc_page_item_add(page, "0123456789", 10, VC_ITEM_NORMAL);
	vc_page_item_add(page, "0123456789", 10, VC_ITEM_NORMAL);
	vc_page_seal(page);
	if (strcmp(field, "size") == 0)
		header->pd_pagesize_version = 4096 | 4;
	else if (strcmp(field, "special") == 0)
		header->pd_special -= 8;
	else if (strcmp(field, "lower") == 0)
		header->pd_lower = header->pd_upper + 1;
	else if (strcmp(field, "lower small") == 0)
		header->pd_lower = 8;
	else if (strcmp(field, "upper") == 0)
		header->pd_upper = VC_PAGE_SPECIAL + 8;
	else if (strcmp(field, "id") == 0)
		vc_page_opaque(page)->page_id ^= 1;
	else if (strcmp(field, "kind") == 0)
		vc_page_opaque(page)->kind = STORE_META;
	else if (strcmp(field, "no kind") == 0)
		vc_page_opaque(page)->kind = VC_PAGE_FREE;
	else if (strcmp(field, "zero") == 0)
		memset(page, 0, BLCKSZ);
	else if (strcmp(field, "item offset") == 0)
		header->pd_linp[0].lp_off = 40;
	else if (strcmp(field, "item length") == 0)
		header->pd_linp[0].lp_len = 5000;
	else if (strcmp(field, "item empty") == 0)
		header->pd_linp[0].lp_len = 0;
	else if (strcmp(field, "item overlap") == 0)
		header->pd_linp[0].lp_off = header->pd_linp[1].lp_off, header->pd_linp[1].lp_len = 26,
		header->pd_linp[0].lp_len = 26;
	else if (strcmp(field, "payload") == 0)
		page[header->pd_upper] ^= 1;

	vc_page_check(index, 0, page, STORE_DATA);
	vc_page_item(index, 0, page, 1, &item);
	vc_page_item_write(index, 0, page, 1, &len);
	vc_page_compact(index, 0, page);
	if (strcmp(field, "item number") == 0)
		vc_page_item(index, 0, page, 3, &item);
	if (strcmp(field, "block") == 0)
		vc_page_read(index, 1000000, STORE_DATA);
	if (strcmp(field, "block invalid") == 0)
		vc_page_read(index, InvalidBlockNumber, STORE_DATA);
	store_close(index, NULL);
	PG_RETURN_BOOL(vc_page_seal_ok(page));
}

Datum
vc_test_tids(PG_FUNCTION_ARGS)
{
	pg_prng_state prng;
	uint64 last = 0;
	ItemPointerData last_tid;

	ItemPointerSet(&last_tid, 0, 0);
	pg_prng_seed(&prng, PG_GETARG_INT64(0));
	for (int i = 0; i < 100000; i++)
	{
		BlockNumber block = pg_prng_uint64(&prng) >> (32 + pg_prng_uint64_range(&prng, 0, 31));
		OffsetNumber offset = pg_prng_uint64(&prng) >> (48 + pg_prng_uint64_range(&prng, 0, 15));
		VcHeapPointer p = {block, offset};
		VcIndexPointer q = {block, offset};
		ItemPointerData tid;
		ItemPointerData back;
		uint64 key = vc_heap_key(p);
		int order;

		ItemPointerSet(&tid, block, offset);
		vc_tid_from_key(key, &back);
		if (vc_tid_key(&tid) != key || !ItemPointerEquals(&tid, &back) ||
			vc_heap_key(vc_heap_unpack(vc_heap_pack(p))) != key ||
			vc_index_key(vc_index_unpack(vc_index_pack(q))) != key ||
			vc_heap_key(vc_heap_from_tid(&tid)) != key || vc_index_from_key(key).slot != offset)
			elog(ERROR, "key of (%u,%u) is not reversible", block, offset);
		order = ItemPointerCompare(&tid, &last_tid);
		if (vc_key_cmp(key, last) != (order > 0) - (order < 0))
			elog(ERROR, "order of (%u,%u)", block, offset);
		if (vc_heap_valid(p) != (block <= MaxBlockNumber && OffsetNumberIsValid(offset)))
			elog(ERROR, "validity of (%u,%u)", block, offset);
		last = key;
		last_tid = tid;
	}
	PG_RETURN_VOID();
}

/*----- recycling -----*/

Datum
vc_test_alloc(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	BlockNumber first = vc_recycle_alloc_run(index, heap, PG_GETARG_INT32(1), STORE_DATA,
											 PG_GETARG_INT32(2), PG_GETARG_INT32(3));

	store_close(index, heap);
	PG_RETURN_INT64(first);
}

Datum
vc_test_free(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	uint32 n = vc_recycle_free_run(index, PG_GETARG_INT64(1), PG_GETARG_INT32(2),
								   PG_GETARG_INT32(3), PG_GETARG_INT32(4));

	store_close(index, heap);
	PG_RETURN_INT32(n);
}

Datum
vc_test_sweep(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	uint32 n = vc_recycle_sweep(index, 0, RelationGetNumberOfBlocks(index), NULL);

	vc_recycle_vacuum(index, NULL);
	store_close(index, heap);
	PG_RETURN_INT32(n);
}

/* Run length that the map has for a block. */
Datum
vc_test_map(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	Size space = GetRecordedFreeSpace(index, PG_GETARG_INT64(1));

	store_close(index, NULL);
	PG_RETURN_INT32(space / (BLCKSZ / 256));
}

/* A lie in the map. */
Datum
vc_test_map_set(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	BlockNumber blkno = PG_GETARG_INT64(1);

	RecordPageWithFreeSpace(index, blkno, PG_GETARG_INT32(2) * (BLCKSZ / 256));
	FreeSpaceMapVacuumRange(index, blkno, blkno + 1);
	store_close(index, heap);
	PG_RETURN_VOID();
}

/* How many of n pages from first on are live and of this owner and incarnation. */
Datum
vc_test_owned(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	VcPageRead r = VC_PAGE_READ_NONE(index);
	int32 owned = 0;

	for (int32 i = 0; i < PG_GETARG_INT32(2); i++)
	{
		vc_page_read_step(&r, PG_GETARG_INT64(1) + i, VC_PAGE_ANY);
		owned += vc_page_is_live_of(r.page, PG_GETARG_INT32(3), PG_GETARG_INT32(4));
	}
	vc_page_read_drop(&r);
	store_close(index, NULL);
	PG_RETURN_INT32(owned);
}

/*----- bulk writers -----*/

/* A body that is different on every page and longer than it looks to a lazy WAL record. */
static Size
pattern(char *body, BlockNumber blkno)
{
	pg_prng_state prng;
	Size len = 8 * (1 + blkno % (VC_PAGE_BODY_SIZE / 8));

	pg_prng_seed(&prng, blkno);
	for (Size i = 0; i < len; i += 8)
	{
		uint64 v = pg_prng_uint64(&prng);

		memcpy(body + i, &v, 8);
	}
	return len;
}

static void
fill_pattern(char *page, BlockNumber blkno)
{
	Size len;

	vc_page_init(page, STORE_DATA, 5, 5);
	len = pattern(vc_page_body(page), blkno);
	vc_page_set_used(page, len);
	vc_page_seal(page);
}

/* n pages by one of the writers; returns the first block. */
Datum
vc_test_write(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	char *mode = text_to_cstring(PG_GETARG_TEXT_PP(2));
	int32 n = PG_GETARG_INT32(1);
	BlockNumber first = InvalidBlockNumber;
	BlockNumber blkno;

	if (strcmp(mode, "append") == 0)
	{
		VcPageWriter *writer = vc_page_writer_begin(index, MAIN_FORKNUM);

		first = vc_page_writer_position(writer);
		for (int32 i = 0; i < n; i++)
		{
			fill_pattern(vc_page_writer_next(writer, &blkno), first + i);
			if (blkno != first + i)
				elog(ERROR, "block %u, expected %u", blkno, first + i);
			vc_page_writer_put(writer);
		}
		vc_page_writer_end(writer);
	}
	else if (strcmp(mode, "damaged") == 0 || strcmp(mode, "forgotten") == 0)
	{
		VcPageWriter *writer = vc_page_writer_begin(index, MAIN_FORKNUM);
		char *page = vc_page_writer_next(writer, &blkno);

		fill_pattern(page, blkno);
		if (strcmp(mode, "forgotten") == 0)
			vc_page_writer_end(writer);
		((PageHeader) page)->pd_lower = 1;
		vc_page_writer_put(writer);
	}
	else
	{
		VcRangeWriter *writer = vc_range_writer_begin(index, 16);

		if (strcmp(mode, "run") == 0)
			first = vc_range_writer_run(writer, n);
		for (int32 i = 0; i < n; i++)
		{
			char *page = vc_range_writer_next(writer, &blkno);

			if (first == InvalidBlockNumber)
				first = blkno;
			fill_pattern(page, blkno);
			vc_range_writer_put(writer);
		}
		vc_range_writer_end(writer);
	}
	store_close(index, heap);
	PG_RETURN_INT64(first);
}

/* How many of n pages from first on are what vc_test_write made. */
Datum
vc_test_verify(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	BlockNumber first = PG_GETARG_INT64(1);
	char body[VC_PAGE_BODY_SIZE];
	int32 good = 0;

	for (int32 i = 0; i < PG_GETARG_INT32(2); i++)
	{
		VcPageRead r = vc_page_read(index, first + i, STORE_DATA);
		VcSpan contents = vc_page_contents(r.page);
		Size len = pattern(body, first + i);

		good += contents.len == len && memcmp(contents.data, body, len) == 0 &&
				vc_page_is_of(r.page, 5, 5) && vc_page_seal_ok(r.page);
		vc_page_read_drop(&r);
	}
	store_close(index, NULL);
	PG_RETURN_INT32(good);
}

/* Writes a value apart, reads it back, frees it if asked to; returns its first block. */
Datum
vc_test_redirect(PG_FUNCTION_ARGS)
{
	Relation heap;
	Relation index = store_open(PG_GETARG_OID(0), &heap);
	Size len = PG_GETARG_INT32(1);
	char *value = palloc(len);
	char *back = palloc(len + 1);
	VcRedirectDisk redirect;
	VcRedirectDisk again;
	PGAlignedBlock block;
	OffsetNumber off;
	VcSpan item;
	VcReadCache cache;
	pg_prng_state prng;

	pg_prng_seed(&prng, len);
	for (Size i = 0; i < len; i++)
		value[i] = (char) pg_prng_uint64(&prng);
	vc_redirect_write(index, heap, STORE_CONTINUATION, 9, 1, value, len, &redirect);

	vc_page_init(block.data, STORE_DATA, 1, 1);
	off = vc_page_item_add(block.data, &redirect, sizeof(redirect), VC_ITEM_REDIRECT);
	if (vc_page_item(index, 0, block.data, off, &item) != VC_ITEM_REDIRECT)
		elog(ERROR, "item is not a redirect");
	again = vc_redirect_get(index, 0, item, PG_GETARG_INT32(2));
	back[len] = 'x';
	vc_read_cache_init(&cache, index);
	for (int i = 0; i < 20; i++)
	{
		memset(back, 0, len);
		if (!vc_redirect_read(index, &cache, STORE_CONTINUATION, &again, back) ||
			memcmp(value, back, len) != 0 || back[len] != 'x')
			elog(ERROR, "value of %zu bytes differs", len);
	}
	again.incarnation = 2;
	if (vc_redirect_read(index, NULL, STORE_CONTINUATION, &again, back))
		elog(ERROR, "value of another life was read");
	if (PG_GETARG_BOOL(3))
		vc_redirect_free(index, STORE_CONTINUATION, &redirect);
	store_close(index, heap);
	PG_RETURN_INT64(redirect.first);
}

/*----- streams -----*/

typedef struct Sequence
{
	uint32 blocks; /* of the relation */
	uint32 step;
	uint32 n;
	uint32 at;
} Sequence;

static BlockNumber
sequence_block(const Sequence *s, uint32 i)
{
	return 1 + (uint64) i * s->step % (s->blocks - 1);
}

static BlockNumber
next_of_sequence(void *arg)
{
	Sequence *s = arg;

	return s->at < s->n ? sequence_block(s, s->at++) : InvalidBlockNumber;
}

/*
 * Streams n blocks 1 + i * step mod (length - 1) twice, with a reset in the middle of the first time;
 * returns {blocks delivered, misses, prefetched}.
 */
Datum
vc_test_stream(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	Sequence s = {RelationGetNumberOfBlocks(index), PG_GETARG_INT32(3), PG_GETARG_INT32(2), 0};
	VcReadCache cache;
	VcStream *stream;
	VcStreamStats stats;
	Datum result[3];

	vc_read_cache_init(&cache, index);
	stream =
		vc_stream_begin(index, (VcStreamMode) PG_GETARG_INT32(1), &cache, next_of_sequence, &s);
	for (int time = 0; time < 2; time++)
	{
		VcPageRead r = VC_PAGE_READ_NONE(index);
		uint32 seen = 0;

		s.at = 0;
		vc_stream_reset(stream);
		while (vc_stream_next(stream, VC_PAGE_ANY, &r))
		{
			if (r.blkno != sequence_block(&s, seen))
				elog(ERROR, "block %u where %u was asked for", r.blkno, sequence_block(&s, seen));
			seen++;
			if (time == 0 && seen == s.n / 2)
				break;
		}
		vc_page_read_drop(&r);
		if (time == 1 && seen != s.n)
			elog(ERROR, "%u of %u blocks", seen, s.n);
	}
	stats = vc_stream_stats(stream);
	vc_stream_end(stream);
	store_close(index, NULL);
	result[0] = Int64GetDatum(stats.blocks);
	result[1] = Int64GetDatum(stats.misses);
	result[2] = Int64GetDatum(stats.prefetched);
	PG_RETURN_ARRAYTYPE_P(construct_array(result, 3, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*----- benchmark -----*/

/*
 * Nanoseconds of CPU time a page for `rounds` scans of n random blocks among the first `blocks`, touching one line
 * in four of each page.  mode: 0 plain, 1 cache, 2 cache with prefetch hints.
 */
Datum
vc_test_bench(PG_FUNCTION_ARGS)
{
	Relation index = store_open_read(PG_GETARG_OID(0));
	uint32 blocks = PG_GETARG_INT32(1);
	uint32 n = PG_GETARG_INT32(2);
	int32 rounds = PG_GETARG_INT32(3);
	int32 mode = PG_GETARG_INT32(4);
	uint32 lines = PG_GETARG_INT32(5);
	BlockNumber *order = palloc(sizeof(BlockNumber) * (n + 8));
	uint64 sink = 0;
	pg_prng_state prng;
	struct timespec start;
	struct timespec end;

	pg_prng_seed(&prng, 42 + MyProcPid);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (int32 round = 0; round < rounds; round++)
	{
		VcReadCache cache;
		uint64 sum = 0;

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < n + 8; i++)
			order[i] = 1 + pg_prng_uint64_range(&prng, 0, blocks - 2);
		vc_read_cache_init(&cache, index);
		for (uint32 i = 0; i < n; i++)
		{
			VcPageRead r;

			if (mode == 2)
			{
				vc_prefetch_descriptor(&cache, order[i + 8]);
				vc_prefetch_hint(&cache, order[i + 4], 64, lines);
			}
			r = vc_page_read_cached(mode == 0 ? NULL : &cache, index, order[i], VC_PAGE_ANY);
			for (uint32 k = 0; k < lines; k++)
				sum += *(const uint64 *) (r.page + 64 + 64 * k);
			vc_page_read_drop(&r);
		}
		sink += sum;
		(void) sink;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	store_close(index, NULL);
	/* what was read is used, so that it has to be read */
	elog(DEBUG1, "sum %llu", (unsigned long long) sink);
	PG_RETURN_FLOAT8(
		((double) (end.tv_sec - start.tv_sec) * 1e9 + (double) (end.tv_nsec - start.tv_nsec)) /
		((double) rounds * n));
}
