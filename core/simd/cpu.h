/*
 * core/simd/cpu.h
 *		Which instruction-set level this CPU can run, and which one we use.
 *
 * Levels are cumulative inside one architecture: a level promises everything of the levels below.
 *
 *		c			any CPU the compiler targets; the reference code
 *		x86_v3		AVX, AVX2, FMA, F16C, BMI1/2, LZCNT, MOVBE, POPCNT	(= x86-64-v3, Haswell, Zen
 *1) x86_v4		+ AVX512F/BW/CD/DQ/VL								(= x86-64-v4, Skylake-SP)
 *		x86_v4_icl	+ AVX512 VNNI, VBMI, VBMI2, VPOPCNTDQ, BITALG and GFNI	(Ice Lake, Zen 4)
 *		a64_neon	AArch64 with Advanced SIMD (every AArch64 Linux)
 *
 * State: one process-wide cap, written only while single-threaded (module load, test start).
 */
#ifndef VC_CORE_SIMD_CPU_H
#define VC_CORE_SIMD_CPU_H

#include <stdbool.h>

typedef enum VcsLevel
{
	VCS_LEVEL_C = 0,
	VCS_LEVEL_X86_V3 = 1,
	VCS_LEVEL_X86_V4 = 2,
	VCS_LEVEL_X86_V4_ICL = 3,
	VCS_LEVEL_A64_NEON = 4,
	VCS_LEVEL_AUTO = 5, /* as a cap: no cap; never returned as the level in use */
} VcsLevel;

#define VCS_LEVEL_COUNT 5 /* real levels, VCS_LEVEL_C .. VCS_LEVEL_A64_NEON */

/* True if this CPU (and its operating system: saved registers) can run code of `level`. */
extern bool vcs_cpu_supports(VcsLevel level);

/* Highest level this CPU supports, whatever the cap. */
extern VcsLevel vcs_cpu_detected(void);

/*
 * Sets the cap; VCS_LEVEL_AUTO removes it.  A cap the CPU does not reach has no effect.  The ops
 * tables are not refilled: call their init functions afterwards.
 */
extern void vcs_cpu_cap_level(VcsLevel cap);

/*
 * Applies the environment variable VCS_SIMD_LEVEL (a level name or "auto") as the cap.  Returns
 * false, and changes nothing, if it is set to an unknown name.
 */
extern bool vcs_cpu_cap_from_env(void);

/* The level to use: the highest supported level that is not above the cap. */
extern VcsLevel vcs_cpu_level(void);

/* Name of a level ("c", "x86_v3", ..., "auto"); a static string. */
extern const char *vcs_level_name(VcsLevel level);

/* Finds a level by name.  Returns false for an unknown name. */
extern bool vcs_level_parse(const char *name, VcsLevel *ret_level);

#endif
