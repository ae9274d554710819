/* keygen: what the parts of vault-keygen share. */
#ifndef KEYGEN_H
#define KEYGEN_H

#include <stdbool.h>

#include "common.h"
#include "crypto/keyformat.h"
#include "proto/error.h"
#include "run/identity.h"
#include "run/keyfile.h"
#include "run/passphrase.h"

#define KEYGEN_PROG "vault-keygen"

/* What was asked for; not changed after keygen_args(). */
struct keygen_opts {
	const char *file;
	const char *comment;
	const char *check;
	const char *find, *remove; /* servers */
	enum key_format export, import;
	enum key_part part;
	bool public, list, picture, hide, psk, json, force, lock, change, append;
	struct passphrase from;
};

/* Take the command line. 0: go on; else *${status} is the exit status of help, version or a usage error. */
int keygen_args(struct keygen_opts *o, int argc, char **argv, int *status);

/* The file meant by -f, or the identity; NULL after an error. */
const char *keygen_path(const struct keygen_opts *o, char room[KEYFILE_PATH_MAX], struct error *e);

/* "KEY COMMENT", with its fingerprint before it if asked for. */
void keygen_line(const struct identity_facts *f, bool fingerprint);
json_t *keygen_facts(const struct identity_facts *f);

/* The key on standard input, in the format and of the part asked for; ${k}'s form says which half. */
int keygen_import(const struct keygen_opts *o, struct key *k, char comment[KEYFILE_COMMENT_MAX], struct error *e);

/* The jobs: 0, or -1 with the reason. */
int keygen_create(struct keygen_opts *o, struct error *e);
int keygen_change(struct keygen_opts *o, struct error *e);
int keygen_show(struct keygen_opts *o, struct error *e);
int keygen_check(struct keygen_opts *o, struct error *e);
int keygen_import_public(struct keygen_opts *o, struct error *e);
int keygen_find(struct keygen_opts *o, struct error *e);
int keygen_remove(struct keygen_opts *o, struct error *e);
int keygen_hide(struct keygen_opts *o, struct error *e);
int keygen_export(struct keygen_opts *o, struct error *e);

#endif
