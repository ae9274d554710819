/* keyfile, the writing half: either every file is on the disk as it should be, or none is there. */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/secret.h"

#define FILES_MAX 2
#define LOCK_TRIES 500 /* of 20 ms */

/* A file on its way: ${made} is what to remove if things go wrong. */
struct staged {
	char made[KEYFILE_PATH_MAX];
};

static int keyfile_errno(struct error *e, const char *path, const char *verb)
{
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: cannot %s: %s", path, verb, strerror(errno));
}

static int keyfile_directory(char out[KEYFILE_PATH_MAX], const char *path, struct error *e)
{
	char copy[KEYFILE_PATH_MAX];

	if (strlen(path) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return keyfile_errno(e, path, "create");
	}
	memcpy(copy, path, strlen(path) + 1);
	snprintf(out, KEYFILE_PATH_MAX, "%s", dirname(copy));
	return 0;
}

/* Where HOME names what is not there, nobody is at home: others would be kept out of what we made. */
static int keyfile_at_home(const char *path, struct error *e)
{
	const char *home = getenv("HOME");
	size_t n = home ? strlen(home) : 0;
	struct stat st;

	if (n == 0 || strncmp(path, home, n) != 0 || path[n] != '/' || stat(home, &st) == 0)
		return 0;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: the home directory: %s", home, strerror(errno));
}

/* mkdir(2), but one that is there already is fine. */
static int keyfile_make(const char *dir, struct error *e)
{
	struct stat st;
	int why;

	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return 0;
	why = errno; /* a file system that is read only says that of what is there, too */
	if (stat(dir, &st) == 0)
		return 0;
	errno = why;
	return keyfile_errno(e, dir, "create the directory");
}

int keyfile_mkdir(const char *path, struct error *e)
{
	char dir[KEYFILE_PATH_MAX];
	struct stat st;

	if (keyfile_directory(dir, path, e))
		return -1;
	if (stat(dir, &st) == 0)
		return 0; /* if it is no directory, creating the file in it says so */
	if (keyfile_at_home(path, e))
		return -1;
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (keyfile_make(dir, e))
			return -1;
		*p = '/';
	}
	return keyfile_make(dir, e);
}

static int keyfile_sync_directory(const char *path, struct error *e)
{
	char dir[KEYFILE_PATH_MAX];
	int fd, rc;

	if (keyfile_directory(dir, path, e))
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES ? 0 : keyfile_errno(e, dir, "sync");
	rc = fsync(fd);
	if (rc && (errno == EINVAL || errno == ENOTSUP)) /* not every file system can */
		rc = 0;
	if (rc)
		keyfile_errno(e, dir, "sync");
	close(fd);
	return rc;
}

static int keyfile_put(int fd, const struct keyfile_new *f, struct error *e)
{
	mode_t mask = 0;

	if (f->mode & 077) {
		mask = umask(0);
		umask(mask);
	}
	if (fchmod(fd, f->mode & ~mask))
		return keyfile_errno(e, f->path, "set the permissions");
	for (size_t done = 0; done < f->len;) {
		ssize_t n = write(fd, f->text + done, f->len - done);

		if (n < 0 && errno != EINTR)
			return keyfile_errno(e, f->path, "write");
		if (n > 0)
			done += (size_t)n;
	}
	if (fsync(fd))
		return keyfile_errno(e, f->path, "write");
	return 0;
}

static int keyfile_read_back(const struct keyfile_new *f, const char *made, struct error *e)
{
	char *buf = secret_alloc(f->len + 1);
	size_t len = 0;
	int fd, rc = -1;

	if (!buf)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", f->path);
	fd = open(made, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		keyfile_errno(e, f->path, "read back");
		goto out;
	}
	if (keyfile_slurp(fd, f->path, buf, f->len + 1, &len, e))
		goto out;
	if (len != f->len || !secret_equal(buf, f->text, len)) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: the disk gave back something else", f->path);
		goto out;
	}
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	secret_free(buf);
	return rc;
}

