/*
 * tests/fuzz/fuzz_quant_text.c
 *		Text input of rabitq8 and rabitq4: any string is refused, or is a value that its own text gives again.
 */
#include "core/vector/quant_text.h"
#include "core/vector/quantized.h"

#include "tests/fuzz/fuzz.h"

/* what the output function writes, with floats in other words */
static char *
print(VcvType type, const uint8_t *row, uint32_t dim)
{
	const uint8_t *codes = row + sizeof(VcvQuantHead);
	const size_t room = 100 + (size_t) dim * 5;
	char *text = exactly(room);
	VcvQuantHead head;
	size_t used;

	memcpy(&head, row, sizeof(head));
	used = (size_t) snprintf(text, room, "(%.9g, %.9g, %.9g, %.9g)[", head.norm2, head.lattice_norm,
							 head.code_sum, head.abs_sum);
	for (uint32_t i = 0; i < dim; i++)
	{
		const int code = type == VCV_RABITQ8 ? codes[i] : (codes[i / 2] >> (i % 2 * 4)) & 15;

		used += (size_t) snprintf(text + used, room - used, i == 0 ? "%d" : ", %d", code);
	}
	CHECK(used + 1 < room);
	strcpy(text + used, "]");
	return text;
}

static void
try(VcvType type, const char *text)
{
	const uint32_t bound = vcv_quant_text_bound(text);
	uint8_t *row = exactly(vcv_row_bytes(type, bound));
	const char *at = NULL;
	size_t len = 0;
	uint32_t dim = 0;

	CHECK(bound >= 1 && bound <= VCV_MAX_QUANT_DIM);
	if (vcv_quant_parse(type, text, row, &dim, &at, &len) == VCV_QUANT_OK)
	{
		char *printed = print(type, row, dim);
		uint8_t *again = exactly(vcv_row_bytes(type, vcv_quant_text_bound(printed)));
		uint32_t again_dim = 0;

		CHECK(dim >= 1 && dim <= bound);
		CHECK(vcv_quant_valid(type, row, dim));
		CHECK(vcv_quant_parse(type, printed, again, &again_dim, &at, &len) == VCV_QUANT_OK);
		CHECK(again_dim == dim && memcmp(row, again, vcv_row_bytes(type, dim)) == 0);
		free(again);
		free(printed);
	}
	else
		CHECK(at >= text && at + len <= text + strlen(text));
	free(row);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = as_text(data, size);

	try(VCV_RABITQ8, text);
	try(VCV_RABITQ4, text);
	free(text);
	return 0;
}
