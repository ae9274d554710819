#include "pskfile.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "keyfile_load.h"
#include "rule.h"
#include "trust.h"

/* A line taken apart: 1, 0 if it does not count, -1 with *${why}. */
static int pskfile_line(struct key *k, struct handshake_psk *about, const char *line, size_t len, const char **why)
{
	char comment[KEYFILE_COMMENT_MAX];
	struct rule rule;
	ssize_t used;
	int rc;

	while (len > 0 && (line[0] == ' ' || line[0] == '\t'))
		line++, len--;
	used = rule_parse(&rule, line, len, why);
	if (used < 0)
		return -1;
	about->expires = rule.expires;
	rc = rule.command || rule.forward || rule.rate || rule.max_clients ? -1 : 1;
	rule_free(&rule);
	*why = "only expires= can stand before a pre-shared key";
	if (rc < 0)
		return -1;
	rc = keyfile_line(k, comment, line + used, len - (size_t)used);
	snprintf(about->name, sizeof about->name, "%.*s", HANDSHAKE_PSKNAME - 1, comment);
	if (rc > 0 && k->form == KEY_PSK && !sodium_is_zero(k->bytes, KEY_BYTES))
		return 1;
	if (rc == 0 && used == 0)
		return 0;
	*why = rc == 0			? "no key after the options"
	    : rc == KEYTEXT_E_FORM	? "no pre-shared key (vp1...); locked ones, and keys in other forms, must be alone in their file"
	    : rc < 0			? keytext_strerror(rc)
	    : k->form == KEY_PSK	? "all bytes are zero; this is no secret"
					: "a pre-shared key (vp1...) is needed here, this is another one";
	return -1;
}

/* One more. NULL, or what is wrong. */
static const char *pskfile_push(struct handshake_psks *psks, const struct key *k, const struct handshake_psk *about)
{
	if (psks->count == HANDSHAKE_PSKS)
		return "too many pre-shared keys: at most 16 in a file";
	for (size_t i = 0; i < psks->count; i++)
		if (secret_equal(psks->keys[i], k->bytes, KEY_BYTES))
			return "the same key once more";
	memcpy(psks->keys[psks->count], k->bytes, KEY_BYTES);
	psks->about[psks->count++] = *about;
	return NULL;
}

static int pskfile_lines(struct handshake_psks *psks, const char *text, size_t len, const char *path, struct error *e)
{
	const char *why = NULL;
	struct key k = {0};
	int rc = 0;

	for (unsigned number = 1; rc >= 0 && len > 0; number++) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len, step = newline ? n + 1 : n;
		struct handshake_psk about = {.line = number};

		rc = pskfile_line(&k, &about, text, n, &why);
		if (rc > 0 && (why = pskfile_push(psks, &k, &about)))
			rc = -1;
		if (rc < 0)
			error_set(e, ERROR_IO, BLAME_LOCAL, "%s:%u: %s", path, number, why);
		text += step;
		len -= step;
	}
	secret_wipe(&k, sizeof k);
	return rc < 0 ? -1 : 0;
}

/* Does one of its lines hold a pre-shared key, behind options or not? */
static bool pskfile_has_lines(const char *text, size_t len)
{
	const char *end = text + len, *at = text;

	while ((at = memmem(at, (size_t)(end - at), "vp1", 3))) {
		if (at == text || strchr(" \t\n", at[-1]))
			return true;
		at += 3;
	}
	return false;
}

/* The only key of its file. */
static int pskfile_one(struct handshake_psks *psks, struct keyfile_found *f, const char *path, struct passphrase *from,
    struct error *e)
{
	struct handshake_psk about = {.line = 1};
	const char *why;

	if (f->locked && !from)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: is locked with a passphrase, and nobody can be asked now", path);
	if (keyfile_unlock(f, path, from, e) < 0)
		return -1;
	if (sodium_is_zero(f->key.bytes, KEY_BYTES))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: all bytes are zero; this is no secret", path);
	snprintf(about.name, sizeof about.name, "%.*s", HANDSHAKE_PSKNAME - 1, f->comment);
	why = pskfile_push(psks, &f->key, &about);
	return why ? error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, why) : 0;
}

