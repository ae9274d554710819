/*
 * identity: new identities on disk, and what there is to say about a key.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>

#include "crypto/keyformat.h"
#include "crypto/keytext.h"
#include "keyfile.h"
#include "proto/error.h"

#define IDENTITY_TEXT_MAX 640

/* The public facts about a key. */
struct identity_facts {
	char public[KEYTEXT_MAX];  /* vk1 or vx1 */
	char xpublic[KEYTEXT_MAX]; /* vx1 */
	char fingerprint[FINGERPRINT_MAX];
	char comment[KEYFILE_COMMENT_MAX];
};

/* Of any key but a psk. ${comment} is copied. 0 or -1. */
int identity_facts(struct identity_facts *f, const struct key *k, const char *comment,
    struct error *e) __attribute__((warn_unused_result));

/* "user@host", printable. */
void identity_comment(char out[KEYFILE_COMMENT_MAX]);

/* Now, as a key file says it. */
void identity_now(char out[KEYFILE_CREATED_MAX]);

/* What stands in a key file besides the key; NULL: nothing. */
struct identity_new {
	const char *comment;
	const char *created;
	const struct keyseal *seal; /* the key, locked: instead of the key */
};

/* The text of a secret key file (an identity or a psk) in guarded memory, to be freed with
 * secret_free(); NULL if there is no memory. The key's line is the last one. */
char *identity_text(const struct key *k, const struct identity_new *how);

/* Write the secret ${k} to ${path} (0600) and, unless it is a psk, its public line to
 * ${path}.pub; both or none, see keyfile_write(). 0 or -1. */
int identity_write(const char *path, const struct key *k, const struct identity_new *how, bool force,
    struct error *e) __attribute__((warn_unused_result));

/* Write the secret ${k} in the place of the file ${path} that holds it, differently locked or with another
 * comment. The old file stays until the new one is whole. 0 or -1. */
int identity_rewrite(const char *path, const struct key *k, const struct identity_new *how, struct error *e)
    __attribute__((warn_unused_result));

/* Read a key in a foreign format from ${fd}, up to its end; ${name} is for messages. ${k}'s form says what
 * it is to be: KEY_SECRET (a seed), KEY_XSECRET (is clamped), KEY_PSK, KEY_PUBLIC or KEY_XPUBLIC. Formats that
 * say themselves whether it is Ed25519 or X25519 may change that. ${comment}: what the format has, or "". */
int identity_import(struct key *k, char comment[KEYFILE_COMMENT_MAX], enum key_format format, int fd,
    const char *name, struct error *e) __attribute__((warn_unused_result));

/* The part of ${k} that is to be shown in a foreign format: the secret one, or with ${public} the public
 * one. PART_NONE means what the key has (ed25519 before x25519); a psk has no parts. ${name} is for
 * messages. 0, or -1 with the reason. */
int identity_export(struct key *out, enum key_part part, bool public, const struct key *k, const char *name,
    struct error *e) __attribute__((warn_unused_result));

/* Write a public key's line to ${path}, as ${path}.pub of an identity is. 0 or -1. */
int identity_write_public(const char *path, const struct key *k, const char *comment, bool force, struct error *e)
    __attribute__((warn_unused_result));

/* Look at a key file of any kind. 0: ${f} (to be freed with secret_free()) tells what it is; a locked one
 * is not opened. -1: ERROR_IO what is damaged (also: ${path}.pub holds another key), ERROR_SAFETY who else
 * can read it. */
int identity_check(struct keyfile_found **f, const char *path, struct error *e) __attribute__((warn_unused_result));

#endif
