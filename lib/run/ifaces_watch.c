#include "ifaces_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"

const char *iface_fact_text(enum iface_fact fact)
{
	switch (fact) {
	case FACT_NAME:
		return "name";
	case FACT_ALIAS:
		return "alias";
	case FACT_MTU:
		return "mtu";
	case FACT_MAC:
		return "mac";
	case FACT_UP:
		return "up";
	case FACT_RUNNING:
		return "running";
	case FACT_MASTER:
		return "master";
	case FACT_OTHER:
		return "other";
	}
	return "";
}

#if WITH_LIBMNL

#define GROUPS (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define ROOM (4 << 20) /* bytes of changes that may wait */

/* ---- telling ---- */

static void tell_link(struct ifaces_watch *w, enum ifaces_event event, const struct iface *i, unsigned facts)
{
	w->told(&(struct ifaces_change){.event = event, .iface = i, .facts = facts}, w->owner);
}

static void tell_address(struct ifaces_watch *w, enum ifaces_event event, const struct iface *i,
    const struct iface_address *a)
{
	w->told(&(struct ifaces_change){.event = event, .iface = i, .address = a}, w->owner);
}

static void tell_route(struct ifaces_watch *w, enum ifaces_event event, const struct route *r)
{
	w->told(&(struct ifaces_change){.event = event, .route = r}, w->owner);
}

/* Read everything anew and tell it. */
static int tell_all(struct ifaces_watch *w, struct error *e)
{
	ifaces_free(&w->now);
	routes_free(&w->routes);
	if (ifaces_read(&w->now, IFACES_NETLINK, e) || routes_read(&w->routes, e))
		return -1;
	for (size_t n = 0; n < w->now.count; n++)
		tell_link(w, EVENT_PRESENT, &w->now.list[n], 0);
	for (size_t n = 0; n < w->routes.count; n++)
		tell_route(w, EVENT_PRESENT, &w->routes.list[n]);
	w->told(&(struct ifaces_change){.event = EVENT_WATCHING}, w->owner);
	return 0;
}

/* ---- links ---- */

static unsigned link_facts(const struct iface *a, const struct iface *b)
{
	unsigned flags = a->flags ^ b->flags, facts = 0;

	if (strcmp(a->name, b->name) != 0)
		facts |= FACT_NAME;
	if (strcmp(a->alias, b->alias) != 0)
		facts |= FACT_ALIAS;
	if (a->mtu != b->mtu)
		facts |= FACT_MTU;
	if (a->mac_len != b->mac_len || memcmp(a->mac, b->mac, a->mac_len) != 0)
		facts |= FACT_MAC;
	if (flags & IFACE_UP)
		facts |= FACT_UP;
	if (flags & IFACE_RUNNING)
		facts |= FACT_RUNNING;
	if (a->master != b->master)
		facts |= FACT_MASTER;
	if ((flags & ~(unsigned)(IFACE_UP | IFACE_RUNNING)) || strcmp(a->kind, b->kind) != 0 || a->lower != b->lower)
		facts |= FACT_OTHER;
	return facts;
}

static int link_seen(struct ifaces_watch *w, const struct iface *found)
{
	struct iface *i = ifaces_indexed(&w->now, found->index);
	struct iface old;
	unsigned facts;

	if (!i) {
		i = ifaces_add(&w->now, found->index);
		if (!i)
			return -1;
		*i = *found;
		tell_link(w, EVENT_NEW, i, 0);
		return 0;
	}
	old = *i;
	facts = link_facts(&old, found);
	*i = *found;
	i->speed = old.speed;
	i->duplex = old.duplex;
	i->addresses = old.addresses;
	i->address_count = old.address_count;
	if (facts)
		tell_link(w, EVENT_CHANGED, i, facts);
	if (facts & (FACT_UP | FACT_RUNNING))
		w->check_routes = true;
	return 0;
}

static void link_gone(struct ifaces_watch *w, unsigned index)
{
	struct iface *i = ifaces_indexed(&w->now, index);

	if (!i)
		return;
	tell_link(w, EVENT_GONE, i, 0);
	ifaces_remove(&w->now, index);
	w->check_routes = true;
}

/* ---- addresses ---- */

static int address_seen(struct ifaces_watch *w, const struct iface_address *a, unsigned index)
{
	struct iface *i = ifaces_indexed(&w->now, index);
	struct iface_address *known = i ? iface_find_address(i, a) : NULL;

	if (!i)
		return 0;
	if (!known) {
		if (iface_add_address(i, a))
			return -1;
		tell_address(w, EVENT_NEW, i, a);
	} else if (known->flags != a->flags || known->scope != a->scope) {
		*known = *a;
		tell_address(w, EVENT_CHANGED, i, a);
	}
	return 0;
}

static void address_gone(struct ifaces_watch *w, const struct iface_address *a, unsigned index)
{
	struct iface *i = ifaces_indexed(&w->now, index);
	struct iface_address *known = i ? iface_find_address(i, a) : NULL;

	if (!known)
		return;
	tell_address(w, EVENT_GONE, i, a);
	iface_remove_address(i, (size_t)(known - i->addresses));
	w->check_routes = true;
}

/* ---- routes ---- */

