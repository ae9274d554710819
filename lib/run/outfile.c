#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/secret.h"

#define DISK_STEP (8 * 1024 * 1024)

static int fail(const struct outfile *f, const char *what, struct error *e)
{
	return error_set(e, ERROR_IO, BLAME_LOCAL, "-o %s: %s: %s", f->path, what, strerror(errno));
}

/* Where the file will really stand: behind a symbolic link, in which directory. */
static int locate(struct outfile *f, const char *path, struct error *e)
{
	char copy[PATH_MAX];
	struct stat st;
	size_t len = strlen(path);
	const char *slash = strrchr(path, '/');

	/* What cannot be a file's name must not be found out when all has been received. */
	if (len >= sizeof f->path || strlen(slash ? slash + 1 : path) > NAME_MAX)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "-o: the name is too long");
	if (slash && slash[1] == '\0')
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "-o %s: this names a directory", path);
	snprintf(f->path, sizeof f->path, "%s", path);
	f->mode = 0666;
	if (stat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return error_set(e, ERROR_USAGE, BLAME_LOCAL,
			    "-o %s: not a regular file (use '>' for what is not to be replaced as a whole)", path);
		f->replaces = true;
		f->mode = st.st_mode & 0777;
		f->owner = st.st_uid;
		f->group = st.st_gid;
		if (!realpath(path, copy))
			return fail(f, "cannot resolve", e);
		snprintf(f->path, sizeof f->path, "%s", copy);
	} else if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		/* To take its place is not what was asked for, and where it leads may not be for us to make. */
		return error_set(e, ERROR_IO, BLAME_LOCAL, "-o %s: a symbolic link that leads to no file", path);
	snprintf(copy, sizeof copy, "%s", f->path);
	snprintf(f->dir, sizeof f->dir, "%s", dirname(copy));
	return 0;
}

static int temporary_name(struct outfile *f)
{
	char copy[PATH_MAX];
	uint8_t random[8];
	int n;

	snprintf(copy, sizeof copy, "%s", f->path);
	secret_rng.fill(secret_rng.ctx, random, sizeof random);
	n = snprintf(f->temporary, sizeof f->temporary, "%s/.%.200s.%02x%02x%02x%02x%02x%02x", f->dir, basename(copy),
	    random[0], random[1], random[2], random[3], random[4], random[5]);
	if (n < 0 || (size_t)n >= sizeof f->temporary) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/*
 * Who could not read the old content cannot read the new one, and the other way round. Where the old group
 * cannot be had, ours gets what everybody has.
 */
static int keep_access(struct outfile *f, struct error *e)
{
	mode_t mode = f->mode;

	if (!f->replaces)
		return 0;
	if (fchown(f->fd, f->owner, f->group) < 0 && fchown(f->fd, (uid_t)-1, f->group) < 0)
		mode = (mode & 0707) | (mode & 07) << 3;
	if (fchmod(f->fd, mode) == 0)
		return 0;
	fail(f, "cannot give it the permissions of the old one", e);
	outfile_discard(f);
	return -1;
}

int outfile_open(struct outfile *f, const char *path, struct error *e)
{
	memset(f, 0, sizeof *f);
	f->fd = f->dir_fd = -1;
	if (locate(f, path, e) < 0)
		return -1;
	f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->fd = open(f->dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, f->mode);
	if (f->fd >= 0)
		return keep_access(f, e);
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
		goto failed;
	if (temporary_name(f) < 0)
		goto failed;
	f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, f->mode);
	if (f->fd >= 0)
		return keep_access(f, e);
	f->temporary[0] = '\0';
failed:
	fail(f, "cannot create", e);
	outfile_discard(f);
	return -1;
}

/* A file without a name gets one; replacing another needs a name to rename from. */
static int give_name(struct outfile *f)
{
	char self[64];

	if (f->temporary[0] != '\0')
		return rename(f->temporary, f->path);
	snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, f->path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST || temporary_name(f) < 0)
		return -1;
	if (linkat(AT_FDCWD, self, AT_FDCWD, f->temporary, AT_SYMLINK_FOLLOW) < 0) {
		f->temporary[0] = '\0';
		return -1;
	}
	return rename(f->temporary, f->path);
}

void outfile_written(struct outfile *f, size_t n)
{
	f->written += (off_t)n;
#ifdef SYNC_FILE_RANGE_WRITE
	if (f->written - f->begun < DISK_STEP)
		return;
	/* Wait for what was begun before this, then begin this. (Errors are for fsync to tell.) */
	if (f->begun > 0)
		(void)sync_file_range(f->fd, 0, f->begun,
		    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	(void)sync_file_range(f->fd, f->begun, f->written - f->begun, SYNC_FILE_RANGE_WRITE);
	f->begun = f->written;
#endif
}

int outfile_commit(struct outfile *f, struct error *e)
{
	int rc = 0;

	if (fsync(f->fd) < 0 && errno != EINVAL && errno != EROFS)
		rc = fail(f, "cannot write to the disk", e);
	if (rc == 0 && give_name(f) < 0)
		rc = fail(f, "cannot put the file in its place", e);
	if (rc == 0)
		f->temporary[0] = '\0';
	close(f->fd); /* (what it could tell, fsync has told) */
	f->fd = -1;
	if (rc == 0 && f->dir_fd >= 0)
		(void)fsync(f->dir_fd); /* not every file system can */
	outfile_discard(f);
	return rc;
}

void outfile_discard(struct outfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->dir_fd >= 0)
		close(f->dir_fd);
	f->fd = f->dir_fd = -1;
	if (f->temporary[0] != '\0')
		(void)unlink(f->temporary);
	f->temporary[0] = '\0';
}
