/*
 * waits: what we waited for, and so what limits a transfer.
 *
 * The time in which the loop sleeps is put down to what is missing then: our output does not take
 * (OUTPUT), the network does not take or the peer does not confirm what we sent (NETWORK; PEER_OUTPUT
 * where the kernel says that nothing was to be carried or the peer's receive window was closed: its
 * output is slow), our input has nothing (INPUT), the peer sends nothing (PEER_INPUT), a rate limit
 * holds us (PACE). What remains is our own work (CPU).
 */
#ifndef WAITS_H
#define WAITS_H

#include <ev.h>
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
};

struct waits {
	struct ev_loop *loop;
	ev_prepare prepare;
	ev_check check;
	enum waits_for (*ask)(void *owner); /* what a sleep that begins now would be for */
	void *owner;
	enum waits_for now;
	int64_t mark; /* microseconds */
	int64_t us[WAITS_COUNT];
};

void waits_start(struct waits *w, struct ev_loop *loop, enum waits_for (*ask)(void *), void *owner);
void waits_stop(struct waits *w);

/* Share of the whole time, 0 to 1. */
double waits_share(const struct waits *w, enum waits_for what);

/* The network had something to carry for only so many microseconds: the rest of the waiting for it was for
 * the peer. Moves that from NETWORK to PEER_OUTPUT. */
void waits_blame_peer(struct waits *w, int64_t network_us);

/* One line for people: "limited by the peer's output". */
const char *waits_verdict(const struct waits *w);

/* Names for JSON: "cpu", "input" and so on. */
const char *waits_name(enum waits_for what);

#endif
