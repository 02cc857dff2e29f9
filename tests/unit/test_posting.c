/*
 * tests/unit/test_posting.c
 *		Posting blocks: round trip over all counts and widths, damage; impacts: every posting is covered.
 *
 * With --bench: nanoseconds to decode a block.
 */
#include "postgres.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "core/simd/bitpack/ops.h"
#include "vchord_bm25/block.h"
#include "vchord_bm25/impact.h"
#include "vchord_bm25/norm.h"

#include "tests/unit/unit.h"

typedef struct Columns
{
	uint32 docs[BM25_BLOCK_POSTINGS];
	uint32 tfs[BM25_BLOCK_POSTINGS];
	uint32 norms[BM25_BLOCK_POSTINGS];
} Columns;

static uint32
below_bits(int bits)
{
	return bits == 0 ? 0 : (uint32) (unit_random() >> (64 - bits));
}

/* n postings whose values need about these bits, where 32 bits of documents allow it */
static void
make(Columns *c, uint32 n, uint32 base, int doc_bits, int tf_bits, int norm_bits)
{
	uint64 doc = base;

	for (uint32 i = 0; i < n; i++)
	{
		uint64 room = UINT64CONST(0xFFFFFFFE) - doc - (n - i);
		uint64 gap = 1 + (uint64) below_bits(doc_bits);

		doc += Min(gap, room);
		c->docs[i] = (uint32) doc;
		c->tfs[i] = 1 + below_bits(Min(tf_bits, 31));
		c->norms[i] = below_bits(norm_bits);
	}
}

static void
round_trip(uint32 n, uint32 base, int doc_bits, int tf_bits, int norm_bits, bool positions,
		   uint32 tail)
{
	/* the block lies at the end of a page: what is behind it may not be read */
	static uint8 page[4096];
	uint8 *buffer = malloc(BM25_BLOCK_MAX + tail);
	Columns in;
	Columns work;
	Columns out;
	Bm25Block block;
	uint64 place = positions ? unit_random() : 0;
	uint32 bytes;

	make(&in, n, base, doc_bits, tf_bits, norm_bits);
	work = in;
	bytes = bm25_block_encode(work.docs, work.tfs, work.norms, n, base, positions, place, page);
	CHECK(bytes <= BM25_BLOCK_MAX);
	free(buffer);
	/* exactly as much memory as is said to be readable: a sanitizer sees more */
	buffer = malloc(bytes + tail);
	memcpy(buffer, page, bytes);
	memset(buffer + bytes, 0xA5, tail);

	CHECK(bm25_block_open(buffer, bytes, bytes + tail, positions, &block));
	CHECK(block.head.count == n && block.head.positions == place);
	CHECK(bm25_block_decode(&block, base, in.docs[n - 1], out.docs, out.tfs));
	CHECK(bm25_block_norms(&block, PG_UINT32_MAX, out.norms));
	CHECK(memcmp(in.docs, out.docs, n * sizeof(uint32)) == 0);
	CHECK(memcmp(in.tfs, out.tfs, n * sizeof(uint32)) == 0);
	CHECK(memcmp(in.norms, out.norms, n * sizeof(uint32)) == 0);
	CHECK(!bm25_block_open(buffer, bytes + 1, bytes + 1 + tail, positions, &block));
	CHECK(!bm25_block_open(buffer, bytes - 1, bytes + tail, positions, &block));
	if (norm_bits <= 8)
	{
		CHECK(bm25_block_open(buffer, bytes, bytes + tail, positions, &block));
		CHECK(bm25_block_norms(&block, 0xFF, out.norms));
	}
	free(buffer);
}

/* Whatever a block says, what is accepted ascends to the last document. */
static void
damage(void)
{
	static uint8 page[BM25_BLOCK_MAX + VCS_BITPACK_SLACK];
	uint32 accepted = 0;

	for (int round = 0; round < 20000; round++)
	{
		uint32 n = 1 + (uint32) unit_below(BM25_BLOCK_POSTINGS);
		Columns in;
		Columns out;
		Bm25Block block;
		uint32 bytes;
		uint32 last;

		make(&in, n, 1000, (int) unit_below(33), (int) unit_below(9), (int) unit_below(9));
		last = in.docs[n - 1];
		bytes = bm25_block_encode(in.docs, in.tfs, in.norms, n, 1000, false, 0, page);
		for (int flips = 0; flips < 3; flips++)
			page[unit_below(round % 2 == 0 ? 8 : bytes)] ^= (uint8) (1 << unit_below(8));
		if (!bm25_block_open(page, bytes, sizeof(page), false, &block) ||
			!bm25_block_decode(&block, 1000, last, out.docs, out.tfs))
			continue;
		accepted++;
		for (uint32 i = 0; i < block.head.count; i++)
			CHECK(out.docs[i] >= (i > 0 ? out.docs[i - 1] : 1000) && out.docs[i] <= last);
		if (bm25_block_norms(&block, 0xFF, out.norms))
		{
			for (uint32 i = 0; i < block.head.count; i++)
				CHECK(out.norms[i] <= 0xFF);
		}
	}
	CHECK(accepted > 100);
}

