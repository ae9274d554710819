#include "udp_solicit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define SOCKETS 16 /* the oldest one goes when another is needed */
#define DATAGRAM_ROOM 2048
#define SHARE 16

struct udp_solicit {
	ev_io sockets[SOCKETS];
	bool used[SOCKETS];
	size_t next;
};

static void drop(struct udp_loop *l, size_t i)
{
	struct udp_solicit *s = l->solicit;

	if (!s->used[i])
		return;
	ev_io_stop(l->loop, &s->sockets[i]);
	close(s->sockets[i].fd);
	s->used[i] = false;
}

static void on_answer(struct ev_loop *loop, ev_io *w, int events)
{
	struct udp_loop *l = w->data;
	uint8_t bytes[DATAGRAM_ROOM];

	(void)loop;
	(void)events;
	udp_loop_clock(l);
	for (int i = 0; i < SHARE; i++) {
		struct sockaddr_storage sa = {0};
		struct iovec iov = {bytes, sizeof bytes};
		struct msghdr m = {.msg_name = &sa, .msg_namelen = sizeof sa, .msg_iov = &iov, .msg_iovlen = 1};
		ssize_t got = recvmsg(w->fd, &m, MSG_DONTWAIT);
		struct udp_address from;

		if (got <= 0)
			break;
		if (udp_address_from(&from, (struct sockaddr *)&sa) && l->socket.hooks.ready(l))
			l->socket.hooks.received(l, &from, bytes, (size_t)got);
	}
	udp_loop_step(l);
}

void udp_solicit_send(struct udp_loop *l, struct peer *p)
{
	uint8_t datagram[UDP_KEY_SIZE + 1];
	struct sockaddr_storage to;
	struct iovec iov = {datagram, 0};
	struct msghdr m = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1};
	uint16_t port = 0;
	struct udp_solicit *s = l->solicit;
	size_t i;
	int fd;

	if (!s)
		s = l->solicit = calloc(1, sizeof *s);
	fd = s ? udp_socket_beside(&l->socket, &port) : -1;
	if (fd < 0)
		return; /* it is tried again */
	i = s->next++ % SOCKETS;
	drop(l, i);
	ev_io_init(&s->sockets[i], on_answer, fd, EV_READ);
	s->sockets[i].data = l;
	s->used[i] = true;
	ev_io_start(l->loop, &s->sockets[i]);
	iov.iov_len = udp_solicitation(l->engine, p, port, datagram);
	m.msg_namelen = udp_address_to(&to, &p->at, l->socket.family);
	if (iov.iov_len > 0 && sendmsg(fd, &m, MSG_DONTWAIT) < 0)
		log_info(2, "a question for a key was not sent: %s", strerror(errno));
}

void udp_solicit_close(struct udp_loop *l)
{
	for (size_t i = 0; l->solicit && i < SOCKETS; i++)
		drop(l, i);
	free(l->solicit);
	l->solicit = NULL;
}
