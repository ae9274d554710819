/* ifinfo, answers for scripts: one number, or one address a line. */
#include "ifinfo.h"

#include <string.h>
#include <sys/socket.h>

/* ---- the MTU ---- */

/* Of interfaces that were named, whatever they are; otherwise of those that are up and not loopback. */
uint32_t ifinfo_mtu(const struct ifinfo_opts *o, const struct ifinfo *f)
{
	uint32_t least = 0;

	if (o->selected_count == 0)
		return ifaces_smallest_mtu(&f->all);
	for (size_t n = 0; n < f->all.count; n++)
		if (f->chosen[n] && f->all.list[n].mtu && (!least || f->all.list[n].mtu < least))
			least = f->all.list[n].mtu;
	return least;
}

int ifinfo_require(const struct ifinfo_opts *o, uint32_t mtu, const char *what, struct error *e)
{
	if (mtu >= o->require_mtu)
		return 0;
	if (mtu == 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no interface is up, so there is no MTU of %u", o->require_mtu);
	return error_set(e, ERROR_IO, BLAME_LOCAL, "the MTU %s is %u, less than %u", what, mtu, o->require_mtu);
}

static int print_mtu(const struct ifinfo_opts *o, uint32_t mtu, bool fallback, struct error *e)
{
	if (o->json)
		return ifinfo_print(json_pack("{s:i, s:s, s:I, s:b}", "v", 1, "kind", "mtu", "mtu", (json_int_t)mtu,
				       "fallback", fallback), e);
	printf("%u\n", mtu);
	return 0;
}

int ifinfo_list_mtu(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e)
{
	uint32_t mtu = ifinfo_mtu(o, f);

	if (o->mtu && mtu == 0)
		common_warn(IFINFO_PROG, "warning: no interface is up besides loopback, %d is assumed", IFACES_DEFAULT_MTU);
	if (o->mtu && print_mtu(o, mtu ? mtu : IFACES_DEFAULT_MTU, mtu == 0, e))
		return -1;
	return ifinfo_require(o, mtu, "of the smallest interface", e);
}

/* ---- addresses ---- */

/* How good an address is for somebody who is to reach us; 0 = not for the list. */
static int rank(const struct ifinfo_opts *o, const struct iface *i, const struct iface_address *a)
{
	if (ifaces_usable(i, a))
		return a->flags & ADDRESS_TEMPORARY ? 3 : 4;
	if (o->all)
		return 1;
	/* Deprecated ones still work for connections to us. */
	if ((i->flags & IFACE_UP) && !(i->flags & IFACE_LOOPBACK) && (a->flags & ADDRESS_DEPRECATED) &&
	    !(a->flags & (ADDRESS_TENTATIVE | ADDRESS_DUPLICATE)) && !iface_is_link_local(a))
		return 2;
	return 0;
}

static int print_address(const struct ifinfo_opts *o, const struct iface *i, const struct iface_address *a,
    bool primary, struct error *e)
{
	char ip[IFACES_ADDRESSMAX];
	json_t *object;

	iface_address_text(ip, a, false);
	if (!o->json) {
		/* A link-local address says nothing without its link. */
		if (i && a->family == AF_INET6 && iface_is_link_local(a))
			printf("%s%%%s\n", ip, i->name);
		else
			puts(ip);
		return 0;
	}
	object = json_pack("{s:i, s:s}", "v", 1, "kind", "address");
	json_object_update_new(object, ifinfo_json_address(a));
	if (i) {
		json_t *whole = ifinfo_json_iface(&(struct ifaces){.count = 0}, i);

		json_object_set(object, "interface", json_object_get(whole, "name"));
		json_decref(whole);
	} else {
		json_object_set_new(object, "interface", json_null());
	}
	json_object_set_new(object, "primary", json_boolean(primary));
	json_object_set_new(object, "fallback", json_boolean(!i));
	return ifinfo_print(object, e);
}

static int print_ranked(const struct ifinfo_opts *o, const struct ifinfo *f, int family, int wanted,
    const struct iface_address *primary, struct error *e)
{
	int found = 0;

	for (size_t n = 0; n < f->all.count; n++) {
		const struct iface *i = &f->all.list[n];

		for (size_t k = 0; f->chosen[n] && k < i->address_count; k++) {
			const struct iface_address *a = &i->addresses[k];
			int is = a == primary ? 5 : rank(o, i, a);

			if (a->family != family || is != wanted)
				continue;
			if (print_address(o, i, a, a == primary, e))
				return -1;
			found++;
		}
	}
	return found;
}

/* The best first: a script may take the first line. */
static int list_family(const struct ifinfo_opts *o, const struct ifinfo *f, int family, struct error *e)
{
	const struct iface_address *primary = ifaces_primary(&f->all, family, NULL);
	int found = 0;

	for (int wanted = 5; wanted >= 1; wanted--) {
		int n = print_ranked(o, f, family, wanted, primary, e);

		if (n < 0)
			return -1;
		found += n;
	}
	return found;
}

int ifinfo_list_addresses(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e)
{
	struct iface_address loopback = {.family = AF_INET, .bytes = {127, 0, 0, 1}, .prefix = 8, .scope = SCOPE_HOST};
	int four = o->four ? list_family(o, f, AF_INET, e) : 0;
	int six = four >= 0 && o->six ? list_family(o, f, AF_INET6, e) : 0;

	if (four < 0 || six < 0)
		return -1;
	if (four + six > 0)
		return 0;
	if (!o->four || o->selected_count > 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no %s address matches", o->four ? o->six ? "IPv4 or IPv6" : "IPv4"
											  : "IPv6");
	common_warn(IFINFO_PROG, "warning: this machine has no IPv4 address but for loopback");
	return print_address(o, NULL, &loopback, false, e);
}

/* ---- what fits ---- */

static int payload_json(const struct payload *p, struct error *e)
{
	json_t *steps = json_array(), *o;

	for (size_t n = 0; n < p->count; n++)
		json_array_append_new(steps, json_pack("{s:s, s:I}", "what", p->steps[n].what, "bytes",
						 (json_int_t)p->steps[n].bytes));
	o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:o, s:I}", "v", 1, "kind", "payload", "wire", p->wire, "transport",
	    p->transport, "family", p->ipv6 ? "ipv6" : "ipv4", "mtu", (json_int_t)p->mtu, "headers", steps, "payload",
	    (json_int_t)p->fits);
	json_object_set_new(o, "unit", p->unit ? json_string(p->unit) : json_null());
	json_object_set_new(o, "note", p->note ? json_string(p->note) : json_null());
	return ifinfo_print(o, e);
}

static void payload_text(const struct payload *p)
{
	bool bare = strcmp(p->wire, "none") == 0;

	printf("%s%s%s over %s: %zu bytes%s%s\n", bare ? "" : p->wire, bare ? "" : ", ", p->transport,
	    p->ipv6 ? "IPv6" : "IPv4", p->fits, p->unit ? ", " : "", p->unit ? p->unit : "");
	for (size_t n = 0; n < p->count; n++)
		printf("  %6zu  %s\n", p->steps[n].bytes, p->steps[n].what);
	if (p->note)
		printf("  (%s)\n", p->note);
}

int ifinfo_list_payload(const struct ifinfo_opts *o, uint32_t mtu, int family, struct error *e)
{
	struct payload p;

	if (!o->json)
		printf("MTU %u\n", mtu);
	for (int six = 0; six < 2; six++) {
		if (family != AF_UNSPEC && (family == AF_INET6) != six)
			continue;
		for (size_t n = 0; payload_row(&p, n, six, mtu); n++) {
			if (o->transport && (strcmp(p.transport, "tcp") == 0) != (o->transport == TRANSPORT_TCP))
				continue;
			if (!o->json)
				payload_text(&p);
			else if (payload_json(&p, e))
				return -1;
		}
	}
	return 0;
}
