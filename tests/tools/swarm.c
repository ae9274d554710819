/*
 * swarm: very many vault/1 clients in one process, for what a listener does with thousands.
 *
 *   swarm --to HOST PORT|/path [--count N] [--parallel N] [--expect BYTES] [--pattern XX] [--short]
 *         [--identity FILE] [--server KEY] [--stuck] [--send N [--size BYTES] [--turns]]
 *
 * N clients (default 100) connect, at most --parallel (default 64) handshakes at a time, and stay. All have the
 * key in FILE, or throw-away ones; KEY is the server's, for patterns that need it. Standard output gets JSON
 * lines: "connected" when all are in (or have failed), then "received" when each has got --expect bytes; then,
 * or at the end of standard input, all leave.
 * --short: each leaves when it is in, by an authenticated end that the listener confirms.
 * --stuck: each says the beginning of a record when it is in, and nothing more.
 * --send: when a byte comes from standard input, each sends so many lines of BYTES (default 1024), "CLIENT LINE
 * xxx...", and its end. "sending", then "delivered" when the listener has confirmed all to all; then all leave.
 * --turns: a line each, then the next of each, and so on; "confirmed" when the listener has answered to each that it
 * has all; it is the next byte that makes all say their ends. Without it they send as many as the kernel takes.
 * Status 0 if none failed.
 */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/bufpool.h"
#include "run/clock.h"
#include "run/conn.h"
#include "run/keyfile.h"
#include "run/socket.h"

struct one {
	struct conn *conn;
	uint64_t got;
	long sent; /* lines */
	struct one *behind; /* in the line of those whose turn will come */
	bool in, over, in_line, confirmed;
};

#define TURNS 32 /* until it is looked for what came */

static struct {
	struct ev_loop *loop;
	struct session_config config;
	struct bufpool pool;
	struct address to;
	struct one *all;
	long count, parallel, begun, in, failed, satisfied, confirmed, delivered;
	uint64_t expect;
	long send, size;
	bool brief, stuck, connected, sending, turns, ending;
	struct one *line, *line_end;
	ev_idle turn;
	uint8_t secret[KEY_BYTES], public[KEY_BYTES], identity[KEY_BYTES], server[KEY_BYTES];
	int64_t start;
	ev_io input;
	char first_error[256];
} w;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "swarm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(const char *event, long count)
{
	printf("{\"v\":1,\"event\":\"%s\",\"count\":%ld,\"failed\":%ld,\"ms\":%lld,\"error\":\"%s\"}\n", event, count,
	    w.failed, (long long)(clock_ms() - w.start), w.first_error);
	fflush(stdout);
}

static void begin_more(void);

static void fail(const char *why)
{
	w.failed++;
	if (w.first_error[0] == '\0')
		snprintf(w.first_error, sizeof w.first_error, "%.200s", why);
}

static void settle(void)
{
	if (!w.connected && w.in + w.failed == w.count && w.begun == w.count) {
		say("connected", w.in);
		w.connected = true;
	}
	if (w.connected && (w.brief || w.sending) && w.delivered + w.failed == w.count) {
		say("delivered", w.delivered);
		ev_break(w.loop, EVBREAK_ALL);
	}
}

static void take(struct one *o)
{
	struct session *s = &o->conn->session;
	struct iovec iov[SESSION_BULK];
	int n;

	while ((session_state(s) & SESSION_RECV_APP) && (n = session_recv_app_iov(s, iov, SESSION_BULK)) > 0) {
		size_t len = 0;

		for (int i = 0; i < n; i++)
			len += iov[i].iov_len;
		if (w.expect > 0 && o->got < w.expect && o->got + len >= w.expect && ++w.satisfied == w.count) {
			say("received", w.satisfied);
			if (w.send == 0)
				ev_break(w.loop, EVBREAK_ALL);
		}
		o->got += len;
		session_recv_app_ack(s, len);
	}
	if (session_state(s) & SESSION_FINISH_APP)
		session_receipt(s, RECEIPT_DONE, 0);
}

/* False if there is no room for it, or it was the last. */
static bool give_line(struct one *o)
{
	struct session *s = &o->conn->session;
	struct iovec iov;
	int n;

	if (o->sent == w.send || session_send_app_iov(s, &iov, 1) < 1 || iov.iov_len < (size_t)w.size)
		return false;
	n = snprintf(iov.iov_base, (size_t)w.size, "%ld %ld ", (long)(o - w.all), o->sent++);
	memset((char *)iov.iov_base + n, 'x', (size_t)(w.size - n));
	((char *)iov.iov_base)[w.size - 1] = '\n';
	session_send_app_ack(s, (size_t)w.size);
	return true;
}

