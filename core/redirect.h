/*
 * core/redirect.h
 *		Values too large for an item: written into a chain of continuation pages.
 *
 * The item on the caller's page is a VcRedirectDisk with state VC_ITEM_REDIRECT.  Continuation
 *pages have a kind of the access method's, the owner and incarnation given at writing, raw bodies
 *that hold the value in order, and `next` links.  The chain is complete on disk before the caller
 *stores the item that points to it; a crash before that loses the pages, nothing else.
 */
#ifndef VC_CORE_REDIRECT_H
#define VC_CORE_REDIRECT_H

#include "core/buf.h"
#include "core/page.h"

/*
 * Writes len (>= 1) bytes into new continuation pages.  No lock held by the caller.
 */
extern void vc_redirect_write(Relation rel, Relation heap, uint16 kind, uint32 owner,
							  uint32 incarnation, const void *data, uint64 len,
							  VcRedirectDisk *ret_redirect);

/*
 * The redirect item in `item` (state VC_ITEM_REDIRECT) copied out; vc_corrupt() if its form is
 * wrong or its length is above max_len.
 */
extern VcRedirectDisk vc_redirect_get(Relation rel, BlockNumber blkno, VcSpan item, uint64 max_len);

/*
 * Reads the whole value into dst (redirect->length bytes).  False if the chain was recycled
 * meanwhile (owner or incarnation differ): read the item again.  vc_corrupt() on a broken chain.
 * The caller may hold the page of the item share-locked.
 */
extern bool vc_redirect_read(Relation rel, VcReadCache *cache, uint16 kind,
							 const VcRedirectDisk *redirect, void *dst);

/* Frees the chain, after the item is gone.  No lock held by the caller. */
extern void vc_redirect_free(Relation rel, uint16 kind, const VcRedirectDisk *redirect);

#endif
