/*
 * notify: tell who supervises this process how it is (NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as systemd
 * does it, see sd_notify(3)). Nothing of it can fail: without a supervisor nothing is told.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_TEXTMAX 128

struct notify {
	struct ev_loop *loop;
	int fd; /* -1: nobody is there */
	bool ready, stopping;
	char status[NOTIFY_TEXTMAX]; /* not told yet, or "" */
	ev_timer pause;		     /* between two of them */
	ev_timer watchdog;
};

/* Connect to the supervisor, which a sandbox would not allow later, and unset the variables. */
void notify_open(struct notify *n, struct ev_loop *loop);

/* Clients can connect; from here on the watchdog is fed by the loop. */
void notify_ready(struct notify *n);

/* "3 clients": at most one a second is told, and the last one always. */
void notify_clients(struct notify *n, int64_t count);

/* Before and after files are read again. */
void notify_reloading(struct notify *n);
void notify_reloaded(struct notify *n);

/* The end has begun. */
void notify_stopping(struct notify *n);

void notify_close(struct notify *n);

#endif
