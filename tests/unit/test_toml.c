/*
 * tests/unit/test_toml.c
 *		The C face of the TOML parser: what the visitor sees, limits, and random damage.
 *
 *	test_toml [rounds [seed]]
 *
 * Expected visits are written out by hand.  The damage rounds check that any byte string ends in one of
 * the documented results, that positions are sane, and that what the visitor is shown obeys the
 * contract; crashes and leaks are what a sanitizer build looks for here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/options_toml.h"

static int failures = 0;

#define CHECK(cond, ...)                                                                           \
	do                                                                                             \
	{                                                                                              \
		if (!(cond))                                                                               \
		{                                                                                          \
			failures++;                                                                            \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                        \
			fprintf(stderr, __VA_ARGS__);                                                          \
			fputc('\n', stderr);                                                                   \
		}                                                                                          \
	} while (0)

typedef struct Log
{
	char text[4096];
	int stop_after; /* visits, 0 = never */
	int visits;
} Log;

static bool
log_item(void *arg, const VcTomlItem *item)
{
	Log *log = (Log *) arg;
	size_t used = strlen(log->text);
	char value[64];

	switch (item->type)
	{
		case VC_TOML_BOOL:
			snprintf(value, sizeof(value), "%s", item->boolean ? "true" : "false");
			break;
		case VC_TOML_INT:
			snprintf(value, sizeof(value), "%lld", (long long) item->integer);
			break;
		case VC_TOML_REAL:
			snprintf(value, sizeof(value), "%g", item->real);
			break;
		case VC_TOML_STRING:
			snprintf(value, sizeof(value), "'%.*s'", (int) item->string_len, item->string);
			break;
		case VC_TOML_TABLE:
			snprintf(value, sizeof(value), "{%zu}", item->members);
			break;
		case VC_TOML_ARRAY:
			snprintf(value, sizeof(value), "[%zu]", item->members);
			break;
		case VC_TOML_OTHER:
			snprintf(value, sizeof(value), "?");
			break;
	}
	if (item->element >= 0)
		snprintf(log->text + used, sizeof(log->text) - used, "%s#%d/%d=%s;", item->path,
				 item->element, item->depth, value);
	else
		snprintf(log->text + used, sizeof(log->text) - used, "%s=%s@%d:%d;", item->path, value,
				 item->line, item->column);
	return ++log->visits != log->stop_after;
}

static void
expect(const char *text, const char *visits)
{
	Log log = {{0}, 0, 0};
	VcTomlError error;
	VcTomlResult result = vc_toml_parse(text, strlen(text), log_item, &log, &error);

	CHECK(result == VC_TOML_OK, "%s: result %d", text, result);
	CHECK(strcmp(log.text, visits) == 0, "%s:\n  expected %s\n  got      %s", text, visits,
		  log.text);
}

static void
expect_error(const char *text, VcTomlResult expected, int line, int column)
{
	Log log = {{0}, 0, 0};
	VcTomlError error = {0, 0, ""};
	VcTomlResult result = vc_toml_parse(text, strlen(text), log_item, &log, &error);

	CHECK(result == expected, "%s: result %d", text, result);
	CHECK(error.line == line && error.column == column, "%s: at %d:%d", text, error.line,
		  error.column);
	CHECK(log.visits == 0, "%s: visited before the error", text);
	CHECK(error.message[0] != '\0', "%s: no message", text);
}

static uint64_t state;

static uint32_t
next_random(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t) ((state >> 11) % below);
}

static bool
check_item(void *arg, const VcTomlItem *item)
{
	int *visits = (int *) arg;

	(*visits)++;
	CHECK(strlen(item->path) < VC_TOML_MAX_KEY && item->path[0] != '\0', "path of %zu bytes",
		  strlen(item->path));
	CHECK(item->line >= 1 && item->column >= 1, "position %d:%d", item->line, item->column);
	CHECK((item->element >= 0) == (item->depth > 0) || item->depth > 0, "element %d at depth %d",
		  item->element, item->depth);
	CHECK(item->type != VC_TOML_STRING || item->string != NULL, "string without address");
	return true;
}

