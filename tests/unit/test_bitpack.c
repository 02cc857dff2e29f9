/*
 * tests/unit/test_bitpack.c
 *		Bit packing: every width, every level, against a bit-by-bit model; guard page behind the slack.
 *
 * --bench prints nanoseconds per block of 128.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/simd/bitpack/ops.h"

#define N VCS_BITPACK_BLOCK

static int failures;
static unsigned long checks;

static void
check(bool ok, const char *what, const char *level, unsigned width)
{
	checks++;
	if (!ok && failures++ < 20)
		printf("FAILED: %s, level %s, width %u\n", what, level, width);
}

static uint64_t state = 42;

static uint32_t
rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t) (state >> 16);
}

/* a region whose byte `size` is the first of an unreadable page */
static uint8_t *
guarded(size_t size)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	size_t whole = (size + page - 1) / page * page;
	uint8_t *p =
		mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + whole, page, PROT_NONE) != 0)
		abort();
	return p + whole - size;
}

static void
model_pack(const uint32_t *v, unsigned width, uint8_t *out)
{
	memset(out, 0, VCS_BITPACK_BYTES(width));
	for (unsigned i = 0; i < N; i++)
	{
		for (unsigned b = 0; b < width; b++)
		{
			unsigned bit = i * width + b;

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

static void
test_level(VcsLevel level)
{
	const char *name = vcs_level_name(level);
	VcsBitpackOps ops;

	vcs_bitpack_fill(&ops, level);
	for (unsigned width = 0; width <= 32; width++)
	{
		size_t bytes = VCS_BITPACK_BYTES(width);
		uint8_t *packed = guarded(bytes + VCS_BITPACK_SLACK);

		for (int round = 0; round < 40; round++)
		{
			uint32_t mask = width == 0 ? 0 : UINT32_MAX >> (32 - width);
			uint32_t base = round % 4 == 0 ? 0 : rnd();
			uint32_t v[N];
			uint32_t plain[N];
			uint32_t sums[N];
			uint32_t out[N + 2];
			uint8_t expect[VCS_BITPACK_BYTES(32)];
			uint8_t wrote[VCS_BITPACK_BYTES(32) + 8];
			uint32_t sum = base;

			for (unsigned i = 0; i < N; i++)
			{
				v[i] = round == 1 ? mask : rnd() & mask;
				plain[i] = v[i] + base;
				sum += v[i];
				sums[i] = sum;
			}
			model_pack(v, width, expect);

			memset(wrote, 0xA5, sizeof(wrote));
			ops.pack(plain, base, width, wrote);
			check(memcmp(wrote, expect, bytes) == 0, "pack", name, width);
			check(wrote[bytes] == 0xA5, "pack writes beyond", name, width);
			memset(wrote, 0xA5, sizeof(wrote));
			ops.pack_delta(sums, base, width, wrote);
			check(memcmp(wrote, expect, bytes) == 0, "pack_delta", name, width);
			check(wrote[bytes] == 0xA5, "pack_delta writes beyond", name, width);
			check(ops.width(plain, base) == model_width(v), "width", name, width);
			check(ops.width_delta(sums, base) == model_width(v), "width_delta", name, width);

			/* what lies in the slack must not matter */
			memcpy(packed, expect, bytes);
			for (unsigned i = 0; i < VCS_BITPACK_SLACK; i++)
				packed[bytes + i] = (uint8_t) rnd();
			out[N] = out[N + 1] = 0x5A5A5A5A;
			ops.unpack(packed, base, width, out);
			check(memcmp(out, plain, sizeof(plain)) == 0, "unpack", name, width);
			ops.unpack_delta(packed, base, width, out);
			check(memcmp(out, sums, sizeof(sums)) == 0, "unpack_delta", name, width);
			check(out[N] == 0x5A5A5A5A, "unpack writes beyond", name, width);
		}
		/* bits above the width are dropped */
		{
			uint32_t v[N];
			uint8_t a[VCS_BITPACK_BYTES(32)];
			uint8_t b[VCS_BITPACK_BYTES(32)];

			for (unsigned i = 0; i < N; i++)
				v[i] = rnd();
			ops.pack(v, 0, width, a);
			model_pack(v, width, b);
			check(memcmp(a, b, bytes) == 0, "pack masks", name, width);
		}
	}
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static void
bench(VcsLevel level)
{
	static uint8_t packed[VCS_BITPACK_BYTES(32) + VCS_BITPACK_SLACK];
	static uint32_t out[N];
	static const unsigned widths[] = {1, 7, 8, 13, 25, 28};
	VcsBitpackOps ops;

	vcs_bitpack_fill(&ops, level);
	for (unsigned w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
	{
		double best[3] = {1e9, 1e9, 1e9};

		for (int rep = 0; rep < 15; rep++)
		{
			const int loops = 20000;
			double t = now();

			for (int i = 0; i < loops; i++)
				ops.unpack(packed, (uint32_t) i, widths[w], out);
			t = (now() - t) / loops;
			best[0] = t < best[0] ? t : best[0];
			t = now();
			for (int i = 0; i < loops; i++)
				ops.unpack_delta(packed, (uint32_t) i, widths[w], out);
			t = (now() - t) / loops;
			best[1] = t < best[1] ? t : best[1];
			t = now();
			for (int i = 0; i < loops / 10; i++)
				ops.pack_delta(out, (uint32_t) i, widths[w], packed);
			t = (now() - t) * 10 / loops;
			best[2] = t < best[2] ? t : best[2];
		}
		printf("%-12s width %2u: unpack %6.1f  unpack_delta %6.1f  both (docid + tf) %6.1f  "
			   "pack_delta %6.1f ns\n",
			   vcs_level_name(level), widths[w], best[0], best[1], best[0] + best[1], best[2]);
	}
}

int
main(int argc, char **argv)
{
	bool benchmark = argc > 1 && strcmp(argv[1], "--bench") == 0;

	for (int level = 0; level < VCS_LEVEL_COUNT; level++)
	{
		if (!vcs_cpu_supports((VcsLevel) level))
			continue;
		test_level((VcsLevel) level);
		if (benchmark)
			bench((VcsLevel) level);
	}
	printf("%lu checks, %d failed\n", checks, failures);
	return failures > 0 || checks == 0;
}
