#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"

#if WITH_LIBMNL

struct mnl_socket *netlink_open(unsigned groups, struct error *e)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0));
	int why;

	if (nl && mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) == 0)
		return nl;
	why = errno;
	if (nl)
		mnl_socket_close(nl);
	errno = why;
	error_set(e, ERROR_IO, BLAME_LOCAL, "netlink is not available: %s", strerror(why));
	return NULL;
}

static int netlink_answer(struct mnl_socket *nl, mnl_cb_t each, void *ctx)
{
	unsigned port = mnl_socket_get_portid(nl);
	char *buffer = malloc(NETLINK_BUFFER);
	int rc = -1, why;
	ssize_t n;

	if (!buffer)
		return -1;
	do {
		n = mnl_socket_recvfrom(nl, buffer, NETLINK_BUFFER);
		rc = n < 0 ? -1 : mnl_cb_run(buffer, (size_t)n, 1, port, each, ctx);
	} while (rc > MNL_CB_STOP);
	why = errno;
	free(buffer);
	errno = why;
	return rc;
}

int netlink_ask(uint16_t type, uint16_t flags, const void *body, size_t size, mnl_cb_t each, void *ctx)
{
	struct mnl_socket *nl = netlink_open(0, NULL);
	_Alignas(struct nlmsghdr) char request[256] = {0};
	struct nlmsghdr *head = mnl_nlmsg_put_header(request);
	int rc = -1, why;

	if (!nl)
		return -1;
	head->nlmsg_type = type;
	head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	head->nlmsg_seq = 1;
	memcpy(mnl_nlmsg_put_extra_header(head, size), body, size);
	if (mnl_socket_sendto(nl, head, head->nlmsg_len) >= 0)
		rc = netlink_answer(nl, each, ctx);
	why = errno;
	mnl_socket_close(nl);
	errno = why;
	return rc < 0 ? -1 : 0;
}

int netlink_dump(uint16_t type, uint8_t family, mnl_cb_t each, void *ctx)
{
	struct {
		struct ifinfomsg info;
		struct nlattr attribute;
		uint32_t mask;
	} link = {
	    .info = {.ifi_family = family},
	    .attribute = {.nla_len = NETLINK_ATTRIBUTE + sizeof(uint32_t), .nla_type = IFLA_EXT_MASK},
	    .mask = RTEXT_FILTER_SKIP_STATS,
	};
	struct ifaddrmsg address = {.ifa_family = family};
	struct rtmsg route = {.rtm_family = family};

	switch (type) {
	case RTM_GETLINK:
		return netlink_ask(type, NLM_F_DUMP, &link, sizeof(link), each, ctx);
	case RTM_GETADDR:
		return netlink_ask(type, NLM_F_DUMP, &address, sizeof(address), each, ctx);
	default:
		return netlink_ask(type, NLM_F_DUMP, &route, sizeof(route), each, ctx);
	}
}

/* ---- links ---- */

/* Text of an attribute: bounded, with a NUL whatever the kernel sent. */
static void take_text(char *out, size_t size, const struct nlattr *a)
{
	size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	if (n > size - 1)
		n = size - 1;
	memcpy(out, mnl_attr_get_payload(a), n);
	out[n] = '\0';
}

static uint32_t take_u32(const struct nlattr *a)
{
	return mnl_attr_get_payload_len(a) >= sizeof(uint32_t) ? mnl_attr_get_u32(a) : 0;
}

static int link_kind(const struct nlattr *a, void *ctx)
{
	struct iface *i = ctx;

	if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
		take_text(i->kind, sizeof(i->kind), a);
	return MNL_CB_OK;
}

