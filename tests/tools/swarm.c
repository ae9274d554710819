/*
 * swarm: very many vault/1 clients in one process, for what a listener does with thousands.
 *
 *   swarm --to HOST PORT|/path [--count N] [--parallel N] [--expect BYTES] [--pattern XX] [--short]
 *
 * N clients (default 100) with throw-away keys connect, at most --parallel (default 64) handshakes at a
 * time, and stay. Standard output gets JSON lines: "connected" when all are in (or have failed), then
 * "received" when each has got --expect bytes; then, or at the end of standard input, all leave.
 * --short: each leaves when it is in. Status 0 if none failed.
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
#include "run/socket.h"

struct one {
	struct conn *conn;
	uint64_t got;
	bool in, over;
};

static struct {
	struct ev_loop *loop;
	struct session_config config;
	struct bufpool pool;
	struct address to;
	struct one *all;
	long count, parallel, begun, in, over, failed, satisfied;
	uint64_t expect;
	bool brief;
	int64_t start;
	ev_io input;
	char first_error[256];
} w;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "swarm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(const char *event)
{
	printf("{\"v\":1,\"event\":\"%s\",\"count\":%ld,\"failed\":%ld,\"ms\":%lld,\"error\":\"%s\"}\n", event,
	    strcmp(event, "received") == 0 ? w.satisfied : w.in, w.failed, (long long)(clock_ms() - w.start), w.first_error);
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
	if (w.in + w.failed == w.count && w.begun == w.count && w.over >= 0) {
		say("connected");
		w.over = -1; /* said */
		if (w.brief)
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
			say("received");
			ev_break(w.loop, EVBREAK_ALL);
		}
		o->got += len;
		session_recv_app_ack(s, len);
	}
	if (session_state(s) & SESSION_FINISH_APP)
		session_receipt(s, RECEIPT_DONE, 0);
}

static void on_changed(struct conn *c, void *owner)
{
	struct one *o = owner;
	struct session *s = &c->session;

	if (o->over)
		return;
	if (session_state(s) & SESSION_JUDGE)
		session_judge(s, NULL);
	if (session_agreed(s) && !o->in) {
		o->in = true;
		w.in++;
		c->thrifty = true;
		if (w.brief)
			session_end(s);
		begin_more();
	}
	take(o);
	conn_update(c);
	if (session_state(s) & SESSION_CLOSED) {
		if (!o->in) {
			fail(session_error(s)->text);
			begin_more();
		}
		o->over = true;
		o->conn = NULL;
		conn_free(c);
	}
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
	if (read(0, &byte, 1) < 1)
		ev_break(loop, EVBREAK_ALL);
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {{"to", 1, 0, 't'}, {"count", 1, 0, 'n'}, {"parallel", 1, 0, 'p'}, {"expect", 1, 0, 'e'},
	    {"pattern", 1, 0, 'P'}, {"short", 0, 0, 's'}, {0, 0, 0, 0}};
	const char *pattern = "XX", *host = NULL;
	struct error e = {0};
	int c;

	w.count = 100;
	w.parallel = 64;
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
		else
			exit(2);
	}
	if (!host || address_parse(&w.to, host, optind < argc ? argv[optind] : NULL, false, &e) < 0 || w.count < 1) {
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
	w.config.throwaway = true;
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
	begin_more();
	settle();
	ev_run(w.loop, 0);
	return w.failed > 0;
}
