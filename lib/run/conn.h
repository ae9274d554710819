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
#include "iptable.h"
#include "proto/session.h"

/* Enough for any record, for sessions that are many. */
#define CONN_WORKBUF (SESSION_FRAMEMAX + 4096)

struct bufpool;
struct conn_begun;
struct conn_limit;
struct workers_job;

struct conn {
	struct ev_loop *loop;
	int fd;
	struct session session;
	struct bufpool *pool; /* or NULL */
	void *block;	      /* desk, in, out; NULL while the session rests */
	struct conn_begun *begun; /* the beginning of a record, while it rests for that there is a crowd; or NULL */
	size_t buffer_size;   /* of in, and of out */
	bool thrifty;	      /* give the block back whenever the session rests */
	ev_io readable, writable;
	ev_timer timer;
	int64_t timer_at; /* when the timer will fire, -1 = it is not set */
	struct conn_limit *limit; /* or NULL */
	uint8_t *squash;	  /* buffers for compression of its own, or NULL */
	struct workers_job *job;  /* its handshake's work is away, or NULL */
	struct ipkey ip;
	bool shut, armed; /* armed: if this process dies, the peer gets a reset */
	void (*changed)(struct conn *c, void *owner);
	void *owner;
	char peer[]; /* the peer's address, for messages; there may be ten thousand of us, so no longer than it is */
};

/* Begin a session over ${fd} (then owned; errors close it too) with buffers of ${size}, from ${pool} if
 * there is one. ${config} must outlive it. The first bytes are sent. ${changed} is called after each
 * step, not from here. NULL with ${e} set. */
struct conn *conn_new(struct ev_loop *loop, int fd, const char *peer, const struct session_config *config,
    size_t size, struct bufpool *pool, void (*changed)(struct conn *, void *), void *owner, struct error *e);

/* The work of its handshake has come back. */
void conn_worked(struct session_work *work, void *conn);

/* Hand it to another owner. */
void conn_own(struct conn *c, void (*changed)(struct conn *, void *), void *owner);

/* Exchange the buffers for larger ones: SESSION_SMALLBUF, CONN_WORKBUF or SESSION_BIGBUF. 0, or -1 if
 * there is no memory. */
int conn_grow(struct conn *c, size_t size) __attribute__((warn_unused_result));

/* If compression is offered: buffers for it of its own, for those of the config serve one session. Before the
 * verdict. 0, or -1 if there is no memory. */
int conn_own_squash(struct conn *c) __attribute__((warn_unused_result));

/* To be called before the session is used in a way that needs its buffers: one of a thrifty conn may
 * rest. (If there is no memory, the session fails.) */
void conn_wake(struct conn *c);

/* Send what waits, as far as the kernel takes it. */
void conn_flush(struct conn *c);

/* Tell the session the time; after a pause of the whole process, that it was one. To be called
 * before anything that an event brought is given to the session. */
void conn_tell_time(struct conn *c);

/* Tell the session the time and set watchers and timer to what it wants now. To be called after
 * anything was done with the session outside of a conn callback. */
void conn_update(struct conn *c);

/* From here on at most ${rate} bytes a second of the wire, each way. 0, or -1 without memory. */
int conn_limit(struct conn *c, uint64_t rate) __attribute__((warn_unused_result));

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
