/*
 * core/options.c
 *		Index options from a TOML document and native reloptions into one struct.
 *
 * All native reloptions are registered as strings.  The server checks their names; their values are
 * read here by the same code for every type, so a range or a message is written once.
 *
 * The document is walked by a visitor that must not raise (core/options_toml.h): it notes the first
 * finding in OptParse and stops, and the error is raised when the parser is gone.
 */
#include "postgres.h"

#include "core/options.h"

#include <limits.h>
#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/guc.h"
#include "core/options_toml.h"

#define HINT_SIZE    512
#define MESSAGE_SIZE 512

typedef enum Finding
{
	FOUND_NOTHING,
	FOUND_SYNTAX, /* "failed to parse options" */
	FOUND_INVALID /* "error while validating options" */
} Finding;

typedef struct OptParse
{
	const VcOptSchema *schema;
	char *out;
	uint64 given; /* by this source */
	Finding found;
	int line; /* 0 = no position */
	int column;
	char message[MESSAGE_SIZE];
	char hint[HINT_SIZE];
} OptParse;

/* order of parse_elt offsets: the document first, then one per key */
typedef struct NativeStrings
{
	int32 vl_len_;
	int offset[VC_OPT_KEYS_MAX + 1];
} NativeStrings;

static const char *const type_names[] = {
	[VC_OPT_BOOL] = "true or false",
	[VC_OPT_INT] = "an integer",
	[VC_OPT_REAL] = "a number",
	[VC_OPT_LIST] = "an array of integers",
	[VC_OPT_REALS] = "an array of numbers",
	[VC_OPT_PROBES] = "a string",
	[VC_OPT_STRING] = "a string",
	[VC_OPT_TABLE] = "a table",
	[VC_OPT_BOOL_INT] = "true, false or an integer",
	[VC_OPT_ABSENT] = "left out",
};

static const char *const toml_names[] = {
	[VC_TOML_BOOL] = "a boolean",
	[VC_TOML_INT] = "an integer",
	[VC_TOML_REAL] = "a floating-point number",
	[VC_TOML_STRING] = "a string",
	[VC_TOML_TABLE] = "a table",
	[VC_TOML_ARRAY] = "an array",
	[VC_TOML_OTHER] = "a date or time",
};

static bool note(OptParse *parse, Finding found, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Notes a finding and returns false, for visitors to pass on. */
static bool
note(OptParse *parse, Finding found, const char *fmt, ...)
{
	va_list args;

	parse->found = found;
	va_start(args, fmt);
	vsnprintf(parse->message, sizeof(parse->message), fmt, args);
	va_end(args);
	return false;
}

static void
raise_finding(const OptParse *parse)
{
	const char *prefix =
		parse->found == FOUND_SYNTAX ? "failed to parse options" : "error while validating options";

	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					parse->line > 0 ? errmsg("%s: %s, at line %d column %d", prefix, parse->message,
											 parse->line, parse->column)
									: errmsg("%s: %s", prefix, parse->message),
					parse->hint[0] != '\0' ? errhint("%s", parse->hint) : 0));
}

void
vc_options_invalid(const char *hint, const char *fmt, ...)
{
	OptParse parse = {0};
	va_list args;

	parse.found = FOUND_INVALID;
	va_start(args, fmt);
	vsnprintf(parse.message, sizeof(parse.message), fmt, args);
	va_end(args);
	if (hint != NULL)
		strlcpy(parse.hint, hint, sizeof(parse.hint));
	raise_finding(&parse);
	pg_unreachable();
}

/* the name users know a key by */
static const char *
display_name(const VcOptKey *key)
{
	return key->key != NULL ? key->key : key->native;
}

/* the name of a field without its tables; a quoted key, which may hold dots, is shown as a whole */
static const char *
last_part(const char *path)
{
	const char *dot = strchr(path, '"') == NULL ? strrchr(path, '.') : NULL;

	return dot != NULL ? dot + 1 : path;
}

/* is path the name of a table around key? */
static bool
is_prefix(const char *path, const char *key)
{
	size_t len = strlen(path);

	return strncmp(path, key, len) == 0 && key[len] == '.';
}

