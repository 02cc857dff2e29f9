/*
 * tests/unit/test_kmeans.c
 *		k-means: equal results for any number of threads, quality against a plain reference, recall of the
 *		two-level method, cancel, signals, degenerate input.
 *
 * --bench [n d c [threads]] prints wall and processor time of both methods, and what all pairs would take at
 * the rate of the exact kernel in the same run (goal G14; checkkern relates that rate to the peak, G13).
 */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "core/simd/vector/ops.h"
#include "core/simd/vector/rotate_ops.h"
#include "core/vector/assigner.h"
#include "core/vector/kmeans.h"
#include "core/vector/means.h"
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

#define CANARY 0xC5

/* starts whose quality is averaged */
#define RUNS 4

/* --short: for emulators; leaves out what needs many pairs */
static bool brief;

static void *
memory(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 127) & ~(size_t) 63);

	if (p == NULL)
		abort();
	return p;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static double
processor(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static uint64_t random_state = 99;

static uint32_t
rnd(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t) (random_state >> 33);
}

static float
gauss(void)
{
	float s = 0;

	for (int i = 0; i < 6; i++)
		s += (float) rnd() / (float) (1u << 31);
	return (s - 3) * 1.4142f;
}

/* rows around `centres` points of uneven weight */
static float *
clustered(uint32_t n, uint32_t d, uint32_t centres, float spread)
{
	float *c = memory((size_t) centres * d * 4);
	float *x = memory((size_t) n * d * 4);

	for (size_t i = 0; i < (size_t) centres * d; i++)
		c[i] = gauss();
	for (uint32_t i = 0; i < n; i++)
	{
		const uint32_t a = rnd() % centres;
		const uint32_t b = rnd() % centres;
		const float *centre = c + (size_t) (a < b ? a : b) * d;

		for (uint32_t j = 0; j < d; j++)
			x[(size_t) i * d + j] = centre[j] + spread * gauss();
	}
	free(c);
	return x;
}

static VcvKmeansOptions
options(const float *x, uint32_t n, uint32_t d, uint32_t c)
{
	VcvKmeansOptions o = {0};

	o.samples = x;
	o.type = VCV_VECTOR;
	o.n = n;
	o.stride = d * sizeof(float);
	o.dim = d;
	o.clusters = c;
	o.iterations = 10;
	o.algorithm = VCV_KMEANS_LLOYD;
	o.seed = VCV_KMEANS_SEED;
	o.threads = 1;
	return o;
}

/* run with canaries behind both outputs */
static float *
cluster(const VcvKmeansOptions *o)
{
	const size_t work_bytes = vcv_kmeans_memory(o);
	const size_t out_bytes = (size_t) o->clusters * o->dim * 4;
	char *work = memory(work_bytes + 64);
	char *out = memory(out_bytes + 64);

	memset(work, CANARY, work_bytes + 64);
	memset(out, CANARY, out_bytes + 64);
	CHECK(vcv_kmeans(o, work, (float *) out) == VCV_KMEANS_OK, "result");
	for (int i = 0; i < 64; i++)
	{
		CHECK((unsigned char) work[work_bytes + (size_t) i] == CANARY,
			  "wrote behind the work block");
		CHECK((unsigned char) out[out_bytes + (size_t) i] == CANARY, "wrote behind the centroids");
	}
	for (size_t i = 0; i < out_bytes / 4; i++)
		CHECK(isfinite(((float *) out)[i]), "centroid %zu is not finite", i / o->dim);
	free(work);
	return (float *) out;
}

static double
distance2(const float *a, const float *b, uint32_t d)
{
	double sum = 0;

	for (uint32_t i = 0; i < d; i++)
		sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return sum;
}

static uint32_t
nearest(const float *x, const float *c, uint32_t k, uint32_t d, double *ret_distance)
{
	uint32_t best = 0;
	double best_d = INFINITY;

	for (uint32_t i = 0; i < k; i++)
	{
		const double dist = vcs_vector_ops.l2sq_f32(x, c + (size_t) i * d, d);

		if (dist < best_d)
		{
			best_d = dist;
			best = i;
		}
	}
	*ret_distance = best_d;
	return best;
}

