/* ifaces without netlink: ioctls and /proc/net, for a Linux that denies it (a sandbox, a container). */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ifaces.h"

#ifdef __linux__

#define LINE_MAX_LEN 512

/* The bits of /proc/net/if_inet6, which are those of IFA_F_... */
enum { F6_TEMPORARY = 0x01, F6_DADFAILED = 0x08, F6_DEPRECATED = 0x20, F6_TENTATIVE = 0x40 };

static int proc_add(struct ifaces *s, const char *name, int fd)
{
	struct ifreq r;
	struct iface *i;

	memset(&r, 0, sizeof(r));
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ifaces_named(s, r.ifr_name) || ioctl(fd, SIOCGIFINDEX, &r))
		return 0; /* it went away meanwhile */
	i = ifaces_add(s, (unsigned)r.ifr_ifindex);
	if (!i)
		return -1;
	memcpy(i->name, r.ifr_name, sizeof(i->name));
	iface_ioctl_facts(i, fd);
	return 0;
}

/* /proc/net/dev: two lines of headings, then "  name: counters". A name has no colon. */
static int proc_names(struct ifaces *s, int fd)
{
	FILE *f = fopen("/proc/net/dev", "re");
	char line[LINE_MAX_LEN];
	int rc = 0, number = 0;

	if (!f) {
		s->missing |= IFACES_NO_HIDDEN;
		return 0;
	}
	while (rc == 0 && fgets(line, sizeof(line), f)) {
		char *name = line + strspn(line, " ");

		if (++number <= 2 || !strchr(name, ':'))
			continue;
		name[strcspn(name, ":")] = '\0';
		rc = proc_add(s, name, fd);
	}
	fclose(f);
	return rc;
}

static uint8_t mask_bits(uint32_t mask)
{
	uint8_t bits = 0;

	for (mask = ntohl(mask); mask & 0x80000000U; mask <<= 1)
		bits++;
	return bits;
}

static int proc_four(struct ifaces *s, const struct ifreq *r, int fd)
{
	struct iface_address a = {.family = AF_INET};
	struct ifreq ask = *r;
	char name[IFACES_NAMEMAX];
	struct iface *i;

	if (r->ifr_addr.sa_family != AF_INET)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(r->ifr_name, ":"), r->ifr_name);
	if (proc_add(s, name, fd))
		return -1;
	i = ifaces_named(s, name);
	if (!i)
		return 0;
	memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)&r->ifr_addr)->sin_addr, 4);
	/* With the address in the request the kernel knows which one of the label's is meant. */
	if (ioctl(fd, SIOCGIFNETMASK, &ask) == 0)
		a.prefix = mask_bits(((const struct sockaddr_in *)(const void *)&ask.ifr_netmask)->sin_addr.s_addr);
	ask = *r;
	if ((i->flags & IFACE_POINT_TO_POINT) && ioctl(fd, SIOCGIFDSTADDR, &ask) == 0) {
		memcpy(a.peer, &((const struct sockaddr_in *)(const void *)&ask.ifr_dstaddr)->sin_addr, 4);
		a.has_peer = memcmp(a.peer, a.bytes, 4) != 0;
		if (!a.has_peer)
			memset(a.peer, 0, sizeof(a.peer));
	}
	a.scope = iface_guess_scope(&a);
	return iface_add_address(i, &a);
}

static int proc_fours(struct ifaces *s, int fd)
{
	struct ifconf c = {.ifc_len = 0};
	int rc = -1, room;

	if (ioctl(fd, SIOCGIFCONF, &c))
		return -1;
	room = c.ifc_len + 16 * (int)sizeof(struct ifreq); /* for those that come meanwhile */
	c.ifc_len = room;
	c.ifc_buf = malloc((size_t)room);
	if (c.ifc_buf && ioctl(fd, SIOCGIFCONF, &c) == 0) {
		rc = 0;
		for (size_t n = 0; n < (size_t)c.ifc_len / sizeof(struct ifreq) && rc == 0; n++)
			rc = proc_four(s, &c.ifc_req[n], fd);
	}
	free(c.ifc_buf);
	return rc;
}

static unsigned proc_flags(unsigned f6)
{
	return (f6 & F6_TEMPORARY ? ADDRESS_TEMPORARY : 0U) | (f6 & F6_DEPRECATED ? ADDRESS_DEPRECATED : 0U) |
	    (f6 & F6_TENTATIVE ? ADDRESS_TENTATIVE : 0U) | (f6 & F6_DADFAILED ? ADDRESS_DUPLICATE : 0U);
}

static uint8_t proc_scope(unsigned scope)
{
	return scope == 0x10 ? SCOPE_HOST : scope == 0x20 ? SCOPE_LINK : scope == 0x40 ? SCOPE_SITE : SCOPE_GLOBAL;
}

/* The next hexadecimal number of the line, after ${*at}. */
static unsigned next_hex(const char **at)
{
	char *end;
	unsigned long n = strtoul(*at, &end, 16);

	*at = end;
	return (unsigned)n;
}

static uint8_t digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "fe80...(32 digits) index prefix scope flags name", all in hexadecimal. */
static int proc_six(struct ifaces *s, const char *line)
{
	struct iface_address a = {.family = AF_INET6};
	const char *at = line + 32;
	struct iface *i;
	unsigned index;

	if (strspn(line, "0123456789abcdef") != 32)
		return 0;
	for (size_t n = 0; n < 16; n++)
		a.bytes[n] = (uint8_t)(digit(line[2 * n]) << 4 | digit(line[2 * n + 1]));
	index = next_hex(&at);
	a.prefix = (uint8_t)next_hex(&at);
	a.scope = proc_scope(next_hex(&at));
	a.flags = proc_flags(next_hex(&at));
	i = ifaces_indexed(s, index);
	return i ? iface_add_address(i, &a) : 0;
}

static int proc_sixes(struct ifaces *s)
{
	FILE *f = fopen("/proc/net/if_inet6", "re");
	char line[LINE_MAX_LEN];
	int rc = 0;

	if (!f) {
		/* A kernel without IPv6 has no such file, and no such addresses. */
		if (errno != ENOENT || access("/proc/net/dev", R_OK))
			s->missing |= IFACES_NO_IPV6;
		return 0;
	}
	while (rc == 0 && fgets(line, sizeof(line), f))
		rc = proc_six(s, line);
	fclose(f);
	return rc;
}

int ifaces_read_proc(struct ifaces *s, struct error *e)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "cannot list the interfaces: %s", strerror(errno));
	s->missing = IFACES_NO_KIND | IFACES_NO_SCOPE4;
	rc = proc_names(s, fd);
	if (rc == 0)
		rc = proc_fours(s, fd);
	if (rc == 0)
		rc = proc_sixes(s);
	if (rc)
		error_set(e, ERROR_IO, BLAME_LOCAL, "cannot list the interfaces: %s", strerror(errno));
	close(fd);
	return rc;
}

#else

int ifaces_read_proc(struct ifaces *s, struct error *e)
{
	(void)s;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "cannot list the interfaces");
}

#endif