static int
find_key(const VcOptSchema *schema, const char *path)
{
	for (int i = 0; i < schema->nkeys; i++)
	{
		if (schema->keys[i].key != NULL && strcmp(schema->keys[i].key, path) == 0)
			return i;
	}
	return -1;
}

/* A key that only exists to say what to use instead. */
static bool
note_absent(OptParse *parse, const VcOptKey *key)
{
	strlcpy(parse->hint, key->desc, sizeof(parse->hint));
	return note(parse, FOUND_SYNTAX, "unknown field `%s`", last_part(key->key));
}

/* Lists what may stand beside an unknown key. */
static void
hint_siblings(OptParse *parse, const char *path)
{
	const VcOptSchema *schema = parse->schema;
	size_t level = (size_t) (last_part(path) - path);
	size_t used = 0;
	char last[VC_TOML_MAX_KEY] = "";

	parse->hint[0] = '\0';
	for (int i = 0; i < schema->nkeys; i++)
	{
		const char *key = schema->keys[i].key;
		const char *part;
		size_t len;
		int wrote;

		if (key == NULL || strncmp(key, path, level) != 0 || schema->keys[i].type == VC_OPT_ABSENT)
			continue;
		part = key + level;
		len = strcspn(part, ".");
		if (strlen(last) == len && strncmp(last, part, len) == 0)
			continue;
		strlcpy(last, part, Min(len + 1, sizeof(last)));
		wrote = snprintf(parse->hint + used, sizeof(parse->hint) - used, "%s`%s`",
						 used == 0 ? "Expected one of " : ", ", last);
		used += (size_t) wrote;
		if (used + VC_TOML_MAX_KEY > sizeof(parse->hint))
			break;
	}
	if (used > 0)
		strlcpy(parse->hint + used, ".", sizeof(parse->hint) - used);
}

/* Range check of a number; the limits of integers are whole. */
static bool
check_range(OptParse *parse, const VcOptKey *key, double value)
{
	if (!isnan(value) && value >= key->min && value <= key->max)
		return true;
	snprintf(parse->hint, sizeof(parse->hint), "Valid values are between %.*g and %.*g.", 15,
			 key->min, 15, key->max);
	return note(parse, FOUND_INVALID, "`%s` is out of range: %.*g", display_name(key), 15, value);
}

static bool
store_int(OptParse *parse, const VcOptKey *key, int64 value)
{
	if (!check_range(parse, key, (double) value))
		return false;
	*(int32 *) (parse->out + key->offset) = (int32) value;
	return true;
}

static bool
append_list(OptParse *parse, const VcOptKey *key, int64 value)
{
	VcOptList *list = (VcOptList *) (parse->out + key->offset);

	if (!check_range(parse, key, (double) value))
		return false;
	if (list->n >= VC_OPT_LIST_MAX)
		return note(parse, FOUND_INVALID, "`%s` has more than %d entries", display_name(key),
					VC_OPT_LIST_MAX);
	list->v[list->n++] = (uint32) value;
	return true;
}

static bool
append_real(OptParse *parse, const VcOptKey *key, double value)
{
	VcOptReals *list = (VcOptReals *) (parse->out + key->offset);

	if (!check_range(parse, key, value))
		return false;
	if (list->n == VC_OPT_LIST_MAX)
		return note(parse, FOUND_INVALID, "`%s` has more than %d entries", display_name(key),
					VC_OPT_LIST_MAX);
	list->v[list->n++] = value;
	return true;
}

static bool
store_string(OptParse *parse, const VcOptKey *key, const char *value, size_t len)
{
	if (len >= (size_t) key->size)
		return note(parse, FOUND_INVALID, "`%s` is longer than %d bytes", display_name(key),
					key->size - 1);
	if (memchr(value, '\0', len) != NULL)
		return note(parse, FOUND_INVALID, "`%s` holds a null character", display_name(key));
	memcpy(parse->out + key->offset, value, len);
	parse->out[key->offset + len] = '\0';
	return true;
}

static bool
store_probes(OptParse *parse, const VcOptKey *key, const char *value)
{
	char message[MESSAGE_SIZE];

	if (vc_probes_parse(value, (VcOptList *) (parse->out + key->offset), message,
						sizeof(message)) == VC_PROBES_OK)
		return true;
	return note(parse, FOUND_INVALID, "%s", message);
}

