#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "announce.h"
#include "clock.h"
#include "jsontext.h"
#include "log.h"
#include "message.h"

#define PIECE 4096 /* what a pipe that has room takes at once */
#define LAST_MS 1000
#define LOWEST_FD 2
#define HIGHEST_FD 65535
#define LIMITS_MAX 4
#define PAUSE_SECONDS 1.

/* Those that one limit has turned away since that was told last. */
struct tally {
	struct events *ev;
	const char *limit;
	char peer[ADDRESS_TEXTMAX]; /* the last of them */
	uint64_t count;
	ev_timer pause;
};

struct events {
	struct ev_loop *loop;
	const char *target;
	int fd;
	bool is_socket, is_file;
	ev_io writable;
	struct partial queue;
	uint64_t lost;	 /* since the last one that was told */
	struct tally tallies[LIMITS_MAX];
	bool dead, told; /* nobody reads it any more; a failure was told */
};

/* ---- to the reader ---- */

static bool has_room(const struct events *ev, int ms)
{
	struct pollfd fd = {.fd = ev->fd, .events = POLLOUT};

	return ev->is_file || (poll(&fd, 1, ms) > 0 && (fd.revents & (POLLOUT | POLLERR | POLLHUP | POLLNVAL)));
}

/* Not everybody may set O_NONBLOCK on what others share: so it is asked first, and no more is written than fits. */
static ssize_t put(struct events *ev)
{
	size_t n = ev->queue.len;

	if (ev->is_socket)
		return send(ev->fd, ev->queue.bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!has_room(ev, 0)) {
		errno = EAGAIN;
		return -1;
	}
	return write(ev->fd, ev->queue.bytes, !ev->is_file && n > PIECE ? PIECE : n);
}

static void failed(struct events *ev, int why)
{
	ev->dead = why == EPIPE || why == ECONNRESET || why == EBADF || why == ENOTCONN;
	if (!ev->told)
		log_warn("warning: --events %s: %s%s", ev->target, strerror(why), ev->dead ? ": no more events are told" : "");
	ev->told = true;
	if (ev->dead)
		partial_clear(&ev->queue);
}

static void flush(struct events *ev)
{
	bool wait = false;

	while (ev->queue.len > 0 && !wait) {
		ssize_t n = put(ev);

		if (n >= 0)
			partial_shift(&ev->queue, (size_t)n);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			wait = true;
		else if (errno != EINTR) {
			/* A full disk is tried again with the next event. */
			failed(ev, errno);
			break;
		}
	}
	if (wait && !ev_is_active(&ev->writable))
		ev_io_start(ev->loop, &ev->writable);
	else if (!wait)
		ev_io_stop(ev->loop, &ev->writable);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	flush(w->data);
}

static json_t *new_event(const char *name)
{
	char stamp[LOG_STAMP_MAX];

	return json_pack("{s:i, s:s, s:s}", "v", 1, "time", log_stamp(stamp), "event", name);
}

static void queue_line(struct events *ev, char *line)
{
	size_t n = strlen(line);

	line[n] = '\n'; /* in place of the NUL */
	if (ev->queue.len + n + 1 > EVENTS_QUEUE || partial_add(&ev->queue, (uint8_t *)line, n + 1) < 0)
		ev->lost++;
	else
		ev->lost = 0;
}

/* Takes over the reference. */
static void tell(struct events *ev, json_t *o)
{
	char *line;

	if (o && ev->lost > 0)
		json_object_set_new(o, "events_lost", json_integer((json_int_t)ev->lost));
	line = o && !ev->dead ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	json_decref(o);
	if (line)
		queue_line(ev, line);
	else
		ev->lost++;
	free(line);
	if (!ev->dead)
		flush(ev);
}

/* ---- the events ---- */

void events_listening(struct events *ev, const struct socket_listeners *at, const char *key)
{
	json_t *o;

	if (!ev)
		return;
	o = new_event("listening");
	announce_add_address(o, at);
	json_object_set_new(o, "key", json_string(key));
	tell(ev, o);
}

