/*
 * core/vector/sample.c
 *		Rows for training: whole blocks of the table in pseudo-random order.
 *
 * The table AM's TABLESAMPLE callbacks do the reading, driven by a sampling method made up here: its
 * next block is the permutation's, its next tuple the next of the block.  The server checks each tuple
 * against the snapshot before we see it.
 *
 * Memory: one row at a time besides what the caller gave; a detoasted value lives until the next row.
 */
#include "postgres.h"

#include "core/vector/sample.h"

#include "access/tableam.h"
#include "access/tsmapi.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/vector/datum.h"
#include "core/vector/tokens.h"

/* rounds of the permutation; four already make a Feistel network of random functions look random */
#define FEISTEL_ROUNDS 8

static uint64
mix(uint64 x)
{
	/* finaliser of splitmix64 */
	x += UINT64CONST(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint64
vcv_permute(uint64 i, uint64 n, uint64 key)
{
	int half = 1;
	uint64 mask;
	uint64 x = i;

	Assert(i < n && n <= UINT64CONST(1) << 62);
	while (half < 31 && (UINT64CONST(1) << (2 * half)) < n)
		half++;
	mask = (UINT64CONST(1) << half) - 1;

	/* a permutation of 2^(2 half) >= n numbers; those beyond n are walked over */
	do
	{
		uint64 left = x >> half;
		uint64 right = x & mask;

		for (int round = 0; round < FEISTEL_ROUNDS; round++)
		{
			uint64 next = left ^ (mix(right ^ mix(key + (uint64) round)) & mask);

			left = right;
			right = next;
		}
		x = (left << half) | right;
	} while (x >= n);
	return x;
}

/* ---- the sampling method ---- */

typedef struct Blocks
{
	uint64 seed;
	BlockNumber visited;
	BlockNumber limit; /* visit at most this many */
	BlockNumber total; /* of the table, as the scan sees it */
	OffsetNumber next;
} Blocks;

static BlockNumber
next_block(SampleScanState *node, BlockNumber nblocks)
{
	Blocks *blocks = (Blocks *) node->tsm_state;

	blocks->total = nblocks;
	blocks->next = FirstOffsetNumber;
	if (blocks->visited >= nblocks || blocks->visited >= blocks->limit)
		return InvalidBlockNumber;
	return (BlockNumber) vcv_permute(blocks->visited++, nblocks, blocks->seed);
}

static OffsetNumber
next_tuple(SampleScanState *node, BlockNumber blockno pg_attribute_unused(), OffsetNumber maxoffset)
{
	Blocks *blocks = (Blocks *) node->tsm_state;

	return blocks->next <= maxoffset ? blocks->next++ : InvalidOffsetNumber;
}

/* ---- reading rows ---- */

typedef struct Reader
{
	Blocks blocks;
	TsmRoutine method;
	SampleScanState node;
	Snapshot snapshot;
	TableScanDesc scan;
	TupleTableSlot *slot;
	EState *estate;
	ExprContext *econtext;
	IndexInfo *info;
	ExprState *predicate;
	bool in_block;
} Reader;

static void
open_reader(Reader *reader, Relation heap, Relation index, uint64 seed, BlockNumber limit)
{
	memset(reader, 0, sizeof(*reader));
	reader->blocks.seed = seed;
	reader->blocks.limit = limit;
	reader->method.type = T_TsmRoutine;
	reader->method.NextSampleBlock = next_block;
	reader->method.NextSampleTuple = next_tuple;
	reader->node.ss.ps.type = T_SampleScanState;
	reader->node.tsmroutine = &reader->method;
	reader->node.tsm_state = &reader->blocks;

	/*
	 * The latest snapshot and not the transaction's: under REPEATABLE READ the table may hold nothing
	 * that the latter sees, and the index gets those rows all the same.
	 */
	reader->snapshot = RegisterSnapshot(GetLatestSnapshot());
	reader->scan = table_beginscan_sampling(heap, reader->snapshot, 0, NULL, true, false, true);
	reader->slot = table_slot_create(heap, NULL);

	/* expression states of our own, which end with our executor state */
	reader->estate = CreateExecutorState();
	reader->econtext = GetPerTupleExprContext(reader->estate);
	reader->info = BuildIndexInfo(index);
	reader->predicate = ExecPrepareQual(reader->info->ii_Predicate, reader->estate);
}

static void
close_reader(Reader *reader)
{
	table_endscan(reader->scan);
	ExecDropSingleTupleTableSlot(reader->slot);
	FreeExecutorState(reader->estate);
	UnregisterSnapshot(reader->snapshot);
}

/* The next visible row into the slot; false at the end. */
static bool
next_row(Reader *reader)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();

		if (!reader->in_block)
		{
			if (!table_scan_sample_next_block(reader->scan, &reader->node))
				return false;
			reader->in_block = true;
		}
		if (table_scan_sample_next_tuple(reader->scan, &reader->node, reader->slot))
		{
			ResetExprContext(reader->econtext);
			reader->econtext->ecxt_scantuple = reader->slot;
			return true;
		}
		reader->in_block = false;
	}
}

