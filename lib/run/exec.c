#include "exec.h"

#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "child.h"
#include "log.h"
#include "pump.h"
#include "roster.h"

/* Behind one guest. */
struct run {
	struct guest *guest;
	struct child child;
	struct pump pump;
	struct bulk bulk;
	bool pumping;
};

static unsigned long long id_of(const struct guest *g)
{
	return (unsigned long long)g->id;
}

const char *exec_line(const struct trust_entry *entry)
{
	return entry ? entry->rule.command : NULL;
}

/* ---- the command ---- */

static void begin(struct run *r)
{
	struct guest *g = r->guest;

	log_info(2, "%llu: %s: the command runs", id_of(g), g->conn->peer);
	pump_start(&r->pump, g->conn, &r->child.ep, false, g->service->o->stream.rate_limit);
	r->pump.told_waiting = true; /* nobody sits here and waits */
	bulk_start(&r->bulk, g->conn);
	r->pumping = true;
}

static void tell_end(const struct guest *g, const struct child *c)
{
	struct figures_who who = roster_who(g);

	events_command_ended(g->service->hosting.events, &who, c->status, c->signal, c->failed);
}

static void on_child(struct child *c, void *owner)
{
	struct run *r = owner;
	struct guest *g = r->guest;

	if (c->state == CHILD_ENDED && !c->over)
		tell_end(g, c);
	/* (Nobody's command has ended well then, whatever its output looks like.) */
	if (spawner_lost(g->service->o->spawner))
		service_fail(g->service, CLOSE_OUTPUT, ERROR_IO, "the helper that runs commands has died");
	if (c->state == CHILD_RUNNING && !r->pumping)
		begin(r);
	else if (c->failed) {
		log_error("%llu: %s: cannot run the command: %s", id_of(g), g->conn->peer, strerror(c->failed));
		c->failed = 0; /* told */
		service_send_away(g, CLOSE_OUTPUT, ERROR_IO, "the command cannot be run");
	} else if (c->state == CHILD_ENDED && !c->over)
		log_info(1, "%llu: %s: the command has ended with status %d", id_of(g), g->conn->peer, c->status);
	service_soon(g);
}

/* ---- the kind ---- */

static int start(struct service *v, struct error *e)
{
	(void)e;
	spawner_watch(v->o->spawner, v->loop);
	return 0;
}

static void confine(const struct service *v, struct sandbox_needs *needs)
{
	(void)v;
	needs->commands = true;
}

static int open_run(struct guest *g, struct error *e)
{
	struct run *r = calloc(1, sizeof *r);

	if (!r)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	r->guest = g;
	g->place = r;
	if (child_start(&r->child, g->service->o->spawner, exec_line(g->entry), g->conn, g->label, on_child, r, e) == 0)
		return 0;
	free(r);
	g->place = NULL;
	return -1;
}

/* Until the command runs, and when it cannot. */
static bool step_alone(struct guest *g, struct run *r)
{
	struct session *s = &g->conn->session;

	conn_wake(g->conn);
	/* Nobody will take any more what it has said already. */
	if (session_error(s)->code != ERROR_OK) {
		session_abort(s, CLOSE_SHUTDOWN, ERROR_TRUNCATED, "it could not be served");
		if (r)
			child_abort(&r->child);
	}
	conn_update(g->conn);
	return (session_state(s) & SESSION_CLOSED) && (!r || r->child.state == CHILD_ENDED);
}

static bool step(struct guest *g)
{
	struct run *r = g->place;

	if (!r || !r->pumping)
		return step_alone(g, r);
	if (pump_step(&r->pump))
		return true;
	bulk_step(&r->bulk);
	return false;
}

static void close_run(struct guest *g)
{
	struct run *r = g->place;

	if (!r)
		return;
	if (r->pumping) {
		pump_stop(&r->pump);
		bulk_stop(&r->bulk);
		if (r->pump.error.code != ERROR_OK)
			log_info(1, "%llu: %s: %s", id_of(g), g->conn->peer, r->pump.error.text);
	}
	child_free(&r->child);
	free(r);
	g->place = NULL;
}

static bool over(struct service *v)
{
	return spawner_lost(v->o->spawner);
}

static int status(struct service *v)
{
	(void)v;
	return error_status(ERROR_IO);
}

const struct service_kind exec_kind = {
    .no_stdio = true,
    .start = start,
    .confine = confine,
    .open = open_run,
    .step = step,
    .close = close_run,
    .over = over,
    .status = status,
};
