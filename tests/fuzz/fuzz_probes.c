/*
 * tests/fuzz/fuzz_probes.c
 *		The syntax of probes: any string is refused with a message, or is a list that its own text gives again.
 */
#include <inttypes.h>

#include "core/probes.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = as_text(data, size);
	char message[64];
	char again[VC_OPT_LIST_MAX * 12 + 1] = "";
	VcOptList list = {.n = -1};
	VcOptList same = {0};
	VcProbesError error;

	memset(message, 'x', sizeof(message));
	error = vc_probes_parse(text, &list, message, sizeof(message));
	if (error == VC_PROBES_OK)
	{
		CHECK(list.n >= 0 && list.n <= VC_OPT_LIST_MAX);
		for (int i = 0; i < list.n; i++)
			sprintf(again + strlen(again), i == 0 ? "%" PRIu32 : " , %" PRIu32, list.v[i]);
		CHECK(vc_probes_parse(again, &same, message, sizeof(message)) == VC_PROBES_OK);
		CHECK(same.n == list.n && memcmp(same.v, list.v, sizeof(same.v)) == 0);
	}
	else
	{
		CHECK(error <= VC_PROBES_MANY && list.n == -1);
		CHECK(memchr(message, '\0', sizeof(message)) != NULL && message[0] != '\0');
	}
	free(text);
	return 0;
}