static int keyfile_exists(const char *path, struct error *e)
{
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: exists already and is left as it is (--force replaces it)", path);
}

/* Where to create a file: a new name beside its own, which it gets when it is whole. */
static int keyfile_name(char out[KEYFILE_PATH_MAX], const char *path, bool force, struct error *e)
{
	struct stat st;
	int n;

	if (lstat(path, &st) == 0 && !force)
		return keyfile_exists(path, e);
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return error_set(e, ERROR_IO, BLAME_LOCAL,
		    "%s: not a regular file, so it will not be replaced", path);
	n = snprintf(out, KEYFILE_PATH_MAX, "%s.new-%08x", path, (unsigned)randombytes_random());
	if (n >= 0 && n < KEYFILE_PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return keyfile_errno(e, path, "create");
}

static int keyfile_stage(struct staged *s, const struct keyfile_new *f, bool force, struct error *e)
{
	char name[KEYFILE_PATH_MAX];
	int fd;

	if (keyfile_name(name, f->path, force, e))
		return -1;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return keyfile_errno(e, f->path, "create");
	memcpy(s->made, name, sizeof(s->made));
	if (keyfile_put(fd, f, e)) {
		close(fd);
		return -1;
	}
	if (close(fd))
		return keyfile_errno(e, f->path, "write");
	return keyfile_read_back(f, name, e);
}

/* ${made} gets the name ${path}, if nothing has it. 0 or -1 with errno. */
static int keyfile_first(const char *made, const char *path)
{
	int fd;

#ifdef RENAME_NOREPLACE
	if (renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
#endif
	if (link(made, path) == 0)
		return unlink(made);
	if (errno == EEXIST)
		return -1;
	/* A file system that knows neither: for a moment there is an empty file. */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	close(fd);
	return rename(made, path);
}

static int keyfile_commit(struct staged *s, const struct keyfile_new *f, bool force, struct error *e)
{
	if (force) {
		if (rename(s->made, f->path))
			return keyfile_errno(e, f->path, "replace");
		s->made[0] = '\0';
	} else {
		if (keyfile_first(s->made, f->path))
			return errno == EEXIST ? keyfile_exists(f->path, e) : keyfile_errno(e, f->path, "create");
		snprintf(s->made, sizeof(s->made), "%s", f->path);
	}
	return keyfile_sync_directory(f->path, e);
}

/* Two that replace the same pair of files at once must not leave one half of each. The descriptor holds the lock;
 * without one (-1: a directory that may not be read, a file system without locks) there is none. */
static int keyfile_lock(const char *path)
{
	const struct timespec pause = {0, 20 * 1000 * 1000};
	struct error ignored = {.code = ERROR_OK};
	char dir[KEYFILE_PATH_MAX];
	int fd = -1;

	if (keyfile_directory(dir, path, &ignored) == 0)
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) && (errno == EWOULDBLOCK || errno == EINTR); i++)
		nanosleep(&pause, NULL);
	return fd;
}

static int keyfile_commit_all(struct staged *s, const struct keyfile_new *files, size_t count, bool force, struct error *e)
{
	int lock = force && count > 1 ? keyfile_lock(files[0].path) : -1, rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = keyfile_commit(&s[i], &files[i], force, e);
	if (lock >= 0)
		close(lock);
	return rc;
}

int keyfile_write(const struct keyfile_new *files, size_t count, bool force, struct error *e)
{
	struct staged staged[FILES_MAX];

	memset(staged, 0, sizeof(staged));
	if (count > FILES_MAX)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "too many files at once");
	for (size_t i = 0; i < count; i++)
		if (keyfile_mkdir(files[i].path, e) || keyfile_stage(&staged[i], &files[i], force, e))
			goto undo;
	if (keyfile_commit_all(staged, files, count, force, e))
		goto undo;
	return 0;
undo:
	for (size_t i = 0; i < count; i++)
		if (staged[i].made[0])
			unlink(staged[i].made);
	return -1;
}
