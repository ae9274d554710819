/* library: when nothing may be loaded any more, libsodium goes on with bulk data. */
#include "unit.h"

#include <sodium.h>

#include "crypto/aead.h"
#include "crypto/dh_libcrypto.h"
#include "crypto/hash_libcrypto.h"
#include "crypto/library.h"
#include "crypto/noise.h"
#include "crypto/secret.h"

#define RECORD 65519

static void check_goes_on(enum aead_alg alg)
{
	static uint8_t text[RECORD], record[RECORD + AEAD_TAGBYTES];
	const uint8_t key[AEAD_KEYBYTES] = {7}, nonce[AEAD_NONCEBYTES] = {1};
	struct aead a = {0};

	CHECK_INT(aead_init(&a, alg, key), 0);
	for (int i = 0; i < 20; i++) {
		CHECK_INT(aead_seal(&a, nonce, NULL, 0, text, sizeof(text), record), 0);
		CHECK_INT(aead_open(&a, nonce, NULL, 0, record, sizeof(record), record), 0);
		CHECK_MEM(record, text, sizeof(text));
	}
#ifdef LIBCRYPTO_SO
	CHECK(!a.bulk);
#endif
	aead_free(&a);
}

static void test_bulk(void)
{
	noise_protocol_prepare(NULL); /* too late */
	check_goes_on(AEAD_CHACHAPOLY);
	if (aead_hardware_aes())
		check_goes_on(AEAD_AESGCM);
}

static void test_what_only_libcrypto_has(void)
{
#ifdef LIBCRYPTO_SO
	const uint8_t secret[DH_LIBCRYPTO_X448BYTES] = {1};
	const struct hash_part part = {.data = secret, .n = 1};
	uint8_t out[DH_LIBCRYPTO_X448BYTES];

	CHECK_INT(dh_libcrypto_x448_public(out, secret), -1);
	CHECK_INT(dh_libcrypto_x448_shared(out, secret, secret), -1);
	CHECK_INT(hash_libcrypto_blake2s(out, &part, 1), -1);
#endif
}

static void test_no_library(void)
{
	CHECK(library_open("libc.so.6") == NULL);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	library_no_more();
	RUN(test_bulk);
	RUN(test_what_only_libcrypto_has);
	RUN(test_no_library);
	UNIT_DONE();
}
