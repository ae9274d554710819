#include "keytext.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "secret.h"

#define SUM_BYTES 3
#define BODY_BYTES (KEY_BYTES + SUM_BYTES)
#define BODY_CHARS 47 /* base64url of BODY_BYTES without padding: 35 * 8 bits, 6 a character */

/* Indexed by enum key_form. No prefix begins with another one: "vxs1" differs from "vx1" at 's'. */
static const char *const prefixes[] = {NULL, "vk1", "vs1", "vp1", "vx1", "vxs1"};
#define FORMS (sizeof(prefixes) / sizeof(prefixes[0]))

const char *keytext_strerror(int error)
{
	switch (error) {
	case KEYTEXT_OK:
		return "no error";
	case KEYTEXT_E_FORM:
		return "not a key of a known form (vk1, vs1, vp1, vx1, vxs1)";
	case KEYTEXT_E_ENCODING:
		return "a character that does not belong in a key";
	case KEYTEXT_E_LENGTH:
		return "wrong length (characters are missing, or more follow the key)";
	case KEYTEXT_E_CHECKSUM:
		return "wrong checksum (a character was mistyped?)";
	case KEYTEXT_E_KEY:
		return "not a usable public key (not a point of the curve, or of low order)";
	}
	return "unknown error";
}

static void keytext_sum(uint8_t out[SUM_BYTES], const struct key *k)
{
	const char *prefix = prefixes[k->form];
	crypto_generichash_state st;
	uint8_t hash[32];

	crypto_generichash_init(&st, NULL, 0, sizeof(hash));
	crypto_generichash_update(&st, (const uint8_t *)prefix, strlen(prefix));
	crypto_generichash_update(&st, k->bytes, KEY_BYTES);
	crypto_generichash_final(&st, hash, sizeof(hash));
	memcpy(out, hash, SUM_BYTES);
	secret_wipe(hash, sizeof(hash));
	secret_wipe(&st, sizeof(st));
}

static enum key_form keytext_form(const char *text, size_t len)
{
	for (size_t i = 1; i < FORMS; i++) {
		size_t n = strlen(prefixes[i]);

		if (len >= n && memcmp(text, prefixes[i], n) == 0)
			return (enum key_form)i;
	}
	return KEY_NONE;
}

static bool keytext_alphabet(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '_'))
			return false;
	}
	return true;
}

/* base64url to key and checksum; the alphabet is checked first, so that a wrong character is
 * not mistaken for a wrong length. */
static int keytext_decode(uint8_t body[BODY_BYTES], const char *text, size_t len)
{
	size_t n;

	if (!keytext_alphabet(text, len))
		return KEYTEXT_E_ENCODING;
	if (len != BODY_CHARS)
		return KEYTEXT_E_LENGTH;
	if (sodium_base642bin(body, BODY_BYTES, text, len, NULL, &n, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
	    n != BODY_BYTES)
		return KEYTEXT_E_ENCODING; /* spare bits */
	return KEYTEXT_OK;
}

int keytext_parse(struct key *k, const char *text, size_t len)
{
	uint8_t body[BODY_BYTES], sum[SUM_BYTES], point[KEY_BYTES];
	size_t skip;
	int rc = KEYTEXT_E_FORM;

	memset(body, 0, sizeof(body));
	k->form = keytext_form(text, len);
	if (k->form == KEY_NONE)
		goto out;
	skip = strlen(prefixes[k->form]);
	rc = keytext_decode(body, text + skip, len - skip);
	if (rc)
		goto out;
	memcpy(k->bytes, body, KEY_BYTES);
	keytext_sum(sum, k);
	rc = KEYTEXT_E_CHECKSUM;
	if (memcmp(sum, body + KEY_BYTES, SUM_BYTES) != 0)
		goto out;
	rc = KEYTEXT_OK;
	if (k->form == KEY_PUBLIC || k->form == KEY_XPUBLIC)
		rc = key_x25519_public(point, k);
out:
	secret_wipe(body, sizeof(body));
	if (rc)
		secret_wipe(k, sizeof(*k));
	return rc;
}

void keytext_format(char out[KEYTEXT_MAX], const struct key *k)
{
	uint8_t body[BODY_BYTES];
	size_t skip;

	memset(out, 0, KEYTEXT_MAX);
	if (k->form <= KEY_NONE || (size_t)k->form >= FORMS)
		return;
	skip = strlen(prefixes[k->form]);
	memcpy(out, prefixes[k->form], skip);
	memcpy(body, k->bytes, KEY_BYTES);
	keytext_sum(body + KEY_BYTES, k);
	sodium_bin2base64(out + skip, KEYTEXT_MAX - skip, body, sizeof(body),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	secret_wipe(body, sizeof(body));
}

/* Both curves share the field; an encoding must be below p = 2^255 - 19. The Ed25519 sign
 * bit is not part of the number, an X25519 number has no such bit. */
static bool key_canonical(const uint8_t bytes[KEY_BYTES], uint8_t top)
{
	if (top > 0x7f)
		return false;
	if (top < 0x7f)
		return true;
	for (int i = KEY_BYTES - 2; i > 0; i--)
		if (bytes[i] != 0xff)
			return true;
	return bytes[0] < 0xed;
}

static int key_point_ed25519(uint8_t out[KEY_BYTES], const uint8_t pub[KEY_BYTES])
{
	static _Thread_local struct {
		bool is;
		uint8_t pub[KEY_BYTES], point[KEY_BYTES];
	} last; /* a key is read, then used: the second time costs nothing */

	if (last.is && memcmp(last.pub, pub, KEY_BYTES) == 0) {
		memcpy(out, last.point, KEY_BYTES);
		return KEYTEXT_OK;
	}
	if (!key_canonical(pub, pub[KEY_BYTES - 1] & 0x7f) ||
	    crypto_sign_ed25519_pk_to_curve25519(out, pub)) {
		memset(out, 0, KEY_BYTES);
		return KEYTEXT_E_KEY;
	}
	last.is = true;
	memcpy(last.pub, pub, KEY_BYTES);
	memcpy(last.point, out, KEY_BYTES);
	return KEYTEXT_OK;
}

static int key_point_x25519(uint8_t out[KEY_BYTES], const uint8_t pub[KEY_BYTES])
{
	static const uint8_t any[KEY_BYTES] = {8};
	uint8_t shared[KEY_BYTES];

	/* A low order point times any clamped number is zero, which libsodium reports. */
	if (!key_canonical(pub, pub[KEY_BYTES - 1]) || crypto_scalarmult(shared, any, pub)) {
		memset(out, 0, KEY_BYTES);
		return KEYTEXT_E_KEY;
	}
	memcpy(out, pub, KEY_BYTES);
	return KEYTEXT_OK;
}

int key_public(struct key *pub, const struct key *k)
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES], bytes[KEY_BYTES];
	int rc = KEYTEXT_OK;

	switch (k->form) {
	case KEY_PUBLIC:
	case KEY_XPUBLIC:
		*pub = *k;
		break;
	case KEY_SECRET:
		crypto_sign_seed_keypair(bytes, pair, k->bytes);
		secret_wipe(pair, sizeof(pair));
		pub->form = KEY_PUBLIC;
		memcpy(pub->bytes, bytes, KEY_BYTES);
		break;
	case KEY_XSECRET:
		crypto_scalarmult_base(bytes, k->bytes);
		pub->form = KEY_XPUBLIC;
		memcpy(pub->bytes, bytes, KEY_BYTES);
		break;
	default:
		memset(pub, 0, sizeof(*pub));
		rc = KEYTEXT_E_FORM;
	}
	return rc;
}

