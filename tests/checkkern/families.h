/*
 * tests/checkkern/families.h
 *		The kernel families, one per check_*.c.
 */
#ifndef VC_TESTS_CHECKKERN_FAMILIES_H
#define VC_TESTS_CHECKKERN_FAMILIES_H

#include "tests/checkkern/checkkern.h"

extern const CkFamily ck_family_cpu;
extern const CkFamily ck_family_f32;
extern const CkFamily ck_family_f16;
extern const CkFamily ck_family_fastscan;
extern const CkFamily ck_family_quantize;
extern const CkFamily ck_family_code;
extern const CkFamily ck_family_assign;
extern const CkFamily ck_family_rotate;
extern const CkFamily ck_family_bitpack;
extern const CkFamily ck_family_score;

#endif
