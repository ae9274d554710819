/*
 * child: the endpoint over a command that a spawner runs: its standard output is read for the peer, what the
 * peer sends goes to its standard input.
 *
 * end closes its input, abort kills it without ever doing so. Its status is what a shell would show: 128+n for
 * signal n, 126 and 127 for what cannot be run or is not there. Its output ends where it is closed, or, when the
 * command has ended and something that it started still holds it, a second later.
 */
#ifndef CHILD_H
#define CHILD_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "conn.h"
#include "endpoint.h"
#include "spawner.h"

enum child_state {
	CHILD_NONE = 0,
	CHILD_STARTING,
	CHILD_RUNNING, /* the endpoint can be used */
	CHILD_ENDED,
};

struct child {
	struct endpoint ep;
	struct spawn spawn;
	enum child_state state;
	int status; /* once it has ended */
	int signal; /* that ended it, or 0 */
	int failed; /* an errno: it could not even be started */
	struct ev_loop *loop;
	ev_timer patience; /* with those who hold its output although it has ended */
	bool over;	   /* no more of that */
	size_t left;	   /* bytes that may still be read then */
	void (*changed)(struct child *c, void *owner);
	void *owner;
};

/* Run the spawner's command, or ${line}, for the client behind ${conn}, whose label is ${label}. ${changed} is called
 * when it runs, when it has ended, and when its output has an end after all; not from here. 0 or -1. */
int child_start(struct child *c, struct spawner *sp, const char *line, const struct conn *conn, const char *label,
    void (*changed)(struct child *, void *), void *owner, struct error *e);

/* Kill it, if that is still possible. */
void child_abort(struct child *c);

/* Close what is open; if it lives, it is killed. */
void child_free(struct child *c);

/* ---- child_environment.c ---- */

#define CHILD_ENVIRONMENT_MAX 8192

/* The VTOOLS_ variables about that client, each with a NUL; how long that is. */
size_t child_environment(char out[CHILD_ENVIRONMENT_MAX], const struct conn *conn, const char *label);

#endif
