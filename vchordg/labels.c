/*
 * vchordg/labels.c
 *		Labels of rows: the directory, postings, and what a scan asks for.
 *
 * A label is entered into the directory by the first row that has it and stays. Its vertices are a chain of
 * POSTING pages, the newest at the tail; VACUUM clears those of vertices it freed.
 *
 * Locks: STATE page, LABEL page, POSTING page, one after the other down the chains.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "core/report.h"
#include "core/xlog.h"

#include "vchordg/am.h"
#include "vchordg/labels.h"
#include "vchordg/vertex.h"

/* where a label stands */
typedef struct Place
{
	BlockNumber blkno;
	uint32 entry;
	uint32 number;
	VgLabelDisk disk;
} Place;

static uint64
bit_of(uint32 number)
{
	return UINT64CONST(1) << number % 64;
}

/* ---- values ---- */

static int
compare_labels(const void *a, const void *b)
{
	int32 x = *(const int32 *) a;
	int32 y = *(const int32 *) b;

	return (x > y) - (x < y);
}

static void
add_label(VgLabelSet *set, Oid type, Datum value)
{
	set->values[set->n++] = type == INT2OID ? DatumGetInt16(value) : DatumGetInt32(value);
}

static void
read_array(Oid type, Datum value, VgLabelSet *set)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	Datum *elements;
	bool *nulls;
	int n;

	deconstruct_array(array, type, type == INT2OID ? sizeof(int16) : sizeof(int32), true,
					  type == INT2OID ? TYPALIGN_SHORT : TYPALIGN_INT, &elements, &nulls, &n);
	set->values = palloc(Max(n, 1) * sizeof(int32));
	for (int i = 0; i < n; i++)
	{
		/* && finds no null */
		if (!nulls[i])
			add_label(set, type, elements[i]);
	}
}

static void
make_distinct(VgLabelSet *set)
{
	uint32 n = 0;

	qsort(set->values, set->n, sizeof(int32), compare_labels);
	for (uint32 i = 0; i < set->n; i++)
	{
		if (n == 0 || set->values[i] != set->values[n - 1])
			set->values[n++] = set->values[i];
	}
	set->n = n;
}

static bool
is_array(VgLabelType type)
{
	return type == VG_LABEL_INT2_ARRAY || type == VG_LABEL_INT4_ARRAY;
}

static Oid
element_type(VgLabelType type)
{
	return type == VG_LABEL_INT2 || type == VG_LABEL_INT2_ARRAY ? INT2OID : INT4OID;
}

void
vg_labels_read(VgLabelType type, Datum value, bool isnull, VgLabelSet *ret_set)
{
	*ret_set = (VgLabelSet){0};
	if (isnull)
		return;
	if (is_array(type))
		read_array(element_type(type), value, ret_set);
	else
	{
		ret_set->values = palloc(sizeof(int32));
		add_label(ret_set, element_type(type), value);
	}
	make_distinct(ret_set);
}

/* ---- directory ---- */

static uint32
count_of(Relation index, BlockNumber blkno, const char *page, uint32 most, uint32 bytes)
{
	const VgArrayHeadDisk *head = (const VgArrayHeadDisk *) (page + VG_HEAD_OFFSET);

	if (head->count > most ||
		((const PageHeaderData *) page)->pd_lower != VG_BODY_OFFSET + head->count * bytes)
		vc_corrupt(index, blkno, "page has %u entries of at most %u", head->count, most);
	return head->count;
}

/* Looks from page `blkno` on; false: the label is not there, *ret_place has the last page. */
static bool
find_label(Relation index, VcReadCache *cache, BlockNumber blkno, uint32 number, int32 label,
		   Place *ret_place)
{
	while (blkno != InvalidBlockNumber)
	{
		VC_SCOPED(vc_page_read_drop)
		VcPageRead r = vc_page_read_cached(cache, index, blkno, VG_PAGE_LABEL);
		const VgLabelDisk *labels = (const VgLabelDisk *) (r.page + VG_BODY_OFFSET);
		uint32 n = count_of(index, blkno, r.page, VG_LABELS_PER_PAGE, sizeof(VgLabelDisk));

		for (uint32 i = 0; i < n; i++)
		{
			if (labels[i].label == label)
			{
				*ret_place = (Place){blkno, i, number + i, labels[i]};
				return true;
			}
		}
		number += n;
		ret_place->blkno = blkno;
		ret_place->number = number;
		blkno = vc_page_opaque_read(r.page)->next;
	}
	return false;
}

