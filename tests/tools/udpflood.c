/*
 * udpflood: datagrams that are nothing, to one port of 127.0.0.1, as fast as they go.
 *
 * udpflood PORT ports|addresses [--sources N] [--seconds S] [--size BYTES]
 *
 * They come in turn from N (1000) ports of 127.0.0.1, or from as many addresses in 127.0.0.0/8, for S (3) seconds.
 * A line on standard output when the first were sent; at the end one JSON line says how many.
 * Status: 0, 2 usage, 3 no sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOURCES_MAX 4096
#define SIZE_MAX_UDP 60000
#define ROW 16 /* datagrams a call */

struct flood {
	int fds[SOURCES_MAX];
	unsigned count;
	uint8_t bytes[ROW][SIZE_MAX_UDP];
	uint64_t sent, state;
};

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Reproducible, and like no box and no map. */
static uint64_t next_random(struct flood *f)
{
	f->state ^= f->state << 13;
	f->state ^= f->state >> 7;
	f->state ^= f->state << 17;
	return f->state;
}

static int open_source(unsigned i, int addresses, uint16_t port)
{
	struct sockaddr_in own = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
	uint32_t at = addresses ? 0x7f020001u + ((i / 250) << 16) + ((i % 7) << 8) + i % 250 : INADDR_LOOPBACK;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	own.sin_addr.s_addr = htonl(at);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof own) == 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	perror("udpflood");
	if (fd >= 0)
		close(fd);
	return -1;
}

static void send_row(struct flood *f, int fd, size_t size)
{
	struct mmsghdr m[ROW] = {0};
	struct iovec iov[ROW];
	int sent;

	for (int i = 0; i < ROW; i++) {
		uint64_t n = next_random(f);

		memcpy(f->bytes[i], &n, sizeof n);
		iov[i] = (struct iovec){f->bytes[i], size};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	sent = sendmmsg(fd, m, ROW, MSG_NOSIGNAL);
	if (sent > 0)
		f->sent += (uint64_t)sent;
}

static int usage(void)
{
	fputs("usage: udpflood PORT ports|addresses [--sources N] [--seconds S] [--size BYTES]\n", stderr);
	return 2;
}

static void run(struct flood *f, double seconds, size_t size)
{
	double began = seconds_now(), now = began;

	for (unsigned i = 0; now < began + seconds; i = (i + 1) % f->count) {
		send_row(f, f->fds[i], size);
		if (f->sent > 0 && f->sent <= ROW) {
			puts("flooding");
			fflush(stdout);
		}
		now = seconds_now();
	}
	printf("{\"v\":1,\"sent\":%llu,\"seconds\":%.3f}\n", (unsigned long long)f->sent, now - began);
}

int main(int argc, char **argv)
{
	static struct flood f = {.state = 88172645463325252u};
	struct rlimit files = {SOURCES_MAX + 64, SOURCES_MAX + 64};
	unsigned long sources = 1000, size = 1458;
	double seconds = 3;

	if (argc < 3 || argc % 2 == 0 || (strcmp(argv[2], "ports") != 0 && strcmp(argv[2], "addresses") != 0))
		return usage();
	for (int i = 3; i < argc; i += 2) {
		if (strcmp(argv[i], "--sources") == 0)
			sources = strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(argv[i + 1], NULL);
		else if (strcmp(argv[i], "--size") == 0)
			size = strtoul(argv[i + 1], NULL, 10);
		else
			return usage();
	}
	if (sources < 1 || sources > SOURCES_MAX || size < 8 || size > SIZE_MAX_UDP)
		return usage();
	(void)setrlimit(RLIMIT_NOFILE, &files);
	for (unsigned i = 0; i < ROW; i++)
		for (size_t k = 0; k + 8 <= size; k += 8) {
			uint64_t n = next_random(&f);

			memcpy(f.bytes[i] + k, &n, sizeof n);
		}
	while (f.count < sources) {
		f.fds[f.count] = open_source(f.count, argv[2][0] == 'a', (uint16_t)strtoul(argv[1], NULL, 10));
		if (f.fds[f.count++] < 0)
			return 3;
	}
	run(&f, seconds, size);
	return 0;
}
