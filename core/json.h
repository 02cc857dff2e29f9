/*
 * core/json.h
 *		Writes JSON, for the functions that show what is on a page.
 *
 * Commas are put by the writer.  name NULL: an element of an array, or the outermost value.
 */
#ifndef VC_CORE_JSON_H
#define VC_CORE_JSON_H

#include "lib/stringinfo.h"
#include "storage/block.h"

typedef struct VcJson
{
	StringInfoData text;
	bool comma;
} VcJson;

extern void vc_json_init(VcJson *json);

/* Name and colon; the caller appends the value to json->text. */
extern void vc_json_key(VcJson *json, const char *name);

/* bracket: '{' or '[', and '}' or ']' */
extern void vc_json_open(VcJson *json, const char *name, char bracket);
extern void vc_json_close(VcJson *json, char bracket);

extern void vc_json_number(VcJson *json, const char *name, uint64 value);
extern void vc_json_bool(VcJson *json, const char *name, bool value);

/* value: of the server's encoding */
extern void vc_json_text(VcJson *json, const char *name, const char *value);

/* What is not finite becomes a string. */
extern void vc_json_float(VcJson *json, const char *name, double value);

/* null if there is none. */
extern void vc_json_block(VcJson *json, const char *name, BlockNumber block);

#endif