static double
inertia(const float *x, uint32_t n, uint32_t d, const float *c, uint32_t k)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		double dist;

		nearest(x + (size_t) i * d, c, k, d, &dist);
		sum += dist;
	}
	return sum / n;
}

/* plain Lloyd: every step obvious; an empty cluster takes a random row */
static double
reference_inertia(const float *x, uint32_t n, uint32_t d, uint32_t k, int iterations)
{
	float *c = memory((size_t) k * d * 4);
	double *sum = memory((size_t) k * d * 8);
	uint32_t *count = memory(k * 4);
	double result;

	for (uint32_t i = 0; i < k; i++)
		memcpy(c + (size_t) i * d, x + (size_t) (rnd() % n) * d, d * 4);
	for (int it = 0; it < iterations; it++)
	{
		memset(sum, 0, (size_t) k * d * 8);
		memset(count, 0, k * 4);
		for (uint32_t i = 0; i < n; i++)
		{
			double dist;
			const uint32_t to = nearest(x + (size_t) i * d, c, k, d, &dist);

			count[to]++;
			for (uint32_t j = 0; j < d; j++)
				sum[(size_t) to * d + j] += x[(size_t) i * d + j];
		}
		for (uint32_t i = 0; i < k; i++)
		{
			if (count[i] == 0)
				memcpy(c + (size_t) i * d, x + (size_t) (rnd() % n) * d, d * 4);
			for (uint32_t j = 0; count[i] > 0 && j < d; j++)
				c[(size_t) i * d + j] = (float) (sum[(size_t) i * d + j] / count[i]);
		}
	}
	result = inertia(x, n, d, c, k);
	free(c);
	free(sum);
	free(count);
	return result;
}

static void
test_threads_and_quality(void)
{
	static const struct
	{
		uint32_t n, d, c;
	} shapes[] = {{3000, 20, 64}, {1500, 600, 450}, {1200, 7, 300}, {700, 33, 500}};

	for (unsigned s = 0; s < (brief ? 1u : sizeof(shapes) / sizeof(shapes[0])); s++)
	{
		const uint32_t n = shapes[s].n;
		const uint32_t d = shapes[s].d;
		const uint32_t c = shapes[s].c;
		float *x = clustered(n, d, c / 2, 0.5f);
		VcvHalf *half = memory((size_t) n * d * 2);
		double reference = 0;

		vcv_from_f32(VCV_HALFVEC, x, n * d, half);
		for (int i = 0; i < RUNS; i++)
			reference += reference_inertia(x, n, d, c, 10) / RUNS;
		for (int algorithm = VCV_KMEANS_LLOYD; algorithm <= VCV_KMEANS_HIERARCHICAL; algorithm++)
		{
			for (int type = 0; type < 2; type++)
			{
				VcvKmeansOptions o = options(x, n, d, c);
				float *first;
				double ours;

				o.algorithm = (VcvKmeansAlgorithm) algorithm;
				if (type == 1)
				{
					o.type = VCV_HALFVEC;
					o.samples = half;
					o.stride = d * 2;
				}
				first = cluster(&o);
				for (o.threads = 2; o.threads <= 3; o.threads++)
				{
					float *other = cluster(&o);

					CHECK(memcmp(first, other, (size_t) c * d * 4) == 0,
						  "n %u d %u c %u algorithm %d type %d differs with %u threads", n, d, c,
						  algorithm, type, o.threads);
					free(other);
				}
				/* one start is luck: means are compared */
				ours = inertia(x, n, d, first, c) / RUNS;
				o.threads = 1;
				for (int i = 1; i < RUNS; i++)
				{
					float *other;

					o.seed++;
					other = cluster(&o);
					CHECK(memcmp(first, other, (size_t) c * d * 4) != 0, "seed does not matter");
					ours += inertia(x, n, d, other, c) / RUNS;
					free(other);
				}
				printf("inertia: n %5u d %3u c %3u %-12s %s %.4f of the reference's\n", n, d, c,
					   algorithm == VCV_KMEANS_LLOYD ? "lloyd" : "hierarchical",
					   type == 0 ? "f32" : "f16", ours / reference);
				/* with hardly more samples than clusters it is the repair that counts */
				CHECK(ours <= reference * (n >= 2 * c ? 1.02 : 1.06), "inertia %g, reference %g",
					  ours, reference);
				free(first);
			}
		}
		free(x);
		free(half);
	}
}

