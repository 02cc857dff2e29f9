/*
 * vchordg/search.c
 *		Best-first search over the graph in its pages.
 *
 * The queue is ordered by estimates of codes; a vertex that is expanded has its exact score from its own page.
 * The search ends when the best estimate in the queue is beyond the ef-th best exact score.  A neighbour whose lower bound
 * is beyond it already is not queued but put aside (`far`), from where a run with a larger ef takes it.
 *
 * Whether a vertex counts (labels, quals of the plan) is asked when its exact score would enter the ef best, and
 * once.  Vertices that do not count are navigated all the same, so the graph stays connected under a filter.
 *
 * VACUUM moves anchors before it frees a vertex (repair.c).  A search may have read the new anchor's list before, and come
 * to the freed vertex after; so one that runs out of vertices while some were freed looks at all lists again.
 *
 * Memory: queue, visited set and results grow within options.memory.  Beyond it nothing new is queued, and the caller is
 * told (vg_search_overflowed).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "core/heap.h"

#include "vchordg/search.h"

/* entry points that a search starts from: the best of them by their codes */
#define STARTS 3

/* most vertices whose pages are asked for together */
#define BEAM_MAX 64

/* expansions after which the share of vertices that count is believed */
#define BELIEVED 256

#define INITIAL_ROOM 256
#define VISITED_BITS 10

/* 2^64 / golden ratio (Knuth, Fibonacci hashing) */
#define HASH_FACTOR UINT64CONST(0x9E3779B97F4A7C15)

/* a vertex seen but not expanded */
typedef struct Queued
{
	float score; /* estimate */
	float bound;
	VgRef ref;
} Queued;

static inline uint64
ref_key(VgRef ref)
{
	return (uint64) ref.group << 32 | (uint64) ref.slot << 16 | ref.incarnation;
}

static inline bool
queued_less(const Queued *a, const Queued *b)
{
	if (a->score != b->score)
		return a->score < b->score;
	return ref_key(a->ref) < ref_key(b->ref);
}

/* largest first */
static inline bool
score_less(const float *a, const float *b)
{
	return *a > *b;
}

VC_HEAP_DEFINE(queue, Queued, queued_less);
VC_HEAP_DEFINE(best, float, score_less);

struct VgSearch
{
	Relation index;
	const VgMeta *meta;
	VcReadCache *cache;
	VcArena *arena;
	VcStream *stream;
	const VgQuery *query;
	VgSearchOptions options;
	VgHop hop;
	char *entries; /* rows of the STATE page */

	Queued *queue;
	size_t nqueue;
	size_t queue_room;
	Queued *far;
	size_t nfar;
	size_t far_room;

	uint64 *visited; /* open addressing; 0 = empty (no vertex is in block 0) */
	size_t nvisited;
	size_t visited_room; /* a power of two */
	int visited_shift;   /* 64 - its logarithm */

	VgFound *found;
	uint32 nfound;
	uint32 found_room;
	uint32 nunjudged; /* of these */

	float *best; /* heap of the ef best exact scores of what counts */
	size_t nbest;
	uint32 ef;
	uint32 best_room;

	uint32 frees; /* of the STATE page when the starts were read */
	bool overflowed;
	bool gave_up;
};

/* the sequence is not known in advance: pages are asked for one window at a time */
static BlockNumber
no_sequence(void *arg)
{
	(void) arg;
	return InvalidBlockNumber;
}

VgSearch *
vg_search_create(MemoryContext context, Relation index, const VgMeta *meta, VcReadCache *cache,
				 VcArena *arena, VcStreamMode io)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	VgSearch *search = palloc0(sizeof(VgSearch));

	search->index = index;
	search->meta = meta;
	search->cache = cache;
	search->arena = arena;
	search->stream = vc_stream_begin(index, io, cache, no_sequence, search);
	search->entries = palloc(VG_MAX_ENTRIES * meta->geo.edge_bytes);
	vg_hop_init(&search->hop, meta);
	MemoryContextSwitchTo(old);
	return search;
}

/* ---- memory ---- */

static size_t
bytes_used(const VgSearch *search)
{
	return (search->queue_room + search->far_room) * sizeof(Queued) +
		   search->visited_room * sizeof(uint64) + search->found_room * sizeof(VgFound);
}

/* Room for `bytes` more?  Says so once and for all. */
static bool
may_grow(VgSearch *search, size_t bytes)
{
	if (bytes_used(search) + bytes <= search->options.memory)
		return true;
	search->overflowed = true;
	return false;
}

static void
push(VgSearch *search, Queued item)
{
	if (search->nqueue == search->queue_room)
	{
		size_t bytes = search->queue_room * sizeof(Queued);

		if (!may_grow(search, bytes))
			return;
		search->queue = vc_arena_grow(search->arena, search->queue, bytes, 2 * bytes);
		search->queue_room *= 2;
	}
	queue_push(search->queue, &search->nqueue, item);
}

