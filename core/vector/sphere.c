/*
 * core/vector/sphere.c
 *		Reading spheres, and the distance that decides who is inside.
 */
#include "postgres.h"

#include "core/vector/sphere.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/typcache.h"

#include "core/simd/vector/ops.h"
#include "core/vector/datum.h"

bool
vcv_sphere_read(VcvType type, Datum sphere, Datum *ret_center, float *ret_radius)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(sphere);
	TupleDesc desc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	Datum center;
	Datum radius;
	bool no_center;
	bool no_radius;

	/* someone may have altered the type */
	if (desc->natts < 2 || TupleDescAttr(desc, 0)->attlen != -1 ||
		TupleDescAttr(desc, 1)->atttypid != FLOAT4OID)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("a sphere is a row of a %s and a real", vcv_type_name(type))));
	center = heap_getattr(&tuple, 1, desc, &no_center);
	radius = heap_getattr(&tuple, 2, desc, &no_radius);
	ReleaseTupleDesc(desc);
	if (no_center)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("Bad input: empty center at sphere")));
	if (no_radius)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("Bad input: empty radius at sphere")));
	*ret_center = center;
	*ret_radius = DatumGetFloat4(radius);
	return !isnan(*ret_radius);
}

/* squares of lengths of vectors or halves */
static double
norm2(const VcvView *v)
{
	return v->type == VCV_VECTOR ? vcs_vector_ops.norm2_f32(v->x, v->dim)
								 : vcs_vector_ops.norm2_f16(v->x, v->dim);
}

double
vcv_distance(VcvMetric metric, const VcvView *a, const VcvView *b)
{
	float *wide = NULL;
	const void *q = a->x;
	float score;

	Assert(a->type == b->type);
	if (a->dim != b->dim)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("dimension is not matched")));
	if (a->type == VCV_HALFVEC)
	{
		wide = palloc(sizeof(float) * a->dim);
		vcv_to_f32(a, wide);
		q = wide;
	}
	if (metric == VCV_COSINE && !vcv_is_quantized(a->type))
	{
		const double norms = norm2(a) * norm2(b);
		const double cosine =
			norms > 0 ? -(double) vcv_score(VCV_IP, a->type, q, b->x, a->dim) / sqrt(norms) : 0;

		/* lengths beyond what a float can square have no direction here */
		score = isnan(cosine) ? 0 : (float) -Max(Min(cosine, 1), -1);
	}
	else
		score = vcv_score(metric, a->type, q, b->x, a->dim);
	if (wide != NULL)
		pfree(wide);
	return vcv_metric_result(metric, score);
}
