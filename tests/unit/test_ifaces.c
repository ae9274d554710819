/* The snapshot: three sources say the same of this machine, the list keeps its order, the rules of selection. */
#include "run/ifaces.h"
#include "run/routes.h"
#include "unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static struct iface_address six(const char *text, uint8_t scope, unsigned flags)
{
	struct iface_address a = {.family = AF_INET6, .prefix = 64, .scope = scope, .flags = flags};

	CHECK_INT(inet_pton(AF_INET6, text, a.bytes), 1);
	return a;
}

static struct iface_address four(const char *text)
{
	struct iface_address a = {.family = AF_INET, .prefix = 24};

	CHECK_INT(inet_pton(AF_INET, text, a.bytes), 1);
	return a;
}

static struct iface *add(struct ifaces *s, unsigned index, const char *name, unsigned flags, uint32_t mtu)
{
	struct iface *i = ifaces_add(s, index);

	CHECK(i != NULL);
	snprintf(i->name, sizeof(i->name), "%s", name);
	i->flags = flags;
	i->mtu = mtu;
	return i;
}

static void order(void)
{
	static const unsigned indexes[] = {7, 3, 900, 1, 5, 4, 2, 6, 8};
	struct ifaces s = {.list = NULL};

	for (size_t n = 0; n < sizeof(indexes) / sizeof(indexes[0]); n++)
		CHECK(ifaces_add(&s, indexes[n]) != NULL);
	CHECK(ifaces_add(&s, 7) == ifaces_indexed(&s, 7));
	CHECK_INT(s.count, 9);
	for (size_t n = 1; n < s.count; n++)
		CHECK(s.list[n - 1].index < s.list[n].index);
	ifaces_remove(&s, 3);
	ifaces_remove(&s, 3);
	ifaces_remove(&s, 900);
	CHECK_INT(s.count, 7);
	CHECK(!ifaces_indexed(&s, 3) && !ifaces_indexed(&s, 900) && ifaces_indexed(&s, 8));
	ifaces_free(&s);
	CHECK_INT(s.count, 0);
}

static void addresses(void)
{
	struct ifaces s = {.list = NULL};
	struct iface *i = add(&s, 2, "x", IFACE_UP, 1500);
	char text[IFACES_ADDRESSMAX];

	for (int n = 0; n < 20; n++) {
		struct iface_address a = four("192.0.2.0");

		a.bytes[3] = (uint8_t)n;
		CHECK_INT(iface_add_address(i, &a), 0);
	}
	iface_remove_address(i, 0);
	iface_remove_address(i, 18);
	CHECK_INT(i->address_count, 18);
	CHECK_STR(iface_address_text(text, &i->addresses[0], true), "192.0.2.1/24");
	CHECK_STR(iface_address_text(text, &i->addresses[17], false), "192.0.2.18");
	CHECK(ifaces_owner(&s, AF_INET, (const uint8_t[]){192, 0, 2, 5}) == i);
	CHECK(!ifaces_owner(&s, AF_INET, (const uint8_t[]){192, 0, 2, 0}));
	ifaces_free(&s);
}

/* Loopback is told by its flag: one with another name does not count, one called "lo" that is none does. */
static void smallest(void)
{
	struct ifaces s = {.list = NULL};

	CHECK_INT(ifaces_smallest_mtu(&s), 0);
	add(&s, 1, "elsewhere", IFACE_UP | IFACE_LOOPBACK, 100);
	add(&s, 2, "down", 0, 200);
	CHECK_INT(ifaces_smallest_mtu(&s), 0);
	add(&s, 3, "lo", IFACE_UP, 1400);
	add(&s, 4, "eth0", IFACE_UP | IFACE_RUNNING, 1500);
	CHECK_INT(ifaces_smallest_mtu(&s), 1400);
	ifaces_free(&s);
}

static void usable(void)
{
	struct iface up = {.flags = IFACE_UP}, down = {.flags = 0}, lo = {.flags = IFACE_UP | IFACE_LOOPBACK};
	static const char *const no[] = {"fe80::1", "::1"};
	struct iface_address a = six("2001:db8::1", 0, 0);

	CHECK(ifaces_usable(&up, &a) && !ifaces_usable(&down, &a) && !ifaces_usable(&lo, &a));
	for (unsigned flag = ADDRESS_DEPRECATED; flag <= ADDRESS_DUPLICATE; flag <<= 1) {
		a.flags = flag;
		CHECK(!ifaces_usable(&up, &a));
	}
	a.flags = ADDRESS_TEMPORARY;
	CHECK(ifaces_usable(&up, &a));
	for (size_t n = 0; n < 2; n++) {
		a = six(no[n], 0, 0);
		CHECK(!ifaces_usable(&up, &a));
	}
	a = four("169.254.1.1");
	CHECK(!ifaces_usable(&up, &a));
	CHECK_INT(iface_guess_scope(&a), SCOPE_LINK);
	a = four("127.9.9.9");
	CHECK(!ifaces_usable(&up, &a));
	CHECK_INT(iface_guess_scope(&a), SCOPE_HOST);
	a = six("fec0::1", 0, 0);
	CHECK_INT(iface_guess_scope(&a), SCOPE_SITE);
}

