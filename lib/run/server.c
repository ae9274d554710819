#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "workers.h"

#define AGAIN_SECONDS 0.2
#define SILENT_MS 1000

static void watch_all(struct server *srv, bool on)
{
	for (int i = 0; i < srv->listeners.count; i++) {
		if (on)
			ev_io_start(srv->loop, &srv->accepting[i]);
		else
			ev_io_stop(srv->loop, &srv->accepting[i]);
	}
}

void server_relieved(void *owner)
{
	struct server *srv = owner;

	if (!srv->waits || workers_full(srv->workers))
		return;
	srv->waits = false;
	if (!ev_is_active(&srv->again))
		watch_all(srv, true);
}

static void forget(struct server *srv, struct conn *c)
{
	for (int i = 0; i < srv->pending_count; i++)
		if (srv->pending[i] == c) {
			srv->pending[i] = srv->pending[--srv->pending_count];
			return;
		}
}

static void drop(struct server *srv, struct conn *c)
{
	forget(srv, c);
	if (!session_peer(&c->session)->probe || session_error(&c->session)->code != ERROR_OK)
		srv->hooks.failed(srv, c);
	else
		log_info(1, "%s: looked who is here", c->peer);
	server_left(srv, c);
	conn_free(c);
	server_relieved(srv);
}

void server_left(struct server *srv, const struct conn *c)
{
	if (srv->max_per_ip > 0)
		iptable_drop(&srv->ips, &c->ip);
}

/* One that will be served gets large buffers now: the verdict lets its data in, which pins them. */
static void judge(struct server *srv, struct conn *c)
{
	const char *refusal = srv->hooks.judge(srv, c);
	const char *limit = NULL;

	if (!refusal && srv->hooks.full && !session_peer(&c->session)->probe)
		limit = srv->hooks.full(srv, c);
	if (limit) {
		log_info(1, "%s: turned away: %s", c->peer, limit);
		session_refuse_busy(&c->session);
		conn_update(c);
		return;
	}
	/* (Where there is no pool, only one is served.) */
	if (!refusal && !srv->busy && !session_peer(&c->session)->probe &&
	    (conn_grow(c, srv->buffers) < 0 || (srv->pool && conn_own_squash(c) < 0)))
		session_abort(&c->session, CLOSE_BUSY, ERROR_IO, "out of memory");
	session_judge(&c->session, refusal);
	conn_update(c);
}

static void put_to_work(struct server *srv, struct conn *c)
{
	c->job = workers_give(srv->workers, &c->session, c);
	if (!c->job) {
		session_abort(&c->session, CLOSE_BUSY, ERROR_IO, "out of memory");
		return;
	}
	if (!srv->waits && workers_full(srv->workers)) {
		srv->waits = true;
		watch_all(srv, false);
	}
}

static void on_changed(struct conn *c, void *owner)
{
	struct server *srv = owner;
	bool served;

	if (session_state(&c->session) & SESSION_HEAVY)
		put_to_work(srv, c);
	if (session_state(&c->session) & SESSION_JUDGE)
		judge(srv, c);
	/* One that was let in counts, even if it has closed already by the same segment. */
	served = session_agreed(&c->session) && !session_peer(&c->session)->probe;
	if (served && !srv->busy) {
		forget(srv, c);
		srv->hooks.ready(srv, c);
	} else if (session_state(&c->session) & SESSION_CLOSED) {
		drop(srv, c);
	} else if (served) {
		session_refuse_busy(&c->session);
		conn_update(c);
	}
}

void server_judge_again(struct server *srv)
{
	/* (From the end: who is refused may be gone at once, and the last one takes its place.) */
	for (int i = srv->pending_count - 1; i >= 0; i--) {
		struct conn *c = srv->pending[i];
		const char *refusal = c->session.judged ? srv->hooks.judge(srv, c) : NULL;

		if (!refusal)
			continue;
		session_abort(&c->session, CLOSE_UNAUTHORIZED, ERROR_AUTH, refusal);
		conn_update(c);
	}
}

static bool silent(const struct conn *c)
{
	return !session_heard(&c->session) && clock_ms() - c->session.started >= SILENT_MS;
}

/*
 * Who must go so that another may come: one that says nothing, else the oldest. (A new one has
 * its first message still on the way; it is not for talkative strangers to push it out.)
 */
static struct conn *least(const struct server *srv)
{
	struct conn *worst = srv->pending[0];

