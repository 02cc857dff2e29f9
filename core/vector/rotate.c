/*
 * core/vector/rotate.c
 *		The rotation with its fixed sign sets.
 *
 * The sign sets are 32 kB that never change; they are computed when the library is loaded, which is
 * cheaper than reading them from the disk and leaves nothing generated in the tree.
 */
#include <string.h>

#include "core/simd/vector/rotate_ops.h"
#include "core/vector/rotate.h"

static uint8_t signs[VCS_ROTATE_SIGN_BYTES];

void
vcv_rotate_init(void)
{
	vcs_rotate_signs(signs);
}

void
vcv_rotate(const float *x, uint32_t n, float *ret_x)
{
	if (ret_x != x)
		memcpy(ret_x, x, n * sizeof(float));
	vcs_rotate_ops.forward(ret_x, n, signs);
}

void
vcv_unrotate(const float *x, uint32_t n, float *ret_x)
{
	if (ret_x != x)
		memcpy(ret_x, x, n * sizeof(float));
	vcs_rotate_ops.backward(ret_x, n, signs);
}
