#include "pathmtu_ways.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "proto/bigendian.h"

#ifdef __linux__
#include <linux/errqueue.h>
/* <linux/icmp.h>, which has these, and <netinet/ip_icmp.h> exclude each other. */
#define RAW_ICMP_FILTER 1
struct raw_icmp_filter {
	uint32_t data;
};
#endif

#define PACKET_MAX 65535
#define MAGIC 8 /* bytes: the probe's id and the secret */

size_t path_ip_header(int family)
{
	return family == AF_INET ? 20 : 40;
}

bool path_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
}

static uint32_t magic_id(const struct path_socket *s, const uint8_t *bytes, size_t n)
{
	return n >= MAGIC && be_get32(bytes + 4) == s->secret ? be_get32(bytes) : 0;
}

static void magic_put(const struct path_socket *s, const struct path_probe *p, uint8_t *at)
{
	be_put32(at, p->id);
	be_put32(at + 4, s->secret);
}

/* ---- UDP ---- */

static int udp_open(struct path_socket *s, const struct sockaddr_storage *to)
{
	(void)s;
	return socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void udp_fill(struct path_socket *s, const struct path_probe *p, uint8_t *packet, size_t n)
{
	(void)n;
	magic_put(s, p, packet);
}

/* Whatever the host says: it need not repeat what it got. */
static uint32_t udp_reply(struct path_socket *s, uint8_t *bytes, size_t n, struct path_news *news)
{
	(void)s;
	(void)bytes;
	(void)n;
	news->what = PATH_ARRIVED;
	return 0;
}

const struct path_way path_by_udp = {
    .name = "udp", .open = udp_open, .fill = udp_fill, .header = 8, .least = MAGIC, .reply = udp_reply,
    .quoted = magic_id};

/* ---- ICMP echo ---- */

static void echo_filter(int fd, int family)
{
#ifdef __linux__
	struct raw_icmp_filter four = {.data = ~(1U << ICMP_ECHOREPLY)};
	struct icmp6_filter six;

	if (family == AF_INET) {
		setsockopt(fd, SOL_RAW, RAW_ICMP_FILTER, &four, sizeof(four));
		return;
	}
	ICMP6_FILTER_SETBLOCKALL(&six);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &six);
	setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &six, sizeof(six));
#else
	(void)fd;
	(void)family;
#endif
}

static int echo_open(struct path_socket *s, const struct sockaddr_storage *to)
{
	int protocol = to->ss_family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int fd = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd >= 0)
		return fd;
	fd = socket(to->ss_family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -1;
	s->raw = true;
	echo_filter(fd, to->ss_family);
	return fd;
}

