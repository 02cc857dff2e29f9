/*
 * core/vector/types.h
 *		Byte layout of pgvector's vector and halfvec, and views of their elements.
 *
 *	vector, halfvec (varlena, alignment int4)
 *	OFFSET	SIZE		CONTENT
 *	0		4			varlena header
 *	4		2			dim, 1 .. 16000
 *	6		2			unused, 0
 *	8		dim * 4/2	float4 / IEEE half elements, no NaN or infinity
 *
 * The layout belongs to pgvector; layout_check.c asserts our idea of it, and vcv_read() checks each
 * value, because a value may come from a damaged page or from a future pgvector.
 */
#ifndef VC_CORE_VECTOR_TYPES_H
#define VC_CORE_VECTOR_TYPES_H

#include <stdint.h>

/* pgvector's own limit for both types */
#define VCV_MAX_DIM 16000

/* values are stored in metapages: never renumber */
typedef enum VcvType
{
	VCV_VECTOR = 0,
	VCV_HALFVEC = 1
} VcvType;

typedef uint16_t VcvHalf; /* bits of an IEEE half */

typedef struct VcvVectorData
{
	int32_t vl_len_;
	int16_t dim;
	int16_t unused;
	float x[]; /* float4[dim] */
} VcvVectorData;

typedef struct VcvHalfvecData
{
	int32_t vl_len_;
	int16_t dim;
	int16_t unused;
	VcvHalf x[];
} VcvHalfvecData;

/* elements of one value, wherever they lie (a datum, an index page, an arena) */
typedef struct VcvView
{
	VcvType type;
	uint32_t dim;
	const void *x; /* const float * or const VcvHalf *, aligned to 4 / 2 */
} VcvView;

/* bytes of dim elements */
static inline uint32_t
vcv_row_bytes(VcvType type, uint32_t dim)
{
	return dim * (type == VCV_VECTOR ? (uint32_t) sizeof(float) : (uint32_t) sizeof(VcvHalf));
}

/*
 * Elements of a view as f32, into ret_x[dim].  For a vector it is a copy; use vcv_f32() to avoid it.
 */
extern void vcv_to_f32(const VcvView *view, float *ret_x);

/* f32 elements without a copy when they are f32 already, else converted into scratch[dim] */
static inline const float *
vcv_f32(const VcvView *view, float *scratch)
{
	if (view->type == VCV_VECTOR)
		return (const float *) view->x;
	vcv_to_f32(view, scratch);
	return scratch;
}

/* store x[n] as elements of the type (halves rounded to nearest even, beyond range to infinity) */
extern void vcv_from_f32(VcvType type, const float *x, uint32_t n, void *ret_row);

/* sum of squares */
extern float vcv_norm2(const float *x, uint32_t n);

/*
 * Scale x[n] to unit length in place and give the former norm.  A zero vector, whose direction is
 * undefined, stays zero (its cosine distance to anything is 1 in our index); a norm that overflows
 * f32 is computed in double.
 */
extern float vcv_normalize(float *x, uint32_t n);

/* true if no element is NaN or infinite */
extern int vcv_all_finite(const float *x, uint32_t n);

#endif