void events_connect(struct events *ev, const struct figures_who *w)
{
	json_t *o;

	if (!ev)
		return;
	o = new_event("connect");
	figures_add_who(o, w);
	tell(ev, o);
}

static void add_outcome(json_t *o, const char *reason, const struct error *e)
{
	json_object_set_new(o, "reason", jsontext(reason ? reason : e->code == ERROR_OK ? "complete" : e->text));
	json_object_set_new(o, "error", e->code == ERROR_OK ? json_null() : json_string(error_name(e->code)));
	json_object_set_new(o, "status", json_integer(error_status(e->code)));
}

void events_failed(struct events *ev, const struct conn *c)
{
	json_t *o;

	if (!ev)
		return;
	o = new_event("handshake_failed");
	json_object_set_new(o, "peer", jsontext(c->peer));
	figures_add_key(o, c);
	figures_add_psk(o, c);
	add_outcome(o, NULL, session_error(&c->session));
	tell(ev, o);
}

static void tell_tally(struct tally *t)
{
	struct error e = {.code = ERROR_NETWORK};
	json_t *o = new_event("turned_away");

	json_object_set_new(o, "peer", jsontext(t->peer));
	json_object_set_new(o, "count", json_integer((json_int_t)t->count));
	add_outcome(o, t->limit, &e);
	t->count = 0;
	ev_timer_set(&t->pause, PAUSE_SECONDS, 0.);
	ev_timer_start(t->ev->loop, &t->pause);
	tell(t->ev, o);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int events)
{
	struct tally *t = w->data;

	(void)loop;
	(void)events;
	if (t->count > 0)
		tell_tally(t);
}

static struct tally *tally_of(struct events *ev, const char *limit)
{
	struct tally *t = ev->tallies;

	while (t < ev->tallies + LIMITS_MAX - 1 && t->limit && strcmp(t->limit, limit) != 0)
		t++;
	if (!t->limit) {
		t->ev = ev;
		t->limit = limit;
		ev_timer_init(&t->pause, on_pause_over, PAUSE_SECONDS, 0.);
		t->pause.data = t;
	}
	return t;
}

void events_turned_away(struct events *ev, const char *limit, const char *peer)
{
	struct tally *t;

	if (!ev)
		return;
	t = tally_of(ev, limit);
	t->count++;
	snprintf(t->peer, sizeof t->peer, "%s", peer);
	if (!ev_is_active(&t->pause))
		tell_tally(t);
}

static void end_tallies(struct events *ev)
{
	for (struct tally *t = ev->tallies; t < ev->tallies + LIMITS_MAX && t->limit; t++) {
		if (t->count > 0)
			tell_tally(t);
		ev_timer_stop(ev->loop, &t->pause);
	}
}

void events_command_ended(struct events *ev, const struct figures_who *w, int status, int signal, int failed)
{
	char reason[128];
	json_t *o;

	if (!ev)
		return;
	if (failed)
		snprintf(reason, sizeof reason, "it cannot be run: %s", strerror(failed));
	else if (signal)
		snprintf(reason, sizeof reason, "signal %d (%s)", signal, strsignal(signal));
	else
		snprintf(reason, sizeof reason, "status %d", status);
	o = new_event("command_ended");
	json_object_set_new(o, "id", json_integer((json_int_t)w->id));
	json_object_set_new(o, "name", w->label[0] != '\0' ? jsontext(w->label) : json_null());
	json_object_set_new(o, "reason", jsontext(reason));
	json_object_set_new(o, "exit_status", failed || signal ? json_null() : json_integer(status));
	json_object_set_new(o, "signal", signal ? json_integer(signal) : json_null());
	tell(ev, o);
}

void events_message(struct events *ev, const struct figures_who *w, size_t size)
{
	json_t *o;

	if (!ev)
		return;
	o = new_event("message");
	json_object_set_new(o, "id", json_integer((json_int_t)w->id));
	json_object_set_new(o, "name", w->label[0] != '\0' ? jsontext(w->label) : json_null());
	json_object_set_new(o, "size", json_integer((json_int_t)size));
	tell(ev, o);
}

