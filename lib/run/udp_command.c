#include "udp_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "udp_report.h"

#define CLIENTS 8
#define LINE_MAX_BYTES (UDP_TEXT_MAX + 64)

struct client {
	struct udp_loop *l;
	ev_io in;
	bool used, skipping;
	size_t len;
	char line[LINE_MAX_BYTES];
};

struct udp_command {
	struct socket_listeners listeners;
	ev_io accept;
	struct client clients[CLIENTS];
};

/* ---- answers ---- */

static json_t *good(void)
{
	return json_pack("{s:i, s:b}", "v", 1, "ok", 1);
}

static json_t *bad(const char *why)
{
	return json_pack("{s:i, s:b, s:s}", "v", 1, "ok", 0, "error", why);
}

/* An answer with one more thing in it, which is taken. */
static json_t *with(const char *name, json_t *value)
{
	json_t *o = good();

	json_object_set_new(o, name, value);
	return o;
}

/* ---- commands ---- */

/* A number at the start of ${text}; what follows its space in *${rest} (may be NULL: nothing may follow). */
static bool number(const char *text, unsigned long most, unsigned long *n, const char **rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*n = strtoul(text, &end, 10);
	if (errno || *n > most)
		return false;
	if (!rest)
		return *end == '\0';
	*rest = *end == ' ' ? end + 1 : end;
	return *end == ' ' || *end == '\0';
}

static struct peer *peer_of(struct udp_loop *l, const char *text, const char **rest)
{
	unsigned long id;

	return number(text, UINT32_MAX, &id, rest) ? peers_by_id(&l->engine->peers, (unsigned)id) : NULL;
}

static json_t *do_list(struct udp_loop *l, const char *args)
{
	json_t *peers = json_array();

	(void)args;
	for (size_t i = 0; i < l->engine->peers.used; i++)
		if (l->slots[i].state > PEER_GONE)
			json_array_append_new(peers, udp_report_peer(l, &l->slots[i]));
	return with("peers", peers);
}

static json_t *do_stats(struct udp_loop *l, const char *args)
{
	struct peer *p;

	if (*args == '\0')
		return with("stats", udp_report_json(l, -1));
	p = peer_of(l, args, NULL);
	return p ? with("peer", udp_report_peer(l, p)) : bad("no such peer");
}

static json_t *do_add(struct udp_loop *l, const char *args)
{
	struct error e = {0};
	struct address a;
	struct udp_address at;
	struct peer *p;

	if (address_parse(&a, args, NULL, false, &e) < 0)
		return bad(e.text);
	if (!a.has_port || a.port == 0 || a.is_unix || !udp_address_numeric(&at, &a))
		return bad("give ADDRESS:PORT, with a numeric address");
	if (l->socket.family == AF_INET && !udp_address_is_v4(&at))
		return bad("the socket is for IPv4 only");
	p = udp_add(l->engine, &at, -1);
	return p ? with("id", json_integer(p->id)) : bad("the table of peers is full");
}

static json_t *do_remove(struct udp_loop *l, const char *args)
{
	struct peer *p = peer_of(l, args, NULL);

	if (!p)
		return bad("no such peer");
	udp_report_event(l, "disconnect", p, "removed");
	udp_remove(l->engine, p);
	return good();
}

static json_t *sent(unsigned count, const char *why)
{
	return count > 0 ? with("peers", json_integer(count)) : bad(why);
}

static json_t *do_send(struct udp_loop *l, const char *args)
{
	const char *text, *why;
	struct peer *p = peer_of(l, args, &text);
	unsigned count;

	if (!p)
		return bad("no such peer");
	count = udp_loop_send(l, p, (const uint8_t *)text, strlen(text), &why);
	return sent(count, why);
}

static json_t *do_broadcast(struct udp_loop *l, const char *args)
{
	const char *why;
	unsigned count = udp_loop_send(l, NULL, (const uint8_t *)args, strlen(args), &why);

	return sent(count, why);
}

static json_t *do_port(struct udp_loop *l, const char *args)
{
	struct error e = {0};
	unsigned long port;

	if (!number(args, 65535, &port, NULL))
		return bad("give a port, 0 to 65535");
	if (udp_loop_move(l, (uint16_t)port, &e) < 0)
		return bad(e.text);
	return with("port", json_integer(l->socket.port));
}

