/*
 * tests/modules/store.h
 *		What the tests of core's pages share: page kinds, and opening an index of vc_test_am.
 */
#ifndef VC_TESTS_MODULES_STORE_H
#define VC_TESTS_MODULES_STORE_H

#include "utils/relcache.h"

#define STORE_META         (1 << 0)
#define STORE_DATA         (1 << 1)
#define STORE_CONTINUATION (1 << 2)

/* RowExclusiveLock on the index, its table beside it. */
extern Relation store_open(Oid index, Relation *ret_heap);
extern Relation store_open_read(Oid index);
extern void store_close(Relation index, Relation heap);

#endif