static void
damage(int rounds)
{
	static const char *const seeds[] = {
		("residual_quantization = true\n[build.internal]\nlists = [100, 10_000]\n"
		 "kmeans_algorithm = { hierarchical = {} }\n"),
		"a = \"x\\u0041\"\nb = 'y'\nc = \"\"\"\nz\"\"\"\nd = '''w'''\n[[e]]\nf = 1.5e3\n[[e]]\n",
		"build = { pin = 2, external = { table = \"public.t\" } } # comment\n",
		"d = 1979-05-27T07:32:00Z # \xc3\xa9\xe2\x80\x80\nh = 0xff\no = 0o7\nb = 0b1\ni = inf\nn = "
		"nan\n",
	};
	static const char alphabet[] = "[]{}=.,\"'\\#\n_-+0123456789aeux \t";
	int accepted = 0;
	int refused = 0;

	for (int round = 0; round < rounds; round++)
	{
		char text[512];
		const char *seed = seeds[next_random(4)];
		size_t len = strlen(seed);
		int edits = 1 + (int) next_random(8);
		int visits = 0;
		VcTomlError error = {0, 0, ""};
		VcTomlResult result;

		memcpy(text, seed, len);
		for (int e = 0; e < edits; e++)
		{
			size_t at = next_random((uint32_t) len + 1);
			char c = next_random(16) == 0 ? (char) next_random(256)
										  : alphabet[next_random(sizeof(alphabet) - 1)];

			switch (next_random(4))
			{
				case 0: /* replace */
					if (at < len)
						text[at] = c;
					break;
				case 1: /* insert */
					if (len < sizeof(text))
					{
						memmove(text + at + 1, text + at, len - at);
						text[at] = c;
						len++;
					}
					break;
				case 2: /* delete */
					if (at < len)
					{
						memmove(text + at, text + at + 1, len - at - 1);
						len--;
					}
					break;
				default: /* repeat a piece */
				{
					size_t n = next_random(24);

					if (at + n <= len && len + n <= sizeof(text))
					{
						memmove(text + at + n, text + at, len - at);
						len += n;
					}
					break;
				}
			}
		}
		{
			/* exactly as long as said, so that a read beyond shows under a sanitizer */
			char *exact = malloc(len > 0 ? len : 1);

			memcpy(exact, text, len);
			result = vc_toml_parse(exact, len, check_item, &visits, &error);
			free(exact);
		}
		if (result == VC_TOML_OK)
			accepted++;
		else
		{
			refused++;
			CHECK(result == VC_TOML_SYNTAX || result == VC_TOML_TOO_DEEP, "result %d", result);
			CHECK(visits == 0, "visited before the error");
			CHECK(error.line >= 0 && error.line <= (int) len + 1, "line %d", error.line);
			for (const char *p = error.message; *p != '\0'; p++)
				CHECK(*p >= 0x20 && *p < 0x7f, "message holds byte %d", *p);
		}
	}
	CHECK(accepted > rounds / 100 && refused > rounds / 100,
		  "damage is one-sided: %d accepted, %d refused", accepted, refused);
}

int
main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 20000;
	char *large;
	Log log = {{0}, 2, 0};
	VcTomlError error;

	state = argc > 2 ? strtoull(argv[2], NULL, 10) : 7;

	expect("", "");
	expect("a = true", "a=true@1:1;");
	expect("\n b.c = [1, -2]\n", "b={1}@2:2;b.c=[2]@2:4;b.c#0/1=1;b.c#1/1=-2;");
	expect("[b]\nd = 'x'\n[b.c]\n", "b={2}@1:2;b.c={0}@3:4;b.d='x'@2:1;");
	expect("\"b.c\" = 1", "\"b.c\"=1@1:1;");
	expect("a = [[1], {b = 2}]", "a=[2]@1:1;a#0/1=[1];a#0/2=1;a#1/1={1};a.b=2@1:12;");
	expect("a = 1.5\nb = inf\nc = 1979-05-27", "a=1.5@1:1;b=inf@2:1;c=?@3:1;");
	expect_error("a = ", VC_TOML_SYNTAX, 1, 5);
	expect_error("a = 1\nb == 2", VC_TOML_SYNTAX, 2, 4);
	expect_error("a = 1\na = 2", VC_TOML_SYNTAX, 2, 5);
	expect_error("\na = [[[[[[[[[[[[[[[[[", VC_TOML_TOO_DEEP, 2, 21);
	expect_error("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1", VC_TOML_TOO_DEEP, 1, 34);
	/* breaks an assertion of toml++ 3.3 */
	expect_error("[=a]", VC_TOML_SYNTAX, 0, 0);
	expect_error("b = ['x', {c = 1979-05-27T=7:32:00Z}]", VC_TOML_SYNTAX, 0, 0);
	/* gets to what it takes for unreachable; inside strings and comments the letter is welcome */
	expect_error("a = 1 \xc3\xa9", VC_TOML_SYNTAX, 0, 0);
	expect("a = 'x\xc3\xa9y' # \xc3\xa9\nb = \"\xc3\xa9\"", "a='x\xc3\xa9y'@1:1;b='\xc3\xa9'@2:1;");
	/* brackets that are no brackets */
	expect("a = '[[[[[[[[[[[[[[[[[[[['", "a='[[[[[[[[[[[[[[[[[[[['@1:1;");
	expect("a = \"\\\"[[[[[[[[[[[[[[[[[[[[\"", "a='\"[[[[[[[[[[[[[[[[[[[['@1:1;");
	expect("a = '''x''''' # [[[[[[[[[[[[[[[[[[[[", "a='x'''@1:1;");
	expect_error("a = '''x''''\nb = [[[[[[[[[[[[[[[[[[", VC_TOML_TOO_DEEP, 2, 21);

	/* the visitor may stop */
	CHECK(vc_toml_parse("a=1\nb=2\nc=3", 11, log_item, &log, &error) == VC_TOML_STOPPED &&
			  log.visits == 2,
		  "stopping");

	large = malloc(VC_TOML_MAX_BYTES + 1);
	memset(large, '#', VC_TOML_MAX_BYTES + 1);
	CHECK(vc_toml_parse(large, VC_TOML_MAX_BYTES, log_item, &log, &error) == VC_TOML_OK,
		  "the longest text");
	CHECK(vc_toml_parse(large, VC_TOML_MAX_BYTES + 1, log_item, &log, &error) == VC_TOML_TOO_LONG,
		  "a text too long");
	free(large);

	damage(rounds);
	if (failures > 0)
	{
		fprintf(stderr, "%d checks failed\n", failures);
		return 1;
	}
	printf("ok, %d rounds of damage\n", rounds);
	return 0;
}
