/*
 * tunhop: a router between two network namespaces, made of a tun device in each, with faults to choose.
 *
 *   tunhop --a NETNS --b NETNS [--four ADDRESS] [--six ADDRESS] [options]
 *
 * NETNS is a file such as /proc/PID/ns/net; the devices are "hopa" there and "hopb" here. It decrements the
 * hops, fragments IPv4 packets that allow it, and tells senders what is wrong, with the given addresses.
 *
 *   --ab N, --ba N     largest packet from a to b, from b to a (default 65535)
 *   --silent           drop what is too large without a word, also what could be fragmented
 *   --mute             tell nothing at all, neither about hops
 *   --no-mtu           say "too big", but not what would fit
 *   --lose N           drop every Nth packet
 *   --refuse           tell of every packet from a that its destination is unreachable
 *   --ready-fd FD      a line is written there when the devices are up
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tunhop_packet.h"

struct hop {
	int fds[2];
	size_t most[2]; /* from side 0, from side 1 */
	bool silent, mute, no_mtu, refuse;
	unsigned lose, passed;
	struct own own;
};

static int fail(const char *what)
{
	fprintf(stderr, "tunhop: %s: %s\n", what, strerror(errno));
	return -1;
}

/* The device is up at once, so that routes can be set. */
static int open_tun(const char *netns, const char *name)
{
	struct ifreq r;
	int ns = open(netns, O_RDONLY | O_CLOEXEC), fd, s;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		return fail(netns);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail("/dev/net/tun");
	memset(&r, 0, sizeof(r));
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (ioctl(fd, TUNSETIFF, &r))
		return fail("TUNSETIFF");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &r))
		return fail("SIOCSIFFLAGS");
	close(s);
	return fd;
}

static void put(int fd, const uint8_t *p, size_t n)
{
	if (n > 0 && write(fd, p, n) < 0 && errno != EIO && errno != EINVAL)
		fail("write");
}

static void out(void *ctx, const uint8_t *p, size_t n)
{
	put(*(int *)ctx, p, n);
}

static void too_big(struct hop *h, int from, const uint8_t *p, size_t n)
{
	static uint8_t e[PACKET_ROOM];

	if (h->silent || h->mute)
		return;
	if (packet_may_split(p, n))
		packet_split(p, n, h->most[from], out, &h->fds[!from]);
	else
		put(h->fds[from], e, packet_too_big(e, p, n, h->no_mtu ? 0 : h->most[from], &h->own));
}

/* Type and code of "host unreachable", "address unreachable", in an error that is made as the others are. */
static void refuse(struct hop *h, int from, const uint8_t *p, size_t n)
{
	static uint8_t e[PACKET_ROOM];
	size_t len = packet_expired(e, p, n, &h->own);
	bool four = p[0] >> 4 == 4;
	uint8_t *icmp = e + (four ? 20 : 40);
	uint32_t sum;

	if (len == 0)
		return;
	/* The checksum is a sum: what the two bytes change is taken off it. */
	sum = (uint32_t)(uint16_t)~(icmp[2] << 8 | icmp[3]);
	sum += 0xffffU - (uint32_t)(icmp[0] << 8 | icmp[1]);
	icmp[0] = four ? 3 : 1;
	icmp[1] = four ? 1 : 3;
	sum += (uint32_t)(icmp[0] << 8 | icmp[1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	icmp[2] = (uint8_t)(~sum >> 8);
	icmp[3] = (uint8_t)~sum;
	put(h->fds[from], e, len);
}

static void pass(struct hop *h, int from)
{
	static uint8_t p[PACKET_ROOM], e[PACKET_ROOM];
	ssize_t got = read(h->fds[from], p, sizeof(p));
	size_t n = got > 0 ? (size_t)got : 0;

	if (n < 20 || (p[0] >> 4 == 6 && (n < 40 || p[8] == 0xfe || p[24] == 0xff)))
		return; /* nothing, or of the link itself */
	if (h->lose && ++h->passed % h->lose == 0)
		return;
	if (h->refuse && from == 0)
		refuse(h, from, p, n);
	else if (!packet_hop(p, n))
		put(h->fds[from], e, h->mute ? 0 : packet_expired(e, p, n, &h->own));
	else if (n > h->most[from])
		too_big(h, from, p, n);
	else
		put(h->fds[!from], p, n);
}

static int run(struct hop *h)
{
	struct pollfd fds[2] = {{.fd = h->fds[0], .events = POLLIN}, {.fd = h->fds[1], .events = POLLIN}};

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return fail("poll");
		for (int i = 0; i < 2; i++) {
			if (fds[i].revents & POLLIN)
				pass(h, i);
			else if (fds[i].revents)
				return 0; /* its namespace is gone */
		}
	}
}

static void take(struct hop *h, const char *sides[2], int *ready, int option)
{
	switch (option) {
	case 'a':
	case 'b':
		sides[option == 'b'] = optarg;
		break;
	case '4':
		inet_pton(AF_INET, optarg, &h->own.four);
		break;
	case '6':
		inet_pton(AF_INET6, optarg, &h->own.six);
		break;
	case 'A':
	case 'B':
		h->most[option == 'B'] = strtoul(optarg, NULL, 10);
		break;
	case 's':
		h->silent = true;
		break;
	case 'm':
		h->mute = true;
		break;
	case 'n':
		h->no_mtu = true;
		break;
	case 'l':
		h->lose = (unsigned)strtoul(optarg, NULL, 10);
		break;
	case 'r':
		h->refuse = true;
		break;
	case 'R':
		*ready = atoi(optarg);
		break;
	default:
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"a", 1, NULL, 'a'}, {"b", 1, NULL, 'b'}, {"four", 1, NULL, '4'}, {"six", 1, NULL, '6'}, {"ab", 1, NULL, 'A'},
	    {"ba", 1, NULL, 'B'}, {"silent", 0, NULL, 's'}, {"mute", 0, NULL, 'm'}, {"no-mtu", 0, NULL, 'n'},
	    {"lose", 1, NULL, 'l'}, {"refuse", 0, NULL, 'r'}, {"ready-fd", 1, NULL, 'R'}, {NULL, 0, NULL, 0}};
	struct hop h = {.most = {65535, 65535}};
	const char *sides[2] = {NULL, NULL};
	int option, ready = -1;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		take(&h, sides, &ready, option);
	if (!sides[0] || !sides[1]) {
		fprintf(stderr, "tunhop: --a and --b are needed\n");
		return 2;
	}
	h.fds[0] = open_tun(sides[0], "hopa");
	h.fds[1] = h.fds[0] < 0 ? -1 : open_tun(sides[1], "hopb");
	if (h.fds[1] < 0)
		return 1;
	if (ready >= 0 && write(ready, "ready\n", 6) != 6)
		return 1;
	return run(&h) ? 1 : 0;
}
