/* noise_cipher: the transport: rekey, the last nonce, forgeries, limits. */
#include "unit.h"

#include <sodium.h>

#include "crypto/noise.h"
#include "crypto/aead_library.h"
#include "crypto/noise_cipher.h"

static uint8_t plain[NOISE_MAXMSG + 1], sealed[NOISE_MAXMSG + 1], out[NOISE_MAXMSG + 1];

static const enum aead_alg algs[] = {AEAD_CHACHAPOLY, AEAD_AESGCM};

/* A pair of ciphers under the key 00 01 .. 1f. */
struct pair {
	struct noise_cipher tx, rx;
};

static struct pair begin(enum aead_alg alg)
{
	struct pair p = {0};
	uint8_t key[AEAD_KEYBYTES];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	CHECK_INT(noise_cipher_init(&p.tx, alg, key), NOISE_OK);
	CHECK_INT(noise_cipher_init(&p.rx, alg, key), NOISE_OK);
	return p;
}

static void end(struct pair *p)
{
	noise_cipher_free(&p->tx);
	noise_cipher_free(&p->rx);
	CHECK(sodium_is_zero((const uint8_t *)p, sizeof(*p)));
}

static void each(void (*check)(struct pair *p))
{
	for (size_t i = 0; i < 2; i++) {
		if (aead_available(algs[i])) {
			struct pair p = begin(algs[i]);

			check(&p);
			end(&p);
		}
	}
}

/* What tests/peers/make_noise_vectors.py --constants prints: "record 0" to "record 3" under
 * the key 00 01 .. 1f, rekeyed between 1 and 2. */
static const char *const rekeyed[2][4] = {
    {"6add215edf8286e11ac17023c712a6a733e6b73d6801de36",
	"ed329030c74e8f29e0a04b8108f71fe4fcaa4ff48ea75d06",
	"f6fe8bf895f17ad9c88492622f7022616e423c97dfdf0a4b",
	"a9ae7662d1c6ea2aea1cdf24dcf0388a43b2844781a69bce"},
    {"7cd9d6b1c748a38d002b74f94efb4b3d84007ec2bd435065",
	"67b3dc933690102f17e54903f8765ac9e2296b41455cd02b",
	"32564f75bd1c19ac374ee75765087f886a9a07f5ad15a465",
	"69500057ffa5e6bc17de5253b97e4dffffce351c55803b03"},
};

/* With ${bulk} a library for bulk data has the new key, where one is there. */
static void check_rekey(enum aead_alg alg, const char *const expected[4], int bulk)
{
	struct pair p = begin(alg);
	char text[16], hex[2 * 24 + 1];

	for (unsigned i = 0; i < 4; i++) {
		if (bulk)
			p.tx.aead.done = AEAD_BULK;
		if (i == 2) {
			CHECK_INT(noise_cipher_rekey(&p.tx), NOISE_OK);
			CHECK_INT(noise_cipher_rekey(&p.rx), NOISE_OK);
			CHECK_INT(p.tx.n, 2);
		}
		snprintf(text, sizeof(text), "record %u", i);
		CHECK_INT(noise_cipher_seal(&p.tx, (const uint8_t *)text, 8, sealed), NOISE_OK);
		CHECK_STR(sodium_bin2hex(hex, sizeof(hex), sealed, 24), expected[i]);
		CHECK_INT(noise_cipher_open(&p.rx, sealed, 24, out), NOISE_OK);
		CHECK_MEM(out, text, 8);
	}
	end(&p);
}

static void test_rekey(void)
{
	for (size_t i = 0; i < 2; i++)
		for (int bulk = 0; bulk < 2 && aead_available(algs[i]); bulk++)
			check_rekey(algs[i], rekeyed[i], bulk);
}

