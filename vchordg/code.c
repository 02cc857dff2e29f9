/*
 * vchordg/code.c
 *		Codes of vectors, estimates for many codes, exact scores.
 */
#include "postgres.h"

#include "vchordg/code.h"

#include <math.h>

#include "fmgr.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "core/simd/vector/ops.h"
#include "core/vector/datum.h"
#include "core/vector/distance.h"
#include "core/vector/quantized.h"
#include "core/vector/rotate.h"

/* four times its square, that of the largest difference, is far inside float; sums of rows, too */
#define MAX_LENGTH 1e18

/* of a uniform quantiser with four levels for a normal variable: step, and so the inner threshold, in units of its rms */
#define TWO_BIT_STEP 0.9957f

/* rms of the lattice values of two bits, about; the error of a quantised query grows with it */
#define TWO_BIT_RMS 1.1f

/* estimates made together */
#define BATCH 64

VgEncoder *
vg_encoder_create(MemoryContext context, const VgMeta *meta)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	VgEncoder *enc = palloc0(sizeof(VgEncoder));
	Size bytes = meta->geo.dim * sizeof(float);

	enc->meta = meta;
	enc->x = palloc0(bytes);
	enc->rotated = palloc0(bytes);
	enc->scratch = palloc0(2 * bytes);
	enc->code = palloc0(meta->geo.code_bytes);
	MemoryContextSwitchTo(old);
	return enc;
}

void
vg_encoder_clear(VgEncoder *enc)
{
	if (enc->detoasted != NULL)
		pfree(enc->detoasted);
	enc->detoasted = NULL;
	enc->view.x = NULL;
}

/* x and its norm from the view */
static void
set_plain(VgEncoder *enc)
{
	const VgMeta *meta = enc->meta;

	vcv_to_f32(&enc->view, enc->x);
	enc->inverse_norm = 0;
	enc->norm2 = vcv_norm2(enc->x, meta->geo.dim);
	if (meta->disk.metric == VCV_COSINE)
	{
		float norm = vcv_normalize(enc->x, meta->geo.dim);

		if (norm > 0)
			enc->inverse_norm = 1 / norm;
	}
	else if (!(enc->norm2 <= MAX_LENGTH * MAX_LENGTH)) /* true for NaN, too */
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("vector is too long"),
						errdetail("Its L2 norm must not exceed %g.", MAX_LENGTH)));
}

static void
set_rotated(VgEncoder *enc)
{
	const VgMeta *meta = enc->meta;

	if (vcv_is_quantized((VcvType) meta->disk.type))
		memcpy(enc->rotated, enc->x, meta->geo.dim * sizeof(float));
	else
		vcv_rotate(enc->x, meta->geo.dim, enc->rotated);
}

void
vg_encoder_set_plain(VgEncoder *enc, Datum value)
{
	const VgMeta *meta = enc->meta;
	struct varlena *plain;

	vg_encoder_clear(enc);
	plain = PG_DETOAST_DATUM(value);
	if ((Pointer) plain != DatumGetPointer(value))
		enc->detoasted = plain;
	vcv_read((VcvType) meta->disk.type, PointerGetDatum(plain), &enc->view);
	if (enc->view.dim != meta->geo.dim)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("expected %u dimensions, not %u", meta->geo.dim, enc->view.dim)));
	set_plain(enc);
}

void
vg_encoder_set(VgEncoder *enc, Datum value)
{
	vg_encoder_set_plain(enc, value);
	set_rotated(enc);
}

void
vg_encoder_set_row(VgEncoder *enc, const void *row)
{
	vg_encoder_clear(enc);
	enc->view = (VcvView){.type = enc->meta->geo.type, .dim = enc->meta->geo.dim, .x = row};
	set_plain(enc);
	set_rotated(enc);
}

void
vg_encoder_code(VgEncoder *enc)
{
	vg_code(enc->meta, enc->rotated, enc->scratch, enc->code);
}

