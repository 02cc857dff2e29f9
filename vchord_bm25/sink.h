/*
 * vchord_bm25/sink.h
 *		What the two sinks have in common.
 */
#ifndef VCHORD_BM25_SINK_H
#define VCHORD_BM25_SINK_H

#include "core/page.h"

#include "vchord_bm25/format.h"

/* The body of the state page of a segment without dead documents. */
static inline void
bm25_state_compose(const Bm25HeaderDisk *header, char *page)
{
	Bm25StateDisk *state = (Bm25StateDisk *) vc_page_body(page);

	memset(state, 0, sizeof(*state));
	state->bits_root = InvalidBlockNumber;
	state->dead_root = InvalidBlockNumber;
	memcpy(state->live_docs, header->field_docs, sizeof(state->live_docs));
	memcpy(state->live_length, header->field_length, sizeof(state->live_length));
	vc_page_set_used(page, sizeof(*state));
}

#endif