/* One vector to where rows go, as number `row`; x[dim] is scratch.  False: the callback has enough. */
static bool
take_token(const VcvSampleSpec *spec, Datum token, float *x, uint64 row)
{
	VcvView view;

	vcv_read(spec->opclass.type, token, &view);
	if (view.dim != spec->dim)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("invalid vector dimensions"),
						errdetail("Expected %u dimensions, not %u.", spec->dim, view.dim)));
	vcv_to_f32(&view, x);
	if (spec->opclass.metric == VCV_COSINE)
		vcv_normalize(x, spec->dim);
	if (spec->transform != NULL)
		spec->transform(spec->transform_arg, x);
	if (spec->memory == NULL)
		return spec->row(spec->row_arg, x);
	vcv_from_f32(spec->row_type, x, spec->row_dim,
				 (char *) spec->memory + row * vcv_row_bytes(spec->row_type, spec->row_dim));
	return true;
}

void
vcv_sample(const VcvSampleSpec *spec, VcvSampleResult *ret_result)
{
	uint64 wanted = spec->memory != NULL ? Min(spec->wanted, spec->capacity) : spec->wanted;
	VcvSampleResult result = {0};
	Reader reader;
	float *x;

	Assert(spec->row_dim >= 1 && spec->row_dim <= spec->dim);
	result.total = RelationGetNumberOfBlocks(spec->heap);
	if (wanted == 0)
	{
		*ret_result = result;
		return;
	}

	x = palloc(sizeof(float) * spec->dim);
	open_reader(&reader, spec->heap, spec->index, spec->seed, MaxBlockNumber);
	while (result.rows < wanted && next_row(&reader))
	{
		MemoryContext old;
		Datum values[INDEX_MAX_KEYS];
		bool isnull[INDEX_MAX_KEYS];
		VcvTokens tokens;
		Datum token;
		bool more = true;

		result.visible++;
		if (!ExecQual(reader.predicate, reader.econtext))
			continue;

		old = MemoryContextSwitchTo(reader.econtext->ecxt_per_tuple_memory);
		FormIndexDatum(reader.info, reader.slot, reader.estate, values, isnull);
		if (isnull[0])
		{
			MemoryContextSwitchTo(old);
			result.nulls++;
			continue;
		}
		vcv_tokens_begin(&tokens, values[0], spec->opclass.maxsim);
		while (more && result.rows < wanted && vcv_tokens_next(&tokens, &token))
		{
			CHECK_FOR_INTERRUPTS();
			more = take_token(spec, token, x, result.rows);
			result.rows++;
		}
		MemoryContextSwitchTo(old);
		if (!more)
			break;
	}
	result.blocks = reader.blocks.visited;
	close_reader(&reader);
	pfree(x);
	*ret_result = result;
}

/* vectors that the row in the slot will have in the index */
static double
row_vectors(Reader *reader, bool maxsim)
{
	AttrNumber column = reader->info->ii_IndexAttrNumbers[0];
	MemoryContext old;
	double n = 1;

	/* an expression of one vector is taken for not null rather than computed */
	if (column == 0 && !maxsim)
		return 1;
	old = MemoryContextSwitchTo(reader->econtext->ecxt_per_tuple_memory);
	if (column == 0)
	{
		Datum values[INDEX_MAX_KEYS];
		bool isnull[INDEX_MAX_KEYS];

		FormIndexDatum(reader->info, reader->slot, reader->estate, values, isnull);
		n = isnull[0] ? 0 : vcv_tokens_count(values[0]);
	}
	else if (slot_attisnull(reader->slot, column))
		n = 0;
	else if (maxsim)
	{
		bool isnull;

		n = vcv_tokens_count(slot_getattr(reader->slot, column, &isnull));
	}
	MemoryContextSwitchTo(old);
	return n;
}

double
vcv_sample_estimate(Relation heap, Relation index, bool maxsim, BlockNumber blocks, uint64 seed)
{
	Reader reader;
	double rows = 0;
	double result;

	open_reader(&reader, heap, index, seed, blocks);
	while (next_row(&reader))
	{
		if (ExecQual(reader.predicate, reader.econtext))
			rows += row_vectors(&reader, maxsim);
	}
	result = reader.blocks.visited == 0
				 ? 0
				 : rows * ((double) reader.blocks.total / (double) reader.blocks.visited);
	close_reader(&reader);
	return result;
}
