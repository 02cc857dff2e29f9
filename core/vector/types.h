/*
 * core/vector/types.h
 *		Byte layout of pgvector's vector and halfvec and of our rabitq8 and rabitq4, and views of them.
 *
 *	vector, halfvec (varlena, alignment int4)
 *	OFFSET	SIZE		CONTENT
 *	0		4			varlena header
 *	4		2			dim, 1 .. 16000
 *	6		2			unused, 0
 *	8		dim * 4/2	float4 / IEEE half elements, no NaN or infinity
 *
 *	rabitq8, rabitq4 (varlena, alignment int4): a rotated vector in 8 or 4 bits a dimension
 *	OFFSET	SIZE		CONTENT
 *	0		4			varlena header
 *	4		2			dim, 1 .. 65535
 *	6		2			unused, 0
 *	8		16			VcvQuantHead
 *	24		dim			rabitq8: codes; rabitq4: dim / 2 rounded up, even dimensions in low nibbles, the
 *						top nibble of an odd dim is 0
 *
 * The first layout belongs to pgvector; layout_check.c asserts our idea of it, and vcv_read() checks each
 * value, because a value may come from a damaged page or from a future pgvector.
 */
#ifndef VC_CORE_VECTOR_TYPES_H
#define VC_CORE_VECTOR_TYPES_H

#include <stdint.h>

/* pgvector's own limit for both of its types, and that of quantised values */
#define VCV_MAX_DIM       16000
#define VCV_MAX_QUANT_DIM 65535

/* what an index takes */
#define VCV_MAX_INDEX_DIM 60000

/* values are stored in metapages: never renumber */
typedef enum VcvType
{
	VCV_VECTOR = 0,
	VCV_HALFVEC = 1,
	VCV_RABITQ8 = 2,
	VCV_RABITQ4 = 3
} VcvType;

/* Is a value of the type a rotated vector in few bits (quantized.h)? */
static inline int
vcv_is_quantized(VcvType type)
{
	return type >= VCV_RABITQ8;
}

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

/* what a quantised value says of itself; the codes follow */
typedef struct VcvQuantHead
{
	float norm2;        /* |x|^2 of the rotated vector x, and so of the original */
	float lattice_norm; /* |code - centre|, centre = (2^bits - 1) / 2 in each dimension */
	float code_sum;     /* sum of the codes */
	float abs_sum;      /* sum |x_i| */
} VcvQuantHead;

typedef struct VcvQuantData
{
	int32_t vl_len_;
	uint16_t dim;
	uint16_t unused;
	VcvQuantHead head;
	uint8_t code[];
} VcvQuantData;

/*
 * One value, wherever it lies (a datum, an index page, an arena).  Its row is what an index stores of it:
 * the elements; of a quantised value its head and then its codes.
 */
typedef struct VcvView
{
	VcvType type;
	uint32_t dim;
	const void *
		x; /* the row: const float *, const VcvHalf * or const VcvQuantHead *; aligned to 4 / 2 / 4 */
} VcvView;

/* bits of one element in a row, and bytes before the elements */
static inline uint32_t
vcv_element_bits(VcvType type)
{
	static const uint32_t bits[] = {32, 16, 8, 4};

	return bits[type];
}

static inline uint32_t
vcv_row_head(VcvType type)
{
	return vcv_is_quantized(type) ? (uint32_t) sizeof(VcvQuantHead) : 0;
}

/* bytes of the row of a value of dim dimensions */
static inline uint32_t
vcv_row_bytes(VcvType type, uint32_t dim)
{
	return vcv_row_head(type) + (dim * vcv_element_bits(type) + 7) / 8;
}

/*
 * Elements of a view as f32, into ret_x[dim].  For a vector it is a copy; use vcv_f32() to avoid it.  A
 * quantised value gives its *rotated* vector: to have it in the space of the original, rotate it back.
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

/*
 * Store x[n] as a row of the type: halves rounded to nearest even, beyond range to infinity; for a
 * quantised type x is a rotated vector.
 */
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
