#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "announce.h"
#include "clock.h"
#include "control.h"
#include "log.h"
#include "pskfile.h"
#include "roster.h"
#include "service_code.h"
#include "workers.h"

/* ---- guests ---- */

struct guest *service_find(struct service *v, uint64_t id)
{
	struct guest *g = v->first;

	while (g && g->id != id)
		g = g->next;
	return g;
}

static void join(struct service *v, struct guest *g)
{
	g->id = ++v->next_id;
	g->prev = v->last;
	if (v->last)
		v->last->next = g;
	else
		v->first = g;
	v->last = g;
	v->count++;
	service_count(v, g->conn, 1);
}

static void leave(struct guest *g)
{
	struct service *v = g->service;

	service_not_soon(g);
	if (g->prev)
		g->prev->next = g->next;
	else
		v->first = g->next;
	if (g->next)
		g->next->prev = g->prev;
	else
		v->last = g->prev;
	v->count--;
	service_count(v, g->conn, -1);
}

void service_consider_end(struct service *v)
{
	bool over = v->kind->over && v->kind->over(v) && !v->failing;

	if (over || (v->draining && v->count == 0))
		ev_break(v->loop, EVBREAK_ALL);
}

static void remove_guest(struct guest *g)
{
	struct service *v = g->service;

	roster_farewell(g);
	leave(g);
	notify_clients(&v->hosting.notify, v->count);
	if (v->kind->close)
		v->kind->close(g);
	server_left(&v->server, g->conn);
	conn_free(g->conn);
	free(g->label);
	free(g);
	service_consider_end(v);
}

void service_step(struct guest *g)
{
	if (g->service->kind->step(g))
		remove_guest(g);
	else if (g->closing && !g->reason)
		service_send_away(g, CLOSE_SHUTDOWN, ERROR_TRUNCATED, SERVICE_CLOSED);
}

static void on_changed(struct conn *c, void *owner)
{
	(void)c;
	service_step(owner);
}

void service_send_away(struct guest *g, enum session_close code, enum error_code error, const char *reason)
{
	if (!g->reason)
		g->reason = reason;
	conn_wake(g->conn);
	session_abort(&g->conn->session, code, error, reason);
	conn_update(g->conn);
	service_soon(g);
}

/* ---- from the server ---- */

static const char *judge(struct server *srv, struct conn *c)
{
	static char why[JUDGE_TEXTMAX]; /* lives until the verdict is used, one at a time */
	struct service *v = srv->owner;

	if (session_peer(&c->session)->by_code)
		return service_full(v, c) ? NULL : service_code_verdict(v, c);
	return judge_client_verdict(&v->judge, session_peer(&c->session), c->session.protocol.dh == DH_25519, why);
}

static const char *full(struct server *srv, struct conn *c)
{
	return service_full(srv->owner, c);
}

static struct guest *new_guest(struct service *v, struct conn *c)
{
	const struct trust_entry *entry = service_entry(v, c);
	struct guest *g = calloc(1, sizeof *g);

	if (!g || !(g->label = strdup(entry ? entry->label : "")) ||
	    (entry && entry->rule.rate > 0 && conn_limit(c, entry->rule.rate) < 0)) {
		if (g)
			free(g->label);
		free(g);
		return NULL;
	}
	g->service = v;
	g->conn = c;
	g->entry = entry;
	g->since = clock_ms();
	return g;
}

static void on_ready(struct server *srv, struct conn *c)
{
	struct service *v = srv->owner;
	struct guest *g = new_guest(v, c);
	struct error e = {0};
	struct figures_who who;
	char text[KEYTEXT_MAX], said[PSKFILE_SAID];

	if (!g) {
		log_error("%s: out of memory", c->peer);
		server_left(srv, c);
		conn_free(c);
		return;
	}
	join(v, g);
	log_info(1, "%llu: %s: connected with %s, peer key %s%s", (unsigned long long)g->id, c->peer, c->session.protocol.name,
	    judge_peer_text(session_peer(&c->session), c->session.protocol.dh == DH_25519, text),
	    pskfile_said(said, session_peer(&c->session)));
	who = roster_who(g);
	events_connect(v->hosting.events, &who);
	notify_clients(&v->hosting.notify, v->count);
	c->thrifty = true;
	conn_own(c, on_changed, g);
	if (v->kind->open && v->kind->open(g, &e) < 0) {
		log_error("%llu: %s: %s", (unsigned long long)g->id, c->peer, e.text);
		service_send_away(g, CLOSE_OUTPUT, ERROR_IO, "it could not be served");
	}
	g->entry = NULL; /* a reload would take it away */
	service_soon(g);
}

static void on_turned_away(struct server *srv, const char *peer, const char *limit)
{
	struct service *v = srv->owner;

	v->turned_away++;
	events_turned_away(v->hosting.events, limit, peer);
}

static void on_failed(struct server *srv, struct conn *c)
{
	const struct error *e = session_error(&c->session);
	struct service *v = srv->owner;

	v->failed++;
	events_failed(v->hosting.events, c);
	if (e->code == ERROR_AUTH)
		log_warn("%s: %s", c->peer, e->text);
	else
		log_info(1, "%s: %s", c->peer, e->text);
}

/* ---- set-up ---- */

