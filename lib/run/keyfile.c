#include "keyfile.h"

#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/keyformat.h"
#include "crypto/secret.h"
#include "keyfile_load.h"
#include "passphrase.h"
#include "printable.h"

/* ---- paths ---- */

static const char *keyfile_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && home[0])
		return home;
	pw = getpwuid(geteuid());
	return pw ? pw->pw_dir : NULL;
}

int keyfile_path(char out[KEYFILE_PATH_MAX], const char *name, struct error *e)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *below = "";
	int n;

	/* The XDG specification: a relative path is invalid and to be ignored. */
	if (!base || base[0] != '/') {
		base = keyfile_home();
		below = "/.config";
	}
	if (!base)
		return error_set(e, ERROR_IO, BLAME_LOCAL,
		    "no home directory for the file '%s': HOME is not set", name);
	n = snprintf(out, KEYFILE_PATH_MAX, "%s%s/vault-tools/%s", base, below, name);
	if (n < 0 || n >= KEYFILE_PATH_MAX)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "path of the file '%s' is too long", name);
	return 0;
}

bool keyfile_credential(char out[KEYFILE_PATH_MAX], const char *name)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int n = dir && dir[0] == '/' ? snprintf(out, KEYFILE_PATH_MAX, "%s/%s", dir, name) : -1;

	return n > 0 && n < KEYFILE_PATH_MAX && access(out, F_OK) == 0;
}

/* ---- text ---- */

static bool keyfile_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A line's first word and what follows it, without blanks around them; false if nothing counts. */
static bool keyfile_words(const char **line, size_t *word, const char **rest, size_t *restlen, size_t len)
{
	const char *p = *line;
	size_t n = 0;

	while (len > 0 && keyfile_blank(p[len - 1]))
		len--;
	while (len > 0 && keyfile_blank(p[0]))
		p++, len--;
	if (len == 0 || p[0] == '#')
		return false;
	while (n < len && !keyfile_blank(p[n]))
		n++;
	*line = p;
	*word = n;
	while (n < len && keyfile_blank(p[n]))
		n++;
	*rest = p + n;
	*restlen = len - n;
	return true;
}

int keyfile_line(struct key *k, char comment[KEYFILE_COMMENT_MAX], const char *line, size_t len)
{
	const char *rest;
	size_t word, restlen;
	int rc;

	comment[0] = '\0';
	if (!keyfile_words(&line, &word, &rest, &restlen, len))
		return 0;
	rc = keytext_parse(k, line, word);
	if (rc)
		return rc;
	printable(comment, KEYFILE_COMMENT_MAX, rest, restlen);
	return 1;
}

/* The same for a line of a secret file, which may be locked. */
static int keyfile_found_line(struct keyfile_found *f, const char *line, size_t len)
{
	const char *start = line, *rest;
	size_t word, restlen;
	int rc;

	if (!keyfile_words(&start, &word, &rest, &restlen, len) || !keyseal_is(start, word))
		return keyfile_line(&f->key, f->comment, line, len);
	rc = keyseal_parse(&f->seal, start, word);
	if (rc)
		return rc;
	f->locked = true;
	printable(f->comment, KEYFILE_COMMENT_MAX, rest, restlen);
	keyseal_public(&f->key, &f->seal);
	return 1;
}

/* "# Created: 2026-11-21T08:00:00Z", as identity_text() writes it. */
static void keyfile_created(struct keyfile_found *f, const char *line, size_t len)
{
	static const char label[] = "# Created: ";
	size_t n = sizeof(label) - 1;

	if (len != n + KEYFILE_CREATED_MAX - 1 || memcmp(line, label, n) != 0)
		return;
	memcpy(f->created, line + n, KEYFILE_CREATED_MAX - 1);
	f->created[KEYFILE_CREATED_MAX - 1] = '\0';
	if (strspn(f->created, "0123456789-:TZ") != KEYFILE_CREATED_MAX - 1)
		f->created[0] = '\0';
}

