/*
 * core/simd/vector/lanes_a64_neon.h
 *		The vector primitives that the kernel templates are written in: AArch64 Advanced SIMD.
 *
 * Included once a level, which must be enabled.  lanes_x86_v4.h describes the primitives.
 */
#ifndef VC_CORE_SIMD_VECTOR_LANES_A64_NEON_H
#define VC_CORE_SIMD_VECTOR_LANES_A64_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 4

typedef float32x4_t vf;

static inline vf
vf_zero(void)
{
	return vdupq_n_f32(0);
}

static inline vf
vf_set(float x)
{
	return vdupq_n_f32(x);
}

static inline vf
vf_load(const float *p)
{
	return vld1q_f32(p);
}

static inline vf
vf_load_part(const float *p, size_t count)
{
	vf x = vdupq_n_f32(0);

	x = vld1q_lane_f32(p, x, 0);
	if (count > 1)
		x = vld1q_lane_f32(p + 1, x, 1);
	if (count > 2)
		x = vld1q_lane_f32(p + 2, x, 2);
	return x;
}

static inline void
vf_store(float *p, vf a)
{
	vst1q_f32(p, a);
}

static inline vf
vf_load_half(const uint16_t *p)
{
	return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

static inline vf
vf_load_half_part(const uint16_t *p, size_t count)
{
	uint16x4_t x = vdup_n_u16(0);

	x = vld1_lane_u16(p, x, 0);
	if (count > 1)
		x = vld1_lane_u16(p + 1, x, 1);
	if (count > 2)
		x = vld1_lane_u16(p + 2, x, 2);
	return vcvt_f32_f16(vreinterpret_f16_u16(x));
}

static inline void
vf_store_half(uint16_t *p, vf a)
{
	vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a)));
}

static inline vf
vf_load_u32(const uint32_t *p)
{
	return vcvtq_f32_u32(vld1q_u32(p));
}

static inline vf
vf_add(vf a, vf b)
{
	return vaddq_f32(a, b);
}

static inline vf
vf_sub(vf a, vf b)
{
	return vsubq_f32(a, b);
}

static inline vf
vf_mul(vf a, vf b)
{
	return vmulq_f32(a, b);
}

static inline vf
vf_fma(vf a, vf b, vf c)
{
	return vfmaq_f32(c, a, b);
}

static inline vf
vf_fnma(vf a, vf b, vf c)
{
	return vfmsq_f32(c, a, b);
}

static inline vf
vf_min(vf a, vf b)
{
	return vminq_f32(a, b);
}

static inline vf
vf_max(vf a, vf b)
{
	return vmaxq_f32(a, b);
}

static inline vf
vf_xor(vf a, vf b)
{
	return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}

static inline vf
vf_abs(vf a)
{
	return vabsq_f32(a);
}

static inline float
vf_hsum(vf a)
{
	return vaddvq_f32(a);
}

static inline float
vf_hmin(vf a)
{
	return vminvq_f32(a);
}

static inline float
vf_hmax(vf a)
{
	return vmaxvq_f32(a);
}

static inline void
vf_hsum4(vf a, vf b, vf c, vf d, float *out)
{
	vst1q_f32(out, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}

static inline uint32_t
vf_mask_not_ge(vf a, vf b)
{
	static const uint32_t weight[4] = {1, 2, 4, 8};

	return vaddvq_u32(vbicq_u32(vld1q_u32(weight), vcgeq_f32(a, b)));
}

static inline uint32_t
vf_mask_sign(vf a)
{
	static const int32_t position[4] = {0, 1, 2, 3};

	return vaddvq_u32(vshlq_u32(vshrq_n_u32(vreinterpretq_u32_f32(a), 31), vld1q_s32(position)));
}

#define vf_swap1(a)   vrev64q_f32(a)
#define vf_swap2(a)   vextq_f32((a), (a), 2)
#define vf_dup4(a, i) vdupq_laneq_f32((a), (i))

static inline vf
vf_set4(float a, float b, float c, float d)
{
	const float all[4] = {a, b, c, d};

	return vld1q_f32(all);
}

static inline void
vf_store_bytes4(uint8_t *p, vf a, vf b, vf c, vf d)
{
	uint16x8_t ab = vcombine_u16(vmovn_u32(vcvtnq_u32_f32(a)), vmovn_u32(vcvtnq_u32_f32(b)));
	uint16x8_t cd = vcombine_u16(vmovn_u32(vcvtnq_u32_f32(c)), vmovn_u32(vcvtnq_u32_f32(d)));

	vst1q_u8(p, vcombine_u8(vmovn_u16(ab), vmovn_u16(cd)));
}

static inline void
bytes_to_planes(const uint8_t *bytes, uint64_t *planes, size_t stride)
{
	static const int8_t position[16] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7};
	const uint8x16_t one = vdupq_n_u8(1);
	const int8x16_t shift = vld1q_s8(position);

	for (int p = 0; p < 6; p++)
	{
		uint64_t word = 0;

		for (int j = 0; j < 4; j++)
		{
			uint8x16_t v = vld1q_u8(bytes + 16 * j);
			uint8x16_t bit = vandq_u8(vshlq_u8(v, vdupq_n_s8((int8_t) -p)), one);
			uint8x16_t placed = vshlq_u8(bit, shift);

			word |= ((uint64_t) vaddv_u8(vget_low_u8(placed)) |
					 (uint64_t) vaddv_u8(vget_high_u8(placed)) << 8)
					<< (16 * j);
		}
		planes[(size_t) p * stride] = word;
	}
}

typedef uint32x4_t vm;
typedef uint32x4_t vu;

static inline vm
vf_less(vf a, vf b)
{
	return vcltq_f32(a, b);
}

static inline vf
vf_select(vm m, vf a, vf b)
{
	return vbslq_f32(m, a, b);
}

static inline vu
vu_select(vm m, vu a, vu b)
{
	return vbslq_u32(m, a, b);
}

static inline vu
vu_set(uint32_t x)
{
	return vdupq_n_u32(x);
}

static inline vu
vu_add(vu a, vu b)
{
	return vaddq_u32(a, b);
}

static inline vu
vu_load(const uint32_t *p)
{
	return vld1q_u32(p);
}

static inline void
vu_store(uint32_t *p, vu a)
{
	vst1q_u32(p, a);
}

#endif
