#include "vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/ifaces.h"
#include "run/ifaces_watch.h"
#include "run/routes.h"

#define MISSING 8

/* The flags of both sides are handed over as they are. */
_Static_assert((int)VAULT_UP == (int)IFACE_UP && (int)VAULT_RUNNING == (int)IFACE_RUNNING &&
    (int)VAULT_LOOPBACK == (int)IFACE_LOOPBACK && (int)VAULT_POINT_TO_POINT == (int)IFACE_POINT_TO_POINT &&
    (int)VAULT_MULTICAST == (int)IFACE_MULTICAST && (int)VAULT_BROADCAST == (int)IFACE_BROADCAST,
    "flags of an interface");
_Static_assert((int)VAULT_TEMPORARY == (int)ADDRESS_TEMPORARY && (int)VAULT_DEPRECATED == (int)ADDRESS_DEPRECATED &&
    (int)VAULT_TENTATIVE == (int)ADDRESS_TENTATIVE && (int)VAULT_DUPLICATE == (int)ADDRESS_DUPLICATE,
    "flags of an address");

struct snapshot {
	struct vault_interfaces public; /* first */
	struct ifaces all;
	struct vault_interface *list;
	struct vault_address *addresses; /* of all, one after the other */
	const char *missing[MISSING + 1];
};

struct vault_watch {
	struct ifaces_watch w;
	void (*told)(const struct vault_change *c, void *owner);
	void *owner;
};

static void say(char why[VAULT_WHY], const struct error *e)
{
	if (why)
		snprintf(why, VAULT_WHY, "%s", e->text);
}

/* ---- interfaces ---- */

static struct vault_address address_of(const struct iface_address *a)
{
	struct vault_address o = {.family = a->family, .has_peer = a->has_peer, .prefix = a->prefix, .scope = a->scope,
	    .flags = a->flags};

	memcpy(o.bytes, a->bytes, sizeof(o.bytes));
	memcpy(o.peer, a->peer, sizeof(o.peer));
	return o;
}

/* The texts and the hardware address are ${i}'s own. */
static struct vault_interface interface_of(const struct iface *i, const struct vault_address *addresses)
{
	return (struct vault_interface){.index = i->index, .master = i->master, .name = i->name, .alias = i->alias,
	    .type = iface_type(i), .state = iface_state(i), .flags = i->flags, .mtu = i->mtu, .speed = i->speed,
	    .duplex = iface_duplex_text(i->duplex), .mac = i->mac, .mac_len = i->mac_len, .addresses = addresses,
	    .address_count = i->address_count};
}

static void fill(struct snapshot *s)
{
	struct vault_address *at = s->addresses;
	size_t missing = 0;

	for (size_t n = 0; n < s->all.count; n++) {
		const struct iface *i = &s->all.list[n];

		s->list[n] = interface_of(i, at);
		for (size_t k = 0; k < i->address_count; k++)
			*at++ = address_of(&i->addresses[k]);
	}
	for (unsigned bit = 1; bit <= s->all.missing && missing < MISSING; bit <<= 1)
		if (s->all.missing & bit)
			s->missing[missing++] = ifaces_missing_text((enum ifaces_missing)bit);
	s->public = (struct vault_interfaces){.list = s->list, .count = s->all.count, .missing = s->missing};
}

struct vault_interfaces *vault_interfaces_read(char why[VAULT_WHY])
{
	struct error e = {.code = ERROR_OK};
	struct snapshot *s = calloc(1, sizeof(*s));
	size_t addresses = 0;

	if (!s || ifaces_read(&s->all, IFACES_ANY, &e))
		goto failed;
	for (size_t n = 0; n < s->all.count; n++)
		addresses += s->all.list[n].address_count;
	s->list = calloc(s->all.count + 1, sizeof(*s->list));
	s->addresses = calloc(addresses + 1, sizeof(*s->addresses));
	if (!s->list || !s->addresses)
		goto failed;
	fill(s);
	return &s->public;
failed:
	error_set(&e, ERROR_IO, BLAME_LOCAL, "out of memory");
	say(why, &e);
	if (s)
		vault_interfaces_free(&s->public);
	return NULL;
}

