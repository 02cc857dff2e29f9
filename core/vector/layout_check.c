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
