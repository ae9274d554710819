/* ifinfo, what it knows as JSON. */
#include "ifinfo.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "run/printable.h"

#define HOSTNAME_MAX 256

int ifinfo_print(json_t *object, struct error *e)
{
	int rc = 0;

	if (!object)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for JSON");
	/* A failing stdout is remembered by stdio and found by common_close_stdout(). */
	if (json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) && !ferror(stdout))
		rc = error_set(e, ERROR_IO, BLAME_LOCAL, "cannot write JSON");
	putchar('\n');
	json_decref(object);
	return rc;
}

/* Exactly as it is where it is UTF-8 (JSON has a way to write any character), else made printable. */
static json_t *text(const char *s)
{
	json_t *exact = json_string(s);
	char safe[4 * IFACES_ALIASMAX];

	return exact ? exact : json_string(printable(safe, sizeof(safe), s, strlen(s)));
}

static json_t *text_or_null(const char *s)
{
	return s && *s ? text(s) : json_null();
}

static json_t *bytes(int family, const uint8_t *b)
{
	char out[INET6_ADDRSTRLEN];

	return inet_ntop(family, b, out, sizeof(out)) ? json_string(out) : json_null();
}

json_t *ifinfo_json_ip(const struct sockaddr_storage *sa)
{
	if (sa->ss_family == AF_INET)
		return bytes(AF_INET, (const uint8_t *)&((const struct sockaddr_in *)sa)->sin_addr);
	if (sa->ss_family == AF_INET6)
		return bytes(AF_INET6, (const uint8_t *)&((const struct sockaddr_in6 *)sa)->sin6_addr);
	return json_null();
}

json_t *ifinfo_json_address(const struct iface_address *a)
{
	char ip[IFACES_ADDRESSMAX], scope[16];
	json_t *o = json_pack("{s:s, s:s, s:i, s:s}", "family", a->family == AF_INET ? "ipv4" : "ipv6", "address",
	    iface_address_text(ip, a, false), "prefix", a->prefix, "scope", iface_scope_text(scope, a->scope));

	if (a->has_peer)
		json_object_set_new(o, "peer", bytes(a->family, a->peer));
	if (a->family == AF_INET6) {
		json_object_set_new(o, "temporary", json_boolean(a->flags & ADDRESS_TEMPORARY));
		json_object_set_new(o, "deprecated", json_boolean(a->flags & ADDRESS_DEPRECATED));
		json_object_set_new(o, "tentative", json_boolean(a->flags & ADDRESS_TENTATIVE));
		json_object_set_new(o, "duplicate", json_boolean(a->flags & ADDRESS_DUPLICATE));
	}
	return o;
}

static json_t *name_of(const struct ifaces *s, unsigned index)
{
	const struct iface *i = index ? ifaces_indexed(s, index) : NULL;

	return i ? text(i->name) : json_null();
}

static void add_flags(json_t *o, const struct iface *i)
{
	static const struct {
		const char *name;
		unsigned flag;
	} flags[] = {
	    {"up", IFACE_UP}, {"running", IFACE_RUNNING}, {"loopback", IFACE_LOOPBACK},
	    {"point_to_point", IFACE_POINT_TO_POINT}, {"broadcast", IFACE_BROADCAST}, {"multicast", IFACE_MULTICAST},
	};

	for (size_t n = 0; n < sizeof(flags) / sizeof(flags[0]); n++)
		json_object_set_new(o, flags[n].name, json_boolean(i->flags & flags[n].flag));
}

json_t *ifinfo_json_iface(const struct ifaces *s, const struct iface *i)
{
	json_t *o = json_pack("{s:i, s:s, s:I, s:o, s:o}", "v", 1, "kind", "interface", "index", (json_int_t)i->index,
	    "name", text(i->name), "alias", text_or_null(i->alias));
	json_t *list = json_array();
	char mac[3 * IFACES_MACMAX];

	json_object_set_new(o, "type", text(iface_type(i)));
	json_object_set_new(o, "state", json_string(iface_state(i)));
	add_flags(o, i);
	json_object_set_new(o, "mtu", json_integer(i->mtu));
	json_object_set_new(o, "mac", text_or_null(iface_mac_text(mac, i)));
	json_object_set_new(o, "speed_mbps", i->speed ? json_integer(i->speed) : json_null());
	json_object_set_new(o, "duplex", text_or_null(iface_duplex_text(i->duplex)));
	json_object_set_new(o, "master", name_of(s, i->master));
	for (size_t n = 0; n < i->address_count; n++)
		json_array_append_new(list, ifinfo_json_address(&i->addresses[n]));
	json_object_set_new(o, "addresses", list);
	return o;
}