static void
impacts(void)
{
	uint64 tight = 0;

	for (int round = 0; round < 20000; round++)
	{
		uint32 n = 1 + (uint32) unit_below(300);
		int tf_bits = (int) unit_below(11);
		int code_bits = (int) unit_below(9);
		int m = 1 + (int) unit_below(BM25_LARGE_IMPACTS);
		uint32 tfs[300];
		uint8 codes[300];
		Bm25Front front;
		Bm25Front half;
		Bm25ImpactDisk impact[BM25_LARGE_IMPACTS];
		double best = 0;
		double bound = 0;

		bm25_front_reset(&front);
		bm25_front_reset(&half);
		for (uint32 i = 0; i < n; i++)
		{
			tfs[i] = 1 + below_bits(tf_bits);
			codes[i] = (uint8) below_bits(code_bits);
			/* correlated on every other round, which makes long fronts */
			if (round % 2 == 0)
				codes[i] = (uint8) Min(255, tfs[i] / 2 + codes[i] % 8);
			bm25_front_add(i % 2 == 0 ? &front : &half, tfs[i], codes[i]);
			best = Max(best, tfs[i] / (tfs[i] + 0.3 + 0.009 * bm25_norm_length(codes[i])));
		}
		bm25_front_merge(&front, &half);
		bm25_front_cover(&front, 100, m, impact);
		for (uint32 i = 0; i < n; i++)
		{
			bool covered = false;

			for (int k = 0; k < m; k++)
				covered |=
					(impact[k].tf == 255 || tfs[i] <= impact[k].tf) && codes[i] >= impact[k].code;
			CHECK(covered);
		}
		/* and no impact is more than the postings need */
		for (int k = 0; k < m; k++)
		{
			bool tf_seen = false;
			bool code_seen = false;
			double tf = impact[k].tf == 255 ? 1e9 : impact[k].tf;

			for (uint32 i = 0; i < n; i++)
			{
				tf_seen |= Min(tfs[i], 255) == impact[k].tf;
				code_seen |= codes[i] == impact[k].code;
			}
			CHECK(tf_seen && code_seen);
			bound = Max(bound, tf / (tf + 0.3 + 0.009 * bm25_norm_length(impact[k].code)));
		}
		CHECK(bound >= best - 1e-12);
		tight += bound <= 1.1 * best;
	}
	printf("impacts: bound within 10%% of the best score in %.0f%% of groups\n", tight / 200.0);
	CHECK(tight > 12000);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static void
bench(void)
{
	enum
	{
		BLOCKS = 64,
		ROUNDS = 20000
	};
	static uint8 bytes[BLOCKS][BM25_BLOCK_MAX + VCS_BITPACK_SLACK];
	static uint32 size[BLOCKS];
	static uint32 last[BLOCKS];
	static uint8 spare[BM25_BLOCK_MAX];
	Columns c;
	double best[3] = {1e30, 1e30, 1e30};

	for (int b = 0; b < BLOCKS; b++)
	{
		make(&c, 128, 0, 3, 2, 6);
		last[b] = c.docs[127];
		size[b] = bm25_block_encode(c.docs, c.tfs, c.norms, 128, 0, false, 0, bytes[b]);
	}
	for (int trial = 0; trial < 5; trial++)
	{
		for (int what = 0; what < 3; what++)
		{
			double start = now();
			double ns;

			for (int i = 0; i < ROUNDS; i++)
			{
				int b = i % BLOCKS;
				Bm25Block block;

				if (what == 2)
				{
					memset(c.norms, i, 4);
					bm25_block_encode(c.docs, c.tfs, c.norms, 128, 0, false, 0, spare);
					continue;
				}
				CHECK(bm25_block_open(bytes[b], size[b], sizeof(bytes[b]), false, &block));
				if (what == 0)
					CHECK(bm25_block_decode(&block, 0, last[b], c.docs, c.tfs));
				else
					CHECK(bm25_block_norms(&block, 0xFF, c.norms));
			}
			ns = (now() - start) / ROUNDS;
			best[what] = Min(best[what], ns);
		}
	}
	printf("block of 128: docs+tfs %.1f ns, norms %.1f ns, encode %.1f ns\n", best[0], best[1],
		   best[2]);
}

int
main(int argc, char **argv)
{
	unit_init();
	vcs_bitpack_init();
	if (argc > 1 && strcmp(argv[1], "--bench") == 0)
	{
		bench();
		return 0;
	}
	for (uint32 n = 1; n <= BM25_BLOCK_POSTINGS; n++)
	{
		for (int bits = 0; bits <= 32; bits++)
		{
			round_trip(n, (uint32) unit_below(1000), bits, (int) unit_below(33),
					   (int) unit_below(33), bits % 2 == 0, (uint32) unit_below(600));
			round_trip(n, 0, (int) unit_below(20), bits, (int) unit_below(9), bits % 2 == 1, 0);
			round_trip(n, 5, (int) unit_below(20), (int) unit_below(4), bits, false, 64);
		}
	}
	damage();
	impacts();
	return unit_done("posting");
}
