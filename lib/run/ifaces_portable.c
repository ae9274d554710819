/* ifaces from getifaddrs(3): the same on many systems, with less to tell. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <netpacket/packet.h>
#elif defined(AF_LINK)
#include <net/if_dl.h>
#include <net/if_types.h>
#endif

#include "ifaces.h"

static uint8_t prefix_of(int family, const struct sockaddr *mask)
{
	uint8_t bytes[16] = {0}, bits = 0;

	if (mask && family == AF_INET)
		memcpy(bytes, &((const struct sockaddr_in *)(const void *)mask)->sin_addr, 4);
	else if (mask)
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr, 16);
	while (bits < 128 && (bytes[bits / 8] & (0x80 >> bits % 8)))
		bits++;
	return bits;
}

static void take_bytes(uint8_t out[16], const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		memcpy(out, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	else
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
}

static int take_address(struct iface *i, const struct ifaddrs *from)
{
	struct iface_address a = {.family = from->ifa_addr->sa_family};
	uint8_t peer[16] = {0};

	take_bytes(a.bytes, from->ifa_addr);
	a.prefix = prefix_of(a.family, from->ifa_netmask);
	if ((i->flags & IFACE_POINT_TO_POINT) && from->ifa_dstaddr && from->ifa_dstaddr->sa_family == a.family) {
		take_bytes(peer, from->ifa_dstaddr);
		if (memcmp(peer, a.bytes, sizeof(peer)) != 0) {
			memcpy(a.peer, peer, sizeof(peer));
			a.has_peer = true;
		}
	}
	a.scope = iface_guess_scope(&a);
	return iface_add_address(i, &a);
}

static void take_hardware(struct iface *i, const struct sockaddr *sa)
{
#ifdef __linux__
	const struct sockaddr_ll *link = (const struct sockaddr_ll *)(const void *)sa;

	if (sa->sa_family != AF_PACKET)
		return;
	i->hardware = link->sll_hatype;
	i->mac_len = link->sll_halen < sizeof(link->sll_addr) ? link->sll_halen : sizeof(link->sll_addr);
	memcpy(i->mac, link->sll_addr, i->mac_len);
#elif defined(AF_LINK)
	const struct sockaddr_dl *link = (const struct sockaddr_dl *)(const void *)sa;

	if (sa->sa_family != AF_LINK)
		return;
	i->hardware = link->sdl_type;
	i->mac_len = link->sdl_alen < sizeof(i->mac) ? link->sdl_alen : sizeof(i->mac);
	memcpy(i->mac, LLADDR(link), i->mac_len);
#else
	(void)i;
	(void)sa;
#endif
}

/* One entry: an address, or the hardware, of the interface with that name. Labels such as "eth0:1"
 * belong to the interface before the colon. */
static int take_entry(struct ifaces *s, const struct ifaddrs *from, int fd)
{
	char name[IFACES_NAMEMAX];
	struct iface *i;
	unsigned index;

	if (!from->ifa_addr)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(from->ifa_name, ":"), from->ifa_name);
	i = ifaces_named(s, name);
	if (!i) {
		index = if_nametoindex(name);
		i = index ? ifaces_add(s, index) : NULL;
		if (!i)
			return index ? -1 : 0;
		memcpy(i->name, name, sizeof(name));
		iface_ioctl_facts(i, fd);
		i->flags = iface_flags_of(from->ifa_flags);
	}
	if (from->ifa_addr->sa_family == AF_INET || from->ifa_addr->sa_family == AF_INET6)
		return take_address(i, from);
	take_hardware(i, from->ifa_addr);
	return 0;
}

int ifaces_read_portable(struct ifaces *s, struct error *e)
{
	struct ifaddrs *list = NULL;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = -1;

	if (getifaddrs(&list)) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "cannot list the interfaces: %s", strerror(errno));
		goto out;
	}
	s->missing = IFACES_NO_KIND | IFACES_NO_SCOPE4 | IFACES_NO_FLAGS6;
	rc = 0;
	for (const struct ifaddrs *from = list; from && rc == 0; from = from->ifa_next)
		rc = take_entry(s, from, fd);
	if (rc)
		error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	freeifaddrs(list);
out:
	if (fd >= 0)
		close(fd);
	return rc;
}
