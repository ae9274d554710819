#include "forward.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "dial.h"
#include "log.h"
#include "plain.h"
#include "privileges.h"
#include "pump.h"

/* A backend that keys in authorized_keys name. */
struct route {
	struct route *next;
	char *text; /* as it is written there */
	struct dial_target target;
};

/* All that guests are connected to. */
struct routes {
	struct dial_target main;
	struct route *first;
	uint16_t *ports; /* of all of them */
	size_t port_count;
	bool unix_socket; /* one of them is */
	struct socket_options numeric; /* for those that are met in the sandbox */
};

/* Behind one guest. */
struct backend {
	struct guest *guest;
	struct dial_target *target;
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

	if (fd < 0) {
		/* What it is, and what is wrong with it, is not for clients. */
		log_error("%llu: %s: --forward: %s", id_of(g), g->conn->peer, e->text);
		service_send_away(g, CLOSE_OUTPUT, ERROR_IO, "the backend cannot be reached");
		return;
	}
	if (session_error(&g->conn->session)->code != ERROR_OK) {
		plain_refuse(fd);
		service_send_away(g, CLOSE_SHUTDOWN, ERROR_TRUNCATED, "it left before the backend answered");
		return;
	}
	log_info(2, "%llu: %s: forwarded to %s", id_of(g), g->conn->peer, peer);
	plain_open(&b->plain, fd, b->target->name);
	pump_start(&b->pump, g->conn, &b->plain.ep, false, g->service->o->stream.rate_limit);
	b->pump.told_waiting = true; /* nobody sits here and waits */
	b->pumping = true;
	service_soon(g);
}

/* ---- routes ---- */

int forward_address(struct address *to, const char *text, struct error *e)
{
	if (address_parse(to, text, NULL, true, e) < 0)
		return -1;
	if (to->is_unix)
		return 0;
	if (!to->has_port || to->port == 0)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' is none of HOST:PORT, PORT, /unix/path", text);
	if (to->any_host)
		memcpy(to->host, "localhost", sizeof "localhost");
	to->any_host = false;
	return 0;
}

static int open_target(const struct service *v, struct dial_target *t, const struct address *to,
    const struct socket_options *o, struct error *e)
{
	int64_t ms = v->o->stream.handshake_ms;
	struct address at = *to;
	const char *path = to->is_unix ? privileges_path(v->o->root, to->host) : NULL;

	if (to->is_unix && !path)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "%s lies outside of --chroot %s", to->host, v->o->root);
	if (path)
		memcpy(at.host, path, strlen(path) + 1);
	if (dial_target_open(t, v->loop, &at, o, ms > 0 ? clock_ms() + ms : -1, e) < 0)
		return -1;
	/* The sandbox of a listener that strangers can reach is not widened for that. */
	t->look_up_again = v->o->stream.sandbox == SANDBOX_OFF && dial_target_is_name(t);
	return 0;
}

static struct route *find_route(const struct routes *r, const char *text)
{
	struct route *found = r->first;

	while (found && strcmp(found->text, text) != 0)
		found = found->next;
	return found;
}

static struct route *add_route(const struct service *v, const char *text, const struct socket_options *o, struct error *e)
{
	struct routes *r = v->place;
	struct route *fresh = calloc(1, sizeof *fresh);
	struct address to;
	struct error why = {0};

	if (!fresh || !(fresh->text = strdup(text))) {
		free(fresh);
		error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
		return NULL;
	}
	if (forward_address(&to, text, &why) < 0 || open_target(v, &fresh->target, &to, o, &why) < 0) {
		/* (In the file of keys it is no matter of how we were called.) */
		error_set(e, why.code == ERROR_USAGE ? ERROR_IO : why.code, why.blame, "forward=\"%s\": %s", text, why.text);
		dial_target_close(&fresh->target);
		free(fresh->text);
		free(fresh);
		return NULL;
	}
	fresh->next = r->first;
	r->first = fresh;
	return fresh;
}

/* Where a guest is to be connected to; NULL if nowhere. */
static struct dial_target *target_of(const struct guest *g, struct error *e)
{
	struct routes *r = g->service->place;
	const char *own = g->entry ? g->entry->rule.forward : NULL;
	bool open = g->service->o->stream.sandbox == SANDBOX_OFF;
	struct route *route;

	if (!own)
		return &r->main;
	route = find_route(r, own);
	/* The file of keys has been read anew. */
	if (!route)
		route = add_route(g->service, own, open ? &g->service->o->socket : &r->numeric, e);
	return route ? &route->target : NULL;
}

static int list_ports(struct routes *r, struct error *e)
{
	size_t n = 1;

	for (const struct route *route = r->first; route; route = route->next)
		n++;
	r->ports = calloc(n, sizeof *r->ports);
	if (!r->ports)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	r->unix_socket = r->main.at.is_unix;
	if (!r->main.at.is_unix)
		r->ports[r->port_count++] = r->main.at.port;
	for (const struct route *route = r->first; route; route = route->next)
		if (route->target.at.is_unix)
			r->unix_socket = true;
		else
			r->ports[r->port_count++] = route->target.at.port;
	return 0;
}

/* ---- the kind ---- */

static int start(struct service *v, struct error *e)
{
	struct routes *r = calloc(1, sizeof *r);

	if (!r)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	v->place = r;
	r->numeric = (struct socket_options){.family = v->o->socket.family, .numeric = true};
	if (open_target(v, &r->main, &v->o->forward, &v->o->socket, e) < 0)
		return -1;
	for (size_t i = 0; i < v->judge.list.count; i++) {
		const char *text = v->judge.list.entries[i].rule.forward;

		if (text && !find_route(r, text) && !add_route(v, text, &v->o->socket, e))
			return -1;
	}
	return list_ports(r, e);
}

static void stop(struct service *v)
{
	struct routes *r = v->place;
	struct route *route, *next;

	if (!r)
		return;
	for (route = r->first; route; route = next) {
		next = route->next;
		dial_target_close(&route->target);
		free(route->text);
		free(route);
	}
	dial_target_close(&r->main);
	free(r->ports);
	free(r);
	v->place = NULL;
}

static void confine(const struct service *v, struct sandbox_needs *needs)
{
	const struct routes *r = v->place;

	needs->connect = true;
	needs->ports = r->ports;
	needs->port_count = r->port_count;
	needs->unix_socket = r->unix_socket;
}

static int open_backend(struct guest *g, struct error *e)
{
	struct dial_target *target = target_of(g, e);
	struct backend *b;

	if (!target)
		return -1;
	b = calloc(1, sizeof *b);
	if (!b)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	b->guest = g;
	b->target = target;
	b->plain.fd = -1;
	g->place = b;
	dial_start(&b->dial, target, g->service->o->stream.handshake_ms, on_dialled, b);
	return 0;
}

static bool step(struct guest *g)
{
	struct backend *b = g->place;

	if (b && b->pumping)
		return pump_step(&b->pump);
	/* Nobody will take any more what it has said already. */
	if (session_error(&g->conn->session)->code != ERROR_OK)
		session_abort(&g->conn->session, CLOSE_SHUTDOWN, ERROR_TRUNCATED, "it could not be served");
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
