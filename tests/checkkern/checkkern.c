/*
 * tests/checkkern/checkkern.c
 *		Checks every kernel family at every level, or measures them.
 *
 *		checkkern [--level NAME] [--family NAME] [--seed N] [--slack]
 *		checkkern --bench [--json] [--level NAME] [--family NAME]
 *
 * VCS_SIMD_LEVEL caps the levels.  The exit code is 0 only if something was compared and nothing
 * failed.  A touched guard page ends the run with the name of the kernel.  --slack leaves 64 bytes before
 * the upper guard page: qemu 7.2 reads the masked lanes of vmaskmovps, which no processor does.
 */
#include "tests/checkkern/checkkern.h"
#include "tests/checkkern/limits.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PATTERN      0xa5
#define CANARY_BYTES 128
#define MAX_SHOWN    20
#define MAX_RESULTS  512

static const char *at_kernel = "(none)";
static size_t at_n;
static const char *at_family = "(none)";
static VcsLevel at_level;
static unsigned long compared;
static unsigned long failed;

static unsigned char *regions[CK_REGIONS];

static size_t slack;
static bool json;
static bool json_first = true;

typedef struct Result
{
	char name[64];
	double ns;
} Result;

static Result c_results[MAX_RESULTS]; /* of level C, to compare with */
static int c_count;

/* ---- comparisons ---- */

void
ck_at(const char *kernel, size_t n)
{
	at_kernel = kernel;
	at_n = n;
}

void
ck_expect(bool ok, const char *format, ...)
{
	va_list args;

	compared++;
	if (ok)
		return;
	if (failed++ >= MAX_SHOWN)
		return;
	printf("FAILED %s/%s, level %s, n %zu: ", at_family, at_kernel, vcs_level_name(at_level), at_n);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

void
ck_expect_bytes(const void *got, const void *expected, size_t bytes)
{
	const unsigned char *a = got;
	const unsigned char *b = expected;
	size_t i = 0;

	while (i < bytes && a[i] == b[i])
		i++;
	ck_expect(i == bytes, "byte %zu of %zu is %02x, not %02x", i, bytes, i < bytes ? a[i] : 0,
			  i < bytes ? b[i] : 0);
}

void
ck_expect_sum(float got, double expected, double magnitude, size_t n)
{
	double allowed = ((double) n + 2) * 0x1p-23 * magnitude + 0x1p-126;

	if (isnan(expected))
		ck_expect(isnan(got), "%g, not NaN", (double) got);
	else if (isinf(expected))
		ck_expect((double) got == expected, "%g, not %g", (double) got, expected);
	else
		ck_expect(fabs((double) got - expected) <= allowed, "%.9g, not %.9g, allowed %.3g",
				  (double) got, expected, allowed);
}

/* ---- guarded memory ---- */

static void
on_fault(int signo)
{
	char text[256];
	int length = snprintf(text, sizeof(text), "FAILED %s/%s, level %s, n %zu: signal %d\n",
						  at_family, at_kernel, vcs_level_name(at_level), at_n, signo);
	ssize_t ignored;

	fflush(stdout);
	ignored = write(STDOUT_FILENO, text, (size_t) length);
	(void) ignored;
	_exit(2);
}

static void
make_regions(void)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);

	for (int i = 0; i < CK_REGIONS; i++)
	{
		unsigned char *p =
			mmap(NULL, CK_REGION + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED || mprotect(p + page, CK_REGION, PROT_READ | PROT_WRITE) != 0)
		{
			perror("checkkern: guarded memory");
			exit(2);
		}
		regions[i] = p + page;
		memset(regions[i], PATTERN, CK_REGION);
	}
}

void *
ck_place(int region, CkPlace place, size_t bytes, size_t align)
{
	unsigned char *start = regions[region];
	unsigned char *p;

	if (bytes + align + slack > CK_REGION)
		abort();
	if (place == CK_AT_END)
		p = start + CK_REGION - slack - (bytes + align - 1) / align * align;
	else
		p = start + (place == CK_SHIFTED ? align : 0);

	/* only what the checks look at */
	memset(p > start + CANARY_BYTES ? p - CANARY_BYTES : start, PATTERN,
		   p > start + CANARY_BYTES ? CANARY_BYTES : (size_t) (p - start));
	memset(p, PATTERN,
		   start + CK_REGION - p > (ptrdiff_t) (bytes + CANARY_BYTES)
			   ? bytes + CANARY_BYTES
			   : (size_t) (start + CK_REGION - p));
	return p;
}

