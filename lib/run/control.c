#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "log.h"
#include "message.h"
#include "privileges.h"

#define CALLERS_MAX 32
#define PIECE 16384
#define STALL_SECONDS 5.0
#define AGAIN_SECONDS 0.2

struct caller {
	struct control *control;
	int fd;
	ev_io readable, writable;
	ev_timer stall;
	struct partial in, out;
	bool ended; /* nothing more comes */
};

struct control {
	struct service *service;
	struct socket_listeners at;
	ev_io accepting;
	ev_timer again; /* after the system ran out of descriptors */
	struct caller *callers[CALLERS_MAX];
	int count;
};

/* ---- one caller ---- */

/* What nobody has read when a Unix socket is closed would be a reset there, and the answer lost. */
static void discard_input(int fd)
{
	char rest[4096];

	(void)shutdown(fd, SHUT_RD);
	while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
		;
}

static void drop(struct caller *k)
{
	struct control *c = k->control;

	ev_io_stop(c->service->loop, &k->readable);
	ev_io_stop(c->service->loop, &k->writable);
	ev_timer_stop(c->service->loop, &k->stall);
	for (int i = 0; i < c->count; i++)
		if (c->callers[i] == k)
			c->callers[i] = c->callers[--c->count];
	discard_input(k->fd);
	close(k->fd);
	partial_clear(&k->in);
	partial_clear(&k->out);
	free(k);
}

static void watch(struct caller *k, ev_io *w, bool wanted)
{
	if (wanted && !ev_is_active(w))
		ev_io_start(k->control->service->loop, w);
	else if (!wanted && ev_is_active(w))
		ev_io_stop(k->control->service->loop, w);
}

/* As much of the answer as is taken now. -1: it is gone. */
static int flush(struct caller *k)
{
	struct ev_loop *loop = k->control->service->loop;

	while (k->out.len > 0) {
		ssize_t n = send(k->fd, k->out.bytes, k->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
		partial_shift(&k->out, (size_t)n);
		ev_timer_stop(loop, &k->stall);
	}
	return 0;
}

static int answer(struct caller *k, json_t *o)
{
	char *line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	size_t n = line ? strlen(line) : 0;
	int rc = -1;

	json_decref(o);
	if (line) {
		line[n] = '\n'; /* in place of the NUL */
		rc = partial_add(&k->out, (uint8_t *)line, n + 1);
	}
	free(line);
	return rc;
}

/* Take one line from what came, if there is one, and answer it. 1: done; 0: none; -1. */
static int serve_line(struct caller *k)
{
	const uint8_t *end = k->in.len > 0 ? memchr(k->in.bytes, '\n', k->in.len) : NULL;
	size_t n = end ? (size_t)(end - k->in.bytes) : k->in.len;
	int rc = 0;

	if (n > CONTROL_LINE_MAX) {
		partial_clear(&k->in);
		k->ended = true;
		return answer(k, command_error("the line is too long")) < 0 ? -1 : 1;
	}
	if (!end && (!k->ended || n == 0))
		return 0;
	if (n > 0)
		rc = answer(k, command_run(k->control->service, (const char *)k->in.bytes, n));
	partial_shift(&k->in, end ? n + 1 : n);
	return rc < 0 ? -1 : 1;
}

static void go_on(struct caller *k)
{
	struct ev_loop *loop = k->control->service->loop;
	int rc;

	do
		rc = flush(k);
	while (rc == 0 && k->out.len == 0 && (rc = serve_line(k)) > 0);
	if (rc < 0 || (k->out.len == 0 && k->ended)) {
		drop(k);
		return;
	}
	watch(k, &k->writable, k->out.len > 0);
	watch(k, &k->readable, k->out.len == 0);
	if (k->out.len == 0)
		ev_timer_stop(loop, &k->stall);
	else if (!ev_is_active(&k->stall))
		ev_timer_again(loop, &k->stall);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct caller *k = w->data;
	uint8_t piece[PIECE];
	ssize_t n = recv(k->fd, piece, sizeof piece, MSG_DONTWAIT);

	(void)loop;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0 || (n > 0 && partial_add(&k->in, piece, (size_t)n) < 0)) {
		drop(k);
		return;
	}
	k->ended |= n == 0;
	go_on(k);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	go_on(w->data);
}

static void on_stall(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	log_info(1, "a client of the control socket does not read its answer: dropped");
	drop(w->data);
}

/* ---- the socket ---- */

static void welcome(struct control *c, int fd)
{
	static const char full[] = "{\"v\":1,\"ok\":false,\"error\":\"too many control connections\"}\n";
	struct caller *k = c->count < CALLERS_MAX ? calloc(1, sizeof *k) : NULL;

	if (!k) {
		(void)!send(fd, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		discard_input(fd);
		close(fd);
		return;
	}
	k->control = c;
	k->fd = fd;
	c->callers[c->count++] = k;
	ev_io_init(&k->readable, on_readable, fd, EV_READ);
	ev_io_init(&k->writable, on_writable, fd, EV_WRITE);
	ev_timer_init(&k->stall, on_stall, 0., STALL_SECONDS);
	k->readable.data = k->writable.data = k->stall.data = k;
	ev_io_start(c->service->loop, &k->readable);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
	struct control *c = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0)
		welcome(c, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		ev_io_stop(loop, w);
		ev_timer_again(loop, &c->again);
	}
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
	struct control *c = w->data;

	(void)events;
	ev_timer_stop(loop, w);
	ev_io_start(loop, &c->accepting);
}

static int listen_at(struct control *c, const char *path, struct error *e)
{
	struct address at = {.is_unix = true};
	struct socket_options plain = {.family = AF_UNSPEC};
	mode_t before;
	int rc;

	if (strlen(path) >= sizeof ((struct sockaddr_un *)0)->sun_path || path[0] == '\0')
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--control %s: not a path that a socket can have", path);
	memcpy(at.host, path, strlen(path) + 1);
	/* It must not be open to others even for a moment. */
	before = umask(0177);
	rc = socket_listen(&c->at, &at, &plain, e);
	umask(before);
	return rc;
}

struct control *control_open(struct service *v, const char *path, int fd, struct error *e)
{
	struct control *c = calloc(1, sizeof *c);

	if (!c) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
		return NULL;
	}
	c->service = v;
	if (fd >= 0)
		socket_adopt(&c->at, &fd, 1);
	else if (listen_at(c, path, e) < 0) {
		free(c);
		return NULL;
	}
	ev_io_init(&c->accepting, on_accept, c->at.fds[0], EV_READ);
	ev_timer_init(&c->again, on_again, 0., AGAIN_SECONDS);
	c->accepting.data = c->again.data = c;
	ev_io_start(v->loop, &c->accepting);
	return c;
}

const char *control_path(const struct control *c)
{
	return c && c->at.unix_path[0] != '\0' ? c->at.unix_path : NULL;
}

void control_rooted(struct control *c, const char *root)
{
	if (c)
		privileges_rooted(c->at.unix_path, root);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	while (c->count > 0)
		drop(c->callers[c->count - 1]);
	ev_io_stop(c->service->loop, &c->accepting);
	ev_timer_stop(c->service->loop, &c->again);
	socket_unlisten(&c->at);
	free(c);
}