/* Lattice vector of u, and its planes. */
static void
quantise(const VgGeometry *geo, const float *u, float norm2, float *ret_y, uint8 *planes)
{
	uint8 *low = planes + geo->plane_bytes;
	float step = TWO_BIT_STEP * sqrtf(norm2 / (float) geo->dim);

	for (uint32 i = 0; i < geo->dim; i++)
	{
		bool positive = !signbit(u[i]);
		uint8 bit = (uint8) (1u << (i % 8));

		if (positive)
			planes[i / 8] |= bit;
		ret_y[i] = positive ? 1.0f : -1.0f;
		if (geo->bits == 2)
		{
			bool large = fabsf(u[i]) > step;

			ret_y[i] *= large ? 1.5f : 0.5f;
			/* value 2 b1 + b0 - 1.5: the low plane is set where the value is 1.5 or -0.5 */
			if (large == positive)
				low[i / 8] |= bit;
		}
	}
}

void
vg_code(const VgMeta *meta, const float *rotated, float *scratch, char *ret_code)
{
	const VgGeometry *geo = &meta->geo;
	const VcsVectorOps *ops = &vcs_vector_ops;
	VgCodeDisk *code = (VgCodeDisk *) ret_code;
	float *u = scratch;
	float *y = scratch + geo->dim;
	float norm2;
	double along; /* <u, y> */
	double yy;

	memset(ret_code, 0, geo->code_bytes);
	ops->sub_f32(rotated, meta->centre, geo->dim, u);
	norm2 = ops->norm2_f32(u, geo->dim);
	quantise(geo, u, norm2, y, (uint8 *) (code + 1));
	along = ops->dot_f32(u, y, geo->dim);
	yy = ops->norm2_f32(y, geo->dim);
	for (uint32 i = 0; i < geo->dim; i++)
		code->sum += y[i];
	if (norm2 > 0 && along > 0)
	{
		double ratio = norm2 * yy / (along * along) - 1;

		code->factor = (float) (norm2 / along);
		if (geo->dim > 1 && ratio > 0)
			code->err = (float) sqrt(norm2 * ratio / (geo->dim - 1));
	}
	code->base = meta->disk.metric == VCV_L2 ? norm2 : 0;
	if ((meta->disk.flags & VG_META_CENTRED) != 0)
	{
		float along_centre = code->factor * ops->dot_f32(y, meta->centre, geo->dim);

		if (meta->disk.metric == VCV_L2)
			code->base += 2 * along_centre;
		else
			code->base = along_centre - ops->dot_f32(u, meta->centre, geo->dim);
	}
}

void
vg_query_init(VgQuery *query, const VgEncoder *enc, float epsilon, VcArena *arena)
{
	const VgMeta *meta = enc->meta;
	const VgGeometry *geo = &meta->geo;
	VcvMetric metric = (VcvMetric) meta->disk.metric;
	VcsBound unused;
	float dc;
	float *x = vc_arena_alloc(arena, geo->dim * sizeof(float));

	memset(query, 0, sizeof(*query));
	query->meta = meta;
	query->epsilon = epsilon;
	memcpy(x, enc->x, geo->dim * sizeof(float));
	query->x = x;
	if (vcv_is_quantized(geo->type))
	{
		char *row = vc_arena_alloc(arena, geo->row_bytes);

		memcpy(row, enc->view.x, geo->row_bytes);
		query->row = row;
	}
	vcv_query_init(&query->tables, metric, enc->rotated, geo->dim, true,
				   vc_arena_alloc_aligned(arena, vcv_query_memory(geo->dim)));
	dc = metric == VCV_L2 ? vcs_vector_ops.l2sq_f32(enc->rotated, meta->centre, geo->dim)
						  : -vcs_vector_ops.dot_f32(enc->rotated, meta->centre, geo->dim);
	vcv_rabitq_bound(&query->tables, dc, meta->disk.centre_norm2, epsilon, &unused, &query->bound);
	if (geo->bits == 2)
		query->bound.margin *= TWO_BIT_RMS;
}

