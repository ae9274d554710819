#include "workers.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Their libraries take some kilobytes of it. */
#define STACK_BYTES (256u * 1024)
/* Given to each at a time: a millisecond of work or two, so that one is never without, and the rest waits in the kernel. */
#define SHARE 8

enum job_state {
	JOB_QUEUED,
	JOB_TAKEN, /* by a thread */
	JOB_DONE,
};

struct workers_job {
	struct workers *workers;
	struct workers_job *prev, *next;
	enum job_state state; /* and place in a list: under the lock */
	void *owner;	      /* the loop's; NULL: forgotten */
	struct session_work work;
};

struct list {
	struct workers_job *first, *last;
};

struct workers {
	struct ev_loop *loop;
	ev_async finished;
	workers_back *back;
	void (*relieved)(void *owner);
	void *owner;
	int jobs; /* that exist; the loop's */
	int count, started;
	pthread_mutex_t lock;
	pthread_cond_t more, ready;
	/* under the lock */
	struct list queue, done;
	int running, asleep; /* asleep: who was not called yet (or more, when the system wakes one by itself) */
	bool quit;
	pthread_t threads[];
};

/* ---- lists ---- */

static void append(struct list *l, struct workers_job *job)
{
	job->prev = l->last;
	job->next = NULL;
	if (l->last)
		l->last->next = job;
	else
		l->first = job;
	l->last = job;
}

static void take_out(struct list *l, struct workers_job *job)
{
	if (job->prev)
		job->prev->next = job->next;
	else
		l->first = job->next;
	if (job->next)
		job->next->prev = job->prev;
	else
		l->last = job->prev;
}

/* ---- the threads ---- */

/* The next one, or NULL: it is time to end. With the lock. */
static struct workers_job *next_job(struct workers *w)
{
	struct workers_job *job;

	while (!w->quit && !w->queue.first) {
		w->asleep++;
		pthread_cond_wait(&w->more, &w->lock);
	}
	if (w->quit)
		return NULL;
	job = w->queue.first;
	take_out(&w->queue, job);
	job->state = JOB_TAKEN;
	return job;
}

static void *work(void *owner)
{
	struct workers *w = owner;
	struct workers_job *job;

	pthread_mutex_lock(&w->lock);
	w->running++;
	pthread_cond_signal(&w->ready);
	while ((job = next_job(w)) != NULL) {
		pthread_mutex_unlock(&w->lock);
		session_work_do(&job->work);
		pthread_mutex_lock(&w->lock);
		job->state = JOB_DONE;
		append(&w->done, job);
		pthread_mutex_unlock(&w->lock);
		/* (This wakes the loop once, however often it is said.) */
		ev_async_send(w->loop, &w->finished);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- the loop ---- */

static void free_job(struct workers_job *job)
{
	job->workers->jobs--;
	free(job);
}

static void on_finished(struct ev_loop *loop, ev_async *a, int events)
{
	struct workers *w = a->data;
	struct workers_job *job, *next;

	(void)loop;
	(void)events;
	pthread_mutex_lock(&w->lock);
	job = w->done.first;
	w->done = (struct list){NULL, NULL};
	pthread_mutex_unlock(&w->lock);
	/* (Whoever ends meanwhile may forget one of those behind; it stays in this list.) */
	for (; job; job = next) {
		next = job->next;
		if (job->owner)
			w->back(&job->work, job->owner);
		else
			session_work_drop(&job->work);
		free_job(job);
	}
	w->relieved(w->owner);
}

struct workers_job *workers_give(struct workers *w, struct session *s, void *owner)
{
	struct workers_job *job = malloc(sizeof *job);
	bool wake;

	if (!job)
		return NULL;
	job->workers = w;
	job->owner = owner;
	job->state = JOB_QUEUED;
	session_work_take(s, &job->work);
	w->jobs++;
	pthread_mutex_lock(&w->lock);
	append(&w->queue, job);
	wake = w->asleep > 0;
	if (wake)
		w->asleep--;
	pthread_mutex_unlock(&w->lock);
	if (wake)
		pthread_cond_signal(&w->more);
	return job;
}

void workers_forget(struct workers_job *job)
{
	struct workers *w;
	bool queued;

	if (!job)
		return;
	w = job->workers;
	job->owner = NULL;
	pthread_mutex_lock(&w->lock);
	queued = job->state == JOB_QUEUED;
	if (queued)
		take_out(&w->queue, job);
	pthread_mutex_unlock(&w->lock);
	if (!queued)
		return;
	session_work_drop(&job->work);
	free_job(job);
}

bool workers_full(const struct workers *w)
{
	return w->jobs >= SHARE * w->count;
}

bool workers_idle(const struct workers *w)
{
	return w->jobs == 0;
}

/* ---- life ---- */

int workers_auto(void)
{
	int n;
#ifdef CPU_COUNT
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
	else
#endif
		n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (n < 1)
		return 1;
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

struct workers *workers_new(struct ev_loop *loop, int count, workers_back *back, void (*relieved)(void *owner), void *owner,
    struct error *e)
{
	struct workers *w = calloc(1, sizeof *w + (size_t)count * sizeof w->threads[0]);

	if (!w) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
		return NULL;
	}
	w->loop = loop;
	w->count = count;
	w->back = back;
	w->relieved = relieved;
	w->owner = owner;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->ready, NULL);
	ev_async_init(&w->finished, on_finished);
	w->finished.data = w;
	ev_async_start(loop, &w->finished);
	return w;
}

static int start_one(struct workers *w)
{
	pthread_attr_t attr;
	int rc;

	pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(&w->threads[w->started], &attr, work, w);
	pthread_attr_destroy(&attr);
	w->started += rc == 0;
	return rc;
}

int workers_start(struct workers *w, struct error *e)
{
	sigset_t all, before;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (rc == 0 && w->started < w->count)
		rc = start_one(w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* What the C library does when a thread begins is not for the sandbox any more. */
	pthread_mutex_lock(&w->lock);
	while (w->running < w->started)
		pthread_cond_wait(&w->ready, &w->lock);
	pthread_mutex_unlock(&w->lock);
	if (rc != 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--workers: cannot start a thread: %s", strerror(rc));
	return 0;
}

static void drop_all(struct list *l)
{
	struct workers_job *next;

	for (struct workers_job *job = l->first; job; job = next) {
		next = job->next;
		session_work_drop(&job->work);
		free_job(job);
	}
}

void workers_stop(struct workers *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	while (w->started > 0)
		pthread_join(w->threads[--w->started], NULL);
	ev_async_stop(w->loop, &w->finished);
}

void workers_free(struct workers *w)
{
	if (!w)
		return;
	workers_stop(w);
	drop_all(&w->queue);
	drop_all(&w->done);
	pthread_cond_destroy(&w->more);
	pthread_cond_destroy(&w->ready);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
