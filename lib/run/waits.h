/*
 * waits: what we waited for, and so what limits a transfer.
 *
 * The time in which the loop sleeps is put down to what is missing then: our output does not take
 * (OUTPUT), the network does not take or the peer does not confirm what we sent (NETWORK; PEER_OUTPUT for
 * as much of it as the kernel says that nothing was to be carried or the peer's receive window was closed:
 * its output is slow), our input has nothing (INPUT), the peer sends nothing (PEER_INPUT), a rate limit
 * holds us (PACE). What remains is our own work (CPU).
 */
#ifndef WAITS_H
#define WAITS_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

enum waits_for {
	WAITS_CPU = 0,
	WAITS_INPUT,
	WAITS_OUTPUT,
	WAITS_NETWORK,
	WAITS_PEER_OUTPUT,
	WAITS_PEER_INPUT,
	WAITS_PACE,
	WAITS_COUNT,
	/* To be asked for only: NETWORK as long as it has something to carry, after that PEER_INPUT. */
	WAITS_TAIL,
};

struct waits {
	struct ev_loop *loop;
	ev_prepare prepare;
	ev_check check;
	enum waits_for (*ask)(void *owner); /* what a sleep that begins now would be for */
	int64_t (*busy)(void *owner);	    /* how long the network could carry something, in all; INT64_MAX: unknown */
	void *owner;
	/* Sleeps for the network, with nothing but our own work in between, are one stretch. */
	bool stretch;
	enum waits_for rest; /* to whose account what the network is not to blame for goes */
	int64_t stretch_us, stretch_busy; /* of it; and busy() at its beginning */
	enum waits_for now;
	int64_t mark; /* microseconds */
	int64_t us[WAITS_COUNT];
};

void waits_start(struct waits *w, struct ev_loop *loop, enum waits_for (*ask)(void *), int64_t (*busy)(void *), void *owner);
void waits_stop(struct waits *w);

/* Divide what is not divided yet between the network and the peer, so that the shares can be read; also for a copy. */
void waits_settle(struct waits *w);

/* Share of the whole time, 0 to 1. */
double waits_share(const struct waits *w, enum waits_for what);

/* One line for people: "limited by the peer's output". */
const char *waits_verdict(const struct waits *w);

/* Names for JSON: "cpu", "input" and so on. */
const char *waits_name(enum waits_for what);

#endif
