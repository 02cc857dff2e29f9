/*
 * core/simd/vector/fht_x86_v4.c
 *		The rotation with AVX-512 (F, DQ).
 */
#include <immintrin.h>

#include "core/simd/vector/fht_internal.h"

#define FHT_LOG         4
#define FHT_NAME(f)     f##_x86_v4
#define FHT_LOAD(p)     _mm512_loadu_ps(p)
#define FHT_STORE(p, v) _mm512_storeu_ps(p, v)
#define FHT_ADD(a, b)   _mm512_add_ps(a, b)
#define FHT_SUB(a, b)   _mm512_sub_ps(a, b)
#define FHT_MUL(a, b)   _mm512_mul_ps(a, b)
#define FHT_SET1(f)     _mm512_set1_ps(f)

typedef __m512 FhtVec;

static inline __attribute__((always_inline)) FhtVec
fht_flip(FhtVec v, const uint8_t *signs, uint32_t i)
{
	uint32_t bits;

	__builtin_memcpy(&bits, signs + i / 8, sizeof(bits));
	return _mm512_mask_xor_ps(v, (__mmask16) (bits >> (i % 8)), v, _mm512_set1_ps(-0.0f));
}

/* partner lane plus or minus this lane; multiplying by -1 is exact, so this is add and subtract */
static inline __attribute__((always_inline)) FhtVec
fht_lanes(FhtVec v)
{
	const __m512 s1 = _mm512_setr_ps(1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1);
	const __m512 s2 = _mm512_setr_ps(1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1);
	const __m512 s4 = _mm512_setr_ps(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1);
	const __m512 s8 = _mm512_setr_ps(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1);

	v = _mm512_fmadd_ps(v, s1, _mm512_permute_ps(v, 0xB1));
	v = _mm512_fmadd_ps(v, s2, _mm512_permute_ps(v, 0x4E));
	v = _mm512_fmadd_ps(v, s4, _mm512_shuffle_f32x4(v, v, 0xB1));
	return _mm512_fmadd_ps(v, s8, _mm512_shuffle_f32x4(v, v, 0x4E));
}

#include "core/simd/vector/fht_impl.h"
