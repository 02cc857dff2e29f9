/*
 * core/simd/vector/lanes_x86_v4.h
 *		The vector primitives that the kernel templates are written in: AVX-512 F/BW/DQ/VL.
 *
 * Included once a level, which must be enabled.  Each level has such a header with the same names; a
 * template (*_simd.h) included after it becomes that level's kernel.  Loads need no alignment.  "part" loads the first `count` < LANES
 * elements, touches nothing behind them and gives zero for the rest.
 */
#ifndef VC_CORE_SIMD_VECTOR_LANES_X86_V4_H
#define VC_CORE_SIMD_VECTOR_LANES_X86_V4_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 16

typedef __m512 vf;

static inline vf
vf_zero(void)
{
	return _mm512_setzero_ps();
}

static inline vf
vf_set(float x)
{
	return _mm512_set1_ps(x);
}

static inline vf
vf_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

static inline vf
vf_load_part(const float *p, size_t count)
{
	return _mm512_maskz_loadu_ps((__mmask16) ((1u << count) - 1), p);
}

static inline void
vf_store(float *p, vf a)
{
	_mm512_storeu_ps(p, a);
}

/* f16 to f32 */
static inline vf
vf_load_half(const uint16_t *p)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p));
}

static inline vf
vf_load_half_part(const uint16_t *p, size_t count)
{
	return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16((__mmask16) ((1u << count) - 1), p));
}

/* f32 to f16, nearest even */
static inline void
vf_store_half(uint16_t *p, vf a)
{
	_mm256_storeu_si256((__m256i *) p,
						_mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* numbers below 2^31 */
static inline vf
vf_load_u32(const uint32_t *p)
{
	return _mm512_cvtepi32_ps(_mm512_loadu_si512(p));
}

static inline vf
vf_add(vf a, vf b)
{
	return _mm512_add_ps(a, b);
}

static inline vf
vf_sub(vf a, vf b)
{
	return _mm512_sub_ps(a, b);
}

static inline vf
vf_mul(vf a, vf b)
{
	return _mm512_mul_ps(a, b);
}

/* a * b + c, c - a * b */
static inline vf
vf_fma(vf a, vf b, vf c)
{
	return _mm512_fmadd_ps(a, b, c);
}

static inline vf
vf_fnma(vf a, vf b, vf c)
{
	return _mm512_fnmadd_ps(a, b, c);
}

static inline vf
vf_min(vf a, vf b)
{
	return _mm512_min_ps(a, b);
}

static inline vf
vf_max(vf a, vf b)
{
	return _mm512_max_ps(a, b);
}

static inline vf
vf_abs(vf a)
{
	return _mm512_abs_ps(a);
}

static inline vf
vf_xor(vf a, vf b)
{
	return _mm512_xor_ps(a, b);
}

static inline float
vf_hsum(vf a)
{
	return _mm512_reduce_add_ps(a);
}

static inline float
vf_hmin(vf a)
{
	return _mm512_reduce_min_ps(a);
}

static inline float
vf_hmax(vf a)
{
	return _mm512_reduce_max_ps(a);
}

static inline __m256
vf_fold(vf a)
{
	return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}

/* out[i] = sum of the lanes of the i-th argument */
static inline void
vf_hsum4(vf a, vf b, vf c, vf d, float *out)
{
	__m256 ab = _mm256_hadd_ps(vf_fold(a), vf_fold(b));
	__m256 cd = _mm256_hadd_ps(vf_fold(c), vf_fold(d));
	__m256 sum = _mm256_hadd_ps(ab, cd);

	_mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1)));
}

/* bit i: !(a[i] >= b[i]) */
static inline uint32_t
vf_mask_not_ge(vf a, vf b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_NGE_UQ);
}

/* bit i: sign bit of a[i] */
static inline uint32_t
vf_mask_sign(vf a)
{
	return _mm512_movepi32_mask(_mm512_castps_si512(a));
}

/* Within each four lanes: neighbours swapped, halves swapped, one lane in all four. */
#define vf_swap1(a)   _mm512_permute_ps((a), 0xb1)
#define vf_swap2(a)   _mm512_permute_ps((a), 0x4e)
#define vf_dup4(a, i) _mm512_permute_ps((a), (i) *0x55)

/* The four given values in each four lanes. */
static inline vf
vf_set4(float a, float b, float c, float d)
{
	return _mm512_set4_ps(d, c, b, a);
}

/*
 * Rounds to nearest even, 0..127, to bytes: for each four lanes j, the 16 bytes at p + 16 * j are the
 * lanes of a, b, c, d.
 */
static inline void
vf_store_bytes4(uint8_t *p, vf a, vf b, vf c, vf d)
{
	__m512i ab = _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
	__m512i cd = _mm512_packs_epi32(_mm512_cvtps_epi32(c), _mm512_cvtps_epi32(d));

	_mm512_storeu_si512(p, _mm512_packus_epi16(ab, cd));
}

/* Bit i % 64 of planes[p * stride] = bit p of byte i, for 64 bytes below 64 and 6 planes. */
static inline void
bytes_to_planes(const uint8_t *bytes, uint64_t *planes, size_t stride)
{
	__m512i v = _mm512_loadu_si512(bytes);

	for (int p = 0; p < 6; p++)
		planes[(size_t) p * stride] = _mm512_test_epi8_mask(v, _mm512_set1_epi8((char) (1 << p)));
}

/* Comparison masks and 32-bit numbers, for searches of a minimum. */
typedef __mmask16 vm;
typedef __m512i vu;

static inline vm
vf_less(vf a, vf b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

/* m ? a : b */
static inline vf
vf_select(vm m, vf a, vf b)
{
	return _mm512_mask_blend_ps(m, b, a);
}

static inline vu
vu_select(vm m, vu a, vu b)
{
	return _mm512_mask_blend_epi32(m, b, a);
}

static inline vu
vu_set(uint32_t x)
{
	return _mm512_set1_epi32((int) x);
}

static inline vu
vu_add(vu a, vu b)
{
	return _mm512_add_epi32(a, b);
}

static inline vu
vu_load(const uint32_t *p)
{
	return _mm512_loadu_si512(p);
}

static inline void
vu_store(uint32_t *p, vu a)
{
	_mm512_storeu_si512(p, a);
}

#endif