static void
put_aside(VgSearch *search, Queued item)
{
	if (search->nfar == search->far_room)
	{
		size_t bytes = search->far_room * sizeof(Queued);

		if (!may_grow(search, bytes))
			return;
		search->far = vc_arena_grow(search->arena, search->far, bytes, 2 * bytes);
		search->far_room *= 2;
	}
	search->far[search->nfar++] = item;
}

static size_t
visited_place(const VgSearch *search, uint64 key)
{
	size_t mask = search->visited_room - 1;
	size_t at = (size_t) (key * HASH_FACTOR >> search->visited_shift);

	while (search->visited[at] != 0 && search->visited[at] != key)
		at = (at + 1) & mask;
	return at;
}

static void
grow_visited(VgSearch *search)
{
	uint64 *old = search->visited;
	size_t room = search->visited_room;

	search->visited_room = room * 2;
	search->visited_shift--;
	search->visited = vc_arena_alloc(search->arena, search->visited_room * sizeof(uint64));
	memset(search->visited, 0, search->visited_room * sizeof(uint64));
	for (size_t i = 0; i < room; i++)
	{
		if (old[i] != 0)
			search->visited[visited_place(search, old[i])] = old[i];
	}
}

/* False if it was there, or there is no room. */
static bool
mark_visited(VgSearch *search, VgRef ref)
{
	uint64 key = ref_key(ref);
	size_t at = visited_place(search, key);

	if (search->visited[at] == key)
		return false;
	if (search->nvisited * 2 >= search->visited_room)
	{
		if (!may_grow(search, search->visited_room * sizeof(uint64)))
			return false;
		grow_visited(search);
		at = visited_place(search, key);
	}
	search->visited[at] = key;
	search->nvisited++;
	return true;
}

/* ---- the ef best ---- */

static inline float
threshold(const VgSearch *search)
{
	return search->nbest < search->ef ? get_float4_infinity() : search->best[0];
}

static void
push_best(VgSearch *search, float score)
{
	if (search->nbest < search->ef)
		best_push(search->best, &search->nbest, score);
	else if (score < search->best[0])
		best_replace_top(search->best, search->nbest, score);
}

static bool
does_count(VgSearch *search, const VgFound *found)
{
	const VgSearchOptions *options = &search->options;

	if (options->with_rows_only && found->state != VG_VERTEX_LIVE)
		return false;
	if (options->labels != 0 && (found->labels & options->labels) == 0)
		return false;
	return options->counts == NULL || options->counts(options->arg, found);
}

/* Asks whether it counts if that matters now. */
static void
judge(VgSearch *search, VgFound *found)
{
	if (found->judged || found->score >= threshold(search))
		return;
	found->judged = true;
	search->nunjudged--;
	found->counts = does_count(search, found);
	if (found->counts)
		push_best(search, found->score);
}

static void
widen(VgSearch *search, uint32 ef)
{
	size_t kept = 0;

	if (ef > search->best_room)
	{
		search->best_room = Max(ef, 2 * search->best_room);
		search->best = vc_arena_alloc(search->arena, search->best_room * sizeof(float));
	}
	search->ef = ef;
	search->nbest = 0;
	for (uint32 i = 0; i < search->nfound; i++)
	{
		if (search->found[i].judged && search->found[i].counts)
			push_best(search, search->found[i].score);
	}
	for (uint32 i = 0; search->nunjudged > 0 && i < search->nfound; i++)
		judge(search, &search->found[i]);
	for (size_t i = 0; i < search->nfar; i++)
	{
		if (search->far[i].bound < threshold(search))
			push(search, search->far[i]);
		else
			search->far[kept++] = search->far[i];
	}
	search->nfar = kept;
}

/* ---- traversal ---- */

void
vg_search_add_entry(VgSearch *search, VgRef ref)
{
	Queued item = {-get_float4_infinity(), -get_float4_infinity(), ref};

	if (vg_ref_valid(ref) && mark_visited(search, ref))
		push(search, item);
}

