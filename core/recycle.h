/*
 * core/recycle.h
 *		Freeing and reusing pages: tombstones, runs, the free space map, standby conflicts.
 *
 * One rule for all access methods.  A page that left the index's structure becomes a tombstone: its
 * content stays, it is stamped with the next transaction id, and it is reused only when every
 * snapshot that could have led a reader to it is gone (GlobalVisCheckRemovableFullXid), on standbys
 * by way of a conflict record.  Readers without such a snapshot (VACUUM) are covered by owner and
 * incarnation.
 *
 * Free space map: the category of a block is the length of the free run that starts there, at most
 * VC_RUN_MAX; the map is a hint (not logged, lost or stale after a crash) and every page is
 * verified before it is given out.  What VACUUM must do: vc_recycle_vacuum() at its end.
 *
 * Locks: allocation holds the relation extension lock and looks at candidates under conditional
 * content locks, so that one page may be allocated with content locks held; a run of several pages is
 * then locked for good, so its caller holds none.  Freeing locks the freed pages exclusively, up to
 * four at a time in ascending order; its caller holds no lock.
 *
 * Crash: pages change state in records of one to four.  A crash between allocation and linking
 * leaves pages of the new kind that nothing points to: lost space, never a wrong answer; a crash
 * inside a free leaves pages unreachable and not yet tombstones: freeing again is harmless.
 */
#ifndef VC_CORE_RECYCLE_H
#define VC_CORE_RECYCLE_H

#include "core/compat.h"

#define VC_RUN_MAX 254 /* longest run that the free space map can express */

/*
 * Frees n blocks from first on, which no page of the index refers to any more (the unlinking change
 * is committed).  Pages that are not (or no longer) of this owner and incarnation are skipped, so a
 * free may be repeated after a crash.  Returns the number of pages that are tombstones of this
 * owner now. n may exceed VC_RUN_MAX.
 */
extern uint32 vc_recycle_free_run(Relation rel, BlockNumber first, uint32 n, uint32 owner,
								  uint32 incarnation);

/*
 * n contiguous pages (n >= 1), all initialised empty and committed with kind, owner and
 * incarnation: reused if n <= VC_RUN_MAX and a run of reusable tombstones is found, else new.
 * Returns the first block.  heap: the index's table for the right visibility horizon, or NULL (then
 * the most cautious horizon is used).
 */
extern BlockNumber vc_recycle_alloc_run(Relation rel, Relation heap, uint32 n, uint16 kind,
										uint32 owner, uint32 incarnation);

/*
 * One reusable page, locked exclusively and registered nowhere, its content still the tombstone's;
 * or InvalidBuffer if there is none.  The conflict record has been written.  For core/xlog.
 */
extern Buffer vc_recycle_take_buffer(Relation rel, Relation heap);

/*
 * Looks at n blocks from first on and enters every run of tombstones and of never-written pages
 * into the map.  Returns the number of free pages seen.  Read-only for pages.  strategy may be
 * NULL.
 */
extern uint32 vc_recycle_sweep(Relation rel, BlockNumber first, uint32 n,
							   BufferAccessStrategy strategy);

/*
 * Enters blocks that this caller just extended and left unwritten.
 */
extern void vc_recycle_register(Relation rel, BlockNumber first, uint32 n);

/*
 * The part of a relation, n blocks from first on, that one VACUUM looks at page by page: all of a small one, a
 * random stretch of a large one.
 */
extern void vc_recycle_part(Relation rel, BlockNumber *ret_first, BlockNumber *ret_n);

/*
 * At the end of VACUUM: looks at a part of the relation for tombstones that the map has lost, and makes
 * all map entries findable.  strategy may be NULL.
 */
extern void vc_recycle_vacuum(Relation rel, BufferAccessStrategy strategy);

#endif
