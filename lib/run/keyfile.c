#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/keyformat.h"
#include "crypto/secret.h"
#include "printable.h"

/* A file in memory, guarded: it may be a secret even where none is expected. */
struct content {
	struct stat st;
	size_t len;
	char text[KEYFILE_MAX];
};

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

/* ---- text ---- */

static bool keyfile_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

int keyfile_line(struct key *k, char comment[KEYFILE_COMMENT_MAX], const char *line, size_t len)
{
	size_t word = 0;
	int rc;

	comment[0] = '\0';
	while (len > 0 && keyfile_blank(line[len - 1]))
		len--;
	while (len > 0 && keyfile_blank(line[0]))
		line++, len--;
	if (len == 0 || line[0] == '#')
		return 0;
	while (word < len && !keyfile_blank(line[word]))
		word++;
	rc = keytext_parse(k, line, word);
	if (rc)
		return rc;
	while (word < len && keyfile_blank(line[word]))
		word++;
	printable(comment, KEYFILE_COMMENT_MAX, line + word, len - word);
	return 1;
}

/* The one key of a file. KEYTEXT_OK, or an enum keytext_error with ${e} set. */
static int keyfile_parse(struct key *k, char comment[KEYFILE_COMMENT_MAX], const char *text,
    size_t len, const char *name, struct error *e)
{
	char ignored[KEYFILE_COMMENT_MAX];
	struct key *into = k, second;
	unsigned number = 0;

	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len, step = newline ? n + 1 : n;
		int rc = keyfile_line(into, into == k ? comment : ignored, text, n);

		number++;
		if (rc < 0) {
			error_set(e, ERROR_IO, BLAME_LOCAL, "%s:%u: %s", name, number, keytext_strerror(rc));
			return rc;
		}
		if (rc > 0 && into != k) {
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
	if (into != k)
		return KEYTEXT_OK;
	error_set(e, ERROR_IO, BLAME_LOCAL, "%s: there is no key in it", name);
	return KEYTEXT_E_FORM;
}

/* ---- reading ---- */

int keyfile_slurp(int fd, const char *name, void *buf, size_t room, size_t *len, struct error *e)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char extra, *p = buf;
	ssize_t n;

	*len = 0;
	for (;;) {
		bool full = *len == room;

		n = full ? read(fd, &extra, 1) : read(fd, p + *len, room - *len);
		if (n == 0)
			return 0;
		if (n > 0 && full)
			return error_set(e, ERROR_IO, BLAME_LOCAL,
			    "%s: more than %zu bytes; this is no key file", name, room);
		if (n > 0)
			*len += (size_t)n;
		else if (errno == EAGAIN) /* somebody else made the pipe non-blocking */
			poll(&pfd, 1, -1);
		else if (errno != EINTR)
			return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", name, strerror(errno));
	}
}

static void keyfile_unload(struct content *c)
{
	secret_free(c);
}

static struct content *keyfile_load(const char *path, struct error *e)
{
	struct content *c = secret_alloc(sizeof(*c));
	int fd = -1;

	if (!c) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
		return NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &c->st)) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (keyfile_slurp(fd, path, c->text, sizeof(c->text), &c->len, e))
		goto fail;
	close(fd);
	return c;
fail:
	if (fd >= 0)
		close(fd);
	keyfile_unload(c);
	return NULL;
}

/* May a secret come from a file that looks like this? */
static int keyfile_safe(const struct stat *st, const char *path, struct error *e)
{
	if (!S_ISREG(st->st_mode))
		return 0;
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL,
		    "%s: this secret belongs to user id %lu, who is neither you nor root", path,
		    (unsigned long)st->st_uid);
	if (st->st_mode & 077)
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL,
		    "%s: permissions %04o open this secret to others; type: chmod 600 %s", path,
		    (unsigned)(st->st_mode & 07777), path);
	return 0;
}

static bool keyfile_is_secret(const struct key *k)
{
	return k->form == KEY_SECRET || k->form == KEY_XSECRET || k->form == KEY_PSK;
}

/* Move a key out of ${c}: checked, into memory of its own. */
static int keyfile_give(struct key **out, const struct key *k, const struct content *c,
    const char *path, struct error *unsafe, struct error *e)
{
	if (keyfile_is_secret(k) && keyfile_safe(&c->st, path, unsafe ? unsafe : e) && !unsafe)
		return -1;
	*out = secret_alloc(sizeof(**out));
	if (!*out)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	**out = *k;
	return 0;
}

