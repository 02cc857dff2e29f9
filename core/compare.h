/*
 * core/compare.h
 *		Comparison functions for qsort() and bsearch() over plain numbers, ascending.
 */
#ifndef VC_CORE_COMPARE_H
#define VC_CORE_COMPARE_H

extern int vc_compare_u32(const void *a, const void *b);
extern int vc_compare_u64(const void *a, const void *b);

/* no NaN */
extern int vc_compare_f32(const void *a, const void *b);

#endif
