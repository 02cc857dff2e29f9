/*
 * vchord_bm25/block.c
 *		Packing and unpacking of posting blocks.  See block.h and format.h.
 *
 * Columns are packed by core/simd/bitpack at the width of their largest value.  Values lie one behind
 * the other, so a short block is the front part of a whole one: it is packed as if the rest were zero
 * and cut; unpacked as a whole, the values behind the end being anything.
 *
 * Damage: widths and count are checked by open.  Sums of differences cannot wrap unless the width
 * would allow it, in which case they are looked at one by one; so ascending order and a right last
 * document prove all of them to be within bounds.
 */
#include "postgres.h"

#include "vchord_bm25/block.h"

#include "core/simd/bitpack/ops.h"

static inline uint32
column_bytes(uint32 n, uint32 width)
{
	return (n * width + 7) / 8;
}

/*----- encode -----*/

/* Appends n of 128 packed values; a whole column of room is there only in `whole`. */
static uint8 *
put_column(uint8 *to, const uint8 *whole, uint32 n, uint32 width)
{
	uint32 bytes = column_bytes(n, width);

	memcpy(to, whole, bytes);
	return to + bytes;
}

uint32
bm25_block_encode(uint32 *docs, uint32 *tfs, uint32 *norms, uint32 n, uint32 base, bool positions,
				  uint64 place, uint8 *ret_bytes)
{
	uint8 whole[VCS_BITPACK_BYTES(VCS_BITPACK_MAX_WIDTH)];
	Bm25BlockDisk head = {.count = (uint8) n, .positions = place};
	uint8 *to = ret_bytes + BM25_BLOCK_HEAD(positions);
	uint32 norm_base = norms[0];

	Assert(n >= 1 && n <= BM25_BLOCK_POSTINGS);
	for (uint32 i = 1; i < n; i++)
		norm_base = Min(norm_base, norms[i]);
	for (uint32 i = n; i < BM25_BLOCK_POSTINGS; i++)
	{
		docs[i] = docs[n - 1];
		tfs[i] = 1;
		norms[i] = norm_base;
	}
	head.norm_base = norm_base;

	head.doc_bits = (uint8) vcs_bitpack_ops.width_delta(docs, base);
	vcs_bitpack_ops.pack_delta(docs, base, head.doc_bits, whole);
	to = put_column(to, whole, n, head.doc_bits);
	head.tf_bits = (uint8) vcs_bitpack_ops.width(tfs, 1);
	vcs_bitpack_ops.pack(tfs, 1, head.tf_bits, whole);
	to = put_column(to, whole, n, head.tf_bits);
	head.norm_bits = (uint8) vcs_bitpack_ops.width(norms, norm_base);
	vcs_bitpack_ops.pack(norms, norm_base, head.norm_bits, whole);
	to = put_column(to, whole, n, head.norm_bits);
	memcpy(ret_bytes, &head, BM25_BLOCK_HEAD(positions));
	return (uint32) (to - ret_bytes);
}

/*----- decode -----*/

bool
bm25_block_open(const uint8 *bytes, uint32 len, uint32 readable, bool positions,
				Bm25Block *ret_block)
{
	uint32 head_bytes = BM25_BLOCK_HEAD(positions);
	Bm25BlockDisk *head = &ret_block->head;

	if (len < head_bytes || readable < len)
		return false;
	head->positions = 0;
	memcpy(head, bytes, head_bytes);
	if (head->count < 1 || head->count > BM25_BLOCK_POSTINGS ||
		head->doc_bits > VCS_BITPACK_MAX_WIDTH || head->tf_bits > VCS_BITPACK_MAX_WIDTH ||
		head->norm_bits > VCS_BITPACK_MAX_WIDTH)
		return false;
	ret_block->docs = bytes + head_bytes;
	ret_block->tfs = ret_block->docs + column_bytes(head->count, head->doc_bits);
	ret_block->norms = ret_block->tfs + column_bytes(head->count, head->tf_bits);
	ret_block->end = bytes + readable;
	return ret_block->norms + column_bytes(head->count, head->norm_bits) == bytes + len;
}

/*
 * The column at `in`, or a copy of what there is of it where an unpacker would read too far: what
 * it finds there besides is of values behind the end of a short block.
 */
static inline const uint8 *
safe_column(const Bm25Block *block, const uint8 *in, uint32 width, uint8 *scratch)
{
	Size need = VCS_BITPACK_BYTES(width) + VCS_BITPACK_SLACK;

	if (likely((Size) (block->end - in) >= need))
		return in;
	memcpy(scratch, in, (Size) (block->end - in));
	return scratch;
}

#define SCRATCH_BYTES (VCS_BITPACK_BYTES(VCS_BITPACK_MAX_WIDTH) + VCS_BITPACK_SLACK)

bool
bm25_block_decode(const Bm25Block *block, uint32 base, uint32 last, uint32 *ret_docs,
				  uint32 *ret_tfs)
{
	const Bm25BlockDisk *head = &block->head;
	uint64 limit;
	uint8 scratch[SCRATCH_BYTES];

	vcs_bitpack_ops.unpack_delta(safe_column(block, block->docs, head->doc_bits, scratch), base,
								 head->doc_bits, ret_docs);
	vcs_bitpack_ops.unpack(safe_column(block, block->tfs, head->tf_bits, scratch), 1, head->tf_bits,
						   ret_tfs);
	if (unlikely(ret_docs[head->count - 1] != last))
		return false;
	limit = base + (uint64) head->count * ((UINT64CONST(1) << head->doc_bits) - 1);
	if (unlikely(limit > PG_UINT32_MAX))
	{
		for (uint32 i = 0; i < head->count; i++)
		{
			if (ret_docs[i] < (i == 0 ? base : ret_docs[i - 1]))
				return false;
		}
	}
	return true;
}

bool
bm25_block_norms(const Bm25Block *block, uint32 max, uint32 *ret_norms)
{
	const Bm25BlockDisk *head = &block->head;
	uint64 limit = head->norm_base + (UINT64CONST(1) << head->norm_bits) - 1;
	uint8 scratch[SCRATCH_BYTES];

	vcs_bitpack_ops.unpack(safe_column(block, block->norms, head->norm_bits, scratch),
						   head->norm_base, head->norm_bits, ret_norms);
	if (limit > max)
	{
		uint32 bits = 0; /* max is a number of ones */

		Assert((max & (max + 1)) == 0);
		for (uint32 i = 0; i < head->count; i++)
			bits |= ret_norms[i];
		return bits <= max;
	}
	return true;
}
