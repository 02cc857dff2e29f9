/*
 * tests/unit/test_rabitq.c
 *		Types, distances and RaBitQ: known answers, algebra against double, and how often a bound fails.
 *
 * The statistical part runs on generated data, and on real sets if VCHORD_DATA or ../shared/data
 * (from the source root, given as the argument) has them; sets that are missing are named as skipped.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/simd/vector/rotate_ops.h"
#include "core/vector/distance.h"
#include "core/vector/rabitq.h"
#include "core/vector/rotate.h"

static int failures;
static unsigned long checks;

#define CHECK(cond, ...)                                                                           \
	do                                                                                             \
	{                                                                                              \
		checks++;                                                                                  \
		if (!(cond) && failures++ < 20)                                                            \
		{                                                                                          \
			printf("FAILED (%s): ", #cond);                                                        \
			printf(__VA_ARGS__);                                                                   \
			printf("\n");                                                                          \
		}                                                                                          \
	} while (0)

static void *
memory(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 127) & ~(size_t) 63);

	if (p == NULL)
		abort();
	return p;
}

static float
uniform(void)
{
	return (float) (rand() % 20001 - 10000) / 10000.0f;
}

static float
gauss(void)
{
	float s = 0;

	for (int i = 0; i < 12; i++)
		s += (float) rand() / (float) RAND_MAX;
	return s - 6;
}

static bool
close_to(double a, double b, double relative)
{
	return fabs(a - b) <= relative * (fabs(b) + 1e-3);
}

/* ---- types and distances ---- */

static void
test_types(void)
{
	float x[5] = {3, 0, -4, 0, 0};
	float zero[5] = {0};
	float huge[2] = {3e30f, 4e30f};
	float tiny[2] = {3e-30f, 4e-30f};
	VcvHalf half[5];
	float back[5];
	VcvView view = {VCV_HALFVEC, 5, half};

	vcv_from_f32(VCV_HALFVEC, x, 5, half);
	vcv_to_f32(&view, back);
	CHECK(memcmp(x, back, sizeof(x)) == 0, "small integers survive halves");
	CHECK(vcv_f32(&view, back) == back, "converted into scratch");
	view.type = VCV_VECTOR;
	view.x = x;
	CHECK(vcv_f32(&view, back) == x, "not copied");
	CHECK(vcv_row_bytes(VCV_VECTOR, 3) == 12 && vcv_row_bytes(VCV_HALFVEC, 3) == 6, "row bytes");
	CHECK(vcv_norm2(x, 5) == 25, "norm2");
	CHECK(vcv_normalize(x, 5) == 5 && close_to(x[0], 0.6, 1e-6) && close_to(x[2], -0.8, 1e-6),
		  "normalise");
	CHECK(vcv_normalize(zero, 5) == 0 && zero[0] == 0 && zero[4] == 0, "zero stays zero");
	CHECK(close_to(vcv_normalize(huge, 2) / 1e30, 5, 1e-6) && close_to(huge[1], 0.8, 1e-6), "huge");
	CHECK(vcv_normalize(tiny, 2) > 0 && close_to(tiny[1], 0.8, 1e-6), "tiny");
	CHECK(vcv_all_finite(x, 5), "finite");
	x[4] = NAN;
	CHECK(!vcv_all_finite(x, 5), "NaN");
	x[4] = -INFINITY;
	CHECK(!vcv_all_finite(x, 5), "infinite");
}

