#include "trust.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "printable.h"

#define LOCK_TRIES 1500 /* of 20 ms: many may come at once, and asking in turns is not fair */
#define LINE_MAX_BYTES (TRUST_NAME_MAX + KEYTEXT_MAX + KEYFILE_COMMENT_MAX + 4)

/* ---- lists ---- */

void trust_free(struct trust_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->entries[i].label);
		rule_free(&list->entries[i].rule);
	}
	free(list->entries);
	free(list->path);
	memset(list, 0, sizeof(*list));
}

static int trust_push(struct trust_list *list, const struct trust_entry *entry, const char *label,
    unsigned line)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 4;
		struct trust_entry *more = realloc(list->entries, room * sizeof(*more));

		if (!more)
			return -1;
		list->entries = more;
		list->room = room;
	}
	list->entries[list->count] = *entry;
	list->entries[list->count].line = line;
	list->entries[list->count].label = strdup(label);
	if (!list->entries[list->count].label)
		return -1;
	list->count++;
	return 0;
}

static void trust_count(struct trust_list *list, const char *names, size_t len)
{
	enum trust_names kind = trust_names_kind(names, len);

	list->hidden += kind == TRUST_NAMES_HIDDEN;
	list->plain += kind == TRUST_NAMES_ONE;
}

/* Every line of ${text}; with ${name}, of a known_hosts file, those of that name. */
static int trust_parse(struct trust_list *list, const char *text, size_t len, const char *name,
    struct error *e)
{
	char label[KEYFILE_COMMENT_MAX];
	struct trust_entry entry;
	unsigned number = 0;

	while (len > 0) {
		const char *newline = memchr(text, '\n', len), *why = NULL, *found = name;
		size_t n = newline ? (size_t)(newline - text) : len, step = newline ? n + 1 : n;
		size_t foundlen = name ? strlen(name) : 0;
		int rc = name ? trust_known_line(&found, &foundlen, &entry, label, text, n, &why)
			      : trust_authorized_line(&entry, label, text, n, &why);

		number++;
		if (rc < 0)
			return error_set(e, ERROR_IO, BLAME_LOCAL, "%s:%u: %s", list->path, number, why);
		if (rc > 0 && name)
			trust_count(list, found, foundlen);
		if (rc > 0 && (!name || trust_names_match(found, foundlen, name)) &&
		    trust_push(list, &entry, label, number)) {
			rule_free(&entry.rule);
			return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", list->path);
		}
		text += step;
		len -= step;
	}
	return 0;
}

/* ---- files ---- */

static int trust_safe(const struct stat *st, const char *path, struct error *e)
{
	if (!S_ISREG(st->st_mode))
		return 0;
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL,
		    "%s: belongs to user id %lu, who is neither you nor root", path,
		    (unsigned long)st->st_uid);
	if (st->st_mode & 022)
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL,
		    "%s: permissions %04o let others change whom you trust; type: chmod go-w %s", path,
		    (unsigned)(st->st_mode & 07777), path);
	return 0;
}

static int trust_lock(int fd, int operation, const char *path, struct error *e)
{
	const struct timespec pause = {0, 20 * 1000 * 1000};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, operation | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0; /* pipes and some file systems know no locks */
		nanosleep(&pause, NULL);
	}
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: locked by another process", path);
}

static int trust_read(struct trust_list *list, int fd, const struct stat *st, const char *name,
    char *last, struct error *e)
{
	size_t room = S_ISREG(st->st_mode) ? (size_t)st->st_size + 1 : KEYFILE_MAX, len;
	char *text;
	int rc = -1;

	if (st->st_size > TRUST_FILE_MAX)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: more than %d bytes", list->path, TRUST_FILE_MAX);
	text = malloc(room);
	if (!text)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", list->path);
	if (keyfile_slurp(fd, list->path, text, room, &len, e) == 0)
		rc = trust_parse(list, text, len, name, e);
	if (rc == 0 && last)
		*last = len > 0 ? text[len - 1] : '\n';
	free(text);
	return rc;
}