void events_disconnect(struct events *ev, const struct figures_who *w, const char *reason, int64_t missed)
{
	json_t *o;

	if (!ev)
		return;
	o = new_event("disconnect");
	figures_add_who(o, w);
	figures_add_counts(o, w);
	if (missed >= 0)
		json_object_set_new(o, "messages_dropped", json_integer(missed));
	add_outcome(o, reason, session_error(&w->conn->session));
	tell(ev, o);
}

void events_reload(struct events *ev, const char *file, const struct error *e)
{
	json_t *o;

	if (!ev)
		return;
	o = new_event("reload");
	json_object_set_new(o, "file", file ? jsontext(file) : json_null());
	add_outcome(o, NULL, e);
	tell(ev, o);
}

void events_shutdown(struct events *ev, const char *reason, int64_t clients)
{
	json_t *o;

	if (!ev)
		return;
	o = new_event("shutdown");
	json_object_set_new(o, "reason", jsontext(reason));
	json_object_set_new(o, "clients", json_integer(clients));
	tell(ev, o);
}

/* ---- beginning and end ---- */

static int open_descriptor(const char *target, struct error *e)
{
	char self[64], *end;
	const char *digits = target + 3;
	long n = *digits >= '0' && *digits <= '9' ? strtol(digits, &end, 10) : -1;
	int fd, flags, own;

	if (n < LOWEST_FD || n > HIGHEST_FD || *end != '\0')
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--events %s: give a file, or fd:N with a descriptor from %d up", target,
		    LOWEST_FD);
	fd = (int)n;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--events %s: this descriptor is not open for writing", target);
	/* For us alone, where the system can do that: others who share it need not know O_NONBLOCK. */
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	own = open(self, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0 || fd <= STDERR_FILENO)
		return own < 0 ? fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD + 1) : own;
	close(fd);
	return own;
}

static int open_target(const char *target, struct error *e)
{
	int fd;

	if (strncmp(target, "fd:", 3) == 0)
		return open_descriptor(target, e);
	fd = open(target, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--events %s: %s", target,
		    errno == ENXIO ? "nobody reads this pipe" : strerror(errno));
	return fd;
}

struct events *events_open(struct ev_loop *loop, const char *target, struct error *e)
{
	struct events *ev = calloc(1, sizeof *ev);
	struct stat st;

	if (!ev) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
		return NULL;
	}
	ev->loop = loop;
	ev->target = target;
	ev->fd = open_target(target, e);
	if (ev->fd < 0) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "--events %s: %s", target, strerror(errno));
		free(ev);
		return NULL;
	}
	if (fstat(ev->fd, &st) == 0) {
		ev->is_socket = S_ISSOCK(st.st_mode);
		ev->is_file = S_ISREG(st.st_mode);
	}
	ev_io_init(&ev->writable, on_writable, ev->fd, EV_WRITE);
	ev->writable.data = ev;
	return ev;
}

/* True if all was taken. */
static bool flush_last(struct events *ev)
{
	int64_t end = clock_ms() + LAST_MS, now;

	flush(ev);
	while (ev->queue.len > 0 && !ev->dead && !ev->is_file && (now = clock_ms()) < end) {
		has_room(ev, (int)(end - now));
		flush(ev);
	}
	return ev->queue.len == 0;
}

void events_close(struct events *ev, const struct figures_total *total, uint64_t clients, int64_t uptime_ms, int status)
{
	json_t *o;
	bool taken;

	if (!ev)
		return;
	end_tallies(ev);
	taken = flush_last(ev);
	o = new_event("end");
	json_object_set_new(o, "status", json_integer(status));
	json_object_set_new(o, "clients_total", json_integer((json_int_t)clients));
	figures_add_total(o, total, uptime_ms);
	tell(ev, o);
	if (taken)
		(void)flush_last(ev);
	ev_io_stop(ev->loop, &ev->writable);
	close(ev->fd);
	partial_clear(&ev->queue);
	free(ev);
}
