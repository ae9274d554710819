/* The end of a service: signals, the drain, and what the exit status says of them. */
#include <signal.h>
#include <string.h>

#include "log.h"
#include "service.h"

#define HURRY_MS 1000

static bool complete(const struct guest *g)
{
	return session_error(&g->conn->session)->code == ERROR_OK;
}

/* (What is complete but for the peer's end of the connection stays complete.) */
static void cut_all(struct service *v)
{
	for (struct guest *g = v->first; g; g = g->next) {
		conn_wake(g->conn);
		session_hurry(&g->conn->session, HURRY_MS);
		session_abort(&g->conn->session, CLOSE_SHUTDOWN, ERROR_TRUNCATED, "shut down");
		v->cut |= !complete(g);
		if (!g->reason && !complete(g))
			g->reason = "shut down";
		conn_update(g->conn);
		service_soon(g);
	}
}

static void on_drained(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	cut_all(w->data);
}

void service_close(struct guest *g)
{
	g->closing = true;
	service_soon(g);
}

void service_leave(struct guest *g)
{
	if (g->leaving)
		return;
	g->leaving = true;
	if (g->service->kind->leave)
		g->service->kind->leave(g);
	service_soon(g);
}

void service_drain(struct service *v)
{
	if (v->draining)
		return;
	v->draining = true;
	hosting_stopping(&v->hosting, v->signal ? strsignal(v->signal) : "asked for by the control socket", v->count);
	server_stop(&v->server);
	for (struct guest *g = v->first; g; g = g->next)
		service_leave(g);
	ev_timer_init(&v->drain_timer, on_drained, (double)v->o->drain_ms / 1000, 0.);
	v->drain_timer.data = v;
	if (v->o->drain_ms > 0)
		ev_timer_start(v->loop, &v->drain_timer);
}

static void on_failed(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

void service_fail(struct service *v, enum session_close code, enum error_code error, const char *reason)
{
	if (v->failing)
		return;
	v->failing = true;
	if (!v->draining)
		hosting_stopping(&v->hosting, reason, v->count);
	v->draining = true;
	server_stop(&v->server);
	for (struct guest *g = v->first; g; g = g->next) {
		session_hurry(&g->conn->session, HURRY_MS);
		service_send_away(g, code, error, reason);
	}
	ev_timer_stop(v->loop, &v->drain_timer);
	ev_timer_init(&v->drain_timer, on_failed, (double)HURRY_MS / 1000, 0.);
	ev_timer_start(v->loop, &v->drain_timer);
}

/* Without a terminal, a hang-up means that files have changed. */
static bool means_reload(const struct service *v, int number)
{
	return number == SIGHUP && !v->stream.ep->interactive;
}

/* The first one lets sessions finish for a while, the second closes them, a third just leaves. */
void service_signal(int number, void *owner)
{
	struct service *v = owner;
	struct error e = {0};

	if (means_reload(v, number)) {
		(void)service_reload(v, &e);
		return;
	}
	if (v->signal == 0 && !v->failing) {
		log_info(1, "shutting down: %lld sessions may finish, another signal ends them now", (long long)v->count);
		v->signal = number;
		service_drain(v);
	} else if (!v->hurried && !v->failing) {
		ev_timer_stop(v->loop, &v->drain_timer);
		v->hurried = true;
		cut_all(v);
	} else
		ev_break(v->loop, EVBREAK_ALL);
	v->signal = number;
}

/* Sessions that the third signal has left behind. */
static bool unfinished(const struct service *v)
{
	for (const struct guest *g = v->first; g; g = g->next)
		if (session_state(&g->conn->session) != SESSION_CLOSED)
			return true;
	return false;
}

int service_outcome(struct service *v)
{
	if (v->kind->over && v->kind->over(v))
		return v->kind->status(v);
	if (v->cut || unfinished(v) || (v->signal && v->signal != SIGTERM))
		return 128 + (v->signal ? v->signal : SIGTERM);
	return 0;
}