	for (int i = 1; i < srv->pending_count; i++) {
		struct conn *c = srv->pending[i];

		if (silent(c) != silent(worst) ? silent(c) : c->session.started < worst->session.started)
			worst = c;
	}
	return worst;
}

static void add(struct server *srv, int fd, const char *peer, const struct ipkey *ip)
{
	struct error e = {0};
	struct conn *c;

	if (srv->pending_count == srv->most) {
		struct conn *out = least(srv);

		session_abort(&out->session, CLOSE_BUSY, ERROR_NETWORK, "too many connections that do not authenticate");
		drop(srv, out);
	}
	c = conn_new(srv->loop, fd, peer, &srv->config, SESSION_SMALLBUF, srv->pool, on_changed, srv, &e);
	if (!c) {
		log_error("%s: %s", peer, e.text);
		if (srv->max_per_ip > 0)
			iptable_drop(&srv->ips, ip);
		return;
	}
	c->ip = *ip;
	srv->pending[srv->pending_count++] = c;
	log_info(2, "%s: connected", peer);
}

/* Over a limit a stranger gets three bytes (the word "busy" of vault/1), and no memory of ours. */
static bool let_in(struct server *srv, int fd, const char *peer, const struct ipkey *ip)
{
	static const uint8_t busy[3] = {0, 0, REFUSE_BUSY};
	const char *limit = NULL;

	if (rate_available(&srv->handshakes, clock_ms()) == 0)
		limit = "--handshake-rate is reached";
	else if (srv->max_per_ip > 0 && ip->family != 0 && iptable_add(&srv->ips, ip) > srv->max_per_ip) {
		iptable_drop(&srv->ips, ip);
		limit = "--max-per-ip is reached";
	}
	if (!limit) {
		rate_take(&srv->handshakes, 1);
		return true;
	}
	log_info(1, "%s: turned away: %s", peer, limit);
	if (srv->hooks.turned_away)
		srv->hooks.turned_away(srv, peer, limit);
	if (srv->config.wire == &wire_vault1)
		(void)!send(fd, busy, sizeof busy, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	close(fd);
	return false;
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
	struct server *srv = w->data;
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char peer[ADDRESS_TEXTMAX];
	struct ipkey ip;
	int fd = accept4(w->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0) {
		/* A client that left already, and the like, are no fault of ours; lack of descriptors
		 * lasts, and to try at once again would only burn the CPU. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warn_seldom(&srv->no_accept, "cannot accept a connection", strerror(errno));
			watch_all(srv, false);
			ev_timer_set(&srv->again, AGAIN_SECONDS, 0.);
			ev_timer_start(loop, &srv->again);
		}
		return;
	}
	address_of(peer, (struct sockaddr *)&ss, len);
	iptable_key(&ip, (struct sockaddr *)&ss);
	if (!let_in(srv, fd, peer, &ip))
		return;
	socket_tune(fd);
	add(srv, fd, peer, &ip);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
	struct server *srv = w->data;

	(void)loop;
	(void)events;
	if (!srv->waits)
		watch_all(srv, true);
}

int server_start(struct server *srv, struct error *e)
{
	srv->pending = calloc((size_t)srv->most, sizeof(struct conn *));
	if (!srv->pending)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	for (int i = 0; i < srv->listeners.count; i++) {
		ev_io_init(&srv->accepting[i], on_accept, srv->listeners.fds[i], EV_READ);
		srv->accepting[i].data = srv;
	}
	ev_timer_init(&srv->again, on_again, 0., 0.);
	srv->again.data = srv;
	watch_all(srv, true);
	return 0;
}

void server_stop(struct server *srv)
{
	srv->busy = true;
	watch_all(srv, false);
	ev_timer_stop(srv->loop, &srv->again);
	socket_unlisten(&srv->listeners);
	for (int i = 0; i < srv->pending_count; i++) {
		struct conn *c = srv->pending[i];

		if (session_peer(&c->session)->probe)
			continue;
		session_refuse_busy(&c->session);
		conn_update(c);
	}
}

void server_free(struct server *srv)
{
	ev_timer_stop(srv->loop, &srv->again);
	watch_all(srv, false);
	while (srv->pending_count > 0)
		conn_free(srv->pending[--srv->pending_count]);
	socket_unlisten(&srv->listeners);
	iptable_free(&srv->ips);
	free(srv->pending);
	srv->pending = NULL;
}
