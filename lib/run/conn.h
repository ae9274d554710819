/*
 * conn: one transport socket and the session over it, driven by the event loop.
 *
 * conn moves ciphertext and keeps the clocks; whoever owns it (the client, the server while it
 * shakes hands, the pump) is told after each step and acts on session_state().
 */
#ifndef CONN_H
#define CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "proto/session.h"

struct conn {
	struct ev_loop *loop;
	int fd;
	char peer[ADDRESS_TEXTMAX]; /* the peer's address, for messages */
	struct session session;
	uint8_t *buffers; /* in, then out; owned */
	size_t buffer_size;
	ev_io readable, writable;
	ev_timer timer;
	int64_t timer_at; /* when the timer will fire, -1 = it is not set */
	bool shut, armed; /* armed: if this process dies, the peer gets a reset */
	void (*changed)(struct conn *c, void *owner);
	void *owner;
};

/* Begin a session over ${fd} (then owned; -1 errors close it too) with small buffers, or big
 * ones at once. The first bytes are sent. ${changed} is called after each step, not from here.
 * NULL with ${e} set. */
struct conn *conn_new(struct ev_loop *loop, int fd, const char *peer, const struct session_config *config,
    bool big, void (*changed)(struct conn *, void *), void *owner, struct error *e);

/* Hand it to another owner. */
void conn_own(struct conn *c, void (*changed)(struct conn *, void *), void *owner);

/* Exchange small buffers for big ones. 0, or -1 if there is no memory. */
int conn_grow(struct conn *c) __attribute__((warn_unused_result));

/* Send what waits, as far as the kernel takes it. */
void conn_flush(struct conn *c);

/* Tell the session the time; after a pause of the whole process, that it was one. To be called
 * before anything that an event brought is given to the session. */
void conn_tell_time(struct conn *c);

/* Tell the session the time and set watchers and timer to what it wants now. To be called after
 * anything was done with the session outside of a conn callback. */
void conn_update(struct conn *c);

/* Ask the kernel to spread packets at about ${rate} bytes a second. */
void conn_pace(struct conn *c, uint64_t rate);

/* The round trip in milliseconds, 0 if unknown. */
double conn_rtt_ms(const struct conn *c);

/* How long the network has had something of ours to carry and could do so, in microseconds: without the
 * time in which the peer's receive window was closed. 0 where there is no network in between. */
int64_t conn_network_us(const struct conn *c);

/* Close the socket, wipe and free. */
void conn_free(struct conn *c);

#endif