/* The one key of a file. KEYTEXT_OK, or an enum keytext_error with ${e} set. */
static int keyfile_parse(struct keyfile_found *f, const char *text, size_t len, const char *name, struct error *e)
{
	struct keyfile_found *into = f, second;
	unsigned number = 0;

	memset(f, 0, sizeof(*f));
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len, step = newline ? n + 1 : n;
		int rc = keyfile_found_line(into, text, n);

		number++;
		keyfile_created(f, text, n);
		if (rc < 0) {
			error_set(e, ERROR_IO, BLAME_LOCAL, "%s:%u: %s", name, number, keytext_strerror(rc));
			return rc;
		}
		if (rc > 0 && into != f) {
			secret_wipe(&second, sizeof(second));
			error_set(e, ERROR_IO, BLAME_LOCAL, "%s:%u: a second key, where one is expected",
			    name, number);
			return KEYTEXT_E_LENGTH;
		}
		if (rc > 0)
			into = &second;
		text += step;
		len -= step;
	}
	if (into != f)
		return KEYTEXT_OK;
	error_set(e, ERROR_IO, BLAME_LOCAL, "%s: there is no key in it", name);
	return KEYTEXT_E_FORM;
}

/* ---- reading ---- */

static bool keyfile_is_secret(const struct keyfile_found *f)
{
	return f->locked || f->key.form == KEY_SECRET || f->key.form == KEY_XSECRET || f->key.form == KEY_PSK;
}

int keyfile_read(struct keyfile_found **out, const char *path, struct error *unsafe, struct error *e)
{
	struct keyfile_content *c = keyfile_load(path, e);
	struct keyfile_found *f = c ? secret_alloc(sizeof(*f)) : NULL;

	*out = NULL;
	if (c && !f)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	if (!f || keyfile_parse(f, c->text, c->len, path, e) ||
	    (keyfile_is_secret(f) && keyfile_safe(&c->st, path, unsafe ? unsafe : e) && !unsafe)) {
		secret_free(f);
		f = NULL;
	}
	keyfile_unload(c);
	*out = f;
	return f ? 0 : -1;
}

int keyfile_unlock(struct keyfile_found *f, const char *path, struct passphrase *from, struct error *e)
{
	if (!f->locked)
		return 0;
	if (passphrase_open(&f->key, &f->seal, path, from, e))
		return -1;
	f->locked = false;
	return 0;
}

static const char *keyfile_what(const struct keyfile_found *f)
{
	switch (f->locked ? f->seal.form : f->key.form) {
	case KEY_PUBLIC:
	case KEY_XPUBLIC:
		return "a public key";
	case KEY_PSK:
		return "a pre-shared key";
	case KEY_SECRET:
	case KEY_XSECRET:
		return "the secret key of an identity";
	case KEY_NONE:
		break;
	}
	return "no key";
}

/* The key of ${f} in memory of its own; ${f} is freed. */
static int keyfile_give(struct key **out, struct keyfile_found *f, const char *path, struct error *e)
{
	*out = secret_alloc(sizeof(**out));
	if (*out)
		**out = f->key;
	else
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	secret_free(f);
	return *out ? 0 : -1;
}

int keyfile_read_secret(struct key **out, char comment[KEYFILE_COMMENT_MAX], const char *path,
    struct passphrase *from, struct error *e)
{
	struct keyfile_found *f;
	enum key_form form;

	*out = NULL;
	if (keyfile_read(&f, path, NULL, e))
		return -1;
	form = f->locked ? f->seal.form : f->key.form;
	if (form != KEY_SECRET && form != KEY_XSECRET)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: holds %s; the secret key of an identity is needed here",
		    path, keyfile_what(f));
	else if (keyfile_unlock(f, path, from, e) == 0) {
		if (comment)
			memcpy(comment, f->comment, KEYFILE_COMMENT_MAX);
		return keyfile_give(out, f, path, e);
	}
	secret_free(f);
	return -1;
}

/* ---- pre-shared keys ---- */

static bool keyfile_passphrase(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] < 0x20 || text[i] > 0x7e) && text[i] != '\n' && text[i] != '\r' &&
		    text[i] != '\t')
			return false;
	return true;
}