static int link_attribute(const struct nlattr *a, void *ctx)
{
	struct iface *i = ctx;

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		take_text(i->name, sizeof(i->name), a);
		break;
	case IFLA_IFALIAS:
		take_text(i->alias, sizeof(i->alias), a);
		break;
	case IFLA_MTU:
		i->mtu = take_u32(a);
		break;
	case IFLA_MASTER:
		i->master = take_u32(a);
		break;
	case IFLA_LINK:
		i->lower = take_u32(a);
		break;
	case IFLA_ADDRESS:
		i->mac_len = mnl_attr_get_payload_len(a);
		if (i->mac_len > sizeof(i->mac))
			i->mac_len = sizeof(i->mac);
		memcpy(i->mac, mnl_attr_get_payload(a), i->mac_len);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(a, link_kind, i);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

bool netlink_link(struct iface *i, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) || info->ifi_index <= 0)
		return false;
	/* A bridge speaks of its ports with a family of its own, and says less. */
	if (info->ifi_family != AF_UNSPEC)
		return false;
	memset(i, 0, sizeof(*i));
	i->index = (unsigned)info->ifi_index;
	i->hardware = info->ifi_type;
	i->flags = iface_flags_of(info->ifi_flags);
	return mnl_attr_parse(message, sizeof(*info), link_attribute, i) >= 0;
}

/* ---- addresses ---- */

static void take_bytes(uint8_t out[16], int family, const struct nlattr *a, bool *there)
{
	size_t n = family == AF_INET ? 4 : 16;

	if (mnl_attr_get_payload_len(a) < n)
		return;
	memcpy(out, mnl_attr_get_payload(a), n);
	*there = true;
}

static unsigned address_flags(uint32_t ifa)
{
	static const struct {
		uint32_t ifa;
		unsigned flag;
	} known[] = {
	    {IFA_F_TEMPORARY, ADDRESS_TEMPORARY}, {IFA_F_DEPRECATED, ADDRESS_DEPRECATED},
	    {IFA_F_TENTATIVE, ADDRESS_TENTATIVE}, {IFA_F_DADFAILED, ADDRESS_DUPLICATE},
	};
	unsigned flags = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (ifa & known[i].ifa)
			flags |= known[i].flag;
	return flags;
}

struct address_parts {
	int family;
	uint8_t local[16], address[16];
	bool has_local, has_address;
	uint32_t flags;
};

static int address_attribute(const struct nlattr *a, void *ctx)
{
	struct address_parts *p = ctx;

	if (mnl_attr_get_type(a) == IFA_LOCAL)
		take_bytes(p->local, p->family, a, &p->has_local);
	else if (mnl_attr_get_type(a) == IFA_ADDRESS)
		take_bytes(p->address, p->family, a, &p->has_address);
	else if (mnl_attr_get_type(a) == IFA_FLAGS)
		p->flags = take_u32(a);
	return MNL_CB_OK;
}

/* IFA_LOCAL is the own address and IFA_ADDRESS the peer's, if they differ; IPv6 without a peer has only
 * the latter. */
bool netlink_address(struct iface_address *a, unsigned *index, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct address_parts p = {.has_local = false};

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return false;
	memset(a, 0, sizeof(*a));
	a->family = info->ifa_family;
	a->prefix = info->ifa_prefixlen;
	a->scope = info->ifa_scope;
	*index = info->ifa_index;
	p.family = info->ifa_family;
	p.flags = info->ifa_flags;
	if (mnl_attr_parse(message, sizeof(*info), address_attribute, &p) < 0)
		return false;
	memcpy(a->bytes, p.has_local ? p.local : p.address, sizeof(a->bytes));
	if (p.has_local && p.has_address && memcmp(p.local, p.address, sizeof(p.local)) != 0) {
		memcpy(a->peer, p.address, sizeof(a->peer));
		a->has_peer = true;
	}
	if (a->family == AF_INET6) /* of IPv4, one bit means something else */
		a->flags = address_flags(p.flags);
	return p.has_local || p.has_address;
}

/* ---- routes ---- */

