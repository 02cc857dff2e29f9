/*
 * vchordg/graph.c
 *		The graph in memory.
 *
 * Vamana (DiskANN, NeurIPS 2019) in one pass, by several threads: vertices are inserted in a random order; each is searched for
 * in the graph so far, its neighbours are chosen by RobustPrune, and it is appended to their lists.  Lists have room
 * for half as many again as they may have in the end, so that pruning them, which takes all pairs, is seldom.
 *
 * A list is read and written under its vertex' lock, a byte; nobody holds two.
 *
 * At the end lists are cut to m, and a breadth-first search from the root gives the tree of anchors, and the order in which
 * vertices are written.  What it does not reach is hung into a list that is reached.
 */
#include "postgres.h"

#include <math.h>
#include <sched.h>

#include "core/vector/quantized.h"
#include "core/vector/sample.h"
#include "core/vector/team.h"

#include "vchordg/graph.h"

#define SEED UINT64CONST(0x5eed0f6ea4)

/* vertices looked at for the one in the middle */
#define ROOT_SAMPLE 1000

/* share of the work that is inserting; the rest is cutting lists */
#define INSERT_SHARE 0.95

/* a vertex seen by a search */
typedef struct Seen
{
	float score;
	uint32 number;
	bool expanded;
} Seen;

/* memory of one thread */
typedef struct Worker
{
	uint32 *epochs; /* [n] search that saw the vertex last */
	uint32 epoch;
	Seen *pool; /* [ef] nearest seen, ascending */
	uint32 npool;
	VgCandidate *candidates; /* expanded vertices, and lists to be pruned */
	VgCandidate *scratch;
	uint32 room;  /* of these two */
	uint32 *copy; /* [room of a list] */
} Worker;

typedef struct Build
{
	VgGraph *graph;
	const VgGraphOptions *options;
	uint64 key; /* of the permutation */
} Build;

/* ---- memory ---- */

static size_t
aligned(size_t bytes)
{
	return TYPEALIGN(64, bytes);
}

static uint32
list_room(const VgGraphOptions *options)
{
	return options->m + options->m / 2 + 1;
}

static uint32
threads_of(const VgGraphOptions *options)
{
	return Max(options->threads, 1);
}

/* candidates of one prune: what a search expands, or a full list */
static uint32
candidate_room(const VgGraphOptions *options)
{
	return Max(4 * options->ef, list_room(options)) + 1;
}

static size_t
worker_bytes(const VgGraphOptions *options, uint32 n)
{
	return aligned(sizeof(Worker)) + aligned(n * sizeof(uint32)) +
		   aligned((options->ef + 1) * sizeof(Seen)) +
		   2 * aligned(candidate_room(options) * sizeof(VgCandidate)) +
		   aligned(list_room(options) * sizeof(uint32));
}

uint32
vg_graph_row_bytes(const VgGraphOptions *options)
{
	return TYPEALIGN(8, vcv_row_bytes(VCV_RABITQ8, options->dim));
}

size_t
vg_graph_memory(const VgGraphOptions *options, uint32 n)
{
	size_t room = list_room(options);

	return aligned(n * room * sizeof(uint32)) + aligned(n * room * sizeof(float)) +
		   aligned(n * sizeof(uint16)) + aligned(n) + 2 * aligned(n * sizeof(uint32)) +
		   threads_of(options) * worker_bytes(options, n);
}

static void *
take(char **memory, size_t bytes)
{
	void *p = *memory;

	*memory += aligned(bytes);
	return p;
}

void
vg_graph_init(VgGraph *graph, const VgGraphOptions *options, uint32 n, char *rows,
			  const uint64 *labels, void *memory)
{
	char *at = memory;
	size_t room = list_room(options);

	memset(graph, 0, sizeof(*graph));
	graph->n = n;
	graph->m = options->m;
	graph->room = (uint32) room;
	graph->row_bytes = vg_graph_row_bytes(options);
	graph->rows = rows;
	graph->labels = labels;
	graph->lists = take(&at, n * room * sizeof(uint32));
	graph->scores = take(&at, n * room * sizeof(float));
	graph->counts = take(&at, n * sizeof(uint16));
	graph->locks = take(&at, n);
	graph->anchors = take(&at, n * sizeof(uint32));
	graph->order = take(&at, n * sizeof(uint32));
	graph->scratch = at;
	memset(graph->counts, 0, n * sizeof(uint16));
	memset(graph->locks, 0, n);
}

