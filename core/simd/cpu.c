/*
 * core/simd/cpu.c
 *		CPU detection by CPUID and XGETBV.
 *
 * Done by hand because __builtin_cpu_supports of clang 14 does not know f16c and the x86-64-vN
 * levels, and because the compiler's runtime would have to be initialised in a shared module first.
 * A feature bit alone is not enough: the operating system must also save the wider registers, which
 * XCR0 tells.
 */
#include "core/simd/cpu.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {
	"c", "x86_v3", "x86_v4", "x86_v4_icl", "a64_neon", "auto",
};

static VcsLevel level_cap = VCS_LEVEL_AUTO;

#if defined(__x86_64__)

#include <cpuid.h>

/* Register bits, Intel SDM volume 2, CPUID. */
#define LEAF1_ECX_NEED                                                                             \
	((1u << 0) /* SSE3 */ | (1u << 9) /* SSSE3 */ | (1u << 12) /* FMA */ | (1u << 19) /* SSE4.1 */ \
	 | (1u << 20) /* SSE4.2 */ | (1u << 22) /* MOVBE */ | (1u << 23)                  /* POPCNT */ \
	 | (1u << 27) /* OSXSAVE */ | (1u << 28) /* AVX */ | (1u << 29) /* F16C */)
#define LEAF7_EBX_V3 ((1u << 3) /* BMI1 */ | (1u << 5) /* AVX2 */ | (1u << 8) /* BMI2 */)
#define LEAF7_EBX_V4                                                                               \
	((1u << 16) /* F */ | (1u << 17) /* DQ */ | (1u << 28) /* CD */ | (1u << 30) /* BW */          \
	 | (1u << 31) /* VL */)
#define LEAF7_ECX_ICL                                                                              \
	((1u << 1) /* VBMI */ | (1u << 6) /* VBMI2 */ | (1u << 8) /* GFNI */ | (1u << 11) /* VNNI */ | \
	 (1u << 12) /* BITALG */                                                                       \
	 | (1u << 14) /* VPOPCNTDQ */)
#define EXT1_ECX_LZCNT (1u << 5)

#define XCR0_AVX    0x06u /* SSE and AVX state */
#define XCR0_AVX512 0xe0u /* opmask, upper 256 bits of zmm0-15, zmm16-31 */

static unsigned int
read_xcr0(void)
{
	unsigned int eax;
	unsigned int edx;

	/* xgetbv spelled as bytes: the intrinsic needs -mxsave, which this file must not need */
	__asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(eax), "=d"(edx) : "c"(0));
	return eax;
}

static VcsLevel
detect(void)
{
	unsigned int a, b, c, d;
	unsigned int xcr0;
	unsigned int b7, c7;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & LEAF1_ECX_NEED) != LEAF1_ECX_NEED)
		return VCS_LEVEL_C;
	xcr0 = read_xcr0();
	if ((xcr0 & XCR0_AVX) != XCR0_AVX)
		return VCS_LEVEL_C;
	if (!__get_cpuid(0x80000001u, &a, &b, &c, &d) || (c & EXT1_ECX_LZCNT) == 0)
		return VCS_LEVEL_C;
	if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d) || (b7 & LEAF7_EBX_V3) != LEAF7_EBX_V3)
		return VCS_LEVEL_C;
	if ((b7 & LEAF7_EBX_V4) != LEAF7_EBX_V4 || (xcr0 & XCR0_AVX512) != XCR0_AVX512)
		return VCS_LEVEL_X86_V3;
	if ((c7 & LEAF7_ECX_ICL) != LEAF7_ECX_ICL)
		return VCS_LEVEL_X86_V4;
	return VCS_LEVEL_X86_V4_ICL;
}

bool
vcs_cpu_supports(VcsLevel level)
{
	return level <= VCS_LEVEL_X86_V4_ICL && level <= vcs_cpu_detected();
}

#else

static VcsLevel
detect(void)
{
#if defined(__aarch64__)
	return VCS_LEVEL_A64_NEON;
#else
	return VCS_LEVEL_C;
#endif
}

bool
vcs_cpu_supports(VcsLevel level)
{
	return level == VCS_LEVEL_C || level == vcs_cpu_detected();
}

#endif

VcsLevel
vcs_cpu_detected(void)
{
	static VcsLevel detected = VCS_LEVEL_AUTO; /* AUTO: not looked yet */

	if (detected == VCS_LEVEL_AUTO)
		detected = detect();
	return detected;
}

void
vcs_cpu_cap_level(VcsLevel cap)
{
	level_cap = cap;
}

bool
vcs_cpu_cap_from_env(void)
{
	const char *name = getenv("VCS_SIMD_LEVEL");
	VcsLevel cap;

	if (name == NULL || name[0] == '\0')
		return true;
	if (!vcs_level_parse(name, &cap))
		return false;
	vcs_cpu_cap_level(cap);
	return true;
}

VcsLevel
vcs_cpu_level(void)
{
	for (int level = VCS_LEVEL_COUNT - 1; level > VCS_LEVEL_C; level--)
		if (level <= (int) level_cap && vcs_cpu_supports((VcsLevel) level))
			return (VcsLevel) level;
	return VCS_LEVEL_C;
}

const char *
vcs_level_name(VcsLevel level)
{
	return level_names[level];
}

bool
vcs_level_parse(const char *name, VcsLevel *ret_level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
	{
		if (strcmp(name, level_names[i]) == 0)
		{
			*ret_level = (VcsLevel) i;
			return true;
		}
	}
	return false;
}
