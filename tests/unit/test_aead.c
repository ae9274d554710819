/* aead: all back ends agree, in place or not, and give nothing away when a tag is wrong. */
#include "unit.h"

#include <sodium.h>

#include "crypto/aead_library.h"
#include "crypto/secret.h"

#define RECORD 65519

static const enum aead_alg algs[] = {AEAD_CHACHAPOLY, AEAD_AESGCM};
static const uint8_t ad[] = "associated data";

static uint8_t plain[RECORD], sealed[RECORD + AEAD_TAGBYTES], other[RECORD + AEAD_TAGBYTES];

/* libsodium, and what takes over from it. */
static const struct aead_library *const libraries[] = {NULL, &aead_libcrypto, &aead_ipsecmb};
#define LIBRARIES (sizeof(libraries) / sizeof(libraries[0]))

static bool serves(const struct aead_library *library, enum aead_alg alg)
{
	return !library || library->serves(alg);
}

/* Will anything take over? */
static bool bulk_serves(enum aead_alg alg)
{
	return aead_libcrypto.serves(alg) || aead_ipsecmb.serves(alg);
}

/* A fresh struct; with a library one that this has taken over. */
static struct aead start(enum aead_alg alg, const struct aead_library *library)
{
	struct aead a = {0};
	uint8_t key[AEAD_KEYBYTES];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 7);
	CHECK_INT(aead_init(&a, alg, key), 0);
	if (library) {
		a.done = AEAD_BULK;
		a.library = library;
		a.bulk = library->make(alg, key);
		CHECK(a.bulk);
	}
	return a;
}

/* libsodium shall go on. */
static void stay(struct aead *a)
{
	if (!a->bulk)
		a->done = 0;
}

static void nonce_of(uint8_t nonce[AEAD_NONCEBYTES], unsigned n)
{
	memset(nonce, 0, AEAD_NONCEBYTES);
	nonce[0] = (uint8_t)n;
	nonce[11] = (uint8_t)(n >> 8);
}

static void fill_plain(void)
{
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i ^ i >> 8);
}

static int sodium_serves(enum aead_alg alg)
{
	return alg == AEAD_CHACHAPOLY || aead_hardware_aes();
}

static void with_libraries(enum aead_alg alg, const struct aead_library *seals,
    const struct aead_library *opens, void (*check)(struct aead *sealer, struct aead *opener))
{
	struct aead sealer = start(alg, seals), opener = start(alg, opens);
	const void *sealing = sealer.bulk, *opening = opener.bulk;

	check(&sealer, &opener);
	if (seals || sodium_serves(alg))
		CHECK(sealer.bulk == sealing);
	if (opens || sodium_serves(alg))
		CHECK(opener.bulk == opening);
	aead_free(&sealer);
	aead_free(&opener);
}

/* Run ${check} for each algorithm that there is, with each back end at either side. */
static void each(void (*check)(struct aead *sealer, struct aead *opener))
{
	for (size_t i = 0; i < 2; i++)
		for (size_t s = 0; s < LIBRARIES && aead_available(algs[i]); s++)
			for (size_t o = 0; o < LIBRARIES; o++)
				if (serves(libraries[s], algs[i]) && serves(libraries[o], algs[i]))
					with_libraries(algs[i], libraries[s], libraries[o], check);
}

static void test_availability(void)
{
	struct aead a = {0};
	const uint8_t key[AEAD_KEYBYTES] = {1};

	CHECK(aead_available(AEAD_CHACHAPOLY));
	CHECK_INT(aead_available(AEAD_AESGCM), WITH_LIBCRYPTO || aead_hardware_aes());
	CHECK(!aead_available(AEAD_NONE));
	CHECK_INT(aead_init(&a, AEAD_NONE, key), -1);
	CHECK(sodium_is_zero((const uint8_t *)&a, sizeof(a)));
	if (!aead_available(AEAD_AESGCM))
		CHECK_INT(aead_init(&a, AEAD_AESGCM, key), -1);
	aead_free(&a);
}

