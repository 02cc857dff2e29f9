/*
 * tests/checkkern/limits.c
 *		Stream bandwidth and multiply-add peak, with the registers of each level.
 *
 * Bandwidth: loads alone, 8 in flight, folded into accumulators so that they are not dropped.  Peak:
 * enough independent multiply-adds to hide their latency.  Level C uses 16-byte vectors (the
 * compiler's for the base machine), multiplication and addition counted as two.
 */
#include "tests/checkkern/limits.h"

#include <string.h>

typedef struct Stream
{
	const char *p;
	size_t bytes;
} Stream;

static volatile float sink;

/*
 * One pair of measuring functions for vectors of `width` floats; with `fma` the multiply-add is
 * written with the level's instruction.
 */
#define DEFINE_LIMITS(level, attribute, width, fma)                                                \
	typedef float level##_vec __attribute__((vector_size((width) *4), aligned(4)));                \
                                                                                                   \
	attribute static void level##_stream(void *arg)                                                \
	{                                                                                              \
		const Stream *s = arg;                                                                     \
		const float *p = (const float *) s->p;                                                     \
		const float *end = (const float *) (s->p + s->bytes);                                      \
		level##_vec a[8];                                                                          \
                                                                                                   \
		memset(a, 0, sizeof(a));                                                                   \
		for (; p < end; p += 8 * (width))                                                          \
			for (int i = 0; i < 8; i++)                                                            \
			{                                                                                      \
				level##_vec x = *(const level##_vec *) (p + i * (width));                          \
                                                                                                   \
				a[i] += x;                                                                         \
			}                                                                                      \
		for (int i = 1; i < 8; i++)                                                                \
			a[0] += a[i];                                                                          \
		sink = a[0][0];                                                                            \
	}                                                                                              \
                                                                                                   \
	attribute static void level##_flops(void *arg)                                                 \
	{                                                                                              \
		const Stream *s = arg;                                                                     \
		level##_vec x = *(const level##_vec *) s->p;                                               \
		level##_vec a0 = x, a1 = x, a2 = x, a3 = x, a4 = x, a5 = x;                                \
		level##_vec a6 = x, a7 = x, a8 = x, a9 = x, a10 = x, a11 = x;                              \
                                                                                                   \
		for (size_t i = 0; i < FLOPS_STEPS; i++)                                                   \
		{                                                                                          \
			a0 = fma(x, x, a0);                                                                    \
			a1 = fma(x, x, a1);                                                                    \
			a2 = fma(x, x, a2);                                                                    \
			a3 = fma(x, x, a3);                                                                    \
			a4 = fma(x, x, a4);                                                                    \
			a5 = fma(x, x, a5);                                                                    \
			a6 = fma(x, x, a6);                                                                    \
			a7 = fma(x, x, a7);                                                                    \
			a8 = fma(x, x, a8);                                                                    \
			a9 = fma(x, x, a9);                                                                    \
			a10 = fma(x, x, a10);                                                                  \
			a11 = fma(x, x, a11);                                                                  \
			KEEP(a0, a1, a2, a3, a4, a5);                                                          \
			KEEP(a6, a7, a8, a9, a10, a11);                                                        \
		}                                                                                          \
		a0 += a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;                              \
		sink = a0[0];                                                                              \
	}

#define FLOPS_STEPS  2000
#define FLOPS_CHAINS 12

/* Keeps the compiler from merging iterations. */
#if defined(__aarch64__)
#define KEEP(a, b, c, d, e, f)                                                                     \
	__asm__ volatile("" : "+w"(a), "+w"(b), "+w"(c), "+w"(d), "+w"(e), "+w"(f))
#elif defined(__x86_64__)
#define KEEP(a, b, c, d, e, f)                                                                     \
	__asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f))
#else
#define KEEP(a, b, c, d, e, f) __asm__ volatile("" : : : "memory")
#endif

#define plain_fma(a, b, c) ((a) * (b) + (c))

DEFINE_LIMITS(c, , 4, plain_fma)

#if defined(__x86_64__)
#include <immintrin.h>

#define fma_256(a, b, c) ((x86_v3_vec) _mm256_fmadd_ps((__m256) (a), (__m256) (b), (__m256) (c)))
#define fma_512(a, b, c) ((x86_v4_vec) _mm512_fmadd_ps((__m512) (a), (__m512) (b), (__m512) (c)))

DEFINE_LIMITS(x86_v3, __attribute__((target("avx2,fma"))), 8, fma_256)
DEFINE_LIMITS(x86_v4, __attribute__((target("avx512f"))), 16, fma_512)
#endif

#if defined(__aarch64__)
#include <arm_neon.h>

#define fma_neon(a, b, c)                                                                          \
	((a64_neon_vec) vfmaq_f32((float32x4_t) (c), (float32x4_t) (a), (float32x4_t) (b)))

DEFINE_LIMITS(a64_neon, , 4, fma_neon)
#endif

static double
bandwidth(void (*stream)(void *), size_t bytes)
{
	Stream s = {ck_bench_memory(), bytes};

	return (double) bytes / ck_time(stream, &s);
}

void
ck_measure_limits(VcsLevel level, CkLimits *ret_limits)
{
	void (*stream)(void *) = c_stream;
	void (*flops)(void *) = c_flops;
	int width = 4;
	Stream s = {ck_bench_memory(), 0};

#if defined(__x86_64__)
	if (level == VCS_LEVEL_X86_V3)
	{
		stream = x86_v3_stream;
		flops = x86_v3_flops;
		width = 8;
	}
	else if (level == VCS_LEVEL_X86_V4 || level == VCS_LEVEL_X86_V4_ICL)
	{
		stream = x86_v4_stream;
		flops = x86_v4_flops;
		width = 16;
	}
#elif defined(__aarch64__)
	if (level == VCS_LEVEL_A64_NEON)
	{
		stream = a64_neon_stream;
		flops = a64_neon_flops;
	}
#endif
	(void) level;
	ret_limits->l1 = bandwidth(stream, CK_SET_L1);
	ret_limits->l2 = bandwidth(stream, CK_SET_L2);
	ret_limits->l3 = bandwidth(stream, CK_SET_L3);
	ret_limits->dram = bandwidth(stream, CK_SET_DRAM);
	ret_limits->flops = 2.0 * FLOPS_STEPS * FLOPS_CHAINS * width / ck_time(flops, &s);
}