static void check_rekey_one_side(struct pair *p)
{
	CHECK_INT(noise_cipher_rekey(&p->tx), NOISE_OK);
	CHECK_INT(noise_cipher_seal(&p->tx, plain, 10, sealed), NOISE_OK);
	CHECK_INT(noise_cipher_open(&p->rx, sealed, 26, out), NOISE_E_DECRYPT);
	CHECK_INT(noise_cipher_rekey(&p->rx), NOISE_OK);
	CHECK_INT(noise_cipher_open(&p->rx, sealed, 26, out), NOISE_OK);
}

static void test_rekey_one_side(void)
{
	each(check_rekey_one_side);
}

/* 2^64-2 is the last nonce; 2^64-1 is refused for ever, but a rekey is still possible. */
static void check_exhaustion(struct pair *p)
{
	p->tx.n = p->rx.n = UINT64_MAX - 1;
	CHECK_INT(noise_cipher_seal(&p->tx, plain, 10, sealed), NOISE_OK);
	CHECK_INT(noise_cipher_open(&p->rx, sealed, 26, out), NOISE_OK);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(noise_cipher_seal(&p->tx, plain, 10, sealed), NOISE_E_NONCE);
		memset(out, 0xa5, 10);
		CHECK_INT(noise_cipher_open(&p->rx, sealed, 26, out), NOISE_E_NONCE);
		CHECK(sodium_is_zero(out, 10));
		CHECK_INT(noise_cipher_rekey(&p->tx), NOISE_OK);
		CHECK_INT(noise_cipher_rekey(&p->rx), NOISE_OK);
	}
	CHECK(p->tx.n == UINT64_MAX && p->rx.n == UINT64_MAX);
}

static void test_nonce_exhaustion(void)
{
	each(check_exhaustion);
}

/* A forged record changes nothing: the true one still opens. */
static void check_forgeries(struct pair *p)
{
	CHECK_INT(noise_cipher_seal(&p->tx, plain, 50, sealed), NOISE_OK);
	CHECK_INT(noise_cipher_open(&p->rx, sealed, 66, out), NOISE_OK);
	CHECK_INT(noise_cipher_open(&p->rx, sealed, 66, out), NOISE_E_DECRYPT); /* replayed */
	CHECK_INT(noise_cipher_seal(&p->tx, plain, 50, sealed), NOISE_OK);
	for (size_t i = 0; i < 66; i++) {
		sealed[i] ^= 0x10;
		memset(out, 0xa5, 51);
		CHECK_INT(noise_cipher_open(&p->rx, sealed, 66, out), NOISE_E_DECRYPT);
		CHECK(sodium_is_zero(out, 50));
		CHECK_INT(out[50], 0xa5);
		sealed[i] ^= 0x10;
		CHECK_INT(p->rx.n, 1);
	}
	for (size_t n = 0; n < 66; n++)
		CHECK_INT(noise_cipher_open(&p->rx, sealed, n, out),
		    n < AEAD_TAGBYTES ? NOISE_E_LENGTH : NOISE_E_DECRYPT);
	CHECK_INT(noise_cipher_open(&p->rx, sealed, 66, out), NOISE_OK);
	CHECK_MEM(out, plain, 50);
	CHECK_INT(p->rx.n, 2);
}

static void test_forgeries(void)
{
	each(check_forgeries);
}

/* Records out of their order do not open. */
static void check_order(struct pair *p)
{
	uint8_t second[26];

	CHECK_INT(noise_cipher_seal(&p->tx, plain, 10, sealed), NOISE_OK);
	CHECK_INT(noise_cipher_seal(&p->tx, plain, 10, second), NOISE_OK);
	CHECK_INT(noise_cipher_open(&p->rx, second, 26, out), NOISE_E_DECRYPT);
	CHECK_INT(noise_cipher_open(&p->rx, sealed, 26, out), NOISE_OK);
	CHECK_INT(noise_cipher_open(&p->rx, second, 26, out), NOISE_OK);
}

static void test_order(void)
{
	each(check_order);
}