static void
test_distances(void)
{
	const float a[3] = {1, 2, 3};
	const float b[3] = {2, 3, 4};
	VcvHalf h[3];

	vcv_from_f32(VCV_HALFVEC, b, 3, h);
	for (int type = 0; type < 2; type++)
	{
		const void *row = type == 0 ? (const void *) b : (const void *) h;

		CHECK(vcv_score(VCV_L2, (VcvType) type, a, row, 3) == 3, "L2");
		CHECK(vcv_score(VCV_IP, (VcvType) type, a, row, 3) == -20, "IP");
		CHECK(vcv_score(VCV_COSINE, (VcvType) type, a, row, 3) == -20, "cosine of given rows");
	}
	CHECK(close_to(vcv_metric_result(VCV_L2, 3), 1.7320508, 1e-7), "sqrt");
	CHECK(vcv_metric_result(VCV_L2, -1e-9f) == 0, "rounding below zero");
	CHECK(vcv_metric_result(VCV_IP, -20) == -20, "IP result");
	CHECK(vcv_metric_result(VCV_COSINE, -0.75f) == 0.25, "cosine result");
	CHECK(vcv_metric_score(VCV_L2, 3) == 9 && vcv_metric_score(VCV_L2, -3) == 0, "L2 score");
	CHECK(vcv_metric_score(VCV_IP, -3) == -3, "IP score");
	CHECK(vcv_metric_score(VCV_COSINE, 0.25) == -0.75f, "cosine score");
}

static void
test_half_up(void)
{
	float previous = -1;

	CHECK(vcv_half_up(0) == 0, "zero");
	CHECK(vcv_half_up(65504) == 0x7BFF && vcv_half_up(65505) == 0x7C00, "largest");
	CHECK(vcv_half_up(1e-10f) == 1, "smallest");
	for (int i = 0; i < 20000; i++)
	{
		float x = ldexpf((float) rand() / (float) RAND_MAX, rand() % 40 - 25);
		VcvHalf h = vcv_half_up(x);
		VcvHalf below = (VcvHalf) (h - 1);
		VcvView view = {VCV_HALFVEC, 1, &h};
		float back;

		vcv_to_f32(&view, &back);
		CHECK(back >= x, "half_up(%g) = %g", (double) x, (double) back);
		if (h > 0)
		{
			view.x = &below;
			vcv_to_f32(&view, &previous);
			CHECK(previous < x, "half_up(%g) is not the least", (double) x);
		}
	}
}

/* ---- codes ---- */

static void
test_known_codes(void)
{
	static const struct
	{
		uint32_t n;
		uint8_t bits;
		float norm2;
		int cnt;
		float ip;
		float err;
	} known[] = {
		/* bits 01011001 and 000111, first dimension first */
		{8, 0x9A, 204, 0, 6.8f, 4.868557f},
		{6, 0x38, 91, 0, 4.385542f, 2.208976f},
	};

	for (int k = 0; k < 2; k++)
	{
		float u[8];
		uint8_t bits;
		VcvCodeStats stats;
		VcvFactors f;

		for (uint32_t i = 0; i < known[k].n; i++)
			u[i] = (float) (i + 1);
		vcv_rotate(u, known[k].n, u);
		vcv_rabitq_stats(u, known[k].n, &stats);
		vcv_rabitq_encode(u, NULL, known[k].n, VCV_L2, &bits, &f);
		CHECK(bits == known[k].bits, "bits %02x", bits);
		CHECK(close_to(stats.norm2, known[k].norm2, 1e-6), "norm2 %f", (double) stats.norm2);
		CHECK(stats.factor_cnt == known[k].cnt, "cnt %d", stats.factor_cnt);
		CHECK(close_to(stats.factor_ip, known[k].ip, 1e-6), "ip %f", (double) stats.factor_ip);
		CHECK(close_to(stats.factor_err, known[k].err, 1e-6), "err %f", (double) stats.factor_err);
		CHECK(close_to(f.base, known[k].norm2, 1e-6) && close_to(f.factor, known[k].ip, 1e-6) &&
				  close_to(f.err, known[k].err, 1e-6),
			  "factors");
		vcv_rabitq_encode(u, NULL, known[k].n, VCV_IP, &bits, &f);
		CHECK(f.base == 0, "dot base");
	}
}

