/*
 * relay: stand between two sides of a connection and do chosen things wrong.
 *
 * relay --to HOST:PORT|/PATH [options]: listens on 127.0.0.1, says on which port in one JSON line,
 * relays, and reports in one JSON line what passed and which faults really happened. See usage()
 * for the options, relay_faults.h for the faults.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>

#include "relay_conn.h"

#define CONNS_MAX 64

enum { EXIT_USAGE = 2, EXIT_CONNECT = 3, EXIT_TIMEOUT = 4 };

struct relay {
	const char *to, *listen, *report;
	int ready_fd;
	bool port_only, keep;
	unsigned count;	 /* connections to serve */
	unsigned faulty; /* faults act in the first so many connections */
	uint64_t timeout, hold, seed;
	struct shape shape;
	struct fault faults[FAULTS_MAX];
	unsigned fault_count;

	int listener;
	struct conn *conns[CONNS_MAX];
	unsigned live, accepted, refused;
	uint64_t received[2], sent[2];
	uint64_t frames[2];
	bool reset;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* ---- addresses ---- */

static int unix_address(struct sockaddr_un *sun, const char *path)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun->sun_path))
		return -1;
	memcpy(sun->sun_path, path, strlen(path));
	return 0;
}

/* ${where}: a path, an IPv4 address, or NULL for 127.0.0.1. */
static int listen_on(const char *where)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct sockaddr_un sun;
	struct sockaddr *sa = (struct sockaddr *)&sin;
	socklen_t len = sizeof(sin);
	int fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (where && where[0] != '/' && inet_pton(AF_INET, where, &sin.sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	if (where && where[0] == '/') {
		if (unix_address(&sun, where) < 0)
			return -1;
		sa = (struct sockaddr *)&sun;
		len = sizeof(sun);
	}
	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (bind(fd, sa, len) < 0 || listen(fd, 128) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int connect_one(int family, const struct sockaddr *sa, socklen_t len, uint64_t timeout)
{
	struct timeval tv = {(time_t)(timeout / SECOND), (suseconds_t)(timeout % SECOND / 1000)};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, sa, len) == 0)
		return fd;
	close(fd);
	return -1;
}

static int connect_to(const char *to, uint64_t timeout)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *ai;
	struct sockaddr_un sun;
	char host[256];
	const char *colon = strrchr(to, ':');
	bool bracket = to[0] == '[';
	int fd = -1, n;

	if (to[0] == '/')
		return unix_address(&sun, to) < 0 ? -1 : connect_one(AF_UNIX,
		    (struct sockaddr *)&sun, sizeof(sun), timeout);
	if (!colon)
		return -1;
	n = (int)(colon - to) - (bracket ? 2 : 0);
	snprintf(host, sizeof(host), "%.*s", n > 0 ? n : 0, to + (bracket ? 1 : 0));
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return -1;
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = connect_one(ai->ai_family, ai->ai_addr, ai->ai_addrlen, timeout);
	freeaddrinfo(list);
	return fd;
}

/* ---- output ---- */

static int say_ready(const struct relay *r)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);
	char line[256];
	int n;

	if (r->listen && r->listen[0] == '/')
		n = snprintf(line, sizeof(line),
		    "{\"v\":1,\"event\":\"listening\",\"path\":\"%s\"}\n", r->listen);
	else if (getsockname(r->listener, (struct sockaddr *)&sin, &len) < 0)
		return -1;
	else if (r->port_only)
		n = snprintf(line, sizeof(line), "%u\n", ntohs(sin.sin_port));
	else
		n = snprintf(line, sizeof(line), "{\"v\":1,\"event\":\"listening\","
		    "\"address\":\"%s\",\"port\":%u}\n", inet_ntoa(sin.sin_addr), ntohs(sin.sin_port));
	if (write(r->ready_fd, line, (size_t)n) != n)
		return -1;
	close(r->ready_fd);
	return 0;
}

static void report_direction(FILE *out, const struct relay *r, int i)
{
	fprintf(out, ",\"%s\":{\"received\":%llu,\"sent\":%llu,\"frames\":%llu}",
	    i == 0 ? "c2s" : "s2c", (unsigned long long)r->received[i],
	    (unsigned long long)r->sent[i], (unsigned long long)r->frames[i]);
}

static int report(const struct relay *r, int status)
{
	FILE *out = r->report ? fopen(r->report, "w") : stderr;

	if (!out)
		return -1;
	fprintf(out, "{\"v\":1,\"event\":\"relayed\",\"status\":%d,\"connections\":%u,"
	    "\"refused\":%u,\"reset\":%s", status, r->accepted, r->refused,
	    r->reset ? "true" : "false");
	report_direction(out, r, 0);
	report_direction(out, r, 1);
	fprintf(out, ",\"faults\":[");
	for (unsigned i = 0; i < r->fault_count; i++) {
		const struct fault *f = &r->faults[i];

		fprintf(out, "%s{\"fault\":\"%s\",\"done\":%u", i ? "," : "", f->spec, f->done);
		if (f->done > 0)
			fprintf(out, ",\"at\":%llu", (unsigned long long)f->done_at);
		fputc('}', out);
	}
	fprintf(out, "]}\n");
	return out == stderr ? 0 : fclose(out);
}