/* Lock, check and read the open file ${fd}. ${last} (may be NULL): its last byte. */
static int trust_load(struct trust_list *list, int fd, int operation, const char *path,
    const char *name, char *last, struct error *e)
{
	struct stat st;

	memset(list, 0, sizeof(*list));
	list->path = strdup(path);
	if (!list->path)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	if (trust_lock(fd, operation, path, e))
		goto fail;
	if (fstat(fd, &st)) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (trust_safe(&st, path, e) || trust_read(list, fd, &st, name, last, e))
		goto fail;
	return 0;
fail:
	trust_free(list);
	return -1;
}

/* 0, 1 if there is no such file, or -1. */
static int trust_open_and_load(struct trust_list *list, const char *path, const char *name,
    struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc;

	memset(list, 0, sizeof(*list));
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
	rc = trust_load(list, fd, LOCK_SH, path, name, NULL, e);
	close(fd);
	return rc;
}

/* ---- known_hosts ---- */

int trust_known_load(struct trust_list *list, const char *path, const char *name, struct error *e)
{
	return trust_open_and_load(list, path, name, e) < 0 ? -1 : 0;
}

enum trust_verdict trust_known_check(const struct trust_list *list, const uint8_t x25519[KEY_BYTES],
    const struct trust_entry **entry)
{
	const struct trust_entry *found = list->count ? &list->entries[0] : NULL;
	enum trust_verdict verdict = list->count ? TRUST_CHANGED : TRUST_UNKNOWN;

	for (size_t i = 0; i < list->count; i++) {
		if (memcmp(list->entries[i].x25519, x25519, KEY_BYTES) == 0) {
			found = &list->entries[i];
			verdict = TRUST_MATCH;
			break;
		}
	}
	if (entry)
		*entry = found;
	return verdict;
}

void trust_known_learn(struct trust_list *list, const struct key *key)
{
	struct trust_entry entry = {.key = *key};

	if (key_x25519_public(entry.x25519, key) == KEYTEXT_OK)
		(void)!trust_push(list, &entry, "", 0);
}

/* One write; what a full disk left of it is cut off again, which the lock allows. */
static int trust_append(int fd, const char *path, const char *line, size_t len, struct error *e)
{
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n = write(fd, line, len);
	int saved = n < 0 ? errno : ENOSPC;

	if (n == (ssize_t)len)
		return 0;
	if (n > 0 && size >= 0 && ftruncate(fd, size))
		saved = errno;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: cannot write: %s", path, strerror(saved));
}

/* A line of known_hosts, or without ${name} of authorized_keys. */
static int trust_add_locked(int fd, const char *path, const char *name, const struct key *key,
    const char *comment, struct error *e)
{
	char line[LINE_MAX_BYTES], text[KEYTEXT_MAX], label[KEYFILE_COMMENT_MAX], hidden[TRUST_NAME_MAX], last = '\n';
	const struct trust_entry *entry = NULL;
	enum trust_verdict verdict;
	struct trust_list list;
	uint8_t x25519[KEY_BYTES];
	int n, rc = -1;

	if (trust_load(&list, fd, LOCK_EX, path, name, &last, e))
		return -1;
	if (key_x25519_public(x25519, key)) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s", keytext_strerror(KEYTEXT_E_KEY));
		goto out;
	}
	verdict = trust_known_check(&list, x25519, &entry);
	if (!name && verdict == TRUST_CHANGED) /* authorized_keys has many */
		verdict = TRUST_UNKNOWN;
	switch (verdict) {
	case TRUST_MATCH:
		rc = 1;
		break;
	case TRUST_CHANGED:
		error_set(e, ERROR_AUTH, BLAME_AUTH, "%s:%u: another key was stored for %s meanwhile",
		    path, entry->line, name);
		break;
	case TRUST_UNKNOWN:
		if (name && list.hidden > 0 && list.plain == 0) {
			trust_names_hide(hidden, name, &secret_rng);
			name = hidden;
		}
		keytext_format(text, key);
		printable(label, sizeof(label), comment ? comment : "", comment ? strlen(comment) : 0);
		n = snprintf(line, sizeof(line), "%s%s%s%s%s%s\n", last == '\n' ? "" : "\n", name ? name : "",
		    name ? " " : "", text, label[0] ? " " : "", label);
		rc = trust_append(fd, path, line, (size_t)n, e);
		break;
	}
out:
	trust_free(&list);
	return rc;
}

