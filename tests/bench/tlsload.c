/*
 * tlsload: very many TLS 1.3 handshakes, one after the other and at once, as swarm --short does them for vault/1.
 *
 *   tlsload PORT COUNT PARALLEL CA [CERT KEY [BACKEND_FD]]
 *
 * COUNT clients connect to 127.0.0.1, PARALLEL at a time, each with a handshake of its own (X25519, nothing is
 * resumed), check the server's certificate against CA, say close_notify and wait for that of the server, which
 * proves that it has completed the handshake, too. With CERT and KEY they have a certificate. BACKEND_FD is a
 * listening socket: whoever connects to it (a proxy) is let go at once.
 * Standard output gets a line like swarm's. Status 0 if none failed.
 */
#include <stdio.h>

#if WITH_LIBCRYPTO

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PARALLEL_MOST 1024
#define STUCK_MS 10000

struct slot {
	SSL *ssl;
	bool shaken; /* the handshake is done, on our side */
};

static struct {
	SSL_CTX *ctx;
	struct sockaddr_in to;
	long count, parallel, begun, done, failed;
	int backend;
	struct slot slots[PARALLEL_MOST];
	struct pollfd fds[PARALLEL_MOST + 1]; /* the last one: backend */
	char first_error[256];
} w;

static _Noreturn void die(const char *what)
{
	unsigned long code = ERR_get_error();

	fprintf(stderr, "tlsload: %s: %s\n", what, code ? ERR_reason_error_string(code) : strerror(errno));
	exit(2);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void begin(long i)
{
	struct slot *s = &w.slots[i];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		die("socket");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (struct sockaddr *)&w.to, sizeof w.to) < 0 && errno != EINPROGRESS)
		die("connect");
	s->ssl = SSL_new(w.ctx);
	if (!s->ssl || SSL_set_fd(s->ssl, fd) != 1)
		die("SSL_new");
	SSL_set_connect_state(s->ssl);
	s->shaken = false;
	w.fds[i] = (struct pollfd){.fd = fd, .events = POLLOUT};
	w.begun++;
}

static void finish(long i, const char *why)
{
	struct slot *s = &w.slots[i];

	if (why) {
		w.failed++;
		if (w.first_error[0] == '\0')
			snprintf(w.first_error, sizeof w.first_error, "%s", why);
	} else
		w.done++;
	SSL_free(s->ssl);
	s->ssl = NULL;
	close(w.fds[i].fd);
	w.fds[i].fd = -1;
	if (w.begun < w.count)
		begin(i);
}

/* One call of the library as far as it goes: 1 done, 0 later, -1 over. */
static int outcome(long i, int rc)
{
	switch (SSL_get_error(w.slots[i].ssl, rc)) {
	case SSL_ERROR_NONE:
		return 1;
	case SSL_ERROR_WANT_READ:
		w.fds[i].events = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		w.fds[i].events = POLLOUT;
		return 0;
	default:
		return -1;
	}
}

/* Our close_notify, then until the server's has come: what else it says is of no interest. */
static int leave(long i)
{
	SSL *ssl = w.slots[i].ssl;
	uint8_t rest[4096];
	int rc;

	if (!(SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)) {
		rc = SSL_shutdown(ssl);
		if (rc < 0)
			return outcome(i, rc);
	}
	do {
		rc = SSL_read(ssl, rest, sizeof rest);
	} while (rc > 0);
	if (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN)
		return 1;
	return outcome(i, rc);
}

static void step(long i)
{
	struct slot *s = &w.slots[i];
	unsigned long code;
	int rc;

	ERR_clear_error();
	rc = s->shaken ? 1 : outcome(i, SSL_do_handshake(s->ssl));
	if (rc == 1) {
		s->shaken = true;
		rc = leave(i);
	}
	if (rc == 0)
		return;
	code = ERR_get_error();
	finish(i, rc > 0 ? NULL : code ? ERR_reason_error_string(code) : "the connection ended");
}

static void let_go(void)
{
	int fd = accept4(w.backend, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		close(fd);
}

static void run(void)
{
	for (long i = 0; i < w.parallel; i++) {
		w.fds[i].fd = -1;
		if (w.begun < w.count)
			begin(i);
	}
	w.fds[w.parallel] = (struct pollfd){.fd = w.backend, .events = POLLIN};
	while (w.done + w.failed < w.count) {
		int n = poll(w.fds, (nfds_t)w.parallel + 1, STUCK_MS);

		if (n == 0)
			snprintf(w.first_error, sizeof w.first_error, "nothing comes any more");
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (w.fds[w.parallel].revents)
			let_go();
		for (long i = 0; i < w.parallel; i++)
			if (w.fds[i].fd >= 0 && w.fds[i].revents)
				step(i);
	}
	w.failed = w.count - w.done;
}

static void set_up(char **argv)
{
	SSL_CTX *ctx = w.ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 || SSL_CTX_set1_groups_list(ctx, "X25519") != 1)
		die("TLS 1.3");
	if (SSL_CTX_load_verify_locations(ctx, argv[4], NULL) != 1)
		die(argv[4]);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (argv[5] && (!argv[6] || SSL_CTX_use_certificate_file(ctx, argv[5], SSL_FILETYPE_PEM) != 1 ||
			   SSL_CTX_use_PrivateKey_file(ctx, argv[6], SSL_FILETYPE_PEM) != 1))
		die(argv[5]);
}

int main(int argc, char **argv)
{
	int64_t start;

	if (argc != 5 && argc != 7 && argc != 8) {
		fprintf(stderr, "usage: tlsload PORT COUNT PARALLEL CA [CERT KEY [BACKEND_FD]]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	w.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	w.to.sin_port = htons((uint16_t)atoi(argv[1]));
	w.count = atol(argv[2]);
	w.parallel = atol(argv[3]);
	w.backend = argc == 8 ? atoi(argv[7]) : -1;
	if (w.count < 1 || w.parallel < 1 || w.parallel > PARALLEL_MOST)
		return 2;
	set_up(argv);
	start = now_ms();
	run();
	printf("{\"v\":1,\"event\":\"delivered\",\"count\":%ld,\"failed\":%ld,\"ms\":%lld,\"error\":\"%s\"}\n", w.done, w.failed,
	    (long long)(now_ms() - start), w.first_error);
	return w.failed > 0;
}

#else

int main(void)
{
	fprintf(stderr, "tlsload: built without OpenSSL\n");
	return 2;
}

#endif
