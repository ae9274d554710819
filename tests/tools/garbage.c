/*
 * garbage: strangers who talk nonsense, many of them, reproducibly.
 *
 * garbage client HOST PORT [--count N] [--parallel P] [--seed S] [--limit-ms T]
 * garbage server [--count N] [--seed S] [--limit-ms T] [--ready-fd N]
 *
 * The client connects N times, up to P at once; the server answers N connections. Each one sends
 * random bytes, or the beginning of a plausible hello (client) or answer (server), or nothing, then
 * ends by FIN, by reset or by waiting for the other side; no connection lasts longer than T.
 * At the end one JSON line on standard output counts what was sent and how the other side took it.
 * Status: 0, 2 usage, 3 some connection could not be made, 4 nobody came to the server for 60 s.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PARALLEL_MAX 256
#define BYTES_MAX 70000
#define ACCEPT_MS 60000

enum shape { SHAPE_NOTHING, SHAPE_RANDOM, SHAPE_CUT, SHAPE_FLIPPED, SHAPE_BEHIND, SHAPE_COUNT };
static const char *const shape_names[] = {"nothing", "random", "cut", "flipped", "behind"};

enum ending { END_FIN, END_RESET, END_WAIT, END_COUNT };

struct stranger {
	int fd;
	enum ending ending;
	bool said; /* all is sent */
	uint32_t at, len;
	int64_t until;
	uint8_t bytes[BYTES_MAX];
};

struct garbage {
	bool server;
	struct sockaddr_in address;
	unsigned count, parallel, begun, live;
	int limit_ms, ready_fd, listener;
	uint64_t seed;
	struct stranger *strangers[PARALLEL_MAX];
	unsigned shapes[SHAPE_COUNT], fin, reset, expired, failed;
	uint64_t sent, received;
};

static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(next_random(seed) % n);
}

