/*
 * hosting: what the system around a listener gives and is told: sockets that were handed over, another user and root
 * directory, a supervisor, and who reads --events. For one client and for many.
 */
#ifndef HOSTING_H
#define HOSTING_H

#include "events.h"
#include "listener.h"
#include "notify.h"

struct hosting {
	const struct listener_options *o;
	struct events *events; /* NULL: nobody wants them */
	struct notify notify;
	int control_fd; /* a listening socket for --control that was handed over, or -1 */
};

/* In this order. First: take what was handed over, and listen, there or at the address of ${o}. 0 or -1. */
int hosting_open(struct hosting *h, struct ev_loop *loop, const struct listener_options *o, struct socket_listeners *l,
    struct error *e) __attribute__((warn_unused_result));

/* Load now what is read from files once: libraries that the clients' protocols may need, and the like. To be
 * called before the sandbox, after all that others wait for. */
void hosting_load(const struct hosting *h);

/* All that needs rights is done: give them up, before the sandbox. 0 or -1. */
int hosting_settle(struct hosting *h, struct socket_listeners *l, struct error *e) __attribute__((warn_unused_result));

/* Clients can connect. */
void hosting_ready(struct hosting *h, const struct socket_listeners *l);

/* The end has begun, for this reason. */
void hosting_stopping(struct hosting *h, const char *reason, int64_t clients);

/* See events_close(). Safe after any failure. */
void hosting_close(struct hosting *h, const struct figures_total *total, uint64_t clients, int64_t uptime_ms, int status);

#endif
