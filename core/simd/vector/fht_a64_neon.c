/*
 * core/simd/vector/fht_a64_neon.c
 *		The rotation with AArch64 Advanced SIMD.
 */
#include <arm_neon.h>

#include "core/simd/vector/fht_internal.h"

#define FHT_LOG         2
#define FHT_NAME(f)     f##_a64_neon
#define FHT_LOAD(p)     vld1q_f32(p)
#define FHT_STORE(p, v) vst1q_f32(p, v)
#define FHT_ADD(a, b)   vaddq_f32(a, b)
#define FHT_SUB(a, b)   vsubq_f32(a, b)
#define FHT_MUL(a, b)   vmulq_f32(a, b)
#define FHT_SET1(f)     vdupq_n_f32(f)

typedef float32x4_t FhtVec;

static inline __attribute__((always_inline)) FhtVec
fht_flip(FhtVec v, const uint8_t *signs, uint32_t i)
{
	static const int32_t up[4] = {31, 30, 29, 28};
	uint32_t bits = ((uint32_t) signs[i / 8] | (uint32_t) signs[i / 8 + 1] << 8) >> (i % 8);
	uint32x4_t s = vshlq_u32(vdupq_n_u32(bits), vld1q_s32(up));

	s = vandq_u32(s, vdupq_n_u32(UINT32_C(0x80000000)));
	return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), s));
}

/* partner lane plus or minus this lane */
static inline __attribute__((always_inline)) FhtVec
fht_lanes(FhtVec v)
{
	static const uint32_t odd[4] = {0, UINT32_C(0x80000000), 0, UINT32_C(0x80000000)};
	static const uint32_t high[4] = {0, 0, UINT32_C(0x80000000), UINT32_C(0x80000000)};
	float32x4_t s;

	s = vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), vld1q_u32(odd)));
	v = vaddq_f32(vrev64q_f32(v), s);
	s = vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), vld1q_u32(high)));
	return vaddq_f32(vextq_f32(v, v, 2), s);
}

#include "core/simd/vector/fht_impl.h"
