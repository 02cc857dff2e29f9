/*
 * core/loser_tree.c
 *		k-way merge with a tournament tree of losers.
 *
 * Source s is leaf k + s of a complete binary tree with inner nodes 1 .. k-1; the parent of node n
 *is n / 2.  An inner node holds the loser of its match, so replaying the winner's path compares
 *each newcomer with one stored loser a level.  The shape works for every k, not only powers of two.
 */
#include "postgres.h"

#include "core/loser_tree.h"

/* Whether a wins against b. */
static inline bool
wins(const VcLoserTree *tree, const VcLoserTreeNode *a, const VcLoserTreeNode *b)
{
	if (unlikely(a->exhausted || b->exhausted))
	{
		if (a->exhausted != b->exhausted)
			return b->exhausted;
		return a->source < b->source;
	}
	if (a->key != b->key)
		return a->key < b->key;
	if (tree->tie != NULL)
	{
		int cmp = tree->tie(tree->arg, a->source, b->source);

		if (cmp != 0)
			return cmp < 0;
	}
	return a->source < b->source;
}

size_t
vc_loser_tree_size(uint32 k)
{
	return (size_t) k * 2 * sizeof(VcLoserTreeNode);
}

void
vc_loser_tree_init(VcLoserTree *tree, void *memory, uint32 k, VcLoserTreeTie tie, void *arg)
{
	Assert(k > 0);

	tree->losers = memory;
	tree->leaves = tree->losers + k;
	tree->k = k;
	tree->tie = tie;
	tree->arg = arg;
	for (uint32 i = 0; i < k; i++)
	{
		tree->leaves[i].key = 0;
		tree->leaves[i].source = i;
		tree->leaves[i].exhausted = true;
	}
	tree->winner = tree->leaves[0];
}

void
vc_loser_tree_set(VcLoserTree *tree, uint32 source, uint64 key)
{
	Assert(source < tree->k);

	tree->leaves[source].key = key;
	tree->leaves[source].exhausted = false;
}

/* The leaf at the left edge of the subtree of a node; no other inner node on its level shares it.
 */
static inline VcLoserTreeNode *
left_edge(const VcLoserTree *tree, uint32 node)
{
	while (node < tree->k)
		node *= 2;
	return &tree->leaves[node - tree->k];
}

void
vc_loser_tree_build(VcLoserTree *tree)
{
	/*
	 * From the last match to the first.  The winner of a subtree is parked in the leaf at its left
	 * edge, which the subtree no longer needs.
	 */
	for (uint32 node = tree->k; node-- > 1;)
	{
		VcLoserTreeNode *left = left_edge(tree, node * 2);
		const VcLoserTreeNode *right = left_edge(tree, node * 2 + 1);

		if (wins(tree, left, right))
			tree->losers[node] = *right;
		else
		{
			tree->losers[node] = *left;
			*left = *right;
		}
	}
	tree->winner = *left_edge(tree, 1);
}

bool
vc_loser_tree_top(const VcLoserTree *tree, uint32 *ret_source, uint64 *ret_key)
{
	if (tree->winner.exhausted)
		return false;
	*ret_source = tree->winner.source;
	*ret_key = tree->winner.key;
	return true;
}

/* Sends the changed winner up its path again. */
static void
replay(VcLoserTree *tree)
{
	VcLoserTreeNode up = tree->winner;

	for (uint32 node = (tree->k + up.source) / 2; node >= 1; node /= 2)
	{
		if (wins(tree, &tree->losers[node], &up))
		{
			VcLoserTreeNode t = tree->losers[node];

			tree->losers[node] = up;
			up = t;
		}
	}
	tree->winner = up;
}

void
vc_loser_tree_advance(VcLoserTree *tree, uint64 key)
{
	Assert(!tree->winner.exhausted);

	tree->winner.key = key;
	replay(tree);
}

void
vc_loser_tree_exhaust(VcLoserTree *tree)
{
	Assert(!tree->winner.exhausted);

	tree->winner.exhausted = true;
	replay(tree);
}
