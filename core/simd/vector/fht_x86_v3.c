/*
 * core/simd/vector/fht_x86_v3.c
 *		The rotation with AVX2 and FMA.
 */
#include <immintrin.h>

#include "core/simd/vector/fht_internal.h"

#define FHT_LOG         3
#define FHT_NAME(f)     f##_x86_v3
#define FHT_LOAD(p)     _mm256_loadu_ps(p)
#define FHT_STORE(p, v) _mm256_storeu_ps(p, v)
#define FHT_ADD(a, b)   _mm256_add_ps(a, b)
#define FHT_SUB(a, b)   _mm256_sub_ps(a, b)
#define FHT_MUL(a, b)   _mm256_mul_ps(a, b)
#define FHT_SET1(f)     _mm256_set1_ps(f)

typedef __m256 FhtVec;

static inline __attribute__((always_inline)) FhtVec
fht_flip(FhtVec v, const uint8_t *signs, uint32_t i)
{
	uint16_t bits;
	__m256i s;

	__builtin_memcpy(&bits, signs + i / 8, sizeof(bits));
	s = _mm256_set1_epi32((int) ((uint32_t) bits >> (i % 8)));
	s = _mm256_sllv_epi32(s, _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24));
	return _mm256_xor_ps(v, _mm256_and_ps(_mm256_castsi256_ps(s), _mm256_set1_ps(-0.0f)));
}

/* partner lane plus or minus this lane; multiplying by -1 is exact, so this is add and subtract */
static inline __attribute__((always_inline)) FhtVec
fht_lanes(FhtVec v)
{
	const __m256 s1 = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
	const __m256 s2 = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
	const __m256 s4 = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);

	v = _mm256_fmadd_ps(v, s1, _mm256_permute_ps(v, 0xB1));
	v = _mm256_fmadd_ps(v, s2, _mm256_permute_ps(v, 0x4E));
	return _mm256_fmadd_ps(v, s4, _mm256_permute2f128_ps(v, v, 0x01));
}

#include "core/simd/vector/fht_impl.h"