/* RFC 8439, section 2.8.2: tag, and the ciphertext's beginning. */
static void test_rfc8439(void)
{
	static const char text[] =
	    "Ladies and Gentlemen of the class of '99: If I could offer you only "
	    "one tip for the future, sunscreen would be it.";
	static const uint8_t aad[] = {
	    0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
	static const uint8_t nonce[] = {7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
	const size_t n = sizeof(text) - 1;
	struct aead a = {0};
	uint8_t key[AEAD_KEYBYTES];
	char hex[33];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(0x80 + i);
	for (size_t i = 0; i < LIBRARIES; i++) {
		if (!serves(libraries[i], AEAD_CHACHAPOLY))
			continue;
		CHECK_INT(aead_init(&a, AEAD_CHACHAPOLY, key), 0);
		if (libraries[i]) {
			a.library = libraries[i];
			a.bulk = libraries[i]->make(AEAD_CHACHAPOLY, key);
			a.done = AEAD_BULK;
		}
		CHECK_INT(
		    aead_seal(&a, nonce, aad, sizeof(aad), (const uint8_t *)text, n, sealed), 0);
		CHECK_STR(sodium_bin2hex(hex, sizeof(hex), sealed, 16),
		    "d31a8d34648e60db7b86afbc53ef7ec2");
		CHECK_STR(sodium_bin2hex(hex, sizeof(hex), sealed + n, 16),
		    "1ae10b594f09e26a7e902ecbd0600691");
		aead_free(&a);
	}
}

static void check_lengths(struct aead *sealer, struct aead *opener)
{
	static const size_t longer[] = {1023, 1024, 16384, RECORD};
	uint8_t nonce[AEAD_NONCEBYTES];

	for (unsigned i = 0; i < 150; i++) {
		const size_t n = i < 146 ? i : longer[i - 146];

		stay(sealer);
		stay(opener);
		nonce_of(nonce, i);
		CHECK_INT(aead_seal(sealer, nonce, ad, i % 16, plain, n, sealed), 0);
		CHECK_INT(
		    aead_open(opener, nonce, ad, i % 16, sealed, n + AEAD_TAGBYTES, other), 0);
		CHECK_MEM(other, plain, n);
	}
}

static void test_lengths(void)
{
	each(check_lengths);
}

static void check_in_place(struct aead *sealer, struct aead *opener)
{
	static const size_t lengths[] = {0, 1, 15, 16, 17, 255, 4096, RECORD};
	uint8_t nonce[AEAD_NONCEBYTES];

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const size_t n = lengths[i];

		stay(opener);
		nonce_of(nonce, i);
		stay(sealer);
		CHECK_INT(aead_seal(sealer, nonce, ad, 3, plain, n, sealed), 0);
		memcpy(other, plain, n);
		stay(sealer);
		CHECK_INT(aead_seal(sealer, nonce, ad, 3, other, n, other), 0);
		CHECK_MEM(other, sealed, n + AEAD_TAGBYTES);
		CHECK_INT(aead_open(opener, nonce, ad, 3, other, n + AEAD_TAGBYTES, other), 0);
		CHECK_MEM(other, plain, n);
	}
}

static void test_in_place(void)
{
	each(check_in_place);
}

static void check_refused(struct aead *opener, const uint8_t *nonce, size_t adlen, size_t n)
{
	memset(other, 0xa5, n);
	CHECK_INT(aead_open(opener, nonce, ad, adlen, sealed, n, other), -1);
	CHECK(sodium_is_zero(other, n - AEAD_TAGBYTES));
	CHECK_INT(other[n - AEAD_TAGBYTES], 0xa5); /* and not a byte more */
	memcpy(other, sealed, n);
	CHECK_INT(aead_open(opener, nonce, ad, adlen, other, n, other), -1);
	CHECK(sodium_is_zero(other, n - AEAD_TAGBYTES));
}

/* Every byte of ciphertext and tag, the nonce, the associated data, the length. */
static void check_forgeries(struct aead *sealer, struct aead *opener)
{
	const size_t n = 40 + AEAD_TAGBYTES;
	uint8_t nonce[AEAD_NONCEBYTES];

	nonce_of(nonce, 5);
	CHECK_INT(aead_seal(sealer, nonce, ad, 8, plain, 40, sealed), 0);
	for (size_t i = 0; i < n; i++) {
		sealed[i] ^= (uint8_t)(1 << i % 8);
		check_refused(opener, nonce, 8, n);
		sealed[i] ^= (uint8_t)(1 << i % 8);
	}
	check_refused(opener, nonce, 7, n);
	check_refused(opener, nonce, 9, n);
	check_refused(opener, nonce, 8, n - 1);
	nonce[0] ^= 1;
	check_refused(opener, nonce, 8, n);
	nonce[0] ^= 1;
	for (size_t i = 0; i < AEAD_TAGBYTES; i++)
		CHECK_INT(aead_open(opener, nonce, ad, 8, sealed, i, other), -1);
	/* a refusal does not spoil what comes after it */
	CHECK_INT(aead_open(opener, nonce, ad, 8, sealed, n, other), 0);
	CHECK_MEM(other, plain, 40);
}

static void test_forgeries(void)
{
	each(check_forgeries);
}

/* One struct may do both. */
static void check_both_ways(struct aead *a, struct aead *unused)
{
	uint8_t nonce[AEAD_NONCEBYTES];

	(void)unused;
	for (unsigned i = 0; i < 20; i++) {
		nonce_of(nonce, i);
		CHECK_INT(aead_seal(a, nonce, NULL, 0, plain, 100 + i, sealed), 0);
		CHECK_INT(aead_open(a, nonce, NULL, 0, sealed, 100 + i + AEAD_TAGBYTES, other), 0);
		CHECK_MEM(other, plain, 100 + i);
	}
}

static void test_both_ways(void)
{
	each(check_both_ways);
}

/* Has the first key of all gone over? Then the others follow sooner. */
static bool paid(enum aead_alg alg)
{
	return (aead_libcrypto.serves(alg) && aead_libcrypto.started()) ||
	    (aead_ipsecmb.serves(alg) && aead_ipsecmb.started());
}

/* The sides change back ends at different records, in the middle of the stream. */
static void check_stream(enum aead_alg alg)
{
	struct aead sealer = start(alg, NULL), opener = start(alg, NULL);
	uint8_t nonce[AEAD_NONCEBYTES];

	opener.done = AEAD_BULK / 2;
	for (unsigned i = 0; i < 10; i++) {
		uint64_t due = paid(alg) ? AEAD_SOON : AEAD_BULK;
		bool had = sealer.bulk != NULL;

		CHECK_INT(sealer.done, (uint64_t)i * RECORD);
		nonce_of(nonce, i);
		CHECK_INT(aead_seal(&sealer, nonce, NULL, 0, plain, RECORD, sealed), 0);
		if (sodium_serves(alg))
			CHECK_INT(sealer.bulk != NULL,
			    had || (bulk_serves(alg) && (uint64_t)i * RECORD >= due));
		CHECK_INT(aead_open(&opener, nonce, NULL, 0, sealed, sizeof(sealed), sealed), 0);
		CHECK_MEM(sealed, plain, RECORD);
		if (!bulk_serves(alg)) /* it asks again after as much */
			sealer.done = (uint64_t)(i + 1) * RECORD;
	}
	aead_free(&sealer);
	aead_free(&opener);
}

static void test_switch_within_a_stream(void)
{
	for (size_t i = 0; i < 2; i++)
		if (aead_available(algs[i]))
			check_stream(algs[i]);
}

static void test_free_wipes(void)
{
	for (size_t i = 0; i < 2; i++) {
		for (size_t l = 0; l < LIBRARIES && aead_available(algs[i]); l++) {
			const uint8_t nonce[AEAD_NONCEBYTES] = {0};
			struct aead a = {0};

			if (!serves(libraries[l], algs[i]))
				continue;
			a = start(algs[i], libraries[l]);
			CHECK_INT(aead_seal(&a, nonce, NULL, 0, plain, 10, sealed), 0);
			aead_free(&a);
			CHECK(sodium_is_zero((const uint8_t *)&a, sizeof(a)));
			aead_free(&a);
		}
	}
}

/* An empty struct seals and opens nothing. */
static void test_empty(void)
{
	struct aead a = {0};
	const uint8_t nonce[AEAD_NONCEBYTES] = {0};

	memset(other, 0xa5, 64);
	CHECK_INT(aead_seal(&a, nonce, NULL, 0, plain, 10, other), -1);
	CHECK(sodium_is_zero(other, 10 + AEAD_TAGBYTES));
	CHECK_INT(aead_open(&a, nonce, NULL, 0, sealed, 40, other), -1);
	CHECK_INT(a.bulk != NULL, 0);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	fill_plain();
	RUN(test_availability);
	RUN(test_switch_within_a_stream); /* nothing is loaded */
	RUN(test_rfc8439);
	RUN(test_lengths);
	RUN(test_in_place);
	RUN(test_forgeries);
	RUN(test_both_ways);
	RUN(test_free_wipes);
	RUN(test_empty);
	RUN(test_switch_within_a_stream); /* all is */
	UNIT_DONE();
}
