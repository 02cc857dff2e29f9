/*
 * tests/fuzz/fuzz_toml.c
 *		The parser of index options: any bytes end in one of its results, what it shows obeys its contract,
 *		and stopping it early shows the same up to there.
 */
#include "core/options_toml.h"

#include "tests/fuzz/fuzz.h"

typedef struct Visits
{
	uint64_t digest;
	int n;
	int stop_after; /* 0: never */
	uint64_t digest_at_stop;
} Visits;

static void
digest(uint64_t *state, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*state = (*state ^ ((const uint8_t *) bytes)[i]) * UINT64_C(1099511628211);
}

static bool
visit(void *arg, const VcTomlItem *item)
{
	Visits *visits = arg;

	CHECK(item->path != NULL && strlen(item->path) < VC_TOML_MAX_KEY);
	CHECK(item->type <= VC_TOML_OTHER && item->element >= -1 && item->depth >= 0);
	CHECK(item->line >= 0 && item->column >= 0);
	digest(&visits->digest, item->path, strlen(item->path));
	digest(&visits->digest, &item->type, sizeof(item->type));
	if (item->type == VC_TOML_STRING)
	{
		CHECK(item->string_len <= VC_TOML_MAX_BYTES);
		digest(&visits->digest, item->string, item->string_len);
	}
	else if (item->type == VC_TOML_INT)
		digest(&visits->digest, &item->integer, sizeof(item->integer));
	visits->n++;
	if (visits->n == visits->stop_after)
		return false;
	if (visits->stop_after == 0 && visits->n == 2)
		visits->digest_at_stop = visits->digest;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exactly(size);
	Visits all = {.digest = 1};
	Visits two = {.digest = 1, .stop_after = 2};
	VcTomlError error = {0};
	VcTomlResult result;

	memcpy(text, data, size);
	result = vc_toml_parse(text, size, visit, &all, &error);
	CHECK(result <= VC_TOML_NO_MEMORY && result != VC_TOML_STOPPED);
	if (result == VC_TOML_SYNTAX)
		CHECK(memchr(error.message, '\0', sizeof(error.message)) != NULL);
	if (result == VC_TOML_OK && all.n >= 2)
	{
		CHECK(vc_toml_parse(text, size, visit, &two, &error) == VC_TOML_STOPPED);
		CHECK(two.n == 2 && two.digest == all.digest_at_stop);
	}
	free(text);
	return 0;
}
