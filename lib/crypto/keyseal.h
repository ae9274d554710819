/*
 * keyseal: a secret key locked with a passphrase, as text.
 *
 * Text = "ve1" followed by base64url without padding of
 *   form(1) kdf(1) passes(4) kibibytes(4) salt(16) public(32) nonce(24) box(48) sum(3)
 * (numbers big-endian). form: what is in the box, an enum key_form. kdf: 1, Argon2id (RFC 9106, one
 * lane) with that many passes over that much memory, making a key of 32 bytes from passphrase and salt.
 * box: the 32 bytes of the secret under XChaCha20-Poly1305, with "ve1" and everything before the nonce
 * as additional data. public: the public key that belongs to it (Ed25519, or X25519 for vxs1; zero for a
 * psk), so that it can be shown without the passphrase. sum: the first 3 bytes of BLAKE2b-256("ve1" ||
 * everything before it), so that damage is told from a wrong passphrase.
 */
#ifndef KEYSEAL_H
#define KEYSEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keytext.h"
#include "secret.h"

#define KEYSEAL_TEXT_MAX 192 /* with its NUL */
#define KEYSEAL_SALT 16
#define KEYSEAL_NONCE 24
#define KEYSEAL_BOX (KEY_BYTES + 16)

/* What a file may ask for; more than that is damage or malice. */
#define KEYSEAL_PASSES_MAX 1000
#define KEYSEAL_KIB_MIN 8
#define KEYSEAL_KIB_MAX (4 * 1024 * 1024)

struct keyseal {
	enum key_form form;
	uint32_t passes;
	uint32_t kib;
	uint8_t salt[KEYSEAL_SALT];
	uint8_t public[KEY_BYTES];
	uint8_t nonce[KEYSEAL_NONCE];
	uint8_t box[KEYSEAL_BOX];
};

enum keyseal_error {
	KEYSEAL_OK = 0,
	KEYSEAL_E_PASSPHRASE = -10, /* it does not open the box */
	KEYSEAL_E_MEMORY = -11,	    /* not as much memory as the derivation needs */
	KEYSEAL_E_FORM = -12,	    /* no secret key of ours */
};

/* Does the word begin as a locked key does? */
bool keyseal_is(const char *text, size_t len);

/* Parse exactly ${len} characters. 0, or an enum keytext_error (KEYTEXT_E_FORM also for a kdf, a form or
 * a cost that is not known or too high). Nothing in it is secret. */
int keyseal_parse(struct keyseal *s, const char *text, size_t len) __attribute__((warn_unused_result));

void keyseal_format(char out[KEYSEAL_TEXT_MAX], const struct keyseal *s);

/* Lock ${k} with fresh salt and nonce from ${rng}; ${s}->passes and ${s}->kib are the cost. 0 or an
 * enum keyseal_error. */
int keyseal_lock(struct keyseal *s, const struct key *k, const void *passphrase, size_t len,
    const struct rng *rng) __attribute__((warn_unused_result));

/* Open it again; on an error ${k} is wiped. The public key in the text has been compared. */
int keyseal_open(struct key *k, const struct keyseal *s, const void *passphrase, size_t len)
    __attribute__((warn_unused_result));

/* The public key that it shows (unproven until opened). 0, or -1 (and KEY_NONE) for a
 * psk, which has none. */
int keyseal_public(struct key *pub, const struct keyseal *s);

#endif
