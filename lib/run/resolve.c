#include "resolve.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

/* Shared with the thread that looks up; the last of the two that leaves frees it. */
struct resolve_query {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	int users;
	bool done;
	bool passive;
	char host[ADDRESS_HOSTMAX];
	char service[8];
	struct addrinfo hints;
	struct addrinfo *result;
	int rc, why; /* why: errno of the look-up, which may have been another thread's */
};

static void release(struct resolve_query *q)
{
	pthread_mutex_lock(&q->lock);
	bool last = --q->users == 0;
	pthread_mutex_unlock(&q->lock);

	if (!last)
		return;
	if (q->result)
		freeaddrinfo(q->result);
	pthread_cond_destroy(&q->ready);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static void look_up(struct resolve_query *q)
{
	q->rc = getaddrinfo(q->passive ? NULL : q->host, q->service, &q->hints, &q->result);
	q->why = errno;
	if (q->rc != 0)
		q->result = NULL;
}

static void *look_up_thread(void *arg)
{
	struct resolve_query *q = arg;

	look_up(q);
	pthread_mutex_lock(&q->lock);
	q->done = true;
	pthread_cond_signal(&q->ready);
	pthread_mutex_unlock(&q->lock);
	release(q);
	return NULL;
}

static struct resolve_query *make_query(const char *host, uint16_t port, const struct socket_options *o)
{
	struct resolve_query *q = calloc(1, sizeof *q);
	pthread_condattr_t attr;

	if (!q)
		return NULL;
	q->users = 1;
	q->passive = !host;
	if (host)
		snprintf(q->host, sizeof q->host, "%s", host);
	snprintf(q->service, sizeof q->service, "%u", port);
	q->hints.ai_family = o->family;
	q->hints.ai_socktype = SOCK_STREAM;
	q->hints.ai_flags = AI_NUMERICSERV | (host ? 0 : AI_PASSIVE) | (o->numeric ? AI_NUMERICHOST : 0);
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->ready, &attr);
	pthread_condattr_destroy(&attr);
	return q;
}

static bool wait_slice(struct resolve_query *q, int64_t end)
{
	struct timespec until = {.tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000};
	int rc = 0;
	bool done;

	pthread_mutex_lock(&q->lock);
	while (!q->done && rc == 0)
		rc = pthread_cond_timedwait(&q->ready, &q->lock, &until);
	done = q->done;
	pthread_mutex_unlock(&q->lock);
	return done;
}

/* 0 when there is an answer, or -1. */
static int wait_for(struct resolve_query *q, int64_t deadline, const struct socket_options *o, struct error *e)
{
	for (;;) {
		int64_t now = clock_ms(), slice = now + SOCKET_SLICE_MS;

		if (wait_slice(q, deadline >= 0 && deadline < slice ? deadline : slice))
			return 0;
		if (o->interrupted && o->interrupted(o->owner))
			return error_set(e, ERROR_TRUNCATED, BLAME_LOCAL, "interrupted");
		if (deadline >= 0 && clock_ms() >= deadline)
			return error_set(e, ERROR_TIMEOUT, BLAME_PEER, "timeout: no answer about the name '%s'", q->host);
	}
}

/* Names need the network and so a thread with a deadline; numbers do not. */
static int ask(struct resolve_query *q, int64_t deadline, const struct socket_options *o, struct error *e)
{
	int wanted = q->hints.ai_flags;
	pthread_t thread;

	q->hints.ai_flags |= AI_NUMERICHOST;
	look_up(q);
	if (q->rc == 0 || q->passive || (wanted & AI_NUMERICHOST))
		return 0;
	q->hints.ai_flags = wanted;
	q->users = 2;
	if (pthread_create(&thread, NULL, look_up_thread, q) != 0) {
		q->users = 1;
		look_up(q);
		return 0;
	}
	pthread_detach(thread);
	return wait_for(q, deadline, o, e);
}

/* What it found; or NULL with ${e} set. */
static struct addrinfo *take(struct resolve_query *q, struct error *e)
{
	struct addrinfo *found = q->result;

	q->result = NULL;
	if (q->rc == 0)
		return found;
	error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot resolve '%s': %s", q->passive ? "*" : q->host,
	    q->rc == EAI_SYSTEM ? strerror(q->why) : gai_strerror(q->rc));
	return NULL;
}

struct addrinfo *resolve(const char *host, uint16_t port, const struct socket_options *o,
    int64_t deadline, struct error *e)
{
	struct resolve_query *q = make_query(host, port, o);
	struct addrinfo *found;

	if (!q) {
		error_set(e, ERROR_NETWORK, BLAME_LOCAL, "out of memory");
		return NULL;
	}
	found = ask(q, deadline, o, e) < 0 ? NULL : take(q, e);
	release(q);
	return found;
}

/* ---- without waiting ---- */

struct resolve_query *resolve_begin(const char *host, uint16_t port, const struct socket_options *o)
{
	struct resolve_query *q = make_query(host, port, o);
	pthread_t thread;

	if (!q)
		return NULL;
	q->users = 2;
	if (pthread_create(&thread, NULL, look_up_thread, q) != 0) {
		q->users = 1;
		release(q);
		return NULL;
	}
	pthread_detach(thread);
	return q;
}

bool resolve_done(struct resolve_query *q)
{
	bool done;

	pthread_mutex_lock(&q->lock);
	done = q->done;
	pthread_mutex_unlock(&q->lock);
	return done;
}

struct addrinfo *resolve_end(struct resolve_query *q, struct error *e)
{
	struct addrinfo *found = NULL;

	if (resolve_done(q))
		found = take(q, e);
	else
		error_set(e, ERROR_TIMEOUT, BLAME_PEER, "timeout: no answer about the name '%s'", q->host);
	release(q);
	return found;
}
