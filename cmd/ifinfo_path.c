/* ifinfo, the way to a host: --route and --path. */
#include "ifinfo.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "run/address.h"
#include "run/clock.h"
#include "run/printable.h"
#include "run/resolve.h"

/* What both begin with. */
struct way {
	const char *host; /* as it was given */
	struct sockaddr_storage to;
	struct address at;
	int family;
	struct route route;
	int64_t deadline;
};

static int way_resolve(struct way *w, const struct ifinfo_opts *o, const struct address *a, struct error *e)
{
	struct socket_options how = {.family = o->four == o->six ? AF_UNSPEC : o->four ? AF_INET : AF_INET6};
	struct addrinfo *found;

	w->deadline = o->timeout_ms > 0 ? clock_ms() + o->timeout_ms : INT64_MAX;
	found = resolve(a->host, a->port, &how, o->timeout_ms > 0 ? w->deadline : -1, e);
	if (!found)
		return -1;
	memcpy(&w->to, found->ai_addr, found->ai_addrlen);
	w->family = found->ai_family;
	freeaddrinfo(found);
	return 0;
}

static int way_find(struct way *w, const struct ifinfo_opts *o, const struct ifinfo *f, const char *text, bool port,
    struct error *e)
{
	struct address a = {.is_unix = false};

	/* A bare IPv6 address has colons, too. */
	if (inet_pton(AF_INET6, text, &(struct in6_addr){0}) == 1 || (strchr(text, '%') && !strchr(text, '['))) {
		snprintf(a.host, sizeof(a.host), "%s", text);
	} else if (address_parse(&a, text, NULL, false, e)) {
		return -1;
	}
	if (a.is_unix || a.any_host || (a.has_port && (!port || a.port == 0)))
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "'%s' is not a host%s", text, port ? " and port" : "");
	if (!a.has_port)
		a.port = PATHMTU_PORT;
	w->at = a;
	w->host = text;
	if (way_resolve(w, o, &a, e))
		return -1;
	return routes_toward(&w->route, &f->all, (struct sockaddr *)&w->to, e);
}

static const char *interface_of(char out[4 * IFACES_NAMEMAX], const struct ifinfo *f, const struct route *r)
{
	const struct iface *i = ifaces_indexed(&f->all, r->hops[0].index);

	if (!i)
		return "-";
	return printable(out, 4 * IFACES_NAMEMAX, i->name, strlen(i->name));
}

static const char *ip(char out[INET6_ADDRSTRLEN], int family, const uint8_t *bytes)
{
	return inet_ntop(family, bytes, out, INET6_ADDRSTRLEN) ? out : "-";
}

static const char *host_of(char out[ADDRESS_HOSTMAX], const struct sockaddr_storage *sa)
{
	uint16_t port;

	address_numeric((const struct sockaddr *)sa, sizeof(*sa), out, &port);
	return out;
}

/* {"v":1,"kind":KIND,"status":0,"host":...,"address":...,"interface":...,"source":...,"next_hop":...} */
static json_t *way_json(const struct way *w, const struct ifinfo *f, const char *kind, int status)
{
	json_t *o = json_pack("{s:i, s:s, s:i}", "v", 1, "kind", kind, "status", status);
	json_t *route = ifinfo_json_route(&f->all, &w->route);
	json_t *hop = json_array_get(json_object_get(route, "hops"), 0);

	common_json_text(o, "host", w->host);
	json_object_set_new(o, "address", ifinfo_json_ip(&w->to));
	json_object_set(o, "family", json_object_get(route, "family"));
	json_object_set(o, "interface", json_object_get(hop, "interface"));
	json_object_set(o, "source", json_object_get(route, "source"));
	json_object_set(o, "next_hop", json_object_get(hop, "next_hop"));
	json_object_set(o, "type", json_object_get(route, "type"));
	json_decref(route);
	return o;
}

