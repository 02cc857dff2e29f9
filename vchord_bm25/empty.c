/*
 * vchord_bm25/empty.c
 *		The init fork of an unlogged index: a metapage that names no segment and no growing documents.
 *
 * The first insert after a crash makes the growing area, as it does after every seal.
 */
#include "postgres.h"

#include "core/page_writer.h"

#include "vchord_bm25/am.h"
#include "vchord_bm25/meta.h"

void
bm25_ambuildempty(Relation index)
{
	char *page = palloc0(BLCKSZ);
	Bm25MetaDisk meta;

	bm25_meta_init(index, &meta);
	bm25_meta_compose(&meta, page);
	vc_init_fork_append(index, page);
	pfree(page);
}
