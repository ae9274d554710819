/*
 * keyforeign: a key as the files of other programs hold it, where that is more than its 32 bytes (those
 * are in keyformat.h).
 *
 *   pem       PKCS#8 and SubjectPublicKeyInfo in PEM (RFC 7468, RFC 8410), Ed25519 and X25519, not encrypted
 *   openssh   openssh-key-v1 without a passphrase, and lines of .pub files; Ed25519
 *   age       "age1..." and "AGE-SECRET-KEY-1...", Bech32 (BIP 173); X25519
 *   minisign  public keys only, Ed25519. Their key id has no place in a key of ours: it is taken from
 *   signify   and put into the comment, as its last word, 16 hexadecimal digits
 */
#ifndef KEYFOREIGN_H
#define KEYFOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "keyformat.h"
#include "keytext.h"
#include "secret.h"

#define KEYFOREIGN_COMMENT_MAX 128
#define KEYFOREIGN_TEXT_MAX 1024 /* longest text with its NUL */

enum keyforeign_error {
	KEYFOREIGN_OK = 0,
	KEYFOREIGN_E_FORM = -1,	  /* not a text of this format */
	KEYFOREIGN_E_LOCKED = -2, /* encrypted */
	KEYFOREIGN_E_KIND = -3,	  /* another kind of key: RSA, a secret where a public one is meant, ... */
	KEYFOREIGN_E_KEY = -4,	  /* its parts contradict each other, or it is no usable key */
};

/* Is it one of the formats above? */
bool keyforeign_is(enum key_format format);

/* Can it hold such a key? */
bool keyforeign_holds(enum key_format format, enum key_form form);

const char *keyforeign_strerror(int error);

/* Exactly one key; ${public} says which half is expected. The comment is cut to what fits and comes as it
 * is: not printable yet. 0, or an enum keyforeign_error with ${k} wiped. */
int keyforeign_parse(struct key *k, char comment[KEYFOREIGN_COMMENT_MAX], enum key_format format, bool public,
    const char *text, size_t len) __attribute__((warn_unused_result));

/* The text of ${k} with its last newline and NUL; ${k} is one that keyforeign_holds(). ${rng}: for the check
 * number in openssh's. ${out} belongs in guarded memory if ${k} is a secret. 0, or KEYFOREIGN_E_KIND. */
int keyforeign_format(char out[KEYFOREIGN_TEXT_MAX], enum key_format format, const struct key *k,
    const char *comment, const struct rng *rng) __attribute__((warn_unused_result));

#endif
