/*
 * vchord_bm25/dictionary.h
 *		Pages of the dictionary under construction (format.h: TERM and TERM_INDEX).
 *
 * Leaves and inner pages have the same form: keys in ascending order, front-coded with a restart every
 * BM25_RESTART entries, each followed by bytes that only the two kinds tell apart.
 */
#ifndef VCHORD_BM25_DICTIONARY_H
#define VCHORD_BM25_DICTIONARY_H

#include "vchord_bm25/format.h"
#include "vchord_bm25/key.h"

/* smallest entry: four bytes (two lengths, a byte of key, a page number) */
#define BM25_NODE_MAX_RESTARTS (BM25_BODY_BYTES / 4 / BM25_RESTART + 1)

typedef struct Bm25Node
{
	uint32 entries;
	uint32 used; /* bytes of them */
	uint32 key_bytes;
	uint8 key[BM25_MAX_KEY_BYTES]; /* of the last entry */
	uint16 restart[BM25_NODE_MAX_RESTARTS];
	uint8 bytes[BM25_BODY_BYTES];
} Bm25Node;

extern void bm25_node_reset(Bm25Node *node);

/* Appends an entry, its key greater than the last.  False if the page is full; an empty one takes any. */
extern bool bm25_node_add(Bm25Node *node, Bm25Key key, const uint8 *value, uint32 value_bytes);

/* Writes the body (BM25_BODY_BYTES of room), returns its size, and empties the node. */
extern uint32 bm25_node_finish(Bm25Node *node, uint8 *ret_body);

/* Inner pages above a sequence of leaves, as many levels as it takes. */
typedef struct Bm25Tree Bm25Tree;

/*
 * Hands out a finished inner page: its body, and returns its page number.  Children come before their
 * parents, the root last.
 */
typedef uint32 (*Bm25TreePut)(void *arg, const uint8 *body, uint32 bytes);

/* Allocated in the current context. */
extern Bm25Tree *bm25_tree_begin(Bm25TreePut put, void *arg);

/* The next leaf: its first key and page number. */
extern void bm25_tree_add(Bm25Tree *tree, Bm25Key key, uint32 page);

/* The root's page number, and the levels including the leaves. */
extern uint32 bm25_tree_end(Bm25Tree *tree, uint32 *ret_levels);

#endif