static int route_seen(struct ifaces_watch *w, const struct route *r, bool replaces)
{
	struct route *known = routes_find(&w->routes, r);

	if (known && known->mtu == r->mtu && !replaces)
		return 0;
	if (replaces)
		w->check_routes = true; /* the message does not say which one it was */
	if (known && known->mtu == r->mtu)
		return 0;
	tell_route(w, known ? EVENT_CHANGED : EVENT_NEW, r);
	return routes_add(&w->routes, r);
}

static void route_gone(struct ifaces_watch *w, const struct route *r)
{
	if (!routes_find(&w->routes, r))
		return;
	tell_route(w, EVENT_GONE, r);
	routes_remove(&w->routes, r);
}

/* With an interface or an address IPv4 routes go, too, and the kernel does not say so. */
static int routes_compare_all(struct ifaces_watch *w, struct error *e)
{
	struct routes fresh = {.list = NULL};

	if (routes_read(&fresh, e)) {
		routes_free(&fresh);
		return -1;
	}
	for (size_t n = 0; n < w->routes.count; n++)
		if (!routes_find(&fresh, &w->routes.list[n]))
			tell_route(w, EVENT_GONE, &w->routes.list[n]);
	for (size_t n = 0; n < fresh.count; n++) {
		const struct route *known = routes_find(&w->routes, &fresh.list[n]);

		if (!known || known->mtu != fresh.list[n].mtu)
			tell_route(w, known ? EVENT_CHANGED : EVENT_NEW, &fresh.list[n]);
	}
	routes_free(&w->routes);
	w->routes = fresh;
	return 0;
}

/* ---- messages ---- */

static int on_change(const struct nlmsghdr *message, void *ctx)
{
	struct ifaces_watch *w = ctx;
	struct iface_address address;
	struct iface link;
	struct route route;
	unsigned index;
	int rc = 0;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		if (netlink_link(&link, message))
			rc = link_seen(w, &link);
		break;
	case RTM_DELLINK:
		if (netlink_link(&link, message))
			link_gone(w, link.index);
		break;
	case RTM_NEWADDR:
		if (netlink_address(&address, &index, message))
			rc = address_seen(w, &address, index);
		break;
	case RTM_DELADDR:
		if (netlink_address(&address, &index, message))
			address_gone(w, &address, index);
		break;
	case RTM_NEWROUTE:
		if (netlink_route(&route, message) && route_counts(&route))
			rc = route_seen(w, &route, message->nlmsg_flags & NLM_F_REPLACE);
		break;
	case RTM_DELROUTE:
		if (netlink_route(&route, message) && route_counts(&route))
			route_gone(w, &route);
		break;
	default:
		break;
	}
	return rc ? MNL_CB_ERROR : MNL_CB_OK;
}

/* All that waits. 0, or -1 with errno. */
static int take_changes(struct ifaces_watch *w)
{
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(w->netlink, w->buffer, NETLINK_BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			w->lost = true;
			continue;
		}
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
		/* Any port: a change carries the number of whoever asked for it. */
		if (!w->lost && mnl_cb_run(w->buffer, (size_t)n, 0, 0, on_change, w) < 0 && errno != EINTR)
			return -1;
	}
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct ifaces_watch *w = io->data;
	struct error e = {.code = ERROR_OK};
	int rc;

	(void)loop;
	(void)events;
	rc = take_changes(w);
	if (rc)
		error_set(&e, ERROR_IO, BLAME_LOCAL, "cannot follow the changes: %s", strerror(errno));
	if (rc == 0 && w->lost) {
		w->lost = w->check_routes = false;
		w->told(&(struct ifaces_change){.event = EVENT_LOST}, w->owner);
		rc = tell_all(w, &e);
	}
	if (rc == 0 && w->check_routes) {
		w->check_routes = false;
		rc = routes_compare_all(w, &e);
	}
	if (rc) {
		ev_io_stop(w->loop, &w->io);
		w->failed(&e, w->owner);
	}
}

int ifaces_watch_start(struct ifaces_watch *w, struct ev_loop *loop, struct error *e)
{
	int room = ROOM;

	w->loop = loop;
	w->buffer = malloc(NETLINK_BUFFER);
	/* Listening begins before the present state is read, so that nothing falls between. */
	w->netlink = w->buffer ? netlink_open(GROUPS, e) : NULL;
	if (!w->netlink) {
		ifaces_watch_stop(w);
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	}
	setsockopt(mnl_socket_get_fd(w->netlink), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	ev_io_init(&w->io, on_readable, mnl_socket_get_fd(w->netlink), EV_READ);
	w->io.data = w;
	if (tell_all(w, e)) {
		ifaces_watch_stop(w);
		return -1;
	}
	ev_io_start(loop, &w->io);
	return 0;
}

void ifaces_watch_stop(struct ifaces_watch *w)
{
	if (w->netlink) {
		ev_io_stop(w->loop, &w->io);
		mnl_socket_close(w->netlink);
	}
	w->netlink = NULL;
	free(w->buffer);
	w->buffer = NULL;
	ifaces_free(&w->now);
	routes_free(&w->routes);
}

#else

int ifaces_watch_start(struct ifaces_watch *w, struct ev_loop *loop, struct error *e)
{
	(void)w;
	(void)loop;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "built without libmnl: changes cannot be followed");
}

void ifaces_watch_stop(struct ifaces_watch *w)
{
	(void)w;
}

#endif
