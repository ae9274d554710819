/*
 * udploop: the least that messages in boxes over UDP need, to compare with. Nothing but
 *
 *   udploop recv SIZE DATAGRAM gso|mmsg READY_FD   receive, open, write; the port goes to READY_FD
 *   udploop send SIZE DATAGRAM gso|mmsg PORT       read texts of SIZE bytes, seal, send
 *
 * on 127.0.0.1. Each datagram is a NaCl box (24 nonce, 16 tag) around 24 bytes, the text and zeros
 * that make it DATAGRAM bytes, with a fixed key. gso: many datagrams a system call, cut and joined by the kernel; mmsg: sendmmsg and
 * recvmmsg. A window of datagrams that the receiver confirms keeps it from losing any; the last,
 * empty one ends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define NONCE 24
#define TAG 16
#define INNER 24 /* inner nonce, time */
#define HEAD (NONCE + TAG + INNER)
#define TEXT_MAX 9000
#define BATCH 64
#define GSO_MOST 64
#define GSO_BYTES 65000
#define WINDOW_BYTES (1500 * 1000)
#define CONFIRM_EVERY 64

static const uint8_t key[32] = "the same for everyone: a measure";
static uint8_t wire[BATCH][1 << 16], plain[BATCH * (TEXT_MAX + HEAD) * 2];

struct loop {
	int fd;
	size_t text, datagram;
	bool gso;
	uint64_t count, confirmed; /* datagrams */
	uint8_t nonce[NONCE];
	struct mmsghdr heads[BATCH];
	struct iovec iov[BATCH];
	char cmsg[BATCH][64];
};

static void die(const char *what)
{
	fprintf(stderr, "udploop: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- boxes ---- */

static void seal(struct loop *l, uint8_t *out, const uint8_t *text, size_t n)
{
	uint64_t count = l->count++;
	uint32_t size = (uint32_t)n;

	memcpy(l->nonce + 16, &count, sizeof(count));
	memcpy(out, l->nonce, NONCE);
	memset(out + NONCE + TAG, 0, INNER);
	memcpy(out + NONCE + TAG, &size, sizeof(size));
	memcpy(out + HEAD, text, n);
	memset(out + HEAD + n, 0, l->datagram - HEAD - n);
	if (crypto_box_easy_afternm(out + NONCE, out + NONCE + TAG, l->datagram - NONCE - TAG,
	    l->nonce, key) != 0)
		die("box");
}

/* Open a datagram; returns the size of its text, at out + INNER. */
static size_t open_box(uint8_t *out, const uint8_t *in, size_t n)
{
	uint32_t size;

	if (n < HEAD || crypto_box_open_easy_afternm(out, in + NONCE, n - NONCE, in, key) != 0) {
		fputs("udploop: forged\n", stderr);
		exit(1);
	}
	memcpy(&size, out, sizeof(size));
	return size;
}

/* ---- sending ---- */

/* Wait until no more than a window is on its way. */
static void wait_window(struct loop *l, uint64_t window)
{
	uint64_t n;

	while (l->count - l->confirmed > window) {
		if (recv(l->fd, &n, sizeof(n), 0) != sizeof(n))
			die("recv");
		l->confirmed = n;
	}
}

static void send_heads(struct loop *l, unsigned count)
{
	unsigned done = 0;

	while (done < count) {
		int r = sendmmsg(l->fd, l->heads + done, count - done, 0);

		if (r < 0)
			die("sendmmsg");
		done += (unsigned)r;
	}
}

/* One system call cuts ${n} bytes into datagrams. */
static void send_segments(struct loop *l, size_t n)
{
	struct iovec iov = {wire[0], n};
	char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct msghdr head = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&head);
	uint16_t size = (uint16_t)l->datagram;

	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
	if (sendmsg(l->fd, &head, 0) != (ssize_t)n)
		die("sendmsg");
}

/* Seal up to ${most} texts out of ${n} bytes and send them; returns the bytes used. */
static size_t send_batch(struct loop *l, const uint8_t *texts, size_t n, unsigned most)
{
	size_t used = 0, at = 0;
	unsigned count = 0;

	while (count < most && (used < n || n == 0)) {
		size_t text = n - used < l->text ? n - used : l->text;
		uint8_t *out = l->gso ? wire[0] + at : wire[count];

		seal(l, out, texts + used, text);
		l->iov[count] = (struct iovec){out, l->datagram};
		l->heads[count].msg_hdr =
		    (struct msghdr){.msg_iov = &l->iov[count], .msg_iovlen = 1};
		at += l->datagram;
		used += text;
		count++;
		if (n == 0)
			break;
	}
	if (l->gso)
		send_segments(l, at);
	else
		send_heads(l, count);
	return used;
}

static size_t read_texts(size_t want)
{
	size_t have = 0;

	while (have < want) {
		ssize_t r = read(STDIN_FILENO, plain + have, want - have);

		if (r < 0)
			die("read");
		if (r == 0)
			break;
		have += (size_t)r;
	}
	return have;
}

static void send_loop(struct loop *l)
{
	uint64_t window = WINDOW_BYTES / l->datagram;
	unsigned most = BATCH;
	size_t have, used;

	if (l->gso)
		most = (unsigned)(GSO_BYTES / l->datagram < GSO_MOST ?
		    GSO_BYTES / l->datagram : GSO_MOST);
	do {
		have = read_texts(most * l->text);
		wait_window(l, window - most);
		used = send_batch(l, plain, have, most);
	} while (used > 0);
	wait_window(l, 0);
}

/* ---- receiving ---- */

static void write_all(const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t r = write(STDOUT_FILENO, p, n);

		if (r < 0)
			die("write");
		p += r;
		n -= (size_t)r;
	}
}

