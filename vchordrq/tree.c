/*
 * vchordrq/tree.c
 *		Descent from the root to leaf lists.
 *
 * Level by level: the children of the nodes kept so far are scored by their codes (always relative to
 * the parent's centroid, whose exact distance is known), and centroids are then read exactly in order
 * of their lower bounds, as long as the best bound is below the best exact distance.  So centroids
 * come out in exact order while only a few more than are asked for are read.
 *
 * Few of the bounds are ever looked at, so only the lowest are kept in a heap; the others wait
 * unordered until the heap is empty (for 2,000 lists a heap of all cost more than scoring them).
 *
 * The tree never changes after the build: a page of it with another owner is damage, not recycling.
 * Locks: one page at a time, share.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "core/heap.h"
#include "core/report.h"

#include "vchordrq/run.h"
#include "vchordrq/tree.h"

/* bounds looked at to find out which are low, and how many of them shall be in the heap */
#define REFILL_SAMPLE 32
#define REFILL_RANK   2
/* this many bounds are not worth dividing */
#define REFILL_ALL 64

/* a centroid known by its code only */
typedef struct Guess
{
	float bound;
	uint32 ordinal;
} Guess;

/* a centroid that was read */
typedef struct TreeNode
{
	float rank; /* order in which nodes come out */
	float dc;
	uint32 ordinal;
	RqCentroidDisk head;
} TreeNode;

#define GUESS_LESS(a, b) ((a)->bound < (b)->bound)
#define NODE_LESS(a, b)                                                                            \
	((a)->rank < (b)->rank || ((a)->rank == (b)->rank && (a)->ordinal < (b)->ordinal))
VC_HEAP_DEFINE(guess_heap, Guess, GUESS_LESS);
VC_HEAP_DEFINE(node_heap, TreeNode, NODE_LESS);

struct RqTree
{
	Relation index;
	const RqMeta *meta;
	VcReadCache *cache;
	MemoryContext context;
	const VcvQuery *query;
	bool assign; /* rank by squared distance to the centroid, for inserts */
	float epsilon;
	uint32 level;   /* of the heaps' contents */
	Guess *guesses; /* heap */
	size_t nguesses;
	size_t guess_room;
	Guess *rest; /* guesses not in the heap */
	size_t nrest;
	size_t rest_room;
	float rest_floor; /* no bound in rest is below it */
	TreeNode *nodes;  /* read, not handed out */
	size_t nnodes;
	size_t node_room;
	RqSurvivor *survivors;
	size_t survivor_room;
	float *norms; /* squared, of the children being scored */
	size_t norm_room;
};

RqTree *
rq_tree_create(MemoryContext context, Relation index, const RqMeta *meta, VcReadCache *cache)
{
	RqTree *tree = MemoryContextAllocZero(context, sizeof(RqTree));

	tree->index = index;
	tree->meta = meta;
	tree->cache = cache;
	tree->context = context;
	return tree;
}

/* room for n elements of `size` bytes; contents are lost only when the array was empty */
static void *
reserve(MemoryContext context, void *array, size_t *room, size_t n, size_t size)
{
	if (n <= *room)
		return array;
	n = Max(n, *room * 2);
	*room = n;
	if (array == NULL)
		return MemoryContextAllocHuge(context, n * size);
	return repalloc_huge(array, n * size);
}

/*
 * What a centroid is ranked by.  Inserts under a dot metric rank by |c|^2 - 2<x,c>, which is the squared
 * distance but for |x|^2.
 */
static float
rank_of(const RqTree *tree, float dc, float norm2)
{
	if (tree->meta->disk.metric == VCV_L2)
		return dc;
	if (tree->assign)
		return norm2 + 2 * dc;
	if (tree->meta->disk.metric == VCV_COSINE)
		return norm2 > 0 ? dc / sqrtf(norm2) : 0;
	return dc;
}

/* The same for a lower bound from a code; under cosine the code is of the centroid's direction. */
static float
rank_bound(const RqTree *tree, float bound, float norm2)
{
	if (!tree->assign || tree->meta->disk.metric == VCV_L2)
		return bound;
	if (tree->meta->disk.metric == VCV_COSINE)
		bound *= sqrtf(norm2);
	return norm2 + 2 * bound;
}

/* squared norms of the children */
static const float *
read_norms(RqTree *tree, uint32 level, const RqCentroidDisk *head)
{
	const RqLevelDisk *disk = &tree->meta->disk.level[level];
	RqRun run = {disk->norm_first, disk->norm_pages, RQ_PAGE_CENTROID, level, 0};

	tree->norms =
		reserve(tree->context, tree->norms, &tree->norm_room, head->child_count, sizeof(float));
	if (!rq_run_copy(tree->index, tree->cache, &run, (uint64) head->child_first * sizeof(float),
					 head->child_count * sizeof(float), tree->norms))
		vc_corrupt(tree->index, run.first, "level %u has pages of another owner", level);
	return tree->norms;
}