/* The forms that have no prefix. 1: it was one; 0: it is none of them. */
static int keyfile_bare_psk(struct key *k, const char *text, size_t len)
{
	k->form = KEY_PSK;
	if (!keyfile_passphrase(text, len) && keyformat_decode(k->bytes, FORMAT_RAW, text, len) == 0)
		return 1;
	return keyformat_decode(k->bytes, FORMAT_HEX, text, len) == 0 ||
	    keyformat_decode(k->bytes, FORMAT_BASE64, text, len) == 0;
}

int keyfile_parse_psk(struct keyfile_found *f, const struct keyfile_content *c, const char *path,
    struct error *e)
{
	struct error inner = {.code = ERROR_OK};
	int rc;

	memset(f, 0, sizeof(*f));
	if (!keyfile_bare_psk(&f->key, c->text, c->len)) {
		if (c->len == KEY_BYTES)
			return error_set(e, ERROR_IO, BLAME_LOCAL,
			    "%s: 32 printable characters look like a passphrase, which is too weak for a "
			    "pre-shared key; make one with: vault-keygen --psk",
			    path);
		rc = keyfile_parse(f, c->text, c->len, path, &inner);
		if (rc == KEYTEXT_E_FORM)
			return error_set(e, ERROR_IO, BLAME_LOCAL,
			    "%s: not a pre-shared key (a vp1... line, 64 hexadecimal digits, 44 "
			    "characters of base64, or 32 bytes)",
			    path);
		if (rc)
			return error_set(e, inner.code, inner.blame, "%s", inner.text);
	}
	if ((f->locked ? f->seal.form : f->key.form) != KEY_PSK)
		return error_set(e, ERROR_IO, BLAME_LOCAL,
		    "%s: holds %s; a pre-shared key is needed here", path, keyfile_what(f));
	return 0;
}

int keyfile_read_psk(struct key **out, const char *path, struct passphrase *from, struct error *e)
{
	struct keyfile_content *c = keyfile_load(path, e);
	struct keyfile_found *f = c ? secret_alloc(sizeof(*f)) : NULL;
	bool good;

	*out = NULL;
	if (c && !f)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	good = f && keyfile_parse_psk(f, c, path, e) == 0 && keyfile_safe(&c->st, path, e) == 0;
	keyfile_unload(c);
	good = good && keyfile_unlock(f, path, from, e) == 0;
	if (good && sodium_is_zero(f->key.bytes, KEY_BYTES))
		good = error_set(e, ERROR_IO, BLAME_LOCAL, "%s: all bytes are zero; this is no secret", path) == 0;
	if (good)
		return keyfile_give(out, f, path, e);
	secret_free(f);
	return -1;
}

/* ---- public keys ---- */

int keyfile_read_public(struct key *out, char comment[KEYFILE_COMMENT_MAX], const char *arg,
    struct error *e)
{
	bool file = arg[0] == '@';
	const char *name = file ? arg + 1 : "the key";
	struct keyfile_content *c = NULL;
	struct keyfile_found f;
	int rc;

	memset(out, 0, sizeof(*out));
	if (file) {
		c = keyfile_load(name, e);
		if (!c)
			return -1;
		rc = keyfile_parse(&f, c->text, c->len, name, e);
		keyfile_unload(c);
		if (rc)
			goto fail;
	} else {
		memset(&f, 0, sizeof(f));
		rc = keyfile_found_line(&f, arg, strlen(arg));
		if (rc <= 0) {
			error_set(e, ERROR_USAGE, BLAME_LOCAL, "%s", keytext_strerror(rc ? rc : KEYTEXT_E_FORM));
			goto fail;
		}
	}
	if (!keyfile_is_secret(&f)) {
		*out = f.key;
		if (comment)
			memcpy(comment, f.comment, KEYFILE_COMMENT_MAX);
		return 0;
	}
	error_set(e, file ? ERROR_IO : ERROR_USAGE, BLAME_LOCAL,
	    "%s%s %s%s; a public key is needed here", name, file ? ": holds" : " is", keyfile_what(&f),
	    file ? "" : ", now known to whoever can list processes");
fail:
	secret_wipe(&f, sizeof(f));
	return -1;
}
