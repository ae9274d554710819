/* keyfile: what is read is checked. (What is written: test_identity.c.) */
#include "keyfile_dir.h"

/* Write a file with the key of ${form} put in for %s, read it as a secret, expect the error. */
static void secret_case(mode_t mode, enum key_form form, const char *format, enum error_code code,
    const char *message)
{
	char text[KEYTEXT_MAX], file[1024], comment[KEYFILE_COMMENT_MAX] = "";
	struct error e = {.code = ERROR_OK};
	struct key *k;

	key_text(text, form);
	snprintf(file, sizeof(file), format, text, text);
	put_text(path, mode, file);
	CHECK_INT(keyfile_read_secret(&k, comment, path, NULL, &e), code ? -1 : 0);
	CHECK_INT(e.code, code);
	if (code) {
		CHECK(k == NULL);
		if (!strstr(e.text, message) || !strstr(e.text, path) || strstr(e.text, text + 4))
			CHECK_STR(e.text, message);
	} else {
		CHECK_INT(k->form, form);
		CHECK_INT(k->bytes[0], 7);
		CHECK_STR(comment, message);
		secret_free(k);
	}
}

static void test_secret(void)
{
	secret_case(0600, KEY_SECRET, "%s", ERROR_OK, "");
	secret_case(0400, KEY_SECRET, "# a\n\n  \t\n%s alice@laptop\n# b\n", ERROR_OK, "alice@laptop");
	secret_case(0600, KEY_XSECRET, "\t%s\t a  b \r\n", ERROR_OK, "a  b");
	secret_case(0600, KEY_SECRET, "%s \x1b[2J\n", ERROR_OK, "\\x1b[2J");
	secret_case(0600, KEY_SECRET, "", ERROR_IO, "no key");
	secret_case(0600, KEY_SECRET, "# only words\n", ERROR_IO, "no key");
	secret_case(0600, KEY_SECRET, "%s\n%s\n", ERROR_IO, ":2: a second key");
	secret_case(0600, KEY_SECRET, "%s\nrubbish\n", ERROR_IO, ":2: not a key");
	secret_case(0600, KEY_SECRET, "%sA\n", ERROR_IO, ":1: wrong length");
	secret_case(0600, KEY_SECRET, "%s=\n", ERROR_IO, ":1: a character");
	secret_case(0600, KEY_PUBLIC, "%s\n", ERROR_IO, "holds a public key");
	secret_case(0600, KEY_PSK, "%s\n", ERROR_IO, "holds a pre-shared key");
}

static void test_secret_mode(void)
{
	static const mode_t loose[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666, 0777, 04644};

	for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++)
		secret_case(loose[i], KEY_SECRET, "%s\n", ERROR_SAFETY, "chmod 600");
	secret_case(0644, KEY_PUBLIC, "%s\n", ERROR_IO, "holds a public key");
	if (geteuid() != 0)
		return;
	/* As root, a file can be given away. */
	struct error e = {.code = ERROR_OK};
	struct key *k;
	char text[KEYTEXT_MAX];

	key_text(text, KEY_SECRET);
	put_text(path, 0600, text);
	CHECK_INT(chown(path, 12345, 12345), 0);
	CHECK_INT(keyfile_read_secret(&k, NULL, path, NULL, &e), -1);
	CHECK_INT(e.code, ERROR_SAFETY);
	CHECK(strstr(e.text, "12345") != NULL);
}

