/*
 * service: vault-listen for many clients at once (-k and all that needs it).
 *
 * One process, one loop. Each client that was let in is a guest; what is done with guests is a kind
 * of service: the switchboard (standard input and output, --hub, --echo), a child for each, a backend
 * connection for each. Idle guests hold no buffers.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "bufpool.h"
#include "conn.h"
#include "figures.h"
#include "hosting.h"
#include "line.h"
#include "listener.h"
#include "server.h"
#include "signals.h"

struct control;
struct service;

struct service_psks;
struct service_code;

struct guest {
	struct service *service;
	struct guest *prev, *next; /* all guests, in the order of their ids */
	uint64_t id;		   /* from 1, never used twice */
	struct conn *conn;
	char *label;	   /* of its line in authorized_keys, "" without */
	const struct trust_entry *entry; /* that line; only in service_kind.open(), later NULL */
	int64_t since;	   /* clock_ms() when it was let in */
	const char *reason; /* constant text: why it was sent away; NULL if it was not */
	void *place;	   /* what its kind of service keeps for it */
	bool leaving;	   /* was told to finish */
	bool closing;	   /* will be sent away after its next step, see SERVICE_CLOSED */
	struct line_place soon; /* will be stepped before the loop sleeps */
};

/* What a kind of service does with its guests. All may be NULL but step. */
struct service_kind {
	bool no_stdio; /* standard input and output are left alone, and messages are not kept apart */
	/* Once, at the start and at the end. */
	int (*start)(struct service *v, struct error *e);
	void (*stop)(struct service *v);
	/* What else must be possible in the sandbox. */
	void (*confine)(const struct service *v, struct sandbox_needs *needs);
	/* A guest is in. 0, or -1 with ${e} set: then it is sent away. */
	int (*open)(struct guest *g, struct error *e);
	/* Its conn changed, or service_soon() was called: do what can be done. True when the session is
	 * closed and nothing is left to do. */
	bool (*step)(struct guest *g);
	/* It should finish by itself (the drain has begun). */
	void (*leave)(struct guest *g);
	/* Release g->place. The session is closed, or will be cut by this. */
	void (*close)(struct guest *g);
	/* Queue a message for it, or for all (how many get it): 0, or -1 with errno: EAGAIN when too much waits already,
	 * EPIPE when nothing more can be sent to it, ENOMEM. */
	int (*tell)(struct guest *g, const void *text, size_t len);
	int64_t (*tell_all)(struct service *v, const void *text, size_t len);
	/* Messages that it was too slow for. */
	uint64_t (*missed)(const struct guest *g);
	/* Before the loop sleeps. */
	void (*turn)(struct service *v);
	/* Is the whole service over? (Then status() says how.) */
	bool (*over)(struct service *v);
	int (*status)(struct service *v);
};

struct service {
	const struct listener_options *o;
	struct judge_client judge;
	const struct service_kind *kind;
	struct ev_loop *loop;
	struct server server;
	struct stream stream; /* its endpoint and configuration */
	struct bufpool pool;
	struct signals signals;
	struct hosting hosting;
	struct control *control; /* NULL: none */
	const char *reread; /* where authorized_keys can be read again, or NULL */
	const char *reread_psks; /* the same of pre-shared keys */
	struct service_code *code; /* a one-time code lets one more client in; NULL: none */
	struct service_psks *psks; /* those that were read again, the last first */
	int64_t since;		   /* clock_ms() at the start */
	struct figures_total gone; /* of guests that have left */
	uint64_t failed;	   /* handshakes */
	uint64_t turned_away;	   /* connections, by --max-per-ip and --handshake-rate */
	struct guest *first, *last;
	uint64_t next_id;
	int64_t count;
	struct line soon; /* in the order of the calls */
	ev_prepare prepare;
	ev_idle awake;
	ev_timer drain_timer;
	int signal;
	bool draining;
	bool failing; /* it cannot go on, see service_fail() */
	bool hurried; /* sessions were told to end */
	bool cut;     /* and one of them was not complete */
	void *place; /* what the kind of service keeps */
};

/* Do it all; errors are told on stderr. Returns the exit status. */
int service_run(struct listener_options *o, const struct service_kind *kind);

/* Step this guest before the loop sleeps; safe from anywhere. */
void service_soon(struct guest *g);

struct guest *service_find(struct service *v, uint64_t id);

/* End a guest's session for a reason (constant text, for people and events). */
void service_send_away(struct guest *g, enum session_close code, enum error_code error, const char *reason);

#define SERVICE_CLOSED "closed by the control socket"

/* End a guest's session for that reason, after what can be sent at once has been sent. */
void service_close(struct guest *g);

/* Let it finish by itself: what waits for it is still sent. */
void service_leave(struct guest *g);

/* The line in authorized_keys of a client that is to be let in, or NULL. */
const struct trust_entry *service_entry(const struct service *v, const struct conn *c);
/* Keep account of the sessions of each key: one ${more} (or less, -1); all of them, when the list is a new one. */
void service_count(struct service *v, const struct conn *c, int more);
void service_count_anew(struct service *v);
/* Why there is no room for it, as constant text; NULL if there is. */
const char *service_full(const struct service *v, const struct conn *c);

/* Read authorized_keys and the pre-shared keys anew; who is in stays. 0, or -1: told (and ${e} set), and what there was
 * goes on. */
int service_reload(struct service *v, struct error *e);

/* authorized_keys alone, without a word. */
int service_read_authorized(struct service *v, struct error *e);
/* Before the sandbox: where to find them then. */
void service_reload_prepare(struct service *v);
/* Release what was read. */
void service_reload_free(struct service *v);

/* Begin to shut down: no new clients, the others may finish (and are cut after --drain). */
void service_drain(struct service *v);

/* It cannot go on, for this reason (constant text): all guests are sent away, and the service is over when they have
 * been told that, or in a second. (Its kind's over() says how it ended.) */
void service_fail(struct service *v, enum session_close code, enum error_code error, const char *reason);

/* ---- private to service*.c ---- */

/* Step those for whom service_soon() was called, from now on, and no more. */
void service_soon_start(struct service *v);
void service_soon_stop(struct service *v);
void service_not_soon(struct guest *g);


/* Do what can be done for a guest now; it may be gone then. */
void service_step(struct guest *g);
/* Leave the loop if nothing is left to do. */
void service_consider_end(struct service *v);

/* For signals_start(); ${owner} is the service. */
void service_signal(int number, void *owner);

/* The exit status, when the loop has ended. */
int service_outcome(struct service *v);

#endif
