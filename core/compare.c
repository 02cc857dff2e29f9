/*
 * core/compare.c
 *		Comparison functions for qsort() and bsearch() over plain numbers.
 */
#include "postgres.h"

#include "core/compare.h"

#define COMPARE(name, type)                                                                        \
	int name(const void *a, const void *b)                                                         \
	{                                                                                              \
		type x = *(const type *) a;                                                                \
		type y = *(const type *) b;                                                                \
                                                                                                   \
		return (x > y) - (x < y);                                                                  \
	}

COMPARE(vc_compare_u32, uint32)
COMPARE(vc_compare_u64, uint64)
COMPARE(vc_compare_f32, float)