static void test_secret_from_pipe(void)
{
	struct error e = {.code = ERROR_OK};
	char text[KEYTEXT_MAX], name[64];
	struct key *k;
	int fds[2];

	key_text(text, KEY_SECRET);
	CHECK_INT(pipe(fds), 0);
	CHECK_INT(write(fds[1], text, strlen(text)), (ssize_t)strlen(text));
	close(fds[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", fds[0]);
	CHECK_INT(keyfile_read_secret(&k, NULL, name, NULL, &e), 0);
	CHECK(k && k->form == KEY_SECRET);
	secret_free(k);
	close(fds[0]);
}

static void test_unreadable(void)
{
	static char large[KEYFILE_MAX + 1];
	struct error e = {.code = ERROR_OK}, e2 = e, e3 = e;
	char text[KEYTEXT_MAX];
	struct key *k;

	unlink(path);
	CHECK_INT(keyfile_read_secret(&k, NULL, path, NULL, &e), -1);
	CHECK_INT(e.code, ERROR_IO);
	CHECK(strstr(e.text, "No such file") != NULL);
	CHECK_INT(keyfile_read_secret(&k, NULL, dir, NULL, &e2), -1);
	CHECK_INT(e2.code, ERROR_IO);
	memset(large, '\n', sizeof(large));
	key_text(text, KEY_SECRET);
	memcpy(large, text, strlen(text));
	put(path, 0600, large, sizeof(large) - 1);
	CHECK_INT(keyfile_read_secret(&k, NULL, path, NULL, NULL), 0);
	secret_free(k);
	put(path, 0600, large, sizeof(large));
	CHECK_INT(keyfile_read_secret(&k, NULL, path, NULL, &e3), -1);
	CHECK(strstr(e3.text, "more than 65536 bytes") != NULL);
}

static void psk_case(mode_t mode, const void *data, size_t len, enum error_code code, const char *message)
{
	struct error e = {.code = ERROR_OK};
	struct key *k;

	put(path, mode, data, len);
	CHECK_INT(keyfile_read_psk(&k, path, NULL, &e), code ? -1 : 0);
	CHECK_INT(e.code, code);
	if (code && !strstr(e.text, message))
		CHECK_STR(e.text, message);
	if (!code)
		CHECK(k && k->form == KEY_PSK && k->bytes[0] == 7 && k->bytes[31] == 0);
	secret_free(k);
}

#define PSK_TEXT(text, code, message) psk_case(0600, text, strlen(text), code, message)

static void test_psk(void)
{
	static const char hex[] = "0700000000000000000000000000000000000000000000000000000000000000";
	static const char base64[] = "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	uint8_t raw[KEY_BYTES + 1] = {7};
	char text[KEYTEXT_MAX], line[256];

	key_text(text, KEY_PSK);
	PSK_TEXT(text, ERROR_OK, "");
	snprintf(line, sizeof(line), "# words\n%s comment\n", text);
	PSK_TEXT(line, ERROR_OK, "");
	PSK_TEXT(hex, ERROR_OK, "");
	PSK_TEXT(base64, ERROR_OK, "");
	snprintf(line, sizeof(line), "%s\n", hex);
	PSK_TEXT(line, ERROR_OK, "");
	psk_case(0644, line, strlen(line), ERROR_SAFETY, "chmod 600");
	snprintf(line, sizeof(line), "%s\r\n", base64);
	PSK_TEXT(line, ERROR_OK, "");
	psk_case(0600, raw, KEY_BYTES, ERROR_OK, "");
	psk_case(0640, raw, KEY_BYTES, ERROR_SAFETY, "chmod 600");
	psk_case(0600, raw, KEY_BYTES + 1, ERROR_IO, "not a pre-shared key");
	psk_case(0600, raw, KEY_BYTES - 1, ERROR_IO, "not a pre-shared key");
	PSK_TEXT("correct horse battery staple 123", ERROR_IO, "passphrase");
	PSK_TEXT("correct horse battery staple 12\n", ERROR_IO, "passphrase");
	PSK_TEXT("correct horse battery staple", ERROR_IO, "not a pre-shared key");
	PSK_TEXT("", ERROR_IO, "not a pre-shared key");
	snprintf(line, sizeof(line), "%s0", hex);
	PSK_TEXT(line, ERROR_IO, "not a pre-shared key");
	snprintf(line, sizeof(line), "%s\n\n", hex);
	PSK_TEXT(line, ERROR_IO, "not a pre-shared key");
	text[10] = text[10] == 'A' ? 'B' : 'A';
	PSK_TEXT(text, ERROR_IO, "checksum");
	key_text(text, KEY_SECRET);
	PSK_TEXT(text, ERROR_IO, "holds the secret key of an identity");
	memset(raw, 0, sizeof(raw));
	psk_case(0600, raw, KEY_BYTES, ERROR_IO, "zero");
}

static void public_case(const char *arg, enum error_code code, const char *message)
{
	char comment[KEYFILE_COMMENT_MAX];
	struct error e = {.code = ERROR_OK};
	struct key k;

	CHECK_INT(keyfile_read_public(&k, comment, arg, &e), code ? -1 : 0);
	CHECK_INT(e.code, code);
	if (code && !strstr(e.text, message))
		CHECK_STR(e.text, message);
	if (code)
		CHECK_INT(k.form, KEY_NONE);
	else
		CHECK_STR(comment, message);
}

static void test_public(void)
{
	char text[KEYTEXT_MAX], at[300], line[256];

	key_text(text, KEY_PUBLIC);
	public_case(text, ERROR_OK, "");
	snprintf(line, sizeof(line), "%s bob\n", text);
	put_text(path, 0666, line);
	snprintf(at, sizeof(at), "@%s", path);
	public_case(at, ERROR_OK, "bob");
	key_text(text, KEY_XPUBLIC);
	public_case(text, ERROR_OK, "");
	public_case("", ERROR_USAGE, "not a key");
	public_case("#", ERROR_USAGE, "not a key");
	public_case("@", ERROR_IO, "No such file");
	key_text(text, KEY_SECRET);
	public_case(text, ERROR_USAGE, "known to whoever");
	put_text(path, 0644, text);
	public_case(at, ERROR_IO, "holds the secret key");
}

/* ---- default paths ---- */

static void test_paths(void)
{
	char out[KEYFILE_PATH_MAX], longer[KEYFILE_PATH_MAX + 1];
	struct error e = {.code = ERROR_OK};

	setenv("HOME", "/home/dora", 1);
	setenv("XDG_CONFIG_HOME", "/etc/dora", 1);
	CHECK_INT(keyfile_path(out, "identity", &e), 0);
	CHECK_STR(out, "/etc/dora/vault-tools/identity");
	setenv("XDG_CONFIG_HOME", "relative", 1);
	CHECK_INT(keyfile_path(out, "known_hosts", &e), 0);
	CHECK_STR(out, "/home/dora/.config/vault-tools/known_hosts");
	unsetenv("XDG_CONFIG_HOME");
	CHECK_INT(keyfile_path(out, "identity.pub", &e), 0);
	CHECK_STR(out, "/home/dora/.config/vault-tools/identity.pub");
	unsetenv("HOME");
	CHECK_INT(keyfile_path(out, "identity", &e), 0);
	CHECK(out[0] == '/' && strstr(out, "/.config/vault-tools/identity") != NULL);
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	setenv("HOME", longer, 1);
	CHECK_INT(keyfile_path(out, "identity", &e), -1);
	CHECK_INT(e.code, ERROR_IO);
}

int main(void)
{
	if (keyfile_dir_begin())
		return 1;
	RUN(test_secret);
	RUN(test_secret_mode);
	RUN(test_secret_from_pipe);
	RUN(test_unreadable);
	RUN(test_psk);
	RUN(test_public);
	RUN(test_paths);
	RUN(test_nothing_left);
	UNIT_DONE();
}