/*
 * Search as an index does: a query finds its true nearest row if the row's list is among the lists
 * nearest to the query.
 */
static double
recall(const float *x, uint32_t n, const float *q, uint32_t nq, uint32_t d, const float *c,
	   uint32_t k, uint32_t probes)
{
	uint32_t *list = memory(n * 4);
	double hits = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		double dist;

		list[i] = nearest(x + (size_t) i * d, c, k, d, &dist);
	}
	for (uint32_t j = 0; j < nq; j++)
	{
		const float *query = q + (size_t) j * d;
		double unused;
		const uint32_t truth = nearest(query, x, n, d, &unused);
		const double target = distance2(query, c + (size_t) list[truth] * d, d);
		uint32_t before = 0;

		for (uint32_t i = 0; i < k; i++)
			before += distance2(query, c + (size_t) i * d, d) < target;
		hits += before < probes;
	}
	free(list);
	return hits / nq;
}

static void
test_recall(void)
{
	const uint32_t n = 12000, nq = 1000, d = 96, c = 256;
	float *all = clustered(n + nq, d, 600, 0.8f);
	const float *q = all + (size_t) n * d;
	VcvKmeansOptions o = options(all, n, d, c);
	float *flat = cluster(&o);
	float *two;
	double loss = 0;

	o.algorithm = VCV_KMEANS_HIERARCHICAL;
	two = cluster(&o);
	for (uint32_t probes = 1; probes <= 8; probes *= 2)
	{
		const double a = recall(all, n, q, nq, d, flat, c, probes);
		const double b = recall(all, n, q, nq, d, two, c, probes);

		printf("recall of the nearest, %u of %u lists: flat %.3f, two-level %.3f\n", probes, c, a,
			   b);
		CHECK(a > 0.3, "flat recall %g", a);
		loss += (a - b) / 4;
	}
	CHECK(loss <= 0.015, "two levels lose %.1f points on average", 100 * loss);
	free(all);
	free(flat);
	free(two);
}

static void
test_assigner(void)
{
	const uint32_t n = brief ? 310 : 2000, d = 120, c = 300;
	float *x = clustered(n, d, 100, 0.7f);
	VcvKmeansOptions o = options(x, n, d, c);
	float *centroids = cluster(&o);
	void *mem = memory(vcv_assigner_memory(c, d));
	void *scratch = memory(vcv_assigner_scratch(d));
	VcvAssigner *a = vcv_assigner_init(mem, centroids, c, d);
	uint32_t wrong[2] = {0, 0};

	CHECK(vcv_assigner_uses_codes(c, d) && !vcv_assigner_uses_codes(c, 16), "when codes pay");
	for (uint32_t i = 0; i < n; i++)
	{
		const float *row = x + (size_t) i * d;
		double truth;
		const uint32_t best = nearest(row, centroids, c, d, &truth);
		float dist;

		for (int warm = 0; warm < 2; warm++)
		{
			const uint32_t guess = warm ? rnd() % c : UINT32_MAX;
			const uint32_t found = vcv_assigner_nearest(a, row, guess, scratch, &dist);

			CHECK(found < c && fabs(dist - distance2(row, centroids + (size_t) found * d, d)) <
								   1e-4 * dist + 1e-4,
				  "distance of the answer");
			wrong[warm] += found != best && dist > truth * (1 + 1e-6);
		}
	}
	printf("assigner: %u and %u of %u not the nearest\n", wrong[0], wrong[1], n);
	CHECK(wrong[0] <= n / 100 + 1 && wrong[1] <= n / 100 + 1, "bounds hide the nearest too often");
	free(mem);
	free(scratch);

	/* few dimensions: exact */
	mem = memory(vcv_assigner_memory(c, 8));
	scratch = memory(vcv_assigner_scratch(8));
	a = vcv_assigner_init(mem, centroids, c, 8);
	for (uint32_t i = 0; i < 300; i++)
	{
		double truth;
		float dist;
		const uint32_t best = nearest(x + (size_t) i * 8, centroids, c, 8, &truth);

		CHECK(vcv_assigner_nearest(a, x + (size_t) i * 8, UINT32_MAX, scratch, &dist) == best &&
				  fabs(dist - truth) < 1e-5 * (truth + 1),
			  "exact assigner");
	}
	free(mem);
	free(scratch);
	free(x);
	free(centroids);
}

