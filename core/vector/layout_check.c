/*
 * core/vector/layout_check.c
 *		Asserts the byte layouts that types.h writes down; emits no code.
 */
#include "postgres.h"

#include "core/vector/types.h"

StaticAssertDecl(sizeof(float) == 4, "vector elements are 4 bytes");
StaticAssertDecl(sizeof(VcvHalf) == 2, "halfvec elements are 2 bytes");
StaticAssertDecl(offsetof(VcvVectorData, vl_len_) == 0, "vector header at 0");
StaticAssertDecl(offsetof(VcvVectorData, dim) == VARHDRSZ, "vector dimension at 4");
StaticAssertDecl(offsetof(VcvVectorData, unused) == 6, "vector padding at 6");
StaticAssertDecl(offsetof(VcvVectorData, x) == 8, "vector elements at 8");
StaticAssertDecl(sizeof(VcvVectorData) == 8, "vector head is 8 bytes");
StaticAssertDecl(offsetof(VcvHalfvecData, dim) == offsetof(VcvVectorData, dim),
				 "both types have the same head");
StaticAssertDecl(offsetof(VcvHalfvecData, unused) == 6, "halfvec padding at 6");
StaticAssertDecl(offsetof(VcvHalfvecData, x) == 8, "halfvec elements at 8");
StaticAssertDecl(sizeof(VcvHalfvecData) == 8, "halfvec head is 8 bytes");
StaticAssertDecl(offsetof(VcvQuantHead, norm2) == 0, "squared norm at 0 of a quantised row");
StaticAssertDecl(offsetof(VcvQuantHead, lattice_norm) == 4, "lattice norm at 4");
StaticAssertDecl(offsetof(VcvQuantHead, code_sum) == 8, "sum of codes at 8");
StaticAssertDecl(offsetof(VcvQuantHead, abs_sum) == 12, "sum of absolute values at 12");
StaticAssertDecl(sizeof(VcvQuantHead) == 16, "quantised head is 16 bytes");
StaticAssertDecl(offsetof(VcvQuantData, dim) == offsetof(VcvVectorData, dim),
				 "dimension of all types in one place");
StaticAssertDecl(offsetof(VcvQuantData, unused) == 6, "quantised padding at 6");
StaticAssertDecl(offsetof(VcvQuantData, head) == offsetof(VcvVectorData, x),
				 "rows of all types in one place");
StaticAssertDecl(offsetof(VcvQuantData, code) == 24, "codes at 24");
StaticAssertDecl(sizeof(VcvQuantData) == 24, "quantised value without codes is 24 bytes");
