#include "listener.h"

#include <errno.h>
#include <ev.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "jsontext.h"
#include "log.h"
#include "server.h"
#include "signals.h"

#define HURRY_MS 1000

struct listener {
	const struct listener_options *o;
	struct ev_loop *loop;
	struct server server;
	struct stream stream;
	struct signals signals;
	ev_timer accept_timer, drain_timer;
	struct error last; /* of the client that failed last, or what ends us */
	int64_t failures;
	int signal;
	bool hurried; /* a session was told to end */
	bool cut;     /* and it was not complete */
};

/* ---- clients ---- */

static const char *judge(struct server *srv, struct conn *c)
{
	static char why[JUDGE_TEXTMAX]; /* lives until the verdict is used, one at a time */
	struct listener *l = srv->owner;

	return judge_client_verdict(&l->o->judge, session_peer(&c->session), c->session.protocol.dh == DH_25519, why);
}

static void stop(struct listener *l)
{
	ev_break(l->loop, EVBREAK_ALL);
}

static void on_session(struct conn *c, void *owner)
{
	struct listener *l = owner;

	(void)c;
	if (stream_step(&l->stream))
		stop(l);
}

/* From here on nobody else is served. */
static void confine_session(const struct listener *l)
{
	const struct sandbox_needs nothing = {0};
	struct error ignored = {0}; /* what the first time took stays taken */

	(void)!stream_confine(&l->stream, nothing, &ignored);
}

static void on_ready(struct server *srv, struct conn *c)
{
	struct listener *l = srv->owner;
	char text[KEYTEXT_MAX];

	log_info(1, "%s: connected with %s, peer key %s", c->peer, c->session.protocol.name,
	    judge_peer_text(session_peer(&c->session), c->session.protocol.dh == DH_25519, text));
	ev_timer_stop(l->loop, &l->accept_timer);
	server_stop(srv);
	confine_session(l);
	stream_warn_raw(c);
	conn_own(c, on_session, l);
	stream_run(&l->stream, c);
	on_session(c, l);
}

/* Scans and noise are for -v; who was refused by a key is told, for somebody waits for that. */
static void on_failed(struct server *srv, struct conn *c)
{
	struct listener *l = srv->owner;
	const struct error *e = session_error(&c->session);
	bool enough;

	if (srv->busy)
		return;
	l->last = *e;
	enough = ++l->failures >= l->o->max_failures && l->o->max_failures > 0;
	if (enough)
		log_error("%s: %s", c->peer, e->text);
	else if (e->code == ERROR_AUTH)
		log_warn("%s: %s", c->peer, e->text);
	else
		log_info(1, "%s: %s", c->peer, e->text);
	if (enough)
		stop(l);
}

/* ---- clocks and signals ---- */

static void on_accept_timeout(struct ev_loop *loop, ev_timer *w, int events)
{
	struct listener *l = w->data;

	(void)loop;
	(void)events;
	memset(&l->last, 0, sizeof l->last);
	error_set(&l->last, ERROR_TIMEOUT, BLAME_PEER, "timeout: no client in time (see --accept-timeout)");
	log_error("%s", l->last.text);
	stop(l);
}

static void cut_session(struct listener *l)
{
	struct conn *c = l->stream.conn;

	l->hurried = true;
	session_hurry(&c->session, HURRY_MS);
	session_abort(&c->session, CLOSE_SHUTDOWN, ERROR_TRUNCATED, "shut down while the session was under way");
	l->cut = session_error(&c->session)->code != ERROR_OK;
	conn_update(c);
	on_session(c, l);
}

static void on_drained(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	cut_session(w->data);
}

/* The first one lets the session finish for a while, the second closes it, a third just leaves. */
static void on_signal(int number, void *owner)
{
	struct listener *l = owner;
	bool first = l->signal == 0;

	l->signal = number;
	if (!l->stream.pumping || l->hurried) {
		stop(l);
	} else if (first && l->o->drain_ms == 0) {
		log_info(1, "shutting down when the session has finished; another signal ends it now");
	} else if (first) {
		log_info(1, "shutting down: the session may finish within %.1f s, another signal ends it now",
		    (double)l->o->drain_ms / 1000);
		ev_timer_set(&l->drain_timer, (double)l->o->drain_ms / 1000, 0.);
		ev_timer_start(l->loop, &l->drain_timer);
	} else {
		ev_timer_stop(l->loop, &l->drain_timer);
		cut_session(l);
	}
}

/* ---- start and end ---- */

