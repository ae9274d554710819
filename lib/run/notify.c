#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define PAUSE_SECONDS 1.0

static void tell(const struct notify *n, const char *text)
{
	if (n->fd >= 0)
		(void)!send(n->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void tell_status(struct notify *n)
{
	if (n->status[0] == '\0')
		return;
	tell(n, n->status);
	n->status[0] = '\0';
	ev_timer_again(n->loop, &n->pause);
}

static void on_pause(struct ev_loop *loop, ev_timer *w, int events)
{
	struct notify *n = w->data;

	(void)events;
	ev_timer_stop(loop, w);
	tell_status(n);
}

static void on_watchdog(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	tell(w->data, "WATCHDOG=1");
}

static int connect_to(const char *where)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = strlen(where);
	int fd;

	if ((where[0] != '/' && where[0] != '@') || n < 2 || n >= sizeof un.sun_path) {
		errno = EINVAL;
		return -1;
	}
	memcpy(un.sun_path, where, n + 1);
	if (where[0] == '@')
		un.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&un,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (where[0] == '@' ? 0 : 1))) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Half of the time that the supervisor waits, in seconds; 0: it does not. */
static double watchdog_seconds(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end;
	unsigned long long n;

	if (!usec || *usec < '0' || *usec > '9' || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0.;
	n = strtoull(usec, &end, 10);
	return *end == '\0' ? (double)n / 2e6 : 0.;
}

void notify_open(struct notify *n, struct ev_loop *loop)
{
	const char *where = getenv("NOTIFY_SOCKET");
	double every = watchdog_seconds();

	memset(n, 0, sizeof *n);
	n->loop = loop;
	n->fd = where ? connect_to(where) : -1;
	if (where && n->fd < 0)
		log_warn("warning: NOTIFY_SOCKET %s: %s", where, strerror(errno));
	ev_timer_init(&n->pause, on_pause, 0., PAUSE_SECONDS);
	ev_timer_init(&n->watchdog, on_watchdog, every, every);
	n->pause.data = n->watchdog.data = n;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_ready(struct notify *n)
{
	if (n->fd < 0)
		return;
	n->ready = true;
	tell(n, "READY=1\nSTATUS=waiting for clients");
	if (n->watchdog.repeat > 0.)
		ev_timer_start(n->loop, &n->watchdog);
}

void notify_clients(struct notify *n, int64_t count)
{
	if (n->fd < 0 || !n->ready)
		return;
	snprintf(n->status, sizeof n->status, "STATUS=%s%lld %s", n->stopping ? "shutting down, " : "", (long long)count,
	    count == 1 ? "client" : "clients");
	if (!ev_is_active(&n->pause))
		tell_status(n);
}

void notify_reloading(struct notify *n)
{
	char text[NOTIFY_TEXTMAX];
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	tell(n, text);
}

void notify_reloaded(struct notify *n)
{
	tell(n, "READY=1");
}

void notify_stopping(struct notify *n)
{
	if (n->fd < 0 || n->stopping)
		return;
	n->stopping = true;
	tell(n, "STOPPING=1\nSTATUS=shutting down");
}

void notify_close(struct notify *n)
{
	if (!n->loop)
		return;
	notify_stopping(n);
	ev_timer_stop(n->loop, &n->pause);
	ev_timer_stop(n->loop, &n->watchdog);
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}
