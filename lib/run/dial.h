/*
 * dial: connect in the loop, without blocking it.
 *
 * A target is where to connect, looked up once and kept: a server that makes a connection for each of its
 * clients asks no name server for each, and needs none in its sandbox. If ${look_up_again}, the name is
 * asked for anew, in a thread, when none of its addresses can be reached; later calls use the answer.
 */
#ifndef DIAL_H
#define DIAL_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "address.h"
#include "resolve.h"
#include "socket.h"

#define DIAL_ADDRESSES 16

struct dial_place {
	struct sockaddr_storage address;
	socklen_t len;
};

/* Addresses that a name had at one time; whoever dials them holds on to them. */
struct dial_list {
	int users, count;
	struct dial_place places[DIAL_ADDRESSES];
};

struct dial_target {
	struct ev_loop *loop;
	struct address at;
	const struct socket_options *options;
	char name[ADDRESS_TEXTMAX]; /* for messages */
	struct dial_list *list;
	struct dial_place source[2]; /* to connect from: of IPv4, of IPv6; len 0 if there is none */
	bool look_up_again;
	struct resolve_query *query;
	ev_timer asking;
	int64_t asked_at;
};

/* Look the name up (and options' source), for at most until ${deadline}. ${options} must outlive it. 0 or -1. */
int dial_target_open(struct dial_target *t, struct ev_loop *loop, const struct address *at, const struct socket_options *options,
    int64_t deadline, struct error *e) __attribute__((warn_unused_result));
void dial_target_close(struct dial_target *t);

/* Would the name need to be looked up? (It is no number and no path.) */
bool dial_target_is_name(const struct dial_target *t);

struct dial_try {
	int fd;
	ev_io w;
	const struct dial_place *to;
};

struct dial {
	struct dial_target *target;
	struct dial_list *list;
	struct dial_try tries[DIAL_ADDRESSES];
	int next, live;
	int why;  /* errno of the address that failed last */
	int lack; /* errno of what is waited for before the next one can be tried, 0 */
	ev_timer stagger, deadline;
	/* Called once: a socket (then owned by the callee) and the address that answered; or -1, and ${e} says
	 * why (ERROR_NETWORK, ERROR_TIMEOUT). Never from within dial_start(). */
	void (*done)(int fd, const char *peer, const struct error *e, void *owner);
	void *owner;
};

/* All addresses are tried, the next one when one fails or after 250 ms (RFC 8305); the first that answers
 * wins. ${ms}: at most so long, 0 = no limit. */
void dial_start(struct dial *d, struct dial_target *target, int64_t ms,
    void (*done)(int fd, const char *peer, const struct error *e, void *owner), void *owner);

/* Give it up, with resets; done() is not called. Harmless if it is over, or (all zero) was never begun. */
void dial_cancel(struct dial *d);

#endif