void
vg_estimate(const VgQuery *query, const char *codes, size_t stride, uint32 n,
			VgEstimate *ret_estimates)
{
	const VgGeometry *geo = &query->meta->geo;
	const VcsPlanesParams *p = &query->tables.planes_params;
	const VcvSingleBound *bound = &query->bound;
	uint32 high[BATCH];
	uint32 low[BATCH];

	for (uint32 from = 0; from < n; from += BATCH)
	{
		uint32 len = Min(n - from, BATCH);
		const char *first = codes + from * stride;
		const uint8 *planes = (const uint8 *) first + sizeof(VgCodeDisk);

		vcs_vector_ops.planes_dot_rows(planes, stride, len, query->tables.planes, geo->dim, high);
		if (geo->bits == 2)
			vcs_vector_ops.planes_dot_rows(planes + geo->plane_bytes, stride, len,
										   query->tables.planes, geo->dim, low);
		for (uint32 i = 0; i < len; i++)
		{
			const VgCodeDisk *code = (const VgCodeDisk *) (first + i * stride);
			float sum = 2.0f * (float) high[i];
			float e;

			if (geo->bits == 2)
				sum += (float) low[i] - 1.5f * (float) p->sum_q;
			else
				sum -= (float) p->sum_q;
			e = p->scale * sum + p->bias * code->sum;
			ret_estimates[from + i].score = code->base + bound->c0 + code->factor * bound->k * e;
			ret_estimates[from + i].bound =
				ret_estimates[from + i].score - code->factor * bound->margin - bound->w * code->err;
		}
	}
}

void
vg_scorer_begin(VgScorer *scorer, const VgQuery *query)
{
	memset(scorer, 0, sizeof(*scorer));
	scorer->query = query;
}

void
vg_scorer_add(VgScorer *scorer, const char *part, uint32 bytes)
{
	const VgQuery *query = scorer->query;
	const VgGeometry *geo = &query->meta->geo;
	const VcsVectorOps *ops = &vcs_vector_ops;
	bool dot = vcv_metric_is_dot((VcvMetric) query->meta->disk.metric);
	uint32 done = scorer->done;

	scorer->done += bytes;
	if (vcv_is_quantized(geo->type))
	{
		uint32 head = done < sizeof(VcvQuantHead) ? Min(bytes, sizeof(VcvQuantHead) - done) : 0;
		uint32 at; /* first dimension of the codes in this part */
		uint32 n;

		memcpy((char *) &scorer->head + Min(done, sizeof(VcvQuantHead)), part, head);
		if (bytes == head)
			return;
		at = (done + head - sizeof(VcvQuantHead)) * 8 / vcv_element_bits(geo->type);
		n = Min((bytes - head) * 8 / vcv_element_bits(geo->type), geo->dim - at);
		scorer->products += vcv_quant_dot(geo->type, (const uint8 *) part + head,
										  (const uint8 *) query->row + done + head, n);
	}
	else
	{
		uint32 at = done * 8 / vcv_element_bits(geo->type);
		uint32 n = bytes * 8 / vcv_element_bits(geo->type);
		const float *x = query->x + at;

		if (geo->type == VCV_HALFVEC)
			scorer->sum += dot ? ops->dot_f16(x, (const uint16 *) part, n)
							   : ops->l2sq_f16(x, (const uint16 *) part, n);
		else
			scorer->sum += dot ? ops->dot_f32(x, (const float *) part, n)
							   : ops->l2sq_f32(x, (const float *) part, n);
	}
}

float
vg_scorer_end(const VgScorer *scorer, float inverse_norm)
{
	const VgQuery *query = scorer->query;
	VcvMetric metric = (VcvMetric) query->meta->disk.metric;

	if (vcv_is_quantized(query->meta->geo.type))
		return vcv_quant_score(metric, query->meta->geo.type, (const VcvQuantHead *) query->row,
							   &scorer->head, scorer->products, query->meta->geo.dim);
	if (metric == VCV_COSINE)
		return -scorer->sum * inverse_norm;
	return metric == VCV_L2 ? scorer->sum : -scorer->sum;
}

float
vg_score(const VgQuery *query, const VgEncoder *enc)
{
	VgScorer scorer;

	vg_scorer_begin(&scorer, query);
	vg_scorer_add(&scorer, enc->view.x, query->meta->geo.row_bytes);
	return vg_scorer_end(&scorer, enc->inverse_norm);
}
