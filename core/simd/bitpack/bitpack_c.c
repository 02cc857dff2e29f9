/*
 * core/simd/bitpack/bitpack_c.c
 *		Bit packing in plain C: the specification of all other levels.
 */
#include "core/simd/bitpack/bitpack_internal.h"

static unsigned
bits_of(uint32_t x)
{
	return x == 0 ? 0 : 32u - (unsigned) __builtin_clz(x);
}

static unsigned
width_c(const uint32_t *in, uint32_t base)
{
	uint32_t all = 0;

	for (unsigned i = 0; i < VCS_BITPACK_BLOCK; i++)
		all |= in[i] - base;
	return bits_of(all);
}

static unsigned
width_delta_c(const uint32_t *in, uint32_t base)
{
	uint32_t all = in[0] - base;

	for (unsigned i = 1; i < VCS_BITPACK_BLOCK; i++)
		all |= in[i] - in[i - 1];
	return bits_of(all);
}

/* pack values one after the other; 32 values are a whole number of 4-byte words at any width */
static void
pack_values(const uint32_t *v, unsigned width, uint8_t *out)
{
	const uint32_t mask = bitpack_mask(width);
	uint64_t window = 0;
	unsigned have = 0;

	for (unsigned i = 0; i < VCS_BITPACK_BLOCK; i++)
	{
		window |= (uint64_t) (v[i] & mask) << have;
		have += width;
		if (have >= 32)
		{
			uint32_t word = (uint32_t) window;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
			word = __builtin_bswap32(word);
#endif
			memcpy(out, &word, sizeof(word));
			out += sizeof(word);
			window >>= 32;
			have -= 32;
		}
	}
}

static void
pack_c(const uint32_t *in, uint32_t base, unsigned width, uint8_t *ret_out)
{
	uint32_t v[VCS_BITPACK_BLOCK];

	for (unsigned i = 0; i < VCS_BITPACK_BLOCK; i++)
		v[i] = in[i] - base;
	pack_values(v, BITPACK_CLAMP(width), ret_out);
}

static void
pack_delta_c(const uint32_t *in, uint32_t base, unsigned width, uint8_t *ret_out)
{
	uint32_t v[VCS_BITPACK_BLOCK];

	v[0] = in[0] - base;
	for (unsigned i = 1; i < VCS_BITPACK_BLOCK; i++)
		v[i] = in[i] - in[i - 1];
	pack_values(v, BITPACK_CLAMP(width), ret_out);
}

static void
unpack_c(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out)
{
	width = BITPACK_CLAMP(width);
	for (unsigned i = 0; i < VCS_BITPACK_BLOCK; i++)
		ret_out[i] = bitpack_get(in, width, i) + base;
}

static void
unpack_delta_c(const uint8_t *in, uint32_t base, unsigned width, uint32_t *ret_out)
{
	width = BITPACK_CLAMP(width);
	for (unsigned i = 0; i < VCS_BITPACK_BLOCK; i++)
	{
		base += bitpack_get(in, width, i);
		ret_out[i] = base;
	}
}

void
vcs_bitpack_fill_c(VcsBitpackOps *ops)
{
	ops->width = width_c;
	ops->width_delta = width_delta_c;
	ops->pack = pack_c;
	ops->pack_delta = pack_delta_c;
	ops->unpack = unpack_c;
	ops->unpack_delta = unpack_delta_c;
}
