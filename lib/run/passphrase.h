/*
 * passphrase: where the passphrase of a locked key comes from.
 *
 * In this order: a file, a descriptor, the credential "vault-tools.passphrase" of the service manager, the
 * terminal. From the first three the first line is taken, and the second one where a new passphrase is
 * wanted for a key that is locked already. Only bytes count: a passphrase is at most PASSPHRASE_MAX - 1 of
 * them, without NUL or newline, and not empty. All of it lives in guarded memory.
 */
#ifndef PASSPHRASE_H
#define PASSPHRASE_H

#include <stdbool.h>

#include "crypto/keyseal.h"
#include "proto/error.h"

#define PASSPHRASE_MAX 1024
#define PASSPHRASE_CREDENTIAL "vault-tools.passphrase"

struct passphrase {
	const char *file; /* or NULL */
	int fd;		  /* or -1; closed once read (the standard ones stay open) */
	/* private */
	char *text; /* the file's, with a NUL behind each line */
	size_t len;
	bool loaded, used;
};

#define PASSPHRASE_NONE ((struct passphrase){.fd = -1})

/* Open what is in ${s}. ${path} is for the question. The terminal has three tries, other sources one.
 * ${from} may be NULL for a tool without the two options. 0, or -1: ERROR_AUTH (wrong), ERROR_IO. */
int passphrase_open(struct key *k, const struct keyseal *s, const char *path, struct passphrase *from,
    struct error *e) __attribute__((warn_unused_result));

/* Lock ${k} with a new passphrase, at a cost that takes this machine between half a second and a second.
 * The terminal asks twice. 0; 1 if the new passphrase is empty and ${empty} allows that (nothing is locked
 * then); -1. */
int passphrase_lock(struct keyseal *s, const struct key *k, const char *path, bool empty,
    struct passphrase *from, struct error *e) __attribute__((warn_unused_result));

/* Wipe what was read. */
void passphrase_free(struct passphrase *from);

#endif
