#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bufpool.h"
#include "clock.h"
#include "conn_limit.h"
#include "crypto/secret.h"
#include "transport.h"
#include "workers.h"

/* A wake-up this late means that the process itself stood still (stopped, or the machine slept). */
#define STOOD_STILL_MS 2000
#define PACE_LEAST 65536 /* bytes a second */

/* ---- buffers: desk, in, out in one block ---- */

static uint8_t *in_of(void *block)
{
	return (uint8_t *)block + sizeof(struct session_desk);
}

static void *take_block(struct conn *c, size_t size)
{
	return bufpool_take(c->pool, sizeof(struct session_desk) + 2 * size);
}

static void give_block(struct conn *c)
{
	if (c->block)
		bufpool_give(c->pool, c->block, sizeof(struct session_desk) + 2 * c->buffer_size);
	c->block = NULL;
}

/* Of a crowd who all send, most wait for the rest of a record: they keep what they have of it, and nothing more. */
struct conn_begun {
	size_t len;
	uint8_t bytes[];
};

static void bring_back(struct conn *c)
{
	if (c->begun)
		session_bring_back(&c->session, c->begun->bytes, c->begun->len);
	free(c->begun);
	c->begun = NULL;
}

static bool put_away(struct conn *c)
{
	size_t len;

	if (!bufpool_crowded(c->pool, sizeof(struct session_desk) + 2 * c->buffer_size))
		return false;
	len = session_begun(&c->session);
	if (len == 0 || !(c->begun = malloc(sizeof *c->begun + len)))
		return false;
	c->begun->len = len;
	session_put_away(&c->session, c->begun->bytes);
	return true;
}

void conn_wake(struct conn *c)
{
	uint8_t *in;

	if (!session_resting(&c->session))
		return;
	c->buffer_size = CONN_WORKBUF;
	c->block = take_block(c, c->buffer_size);
	if (!c->block) {
		session_broken(&c->session, true, "out of memory");
		return;
	}
	in = in_of(c->block);
	session_wake(&c->session, c->block, in, c->buffer_size, in + c->buffer_size, c->buffer_size);
	bring_back(c);
}

static void rest(struct conn *c)
{
	if (c->thrifty && c->block && (session_rest(&c->session) || put_away(c)))
		give_block(c);
}

int conn_grow(struct conn *c, size_t size)
{
	void *fresh;

	conn_wake(c);
	if (c->buffer_size >= size)
		return 0;
	fresh = take_block(c, size);
	if (!fresh)
		return -1;
	if (session_buffers(&c->session, in_of(fresh), size, in_of(fresh) + size, size) < 0) {
		bufpool_give(c->pool, fresh, sizeof(struct session_desk) + 2 * size);
		return -1;
	}
	session_move_desk(&c->session, fresh);
	give_block(c);
	c->block = fresh;
	c->buffer_size = size;
	return 0;
}

int conn_own_squash(struct conn *c)
{
	if (!c->session.config->compress || c->squash)
		return 0;
	c->squash = malloc(2 * SQUASH_PLAIN);
	if (!c->squash)
		return -1;
	session_lend_squash(&c->session, c->squash, c->squash + SQUASH_PLAIN);
	return 0;
}

static void free_squash(struct conn *c)
{
	if (c->squash)
		secret_wipe(c->squash, 2 * SQUASH_PLAIN);
	free(c->squash);
	c->squash = NULL;
}

/* ---- the socket ---- */

void conn_flush(struct conn *c)
{
	const uint8_t *at;
	size_t len;

	while ((at = session_send_wire_buf(&c->session, &len)) != NULL) {
		ssize_t n;

		len = conn_allowed(c, true, len);
		if (len == 0)
			return;
		n = send(c->fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) {
			session_broken(&c->session, false, strerror(errno));
			return;
		}
		session_send_wire_ack(&c->session, (size_t)n);
		conn_passed(c, true, (size_t)n);
		if ((size_t)n < len)
			return;
	}
}

static void receive(struct conn *c)
{
	size_t len;
	uint8_t *at;
	ssize_t n;

	conn_wake(c);
	at = session_recv_wire_buf(&c->session, &len);
	if (at)
		len = conn_allowed(c, false, len);
	if (!at || len == 0)
		return;
	n = recv(c->fd, at, len, 0);
	if (n > 0) {
		conn_passed(c, false, (size_t)n);
		session_recv_wire_ack(&c->session, (size_t)n);
	}
	else if (n == 0)
		session_fin(&c->session);
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		session_broken(&c->session, true, strerror(errno));
}

/* What the kernel knows of a wire whose peer confirms nothing itself. */
static void look_at_transport(struct conn *c)
{
	int broken = 0;
	socklen_t len = sizeof broken;

	/* (recv() does not tell a reset that follows an end.) */
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &broken, &len) == 0 && broken != 0)
		session_broken(&c->session, false, strerror(broken));
	else
		session_unacked(&c->session, transport_unacked(c->fd));
}

/* On a raw wire the end of a process must not look like the end of the data. */
static void set_reset(struct conn *c, bool on)
{
	struct linger reset = {.l_onoff = on};

	if (c->armed != on)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	c->armed = on;
}

static void watch(struct conn *c, ev_io *w, bool wanted)
{
	if (wanted && !ev_is_active(w))
		ev_io_start(c->loop, w);
	else if (!wanted && ev_is_active(w))
		ev_io_stop(c->loop, w);
}

