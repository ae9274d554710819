#include "hosting.h"

#include <string.h>

#include "activation.h"
#include "announce.h"
#include "log.h"
#include "privileges.h"
#include "protocol.h"

static int get_listeners(struct hosting *h, struct socket_listeners *l, struct error *e)
{
	struct activation a;

	if (activation_take(&a, e) < 0)
		return -1;
	h->control_fd = a.control;
	if (a.count == 0)
		return socket_listen(l, &h->o->at, &h->o->socket, e);
	if (h->o->at_given)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL,
		    "LISTEN_FDS: sockets to listen on were handed over, so no address can be given");
	socket_adopt(l, a.fds, a.count);
	return 0;
}

int hosting_open(struct hosting *h, struct ev_loop *loop, const struct listener_options *o, struct socket_listeners *l,
    struct error *e)
{
	memset(h, 0, sizeof *h);
	h->o = o;
	h->control_fd = -1;
	notify_open(&h->notify, loop);
	if (get_listeners(h, l, e) < 0)
		return -1;
	if (o->events && !(h->events = events_open(loop, o->events, e)))
		return -1;
	return 0;
}

void hosting_load(const struct hosting *h)
{
	char stamp[LOG_STAMP_MAX];

	log_stamp(stamp); /* reads the system's time zone, once */
	protocol_prepare(h->o->allowed, h->o->allowed_count);
	noise_protocol_prepare(&h->o->raw_protocol);
}

int hosting_settle(struct hosting *h, struct socket_listeners *l, struct error *e)
{
	if (h->o->root || h->o->user)
		hosting_load(h); /* there they would not be found, or could not be read */
	if (privileges_drop(h->o->user, h->o->root, e) < 0)
		return -1;
	privileges_rooted(l->unix_path, h->o->root);
	return 0;
}

void hosting_ready(struct hosting *h, const struct socket_listeners *l)
{
	char key[KEYTEXT_MAX];

	if (h->events)
		events_listening(h->events, l, announce_key(key, h->o));
	notify_ready(&h->notify);
}

void hosting_stopping(struct hosting *h, const char *reason, int64_t clients)
{
	events_shutdown(h->events, reason, clients);
	notify_stopping(&h->notify);
}

void hosting_close(struct hosting *h, const struct figures_total *total, uint64_t clients, int64_t uptime_ms, int status)
{
	events_close(h->events, total, clients, uptime_ms, status);
	h->events = NULL;
	notify_close(&h->notify);
}
