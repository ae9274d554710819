/* hash: known answers, aliasing, and what a build without libcrypto says. */
#include "unit.h"

#include <sodium.h>

#include "crypto/hash.h"
#include "crypto/secret.h"

static const struct known {
	enum hash_alg alg;
	const char *abc;  /* FIPS 180-4 and RFC 7693: the hash of "abc" */
	const char *jefe; /* RFC 4231 case 2; for BLAKE2 by Python's hmac */
	const char
	    *hkdf; /* three outputs; ck 00 01 .., ikm the 40 bytes from 80 on; Python's hmac */
} known[] = {
    {HASH_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	"02f959559f42953faf0ef29ba852d3106a88bf8a9834f07a084411aca9d8e7d1"
	"a1333c96062b6711a3f8765f2768b9816462abc56cb14ecf4bd56f1a51ab616a"
	"24350d2e7d6e6f03b89803e2f410477c33e4bee673993ec401d75d080bb4a40d"},
    {HASH_SHA512,
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
	"537db58472d9d50acf2f0dd4af5a0c3389f44f26f3c49a3c4f3006ca38e5fd47"
	"3034d407e6403e1e4074b07074f203df6b0ad627b3b36c07f961a4607ba0471d"
	"87aea85f2f6c53af46cc3e16ffa083fe4f4ae9b21bda765bfbc52ae036d8a4f3"
	"bf9d15c7f6e3a450cb23a86d32f4810d2f896119ed53621277d5315aac9eeb3d"
	"a3838fdec71071c91f2777ebc8310dd8dd3dccc4ae8499bb7b90349a09746643"
	"0ac23a838d9b4e3f661687cc0593adf67dd8d2f06b93f7f830f7df645e0109d4"},
    {HASH_BLAKE2S, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
	"90b6281e2f3038c9056af0b4a7e763cae6fe5d9eb4386a0ec95237890c104ff0",
	"4b90ad3c0819c395e9399d70a9f78fd3fa8aaa783b39afbf09a3771d8614fdf8"
	"52bdff7e391dd498c061bdcbd0e2ad789929e12e9f75eb2abe392d18dd8f5db3"
	"90a4f69ec8184d5f61fd498fd676527eae5c5bd0e0f9ab79175305231688cbb7"},
    {HASH_BLAKE2B,
	"ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
	"7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
	"6ff884f8ddc2a6586b3c98a4cd6ebdf14ec10204b6710073eb5865ade37a2643"
	"b8807c1335d107ecdb9ffeaeb6828c4625ba172c66379efcd222c2de11727ab4",
	"47016fe2e3c6f7a69d808c078e674e466db90d6a2267e6172d9a13b3f1e5369d"
	"43675c55e9e432183c4ab5d9eae8accdc9f2e217e9b1c47ff2b62a02547d3f9c"
	"8373b2ee3ffbeda49bc4fbe6b7256c3e0db74337d1f9311b8bdc674ab698e93a"
	"c6f24bdc4e1bcca605c4a4c4bc238fb1e7f811ba562d8001b1e9dcb0cb5fab81"
	"7190de8208869e5e1326c7811cf05c7443850e1706735b5ee70e59112cfdd87b"
	"dc88054049dda667ccf5d2cbdb256fafc032a22ee4326a9bc0d37170f0f6f12e"},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static int is_hex(const uint8_t *bytes, size_t n, const char *hex)
{
	char text[2 * 3 * HASH_MAX + 1];

	return strcmp(sodium_bin2hex(text, sizeof(text), bytes, n), hex) == 0;
}

static const uint8_t *bytes(const char *text)
{
	return (const uint8_t *)text;
}

static void counting(uint8_t *out, size_t n, unsigned from)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(from + i);
}