/* The timer may fire early, never late: setting it anew for every record would cost more. */
static void set_timer(struct conn *c)
{
	int64_t at = session_deadline(&c->session), now;

	if (at < 0 || (c->timer_at >= 0 && c->timer_at <= at))
		return;
	now = clock_ms();
	ev_timer_stop(c->loop, &c->timer);
	ev_now_update(c->loop);
	ev_timer_set(&c->timer, at > now ? (double)(at - now) / 1000.0 + 0.0005 : 0., 0.);
	ev_timer_start(c->loop, &c->timer);
	c->timer_at = at;
}

void conn_tell_time(struct conn *c)
{
	int64_t now = clock_ms();

	if (c->timer_at >= 0 && now - c->timer_at > STOOD_STILL_MS)
		session_resumed(&c->session, now);
	c->session.now = now;
}

/* All that is to be done but the rest. */
static void attend(struct conn *c)
{
	unsigned state;

	conn_wake(c);
	conn_tell_time(c);
	session_tick(&c->session, c->session.now);
	conn_flush(c);
	state = session_state(&c->session);
	if ((state & SESSION_SHUT_WIRE) && !c->shut) {
		c->shut = true;
		(void)shutdown(c->fd, SHUT_WR);
	}
	if ((state & SESSION_READY) && session_is_raw(&c->session))
		set_reset(c, true);
	if (session_asks_unacked(&c->session)) {
		look_at_transport(c);
		state = session_state(&c->session);
	}
	/* (While its handshake is worked on, hardly a client says more: see on_readable().) */
	if (!c->job && !(state & SESSION_HEAVY))
		watch(c, &c->readable, (state & SESSION_RECV_WIRE) && !conn_frozen(c, false));
	watch(c, &c->writable, (state & SESSION_SEND_WIRE) && !conn_frozen(c, true));
	set_timer(c);
}

void conn_update(struct conn *c)
{
	attend(c);
	rest(c);
}

/* (The owner looks at it now, and updates it then.) */
void conn_step(struct conn *c)
{
	attend(c);
	c->changed(c, c->owner);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct conn *c = w->data;

	(void)events;
	if (c->job && !(session_state(&c->session) & SESSION_RECV_WIRE)) {
		ev_io_stop(loop, w); /* until that is back */
		return;
	}
	conn_tell_time(c);
	receive(c);
	conn_step(c);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	conn_step(w->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	struct conn *c = w->data;

	(void)loop;
	(void)events;
	conn_tell_time(c);
	c->timer_at = -1;
	conn_step(c);
}

void conn_worked(struct session_work *work, void *conn)
{
	struct conn *c = conn;

	c->job = NULL;
	conn_tell_time(c);
	session_work_back(&c->session, work);
	conn_step(c);
}

void conn_own(struct conn *c, void (*changed)(struct conn *, void *), void *owner)
{
	c->changed = changed;
	c->owner = owner;
}

struct conn *conn_new(struct ev_loop *loop, int fd, const char *peer, const struct session_config *config,
    size_t size, struct bufpool *pool, void (*changed)(struct conn *, void *), void *owner, struct error *e)
{
	size_t peer_size = strlen(peer) + 1;
	struct conn *c = calloc(1, sizeof *c + peer_size);
	uint8_t *in;

	if (c) {
		c->pool = pool;
		c->buffer_size = size;
		c->block = take_block(c, size);
	}
	if (!c || !c->block) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
		free(c);
		close(fd);
		return NULL;
	}
	in = in_of(c->block);
	c->loop = loop;
	c->fd = fd;
	c->timer_at = -1;
	memcpy(c->peer, peer, peer_size);
	conn_own(c, changed, owner);
	ev_io_init(&c->readable, on_readable, fd, EV_READ);
	ev_io_init(&c->writable, on_writable, fd, EV_WRITE);
	ev_timer_init(&c->timer, on_timer, 0., 0.);
	c->readable.data = c->writable.data = c->timer.data = c;
	if (session_start(&c->session, config, c->block, in, size, in + size, size, clock_ms()) < 0) {
		*e = *session_error(&c->session);
		conn_free(c);
		return NULL;
	}
	conn_update(c);
	return c;
}

void conn_pace(struct conn *c, uint64_t rate)
{
	/* Above our own bucket, which decides; this only spreads the packets. Small records have much
	 * overhead, and handshake and receipts shall not be slow. */
	transport_pace(c->fd, rate + rate / 8 + PACE_LEAST);
}

/* The kernel knows the round trip in microseconds; over other sockets our PING has to do. */
double conn_rtt_ms(const struct conn *c)
{
	double ms = transport_rtt_ms(c->fd);

	if (ms >= 0)
		return ms;
	return c->session.rtt_ms < 0 ? 0 : (double)c->session.rtt_ms;
}

int64_t conn_network_us(const struct conn *c)
{
	return transport_network_us(c->fd);
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	ev_io_stop(c->loop, &c->readable);
	ev_io_stop(c->loop, &c->writable);
	ev_timer_stop(c->loop, &c->timer);
	conn_unlimit(c);
	workers_forget(c->job);
	if (session_wants_reset(&c->session))
		set_reset(c, true);
	else if (session_state(&c->session) == SESSION_CLOSED)
		set_reset(c, false);
	close(c->fd);
	session_free(&c->session);
	free_squash(c);
	give_block(c);
	free(c->begun);
	free(c);
}