static void way_text(const struct way *w, const struct ifinfo *f)
{
	char name[4 * IFACES_NAMEMAX], text[INET6_ADDRSTRLEN], host[ADDRESS_HOSTMAX], shown[ADDRESS_TEXTMAX];
	const struct route *r = &w->route;

	printf("host       %s", printable(shown, sizeof(shown), w->host, strlen(w->host)));
	printf(strcmp(host_of(host, &w->to), w->host) ? " (%s)\n" : "\n", host);
	printf("interface  %s\n", interface_of(name, f, r));
	printf("source     %s\n", r->has_source ? ip(text, r->family, r->source) : "-");
	printf("next hop   %s\n", r->no_hops		? "not known"
	    : r->hops[0].family				? ip(text, r->hops[0].family, r->hops[0].gateway)
	    : strcmp(route_type(r), "unicast")		? route_type(r)
							: "none, on the link");
}

int ifinfo_route(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e)
{
	struct way w = {.host = NULL};
	bool enough;

	if (way_find(&w, o, f, o->route, false, e))
		return -1;
	enough = w.route.mtu >= o->require_mtu;
	if (o->json) {
		json_t *object = way_json(&w, f, "route", enough ? 0 : 1);

		json_object_set_new(object, "mtu", json_integer(w.route.mtu));
		if (ifinfo_print(object, e))
			return -1;
	} else {
		way_text(&w, f);
		printf("MTU        %u\n", w.route.mtu);
	}
	if (o->payload && ifinfo_list_payload(o, w.route.mtu, w.family, e))
		return -1;
	return ifinfo_require(o, w.route.mtu, "toward the host", e);
}

/* ---- --path ---- */

static const char *const limits[] = {[LIMIT_LINK] = "link", [LIMIT_ROUTER] = "router", [LIMIT_HOLE] = "black hole",
    [LIMIT_NOT_KNOWN] = "not known"};

static int path_json(const struct way *w, const struct ifinfo *f, const struct pathmtu *p, int status, struct error *e)
{
	json_t *o = way_json(w, f, "path", status), *by = json_array();

	json_object_set_new(o, "answered", json_boolean(p->answered));
	json_object_set_new(o, "link_mtu", json_integer(p->local));
	json_object_set_new(o, "mtu", json_integer(p->mtu));
	json_object_set_new(o, "exact", json_boolean(p->exact));
	json_object_set_new(o, "limit", json_string(limits[p->limit]));
	json_object_set_new(o, "limit_from", p->router.ss_family ? ifinfo_json_ip(&p->router) : json_null());
	json_object_set_new(o, "black_hole", json_boolean(p->limit == LIMIT_HOLE));
	json_object_set_new(o, "black_hole_behind", p->last_hop ? ifinfo_json_ip(&p->last) : json_null());
	json_object_set_new(o, "black_hole_hops", p->last_hop ? json_integer(p->last_hop) : json_null());
	json_object_set_new(o, "mtu_back", p->back ? json_integer(p->back) : json_null());
	json_object_set_new(o, "mtu_back_exact", json_boolean(p->back && p->back_exact));
	json_object_set_new(o, "black_hole_back", json_boolean(p->back_hole));
	json_object_set_new(o, "peer", ifinfo_peer_json(p));
	json_object_set_new(o, "rtt_ms", p->rtt_us >= 0 ? json_real((double)p->rtt_us / 1000) : json_null());
	json_object_set_new(o, "packets", json_integer(p->packets));
	if (p->by_echo)
		json_array_append_new(by, json_string("echo"));
	if (p->by_udp)
		json_array_append_new(by, json_string("udp"));
	if (p->by_vault)
		json_array_append_new(by, json_string("vault-udp"));
	json_object_set_new(o, "answers", by);
	return ifinfo_print(o, e);
}

static void path_limit(const struct pathmtu *p)
{
	char host[ADDRESS_HOSTMAX];

	switch (p->limit) {
	case LIMIT_LINK:
		printf("limit      the link here, nothing on the way is smaller\n");
		break;
	case LIMIT_ROUTER:
		printf("limit      %s says so\n", p->router.ss_family ? host_of(host, &p->router) : "this machine");
		break;
	case LIMIT_HOLE:
		printf("limit      BLACK HOLE: larger packets disappear, and nobody says so\n");
		if (p->last_hop)
			printf("           they get as far as %s, %u hop%s away\n", host_of(host, &p->last), p->last_hop,
			    p->last_hop == 1 ? "" : "s");
		break;
	case LIMIT_NOT_KNOWN:
		printf("limit      not known, there was no time, packet or answer left\n");
		break;
	}
}

