/*
 * tests/checkkern/check_score.c
 *		Scoring of postings: contributions against double precision and C, selections against a plain loop.
 */
#include "core/simd/bitpack/ops.h"
#include "core/simd/bitpack/score_ops.h"
#include "tests/checkkern/families.h"

#include <math.h>
#include <string.h>

#define MOST   4096
#define WINDOW 4096
#define BLOCK  VCS_BITPACK_BLOCK

static void
fill_table(float *table)
{
	for (unsigned i = 0; i < VCS_SCORE_CODES; i++)
		table[i] = 0.3f + 0.01f * (float) i;
}

static void
check_parts(const VcsScoreOps *ops, const VcsScoreOps *c, size_t n, CkPlace place)
{
	static uint32_t tf[MOST];
	static uint32_t code[MOST];
	static float expect[MOST];
	float table[VCS_SCORE_CODES];
	const uint32_t *tfs;
	const uint32_t *codes;
	const float *k;
	float *parts;
	float weight = 1 + (float) (ck_random() % 1000) / 64;

	fill_table(table);
	for (size_t i = 0; i < n; i++)
	{
		/* small, any, and so large that a conversion to float rounds; codes with bits above the table */
		tf[i] = i % 4 != 3 ? ck_random() % 9 : ck_random() >> (ck_random() % 32);
		code[i] = i % 5 != 4 ? ck_random() % VCS_SCORE_CODES : ck_random();
	}
	if (n > 2)
	{
		tf[0] = UINT32_MAX;
		tf[1] = 0x80000081; /* halfway cases of the conversion */
		tf[2] = 0x01000001;
	}
	ck_at("score parts", n);
	tfs = ck_place_copy(0, place, tf, n * sizeof(uint32_t), sizeof(uint32_t));
	codes = ck_place_copy(1, place, code, n * sizeof(uint32_t), sizeof(uint32_t));
	k = ck_place_copy(2, place, table, sizeof(table), sizeof(float));
	parts = ck_place(3, place, n * sizeof(float), sizeof(float));
	ops->parts(tfs, codes, n, weight, k, parts);
	ck_expect_untouched(3, parts, n * sizeof(float));
	c->parts(tf, code, n, weight, table, expect);
	ck_expect_bytes(parts, expect, n * sizeof(float));
	for (size_t i = 0; i < n; i++)
	{
		double exact =
			(double) weight * tf[i] / (tf[i] + (double) table[code[i] % VCS_SCORE_CODES]);

		ck_expect(fabs(parts[i] - exact) <= 5 * 0x1p-24 * exact, "part %zu: %.9g, not %.9g", i,
				  (double) parts[i], exact);
	}
}

/* every: one score in so many reaches, about */
static void
check_selection(const VcsScoreOps *ops, size_t n, unsigned every, CkPlace place)
{
	static float score[MOST];
	static uint16_t expect_offsets[MOST];
	static float expect_taken[MOST];
	static const float zeros[MOST];
	const float least = 1.5f;
	size_t expect = 0;
	uint16_t *offsets;
	float *scores;
	float *taken;

	for (size_t i = 0; i < n; i++)
	{
		/* equal, just below, zero, above */
		score[i] = ck_random() % every != 0 ? (i % 3 == 0 ? 0 : nextafterf(least, 0))
				   : ck_random() % 2 != 0   ? least
											: least + (float) (ck_random() % 100);
		if (score[i] >= least)
		{
			expect_offsets[expect] = (uint16_t) i;
			expect_taken[expect++] = score[i];
		}
	}
	for (int take = 0; take <= (n % 16 == 0); take++)
	{
		size_t got;

		ck_at(take ? "score take" : "score select", n);
		scores = ck_place_copy(0, place, score, n * sizeof(float), sizeof(float));
		offsets = ck_place(1, place, n * sizeof(uint16_t), sizeof(uint16_t));
		taken = ck_place(2, place, n * sizeof(float), sizeof(float));
		got = take ? ops->take(scores, n, least, offsets, taken)
				   : ops->select(scores, n, least, offsets, taken);
		ck_expect(got == expect, "%zu of %zu", got, expect);
		ck_expect_bytes(offsets, expect_offsets, expect * sizeof(uint16_t));
		ck_expect_bytes(taken, expect_taken, expect * sizeof(float));
		ck_expect_bytes(scores, take ? zeros : score, n * sizeof(float));
		ck_expect_untouched(0, scores, n * sizeof(float));
		ck_expect_untouched(1, offsets, n * sizeof(uint16_t));
		ck_expect_untouched(2, taken, n * sizeof(float));
	}
}

