/*
 * trust: whose keys we know. known_hosts says which key a server had; authorized_keys who may connect.
 *
 * known_hosts:      NAMES KEY [COMMENT]    NAMES: a name as trust_name() makes it; or patterns, separated
 *                     by commas, with * and ? in them, and ! before one that shall not match; or a hidden
 *                     name, "|1|SALT|HASH" (base64url of 16 bytes, and of BLAKE2b-256 of the name with the
 *                     salt as key)
 * authorized_keys:  [OPTIONS] KEY [COMMENT]  the comment is the label of that key; options: rule.h
 *
 * Blank lines and lines that begin with '#' do not count. Any other line that is not understood is
 * an error that names file and line: a line ignored could be the one that was to shut the door.
 * Keys are vk1 or vx1 and compared by their X25519 public key, so both forms of one identity match.
 * A file that others may write to, or that belongs to neither us nor root, is ERROR_SAFETY.
 * Reading and appending are guarded by flock(2). Errors are BLAME_LOCAL unless said otherwise.
 */
#ifndef TRUST_H
#define TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/keytext.h"
#include "crypto/secret.h"
#include "keyfile.h"
#include "proto/error.h"
#include "rule.h"

#define TRUST_NAME_MAX 1024
#define TRUST_FILE_MAX (16 * 1024 * 1024)

struct trust_entry {
	struct key key;
	uint8_t x25519[KEY_BYTES];
	unsigned line;
	char *label; /* printable; "" if the line has no comment */
	struct rule rule;
	int64_t sessions; /* that its key has now, where somebody counts them */
};

/* Entries of one file; all zero is an empty list. known_hosts: in the order of the file;
 * authorized_keys: sorted by X25519 key, then by line. Free with trust_free(). */
struct trust_list {
	struct trust_entry *entries;
	size_t count;
	size_t room;
	size_t plain, hidden; /* known_hosts: lines of any name, by how they have it */
	char *path;
};

void trust_free(struct trust_list *list);

/* ---- lines; pure, for the loaders and for fuzzing ---- */

/* One line without its newline, as it stands in the file. 1: ${entry}'s key and x25519 and
 * ${label} are set (and *${name}, which points into ${line}); 0: blank or comment; -1: *${why}
 * says what is wrong. rule_free() what the second put into entry->rule. */
int trust_known_line(const char **name, size_t *namelen, struct trust_entry *entry,
    char label[KEYFILE_COMMENT_MAX], const char *line, size_t len, const char **why)
    __attribute__((warn_unused_result));
int trust_authorized_line(struct trust_entry *entry, char label[KEYFILE_COMMENT_MAX],
    const char *line, size_t len, const char **why) __attribute__((warn_unused_result));

enum trust_names {
	TRUST_NAMES_BAD,
	TRUST_NAMES_ONE,
	TRUST_NAMES_PATTERN,
	TRUST_NAMES_HIDDEN,
};

/* The first word of a line of known_hosts: what it is, and whether the server of this name is meant. */
enum trust_names trust_names_kind(const char *names, size_t len);
bool trust_names_match(const char *names, size_t len, const char *name);
void trust_names_hide(char out[TRUST_NAME_MAX], const char *name, const struct rng *rng);

/* ---- known_hosts ---- */

enum trust_verdict {
	TRUST_UNKNOWN, /* no key is stored for this name */
	TRUST_MATCH,
	TRUST_CHANGED, /* keys are stored, and this is none of them */
};

/* The name of a server: "host:port" with the host in lower case, "[address]:port" for an IPv6
 * address (in its shortest spelling), or the path of a Unix socket (${host} contains a '/';
 * ${port} is ignored). Bytes that would break a line are written as \ooo. 0, or -1 if too long. */
int trust_name(char out[TRUST_NAME_MAX], const char *host, unsigned port, struct error *e)
    __attribute__((warn_unused_result));

/* Is the open file ${fd} still the one that has this name? */
bool trust_same(int fd, const char *path);

/* Open a file that is to be replaced, with the lock that whoever changes it holds meanwhile. The descriptor,
 * or -1. */
int trust_edit_open(const char *path, struct error *e) __attribute__((warn_unused_result));

struct trust_edited {
	unsigned changed;  /* lines */
	unsigned patterns; /* lines that were left as they are, because patterns of theirs match others, too */
};

/* Take out what is stored for ${name}, or hide all names, in a new file that takes the old one's place under
 * its lock. Nothing is written if nothing changes. 0 or -1. */
int trust_known_remove(const char *path, const char *name, struct trust_edited *done, struct error *e)
    __attribute__((warn_unused_result));
int trust_known_hide(const char *path, struct trust_edited *done, struct error *e)
    __attribute__((warn_unused_result));

/* All keys stored for ${name}; none if the file does not exist. 0 or -1. With one entry, its key
 * is the one to pin (IK). The whole file is checked, not only the lines of this name. */
int trust_known_load(struct trust_list *list, const char *path, const char *name, struct error *e)
    __attribute__((warn_unused_result));

/* Compare a server's key with ${list}. *${entry} (may be NULL) is the entry that matches, or
 * with TRUST_CHANGED the first stored one, or NULL. */
enum trust_verdict trust_known_check(const struct trust_list *list, const uint8_t x25519[KEY_BYTES],
    const struct trust_entry **entry);

/* Remember a key: one line, appended under a lock in one write; file (0600) and directory are
 * created. Where names are hidden and none is not (patterns do not
 * count), this one is hidden, too. ${key} is public; ${comment} may be NULL. 0: added; 1: it is there already. -1: an error,
 * ERROR_AUTH if another key has been stored for this name meanwhile. A line is never left half. */
int trust_known_add(const char *path, const char *name, const struct key *key, const char *comment,
    struct error *e) __attribute__((warn_unused_result));

/* A key that this process has just remembered, so that it need not read the file again (line 0). Without
 * memory it is as if it had not been. */
void trust_known_learn(struct trust_list *list, const struct key *key);

/* For who will not be able to make files any more. If there is one that can be appended to, *${fresh}
 * is -1. Otherwise the directory is made, and *${fresh} is a file in it that has no name yet, for
 * trust_known_first(); where the file system knows no such files, an empty one is made. 0 or -1. */
int trust_known_prepare(const char *path, int *fresh, struct error *e) __attribute__((warn_unused_result));

/* trust_known_add() to ${fresh}, which then takes its name. 0; 1 if somebody else made the file
 * meanwhile, which is left as it is; -1. */
int trust_known_first(const char *path, int fresh, const char *name, const struct key *key, struct error *e)
    __attribute__((warn_unused_result));

/* ---- authorized_keys ---- */

/* Load the file. 0; 1 if there is no such file (no error is set, the list is empty); -1. An empty
 * list means that nobody may connect. */
int trust_authorized_load(struct trust_list *list, const char *path, struct error *e)
    __attribute__((warn_unused_result));

/* Add a line for ${key} as trust_known_add() does, without a name; ${fresh} is as trust_known_prepare() left it.
 * 0: added; 1: it is there already; -1. */
int trust_authorized_add(const char *path, int fresh, const struct key *key, const char *comment, struct error *e)
    __attribute__((warn_unused_result));

/* The entry with this key, the first in the file; NULL if there is none. */
const struct trust_entry *trust_authorized_find(const struct trust_list *list,
    const uint8_t x25519[KEY_BYTES]);

/* Does ${list} (a struct trust_list) have ${identity}, with this X25519 key? (session_config.paired) */
bool trust_authorized_paired(const void *list, const uint8_t identity[KEY_BYTES], const uint8_t x25519[KEY_BYTES]);

#endif