static void test_availability(void)
{
	CHECK(hash_available(HASH_SHA256) && hash_available(HASH_SHA512));
	CHECK(hash_available(HASH_BLAKE2B));
	CHECK_INT(hash_available(HASH_BLAKE2S), WITH_LIBCRYPTO);
	CHECK(!hash_available(HASH_NONE));
	CHECK_INT(hash_len(HASH_NONE), 0);
	CHECK_INT(hash_len(HASH_SHA256), 32);
	CHECK_INT(hash_len(HASH_BLAKE2S), 32);
	CHECK_INT(hash_len(HASH_SHA512), 64);
	CHECK_INT(hash_len(HASH_BLAKE2B), 64);
}

/* What is not built fails, and leaves zeros rather than something that looks like a hash. */
static void check_unavailable(enum hash_alg alg)
{
	uint8_t a[HASH_MAX], b[HASH_MAX], c[HASH_MAX], ck[HASH_MAX] = {0};
	const size_t n = hash_len(alg);

	memset(a, 0xa5, sizeof(a));
	CHECK_INT(hash_two(alg, a, bytes("abc"), 3, NULL, 0), -1);
	CHECK(sodium_is_zero(a, n));
	memset(a, 0xa5, sizeof(a));
	CHECK_INT(hash_hmac(alg, a, ck, n, bytes("abc"), 3, NULL, 0), -1);
	CHECK(sodium_is_zero(a, n));
	memset(a, 0xa5, sizeof(a));
	memset(b, 0xa5, sizeof(b));
	memset(c, 0xa5, sizeof(c));
	CHECK_INT(hash_hkdf(alg, ck, NULL, 0, a, b, c), -1);
	CHECK(sodium_is_zero(a, n) && sodium_is_zero(b, n) && sodium_is_zero(c, n));
}

static void test_unavailable(void)
{
	check_unavailable(HASH_NONE);
	if (!hash_available(HASH_BLAKE2S))
		check_unavailable(HASH_BLAKE2S);
}

/* "abc" in every way of cutting it in two. */
static void test_hashes(void)
{
	uint8_t out[HASH_MAX];

	for (size_t i = 0; i < KNOWN; i++) {
		if (!hash_available(known[i].alg))
			continue;
		for (size_t cut = 0; cut <= 3; cut++) {
			CHECK_INT(hash_two(known[i].alg, out, bytes("abc"), cut, bytes("abc") + cut,
				      3 - cut),
			    0);
			CHECK(is_hex(out, hash_len(known[i].alg), known[i].abc));
		}
		CHECK_INT(hash_two(known[i].alg, out, bytes("abc"), 3, NULL, 0), 0);
		CHECK(is_hex(out, hash_len(known[i].alg), known[i].abc));
	}
}

static void test_output_may_alias(void)
{
	uint8_t a[HASH_MAX], b[HASH_MAX], expected[HASH_MAX];

	for (size_t i = 0; i < KNOWN; i++) {
		const enum hash_alg alg = known[i].alg;
		const size_t n = hash_len(alg);

		if (!hash_available(alg))
			continue;
		counting(a, n, 1);
		counting(b, n, 7);
		CHECK_INT(hash_two(alg, expected, a, n, b, n), 0);
		CHECK_INT(hash_two(alg, a, a, n, b, n), 0);
		CHECK_MEM(a, expected, n);
		counting(a, n, 1);
		CHECK_INT(hash_two(alg, b, a, n, b, n), 0);
		CHECK_MEM(b, expected, n);
	}
}

static void test_hmac_of_every_hash(void)
{
	static const char text[] = "what do ya want for nothing?";
	const size_t n = sizeof(text) - 1;
	uint8_t out[HASH_MAX];

	for (size_t i = 0; i < KNOWN; i++) {
		if (!hash_available(known[i].alg))
			continue;
		for (size_t cut = 0; cut <= n; cut += 7) {
			CHECK_INT(hash_hmac(known[i].alg, out, bytes("Jefe"), 4, bytes(text), cut,
				      bytes(text) + cut, n - cut),
			    0);
			CHECK(is_hex(out, hash_len(known[i].alg), known[i].jefe));
		}
	}
}

struct hmac_case {
	uint8_t key[32];
	size_t keylen;
	uint8_t text[64];
	size_t n;
	const char *sha256, *sha512;
};

