/*
 * core/options_toml.h
 *		C face of the TOML parser: text in, one call per value out.
 *
 * options_toml.cc is the only C++ of the tree and the only user of toml++.  It includes no
 * PostgreSQL header and raises no PostgreSQL error, so no longjmp ever crosses a C++ frame: the
 * visitor must return, never raise; when vc_toml_parse returns, everything C++ made is destroyed.
 *
 * Deep nesting would overflow the stack, so text beyond VC_TOML_MAX_BYTES or nested deeper than
 * VC_TOML_MAX_DEPTH is refused by a scan of the bytes before the parser sees it.
 */
#ifndef VC_CORE_OPTIONS_TOML_H
#define VC_CORE_OPTIONS_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

#define VC_TOML_MAX_BYTES (64 * 1024)
#define VC_TOML_MAX_DEPTH 16  /* brackets inside brackets; also parts of one dotted key */
#define VC_TOML_MAX_KEY   256 /* bytes of a dotted path, terminator included */
#define VC_TOML_MAX_TEXT  256 /* bytes of a parser message, terminator included */

	typedef enum VcTomlType
	{
		VC_TOML_BOOL,
		VC_TOML_INT,
		VC_TOML_REAL,
		VC_TOML_STRING,
		VC_TOML_TABLE, /* comes before its members; `members` counts them */
		VC_TOML_ARRAY, /* comes before its elements; `members` counts them */
		VC_TOML_OTHER  /* dates and times */
	} VcTomlType;

	/* One value.  Pointers are valid during the visitor's call only. */
	typedef struct VcTomlItem
	{
		const char *path; /* dotted, of an array element the path of the array */
		VcTomlType type;
		int element; /* index in an array, or -1 */
		int depth;   /* arrays around it: 0 for an ordinary value, 1 for an element */
		size_t members;
		bool boolean;
		int64_t integer;
		double real;
		const char *string; /* string_len bytes, not terminated; may hold any UTF-8 */
		size_t string_len;
		int line; /* from 1 */
		int column;
	} VcTomlItem;

	/* Returns false to stop. */
	typedef bool (*VcTomlVisitor)(void *arg, const VcTomlItem *item);

	typedef enum VcTomlResult
	{
		VC_TOML_OK,
		VC_TOML_STOPPED,  /* the visitor returned false */
		VC_TOML_SYNTAX,   /* position and message say what */
		VC_TOML_TOO_LONG, /* more than VC_TOML_MAX_BYTES */
		VC_TOML_TOO_DEEP, /* nesting; position says where */
		VC_TOML_NO_MEMORY
	} VcTomlResult;

	typedef struct VcTomlError
	{
		int line;
		int column;
		char message[VC_TOML_MAX_TEXT];
	} VcTomlError;

	/*
	 * Parse text[len] and call visit for each key of the document in order of key (tables before
	 * what is in them).  The root table is not visited.  ret_error is filled for SYNTAX and
	 * TOO_DEEP.
	 */
	extern VcTomlResult vc_toml_parse(const char *text, size_t len, VcTomlVisitor visit, void *arg,
									  VcTomlError *ret_error);

#ifdef __cplusplus
}
#endif

#endif