/* Entry points whose codes are nearest, and the root in case they are gone. */
static void
add_starts(VgSearch *search)
{
	const VgGeometry *geo = &search->meta->geo;
	VgStateDisk state;
	VgEstimate estimates[VG_MAX_ENTRIES];

	vg_state_read(search->index, search->meta, search->cache, &state, search->entries);
	search->frees = state.frees;
	if (!vg_ref_valid(state.root))
		return;
	vg_estimate(search->query, search->entries + geo->edge_code, geo->edge_bytes, state.nentries,
				estimates);
	for (uint32 n = 0; n < Min(STARTS, state.nentries); n++)
	{
		uint32 least = 0;
		VgEdgeDisk *edge;

		for (uint32 i = 1; i < state.nentries; i++)
		{
			if (estimates[i].score < estimates[least].score)
				least = i;
		}
		edge = (VgEdgeDisk *) (search->entries + least * geo->edge_bytes);
		if (mark_visited(search, edge->to))
			push(search, (Queued){estimates[least].score, estimates[least].bound, edge->to});
		estimates[least].score = get_float4_infinity();
	}
	if (mark_visited(search, state.root))
		push(search, (Queued){state.nentries == 0 ? -get_float4_infinity() : get_float4_infinity(),
							  -get_float4_infinity(), state.root});
}

void
vg_search_begin(VgSearch *search, const VgQuery *query, const VgSearchOptions *options)
{
	VcArena *arena = search->arena;

	search->query = query;
	search->options = *options;
	search->queue_room = INITIAL_ROOM;
	search->queue = vc_arena_alloc_array(arena, INITIAL_ROOM, sizeof(Queued));
	search->nqueue = 0;
	search->far_room = INITIAL_ROOM;
	search->far = vc_arena_alloc_array(arena, INITIAL_ROOM, sizeof(Queued));
	search->nfar = 0;
	search->visited_room = (size_t) 1 << VISITED_BITS;
	search->visited_shift = 64 - VISITED_BITS;
	search->visited = vc_arena_alloc_array(arena, search->visited_room, sizeof(uint64));
	memset(search->visited, 0, search->visited_room * sizeof(uint64));
	search->nvisited = 0;
	search->found_room = INITIAL_ROOM;
	search->found = vc_arena_alloc_array(arena, INITIAL_ROOM, sizeof(VgFound));
	search->nfound = 0;
	search->nunjudged = 0;
	search->nbest = 0;
	search->ef = 0;
	search->best_room = 0;
	search->overflowed = false;
	search->gave_up = false;
	search->options.memory = Max(options->memory, 4 * bytes_used(search));
	vc_stream_reset(search->stream);
	if (!options->listed)
		add_starts(search);
}

/* What an expansion found, and what insertion wants to keep of it. */
static VgFound *
add_found(VgSearch *search)
{
	const VgHop *hop = &search->hop;
	VgFound *found;

	if (search->nfound == search->found_room)
	{
		size_t bytes = search->found_room * sizeof(VgFound);

		/* bounded by the visited set, which is */
		search->found = vc_arena_grow(search->arena, search->found, bytes, 2 * bytes);
		search->found_room *= 2;
	}
	found = &search->found[search->nfound++];
	search->nunjudged++;
	*found = (VgFound){.ref = hop->ref,
					   .score = hop->score,
					   .labels = hop->head.labels,
					   .labels_inexact = hop->head.nlabels_over != 0,
					   .posted = hop->head.posted != 0,
					   .state = hop->head.state,
					   .inverse_norm = hop->head.inverse_norm,
					   .strip = hop->strip,
					   .strip_entry = hop->strip_entry,
					   .row = hop->row,
					   .code = hop->code};
	return found;
}

static void
expand(VgSearch *search, VgRef ref)
{
	const VgGeometry *geo = &search->meta->geo;
	VgHop *hop = &search->hop;
	float limit;

	if (search->options.keep_rows)
	{
		hop->row = vc_arena_alloc(search->arena, geo->row_bytes);
		hop->code = vc_arena_alloc(search->arena, geo->code_bytes);
	}
	else
		hop->row = hop->code = NULL;
	if (!vg_vertex_expand(search->index, search->meta, search->cache, search->stream, ref,
						  search->query, hop))
		return;
	if (search->options.counters != NULL)
	{
		search->options.counters->lists++;
		search->options.counters->reranks++;
		search->options.counters->codes += hop->nedges;
	}
	if (search->options.expanded != NULL)
		search->options.expanded(search->options.arg, hop);
	judge(search, add_found(search));
	limit = threshold(search);
	for (uint32 i = 0; i < hop->nedges; i++)
	{
		Queued item = {hop->estimates[i].score, hop->estimates[i].bound, hop->to[i]};

		if (!mark_visited(search, item.ref))
			continue;
		if (item.bound < limit)
			push(search, item);
		else
			put_aside(search, item);
	}
}

/* vertices about to be visited */
typedef struct Visit
{
	const VgMeta *meta;
	const VgRef *refs;
	size_t n;
	size_t asked; /* vertex whose pages are asked for next */
	uint32 pages; /* of these, asked for */
} Visit;

