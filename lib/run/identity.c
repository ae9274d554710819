#include "identity.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "printable.h"

int identity_facts(struct identity_facts *f, const struct key *k, const char *comment, struct error *e)
{
	struct key pub, x = {.form = KEY_XPUBLIC};
	int rc;

	memset(f, 0, sizeof(*f));
	if (k->form == KEY_PSK)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "a pre-shared key has no public part");
	if ((rc = key_public(&pub, k)) || (rc = key_x25519_public(x.bytes, k)) ||
	    (rc = key_fingerprint(f->fingerprint, k)))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s", keytext_strerror(rc));
	keytext_format(f->public, &pub);
	keytext_format(f->xpublic, &x);
	snprintf(f->comment, sizeof(f->comment), "%s", comment);
	return 0;
}

void identity_comment(char out[KEYFILE_COMMENT_MAX])
{
	const struct passwd *pw = getpwuid(geteuid());
	char host[256] = "", plain[512];

	if (gethostname(host, sizeof(host) - 1) || !host[0])
		snprintf(host, sizeof(host), "localhost");
	snprintf(plain, sizeof(plain), "%s@%s", pw ? pw->pw_name : "user", host);
	printable(out, KEYFILE_COMMENT_MAX, plain, strlen(plain));
}

void identity_now(char out[KEYFILE_CREATED_MAX])
{
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(out, KEYFILE_CREATED_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		out[0] = '\0';
}

/* "KEY COMMENT\n" */
static int identity_line(char *out, size_t size, const struct key *k, const struct identity_new *how)
{
	const char *comment = how->comment ? how->comment : "";
	char text[KEYTEXT_MAX], locked[KEYSEAL_TEXT_MAX];
	bool secret = k->form != KEY_PUBLIC && k->form != KEY_XPUBLIC;
	int n;

	if (how->seal && secret)
		keyseal_format(locked, how->seal);
	else
		keytext_format(text, k);
	n = snprintf(out, size, "%s%s%s\n", how->seal && secret ? locked : text, comment[0] ? " " : "", comment);
	secret_wipe(text, sizeof(text));
	return n;
}

char *identity_text(const struct key *k, const struct identity_new *how)
{
	char *text = secret_alloc(IDENTITY_TEXT_MAX), public[KEYTEXT_MAX];
	const char *locked = how->seal ? ", locked with a passphrase" : "";
	struct key pub;
	int n;

	if (!text)
		return NULL;
	if (key_public(&pub, k) == KEYTEXT_OK) {
		keytext_format(public, &pub);
		n = snprintf(text, IDENTITY_TEXT_MAX,
		    "# vault-tools identity%s. Keep this file secret. Public key:\n# %s\n", locked, public);
	} else {
		n = snprintf(text, IDENTITY_TEXT_MAX, "# vault-tools pre-shared key%s. Keep this file secret.\n", locked);
	}
	if (how->created && how->created[0])
		n += snprintf(text + n, IDENTITY_TEXT_MAX - (size_t)n, "# Created: %s\n", how->created);
	identity_line(text + n, IDENTITY_TEXT_MAX - (size_t)n, k, how);
	return text;
}

/* ${pubpath}: where the public line goes, or NULL. */
static int identity_put(const char *path, const char *pubpath, const struct key *k, const struct identity_new *how,
    bool force, struct error *e)
{
	char line[IDENTITY_TEXT_MAX], *text;
	struct keyfile_new files[2] = {{path, NULL, 0, 0600}, {pubpath, line, 0, 0644}};
	size_t count = 1;
	struct key pub;
	int rc;

	if (pubpath && key_public(&pub, k) == KEYTEXT_OK) {
		files[1].len = (size_t)identity_line(line, sizeof(line), &pub, how);
		count = 2;
	}
	text = identity_text(k, how);
	if (!text)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	files[0].text = text;
	files[0].len = strlen(text);
	rc = keyfile_write(files, count, force, e);
	secret_free(text);
	return rc;
}

int identity_write(const char *path, const struct key *k, const struct identity_new *how, bool force,
    struct error *e)
{
	char pubpath[KEYFILE_PATH_MAX];

	if (snprintf(pubpath, sizeof(pubpath), "%s.pub", path) >= (int)sizeof(pubpath))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: the name is too long", path);
	return identity_put(path, pubpath, k, how, force, e);
}

int identity_rewrite(const char *path, const struct key *k, const struct identity_new *how, struct error *e)
{
	return identity_put(path, NULL, k, how, true, e);
}

int identity_write_public(const char *path, const struct key *k, const char *comment, bool force, struct error *e)
{
	const struct identity_new how = {.comment = comment};
	char line[IDENTITY_TEXT_MAX];
	struct keyfile_new file = {path, line, 0, 0644};

	file.len = (size_t)identity_line(line, sizeof(line), k, &how);
	return keyfile_write(&file, 1, force, e);
}

/* An identity whose public file belongs to another one is a trap. */
static int identity_check_pair(const struct keyfile_found *f, const char *path, struct error *e)
{
	char at[KEYFILE_PATH_MAX + 8];
	struct key pub, beside;

	if ((!f->locked && f->key.form != KEY_SECRET && f->key.form != KEY_XSECRET) || key_public(&pub, &f->key))
		return 0;
	if (snprintf(at, sizeof(at), "@%s.pub", path) >= (int)sizeof(at) || access(at + 1, F_OK))
		return 0;
	if (keyfile_read_public(&beside, NULL, at, e))
		return -1;
	if (beside.form == pub.form && memcmp(beside.bytes, pub.bytes, KEY_BYTES) == 0)
		return 0;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: is not the public key of %s; type: vault-keygen -y -f %s >%s", at + 1,
	    path, path, at + 1);
}

/* A pre-shared key without a prefix. */
static int identity_check_psk(struct keyfile_found **f, const char *path, struct error *e)
{
	struct key *k;

	if (keyfile_read_psk(&k, path, NULL, e))
		return -1;
	*f = secret_alloc(sizeof(**f));
	if (*f)
		(*f)->key = *k;
	secret_free(k);
	return *f ? 0 : error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
}

int identity_check(struct keyfile_found **f, const char *path, struct error *e)
{
	struct error unsafe = {.code = ERROR_OK}, psk = {.code = ERROR_OK};

	if (keyfile_read(f, path, &unsafe, e)) {
		if (identity_check_psk(f, path, &psk) == 0) {
			memset(e, 0, sizeof(*e));
			return 0;
		}
		if (psk.code == ERROR_SAFETY)
			*e = psk;
		return -1;
	}
	if (unsafe.code)
		*e = unsafe;
	else if (identity_check_pair(*f, path, e) == 0)
		return 0;
	secret_free(*f);
	*f = NULL;
	return -1;
}
