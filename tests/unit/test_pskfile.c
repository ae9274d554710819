/* pskfile: files of several pre-shared keys, line by line; which one to connect with; one more behind them. */
#include "keyfile_dir.h"

#include "run/passphrase.h"
#include "run/pskfile.h"

static char line[4][KEYTEXT_MAX];

static void make_lines(void)
{
	for (uint8_t i = 0; i < 4; i++) {
		struct key k = {KEY_PSK, {(uint8_t)(i + 1)}};

		keytext_format(line[i], &k);
	}
}

static struct handshake_psks *read_text(const char *text)
{
	struct passphrase none = {.fd = -1};
	struct handshake_psks *psks;
	struct error e = {0};

	put_text(path, 0600, text);
	CHECK_INT(pskfile_read(&psks, path, &none, &e), 0);
	return psks;
}

static void test_lines(void)
{
	char text[1024];
	struct handshake_psks *psks;

	snprintf(text, sizeof(text), "# a\n\n%s first one\r\n  expires=2001-01-31 %s\n%s third", line[0], line[1], line[2]);
	psks = read_text(text);
	CHECK_INT(psks->count, 3);
	for (uint8_t i = 0; i < 3; i++) {
		CHECK_INT(psks->keys[i][0], i + 1);
		CHECK_INT(psks->about[i].line, i + 3);
		CHECK_INT(pskfile_expired(&psks->about[i]), i == 1);
	}
	CHECK_STR(psks->about[0].name, "first one");
	CHECK_STR(psks->about[1].name, "");
	CHECK_STR(psks->about[2].name, "third");
	secret_free(psks);
	/* Alone, in any form. */
	snprintf(text, sizeof(text), "%s me", line[3]);
	psks = read_text(text);
	CHECK_INT(psks->count, 1);
	CHECK_STR(psks->about[0].name, "me");
	secret_free(psks);
	psks = read_text("0400000000000000000000000000000000000000000000000000000000000000\n");
	CHECK_INT(psks->count, 1);
	CHECK_INT(psks->keys[0][0], 4);
	CHECK_INT(psks->about[0].expires, 0);
	secret_free(psks);
}

static void bad(const char *text, mode_t mode, enum error_code code, const char *why)
{
	struct handshake_psks *psks = (struct handshake_psks *)1;
	struct passphrase none = {.fd = -1};
	struct error e = {0};

	put_text(path, mode, text);
	CHECK_INT(pskfile_read(&psks, path, &none, &e), -1);
	CHECK(psks == NULL);
	CHECK_INT(e.code, code);
	CHECK(strstr(e.text, why) != NULL);
	CHECK(strstr(e.text, "vp1") == NULL || strstr(e.text, "vp1...") != NULL);
}

static void test_bad_lines(void)
{
	char text[4096], public[KEYTEXT_MAX];
	size_t n = 0;

	key_text(public, KEY_PUBLIC);
	snprintf(text, sizeof(text), "%s\n%s\n", line[0], public);
	bad(text, 0600, ERROR_IO, ":2: a pre-shared key (vp1...) is needed");
	snprintf(text, sizeof(text), "%s\n%s again\n", line[0], line[0]);
	bad(text, 0600, ERROR_IO, ":2: the same key once more");
	snprintf(text, sizeof(text), "%s\nrate=5K %s\n", line[0], line[1]);
	bad(text, 0600, ERROR_IO, ":2: only expires=");
	snprintf(text, sizeof(text), "%s\nexpires=2001-01-31\n", line[0]);
	bad(text, 0600, ERROR_IO, ":2: ");
	snprintf(text, sizeof(text), "%s\n%sA\n", line[0], line[1]);
	bad(text, 0600, ERROR_IO, ":2: wrong length");
	snprintf(text, sizeof(text), "%s\n%s\n", line[0], line[1]);
	bad(text, 0640, ERROR_SAFETY, "chmod 600");
	for (uint8_t i = 0; i < HANDSHAKE_PSKS + 1; i++) {
		struct key k = {KEY_PSK, {(uint8_t)(i + 1)}};
		char one[KEYTEXT_MAX];

		keytext_format(one, &k);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", one);
	}
	bad(text, 0600, ERROR_IO, ":17: too many");
	bad("nothing\n", 0600, ERROR_IO, "not a pre-shared key");
	bad("", 0600, ERROR_IO, "not a pre-shared key");
}

static void test_pick(void)
{
	struct handshake_psks psks = {.count = 3, .about = {{"a", 1, 1}, {"b", 2, 0}, {"c", 3, 0}}};
	struct error e = {0};

	CHECK_INT(pskfile_pick(&psks, "x", &e), 1);
	psks.about[0].expires = INT64_MAX;
	CHECK_INT(pskfile_pick(&psks, "x", &e), 0);
	psks.about[0].expires = psks.about[1].expires = psks.about[2].expires = 1;
	CHECK_INT(pskfile_pick(&psks, "x", &e), -1);
	CHECK_INT(e.code, ERROR_AUTH);
	CHECK(strstr(e.text, "x: all keys have expired") != NULL);
}

static void test_add(void)
{
	struct key k = {KEY_PSK, {3}};
	char text[256], more[1024], got[1024] = "";
	struct error e = {0};
	int fd;

	snprintf(text, sizeof(text), "# kept\n%s first", line[0]); /* no newline at its end */
	put_text(path, 0600, text);
	CHECK_INT(pskfile_add(path, &k, "third", &e), 0);
	snprintf(more, sizeof(more), "%s\n%s third\n", text, line[2]);
	fd = open(path, O_RDONLY);
	CHECK_INT(read(fd, got, sizeof(got) - 1), (ssize_t)strlen(more));
	CHECK_INT(close(fd), 0);
	CHECK_STR(got, more);
	put_text(path, 0600, "# nothing\n");
	CHECK_INT(pskfile_add(path, &k, "third", &e), -1);
	CHECK_INT(e.code, ERROR_IO);
}

int main(void)
{
	if (keyfile_dir_begin() != 0)
		return 1;
	make_lines();
	RUN(test_lines);
	RUN(test_bad_lines);
	RUN(test_pick);
	RUN(test_add);
	RUN(test_nothing_left);
	UNIT_DONE();
}
