/*
 * keyfile: key files, read with care and written with more.
 *
 * A key file is text: blank lines and lines that begin with '#' do not count (but "# Created: " and a
 * date is shown to who asks), and exactly one line holds a key and, optionally, a comment: "vs1...
 * alice@laptop". A secret may be locked with a passphrase: "ve1...", see keyseal.h. At most KEYFILE_MAX
 * bytes.
 *
 * Secrets are refused with ERROR_SAFETY when the file (looked at by fstat on the opened descriptor)
 * belongs to neither us nor root or has any permission bit for group or others (in $CREDENTIALS_DIRECTORY
 * a file of root may have the group's read bit: systemd gives it by an access list). Pipes, sockets and
 * terminals, such as /dev/fd/3, have no such bits and are read to their end.
 * Error texts name the file and never quote what is in it. All errors are BLAME_LOCAL.
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "crypto/keyseal.h"
#include "crypto/keytext.h"
#include "proto/error.h"

#define KEYFILE_MAX 65536
#define KEYFILE_PATH_MAX 4096
#define KEYFILE_COMMENT_MAX 128 /* with its NUL; longer ones are shown cut */
#define KEYFILE_CREATED_MAX 21	/* the same */

struct passphrase; /* passphrase.h */

/* The path of one of our files: ${name} ("identity", "known_hosts" and so on) in
 * $XDG_CONFIG_HOME/vault-tools, by default ~/.config/vault-tools. 0 or -1. */
int keyfile_path(char out[KEYFILE_PATH_MAX], const char *name, struct error *e)
    __attribute__((warn_unused_result));

/* The path of a credential that the service manager gave us (in $CREDENTIALS_DIRECTORY), if it is there. */
bool keyfile_credential(char out[KEYFILE_PATH_MAX], const char *name);

/* One line of a key file, without its newline. 1: ${k} and ${comment} are set (the comment made
 * printable, "" if there is none); 0: blank or a '#' line; negative: an enum keytext_error.
 * Pure; anything that is neither a key nor blank nor '#' is an error. */
int keyfile_line(struct key *k, char comment[KEYFILE_COMMENT_MAX], const char *line, size_t len)
    __attribute__((warn_unused_result));

/* What a key file holds. It lives in guarded memory: secret_free(). */
struct keyfile_found {
	struct key key; /* of a locked one: the public key that it shows; KEY_NONE if it is a psk */
	bool locked;
	struct keyseal seal; /* if locked */
	char comment[KEYFILE_COMMENT_MAX];
	char created[KEYFILE_CREATED_MAX]; /* "2026-11-21T08:00:00Z", or "" */
};

/* Read a key of any form. If it is a secret that others could read, that is the error; where ${unsafe} is
 * given, it takes this verdict and the key is returned. 0, or -1 with ERROR_IO or ERROR_SAFETY. */
int keyfile_read(struct keyfile_found **out, const char *path, struct error *unsafe, struct error *e)
    __attribute__((warn_unused_result));

/* Put the secret key into ${f}->key, if it is locked: the passphrase is taken from ${from}. 0, or -1 with
 * ERROR_AUTH (a wrong one) or ERROR_IO (no way to ask for one; not enough memory). */
int keyfile_unlock(struct keyfile_found *f, const char *path, struct passphrase *from, struct error *e)
    __attribute__((warn_unused_result));

/* Read a secret key (vs1 or vxs1) from ${path} into guarded memory, unlocked: *${out} is to be freed with
 * secret_free(). ${comment} may be NULL. 0, or -1 with ERROR_IO (cannot be read, or holds something
 * else), ERROR_SAFETY (readable by others) or ERROR_AUTH (a wrong passphrase). */
int keyfile_read_secret(struct key **out, char comment[KEYFILE_COMMENT_MAX], const char *path,
    struct passphrase *from, struct error *e) __attribute__((warn_unused_result));

/* Read one pre-shared key (pskfile.h reads several), as above: a vp1 line (or a locked one), or nothing but 64 hexadecimal digits, or
 * 44 characters of base64 (as WireGuard writes it), or exactly 32 bytes that are not all printable
 * ASCII (those look like a passphrase). All zero bytes are refused: that is no secret. */
int keyfile_read_psk(struct key **out, const char *path, struct passphrase *from, struct error *e)
    __attribute__((warn_unused_result));

/* A public key (vk1 or vx1) given as text, or as @FILE. ${comment} may be NULL. 0, or -1 with
 * ERROR_USAGE (the text) or ERROR_IO (the file). A secret key is refused, and said to be one. */
int keyfile_read_public(struct key *out, char comment[KEYFILE_COMMENT_MAX], const char *arg,
    struct error *e) __attribute__((warn_unused_result));

/* Read at most ${room} bytes from ${fd} up to its end. 0 with *${len}, or -1 with ERROR_IO (more
 * than that, or a read error). ${name} is for the message. */
int keyfile_slurp(int fd, const char *name, void *buf, size_t room, size_t *len, struct error *e)
    __attribute__((warn_unused_result));

/* A file to be written. */
struct keyfile_new {
	const char *path;
	const char *text;
	size_t len;
	mode_t mode; /* 0600 for secrets; public files take 0644 less the umask */
};

/* Write ${count} files (at most 2), all or none: each is created exclusively, written, fsynced,
 * closed, read back and compared under another name beside its own, gets that, and its directory is
 * fsynced. Missing directories are made (0700). An existing file is ERROR_IO and untouched, unless
 * ${force}: then each new file is renamed over it, which only regular files allow. On failure every file this call
 * made is removed; of two renames the second may fail alone, which the error then says. */
int keyfile_write(const struct keyfile_new *files, size_t count, bool force, struct error *e)
    __attribute__((warn_unused_result));

/* Create the directory that ${path} lies in (0700), and its parents, where missing, but no home directory.
 * 0 or -1. */
int keyfile_mkdir(const char *path, struct error *e) __attribute__((warn_unused_result));

#endif
