/* keymsg: key messages. A vector of Python's own, ours there and back, and every way in which one can be wrong. */
#include "proto/keymsg.h"

#include <sodium.h>

#include "unit.h"

/* As py-vault-udp wrote it, for its keys of fixed seeds. */
static const char upstream[] =
    "{\"enc_key\": \"c6KVUWeFbC31RYfSw5naowEkwK/RdqIwnMCYtaALVHY=\", \"sign_key\": "
    "\"XChKkfRzexZau+RD59n2tRW10MWljtt/7x40RXbSoh8=\", \"signature\": "
    "\"44ZvLI2Ip58e2Dh/M3lbrA8JBILQhi0pJUHF6oBxiBYjB6qxmG9Es8qqdV6jWDihnmJuBRAzxO9gQNlUtvZrBGM2S1ZVV2VGYkMzMVJZZlN3NW5h"
    "b3dFa3dLL1JkcUl3bk1DWXRhQUxWSFk9WENoS2tmUnpleFphdStSRDU5bjJ0UlcxME1XbGp0dC83eDQwUlhiU29oOD0=\", \"port\": 11000}";
static const uint8_t upstream_seed[32] = {0xec, 0xa8, 0x62, 0xbb, 0x28, 0x11, 0xb9, 0xc3, 0x6e, 0x24, 0x10, 0x84, 0x6f, 0x13,
    0x5b, 0x19, 0xc3, 0x4e, 0x41, 0xe0, 0x7a, 0x33, 0x85, 0xbc, 0xee, 0xf8, 0x47, 0xf1, 0x58, 0x3d, 0xca, 0xde};

static struct keymsg m;
static char text[KEYMSG_MAX];
static uint8_t secret[64];

static enum keymsg_fault check(const char *json, size_t n)
{
	enum keymsg_fault f = keymsg_read(&m, json, n);

	return f == KEYMSG_OK ? keymsg_verify(&m, json, n) : f;
}

static struct keymsg ours(void)
{
	static const uint8_t seed[32] = {5};
	struct keymsg k = {.has_port = true, .port = 11000, .native = true, .ts = 1700000000123, .sid = {1, 2, 3}, .has_to = true,
	    .to = {9}, .caps = "end,ping,buf=1000"};

	crypto_sign_seed_keypair(k.sign, secret, seed);
	crypto_scalarmult_base(k.enc, seed);
	return k;
}

static void test_upstream(void)
{
	char signature[KEYMSG_SIGNATURE];
	uint8_t public[32];

	CHECK_INT(check(upstream, sizeof upstream - 1), KEYMSG_OK);
	CHECK(!m.native && m.has_port && m.port == 11000);
	/* What Python signed is what we would. */
	crypto_sign_seed_keypair(public, secret, upstream_seed);
	CHECK_MEM(public, m.sign, 32);
	keymsg_sign(signature, m.enc, m.sign, secret);
	CHECK(strstr(upstream, signature) != NULL);
}

static void test_round_trip(void)
{
	struct keymsg k = ours(), bare = k;
	size_t n = keymsg_write(&k, secret, text, sizeof text);

	CHECK(n > 0 && n == strlen(text));
	CHECK_INT(check(text, n), KEYMSG_OK);
	CHECK(m.native && m.ts == k.ts && m.port == k.port && m.has_to);
	CHECK_MEM(m.enc, k.enc, 32);
	CHECK_MEM(m.to, k.to, 32);
	CHECK_MEM(m.sid, k.sid, 8);
	CHECK_STR(m.caps, k.caps);
	CHECK(keymsg_can(&m, "ping") && keymsg_can(&m, "end") && !keymsg_can(&m, "pin") && !keymsg_can(&m, ""));
	for (size_t cap = 0; cap < n + 1; cap++)
		CHECK_INT(keymsg_write(&k, secret, text, cap), 0);
	bare.native = false;
	n = keymsg_write(&bare, secret, text, sizeof text);
	CHECK_INT(check(text, n), KEYMSG_OK);
	CHECK(!m.native);
}

