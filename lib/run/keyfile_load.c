/* keyfile, the part that brings a file into memory. */
#include "keyfile_load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "log.h"

#define AWAIT_MS 1000
#define GROWTH 1024

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

void keyfile_unload(struct keyfile_content *c)
{
	secret_free(c);
}

/* Nothing to read in a FIFO to which nobody has written yet, however long: then it is said whom this waits for. */
static void keyfile_await(int fd, const char *path)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int rc, ms = AWAIT_MS;

	while ((rc = poll(&pfd, 1, ms)) == 0 || (rc < 0 && errno == EINTR)) {
		if (rc == 0)
			log_warn("waiting for somebody to write to %s", path);
		ms = rc == 0 ? -1 : ms;
	}
}

/* Guarded memory is locked, page by page: of a file of a line no more than that, and what an editor may add just now. */
static size_t keyfile_room(const struct stat *st)
{
	bool known = S_ISREG(st->st_mode) && st->st_size > 0 && st->st_size <= KEYFILE_MAX - GROWTH;

	/* (Guarded memory ends where a page does: it is aligned if its size is.) */
	return known ? ((size_t)st->st_size + GROWTH) & ~(size_t)7 : KEYFILE_MAX;
}

static struct keyfile_content *keyfile_content(int fd, const char *path, const struct stat *st, size_t room,
    struct error *e)
{
	struct keyfile_content *c = secret_alloc(sizeof(*c) + room);

	if (!c) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: out of memory", path);
		return NULL;
	}
	c->st = *st;
	if (keyfile_slurp(fd, path, c->text, room, &c->len, e) == 0)
		return c;
	keyfile_unload(c);
	return NULL;
}

struct keyfile_content *keyfile_load(const char *path, struct error *e)
{
	/* (A FIFO would keep us in open() until it has a writer.) */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct keyfile_content *c = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (S_ISFIFO(st.st_mode))
		keyfile_await(fd, path);
	c = keyfile_content(fd, path, &st, keyfile_room(&st), e);
	/* It may have grown, or its size is not told. */
	if (!c && keyfile_room(&st) < KEYFILE_MAX && lseek(fd, 0, SEEK_SET) == 0) {
		memset(e, 0, sizeof(*e));
		c = keyfile_content(fd, path, &st, KEYFILE_MAX, e);
	}
out:
	if (fd >= 0)
		close(fd);
	return c;
}

/* The service manager gives a credential that belongs to root by an access list, of which the group's
 * bits show the mask. */
static bool keyfile_from_manager(const struct stat *st, const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t n = dir ? strlen(dir) : 0;

	return n > 1 && dir[0] == '/' && strncmp(path, dir, n) == 0 && path[n] == '/' && !strstr(path + n, "/../") &&
	    st->st_uid == 0;
}

int keyfile_safe(const struct stat *st, const char *path, struct error *e)
{
	if (!S_ISREG(st->st_mode))
		return 0;
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL,
		    "%s: this secret belongs to user id %lu, who is neither you nor root", path,
		    (unsigned long)st->st_uid);
	if (st->st_mode & (keyfile_from_manager(st, path) ? 037 : 077))
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL,
		    "%s: permissions %04o open this secret to others; type: chmod 600 %s", path,
		    (unsigned)(st->st_mode & 07777), path);
	return 0;
}