static void
test_special_codes(void)
{
	float u[70] = {0};
	float c[70];
	uint8_t bits[16];
	VcvFactors f;

	for (int i = 0; i < 70; i++)
		c[i] = uniform();
	for (int metric = 0; metric < 3; metric++)
	{
		vcv_rabitq_encode(u, c, 70, (VcvMetric) metric, bits, &f);
		CHECK(f.base == 0 && f.factor == 0 && f.err == 0, "zero vector, metric %d", metric);
		CHECK(bits[0] == 0xFF && bits[8] == 0x3F, "plus zero is a one, unused bits are zero");
		u[0] = -7;
		vcv_rabitq_encode(u, NULL, 1, (VcvMetric) metric, bits, &f);
		CHECK(f.factor == 7 && f.err == 0 && bits[0] == 0, "one dimension");
		u[0] = 1e25f;
		vcv_rabitq_encode(u, NULL, 70, (VcvMetric) metric, bits, &f);
		CHECK(f.base == -INFINITY && f.factor == 0 && f.err == 0, "norm beyond f32");
		u[0] = 0;
	}
	/* corner of the cube: the code is exact */
	for (int i = 0; i < 70; i++)
		u[i] = i % 3 == 0 ? 2.0f : -2.0f;
	vcv_rabitq_encode(u, NULL, 70, VCV_L2, bits, &f);
	CHECK(f.factor == 2 && f.err < 1e-3f, "corner: err %g", (double) f.err);
}

/* rough and bounds against the formulas of the specification, in double */
static void
test_algebra(void)
{
	for (int round = 0; round < 400; round++)
	{
		const uint32_t n = 1 + (uint32_t) rand() % 300;
		const bool residual = round % 2 != 0;
		const VcvMetric metric = (VcvMetric) (round / 2 % 3);
		float *o = memory(n * 4);
		float *c = memory(n * 4);
		float *u = memory(n * 4);
		float *q = memory(n * 4);
		void *mem = memory(vcv_query_memory(n));
		uint8_t bits[64] = {0};
		uint8_t *groups = memory(VCS_GROUPS_BYTES(n));
		double q2 = 0, c2 = 0, dc_l2 = 0, dc_dot = 0, e = 0, s_c = 0, u_c = 0, u2 = 0, rough, err;
		VcvFactors f;
		VcvCodeStats stats;
		VcvQuery query;
		VcsBound bound;
		VcsBound flat;
		VcvSingleBound single;
		uint32_t acc[VCS_BLOCK] = {0};
		float base[VCS_BLOCK] = {0};
		float factor[VCS_BLOCK] = {0};
		uint16_t err16[VCS_BLOCK] = {0};
		float lb[VCS_BLOCK];
		float alone;
		double scale;

		for (uint32_t i = 0; i < n; i++)
		{
			o[i] = uniform();
			c[i] = residual ? uniform() : 0;
			q[i] = uniform();
			u[i] = o[i] - c[i];
			q2 += (double) q[i] * q[i];
			c2 += (double) c[i] * c[i];
			u2 += (double) u[i] * u[i];
			dc_l2 += (double) (q[i] - c[i]) * (q[i] - c[i]);
			dc_dot -= (double) q[i] * c[i];
			e += (signbit(u[i]) ? -1.0 : 1.0) * q[i];
			s_c += (signbit(u[i]) ? -1.0 : 1.0) * c[i];
			u_c += (double) u[i] * c[i];
		}
		vcv_rabitq_stats(u, n, &stats);
		vcv_rabitq_encode(u, residual ? c : NULL, n, metric, bits, &f);
		if (metric == VCV_L2)
		{
			rough = u2 + dc_l2 - 2 * e * stats.factor_ip + 2 * stats.factor_ip * s_c;
			err = 2 * stats.factor_err * sqrt(dc_l2);
		}
		else
		{
			rough = -e * stats.factor_ip + dc_dot + stats.factor_ip * s_c - u_c;
			err = stats.factor_err * sqrt(fmax(0, q2 + c2 + 2 * dc_dot));
		}
		scale = u2 + q2 + c2;

		vcv_query_init(&query, metric, q, n, true, mem);
		vcv_rabitq_bound(&query, (float) (metric == VCV_L2 ? dc_l2 : dc_dot), (float) c2, 0, &bound,
						 &single);
		if (!residual)
		{
			vcv_rabitq_bound_plain(&query, 0, &flat, NULL);
			CHECK(close_to(flat.c0, bound.c0, 1e-5) && close_to(flat.b, bound.b, 1e-5) &&
					  close_to(flat.m, bound.m, 1e-5) && flat.w == 0,
				  "plain bound");
		}
		base[3] = f.base;
		factor[3] = f.factor;
		err16[3] = vcv_half_up(f.err);
		vcs_vector_ops.fastscan_pack(bits, 0, 4, n, groups);
		vcs_vector_ops.fastscan_accumulate(groups, VCS_GROUPS(n), query.lut, acc);
		vcs_vector_ops.lower_bounds(acc, base, factor, err16, &bound, lb);
		alone = vcv_rabitq_single(&query, &single, bits, f.base, f.factor, f.err);
		CHECK(fabs(lb[3] - rough) <=
				  2 * stats.factor_ip * (double) query.lut_params.err_max + 1e-5 * scale,
			  "block: n %u metric %d residual %d: %g, want %g", n, metric, residual, (double) lb[3],
			  rough);
		CHECK(fabs(alone - rough) <=
				  2 * stats.factor_ip * 0.51 * n * (double) query.planes_params.scale +
					  1e-5 * scale,
			  "single: n %u metric %d residual %d: %g, want %g", n, metric, residual,
			  (double) alone, rough);
		CHECK(fabs(vcv_rabitq_e(&query, bits) - e) <=
				  0.51 * n * (double) query.planes_params.scale + 1e-4,
			  "e");

		/* with epsilon 1.9 the bound goes down by 1.9 err, and the quantisation's part */
		vcv_rabitq_bound(&query, (float) (metric == VCV_L2 ? dc_l2 : dc_dot), (float) c2, 1.9f,
						 &bound, &single);
		vcs_vector_ops.lower_bounds(acc, base, factor, err16, &bound, lb);
		CHECK(lb[3] <= rough - 1.9 * err + 2 * stats.factor_ip * (double) query.lut_params.err_max +
						   1e-5 * scale,
			  "margin");
		CHECK(lb[3] >= rough - 1.9 * err * 1.002 -
						   4 * stats.factor_ip * (double) query.lut_params.err_max - 1e-5 * scale,
			  "margin is not wasted: n %u metric %d residual %d: %g, want %g", n, metric, residual,
			  (double) lb[3], rough - 1.9 * err);
		free(o);
		free(c);
		free(u);
		free(q);
		free(mem);
		free(groups);
	}
}