static void
test_quick(void)
{
	const uint32_t d = 5;
	float x[4 * 5];
	float *out;
	VcvKmeansOptions o;

	for (int i = 0; i < 20; i++)
		x[i] = (float) i;
	for (uint32_t n = 0; n <= 4; n++)
	{
		o = options(x, n, d, 4);
		out = cluster(&o);
		CHECK(memcmp(out, x, n * d * 4) == 0, "samples come first");
		for (uint32_t i = n * d; i < 4 * d; i++)
			CHECK(out[i] >= -1 && out[i] < 1, "the rest is random in [-1, 1)");
		CHECK(n == 4 || out[n * d] != out[n * d + 1], "random");
		free(out);
	}
	o = options(x, 0, d, 1);
	out = cluster(&o);
	for (uint32_t i = 0; i < d; i++)
		CHECK(out[i] == 0, "one cluster of nothing is zero");
	free(out);
	o = options(x, 4, d, 1);
	out = cluster(&o);
	for (uint32_t i = 0; i < d; i++)
		CHECK(fabsf(out[i] - (7.5f + (float) i)) < 1e-5f, "one cluster is the mean");
	free(out);
	o = options(x, 4, d, 2);
	o.iterations = 0;
	out = cluster(&o);
	for (uint32_t k = 0; k < 2; k++)
	{
		bool found = false;

		for (uint32_t i = 0; i < 4; i++)
			found = found || memcmp(out + k * d, x + i * d, d * 4) == 0;
		CHECK(found, "without iterations centroids are samples");
	}
	CHECK(memcmp(out, out + d, d * 4) != 0, "distinct samples");
	free(out);
}

static void
test_degenerate(void)
{
	const uint32_t n = 900, d = 660;
	float *x = memory((size_t) n * d * 4);

	for (int kind = 0; kind < 4; kind++)
	{
		/* all zero; all alike; five distinct rows; half of the rows zero */
		for (uint32_t i = 0; i < n; i++)
		{
			for (uint32_t j = 0; j < d; j++)
			{
				x[(size_t) i * d + j] = kind == 0    ? 0
										: kind == 1  ? (float) j
										: kind == 2  ? (float) ((i % 5) * (j + 1))
										: i % 2 == 0 ? 0
													 : gauss();
			}
		}
		for (int variant = 0; variant < 8; variant++)
		{
			VcvKmeansOptions o = options(x, n, d, variant & 1 ? 7 : 400);
			float *out;

			o.algorithm = variant & 2 ? VCV_KMEANS_HIERARCHICAL : VCV_KMEANS_LLOYD;
			o.spherical = (variant & 4) != 0;
			o.iterations = 4;
			o.threads = 2;
			out = cluster(&o); /* checks that all is finite */
			if (kind <= 1 && !o.spherical)
				CHECK(inertia(x, n, d, out, o.clusters) < (kind == 0 ? 1e-9 : 1e-5 * d * d * d / 3),
					  "kind %d variant %d: inertia", kind, variant);
			for (uint32_t k = 0; o.spherical && k < o.clusters; k++)
			{
				const float norm2 = vcs_vector_ops.norm2_f32(out + (size_t) k * d, d);

				CHECK(norm2 == 0 || fabsf(norm2 - 1) < 1e-5f, "spherical norm %g", (double) norm2);
			}
			free(out);
		}
	}
	free(x);
}