/* Read centroid `ordinal` of `level`: head and distance to the query (or only the vector). */
static void
read_centroid(RqTree *tree, uint32 level, uint32 ordinal, TreeNode *ret_node, float *ret_vector)
{
	const RqMeta *meta = tree->meta;
	const RqLevelDisk *disk = &meta->disk.level[level];
	RqRun run = {disk->centroid_first, disk->centroid_pages, RQ_PAGE_CENTROID, level, 0};
	uint64 offset = (uint64) ordinal * meta->geo.centroid_bytes;
	bool ok;

	if (ordinal >= disk->cells)
		vc_corrupt(tree->index, disk->centroid_first, "centroid %u of level %u does not exist",
				   ordinal, level);
	if (ret_vector)
	{
		ok = rq_run_copy(tree->index, tree->cache, &run, offset + sizeof(RqCentroidDisk),
						 meta->geo.dim * sizeof(float), ret_vector);
	}
	else
	{
		ret_node->ordinal = ordinal;
		ok = rq_run_copy(tree->index, tree->cache, &run, offset, sizeof(RqCentroidDisk),
						 &ret_node->head) &&
			 rq_run_distance(tree->index, tree->cache, &run, offset + sizeof(RqCentroidDisk),
							 tree->query->q, meta->geo.dim, vcv_metric_is_dot(meta->disk.metric),
							 &ret_node->dc);
	}
	if (!ok)
		vc_corrupt(tree->index, run.first, "level %u has pages of another owner", level);
	if (ret_node)
		ret_node->rank = rank_of(tree, ret_node->dc, ret_node->head.norm2);
}

/* Score the children of `node`, a centroid of level - 1, and add them to the guesses. */
static void
score_children(RqTree *tree, uint32 level, const TreeNode *node)
{
	const RqMeta *meta = tree->meta;
	const RqLevelDisk *disk = &meta->disk.level[level];
	const RqCentroidDisk *head = &node->head;
	RqRun run = {disk->code_first, disk->code_pages, RQ_PAGE_LEVEL, level, 0};
	uint32 blocks = (head->child_count + RQ_BLOCK_ROWS - 1) / RQ_BLOCK_ROWS;
	const float *norms;
	RqScorer scorer;

	if (head->child_count == 0)
		return;
	if (head->child_first >= disk->cells || head->child_count > disk->cells - head->child_first ||
		head->child_block >= disk->code_blocks || blocks > disk->code_blocks - head->child_block)
		vc_corrupt(tree->index, meta->disk.level[level - 1].centroid_first,
				   "centroid %u of level %u has children %u+%u beyond %u", node->ordinal, level - 1,
				   head->child_first, head->child_count, disk->cells);

	tree->survivors = reserve(tree->context, tree->survivors, &tree->survivor_room,
							  (size_t) blocks * RQ_BLOCK_ROWS, sizeof(RqSurvivor));
	memset(&scorer, 0, sizeof(scorer));
	scorer.lut = tree->query->lut;
	vcv_rabitq_bound(tree->query, node->dc, head->norm2, tree->epsilon, &scorer.bound, NULL);
	scorer.out = tree->survivors;
	if (!rq_run_score(tree->index, meta, tree->cache, NULL, &run, 0, head->child_block, blocks,
					  head->child_count, &scorer))
		vc_corrupt(tree->index, run.first, "level %u has pages of another owner", level);

	norms = tree->assign && meta->disk.metric != VCV_L2 ? read_norms(tree, level, head) : NULL;
	tree->rest = reserve(tree->context, tree->rest, &tree->rest_room, tree->nrest + scorer.nout,
						 sizeof(Guess));
	for (uint32 i = 0; i < scorer.nout; i++)
	{
		Guess *guess = &tree->rest[tree->nrest++];

		guess->bound = rank_bound(tree, scorer.out[i].bound, norms ? norms[scorer.out[i].row] : 0);
		guess->ordinal = head->child_first + scorer.out[i].row;
	}
}

/* Move the lowest bounds, about REFILL_RANK of REFILL_SAMPLE, from the rest to the empty heap. */
static void
refill(RqTree *tree)
{
	size_t n = tree->nrest;
	size_t taken = 0;
	size_t left = 0;
	float low[REFILL_RANK]; /* ascending */

	for (int i = 0; i < REFILL_RANK; i++)
		low[i] = INFINITY;
	for (size_t i = 0; n > REFILL_ALL && i < REFILL_SAMPLE; i++)
	{
		float bound = tree->rest[i * n / REFILL_SAMPLE].bound;

		for (int r = 0; r < REFILL_RANK; r++)
		{
			if (bound < low[r])
			{
				float swap = low[r];

				low[r] = bound;
				bound = swap;
			}
		}
	}

	tree->guesses = reserve(tree->context, tree->guesses, &tree->guess_room, n, sizeof(Guess));
	for (size_t i = 0; i < n; i++)
	{
		Guess guess = tree->rest[i];
		bool take = !(guess.bound > low[REFILL_RANK - 1]);

		/* without a branch, which nobody could predict */
		tree->guesses[taken] = guess;
		tree->rest[left] = guess;
		taken += take;
		left += !take;
	}
	tree->nguesses = taken;
	tree->nrest = left;
	tree->rest_floor = low[REFILL_RANK - 1];
	guess_heap_heapify(tree->guesses, tree->nguesses);
}