static int tell_ready(const struct listener *l, struct error *e)
{
	const struct socket_listeners *at = &l->server.listeners;
	struct key public;
	char key[KEYTEXT_MAX], *line;
	json_t *o = json_pack("{s:i, s:s}", "v", 1, "event", "listening");
	size_t n;
	ssize_t put;

	if (key_public(&public, l->o->stream.identity) != KEYTEXT_OK)
		memset(&public, 0, sizeof public);
	keytext_format(key, &public);
	if (at->unix_path[0] != '\0')
		json_object_set_new(o, "path", jsontext(at->host));
	else {
		json_object_set_new(o, "address", json_string(at->host));
		json_object_set_new(o, "port", json_integer(at->port));
	}
	json_object_set_new(o, "key", json_string(key));
	line = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (!line)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--ready-fd: cannot say where this listens");
	n = strlen(line);
	line[n] = '\n'; /* in place of the NUL: one write, one line */
	put = write(l->o->ready_fd, line, n + 1);
	free(line);
	if (close(l->o->ready_fd) < 0 || put != (ssize_t)n + 1)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--ready-fd %d: %s", l->o->ready_fd, strerror(errno));
	return 0;
}

static void tell_people(const struct listener *l)
{
	const struct socket_listeners *at = &l->server.listeners;
	char print[FINGERPRINT_MAX];

	if (l->o->open_warning)
		log_warn("warning: anyone who can reach this may connect: give --authorized-keys or --psk-file (or --anonymous, if that is meant)");
	if (key_fingerprint(print, l->o->stream.identity) != KEYTEXT_OK)
		print[0] = '\0';
	if (at->unix_path[0] != '\0')
		log_info(1, "listening on %s, key fingerprint %s", at->host, print);
	else
		log_info(1, "listening on %s port %u, key fingerprint %s", at->host, at->port, print);
}

static int confine(const struct listener *l, struct error *e)
{
	const struct socket_listeners *at = &l->server.listeners;
	struct sandbox_needs needs = {.accept = true, .again = true};

	if (at->unix_path[0] != '\0')
		needs.removal = at->unix_path;
	json_object_seed(0); /* reads the system's random numbers, once */
	return stream_confine(&l->stream, needs, e);
}

static int setup(struct listener *l, struct error *e)
{
	const struct listener_options *o = l->o;
	struct server *srv = &l->server;

	srv->loop = l->loop;
	srv->owner = l;
	srv->hooks = (struct server_hooks){judge, on_ready, on_failed};
	srv->config.wire = o->wire;
	srv->config.raw_protocol = o->raw_protocol;
	if (stream_open(&l->stream, l->loop, &o->stream, e) < 0 || stream_config(&l->stream, &srv->config, e) < 0)
		return -1;
	srv->config.handshake.allowed = o->allowed;
	srv->config.handshake.allowed_count = o->allowed_count;
	if (socket_listen(&srv->listeners, &o->at, &o->socket, e) < 0)
		return -1;
	server_start(srv);
	ev_timer_init(&l->accept_timer, on_accept_timeout, (double)o->accept_ms / 1000, 0.);
	ev_timer_init(&l->drain_timer, on_drained, 0., 0.);
	l->accept_timer.data = l->drain_timer.data = l;
	if (o->accept_ms > 0)
		ev_timer_start(l->loop, &l->accept_timer);
	signals_start(&l->signals, l->loop, on_signal, l);
	if (confine(l, e) < 0)
		return -1;
	tell_people(l);
	return o->ready_fd >= 0 ? tell_ready(l, e) : 0;
}

static int outcome(struct listener *l)
{
	int status;

	if (!l->stream.pumping) {
		if (l->signal)
			return l->signal == SIGTERM ? 0 : 128 + l->signal;
		return error_status(l->last.code);
	}
	if (session_state(&l->stream.conn->session) != SESSION_CLOSED)
		return 128 + l->signal;
	status = stream_status(&l->stream);
	if (l->cut)
		return 128 + l->signal;
	return status == 0 && l->signal && l->signal != SIGTERM ? 128 + l->signal : status;
}

int listener_run(const struct listener_options *o)
{
	struct listener l = {.o = o, .loop = ev_default_loop(EVFLAG_NOENV)};
	struct error e = {0};
	int status;

	if (setup(&l, &e) < 0) {
		log_error("%s", e.text);
		status = error_status(e.code);
	} else {
		ev_run(l.loop, 0);
		status = outcome(&l);
		signals_stop(&l.signals);
	}
	ev_timer_stop(l.loop, &l.accept_timer);
	ev_timer_stop(l.loop, &l.drain_timer);
	stream_close(&l.stream);
	server_free(&l.server);
	return status;
}