static int trust_open_append(const char *path, struct error *e)
{
	int fd;

	if (keyfile_mkdir(path, e))
		return -1;
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
	return fd;
}

/* With the lock. Who held it may have put another file in this one's place. */
static int trust_open_current(const char *path, struct error *e)
{
	for (;;) {
		int fd = trust_open_append(path, e), rc;

		if (fd < 0)
			return -1;
		rc = trust_lock(fd, LOCK_EX, path, e);
		if (rc == 0 && trust_same(fd, path))
			return fd;
		close(fd);
		if (rc < 0)
			return -1;
	}
}

static int trust_add(const char *path, const char *name, const struct key *key, const char *comment,
    struct error *e)
{
	int fd, rc;

	if (key->form != KEY_PUBLIC && key->form != KEY_XPUBLIC)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "only public keys are remembered");
	fd = trust_open_current(path, e);
	if (fd < 0)
		return -1;
	rc = trust_add_locked(fd, path, name, key, comment, e);
	if (close(fd) && rc == 0)
		rc = error_set(e, ERROR_IO, BLAME_LOCAL, "%s: cannot write: %s", path, strerror(errno));
	return rc;
}

int trust_known_add(const char *path, const char *name, const struct key *key, const char *comment,
    struct error *e)
{
	return trust_add(path, name, key, comment, e);
}

int trust_known_prepare(const char *path, int *fresh, struct error *e)
{
	char copy[KEYFILE_PATH_MAX];
	int fd;

	*fresh = -1;
	if (access(path, F_OK) < 0 && keyfile_mkdir(path, NULL) == 0) {
		snprintf(copy, sizeof(copy), "%s", path);
		*fresh = open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	}
	if (*fresh >= 0)
		return 0;
	fd = trust_open_append(path, e);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int trust_first(const char *path, int fresh, const char *name, const struct key *key, const char *comment,
    struct error *e)
{
	char self[64];
	int rc = 0;

	if (trust_add_locked(fresh, path, name, key, comment, e))
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fresh);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
		rc = errno == EEXIST ? 1 : error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
	/* It stays open for as long as the session lasts, and others want to read it meanwhile. */
	(void)flock(fresh, LOCK_UN);
	return rc;
}

int trust_known_first(const char *path, int fresh, const char *name, const struct key *key, struct error *e)
{
	return trust_first(path, fresh, name, key, NULL, e);
}

/* ---- authorized_keys ---- */

int trust_authorized_add(const char *path, int fresh, const struct key *key, const char *comment, struct error *e)
{
	struct error why = {0};
	int rc;

	if (fresh < 0)
		return trust_add(path, NULL, key, comment, e);
	rc = trust_first(path, fresh, NULL, key, comment, e);
	if (rc <= 0)
		return rc;
	rc = trust_add(path, NULL, key, comment, &why);
	/* From a sandbox one that was not there when it was entered may be out of reach. */
	return rc < 0 ? error_set(e, why.code, why.blame, "%s was made by another process meanwhile; try again (%s)", path, why.text)
		      : rc;
}

static int trust_compare(const void *a, const void *b)
{
	const struct trust_entry *x = a, *y = b;
	int order = memcmp(x->x25519, y->x25519, KEY_BYTES);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

int trust_authorized_load(struct trust_list *list, const char *path, struct error *e)
{
	int rc = trust_open_and_load(list, path, NULL, e);

	if (rc == 0 && list->count > 1)
		qsort(list->entries, list->count, sizeof(list->entries[0]), trust_compare);
	return rc;
}

const struct trust_entry *trust_authorized_find(const struct trust_list *list,
    const uint8_t x25519[KEY_BYTES])
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(list->entries[middle].x25519, x25519, KEY_BYTES) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < list->count && memcmp(list->entries[low].x25519, x25519, KEY_BYTES) == 0)
		return &list->entries[low];
	return NULL;
}

bool trust_authorized_paired(const void *list, const uint8_t identity[KEY_BYTES], const uint8_t x25519[KEY_BYTES])
{
	const struct trust_entry *entry = trust_authorized_find(list, x25519);

	return entry && entry->key.form == KEY_PUBLIC && memcmp(entry->key.bytes, identity, KEY_BYTES) == 0;
}