static void check_hmac(const struct hmac_case *c)
{
	uint8_t out[HASH_MAX];

	CHECK_INT(hash_hmac(HASH_SHA256, out, c->key, c->keylen, c->text, c->n, NULL, 0), 0);
	CHECK(is_hex(out, 32, c->sha256));
	CHECK_INT(hash_hmac(HASH_SHA512, out, c->key, c->keylen, c->text, c->n, NULL, 0), 0);
	CHECK(is_hex(out, 64, c->sha512));
}

/* RFC 4231, cases 1, 3 and 4. */
static void test_hmac_rfc4231(void)
{
	struct hmac_case c = {.keylen = 20, .n = 8};

	memset(c.key, 0x0b, 20);
	memcpy(c.text, "Hi There", 8);
	c.sha256 = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
	c.sha512 = "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
		   "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854";
	check_hmac(&c);
	memset(c.key, 0xaa, 20);
	memset(c.text, 0xdd, 50);
	c.n = 50;
	c.sha256 = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe";
	c.sha512 = "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
		   "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb";
	check_hmac(&c);
	counting(c.key, 25, 1);
	memset(c.text, 0xcd, 50);
	c.keylen = 25;
	c.sha256 = "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b";
	c.sha512 = "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
		   "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd";
	check_hmac(&c);
}

static void test_hmac_key_length(void)
{
	uint8_t key[129] = {1}, out[HASH_MAX];

	CHECK_INT(hash_hmac(HASH_SHA256, out, key, 64, NULL, 0, NULL, 0), 0);
	memset(out, 0xa5, sizeof(out));
	CHECK_INT(hash_hmac(HASH_SHA256, out, key, 65, NULL, 0, NULL, 0), -1);
	CHECK(sodium_is_zero(out, 32));
	CHECK_INT(hash_hmac(HASH_SHA512, out, key, 128, NULL, 0, NULL, 0), 0);
	CHECK_INT(hash_hmac(HASH_SHA512, out, key, 129, NULL, 0, NULL, 0), -1);
	CHECK(sodium_is_zero(out, 64));
}

static void test_hkdf_of_every_hash(void)
{
	uint8_t ck[HASH_MAX], ikm[40], out[3 * HASH_MAX], two[2 * HASH_MAX];

	for (size_t i = 0; i < KNOWN; i++) {
		const enum hash_alg alg = known[i].alg;
		const size_t n = hash_len(alg);

		if (!hash_available(alg))
			continue;
		counting(ck, n, 0);
		counting(ikm, sizeof(ikm), 0x80);
		CHECK_INT(hash_hkdf(alg, ck, ikm, sizeof(ikm), out, out + n, out + 2 * n), 0);
		CHECK(is_hex(out, 3 * n, known[i].hkdf));
		CHECK_INT(hash_hkdf(alg, ck, ikm, sizeof(ikm), two, two + n, NULL), 0);
		CHECK_MEM(two, out, 2 * n);
		/* the first output takes the chaining key's place, as MixKey does */
		CHECK_INT(hash_hkdf(alg, ck, ikm, sizeof(ikm), ck, two, NULL), 0);
		CHECK_MEM(ck, out, n);
		CHECK_MEM(two, out + n, n);
	}
}

/* RFC 5869, appendix A.3: no salt is a salt of zeros, and Noise's HKDF has no info. */
static void test_hkdf_rfc5869(void)
{
	uint8_t salt[32] = {0}, ikm[22], okm[64];

	memset(ikm, 0x0b, sizeof(ikm));
	CHECK_INT(hash_hkdf(HASH_SHA256, salt, ikm, sizeof(ikm), okm, okm + 32, NULL), 0);
	CHECK(is_hex(okm, 42,
	    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c"
	    "8"));
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_availability);
	RUN(test_unavailable);
	RUN(test_hashes);
	RUN(test_output_may_alias);
	RUN(test_hmac_of_every_hash);
	RUN(test_hmac_rfc4231);
	RUN(test_hmac_key_length);
	RUN(test_hkdf_of_every_hash);
	RUN(test_hkdf_rfc5869);
	UNIT_DONE();
}