static Worker *
worker_of(const VgGraph *graph, const VgGraphOptions *options, uint32 worker)
{
	return (Worker *) (graph->scratch + worker * worker_bytes(options, graph->n));
}

static void
init_worker(const VgGraph *graph, const VgGraphOptions *options, uint32 number)
{
	Worker *worker = worker_of(graph, options, number);
	char *at = (char *) worker;

	take(&at, sizeof(Worker));
	memset(worker, 0, sizeof(*worker));
	worker->epochs = take(&at, graph->n * sizeof(uint32));
	memset(worker->epochs, 0, graph->n * sizeof(uint32));
	worker->pool = take(&at, (options->ef + 1) * sizeof(Seen));
	worker->room = candidate_room(options);
	worker->candidates = take(&at, worker->room * sizeof(VgCandidate));
	worker->scratch = take(&at, worker->room * sizeof(VgCandidate));
	worker->copy = take(&at, graph->room * sizeof(uint32));
}

/* ---- distances, locks ---- */

static const char *
row_of(const VgGraph *graph, uint32 i)
{
	return graph->rows + (size_t) i * graph->row_bytes;
}

static float
score_of(const Build *build, uint32 a, uint32 b)
{
	const VcvQuantHead *x = (const VcvQuantHead *) row_of(build->graph, a);
	const VcvQuantHead *y = (const VcvQuantHead *) row_of(build->graph, b);
	uint32 dim = build->options->dim;

	return vcv_quant_score(
		build->options->rule.metric, VCV_RABITQ8, x, y,
		vcv_quant_dot(VCV_RABITQ8, (const uint8 *) (x + 1), (const uint8 *) (y + 1), dim), dim);
}

/* VgPairScore */
static float
pair_score(void *arg, const VgCandidate *a, const VgCandidate *b)
{
	return score_of(arg, a->number, b->number);
}

static void
lock(VgGraph *graph, uint32 i)
{
	while (__atomic_test_and_set(&graph->locks[i], __ATOMIC_ACQUIRE))
		sched_yield();
}

static void
unlock(VgGraph *graph, uint32 i)
{
	__atomic_clear(&graph->locks[i], __ATOMIC_RELEASE);
}

static VgCandidate
candidate(const VgGraph *graph, uint32 number, float score)
{
	return (VgCandidate){.ref = {.group = number},
						 .score = score,
						 .labels = graph->labels != NULL ? graph->labels[number] : 0,
						 .number = number};
}

/* ---- search ---- */

/* Enters a vertex into the pool, ascending by score, unless it is full of nearer ones. */
static void
enter(Worker *worker, uint32 ef, uint32 number, float score)
{
	uint32 at = worker->npool;

	if (at == ef && score >= worker->pool[at - 1].score)
		return;
	if (at == ef)
		at--;
	else
		worker->npool++;
	while (at > 0 && worker->pool[at - 1].score > score)
	{
		worker->pool[at] = worker->pool[at - 1];
		at--;
	}
	worker->pool[at] = (Seen){score, number, false};
}

/* The nearest vertex of the pool that was not expanded, or ef. */
static uint32
next_to_expand(const Worker *worker, uint32 from)
{
	while (from < worker->npool && worker->pool[from].expanded)
		from++;
	return from;
}

