/*
 * tests/fuzz/fuzz.h
 *		What every fuzz target needs: the entry point, and a CHECK that ends the process.
 */
#ifndef VC_TESTS_FUZZ_FUZZ_H
#define VC_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition);          \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

/* called by libFuzzer for each input */
extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory of exactly so many bytes, so that the checker sees the first one beyond. */
static inline void *
exactly(size_t size)
{
	void *memory = malloc(size > 0 ? size : 1);

	CHECK(memory != NULL);
	return memory;
}

/* the input as a terminated string; it ends at the first zero byte */
static inline char *
as_text(const uint8_t *data, size_t size)
{
	const size_t length = strnlen((const char *) data, size);
	char *text = exactly(length + 1);

	memcpy(text, data, length);
	text[length] = '\0';
	return text;
}

#endif
