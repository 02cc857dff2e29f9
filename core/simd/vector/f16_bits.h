/*
 * core/simd/vector/f16_bits.h
 *		Scalar conversion between binary16 and binary32, for reference code and vector tails.
 */
#ifndef VC_CORE_SIMD_VECTOR_F16_BITS_H
#define VC_CORE_SIMD_VECTOR_F16_BITS_H

#include <stdint.h>
#include <string.h>

/* Exact; a signalling NaN becomes quiet. */
static inline float
vcs_f16_value(uint16_t h)
{
	uint32_t sign = (uint32_t) (h & 0x8000u) << 16;
	uint32_t exponent = (h >> 10) & 0x1fu;
	uint32_t mantissa = h & 0x3ffu;
	uint32_t bits;
	float value;

	if (exponent == 0)
	{
		/* subnormals are multiples of 2^-24, which binary32 holds exactly */
		value = (float) mantissa * 0x1p-24f;
		return sign != 0 ? -value : value;
	}
	if (exponent == 0x1f)
		bits = sign | 0x7f800000u | (mantissa << 13) | (mantissa != 0 ? 0x400000u : 0);
	else
		bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Round to nearest even; a NaN keeps sign and upper payload and becomes quiet. */
static inline uint16_t
vcs_f16_from(float value)
{
	uint32_t bits;
	uint32_t sign;
	uint32_t kept;
	uint32_t rest;
	uint32_t half;

	memcpy(&bits, &value, sizeof(bits));
	sign = (bits >> 16) & 0x8000u;
	bits &= 0x7fffffffu;
	if (bits > 0x7f800000u)
		return (uint16_t) (sign | 0x7e00u | ((bits >> 13) & 0x3ffu));
	if (bits >= 0x47800000u) /* 65536 and more */
		return (uint16_t) (sign | 0x7c00u);
	if (bits >= 0x38800000u) /* 2^-14: normal in binary16 */
	{
		kept = (bits - 0x38000000u) >> 13;
		rest = bits & 0x1fffu;
		half = 0x1000u;
	}
	else if (bits >= 0x33000000u) /* 2^-25: half of the least subnormal */
	{
		uint32_t shift = 126 - (bits >> 23);
		uint32_t mantissa = (bits & 0x7fffffu) | 0x800000u;

		kept = mantissa >> shift;
		rest = mantissa & ((1u << shift) - 1);
		half = 1u << (shift - 1);
	}
	else
		return (uint16_t) sign;

	/* a carry runs into the exponent, as it should, up to infinity */
	if (rest > half || (rest == half && (kept & 1) != 0))
		kept++;
	return (uint16_t) (sign | kept);
}

#endif
