/*
 * server: accepts connections and shakes hands with many clients at once, with small buffers and
 * one deadline each, until one is ready; then that session is handed over.
 *
 * What has not authenticated costs little and can be thrown out: at most ${most} at a time,
 * and when one more comes, the one that said nothing yet (else the oldest) goes. That is for those who are slow; when
 * it is the workers that have enough to do, nobody goes, and no more are accepted for a moment: they wait in the kernel.
 */
#ifndef SERVER_H
#define SERVER_H

#include <ev.h>
#include <stdbool.h>

#include "conn.h"
#include "iptable.h"
#include "log.h"
#include "proto/rate.h"
#include "socket.h"

#define SERVER_PENDING 16	 /* for one session */
#define SERVER_PENDING_MANY 2048 /* for many: all of a fleet may come back at once */

struct server;

struct server_hooks {
	/* The verdict on a client whose key is proven: NULL, or the reason for refusing it. */
	const char *(*judge)(struct server *srv, struct conn *c);
	/* For one with a good verdict: NULL, or which limit is reached (it is told "busy"). May be NULL. */
	const char *(*full)(struct server *srv, struct conn *c);
	/* A client is ready (not a probe). The conn is the callee's now. */
	void (*ready)(struct server *srv, struct conn *c);
	/* A connection was closed unheard, because this limit (constant text) is reached. May be NULL. */
	void (*turned_away)(struct server *srv, const char *peer, const char *limit);
	/* A connection ended without becoming a session. Its error is in the conn, which is freed after. */
	void (*failed)(struct server *srv, struct conn *c);
};

struct server {
	struct ev_loop *loop;
	struct socket_listeners listeners;
	ev_io accepting[SOCKET_LISTENMAX];
	ev_timer again; /* after the system ran out of descriptors */
	struct log_seldom no_accept;
	struct session_config config;
	struct server_hooks hooks;
	struct bufpool *pool;	/* for the buffers, or NULL */
	struct workers *workers; /* for handshakes, or NULL: then config.handshake.puts_off is not set */
	int most;		/* that shake hands at a time */
	size_t buffers;		/* size of the buffers that an accepted client gets */
	struct conn **pending;
	int pending_count;
	bool waits; /* for the workers, before it accepts more */
	bool busy; /* whoever else comes is told so */
	int64_t max_per_ip;	 /* connections, 0 = no limit */
	struct rate handshakes; /* how many may begin */
	struct iptable ips;
	void *owner;
};

/* Begin accepting on srv->listeners; loop, listeners, config, hooks, owner and most are set. 0 or -1. */
int server_start(struct server *srv, struct error *e);

/* Accept no more, close the listening sockets and tell those that still shake hands "busy". */
void server_stop(struct server *srv);

/* For workers_new(); ${owner} is the server. The workers can be given more: accept again. */
void server_relieved(void *owner);

/* The rules have changed: who has had a good verdict, but is not ready yet, gets another one. */
void server_judge_again(struct server *srv);

/* A connection that was handed over has ended: it no longer counts for its address. */
void server_left(struct server *srv, const struct conn *c);

/* Drop what still shakes hands. */
void server_free(struct server *srv);

#endif