/* The same address twice, told apart by prefix or peer. */
static void twice(void)
{
	struct iface_address a = four("192.0.2.1"), b = a, c = a;
	struct iface i = {.index = 1};

	b.prefix = 32;
	c.has_peer = true;
	c.peer[0] = 10;
	CHECK_INT(iface_add_address(&i, &a), 0);
	CHECK(!iface_find_address(&i, &b) && !iface_find_address(&i, &c));
	CHECK_INT(iface_add_address(&i, &b), 0);
	CHECK_INT(iface_add_address(&i, &c), 0);
	CHECK(iface_find_address(&i, &b) == &i.addresses[1] && iface_find_address(&i, &c) == &i.addresses[2]);
	free(i.addresses);
}

static void texts(void)
{
	struct iface i = {.hardware = 65000, .mac = {2, 0, 0x5e, 0, 0x53, 1}, .mac_len = 6};
	char mac[3 * IFACES_MACMAX], scope[16];

	CHECK_STR(iface_mac_text(mac, &i), "02:00:5e:00:53:01");
	i.mac_len = IFACES_MACMAX;
	CHECK_INT(strlen(iface_mac_text(mac, &i)), 3 * IFACES_MACMAX - 1);
	i.mac_len = 0;
	CHECK_STR(iface_mac_text(mac, &i), "");
	CHECK_STR(iface_scope_text(scope, 0), "global");
	CHECK_STR(iface_scope_text(scope, 77), "77");
	CHECK_STR(iface_state(&i), "down");
	CHECK_STR(iface_type(&i), "other");
	snprintf(i.kind, sizeof(i.kind), "veth");
	CHECK_STR(iface_type(&i), "veth");
}

/* What each source can tell is the same. Interfaces that come and go meanwhile would be a difference, so
 * the first and last reading must agree, too. */
static bool compare(enum ifaces_source left, enum ifaces_source right)
{
	struct ifaces a, b;
	struct error e = {.code = ERROR_OK};
	bool same;

	CHECK_INT(ifaces_read(&a, left, &e), 0);
	CHECK_INT(ifaces_read(&b, right, &e), 0);
	same = a.count == b.count;
	for (size_t n = 0; same && n < a.count; n++) {
		const struct iface *i = &a.list[n], *k = &b.list[n];

		same = i->index == k->index && strcmp(i->name, k->name) == 0 && i->mtu == k->mtu && i->flags == k->flags &&
		    i->speed == k->speed && i->duplex == k->duplex && i->address_count == k->address_count;
		for (size_t m = 0; same && m < i->address_count; m++) {
			struct iface_address *other = iface_find_address(k, &i->addresses[m]);

			same = other && other->scope == i->addresses[m].scope;
		}
	}
	ifaces_free(&a);
	ifaces_free(&b);
	return same;
}

static void sources(void)
{
#ifdef __linux__
	for (enum ifaces_source one = WITH_LIBMNL ? IFACES_NETLINK : IFACES_GETIFADDRS; one < IFACES_PROC; one++) {
		bool same = compare(one, IFACES_PROC);

		for (int again = 0; !same && again < 3; again++)
			same = compare(one, IFACES_PROC);
		CHECK(same);
	}
#endif
}

static void loopback_route(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct error e = {.code = ERROR_OK};
	struct ifaces s;
	struct route r;

	for (enum ifaces_source from = IFACES_ANY; from <= IFACES_GETIFADDRS; from += IFACES_GETIFADDRS) {
		CHECK_INT(ifaces_read(&s, from, &e), 0);
		CHECK_INT(routes_toward(&r, &s, (struct sockaddr *)&to, &e), 0);
		CHECK(r.has_source && r.mtu > 0 && r.hops[0].index > 0);
		CHECK_MEM(r.source, &to.sin_addr, 4);
		CHECK(r.no_hops == (s.source != IFACES_NETLINK));
		ifaces_free(&s);
	}
}

static void route_table(void)
{
	struct routes t = {.list = NULL};
	struct route r = {.family = AF_INET, .prefix = 24, .hop_count = 1}, found;

	for (unsigned n = 0; n < 100; n++) {
		r.destination[0] = (uint8_t)(n * 37 % 100);
		r.mtu = n;
		CHECK_INT(routes_add(&t, &r), 0);
	}
	CHECK_INT(t.count, 100);
	for (size_t n = 1; n < t.count; n++)
		CHECK(route_compare(&t.list[n - 1], &t.list[n]) < 0);
	r.mtu = 1; /* not a part of what it is */
	CHECK_INT(routes_add(&t, &r), 0);
	CHECK_INT(t.count, 100);
	CHECK(routes_find(&t, &r) && routes_find(&t, &r)->mtu == 1);
	found = r;
	found.hops[0].index = 9;
	CHECK(!routes_find(&t, &found));
	routes_remove(&t, &r);
	routes_remove(&t, &r);
	CHECK_INT(t.count, 99);
	routes_free(&t);
}

int main(void)
{
	RUN(order);
	RUN(addresses);
	RUN(smallest);
	RUN(usable);
	RUN(twice);
	RUN(texts);
	RUN(sources);
	RUN(loopback_route);
	RUN(route_table);
	UNIT_DONE();
}