void *
ck_place_copy(int region, CkPlace place, const void *src, size_t bytes, size_t align)
{
	void *p = ck_place(region, place, bytes, align);

	if (bytes > 0)
		memcpy(p, src, bytes);
	return p;
}

void
ck_expect_untouched(int region, const void *p, size_t bytes)
{
	const unsigned char *start = regions[region];
	const unsigned char *end = start + CK_REGION;
	const unsigned char *first = p;
	const unsigned char *after = first + bytes;
	bool ok = true;

	for (int i = 1; i <= CANARY_BYTES && first - i >= start; i++)
		ok &= first[-i] == PATTERN;
	for (int i = 0; i < CANARY_BYTES && after + i < end; i++)
		ok &= after[i] == PATTERN;
	ck_expect(ok, "bytes around the result were changed");
}

const size_t *
ck_lengths(void)
{
	static size_t list[400];
	static const size_t large[] = {383,  384,  511,  512,  513,  639,  768,  784,
								   960,  1000, 1023, 1024, 1025, 1535, 1536, 2000,
								   2048, 3072, 4096, 4160, 4168, 9000};
	size_t count = 0;

	for (size_t n = 0; n <= 300; n++)
		list[count++] = n;
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		list[count++] = large[i];
	list[count] = SIZE_MAX;
	return list;
}

/* ---- random data: splitmix64 ---- */

static uint64_t random_state;

void
ck_seed(uint64_t seed)
{
	random_state = seed;
}

uint32_t
ck_random(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (uint32_t) (z >> 32);
}

float
ck_gauss(void)
{
	/* sum of four uniforms: near enough, bounded, and odd multiples of a step are never 0 */
	int32_t sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (int32_t) (ck_random() >> 12) - (1 << 19);
	return (float) (sum | 1) * 0x1p-19f;
}

void
ck_fill_gauss(float *dst, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = ck_gauss();
}

void
ck_fill_bytes(void *dst, size_t bytes)
{
	unsigned char *p = dst;

	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char) ck_random();
}

/* ---- measuring ---- */

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

double
ck_time(void (*fn)(void *arg), void *arg)
{
	double least = INFINITY;
	unsigned long calls = 1;

	/* as many calls as take 2 ms, then the best of the rounds that fit in 60 ms, at least three */
	for (;;)
	{
		double start = now_ns();
		double took;

		for (unsigned long i = 0; i < calls; i++)
			fn(arg);
		took = now_ns() - start;
		if (took > 2e6)
			break;
		calls = took < 1e5 ? calls * 10 : (unsigned long) ((double) calls * 2.2e6 / took) + 1;
	}
	for (double total = 0, rounds = 0; rounds < 3 || total < 60e6; rounds++)
	{
		double start = now_ns();
		double took;

		for (unsigned long i = 0; i < calls; i++)
			fn(arg);
		took = now_ns() - start;
		total += took;
		if (took / (double) calls < least)
			least = took / (double) calls;
	}
	return least;
}

void *
ck_bench_memory(void)
{
	static float *memory;

	if (memory == NULL)
	{
		memory = aligned_alloc(64, CK_SET_DRAM);
		if (memory == NULL)
		{
			fprintf(stderr, "checkkern: out of memory\n");
			exit(2);
		}
		/* uniform in 1..2: valid as f32, harmless as f16 and as bytes */
		for (size_t i = 0; i < CK_SET_DRAM / sizeof(uint32_t); i++)
			((uint32_t *) memory)[i] = 0x3f800000u | (ck_random() >> 9);
	}
	return memory;
}

const CkLimits *
ck_limits(VcsLevel level)
{
	static CkLimits limits[VCS_LEVEL_COUNT];
	CkLimits *l = &limits[level];

	if (l->flops == 0)
		ck_measure_limits(level, l);
	return l;
}

void
ck_report(VcsLevel level, const char *name, double ns, double bytes, double limit_ns,
		  const char *limit)
{
	double c_ns = 0;

	if (level == VCS_LEVEL_C && c_count < MAX_RESULTS)
	{
		snprintf(c_results[c_count].name, sizeof(c_results[c_count].name), "%s", name);
		c_results[c_count++].ns = ns;
	}
	for (int i = 0; i < c_count; i++)
		if (strcmp(c_results[i].name, name) == 0)
			c_ns = c_results[i].ns;
	if (json)
	{
		printf("%s\n  {\"family\": \"%s\", \"case\": \"%s\", \"level\": \"%s\", \"ns\": %.3f, "
			   "\"bytes_per_ns\": %.3f, \"limit\": \"%s\", \"limit_ns\": %.3f, \"share\": %.3f, "
			   "\"speedup\": %.2f}",
			   json_first ? "" : ",", at_family, name, vcs_level_name(level), ns, bytes / ns, limit,
			   limit_ns, limit_ns / ns, c_ns / ns);
		json_first = false;
		return;
	}
	printf("%-30s %-11s %10.2f ns %8.1f GB/s", name, vcs_level_name(level), ns, bytes / ns);
	if (limit_ns > 0)
		printf("  %5.1f %% of %-5s", 100 * limit_ns / ns, limit);
	else
		printf("  %14s", "");
	printf("  %6.2f x C\n", c_ns / ns);
	fflush(stdout);
}

