/*
 * bareloop: the least that an encrypted pipe can do, to compare with. Nothing but
 *
 *   bareloop send aes|chacha PORT        read, AEAD, send
 *   bareloop recv aes|chacha READY_FD    recv, AEAD, write; the port goes to READY_FD as a line
 *
 * on 127.0.0.1: 16 records of 65519 bytes a call, a fixed key, no handshake, one direction. The
 * AEAD is the tools' own, with the library that they use on bulk data. A record
 * is a length of two bytes, big endian, then ciphertext and tag; one without content is the end.
 * Status 0 only if the end was seen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "crypto/aead.h"

#define RECORDS 16
#define PLAIN 65519
#define TAG 16
#define RECORD (2 + PLAIN + TAG)
#define PIPE_SIZE (1 << 20)

static const uint8_t key[32] = "the same for everyone: a measure";
static uint8_t plain[RECORDS * PLAIN], wire[RECORDS * RECORD];

static void die(const char *what)
{
	fprintf(stderr, "bareloop: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- one direction of an AEAD ---- */

struct cipher {
	struct aead aead;
	uint64_t n;
	uint8_t nonce[AEAD_NONCEBYTES];
};

static void cipher_init(struct cipher *c, bool aes)
{
	if (sodium_init() < 0 || aead_init(&c->aead, aes ? AEAD_AESGCM : AEAD_CHACHAPOLY, key) < 0) {
		fputs("bareloop: this cipher is not available\n", stderr);
		exit(1);
	}
	c->aead.done = AEAD_BULK;
}

static void next_nonce(struct cipher *c)
{
	uint64_t n = c->n++;

	memcpy(c->nonce + 4, &n, sizeof(n));
}

static void cipher_seal(struct cipher *c, uint8_t *out, const uint8_t *in, size_t len)
{
	next_nonce(c);
	if (aead_seal(&c->aead, c->nonce, NULL, 0, in, len, out) < 0)
		die("seal");
}

static int cipher_open(struct cipher *c, uint8_t *out, const uint8_t *in, size_t len)
{
	next_nonce(c);
	return aead_open(&c->aead, c->nonce, NULL, 0, in, len + TAG, out);
}

/* ---- the two loops ---- */

static void write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t r = write(fd, p, n);

		if (r < 0)
			die("write");
		p += r;
		n -= (size_t)r;
	}
}

/* Seal ${len} bytes as one record; returns its size. */
static size_t put_record(struct cipher *c, uint8_t *out, const uint8_t *in, size_t len)
{
	out[0] = (uint8_t)((len + TAG) >> 8);
	out[1] = (uint8_t)(len + TAG);
	cipher_seal(c, out + 2, in, len);
	return 2 + len + TAG;
}

static void send_loop(struct cipher *c, int fd)
{
	uint8_t end;
	ssize_t n;

	do {
		size_t done = 0, out = 0, len;

		n = read(STDIN_FILENO, plain, sizeof(plain));
		if (n < 0)
			die("read");
		do {
			len = (size_t)n - done < PLAIN ? (size_t)n - done : PLAIN;
			out += put_record(c, wire + out, plain + done, len);
			done += len;
		} while (done < (size_t)n);
		write_all(fd, wire, out);
	} while (n > 0);
	shutdown(fd, SHUT_WR);
	if (recv(fd, &end, 1, 0) < 0)
		die("recv");
}

/* Open the whole records among ${have} bytes and write them out; returns the bytes used. */
static size_t take_records(struct cipher *c, size_t have, bool *ended)
{
	size_t used = 0, out = 0;

	while (have - used >= 2) {
		size_t len = (size_t)wire[used] << 8 | wire[used + 1];

		if (have - used < 2 + len)
			break;
		if (len < TAG || len > PLAIN + TAG ||
		    cipher_open(c, plain + out, wire + used + 2, len - TAG) != 0) {
			fputs("bareloop: forged\n", stderr);
			exit(1);
		}
		*ended = len == TAG;
		out += len - TAG;
		used += 2 + len;
	}
	write_all(STDOUT_FILENO, plain, out);
	return used;
}

static void recv_loop(struct cipher *c, int fd)
{
	bool ended = false;
	size_t have = 0, used;
	ssize_t n;

	while (!ended) {
		n = recv(fd, wire + have, sizeof(wire) - have, 0);
		if (n <= 0)
			die(n < 0 ? "recv" : "cut");
		have += (size_t)n;
		used = take_records(c, have, &ended);
		have -= used;
		memmove(wire, wire + used, have);
	}
}

/* ---- connection ---- */

static int connect_port(in_port_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		die("connect");
	return fd;
}

static int accept_one(int ready)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	int fd, listener = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&sin, &len) < 0)
		die("listen");
	dprintf(ready, "%u\n", (unsigned)ntohs(sin.sin_port));
	close(ready);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept");
	close(listener);
	return fd;
}

int main(int argc, char **argv)
{
	struct cipher c = {0};
	int fd, on = 1;
	bool seal = argc == 4 && strcmp(argv[1], "send") == 0;

	if (argc != 4 || (!seal && strcmp(argv[1], "recv") != 0)) {
		fputs("Usage: bareloop send aes|chacha PORT\n"
		      "       bareloop recv aes|chacha READY_FD\n", stderr);
		return 2;
	}
	cipher_init(&c, strcmp(argv[2], "aes") == 0);
	fd = seal ? connect_port((in_port_t)atoi(argv[3])) : accept_one(atoi(argv[3]));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
#ifdef F_SETPIPE_SZ
	(void)fcntl(seal ? STDIN_FILENO : STDOUT_FILENO, F_SETPIPE_SZ, PIPE_SIZE);
#endif
	if (seal)
		send_loop(&c, fd);
	else
		recv_loop(&c, fd);
	return 0;
}
