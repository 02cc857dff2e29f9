/*
 * core/vector/quant_text.c
 *		Text and wire form of quantised values.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/vector/quant_text.h"
#include "core/vector/quantized.h"

/* longer numbers are not read: 45 digits and an exponent tell all floats apart */
#define NUMBER_BYTES 128

typedef struct Parser
{
	const char *at;
	const char *wrong;
	size_t wrong_len;
} Parser;

/* the same set as the server's scanner, whatever the locale */
static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
skip_space(Parser *parser)
{
	while (is_space(*parser->at))
		parser->at++;
}

static VcvQuantError
fail(Parser *parser, VcvQuantError error, const char *at, size_t len)
{
	parser->wrong = at;
	parser->wrong_len = len;
	return error;
}

static VcvQuantError
take(Parser *parser, char c)
{
	skip_space(parser);
	if (*parser->at != c)
		return fail(parser, VCV_QUANT_STRUCTURE, parser->at, strlen(parser->at));
	parser->at++;
	return VCV_QUANT_OK;
}

/* the word up to the next separator; empty words are a matter of structure */
static VcvQuantError
take_word(Parser *parser, const char **ret_word, size_t *ret_len)
{
	skip_space(parser);
	*ret_word = parser->at;
	*ret_len = strcspn(parser->at, "()[], \t\n\v\f\r");
	parser->at += *ret_len;
	if (*ret_len == 0)
		return fail(parser, VCV_QUANT_STRUCTURE, parser->at, strlen(parser->at));
	return VCV_QUANT_OK;
}

static VcvQuantError
take_float(Parser *parser, float *ret)
{
	char number[NUMBER_BYTES];
	const char *word;
	char *end;
	size_t len;
	float value;
	VcvQuantError error = take_word(parser, &word, &len);

	if (error != VCV_QUANT_OK)
		return error;
	/* what strtof would take besides: words for infinity and NaN, hexadecimal numbers */
	if (len >= NUMBER_BYTES || strspn(word, "0123456789+-.eE") < len)
	{
		const char *name = word + (*word == '-' || *word == '+');

		if (strncasecmp(name, "inf", 3) == 0 || strncasecmp(name, "nan", 3) == 0)
			return fail(parser, VCV_QUANT_HEAD, word, len);
		return fail(parser, VCV_QUANT_NUMBER, word, len);
	}
	memcpy(number, word, len);
	number[len] = '\0';
	/* too small becomes 0 or inexact, too large infinite */
	value = strtof(number, &end);
	if (end != number + len)
		return fail(parser, VCV_QUANT_NUMBER, word, len);
	if (!isfinite(value) || value < 0)
		return fail(parser, VCV_QUANT_HEAD, word, len);
	*ret = value;
	return VCV_QUANT_OK;
}

static VcvQuantError
take_code(Parser *parser, uint32_t max, uint32_t *ret)
{
	const char *word;
	size_t len;
	uint32_t value = 0;
	VcvQuantError error = take_word(parser, &word, &len);

	if (error != VCV_QUANT_OK)
		return error;
	if (strspn(word, "0123456789") < len)
		return fail(parser, *word == '-' ? VCV_QUANT_CODE : VCV_QUANT_NUMBER, word, len);
	for (size_t i = 0; i < len && value <= max; i++)
		value = value * 10 + (uint32_t) (word[i] - '0');
	if (value > max)
		return fail(parser, VCV_QUANT_CODE, word, len);
	*ret = value;
	return VCV_QUANT_OK;
}

uint32_t
vcv_quant_text_bound(const char *text)
{
	uint32_t n = 1;

	for (; *text != '\0' && n < VCV_MAX_QUANT_DIM; text++)
		n += *text == ',';
	return n;
}