static int open_workers(struct service *v, struct error *e)
{
	struct server *srv = &v->server;

	if (v->o->workers <= 1)
		return 0;
	srv->workers = workers_new(v->loop, (int)v->o->workers, conn_worked, server_relieved, srv, e);
	srv->config.handshake.puts_off = srv->workers != NULL;
	return srv->workers ? 0 : -1;
}

static int start_workers(void *owner, struct error *e)
{
	return workers_start(owner, e);
}

static int confine(struct service *v, struct error *e)
{
	struct sandbox_needs needs = {.accept = true, .removal_too = control_path(v->control), .reread = v->reread,
	    .reread_too = v->reread_psks};

	service_code_needs(v, &needs);
	if (v->server.workers) {
		needs.threads = start_workers;
		needs.threads_owner = v->server.workers;
	}
	if (v->server.listeners.unix_path[0] != '\0')
		needs.removal = v->server.listeners.unix_path;
	if (v->kind->confine)
		v->kind->confine(v, &needs);
	hosting_load(&v->hosting);
	return stream_confine(&v->stream, needs, e);
}

static void on_usr1(void *owner)
{
	roster_print(owner, -1);
}

static int open_control(struct service *v, struct error *e)
{
	if (!v->o->control && v->hosting.control_fd < 0)
		return 0;
	v->control = control_open(v, v->o->control, v->hosting.control_fd, e);
	return v->control ? 0 : -1;
}

static int settle(struct service *v, struct error *e)
{
	if (hosting_settle(&v->hosting, &v->server.listeners, e) < 0)
		return -1;
	control_rooted(v->control, v->o->root);
	service_reload_prepare(v);
	return service_code_prepare(v, e);
}

static int announce(struct service *v, struct error *e)
{
	const struct listener_options *o = v->o;
	const struct socket_listeners *at = &v->server.listeners;

	announce_people(o, at);
	service_code_show(v);
	hosting_ready(&v->hosting, at);
	return o->ready_fd >= 0 ? announce_ready(o, at, e) : 0;
}

/* The order: see listener.c. */
static int finish(struct service *v, struct error *e)
{
	if (v->o->stream.sandbox == SANDBOX_REQUIRE || v->server.workers)
		return confine(v, e) < 0 ? -1 : announce(v, e);
	return announce(v, e) < 0 ? -1 : confine(v, e);
}

static int setup(struct service *v, struct error *e)
{
	const struct listener_options *o = v->o;
	struct server *srv = &v->server;

	socket_raise_limit();
	srv->loop = v->loop;
	srv->owner = v;
	srv->pool = &v->pool;
	srv->most = SERVER_PENDING_MANY;
	srv->max_per_ip = o->max_per_ip;
	rate_init(&srv->handshakes, (uint64_t)o->handshake_rate, (uint64_t)o->handshake_rate, clock_ms());
	srv->buffers = CONN_WORKBUF;
	srv->hooks = (struct server_hooks){
	    .judge = judge, .full = full, .ready = on_ready, .turned_away = on_turned_away, .failed = on_failed};
	srv->config.wire = o->wire;
	srv->config.raw_protocol = o->raw_protocol;
	if (stream_open(&v->stream, v->loop, &o->stream, v->kind->no_stdio, e) < 0 || stream_config(&v->stream, &srv->config, e) < 0)
		return -1;
	srv->config.messages = !v->kind->no_stdio;
	srv->config.paired = trust_authorized_paired;
	srv->config.paired_owner = &v->judge.list;
	srv->config.handshake.allowed = o->allowed;
	srv->config.handshake.allowed_count = o->allowed_count;
	v->stream.asked = on_usr1;
	v->stream.owner = v;
	if (hosting_open(&v->hosting, v->loop, o, &srv->listeners, e) < 0)
		return -1;
	service_soon_start(v);
	if (v->kind->start && v->kind->start(v, e) < 0)
		return -1;
	if (open_workers(v, e) < 0 || server_start(srv, e) < 0 || open_control(v, e) < 0)
		return -1;
	signals_start(&v->signals, v->loop, service_signal, v);
	return settle(v, e) < 0 ? -1 : finish(v, e);
}

int service_run(struct listener_options *o, const struct service_kind *kind)
{
	struct service v = {
	    .o = o, .kind = kind, .loop = ev_default_loop(EVFLAG_NOENV), .judge = o->judge, .since = clock_ms()};
	struct error e = {0};
	int status;

	memset(&o->judge.list, 0, sizeof o->judge.list); /* ours now */
	if (setup(&v, &e) < 0) {
		log_error("%s", e.text);
		status = error_status(e.code);
	} else {
		ev_run(v.loop, 0);
		status = service_outcome(&v);
		signals_stop(&v.signals);
	}
	workers_stop(v.server.workers); /* they read keys that go now */
	for (struct guest *g = v.first, *next = NULL; g && (next = g->next, true); g = next)
		remove_guest(g);
	if (o->stream.stats != REPORT_NONE)
		roster_print(&v, status);
	hosting_close(&v.hosting, &v.gone, v.next_id, clock_ms() - v.since, status);
	control_close(v.control);
	ev_timer_stop(v.loop, &v.drain_timer);
	service_soon_stop(&v);
	if (kind->stop)
		kind->stop(&v);
	stream_close(&v.stream);
	server_free(&v.server);
	workers_free(v.server.workers);
	service_reload_free(&v);
	service_code_free(&v);
	bufpool_free(&v.pool);
	trust_free(&v.judge.list);
	return status;
}
