/*
 * tests/checkkern/limits.h
 *		Measures what the machine can do at a level.
 */
#ifndef VC_TESTS_CHECKKERN_LIMITS_H
#define VC_TESTS_CHECKKERN_LIMITS_H

#include "tests/checkkern/checkkern.h"

extern void ck_measure_limits(VcsLevel level, CkLimits *ret_limits);

#endif