static bool
wrong_type(OptParse *parse, const VcOptKey *key, const VcTomlItem *item)
{
	return note(parse, FOUND_SYNTAX, "invalid type: `%s` must be %s, not %s", item->path,
				type_names[key->type], toml_names[item->type]);
}

static bool
store_item(OptParse *parse, const VcOptKey *key, const VcTomlItem *item)
{
	switch (key->type)
	{
		case VC_OPT_BOOL:
			if (item->type != VC_TOML_BOOL)
				break;
			*(bool *) (parse->out + key->offset) = item->boolean;
			return true;
		case VC_OPT_INT:
			if (item->type != VC_TOML_INT)
				break;
			return store_int(parse, key, item->integer);
		case VC_OPT_BOOL_INT:
			if (item->type == VC_TOML_BOOL)
				return store_int(parse, key, item->boolean ? 1 : -1);
			if (item->type != VC_TOML_INT)
				break;
			return store_int(parse, key, item->integer);
		case VC_OPT_REAL:
			if (item->type != VC_TOML_REAL && item->type != VC_TOML_INT)
				break;
			else
			{
				double value = item->type == VC_TOML_INT ? (double) item->integer : item->real;

				if (!check_range(parse, key, value))
					return false;
				*(double *) (parse->out + key->offset) = value;
				return true;
			}
		case VC_OPT_LIST:
			if (item->depth == 0 && item->type == VC_TOML_ARRAY)
			{
				((VcOptList *) (parse->out + key->offset))->n = 0;
				return true;
			}
			if (item->depth != 1 || item->type != VC_TOML_INT)
				break;
			return append_list(parse, key, item->integer);
		case VC_OPT_REALS:
			if (item->depth == 0 && item->type == VC_TOML_ARRAY)
			{
				((VcOptReals *) (parse->out + key->offset))->n = 0;
				return true;
			}
			if (item->depth != 1 || (item->type != VC_TOML_REAL && item->type != VC_TOML_INT))
				break;
			return append_real(parse, key,
							   item->type == VC_TOML_INT ? (double) item->integer : item->real);
		case VC_OPT_PROBES:
		case VC_OPT_STRING:
			if (item->type != VC_TOML_STRING)
				break;
			if (key->type == VC_OPT_STRING)
				return store_string(parse, key, item->string, item->string_len);
			else
			{
				char text[VC_TOML_MAX_TEXT];

				if (item->string_len >= sizeof(text))
					return note(parse, FOUND_INVALID, "`%s` is too long", item->path);
				memcpy(text, item->string, item->string_len);
				text[item->string_len] = '\0';
				return store_probes(parse, key, text);
			}
		case VC_OPT_ABSENT:
			return note_absent(parse, key);
		case VC_OPT_TABLE:
			if (item->type != VC_TOML_TABLE)
				break;
			return true;
	}
	return wrong_type(parse, key, item);
}

/* VcTomlVisitor; must not raise */
static bool
visit_item(void *arg, const VcTomlItem *item)
{
	OptParse *parse = (OptParse *) arg;
	const VcOptSchema *schema = parse->schema;
	int which = find_key(schema, item->path);
	bool ok;

	if (which < 0)
	{
		if (item->type == VC_TOML_TABLE && item->depth == 0)
		{
			for (int i = 0; i < schema->nkeys; i++)
			{
				if (schema->keys[i].key != NULL && is_prefix(item->path, schema->keys[i].key))
					return true;
			}
		}
		hint_siblings(parse, item->path);
		ok = note(parse, FOUND_SYNTAX, "unknown field `%s`", last_part(item->path));
	}
	else
	{
		parse->given |= UINT64CONST(1) << which;
		ok = store_item(parse, &schema->keys[which], item);
	}
	if (!ok)
	{
		parse->line = item->line;
		parse->column = item->column;
	}
	return ok;
}