static void
check(VcsLevel level)
{
	VcsScoreOps c;
	VcsScoreOps ops;

	vcs_score_fill(&c, VCS_LEVEL_C);
	vcs_score_fill(&ops, level);
	for (int place = 0; place < CK_PLACES; place++)
	{
		for (size_t n = 0; n <= 200; n++)
		{
			check_parts(&ops, &c, n, (CkPlace) place);
			check_selection(&ops, n, 1 + ck_random() % 40, (CkPlace) place);
		}
		for (unsigned every = 1; every <= 10000; every *= 10)
			check_selection(&ops, MOST, every, (CkPlace) place);
	}
}

/* Dense postings of a window: blocks with a mean gap of 4, packed as in an index. */
typedef struct Bench
{
	VcsScoreOps ops;
	VcsBitpackOps bitpack;
	float table[VCS_SCORE_CODES];
	uint8_t docs[VCS_BITPACK_BYTES(3) + VCS_BITPACK_SLACK];
	uint8_t tfs[VCS_BITPACK_BYTES(2) + VCS_BITPACK_SLACK];
	uint8_t norms[VCS_BITPACK_BYTES(6) + VCS_BITPACK_SLACK];
	uint32_t doc[BLOCK];
	uint32_t tf[BLOCK];
	uint32_t norm[BLOCK];
	float part[BLOCK];
	float scores[WINDOW];
	uint16_t offsets[WINDOW];
	float taken[WINDOW];
	size_t found;
} Bench;

static void
run_parts(void *arg)
{
	Bench *b = arg;

	b->ops.parts(b->tf, b->norm, BLOCK, 3, b->table, b->part);
}

static void
run_take(void *arg)
{
	Bench *b = arg;

	b->scores[1000] = 9;
	b->found += b->ops.take(b->scores, WINDOW, 2.9f, b->offsets, b->taken);
}

static void
run_select(void *arg)
{
	Bench *b = arg;

	b->found += b->ops.select(b->part, BLOCK, 2.9f, b->offsets, b->taken);
}

/* G20: every posting of a window unpacked, scored and added, the window scanned and cleared */
static void
run_window(void *arg)
{
	Bench *b = arg;
	uint32_t base = 0;

	for (int block = 0; block < WINDOW / 4 / BLOCK; block++)
	{
		b->bitpack.unpack_delta(b->docs, base, 3, b->doc);
		b->bitpack.unpack(b->tfs, 1, 2, b->tf);
		b->bitpack.unpack(b->norms, 40, 6, b->norm);
		b->ops.parts(b->tf, b->norm, BLOCK, 3, b->table, b->part);
		for (unsigned i = 0; i < BLOCK; i++)
			b->scores[b->doc[i]] += b->part[i];
		base = b->doc[BLOCK - 1];
	}
	b->found += b->ops.take(b->scores, WINDOW, 2.9f, b->offsets, b->taken);
}

static void
bench(VcsLevel level)
{
	static Bench b;
	const CkLimits *limits = ck_limits(level);
	uint32_t doc[BLOCK];
	uint32_t at = 0;

	vcs_score_fill(&b.ops, level);
	vcs_bitpack_fill(&b.bitpack, level);
	fill_table(b.table);
	memset(b.scores, 0, sizeof(b.scores));
	/* gaps 1 .. 7: 128 of them are 506 .. 510 documents, eight blocks fit the window */
	for (unsigned i = 0; i < BLOCK; i++)
	{
		at += i < 126 ? 1 + i * 3 % 7 : 1;
		doc[i] = at;
		b.tf[i] = 1 + (ck_random() & ck_random() & 3);
		b.norm[i] = 40 + ck_random() % 64;
	}
	b.bitpack.pack_delta(doc, 0, 3, b.docs);
	b.bitpack.pack(b.tf, 1, 2, b.tfs);
	b.bitpack.pack(b.norm, 40, 6, b.norms);

	ck_report(level, "score parts, block", ck_time(run_parts, &b), 2 * sizeof(b.tf), 0, NULL);
	ck_report(level, "score select, block", ck_time(run_select, &b), sizeof(b.part),
			  sizeof(b.part) / limits->l1, "L1");
	ck_report(level, "score take, window", ck_time(run_take, &b), sizeof(b.scores),
			  2 * sizeof(b.scores) / limits->l1, "L1");
	/* limit: the packed columns from L2, decoded, parts and sums written and read once in L1 */
	ck_report(level, "score dense posting", ck_time(run_window, &b) / (WINDOW / 4),
			  (3 + 2 + 6) / 8.0,
			  (3 + 2 + 6) / 8.0 / limits->l2 +
				  (2 * 4 * sizeof(float) + 4 * 2 * sizeof(float)) / limits->l1,
			  "L2+L1");
}

const CkFamily ck_family_score = {"score", check, bench};
