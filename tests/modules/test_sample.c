/*
 * tests/modules/test_sample.c
 *		Sampling of training rows and operator class names, called from SQL.
 *
 * A module of its own, as it links vector code and vc_test_core must not.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "core/attrs.h"
#include "core/simd/vector/ops.h"
#include "core/vector/sample.h"

PG_MODULE_MAGIC;

extern VC_EXPORT void _PG_init(void);

void
_PG_init(void)
{
	vcs_vector_init();
}

static bool
sum_row(void *arg, const float *x)
{
	*(double *) arg += x[0];
	return true;
}

static void
double_row(void *arg, float *x)
{
	for (uint32 i = 0; i < *(uint32 *) arg; i++)
		x[i] *= 2;
}

/*
 * vc_test_sample(index, type, metric, wanted, capacity, seed): samples into memory and once more through
 * the callback, and tells what came.  first = sum of first elements.
 */
VC_FUNCTION(vc_test_sample);
Datum
vc_test_sample(PG_FUNCTION_ARGS)
{
	Oid heap_oid = IndexGetRelation(PG_GETARG_OID(0), false);
	Relation heap = table_open(heap_oid, AccessShareLock);
	Relation index = index_open(PG_GETARG_OID(0), AccessShareLock);
	VcvSampleSpec spec = {0};
	VcvSampleResult result;
	VcvSampleResult again;
	double first = 0;
	double norms = 0;
	double streamed = 0;
	float *rows;

	spec.heap = heap;
	spec.index = index;
	spec.opclass.type = (VcvType) PG_GETARG_INT32(1);
	spec.opclass.metric = (VcvMetric) PG_GETARG_INT32(2);
	spec.dim = vcv_opclass_dim(index);
	spec.wanted = (uint64) PG_GETARG_INT64(3);
	spec.capacity = (uint64) PG_GETARG_INT64(4);
	spec.seed = (uint64) PG_GETARG_INT64(5);
	spec.row_type = VCV_VECTOR;
	spec.row_dim = spec.dim;
	rows = palloc(sizeof(float) * spec.dim * Max(spec.capacity, 1));
	spec.memory = rows;
	vcv_sample(&spec, &result);
	for (uint64 i = 0; i < result.rows; i++)
	{
		first += rows[i * spec.dim];
		norms += vcv_norm2(rows + i * spec.dim, spec.dim);
	}

	/* the same rows in the same order, twice as long */
	spec.wanted = result.rows;
	spec.memory = NULL;
	spec.row = sum_row;
	spec.row_arg = &streamed;
	spec.transform = double_row;
	spec.transform_arg = &spec.dim;
	vcv_sample(&spec, &again);
	if (again.rows != result.rows || fabs(streamed - 2 * first) > 1e-3 * fabs(first) + 1e-6)
		elog(ERROR, "callback got " UINT64_FORMAT " rows, sum %g, not " UINT64_FORMAT ", %g",
			 again.rows, streamed, result.rows, 2 * first);

	index_close(index, AccessShareLock);
	table_close(heap, AccessShareLock);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(
		"rows=%d nulls=%d visible=%d first=%.6g norms=%.6g all_blocks=%d", (int) result.rows,
		(int) result.nulls, (int) result.visible, first, norms, result.blocks == result.total)));
}

/* vc_test_estimate(index, blocks): rows expected in the index */
VC_FUNCTION(vc_test_estimate);
Datum
vc_test_estimate(PG_FUNCTION_ARGS)
{
	Oid heap_oid = IndexGetRelation(PG_GETARG_OID(0), false);
	Relation heap = table_open(heap_oid, AccessShareLock);
	Relation index = index_open(PG_GETARG_OID(0), AccessShareLock);
	double rows = vcv_sample_estimate(heap, index, false, (BlockNumber) PG_GETARG_INT32(1), 7);

	index_close(index, AccessShareLock);
	table_close(heap, AccessShareLock);
	PG_RETURN_FLOAT8(rows);
}

/* vc_test_permute(n, key): is it a permutation, and how many stay where they are? */
VC_FUNCTION(vc_test_permute);
Datum
vc_test_permute(PG_FUNCTION_ARGS)
{
	uint64 n = (uint64) PG_GETARG_INT64(0);
	uint64 key = (uint64) PG_GETARG_INT64(1);
	bool *seen = palloc0(n + 1);
	int32 fixed = 0;

	for (uint64 i = 0; i < n; i++)
	{
		uint64 to = vcv_permute(i, n, key);

		if (to >= n || seen[to])
			elog(ERROR, UINT64_FORMAT " of " UINT64_FORMAT " goes to " UINT64_FORMAT, i, n, to);
		seen[to] = true;
		fixed += to == i;
	}
	PG_RETURN_INT32(fixed);
}

/* vc_test_opclass(name): type and metric, NULL if it is none of am's */
VC_FUNCTION(vc_test_opclass);
Datum
vc_test_opclass(PG_FUNCTION_ARGS)
{
	VcvOpclass opclass;

	if (!vcv_opclass_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), "am", &opclass))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%d %d", opclass.type, opclass.metric)));
}
