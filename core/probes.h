/*
 * core/probes.h
 *		Lists of numbers in options, and the grammar of probes, without a server.
 */
#ifndef VC_CORE_PROBES_H
#define VC_CORE_PROBES_H

#include <stddef.h>
#include <stdint.h>

/* longest list of integers; upstream's limit of `lists`, and so of `probes` */
#define VC_OPT_LIST_MAX 8

typedef struct VcOptList
{
	int32_t n;
	uint32_t v[VC_OPT_LIST_MAX];
} VcOptList;

typedef enum VcProbesError
{
	VC_PROBES_OK,
	VC_PROBES_EMPTY,     /* "empty probes": a comma without a number before it */
	VC_PROBES_CHARACTER, /* "unknown character in probes: ASCII = N" */
	VC_PROBES_SPLIT,     /* a space inside a number */
	VC_PROBES_RANGE,     /* a number beyond u32 */
	VC_PROBES_MANY       /* more than VC_OPT_LIST_MAX numbers */
} VcProbesError;

/*
 * Grammar: numbers of ASCII digits separated by commas; spaces around a number; one trailing comma
 * is allowed.  "" and blanks alone give n = 0.  Never raises; on failure ret_message (size bytes)
 * gets the message and *ret_probes is untouched.
 */
extern VcProbesError vc_probes_parse(const char *text, VcOptList *ret_probes, char *ret_message,
									 size_t size);

#endif
