/*
 * core/vector/team.h
 *		A few threads that compute the items of one loop after another, for k-means.
 *
 * Rules, because a PostgreSQL backend is not a threaded program: threads run only the loop bodies,
 * which touch memory prepared by the caller and call nothing of PostgreSQL; they are created with all
 * signals blocked, after the fork, and are gone when vcv_team_end() returns; the caller's thread
 * waits in slices of at most VCV_TEAM_POLL_MS, calling poll, and must not leave by longjmp.
 */
#ifndef VC_CORE_VECTOR_TEAM_H
#define VC_CORE_VECTOR_TEAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define VCV_TEAM_POLL_MS     50
#define VCV_TEAM_MAX_THREADS 255

/* one item of a loop; worker is 0 .. threads - 1, for scratch memory */
typedef void (*VcvTeamItem)(void *arg, uint32_t item, uint32_t worker);

typedef struct VcvTeam
{
	uint32_t threads; /* running workers; 0: items run in the caller's thread as worker 0 */
	bool (*poll)(void *arg, int percent);
	void *poll_arg;

	pthread_t ids[VCV_TEAM_MAX_THREADS];
	pthread_mutex_t lock;
	pthread_cond_t wake; /* to workers: a new loop, or the end */
	pthread_cond_t done; /* to the caller: all workers have finished the loop */
	uint64_t loop;       /* number of the current loop (lock) */
	uint32_t busy;       /* workers still in it (lock) */
	bool quit;           /* (lock) */

	VcvTeamItem fn;
	void *arg;
	uint32_t items;
	uint32_t next;     /* first item nobody took (atomic) */
	uint32_t finished; /* items done (atomic) */
	bool cancelled;    /* (atomic) */

	double from; /* progress of the current loop: from .. to, of 1 */
	double to;
	int percent;    /* last one told */
	int64_t polled; /* when, in nanoseconds */
} VcvTeam;

/*
 * Start up to `threads` threads (fewer if the system refuses; none for threads <= 1).  Each has the
 * stack that items may use: 512 kB.
 */
extern void vcv_team_begin(VcvTeam *team, uint32_t threads, bool (*poll)(void *, int),
						   void *poll_arg);

/*
 * fn for items 0 .. items - 1 in any order; from .. to is the share of all work that this loop is.
 * False if cancelled (then some items were not run).
 */
extern bool vcv_team_run(VcvTeam *team, VcvTeamItem fn, void *arg, uint32_t items, double from,
						 double to);

/* for long items: true = return at once.  Cheap in threads; polls when items run in the caller. */
extern bool vcv_team_stopping(VcvTeam *team);

/* join */
extern void vcv_team_end(VcvTeam *team);

#endif