static char *
init_array(char *page)
{
	memset(page + VG_HEAD_OFFSET, 0, VG_HEAD_BYTES);
	((PageHeader) page)->pd_lower = VG_BODY_OFFSET;
	return page;
}

static void *
append(char *page, uint32 bytes)
{
	VgArrayHeadDisk *head = (VgArrayHeadDisk *) (page + VG_HEAD_OFFSET);
	void *at = page + VG_BODY_OFFSET + head->count * bytes;

	memset(at, 0, bytes);
	head->count++;
	((PageHeader) page)->pd_lower += bytes;
	return at;
}

/* Enters a label that was not found; false: look again, somebody added labels. */
static bool
enter_label(Relation index, Relation heap, const VgMeta *meta, int32 label, const Place *last,
			uint32 known)
{
	VgStateDisk *state;
	VgLabelDisk *disk;
	char *page;
	BlockNumber fresh;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	state = vg_state_edit(&xlog, meta);
	if (state->nlabels != known)
		return false;
	if (state->label_head == InvalidBlockNumber)
	{
		page = init_array(vc_xlog_add_new(&xlog, heap, VG_PAGE_LABEL, 0, 0, &fresh));
		state->label_head = fresh;
	}
	else
	{
		page = vc_xlog_add(&xlog, last->blkno, VG_PAGE_LABEL);
		if (count_of(index, last->blkno, page, VG_LABELS_PER_PAGE, sizeof(VgLabelDisk)) ==
			VG_LABELS_PER_PAGE)
		{
			char *tail = page;

			page = init_array(vc_xlog_add_new(&xlog, heap, VG_PAGE_LABEL, 0, 0, &fresh));
			vc_page_opaque(tail)->next = fresh;
		}
	}
	disk = append(page, sizeof(VgLabelDisk));
	disk->label = label;
	disk->entry = VG_NO_REF;
	disk->posting_head = InvalidBlockNumber;
	disk->posting_tail = InvalidBlockNumber;
	state->nlabels++;
	vc_xlog_commit(&xlog);
	return true;
}

/* The label's place; entered if it is new. */
static void
place_label(Relation index, Relation heap, const VgMeta *meta, int32 label, Place *ret_place)
{
	for (;;)
	{
		VgStateDisk state;
		Place last = {.blkno = InvalidBlockNumber};

		CHECK_FOR_INTERRUPTS();
		vg_state_read(index, meta, NULL, &state, NULL);
		if (find_label(index, NULL, state.label_head, 0, label, &last))
		{
			*ret_place = last;
			return;
		}
		enter_label(index, heap, meta, label, &last, state.nlabels);
	}
}

uint64
vg_labels_sign(Relation index, Relation heap, const VgMeta *meta, const VgLabelSet *set,
			   bool *ret_inexact)
{
	uint64 signature = 0;

	*ret_inexact = false;
	for (uint32 i = 0; i < set->n; i++)
	{
		Place place;

		place_label(index, heap, meta, set->values[i], &place);
		signature |= bit_of(place.number);
		*ret_inexact |= place.number >= 64;
	}
	return signature;
}

/* ---- postings ---- */

/* false: another page is the tail by now */
static bool
post(Relation index, Relation heap, int32 label, VgRef ref, const Place *place)
{
	VgLabelDisk *disk;
	char *page;
	char *tail = NULL;
	BlockNumber fresh;
	VC_SCOPED(vc_xlog_drop) VcXlog xlog = vc_xlog_begin(index);

	page = vc_xlog_add(&xlog, place->blkno, VG_PAGE_LABEL);
	if (place->entry >=
		count_of(index, place->blkno, page, VG_LABELS_PER_PAGE, sizeof(VgLabelDisk)))
		vc_corrupt(index, place->blkno, "label %d has gone", label);
	disk = (VgLabelDisk *) (page + VG_BODY_OFFSET) + place->entry;
	if (disk->label != label)
		vc_corrupt(index, place->blkno, "entry %u is not that of label %d", place->entry, label);
	if (disk->posting_tail != InvalidBlockNumber)
		tail = vc_xlog_add(&xlog, disk->posting_tail, VG_PAGE_POSTING);
	if (tail == NULL || count_of(index, disk->posting_tail, tail, VG_POSTINGS_PER_PAGE,
								 sizeof(VgRef)) == VG_POSTINGS_PER_PAGE)
	{
		char *next =
			init_array(vc_xlog_add_new(&xlog, heap, VG_PAGE_POSTING, (uint32) label, 0, &fresh));

		if (tail != NULL)
			vc_page_opaque(tail)->next = fresh;
		else
			disk->posting_head = fresh;
		disk->posting_tail = fresh;
		tail = next;
	}
	*(VgRef *) append(tail, sizeof(VgRef)) = ref;
	disk->vertices++;
	if (!vg_ref_valid(disk->entry))
		disk->entry = ref;
	vc_xlog_commit(&xlog);
	return true;
}