static void
test_seats(void)
{
	const uint32_t weights[5] = {10, 10, 10, 11, 9};
	const uint32_t lopsided[4] = {0, 1, 0, 1000};
	uint32_t heap[5];
	uint32_t seats[5];

	vcv_kmeans_seats(weights, 5, 51, heap, seats);
	CHECK(seats[0] == 10 && seats[1] == 10 && seats[2] == 10 && seats[3] == 12 && seats[4] == 9,
		  "%u %u %u %u %u", seats[0], seats[1], seats[2], seats[3], seats[4]);
	vcv_kmeans_seats(lopsided, 4, 100, heap, seats);
	CHECK(seats[0] == 1 && seats[1] == 1 && seats[2] == 1 && seats[3] == 97, "lopsided");
	vcv_kmeans_seats(weights, 5, 5, heap, seats);
	CHECK(seats[0] == 1 && seats[4] == 1, "one each");
}

static void
test_means(void)
{
	float sums[2][3 * 2];
	uint32_t counts[2][3];
	VcvMeans a;
	VcvMeans b;
	const float x[2] = {1, 2};
	const float y[2] = {3, 6};

	vcv_means_init(&a, 3, 2, counts[0], sums[0]);
	vcv_means_init(&b, 3, 2, counts[1], sums[1]);
	vcv_means_add(&a, 0, x);
	vcv_means_add(&b, 0, y);
	vcv_means_add(&b, 2, y);
	vcv_means_merge(&a, &b);
	vcv_means_finish(&a, false, 1);
	CHECK(sums[0][0] == 2 && sums[0][1] == 4 && sums[0][4] == 3 && sums[0][5] == 6, "means");
	CHECK(sums[0][2] >= -1 && sums[0][2] < 1 && sums[0][2] != sums[0][3], "no rows: random");
	vcv_means_finish(&b, true, 1);
	CHECK(fabsf(sums[1][0] * sums[1][0] + sums[1][1] * sums[1][1] - 1) < 1e-6f, "spherical");
}

typedef struct Watch
{
	int calls;
	int cancel_at; /* 0 = never */
	int percent;
	bool falls;
	double last;
	double longest;
	pthread_t thread;
	bool foreign;
} Watch;

static bool
watch(void *arg, int percent)
{
	Watch *w = arg;
	const double t = now();

	w->calls++;
	if (w->last > 0 && t - w->last > w->longest)
		w->longest = t - w->last;
	w->last = t;
	w->falls = w->falls || percent < w->percent || percent > 100;
	w->percent = percent;
	w->foreign = w->foreign || !pthread_equal(w->thread, pthread_self());
	return w->cancel_at > 0 && w->calls >= w->cancel_at;
}

static volatile sig_atomic_t signals_here;
static volatile sig_atomic_t signals_elsewhere;
static pthread_t main_thread;

static void
on_signal(int number)
{
	(void) number;
	if (pthread_equal(pthread_self(), main_thread))
		signals_here = signals_here + 1;
	else
		signals_elsewhere = signals_elsewhere + 1;
}

static void
test_poll_cancel_signals(void)
{
	const uint32_t n = brief ? 4000 : 40000, d = 64, c = brief ? 90 : 900;
	float *x = clustered(n, d, 300, 0.5f);
	float *out = memory((size_t) c * d * 4);
	struct itimerval timer = {{0, 3000}, {0, 3000}};
	struct itimerval off = {{0, 0}, {0, 0}};
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGALRM, &action, NULL);
	main_thread = pthread_self();
	for (uint32_t threads = 1; threads <= 3; threads++)
	{
		for (int algorithm = VCV_KMEANS_LLOYD; algorithm <= VCV_KMEANS_HIERARCHICAL; algorithm++)
		{
			VcvKmeansOptions o = options(x, n, d, c);
			Watch w = {.thread = main_thread};
			void *work;
			double t;

			o.threads = threads;
			o.algorithm = (VcvKmeansAlgorithm) algorithm;
			o.iterations = 2;
			o.poll = watch;
			o.poll_arg = &w;
			work = memory(vcv_kmeans_memory(&o));
			setitimer(ITIMER_REAL, &timer, NULL);
			t = now();
			CHECK(vcv_kmeans(&o, work, out) == VCV_KMEANS_OK, "not cancelled");
			t = now() - t;
			setitimer(ITIMER_REAL, &off, NULL);
			/* the short form may be over before the first poll is due */
			CHECK(w.calls >= 1 || (brief && t < 0.1), "polled in %.3f s", t);
			CHECK(!w.falls, "percent falls or passes 100");
			CHECK(!w.foreign, "poll is called in the caller's thread");
			CHECK(w.longest < 1.0, "%u threads: %.0f ms without a poll", threads, 1000 * w.longest);

			memset(&w, 0, sizeof(w));
			w.thread = main_thread;
			w.cancel_at = 2;
			o.iterations = 1000;
			t = now();
			CHECK(vcv_kmeans(&o, work, out) == VCV_KMEANS_CANCELLED, "cancelled");
			CHECK(now() - t < 3.0, "cancel took %.1f s", now() - t);
			free(work);
		}
	}
	CHECK(signals_here > 0, "signals came");
	CHECK(signals_elsewhere == 0, "%d signals were handled in a worker", (int) signals_elsewhere);
	free(x);
	free(out);
}

