#include "udp_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resolve.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define BUFFER_WISH (8 * 1024 * 1024)
#define IN_BATCH 16
#define IN_SIZE 65536
#define CONTROL_SIZE 128
#define ERRORS_MOST 64

struct arrival {
	struct sockaddr_storage from;
	struct iovec iov;
	_Alignas(struct cmsghdr) char control[CONTROL_SIZE];
};

struct udp_socket_arrivals {
	struct arrival a[IN_BATCH];
	struct mmsghdr m[IN_BATCH];
	size_t got, next, at; /* ${at} bytes of the next one have been handed over */
};

/* ---- opening ---- */

static void set(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof value);
}

/* More room than usual, whatever the system lets us have. */
static void enlarge(int fd)
{
	int wish = BUFFER_WISH;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wish, sizeof wish) < 0)
		return;
#ifdef SO_RCVBUFFORCE
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wish, sizeof wish);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wish, sizeof wish);
#endif
	set(fd, SOL_SOCKET, SO_SNDBUF, wish);
}

static int make(int family, struct udp_socket *s)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), got = 0;
	socklen_t len = sizeof got;

	if (fd < 0)
		return -1;
	enlarge(fd);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got > 0)
		s->buffer = (uint64_t)got;
	/* Packets are not cut up on their way, and the kernel's own idea of the path's MTU does not stop probes. */
#ifdef IP_PMTUDISC_PROBE
	set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	if (family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
#endif
#ifdef __linux__
	set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	s->gso = true;
#endif
	return fd;
}

static int bind_to(struct udp_socket *s, const struct sockaddr *sa, socklen_t len, bool only_v6)
{
	int fd = make(sa->sa_family, s), saved;

	if (fd < 0)
		return -1;
	if (sa->sa_family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, only_v6);
	if (bind(fd, sa, len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int try_bind(struct udp_socket *s, const struct address *at, const struct socket_options *o, struct error *e)
{
	struct addrinfo *list = resolve(at->any_host ? NULL : at->host, at->port, o, -1, e);
	int fd = -1, saved = EADDRNOTAVAIL;

	if (!list)
		return -1;
	/* Without a host one IPv6 socket serves both families. */
	for (int round = 0; round < 2 && fd < 0; round++)
		for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
			if (a->ai_family != (round == 0 ? AF_INET6 : AF_INET))
				continue;
			fd = bind_to(s, a->ai_addr, a->ai_addrlen, o->family == AF_INET6 || !at->any_host);
			if (fd >= 0)
				s->family = a->ai_family;
			else
				saved = errno;
		}
	freeaddrinfo(list);
	if (fd < 0)
		return error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot bind UDP port %u: %s%s", at->port, strerror(saved),
		    saved == EADDRINUSE ? " (-l 0 takes any free one)" : "");
	return fd;
}

static void remember_name(struct udp_socket *s)
{
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof own;
	struct udp_address a;

	if (getsockname(s->fd, (struct sockaddr *)&own, &len) < 0)
		return;
	address_numeric((struct sockaddr *)&own, len, s->host, &s->port);
	if (udp_address_from(&a, (struct sockaddr *)&own))
		s->port = a.port;
}

int udp_socket_open(struct udp_socket *s, const struct address *at, const struct socket_options *o, struct error *e)
{
	s->fd = try_bind(s, at, o, e);
	if (s->fd < 0)
		return -1;
	remember_name(s);
	s->in = malloc((size_t)IN_BATCH * IN_SIZE);
	s->out = malloc(UDP_SOCKET_OUT);
	s->entries = calloc(UDP_SOCKET_BATCH, sizeof *s->entries);
	s->arrivals = calloc(1, sizeof *s->arrivals);
	if (s->arrivals && s->in && s->out && s->entries)
		return 0;
	udp_socket_close(s);
	return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for datagrams");
}

void udp_socket_join(struct udp_socket *s)
{
#ifdef __linux__
	set(s->fd, IPPROTO_UDP, UDP_GRO, 1);
#endif
}

int udp_socket_move(struct udp_socket *s, uint16_t port, struct error *e)
{
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof own;
	int fd;

	if (getsockname(s->fd, (struct sockaddr *)&own, &len) < 0)
		return error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot tell the own address: %s", strerror(errno));
	if (own.ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&own)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)(void *)&own)->sin_port = htons(port);
	fd = bind_to(s, (struct sockaddr *)&own, len, false);
	if (fd < 0)
		return error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot bind UDP port %u: %s", port, strerror(errno));
	close(s->fd);
	s->fd = fd;
	s->split = false;
	udp_socket_join(s);
	remember_name(s);
	return 0;
}

