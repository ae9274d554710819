#include "udp_loop.h"

#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "resolve.h"
#include "udp_command.h"
#include "udp_end.h"
#include "udp_hooks.h"
#include "udp_kept.h"
#include "udp_lan.h"
#include "udp_report.h"
#include "udp_solicit.h"
#include "udp_stdio.h"

#define RECEIVE_SHARE 1024 /* datagrams before others have their turn */
#define ENGINE_ROUNDS 8

void udp_loop_clock(struct udp_loop *l)
{
	struct timespec mono, wall;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	udp_clock(l->engine, (int64_t)mono.tv_sec * 1000000 + mono.tv_nsec / 1000,
	    (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000);
}

/* ---- peers ---- */

bool udp_loop_called(const struct udp_loop *l, const struct peer *p, const char *name)
{
	const char *label = udp_judge_label(l->o->judge, p);
	char text[ADDRESS_TEXTMAX], key[KEYTEXT_MAX];

	return strcmp(name, udp_address_text(text, &p->at)) == 0 || (label && strcmp(name, label) == 0) ||
	    (p->has_sign && strcmp(name, udp_judge_text(p, key)) == 0);
}

bool udp_loop_is_target(const struct udp_loop *l, const struct peer *p)
{
	if (p->state < PEER_AWAIT || p->measures)
		return false;
	/* Where peers are named, what they are sent is not for others who come. */
	if (l->o->to_count == 0)
		return p->wanted || l->o->peer_count == 0;
	for (size_t i = 0; i < l->o->to_count; i++)
		if (udp_loop_called(l, p, l->o->to[i]))
			return true;
	return false;
}

static int add_peers(struct udp_loop *l, struct error *e)
{
	for (size_t i = 0; i < l->o->peer_count; i++) {
		const struct address *a = &l->o->peers[i];
		struct socket_options o = l->o->socket;
		struct addrinfo *list;
		struct udp_address at;

		if (l->socket.family == AF_INET)
			o.family = AF_INET;
		list = resolve(a->host, a->port, &o, clock_ms() + l->o->handshake_ms, e);
		if (!list)
			return -1;
		(void)udp_address_from(&at, list->ai_addr);
		freeaddrinfo(list);
		if (!udp_add(l->engine, &at, (int)i))
			return error_set(e, ERROR_USAGE, BLAME_LOCAL, "more peers than --max-peers allows");
	}
	return 0;
}

/* ---- the loop ---- */

static void watch(struct udp_loop *l, ev_io *w, bool wanted)
{
	if (wanted && !ev_is_active(w) && w->fd >= 0)
		ev_io_start(l->loop, w);
	else if (!wanted && ev_is_active(w))
		ev_io_stop(l->loop, w);
}

/* Regular files cannot be waited for: they are always ready. */
static void rearm(struct udp_loop *l)
{
	int64_t now = clock_ms(), at = udp_end_deadline(l);
	double wait;

	if (l->engine->deadline < at)
		at = l->engine->deadline;
	watch(l, &l->sock_in, udp_stdio_room(l));
	watch(l, &l->sock_out, l->socket.count > 0);
	watch(l, &l->app_in, udp_stdio_wants(l));
	watch(l, &l->app_out, l->out_from < l->out_to && !l->broken_output);
	ev_timer_stop(l->loop, &l->tick);
	wait = at <= now || l->in_more ? 0. : at == INT64_MAX ? 3600. : (double)(at - now) / 1000;
	ev_timer_set(&l->tick, wait, 0.);
	ev_timer_start(l->loop, &l->tick);
}

void udp_loop_step(struct udp_loop *l)
{
	udp_loop_clock(l);
	udp_stdio_flush(l); /* ends are answered when all is written */
	for (int i = 0; i < ENGINE_ROUNDS && l->engine->deadline <= l->engine->now; i++)
		udp_tick(l->engine);
	(void)udp_socket_flush(&l->socket);
	if (l->in.from < l->in.to || l->in.eof)
		udp_stdio_pump(l); /* what was read and had to wait */
	if (udp_end_check(l)) {
		ev_break(l->loop, EVBREAK_ALL);
		return;
	}
	rearm(l);
}

static void on_sock_in(struct ev_loop *loop, ev_io *w, int events)
{
	struct udp_loop *l = w->data;

	(void)loop;
	(void)events;
	udp_loop_clock(l);
	(void)udp_socket_receive(&l->socket, RECEIVE_SHARE);
	udp_loop_step(l);
}

static void on_app_in(struct ev_loop *loop, ev_io *w, int events)
{
	struct udp_loop *l = w->data;

	(void)loop;
	(void)events;
	udp_loop_clock(l);
	udp_stdio_pump(l);
	udp_loop_step(l);
}

static void on_step(struct ev_loop *loop, ev_io *w, int events)
{
	struct udp_loop *l = w->data;

	(void)loop;
	(void)events;
	udp_stdio_flush(l);
	/* What waited for room for it. */
	if (l->socket.arrivals && udp_stdio_room(l)) {
		udp_loop_clock(l);
		(void)udp_socket_receive(&l->socket, 0);
	}
	udp_loop_step(l);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	udp_loop_step(w->data);
}

static void on_usr1(struct ev_loop *loop, ev_signal *w, int events)
{
	struct udp_loop *l = w->data;

	(void)loop;
	(void)events;
	udp_report_stats(l, l->o->stats == REPORT_JSON || l->o->log_json ? REPORT_JSON : REPORT_TEXT, -1);
}

static void on_signal(int number, void *owner)
{
	struct udp_loop *l = owner;

	if (l->signal)
		l->leaving = true;
	l->signal = number;
	udp_loop_stop(l);
	udp_loop_step(l);
}

void udp_loop_stop(struct udp_loop *l)
{
	l->leaving = true;
}

/* ---- start and end ---- */

static int make_engine(struct udp_loop *l, struct error *e)
{
	const struct udp_options *o = l->o;
	struct udp_config c = {.writes = true, .throwaway = o->throwaway, .v1 = o->v1, .solicit = o->solicit, .opportunistic = o->opportunistic, .padding = o->padding,
	    .level = o->level, .lifetime_ms = o->lifetime_ms, .max_age_ms = o->max_age_ms, .skew_ms = o->skew_ms,
	    .rate_limit = o->rate_limit, .pace = o->pace, .probe = o->mtu == 0, .receive_buffer = l->socket.buffer,
	    .strangers = !o->judge->explicit && !o->judge->has_list && o->judge->trust != JUDGE_STRICT, .rng = secret_rng};
	uint8_t public[32];

	if (!o->v1)
		l->kept = udp_kept_open();
	if (l->kept) {
		c.kept = l->kept->list;
		c.kept_count = l->kept->count;
	}
	crypto_sign_seed_keypair(public, c.sign_secret, o->identity->bytes);
	c.hooks = udp_hooks_engine(l);
	l->engine = calloc(1, sizeof *l->engine);
	l->slots = calloc(o->table, sizeof *l->slots);
	l->cache = calloc(o->table * o->replay_cache + 1, sizeof *l->cache);
	if (l->engine && l->slots && l->cache) {
		udp_init(l->engine, &c, l->slots, o->table, l->cache, o->replay_cache);
		l->engine->port = l->socket.port;
	}
	secret_wipe(&c, sizeof c);
	if (!l->engine || !l->slots || !l->cache)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for peers");
	return 0;
}

static void watch_socket(struct udp_loop *l)
{
	ev_io_init(&l->sock_in, on_sock_in, l->socket.fd, EV_READ);
	ev_io_init(&l->sock_out, on_step, l->socket.fd, EV_WRITE);
	l->sock_in.data = l->sock_out.data = l;
}

int udp_loop_move(struct udp_loop *l, uint16_t port, struct error *e)
{
	ev_io_stop(l->loop, &l->sock_in);
	ev_io_stop(l->loop, &l->sock_out);
	if (udp_socket_move(&l->socket, port, e) < 0)
		return -1;
	watch_socket(l);
	l->engine->port = l->socket.port;
	/* They see us at the new address when something comes from there. */
	for (size_t i = 0; i < l->engine->peers.used; i++) {
		struct peer *p = &l->slots[i];

		if (p->state == PEER_UP && p->kind == PEER_NATIVE)
			udp_ping(l->engine, p);
		else if (p->state == PEER_UP)
			udp_send_key(l->engine, p, false);
	}
	udp_report_event(l, "port", NULL, NULL);
	return 0;
}

static void watchers(struct udp_loop *l)
{
	watch_socket(l);
	ev_io_init(&l->app_in, on_app_in, l->ep->in_fd, EV_READ);
	ev_io_init(&l->app_out, on_step, l->ep->out_fd, EV_WRITE);
	ev_timer_init(&l->tick, on_tick, 0., 0.);
	ev_signal_init(&l->usr1, on_usr1, SIGUSR1);
	l->app_in.data = l->app_out.data = l->tick.data = l->usr1.data = l;
	ev_signal_start(l->loop, &l->usr1);
	signals_start(&l->signals, l->loop, on_signal, l);
}

static int confine(const struct udp_loop *l, struct error *e)
{
	struct sandbox_needs needs = {.datagrams = true, .accept = l->command != NULL, .removal = l->o->control};

	if (l->o->sandbox == SANDBOX_OFF)
		return 0;
	json_object_seed(0); /* reads the system's random numbers, once */
	if (udp_judge_prepare(l->o->judge))
		needs.append = l->o->judge->known_hosts;
	return sandbox_enter(&needs, l->o->sandbox, e);
}

/* What nobody who waits for us to be bound need wait for. */
static int complete(struct udp_loop *l, struct error *e)
{
	udp_socket_join(&l->socket);
	return confine(l, e);
}

/* It is bound, and says so, unless it may end for want of a sandbox. */
static int finish(struct udp_loop *l, struct error *e)
{
	if (l->o->sandbox == SANDBOX_REQUIRE)
		return complete(l, e) < 0 ? -1 : udp_report_ready(l, e);
	return udp_report_ready(l, e) < 0 ? -1 : complete(l, e);
}

static void tell_start(const struct udp_loop *l)
{
	char print[FINGERPRINT_MAX];

	if (l->o->opportunistic)
		log_warn("warning: --opportunistic: messages may go and come in clear, where anyone can read and write them");
	if (log_verbosity() < 1)
		return;
	if (key_fingerprint(print, l->o->identity) != KEYTEXT_OK)
		print[0] = '\0';
	log_info(1, "UDP %s port %u, key fingerprint %s", l->socket.host, l->socket.port, print);
}

static int setup(struct udp_loop *l, struct error *e)
{
	const struct udp_options *o = l->o;

	l->began = clock_ms();
	if (udp_stdio_open(l, e) < 0 || udp_socket_open(&l->socket, &o->at, &o->socket, e) < 0)
		return -1;
	l->socket.hooks = udp_hooks_socket(l);
	if (make_engine(l, e) < 0)
		return -1;
	/* Keys are made then: without any of these there is time for it. */
	if (o->peer_count > 0 || o->control || o->announce)
		udp_loop_clock(l);
	if (add_peers(l, e) < 0)
		return -1;
	watchers(l);
	if (o->control && udp_command_open(l, e) < 0)
		return -1;
	if (o->announce && udp_lan_open(l, e) < 0)
		return -1;
	tell_start(l);
	return finish(l, e);
}

static void release(struct udp_loop *l)
{
	udp_command_close(l);
	udp_lan_close(l);
	udp_solicit_close(l);
	udp_stdio_close(l);
	if (l->engine)
		udp_free(l->engine);
	udp_kept_close(l->kept);
	udp_socket_close(&l->socket);
	free(l->engine);
	free(l->slots);
	free(l->cache);
}

int udp_loop_run(const struct udp_options *o)
{
	struct udp_loop l = {.o = o, .loop = ev_default_loop(EVFLAG_NOENV), .socket = {.fd = -1}};
	int status;

	if (setup(&l, &l.error) == 0) {
		udp_loop_step(&l);
		ev_run(l.loop, 0);
		udp_end_leave(&l);
		signals_stop(&l.signals);
		ev_signal_stop(l.loop, &l.usr1);
	}
	status = udp_end_status(&l);
	if (o->stats != REPORT_NONE && l.engine)
		udp_report_stats(&l, o->stats, status);
	release(&l);
	return status;
}