static json_t *do_rotate(struct udp_loop *l, const char *args)
{
	(void)args;
	udp_rotate(l->engine);
	return good();
}

static json_t *do_shutdown(struct udp_loop *l, const char *args)
{
	(void)args;
	udp_loop_stop(l);
	return good();
}

static json_t *run(struct udp_loop *l, const char *line)
{
	static const struct {
		const char *name;
		json_t *(*call)(struct udp_loop *l, const char *args);
	} commands[] = {{"list", do_list}, {"stats", do_stats}, {"add", do_add}, {"remove", do_remove}, {"send", do_send},
	    {"broadcast", do_broadcast}, {"port", do_port}, {"rotate", do_rotate}, {"shutdown", do_shutdown}};
	size_t n = strcspn(line, " ");
	const char *args = line[n] == ' ' ? line + n + 1 : line + n;

	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strlen(commands[i].name) == n && memcmp(commands[i].name, line, n) == 0)
			return commands[i].call(l, args);
	return bad("unknown command: list, stats, add, remove, send, broadcast, port, rotate or shutdown");
}

/* ---- clients ---- */

static void drop(struct client *c)
{
	ev_io_stop(c->l->loop, &c->in);
	close(c->in.fd);
	c->used = false;
}

/* False if the client does not take its answer, or is gone. */
static bool answer(struct client *c, json_t *o)
{
	char *line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6));
	size_t n = line ? strlen(line) : 0;
	ssize_t put = -1;

	json_decref(o);
	if (line) {
		line[n] = '\n';
		put = send(c->in.fd, line, n + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	free(line);
	return put == (ssize_t)n + 1;
}

/* All whole lines. False if the client is done with. */
static bool lines(struct client *c)
{
	char *end;

	while ((end = memchr(c->line, '\n', c->len))) {
		size_t n = (size_t)(end - c->line);
		bool too_long = c->skipping, holds_nul = memchr(c->line, '\0', n) != NULL;

		*end = '\0';
		c->skipping = false;
		if (!answer(c, too_long ? bad("the line is too long") : holds_nul ? bad("the line holds a NUL") : run(c->l, c->line)))
			return false;
		c->len -= n + 1;
		memmove(c->line, end + 1, c->len);
	}
	if (c->len == sizeof c->line) {
		c->skipping = true;
		c->len = 0;
	}
	return true;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct client *c = w->data;
	struct udp_loop *l = c->l;
	ssize_t got = recv(w->fd, c->line + c->len, sizeof c->line - c->len, MSG_DONTWAIT);

	(void)loop;
	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	udp_loop_clock(l);
	if (got > 0)
		c->len += (size_t)got;
	if (got <= 0 || !lines(c))
		drop(c);
	udp_loop_step(l);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
	struct udp_loop *l = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &l->command->clients[i];

		if (c->used)
			continue;
		c->l = l;
		c->used = true;
		c->skipping = false;
		c->len = 0;
		ev_io_init(&c->in, on_readable, fd, EV_READ);
		c->in.data = c;
		ev_io_start(loop, &c->in);
		return;
	}
	close(fd);
}

int udp_command_open(struct udp_loop *l, struct error *e)
{
	struct address at = {.is_unix = true};
	struct socket_options o = {.family = AF_UNSPEC};
	mode_t mask;
	int rc;

	if (strlen(l->o->control) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--control: the path of a Unix socket has at most %zu bytes",
		    sizeof((struct sockaddr_un *)0)->sun_path - 1);
	snprintf(at.host, sizeof at.host, "%s", l->o->control);
	l->command = calloc(1, sizeof *l->command);
	if (!l->command)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	mask = umask(0177);
	rc = socket_listen(&l->command->listeners, &at, &o, e);
	umask(mask);
	if (rc < 0) {
		free(l->command);
		l->command = NULL;
		return -1;
	}
	ev_io_init(&l->command->accept, on_accept, l->command->listeners.fds[0], EV_READ);
	l->command->accept.data = l;
	ev_io_start(l->loop, &l->command->accept);
	return 0;
}

void udp_command_close(struct udp_loop *l)
{
	if (!l->command)
		return;
	for (size_t i = 0; i < CLIENTS; i++)
		if (l->command->clients[i].used)
			drop(&l->command->clients[i]);
	ev_io_stop(l->loop, &l->command->accept);
	socket_unlisten(&l->command->listeners);
	free(l->command);
	l->command = NULL;
}