static void random_bytes(uint64_t *seed, uint8_t *p, uint32_t n)
{
	while (n-- > 0)
		*p++ = (uint8_t)next_random(seed);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- what to say ---- */

/* A hello whose message 1 is random bytes (as good as any key in XX and NN), or a second message
 * of the length that XX has. */
static uint32_t plausible(struct garbage *g, uint8_t *p)
{
	static const char *const names[] = {"Noise_XX_25519_ChaChaPoly_SHA512",
	    "Noise_NN_25519_AESGCM_SHA512", "Noise_IK_25519_ChaChaPoly_BLAKE2b",
	    "Noise_XXpsk3_25519_AESGCM_SHA512"};
	static const uint8_t lengths[] = {32, 32, 96, 32};
	uint32_t which = below(&g->seed, 4), n, m = lengths[which];

	if (g->server) {
		p[0] = 0;
		p[1] = 96;
		random_bytes(&g->seed, p + 2, 96);
		return 98;
	}
	n = (uint32_t)strlen(names[which]);
	memcpy(p, "VLT1", 4);
	p[4] = (uint8_t)n;
	memcpy(p + 5, names[which], n);
	p[5 + n] = 0;
	p[6 + n] = (uint8_t)m;
	random_bytes(&g->seed, p + 7 + n, m);
	return 7 + n + m;
}

static void compose(struct garbage *g, struct stranger *s)
{
	enum shape shape = (enum shape)below(&g->seed, SHAPE_COUNT);
	uint32_t extra = below(&g->seed, 8) == 0 ? 60000 : 600;

	g->shapes[shape]++;
	s->ending = (enum ending)below(&g->seed, END_COUNT);
	switch (shape) {
	case SHAPE_RANDOM:
		s->len = 1 + below(&g->seed, extra);
		random_bytes(&g->seed, s->bytes, s->len);
		break;
	case SHAPE_CUT:
		s->len = below(&g->seed, plausible(g, s->bytes));
		break;
	case SHAPE_FLIPPED:
		s->len = plausible(g, s->bytes);
		s->bytes[below(&g->seed, s->len)] ^= (uint8_t)(1u << below(&g->seed, 8));
		break;
	case SHAPE_BEHIND: /* nonsense behind what is right so far */
		s->len = plausible(g, s->bytes);
		random_bytes(&g->seed, s->bytes + s->len, extra);
		s->len += extra;
		break;
	default:
		s->len = 0;
	}
}

/* ---- strangers ---- */

static int dial(const struct garbage *g)
{
	struct timeval tv = {5, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (const struct sockaddr *)&g->address, sizeof(g->address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void begin(struct garbage *g)
{
	int fd = g->server ? accept4(g->listener, NULL, NULL, SOCK_CLOEXEC) : dial(g);
	struct stranger *s;

	g->begun++;
	if (fd < 0) {
		g->failed++;
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	s->fd = fd;
	s->until = now_ms() + g->limit_ms;
	compose(g, s);
	g->strangers[g->live++] = s;
}

static void end(struct garbage *g, unsigned i, bool reset)
{
	struct linger hard = {1, 0};
	struct stranger *s = g->strangers[i];

	if (reset)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(s->fd);
	free(s);
	g->strangers[i] = g->strangers[--g->live];
}

/* Send what can be sent. True if that was the end of it by our own will. */
static bool speak(struct garbage *g, struct stranger *s)
{
	ssize_t n = send(s->fd, s->bytes + s->at, s->len - s->at, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0) {
		s->at += (uint32_t)n;
		g->sent += (uint64_t)n;
	}
	if (n < 0 && errno != EAGAIN)
		s->at = s->len; /* the other side has had enough; reading tells how */
	if (s->at < s->len)
		return false;
	s->said = true;
	if (s->ending == END_FIN)
		shutdown(s->fd, SHUT_WR);
	return s->ending == END_RESET;
}

/* Read. True if the other side has ended it. */
static bool listen_to(struct garbage *g, struct stranger *s)
{
	uint8_t buf[4096];
	ssize_t n = recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0)
		g->received += (uint64_t)n;
	else if (n == 0)
		g->fin++;
	else if (errno != EAGAIN)
		g->reset++;
	return n == 0 || (n < 0 && errno != EAGAIN);
}

static void serve(struct garbage *g, const struct pollfd *pfd)
{
	int64_t now = now_ms();

	for (unsigned i = g->live; i-- > 0;) {
		struct stranger *s = g->strangers[i];

		if (!s->said && (pfd[i].revents & (POLLOUT | POLLERR)) && speak(g, s)) {
			end(g, i, true);
		} else if ((pfd[i].revents & (POLLIN | POLLHUP | POLLERR)) && listen_to(g, s)) {
			end(g, i, false);
		} else if (now >= s->until) {
			g->expired++;
			end(g, i, true);
		}
	}
}

static int run(struct garbage *g)
{
	struct pollfd pfd[PARALLEL_MAX + 1];
	int64_t came = now_ms();

	while (g->begun < g->count || g->live > 0) {
		bool room = g->begun < g->count && g->live < g->parallel;

		if (room && !g->server) {
			begin(g);
			continue;
		}
		for (unsigned i = 0; i < g->live; i++)
			pfd[i] = (struct pollfd){g->strangers[i]->fd,
			    (short)(g->strangers[i]->said ? POLLIN : POLLIN | POLLOUT), 0};
		pfd[g->live] = (struct pollfd){room ? g->listener : -1, POLLIN, 0};
		if (poll(pfd, g->live + 1, 20) < 0)
			return 1;
		room = pfd[g->live].revents & POLLIN;
		serve(g, pfd);
		if (room) {
			begin(g);
			came = now_ms();
		}
		if (g->live == 0 && now_ms() - came > ACCEPT_MS)
			return 4;
	}
	return g->failed > 0 ? 3 : 0;
}

/* ---- options and report ---- */

static void report(const struct garbage *g)
{
	printf("{\"v\":1,\"connections\":%u,\"failed\":%u,\"shapes\":{", g->begun, g->failed);
	for (int i = 0; i < SHAPE_COUNT; i++)
		printf("%s\"%s\":%u", i ? "," : "", shape_names[i], g->shapes[i]);
	printf("},\"sent\":%llu,\"received\":%llu,\"peer_fin\":%u,\"peer_reset\":%u,\"expired\":%u}\n",
	    (unsigned long long)g->sent, (unsigned long long)g->received, g->fin, g->reset, g->expired);
}

static int open_server(struct garbage *g)
{
	socklen_t len = sizeof(g->address);
	char line[128];
	int n;

	g->address.sin_family = AF_INET;
	g->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (g->listener < 0 || bind(g->listener, (struct sockaddr *)&g->address, len) < 0 ||
	    listen(g->listener, 128) < 0 ||
	    getsockname(g->listener, (struct sockaddr *)&g->address, &len) < 0)
		return -1;
	n = snprintf(line, sizeof(line), "{\"v\":1,\"event\":\"listening\",\"address\":\"127.0.0.1\","
	    "\"port\":%u}\n", ntohs(g->address.sin_port));
	if (write(g->ready_fd, line, (size_t)n) != n)
		return -1;
	if (g->ready_fd > STDERR_FILENO)
		close(g->ready_fd);
	return 0;
}

static int parse_numbers(struct garbage *g, int argc, char **argv, int i)
{
	for (; i < argc; i += 2) {
		char *end_of;
		unsigned long long n = i + 1 < argc ? strtoull(argv[i + 1], &end_of, 10) : 0;

		if (i + 1 >= argc || *end_of != '\0' || end_of == argv[i + 1])
			return -1;
		if (strcmp(argv[i], "--count") == 0 && n <= 1000000)
			g->count = (unsigned)n;
		else if (strcmp(argv[i], "--parallel") == 0 && n >= 1 && n <= PARALLEL_MAX)
			g->parallel = (unsigned)n;
		else if (strcmp(argv[i], "--seed") == 0)
			g->seed = n;
		else if (strcmp(argv[i], "--limit-ms") == 0 && n <= 600000)
			g->limit_ms = (int)n;
		else if (strcmp(argv[i], "--ready-fd") == 0 && n < 1024)
			g->ready_fd = (int)n;
		else
			return -1;
	}
	return 0;
}

static int parse(struct garbage *g, int argc, char **argv)
{
	const char *host;

	if (argc >= 2 && strcmp(argv[1], "server") == 0) {
		g->server = true;
		return parse_numbers(g, argc, argv, 2);
	}
	if (argc < 4 || strcmp(argv[1], "client") != 0)
		return -1;
	host = strcmp(argv[2], "localhost") == 0 ? "127.0.0.1" : argv[2];
	g->address.sin_family = AF_INET;
	g->address.sin_port = htons((uint16_t)atoi(argv[3]));
	if (inet_pton(AF_INET, host, &g->address.sin_addr) != 1)
		return -1;
	return parse_numbers(g, argc, argv, 4);
}

int main(int argc, char **argv)
{
	static struct garbage g = {.count = 100, .parallel = 8, .limit_ms = 500, .seed = 1,
	    .ready_fd = STDOUT_FILENO};
	int status;

	if (parse(&g, argc, argv) < 0) {
		fprintf(stderr, "Usage: garbage client HOST PORT | server  [--count N] [--parallel P] "
		    "[--seed S] [--limit-ms T] [--ready-fd N]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (g.server && open_server(&g) < 0) {
		perror("garbage: listen");
		return 3;
	}
	status = run(&g);
	report(&g);
	return status;
}