void
vg_labels_post(Relation index, Relation heap, const VgMeta *meta, const VgLabelSet *set, VgRef ref)
{
	for (uint32 i = 0; i < set->n; i++)
	{
		Place place;

		place_label(index, heap, meta, set->values[i], &place);
		post(index, heap, set->values[i], ref, &place);
	}
}

/* a posting page's references, copied */
static uint32
read_postings(Relation index, BlockNumber blkno, int32 label, VgRef *refs, BlockNumber *ret_next)
{
	VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, blkno, VG_PAGE_POSTING);
	uint32 n = count_of(index, blkno, r.page, VG_POSTINGS_PER_PAGE, sizeof(VgRef));

	if (vc_page_opaque_read(r.page)->owner != (uint32) label)
		vc_corrupt(index, blkno, "page is not of label %d", label);
	memcpy(refs, r.page + VG_BODY_OFFSET, n * sizeof(VgRef));
	*ret_next = vc_page_opaque_read(r.page)->next;
	return n;
}

void
vg_labels_walk(Relation index, const VgMeta *meta, const VgLabelQuery *query, VgPostingVisit visit,
			   void *arg)
{
	VgRef *refs = palloc(VG_POSTINGS_PER_PAGE * sizeof(VgRef));

	for (uint32 l = 0; l < query->nlabels; l++)
	{
		BlockNumber next = query->labels[l].posting_head;

		while (next != InvalidBlockNumber)
		{
			uint32 n = read_postings(index, next, query->labels[l].label, refs, &next);

			CHECK_FOR_INTERRUPTS();
			for (uint32 i = 0; i < n; i++)
			{
				if (refs[i].group == InvalidBlockNumber)
					continue;
				if (refs[i].group <= VG_STATE_BLKNO || refs[i].slot >= meta->geo.group_slots)
					vc_corrupt(index, refs[i].group, "posting of label %d names slot %u",
							   query->labels[l].label, refs[i].slot);
				visit(arg, refs[i]);
			}
		}
	}
	pfree(refs);
}

/* ---- scans ---- */

/* One condition; replaces what is in *query if it is more selective. */
static void
add_condition(Relation index, const VgMeta *meta, VcReadCache *cache, BlockNumber directory,
			  const VgLabelSet *set, VgLabelQuery *query)
{
	VgLabelQuery its = {.present = true, .exact = true};

	(void) meta;
	its.labels = palloc(Max(set->n, 1) * sizeof(VgLabelDisk));
	for (uint32 i = 0; i < set->n; i++)
	{
		Place place;

		if (!find_label(index, cache, directory, 0, set->values[i], &place))
			continue;
		its.labels[its.nlabels++] = place.disk;
		its.signature |= bit_of(place.number);
		its.vertices += place.disk.vertices;
	}
	if (its.nlabels == 0)
		query->never = true;
	else if (!query->present || its.vertices < query->vertices)
	{
		its.never = query->never;
		its.exact = !query->present;
		*query = its;
	}
	else
		query->exact = false;
	query->present = true;
}

void
vg_labels_query(Relation index, const VgMeta *meta, VcReadCache *cache, ScanKey keys, int nkeys,
				VgLabelQuery *ret_query)
{
	VgStateDisk state = {.label_head = InvalidBlockNumber};
	VgLabelType type = (VgLabelType) meta->disk.label_type;

	*ret_query = (VgLabelQuery){0};
	for (int i = 0; i < nkeys; i++)
	{
		const ScanKeyData *key = &keys[i];
		VgLabelSet set;
		bool array;

		if (key->sk_attno != 2)
			continue;
		if (!ret_query->present)
			vg_state_read(index, meta, cache, &state, NULL);
		if ((key->sk_flags & SK_ISNULL) != 0)
		{
			ret_query->present = ret_query->never = true;
			return;
		}
		/* && takes an array, = ANY of a single label too; = of an array column a whole array */
		array = key->sk_strategy == VG_STRATEGY_OVERLAP || (key->sk_flags & SK_SEARCHARRAY) != 0 ||
				is_array(type);
		if (array)
		{
			set = (VgLabelSet){0};
			read_array(element_type(type), key->sk_argument, &set);
			make_distinct(&set);
		}
		else
			vg_labels_read(type, key->sk_argument, false, &set);
		/* arrays without labels are equal, too, but no posting leads to them */
		if (key->sk_strategy == VG_STRATEGY_EQUAL && is_array(type) && set.n == 0)
		{
			ret_query->rest = true;
			continue;
		}
		add_condition(index, meta, cache, state.label_head, &set, ret_query);
		if (key->sk_strategy == VG_STRATEGY_EQUAL && is_array(type))
			ret_query->exact = false;
	}
	/* with more labels than bits a bit may be another label's */
	if (ret_query->present && state.nlabels > 64)
		ret_query->exact = false;
}