static void say_end(struct one *o)
{
	conn_wake(o->conn);
	session_end(&o->conn->session);
}

/* Lines, until the kernel takes no more of them, then the end. */
static void give(struct one *o)
{
	struct session *s = &o->conn->session;

	do {
		conn_wake(o->conn);
		while (give_line(o))
			;
		conn_update(o->conn);
	} while (o->sent < w.send && (session_state(s) & (SESSION_SEND_APP | SESSION_SEND_WIRE)) == SESSION_SEND_APP);
	if (o->sent == w.send)
		say_end(o);
}

/* ---- in turn ---- */

static bool can_send(const struct one *o)
{
	return o->conn && o->sent < w.send &&
	    (session_state(&o->conn->session) & (SESSION_SEND_APP | SESSION_SEND_WIRE)) == SESSION_SEND_APP;
}

static void line_up(struct one *o)
{
	if (o->in_line || !can_send(o))
		return;
	o->in_line = true;
	o->behind = NULL;
	if (w.line)
		w.line_end->behind = o;
	else
		w.line = o;
	w.line_end = o;
	if (!ev_is_active(&w.turn))
		ev_idle_start(w.loop, &w.turn);
}

static void take_turn(struct one *o)
{
	struct session *s = &o->conn->session;

	conn_wake(o->conn);
	give_line(o);
	if (o->sent == w.send)
		session_ask(s);
	conn_update(o->conn);
	line_up(o);
}

static void confirm(struct one *o)
{
	if (o->confirmed || o->sent < w.send || o->conn->session.confirmed < o->conn->session.sent)
		return;
	o->confirmed = true;
	if (++w.confirmed == w.count)
		say("confirmed", w.confirmed);
}

static void on_turn(struct ev_loop *loop, ev_idle *idle, int events)
{
	(void)events;
	for (int i = 0; i < TURNS && w.line; i++) {
		struct one *o = w.line;

		w.line = o->behind;
		o->in_line = false;
		if (can_send(o))
			take_turn(o);
	}
	if (!w.line)
		ev_idle_stop(loop, idle);
}

/* The beginning of a record of 1024 bytes; nothing more may follow it. */
static void get_stuck(struct conn *c)
{
	static const uint8_t beginning[] = {0, 0, 4, 0, 1, 2, 3};

	if (send(c->fd, beginning, sizeof beginning, MSG_NOSIGNAL) != sizeof beginning)
		fail("cannot send the beginning of a record");
	ev_io_stop(w.loop, &c->readable);
	ev_io_stop(w.loop, &c->writable);
	ev_timer_stop(w.loop, &c->timer);
}

static void closed(struct one *o)
{
	const struct error *e = session_error(&o->conn->session);
	bool whole = o->in && e->code == ERROR_OK && o->sent == w.send;

	if (whole)
		w.delivered++;
	else if (!o->in || w.brief || w.send > 0)
		fail(e->code == ERROR_OK ? "ended too early" : e->text);
	if (!o->in)
		begin_more();
	o->over = true;
	conn_free(o->conn);
	o->conn = NULL;
}

static void on_changed(struct conn *c, void *owner)
{
	struct one *o = owner;
	struct session *s = &c->session;
	bool fresh;

	if (o->over)
		return;
	if (session_state(s) & SESSION_JUDGE)
		session_judge(s, NULL);
	fresh = session_agreed(s) && !o->in;
	if (fresh) {
		o->in = true;
		w.in++;
		c->thrifty = true;
		if (w.brief)
			session_end(s);
		begin_more();
	}
	take(o);
	if (w.sending && w.turns) {
		line_up(o);
		confirm(o);
	} else if (w.sending && o->sent < w.send)
		give(o);
	conn_update(c);
	if (session_state(s) & SESSION_CLOSED)
		closed(o);
	else if (fresh && w.stuck)
		get_stuck(c);
	settle();
}

static void begin(struct one *o)
{
	struct socket_options so = {.family = AF_UNSPEC};
	struct error e = {0};
	char peer[ADDRESS_TEXTMAX];
	int fd = socket_connect(&w.to, &so, clock_ms() + 20000, peer, &e);

	w.begun++;
	if (fd < 0)
		fail(e.text);
	else if (!(o->conn = conn_new(w.loop, fd, peer, &w.config, CONN_WORKBUF, &w.pool, on_changed, o, &e)))
		fail(e.text);
}

static void begin_more(void)
{
	while (w.begun < w.count && w.begun - w.in - w.failed < w.parallel)
		begin(&w.all[w.begun]);
}