static void check_limits(struct pair *p)
{
	const size_t most = NOISE_MAXMSG - AEAD_TAGBYTES;

	CHECK_INT(noise_cipher_seal(&p->tx, plain, most + 1, sealed), NOISE_E_LENGTH);
	CHECK_INT(p->tx.n, 0);
	CHECK_INT(noise_cipher_seal(&p->tx, plain, most, sealed), NOISE_OK);
	memset(out, 0xa5, sizeof(out));
	CHECK_INT(noise_cipher_open(&p->rx, sealed, NOISE_MAXMSG + 1, out), NOISE_E_LENGTH);
	CHECK(sodium_is_zero(out, most + 1));
	CHECK_INT(noise_cipher_open(&p->rx, sealed, NOISE_MAXMSG, out), NOISE_OK);
	CHECK_MEM(out, plain, most);
	CHECK_INT(noise_cipher_seal(&p->tx, NULL, 0, sealed), NOISE_OK);
	CHECK_INT(noise_cipher_open(&p->rx, sealed, AEAD_TAGBYTES, out), NOISE_OK);
}

static void test_limits(void)
{
	each(check_limits);
}

static void check_in_place(struct pair *p)
{
	struct noise_cipher again = {0};

	CHECK_INT(noise_cipher_init(&again, p->tx.aead.alg, p->tx.aead.key), NOISE_OK);
	for (size_t n = 0; n < NOISE_MAXMSG - AEAD_TAGBYTES; n = 3 * n + 1) {
		CHECK_INT(noise_cipher_seal(&again, plain, n, sealed), NOISE_OK);
		memcpy(out, plain, n);
		CHECK_INT(noise_cipher_seal(&p->tx, out, n, out), NOISE_OK);
		CHECK_MEM(out, sealed, n + AEAD_TAGBYTES);
		CHECK_INT(noise_cipher_open(&p->rx, out, n + AEAD_TAGBYTES, out), NOISE_OK);
		CHECK_MEM(out, plain, n);
	}
	noise_cipher_free(&again);
}

static void test_in_place(void)
{
	each(check_in_place);
}

/* More than AEAD_BULK bytes: the back end changes under way, the peer's at another record. */
static void check_long_stream(struct pair *p)
{
	p->rx.aead.done = 100 * 1000;
	for (unsigned i = 0; i < 12; i++) {
		plain[0] = (uint8_t)i;
		CHECK_INT(noise_cipher_seal(&p->tx, plain, 65519, sealed), NOISE_OK);
		CHECK_INT(noise_cipher_open(&p->rx, sealed, NOISE_MAXMSG, sealed), NOISE_OK);
		CHECK_MEM(sealed, plain, 65519);
	}
	CHECK_INT(p->tx.aead.bulk != NULL, aead_libcrypto.serves(p->tx.aead.alg) || aead_ipsecmb.serves(p->tx.aead.alg));
	plain[0] = 0;
}

static void test_long_stream(void)
{
	each(check_long_stream);
}

/* The unused direction of a one-way pattern. */
static void test_empty(void)
{
	struct noise_cipher c = {0};

	CHECK_INT(noise_cipher_seal(&c, plain, 10, sealed), NOISE_E_STATE);
	memset(out, 0xa5, 10);
	CHECK_INT(noise_cipher_open(&c, sealed, 26, out), NOISE_E_STATE);
	CHECK(sodium_is_zero(out, 10));
	CHECK_INT(noise_cipher_rekey(&c), NOISE_E_STATE);
	noise_cipher_free(&c);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 11 ^ i >> 8);
	RUN(test_rekey);
	RUN(test_rekey_one_side);
	RUN(test_nonce_exhaustion);
	RUN(test_forgeries);
	RUN(test_order);
	RUN(test_limits);
	RUN(test_in_place);
	RUN(test_long_stream);
	RUN(test_empty);
	UNIT_DONE();
}
