/*
 * core/simd/vector/unroll.h
 *		Hints for the inner loops: what must be unrolled, what must stay in a register.
 */
#ifndef VC_CORE_SIMD_VECTOR_UNROLL_H
#define VC_CORE_SIMD_VECTOR_UNROLL_H

/* For _Pragma, which takes a string. */
#define VCS_PRAGMA(text) _Pragma(#text)

/* Before a loop of n (a literal) iterations, so that arrays of vectors live in registers. */
#if defined(__clang__)
#define VCS_UNROLL(n) VCS_PRAGMA(clang loop unroll(full))
#else
#define VCS_UNROLL(n) VCS_PRAGMA(GCC unroll n)
#endif

/* x86: loads once what is used twice; gcc would repeat the load, and loads are the bottleneck. */
#define VCS_IN_REGISTER(x) __asm__("" : "+v"(x))

#endif
