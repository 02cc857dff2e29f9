/*
 * core/simd/vector/rotate_ops.c
 *		Choice of rotation kernels, and the sign bits.
 */
#include <string.h>

#include "core/simd/vector/fht_internal.h"

VcsRotateOps vcs_rotate_ops;

void
vcs_rotate_fill(VcsRotateOps *ops, VcsLevel level)
{
	ops->forward = vcs_rotate_forward_c;
	ops->backward = vcs_rotate_backward_c;
	ops->fht = vcs_fht_c;
	(void) level;
#ifdef VCS_WITH_X86_V3
	if (level >= VCS_LEVEL_X86_V3 && level <= VCS_LEVEL_X86_V4_ICL)
		vcs_rotate_fill_x86_v3(ops);
#endif
#ifdef VCS_WITH_X86_V4
	if (level >= VCS_LEVEL_X86_V4 && level <= VCS_LEVEL_X86_V4_ICL)
		vcs_rotate_fill_x86_v4(ops);
#endif
#ifdef VCS_WITH_A64_NEON
	if (level == VCS_LEVEL_A64_NEON)
		vcs_rotate_fill_a64_neon(ops);
#endif
}

void
vcs_rotate_init(void)
{
	vcs_rotate_fill(&vcs_rotate_ops, vcs_cpu_level());
}

static inline uint32_t
rotl(uint32_t x, int k)
{
	return x << k | x >> (32 - k);
}

static inline void
quarter(uint32_t s[16], int a, int b, int c, int d)
{
	s[a] += s[b];
	s[d] = rotl(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotl(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotl(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotl(s[b] ^ s[c], 7);
}

void
vcs_rotate_signs(uint8_t *ret_signs)
{
	/* "expand 32-byte k", key, 64-bit block counter, 64-bit nonce: RFC 7539 with 12 rounds */
	uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	uint8_t *out = ret_signs;

	for (int i = 4; i < 12; i++)
		start[i] = 0x07070707;
	for (uint32_t block = 0; block < VCS_ROTATE_ROUNDS * VCS_ROTATE_ROUND_BYTES / 16; block++)
	{
		uint32_t s[16];

		start[12] = block;
		memcpy(s, start, sizeof(s));
		for (int r = 0; r < 6; r++)
		{
			quarter(s, 0, 4, 8, 12);
			quarter(s, 1, 5, 9, 13);
			quarter(s, 2, 6, 10, 14);
			quarter(s, 3, 7, 11, 15);
			quarter(s, 0, 5, 10, 15);
			quarter(s, 1, 6, 11, 12);
			quarter(s, 2, 7, 8, 13);
			quarter(s, 3, 4, 9, 14);
		}
		for (int i = 0; i < 16; i++)
			*out++ = (uint8_t) (s[i] + start[i]);
	}
	memset(out, 0, VCS_ROTATE_SIGN_SLACK);
}
