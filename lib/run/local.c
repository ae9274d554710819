#include "local.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "announce.h"
#include "clock.h"
#include "log.h"
#include "signals.h"
#include "tunnel.h"

#define LOCAL_MOST 1024 /* local connections at a time; more wait in the queue of the kernel */
#define AGAIN_SECONDS 0.2
#define HURRY_MS 1000

struct local {
	struct tunnels tunnels; /* first: tunnels are given this */
	struct socket_listeners listeners;
	ev_io accepting[SOCKET_LISTENMAX];
	ev_timer again, drain;
	struct signals signals;
	int signal;
	bool stopped, full, cut;
};

/* ---- accepting ---- */

static void watch_all(struct local *l, bool on)
{
	for (int i = 0; i < l->listeners.count; i++) {
		if (on)
			ev_io_start(l->tunnels.loop, &l->accepting[i]);
		else
			ev_io_stop(l->tunnels.loop, &l->accepting[i]);
	}
}

static void pause_accepting(struct local *l, const char *why)
{
	log_warn("cannot accept a local connection: %s", why);
	watch_all(l, false);
	ev_now_update(l->tunnels.loop);
	ev_timer_set(&l->again, AGAIN_SECONDS, 0.);
	ev_timer_start(l->tunnels.loop, &l->again);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
	struct local *l = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)loop;
	(void)events;
	if (fd < 0) {
		/* A client that left already, and the like, are no fault of ours; lack of descriptors lasts. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(l, strerror(errno));
		return;
	}
	socket_tune(fd);
	tunnel_open(&l->tunnels, fd);
	if (l->tunnels.count < LOCAL_MOST)
		return;
	log_info(1, "%d local connections: others wait", LOCAL_MOST);
	l->full = true;
	watch_all(l, false);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	watch_all(w->data, true);
}

static void on_left(struct tunnels *all)
{
	struct local *l = (struct local *)all;

	if (l->full && !l->stopped) {
		l->full = false;
		watch_all(l, true);
	}
	if (l->stopped && all->count == 0)
		ev_break(all->loop, EVBREAK_ALL);
}

/* ---- the end ---- */

static void cut_all(struct local *l)
{
	struct tunnel *t, *next;

	for (t = l->tunnels.first; t; t = next) {
		next = t->next;
		l->cut |= tunnel_cut(t, HURRY_MS);
	}
}

static void on_drained(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	cut_all(w->data);
}

static void stop_accepting(struct local *l)
{
	l->stopped = true;
	watch_all(l, false);
	ev_timer_stop(l->tunnels.loop, &l->again);
	socket_unlisten(&l->listeners);
}

/* The first one lets sessions finish for a while, the second closes them, a third just leaves. */
static void on_signal(int number, void *owner)
{
	struct local *l = owner;
	bool first = l->signal == 0;

	l->signal = number;
	if (first) {
		log_info(1, "shutting down: %lld sessions may finish, another signal ends them now", (long long)l->tunnels.count);
		stop_accepting(l);
		if (l->tunnels.count == 0)
			ev_break(l->tunnels.loop, EVBREAK_ALL);
		else if (l->tunnels.o->drain_ms > 0) {
			ev_now_update(l->tunnels.loop);
			ev_timer_set(&l->drain, (double)l->tunnels.o->drain_ms / 1000, 0.);
			ev_timer_start(l->tunnels.loop, &l->drain);
		}
	} else if (!l->cut) {
		ev_timer_stop(l->tunnels.loop, &l->drain);
		cut_all(l);
		l->cut = true;
	} else
		ev_break(l->tunnels.loop, EVBREAK_ALL);
}

static void on_usr1(void *owner)
{
	const struct local *l = owner;
	uint64_t sent = l->tunnels.sent, received = l->tunnels.received;

	for (const struct tunnel *t = l->tunnels.first; t; t = t->next)
		if (t->conn) {
			sent += t->conn->session.sent;
			received += t->conn->session.delivered;
		}
	log_info(0, "%lld sessions now, %llu so far, %llu of them complete; %llu bytes sent, %llu bytes received",
	    (long long)l->tunnels.count, (unsigned long long)l->tunnels.begun, (unsigned long long)l->tunnels.complete,
	    (unsigned long long)sent, (unsigned long long)received);
}

/* ---- set-up ---- */

static bool loopback(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof ss;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return false;
	if (ss.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)(void *)&ss)->sin6_addr);
	return ss.ss_family != AF_INET || ntohl(((struct sockaddr_in *)(void *)&ss)->sin_addr.s_addr) >> 24 == 127;
}