/* ---- VACUUM ---- */

typedef struct Sweep
{
	bool (*gone)(void *arg, VgRef ref);
	void *arg;
	VgRef *refs;
	VgRef first; /* the first posting that is left */
	uint32 left;
} Sweep;

static void
sweep_page(Relation index, BlockNumber blkno, int32 label, Sweep *sweep, BlockNumber *ret_next)
{
	uint32 n = read_postings(index, blkno, label, sweep->refs, ret_next);
	bool any = false;

	for (uint32 i = 0; i < n; i++)
	{
		if (sweep->refs[i].group == InvalidBlockNumber)
			continue;
		if (sweep->gone(sweep->arg, sweep->refs[i]))
		{
			any = true;
			continue;
		}
		if (sweep->left++ == 0)
			sweep->first = sweep->refs[i];
		sweep->refs[i].group = InvalidBlockNumber; /* not to be cleared */
	}
	if (any)
	{
		VC_SCOPED(vc_page_write_drop) VcPageWrite w = vc_page_write(index, blkno, VG_PAGE_POSTING);
		VgRef *disk = (VgRef *) (w.page + VG_BODY_OFFSET);
		VgArrayHeadDisk *head = (VgArrayHeadDisk *) (w.page + VG_HEAD_OFFSET);

		for (uint32 i = 0; i < n; i++)
		{
			if (sweep->refs[i].group != InvalidBlockNumber && vg_ref_equal(disk[i], sweep->refs[i]))
			{
				disk[i] = VG_NO_REF;
				head->dead++;
			}
		}
		vc_page_write_commit(&w);
	}
}

/* the count is an estimate; the entry is a vertex that is there */
static void
update_label(Relation index, BlockNumber blkno, uint32 entry, const Sweep *sweep)
{
	VC_SCOPED(vc_page_write_drop) VcPageWrite w = vc_page_write(index, blkno, VG_PAGE_LABEL);
	VgLabelDisk *disk = (VgLabelDisk *) (w.page + VG_BODY_OFFSET) + entry;

	disk->vertices = sweep->left;
	disk->entry = sweep->left > 0 ? sweep->first : VG_NO_REF;
	vc_page_write_commit(&w);
}

void
vg_labels_vacuum(Relation index, const VgMeta *meta, bool (*gone)(void *arg, VgRef ref), void *arg)
{
	VgStateDisk state;
	BlockNumber blkno;
	VgLabelDisk *labels = palloc(VG_LABELS_PER_PAGE * sizeof(VgLabelDisk));
	Sweep sweep = {.gone = gone, .arg = arg};

	sweep.refs = palloc(VG_POSTINGS_PER_PAGE * sizeof(VgRef));
	vg_state_read(index, meta, NULL, &state, NULL);
	for (blkno = state.label_head; blkno != InvalidBlockNumber;)
	{
		uint32 n;
		BlockNumber here = blkno;

		{
			VC_SCOPED(vc_page_read_drop) VcPageRead r = vc_page_read(index, here, VG_PAGE_LABEL);

			n = count_of(index, here, r.page, VG_LABELS_PER_PAGE, sizeof(VgLabelDisk));
			memcpy(labels, r.page + VG_BODY_OFFSET, n * sizeof(VgLabelDisk));
			blkno = vc_page_opaque_read(r.page)->next;
		}
		for (uint32 i = 0; i < n; i++)
		{
			BlockNumber next = labels[i].posting_head;

			sweep.left = 0;
			while (next != InvalidBlockNumber)
			{
				vacuum_delay_point(false);
				sweep_page(index, next, labels[i].label, &sweep, &next);
			}
			if (sweep.left != labels[i].vertices)
				update_label(index, here, i, &sweep);
		}
	}
	pfree(sweep.refs);
	pfree(labels);
}