/* ---- how often does a bound fail ---- */

typedef struct Set
{
	const char *name;
	uint32_t n;
	uint32_t queries;
	uint32_t dim;
	float *base;
	float *query;
} Set;

/* rows of a gzipped .fvecs (item = 4) or .bvecs (item = 1); NULL if it is not there */
static float *
read_vecs(const char *dir, const char *name, int item, uint32_t max, uint32_t *ret_n,
		  uint32_t *ret_dim)
{
	char command[1200];
	FILE *in;
	float *rows = NULL;
	uint32_t n = 0;
	int32_t dim = 0;

	snprintf(command, sizeof(command), "%s/%s", dir, name);
	in = fopen(command, "r");
	if (in == NULL)
		return NULL;
	fclose(in);
	snprintf(command, sizeof(command), "gzip -dc '%s/%s'", dir, name);
	in = popen(command, "r");
	if (in == NULL)
		return NULL;
	while (n < max && fread(&dim, 4, 1, in) == 1 && dim > 0 && dim < 16001)
	{
		if (rows == NULL)
			rows = memory((size_t) max * (size_t) dim * 4);
		for (int i = 0; i < dim; i++)
		{
			uint8_t byte = 0;
			float *to = rows + (size_t) n * (size_t) dim + i;

			if (item == 4 ? fread(to, 4, 1, in) != 1 : fread(&byte, 1, 1, in) != 1)
				abort();
			if (item == 1)
				*to = byte;
		}
		n++;
	}
	pclose(in);
	*ret_n = n;
	*ret_dim = (uint32_t) dim;
	return rows;
}

/*
 * Share of (query, row) pairs whose true score is below the bound.  With epsilon standard deviations
 * of a nearly normal error that is Q(1.9) = 2.9 %; real data is not normal after the rotation in few
 * dimensions, so up to 3.5 % is accepted.
 */
