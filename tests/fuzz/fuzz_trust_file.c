/*
 * Fuzz: known_hosts and authorized_keys as whole files, read and appended to as the tools do.
 *
 *   first line   the name that is looked for, and (its first byte) which key is remembered for it
 *   rest         the file
 *
 * What is read must be what the lines say one by one; a file with a line that is not understood is refused
 * as a whole; what is appended leaves all that was there, is one line, and is found again.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "run/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FILE_MAX (64 * 1024)

static void must(int condition)
{
	if (!condition)
		abort();
}

/* ---- the file ---- */

static char path[64];
static int fd = -1;

/* Under Linux one that lives in memory, and goes away by itself. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	must(secret_init() == 0);
#ifdef __linux__
	fd = memfd_create("trust", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
#else
	snprintf(path, sizeof(path), "/tmp/fuzz-trust.XXXXXX");
	fd = mkstemp(path);
#endif
	must(fd >= 0 && fchmod(fd, 0600) == 0);
	return 0;
}

static void write_file(const char *text, size_t len)
{
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, text, len, 0) == (ssize_t)len);
}

static size_t read_file(char *out, size_t room)
{
	ssize_t n = pread(fd, out, room, 0);

	must(n >= 0 && (size_t)n < room);
	return (size_t)n;
}

/* ---- what the lines say ---- */

struct model {
	size_t count; /* of the lines that count (and have the name) */
	unsigned bad; /* the first line that is not understood, 0 if all are */
	unsigned lines[FILE_MAX];
	uint8_t first[KEY_BYTES];
};

static struct model model;

static void say_lines(const char *text, size_t len, const char *name)
{
	char label[KEYFILE_COMMENT_MAX];
	struct trust_entry entry;
	unsigned number = 0;

	memset(&model, 0, sizeof(model));
	while (len > 0 && model.bad == 0) {
		const char *newline = memchr(text, '\n', len), *why = NULL, *found = NULL;
		size_t n = newline ? (size_t)(newline - text) : len, step = newline ? n + 1 : n, found_len = 0;
		int rc = name ? trust_known_line(&found, &found_len, &entry, label, text, n, &why)
			      : trust_authorized_line(&entry, label, text, n, &why);

		number++;
		if (rc < 0)
			model.bad = number;
		else if (rc > 0 && (!name || (found_len == strlen(name) && memcmp(found, name, found_len) == 0))) {
			if (model.count == 0)
				memcpy(model.first, entry.x25519, KEY_BYTES);
			model.lines[model.count++] = number;
		}
		text += step;
		len -= step;
	}
}

static void check_refused(int rc, const struct error *e)
{
	char place[96];

	snprintf(place, sizeof(place), "%s:%u: ", path, model.bad);
	must(rc == -1 && e->code == ERROR_IO && strncmp(e->text, place, strlen(place)) == 0);
}

/* ---- the two files ---- */

static void check_authorized(const char *text, size_t len)
{
	struct trust_list list;
	struct error e = {0};
	int rc;

	say_lines(text, len, NULL);
	rc = trust_authorized_load(&list, path, &e);
	if (model.bad > 0) {
		check_refused(rc, &e);
		must(list.count == 0);
	} else
		must(rc == 0 && list.count == model.count);
	for (size_t i = 0; i < list.count; i++) {
		const struct trust_entry *found = trust_authorized_find(&list, list.entries[i].x25519);

		must(found && memcmp(found->x25519, list.entries[i].x25519, KEY_BYTES) == 0);
		must(found->line <= list.entries[i].line);
		must(i == 0 || memcmp(list.entries[i - 1].x25519, list.entries[i].x25519, KEY_BYTES) <= 0);
	}
	trust_free(&list);
}

static int check_known(const char *text, size_t len, const char *name, struct trust_list *list)
{
	struct error e = {0};
	int rc;

	say_lines(text, len, name);
	rc = trust_known_load(list, path, name, &e);
	if (model.bad > 0) {
		check_refused(rc, &e);
		return -1;
	}
	must(rc == 0 && list->count == model.count);
	for (size_t i = 0; i < list->count; i++)
		must(list->entries[i].line == model.lines[i]);
	must(list->count == 0 || memcmp(list->entries[0].x25519, model.first, KEY_BYTES) == 0);
	return 0;
}

static void check_add(const char *text, size_t len, const char *name, uint8_t which)
{
	static char after[FILE_MAX + 4096];
	struct key secret = {.form = KEY_SECRET}, key;
	uint8_t x25519[KEY_BYTES];
	enum trust_verdict verdict;
	struct trust_list list;
	struct error e = {0};
	size_t n;
	int rc;

	memset(secret.bytes, which, sizeof(secret.bytes));
	must(key_public(&key, &secret) == KEYTEXT_OK && key_x25519_public(x25519, &key) == KEYTEXT_OK);
	if (check_known(text, len, name, &list) < 0) {
		must(trust_known_add(path, name, &key, "a comment", &e) == -1);
		must(read_file(after, sizeof(after)) == len && memcmp(after, text, len) == 0);
		return;
	}
	verdict = trust_known_check(&list, x25519, NULL);
	trust_free(&list);
	rc = trust_known_add(path, name, &key, "a comment", &e);
	must(rc == (verdict == TRUST_MATCH ? 1 : verdict == TRUST_CHANGED ? -1 : 0));
	n = read_file(after, sizeof(after));
	must(n >= len && memcmp(after, text, len) == 0 && (rc == 0) == (n > len));
	must(rc != 0 || (after[n - 1] == '\n' && memchr(after + len + 1, '\n', n - len - 1) == after + n - 1));
	memset(&e, 0, sizeof(e));
	must(trust_known_load(&list, path, name, &e) == 0);
	must(trust_known_check(&list, x25519, NULL) == (verdict == TRUST_CHANGED ? TRUST_CHANGED : TRUST_MATCH));
	trust_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char host[256], name[TRUST_NAME_MAX];
	const char *text = (const char *)data, *newline = memchr(data, '\n', size);
	size_t n = newline ? (size_t)(newline - text) : 0;
	struct error e = {0};

	if (!newline || n == 0 || n >= sizeof(host) || size > FILE_MAX)
		return 0;
	memcpy(host, text, n);
	host[n] = '\0';
	if (host[0] == '\0' || trust_name(name, host, 5004, &e) < 0)
		return 0;
	text += n + 1;
	size -= n + 1;
	write_file(text, size);
	check_authorized(text, size);
	check_add(text, size, name, data[0]);
	return 0;
}
