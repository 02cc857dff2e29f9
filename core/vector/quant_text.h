/*
 * core/vector/quant_text.h
 *		Text and wire form of quantised values, without a server.
 *
 *	text	(norm2, lattice norm, code sum, sum of absolute values)[code, code, ...]
 *	wire	dimension u32, the same four numbers as f32, all big-endian; then the codes as stored
 *
 * White space may stand between the parts of the text.  Numbers are decimal; those of the head are finite
 * and not negative, codes fit the type's bits.  Nothing follows the last bracket or code.
 */
#ifndef VC_CORE_VECTOR_QUANT_TEXT_H
#define VC_CORE_VECTOR_QUANT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "core/vector/types.h"

/* bytes of the wire form before the codes */
#define VCV_QUANT_WIRE_HEAD 20

typedef enum VcvQuantError
{
	VCV_QUANT_OK,
	VCV_QUANT_STRUCTURE, /* brackets or commas are not where they belong */
	VCV_QUANT_EMPTY,     /* no dimension */
	VCV_QUANT_LARGE,     /* more than VCV_MAX_QUANT_DIM */
	VCV_QUANT_NUMBER,    /* not a number, or not an integer */
	VCV_QUANT_HEAD,      /* a number of the head is negative or beyond a float */
	VCV_QUANT_CODE,      /* a code exceeds the type's bits */
	VCV_QUANT_SIZE       /* wire: bytes and dimension do not agree */
} VcvQuantError;

/* the most dimensions that the text can have, for the size of a row to parse into; at least 1 */
extern uint32_t vcv_quant_text_bound(const char *text);

/*
 * Parse a terminated text.  ret_row: vcv_row_bytes(type, vcv_quant_text_bound(text)) bytes, aligned to 4,
 * of which the row's own become defined.  On an error ret_at[0 .. *ret_at_len) is the part of the text
 * that is wrong, empty at its end.
 */
extern VcvQuantError vcv_quant_parse(VcvType type, const char *text, void *ret_row,
									 uint32_t *ret_dim, const char **ret_at, size_t *ret_at_len);

/*
 * Dimension of the wire form, whose size is checked before anything is allocated for it, and then its
 * row: ret_row has vcv_row_bytes(type, dim) bytes, aligned to 4.
 */
extern VcvQuantError vcv_quant_wire_dim(VcvType type, const uint8_t *wire, size_t size,
										uint32_t *ret_dim);
extern VcvQuantError vcv_quant_from_wire(VcvType type, const uint8_t *wire, uint32_t dim,
										 void *ret_row);

/* ret_wire: VCV_QUANT_WIRE_HEAD + bytes of the codes */
extern void vcv_quant_to_wire(VcvType type, const void *row, uint32_t dim, uint8_t *ret_wire);

#endif
