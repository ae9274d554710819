/* vault.h: the public face of the library, used as a program that embeds it would. */
#include "vault.h"

#include <arpa/inet.h>
#include <ev.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

#include "unit.h"

static void interfaces(void)
{
	char why[VAULT_WHY] = "";
	struct vault_interfaces *s = vault_interfaces_read(why);
	struct if_nameindex *names = if_nameindex();
	size_t known = 0;

	CHECK(s != NULL);
	CHECK(names != NULL);
	for (size_t n = 0; s && names && names[n].if_index; n++) {
		for (size_t k = 0; k < s->count; k++)
			if (s->list[k].index == names[n].if_index) {
				CHECK_STR(s->list[k].name, names[n].if_name);
				known++;
			}
		CHECK_INT(known, n + 1);
	}
	for (size_t n = 0; s && n < s->count; n++) {
		const struct vault_interface *i = &s->list[n];

		CHECK(i->mtu > 0 && i->type && i->state && i->alias);
		CHECK(n == 0 || s->list[n - 1].index < i->index);
		for (size_t k = 0; k < i->address_count; k++)
			CHECK(i->addresses[k].family == AF_INET || i->addresses[k].family == AF_INET6);
	}
	for (size_t n = 0; s && s->missing[n]; n++)
		CHECK(s->missing[n][0] != '\0');
	if_freenameindex(names);
	vault_interfaces_free(s);
	vault_interfaces_free(NULL);
}

/* What this machine says about itself agrees with its own interfaces. */
static void primary_and_mtu(void)
{
	struct vault_interfaces *s = vault_interfaces_read(NULL);
	const struct vault_address *a = vault_interfaces_primary(s, AF_INET);
	uint32_t least = 0;
	bool mine = a == NULL;

	for (size_t n = 0; n < s->count; n++) {
		const struct vault_interface *i = &s->list[n];

		if ((i->flags & VAULT_UP) && !(i->flags & VAULT_LOOPBACK) && (least == 0 || i->mtu < least))
			least = i->mtu;
		for (size_t k = 0; k < i->address_count; k++)
			mine |= a == &i->addresses[k] && (i->flags & VAULT_UP) && !(i->flags & VAULT_LOOPBACK);
	}
	CHECK(mine);
	CHECK_INT(vault_interfaces_mtu(s), least);
	vault_interfaces_free(s);
}

static void routes(void)
{
	struct vault_interfaces *s = vault_interfaces_read(NULL);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr odd = {.sa_family = AF_UNIX};
	char why[VAULT_WHY] = "";
	struct vault_route r;

	CHECK_INT(vault_route_toward(&r, s, (struct sockaddr *)&to, why), 0);
	CHECK(r.family == AF_INET && r.has_source && r.source[0] == 127 && r.mtu > 0 && r.next_family == 0);
	CHECK_INT(vault_route_toward(&r, s, &odd, why), -1);
	CHECK(why[0] != '\0');
	CHECK_INT(vault_route_toward(&r, s, &odd, NULL), -1);
	vault_interfaces_free(s);
}

/* ---- changes ---- */

struct seen {
	struct ev_loop *loop;
	int present, watching, lo_up, address;
};

static void on_told(const struct vault_change *c, void *owner)
{
	struct seen *s = owner;

	CHECK(c != NULL);
	if (!c)
		return;
	s->present += c->event == VAULT_PRESENT && c->interface && !c->address;
	s->watching += c->event == VAULT_WATCHING;
	s->lo_up += c->event == VAULT_CHANGED && c->interface && (c->interface->flags & VAULT_UP) &&
	    (c->interface->flags & VAULT_LOOPBACK);
	s->address += c->event == VAULT_NEW && c->address && c->address->family == AF_INET && c->address->bytes[0] == 127;
	if (s->lo_up && s->address)
		ev_break(s->loop, EVBREAK_ALL);
}

static void on_late(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)t;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

#ifdef __linux__
static bool raise_loopback(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;
	struct ifreq r = {.ifr_name = "lo"};

	r.ifr_flags = IFF_UP | IFF_RUNNING;
	rc = ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
	return rc == 0;
}
#endif

static void changes(void)
{
	struct seen s = {.loop = ev_default_loop(0)};
	char why[VAULT_WHY] = "";
	struct vault_watch *w;
	ev_timer late;
	bool own = false;

#ifdef __linux__
	own = unshare(CLONE_NEWNET) == 0; /* root only */
#endif
	w = vault_watch_new(s.loop, on_told, &s, why);
	if (!w) { /* another system, or built without libmnl */
		CHECK(why[0] != '\0');
		return;
	}
	CHECK(s.present >= 1);
	CHECK_INT(s.watching, 1);
#ifdef __linux__
	if (own && raise_loopback()) {
		ev_timer_init(&late, on_late, 30., 0.);
		ev_timer_start(s.loop, &late);
		ev_run(s.loop, 0);
		ev_timer_stop(s.loop, &late);
		CHECK_INT(s.lo_up, 1);
		CHECK_INT(s.address, 1);
	} else {
		printf("changes NOT TESTED: no network namespace of our own\n");
	}
#else
	(void)own;
	(void)late;
	(void)on_late;
#endif
	vault_watch_free(w);
	vault_watch_free(NULL);
}

int main(void)
{
	RUN(interfaces);
	RUN(primary_and_mtu);
	RUN(routes);
	RUN(changes);
	UNIT_DONE();
}