/* The size of the datagrams that the kernel joined in this one. */
static size_t segment_of(struct msghdr *head, size_t n)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c)) {
		int size;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return size > 0 ? (size_t)size : n;
	}
	return n;
}

/* Open what one receive brought; false after the last one. */
static bool take(struct loop *l, const uint8_t *in, size_t n, size_t segment)
{
	size_t at = 0, out = 0;
	bool more = true;

	while (at < n) {
		size_t len = n - at < segment ? n - at : segment;
		size_t text = open_box(plain + out, in + at, len);

		/* The texts are written as one: this one goes over its own 24 bytes. */
		memmove(plain + out, plain + out + INNER, text);
		out += text;
		at += len;
		l->count++;
		more = text > 0;
	}
	write_all(plain, out);
	return more;
}

static void confirm(struct loop *l, const struct sockaddr_in *to, bool last)
{
	if (l->count < l->confirmed + CONFIRM_EVERY && !last)
		return;
	l->confirmed = l->count;
	if (sendto(l->fd, &l->count, sizeof(l->count), 0, (const struct sockaddr *)to,
	    sizeof(*to)) < 0)
		die("sendto");
}

static void recv_loop(struct loop *l)
{
	struct sockaddr_in from = {0};
	bool more = true;

	while (more) {
		int got;

		for (unsigned i = 0; i < BATCH; i++) {
			l->iov[i] = (struct iovec){wire[i], sizeof(wire[i])};
			l->heads[i].msg_hdr = (struct msghdr){.msg_name = &from,
			    .msg_namelen = sizeof(from), .msg_iov = &l->iov[i], .msg_iovlen = 1,
			    .msg_control = l->cmsg[i], .msg_controllen = sizeof(l->cmsg[i])};
		}
		got = recvmmsg(l->fd, l->heads, BATCH, MSG_WAITFORONE, NULL);
		if (got < 0)
			die("recvmmsg");
		for (int i = 0; i < got && more; i++)
			more = take(l, wire[i], l->heads[i].msg_len,
			    segment_of(&l->heads[i].msg_hdr, l->heads[i].msg_len));
		confirm(l, &from, !more);
	}
}

/* ---- set-up ---- */

static void connect_to(struct loop *l, in_port_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(l->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		die("connect");
}

static void listen_at(struct loop *l, int ready)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	int on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    getsockname(l->fd, (struct sockaddr *)&sin, &len) < 0)
		die("bind");
	if (l->gso && setsockopt(l->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0)
		die("UDP_GRO");
	dprintf(ready, "%u\n", (unsigned)ntohs(sin.sin_port));
	close(ready);
}

int main(int argc, char **argv)
{
	static struct loop l;
	struct timeval patience = {20, 0};
	int buffer = 4 << 20;
	bool sending = argc == 6 && strcmp(argv[1], "send") == 0;

	if (argc != 6 || (!sending && strcmp(argv[1], "recv") != 0) || atoi(argv[2]) < 1 ||
	    atoi(argv[3]) < atoi(argv[2]) + HEAD || atoi(argv[3]) > TEXT_MAX + HEAD) {
		fputs("Usage: udploop send SIZE DATAGRAM gso|mmsg PORT\n"
		      "       udploop recv SIZE DATAGRAM gso|mmsg READY_FD\n", stderr);
		return 2;
	}
	l.text = (size_t)atoi(argv[2]);
	l.datagram = (size_t)atoi(argv[3]);
	l.gso = strcmp(argv[4], "gso") == 0;
	l.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (l.fd < 0 || sodium_init() < 0)
		die("socket");
	setsockopt(l.fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(l.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(l.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (sending) {
		connect_to(&l, (in_port_t)atoi(argv[5]));
		send_loop(&l);
	} else {
		listen_at(&l, atoi(argv[5]));
		recv_loop(&l);
	}
	return 0;
}