/* What can be done about it, for the sizes found. */
static void path_advice(const struct way *w, const struct ifinfo *f, const struct pathmtu *p)
{
	uint32_t mtu = p->back && p->back_exact && p->back < p->mtu ? p->back : p->mtu;
	char name[4 * IFACES_NAMEMAX], host[ADDRESS_HOSTMAX], via[INET6_ADDRSTRLEN];
	const struct route_hop *hop = &w->route.hops[0];
	bool six = w->family == AF_INET6;

	printf("fits       %zu bytes in a UDP datagram, %zu in a TCP segment\n", payload_udp(six, mtu), payload_tcp(six, mtu));
	if (p->limit != LIMIT_HOLE)
		return;
	printf("set        ip route add %s%s%s dev %s mtu lock %u\n", host_of(host, &w->to), hop->family ? " via " : "",
	    hop->family ? ip(via, hop->family, hop->gateway) : "", interface_of(name, f, &w->route), mtu);
	printf("           (root; or have the router of that link send \"too big\", or clamp its MSS)\n");
}

static void path_text(const struct way *w, const struct ifinfo *f, const struct pathmtu *p)
{
	way_text(w, f);
	printf("link MTU   %u\n", p->local);
	printf("path MTU   %s%u%s\n", p->answered && p->exact ? "" : p->answered ? "at least " : "at most ", p->mtu,
	    p->answered ? "" : ", but the host does not answer");
	path_limit(p);
	if (p->back)
		printf("way back   %s%u%s\n", p->back_exact ? "" : "at least ", p->back,
		    p->back_hole ? ", BLACK HOLE: larger packets disappear" : "");
	ifinfo_peer_text(p);
	if (p->rtt_us >= 0)
		printf("round trip %.2f ms, %u packets sent\n", (double)p->rtt_us / 1000, p->packets);
	path_advice(w, f, p);
}

/* The smaller of the two ways, as far as they are known. */
static uint32_t path_least(const struct pathmtu *p)
{
	return p->back && p->back_exact && p->back < p->mtu ? p->back : p->mtu;
}

/* All of the answer: where it goes, on what link, how far. */
static int path_find(struct way *w, struct pathmtu *p, const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e)
{
	const struct iface *i;

	if (way_find(w, o, f, o->path, true, e))
		return -1;
	if (o->peer->demanded && !w->at.has_port)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "--path %s: a vault-udp peer has a port: give HOST:PORT", o->path);
	if (w->at.has_port && ifinfo_peer_load(o->peer, w->at.host, w->at.port, e) < 0)
		return -1;
	p->peer = w->at.has_port ? &o->peer->how : NULL;
	p->to = w->to;
	/* The link's own MTU, and not what the kernel has learnt of this path. */
	i = ifaces_indexed(&f->all, w->route.hops[0].index);
	p->local = i && i->mtu ? i->mtu : w->route.mtu;
	/* Without netlink the interface is guessed by the source: packets to ourselves go by loopback. */
	if (w->route.no_hops && w->route.mtu > p->local)
		p->local = w->route.mtu;
	p->deadline = w->deadline;
	return pathmtu_find(p, e);
}

int ifinfo_path(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e)
{
	struct error fault = {.code = ERROR_OK};
	struct pathmtu p = {.mtu = 0};
	struct way w = {.host = NULL};
	int status;

	if (path_find(&w, &p, o, f, e))
		return -1;
	if (!p.answered)
		error_set(&fault, ERROR_TIMEOUT, BLAME_PEER, "timeout: the host does not answer, routers allow at most %u", p.mtu);
	else
		(void)ifinfo_peer_verdict(o->peer, &p, w.host, &fault);
	status = fault.code ? error_status(fault.code) : path_least(&p) < o->require_mtu ? 1 : 0;
	if (!o->json)
		path_text(&w, f, &p);
	else if (path_json(&w, f, &p, status, e))
		return -1;
	if (o->payload && ifinfo_list_payload(o, path_least(&p), w.family, e))
		return -1;
	if (fault.code)
		return error_set(e, fault.code, fault.blame, "%s", fault.text);
	return ifinfo_require(o, path_least(&p), "of the path", e);
}