/* Expanded vertices near vertex i, into worker->candidates; returns their number. */
static uint32
search(const Build *build, Worker *worker, uint32 i)
{
	VgGraph *graph = build->graph;
	uint32 ef = build->options->ef;
	uint32 n = 0;
	uint32 at = 0;

	worker->npool = 0;
	worker->epoch++;
	worker->epochs[graph->root] = worker->epoch;
	worker->epochs[i] = worker->epoch;
	enter(worker, ef, graph->root, score_of(build, i, graph->root));
	while ((at = next_to_expand(worker, at)) < worker->npool)
	{
		uint32 here = worker->pool[at].number;
		uint32 count;

		worker->pool[at].expanded = true;
		if (n < worker->room)
			worker->candidates[n++] = candidate(graph, here, worker->pool[at].score);
		lock(graph, here);
		count = graph->counts[here];
		memcpy(worker->copy, vg_graph_list(graph, here), count * sizeof(uint32));
		unlock(graph, here);
		for (uint32 k = 0; k < count; k++)
		{
			uint32 other = worker->copy[k];

			if (k + 1 < count)
				__builtin_prefetch(row_of(graph, worker->copy[k + 1]));
			if (worker->epochs[other] == worker->epoch)
				continue;
			worker->epochs[other] = worker->epoch;
			enter(worker, ef, other, score_of(build, i, other));
		}
		at = 0;
	}
	return n;
}

/* ---- insertion ---- */

/* A list with candidates pruned to at most `most`; the vertex' lock is held, or nobody knows it. */
static void
set_list(const Build *build, Worker *worker, uint32 i, uint32 n)
{
	VgGraph *graph = build->graph;
	uint32 *list = vg_graph_list(graph, i);
	float *scores = vg_graph_scores(graph, i);
	uint32 count =
		vg_prune(&build->options->rule, graph->labels != NULL ? graph->labels[i] : 0,
				 worker->candidates, n, graph->m, pair_score, (void *) build, worker->scratch);

	for (uint32 k = 0; k < count; k++)
	{
		list[k] = worker->candidates[k].number;
		scores[k] = worker->candidates[k].score;
	}
	graph->counts[i] = (uint16) count;
}

/* The list as candidates. */
static uint32
list_candidates(const VgGraph *graph, Worker *worker, uint32 i)
{
	for (uint32 k = 0; k < graph->counts[i]; k++)
		worker->candidates[k] =
			candidate(graph, vg_graph_list(graph, i)[k], vg_graph_scores(graph, i)[k]);
	return graph->counts[i];
}

static void
add_back_edge(const Build *build, Worker *worker, uint32 owner, uint32 i, float score)
{
	VgGraph *graph = build->graph;

	lock(graph, owner);
	if (graph->counts[owner] == graph->room)
	{
		uint32 n = list_candidates(graph, worker, owner);

		set_list(build, worker, owner, n);
	}
	vg_graph_list(graph, owner)[graph->counts[owner]] = i;
	vg_graph_scores(graph, owner)[graph->counts[owner]] = score;
	graph->counts[owner]++;
	unlock(graph, owner);
}

/* VcvTeamItem: the item-th vertex of the permutation */
static void
insert(void *arg, uint32 item, uint32 number)
{
	Build *build = arg;
	VgGraph *graph = build->graph;
	Worker *worker = worker_of(graph, build->options, number);
	uint32 i = (uint32) vcv_permute(item, graph->n, build->key);
	uint32 chosen[VG_MAX_M];
	float scores[VG_MAX_M];
	uint32 count;
	uint32 n;

	if (i == graph->root)
		return;
	n = search(build, worker, i);
	/* others may have added themselves to the list meanwhile: their edges stay */
	lock(graph, i);
	for (uint32 k = 0; k < graph->counts[i] && n < worker->room; k++)
		worker->candidates[n++] =
			candidate(graph, vg_graph_list(graph, i)[k], vg_graph_scores(graph, i)[k]);
	set_list(build, worker, i, n);
	count = graph->counts[i];
	memcpy(chosen, vg_graph_list(graph, i), count * sizeof(uint32));
	memcpy(scores, vg_graph_scores(graph, i), count * sizeof(float));
	unlock(graph, i);
	for (uint32 k = 0; k < count; k++)
		add_back_edge(build, worker, chosen[k], i, scores[k]);
}

/* VcvTeamItem */
static void
cut(void *arg, uint32 i, uint32 number)
{
	Build *build = arg;
	VgGraph *graph = build->graph;

	if (graph->counts[i] > graph->m)
	{
		Worker *worker = worker_of(graph, build->options, number);
		uint32 n = list_candidates(graph, worker, i);

		set_list(build, worker, i, n);
	}
}

