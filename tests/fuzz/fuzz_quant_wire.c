/*
 * tests/fuzz/fuzz_quant_wire.c
 *		Binary input of rabitq8 and rabitq4: any bytes are refused, or are what the value sends again; and a
 *		value that came in has distances that are numbers.
 */
#include <math.h>

#include "core/simd/vector/ops.h"
#include "core/vector/distance.h"
#include "core/vector/quant_text.h"
#include "core/vector/quantized.h"

#include "tests/fuzz/fuzz.h"

static void
use(VcvType type, uint8_t *row, uint32_t dim)
{
	const size_t bytes = vcv_row_bytes(type, dim);
	float *x = exactly(sizeof(float) * dim);
	uint8_t *other = exactly(bytes);

	for (int metric = VCV_L2; metric <= VCV_COSINE; metric++)
		CHECK(!isnan(vcv_score((VcvMetric) metric, type, row, row, dim)));
	vcv_dequantize(type, row, dim, x);
	for (uint32_t i = 0; i < dim; i++)
		CHECK(!isnan(x[i]));
	vcv_quantize(type, x, dim, other);
	CHECK(vcv_quant_valid(type, other, dim));
	for (int metric = VCV_L2; metric <= VCV_COSINE; metric++)
		CHECK(!isnan(vcv_score((VcvMetric) metric, type, row, other, dim)));
	free(other);
	free(x);
}

static void
try(VcvType type, const uint8_t *wire, size_t size)
{
	uint32_t dim = 0;
	uint8_t *row;

	if (vcv_quant_wire_dim(type, wire, size, &dim) != VCV_QUANT_OK)
		return;
	CHECK(dim >= 1 && dim <= VCV_MAX_QUANT_DIM);
	CHECK(size == VCV_QUANT_WIRE_HEAD + vcv_row_bytes(type, dim) - sizeof(VcvQuantHead));
	row = exactly(vcv_row_bytes(type, dim));
	if (vcv_quant_from_wire(type, wire, dim, row) == VCV_QUANT_OK)
	{
		uint8_t *again = exactly(size);

		CHECK(vcv_quant_valid(type, row, dim));
		vcv_quant_to_wire(type, row, dim, again);
		CHECK(memcmp(wire, again, size) == 0);
		free(again);
		use(type, row, dim);
	}
	free(row);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* sizes seldom agree by chance: most inputs have their dimension put right */
	uint8_t *wire = exactly(size);
	VcvType type = VCV_RABITQ8;

	vcs_vector_init();
	memcpy(wire, data, size);
	if (size > VCV_QUANT_WIRE_HEAD && data[0] != 0xff)
	{
		uint32_t dim = (uint32_t) (size - VCV_QUANT_WIRE_HEAD);

		if (data[0] % 2 == 1)
		{
			type = VCV_RABITQ4;
			dim = dim * 2 - (data[0] % 4 == 3);
		}
		for (int i = 0; i < 4; i++)
			wire[i] = (uint8_t) (dim >> (24 - 8 * i));
		try(type, wire, size);
	}
	else
	{
		try(VCV_RABITQ8, wire, size);
		try(VCV_RABITQ4, wire, size);
	}
	free(wire);
	return 0;
}