static uint16_t checksum(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += be_get16(bytes + i);
	if (n % 2)
		sum += (uint32_t)bytes[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Type, code, checksum, identifier, sequence number; then ours. A ping socket puts in its own
 * identifier and checksum, a raw one of IPv6 the checksum. */
static void echo_fill(struct path_socket *s, const struct path_probe *p, uint8_t *packet, size_t n)
{
	packet[0] = s->family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	be_put16(packet + 4, s->ident);
	be_put16(packet + 6, (uint16_t)p->id);
	magic_put(s, p, packet + 8);
	if (s->family == AF_INET && s->raw)
		be_put16(packet + 2, checksum(packet, n));
}

static uint32_t echo_reply(struct path_socket *s, uint8_t *bytes, size_t n, struct path_news *news)
{
	uint32_t id;

	if (s->raw && s->family == AF_INET) { /* with the IP header */
		size_t skip = n > 0 ? (size_t)(bytes[0] & 15) * 4 : 0;

		if (skip < 20 || n < skip)
			return 0;
		bytes += skip;
		n -= skip;
	}
	if (n < 8 || bytes[0] != (s->family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY))
		return 0;
	id = magic_id(s, bytes + 8, n - 8);
	if (id != 0)
		news->what = PATH_ARRIVED;
	return id;
}

/* Routers may quote no more than eight bytes: then the sequence number has to do. */
static uint32_t echo_quoted(const struct path_socket *s, const uint8_t *bytes, size_t n)
{
	if (n >= 8 + MAGIC)
		return magic_id(s, bytes + 8, n - 8);
	return n >= 8 && (!s->raw || be_get16(bytes + 4) == s->ident) ? be_get16(bytes + 6) : 0;
}

const struct path_way path_by_echo = {
    .name = "echo", .open = echo_open, .fill = echo_fill, .header = 0, .least = 8 + MAGIC, .reply = echo_reply,
    .quoted = echo_quoted};

/* ---- sockets ---- */

static void set(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

int path_open(struct path_socket *s, const struct path_way *way, struct pathmtu *p)
{
	const struct sockaddr_storage *to = &p->to;
	socklen_t len = to->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	struct sockaddr_storage at = *to;
	int why;

	memset(s, 0, sizeof(*s));
	s->way = way;
	s->p = p;
	s->family = to->ss_family;
	s->to = *to;
	secret_rng.fill(secret_rng.ctx, (uint8_t *)&s->secret, sizeof(s->secret));
	secret_rng.fill(secret_rng.ctx, (uint8_t *)&s->ident, sizeof(s->ident));
	s->fd = way->open(s, to);
	if (s->fd < 0)
		return -1;
#ifdef __linux__
	if (s->family == AF_INET) {
		set(s->fd, IPPROTO_IP, IP_RECVERR, 1);
		set(s->fd, IPPROTO_IP, IP_RECVFRAGSIZE, 1);
	} else {
		set(s->fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
		set(s->fd, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1);
	}
#endif
	set(s->fd, SOL_SOCKET, SO_SNDBUF, 4 * PACKET_MAX);
	set(s->fd, SOL_SOCKET, SO_RCVBUF, 4 * PACKET_MAX);
	if (way->header == 0 && s->family == AF_INET)
		((struct sockaddr_in *)&at)->sin_port = 0;
	else if (way->header == 0)
		((struct sockaddr_in6 *)&at)->sin6_port = 0;
	if (connect(s->fd, (struct sockaddr *)&at, len) == 0)
		return 0;
	why = errno;
	path_close(s);
	errno = why;
	return -1;
}

void path_close(struct path_socket *s)
{
	if (s->fd >= 0 && s->way->close)
		s->way->close(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* "Don't fragment" without regard to what the kernel believes about the path. */
static void set_fragmenting(const struct path_socket *s, const struct path_probe *p)
{
#ifdef __linux__
	if (s->family == AF_INET) {
		set(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, p->fragment ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE);
		return;
	}
	set(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, p->fragment ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE);
	set(s->fd, IPPROTO_IPV6, IPV6_DONTFRAG, !p->fragment);
	set(s->fd, IPPROTO_IPV6, IPV6_MTU, p->fragment && p->pieces >= 1280 ? (int)p->pieces : 0); /* 0 = as usual */
#elif defined(IP_DONTFRAG)
	if (s->family == AF_INET)
		set(s->fd, IPPROTO_IP, IP_DONTFRAG, !p->fragment);
	else
		set(s->fd, IPPROTO_IPV6, IPV6_DONTFRAG, !p->fragment);
#else
	(void)s;
	(void)p;
#endif
}

static void set_hops(const struct path_socket *s, int hops)
{
	if (s->family == AF_INET)
		set(s->fd, IPPROTO_IP, IP_TTL, hops > 0 ? hops : 64);
	else
		set(s->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops > 0 ? hops : -1);
}

int path_send(struct path_socket *s, const struct path_probe *p)
{
	static uint8_t packet[PACKET_MAX];
	size_t head = path_ip_header(s->family) + s->way->header;
	size_t n = p->size > head + s->way->least ? p->size - head : s->way->least;

	if (n > sizeof(packet))
		n = sizeof(packet);
	memset(packet, 0, n);
	s->way->fill(s, p, packet, n);
	return path_put(s, p, packet, n);
}

int path_put(struct path_socket *s, const struct path_probe *p, const uint8_t *bytes, size_t n)
{
	set_fragmenting(s, p);
	set_hops(s, p->hops);
	/* A connected socket first hands out the error of an earlier packet. */
	for (int i = 0; i < 3; i++) {
		if (send(s->fd, bytes, n, 0) >= 0) {
			s->p->packets++;
			return 0;
		}
		if (errno == EMSGSIZE || errno == ENOBUFS || errno == EAGAIN)
			break;
	}
	return errno;
}

/* ---- what comes back ---- */

#ifdef __linux__

static bool from_host(const struct path_socket *s, const struct path_news *news)
{
	return path_same_host(&news->from, &s->to);
}

static void offender(struct path_news *news, const struct sock_extended_err *ee)
{
	const struct sockaddr *sa = SO_EE_OFFENDER(ee);

	if (sa->sa_family == AF_INET)
		memcpy(&news->from, sa, sizeof(struct sockaddr_in));
	else if (sa->sa_family == AF_INET6)
		memcpy(&news->from, sa, sizeof(struct sockaddr_in6));
}

/* What an error means. Any refusal that the host itself sent proves that the probe got there. */
static void judge(const struct path_socket *s, struct path_news *news, const struct sock_extended_err *ee)
{
	bool expired = ee->ee_origin == SO_EE_ORIGIN_ICMP
	    ? ee->ee_type == ICMP_TIME_EXCEEDED
	    : ee->ee_origin == SO_EE_ORIGIN_ICMP6 && ee->ee_type == ICMP6_TIME_EXCEEDED;

	news->why = (int)ee->ee_errno;
	if (ee->ee_origin != SO_EE_ORIGIN_LOCAL)
		offender(news, ee);
	if (ee->ee_errno == EMSGSIZE) {
		news->what = PATH_TOO_BIG;
		news->mtu = ee->ee_info;
	} else if (expired) {
		news->what = PATH_EXPIRED;
	} else if (ee->ee_origin != SO_EE_ORIGIN_LOCAL && (from_host(s, news) || ee->ee_errno == ECONNREFUSED)) {
		news->what = PATH_ARRIVED;
	} else {
		news->what = PATH_UNREACHABLE;
	}
}

static void look_at(const struct path_socket *s, struct path_news *news, const struct cmsghdr *c)
{
	bool four = s->family == AF_INET;
	int piece;

	if (c->cmsg_level != (four ? IPPROTO_IP : IPPROTO_IPV6))
		return;
	if (c->cmsg_type == (four ? IP_RECVERR : IPV6_RECVERR))
		judge(s, news, (const struct sock_extended_err *)(const void *)CMSG_DATA(c));
	if (c->cmsg_type == (four ? IP_RECVFRAGSIZE : IPV6_RECVFRAGSIZE)) {
		memcpy(&piece, CMSG_DATA(c), sizeof(piece));
		news->piece = piece > 0 ? (uint32_t)piece : 0;
	}
}

static ssize_t take(const struct path_socket *s, int flags, uint8_t *bytes, size_t room, struct path_news *news)
{
	_Alignas(struct cmsghdr) uint8_t control[512];
	struct iovec part = {bytes, room};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s->fd, &m, flags | MSG_DONTWAIT);

	memset(news, 0, sizeof(*news));
	if (n < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		look_at(s, news, c);
	return n;
}

bool path_receive(struct path_socket *s, struct path_news *news)
{
	static uint8_t bytes[PACKET_MAX];
	ssize_t n;

	if (s->fd < 0)
		return false;
	n = take(s, MSG_ERRQUEUE, bytes, sizeof(bytes), news);
	if (n >= 0) {
		news->id = s->way->quoted(s, bytes, (size_t)n);
		/* Others' errors reach a raw socket, too. */
		if ((s->raw || (s->vault && (size_t)n >= PATH_VAULT_QUOTE)) && news->id == 0)
			news->what = PATH_NOTHING;
		if (s->vault && news->why == ECONNREFUSED)
			news->what = PATH_CLOSED;
		return true;
	}
	n = take(s, 0, bytes, sizeof(bytes), news);
	if (n < 0) /* an error that is in its queue, too, is handed out here once more */
		return errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EMSGSIZE;
	news->id = s->way->reply(s, bytes, (size_t)n, news);
	return true;
}

#else

/* Without an error queue only replies tell anything. */
bool path_receive(struct path_socket *s, struct path_news *news)
{
	static uint8_t bytes[PACKET_MAX];
	ssize_t n = s->fd < 0 ? -1 : recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	memset(news, 0, sizeof(*news));
	if (n < 0 && s->fd >= 0 && errno == ECONNREFUSED) {
		news->what = s->vault ? PATH_CLOSED : PATH_ARRIVED;
		return true;
	}
	if (n < 0)
		return false;
	news->id = s->way->reply(s, bytes, (size_t)n, news);
	return true;
}

#endif
