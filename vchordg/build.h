/*
 * vchordg/build.h
 *		What the files of the index build share.
 *
 *	build.c			callbacks, order of phases, the table scan
 *	graph.c			the graph in memory
 *	build_write.c	memory -> pages
 */
#ifndef VCHORDG_BUILD_H
#define VCHORDG_BUILD_H

#include "nodes/execnodes.h"
#include "storage/buffile.h"

#include "vchordg/am.h"
#include "vchordg/code.h"
#include "vchordg/graph.h"

/* phases of pg_stat_progress_create_index, in the order of build.c's table */
typedef enum VgBuildPhase
{
	VG_PHASE_INITIALIZING,
	VG_PHASE_READING,
	VG_PHASE_GRAPH,
	VG_PHASE_WRITING,
	VG_PHASE_INSERTING
} VgBuildPhase;

/* a further row of a vertex */
typedef struct VgBuildTwin
{
	uint32 vertex;
	ItemPointerData tid;
} VgBuildTwin;

typedef struct VgBuild
{
	Relation heap;
	Relation index;
	IndexInfo *info;
	MemoryContext context;
	VgMeta meta; /* disk and geo; centre when all rows were read */
	uint32 threads;
	Size limit; /* bytes that may be used */
	VgEncoder *encoder;

	/* vertices, by number */
	uint32 n;
	uint32 room;
	ItemPointerData *tids;
	char *rows8;    /* [n] 8-bit rows, for the graph */
	uint64 *labels; /* signatures, with labels */
	struct VgLabelBuild *label_build;
	bool labels_inexact;   /* some bit may be of several labels */
	char *codes;           /* [n] code_bytes, made when the centre is known */
	double *sum;           /* [dim] of rotated vectors */
	struct HTAB *twins_of; /* vector -> vertex */
	VgBuildTwin *twins;
	uint32 ntwins;
	uint32 twin_room;

	/* their vectors, in the order of numbers: in memory or in a file */
	char *vectors;
	BufFile *spool;

	VgGraph graph;
	VgInserter *inserter; /* once the memory is used up */
	double heap_tuples;
	double index_tuples;
} VgBuild;

/* vector number i, valid until the next call */
extern const char *vg_build_vector(VgBuild *build, uint32 i, char *buffer);

/*
 * All pages of the index from what is in memory, but for labels.  Returns [n] places of vertices in the order of the
 * graph, palloc'd; vg_build_ref makes references of them.
 */
extern uint32 *vg_build_write(VgBuild *build);
extern VgRef vg_build_ref(const VgBuild *build, uint32 position);

#endif