/* ---- bench ---- */

static void
bench(uint32_t n, uint32_t d, uint32_t c, uint32_t threads)
{
	float *x = clustered(n, d, c * 2, 0.8f);
	size_t padded = vcs_assign_padded(&vcs_vector_ops, c);
	float *packed = memory(padded * d * 4);
	float *norms = memory(padded * 4);
	uint32_t *index = memory(4096 * 4);
	float *value = memory(4096 * 4);
	double best = 1e9;
	const uint32_t rows = n < 1024 ? n : 1024;

	vcs_vector_ops.assign_pack(x, d, c, d, packed, norms);
	for (int rep = 0; rep < 5; rep++)
	{
		double t = now();

		vcs_vector_ops.assign_block(x, d, rows, d, packed, norms, c, index, value, NULL, NULL);
		t = now() - t;
		best = t < best ? t : best;
	}
	printf("exact kernel: %u x %u x %u: %.2f ns a pair, %.0f GFLOPS\n", rows, c, d,
		   best * 1e9 / rows / c, 2e-9 * rows * c * d / best);
	for (int algorithm = VCV_KMEANS_LLOYD; algorithm <= VCV_KMEANS_HIERARCHICAL; algorithm++)
	{
		VcvKmeansOptions o = options(x, n, d, c);
		void *work;
		float *out = memory((size_t) c * d * 4);
		double wall;
		double cpu;

		o.algorithm = (VcvKmeansAlgorithm) algorithm;
		o.threads = threads;
		work = memory(vcv_kmeans_memory(&o));
		wall = now();
		cpu = processor();
		(void) vcv_kmeans(&o, work, out);
		wall = now() - wall;
		cpu = processor() - cpu;
		printf(
			"%-12s n %u d %u c %u, 10 iterations, %u threads: %.2f s, processor %.2f s (all pairs "
			"exactly: %.2f s), work block %.1f MB, inertia of 2000 rows %.5g\n",
			algorithm == VCV_KMEANS_LLOYD ? "lloyd" : "hierarchical", n, d, c, threads, wall, cpu,
			10.0 * n * c * best / rows / c, (double) vcv_kmeans_memory(&o) / 1e6,
			inertia(x, n < 2000 ? n : 2000, d, out, c));
		free(work);
		free(out);
	}
	free(x);
	free(packed);
	free(norms);
	free(index);
	free(value);
}

int
main(int argc, char **argv)
{
	vcs_cpu_cap_from_env();
	vcs_vector_init();
	vcs_rotate_init();
	vcv_rotate_init();
	if (argc > 1 && strcmp(argv[1], "--bench") == 0)
	{
		bench(argc > 2 ? (uint32_t) atoi(argv[2]) : 32768,
			  argc > 3 ? (uint32_t) atoi(argv[3]) : 768, argc > 4 ? (uint32_t) atoi(argv[4]) : 1000,
			  argc > 5 ? (uint32_t) atoi(argv[5]) : 1);
		return 0;
	}
	brief = argc > 1 && strcmp(argv[1], "--short") == 0;
	test_seats();
	test_quick();
	test_means();
	test_threads_and_quality();
	if (!brief)
	{
		test_degenerate();
		test_recall();
	}
	test_assigner();
	test_poll_cancel_signals();
	printf("%lu checks, %d failed\n", checks, failures);
	return failures > 0 || checks == 0;
}
