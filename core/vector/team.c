/*
 * core/vector/team.c
 *		Threads for pure computation inside a backend; team.h states the rules.
 *
 * Items are handed out by an atomic counter, so the assignment of items to workers is arbitrary:
 * whoever wants results that do not depend on it lets each item write its own place.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "core/vector/team.h"

#define STACK_BYTES (512 * 1024)
/* how often items that run in the caller's thread poll */
#define INLINE_POLL_NS (20 * 1000 * 1000)


static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* caller's thread only, lock not held */
static void
poll_caller(VcvTeam *team)
{
	const uint32_t finished = __atomic_load_n(&team->finished, __ATOMIC_RELAXED);
	double share = team->items == 0 ? 1 : (double) finished / team->items;
	int percent = (int) (100 * (team->from + (team->to - team->from) * share));

	team->polled = now_ns();
	if (team->poll == NULL)
		return;
	if (percent > team->percent)
		team->percent = percent > 100 ? 100 : percent;
	if (team->poll(team->poll_arg, team->percent))
		__atomic_store_n(&team->cancelled, true, __ATOMIC_RELAXED);
}

bool
vcv_team_stopping(VcvTeam *team)
{
	if (team->threads == 0 && now_ns() - team->polled > INLINE_POLL_NS)
		poll_caller(team);
	return __atomic_load_n(&team->cancelled, __ATOMIC_RELAXED);
}

static void
work(VcvTeam *team, uint32_t worker)
{
	for (;;)
	{
		uint32_t item;

		if (vcv_team_stopping(team))
			return;
		item = __atomic_fetch_add(&team->next, 1, __ATOMIC_RELAXED);
		if (item >= team->items)
			return;
		team->fn(team->arg, item, worker);
		__atomic_fetch_add(&team->finished, 1, __ATOMIC_RELAXED);
	}
}

static void *
thread_main(void *arg)
{
	VcvTeam *team = arg;
	uint64_t seen = 0;
	uint32_t number;

	pthread_mutex_lock(&team->lock);
	number = team->busy++; /* vcv_team_begin waits for us */
	pthread_cond_signal(&team->done);
	for (;;)
	{
		while (!team->quit && team->loop == seen)
			pthread_cond_wait(&team->wake, &team->lock);
		if (team->quit)
			break;
		seen = team->loop;
		pthread_mutex_unlock(&team->lock);
		work(team, number);
		pthread_mutex_lock(&team->lock);
		if (--team->busy == 0)
			pthread_cond_signal(&team->done);
	}
	pthread_mutex_unlock(&team->lock);
	return NULL;
}

void
vcv_team_begin(VcvTeam *team, uint32_t threads, bool (*poll)(void *, int), void *poll_arg)
{
	pthread_attr_t attr;
	pthread_condattr_t cond;
	sigset_t all;
	sigset_t before;

	memset(team, 0, sizeof(*team));
	team->poll = poll;
	team->poll_arg = poll_arg;
	team->polled = now_ns();
	if (threads <= 1)
		return;
	if (threads > VCV_TEAM_MAX_THREADS)
		threads = VCV_TEAM_MAX_THREADS;

	pthread_mutex_init(&team->lock, NULL);
	pthread_condattr_init(&cond);
	pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
	pthread_cond_init(&team->wake, &cond);
	pthread_cond_init(&team->done, &cond);
	pthread_condattr_destroy(&cond);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);

	/* new threads inherit the mask, so handlers of the backend run in its own thread only */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (team->threads < threads &&
		   pthread_create(&team->ids[team->threads], &attr, thread_main, team) == 0)
		team->threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);

	/* each takes its number */
	pthread_mutex_lock(&team->lock);
	while (team->busy < team->threads)
		pthread_cond_wait(&team->done, &team->lock);
	team->busy = 0;
	pthread_mutex_unlock(&team->lock);
	if (team->threads == 0)
	{
		pthread_cond_destroy(&team->done);
		pthread_cond_destroy(&team->wake);
		pthread_mutex_destroy(&team->lock);
	}
}

/* until all workers have left the loop */
static void
wait_workers(VcvTeam *team)
{
	pthread_mutex_lock(&team->lock);
	while (team->busy > 0)
	{
		struct timespec until;
		int64_t t = now_ns() + (int64_t) VCV_TEAM_POLL_MS * 1000000;

		until.tv_sec = t / 1000000000;
		until.tv_nsec = t % 1000000000;
		if (pthread_cond_timedwait(&team->done, &team->lock, &until) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&team->lock);
		poll_caller(team);
		pthread_mutex_lock(&team->lock);
	}
	pthread_mutex_unlock(&team->lock);
}

bool
vcv_team_run(VcvTeam *team, VcvTeamItem fn, void *arg, uint32_t items, double from, double to)
{
	team->fn = fn;
	team->arg = arg;
	team->items = items;
	team->next = 0;
	team->finished = 0;
	team->from = from;
	team->to = to;
	if (team->threads == 0)
		work(team, 0);
	else
	{
		pthread_mutex_lock(&team->lock);
		team->loop++;
		team->busy = team->threads;
		pthread_cond_broadcast(&team->wake);
		pthread_mutex_unlock(&team->lock);
		wait_workers(team);
	}
	if (now_ns() - team->polled > INLINE_POLL_NS)
		poll_caller(team);
	return !__atomic_load_n(&team->cancelled, __ATOMIC_RELAXED);
}

void
vcv_team_end(VcvTeam *team)
{
	if (team->threads == 0)
		return;
	pthread_mutex_lock(&team->lock);
	team->quit = true;
	pthread_cond_broadcast(&team->wake);
	pthread_mutex_unlock(&team->lock);
	for (uint32_t i = 0; i < team->threads; i++)
		pthread_join(team->ids[i], NULL);
	pthread_cond_destroy(&team->done);
	pthread_cond_destroy(&team->wake);
	pthread_mutex_destroy(&team->lock);
}