static void
measure(const Set *set, VcvMetric metric, bool residual)
{
	const uint32_t n = set->n / VCS_BLOCK * VCS_BLOCK;
	const uint32_t dim = set->dim;
	const size_t code = VCS_CODE_BYTES(dim);
	const uint32_t lists = residual ? 16 : 1;
	float *rows = memory((size_t) n * dim * 4);
	float *centroids = memory((size_t) lists * dim * 4);
	float *c2 = memory(lists * 4);
	uint32_t *list = memory(n * 4);
	uint8_t *codes = memory(n * code);
	float *base = memory(n * 4);
	float *factor = memory(n * 4);
	uint16_t *err = memory(n * 2);
	uint8_t *groups = memory(VCS_GROUPS_BYTES(dim));
	float *q = memory(dim * 4);
	float *u = memory(dim * 4);
	void *mem = memory(vcv_query_memory(dim));
	unsigned long pairs = 0, below = 0, below_single = 0;
	double tightness = 0;

	/* lists: 16 rows as centroids, every row to the nearest, then blocks of one list each */
	memset(centroids, 0, (size_t) lists * dim * 4);
	for (uint32_t k = 0; k < lists; k++)
	{
		if (residual)
			vcv_rotate(set->base + (size_t) k * (set->n / lists) * dim, dim, centroids + k * dim);
		c2[k] = vcv_norm2(centroids + k * dim, dim);
	}
	for (uint32_t i = 0; i < n; i++)
	{
		float *x = rows + (size_t) i * dim;
		float best = INFINITY;

		vcv_rotate(set->base + (size_t) i * dim, dim, x);
		list[i] = 0;
		for (uint32_t k = 0; residual && k < lists; k++)
		{
			float d = vcs_vector_ops.l2sq_f32(x, centroids + k * dim, dim);

			if (d < best)
			{
				best = d;
				list[i] = k;
			}
		}
	}
	for (uint32_t i = 0; i < n; i++)
	{
		const float *c = centroids + list[i] * dim;
		VcvFactors f;

		vcs_vector_ops.sub_f32(rows + (size_t) i * dim, c, dim, u);
		vcv_rabitq_encode(u, residual ? c : NULL, dim, metric, codes + i * code, &f);
		base[i] = f.base;
		factor[i] = f.factor;
		err[i] = vcv_half_up(f.err);
	}

	for (uint32_t j = 0; j < set->queries; j++)
	{
		VcvQuery query;

		vcv_rotate(set->query + (size_t) j * dim, dim, q);
		vcv_query_init(&query, metric, q, dim, true, mem);
		for (uint32_t k = 0; k < lists; k++)
		{
			const float dc = residual ? vcv_score(metric, VCV_VECTOR, q, centroids + k * dim, dim)
							 : metric == VCV_L2 ? query.norm2
												: 0;
			VcsBound bound;
			VcvSingleBound single;
			uint32_t take[VCS_BLOCK];
			uint32_t have = 0;

			vcv_rabitq_bound(&query, dc, c2[k], VCV_RABITQ_EPSILON, &bound, &single);
			for (uint32_t i = 0; i < n; i++)
			{
				uint8_t packed[VCS_BLOCK * 256];
				float b[VCS_BLOCK], fa[VCS_BLOCK], lb[VCS_BLOCK];
				uint16_t er[VCS_BLOCK];
				uint32_t acc[VCS_BLOCK] = {0};

				if (list[i] == k)
					take[have++] = i;
				if (have < VCS_BLOCK)
					continue;
				have = 0;
				for (uint32_t v = 0; v < VCS_BLOCK; v++)
				{
					memcpy(packed + v * code, codes + take[v] * code, code);
					b[v] = base[take[v]];
					fa[v] = factor[take[v]];
					er[v] = err[take[v]];
				}
				vcs_vector_ops.fastscan_pack(packed, code, VCS_BLOCK, dim, groups);
				vcs_vector_ops.fastscan_accumulate(groups, VCS_GROUPS(dim), query.lut, acc);
				vcs_vector_ops.lower_bounds(acc, b, fa, er, &bound, lb);
				for (uint32_t v = 0; v < VCS_BLOCK; v++)
				{
					const float truth =
						vcv_score(metric, VCV_VECTOR, q, rows + (size_t) take[v] * dim, dim);
					VcvView view = {VCV_HALFVEC, 1, &er[v]};
					float e;

					vcv_to_f32(&view, &e);
					pairs++;
					below += truth < lb[v];
					below_single += truth < vcv_rabitq_single(&query, &single, packed + v * code,
															  b[v], fa[v], e);
					tightness += (double) truth - lb[v];
				}
			}
		}
	}
	printf("bounds: %-14s %-3s %-8s D %4u: %8lu pairs, %.2f %% above the truth (singles %.2f %%), "
		   "mean distance %.4g\n",
		   set->name, metric == VCV_L2 ? "L2" : "dot", residual ? "residual" : "plain", dim, pairs,
		   100.0 * (double) below / (double) pairs, 100.0 * (double) below_single / (double) pairs,
		   tightness / (double) pairs);
	CHECK(pairs > 10000, "%s: %lu pairs", set->name, pairs);
	CHECK((double) below <= 0.035 * (double) pairs, "%s: bound fails", set->name);
	CHECK((double) below_single <= 0.035 * (double) pairs, "%s: single bound fails", set->name);
	/* a bound that never fails is not a bound of 1.9 standard deviations: it wastes reranks */
	CHECK((double) below >= 0.002 * (double) pairs, "%s: bound is too loose", set->name);

	free(rows);
	free(centroids);
	free(c2);
	free(list);
	free(codes);
	free(base);
	free(factor);
	free(err);
	free(groups);
	free(q);
	free(u);
	free(mem);
}

