/*
 * tests/modules/vc_test_core.h
 *		Page kinds of the test module.
 */
#ifndef VC_TESTS_MODULES_VC_TEST_CORE_H
#define VC_TESTS_MODULES_VC_TEST_CORE_H

#define VC_TEST_PAGE_ID 0xFF7E

#define VC_TEST_DATA      (1 << 0)
#define VC_TEST_INODE     (1 << 1)
#define VC_TEST_TAPE      (1 << 2)
#define VC_TEST_DIRECTORY (1 << 3)

#endif
