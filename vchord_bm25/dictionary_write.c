/*
 * vchord_bm25/dictionary_write.c
 *		Composes pages of the dictionary.  See dictionary.h.
 *
 * The tree above the leaves is built from the left, with one open page a level: a page that is full goes
 * out, and its first key into the open page one level up.  A level with a single page that has nothing above
 * it is the root.
 */
#include "postgres.h"

#include "vchord_bm25/dictionary.h"

#include "vchord_bm25/varint.h"

/* each inner page holds at least three keys of the longest kind: 3^21 pages exceed a relation */
#define MAX_LEVELS 24

void
bm25_node_reset(Bm25Node *node)
{
	node->entries = 0;
	node->used = 0;
	node->key_bytes = 0;
}

static uint32
common_bytes(const uint8 *a, uint32 a_bytes, const char *b, uint32 b_bytes)
{
	uint32 limit = Min(a_bytes, b_bytes);
	uint32 i = 0;

	while (i < limit && a[i] == (uint8) b[i])
		i++;
	return i;
}

bool
bm25_node_add(Bm25Node *node, Bm25Key key, const uint8 *value, uint32 value_bytes)
{
	bool restart = node->entries % BM25_RESTART == 0;
	uint32 restarts = node->entries / BM25_RESTART + 1;
	uint32 shared = restart ? 0 : common_bytes(node->key, node->key_bytes, key.data, key.len);
	uint32 further = key.len - shared;
	uint8 *p = node->bytes + node->used;

	if (4 + 2 * restarts + node->used + (uint32) bm25_varint_size(shared) +
			(uint32) bm25_varint_size(further) + further + value_bytes >
		BM25_BODY_BYTES)
		return false;
	if (restart)
		node->restart[restarts - 1] = (uint16) node->used;
	p = bm25_varint_put(p, shared);
	p = bm25_varint_put(p, further);
	memcpy(p, key.data + shared, further);
	p += further;
	memcpy(p, value, value_bytes);
	node->used = (uint32) (p + value_bytes - node->bytes);
	memcpy(node->key + shared, key.data + shared, further);
	node->key_bytes = key.len;
	node->entries++;
	return true;
}

uint32
bm25_node_finish(Bm25Node *node, uint8 *ret_body)
{
	uint32 restarts = (node->entries + BM25_RESTART - 1) / BM25_RESTART;
	uint32 head = 4 + 2 * restarts;
	uint16 counts[2] = {(uint16) node->entries, (uint16) restarts};
	uint32 bytes = head + node->used;

	memcpy(ret_body, counts, sizeof(counts));
	for (uint32 i = 0; i < restarts; i++)
	{
		uint16 offset = (uint16) (head + node->restart[i]);

		memcpy(ret_body + 4 + 2 * i, &offset, sizeof(offset));
	}
	memcpy(ret_body + head, node->bytes, node->used);
	bm25_node_reset(node);
	return bytes;
}

/*----- inner levels -----*/

typedef struct Level
{
	Bm25Node node;
	uint32 first_bytes; /* first key of the open page */
	uint8 first[BM25_MAX_KEY_BYTES];
	bool above; /* a page of this level has gone out */
} Level;

struct Bm25Tree
{
	Bm25TreePut put;
	void *arg;
	MemoryContext context;
	Level *level[MAX_LEVELS]; /* [0]: above the leaves */
	int levels;
	uint8 body[BM25_BODY_BYTES];
};

Bm25Tree *
bm25_tree_begin(Bm25TreePut put, void *arg)
{
	Bm25Tree *tree = palloc(sizeof(Bm25Tree));

	tree->put = put;
	tree->arg = arg;
	tree->context = CurrentMemoryContext;
	tree->levels = 0;
	return tree;
}

static uint32
put_level(Bm25Tree *tree, Level *level)
{
	uint32 bytes = bm25_node_finish(&level->node, tree->body);

	return tree->put(tree->arg, tree->body, bytes);
}

static void
add_to_level(Bm25Tree *tree, int at, Bm25Key key, uint32 page)
{
	uint8 value[BM25_VARINT32_MAX];
	uint32 bytes = (uint32) (bm25_varint_put(value, page) - value);
	Level *level;

	if (at == tree->levels)
	{
		if (at == MAX_LEVELS)
			elog(ERROR, "dictionary has too many levels");
		tree->level[at] = MemoryContextAlloc(tree->context, sizeof(Level));
		bm25_node_reset(&tree->level[at]->node);
		tree->level[at]->above = false;
		tree->levels++;
	}
	level = tree->level[at];
	if (!bm25_node_add(&level->node, key, value, bytes))
	{
		uint32 full = put_level(tree, level);

		level->above = true;
		add_to_level(tree, at + 1, (Bm25Key){(const char *) level->first, level->first_bytes},
					 full);
		bm25_node_add(&level->node, key, value, bytes);
	}
	if (level->node.entries == 1)
	{
		memcpy(level->first, key.data, key.len);
		level->first_bytes = key.len;
	}
}

void
bm25_tree_add(Bm25Tree *tree, Bm25Key key, uint32 page)
{
	add_to_level(tree, 0, key, page);
}

uint32
bm25_tree_end(Bm25Tree *tree, uint32 *ret_levels)
{
	uint32 root = 0;

	/* the loop makes new levels while it goes up */
	for (int at = 0; at < tree->levels; at++)
	{
		Level *level = tree->level[at];
		uint32 page = put_level(tree, level);

		if (level->above)
			add_to_level(tree, at + 1, (Bm25Key){(const char *) level->first, level->first_bytes},
						 page);
		else
			root = page;
	}
	*ret_levels = (uint32) tree->levels + 1;
	for (int at = 0; at < tree->levels; at++)
		pfree(tree->level[at]);
	pfree(tree);
	return root;
}
