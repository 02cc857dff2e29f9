/*
 * core/simd/vector/lanes_x86_v3.h
 *		The vector primitives that the kernel templates are written in: AVX2, FMA, F16C.
 *
 * Included once a level, which must be enabled.  lanes_x86_v4.h describes the primitives.
 */
#ifndef VC_CORE_SIMD_VECTOR_LANES_X86_V3_H
#define VC_CORE_SIMD_VECTOR_LANES_X86_V3_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LANES 8

typedef __m256 vf;

static inline vf
vf_zero(void)
{
	return _mm256_setzero_ps();
}

static inline vf
vf_set(float x)
{
	return _mm256_set1_ps(x);
}

static inline vf
vf_load(const float *p)
{
	return _mm256_loadu_ps(p);
}

static inline vf
vf_load_part(const float *p, size_t count)
{
	static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

	return _mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *) (window + 8 - count)));
}

static inline void
vf_store(float *p, vf a)
{
	_mm256_storeu_ps(p, a);
}

static inline vf
vf_load_half(const uint16_t *p)
{
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p));
}

static inline vf
vf_load_half_part(const uint16_t *p, size_t count)
{
	__m128i x = _mm_setzero_si128();

	/* from the top down: the last one, then two, then four */
	if (count & 1)
		x = _mm_cvtsi32_si128(p[count - 1]);
	if (count & 2)
	{
		int two;

		memcpy(&two, p + (count & 4), sizeof(two));
		x = _mm_or_si128(_mm_slli_si128(x, 4), _mm_cvtsi32_si128(two));
	}
	if (count & 4)
		x = _mm_or_si128(_mm_slli_si128(x, 8), _mm_loadl_epi64((const __m128i *) p));
	return _mm256_cvtph_ps(x);
}

static inline void
vf_store_half(uint16_t *p, vf a)
{
	_mm_storeu_si128((__m128i *) p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

static inline vf
vf_load_u32(const uint32_t *p)
{
	return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *) p));
}

static inline vf
vf_add(vf a, vf b)
{
	return _mm256_add_ps(a, b);
}

static inline vf
vf_sub(vf a, vf b)
{
	return _mm256_sub_ps(a, b);
}

static inline vf
vf_mul(vf a, vf b)
{
	return _mm256_mul_ps(a, b);
}

static inline vf
vf_fma(vf a, vf b, vf c)
{
	return _mm256_fmadd_ps(a, b, c);
}

static inline vf
vf_fnma(vf a, vf b, vf c)
{
	return _mm256_fnmadd_ps(a, b, c);
}

static inline vf
vf_min(vf a, vf b)
{
	return _mm256_min_ps(a, b);
}

static inline vf
vf_max(vf a, vf b)
{
	return _mm256_max_ps(a, b);
}

static inline vf
vf_xor(vf a, vf b)
{
	return _mm256_xor_ps(a, b);
}

static inline vf
vf_abs(vf a)
{
	return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline __m128
vf_fold(vf a)
{
	return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
}

static inline float
vf_hsum(vf a)
{
	__m128 s = vf_fold(a);

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float
vf_hmin(vf a)
{
	__m128 s = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

	s = _mm_min_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_min_ss(s, _mm_movehdup_ps(s)));
}

static inline float
vf_hmax(vf a)
{
	__m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

	s = _mm_max_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

static inline void
vf_hsum4(vf a, vf b, vf c, vf d, float *out)
{
	__m256 sum = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));

	_mm_storeu_ps(out, vf_fold(sum));
}

static inline uint32_t
vf_mask_not_ge(vf a, vf b)
{
	return (uint32_t) _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NGE_UQ));
}

static inline uint32_t
vf_mask_sign(vf a)
{
	return (uint32_t) _mm256_movemask_ps(a);
}

#define vf_swap1(a)   _mm256_permute_ps((a), 0xb1)
#define vf_swap2(a)   _mm256_permute_ps((a), 0x4e)
#define vf_dup4(a, i) _mm256_permute_ps((a), (i) *0x55)

static inline vf
vf_set4(float a, float b, float c, float d)
{
	return _mm256_setr_ps(a, b, c, d, a, b, c, d);
}

static inline void
vf_store_bytes4(uint8_t *p, vf a, vf b, vf c, vf d)
{
	__m256i ab = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
	__m256i cd = _mm256_packs_epi32(_mm256_cvtps_epi32(c), _mm256_cvtps_epi32(d));

	_mm256_storeu_si256((__m256i *) p, _mm256_packus_epi16(ab, cd));
}

static inline void
bytes_to_planes(const uint8_t *bytes, uint64_t *planes, size_t stride)
{
	/* movemask takes bit 7 of each byte: shift bit p there, starting with plane 5 */
	__m256i low = _mm256_slli_epi16(_mm256_loadu_si256((const __m256i *) bytes), 2);
	__m256i high = _mm256_slli_epi16(_mm256_loadu_si256((const __m256i *) (bytes + 32)), 2);

	for (int p = 5; p >= 0; p--)
	{
		planes[(size_t) p * stride] = (uint32_t) _mm256_movemask_epi8(low) |
									  (uint64_t) (uint32_t) _mm256_movemask_epi8(high) << 32;
		low = _mm256_add_epi8(low, low);
		high = _mm256_add_epi8(high, high);
	}
}

typedef __m256 vm;
typedef __m256i vu;

static inline vm
vf_less(vf a, vf b)
{
	return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

static inline vf
vf_select(vm m, vf a, vf b)
{
	return _mm256_blendv_ps(b, a, m);
}

static inline vu
vu_select(vm m, vu a, vu b)
{
	return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(b), _mm256_castsi256_ps(a), m));
}

static inline vu
vu_set(uint32_t x)
{
	return _mm256_set1_epi32((int) x);
}

static inline vu
vu_add(vu a, vu b)
{
	return _mm256_add_epi32(a, b);
}

static inline vu
vu_load(const uint32_t *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

static inline void
vu_store(uint32_t *p, vu a)
{
	_mm256_storeu_si256((__m256i *) p, a);
}

#endif
