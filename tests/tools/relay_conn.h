/*
 * relay_conn: one relayed connection, two flows and how they end.
 */
#ifndef RELAY_CONN_H
#define RELAY_CONN_H

#include <poll.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include <time.h>

#include "relay_flow.h"

#define SECOND 1000000000u

struct conn {
	int client, server;
	bool client_left, server_left; /* their FIN or reset was seen, maybe without reading it */
	bool reset;		       /* to be closed by a reset */
	struct handshake_shape shape;
	struct flow c2s, s2c;
	uint64_t silent_until; /* 0 = not silent */
};

static uint64_t conn_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static void conn_flow_init(struct conn *c, struct flow *f, bool s2c)
{
	f->from = s2c ? c->server : c->client;
	f->to = s2c ? c->client : c->server;
	f->s2c = s2c;
	f->shape = &c->shape;
	f->units.initiator = !s2c;
}

/* ${count} faults act in this connection. */
static struct conn *conn_new(int client, int server, struct fault *faults, unsigned count)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->client = client;
	c->server = server;
	conn_flow_init(c, &c->c2s, false);
	conn_flow_init(c, &c->s2c, true);
	for (unsigned i = 0; i < count; i++) {
		struct flow *f = faults[i].s2c ? &c->s2c : &c->c2s;

		f->faults[f->fault_count++].fault = &faults[i];
	}
	flow_step(&c->c2s);
	flow_step(&c->s2c);
	return c;
}

static bool conn_done(const struct conn *c)
{
	return c->c2s.state == FLOW_DONE && c->s2c.state == FLOW_DONE;
}

/* Before a reset: let the receiver's kernel take what was written, for at most 0.2 s. */
static void conn_flush(int fd)
{
	struct timespec ms = {0, 1000000};
	int left = 0;

	for (int i = 0; i < 200 && ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0; i++)
		nanosleep(&ms, NULL);
}

static void conn_close_fd(int fd, bool reset)
{
	struct linger hard = {1, 0};

	if (reset) {
		conn_flush(fd);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	}
	close(fd);
}

static void conn_free(struct conn *c)
{
	conn_close_fd(c->client, c->reset);
	conn_close_fd(c->server, c->reset);
	free(c);
}

static void conn_end_all(struct conn *c, enum flow_state state)
{
	c->c2s.state = c->s2c.state = state;
}

static void conn_silence(struct conn *c, uint64_t hold)
{
	c->silent_until = conn_now() + hold;
}

/* Carry out what waits in ${f}->pending; its output is written. */
static void conn_act(struct conn *c, struct flow *f, uint64_t hold)
{
	struct armed *a = f->pending;

	f->pending = NULL;
	flow_happened(f, a);
	switch (a->fault->kind) {
	case FAULT_CUT_FIN:
		shutdown(c->client, SHUT_WR);
		shutdown(c->server, SHUT_WR);
		conn_end_all(c, FLOW_DISCARD);
		break;
	case FAULT_CUT_RST:
		c->reset = true;
		conn_end_all(c, FLOW_DONE);
		break;
	case FAULT_HALF_FIN:
		shutdown(f->to, SHUT_WR);
		f->state = FLOW_DISCARD;
		break;
	case FAULT_SILENCE:
		conn_end_all(c, FLOW_SILENT);
		conn_silence(c, hold);
		break;
	case FAULT_SILENCE_ONE:
		f->state = FLOW_SILENT;
		conn_silence(c, hold);
		break;
	default: /* FAULT_STALL */
		f->not_before = conn_now() + a->fault->arg * 1000000u;
	}
}

