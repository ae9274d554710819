#include "forward.h"

#include <stdlib.h>

#include "clock.h"
#include "dial.h"
#include "log.h"
#include "plain.h"
#include "pump.h"

/* Behind one guest. */
struct backend {
	struct guest *guest;
	struct dial dial;
	struct plain plain;
	struct pump pump;
	bool pumping;
};

static unsigned long long id_of(const struct guest *g)
{
	return (unsigned long long)g->id;
}

/* ---- the backend's connection ---- */

static void on_dialled(int fd, const char *peer, const struct error *e, void *owner)
{
	struct backend *b = owner;
	struct guest *g = b->guest;
	const struct dial_target *target = g->service->place;

	if (fd < 0) {
		/* What it is, and what is wrong with it, is not for clients. */
		log_error("%llu: %s: --forward: %s", id_of(g), g->conn->peer, e->text);
		service_send_away(g, CLOSE_OUTPUT, ERROR_IO, "the backend cannot be reached");
		return;
	}
	log_info(2, "%llu: %s: forwarded to %s", id_of(g), g->conn->peer, peer);
	plain_open(&b->plain, fd, target->name);
	pump_start(&b->pump, g->conn, &b->plain.ep, false, g->service->o->stream.rate_limit);
	b->pump.told_waiting = true; /* nobody sits here and waits */
	b->pumping = true;
	service_soon(g);
}

/* ---- the kind ---- */

static int start(struct service *v, struct error *e)
{
	const struct listener_options *o = v->o;
	int64_t deadline = o->stream.handshake_ms > 0 ? clock_ms() + o->stream.handshake_ms : -1;
	struct dial_target *target = calloc(1, sizeof *target);

	if (!target)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	v->place = target;
	if (dial_target_open(target, v->loop, &o->forward, &o->socket, deadline, e) < 0)
		return -1;
	/* The sandbox of a listener that strangers can reach is not widened for that. */
	target->look_up_again = o->stream.sandbox == SANDBOX_OFF && dial_target_is_name(target);
	return 0;
}

static void stop(struct service *v)
{
	if (v->place)
		dial_target_close(v->place);
	free(v->place);
	v->place = NULL;
}

static void confine(const struct service *v, struct sandbox_needs *needs)
{
	needs->connect = true;
	needs->port = v->o->forward.port;
}

static int open_backend(struct guest *g, struct error *e)
{
	struct backend *b = calloc(1, sizeof *b);

	if (!b)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	b->guest = g;
	b->plain.fd = -1;
	g->place = b;
	dial_start(&b->dial, g->service->place, g->service->o->stream.handshake_ms, on_dialled, b);
	return 0;
}

static bool step(struct guest *g)
{
	struct backend *b = g->place;

	if (b && b->pumping)
		return pump_step(&b->pump);
	conn_update(g->conn);
	return (session_state(&g->conn->session) & SESSION_CLOSED) != 0;
}

static void close_backend(struct guest *g)
{
	struct backend *b = g->place;
	bool clean = session_error(&g->conn->session)->code == ERROR_OK;

	if (!b)
		return;
	dial_cancel(&b->dial);
	if (b->pumping) {
		pump_stop(&b->pump);
		clean = clean && b->pump.error.code == ERROR_OK;
		if (b->pump.error.code != ERROR_OK)
			log_info(1, "%llu: %s: backend %s", id_of(g), g->conn->peer, b->pump.error.text);
	}
	plain_close(&b->plain, clean);
	free(b);
	g->place = NULL;
}

const struct service_kind forward_kind = {
    .no_stdio = true,
    .start = start,
    .stop = stop,
    .confine = confine,
    .open = open_backend,
    .step = step,
    .close = close_backend,
};
