/* datagram: boxes. A datagram that Python made is made again, byte for byte, and opened; old sealed boxes. */
#include "proto/datagram.h"

#include <sodium.h>

#include "proto/envelope.h"
#include "proto/squash.h"
#include "unit.h"

static uint8_t *hex(const char *text)
{
	static uint8_t out[4][128];
	static int turn;
	uint8_t *at = out[turn++ % 4];

	if (sodium_hex2bin(at, 128, text, strlen(text), NULL, NULL, NULL) != 0)
		abort();
	return at;
}

#define A_SECRET "668b1a8f925757e23bf54e3d39e29c1a3e399a18c71c95c419a0fc22e38dcafe"
#define A_PUBLIC "73a2955167856c2df54587d2c399daa30124c0afd176a2309cc098b5a00b5476"
#define B_SECRET "5e7832c0dbf081bf7d94bad2db7705e5491fd94f6ac68159902af8985dd48efb"
#define B_PUBLIC "1dee25f28fe70ee352a7a9bd5002c14440f9a40d20cb0693f36052ed24d6ff71"
#define NONCE "d0771ff4f89a48e9d85c9dfac61cc0d6fd19645274ef0d25"
#define INNER "5b82a3069343d3c9ec3e471ee8a57f30"
#define DIGEST "99207736b3fd3fe8c0dd9437684d1d564a427bbbd4421461b759c148f4a2a4e5" /* SHA-256 of the datagram */

/* The map of the vector: "hello vault", padded with 0, 1, 2 ... 255, 0, 1 ... */
#define MAP 1394
static size_t make(uint8_t at[MAP])
{
	uint8_t text[64];
	struct envelope e = {.p = text};
	size_t pad_at, pad_len, n;

	e.plen = squash_store((const uint8_t *)"hello vault", 11, text, sizeof text);
	n = envelope_write(&e, at, MAP, MAP, &pad_at, &pad_len);
	for (size_t i = 0; i < pad_len; i++)
		at[pad_at + i] = (uint8_t)i;
	return n;
}

static void test_vector(void)
{
	uint8_t d[1500], shared[32], other[32], digest[32];
	struct datagram in;
	struct envelope e;
	size_t n = make(d + DATAGRAM_HEAD);

	CHECK_INT(n, 1394);
	CHECK_INT(datagram_key(shared, hex(B_PUBLIC), hex(A_SECRET)), 0);
	datagram_seal(d, n, shared, hex(NONCE), hex(INNER), 1700000000.25);
	crypto_hash_sha256(digest, d, n + DATAGRAM_HEAD);
	CHECK_MEM(digest, hex(DIGEST), 32);
	CHECK_INT(datagram_key(other, hex(A_PUBLIC), hex(B_SECRET)), 0);
	CHECK_MEM(other, shared, 32);
	CHECK_INT(datagram_open(&in, d, n + DATAGRAM_HEAD, other), 0);
	CHECK(in.unix_time == 1700000000.25 && in.len == n);
	CHECK_MEM(in.inner, hex(INNER), 16);
	CHECK_INT(envelope_read(&e, in.map, in.len), 0);
	CHECK(e.plen == 20 && !e.has_s);
}

/* What does not open is left as it was, for the next key. */
static void test_wrong_key(void)
{
	uint8_t d[1500], before[1500], shared[32], wrong[32] = {1};
	struct datagram in;
	size_t n = make(d + DATAGRAM_HEAD) + DATAGRAM_HEAD;

	(void)!datagram_key(shared, hex(B_PUBLIC), hex(A_SECRET));
	datagram_seal(d, n - DATAGRAM_HEAD, shared, hex(NONCE), hex(INNER), 1.);
	memcpy(before, d, n);
	CHECK_INT(datagram_open(&in, d, n, wrong), -1);
	CHECK_MEM(d, before, n);
	for (size_t cut = 0; cut < DATAGRAM_HEAD; cut++)
		CHECK_INT(datagram_open(&in, d, cut, shared), -1);
	CHECK_INT(datagram_open(&in, d, n, shared), 0);
}

static void test_low_order(void)
{
	uint8_t zero[32] = {0}, one[32] = {1}, shared[32];

	CHECK_INT(datagram_key(shared, zero, hex(A_SECRET)), -1);
	CHECK_MEM(shared, zero, 32);
	CHECK_INT(datagram_key(shared, one, hex(A_SECRET)), -1);
}

static void test_anonymous(void)
{
	uint8_t out[200], in[100] = "sealed", back[100], sodium[200];

	CHECK_INT(datagram_seal_anonymous(out, in, sizeof in, hex(B_PUBLIC), &secret_rng), 0);
	CHECK_INT(crypto_box_seal_open(back, out, sizeof in + DATAGRAM_SEALED, hex(B_PUBLIC), hex(B_SECRET)), 0);
	CHECK_MEM(back, in, sizeof in);
	crypto_box_seal(sodium, in, sizeof in, hex(B_PUBLIC));
	CHECK_INT(datagram_open_anonymous(back, sodium, sizeof in + DATAGRAM_SEALED, hex(B_PUBLIC), hex(B_SECRET)), 0);
	CHECK_MEM(back, in, sizeof in);
	sodium[40] ^= 1;
	CHECK_INT(datagram_open_anonymous(back, sodium, sizeof in + DATAGRAM_SEALED, hex(B_PUBLIC), hex(B_SECRET)), -1);
	CHECK_INT(datagram_open_anonymous(back, sodium, DATAGRAM_SEALED - 1, hex(B_PUBLIC), hex(B_SECRET)), -1);
}

int main(void)
{
	if (secret_init() < 0)
		return 1;
	RUN(test_vector);
	RUN(test_wrong_key);
	RUN(test_low_order);
	RUN(test_anonymous);
	UNIT_DONE();
}