int keyfile_read_any(struct key **out, char comment[KEYFILE_COMMENT_MAX], const char *path,
    struct error *unsafe, struct error *e)
{
	char text[KEYFILE_COMMENT_MAX];
	struct content *c = keyfile_load(path, e);
	struct key k = {KEY_NONE, {0}};
	int rc = -1;

	*out = NULL;
	if (!c)
		return -1;
	if (keyfile_parse(&k, comment ? comment : text, c->text, c->len, path, e) == KEYTEXT_OK)
		rc = keyfile_give(out, &k, c, path, unsafe, e);
	secret_wipe(&k, sizeof(k));
	keyfile_unload(c);
	return rc;
}

static const char *keyfile_what(const struct key *k)
{
	switch (k->form) {
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

int keyfile_read_secret(struct key **out, char comment[KEYFILE_COMMENT_MAX], const char *path,
    struct error *e)
{
	if (keyfile_read_any(out, comment, path, NULL, e))
		return -1;
	if ((*out)->form == KEY_SECRET || (*out)->form == KEY_XSECRET)
		return 0;
	error_set(e, ERROR_IO, BLAME_LOCAL,
	    "%s: holds %s; the secret key of an identity is needed here", path, keyfile_what(*out));
	secret_free(*out);
	*out = NULL;
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

static int keyfile_parse_psk(struct key *k, const struct content *c, const char *path, struct error *e)
{
	char comment[KEYFILE_COMMENT_MAX];
	struct error inner = {.code = ERROR_OK};
	int rc;

	if (!keyfile_bare_psk(k, c->text, c->len)) {
		if (c->len == KEY_BYTES)
			return error_set(e, ERROR_IO, BLAME_LOCAL,
			    "%s: 32 printable characters look like a passphrase, which is too weak for a "
			    "pre-shared key; make one with: vault-keygen --psk",
			    path);
		rc = keyfile_parse(k, comment, c->text, c->len, path, &inner);
		if (rc == KEYTEXT_E_FORM)
			return error_set(e, ERROR_IO, BLAME_LOCAL,
			    "%s: not a pre-shared key (a vp1... line, 64 hexadecimal digits, 44 "
			    "characters of base64, or 32 bytes)",
			    path);
		if (rc)
			return error_set(e, inner.code, inner.blame, "%s", inner.text);
	}
	if (k->form != KEY_PSK)
		return error_set(e, ERROR_IO, BLAME_LOCAL,
		    "%s: holds %s; a pre-shared key is needed here", path, keyfile_what(k));
	if (sodium_is_zero(k->bytes, KEY_BYTES))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: all bytes are zero; this is no secret", path);
	return 0;
}

int keyfile_read_psk(struct key **out, const char *path, struct error *e)
{
	struct content *c = keyfile_load(path, e);
	struct key k = {KEY_NONE, {0}};
	int rc = -1;

	*out = NULL;
	if (!c)
		return -1;
	if (!keyfile_parse_psk(&k, c, path, e))
		rc = keyfile_give(out, &k, c, path, NULL, e);
	secret_wipe(&k, sizeof(k));
	keyfile_unload(c);
	return rc;
}

/* ---- public keys ---- */

int keyfile_read_public(struct key *out, char comment[KEYFILE_COMMENT_MAX], const char *arg,
    struct error *e)
{
	char ignored[KEYFILE_COMMENT_MAX], *text = comment ? comment : ignored;
	bool file = arg[0] == '@';
	const char *name = file ? arg + 1 : "the key";
	struct content *c = NULL;
	int rc;

	if (file) {
		c = keyfile_load(name, e);
		if (!c)
			goto fail;
		rc = keyfile_parse(out, text, c->text, c->len, name, e);
		keyfile_unload(c);
		if (rc)
			goto fail;
	} else {
		rc = keyfile_line(out, text, arg, strlen(arg));
		if (rc <= 0) {
			error_set(e, ERROR_USAGE, BLAME_LOCAL, "%s", keytext_strerror(rc ? rc : KEYTEXT_E_FORM));
			goto fail;
		}
	}
	if (!keyfile_is_secret(out))
		return 0;
	error_set(e, file ? ERROR_IO : ERROR_USAGE, BLAME_LOCAL,
	    "%s%s %s%s; a public key is needed here", name, file ? ": holds" : " is", keyfile_what(out),
	    file ? "" : ", now known to whoever can list processes");
fail:
	secret_wipe(out, sizeof(*out));
	return -1;
}