static void
measure_all(Set *set)
{
	for (int residual = 0; residual < 2; residual++)
	{
		measure(set, VCV_L2, residual);
		measure(set, VCV_IP, residual);
	}
	free(set->base);
	free(set->query);
}

static void
test_bounds(const char *root)
{
	static const struct
	{
		const char *name;
		const char *base;
		const char *query;
		int item;
	} sets[] = {
		{"siftsmall", "vec/siftsmall/siftsmall_base.fvecs.gz",
		 "vec/siftsmall/siftsmall_query.fvecs.gz", 4},
		{"bible_bge1024", "vec/bible_bge1024/base.fvecs.gz", "vec/bible_bge1024/query.fvecs.gz", 4},
		{"mnist784", "vec/mnist784/base.bvecs.gz", "vec/mnist784/query.bvecs.gz", 1},
	};
	const char *data = getenv("VCHORD_DATA");
	char fallback[1000];
	Set set = {"generated", 2048, 20, 300, NULL, NULL};

	snprintf(fallback, sizeof(fallback), "%s/../shared/data", root);
	set.base = memory((size_t) set.n * set.dim * 4);
	set.query = memory((size_t) set.queries * set.dim * 4);
	for (size_t i = 0; i < (size_t) set.n * set.dim; i++)
		set.base[i] = gauss() + 0.3f;
	for (size_t i = 0; i < (size_t) set.queries * set.dim; i++)
		set.query[i] = gauss() + 0.3f;
	measure_all(&set);

	for (int k = 0; k < 3; k++)
	{
		uint32_t dim;

		set.name = sets[k].name;
		set.base = read_vecs(data != NULL ? data : fallback, sets[k].base, sets[k].item, 3000,
							 &set.n, &set.dim);
		if (set.base == NULL)
		{
			printf("skipped: %s is not there\n", set.name);
			continue;
		}
		set.query = read_vecs(data != NULL ? data : fallback, sets[k].query, sets[k].item, 30,
							  &set.queries, &dim);
		CHECK(set.query != NULL && dim == set.dim, "%s: queries", set.name);
		if (set.query != NULL)
			measure_all(&set);
	}
}

int
main(int argc, char **argv)
{
	srand(7);
	vcs_cpu_cap_from_env();
	vcs_vector_init();
	vcs_rotate_init();
	vcv_rotate_init();
	test_types();
	test_distances();
	test_half_up();
	test_known_codes();
	test_special_codes();
	test_algebra();
	test_bounds(argc > 1 ? argv[1] : ".");
	printf("%lu checks, %d failed\n", checks, failures);
	return failures > 0 || checks == 0;
}