int udp_socket_beside(const struct udp_socket *s, uint16_t *port)
{
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof own;
	struct udp_address a;
	int off = 0, fd;

	if (getsockname(s->fd, (struct sockaddr *)&own, &len) < 0)
		return -1;
	if (own.ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&own)->sin6_port = 0;
	else
		((struct sockaddr_in *)(void *)&own)->sin_port = 0;
	fd = socket(own.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (own.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, (struct sockaddr *)&own, len) == 0 && getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
	    udp_address_from(&a, (struct sockaddr *)&own)) {
		*port = a.port;
		return fd;
	}
	close(fd);
	return -1;
}

void udp_socket_close(struct udp_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->in);
	free(s->out);
	free(s->entries);
	free(s->arrivals);
	s->arrivals = NULL;
	s->in = s->out = NULL;
	s->entries = NULL;
}

/* ---- receiving ---- */

/* The size of the pieces that the kernel put together, 0: it is one datagram. */
static size_t piece_size(struct udp_socket *s, struct msghdr *h)
{
	size_t size = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			int n;

			memcpy(&n, CMSG_DATA(c), sizeof n);
			size = n > 0 ? (size_t)n : 0;
		}
#ifdef SO_RXQ_OVFL
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			uint32_t n;

			memcpy(&n, CMSG_DATA(c), sizeof n);
			s->overrun += n - s->overrun_last;
			s->overrun_last = n;
		}
#endif
	}
	return size;
}

/* Hand over what was taken from the kernel, as far as it is wanted. False if some is left. */
static bool hand_over(struct udp_socket *s, size_t *count)
{
	struct udp_socket_arrivals *in = s->arrivals;

	for (; in->next < in->got; in->next++, in->at = 0) {
		struct mmsghdr *m = &in->m[in->next];
		struct arrival *a = &in->a[in->next];
		size_t size = piece_size(s, &m->msg_hdr);
		struct udp_address from;

		if (!udp_address_from(&from, (struct sockaddr *)&a->from))
			continue;
		do {
			size_t left = m->msg_len - in->at, n = size > 0 && size < left ? size : left;

			if (!s->hooks.ready(s->hooks.owner))
				return false;
			s->hooks.received(s->hooks.owner, &from, (uint8_t *)a->iov.iov_base + in->at, n);
			in->at += n;
			(*count)++;
		} while (in->at < m->msg_len);
	}
	return true;
}

/* False if there is nothing. */
static bool take(struct udp_socket *s)
{
	struct udp_socket_arrivals *in = s->arrivals;
	int got;

	memset(in->m, 0, sizeof in->m);
	for (size_t i = 0; i < IN_BATCH; i++) {
		struct arrival *a = &in->a[i];

		a->iov = (struct iovec){s->in + i * IN_SIZE, IN_SIZE};
		in->m[i].msg_hdr = (struct msghdr){.msg_name = &a->from, .msg_namelen = sizeof a->from, .msg_iov = &a->iov,
		    .msg_iovlen = 1, .msg_control = a->control, .msg_controllen = sizeof a->control};
	}
	/* Errors of earlier datagrams show here, once each. */
	for (int tries = 0; tries < ERRORS_MOST; tries++) {
		got = recvmmsg(s->fd, in->m, IN_BATCH, MSG_DONTWAIT, NULL);
		if (got >= 0 || errno == EAGAIN || errno == EWOULDBLOCK)
			break;
	}
	in->got = got > 0 ? (size_t)got : 0;
	in->next = in->at = 0;
	return got > 0;
}

bool udp_socket_receive(struct udp_socket *s, size_t most)
{
	size_t count = 0;

	while (count < most) {
		bool full = s->arrivals->got == IN_BATCH;

		if (!hand_over(s, &count))
			return false;
		/* Fewer than asked for: there was no more. */
		if ((count > 0 && !full) || !take(s))
			break;
	}
	return s->arrivals->next == s->arrivals->got || hand_over(s, &count);
}
