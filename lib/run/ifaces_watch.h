/*
 * ifaces_watch: what changes about interfaces, addresses and routes, as it happens (Linux, netlink).
 * The snapshot it began with is kept up to date, so that only real changes are told.
 */
#ifndef IFACES_WATCH_H
#define IFACES_WATCH_H

#include <ev.h>

#include "ifaces.h"
#include "routes.h"

enum ifaces_event {
	EVENT_PRESENT,	/* already there when the watch began, or after EVENT_LOST */
	EVENT_WATCHING, /* all that is present was told: from here on changes */
	EVENT_NEW,
	EVENT_CHANGED,
	EVENT_GONE,
	EVENT_LOST, /* the kernel had more changes than room for them: all is told again */
};

/* Which facts of a link differ. */
enum iface_fact {
	FACT_NAME = 1,
	FACT_ALIAS = 2,
	FACT_MTU = 4,
	FACT_MAC = 8,
	FACT_UP = 16,
	FACT_RUNNING = 32,
	FACT_MASTER = 64,
	FACT_OTHER = 128, /* kind, lower interface, remaining flags */
};

struct ifaces_change {
	enum ifaces_event event;
	const struct iface *iface;	     /* NULL for routes, and for an interface that is gone already */
	const struct iface_address *address; /* with ${iface}: about this address of it; NULL: the link */
	const struct route *route;
	unsigned facts; /* EVENT_CHANGED of a link */
};

struct ifaces_watch {
	struct ifaces now;
	struct routes routes;
	void (*told)(const struct ifaces_change *c, void *owner);
	/* It cannot go on: ${e} says why. The watch is stopped. */
	void (*failed)(const struct error *e, void *owner);
	void *owner;
	/* private */
	struct ev_loop *loop;
	ev_io io;
	struct mnl_socket *netlink;
	char *buffer;
	bool lost;
	bool check_routes; /* the kernel removes some routes without a word */
};

/* Fill in told, failed and owner, and call this: it tells what is present, then watches from ${loop}.
 * 0, or -1 with ERROR_IO (no netlink). */
int ifaces_watch_start(struct ifaces_watch *w, struct ev_loop *loop, struct error *e)
    __attribute__((warn_unused_result));
void ifaces_watch_stop(struct ifaces_watch *w);

/* "mtu" and so on, of one fact. */
const char *iface_fact_text(enum iface_fact fact);

#endif
