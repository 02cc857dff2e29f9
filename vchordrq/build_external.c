/*
 * vchordrq/build_external.c
 *		The tree of centroids from a table: build.external.
 *
 * The table has columns id and parent (integer) and vector (anything that casts to vector).  The rows
 * are nodes of one tree whose leaves are all equally deep; the root has no parent.  If no row has a
 * parent, all are leaves and the root is their mean.  Vectors are taken as they are, and rotated.
 *
 * Rows are read through a cursor, as the owner of the table whose index is built (core has switched to
 * that role, as for index expressions).  TreeNodes are numbered breadth first, so that the children of one
 * parent are neighbours, as the index wants them.
 */
#include "postgres.h"

#include "vchordrq/build.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "core/simd/vector/ops.h"
#include "core/vector/datum.h"
#include "core/vector/rotate.h"

#include "vchordrq/encode.h"

#define FETCH_ROWS 1000

/* a row of the table */
typedef struct TreeNode
{
	int32 id;
	int32 parent;
	bool has_parent;
	uint32 up; /* position of the parent in id order */
	uint32 children;
	uint32 next;  /* next child of the same parent, NO_NODE at the end */
	uint32 first; /* first child */
	uint32 row;   /* of vectors */
} TreeNode;

#define NO_NODE PG_UINT32_MAX

typedef struct TreeNodes
{
	MemoryContext context;
	TreeNode *node; /* in id order once all are read */
	uint32 n;
	uint32 room;
	float *vectors; /* [room][dim] in the order of the table, rotated */
	uint32 dim;
} TreeNodes;

pg_noreturn static void refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
refuse(const char *fmt, ...)
{
	char message[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("external build: %s", message)));
}

/*----- reading -----*/

static char *
schema_of_type(Oid type)
{
	HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	char *schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	schema = get_namespace_name(((Form_pg_type) GETSTRUCT(tuple))->typnamespace);
	ReleaseSysCache(tuple);
	if (schema == NULL)
		refuse("cannot get schema of pgvector");
	return schema;
}

/* The type vector: it lives beside the column's type, or is what that gives when it is dequantised. */
static char *
schema_of_vector(const RqBuild *build)
{
	Oid type = getBaseType(TupleDescAttr(RelationGetDescr(build->index), 0)->atttypid);
	char *schema;
	Oid function;

	if (build->opclass.maxsim)
		type = get_element_type(type);
	schema = schema_of_type(type);
	if (!vcv_is_quantized(build->opclass.type))
		return schema;
	function = LookupFuncName(list_make2(makeString(schema), makeString("dequantize_to_vector")), 1,
							  &type, false);
	return schema_of_type(get_func_rettype(function));
}

/* the query, with the type vector named in full */
static char *
make_query(const RqBuild *build)
{
	/* the name was checked when the options were: identifiers and at most one dot */
	return psprintf("SELECT id, parent, vector::%s.vector FROM %s",
					quote_identifier(schema_of_vector(build)), build->options.external_table);
}

static TreeNode *
add_node(TreeNodes *nodes)
{
	if (nodes->n == nodes->room)
	{
		Size room = nodes->room == 0 ? 1024 : (Size) nodes->room * 2;

		if (nodes->n > RQ_MAX_LISTS * 2)
			refuse("more than %d rows", RQ_MAX_LISTS * 2);
		if (nodes->room == 0)
		{
			nodes->node = MemoryContextAllocHuge(nodes->context, room * sizeof(TreeNode));
			nodes->vectors =
				MemoryContextAllocHuge(nodes->context, room * nodes->dim * sizeof(float));
		}
		else
		{
			nodes->node = repalloc_huge(nodes->node, room * sizeof(TreeNode));
			nodes->vectors = repalloc_huge(nodes->vectors, room * nodes->dim * sizeof(float));
		}
		nodes->room = (uint32) room;
	}
	memset(&nodes->node[nodes->n], 0, sizeof(TreeNode));
	nodes->node[nodes->n].row = nodes->n;
	return &nodes->node[nodes->n++];
}

static void
read_row(TreeNodes *nodes, HeapTuple tuple, TupleDesc desc)
{
	TreeNode *node = add_node(nodes);
	float *x = nodes->vectors + (Size) node->row * nodes->dim;
	VcvView view;
	Datum value;
	bool isnull;

	value = SPI_getbinval(tuple, desc, 1, &isnull);
	if (isnull)
		refuse("id could not be NULL");
	node->id = DatumGetInt32(value);
	value = SPI_getbinval(tuple, desc, 2, &isnull);
	node->has_parent = !isnull;
	if (!isnull)
		node->parent = DatumGetInt32(value);
	value = SPI_getbinval(tuple, desc, 3, &isnull);
	if (isnull)
		refuse("vector could not be NULL");
	vcv_read(VCV_VECTOR, value, &view);
	if (view.dim != nodes->dim)
		refuse("incorrect dimension, id = %d", node->id);
	vcv_to_f32(&view, x);
	rq_check_length(x, nodes->dim);
	vcv_rotate(x, nodes->dim, x);
}

