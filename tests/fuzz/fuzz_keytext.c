/* keytext: whatever parses is the one text of its key, and its conversions hold together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keyforeign.h"
#include "crypto/keyformat.h"
#include "crypto/keyseal.h"
#include "crypto/keytext.h"
#include "crypto/secret.h"

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_key(const struct key *k)
{
	uint8_t direct[KEY_BYTES], via_public[KEY_BYTES], secret[KEY_BYTES];
	char print[FINGERPRINT_MAX];
	struct key pub;
	int is_secret = k->form == KEY_SECRET || k->form == KEY_XSECRET;

	must(key_x25519_secret(secret, k) == (is_secret ? KEYTEXT_OK : KEYTEXT_E_FORM));
	if (k->form == KEY_PSK) {
		must(key_public(&pub, k) == KEYTEXT_E_FORM);
		return;
	}
	must(key_public(&pub, k) == KEYTEXT_OK);
	must(key_x25519_public(direct, k) == KEYTEXT_OK);
	must(key_x25519_public(via_public, &pub) == KEYTEXT_OK);
	must(memcmp(direct, via_public, KEY_BYTES) == 0);
	must(key_fingerprint(print, k) == KEYTEXT_OK && strlen(print) == 29);
}

static void check_formats(const uint8_t *data, size_t size)
{
	for (int f = FORMAT_RAW; f <= FORMAT_WIREGUARD; f++) {
		uint8_t key[KEY_BYTES], again[KEY_BYTES];
		char text[KEYFORMAT_MAX];

		if (keyformat_decode(key, (enum key_format)f, data, size) || f == FORMAT_RAW)
			continue;
		keyformat_encode(text, (enum key_format)f, key);
		must(keyformat_decode(again, (enum key_format)f, text, strlen(text)) == 0);
		must(memcmp(key, again, KEY_BYTES) == 0);
	}
}

/* What other programs write: if it is taken, what we write of it is taken for the same. */
static void check_foreign(const uint8_t *data, size_t size)
{
	char comment[KEYFOREIGN_COMMENT_MAX], text[KEYFOREIGN_TEXT_MAX], again[KEYFOREIGN_COMMENT_MAX];
	struct key k, back;

	for (int f = FORMAT_PEM; f < FORMAT_COUNT; f++)
		for (int public = 0; public < 2; public++) {
			if (keyforeign_parse(&k, comment, (enum key_format)f, public, (const char *)data, size)) {
				must(k.form == KEY_NONE);
				continue;
			}
			must(keyforeign_holds((enum key_format)f, k.form));
			if (strpbrk(comment, "\n\r "))
				comment[0] = '\0';
			must(keyforeign_format(text, (enum key_format)f, &k, comment, &secret_rng) == 0);
			must(keyforeign_parse(&back, again, (enum key_format)f, public, text, strlen(text)) == 0);
			must(memcmp(&k, &back, sizeof(k)) == 0);
		}
}

static void check_seal(const uint8_t *data, size_t size)
{
	char text[KEYSEAL_TEXT_MAX];
	struct keyseal s;

	if (keyseal_parse(&s, (const char *)data, size))
		return;
	keyseal_format(text, &s);
	must(strlen(text) == size && memcmp(text, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[KEYTEXT_MAX];
	struct key k;
	int rc;

	must(secret_init() == 0);
	rc = keytext_parse(&k, (const char *)data, size);
	must(rc <= KEYTEXT_OK && rc >= KEYTEXT_E_KEY);
	if (rc == KEYTEXT_OK) {
		keytext_format(text, &k);
		must(strlen(text) == size && memcmp(text, data, size) == 0);
		check_key(&k);
	} else {
		must(k.form == KEY_NONE);
	}
	check_formats(data, size);
	check_foreign(data, size);
	check_seal(data, size);
	return 0;
}