static void on_input(struct ev_loop *loop, ev_io *io, int events)
{
	char byte;

	(void)io;
	(void)events;
	if (read(0, &byte, 1) < 1) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	if (w.send == 0 || w.ending || (w.sending && w.confirmed < w.count))
		return;
	w.ending = w.sending;
	w.sending = true;
	say(w.ending ? "ending" : "sending", w.in);
	for (long i = 0; i < w.count; i++) {
		if (w.all[i].conn && w.ending)
			say_end(&w.all[i]);
		if (w.all[i].conn)
			on_changed(w.all[i].conn, &w.all[i]);
	}
}

/* Key files and keys as the tools read them. */
static void take_identity(const char *path)
{
	struct error e = {0};
	struct key *k, public;

	if (keyfile_read_secret(&k, NULL, path, NULL, &e) < 0 || key_x25519_secret(w.secret, k) != KEYTEXT_OK ||
	    key_public(&public, k) != KEYTEXT_OK || dh_public(DH_25519, w.public, w.secret) < 0) {
		fprintf(stderr, "swarm: --identity: %s\n", e.text);
		exit(2);
	}
	secret_free(k);
	w.config.handshake.static_secret = w.secret;
	w.config.handshake.static_public = w.public;
	memcpy(w.identity, public.bytes, KEY_BYTES);
	w.config.identity = public.form == KEY_PUBLIC ? w.identity : NULL;
}

static void take_server(const char *text)
{
	struct error e = {0};
	struct key k;

	if (keyfile_read_public(&k, NULL, text, &e) < 0 || key_x25519_public(w.server, &k) != KEYTEXT_OK) {
		fprintf(stderr, "swarm: --server: %s\n", e.text);
		exit(2);
	}
	w.config.handshake.remote_static = w.server;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {{"to", 1, 0, 't'}, {"count", 1, 0, 'n'}, {"parallel", 1, 0, 'p'}, {"expect", 1, 0, 'e'},
	    {"pattern", 1, 0, 'P'}, {"short", 0, 0, 's'}, {"identity", 1, 0, 'i'}, {"server", 1, 0, 'r'}, {"stuck", 0, 0, 'k'},
	    {"send", 1, 0, 'S'}, {"size", 1, 0, 'z'}, {"turns", 0, 0, 'T'}, {0, 0, 0, 0}};
	const char *pattern = "XX", *host = NULL;
	struct error e = {0};
	int c;

	w.count = 100;
	w.parallel = 64;
	w.size = 1024;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 't')
			host = optarg;
		else if (c == 'n')
			w.count = atol(optarg);
		else if (c == 'p')
			w.parallel = atol(optarg);
		else if (c == 'e')
			w.expect = strtoull(optarg, NULL, 10);
		else if (c == 'P')
			pattern = optarg;
		else if (c == 's')
			w.brief = true;
		else if (c == 'i')
			take_identity(optarg);
		else if (c == 'r')
			take_server(optarg);
		else if (c == 'k')
			w.stuck = true;
		else if (c == 'S')
			w.send = atol(optarg);
		else if (c == 'z')
			w.size = atol(optarg);
		else if (c == 'T')
			w.turns = true;
		else
			exit(2);
	}
	if (!host || address_parse(&w.to, host, optind < argc ? argv[optind] : NULL, false, &e) < 0 || w.count < 1 ||
	    w.send < 0 || w.size < 64 || w.size > 65000) {
		fprintf(stderr, "swarm: --to: %s\n", e.text);
		exit(2);
	}
	if (noise_protocol_from_pattern(&w.config.handshake.protocol, pattern, DH_25519,
		aead_hardware_aes() ? AEAD_AESGCM : AEAD_CHACHAPOLY, HASH_SHA512) != NOISE_OK)
		exit(2);
}

int main(int argc, char **argv)
{
	struct rlimit limit;

	if (secret_init() < 0)
		die("libsodium");
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	options(argc, argv);
	w.config.wire = &wire_vault1;
	w.config.handshake.initiator = true;
	w.config.handshake.rng = w.config.rng = &secret_rng;
	w.config.throwaway = !w.config.handshake.static_secret;
	w.config.software = "swarm";
	w.config.drain_ms = 1000;
	w.config.handshake_ms = 60000;
	w.loop = ev_default_loop(EVFLAG_NOENV);
	w.all = calloc((size_t)w.count, sizeof *w.all);
	if (!w.all)
		die("memory");
	w.start = clock_ms();
	ev_io_init(&w.input, on_input, 0, EV_READ);
	ev_io_start(w.loop, &w.input);
	ev_idle_init(&w.turn, on_turn);
	begin_more();
	settle();
	ev_run(w.loop, 0);
	return w.failed > 0;
}
