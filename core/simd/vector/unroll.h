/*
 * core/simd/vector/unroll.h
 *		Loops that must be unrolled, so that arrays of vectors live in registers.
 */
#ifndef VC_CORE_SIMD_VECTOR_UNROLL_H
#define VC_CORE_SIMD_VECTOR_UNROLL_H

#define VCS_PRAGMA(text) _Pragma(#text)

/* Before a loop of n (a literal) iterations. */
#if defined(__clang__)
#define VCS_UNROLL(n) VCS_PRAGMA(clang loop unroll(full))
#else
#define VCS_UNROLL(n) VCS_PRAGMA(GCC unroll n)
#endif

#endif
