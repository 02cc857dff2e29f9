/*
 * core/radix.c
 *		Radix sort of 32-bit keys: least significant byte first, bytes that all keys share left out.
 */
#include "postgres.h"

#include "core/radix.h"

#define DIGITS    4
#define FEW_ITEMS 32 /* below, counting costs more than comparing */

static void
insertion_sort(VcRadixItem *items, uint32 n)
{
	for (uint32 i = 1; i < n; i++)
	{
		VcRadixItem item = items[i];
		uint32 at = i;

		for (; at > 0 && items[at - 1].key > item.key; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

void
vc_radix_sort(VcRadixItem *items, VcRadixItem *scratch, uint32 n)
{
	uint32 counts[DIGITS][256] = {0};
	VcRadixItem *from = items;
	VcRadixItem *to = scratch;

	if (n < FEW_ITEMS)
	{
		insertion_sort(items, n);
		return;
	}
	for (uint32 i = 0; i < n; i++)
	{
		for (int digit = 0; digit < DIGITS; digit++)
			counts[digit][items[i].key >> (8 * digit) & 255]++;
	}
	for (int digit = 0; digit < DIGITS; digit++)
	{
		uint32 *count = counts[digit];
		uint32 at = 0;
		VcRadixItem *swap;

		if (count[from[0].key >> (8 * digit) & 255] == n)
			continue;
		for (int i = 0; i < 256; i++)
		{
			uint32 here = count[i];

			count[i] = at;
			at += here;
		}
		for (uint32 i = 0; i < n; i++)
			to[count[from[i].key >> (8 * digit) & 255]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, n * sizeof(VcRadixItem));
}
