/*
 * core/simd/bitpack/bitpack_internal.h
 *		Shared by the bit packing kernels of all levels; not for use outside this folder.
 */
#ifndef VC_CORE_SIMD_BITPACK_BITPACK_INTERNAL_H
#define VC_CORE_SIMD_BITPACK_BITPACK_INTERNAL_H

#include <string.h>

#include "core/simd/bitpack/ops.h"

/* a width read by mistake from nowhere must not index a table */
#define BITPACK_CLAMP(width) ((width) > VCS_BITPACK_MAX_WIDTH ? VCS_BITPACK_MAX_WIDTH : (width))

/*
 * Gather tables.  Within a run of LANES values the first of which starts at a byte boundary, value i
 * of width w starts at bit w * i: lane i takes the bytes from w * i / 8 and is shifted right by
 * w * i % 8.  BITPACK_ROWS(row) expands row(0), row(1) .. row(32).
 */
#define BITPACK_BYTE(w, i)  ((w) * (i) / 8)
#define BITPACK_SHIFT(w, i) ((w) * (i) % 8)
#define BITPACK_ROWS(row)                                                                          \
	row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7), row(8), row(9), row(10),       \
		row(11), row(12), row(13), row(14), row(15), row(16), row(17), row(18), row(19), row(20),  \
		row(21), row(22), row(23), row(24), row(25), row(26), row(27), row(28), row(29), row(30),  \
		row(31), row(32)

static inline uint32_t
bitpack_mask(unsigned width)
{
	return width == 0 ? 0 : UINT32_MAX >> (32 - width);
}

static inline uint64_t
bitpack_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* value i of a block; reads 8 bytes from where it starts */
static inline uint32_t
bitpack_get(const uint8_t *in, unsigned width, unsigned i)
{
	const unsigned bit = width * i;

	return (uint32_t) (bitpack_load64(in + bit / 8) >> (bit % 8)) & bitpack_mask(width);
}

#endif
