#include "udp_lan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "udp_interfaces.h"

#define ANNOUNCE_S 20.

struct udp_lan {
	int v4, v6; /* sockets, -1: none */
	struct udp_interfaces interfaces;
	ev_timer timer;
};

int udp_interfaces_list(struct udp_interfaces *u, const char *only, struct error *e)
{
	struct ifaddrs *all = NULL;

	u->count = 0;
	if (only) {
		u->index[0] = if_nametoindex(only);
		u->count = u->index[0] != 0;
		return u->count ? 0 : error_set(e, ERROR_USAGE, BLAME_LOCAL, "no interface '%s'", only);
	}
	if (getifaddrs(&all) < 0)
		return error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot list interfaces: %s", strerror(errno));
	for (struct ifaddrs *i = all; i && u->count < UDP_INTERFACES_MAX; i = i->ifa_next) {
		unsigned index = if_nametoindex(i->ifa_name);
		bool seen = index == 0;

		if (!(i->ifa_flags & IFF_UP) || !(i->ifa_flags & IFF_MULTICAST) || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		for (size_t k = 0; k < u->count; k++)
			seen |= u->index[k] == index;
		if (!seen)
			u->index[u->count++] = index;
	}
	freeifaddrs(all);
	return u->count > 0 ? 0 : error_set(e, ERROR_NETWORK, BLAME_LOCAL, "no interface with multicast is up");
}

static int make(int family)
{
	int one = 1, fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (family == AF_INET) {
		(void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &one, sizeof one);
		(void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof one);
	} else {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &one, sizeof one);
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &one, sizeof one);
	}
	return fd;
}

static void send_on(const struct udp_lan *lan, unsigned index, const uint8_t *bytes, size_t n)
{
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(UDP_LAN_PORT)};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(UDP_LAN_PORT), .sin6_scope_id = index};
	struct ip_mreqn request = {.imr_ifindex = (int)index};
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	inet_pton(AF_INET, UDP_LAN_V4, &to4.sin_addr);
	inet_pton(AF_INET6, UDP_LAN_V6, &to6.sin6_addr);
	/* An interface without addresses of a family cannot send in it: nothing to be said about. */
	m.msg_name = &to4;
	m.msg_namelen = sizeof to4;
	if (lan->v4 >= 0 && setsockopt(lan->v4, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) == 0 &&
	    sendmsg(lan->v4, &m, MSG_DONTWAIT) < 0)
		log_info(2, "announcement on interface %u (IPv4): %s", index, strerror(errno));
	m.msg_name = &to6;
	m.msg_namelen = sizeof to6;
	if (lan->v6 >= 0 && setsockopt(lan->v6, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) == 0 &&
	    sendmsg(lan->v6, &m, MSG_DONTWAIT) < 0)
		log_info(2, "announcement on interface %u (IPv6): %s", index, strerror(errno));
}

static void announce(struct udp_loop *l)
{
	uint8_t datagram[UDP_KEY_SIZE];
	size_t n;

	udp_loop_clock(l);
	n = udp_announcement(l->engine, datagram, sizeof datagram);
	for (size_t i = 0; n > 0 && i < l->lan->interfaces.count; i++)
		send_on(l->lan, l->lan->interfaces.index[i], datagram, n);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	announce(w->data);
}

int udp_lan_open(struct udp_loop *l, struct error *e)
{
	int family = l->o->socket.family;

	l->lan = calloc(1, sizeof *l->lan);
	if (!l->lan)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	l->lan->v4 = family != AF_INET6 ? make(AF_INET) : -1;
	l->lan->v6 = family != AF_INET && l->socket.family == AF_INET6 ? make(AF_INET6) : -1;
	if (udp_interfaces_list(&l->lan->interfaces, l->o->announce_interface, e) < 0)
		return -1;
	ev_timer_init(&l->lan->timer, on_timer, 0., ANNOUNCE_S);
	l->lan->timer.data = l;
	ev_timer_start(l->loop, &l->lan->timer);
	return 0;
}

void udp_lan_close(struct udp_loop *l)
{
	if (!l->lan)
		return;
	ev_timer_stop(l->loop, &l->lan->timer);
	if (l->lan->v4 >= 0)
		close(l->lan->v4);
	if (l->lan->v6 >= 0)
		close(l->lan->v6);
	free(l->lan);
	l->lan = NULL;
}