static json_t *hop(const struct ifaces *s, const struct route *r, const struct route_hop *h)
{
	json_t *next = r->no_hops || h->family == 0 ? json_null() : bytes(h->family, h->gateway);

	return json_pack("{s:o, s:o}", "interface", name_of(s, h->index), "next_hop", next);
}

json_t *ifinfo_json_route(const struct ifaces *s, const struct route *r)
{
	char ip[INET6_ADDRSTRLEN] = "", destination[INET6_ADDRSTRLEN + 8];
	json_t *o, *hops = json_array();

	inet_ntop(r->family, r->destination, ip, sizeof(ip));
	snprintf(destination, sizeof(destination), "%s/%u", ip, r->prefix);
	o = json_pack("{s:s, s:s, s:s, s:I, s:I}", "family", r->family == AF_INET ? "ipv4" : "ipv6", "destination",
	    r->prefix ? destination : "default", "type", route_type(r), "table", (json_int_t)r->table, "priority",
	    (json_int_t)r->priority);
	json_object_set_new(o, "source", r->has_source ? bytes(r->family, r->source) : json_null());
	json_object_set_new(o, "mtu", r->mtu ? json_integer(r->mtu) : json_null());
	for (size_t n = 0; n < r->hop_count; n++)
		json_array_append_new(hops, hop(s, r, &r->hops[n]));
	json_object_set_new(o, "hops", hops);
	return o;
}

static json_t *primary(const struct ifaces *s, int family, json_t **interface)
{
	const struct iface *owner = NULL;
	const struct iface_address *a = ifaces_primary(s, family, &owner);
	char ip[IFACES_ADDRESSMAX];

	if (!a)
		return json_null();
	if (!*interface)
		*interface = text(owner->name);
	return json_string(iface_address_text(ip, a, false));
}

static json_t *missing(const struct ifaces *s)
{
	json_t *list = json_array();

	for (unsigned bit = 1; bit <= s->missing; bit <<= 1)
		if (s->missing & bit)
			json_array_append_new(list, json_string(ifaces_missing_text((enum ifaces_missing)bit)));
	return list;
}

static json_t *host(const struct ifaces *s)
{
	static const char *const sources[] = {"", "netlink", "getifaddrs", "proc"};
	char name[HOSTNAME_MAX] = "";
	json_t *o = json_pack("{s:i, s:s}", "v", 1, "kind", "host"), *interface = NULL;
	uint32_t mtu = ifaces_smallest_mtu(s);

	if (gethostname(name, sizeof(name) - 1))
		name[0] = '\0';
	json_object_set_new(o, "hostname", text_or_null(name));
	json_object_set_new(o, "primary_ipv4", primary(s, AF_INET, &interface));
	json_object_set_new(o, "primary_ipv6", primary(s, AF_INET6, &interface));
	json_object_set_new(o, "primary_interface", interface ? interface : json_null());
	json_object_set_new(o, "mtu", json_integer(mtu ? mtu : IFACES_DEFAULT_MTU));
	json_object_set_new(o, "mtu_fallback", json_boolean(mtu == 0));
	json_object_set_new(o, "source", json_string(sources[s->source]));
	json_object_set_new(o, "missing", missing(s));
	return o;
}

int ifinfo_json_all(const struct ifinfo *f, struct error *e)
{
	if (ifinfo_print(host(&f->all), e))
		return -1;
	for (size_t n = 0; n < f->all.count; n++)
		if (f->chosen[n] && ifinfo_print(ifinfo_json_iface(&f->all, &f->all.list[n]), e))
			return -1;
	return 0;
}

void ifinfo_json_error(const struct error *e, int status)
{
	json_t *o = json_pack("{s:i, s:s, s:i, s:s}", "v", 1, "kind", "error", "status", status, "code",
	    error_name(e->code));
	struct error ignored = {.code = ERROR_OK};

	json_object_set_new(o, "error", text(e->text));
	(void)ifinfo_print(o, &ignored);
}