/* Does a guess come before the nearest centroid read?  If so it is in the heap. */
static bool
guess_is_next(RqTree *tree)
{
	if (tree->nguesses == 0 && tree->nrest > 0 &&
		(tree->nnodes == 0 || tree->rest_floor < tree->nodes[0].rank))
		refill(tree);
	return tree->nguesses > 0 &&
		   (tree->nnodes == 0 || tree->guesses[0].bound < tree->nodes[0].rank);
}

/* The nearest centroid of the current level that was not handed out yet. */
static bool
pull(RqTree *tree, TreeNode *ret_node)
{
	while (guess_is_next(tree))
	{
		Guess guess = guess_heap_pop(tree->guesses, &tree->nguesses);
		TreeNode node;

		CHECK_FOR_INTERRUPTS();
		read_centroid(tree, tree->level, guess.ordinal, &node, NULL);
		tree->nodes = reserve(tree->context, tree->nodes, &tree->node_room, tree->nnodes + 1,
							  sizeof(TreeNode));
		node_heap_push(tree->nodes, &tree->nnodes, node);
	}
	if (tree->nnodes == 0)
		return false;
	*ret_node = node_heap_pop(tree->nodes, &tree->nnodes);
	return true;
}

static void
begin(RqTree *tree, const VcvQuery *query, float epsilon, const uint32 *keep)
{
	const RqMetaDisk *disk = &tree->meta->disk;
	TreeNode *kept;
	uint32 nkept = 1;

	tree->query = query;
	tree->epsilon = epsilon;
	tree->level = 0;
	tree->nguesses = 0;
	tree->nrest = 0;
	tree->nnodes = 0;

	kept = MemoryContextAlloc(tree->context, sizeof(TreeNode));
	read_centroid(tree, 0, 0, &kept[0], NULL);
	if (disk->levels == 0)
	{
		tree->nodes = reserve(tree->context, tree->nodes, &tree->node_room, 1, sizeof(TreeNode));
		node_heap_push(tree->nodes, &tree->nnodes, kept[0]);
		pfree(kept);
		return;
	}

	for (uint32 level = 1; level <= disk->levels; level++)
	{
		uint32 want;

		tree->level = level;
		tree->nguesses = 0;
		tree->nrest = 0;
		tree->rest_floor = -INFINITY;
		tree->nnodes = 0;
		for (uint32 i = 0; i < nkept; i++)
			score_children(tree, level, &kept[i]);
		pfree(kept);
		if (level == disk->levels)
			return;

		want = keep ? keep[level - 1] : disk->level[level].cells;
		want = Min(want, tree->nrest);
		kept = MemoryContextAllocHuge(tree->context, Max(want, 1) * sizeof(TreeNode));
		nkept = 0;
		while (nkept < want && pull(tree, &kept[nkept]))
			nkept++;
	}
}

void
rq_tree_begin(RqTree *tree, const VcvQuery *query, float epsilon, const uint32 *keep)
{
	tree->assign = false;
	begin(tree, query, epsilon, keep);
}

bool
rq_tree_next(RqTree *tree, RqProbe *ret_probe)
{
	TreeNode node;

	if (!pull(tree, &node))
		return false;
	ret_probe->rank = node.rank;
	ret_probe->dc = node.dc;
	ret_probe->list = tree->meta->disk.levels == 0 ? 0 : node.ordinal;
	ret_probe->norm2 = node.head.norm2;
	ret_probe->radius = node.head.radius;
	return true;
}

void
rq_tree_centroid(RqTree *tree, uint32 list, float *ret_centroid)
{
	read_centroid(tree, tree->meta->disk.levels, list, NULL, ret_centroid);
}

void
rq_tree_nearest(RqTree *tree, const VcvQuery *query, RqProbe *ret_probe)
{
	static const uint32 one[RQ_MAX_LEVELS] = {1, 1, 1, 1, 1, 1, 1, 1};

	tree->assign = true;
	begin(tree, query, VCV_RABITQ_EPSILON, one);
	if (!rq_tree_next(tree, ret_probe))
		vc_corrupt(tree->index, RQ_META_BLKNO, "tree has a node without children");
}