int key_x25519_public(uint8_t out[KEY_BYTES], const struct key *k)
{
	struct key pub;

	if (key_public(&pub, k)) {
		memset(out, 0, KEY_BYTES);
		return KEYTEXT_E_FORM;
	}
	if (pub.form == KEY_PUBLIC)
		return key_point_ed25519(out, pub.bytes);
	return key_point_x25519(out, pub.bytes);
}

int key_x25519_secret(uint8_t out[KEY_BYTES], const struct key *k)
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES], pub[KEY_BYTES];

	switch (k->form) {
	case KEY_SECRET:
		crypto_sign_seed_keypair(pub, pair, k->bytes);
		crypto_sign_ed25519_sk_to_curve25519(out, pair);
		secret_wipe(pair, sizeof(pair));
		return KEYTEXT_OK;
	case KEY_XSECRET:
		memcpy(out, k->bytes, KEY_BYTES);
		out[0] &= 0xf8;
		out[KEY_BYTES - 1] = (uint8_t)((out[KEY_BYTES - 1] & 0x7f) | 0x40);
		return KEYTEXT_OK;
	default:
		memset(out, 0, KEY_BYTES);
		return KEYTEXT_E_FORM;
	}
}

int key_fingerprint_hash(uint8_t out[FINGERPRINT_HASH], const struct key *k)
{
	static const char label[] = "vault-tools fingerprint";
	crypto_generichash_state st;
	uint8_t point[KEY_BYTES];
	int rc;

	memset(out, 0, FINGERPRINT_HASH);
	rc = key_x25519_public(point, k);
	if (rc)
		return rc;
	crypto_generichash_init(&st, NULL, 0, FINGERPRINT_HASH);
	crypto_generichash_update(&st, (const uint8_t *)label, strlen(label));
	crypto_generichash_update(&st, point, KEY_BYTES);
	crypto_generichash_final(&st, out, FINGERPRINT_HASH);
	return KEYTEXT_OK;
}

int key_fingerprint(char out[FINGERPRINT_MAX], const struct key *k)
{
	static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t hash[FINGERPRINT_HASH];
	size_t n = 0;
	int rc;

	memset(out, 0, FINGERPRINT_MAX);
	rc = key_fingerprint_hash(hash, k);
	if (rc)
		return rc;
	for (size_t i = 0; i < 24; i++) { /* 15 bytes are 24 groups of 5 bits */
		size_t at = i * 5 / 8, shift = i * 5 % 8;
		unsigned two = (unsigned)hash[at] << 8 | hash[at + 1];

		if (i && i % 4 == 0)
			out[n++] = '-';
		out[n++] = base32[two >> (11 - shift) & 31];
	}
	return KEYTEXT_OK;
}