static int route_metric(const struct nlattr *a, void *ctx)
{
	struct route *r = ctx;

	if (mnl_attr_get_type(a) == RTAX_MTU)
		r->mtu = take_u32(a);
	return MNL_CB_OK;
}

/* RTA_VIA: a next hop of the other family. */
static void hop_via(struct route_hop *hop, const struct nlattr *a)
{
	const struct rtvia *via = mnl_attr_get_payload(a);

	if (mnl_attr_get_payload_len(a) < sizeof(*via))
		return;
	if (via->rtvia_family == AF_INET6 && mnl_attr_get_payload_len(a) >= sizeof(*via) + 16) {
		hop->family = AF_INET6;
		memcpy(hop->gateway, via->rtvia_addr, 16);
	} else if (via->rtvia_family == AF_INET && mnl_attr_get_payload_len(a) >= sizeof(*via) + 4) {
		hop->family = AF_INET;
		memcpy(hop->gateway, via->rtvia_addr, 4);
	}
}

static int hop_attribute(const struct nlattr *a, void *ctx)
{
	struct route *r = ctx;
	struct route_hop *hop = &r->hops[r->hop_count - 1];
	bool there = false;

	if (mnl_attr_get_type(a) == RTA_GATEWAY) {
		take_bytes(hop->gateway, r->family, a, &there);
		if (there)
			hop->family = r->family;
	} else if (mnl_attr_get_type(a) == RTA_VIA) {
		hop_via(hop, a);
	}
	return MNL_CB_OK;
}

static void route_hops(struct route *r, const struct nlattr *a)
{
	const uint8_t *at = mnl_attr_get_payload(a);
	size_t left = mnl_attr_get_payload_len(a), whole;
	struct rtnexthop next;

	r->hop_count = 0;
	while (left >= sizeof(next) && r->hop_count < ROUTE_HOPS) {
		memcpy(&next, at, sizeof(next));
		if (next.rtnh_len < sizeof(next) || next.rtnh_len > left)
			break;
		memset(&r->hops[r->hop_count], 0, sizeof(r->hops[0]));
		r->hops[r->hop_count++].index = (unsigned)next.rtnh_ifindex;
		mnl_attr_parse_payload(at + sizeof(next), next.rtnh_len - sizeof(next), hop_attribute, r);
		whole = (next.rtnh_len + 3U) & ~(size_t)3;
		at += whole;
		left -= whole < left ? whole : left;
	}
	if (r->hop_count == 0)
		r->hop_count = 1;
}

static int route_attribute(const struct nlattr *a, void *ctx)
{
	struct route *r = ctx;
	bool there;

	switch (mnl_attr_get_type(a)) {
	case RTA_DST:
		take_bytes(r->destination, r->family, a, &there);
		break;
	case RTA_PREFSRC:
		take_bytes(r->source, r->family, a, &r->has_source);
		break;
	case RTA_OIF:
		r->hops[0].index = take_u32(a);
		break;
	case RTA_PRIORITY:
		r->priority = take_u32(a);
		break;
	case RTA_TABLE:
		r->table = take_u32(a);
		break;
	case RTA_METRICS:
		mnl_attr_parse_nested(a, route_metric, r);
		break;
	case RTA_MULTIPATH:
		route_hops(r, a);
		break;
	default:
		return hop_attribute(a, r);
	}
	return MNL_CB_OK;
}

bool netlink_route(struct route *r, const struct nlmsghdr *message)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return false;
	memset(r, 0, sizeof(*r));
	r->family = info->rtm_family;
	r->prefix = info->rtm_dst_len;
	r->table = info->rtm_table;
	r->type = info->rtm_type;
	r->protocol = info->rtm_protocol;
	r->tos = info->rtm_tos;
	r->cached = info->rtm_flags & RTM_F_CLONED;
	r->hop_count = 1;
	return mnl_attr_parse(message, sizeof(*info), route_attribute, r) >= 0;
}

#else

typedef int nothing_here; /* C wants something in every file */

#endif