void vault_interfaces_free(struct vault_interfaces *s)
{
	struct snapshot *whole = (struct snapshot *)s;

	if (!whole)
		return;
	ifaces_free(&whole->all);
	free(whole->list);
	free(whole->addresses);
	free(whole);
}

uint32_t vault_interfaces_mtu(const struct vault_interfaces *s)
{
	return ifaces_smallest_mtu(&((const struct snapshot *)s)->all);
}

const struct vault_address *vault_interfaces_primary(const struct vault_interfaces *s, int family)
{
	const struct snapshot *whole = (const struct snapshot *)s;
	const struct iface *owner = NULL;
	const struct iface_address *a = ifaces_primary(&whole->all, family, &owner);

	return a ? &whole->list[owner - whole->all.list].addresses[a - owner->addresses] : NULL;
}

/* ---- routes ---- */

static struct vault_route route_of(const struct route *r)
{
	struct vault_route o = {.family = r->family, .type = route_type(r), .has_source = r->has_source, .mtu = r->mtu};

	memcpy(o.source, r->source, sizeof(o.source));
	if (r->hop_count > 0) {
		o.index = r->hops[0].index;
		o.next_family = r->hops[0].family;
		memcpy(o.next_hop, r->hops[0].gateway, sizeof(o.next_hop));
	}
	return o;
}

int vault_route_toward(struct vault_route *r, const struct vault_interfaces *s, const struct sockaddr *to,
    char why[VAULT_WHY])
{
	struct error e = {.code = ERROR_OK};
	struct route found;

	memset(r, 0, sizeof(*r));
	if (to->sa_family != AF_INET && to->sa_family != AF_INET6)
		error_set(&e, ERROR_USAGE, BLAME_LOCAL, "only IPv4 and IPv6 have routes");
	else if (routes_toward(&found, &((const struct snapshot *)s)->all, to, &e) == 0)
		*r = route_of(&found);
	if (e.code == ERROR_OK)
		return 0;
	say(why, &e);
	return -1;
}

/* ---- changes ---- */

static void on_told(const struct ifaces_change *c, void *owner)
{
	static const enum vault_event events[] = {[EVENT_PRESENT] = VAULT_PRESENT, [EVENT_WATCHING] = VAULT_WATCHING,
	    [EVENT_NEW] = VAULT_NEW, [EVENT_CHANGED] = VAULT_CHANGED, [EVENT_GONE] = VAULT_GONE, [EVENT_LOST] = VAULT_LOST};
	struct vault_watch *w = owner;
	struct vault_change out = {.event = events[c->event]};
	struct vault_interface interface;
	struct vault_address address;
	struct vault_route route;

	/* Its other addresses are in a snapshot. */
	if (c->iface) {
		interface = interface_of(c->iface, NULL);
		interface.address_count = 0;
		out.interface = &interface;
	}
	if (c->address) {
		address = address_of(c->address);
		out.address = &address;
	}
	if (c->route) {
		route = route_of(c->route);
		out.route = &route;
	}
	w->told(&out, w->owner);
}

static void on_failed(const struct error *e, void *owner)
{
	struct vault_watch *w = owner;

	(void)e;
	w->told(NULL, w->owner);
}

struct vault_watch *vault_watch_new(struct ev_loop *loop, void (*told)(const struct vault_change *c, void *owner),
    void *owner, char why[VAULT_WHY])
{
	struct vault_watch *w = calloc(1, sizeof(*w));
	struct error e = {.code = ERROR_OK};

	if (!w)
		error_set(&e, ERROR_IO, BLAME_LOCAL, "out of memory");
	else
		*w = (struct vault_watch){.w = {.told = on_told, .failed = on_failed, .owner = w}, .told = told, .owner = owner};
	if (w && ifaces_watch_start(&w->w, loop, &e) == 0)
		return w;
	say(why, &e);
	free(w);
	return NULL;
}

void vault_watch_free(struct vault_watch *w)
{
	if (!w)
		return;
	ifaces_watch_stop(&w->w);
	free(w);
}