static void
show_limits(VcsLevel level)
{
	const CkLimits *l = ck_limits(level);

	if (json)
	{
		printf("%s\n  {\"family\": \"limits\", \"level\": \"%s\", \"l1\": %.1f, \"l2\": %.1f, "
			   "\"l3\": %.1f, \"dram\": %.1f, \"gflops\": %.1f}",
			   json_first ? "" : ",", vcs_level_name(level), l->l1, l->l2, l->l3, l->dram,
			   l->flops);
		json_first = false;
	}
	else
		printf("limits %-11s L1 %.0f  L2 %.0f  L3 %.0f  DRAM %.0f GB/s  FMA %.0f GFLOPS\n",
			   vcs_level_name(level), l->l1, l->l2, l->l3, l->dram, l->flops);
}

/* ---- main ---- */

static void
usage(void)
{
	fprintf(stderr, "usage: checkkern [--bench [--json]] [--level NAME] [--family NAME] "
					"[--seed N] [--slack]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	bool bench = false;
	VcsLevel only = VCS_LEVEL_AUTO;
	const char *family = NULL;
	uint64_t seed = 20240229;
	unsigned long total = 0;
	int ran = 0;

	for (int i = 1; i < argc; i++)
	{
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--bench") == 0)
			bench = true;
		else if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--slack") == 0)
			slack = 64;
		else if (strcmp(argv[i], "--level") == 0 && vcs_level_parse(value, &only))
			i++;
		else if (strcmp(argv[i], "--family") == 0 && value[0] != '\0')
		{
			family = value;
			i++;
		}
		else if (strcmp(argv[i], "--seed") == 0 && value[0] != '\0')
		{
			seed = strtoull(value, NULL, 10);
			i++;
		}
		else
			usage();
	}
	if (!vcs_cpu_cap_from_env())
	{
		fprintf(stderr, "checkkern: VCS_SIMD_LEVEL names no level\n");
		return 2;
	}
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	signal(SIGILL, on_fault);
	signal(SIGFPE, on_fault);
	make_regions();

	if (json)
		printf("[");
	else
		printf("CPU supports %s, in use %s, seed %llu\n", vcs_level_name(vcs_cpu_detected()),
			   vcs_level_name(vcs_cpu_level()), (unsigned long long) seed);
	if (bench)
		for (int level = 0; level <= (int) vcs_cpu_level(); level++)
			if (vcs_cpu_supports((VcsLevel) level) &&
				(only == VCS_LEVEL_AUTO || only == (VcsLevel) level))
				show_limits((VcsLevel) level);

	for (const CkFamily *const *f = ck_families; *f != NULL; f++)
	{
		if (family != NULL && strcmp(family, (*f)->name) != 0)
			continue;
		at_family = (*f)->name;
		for (int level = 0; level <= (int) vcs_cpu_level(); level++)
		{
			if (!vcs_cpu_supports((VcsLevel) level))
				continue;
			/* a measurement wants C's figures, too */
			if (only != VCS_LEVEL_AUTO && only != (VcsLevel) level &&
				!(bench && level == VCS_LEVEL_C))
				continue;
			at_level = (VcsLevel) level;
			ran++;
			ck_seed(seed);
			if (bench)
			{
				(*f)->bench(at_level);
				continue;
			}
			compared = 0;
			(*f)->check(at_level);
			printf("%-10s %-11s %8lu comparisons\n", at_family, vcs_level_name(at_level), compared);
			if (compared == 0)
			{
				printf("FAILED %s: nothing was compared\n", at_family);
				failed++;
			}
			total += compared;
		}
	}
	if (json)
		printf("\n]\n");
	if (ran == 0)
	{
		fprintf(stderr, "checkkern: no such family or level here\n");
		return 2;
	}
	if (!bench)
		printf("%lu comparisons, %lu failed\n", total, failed);
	return failed == 0 ? 0 : 1;
}