/* Any character changed: none of ours any more. */
static void test_every_character(void)
{
	struct keymsg k = ours();
	size_t n = keymsg_write(&k, secret, text, sizeof text);
	unsigned passed = 0;

	for (size_t i = 0; i < n; i++) {
		char was = text[i];

		text[i] = (char)(was == 'A' ? 'B' : 'A');
		/* Without the name of sig2 it is one of upstream's; where ours are expected, that is refused. */
		passed += check(text, n) == KEYMSG_OK && m.native;
		text[i] = was;
	}
	CHECK_INT(passed, 0);
	for (size_t cut = 0; cut < n; cut++)
		CHECK(check(text, cut) == KEYMSG_E_FORM);
}

static void replace(const char *what, const char *with)
{
	char *at = strstr(text, what), rest[KEYMSG_MAX];

	CHECK(at != NULL);
	if (!at)
		return;
	snprintf(rest, sizeof rest, "%s", at + strlen(what));
	snprintf(at, sizeof text - (size_t)(at - text), "%s%s", with, rest);
}

static enum keymsg_fault changed(const char *what, const char *with)
{
	snprintf(text, sizeof text, "%s", upstream);
	replace(what, with);
	return check(text, strlen(text));
}

static void test_wrong(void)
{
	CHECK_INT(changed("\"enc_key\"", "\"other\""), KEYMSG_E_FORM);
	CHECK_INT(changed("c6KVUWeFbC31RYfSw5naowEkwK/RdqIwnMCYtaALVHY=", "-"), KEYMSG_E_FORM);
	CHECK_INT(changed("c6KVUWeFbC31RYfSw5naowEkwK/RdqIwnMCYtaALVHY=", "c6KVUWeFbC31RYfSw5naowEkwK/RdqIwnMCYtaALVA=="),
	    KEYMSG_E_FORM); /* 31 bytes */
	CHECK_INT(changed("c6KVUWeFbC31RYfSw5naowEkwK/RdqIwnMCYtaALVHY=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
	    KEYMSG_E_KEY); /* low order */
	CHECK_INT(changed("XChKkfRzexZau+RD59n2tRW10MWljtt/7x40RXbSoh8=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
	    KEYMSG_E_KEY);
	/* Another key beside the good signature. */
	CHECK_INT(changed("c6KVUWeFbC31RYfSw5naowEkwK/RdqIwnMCYtaALVHY=", "c6KVUWeFbC31RYfSw5naowEkwK/RdqIwnMCYtaALVHA="),
	    KEYMSG_E_TEXT);
	CHECK_INT(changed("\"signature\"", "\"signatory\""), KEYMSG_E_SIGNATURE);
	CHECK_INT(changed("44ZvLI", "45ZvLI"), KEYMSG_E_SIGNATURE);
	CHECK_INT(changed("11000", "0"), KEYMSG_E_FORM);
	CHECK_INT(changed("11000", "65536"), KEYMSG_E_FORM);
	CHECK_INT(changed("11000", "\"11000\""), KEYMSG_OK); /* as if it were not there */
	CHECK(!m.has_port);
	CHECK_INT(changed("\"port\": 11000", "\"port\": 11000, \"port\": 1"), KEYMSG_E_FORM);
	CHECK_INT(changed("\"port\": 11000", "\"port\": 11000, \"sig2\": \"\""), KEYMSG_E_FORM);
}

/* A signature over something else, which upstream takes. */
static void test_signed_text(void)
{
	struct keymsg k = ours();
	uint8_t whole[64 + 88];
	char other[KEYMSG_SIGNATURE], right[KEYMSG_SIGNATURE];

	k.native = false;
	(void)!keymsg_write(&k, secret, text, sizeof text);
	keymsg_sign(right, k.enc, k.sign, secret);
	memset(whole, 'x', sizeof whole);
	crypto_sign_detached(whole, NULL, whole + 64, 88, secret);
	sodium_bin2base64(other, sizeof other, whole, sizeof whole, sodium_base64_VARIANT_ORIGINAL);
	replace(right, other);
	CHECK_INT(check(text, strlen(text)), KEYMSG_E_TEXT);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	RUN(test_upstream);
	RUN(test_round_trip);
	RUN(test_every_character);
	RUN(test_wrong);
	RUN(test_signed_text);
	UNIT_DONE();
}