static void
check_columns(TupleDesc desc)
{
	for (int i = 1; i <= 2; i++)
		if (SPI_gettypeid(desc, i) != INT4OID)
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("external build: column \"%s\" must be of type integer",
								   SPI_fname(desc, i))));
}

static void
read_table(RqBuild *build, TreeNodes *nodes)
{
	char *query = make_query(build);
	bool own_snapshot = !ActiveSnapshotSet();
	MemoryContext rows;
	Portal portal;
	SPIPlanPtr plan;

	if (own_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	check_columns(portal->tupDesc);
	/* for detoasted values */
	rows = AllocSetContextCreate(CurrentMemoryContext, "vchordrq rows", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		MemoryContext old;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(rows);
		for (uint64 i = 0; i < SPI_processed; i++)
			read_row(nodes, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	if (own_snapshot)
		PopActiveSnapshot();
}

/*----- tree -----*/

static int
node_cmp(const void *a, const void *b)
{
	int32 x = ((const TreeNode *) a)->id;
	int32 y = ((const TreeNode *) b)->id;

	return (x > y) - (x < y);
}

static uint32
find_node(const TreeNodes *nodes, int32 id)
{
	TreeNode key = {.id = id};
	const TreeNode *found =
		nodes->n == 0 ? NULL : bsearch(&key, nodes->node, nodes->n, sizeof(TreeNode), node_cmp);

	return found == NULL ? NO_NODE : (uint32) (found - nodes->node);
}

/* Sort by id, find parents, string children together in id order.  Returns the root or NO_NODE. */
static uint32
link_nodes(TreeNodes *nodes)
{
	uint32 root = NO_NODE;
	bool edges = false;

	if (nodes->n > 1)
		qsort(nodes->node, nodes->n, sizeof(TreeNode), node_cmp);
	for (uint32 i = 0; i < nodes->n; i++)
	{
		if (i > 0 && nodes->node[i].id == nodes->node[i - 1].id)
			refuse("there are at least two lines have same id, id = %d", nodes->node[i].id);
		nodes->node[i].first = nodes->node[i].next = NO_NODE;
		edges |= nodes->node[i].has_parent;
	}
	/* backwards, so that the lists of children come out forwards */
	for (uint32 i = nodes->n; i-- > 0;)
	{
		TreeNode *node = &nodes->node[i];

		CHECK_FOR_INTERRUPTS();
		if (!node->has_parent)
		{
			if (edges && root != NO_NODE)
				refuse("two root, id = %d, id = %d", node->id, nodes->node[root].id);
			root = i;
			continue;
		}
		node->up = find_node(nodes, node->parent);
		if (node->up == NO_NODE)
			refuse("parent does not exist, id = %d, parent = %d", node->id, node->parent);
		node->next = nodes->node[node->up].first;
		nodes->node[node->up].first = i;
		nodes->node[node->up].children++;
	}
	if (root == NO_NODE)
		refuse("there are no root");
	if (!edges && nodes->n == 1)
		refuse("unexpected tree height, height = 1");
	return edges ? root : NO_NODE;
}

/* A level of the nodes at `at`, whose parents are the cells `parent` of the level above. */
static void
fill_level(RqBuild *build, const TreeNodes *nodes, RqBuildLevel *level, const uint32 *at,
		   const uint32 *parent, uint32 cells)
{
	uint32 dim = nodes->dim;
	MemoryContext context = build->context;

	if (cells > RQ_MAX_LISTS)
		refuse("a level has more than %d nodes", RQ_MAX_LISTS);
	level->cells = cells;
	level->centroids = MemoryContextAllocHuge(context, (Size) cells * dim * sizeof(float));
	level->stats = MemoryContextAllocHuge(context, cells * sizeof(RqListStats));
	memset(level->stats, 0, cells * sizeof(RqListStats));
	if (parent != NULL)
	{
		level->parent = MemoryContextAllocHuge(context, cells * sizeof(uint32));
		memcpy(level->parent, parent, cells * sizeof(uint32));
	}
	for (uint32 i = 0; i < cells; i++)
		memcpy(level->centroids + (Size) i * dim,
			   nodes->vectors + (Size) nodes->node[at[i]].row * dim, dim * sizeof(float));
}

/*
 * The nodes below those at `at`: fills child numbers of `above`, returns the number of children.  All
 * nodes of a level have children or none has.
 */
static uint32
step_down(RqBuild *build, const TreeNodes *nodes, RqBuildLevel *above, const uint32 *at,
		  uint32 *ret_at, uint32 *ret_parent)
{
	bool leaves = nodes->node[at[0]].children == 0;
	uint32 n = 0;

	if (!leaves)
	{
		above->child_first = MemoryContextAllocHuge(build->context, above->cells * sizeof(uint32));
		above->child_count = MemoryContextAllocHuge(build->context, above->cells * sizeof(uint32));
	}
	for (uint32 i = 0; i < above->cells; i++)
	{
		const TreeNode *node = &nodes->node[at[i]];

		CHECK_FOR_INTERRUPTS();
		if ((node->children == 0) != leaves)
			refuse("two heights, id = %d", node->id);
		if (leaves)
			continue;
		above->child_first[i] = n;
		above->child_count[i] = node->children;
		for (uint32 child = node->first; child != NO_NODE; child = nodes->node[child].next)
		{
			ret_at[n] = child;
			ret_parent[n++] = i;
		}
	}
	return n;
}

/* root = mean of all nodes, which are its children */
static void
fill_flat(RqBuild *build, const TreeNodes *nodes)
{
	RqBuildLevel *root = &build->level[0];
	uint32 *at = MemoryContextAllocHuge(nodes->context, nodes->n * sizeof(uint32));
	uint32 *parent = MemoryContextAllocHuge(nodes->context, nodes->n * sizeof(uint32));

	for (uint32 i = 0; i < nodes->n; i++)
	{
		at[i] = i;
		parent[i] = 0;
	}
	fill_level(build, nodes, &build->level[1], at, parent, nodes->n);
	fill_level(build, nodes, root, at, NULL, 1);
	memset(root->centroids, 0, nodes->dim * sizeof(float));
	for (uint32 i = 0; i < nodes->n; i++)
		vcs_vector_ops.axpy_f32(root->centroids, 1.0f / (float) nodes->n,
								nodes->vectors + (Size) i * nodes->dim, nodes->dim);
	root->child_first = MemoryContextAllocZero(build->context, sizeof(uint32));
	root->child_count = MemoryContextAlloc(build->context, sizeof(uint32));
	root->child_count[0] = nodes->n;
}

/* Levels from the root down.  Returns their number, the root not counted. */
static uint32
fill_levels(RqBuild *build, const TreeNodes *nodes, uint32 root)
{
	uint32 *at = MemoryContextAllocHuge(nodes->context, nodes->n * sizeof(uint32));
	uint32 *below = MemoryContextAllocHuge(nodes->context, nodes->n * sizeof(uint32));
	uint32 *parent = MemoryContextAllocHuge(nodes->context, nodes->n * sizeof(uint32));
	uint32 reached = 1;
	uint32 level = 0;
	uint32 n;

	at[0] = root;
	fill_level(build, nodes, &build->level[0], at, NULL, 1);
	while ((n = step_down(build, nodes, &build->level[level], at, below, parent)) > 0)
	{
		uint32 *swap = at;

		if (++level > RQ_MAX_LEVELS)
			refuse("unexpected tree height, height = %u", level + 1);
		fill_level(build, nodes, &build->level[level], below, parent, n);
		at = below;
		below = swap;
		reached += n;
	}
	/* a node has one parent, so what the root does not reach hangs on a cycle */
	if (reached < nodes->n)
	{
		uint32 slow = NO_NODE;

		for (uint32 i = 0; i < nodes->n && slow == NO_NODE; i++)
		{
			uint32 up = i;

			for (uint32 steps = 0; steps <= nodes->n && nodes->node[up].has_parent; steps++)
				up = nodes->node[up].up;
			if (nodes->node[up].has_parent)
				slow = up;
		}
		refuse("detect a cycle, id = %d", nodes->node[slow].id);
	}
	return level;
}

uint32
rq_read_tree(RqBuild *build)
{
	TreeNodes nodes = {.context = CurrentMemoryContext, .dim = build->meta.geo.dim};
	uint32 root;

	read_table(build, &nodes);
	root = link_nodes(&nodes);
	if (root == NO_NODE)
	{
		fill_flat(build, &nodes);
		return 1;
	}
	return fill_levels(build, &nodes, root);
}
