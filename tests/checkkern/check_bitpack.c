/*
 * tests/checkkern/check_bitpack.c
 *		Bit packing: every width against a bit-by-bit model.
 */
#include "core/simd/bitpack/ops.h"
#include "tests/checkkern/families.h"

#include <stdio.h>
#include <string.h>

#define N VCS_BITPACK_BLOCK

static void
model_pack(const uint32_t *v, unsigned width, uint8_t *out)
{
	memset(out, 0, VCS_BITPACK_BYTES(width));
	for (unsigned i = 0; i < N; i++)
	{
		for (unsigned b = 0; b < width; b++)
		{
			const unsigned bit = i * width + b;

			out[bit / 8] |= (uint8_t) (((v[i] >> b) & 1) << (bit % 8));
		}
	}
}

static unsigned
model_width(const uint32_t *v)
{
	unsigned width = 0;

	for (unsigned i = 0; i < N; i++)
	{
		while (width < 32 && (v[i] >> width) != 0)
			width++;
	}
	return width;
}

/* v: the packed values; plain = v + base; sums: running sums of v from base */
static void
check_values(const VcsBitpackOps *ops, const uint32_t *v, uint32_t base, unsigned width,
			 CkPlace place)
{
	const size_t bytes = VCS_BITPACK_BYTES(width);
	uint8_t expect[VCS_BITPACK_BYTES(32)];
	uint32_t plain[N];
	uint32_t sums[N];
	uint32_t sum = base;
	const uint32_t *in;
	uint8_t *packed;
	uint32_t *out;

	for (unsigned i = 0; i < N; i++)
	{
		plain[i] = v[i] + base;
		sum += v[i];
		sums[i] = sum;
	}
	model_pack(v, width, expect);

	ck_at("bitpack width", width);
	in = ck_place_copy(0, place, plain, sizeof(plain), sizeof(uint32_t));
	ck_expect(ops->width(in, base) == model_width(v), "width %u", ops->width(in, base));
	ck_at("bitpack pack", width);
	packed = ck_place(1, place, bytes, 1);
	ops->pack(in, base, width, packed);
	ck_expect_bytes(packed, expect, bytes);
	ck_expect_untouched(1, packed, bytes);

	ck_at("bitpack width_delta", width);
	in = ck_place_copy(0, place, sums, sizeof(sums), sizeof(uint32_t));
	ck_expect(ops->width_delta(in, base) == model_width(v), "width %u", ops->width_delta(in, base));
	ck_at("bitpack pack_delta", width);
	packed = ck_place(1, place, bytes, 1);
	ops->pack_delta(in, base, width, packed);
	ck_expect_bytes(packed, expect, bytes);
	ck_expect_untouched(1, packed, bytes);

	/* what lies in the slack may be read and must not matter */
	packed = ck_place(2, place, bytes + VCS_BITPACK_SLACK, 1);
	memcpy(packed, expect, bytes);
	ck_fill_bytes(packed + bytes, VCS_BITPACK_SLACK);
	ck_at("bitpack unpack", width);
	out = ck_place(3, place, sizeof(plain), sizeof(uint32_t));
	ops->unpack(packed, base, width, out);
	ck_expect_bytes(out, plain, sizeof(plain));
	ck_expect_untouched(3, out, sizeof(plain));
	ck_at("bitpack unpack_delta", width);
	out = ck_place(3, place, sizeof(sums), sizeof(uint32_t));
	ops->unpack_delta(packed, base, width, out);
	ck_expect_bytes(out, sums, sizeof(sums));
	ck_expect_untouched(3, out, sizeof(sums));
}

static void
check(VcsLevel level)
{
	VcsBitpackOps ops;

	vcs_bitpack_fill(&ops, level);
	for (unsigned width = 0; width <= 32; width++)
	{
		const uint32_t mask = width == 0 ? 0 : UINT32_MAX >> (32 - width);
		uint8_t expect[VCS_BITPACK_BYTES(32)];
		uint8_t packed[VCS_BITPACK_BYTES(32)];
		uint32_t v[N];

		for (int round = 0; round < 12; round++)
		{
			/* all bits set, few bits set, one value that needs the width, anything */
			for (unsigned i = 0; i < N; i++)
				v[i] = round == 0   ? mask
					   : round == 1 ? ck_random() & ck_random() & ck_random() & mask
					   : round == 2 ? (i == 77 ? mask : 0)
									: ck_random() & mask;
			check_values(&ops, v, round % 3 == 0 ? 0 : ck_random(), width,
						 (CkPlace) (round % CK_PLACES));
		}

		/* bits above the width are dropped */
		ck_at("bitpack pack too wide", width);
		for (unsigned i = 0; i < N; i++)
			v[i] = ck_random();
		model_pack(v, width, expect);
		ops.pack(v, 0, width, packed);
		ck_expect_bytes(packed, expect, VCS_BITPACK_BYTES(width));
	}
}

typedef struct Bench
{
	VcsBitpackOps ops;
	unsigned width;
	uint8_t packed[VCS_BITPACK_BYTES(32) + VCS_BITPACK_SLACK];
	uint32_t values[N];
} Bench;

static void
run_unpack(void *arg)
{
	Bench *b = arg;

	b->ops.unpack(b->packed, 1, b->width, b->values);
}

static void
run_unpack_delta(void *arg)
{
	Bench *b = arg;

	b->ops.unpack_delta(b->packed, 1, b->width, b->values);
}

/* G19: docids by deltas and frequencies plain */
static void
run_posting_block(void *arg)
{
	Bench *b = arg;

	b->ops.unpack_delta(b->packed, 1, b->width, b->values);
	b->ops.unpack(b->packed, 1, 3, b->values);
}

static void
run_pack_delta(void *arg)
{
	Bench *b = arg;

	b->ops.pack_delta(b->values, 0, b->width, b->packed);
}

static void
bench(VcsLevel level)
{
	static const unsigned widths[] = {3, 7, 13, 28};
	static Bench b;
	char name[64];

	vcs_bitpack_fill(&b.ops, level);
	for (unsigned i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
	{
		b.width = widths[i];
		snprintf(name, sizeof(name), "bitpack unpack %u", b.width);
		ck_report(level, name, ck_time(run_unpack, &b), sizeof(b.values), 0, NULL);
		snprintf(name, sizeof(name), "bitpack unpack_delta %u", b.width);
		ck_report(level, name, ck_time(run_unpack_delta, &b), sizeof(b.values), 0, NULL);
	}
	b.width = 7;
	/* limit: the packed values from L2, the unpacked ones to L1 */
	ck_report(level, "bitpack posting block", ck_time(run_posting_block, &b), 2 * sizeof(b.values),
			  VCS_BITPACK_BYTES(7 + 3) / ck_limits(level)->l2 +
				  2 * sizeof(b.values) / ck_limits(level)->l1,
			  "L2+L1");
	ck_report(level, "bitpack pack_delta 7", ck_time(run_pack_delta, &b), sizeof(b.values), 0,
			  NULL);
}

const CkFamily ck_family_bitpack = {"bitpack", check, bench};
