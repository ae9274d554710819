/*
 * bareloop: the least that an encrypted pipe can do, to compare with. Nothing but
 *
 *   bareloop send aes|chacha PORT        read, AEAD, send
 *   bareloop recv aes|chacha READY_FD    recv, AEAD, write; the port goes to READY_FD as a line
 *
 * on 127.0.0.1: 16 records of 65519 bytes a call, a fixed key, no handshake, one direction. The
 * library is the one that the tools use on bulk data: libcrypto, or libsodium without it. A record
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

#if WITH_LIBCRYPTO
#include <openssl/evp.h>
#else
#include <sodium.h>
#endif

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

struct aead {
	bool aes;
	uint64_t n;
	uint8_t nonce[12];
#if WITH_LIBCRYPTO
	EVP_CIPHER_CTX *ctx;
#else
	_Alignas(16) crypto_aead_aes256gcm_state state;
#endif
};

static void next_nonce(struct aead *a)
{
	uint64_t n = a->n++;

	memcpy(a->nonce + 4, &n, sizeof(n));
}

#if WITH_LIBCRYPTO
static void aead_init(struct aead *a, int seal)
{
	a->ctx = EVP_CIPHER_CTX_new();
	if (!a->ctx || EVP_CipherInit_ex(a->ctx, a->aes ? EVP_aes_256_gcm() : EVP_chacha20_poly1305(),
	    NULL, key, NULL, seal) != 1)
		die("cipher");
}

static void aead_seal(struct aead *a, uint8_t *out, const uint8_t *in, int len)
{
	int n, rest;

	next_nonce(a);
	if (EVP_EncryptInit_ex(a->ctx, NULL, NULL, NULL, a->nonce) != 1 ||
	    EVP_EncryptUpdate(a->ctx, out, &n, in, len) != 1 ||
	    EVP_EncryptFinal_ex(a->ctx, out + n, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out + len) != 1)
		die("seal");
}

static int aead_open(struct aead *a, uint8_t *out, uint8_t *in, int len)
{
	int n, rest;

	next_nonce(a);
	return EVP_DecryptInit_ex(a->ctx, NULL, NULL, NULL, a->nonce) == 1 &&
	    EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, TAG, in + len) == 1 &&
	    EVP_DecryptUpdate(a->ctx, out, &n, in, len) == 1 &&
	    EVP_DecryptFinal_ex(a->ctx, out + n, &rest) == 1 ? 0 : -1;
}
#else
static void aead_init(struct aead *a, int seal)
{
	(void)seal;
	if (sodium_init() < 0 || (a->aes && !crypto_aead_aes256gcm_is_available())) {
		fputs("bareloop: this cipher is not available\n", stderr);
		exit(1);
	}
	if (a->aes)
		crypto_aead_aes256gcm_beforenm(&a->state, key);
}

static void aead_seal(struct aead *a, uint8_t *out, const uint8_t *in, int len)
{
	unsigned long long n = (unsigned long long)len;

	next_nonce(a);
	if (a->aes)
		crypto_aead_aes256gcm_encrypt_afternm(
		    out, NULL, in, n, NULL, 0, NULL, a->nonce, &a->state);
	else
		crypto_aead_chacha20poly1305_ietf_encrypt(
		    out, NULL, in, n, NULL, 0, NULL, a->nonce, key);
}

static int aead_open(struct aead *a, uint8_t *out, uint8_t *in, int len)
{
	unsigned long long n = (unsigned long long)len + TAG;

	next_nonce(a);
	if (a->aes)
		return crypto_aead_aes256gcm_decrypt_afternm(
		    out, NULL, NULL, in, n, NULL, 0, a->nonce, &a->state);
	return crypto_aead_chacha20poly1305_ietf_decrypt(
	    out, NULL, NULL, in, n, NULL, 0, a->nonce, key);
}
#endif

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
static size_t put_record(struct aead *a, uint8_t *out, const uint8_t *in, size_t len)
{
	out[0] = (uint8_t)((len + TAG) >> 8);
	out[1] = (uint8_t)(len + TAG);
	aead_seal(a, out + 2, in, (int)len);
	return 2 + len + TAG;
}

static void send_loop(struct aead *a, int fd)
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
			out += put_record(a, wire + out, plain + done, len);
			done += len;
		} while (done < (size_t)n);
		write_all(fd, wire, out);
	} while (n > 0);
	shutdown(fd, SHUT_WR);
	if (recv(fd, &end, 1, 0) < 0)
		die("recv");
}

/* Open the whole records among ${have} bytes and write them out; returns the bytes used. */
static size_t take_records(struct aead *a, size_t have, bool *ended)
{
	size_t used = 0, out = 0;

	while (have - used >= 2) {
		size_t len = (size_t)wire[used] << 8 | wire[used + 1];

		if (have - used < 2 + len)
			break;
		if (len < TAG || len > PLAIN + TAG ||
		    aead_open(a, plain + out, wire + used + 2, (int)(len - TAG)) != 0) {
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

static void recv_loop(struct aead *a, int fd)
{
	bool ended = false;
	size_t have = 0, used;
	ssize_t n;

	while (!ended) {
		n = recv(fd, wire + have, sizeof(wire) - have, 0);
		if (n <= 0)
			die(n < 0 ? "recv" : "cut");
		have += (size_t)n;
		used = take_records(a, have, &ended);
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
	struct aead a = {0};
	int fd, on = 1;
	bool seal = argc == 4 && strcmp(argv[1], "send") == 0;

	if (argc != 4 || (!seal && strcmp(argv[1], "recv") != 0)) {
		fputs("Usage: bareloop send aes|chacha PORT\n"
		      "       bareloop recv aes|chacha READY_FD\n", stderr);
		return 2;
	}
	a.aes = strcmp(argv[2], "aes") == 0;
	aead_init(&a, seal);
	fd = seal ? connect_port((in_port_t)atoi(argv[3])) : accept_one(atoi(argv[3]));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
#ifdef F_SETPIPE_SZ
	(void)fcntl(seal ? STDIN_FILENO : STDOUT_FILENO, F_SETPIPE_SZ, PIPE_SIZE);
#endif
	if (seal)
		send_loop(&a, fd);
	else
		recv_loop(&a, fd);
	return 0;
}
