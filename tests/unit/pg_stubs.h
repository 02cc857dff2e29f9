/*
 * tests/unit/pg_stubs.h
 *		What a unit test sees of the stubs: where errors land, and how many chunks live.
 */
#ifndef VC_TESTS_UNIT_PG_STUBS_H
#define VC_TESTS_UNIT_PG_STUBS_H

#include <setjmp.h>

extern jmp_buf stub_catch; /* ereport(ERROR) jumps here */
extern int stub_sqlstate;  /* of the last error */
extern int64 stub_live;    /* chunks allocated and not freed */

#endif
