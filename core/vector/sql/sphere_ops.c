/*
 * core/vector/sql/sphere_ops.c
 *		The operators <<->>, <<#>> and <<=>>, and how many rows they are likely to find.
 *
 * The estimate counts the values inside among those that ANALYZE kept: the most common ones with their
 * frequencies, and the bounds of the histogram, which stand for the rest.  The histogram is one of the
 * type's sort order, which means nothing here, but its bounds are rows taken at regular steps of it, so
 * they are a sample.  The quantised types have no order, and ANALYZE keeps no value wider than a
 * kilobyte: then there is nothing to count.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "fmgr.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "core/attrs.h"
#include "core/vector/datum.h"
#include "core/vector/sphere.h"

/* share of rows where nothing is known: what core takes for a range with two ends */
#define UNKNOWN_SHARE DEFAULT_RANGE_INEQ_SEL

/* fewer bounds are no sample */
#define LEAST_SAMPLE 10

#define SPHERE_FUNCTION(name, metric, type)                                                        \
	VC_FUNCTION(name);                                                                             \
	Datum name(PG_FUNCTION_ARGS)                                                                   \
	{                                                                                              \
		PG_RETURN_BOOL(inside(metric, type, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));              \
	}

VC_FUNCTION(_vchord_sphere_sel);

/* distance(value, centre) < radius */
static bool
inside(VcvMetric metric, VcvType type, Datum value, Datum sphere)
{
	VcvView a;
	VcvView b;
	Datum center;
	float radius;
	bool possible = vcv_sphere_read(type, sphere, &center, &radius);

	vcv_read(type, value, &a);
	vcv_read(type, center, &b);
	return vcv_distance(metric, &a, &b) < radius && possible;
}

SPHERE_FUNCTION(_vchord_vector_sphere_l2_in, VCV_L2, VCV_VECTOR)
SPHERE_FUNCTION(_vchord_vector_sphere_ip_in, VCV_IP, VCV_VECTOR)
SPHERE_FUNCTION(_vchord_vector_sphere_cosine_in, VCV_COSINE, VCV_VECTOR)
SPHERE_FUNCTION(_vchord_halfvec_sphere_l2_in, VCV_L2, VCV_HALFVEC)
SPHERE_FUNCTION(_vchord_halfvec_sphere_ip_in, VCV_IP, VCV_HALFVEC)
SPHERE_FUNCTION(_vchord_halfvec_sphere_cosine_in, VCV_COSINE, VCV_HALFVEC)
SPHERE_FUNCTION(_vchord_rabitq8_sphere_l2_in, VCV_L2, VCV_RABITQ8)
SPHERE_FUNCTION(_vchord_rabitq8_sphere_ip_in, VCV_IP, VCV_RABITQ8)
SPHERE_FUNCTION(_vchord_rabitq8_sphere_cosine_in, VCV_COSINE, VCV_RABITQ8)
SPHERE_FUNCTION(_vchord_rabitq4_sphere_l2_in, VCV_L2, VCV_RABITQ4)
SPHERE_FUNCTION(_vchord_rabitq4_sphere_ip_in, VCV_IP, VCV_RABITQ4)
SPHERE_FUNCTION(_vchord_rabitq4_sphere_cosine_in, VCV_COSINE, VCV_RABITQ4)

/* Is the row of a sphere such that the operator will not raise: two parts, none NULL? */
static bool
sphere_complete(Datum sphere)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(sphere);

	return HeapTupleHeaderGetNatts(row) >= 2 &&
		   ((row->t_infomask & HEAP_HASNULL) == 0 ||
			(!att_isnull(0, row->t_bits) && !att_isnull(1, row->t_bits)));
}

/* dimension of a value of any of the types; they have it in one place */
static uint16
dimension(Datum value)
{
	return ((VcvQuantData *) PG_DETOAST_DATUM(value))->dim;
}

/* what the estimate asks the operator about */
typedef struct Sphere
{
	FmgrInfo operator;
	Datum datum;
	uint16 dim;
} Sphere;

static bool
hit(Sphere *sphere, Datum value)
{
	/* another dimension is an error of the query, not of its planning */
	return dimension(value) == sphere->dim &&
		   DatumGetBool(FunctionCall2(&sphere->operator, value, sphere->datum));
}

/* share of all rows, the NULLs among them, that are inside; negative if statistics cannot tell */
static double
share_inside(VariableStatData *column, Sphere *sphere)
{
	AttStatsSlot slot;
	double common = 0;  /* share of rows that are common values */
	double inside = 0;  /* of these, inside */
	double sample = -1; /* share of the others that are inside */
	double nulls = ((Form_pg_statistic) GETSTRUCT(column->statsTuple))->stanullfrac;
	int sampled = 0;

	if (get_attstatsslot(&slot, column->statsTuple, STATISTIC_KIND_MCV, InvalidOid,
						 ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
	{
		for (int i = 0; i < Min(slot.nvalues, slot.nnumbers); i++)
		{
			common += slot.numbers[i];
			if (hit(sphere, slot.values[i]))
				inside += slot.numbers[i];
		}
		free_attstatsslot(&slot);
	}
	if (get_attstatsslot(&slot, column->statsTuple, STATISTIC_KIND_HISTOGRAM, InvalidOid,
						 ATTSTATSSLOT_VALUES))
	{
		sampled = slot.nvalues;
		if (sampled >= LEAST_SAMPLE)
		{
			double hits = 0;

			for (int i = 0; i < sampled; i++)
				hits += hit(sphere, slot.values[i]);
			/* none of n: half a one */
			sample = Max(hits, 0.5) / sampled;
		}
		free_attstatsslot(&slot);
	}
	if (sample < 0 && common < 0.5 * (1 - nulls))
		return -1;
	return inside + Max(1 - common - nulls, 0) * Max(sample, 0);
}

/*
 * _vchord_sphere_sel(internal, oid, internal, integer) returns float8: the restriction estimator.
 * It never raises: planning a query must not fail where running it might not.
 */
Datum
_vchord_sphere_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid operator= PG_GETARG_OID(1);
	List *args = (List *) PG_GETARG_POINTER(2);
	int relid = PG_GETARG_INT32(3);
	RegProcedure function = get_opcode(operator);
	VariableStatData column;
	Node *other;
	bool on_left;
	double share = -1;

	if (!get_restriction_variable(root, args, relid, &column, &other, &on_left))
		PG_RETURN_FLOAT8(UNKNOWN_SHARE);
	if (IsA(other, Const) && ((Const *) other)->constisnull)
		share = 0;
	else if (IsA(other, Const) && on_left && HeapTupleIsValid(column.statsTuple) &&
			 OidIsValid(function) && statistic_proc_security_check(&column, function) &&
			 sphere_complete(((Const *) other)->constvalue))
	{
		Sphere sphere = {.datum = ((Const *) other)->constvalue};
		Datum center;
		float radius;

		fmgr_info(function, &sphere.operator);
		/* the type serves a message that is not raised */
		if (vcv_sphere_read(VCV_VECTOR, sphere.datum, &center, &radius))
		{
			sphere.dim = dimension(center);
			share = share_inside(&column, &sphere);
		}
		else
			share = 0;
	}
	ReleaseVariableStats(column);
	if (share < 0)
		share = UNKNOWN_SHARE;
	CLAMP_PROBABILITY(share);
	PG_RETURN_FLOAT8(share);
}
