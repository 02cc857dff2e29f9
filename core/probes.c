/*
 * core/probes.c
 *		Lists of numbers in options, and the grammar of probes, without a server.
 */
#include <stdio.h>

#include "core/probes.h"

VcProbesError
vc_probes_parse(const char *text, VcOptList *ret_probes, char *ret_message, size_t size)
{
	VcOptList list = {0};
	const char *p = text;

	for (;;)
	{
		uint64_t value = 0;

		while (*p == ' ')
			p++;
		if (*p == '\0')
			break;
		if (*p == ',')
		{
			snprintf(ret_message, size, "empty probes");
			return VC_PROBES_EMPTY;
		}
		if (*p < '0' || *p > '9')
		{
			snprintf(ret_message, size, "unknown character in probes: ASCII = %d",
					 (int) (unsigned char) *p);
			return VC_PROBES_CHARACTER;
		}
		for (; *p >= '0' && *p <= '9'; p++)
		{
			value = value * 10 + (uint64_t) (*p - '0');
			if (value > UINT32_MAX)
			{
				snprintf(ret_message, size, "number in probes is out of range: the limit is %u",
						 UINT32_MAX);
				return VC_PROBES_RANGE;
			}
		}
		if (list.n >= VC_OPT_LIST_MAX)
		{
			snprintf(ret_message, size, "too many probes: at most %d are accepted",
					 VC_OPT_LIST_MAX);
			return VC_PROBES_MANY;
		}
		list.v[list.n++] = (uint32_t) value;

		while (*p == ' ')
			p++;
		if (*p == ',')
			p++;
		else if (*p >= '0' && *p <= '9')
		{
			snprintf(ret_message, size, "space inside a number in probes");
			return VC_PROBES_SPLIT;
		}
		else if (*p != '\0')
		{
			snprintf(ret_message, size, "unknown character in probes: ASCII = %d",
					 (int) (unsigned char) *p);
			return VC_PROBES_CHARACTER;
		}
	}
	*ret_probes = list;
	return VC_PROBES_OK;
}
