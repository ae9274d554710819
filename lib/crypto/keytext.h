/*
 * keytext: keys as text (vault/1 section 0), conversions and fingerprints.
 *
 * Text = form ("vk1" and so on) followed by base64url without padding of
 *   32 bytes key || first 3 bytes of BLAKE2b-256(form || key)
 */
#ifndef KEYTEXT_H
#define KEYTEXT_H

#include <stddef.h>
#include <stdint.h>

#define KEY_BYTES 32
#define KEYTEXT_MAX 64		/* longest text with its NUL */
#define FINGERPRINT_MAX 64	/* longest fingerprint with its NUL */

enum key_form {
	KEY_NONE = 0,
	KEY_PUBLIC,	/* vk1  Ed25519 public key of an identity */
	KEY_SECRET,	/* vs1  Ed25519 seed of an identity */
	KEY_PSK,	/* vp1  pre-shared key */
	KEY_XPUBLIC,	/* vx1  X25519 public key only */
	KEY_XSECRET,	/* vxs1 X25519 secret key only */
};

struct key {
	enum key_form form;
	uint8_t bytes[KEY_BYTES];
};

enum keytext_error {
	KEYTEXT_OK = 0,
	KEYTEXT_E_FORM = -1,		/* does not begin with a form we know */
	KEYTEXT_E_ENCODING = -2,	/* a character that is not base64url, or non-zero spare bits */
	KEYTEXT_E_LENGTH = -3,		/* too short, or bytes behind the key */
	KEYTEXT_E_CHECKSUM = -4,	/* a typing error: the checksum does not fit */
	KEYTEXT_E_KEY = -5,		/* not a point of the curve, or of low order */
};

/* Constant text for an error, for example "wrong checksum (a character was mistyped?)". */
const char *keytext_strerror(int error);

/* Parse exactly ${len} characters. KEYTEXT_OK or an error; on error ${k} is wiped. */
int keytext_parse(struct key *k, const char *text, size_t len) __attribute__((warn_unused_result));

/* The text of ${k} with its NUL. */
void keytext_format(char out[KEYTEXT_MAX], const struct key *k);

/* The public key that belongs to a secret (vs1 -> vk1, vxs1 -> vx1); a public key is copied.
 * KEYTEXT_OK, or KEYTEXT_E_FORM for a psk. */
int key_public(struct key *pub, const struct key *k) __attribute__((warn_unused_result));

/* The X25519 public key for Noise from any form but a psk. KEYTEXT_E_KEY if an Ed25519 key is
 * not a point of the prime-order group. */
int key_x25519_public(uint8_t out[KEY_BYTES], const struct key *k) __attribute__((warn_unused_result));

/* The X25519 secret key for Noise from vs1 (libsodium's conversion) or vxs1. */
int key_x25519_secret(uint8_t out[KEY_BYTES], const struct key *k) __attribute__((warn_unused_result));

#define FINGERPRINT_HASH 32

/* What fingerprints are cut from: BLAKE2b-256("vault-tools fingerprint" || X25519 public key).
 * As key_fingerprint(). */
int key_fingerprint_hash(uint8_t out[FINGERPRINT_HASH], const struct key *k) __attribute__((warn_unused_result));

/* Short text for eyes, of the X25519 public key, so the same whether a side knows the Ed25519 or
 * the X25519 form: base32 (lower case, no padding) of the first 15 bytes of
 * BLAKE2b-256("vault-tools fingerprint" || X25519 public key), six groups of four separated by '-'.
 * KEYTEXT_OK, KEYTEXT_E_FORM (psk), KEYTEXT_E_KEY. */
int key_fingerprint(char out[FINGERPRINT_MAX], const struct key *k) __attribute__((warn_unused_result));

#endif