static VcvQuantError
parse(VcvType type, Parser *parser, uint32_t bound, VcvQuantHead *head, uint8_t *codes,
	  uint32_t *ret_dim)
{
	float *const numbers[] = {&head->norm2, &head->lattice_norm, &head->code_sum, &head->abs_sum};
	const uint32_t max = (1u << vcv_element_bits(type)) - 1;
	uint32_t n = 0;
	VcvQuantError error;

	for (int i = 0; i < 4; i++)
	{
		if ((error = take(parser, i == 0 ? '(' : ',')) != VCV_QUANT_OK ||
			(error = take_float(parser, numbers[i])) != VCV_QUANT_OK)
			return error;
	}
	if ((error = take(parser, ')')) != VCV_QUANT_OK || (error = take(parser, '[')) != VCV_QUANT_OK)
		return error;
	skip_space(parser);
	if (*parser->at == ']')
		return fail(parser, VCV_QUANT_EMPTY, parser->at, 1);
	for (;;)
	{
		uint32_t code;

		if ((error = take_code(parser, max, &code)) != VCV_QUANT_OK)
			return error;
		/* commas bound the number of codes, so the row is large enough unless it is the limit */
		if (n == bound)
			return fail(parser, VCV_QUANT_LARGE, parser->at, 0);
		if (type == VCV_RABITQ8)
			codes[n] = (uint8_t) code;
		else if (n % 2 == 0)
			codes[n / 2] = (uint8_t) code;
		else
			codes[n / 2] |= (uint8_t) (code << 4);
		n++;
		skip_space(parser);
		if (*parser->at != ',')
			break;
		parser->at++;
	}
	if ((error = take(parser, ']')) != VCV_QUANT_OK)
		return error;
	skip_space(parser);
	if (*parser->at != '\0')
		return fail(parser, VCV_QUANT_STRUCTURE, parser->at, strlen(parser->at));
	*ret_dim = n;
	return VCV_QUANT_OK;
}

VcvQuantError
vcv_quant_parse(VcvType type, const char *text, void *ret_row, uint32_t *ret_dim,
				const char **ret_at, size_t *ret_at_len)
{
	Parser parser = {.at = text};
	VcvQuantHead *head = ret_row;
	VcvQuantError error = parse(type, &parser, vcv_quant_text_bound(text), head,
								(uint8_t *) ret_row + sizeof(*head), ret_dim);

	if (error != VCV_QUANT_OK)
	{
		*ret_at = parser.wrong;
		*ret_at_len = parser.wrong_len;
	}
	return error;
}

static uint32_t
get_u32(const uint8_t *at)
{
	return (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
}

static void
put_u32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t) (value >> (24 - 8 * i));
}

VcvQuantError
vcv_quant_wire_dim(VcvType type, const uint8_t *wire, size_t size, uint32_t *ret_dim)
{
	uint32_t dim;

	if (size < VCV_QUANT_WIRE_HEAD)
		return VCV_QUANT_SIZE;
	dim = get_u32(wire);
	if (dim == 0)
		return VCV_QUANT_EMPTY;
	if (dim > VCV_MAX_QUANT_DIM)
		return VCV_QUANT_LARGE;
	if (size - VCV_QUANT_WIRE_HEAD != vcv_row_bytes(type, dim) - sizeof(VcvQuantHead))
		return VCV_QUANT_SIZE;
	*ret_dim = dim;
	return VCV_QUANT_OK;
}

VcvQuantError
vcv_quant_from_wire(VcvType type, const uint8_t *wire, uint32_t dim, void *ret_row)
{
	uint32_t numbers[4];

	for (int i = 0; i < 4; i++)
		numbers[i] = get_u32(wire + 4 + 4 * i);
	memcpy(ret_row, numbers, sizeof(VcvQuantHead));
	memcpy((uint8_t *) ret_row + sizeof(VcvQuantHead), wire + VCV_QUANT_WIRE_HEAD,
		   vcv_row_bytes(type, dim) - sizeof(VcvQuantHead));
	return vcv_quant_valid(type, ret_row, dim) ? VCV_QUANT_OK : VCV_QUANT_HEAD;
}

void
vcv_quant_to_wire(VcvType type, const void *row, uint32_t dim, uint8_t *ret_wire)
{
	uint32_t numbers[4];

	memcpy(numbers, row, sizeof(VcvQuantHead));
	put_u32(ret_wire, dim);
	for (int i = 0; i < 4; i++)
		put_u32(ret_wire + 4 + 4 * i, numbers[i]);
	memcpy(ret_wire + VCV_QUANT_WIRE_HEAD, (const uint8_t *) row + sizeof(VcvQuantHead),
		   vcv_row_bytes(type, dim) - sizeof(VcvQuantHead));
}
