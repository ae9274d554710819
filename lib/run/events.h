/*
 * events: what happens, for programs: JSON lines to a file or a descriptor (--events), vault-protocol(5).
 *
 * The loop never waits for who reads them: what is not taken waits in a bounded queue, then events are
 * dropped, and the next one says how many. All functions but events_open() take NULL: nobody wants to know.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "figures.h"
#include "proto/error.h"
#include "socket.h"

#define EVENTS_QUEUE (256 * 1024) /* bytes that wait for a reader */

struct events;

/* ${target}: a file, which is appended to (made with 0600 if there is none), or "fd:N". It must outlive the
 * result. NULL with ${e} set. */
struct events *events_open(struct ev_loop *loop, const char *target, struct error *e);

/* ${key}: own public key as text. */
void events_listening(struct events *ev, const struct socket_listeners *at, const char *key);
void events_connect(struct events *ev, const struct figures_who *w);
/* A connection that never became a session: its error says why. */
void events_failed(struct events *ev, const struct conn *c);
/* A connection that was not even listened to, because of a limit (constant text). Who floods us must not flood
 * our reader: each limit is told at most once a second, with the number of those. */
void events_turned_away(struct events *ev, const char *limit, const char *peer);
/* The command of this client has ended: with a status, or by a signal (else 0); or (${failed}, an errno) it could not
 * even be started. */
void events_command_ended(struct events *ev, const struct figures_who *w, int status, int signal, int failed);
/* A message of ${size} bytes came from it. */
void events_message(struct events *ev, const struct figures_who *w, size_t size);
/* ${reason}: why it was sent away, or NULL; ${missed}: messages that were dropped because it was too slow,
 * -1 if that cannot be. */
void events_disconnect(struct events *ev, const struct figures_who *w, const char *reason, int64_t missed);
void events_reload(struct events *ev, const char *file, const struct error *e);
/* The end has begun. */
void events_shutdown(struct events *ev, const char *reason, int64_t clients);

/* The last event, and the end: what waits is given a second to be taken. */
void events_close(struct events *ev, const struct figures_total *total, uint64_t clients, int64_t uptime_ms, int status);

#endif