/* ---- connections ---- */

static void relay_drop(struct relay *r, unsigned slot)
{
	struct conn *c = r->conns[slot];
	const struct flow *flows[] = {&c->c2s, &c->s2c};

	for (int i = 0; i < 2; i++) {
		r->received[i] += flows[i]->received;
		r->sent[i] += flows[i]->sent;
		r->frames[i] += flows[i]->units.frames_seen;
	}
	r->reset = r->reset || c->reset;
	conn_free(c);
	r->conns[slot] = r->conns[--r->live];
}

static void relay_accept(struct relay *r)
{
	int on = 1, client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC), server;
	struct conn *c;

	if (client < 0)
		return;
	r->accepted++;
	server = connect_to(r->to, r->timeout);
	if (server < 0) {
		r->refused++;
		conn_close_fd(client, true);
		return;
	}
	fcntl(client, F_SETFL, O_NONBLOCK);
	fcntl(server, F_SETFL, O_NONBLOCK);
	if (r->shape.nodelay) { /* fails on Unix sockets, which have no such delay */
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	c = conn_new(client, server, r->faults, r->accepted <= r->faulty ? r->fault_count : 0);
	if (!c)
		abort();
	r->conns[r->live++] = c;
}

static bool relay_more(const struct relay *r)
{
	return r->keep || r->accepted < r->count;
}

/* Wait for events until ${due}. The listener's entry is the last. */
static int relay_wait(struct relay *r, struct pollfd *pfd, uint64_t due, uint64_t now)
{
	struct timespec ts;
	bool room = relay_more(r) && r->live < CONNS_MAX;

	for (unsigned i = 0; i < r->live; i++) {
		conn_poll(r->conns[i], pfd + 2 * i, now);
		due = conn_done(r->conns[i]) ? now : conn_due(r->conns[i], due, now);
	}
	pfd[2 * r->live] = (struct pollfd){room ? r->listener : -1, POLLIN, 0};
	due = due > now ? due - now : 0;
	ts = (struct timespec){(time_t)(due / SECOND), (long)(due % SECOND)};
	return ppoll(pfd, 2 * r->live + 1, &ts, NULL);
}

static bool relay_serve(struct relay *r, const struct pollfd *pfd, uint64_t now)
{
	bool moved = false;

	for (unsigned i = r->live; i-- > 0;) {
		if (conn_serve(r->conns[i], pfd + 2 * i, &r->shape, now))
			moved = true;
		conn_settle_all(r->conns[i], r->hold, now);
	}
	if (pfd[2 * r->live].revents & POLLIN) {
		relay_accept(r);
		moved = true;
	}
	for (unsigned i = r->live; i-- > 0;) {
		if (conn_done(r->conns[i])) {
			relay_drop(r, i);
			moved = true;
		}
	}
	return moved;
}

static bool relay_silent(const struct relay *r)
{
	for (unsigned i = 0; i < r->live; i++)
		if (r->conns[i]->silent_until > 0)
			return true;
	return false;
}

static int relay_run(struct relay *r)
{
	struct pollfd pfd[2 * CONNS_MAX + 1];
	uint64_t now = conn_now(), moved = now;

	while (!stop && (r->live > 0 || relay_more(r))) {
		for (unsigned i = 0; i < r->live; i++)
			conn_settle_all(r->conns[i], r->hold, now);
		if (relay_wait(r, pfd, moved + r->timeout, now) < 0) {
			if (errno == EINTR)
				continue;
			return EXIT_FAILURE;
		}
		now = conn_now();
		if (relay_serve(r, pfd, now) || relay_silent(r))
			moved = now; /* a silence has its own limit, --hold */
		if (now - moved >= r->timeout)
			return EXIT_TIMEOUT;
	}
	return r->refused > 0 ? EXIT_CONNECT : EXIT_SUCCESS;
}

/* ---- options ---- */

static void usage(FILE *out)
{
	fputs("Usage: relay --to HOST:PORT|/PATH [options]\n"
	      "  --listen WHERE     /PATH of a Unix socket, or an IPv4 address, instead of 127.0.0.1\n"
	      "  --ready-fd N       where the 'listening' line goes (default: standard output)\n"
	      "  --port-only        say only the port number\n"
	      "  --report FILE      where the report goes (default: standard error)\n"
	      "  --count N, --keep  serve N connections (default 1) / until SIGTERM\n"
	      "  --fault SPEC       DIR:NAME@WHERE[:ARG], repeatable; see relay_faults.h\n"
	      "  --faulty N         only in the first N connections\n"
	      "  --seed N           for random places\n"
	      "  --dribble          one byte a write; --chunk N: at most N bytes\n"
	      "  --delay-ms N       pause between writes; --rate N: bytes a second, each way\n"
	      "  --hold SECONDS     longest silence (default 60); then both sides are closed\n"
	      "  --timeout SECONDS  without any progress: status 4 (default 60)\n", out);
}

