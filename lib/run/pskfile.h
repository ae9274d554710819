/*
 * pskfile: files of pre-shared keys. Either one key alone, in any of the forms of keyfile_read_psk(), or lines,
 * up to HANDSHAKE_PSKS of them:
 *
 *   [expires=2027-01-31] vp1... LABEL
 *
 * Blank lines and lines that begin with '#' do not count. expires is as in authorized_keys (rule.h). A listener
 * takes any of the keys, who connects uses the first that has not expired. Several must not be locked with a passphrase.
 * Refused like every secret file that others can read.
 */
#ifndef PSKFILE_H
#define PSKFILE_H

#include "keyfile.h"
#include "proto/session.h"

/* Into guarded memory, to be freed with secret_free(). 0, or -1 as keyfile_read_psk(). Without ${from} a locked
 * key is ERROR_IO. */
int pskfile_read(struct handshake_psks **out, const char *path, struct passphrase *from, struct error *e)
    __attribute__((warn_unused_result));

/* Is this a file of such lines, good or not? */
bool pskfile_holds_lines(const char *path);

/* Has the time of this key come, by the system's clock? */
bool pskfile_expired(const struct handshake_psk *about);

/* The one to connect with: its index, or -1 with ERROR_AUTH if all have expired. ${path} is for the message. */
int pskfile_pick(const struct handshake_psks *psks, const char *path, struct error *e)
    __attribute__((warn_unused_result));

/* Put one more key behind those of ${path}, in a new file that takes the old one's place under its lock. The old
 * one must be there and hold lines. ${comment} may be "". 0 or -1. */
int pskfile_add(const char *path, const struct key *k, const char *comment, struct error *e)
    __attribute__((warn_unused_result));

#define PSKFILE_SAID (HANDSHAKE_PSKNAME + 24)

/* For people: ", pre-shared key LABEL" ("of line N" without a label), or "" if the peer needed none. */
char *pskfile_said(char out[PSKFILE_SAID], const struct session_peer *peer);

#endif
