#include "listener.h"

#include <errno.h>
#include <ev.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "announce.h"
#include "child.h"
#include "clock.h"
#include "code.h"
#include "enrol.h"
#include "exec.h"
#include "hosting.h"
#include "log.h"
#include "pskfile.h"
#include "server.h"
#include "signals.h"

#define HURRY_MS 1000

struct listener {
	const struct listener_options *o;
	struct ev_loop *loop;
	struct server server;
	struct stream stream;
	struct child child;
	struct conn *waiting; /* its command has not begun yet */
	struct signals signals;
	struct hosting hosting;
	struct enrol enrol;
	struct figures_who who; /* of the one session; conn NULL: there was none */
	int64_t began;
	ev_timer accept_timer, drain_timer;
	struct error last; /* of the client that failed last, or what ends us */
	int64_t failures;
	bool over; /* too many failed: the loop ends, and what fails in its last turn is told already */
	int signal;
	bool hurried; /* a session was told to end */
	bool cut;     /* and it was not complete */
};

/* ---- clients ---- */

static const char *judge(struct server *srv, struct conn *c)
{
	static char why[JUDGE_TEXTMAX]; /* lives until the verdict is used, one at a time */
	struct listener *l = srv->owner;
	const char *refusal = judge_client_verdict(&l->o->judge, session_peer(&c->session), c->session.protocol.dh == DH_25519, why);

	if (!refusal && !srv->busy && !session_peer(&c->session)->probe)
		enrol_client(&l->enrol, c);
	return refusal;
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

static void on_waiting(struct conn *c, void *owner)
{
	(void)c;
	(void)owner;
}

/* From here on nobody else is served. */
static void confine_session(const struct listener *l)
{
	const struct sandbox_needs nothing = {.commands = l->o->spawner != NULL};
	struct error ignored = {0}; /* what the first time took stays taken */

	(void)!stream_confine(&l->stream, nothing, &ignored);
}

static const struct trust_entry *entry_of(const struct listener *l, const struct conn *c)
{
	const struct session_peer *peer = session_peer(&c->session);

	if (!peer->has_key || c->session.protocol.dh != DH_25519)
		return NULL;
	return trust_authorized_find(&l->o->judge.list, peer->key);
}

static void limit_rate(const struct trust_entry *entry, struct conn *c)
{
	if (entry && entry->rule.rate > 0 && conn_limit(c, entry->rule.rate) < 0)
		session_abort(&c->session, CLOSE_BUSY, ERROR_IO, "out of memory");
}

static void run(struct listener *l, struct conn *c)
{
	stream_warn_raw(c);
	conn_own(c, on_session, l);
	stream_run(&l->stream, c);
	on_session(c, l);
}

/* ---- a command for the client ---- */

static void cannot_run(struct listener *l, enum error_code code, const char *why)
{
	struct conn *c = l->waiting;

	memset(&l->last, 0, sizeof l->last);
	error_set(&l->last, code, BLAME_LOCAL, "cannot run the command: %s", why);
	log_error("%s", l->last.text);
	session_abort(&c->session, CLOSE_OUTPUT, ERROR_IO, "the command cannot be run");
	conn_update(c);
	stop(l);
}

static void on_child(struct child *child, void *owner)
{
	struct listener *l = owner;
	struct conn *c = l->waiting;

	if (child->state == CHILD_ENDED && !child->over)
		events_command_ended(l->hosting.events, &l->who, child->status, child->signal, child->failed);
	if (child->failed)
		cannot_run(l, ERROR_IO, strerror(child->failed));
	else if (child->state == CHILD_RUNNING) {
		l->waiting = NULL;
		l->stream.ep = &child->ep;
		run(l, c);
	} else
		on_session(NULL, l);
}

/* Until it runs, the client is not listened to. */
static void run_command(struct listener *l, struct conn *c, const struct trust_entry *entry)
{
	struct error e = {0};

	l->waiting = c;
	conn_own(c, on_waiting, l);
	if (child_start(&l->child, l->o->spawner, exec_line(entry), c, entry ? entry->label : "", on_child, l, &e) < 0)
		cannot_run(l, e.code, e.text);
}

static void tell_session(struct listener *l, struct conn *c, const struct trust_entry *entry)
{
	l->who = (struct figures_who){.id = 1, .conn = c, .label = entry ? entry->label : "", .since = clock_ms()};
	events_connect(l->hosting.events, &l->who);
	notify_clients(&l->hosting.notify, 1);
}

static void on_ready(struct server *srv, struct conn *c)
{
	struct listener *l = srv->owner;
	const struct trust_entry *entry = entry_of(l, c);
	char text[KEYTEXT_MAX], said[PSKFILE_SAID];

	log_info(1, "%s: connected with %s, peer key %s%s", c->peer, c->session.protocol.name,
	    judge_peer_text(session_peer(&c->session), c->session.protocol.dh == DH_25519, text),
	    pskfile_said(said, session_peer(&c->session)));
	ev_timer_stop(l->loop, &l->accept_timer);
	if (l->o->stream.code)
		code_spend(l->o->stream.code);
	tell_session(l, c, entry);
	limit_rate(entry, c);
	server_stop(srv);
	if (l->o->spawner)
		run_command(l, c, entry);
	confine_session(l);
	if (!l->o->spawner)
		run(l, c);
}

static bool code_is_dead(const struct listener *l, const struct conn *c)
{
	return l->o->stream.code && l->o->stream.code->guesses == 0 && c->session.refusal == REFUSE_KEYS;
}

/* Of a crowd that guessed at the same time all have had their answer, but this is the last that is told of them. */
static void tell_guesses(const struct listener *l)
{
	for (int i = 0; i < l->server.pending_count; i++) {
		const struct conn *c = l->server.pending[i];

		if (!code_is_dead(l, c))
			continue;
		events_failed(l->hosting.events, c);
		log_warn("%s: %s", c->peer, session_error(&c->session)->text);
	}
}

/* Scans and noise are for -v; who was refused by a key is told, for somebody waits for that. */
static void on_failed(struct server *srv, struct conn *c)
{
	struct listener *l = srv->owner;
	const struct error *e = session_error(&c->session);
	bool enough;

	if (srv->busy || l->over)
		return;
	events_failed(l->hosting.events, c);
	l->last = *e;
	enough = (++l->failures >= l->o->max_failures && l->o->max_failures > 0) || code_is_dead(l, c);
	if (code_is_dead(l, c))
		tell_guesses(l);
	if (enough)
		log_error("%s: %s", c->peer, e->text);
	else if (e->code == ERROR_AUTH)
		log_warn("%s: %s", c->peer, e->text);
	else
		log_info(1, "%s: %s", c->peer, e->text);
	l->over = enough;
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
	error_set(&l->last, ERROR_TIMEOUT, BLAME_PEER, l->o->stream.code
		? "timeout: nobody came with the code in time; for a new one start again"
		: "timeout: no client in time (see --accept-timeout)");
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
	if (first)
		hosting_stopping(&l->hosting, strsignal(number), l->stream.pumping);
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

static int confine(const struct listener *l, struct error *e)
{
	const struct socket_listeners *at = &l->server.listeners;
	struct sandbox_needs needs = {.accept = true, .again = true, .commands = l->o->spawner != NULL};

	if (l->enrol.wanted && l->enrol.fresh >= 0)
		needs.arrival = l->enrol.path;
	else if (l->enrol.wanted)
		needs.append = l->enrol.path;
	if (at->unix_path[0] != '\0')
		needs.removal = at->unix_path;
	return stream_confine(&l->stream, needs, e);
}

/* What nobody who waits for us to listen need wait for. */
static int complete(struct listener *l, struct error *e)
{
	if (stream_config(&l->stream, &l->server.config, e) < 0)
		return -1;
	hosting_load(&l->hosting);
	return confine(l, e);
}

static int announce(struct listener *l, const char *here, struct error *e)
{
	const struct listener_options *o = l->o;
	const struct socket_listeners *at = &l->server.listeners;

	announce_people(o, at);
	if (o->stream.code)
		code_show(o->stream.code, at, here, o->accept_ms);
	hosting_ready(&l->hosting, at);
	return o->ready_fd >= 0 ? announce_ready(o, at, e) : 0;
}

/* It listens already, and says so, unless it may end for want of a sandbox. */
static int finish(struct listener *l, const char *here, struct error *e)
{
	if (l->o->stream.sandbox == SANDBOX_REQUIRE)
		return complete(l, e) < 0 ? -1 : announce(l, here, e);
	return announce(l, here, e) < 0 ? -1 : complete(l, e);
}

static int setup(struct listener *l, struct error *e)
{
	const struct listener_options *o = l->o;
	struct server *srv = &l->server;
	char here[ADDRESS_HOSTMAX];

	srv->loop = l->loop;
	srv->owner = l;
	srv->most = SERVER_PENDING;
	srv->buffers = SESSION_BIGBUF;
	srv->hooks = (struct server_hooks){.judge = judge, .ready = on_ready, .failed = on_failed};
	srv->config.wire = o->wire;
	srv->config.raw_protocol = o->raw_protocol;
	if (stream_open(&l->stream, l->loop, &o->stream, o->spawner != NULL, e) < 0)
		return -1;
	srv->config.handshake.allowed = o->allowed;
	srv->config.handshake.allowed_count = o->allowed_count;
	if (hosting_open(&l->hosting, l->loop, o, &srv->listeners, e) < 0)
		return -1;
	if (l->hosting.control_fd >= 0)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "LISTEN_FDNAMES: a control socket needs -k");
	if (server_start(srv, e) < 0)
		return -1;
	if (o->spawner)
		spawner_watch(o->spawner, l->loop);
	ev_timer_init(&l->accept_timer, on_accept_timeout, (double)o->accept_ms / 1000, 0.);
	ev_timer_init(&l->drain_timer, on_drained, 0., 0.);
	l->accept_timer.data = l->drain_timer.data = l;
	if (o->accept_ms > 0)
		ev_timer_start(l->loop, &l->accept_timer);
	signals_start(&l->signals, l->loop, on_signal, l);
	code_here(here);
	if (enrol_prepare(&l->enrol, e) < 0 || hosting_settle(&l->hosting, &srv->listeners, e) < 0)
		return -1;
	return finish(l, here, e);
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
	if (l->stream.of_command && status != 0)
		log_warn("the command ended with status %d", status);
	if (l->cut)
		return 128 + l->signal;
	if (status == 0 && l->enrol.failed)
		return error_status(ERROR_IO);
	return status == 0 && l->signal && l->signal != SIGTERM ? 128 + l->signal : status;
}

/* The events of the one session's end, and of ours. */
static void account(struct listener *l, int status)
{
	struct figures_total sum = {0};

	if (l->who.conn) {
		events_disconnect(l->hosting.events, &l->who, l->cut ? "shut down" : NULL, -1);
		figures_sum(&sum, l->who.conn);
	}
	hosting_close(&l->hosting, &sum, l->who.id, clock_ms() - l->began, status);
}

int listener_run(const struct listener_options *o)
{
	struct listener l = {.o = o, .loop = ev_default_loop(EVFLAG_NOENV), .began = clock_ms(),
	    .enrol = {.wanted = o->remember, .path = o->judge.path, .serves = o->judge.serves, .fresh = -1}};
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
	account(&l, status);
	stream_close(&l.stream);
	conn_free(l.waiting);
	child_free(&l.child);
	server_free(&l.server);
	enrol_free(&l.enrol);
	return status;
}
