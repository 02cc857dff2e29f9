/*
 * tests/checkkern/checkkern.h
 *		Frame for checking and measuring kernels: families, guarded memory, random data, timing.
 *
 * A family is one source file with one CkFamily, named in the list of families.c.  Its check()
 * is called for every level the CPU supports, C included, and compares the kernels of that level
 * with references of its own (double precision, bit by bit), and with the C table where equal bits are
 * promised.  Each comparison goes through ck_expect or one of its relatives, which count: a
 * family that compared nothing at a level fails.
 */
#ifndef VC_TESTS_CHECKKERN_H
#define VC_TESTS_CHECKKERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/simd/cpu.h"

typedef struct CkFamily
{
	const char *name;
	void (*check)(VcsLevel level);
	void (*bench)(VcsLevel level);
} CkFamily;

/* ---- comparisons ---- */

/* Names the kernel and length at work: shown with failures, also when a guard page is touched. */
extern void ck_at(const char *kernel, size_t n);

/* Counts one comparison; reports a failure, with a printf-style text, unless ok. */
extern void ck_expect(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Equal bytes. */
extern void ck_expect_bytes(const void *got, const void *expected, size_t bytes);

/*
 * A sum: |got - expected| <= (n + 2) * 2^-23 * magnitude, where magnitude = sum |terms|; NaN
 * matches NaN and infinity itself.
 */
extern void ck_expect_sum(float got, double expected, double magnitude, size_t n);

/* ---- guarded memory ---- */

/* Bytes between the two guard pages of one region. */
#define CK_REGION ((size_t) 1 << 20)

typedef enum CkPlace
{
	CK_AT_END,   /* last byte before the guard page: reading on is fatal */
	CK_AT_START, /* first byte after the guard page */
	CK_SHIFTED,  /* first byte after it, plus one element: not aligned to a vector */
	CK_PLACES
} CkPlace;

/* Regions, numbered by the caller: a kernel's operands lie in different ones. */
#define CK_REGIONS 12

/*
 * Room for `bytes` in region number `region`, a multiple of `align` (the element's size).  The region
 * is filled with a pattern first.
 */
extern void *ck_place(int region, CkPlace place, size_t bytes, size_t align);

/* A copy of `bytes` of src there. */
extern void *ck_place_copy(int region, CkPlace place, const void *src, size_t bytes, size_t align);

/* After the kernel wrote to ck_place's `bytes` at p: nothing around them changed. */
extern void ck_expect_untouched(int region, const void *p, size_t bytes);

/* Lengths to check: 0..300 and larger ones; the list ends with SIZE_MAX. */
extern const size_t *ck_lengths(void);

/* ---- random data, the same for every level ---- */

extern void ck_seed(uint64_t seed);
extern uint32_t ck_random(void);
extern float ck_gauss(void); /* about normal, never 0 */
extern void ck_fill_gauss(float *dst, size_t n);
extern void ck_fill_bytes(void *dst, size_t bytes);

/* ---- measuring ---- */

/* What this machine can do at a level, measured at the start of --bench. */
typedef struct CkLimits
{
	double l1;    /* stream read, bytes per ns, 32 kB */
	double l2;    /* 512 kB */
	double l3;    /* 6 MB */
	double dram;  /* 256 MB */
	double flops; /* f32, per ns, counting FMA as two */
} CkLimits;

extern const CkLimits *ck_limits(VcsLevel level);

/* Working sets of the memory levels, in bytes. */
#define CK_SET_L1   ((size_t) 32 << 10)
#define CK_SET_L2   ((size_t) 512 << 10)
#define CK_SET_L3   ((size_t) 6 << 20)
#define CK_SET_DRAM ((size_t) 256 << 20)

/* Memory of CK_SET_DRAM bytes for benchmarks, 64-byte aligned, holding small random floats. */
extern void *ck_bench_memory(void);

/* Least time of one call of fn(arg) in ns over several repetitions. */
extern double ck_time(void (*fn)(void *arg), void *arg);

/*
 * Reports that `name` (kernel and case) took `ns` per unit, reading `bytes` per unit.  limit_ns: what
 * the unit would take at the limit named `limit`, 0 if none applies.  The ratio to C comes from
 * the same name at level C, which is measured first.
 */
extern void ck_report(VcsLevel level, const char *name, double ns, double bytes, double limit_ns,
					  const char *limit);

/* NULL-terminated list. */
extern const CkFamily *const ck_families[];

#endif
