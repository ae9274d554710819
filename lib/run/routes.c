#include "routes.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ifaces.h"
#include "netlink.h"

#ifdef __linux__
#include <linux/rtnetlink.h>
#endif

/* ---- toward a host ---- */

static int route_fails(struct error *e, int why)
{
	const char *text = strerror(why);

	if (why == EACCES)
		text = "the route is marked prohibited";
	else if (why == EINVAL)
		text = "the route is marked blackhole";
	return error_set(e, ERROR_NETWORK, BLAME_LOCAL, "no way there: %s", text);
}

/* What connect(2) chooses: it sends nothing. */
static int toward_by_socket(struct route *r, const struct ifaces *s, const struct sockaddr *to, struct error *e)
{
	const struct iface *i;

	if (routes_by_socket(r, to))
		return route_fails(e, errno);
	i = ifaces_owner(s, r->family, r->source);
	r->hop_count = 1;
	r->hops[0].index = i ? i->index : 0;
	return 0;
}

#if WITH_LIBMNL

static const void *bytes_of(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	return &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
}

static int on_route(const struct nlmsghdr *message, void *ctx)
{
	netlink_route(ctx, message);
	return MNL_CB_OK;
}

static int toward_by_netlink(struct route *r, const struct sockaddr *to)
{
	size_t n = to->sa_family == AF_INET ? 4 : 16;
	unsigned scope_id = 0;
	struct {
		struct rtmsg route;
		struct nlattr destination;
		uint8_t bytes[16];
		struct nlattr out;
		uint32_t index;
	} ask = {
	    .route = {.rtm_family = (unsigned char)to->sa_family, .rtm_dst_len = (unsigned char)(8 * n)},
	    .destination = {.nla_len = (uint16_t)(NETLINK_ATTRIBUTE + n), .nla_type = RTA_DST},
	};
	size_t size = sizeof(ask.route) + NETLINK_ATTRIBUTE + n;

	memcpy(ask.bytes, bytes_of(to), n);
	if (to->sa_family == AF_INET6)
		scope_id = ((const struct sockaddr_in6 *)(const void *)to)->sin6_scope_id;
	if (scope_id) {
		ask.out.nla_len = NETLINK_ATTRIBUTE + sizeof(uint32_t);
		ask.out.nla_type = RTA_OIF;
		ask.index = scope_id;
		size = sizeof(ask);
	}
	memset(r, 0, sizeof(*r));
	if (netlink_ask(RTM_GETROUTE, NLM_F_ACK, &ask, size, on_route, r))
		return -1;
	return 0;
}

#endif

static bool refuses(const struct route *r)
{
#ifdef __linux__
	return r->type == RTN_UNREACHABLE || r->type == RTN_BLACKHOLE || r->type == RTN_PROHIBIT;
#else
	(void)r;
	return false;
#endif
}

int routes_toward(struct route *r, const struct ifaces *s, const struct sockaddr *to, struct error *e)
{
	const struct iface *i;
	bool asked = false;

	memset(r, 0, sizeof(*r));
#if WITH_LIBMNL
	asked = s->source == IFACES_NETLINK;
	if (asked && toward_by_netlink(r, to))
		return route_fails(e, errno);
	if (asked && refuses(r))
		return error_set(e, ERROR_NETWORK, BLAME_LOCAL, "no way there: the route is marked %s", route_type(r));
#endif
	if (!asked && toward_by_socket(r, s, to, e))
		return -1;
	i = ifaces_indexed(s, r->hops[0].index);
	if (r->mtu == 0)
		r->mtu = i && i->mtu > 0 ? i->mtu : IFACES_DEFAULT_MTU;
	return 0;
}

const char *route_type(const struct route *r)
{
#ifdef __linux__
	static const char *const names[] = {[RTN_UNSPEC] = "not known", [RTN_UNICAST] = "unicast",
	    [RTN_LOCAL] = "local", [RTN_BROADCAST] = "broadcast", [RTN_ANYCAST] = "anycast",
	    [RTN_MULTICAST] = "multicast", [RTN_BLACKHOLE] = "blackhole", [RTN_UNREACHABLE] = "unreachable",
	    [RTN_PROHIBIT] = "prohibit", [RTN_THROW] = "throw"};

	if (r->type < sizeof(names) / sizeof(names[0]))
		return names[r->type];
#endif
	return r->type ? "other" : "not known";
}