/* Of a sample, the vertex that is nearest to all others of it together: near the middle. */
static uint32
find_root(const Build *build)
{
	VgGraph *graph = build->graph;
	uint32 n = Min(graph->n, ROOT_SAMPLE);
	uint32 root = 0;
	double least = INFINITY;

	for (uint32 a = 0; a < n; a++)
	{
		uint32 x = (uint32) vcv_permute(a, graph->n, build->key);
		double sum = 0;

		/* a tenth of the sample is enough to tell */
		for (uint32 b = a % 10; b < n; b += 10)
			sum += score_of(build, x, (uint32) vcv_permute(b, graph->n, build->key));
		if (sum / Max((n - a % 10 + 9) / 10, 1) < least)
		{
			least = sum / Max((n - a % 10 + 9) / 10, 1);
			root = x;
		}
	}
	return root;
}

/* ---- anchors ---- */

/* Hangs an unreached vertex into the list of a reached one. */
static void
hang(const Build *build, uint32 i, uint32 reached)
{
	VgGraph *graph = build->graph;
	const uint32 *own = vg_graph_list(graph, i);

	/* a near one first, then any that was reached */
	for (uint32 k = 0; k < graph->counts[i] + reached; k++)
	{
		uint32 owner = k < graph->counts[i] ? own[k] : graph->order[k - graph->counts[i]];
		uint32 *list = vg_graph_list(graph, owner);
		float *scores = vg_graph_scores(graph, owner);
		uint32 at = graph->counts[owner];

		if (owner == i || (graph->anchors[owner] == VG_GRAPH_NONE && owner != graph->root))
			continue;
		if (at == graph->m)
		{
			/* in the place of the farthest that has another anchor */
			at = graph->m;
			for (uint32 e = 0; e < graph->m; e++)
			{
				if (graph->anchors[list[e]] != owner && (at == graph->m || scores[e] > scores[at]))
					at = e;
			}
			if (at == graph->m)
				continue;
		}
		else
			graph->counts[owner]++;
		list[at] = i;
		scores[at] = score_of(build, i, owner);
		graph->anchors[i] = owner;
		return;
	}
}

static uint32
reach_from(VgGraph *graph, uint32 reached)
{
	static const uint32 none = VG_GRAPH_NONE;

	for (uint32 at = reached - 1; at < reached; at++)
	{
		uint32 here = graph->order[at];

		for (uint32 k = 0; k < graph->counts[here]; k++)
		{
			uint32 other = vg_graph_list(graph, here)[k];

			if (other == graph->root || graph->anchors[other] != none)
				continue;
			graph->anchors[other] = here;
			graph->order[reached++] = other;
		}
	}
	return reached;
}

static void
find_anchors(const Build *build)
{
	VgGraph *graph = build->graph;
	uint32 reached = 1;

	for (uint32 i = 0; i < graph->n; i++)
		graph->anchors[i] = VG_GRAPH_NONE;
	graph->order[0] = graph->root;
	reached = reach_from(graph, reached);
	for (uint32 i = 0; i < graph->n && reached < graph->n; i++)
	{
		if (i == graph->root || graph->anchors[i] != VG_GRAPH_NONE)
			continue;
		hang(build, i, reached);
		graph->order[reached++] = i;
		reached = reach_from(graph, reached);
	}
	Assert(reached == graph->n);
}

bool
vg_graph_build(VgGraph *graph, const VgGraphOptions *options)
{
	Build build = {.graph = graph, .options = options, .key = SEED};
	VcvTeam team;
	bool done;

	if (graph->n == 0)
		return true;
	for (uint32 i = 0; i < threads_of(options); i++)
		init_worker(graph, options, i);
	graph->root = find_root(&build);
	vcv_team_begin(&team, threads_of(options), options->poll, options->arg);
	done = vcv_team_run(&team, insert, &build, graph->n, 0, INSERT_SHARE) &&
		   vcv_team_run(&team, cut, &build, graph->n, INSERT_SHARE, 1);
	vcv_team_end(&team);
	if (done)
		find_anchors(&build);
	return done;
}
