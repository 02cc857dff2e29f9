/*
 * core/json.c
 *		Writes JSON.  See core/json.h.
 */
#include "postgres.h"

#include "core/json.h"

#include <math.h>

#include "utils/json.h"

void
vc_json_init(VcJson *json)
{
	initStringInfo(&json->text);
	json->comma = false;
}

void
vc_json_key(VcJson *json, const char *name)
{
	if (json->comma)
		appendStringInfoChar(&json->text, ',');
	json->comma = true;
	if (name != NULL)
	{
		escape_json(&json->text, name);
		appendStringInfoChar(&json->text, ':');
	}
}

void
vc_json_open(VcJson *json, const char *name, char bracket)
{
	vc_json_key(json, name);
	appendStringInfoChar(&json->text, bracket);
	json->comma = false;
}

void
vc_json_close(VcJson *json, char bracket)
{
	appendStringInfoChar(&json->text, bracket);
	json->comma = true;
}

void
vc_json_number(VcJson *json, const char *name, uint64 value)
{
	vc_json_key(json, name);
	appendStringInfo(&json->text, UINT64_FORMAT, value);
}

void
vc_json_bool(VcJson *json, const char *name, bool value)
{
	vc_json_key(json, name);
	appendStringInfoString(&json->text, value ? "true" : "false");
}

void
vc_json_text(VcJson *json, const char *name, const char *value)
{
	vc_json_key(json, name);
	escape_json(&json->text, value);
}

void
vc_json_float(VcJson *json, const char *name, double value)
{
	vc_json_key(json, name);
	if (isfinite(value))
		appendStringInfo(&json->text, "%.9g", value);
	else
		appendStringInfoString(&json->text, isnan(value) ? "\"NaN\"" : "\"Infinity\"");
}

void
vc_json_block(VcJson *json, const char *name, BlockNumber block)
{
	vc_json_key(json, name);
	if (block == InvalidBlockNumber)
		appendStringInfoString(&json->text, "null");
	else
		appendStringInfo(&json->text, "%u", block);
}