/* ---- the table ---- */

bool route_counts(const struct route *r)
{
#ifdef __linux__
	return r->table != RT_TABLE_LOCAL && !r->cached &&
	    (r->type == RTN_UNICAST || r->type == RTN_THROW || refuses(r));
#else
	return !r->cached;
#endif
}

static int order(const struct route_hop *a, const struct route_hop *b)
{
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->gateway, b->gateway, sizeof(a->gateway));
}

int route_compare(const struct route *a, const struct route *b)
{
	const uint32_t left[] = {(uint32_t)a->family, a->table, a->prefix, a->priority, a->tos, a->type, a->protocol,
	    a->has_source, (uint32_t)a->hop_count};
	const uint32_t right[] = {(uint32_t)b->family, b->table, b->prefix, b->priority, b->tos, b->type, b->protocol,
	    b->has_source, (uint32_t)b->hop_count};
	int rc = memcmp(a->destination, b->destination, sizeof(a->destination));

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	if (rc == 0)
		rc = memcmp(a->source, b->source, sizeof(a->source));
	for (size_t i = 0; i < a->hop_count && rc == 0; i++)
		rc = order(&a->hops[i], &b->hops[i]);
	return rc;
}

static size_t routes_place(const struct routes *t, const struct route *r)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (route_compare(&t->list[mid], r) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct route *routes_find(const struct routes *t, const struct route *r)
{
	size_t at = routes_place(t, r);

	return at < t->count && route_compare(&t->list[at], r) == 0 ? &t->list[at] : NULL;
}

int routes_add(struct routes *t, const struct route *r)
{
	size_t at = routes_place(t, r);
	struct route *list = t->list;

	if (at < t->count && route_compare(&list[at], r) == 0) {
		list[at] = *r;
		return 0;
	}
	if ((t->count & (t->count - 1)) == 0) /* room grows in powers of two */
		list = reallocarray(list, t->count ? 2 * t->count : 1, sizeof(*list));
	if (!list)
		return -1;
	t->list = list;
	memmove(list + at + 1, list + at, (t->count - at) * sizeof(*list));
	list[at] = *r;
	t->count++;
	return 0;
}

void routes_remove(struct routes *t, const struct route *r)
{
	struct route *found = routes_find(t, r);

	if (!found)
		return;
	memmove(found, found + 1, (size_t)(t->list + t->count - found - 1) * sizeof(*found));
	t->count--;
}

void routes_free(struct routes *t)
{
	free(t->list);
	memset(t, 0, sizeof(*t));
}

#if WITH_LIBMNL

#define TRIES 5

static int on_table(const struct nlmsghdr *message, void *ctx)
{
	struct route r;

	if (!netlink_route(&r, message) || !route_counts(&r))
		return MNL_CB_OK;
	return routes_add(ctx, &r) ? MNL_CB_ERROR : MNL_CB_OK;
}

int routes_read(struct routes *t, struct error *e)
{
	for (int i = 0; i < TRIES; i++) {
		routes_free(t);
		if (netlink_dump(RTM_GETROUTE, AF_INET, on_table, t) == 0 &&
		    netlink_dump(RTM_GETROUTE, AF_INET6, on_table, t) == 0)
			return 0;
		/* A kernel without IPv6 has no such routes. */
		if (errno == EOPNOTSUPP || errno == EAFNOSUPPORT)
			return 0;
		if (errno != EINTR)
			break;
	}
	return error_set(e, ERROR_IO, BLAME_LOCAL, "cannot ask netlink for the routes: %s", strerror(errno));
}

#else

int routes_read(struct routes *t, struct error *e)
{
	(void)t;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "built without libmnl: nothing is known about routes");
}

#endif
