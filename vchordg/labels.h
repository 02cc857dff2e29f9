/*
 * vchordg/labels.h
 *		Labels of rows: directory, signatures, postings; and the second key column.
 *
 * A label's number is its place in the directory; its bit in a signature is number % 64.  With up to 64 labels
 * signatures are exact.  Lock order: LABEL page, POSTING page, before STATE page is never taken (STATE first).
 */
#ifndef VCHORDG_LABELS_H
#define VCHORDG_LABELS_H

#include "access/skey.h"

#include "vchordg/meta.h"

typedef struct VgLabelSet
{
	uint32 n;
	int32 *values; /* sorted, distinct; palloc'd */
} VgLabelSet;

/* Labels of a value of the second column (NULL: none; NULL elements are refused or ignored as && does). */
extern void vg_labels_read(VgLabelType type, Datum value, bool isnull, VgLabelSet *ret_set);

/* Signature of a set for a vertex; unknown labels are added to the directory (insert).  *ret_inexact as in VgVertexDisk. */
extern uint64 vg_labels_sign(Relation index, Relation heap, const VgMeta *meta,
							 const VgLabelSet *set, bool *ret_inexact);

/* After the vertex exists: its postings. */
extern void vg_labels_post(Relation index, Relation heap, const VgMeta *meta, const VgLabelSet *set,
						   VgRef ref);

/* What a scan asks for: a union (&&, = ANY) or one value; several conditions are all to hold. */
typedef struct VgLabelQuery
{
	bool present;
	bool never;       /* nothing can match (NULL, unknown label) */
	uint64 signature; /* bits of the most selective condition's labels */
	bool exact;       /* the signature decides; otherwise the executor rechecks */
	bool rest; /* there is a condition that labels do not help with: recheck, even if not present */
	double vertices; /* postings of that condition's labels */
	uint32 nlabels;
	VgLabelDisk *labels; /* of that condition */
} VgLabelQuery;

extern void vg_labels_query(Relation index, const VgMeta *meta, VcReadCache *cache, ScanKey keys,
							int nkeys, VgLabelQuery *ret_query);

/* Every vertex of the postings of the query's labels, each reference once a label. */
typedef void (*VgPostingVisit)(void *arg, VgRef ref);
extern void vg_labels_walk(Relation index, const VgMeta *meta, const VgLabelQuery *query,
						   VgPostingVisit visit, void *arg);

/* VACUUM: postings of vertices for which `gone` answers true are removed; entries re-elected; empty pages freed. */
extern void vg_labels_vacuum(Relation index, const VgMeta *meta, bool (*gone)(void *arg, VgRef ref),
							 void *arg);

/* ---- CREATE INDEX: labels are numbered in memory, and written when the graph is ---- */

typedef struct VgLabelBuild VgLabelBuild;

extern VgLabelBuild *vg_labels_build_begin(MemoryContext context, const VgMeta *meta);

/* Signature of a row's labels; if it becomes a vertex of its own, vg_labels_build_add tells which. */
extern uint64 vg_labels_build_sign(VgLabelBuild *build, Datum value, bool isnull,
								   bool *ret_inexact);
extern void vg_labels_build_add(VgLabelBuild *build, uint32 vertex);

/* of the set that sign was told last: equal sets have equal hashes, others have not */
extern uint64 vg_labels_build_hash(const VgLabelBuild *build);

/* Directory and postings, in the finished index; ref_of gives the place of a vertex. */
extern void vg_labels_build_write(VgLabelBuild *build, Relation index, Relation heap,
								  const VgMeta *meta, VgRef (*ref_of)(void *arg, uint32 vertex),
								  void *arg);

#endif
