/*
 * keyformat: the 32 bytes of a key as other programs write them.
 *
 *   raw        the bytes themselves
 *   hex        64 hexadecimal digits, either case
 *   base64     44 characters of RFC 4648 section 4, with padding
 *   wireguard  the same, as wg(8) reads and prints X25519 and pre-shared keys
 *
 * The others are more than those bytes: keyforeign.h.
 */
#ifndef KEYFORMAT_H
#define KEYFORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keytext.h"

#define KEYFORMAT_MAX 65 /* longest text with its NUL */

enum key_format {
	FORMAT_NONE = 0,
	FORMAT_RAW,
	FORMAT_HEX,
	FORMAT_BASE64,
	FORMAT_WIREGUARD,
	FORMAT_PEM,
	FORMAT_OPENSSH,
	FORMAT_AGE,
	FORMAT_MINISIGN,
	FORMAT_SIGNIFY,
	FORMAT_COUNT,
};

/* Which of the two key pairs of an identity. */
enum key_part {
	PART_NONE = 0,
	PART_ED25519,
	PART_X25519,
	PART_COUNT,
};

/* Names by value: "raw" and so on, "ed25519", "x25519"; NULL for 0. */
extern const char *const keyformat_names[FORMAT_COUNT];
extern const char *const keyformat_parts[PART_COUNT];

/* What the format looks like, for messages: "64 hexadecimal digits". */
const char *keyformat_expected(enum key_format format);

/* Exactly one key in one of the first four; the texts may end in one newline. 0, or -1 with ${out} wiped. */
int keyformat_decode(uint8_t out[KEY_BYTES], enum key_format format, const void *text, size_t len)
    __attribute__((warn_unused_result));

/* The text with its NUL (of hex, base64 and wireguard). */
void keyformat_encode(char out[KEYFORMAT_MAX], enum key_format format, const uint8_t key[KEY_BYTES]);

/* The bytes of one part of ${k}, the secret ones or with ${public} the public ones: Ed25519 secrets
 * are the seed, X25519 secrets are clamped. KEYTEXT_OK; KEYTEXT_E_FORM if ${k} does not have that
 * (an x25519-only key, a secret of a public key, any part of a psk); KEYTEXT_E_KEY. */
int keyformat_part(uint8_t out[KEY_BYTES], enum key_part part, bool public, const struct key *k)
    __attribute__((warn_unused_result));

#endif
