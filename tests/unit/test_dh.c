/* dh: RFC 7748's vectors, low-order and non-canonical public keys, injected randomness. */
#include "unit.h"

#include <sodium.h>

#include "crypto/dh.h"

/* RFC 7748, sections 6.1 and 6.2. */
static const struct known {
	enum dh_alg alg;
	const char *alice, *alice_pub, *bob, *bob_pub, *shared;
} known[] = {
    {DH_25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    {DH_448,
	"9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d"
	"d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
	"9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c"
	"22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0",
	"1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d"
	"6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
	"3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b430"
	"27d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
	"07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282b"
	"b60c0b56fd2464c335543936521c24403085d59a449a5037514a879d"},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

/* u = 0, 1, the two of order 8, p-1, p, p+1. */
static const char *const low_25519[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

/* u = 0, 1, p-1, p, p+1. */
static const char *const low_448[] = {
    "00000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000",
    "01000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000",
    "feffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "feffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "feffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "00000000000000000000000000000000000000000000000000000000"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static void unhex(uint8_t *out, size_t n, const char *hex)
{
	size_t got;

	CHECK_INT(sodium_hex2bin(out, n, hex, strlen(hex), NULL, &got, NULL), 0);
	CHECK_INT(got, n);
}

/* Hands out 01 02 03 .. and counts. */
static void fill_counting(void *ctx, uint8_t *buf, size_t n)
{
	size_t *given = ctx;

	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)(i + 1);
	*given += n;
}

static void test_availability(void)
{
	CHECK(dh_available(DH_25519));
	CHECK_INT(dh_available(DH_448), WITH_LIBCRYPTO);
	CHECK(!dh_available(DH_NONE));
	CHECK_INT(dh_len(DH_25519), 32);
	CHECK_INT(dh_len(DH_448), 56);
	CHECK_INT(dh_len(DH_NONE), 0);
}

static void check_unavailable(enum dh_alg alg)
{
	uint8_t sec[DH_MAX] = {9}, pub[DH_MAX] = {9}, out[DH_MAX];
	size_t given = 0;
	const struct rng rng = {fill_counting, &given};

	CHECK_INT(dh_public(alg, out, sec), -1);
	memset(out, 0xa5, sizeof(out));
	CHECK_INT(dh_shared(alg, out, sec, pub), -1);
	CHECK(sodium_is_zero(out, dh_len(alg)));
	CHECK_INT(dh_keypair(alg, &rng, sec, pub), -1);
	CHECK_INT(given, 0);
}

static void test_unavailable(void)
{
	check_unavailable(DH_NONE);
	if (!dh_available(DH_448))
		check_unavailable(DH_448);
}

static void check_known(const struct known *k)
{
	uint8_t a[DH_MAX], ap[DH_MAX], b[DH_MAX], bp[DH_MAX], expected[DH_MAX], out[DH_MAX];
	const size_t n = dh_len(k->alg);

	unhex(a, n, k->alice);
	unhex(ap, n, k->alice_pub);
	unhex(b, n, k->bob);
	unhex(bp, n, k->bob_pub);
	unhex(expected, n, k->shared);
	CHECK_INT(dh_public(k->alg, out, a), 0);
	CHECK_MEM(out, ap, n);
	CHECK_INT(dh_public(k->alg, out, b), 0);
	CHECK_MEM(out, bp, n);
	CHECK_INT(dh_shared(k->alg, out, a, bp), 0);
	CHECK_MEM(out, expected, n);
	CHECK_INT(dh_shared(k->alg, out, b, ap), 0);
	CHECK_MEM(out, expected, n);
}

static void test_rfc7748(void)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (dh_available(known[i].alg))
			check_known(&known[i]);
}

/* The secret is exactly the generator's next bytes, as vectors need it. */
static void test_keypair_takes_injected_bytes(void)
{
	uint8_t sec[DH_MAX], pub[DH_MAX], expected[DH_MAX];
	size_t given;
	const struct rng rng = {fill_counting, &given};

	for (size_t i = 0; i < KNOWN; i++) {
		const enum dh_alg alg = known[i].alg;

		if (!dh_available(alg))
			continue;
		given = 0;
		CHECK_INT(dh_keypair(alg, &rng, sec, pub), 0);
		CHECK_INT(given, dh_len(alg));
		for (size_t j = 0; j < dh_len(alg); j++)
			CHECK_INT(sec[j], j + 1);
		CHECK_INT(dh_public(alg, expected, sec), 0);
		CHECK_MEM(pub, expected, dh_len(alg));
	}
}

static void test_system_keypairs_differ(void)
{
	uint8_t a[DH_MAX], b[DH_MAX], ap[DH_MAX], bp[DH_MAX], ab[DH_MAX], ba[DH_MAX];

	for (size_t i = 0; i < KNOWN; i++) {
		const enum dh_alg alg = known[i].alg;

		if (!dh_available(alg))
			continue;
		CHECK_INT(dh_keypair(alg, &secret_rng, a, ap), 0);
		CHECK_INT(dh_keypair(alg, &secret_rng, b, bp), 0);
		CHECK(!secret_equal(a, b, dh_len(alg)));
		CHECK_INT(dh_shared(alg, ab, a, bp), 0);
		CHECK_INT(dh_shared(alg, ba, b, ap), 0);
		CHECK(secret_equal(ab, ba, dh_len(alg)));
	}
}

static void check_refused(enum dh_alg alg, const uint8_t *pub)
{
	uint8_t sec[DH_MAX], out[DH_MAX];

	unhex(sec, dh_len(alg), alg == DH_25519 ? known[0].alice : known[1].alice);
	memset(out, 0xa5, sizeof(out));
	CHECK_INT(dh_shared(alg, out, sec, pub), -1);
	CHECK(sodium_is_zero(out, dh_len(alg)));
}

static void test_low_order_25519(void)
{
	uint8_t pub[32];

	for (size_t i = 0; i < sizeof(low_25519) / sizeof(low_25519[0]); i++) {
		unhex(pub, 32, low_25519[i]);
		check_refused(DH_25519, pub);
		pub[31] |= 0x80; /* the bit that X25519 ignores */
		check_refused(DH_25519, pub);
	}
}

static void test_low_order_448(void)
{
	uint8_t pub[56];

	for (size_t i = 0; dh_available(DH_448) && i < sizeof(low_448) / sizeof(low_448[0]); i++) {
		unhex(pub, 56, low_448[i]);
		check_refused(DH_448, pub);
	}
}

/* p + (base point) gives the public key, like the base point itself. */
static void test_non_canonical_25519(void)
{
	uint8_t pub[32], sec[32], expected[32], out[32];

	unhex(sec, 32, known[0].alice);
	unhex(expected, 32, known[0].alice_pub);
	memset(pub, 0xff, 32);
	pub[0] = 0xed + 9;
	pub[31] = 0x7f;
	CHECK_INT(dh_shared(DH_25519, out, sec, pub), 0);
	CHECK_MEM(out, expected, 32);
	pub[31] = 0xff;
	CHECK_INT(dh_shared(DH_25519, out, sec, pub), 0);
	CHECK_MEM(out, expected, 32);
}

static void test_non_canonical_448(void)
{
	uint8_t pub[56] = {4}, sec[56], expected[56], out[56];

	if (!dh_available(DH_448))
		return;
	unhex(sec, 56, known[1].alice);
	unhex(expected, 56, known[1].alice_pub);
	memset(pub + 28, 0xff, 28);
	CHECK_INT(dh_shared(DH_448, out, sec, pub), 0);
	CHECK_MEM(out, expected, 56);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_availability);
	RUN(test_unavailable);
	RUN(test_rfc7748);
	RUN(test_keypair_takes_injected_bytes);
	RUN(test_system_keypairs_differ);
	RUN(test_low_order_25519);
	RUN(test_low_order_448);
	RUN(test_non_canonical_25519);
	RUN(test_non_canonical_448);
	UNIT_DONE();
}
