/*
 * helloload: very many first messages of vault/1, at next to no cost to whom sends them.
 *
 *   helloload PORT COUNT PARALLEL PATTERN [KEY]
 *
 * The hello of PATTERN (IK wants the server's KEY) is made once. COUNT connections to 127.0.0.1, PARALLEL at a time, each
 * say it, take the answer, for which the server computes all that it does for a client of its own, and leave by a
 * reset. The answer to the first one is opened, the others' lengths are checked.
 * Standard output gets a line like swarm's. Status 0 if none failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/handshake.h"
#include "run/keyfile.h"

#define PARALLEL_MOST 1024
#define STUCK_MS 10000
#define AT_ONCE 64

static struct {
	struct handshake h; /* of the first */
	uint8_t hello[HANDSHAKE_MAXOUT], server[KEY_BYTES];
	size_t hello_len, answer_len;
	struct sockaddr_in to;
	long count, parallel, begun, done;
	bool opened;
	int epoll;
	char error[256];
} w;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "helloload: %s: %s\n", what, why);
	exit(2);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void prepare(const char *pattern, const char *key)
{
	struct handshake_config config = {.initiator = true, .rng = &secret_rng};
	struct error e = {0};
	struct key k = {0};
	char name[NOISE_MAXNAME];

	if (key && (keyfile_read_public(&k, NULL, key, &e) < 0 || key_x25519_public(w.server, &k) != KEYTEXT_OK))
		die(key, e.text);
	config.remote_static = key ? w.server : NULL;
	snprintf(name, sizeof name, "Noise_%s_25519_AESGCM_SHA512", pattern);
	if (noise_protocol_parse(&config.protocol, name, strlen(name)) != NOISE_OK || handshake_start(&w.h, &config) < 0)
		die(pattern, w.h.error.text);
	memcpy(w.hello, w.h.out, w.h.out_len);
	w.hello_len = w.h.out_len;
	w.h.out_len = 0;
	w.answer_len = 2 + noise_protocol_message_len(&config.protocol, 1);
}

/* All over the loopback interface, so that each is one segment: the connection stands at once. */
static void begin(void)
{
	const struct linger reset = {.l_onoff = 1};
	struct epoll_event ev = {.events = EPOLLIN};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&w.to, sizeof w.to) < 0)
		die("connect", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	ev.data.fd = fd;
	if (send(fd, w.hello, w.hello_len, MSG_NOSIGNAL) != (ssize_t)w.hello_len || epoll_ctl(w.epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("send", strerror(errno));
	w.begun++;
}

static bool good(const uint8_t *answer, ssize_t n)
{
	if (n != (ssize_t)w.answer_len || answer[0] != (w.answer_len - 2) >> 8 || answer[1] != ((w.answer_len - 2) & 0xff))
		return false;
	if (w.opened)
		return true;
	w.opened = handshake_feed(&w.h, answer, w.answer_len) == w.answer_len && w.h.step == HANDSHAKE_JUDGE;
	return w.opened;
}

static void finish(int fd)
{
	uint8_t answer[HANDSHAKE_MAXMSG];
	ssize_t n = recv(fd, answer, sizeof answer, 0);

	if (good(answer, n))
		w.done++;
	else
		snprintf(w.error, sizeof w.error, n < 0 ? "recv: %s" : "not the answer", strerror(errno));
	close(fd);
	if (w.begun < w.count)
		begin();
}

static void run(void)
{
	struct epoll_event events[AT_ONCE];

	for (long over = 0; over < w.count;) {
		int n;

		while (w.begun < w.count && w.begun - over < w.parallel)
			begin();
		n = epoll_wait(w.epoll, events, AT_ONCE, STUCK_MS);
		if (n == 0)
			snprintf(w.error, sizeof w.error, "nothing comes any more");
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		for (int i = 0; i < n; i++, over++)
			finish(events[i].data.fd);
	}
}

int main(int argc, char **argv)
{
	int64_t start;

	if (argc != 5 && argc != 6)
		die("usage", "helloload PORT COUNT PARALLEL PATTERN [KEY]");
	if (secret_init() < 0 || (w.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		die("start", strerror(errno));
	w.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	w.to.sin_port = htons((uint16_t)atoi(argv[1]));
	w.count = atol(argv[2]);
	w.parallel = atol(argv[3]);
	if (w.count < 1 || w.parallel < 1 || w.parallel > PARALLEL_MOST)
		die("usage", "COUNT and PARALLEL (at most 1024)");
	prepare(argv[4], argv[5]);
	start = now_ms();
	run();
	printf("{\"v\":1,\"event\":\"delivered\",\"count\":%ld,\"failed\":%ld,\"ms\":%lld,\"error\":\"%s\"}\n", w.done,
	    w.count - w.done, (long long)(now_ms() - start), w.error);
	return w.done < w.count;
}
