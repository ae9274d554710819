/*
 * workers: threads that do the public-key work of handshakes, and nothing else.
 *
 * The loop's thread gives them a message and all that it takes to answer it (struct session_work, a copy of its own),
 * and gets it back in the loop. Everything else - sessions, sockets, lists, limits - is the loop's alone. So is
 * every function here.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <ev.h>
#include <stdbool.h>

#include "proto/session.h"

#define WORKERS_MAX 64

struct workers;
struct workers_job;

/* Take it back into its session. Called in the loop; afterwards the job is gone. */
typedef void workers_back(struct session_work *work, void *owner);

/* ${count} of them, not running yet. ${relieved} is called when some of what was given is done, forgotten or not.
 * NULL with ${e} set. */
struct workers *workers_new(struct ev_loop *loop, int count, workers_back *back, void (*relieved)(void *owner), void *owner,
    struct error *e);

/* Start the threads; returns when all of them run. They get no signals. 0 or -1. */
int workers_start(struct workers *w, struct error *e) __attribute__((warn_unused_result));

/* A session at SESSION_HEAVY: have that done, and then back() called with ${owner}. NULL: no memory, nothing happened. */
struct workers_job *workers_give(struct workers *w, struct session *s, void *owner);

/* The owner is gone, or wants it no more: what was not begun will not be, and back() is not called. */
void workers_forget(struct workers_job *job);

/* Is as much given as they can do in a while? (It is for the caller not to take in more.) */
bool workers_full(const struct workers *w);

/* Is nothing of what was given still in use, even if forgotten? */
bool workers_idle(const struct workers *w);

/* End the threads. What they have not done stays as it is, and nothing is given back any more. NULL is fine. */
void workers_stop(struct workers *w);
/* The same, wipe what is left of jobs, and release all: no owner may refer to one later. NULL is fine. */
void workers_free(struct workers *w);

/* How many threads "auto" is: one for each processor that this process may use. */
int workers_auto(void);

#endif
