/*
 * core/loser_tree.h
 *		k-way merge with a tournament tree of losers: at most ceil(log2 k) comparisons an element.
 *
 * Sources are numbers 0..k-1; the tree knows of each source only the u64 key of its current element
 * (a document id, the first eight bytes of a lexeme in big-endian order, a sortable float).  Equal
 * keys are settled by the caller's tie function where there is one, then by the source number, so
 * that a merge is stable.  Against a binary heap it does one comparison a level instead of two, and
 * the path is known beforehand.
 *
 * Use:
 *		vc_loser_tree_init(&t, memory, k, tie, arg);
 *		for each source that has an element: vc_loser_tree_set(&t, source, key);
 *		vc_loser_tree_build(&t);
 *		while (vc_loser_tree_top(&t, &source, &key))
 *		{
 *			... take the current element of `source`, move that source on ...
 *			either vc_loser_tree_advance(&t, next_key) or vc_loser_tree_exhaust(&t)
 *		}
 *
 * Memory is the caller's: vc_loser_tree_size(k) bytes, aligned to 8.  Nothing here allocates or
 * raises an error.
 */
#ifndef VC_CORE_LOSER_TREE_H
#define VC_CORE_LOSER_TREE_H

/* < 0, 0, > 0 as the current element of source a is before, equal to, behind that of b. */
typedef int (*VcLoserTreeTie)(void *arg, uint32 a, uint32 b);

typedef struct VcLoserTreeNode
{
	uint64 key;
	uint32 source;
	bool exhausted;
} VcLoserTreeNode;

typedef struct VcLoserTree
{
	VcLoserTreeNode winner;
	VcLoserTreeNode *losers; /* 1 .. k-1: loser of the match at that inner node */
	VcLoserTreeNode *leaves; /* 0 .. k-1: elements until the tree is built */
	uint32 k;
	VcLoserTreeTie tie;
	void *arg;
} VcLoserTree;

/* Bytes of memory for k >= 1 sources. */
extern size_t vc_loser_tree_size(uint32 k);

/* Begins a tree in which every source is exhausted.  tie may be NULL. */
extern void vc_loser_tree_init(VcLoserTree *tree, void *memory, uint32 k, VcLoserTreeTie tie,
							   void *arg);

/* Gives a source its first element; before vc_loser_tree_build. */
extern void vc_loser_tree_set(VcLoserTree *tree, uint32 source, uint64 key);

/* Plays all matches: k - 1 comparisons. */
extern void vc_loser_tree_build(VcLoserTree *tree);

/* The source whose element is the smallest; false (nothing set) when all are exhausted. */
extern bool vc_loser_tree_top(const VcLoserTree *tree, uint32 *ret_source, uint64 *ret_key);

/*
 * The winner's source moved on to an element with this key.  Keys of a source need not ascend for
 * the tree to stay valid; the merged order is sorted only if they do.
 */
extern void vc_loser_tree_advance(VcLoserTree *tree, uint64 key);

/* The winner's source has no further element. */
extern void vc_loser_tree_exhaust(VcLoserTree *tree);

#endif