/* VcStreamNext */
static BlockNumber
next_visited_block(void *arg)
{
	Visit *visit = arg;
	BlockNumber blkno;

	if (visit->asked == visit->n)
		return InvalidBlockNumber;
	blkno = visit->refs[visit->asked].group + visit->pages++;
	if (visit->pages == visit->meta->geo.group_pages)
	{
		visit->asked++;
		visit->pages = 0;
	}
	return blkno;
}

static int
compare_refs(const void *a, const void *b)
{
	uint64 x = ref_key(*(const VgRef *) a);
	uint64 y = ref_key(*(const VgRef *) b);

	return (x > y) - (x < y);
}

void
vg_search_visit(VgSearch *search, VgRef *refs, size_t n, VcStreamMode io)
{
	Visit visit = {.meta = search->meta, .refs = refs, .n = n};
	VcStream *stream =
		vc_stream_begin(search->index, io, search->cache, next_visited_block, &visit);
	VgEstimate *estimates = search->hop.estimates;

	/* their neighbours are not looked at */
	search->hop.estimates = NULL;
	search->hop.row = search->hop.code = NULL;
	qsort(refs, n, sizeof(VgRef), compare_refs);
	for (size_t i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!mark_visited(search, refs[i]) ||
			!vg_vertex_expand(search->index, search->meta, search->cache, stream, refs[i],
							  search->query, &search->hop))
			continue;
		if (search->options.counters != NULL)
		{
			search->options.counters->lists++;
			search->options.counters->reranks++;
		}
		add_found(search);
	}
	search->hop.estimates = estimates;
	vc_stream_end(stream);
}

/* Will it take too many expansions to find ef that count? */
static bool
gives_up(VgSearch *search)
{
	size_t most = search->options.most;

	if (most == 0 || search->nbest >= search->ef || search->nfound < BELIEVED)
		return false;
	search->gave_up =
		search->nfound >= most || (double) search->nfound * search->ef / (search->nbest + 1) > most;
	return search->gave_up;
}

/* The next vertices to expand, at most `beam`; their pages are asked for. */
static uint32
take_window(VgSearch *search, uint32 beam, VgRef *window)
{
	uint32 n = 0;

	while (n < beam && search->nqueue > 0 &&
		   (search->queue[0].score <= threshold(search) || isinf(search->queue[0].score)))
		window[n++] = queue_pop(search->queue, &search->nqueue).ref;
	if (vc_stream_is_ahead(search->stream))
	{
		for (uint32 i = 0; n > 1 && i < n; i++)
			vc_stream_prefetch(search->stream, window[i].group, search->meta->geo.group_pages);
	}
	else if (search->nqueue > 0)
		vc_prefetch_descriptor(search->cache, search->queue[0].ref.group);
	return n;
}

/* Vertices were freed since the starts were read: what do the starts and the lists name now that was not seen?  false: nothing. */
static bool
look_again(VgSearch *search)
{
	VgHop *hop = &search->hop;
	VgStateDisk state;

	vg_state_read(search->index, search->meta, search->cache, &state, NULL);
	if (state.frees == search->frees || search->overflowed)
		return false;
	add_starts(search);
	hop->row = hop->code = NULL;
	for (uint32 i = 0; i < search->nfound; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!vg_vertex_expand(search->index, search->meta, search->cache, NULL,
							  search->found[i].ref, search->query, hop))
			continue;
		for (uint32 e = 0; e < hop->nedges; e++)
		{
			if (mark_visited(search, hop->to[e]))
				push(search,
					 (Queued){hop->estimates[e].score, hop->estimates[e].bound, hop->to[e]});
		}
	}
	return search->nqueue > 0;
}

bool
vg_search_run(VgSearch *search, uint32 ef)
{
	VgRef window[BEAM_MAX];
	uint32 beam = Min(Max(search->options.beam, 1), BEAM_MAX);

	widen(search, ef);
	for (;;)
	{
		uint32 n;

		if (gives_up(search))
			break;
		n = take_window(search, beam, window);
		if (n == 0)
		{
			if (search->nqueue > 0 || search->nfar > 0 || !look_again(search))
				break;
			continue;
		}
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < n; i++)
			expand(search, window[i]);
	}
	return search->nqueue > 0 || search->nfar > 0 || search->nunjudged > 0;
}

bool
vg_search_overflowed(const VgSearch *search)
{
	return search->overflowed;
}

bool
vg_search_gave_up(const VgSearch *search)
{
	return search->gave_up;
}

void
vg_search_go_on(VgSearch *search)
{
	search->options.most = 0;
	search->gave_up = false;
}

VgFound *
vg_search_found(VgSearch *search, uint32 *ret_n)
{
	*ret_n = search->nfound;
	return search->found;
}

VcStream *
vg_search_stream(VgSearch *search)
{
	return search->stream;
}

float
vg_search_threshold(const VgSearch *search)
{
	return threshold(search);
}