/* Reads a native value; the same checks as for the document. */
static bool
store_native(OptParse *parse, const VcOptKey *key, const char *text)
{
	const char *hint = NULL;
	bool flag;
	int integer;
	double real;

	switch (key->type)
	{
		case VC_OPT_BOOL:
			if (!parse_bool(text, &flag))
				break;
			*(bool *) (parse->out + key->offset) = flag;
			return true;
		case VC_OPT_BOOL_INT:
			/* "1" and "0" are numbers here, the words are booleans */
			if (parse_int(text, &integer, 0, &hint))
				return store_int(parse, key, integer);
			if (!parse_bool(text, &flag))
				break;
			return store_int(parse, key, flag ? 1 : -1);
		case VC_OPT_INT:
			if (!parse_int(text, &integer, 0, &hint))
				break;
			return store_int(parse, key, integer);
		case VC_OPT_REAL:
			if (!parse_real(text, &real, 0, &hint))
				break;
			if (!check_range(parse, key, real))
				return false;
			*(double *) (parse->out + key->offset) = real;
			return true;
		case VC_OPT_LIST:
		{
			VcOptList numbers;
			VcOptList *list = (VcOptList *) (parse->out + key->offset);
			char message[MESSAGE_SIZE];
			VcProbesError error = vc_probes_parse(text, &numbers, message, sizeof(message));

			if (error == VC_PROBES_MANY)
				return note(parse, FOUND_INVALID, "`%s` has more than %d entries",
							display_name(key), VC_OPT_LIST_MAX);
			if (error != VC_PROBES_OK)
			{
				hint = "Give integers separated by commas, for example '1000' or '100,10000'.";
				break;
			}
			list->n = 0;
			for (int i = 0; i < numbers.n; i++)
			{
				if (!append_list(parse, key, numbers.v[i]))
					return false;
			}
			return true;
		}
		case VC_OPT_REALS:
		{
			VcOptReals *list = (VcOptReals *) (parse->out + key->offset);
			char *end = pstrdup(text);
			char *part;

			list->n = 0;
			hint = "Give numbers separated by commas, for example '1.0,1.2'.";
			while ((part = strsep(&end, ",")) != NULL)
			{
				if (!parse_real(part, &real, 0, NULL))
					break;
				if (!append_real(parse, key, real))
					return false;
			}
			if (part != NULL)
				break;
			return true;
		}
		case VC_OPT_PROBES:
			return store_probes(parse, key, text);
		case VC_OPT_STRING:
			return store_string(parse, key, text, strlen(text));
		case VC_OPT_ABSENT:
			return note_absent(parse, key);
		case VC_OPT_TABLE:
			break;
	}
	if (hint != NULL)
		strlcpy(parse->hint, hint, sizeof(parse->hint));
	return note(parse, FOUND_INVALID, "invalid value for `%s`: \"%s\", must be %s", key->native,
				text, type_names[key->type]);
}

/* A given key implies that the tables around it are given. */
static uint64
with_tables(const VcOptSchema *schema, uint64 given)
{
	uint64 all = given;

	for (int t = 0; t < schema->nkeys; t++)
	{
		const VcOptKey *table = &schema->keys[t];

		if (table->type != VC_OPT_TABLE)
			continue;
		for (int i = 0; i < schema->nkeys; i++)
		{
			if ((given & (UINT64CONST(1) << i)) != 0 && schema->keys[i].key != NULL &&
				is_prefix(table->key, schema->keys[i].key))
				all |= UINT64CONST(1) << t;
		}
	}
	return all;
}

/* One-of rules.  `document` = keys and tables that the document names, `given` = by any source. */
static void
check_groups(const VcOptSchema *schema, uint64 given, bool document_has_parent,
			 const VcOptGroup *group)
{
	const char *first = NULL;
	OptParse parse = {0};

	parse.schema = schema;
	for (const char *const *member = group->members; *member != NULL; member++)
	{
		int which = find_key(schema, *member);

		Assert(which >= 0);
		if ((given & (UINT64CONST(1) << which)) == 0)
			continue;
		if (first != NULL)
		{
			note(&parse, FOUND_SYNTAX, "unknown field `%s`, as `%s` is given already",
				 last_part(*member), last_part(first));
			snprintf(parse.hint, sizeof(parse.hint), "Only one of them may be given.");
			raise_finding(&parse);
		}
		first = *member;
	}
	if (first == NULL && group->required && document_has_parent)
	{
		size_t used = 0;

		note(&parse, FOUND_SYNTAX, "no variant of `%s` found", group->parent);
		for (const char *const *member = group->members; *member != NULL; member++)
		{
			if (used < sizeof(parse.hint))
				used += (size_t) snprintf(parse.hint + used, sizeof(parse.hint) - used, "%s`%s`",
										  used == 0 ? "Give one of " : ", ", last_part(*member));
		}
		strlcat(parse.hint, ".", sizeof(parse.hint));
		raise_finding(&parse);
	}
}