int pskfile_read(struct handshake_psks **out, const char *path, struct passphrase *from, struct error *e)
{
	struct handshake_psks *psks = secret_alloc(sizeof *psks);
	struct keyfile_content *c = keyfile_load(path, e);
	struct keyfile_found *f = secret_alloc(sizeof *f);
	struct error alone = {.code = ERROR_OK};
	int rc = -1;

	*out = NULL;
	if (!psks || !f)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	if (!psks || !f || !c || keyfile_safe(&c->st, path, e) < 0)
		goto out;
	if (keyfile_parse_psk(f, c, path, &alone) == 0)
		rc = pskfile_one(psks, f, path, from, e);
	else if (pskfile_has_lines(c->text, c->len))
		rc = pskfile_lines(psks, c->text, c->len, path, e);
	else
		*e = alone;
out:
	keyfile_unload(c);
	secret_free(f);
	if (rc < 0)
		secret_free(psks);
	else
		*out = psks;
	return rc;
}

bool pskfile_holds_lines(const char *path)
{
	struct error ignored = {.code = ERROR_OK};
	struct keyfile_content *c = keyfile_load(path, &ignored);
	bool holds = c && pskfile_has_lines(c->text, c->len);

	keyfile_unload(c);
	return holds;
}

bool pskfile_expired(const struct handshake_psk *about)
{
	return about->expires != 0 && time(NULL) >= about->expires;
}

int pskfile_pick(const struct handshake_psks *psks, const char *path, struct error *e)
{
	for (size_t i = 0; i < psks->count; i++)
		if (!pskfile_expired(&psks->about[i]))
			return (int)i;
	return error_set(e, ERROR_AUTH, BLAME_LOCAL, "%s: %s expired: get a new key from whoever runs the other side", path,
	    psks->count > 1 ? "all keys have" : "the key has");
}

/* ---- one more ---- */

/* The old text and the new line, in guarded memory; *${len} is its length. */
static char *pskfile_joined(const struct keyfile_content *c, const struct key *k, const char *comment, size_t *len)
{
	const size_t room = c->len + KEYTEXT_MAX + KEYFILE_COMMENT_MAX + 3;
	char *text = secret_alloc(room), key[KEYTEXT_MAX];

	if (!text)
		return NULL;
	memcpy(text, c->text, c->len);
	keytext_format(key, k);
	*len = c->len + (size_t)snprintf(text + c->len, room - c->len, "%s%s%s%s\n",
			    c->len > 0 && c->text[c->len - 1] != '\n' ? "\n" : "", key, comment[0] ? " " : "", comment);
	secret_wipe(key, sizeof key);
	return text;
}

static int pskfile_add_locked(const char *path, const struct key *k, const char *comment, struct error *e)
{
	struct handshake_psks *psks = secret_alloc(sizeof *psks);
	struct keyfile_content *c = keyfile_load(path, e);
	struct keyfile_new file = {.path = path, .mode = 0600};
	char *text = NULL;
	int rc = -1;

	if (!psks)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	if (!psks || !c || keyfile_safe(&c->st, path, e) < 0 || pskfile_lines(psks, c->text, c->len, path, e) < 0)
		goto out;
	if (psks->count == 0) { /* perhaps somebody is just making it */
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: there is no key in it to which one could be added", path);
		goto out;
	}
	file.text = text = pskfile_joined(c, k, comment, &file.len);
	if (!text)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	else if (psks->count == HANDSHAKE_PSKS)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: has %d keys already, as many as a file can have: take out old ones", path,
		    HANDSHAKE_PSKS);
	else
		rc = keyfile_write(&file, 1, true, e);
out:
	secret_free(text);
	keyfile_unload(c);
	secret_free(psks);
	return rc;
}

int pskfile_add(const char *path, const struct key *k, const char *comment, struct error *e)
{
	char real[PATH_MAX];
	int fd, rc;

	if (!realpath(path, real)) /* a link stays one */
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
	fd = trust_edit_open(real, e);
	if (fd < 0)
		return -1;
	rc = pskfile_add_locked(real, k, comment, e);
	close(fd);
	return rc;
}

char *pskfile_said(char out[PSKFILE_SAID], const struct session_peer *peer)
{
	if (!peer->has_psk)
		out[0] = '\0';
	else if (peer->psk.name[0])
		snprintf(out, PSKFILE_SAID, ", pre-shared key %s", peer->psk.name);
	else
		snprintf(out, PSKFILE_SAID, ", pre-shared key of line %u", peer->psk.line);
	return out;
}
