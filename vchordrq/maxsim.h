/*
 * vchordrq/maxsim.h
 *		MaxSim search: documents by the sum, over the query's tokens, of their nearest token.
 *
 *	maxsim.c			begin, rounds, delivery
 *	maxsim_gather.c		per query token: lists -> rows -> documents with estimated sums
 *	maxsim_rerank.c		exact sums of documents, from the table
 *
 * Life: create once per scan, begin per query, then rounds, each followed by pops.  It borrows the
 * RqSearch of the scan for descents and for reading lists (gather.c gives rows to rq_maxsim_take() instead
 * of keeping candidates).  No page guard is held between calls.
 *
 * Memory: a quarter of work_mem for the rows of one token, a quarter for documents, a quarter for results of
 * a pass over the table; the query's tokens; and for documents that were judged 16 bytes each, as a later
 * round must not deliver them again.
 */
#ifndef VCHORDRQ_MAXSIM_H
#define VCHORDRQ_MAXSIM_H

#include "core/vector/maxsim.h"

#include "vchordrq/search.h"

/* a row of a list that was visited for one token */
typedef struct RqTokenRow
{
	float estimate; /* of the negative dot product */
	float spread;   /* estimate less lower bound */
	RqStripDisk strip;
} RqTokenRow;

/* a document's sum over the tokens so far */
typedef struct RqDocument
{
	uint64 key;     /* TID */
	float sum;      /* over tokens for which it was seen: estimate - RqMaxsim.unseen */
	float variance; /* sum of squared spreads */
	uint32 token;   /* the last one for which it was seen, which is not in the sums yet */
	float nearest;  /* for that token */
	float spread;
	char status; /* simplehash */
} RqDocument;

/* a document whose fate is known */
typedef struct RqJudged
{
	uint64 key;
	bool done;   /* delivered, invisible, or its quals fail; else a result that waits */
	char status; /* simplehash */
} RqJudged;

struct documents_hash;
struct judged_hash;

typedef struct RqMaxsim
{
	VcScan *scan;
	Relation index;
	const RqMeta *meta;
	RqSearch *search; /* lent */
	RqEncoder *encoder;
	RqSearchParams params;
	bool exact;  /* final rerank; else the order is that of estimated sums */
	bool filter; /* evaluate the plan's quals */

	/* query */
	uint32 ntokens;
	float *tokens;         /* [ntokens][dim] as the encoder has them, not rotated */
	float *rotated;        /* [ntokens][dim] */
	VcvDocument query;     /* prepared */
	MemoryContext scratch; /* of a document's exact sum */
	float *unseen;         /* [ntokens] what is assumed of a document that was not seen */
	void *query_memory;    /* of the token at hand */

	/* the token at hand */
	RqTokenRow *token_rows;
	size_t nrows;
	size_t row_room;
	size_t row_limit;  /* of this gathering */
	size_t most_rows;  /* that work_mem has room for */
	float cut;         /* rows at or above this were dropped for lack of memory */
	RqCeiling near;    /* its `rank` nearest rows */
	bool has_frontier; /* there are lists that were not visited */
	RqProbe frontier;  /* the nearest of them */

	/* how far the next gathering goes, per token */
	size_t rank;      /* lists as long as they may hold one of so many nearest rows */
	size_t min_lists; /* but at least so many */

	/* what the last one did */
	bool gathered;
	bool complete; /* every document of the lists that may be read is in the heap, or judged */
	size_t most_lists;
	uint64 rows_seen; /* of all tokens */
	double base;      /* sum of `unseen`: of a document that was not seen at all */

	struct documents_hash *documents; /* while gathering */
	size_t document_limit;
	bool dropped; /* some were left out for lack of memory */

	/* documents that were not judged: heap by (lower bound, or estimate if not exact; TID) */
	RqResult *pending;
	size_t npending;

	/* exact sums not popped yet: heap by (distance, TID) */
	RqResult *results;
	size_t nresults;
	size_t result_room;
	struct judged_hash *judged;

	/* round */
	size_t need;
	size_t left;
	size_t popped;
	RqCeiling best; /* the `need` smallest exact sums */

	/* pass over the table: keeps the nearest results behind `from`, those behind `cut_at` come later */
	bool exhaustive;
	size_t result_limit;
	bool has_cut;
	RqResult cut_at;
	bool has_from;
	RqResult from;
} RqMaxsim;

/* Allocate in the scan's memory.  encoder: for single vectors; both are the caller's. */
extern RqMaxsim *rq_maxsim_create(VcScan *scan, RqSearch *search, RqEncoder *encoder);

/*
 * Start with a query, an array of the column's type; false if it is empty.  Errors: as for a document that
 * is inserted.  Current context: one that is reset at a rescan.
 */
extern bool rq_maxsim_begin(RqMaxsim *self, const RqSearchParams *params, Datum query);

/* Begin a round that is to deliver `need` documents; false if nothing is left to find. */
extern bool rq_maxsim_round(RqMaxsim *self, size_t need);

/* next document of the round; distance: as the operator returns it, or its estimate */
extern bool rq_maxsim_pop(RqMaxsim *self, RqResult *ret_result);

/* maxsim_gather.c */

/* a row of the list that is being read for the token at hand */
extern void rq_maxsim_take(RqMaxsim *self, float bound, float spread, const RqStripDisk *strip);

/* Read lists for all tokens, as far as rank and min_lists say; fills `pending`. */
extern void rq_maxsim_gather(RqMaxsim *self);

/* Is the document one that was judged?  done_only: not if it is a result that waits. */
extern bool rq_maxsim_is_judged(const RqMaxsim *self, const ItemPointerData *tid, bool done_only);
extern void rq_maxsim_set_judged(RqMaxsim *self, const ItemPointerData *tid, bool done);
extern uint64 rq_maxsim_judged_count(const RqMaxsim *self);

/* maxsim_rerank.c */

extern bool rq_maxsim_result_less(const RqResult *a, const RqResult *b);
extern void rq_maxsim_heapify_pending(RqMaxsim *self);
extern RqResult rq_maxsim_pop_pending(RqMaxsim *self);
extern RqResult rq_maxsim_pop_result(RqMaxsim *self);

/* Exact sums of pending documents, until no bound is below the need-th best. */
extern void rq_maxsim_rerank(RqMaxsim *self);

/* visible, and the quals hold? */
extern bool rq_maxsim_passes(RqMaxsim *self, const ItemPointerData *tid, TupleTableSlot **ret_slot);

/* Is a sequential pass over the table possible? */
extern bool rq_maxsim_has_table(RqMaxsim *self);

/* Forget pending documents and results; judge every row of the table that was not delivered. */
extern void rq_maxsim_pass(RqMaxsim *self);

#endif