/* Is any key of the table, or the table itself, among those given? */
static bool
names_table(const VcOptSchema *schema, uint64 given, const char *table)
{
	for (int i = 0; i < schema->nkeys; i++)
	{
		const char *key = schema->keys[i].key;

		if ((given & (UINT64CONST(1) << i)) != 0 && key != NULL &&
			(strcmp(key, table) == 0 || is_prefix(table, key)))
			return true;
	}
	return false;
}

void
vc_options_parse(const VcOptSchema *schema, const char *text, const void *native, void *ret_options)
{
	const VcOptHead *native_head = (const VcOptHead *) native;
	VcOptHead *head = (VcOptHead *) ret_options;
	uint64 native_given = native_head != NULL ? native_head->native : 0;
	OptParse parse = {0};
	size_t len;

	memcpy(ret_options, native != NULL ? native : schema->defaults, schema->size);

	parse.schema = schema;
	parse.out = (char *) ret_options;
	len = strlen(text);
	if (len > 0)
	{
		VcTomlError error;
		VcTomlResult result;
		char *utf8 = unconstify(char *, text);

		/* before conversion, which may lengthen it, so that a long text is never copied */
		if (len <= VC_TOML_MAX_BYTES && GetDatabaseEncoding() != PG_UTF8)
		{
			utf8 = pg_server_to_any(text, (int) len, PG_UTF8);
			len = strlen(utf8);
		}
		result = vc_toml_parse(utf8, len, visit_item, &parse, &error);
		switch (result)
		{
			case VC_TOML_OK:
				break;
			case VC_TOML_STOPPED:
				raise_finding(&parse);
				break;
			case VC_TOML_TOO_LONG:
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("failed to parse options: text of %zu bytes is too long", len),
						 errhint("At most %d bytes are accepted.", VC_TOML_MAX_BYTES)));
				break;
			case VC_TOML_NO_MEMORY:
				ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
								errdetail("Failed while parsing index options.")));
				break;
			case VC_TOML_SYNTAX:
			case VC_TOML_TOO_DEEP:
				note(&parse, FOUND_SYNTAX, "%s", error.message);
				parse.line = error.line;
				parse.column = error.column;
				raise_finding(&parse);
				break;
		}
		if (utf8 != text)
		{
			/* strings come back in the server's encoding; they can only have become shorter */
			for (int i = 0; i < schema->nkeys; i++)
			{
				const VcOptKey *key = &schema->keys[i];

				if (key->type == VC_OPT_STRING && (parse.given & (UINT64CONST(1) << i)) != 0)
				{
					char *value = parse.out + key->offset;

					strlcpy(value, pg_any_to_server(value, (int) strlen(value), PG_UTF8),
							key->size);
				}
			}
		}
	}

	for (int i = 0; i < schema->nkeys; i++)
	{
		if ((parse.given & native_given & (UINT64CONST(1) << i)) != 0 &&
			schema->keys[i].type != VC_OPT_TABLE)
			vc_options_invalid("Give it in one place.",
							   "`%s` is given both in `options` and as parameter \"%s\"",
							   schema->keys[i].key, schema->keys[i].native);
	}

	head->text = 0;
	head->native = native_given;
	head->given = with_tables(schema, parse.given | native_given);
	for (int i = 0; i < schema->ngroups; i++)
		check_groups(schema, head->given,
					 names_table(schema, parse.given, schema->groups[i].parent),
					 &schema->groups[i]);
	if (schema->validate != NULL)
		schema->validate(ret_options);
	SET_VARSIZE(ret_options, schema->size);
}

