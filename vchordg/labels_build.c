/*
 * vchordg/labels_build.c
 *		Labels during CREATE INDEX: numbered in memory in the order in which they turn up, written at the end.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "vchordg/labels.h"

typedef struct Numbered
{
	int32 label; /* key */
	uint32 number;
} Numbered;

/* one vertex' labels follow each other */
typedef struct Posting
{
	uint32 vertex;
	int32 label;
} Posting;

struct VgLabelBuild
{
	MemoryContext context;
	VgLabelType type;
	HTAB *numbers;
	int32 *labels; /* by number */
	uint32 nlabels;
	uint32 label_room;
	VgLabelSet last; /* told by sign, not added yet */
	Posting *postings;
	Size npostings;
	Size posting_room;
};

VgLabelBuild *
vg_labels_build_begin(MemoryContext context, const VgMeta *meta)
{
	VgLabelBuild *build = MemoryContextAllocZero(context, sizeof(VgLabelBuild));
	HASHCTL control = {.keysize = sizeof(int32), .entrysize = sizeof(Numbered), .hcxt = context};

	build->context = context;
	build->type = (VgLabelType) meta->disk.label_type;
	build->numbers =
		hash_create("vchordg build: labels", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	build->label_room = 256;
	build->labels = MemoryContextAlloc(context, build->label_room * sizeof(int32));
	build->posting_room = 1024;
	build->postings = MemoryContextAlloc(context, build->posting_room * sizeof(Posting));
	return build;
}

static uint32
number_of(VgLabelBuild *build, int32 label)
{
	bool found;
	Numbered *entry = hash_search(build->numbers, &label, HASH_ENTER, &found);

	if (found)
		return entry->number;
	entry->number = build->nlabels;
	if (build->nlabels == build->label_room)
	{
		build->label_room *= 2;
		build->labels = repalloc(build->labels, build->label_room * sizeof(int32));
	}
	build->labels[build->nlabels++] = label;
	return entry->number;
}

uint64
vg_labels_build_sign(VgLabelBuild *build, Datum value, bool isnull, bool *ret_inexact)
{
	uint64 signature = 0;

	if (build->last.values != NULL)
		pfree(build->last.values);
	vg_labels_read(build->type, value, isnull, &build->last);
	*ret_inexact = false;
	for (uint32 i = 0; i < build->last.n; i++)
	{
		uint32 number = number_of(build, build->last.values[i]);

		signature |= UINT64CONST(1) << number % 64;
		*ret_inexact |= number >= 64;
	}
	return signature;
}

uint64
vg_labels_build_hash(const VgLabelBuild *build)
{
	return hash_bytes_extended((const unsigned char *) build->last.values,
							   (int) (build->last.n * sizeof(int32)), 0);
}

void
vg_labels_build_add(VgLabelBuild *build, uint32 vertex)
{
	if (build->npostings + build->last.n > build->posting_room)
	{
		build->posting_room = Max(2 * build->posting_room, build->npostings + build->last.n);
		build->postings = repalloc_huge(build->postings, build->posting_room * sizeof(Posting));
	}
	for (uint32 i = 0; i < build->last.n; i++)
		build->postings[build->npostings++] = (Posting){vertex, build->last.values[i]};
}

void
vg_labels_build_write(VgLabelBuild *build, Relation index, Relation heap, const VgMeta *meta,
					  VgRef (*ref_of)(void *arg, uint32 vertex), void *arg)
{
	VgLabelSet all = {build->nlabels, build->labels};
	bool inexact;

	/* in their order, so that they get the numbers that signatures were made with */
	vg_labels_sign(index, heap, meta, &all, &inexact);
	for (Size i = 0; i < build->npostings; i++)
	{
		VgLabelSet one = {1, &build->postings[i].label};

		CHECK_FOR_INTERRUPTS();
		vg_labels_post(index, heap, meta, &one, ref_of(arg, build->postings[i].vertex));
	}
}