/* What follows from a flow's state without any further event. True if something changed. */
static bool conn_settle(struct conn *c, struct flow *f, uint64_t hold, uint64_t now)
{
	if (f->state == FLOW_RUN && now >= f->not_before) {
		flow_step(f);
		if (f->out_at < f->out_len)
			return false;
		if (f->pending) {
			conn_act(c, f, hold);
			return true;
		}
		if (f->eof && f->in_at == f->in_len) {
			shutdown(f->to, SHUT_WR);
			f->state = FLOW_DONE;
			return true;
		}
	}
	/* Silence lasts although a side leaves: a dead link does not carry its FIN either. */
	if ((f->state == FLOW_DISCARD && f->eof) ||
	    (f->state == FLOW_SILENT && now >= c->silent_until)) {
		f->state = FLOW_DONE;
		return true;
	}
	return false;
}

static void conn_settle_all(struct conn *c, uint64_t hold, uint64_t now)
{
	while (conn_settle(c, &c->c2s, hold, now) || conn_settle(c, &c->s2c, hold, now))
		;
}

/* Which events to wait for on the two sockets; an fd of -1 is skipped by poll(). */
static void conn_poll(const struct conn *c, struct pollfd pfd[2], uint64_t now)
{
	const struct flow *up = &c->c2s, *down = &c->s2c;

	pfd[0] = (struct pollfd){c->client, POLLRDHUP, 0};
	pfd[1] = (struct pollfd){c->server, POLLRDHUP, 0};
	for (int i = 0; i < 2; i++) {
		const struct flow *reads = i == 0 ? up : down, *writes = i == 0 ? down : up;

		if (flow_wants_read(reads) && now >= reads->not_before)
			pfd[i].events |= POLLIN;
		if (flow_wants_write(writes) && now >= writes->not_before)
			pfd[i].events |= POLLOUT;
		if (i == 0 ? c->client_left : c->server_left)
			pfd[i].events = (short)(pfd[i].events & ~POLLRDHUP);
		if (pfd[i].events == 0)
			pfd[i].fd = -1;
	}
}

/* The next time at which something is due without any event, or ${due} if that is sooner. */
static uint64_t conn_due(const struct conn *c, uint64_t due, uint64_t now)
{
	const struct flow *flows[] = {&c->c2s, &c->s2c};

	for (int i = 0; i < 2; i++) {
		const struct flow *f = flows[i];

		if (f->state == FLOW_RUN && f->not_before > now && f->not_before < due)
			due = f->not_before;
		if (f->state == FLOW_SILENT && c->silent_until < due)
			due = c->silent_until;
	}
	return due;
}

static bool conn_serve_flow(struct conn *c, struct flow *f, const struct shape *shape,
    bool readable, bool writable, uint64_t now)
{
	int r = 0, w = 0;

	if (writable && flow_wants_write(f) && now >= f->not_before)
		w = flow_write(f, shape, now);
	if (w < 0) { /* the receiver is gone: its own direction will tell how it ends */
		c->reset = true;
		f->out_at = f->out_len = 0;
		f->state = FLOW_DONE;
		return true;
	}
	if (readable && flow_wants_read(f) && now >= f->not_before)
		r = flow_read(f);
	if (r < 0) {
		c->reset = true;
		conn_end_all(c, FLOW_DONE);
	}
	return r != 0 || w > 0;
}

/* Answer poll()'s events. True if any byte moved. */
static bool conn_serve(struct conn *c, const struct pollfd pfd[2], const struct shape *shape,
    uint64_t now)
{
	const short in = POLLIN | POLLHUP | POLLERR | POLLRDHUP, out = POLLOUT | POLLERR | POLLHUP;
	bool moved;

	if (pfd[0].fd >= 0 && (pfd[0].revents & (POLLRDHUP | POLLHUP | POLLERR)))
		c->client_left = true;
	if (pfd[1].fd >= 0 && (pfd[1].revents & (POLLRDHUP | POLLHUP | POLLERR)))
		c->server_left = true;
	moved = conn_serve_flow(c, &c->c2s, shape, pfd[0].revents & in, pfd[1].revents & out, now);
	if (conn_serve_flow(c, &c->s2c, shape, pfd[1].revents & in, pfd[0].revents & out, now))
		moved = true;
	return moved;
}

#endif