static uint64_t number_option(const char *name, const char *text, uint64_t max)
{
	const char *units = "KMG", *unit;
	uint64_t n;
	bool ok = fault_number(&text, &n) == 0;

	if (ok && *text != '\0' && (unit = strchr(units, *text)) != NULL) {
		n <<= 10 * (unit - units + 1);
		text++;
	}
	if (!ok || *text != '\0' || n > max) {
		fprintf(stderr, "relay: --%s: not a number up to %llu\n", name,
		    (unsigned long long)max);
		exit(EXIT_USAGE);
	}
	return n;
}

/* Faults are parsed when all options are known, because --seed may come later. */
static void parse_faults(struct relay *r, const char **specs)
{
	for (unsigned i = 0; i < r->fault_count; i++) {
		if (fault_parse(&r->faults[i], specs[i], &r->seed) < 0) {
			fprintf(stderr, "relay: --fault %s: not a fault that is known\n", specs[i]);
			exit(EXIT_USAGE);
		}
	}
}

static void parse_option(struct relay *r, int c, const char *name, const char **specs)
{
	switch (c) {
	case 't': r->to = optarg; break;
	case 'l': r->listen = optarg; break;
	case 'o': r->report = optarg; break;
	case 'y': r->ready_fd = (int)number_option(name, optarg, 1023); break;
	case 'p': r->port_only = true; break;
	case 'k': r->keep = true; break;
	case 'n': r->count = (unsigned)number_option(name, optarg, 1000000); break;
	case 'N': r->faulty = (unsigned)number_option(name, optarg, 1000000); break;
	case 's': r->seed = number_option(name, optarg, UINT64_MAX); break;
	case 'b': r->shape.chunk = 1; r->shape.nodelay = true; break;
	case 'c': r->shape.chunk = (uint32_t)number_option(name, optarg, 1 << 30); break;
	case 'd': r->shape.pause = number_option(name, optarg, 60000) * 1000000u; break;
	case 'r': r->shape.rate = number_option(name, optarg, 1ull << 40); break;
	case 'h': r->hold = number_option(name, optarg, 3600) * SECOND; break;
	case 'T': r->timeout = number_option(name, optarg, 3600) * SECOND; break;
	case 'f':
		if (r->fault_count < FAULTS_MAX) {
			specs[r->fault_count++] = optarg;
			break;
		}
		fprintf(stderr, "relay: at most %d faults\n", FAULTS_MAX);
		exit(EXIT_USAGE);
	default:
		usage(c == 'H' ? stdout : stderr);
		exit(c == 'H' ? EXIT_SUCCESS : EXIT_USAGE);
	}
}

static void parse(struct relay *r, int argc, char **argv)
{
	static const struct option options[] = {{"to", 1, 0, 't'}, {"listen", 1, 0, 'l'},
	    {"report", 1, 0, 'o'}, {"ready-fd", 1, 0, 'y'}, {"port-only", 0, 0, 'p'},
	    {"keep", 0, 0, 'k'}, {"count", 1, 0, 'n'}, {"faulty", 1, 0, 'N'}, {"seed", 1, 0, 's'},
	    {"dribble", 0, 0, 'b'}, {"chunk", 1, 0, 'c'}, {"delay-ms", 1, 0, 'd'},
	    {"rate", 1, 0, 'r'}, {"hold", 1, 0, 'h'}, {"timeout", 1, 0, 'T'}, {"fault", 1, 0, 'f'},
	    {"help", 0, 0, 'H'}, {0, 0, 0, 0}};
	const char *specs[FAULTS_MAX];
	int c, which = 0;

	while ((c = getopt_long(argc, argv, "", options, &which)) != -1)
		parse_option(r, c, c == '?' ? "" : options[which].name, specs);
	if (!r->to || optind != argc) {
		usage(stderr);
		exit(EXIT_USAGE);
	}
	parse_faults(r, specs);
	if (r->shape.rate > 0 && r->shape.chunk == 0) /* a tenth of a second at a time */
		r->shape.chunk = r->shape.rate < 10 ? 1 : (uint32_t)(r->shape.rate / 10 & 0x3fffffff);
}

int main(int argc, char **argv)
{
	static struct relay r = {.ready_fd = STDOUT_FILENO, .count = 1, .faulty = UINT32_MAX,
	    .timeout = 60ull * SECOND, .hold = 60ull * SECOND, .seed = 1};
	struct sigaction sa = {.sa_handler = on_signal};
	int status;

	parse(&r, argc, argv);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	r.listener = listen_on(r.listen);
	if (r.listener < 0 || say_ready(&r) < 0) {
		perror("relay: listen");
		return EXIT_CONNECT;
	}
	status = relay_run(&r);
	while (r.live > 0)
		relay_drop(&r, 0);
	if (r.listen && r.listen[0] == '/')
		unlink(r.listen);
	if (report(&r, status) < 0)
		perror("relay: report");
	return status;
}
