#include "plain.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void set_reset(int fd, bool on)
{
	struct linger reset = {.l_onoff = on};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

static ssize_t plain_read(struct endpoint *ep, const struct iovec *iov, int n)
{
	struct plain *p = (struct plain *)ep;
	ssize_t got;

	do
		got = readv(p->fd, iov, n);
	while (got < 0 && errno == EINTR);
	/* A lost connection is told once, perhaps to a write; behind that it looks like an end. */
	if (got == 0 && p->lost != 0) {
		errno = p->lost;
		return -1;
	}
	if (got == 0)
		p->ended = true;
	return got;
}

static size_t length(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/*
 * Who takes no more may have said why, and that is worth more than what it would not take: so this goes
 * nowhere until all that it said is read. Then its end (or the loss of the connection, or end() below) ends
 * the session.
 */
static ssize_t plain_write(struct endpoint *ep, const struct iovec *iov, int n)
{
	struct plain *p = (struct plain *)ep;
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
	ssize_t put = -1;

	if (!p->deaf) {
		do
			put = sendmsg(p->fd, &m, MSG_NOSIGNAL);
		while (put < 0 && errno == EINTR);
		if (put >= 0 || errno == EAGAIN || errno == EWOULDBLOCK)
			return put;
		p->deaf = true;
		/* EPIPE follows an end that was told as such. */
		if (errno != EPIPE)
			p->lost = errno;
	}
	if (!p->ended)
		return (ssize_t)length(iov, n);
	errno = ECONNRESET;
	return -1;
}

static int plain_end(struct endpoint *ep, struct error *e)
{
	struct plain *p = (struct plain *)ep;

	if (p->deaf)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", ep->out_name, strerror(ECONNRESET));
	if (shutdown(p->fd, SHUT_WR) < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", ep->out_name, strerror(errno));
	return 0;
}

/* The watchers of the descriptor are not ours to stop, so it is closed in plain_close(). */
static void plain_abort(struct endpoint *ep)
{
	((struct plain *)ep)->cut = true;
}

static const struct endpoint_ops plain_ops = {
    .read = plain_read,
    .write = plain_write,
    .end = plain_end,
    .abort = plain_abort,
};

void plain_open(struct plain *p, int fd, const char *name)
{
	*p = (struct plain){.ep = {.ops = &plain_ops, .in_fd = fd, .out_fd = fd, .in_size = -1, .in_name = name, .out_name = name},
	    .fd = fd};
	set_reset(fd, true);
}

void plain_close(struct plain *p, bool clean)
{
	if (p->fd < 0)
		return;
	if (clean && !p->cut)
		set_reset(p->fd, false);
	close(p->fd);
	p->fd = p->ep.in_fd = p->ep.out_fd = -1;
}

void plain_refuse(int fd)
{
	set_reset(fd, true);
	close(fd);
}
