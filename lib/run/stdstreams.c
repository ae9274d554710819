#include "stdstreams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outfile.h"

#define PIPE_SIZE (1024 * 1024)

/* How a descriptor that we did not open is kept from blocking us. */
enum way {
	WAY_PLAIN,   /* never blocks for long: regular files, /dev/null */
	WAY_OWN,     /* our own open file description, O_NONBLOCK */
	WAY_SOCKET,  /* a socket: MSG_DONTWAIT */
	WAY_FLAGGED, /* O_NONBLOCK was set on the shared description, to be restored */
};

struct stdstreams {
	struct endpoint ep;
	enum way in_way, out_way;
	int in_flags, out_flags; /* to restore with WAY_FLAGGED */
	bool shared;		 /* both flags are one: the input still needs it when the output is done */
	int null; /* takes the place of an output that is done; open early, for a sandbox may come */
	struct outfile file;
	bool to_file;
};

/*
 * O_NONBLOCK belongs to the open file description, which other processes share: the shell's
 * terminal, the far end of a "2>&1". So a pipe or a terminal is opened once more, for us alone;
 * only where that is not possible is the shared flag set, and put back at the end.
 */
static enum way tame(int fd, int access, int *flags)
{
	char self[64];
	struct stat st;
	int own;

	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode))
		return WAY_PLAIN;
	if (S_ISSOCK(st.st_mode))
		return WAY_SOCKET;
	if (S_ISCHR(st.st_mode) && !isatty(fd))
		return WAY_PLAIN;
	/* One opened for both may be the only reader that its pipe has. */
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR)
		access = O_RDWR;
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	own = open(self, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0) {
		dup3(own, fd, O_CLOEXEC);
		close(own);
		if (S_ISFIFO(st.st_mode))
			(void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE); /* a wish: fewer, larger reads */
		return WAY_OWN;
	}
	*flags = fcntl(fd, F_GETFL);
	if (*flags >= 0)
		(void)fcntl(fd, F_SETFL, *flags | O_NONBLOCK);
	return WAY_FLAGGED;
}

/* Where messages stay apart, an empty one passes for the end, and a long one is cut off. */
static int check_stream(int fd, const char *name, struct error *e)
{
	int type;
	socklen_t len = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type == SOCK_STREAM)
		return 0;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: a socket that keeps messages apart cannot be used as a stream", name);
}

/*
 * Behind a TCP socket a reset says that this is no end, also when we are killed; a pipe, or a Unix socket, has no
 * such word.
 */
