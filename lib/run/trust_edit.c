/* known_hosts, written anew: lines taken out, names hidden. The lock is held meanwhile, and the old file stays
 * until the new one is whole; who waits for the lock finds out that the file is another one now. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "trust.h"

#define LOCK_TRIES 1500 /* of 20 ms */

/* The old text and the new one, and what is to be done with a line. */
struct edit {
	const char *name; /* to take out, or NULL: hide */
	char *old, *new;
	size_t len, newlen;
	struct trust_edited done;
};

bool trust_same(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) < 0 || stat(path, &there) < 0 ||
	    (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino);
}

int trust_edit_open(const char *path, struct error *e)
{
	const struct timespec pause = {0, 20 * 1000 * 1000};

	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

		if (fd < 0)
			return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && trust_same(fd, path))
			return fd;
		close(fd);
		nanosleep(&pause, NULL);
	}
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: locked by another process", path);
}

static int edit_read(struct edit *x, int fd, const char *path, struct stat *st, struct error *e)
{
	if (fstat(fd, st) < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st->st_mode) || st->st_size > TRUST_FILE_MAX)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: not a file of known hosts", path);
	x->old = malloc((size_t)st->st_size + 1);
	/* A hidden name is at most so much longer than a line with a key is. */
	x->new = malloc(3 * ((size_t)st->st_size + 1));
	if (!x->old || !x->new)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
	return keyfile_slurp(fd, path, x->old, (size_t)st->st_size + 1, &x->len, e);
}

static void edit_keep(struct edit *x, const char *text, size_t n)
{
	memcpy(x->new + x->newlen, text, n);
	x->newlen += n;
}

/* One line of ${n} bytes with its newline, if it has one. */
static void edit_line(struct edit *x, const char *line, size_t n)
{
	size_t len = n > 0 && line[n - 1] == '\n' ? n - 1 : n, namelen = 0;
	char label[KEYFILE_COMMENT_MAX], plain[TRUST_NAME_MAX], hidden[TRUST_NAME_MAX];
	const char *name = NULL, *why = NULL;
	struct trust_entry entry;
	enum trust_names kind;

	if (trust_known_line(&name, &namelen, &entry, label, line, len, &why) <= 0) {
		edit_keep(x, line, n); /* blank, a comment, or nothing of ours */
		return;
	}
	kind = trust_names_kind(name, namelen);
	if (x->name && trust_names_match(name, namelen, x->name) && kind != TRUST_NAMES_PATTERN) {
		x->done.changed++;
	} else if (!x->name && kind == TRUST_NAMES_ONE && namelen < sizeof(plain)) {
		snprintf(plain, sizeof(plain), "%.*s", (int)namelen, name);
		trust_names_hide(hidden, plain, &secret_rng);
		edit_keep(x, hidden, strlen(hidden));
		edit_keep(x, name + namelen, n - (size_t)(name + namelen - line));
		x->done.changed++;
	} else {
		if (kind == TRUST_NAMES_PATTERN && (!x->name || trust_names_match(name, namelen, x->name)))
			x->done.patterns++;
		edit_keep(x, line, n);
	}
}

static int edit_write(const struct edit *x, const char *path, const struct stat *st, struct error *e)
{
	const struct keyfile_new file = {path, x->new, x->newlen, st->st_mode & 0777};

	return keyfile_write(&file, 1, true, e);
}

static int edit(const char *path, const char *name, struct trust_edited *done, struct error *e)
{
	struct edit x = {.name = name};
	char real[PATH_MAX];
	struct stat st;
	int fd, rc = -1;

	if (!realpath(path, real)) /* a link stays one */
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
	fd = trust_edit_open(real, e);
	if (fd < 0)
		return -1;
	if (edit_read(&x, fd, real, &st, e) == 0) {
		for (size_t at = 0; at < x.len;) {
			const char *newline = memchr(x.old + at, '\n', x.len - at);
			size_t n = newline ? (size_t)(newline + 1 - x.old) - at : x.len - at;

			edit_line(&x, x.old + at, n);
			at += n;
		}
		rc = x.done.changed ? edit_write(&x, real, &st, e) : 0;
	}
	*done = x.done;
	free(x.old);
	free(x.new);
	close(fd);
	return rc;
}

int trust_known_remove(const char *path, const char *name, struct trust_edited *done, struct error *e)
{
	return edit(path, name, done, e);
}

int trust_known_hide(const char *path, struct trust_edited *done, struct error *e)
{
	return edit(path, NULL, done, e);
}