static void warn_open(const struct local *l)
{
	for (int i = 0; i < l->listeners.count; i++)
		if (!loopback(l->listeners.fds[i])) {
			log_warn("warning: -L: other machines can connect here, without encryption, and use this side's key");
			return;
		}
}

static int confine(struct local *l, struct error *e)
{
	struct tunnels *all = &l->tunnels;
	struct client_options *o = all->o;
	struct sandbox_needs needs = {.accept = true, .connect = true, .unix_socket = o->to.is_unix};

	if (!o->to.is_unix) {
		needs.port = o->to.port;
		needs.bind = o->socket.source != NULL;
		needs.resolve = all->target.look_up_again;
	}
	if (l->listeners.unix_path[0] != '\0')
		needs.removal = l->listeners.unix_path;
	contact_needs(&all->contact, &needs);
	noise_protocol_prepare(&all->contact.protocol);
	return stream_confine(&all->stream, needs, e);
}

static int open_server(struct tunnels *all, struct error *e)
{
	struct client_options *o = all->o;
	int64_t ms = o->stream.handshake_ms;

	if (judge_server_load(&o->judge, e) < 0 || contact_choose(&all->contact, e) < 0)
		return -1;
	if (stream_open(&all->stream, all->loop, &o->stream, true, e) < 0)
		return -1;
	if (dial_target_open(&all->target, all->loop, &o->to, &o->socket, ms > 0 ? clock_ms() + ms : -1, e) < 0)
		return -1;
	all->target.look_up_again = dial_target_is_name(&all->target);
	return 0;
}

static int setup(struct local *l, struct error *e)
{
	struct tunnels *all = &l->tunnels;
	struct client_options *o = all->o;

	if (open_server(all, e) < 0)
		return -1;
	/* (--source and -4 are about the way to the server.) */
	if (socket_listen(&l->listeners, &o->local, &(struct socket_options){.numeric = o->socket.numeric}, e) < 0)
		return -1;
	socket_raise_limit();
	for (int i = 0; i < l->listeners.count; i++) {
		ev_io_init(&l->accepting[i], on_accept, l->listeners.fds[i], EV_READ);
		l->accepting[i].data = l;
	}
	ev_timer_init(&l->again, on_again, 0., 0.);
	ev_timer_init(&l->drain, on_drained, 0., 0.);
	l->again.data = l->drain.data = l;
	all->stream.asked = on_usr1;
	all->stream.owner = l;
	all->left = on_left;
	signals_start(&l->signals, all->loop, on_signal, l);
	warn_open(l);
	if (confine(l, e) < 0)
		return -1;
	watch_all(l, true);
	if (l->listeners.unix_path[0] != '\0')
		log_info(1, "listening on %s", l->listeners.host);
	else
		log_info(1, "listening on %s port %u", l->listeners.host, l->listeners.port);
	return o->ready_fd >= 0 ? announce_listening(o->ready_fd, NULL, &l->listeners, e) : 0;
}

static int outcome(const struct local *l)
{
	return l->cut || l->signal != SIGTERM ? 128 + l->signal : 0;
}

int local_run(struct client_options *o)
{
	struct local l = {.tunnels = {.o = o, .loop = ev_default_loop(EVFLAG_NOENV)}};
	struct error e = {0};
	int status;

	l.tunnels.contact.o = o;
	if (setup(&l, &e) < 0) {
		log_error("%s", e.text);
		status = error_status(e.code);
	} else {
		ev_run(l.tunnels.loop, 0);
		status = outcome(&l);
	}
	l.stopped = true;
	while (l.tunnels.first)
		tunnel_free(l.tunnels.first);
	if (l.signals.loop)
		signals_stop(&l.signals);
	if (l.again.data) {
		ev_timer_stop(l.tunnels.loop, &l.drain);
		stop_accepting(&l);
	}
	dial_target_close(&l.tunnels.target);
	stream_close(&l.tunnels.stream);
	judge_server_free(&o->judge);
	bufpool_free(&l.tunnels.pool);
	secret_wipe(&l.tunnels.contact, sizeof l.tunnels.contact);
	return status;
}