static void arm(int fd, bool reset)
{
	struct linger linger = {.l_onoff = reset};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static ssize_t stdstreams_read(struct endpoint *ep, const struct iovec *iov, int n)
{
	struct stdstreams *s = (struct stdstreams *)ep;
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
	ssize_t got;
	pid_t front;

	do
		got = s->in_way == WAY_SOCKET ? recvmsg(ep->in_fd, &m, MSG_DONTWAIT) : readv(ep->in_fd, iov, n);
	while (got < 0 && errno == EINTR);
	if (!ep->interactive)
		return got;
	/* A terminal that is not ours any more: wait until it is again. */
	if (got < 0 && errno == EIO && (front = tcgetpgrp(ep->in_fd)) >= 0 && front != getpgrp())
		errno = EAGAIN;
	/* One that has hung up also reads as an end, but nobody typed it. */
	if (got == 0 && !isatty(ep->in_fd)) {
		errno = EIO;
		return -1;
	}
	return got;
}

static ssize_t stdstreams_write(struct endpoint *ep, const struct iovec *iov, int n)
{
	struct stdstreams *s = (struct stdstreams *)ep;
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
	ssize_t put;

	do
		put = s->out_way == WAY_SOCKET ? sendmsg(ep->out_fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL)
					       : writev(ep->out_fd, iov, n);
	while (put < 0 && errno == EINTR);
	if (s->to_file && put > 0)
		outfile_written(&s->file, (size_t)put);
	return put;
}

static void restore(enum way way, int fd, int flags)
{
	if (way == WAY_FLAGGED && flags >= 0)
		(void)fcntl(fd, F_SETFL, flags);
}

/* The reader behind us sees the end only now, after all was written. */
static int close_output(struct stdstreams *s)
{
	int fd = s->ep.out_fd, copy;

	if (fd < 0)
		return 0;
	if (!s->shared)
		restore(s->out_way, fd, s->out_flags);
	s->ep.out_fd = -1;
	if (s->to_file)
		return 0;
	/* A socket may be our input, too: closing one of its descriptors would not end it. */
	if (s->out_way == WAY_SOCKET) {
		arm(fd, false);
		(void)shutdown(fd, SHUT_WR);
	}
	/* The number stays taken; what the close of the real thing says is what counts. */
	if (s->null < 0)
		return close(fd);
	copy = dup(fd);
	dup3(s->null, fd, O_CLOEXEC);
	return copy < 0 ? -1 : close(copy);
}

static int stdstreams_end(struct endpoint *ep, struct error *e)
{
	struct stdstreams *s = (struct stdstreams *)ep;

	if (s->to_file) {
		s->ep.out_fd = -1;
		return outfile_commit(&s->file, e);
	}
	if (close_output(s) < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", ep->out_name, strerror(errno));
	return 0;
}

static void stdstreams_abort(struct endpoint *ep)
{
	struct stdstreams *s = (struct stdstreams *)ep;

	if (s->to_file)
		outfile_discard(&s->file);
	else if (s->out_way != WAY_SOCKET) /* which is armed, and may still be our input */
		close_output(s);
	s->ep.out_fd = -1;
}

/* A background job that reads its terminal would be stopped, or take what is typed to the shell. */
static bool stdstreams_may_read(struct endpoint *ep)
{
	pid_t front;

	if (!ep->interactive)
		return true;
	front = tcgetpgrp(ep->in_fd);
	return front < 0 || front == getpgrp();
}

static const struct endpoint_ops stdstreams_ops = {
    .read = stdstreams_read,
    .write = stdstreams_write,
    .end = stdstreams_end,
    .abort = stdstreams_abort,
    .may_read = stdstreams_may_read,
};

/* ${before}: the flags of standard input before the output's were touched. */
static int open_input(struct stdstreams *s, int before, struct error *e)
{
	struct stat st;
	off_t at;

	if (check_stream(0, s->ep.in_name, e) < 0)
		return -1;
	s->ep.in_fd = 0;
	s->ep.interactive = isatty(0) == 1;
	s->in_way = tame(0, O_RDONLY, &s->in_flags);
	if (s->in_way == WAY_FLAGGED && s->out_way == WAY_FLAGGED && before >= 0 &&
	    ((before ^ s->in_flags) & O_NONBLOCK)) {
		s->shared = true;
		s->in_flags = before;
	}
	if (fstat(0, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	at = lseek(0, 0, SEEK_CUR);
	if (at >= 0 && st.st_size > at)
		s->ep.in_size = st.st_size - at;
	(void)posix_fadvise(0, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

static int open_output(struct stdstreams *s, const char *file, bool no_output, struct error *e)
{
	if (no_output)
		return 0;
	if (!file) {
		if (check_stream(1, s->ep.out_name, e) < 0)
			return -1;
		s->ep.out_fd = 1;
		s->out_way = tame(1, O_WRONLY, &s->out_flags);
		if (s->out_way == WAY_SOCKET)
			arm(1, true);
		s->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		return 0;
	}
	if (outfile_open(&s->file, file, e) < 0)
		return -1;
	s->to_file = true;
	s->ep.out_fd = s->file.fd;
	s->ep.out_name = file;
	return 0;
}

struct endpoint *stdstreams_open(const char *file, bool no_input, bool no_output, struct error *e)
{
	static struct stdstreams only; /* there is one standard input */
	struct stdstreams *s = &only;
	int before = fcntl(0, F_GETFL);

	memset(s, 0, sizeof *s);
	s->ep = (struct endpoint){.ops = &stdstreams_ops,
	    .in_fd = -1,
	    .out_fd = -1,
	    .in_size = -1,
	    .in_name = "standard input",
	    .out_name = "standard output"};
	s->null = s->file.fd = s->file.dir_fd = -1;
	if (open_output(s, file, no_output, e) < 0)
		return NULL;
	/* A closed standard input was opened for writing only, so that it takes no socket's number. */
	if (!no_input && (before & O_ACCMODE) != O_WRONLY && open_input(s, before, e) < 0) {
		stdstreams_close(&s->ep);
		return NULL;
	}
	return &s->ep;
}

const char *stdstreams_directory(const struct endpoint *ep)
{
	const struct stdstreams *s = (const struct stdstreams *)ep;

	return s->to_file ? s->file.dir : NULL;
}

void stdstreams_close(struct endpoint *ep)
{
	struct stdstreams *s = (struct stdstreams *)ep;

	if (!ep)
		return;
	if (s->to_file)
		outfile_discard(&s->file);
	else if (ep->out_fd >= 0 && !s->shared)
		restore(s->out_way, ep->out_fd, s->out_flags);
	if (ep->in_fd >= 0)
		restore(s->in_way, ep->in_fd, s->in_flags);
	if (s->null >= 0)
		close(s->null);
	ep->in_fd = ep->out_fd = s->null = -1;
}
