/*
 * tests/checkkern/families.c
 *		The list of kernel families.
 */
#include "tests/checkkern/checkkern.h"
#include "tests/checkkern/families.h"

/* one a line, so that additions do not collide */
/* clang-format off */
const CkFamily *const ck_families[] = {
	&ck_family_cpu,
	&ck_family_f32,
	&ck_family_f16,
	&ck_family_fastscan,
	&ck_family_quantize,
	&ck_family_code,
	&ck_family_assign,
	&ck_family_rotate,
	&ck_family_bitpack,
	&ck_family_score,
	NULL,
};
/* clang-format on */