relopt_kind
vc_options_register(const VcOptSchema *schema)
{
	relopt_kind kind = add_reloption_kind();

	if (schema->nkeys > VC_OPT_KEYS_MAX)
		elog(ERROR, "option schema has %d keys, at most %d are possible", schema->nkeys,
			 VC_OPT_KEYS_MAX);
	add_string_reloption(kind, "options", "Options of the index, a TOML document.", NULL, NULL,
						 AccessExclusiveLock);
	for (int i = 0; i < schema->nkeys; i++)
	{
		const VcOptKey *key = &schema->keys[i];

		if (key->native != NULL)
			add_string_reloption(kind, key->native, key->desc, NULL, NULL, AccessExclusiveLock);
	}
	return kind;
}

bytea *
vc_options_reloptions(const VcOptSchema *schema, relopt_kind kind, Datum reloptions, bool validate)
{
	relopt_parse_elt elems[VC_OPT_KEYS_MAX + 1];
	int nelems = 0;
	NativeStrings *strings;
	OptParse parse = {0};
	VcOptHead *head;
	const char *text = "";
	size_t text_size;
	char *result;

	if (DatumGetPointer(reloptions) == NULL)
		return NULL;

	memset(elems, 0, sizeof(elems));
	elems[nelems].optname = "options";
	elems[nelems].opttype = RELOPT_TYPE_STRING;
	elems[nelems++].offset = offsetof(NativeStrings, offset);
	for (int i = 0; i < schema->nkeys; i++)
	{
		if (schema->keys[i].native == NULL)
			continue;
		elems[nelems].optname = schema->keys[i].native;
		elems[nelems].opttype = RELOPT_TYPE_STRING;
		elems[nelems++].offset =
			(int) offsetof(NativeStrings, offset) + (i + 1) * (int) sizeof(int);
	}
	strings = (NativeStrings *) build_reloptions(reloptions, validate, kind, sizeof(NativeStrings),
												 elems, nelems);
	if (strings == NULL)
		return NULL;

	if (strings->offset[0] != 0)
		text = (const char *) strings + strings->offset[0];
	text_size = strlen(text) + 1;
	result = palloc0(schema->size + text_size);
	memcpy(result, schema->defaults, schema->size);
	head = (VcOptHead *) result;

	parse.schema = schema;
	parse.out = result;
	for (int i = 0; i < schema->nkeys; i++)
	{
		const VcOptKey *key = &schema->keys[i];
		const char *value;

		if (key->native == NULL || strings->offset[i + 1] == 0)
			continue;
		value = (const char *) strings + strings->offset[i + 1];
		if (store_native(&parse, key, value))
			head->native |= UINT64CONST(1) << i;
		else if (validate)
			raise_finding(&parse);
		else
		{
			/* store_native() may have filled a list in part */
			size_t size = key->type == VC_OPT_LIST    ? sizeof(VcOptList)
						  : key->type == VC_OPT_REALS ? sizeof(VcOptReals)
													  : 0;

			memcpy(result + key->offset, (const char *) schema->defaults + key->offset, size);
		}
	}
	head->given = with_tables(schema, head->native);

	if (validate)
	{
		void *whole = palloc(schema->size);

		vc_options_parse(schema, text, result, whole);
		pfree(whole);
	}

	head->text = 0;
	if (text_size > 1)
	{
		head->text = schema->size;
		memcpy(result + schema->size, text, text_size);
	}
	SET_VARSIZE(result, schema->size + text_size);
	pfree(strings);
	return (bytea *) result;
}

const void *
vc_options_native(const VcOptSchema *schema, Relation index)
{
	return index->rd_options != NULL ? (const void *) index->rd_options : schema->defaults;
}

void
vc_options_read(const VcOptSchema *schema, Relation index, void *ret_options)
{
	const VcOptHead *head = (const VcOptHead *) index->rd_options;
	char *text;

	/* conversion may look at catalogs and so rebuild the relcache entry: work on copies */
	if (head == NULL)
	{
		vc_options_parse(schema, "", NULL, ret_options);
		return;
	}
	text = head->text != 0 ? pstrdup((const char *) head + head->text) : pstrdup("");
	{
		void *native = palloc(schema->size);

		memcpy(native, head, schema->size);
		vc_options_parse(schema, text, native, ret_options);
		pfree(native);
	}
	pfree(text);
}
